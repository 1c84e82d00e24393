/* One chain and a few together, on the real store, records and rules: production, fork choice,
 * orphans, deferral, refusal. Finality and crashes: test_chain_records.c. */
#include <criterion/criterion.h>
#include <stdlib.h>

#include "node/chain/chain.h"
#include "node/crypto/hash.h"
#include "node/crypto/vrf.h"
#include "tests/support/chain_net.h"

static struct chain_net net;

static struct params small_params(void)
{
    struct params params;
    params_defaults(&params);
    params.target_ms = 1000;
    params.epoch_blocks = 8;
    params.lookback_blocks = 16;
    return params;
}

/* The block ids of a chain are what its headers say, and so are its times. */
static void chain_check(const struct net_peer *peer, uint64_t least_height)
{
    uint32_t i = chain_tip(peer->chain);
    cr_assert_geq(chain_entry(peer->chain, i)->height, least_height);
    while (chain_entry(peer->chain, i)->parent != TREE_NONE) {
        const struct tree_entry *e = chain_entry(peer->chain, i);
        const struct tree_entry *above = chain_entry(peer->chain, e->parent);
        struct header header;
        uint8_t id[32];
        cr_assert_eq(header_decode(&header, span_of(e->block->data, HEADER_BYTES)), ERR_OK);
        header_id(id, e->block->data);
        cr_assert_arr_eq(id, e->id, 32);
        cr_assert_arr_eq(header.parent, above->id, 32);
        cr_assert_eq(header.ts_ms, e->ts_ms);
        cr_assert_gt(e->ts_ms, above->ts_ms);
        cr_assert_eq(e->height, above->height + 1);
        cr_assert_arr_eq(header.state_root, e->state_root, 32);
        cr_assert(e->score > above->score);
        i = e->parent;
    }
}

Test(chain, grows_by_its_own_clock)
{
    struct params params = small_params();
    net_make(&net, 1, &params, TEST_MEMO_ON);
    net_run(&net, 1, 100);
    chain_check(&net.peer[0], 100);
    cr_assert_eq(net.peer[0].traced[TRACE_block_produced], 100);
    cr_assert_eq(net.peer[0].traced[TRACE_tip_changed], 100);
    /* One signer, exponential gaps of mean T: the sum of 100 has a deviation of a tenth. */
    uint64_t span_ms = net_tip(&net.peer[0])->ts_ms - net.genesis.ts_ms;
    cr_assert(span_ms > 50000 && span_ms < 200000, "%lu ms", (unsigned long)span_ms);
    cr_assert_eq(net_end(&net), 0);
}

Test(chain, grows_in_every_mode)
{
    for (unsigned mode = 0; mode < 6; mode++) {
        struct params params = small_params();
        params.vrf = mode != 1;
        params.shape = mode == 2 ? 2 : 1;
        params.hit = mode == 3;
        if (mode == 4) {
            params.production = PRODUCTION_SIRIUS2018;
            params.retarget = RETARGET_SIRIUS2018;
            params.target_ms = 15000;
        }
        if (mode == 5) {
            params.retarget = RETARGET_NXT;
            params.target_ms = 60000;
        }
        net_make(&net, 3, &params, TEST_MEMO_ON);
        net_run(&net, 7, 40);
        for (unsigned i = 0; i < 3; i++) {
            chain_check(&net.peer[i], 40);
            cr_assert_eq(net.peer[i].traced[TRACE_block_rejected], 0, "mode %u", mode);
        }
        cr_assert_arr_eq(net_tip(&net.peer[0])->id, net_tip(&net.peer[1])->id, 32);
        cr_assert_eq(net_end(&net), 0);
    }
}

Test(chain, memo_changes_nothing)
{
    uint8_t digest[2][32];
    for (int memo = 0; memo < 2; memo++) {
        struct params params = small_params();
        net_make(&net, 3, &params, memo == 0 ? TEST_MEMO_ON : TEST_MEMO_OFF);
        net_run(&net, 7, 25);
        chain_digest(net.peer[1].chain, digest[memo]);
        cr_assert_eq(net_end(&net), 0);
    }
    cr_assert_arr_eq(digest[0], digest[1], 32);
}

static void pool_tx(struct net_peer *peer, const struct blob *tx, enum err expected)
{
    uint8_t id[32];
    enum err err = chain_tx_add(peer->chain, net_begin(&net, peer), id, tx);
    cr_assert_eq(err, expected, "%s", err_text(err));
    net_finish(&net, peer);
}

static struct account account_at_tip(const struct net_peer *peer, unsigned of)
{
    struct account account;
    uint8_t key[32];
    net_account_key(key, &net.peer[of]);
    cr_assert_eq(state_account(&account, net.host.shared, net_tip(peer)->state_root, key), ERR_OK);
    return account;
}

Test(chain, forks_reorganise_there_and_back)
{
    struct params params = small_params();
    const struct blob *a[64], *b[64];
    struct net_peer *observer = &net.peer[2];
    net_make(&net, 3, &params, TEST_MEMO_ON);

    /* A transfer that only the branch of peer 0 carries. */
    const struct blob *tx = net_transfer(&net, 0, 1, 0, 1000, 5000, 1000);
    pool_tx(&net.peer[0], tx, ERR_OK);
    net_run(&net, 1, 12);
    uint64_t mono_ns = net.mono_ns;
    net_run(&net, 2, 10);
    net.mono_ns = mono_ns > net.mono_ns ? mono_ns : net.mono_ns;
    size_t a_count = net_blocks(&net, &net.peer[0], a);
    size_t b_count = net_blocks(&net, &net.peer[1], b);
    cr_assert_eq(account_at_tip(&net.peer[0], 0).nonce, 1);

    /* Each branch in slices, always behind, then ahead of the other: the tip follows the score. */
    size_t ai = 0, bi = 0;
    unsigned moves = 0;
    for (unsigned slice = 0; ai < a_count || bi < b_count; slice++) {
        const struct blob **from = slice % 2 == 0 ? a : b;
        size_t *at = slice % 2 == 0 ? &ai : &bi;
        size_t end = slice % 2 == 0 ? a_count : b_count;
        for (unsigned n = 0; n < slice + 1 && *at < end; n++) {
            struct chain_news news = {0};
            uint64_t before = observer->traced[TRACE_tip_changed];
            cr_assert_eq(net_block(&net, observer, from[(*at)++], &news), ERR_OK);
            cr_assert_eq(news.tip_changed, observer->traced[TRACE_tip_changed] > before);
            moves += news.tip_changed && observer->last[TRACE_tip_changed][2] > 0;
            /* The state is that of the tip, whichever way led there. */
            bool on_a = false;
            for (size_t k = 0; k < a_count; k++) {
                on_a = on_a || a[k] == net_tip(observer)->block;
            }
            cr_assert_eq(account_at_tip(observer, 0).nonce, on_a ? 1 : 0);
        }
    }
    cr_assert_geq(moves, 2, "the observer went back and forth %u times", moves);
    uint32_t best = net_tip(&net.peer[0])->score >= net_tip(&net.peer[1])->score ? 0 : 1;
    cr_assert_arr_eq(net_tip(observer)->id, net_tip(&net.peer[best])->id, 32);
    net_blocks_drop(&net, a, a_count);
    net_blocks_drop(&net, b, b_count);
    blob_drop(net.host.shared, tx);
    cr_assert_eq(net_end(&net), 0);
}

Test(chain, transactions_return_from_a_lost_branch)
{
    struct params params = small_params();
    const struct blob *b[64];
    uint8_t id[32];
    struct net_peer *peer = &net.peer[0];
    net_make(&net, 2, &params, TEST_MEMO_ON);
    const struct blob *tx = net_transfer(&net, 0, 1, 0, 1000, 5000, 1000);
    pool_tx(peer, tx, ERR_OK);
    hash256(id, tx->data, tx->len);
    chain_tx_track(peer->chain, id);
    pool_tx(peer, tx, ERR_DUPLICATE);
    net_run(&net, 1, 3);
    cr_assert_null(chain_tx_get(peer->chain, id));
    cr_assert_eq(peer->traced[TRACE_tx_included], 1);

    net_run(&net, 2, 8);
    size_t count = net_blocks(&net, &net.peer[1], b);
    for (size_t k = 0; k < count; k++) {
        struct chain_news news = {0};
        cr_assert_eq(net_block(&net, peer, b[k], &news), ERR_OK);
    }
    cr_assert_arr_eq(net_tip(peer)->id, net_tip(&net.peer[1])->id, 32);
    cr_assert_not_null(chain_tx_get(peer->chain, id), "it must be pooled again");
    net_run(&net, 3, 20);
    cr_assert_null(chain_tx_get(peer->chain, id));
    cr_assert_eq(peer->traced[TRACE_tx_included], 2);
    cr_assert_eq(account_at_tip(peer, 0).nonce, 1);
    net_blocks_drop(&net, b, count);
    blob_drop(net.host.shared, tx);
    cr_assert_eq(net_end(&net), 0);
}

static void permute(const struct blob **blocks, size_t count, size_t at, unsigned *orders)
{
    if (at < count) {
        for (size_t k = at; k < count; k++) {
            const struct blob *swap = blocks[at];
            blocks[at] = blocks[k];
            blocks[k] = swap;
            permute(blocks, count, at + 1, orders);
            blocks[k] = blocks[at];
            blocks[at] = swap;
        }
        return;
    }
    struct net_peer *observer = &net.peer[1];
    net_crash(&net, observer);
    net_start(&net, observer);
    for (size_t k = 0; k < count; k++) {
        struct chain_news news = {0};
        enum err err = net_block(&net, observer, blocks[k], &news);
        cr_assert(err == ERR_OK || err == ERR_UNKNOWN, "%s", err_text(err));
        cr_assert_eq(news.missing, err == ERR_UNKNOWN);
        if (news.missing) {
            cr_assert_not(chain_holds(observer->chain, news.missing_parent));
        }
    }
    cr_assert_arr_eq(net_tip(observer)->id, net_tip(&net.peer[0])->id, 32);
    (*orders)++;
}

Test(chain, orphans_in_any_order)
{
    struct params params = small_params();
    const struct blob *blocks[8];
    unsigned orders = 0;
    net_make(&net, 2, &params, TEST_MEMO_ON);
    net_run(&net, 1, 6);
    size_t count = net_blocks(&net, &net.peer[0], blocks);
    cr_assert_eq(count, 6);
    permute(blocks, count, 0, &orders);
    cr_assert_eq(orders, 720);
    net_blocks_drop(&net, blocks, count);
    cr_assert_eq(net_end(&net), 0);
}

Test(chain, many_orphans_take_several_steps)
{
    struct params params = small_params();
    const struct blob *blocks[64];
    struct net_peer *observer = &net.peer[1];
    net_make(&net, 2, &params, TEST_MEMO_ON);
    net_run(&net, 1, 60);
    size_t count = net_blocks(&net, &net.peer[0], blocks);
    for (size_t k = count; k-- > 1;) {
        struct chain_news news = {0};
        cr_assert_eq(net_block(&net, observer, blocks[k], &news), ERR_UNKNOWN);
    }
    struct chain_news news = {0};
    cr_assert_eq(net_block(&net, observer, blocks[0], &news), ERR_OK);
    cr_assert_eq(news.accepted_count, NEWS_ACCEPTED_MAX);
    unsigned steps = 1;
    while (net_tip(observer)->height < 60) {
        struct chain_news more = {0};
        cr_assert_leq(chain_deadline_ns(observer->chain), net.mono_ns,
                      "work is left: wake at once");
        net_wake(&net, observer, &more);
        cr_assert_gt(more.accepted_count, 0);
        steps++;
    }
    cr_assert_eq(steps, 4);
    net_blocks_drop(&net, blocks, count);
    cr_assert_eq(net_end(&net), 0);
}

Test(chain, a_block_from_the_future_waits)
{
    struct params params = small_params();
    const struct blob *blocks[8];
    struct net_peer *observer = &net.peer[1];
    net_make(&net, 2, &params, TEST_MEMO_ON);
    net_run(&net, 1, 1);
    size_t count = net_blocks(&net, &net.peer[0], blocks);
    uint64_t ts_ms = net_tip(&net.peer[0])->ts_ms;

    /* The observer's clock is 501 ms behind the block: 1 ms too far. */
    net.wall_skew_ms = -501;
    struct chain_news news = {0};
    cr_assert_eq(net_block(&net, observer, blocks[0], &news), ERR_EARLY);
    cr_assert_eq(net_tip(observer)->height, 0);
    cr_assert_eq(net_block(&net, observer, blocks[0], &news), ERR_DUPLICATE);
    uint64_t due = chain_deadline_ns(observer->chain);
    cr_assert_leq(due, net.mono_ns + 1000000);
    net.mono_ns = due;
    net_wake(&net, observer, &news);
    cr_assert_eq(net_tip(observer)->height, 1);
    cr_assert_eq(news.accepted_count, 1);
    cr_assert(news.tip_changed);
    cr_assert_eq(observer->traced[TRACE_block_rejected], 0);
    cr_assert_eq(net_tip(observer)->ts_ms, ts_ms);
    net_blocks_drop(&net, blocks, count);
    cr_assert_eq(net_end(&net), 0);
}

/* After a halt of a day every signer is late: nobody waits, the least delay comes first. */
Test(chain, catches_up_after_a_halt)
{
    struct params params = small_params();
    net_make(&net, 3, &params, TEST_MEMO_ON);
    net_run(&net, 7, 5);
    net.mono_ns += UINT64_C(86400000) * 1000000;
    uint64_t from_ns = net.mono_ns;
    net_run(&net, 7, 45);
    /* 40 blocks of mean 1 s at a sixteenth of it. */
    cr_assert_lt(net.mono_ns - from_ns, UINT64_C(8000000000));
    chain_check(&net.peer[0], 45);
    cr_assert_arr_eq(net_tip(&net.peer[0])->id, net_tip(&net.peer[2])->id, 32);
    cr_assert_eq(net_end(&net), 0);
}

/* --- refusal --- */

struct forgery {
    const char *name;
    size_t at;    /* byte of the header to change */
    uint8_t bits; /* by xor */
    bool sign;    /* with the right key afterwards */
    enum err err;
};

Test(chain, refuses_what_breaks_a_rule)
{
    static const struct forgery list[] = {
        {"version", 0, 2, true, ERR_INVALID},
        {"genesis", 2, 1, true, ERR_INVALID},
        {"height above", 34, 0xff, true, ERR_INVALID},
        {"ts", 42, 1, true, ERR_INVALID},
        {"signer", 82, 1, false, ERR_SIGNATURE},
        {"pi gamma", 114, 1, true, ERR_SIGNATURE},
        {"pi c", 114 + 40, 1, true, ERR_SIGNATURE},
        {"pi s", 114 + 60, 1, true, ERR_SIGNATURE},
        {"bt", 194, 1, true, ERR_INVALID},
        {"tx_root", 202, 1, true, ERR_INVALID},
        {"state_root", 234, 1, true, ERR_INVALID},
        {"sig", 270, 1, false, ERR_SIGNATURE},
        {"sig S", 333, 1, false, ERR_SIGNATURE},
    };
    struct params params = small_params();
    const struct blob *blocks[8];
    struct net_peer *observer = &net.peer[1];
    struct sign_secret secret;
    net_make(&net, 2, &params, TEST_MEMO_ON);
    sign_keypair(&secret, net.peer[0].config.account_seed);
    const struct blob *tx = net_transfer(&net, 0, 1, 0, 5, 5000, 1000);
    pool_tx(&net.peer[0], tx, ERR_OK);
    net_run(&net, 1, 1);
    size_t count = net_blocks(&net, &net.peer[0], blocks);
    uint8_t *bytes = malloc(blocks[0]->len);

    for (size_t i = 0; i < sizeof(list) / sizeof(list[0]); i++) {
        struct chain_news news = {0};
        memcpy(bytes, blocks[0]->data, blocks[0]->len);
        bytes[list[i].at] ^= list[i].bits;
        if (list[i].sign) {
            header_sign(bytes, &secret);
        }
        const struct blob *forged = blob_put(net.host.shared, bytes, blocks[0]->len);
        uint64_t traced = observer->traced[TRACE_block_rejected];
        enum err err = net_block(&net, observer, forged, &news);
        cr_assert_eq(err, list[i].err, "%s: %s", list[i].name, err_text(err));
        cr_assert_eq(observer->traced[TRACE_block_rejected], traced + (list[i].at != 0), "%s",
                     list[i].name);
        cr_assert_eq(net_tip(observer)->height, 0);
        /* The same again is refused at once. */
        cr_assert_eq(net_block(&net, observer, forged, &news), ERR_INVALID);
        blob_drop(net.host.shared, forged);
    }
    /* A body that is not the header's does not spoil the header. */
    struct chain_news news = {0};
    memcpy(bytes, blocks[0]->data, HEADER_BYTES);
    bytes[HEADER_BYTES] = 0;
    const struct blob *empty = blob_put(net.host.shared, bytes, HEADER_BYTES + 1);
    cr_assert_eq(net_block(&net, observer, empty, &news), ERR_INVALID);
    blob_drop(net.host.shared, empty);
    /* Shapes. */
    for (size_t len = 0; len < blocks[0]->len; len += 13) {
        const struct blob *cut = blob_put(net.host.shared, blocks[0]->data, len);
        cr_assert_eq(net_block(&net, observer, cut, &news), ERR_INVALID);
        blob_drop(net.host.shared, cut);
    }
    cr_assert_eq(chain_header(observer->chain, net_begin(&net, observer), blocks[0]->data), ERR_OK);
    net_finish(&net, observer);
    cr_assert_eq(net_block(&net, observer, blocks[0], &news), ERR_OK);
    cr_assert_eq(net_block(&net, observer, blocks[0], &news), ERR_DUPLICATE);
    cr_assert_eq(net_tip(observer)->height, 1);
    free(bytes);
    net_blocks_drop(&net, blocks, count);
    blob_drop(net.host.shared, tx);
    cr_assert_eq(net_end(&net), 0);
}

Test(chain, refuses_who_has_no_stake)
{
    struct params params = small_params();
    struct sign_secret stranger;
    struct vrf_secret vrf;
    uint8_t seed[32] = {123}, alpha[ALPHA_BYTES], beta[64];
    net_make(&net, 2, &params, TEST_MEMO_ON);
    sign_keypair(&stranger, seed);
    vrf_keypair(&vrf, seed);
    struct header header = {.version = 1, .height = 1, .bt = net.genesis.bt, .fee_multiplier = 2};
    memcpy(header.genesis, net.genesis.hash, 32);
    memcpy(header.parent, net.genesis.hash, 32);
    memcpy(header.signer, stranger.public_key, 32);
    production_alpha(alpha, net.genesis.gs, 1);
    cr_assert_eq(vrf_prove(header.pi, beta, &vrf, span_of(alpha, sizeof(alpha))), ERR_OK);
    header.ts_ms = net.genesis.ts_ms + 1;
    uint8_t bytes[HEADER_BYTES + 1] = {0};
    header_encode(bytes, &header);
    header_sign(bytes, &stranger);
    const struct blob *block = blob_put(net.host.shared, bytes, sizeof(bytes));
    struct chain_news news = {0};
    cr_assert_eq(net_block(&net, &net.peer[0], block, &news), ERR_INVALID);
    uint8_t id[32];
    header_id(id, bytes);
    cr_assert(chain_refused(net.peer[0].chain, id));
    blob_drop(net.host.shared, block);
    cr_assert_eq(net_end(&net), 0);
}

/* A node whose VRF key is not the registered one (it was changed too early, or by mistake) would
 * build a chain that nobody else takes, and stand on it alone. It makes no blocks. */
Test(chain, a_key_that_is_not_registered_makes_no_blocks)
{
    struct params params = small_params();
    struct net_peer *other = &net.peer[1];
    net_make(&net, 2, &params, TEST_MEMO_ON);
    net_run(&net, 3, 20);
    uint64_t before = other->traced[TRACE_block_produced];
    cr_assert_gt(before, 0);
    net_crash(&net, other);
    other->config.vrf_seed[0] ^= 1;
    net_start(&net, other);
    net_run(&net, 3, 60);
    cr_expect_eq(other->traced[TRACE_block_produced], before);
    cr_expect_arr_eq(net_tip(&net.peer[0])->id, net_tip(other)->id, 32);
    cr_assert_eq(net_end(&net), 0);
}

/* --- the pool against the state --- */

Test(chain, pool_follows_the_state)
{
    struct params params = small_params();
    struct net_peer *peer = &net.peer[0];
    uint8_t id[32], key[32];
    net_make(&net, 2, &params, TEST_MEMO_ON);
    net_account_key(key, peer);
    net_run(&net, 1, 2);

    const struct blob *first = net_transfer(&net, 0, 1, 0, 10, 5000, 100);
    const struct blob *third = net_transfer(&net, 0, 1, 2, 10, 5000, 100);
    const struct blob *second = net_transfer(&net, 0, 1, 1, 10, 5000, 100);
    pool_tx(peer, third, ERR_OK); /* a gap may close later */
    cr_assert_eq(chain_account_nonce(peer->chain, net_begin(&net, peer), key), 0);
    pool_tx(peer, first, ERR_OK);
    cr_assert_eq(chain_account_nonce(peer->chain, net_begin(&net, peer), key), 1);
    pool_tx(peer, second, ERR_OK);
    cr_assert_eq(chain_account_nonce(peer->chain, net_begin(&net, peer), key), 3);

    const struct blob *cheap = net_transfer(&net, 0, 1, 1, 11, 5499, 100);
    const struct blob *dear = net_transfer(&net, 0, 1, 1, 11, 5500, 100);
    pool_tx(peer, cheap, ERR_FEE);
    pool_tx(peer, dear, ERR_OK);
    hash256(id, second->data, second->len);
    cr_assert_null(chain_tx_get(peer->chain, id));
    cr_assert_eq(peer->traced[TRACE_tx_rejected], 1);

    const struct blob *expired = net_transfer(&net, 0, 1, 3, 10, 5000, 2);
    pool_tx(peer, expired, ERR_EXPIRED);
    net_run(&net, 1, 3);
    cr_assert_eq(account_at_tip(peer, 0).nonce, 3);
    const struct blob *old = net_transfer(&net, 0, 1, 1, 12, 6000, 100);
    pool_tx(peer, old, ERR_STALE);

    /* One that nobody includes (a gap before it) leaves at its expiry. */
    const struct blob *stuck = net_transfer(&net, 0, 1, 9, 10, 5000, 5);
    pool_tx(peer, stuck, ERR_OK);
    hash256(id, stuck->data, stuck->len);
    net_run(&net, 1, 4);
    cr_assert_not_null(chain_tx_get(peer->chain, id));
    net_run(&net, 1, 5);
    cr_assert_null(chain_tx_get(peer->chain, id));

    const struct blob *all[] = {first, second, third, cheap, dear, expired, old, stuck};
    net_blocks_drop(&net, all, sizeof(all) / sizeof(all[0]));
    cr_assert_eq(net_end(&net), 0);
}
