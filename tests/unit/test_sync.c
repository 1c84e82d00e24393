/* Catching up over real chains on a tiny wire: from genesis, from records below the checkpoint,
 * past stalling and lying peers. */
#include <criterion/criterion.h>

#include "tests/support/peers.h"

/* Makes block times short so that long chains are cheap. */
static struct peers *network(uint32_t count, uint32_t accounts, uint64_t seed)
{
    struct peers *peers = peers_new(count, accounts, count - 1, seed);
    return peers;
}

static bool same_tip(const struct peers *peers, uint32_t a, uint32_t b)
{
    return memcmp(peers_tip(peers, a)->id, peers_tip(peers, b)->id, 32) == 0;
}

Test(sync, a_joiner_catches_up_from_genesis)
{
    struct peers *peers = network(5, 4, 1);
    for (uint32_t i = 0; i < 4; i++) {
        peers_start(peers, i);
    }
    for (uint32_t i = 0; i < 30; i++) {
        cr_assert_eq(peers_transfer(peers, i % 4), ERR_OK);
        peers_run(peers, 100);
    }
    uint64_t height = peers_tip(peers, 0)->height;
    cr_assert_gt(height, 120);
    peers_start(peers, 4);
    peers_run(peers, 8);
    cr_log_info("height %lu: joiner at %lu, traces %lu %lu", height, peers_tip(peers, 4)->height,
                peers->wire->traces[TRACE_sync_started], peers->wire->traces[TRACE_sync_finished]);
    cr_assert_geq(peers_tip(peers, 4)->height, height);
    cr_assert(!sync_busy(peers->node[4].sync));
    peers_run(peers, 60);
    cr_assert(same_tip(peers, 4, 0));
    cr_assert_geq(peers->wire->traces[TRACE_sync_started], 1);
    cr_assert_eq(peers->wire->traces[TRACE_peer_misbehaved], 0);
    cr_assert_eq(peers_end(peers), 0);
}

/* The tree keeps 360 blocks when finality is off: the first ones come from records. */
Test(sync, old_blocks_come_from_records)
{
    struct peers *peers = network(4, 3, 2);
    for (uint32_t i = 0; i < 3; i++) {
        peers_start(peers, i);
    }
    peers_run(peers, 15 * 1100);
    const struct chain *chain = peers->node[0].chain;
    uint64_t height = peers_tip(peers, 0)->height;
    cr_assert_gt(chain_entry(chain, chain_final(chain))->height, 500);
    peers_start(peers, 3);
    peers_run(peers, 60);
    cr_log_info("height %lu, base %lu: joiner at %lu", height,
                chain_entry(chain, chain_final(chain))->height, peers_tip(peers, 3)->height);
    cr_assert_geq(peers_tip(peers, 3)->height, height);
    peers_run(peers, 60);
    cr_assert(same_tip(peers, 3, 0));
    cr_assert_eq(peers->wire->traces[TRACE_peer_misbehaved], 0);
    cr_assert_eq(peers_end(peers), 0);
}

Test(sync, two_halves_of_a_network_become_one)
{
    struct peers *peers = network(6, 6, 3);
    peers_start_all(peers);
    peers_run(peers, 30);
    for (uint32_t i = 0; i < 3; i++) { /* the halves do not hear each other */
        for (uint32_t k = 3; k < 6; k++) {
            wire_block(peers->wire, i, k, true);
        }
    }
    peers_run(peers, 15 * 40);
    cr_assert(!same_tip(peers, 0, 5));
    for (uint32_t i = 0; i < 3; i++) {
        for (uint32_t k = 3; k < 6; k++) {
            wire_block(peers->wire, i, k, false);
        }
    }
    peers_run(peers, 15 * 60);
    for (uint32_t i = 1; i < 6; i++) {
        cr_assert(same_tip(peers, 0, i), "node %u", i);
    }
    cr_assert_eq(peers->wire->traces[TRACE_peer_misbehaved], 0);
    cr_assert_eq(peers_end(peers), 0);
}
