/* Catching up over real chains on a tiny wire: from genesis, from records below the checkpoint,
 * past stalling and lying peers. */
#include <criterion/criterion.h>

#include "node/chain/sync_private.h"
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

/* Four nodes of which three have made some 1,100 blocks. */
static struct peers *three_grown(void)
{
    struct peers *peers = network(4, 3, 2);
    for (uint32_t i = 0; i < 3; i++) {
        peers_start(peers, i);
    }
    peers_run(peers, 15 * 1100);
    return peers;
}

/* The tree keeps 360 blocks when finality is off: the first ones come from records. */
Test(sync, old_blocks_come_from_records)
{
    struct peers *peers = three_grown();
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

static struct record_kept *block_record(struct peers *peers, uint32_t node, uint64_t height)
{
    struct wire_node *n = &peers->wire->nodes[node];
    for (size_t i = 0; i < n->record_count; i++) {
        if (n->records[i].key[0] == 'b' &&
            load64(n->records[i].key + 1) == __builtin_bswap64(height)) {
            return &n->records[i];
        }
    }
    cr_assert_fail("no block %lu at node %u", height, node);
    return NULL;
}

/* Everybody has damaged records, others than the rest: what each can read is served. */
Test(sync, damaged_records_are_passed_by)
{
    struct peers *peers = three_grown();
    uint64_t height = peers_tip(peers, 0)->height;
    for (uint32_t i = 0; i < 3; i++) {
        for (uint64_t at = 20 + 10 * i; at < 500; at += 50) {
            block_record(peers, i, at)->damaged = true;
        }
    }
    peers_start(peers, 3);
    peers_run(peers, 600);
    cr_log_info("height %lu: joiner at %lu", height, peers_tip(peers, 3)->height);
    cr_assert_geq(peers_tip(peers, 3)->height, height);
    cr_assert_eq(peers->wire->traces[TRACE_peer_misbehaved], 0);
    cr_assert_eq(peers_end(peers), 0);
}

/* A block on the parent of another that lost, with an id below that one's: it comes first. */
static void rival_keep(struct peers *peers, uint32_t node, uint64_t height)
{
    const struct record_kept *kept = block_record(peers, node, height);
    uint8_t key[41], block[4096];
    struct header header;
    size_t len = kept->value->len;
    struct write_batch batch;
    cr_assert_leq(len, sizeof(block));
    memcpy(block, kept->value->data, len);
    memcpy(key, kept->key, sizeof(key));
    cr_assert_eq(header_decode(&header, span_of(block, HEADER_BYTES)), ERR_OK);
    do {
        header.ts_ms++;
        header_encode(block, &header);
        header_id(key + 9, block);
    } while (memcmp(key + 9, kept->key + 9, 32) >= 0);
    struct ctx c = wire_ctx(peers->wire, node);
    ctx_write_begin(&c, &batch);
    ctx_write_put(&c, &batch, span_of(key, sizeof(key)), span_of(block, len));
    ctx_write_commit_quiet(&c, &batch);
    wire_effects(peers->wire, node);
}

Test(sync, a_block_that_lost_and_stayed_is_not_named)
{
    struct peers *peers = three_grown();
    uint64_t height = peers_tip(peers, 0)->height;
    for (uint32_t i = 0; i < 3; i++) {
        for (uint64_t at = 50; at < 500; at += 50) {
            rival_keep(peers, i, at);
        }
    }
    peers_start(peers, 3);
    peers_run(peers, 60);
    cr_log_info("height %lu: joiner at %lu", height, peers_tip(peers, 3)->height);
    cr_assert_geq(peers_tip(peers, 3)->height, height);
    cr_assert_eq(peers->wire->traces[TRACE_peer_misbehaved], 0);
    cr_assert_eq(peers_end(peers), 0);
}

/* Alone it went further than the others' base: they know nothing in common but genesis, and that
 * only from records. */
Test(sync, a_branch_from_genesis_is_left)
{
    struct peers *peers = network(4, 4, 3);
    for (uint32_t i = 0; i < 3; i++) {
        wire_block(peers->wire, i, 3, true);
    }
    peers_start_all(peers);
    peers_run(peers, 15 * 300);
    peers->wire->nodes[3].down = true;
    peers_run(peers, 15 * 200);
    peers->wire->nodes[3].down = false;
    const struct chain *chain = peers->node[0].chain;
    uint64_t base = chain_entry(chain, chain_final(chain))->height;
    uint64_t alone = peers_tip(peers, 3)->height;
    cr_log_info("alone %lu, base of the others %lu", alone, base);
    cr_assert_gt(base, 0);
    cr_assert_gt(alone, base);
    cr_assert_eq(chain_entry(peers->node[3].chain, chain_final(peers->node[3].chain))->height, 0);
    for (uint32_t i = 0; i < 3; i++) {
        wire_block(peers->wire, i, 3, false);
    }
    peers_run(peers, 15 * 20);
    cr_assert(same_tip(peers, 0, 3));
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

#define STRANGER_LINK 40u

/* A stranger links up and says HELLO with this tip; what is sent to it goes nowhere. */
static void stranger_comes(struct peers *peers, uint32_t node, uint8_t name, uint64_t tip_height)
{
    struct event up = {.kind = EVENT_LINK_UP,
                       .link_up = {.link = STRANGER_LINK, .endpoint = wire_endpoint(900)}};
    uint8_t frame[128];
    uint8_t endpoint[18] = {0};
    size_t len;
    memset(up.link_up.peer, name, 32);
    wire_now(peers->wire, node, &up);
    const struct frame_hello m = {.version = 1,
                                  .genesis = peers->genesis.hash,
                                  .tip_height = tip_height,
                                  .endpoint = endpoint};
    cr_assert_eq(frame_hello_encode(frame, sizeof(frame), &len, &m), ERR_OK);
    wire_inject(peers->wire, node, STRANGER_LINK, span_of(frame, len));
    cr_assert((overlay_ready(peers->node[node].overlay) >> STRANGER_LINK & 1) != 0);
}

static void stranger_goes(struct peers *peers, uint32_t node)
{
    const struct event down = {.kind = EVENT_LINK_DOWN, .link_down = {.link = STRANGER_LINK}};
    wire_now(peers->wire, node, &down);
}

Test(sync, claims_alone_hold_nobody_up)
{
    struct peers *peers = network(4, 4, 4);
    peers_start_all(peers);
    peers_run(peers, 200);
    uint64_t before = peers_tip(peers, 0)->height;
    for (uint8_t i = 0; i < 40; i++) { /* comes again and again, and answers nothing */
        stranger_comes(peers, 0, 7, UINT64_MAX - i);
        cr_assert(!sync_busy(peers->node[0].sync));
        peers_run(peers, 5);
        stranger_goes(peers, 0);
    }
    cr_assert_gt(peers_tip(peers, 0)->height, before + 5);
    cr_assert_eq(peers->wire->traces[TRACE_sync_started], 0);
    peers_run(peers, 30);
    cr_assert(same_tip(peers, 0, 3));
    cr_assert_eq(peers_end(peers), 0);
}

/* Headers that hang together but that nobody with a stake signed. */
static void headers_inject(struct peers *peers, uint32_t node, const uint8_t parent[32],
                           uint64_t height, uint32_t count)
{
    static uint8_t frame[8 + 512 * (HEADER_BYTES + 2)];
    struct header header = {.version = 1, .height = height, .ts_ms = 1};
    struct writer w;
    size_t len;
    memcpy(header.genesis, peers->genesis.hash, 32);
    memcpy(header.parent, parent, 32);
    writer_init(&w, frame, sizeof(frame));
    writer_u8(&w, FRAME_HEADERS);
    writer_var(&w, count);
    for (uint32_t i = 0; i < count; i++, header.height++) {
        uint8_t bytes[HEADER_BYTES];
        header_encode(bytes, &header);
        writer_bytes(&w, span_of(bytes, HEADER_BYTES), HEADER_BYTES);
        header_id(header.parent, bytes);
    }
    cr_assert_eq(writer_end(&w, &len), ERR_OK);
    wire_inject(peers->wire, node, STRANGER_LINK, span_of(frame, len));
}

Test(sync, fabricated_headers_cost_the_link)
{
    struct peers *peers = network(1, 1, 5);
    peers_start_all(peers);
    peers_run(peers, 100);
    stranger_comes(peers, 0, 7, 100000); /* is asked for headers */
    const struct tree_entry *tip = peers_tip(peers, 0);
    headers_inject(peers, 0, tip->id, tip->height + 1, 512);
    cr_assert_eq(peers->wire->traces[TRACE_peer_misbehaved], 1);
    cr_assert(!sync_busy(peers->node[0].sync));
    stranger_goes(peers, 0);
    /* on a parent that nobody knows: no proof of a lie, and no use */
    stranger_comes(peers, 0, 8, 100000);
    headers_inject(peers, 0, (const uint8_t[32]){1, 2, 3}, 50000, 512);
    headers_inject(peers, 0, (const uint8_t[32]){1, 2, 3}, 50000, 512); /* asked from genesis */
    cr_assert_eq(peers->wire->traces[TRACE_peer_misbehaved], 1);
    cr_assert(!sync_busy(peers->node[0].sync));
    headers_inject(peers, 0, (const uint8_t[32]){1, 2, 3}, 50000, 512); /* nobody asked: not read */
    uint64_t height = peers_tip(peers, 0)->height;
    peers_run(peers, 200);
    cr_assert_gt(peers_tip(peers, 0)->height, height);
    stranger_goes(peers, 0);
    cr_assert_eq(peers_end(peers), 0);
}

/* The two newest headers of a node's own chain, newest first. */
static void headers_inject_down(struct peers *peers, uint32_t node)
{
    const struct chain *chain = peers->node[node].chain;
    const struct tree_entry *tip = peers_tip(peers, node);
    uint8_t frame[8 + 2 * (HEADER_BYTES + 2)];
    struct writer w;
    size_t len;
    writer_init(&w, frame, sizeof(frame));
    writer_u8(&w, FRAME_HEADERS);
    writer_var(&w, 2);
    writer_bytes(&w, span_of(tip->block->data, HEADER_BYTES), HEADER_BYTES);
    writer_bytes(&w, span_of(chain_entry(chain, tip->parent)->block->data, HEADER_BYTES),
                 HEADER_BYTES);
    cr_assert_eq(writer_end(&w, &len), ERR_OK);
    wire_inject(peers->wire, node, STRANGER_LINK, span_of(frame, len));
}

/* The answer to a question that was given up may come when the next one is open. */
Test(sync, a_late_answer_is_no_lie)
{
    struct peers *peers = network(1, 1, 9);
    peers_start_all(peers);
    const struct sync *sync = peers->node[0].sync;
    peers_run(peers, 200);
    stranger_comes(peers, 0, 7, 100000);
    cr_assert_eq(sync->ask.kind, ASK_LOCATOR);
    while (sync->ask.kind == ASK_LOCATOR) {
        peers_run(peers, 1);
    }
    while (sync->ask.kind == ASK_NONE) {
        peers_run(peers, 1);
    }
    headers_inject_down(peers, 0);
    cr_assert_eq(peers->wire->traces[TRACE_peer_misbehaved], 0);
    cr_assert_eq(sync->ask.kind, ASK_LOCATOR);
    headers_inject_down(peers, 0); /* but one question has one answer */
    cr_assert_eq(peers->wire->traces[TRACE_peer_misbehaved], 1);
    stranger_goes(peers, 0);
    cr_assert_eq(peers_end(peers), 0);
}

static void must_blame(struct span frame, enum err err)
{
    struct peers *peers = network(1, 1, 6);
    peers_start_all(peers);
    peers_run(peers, 5);
    stranger_comes(peers, 0, 7, 0);
    wire_inject(peers->wire, 0, STRANGER_LINK, frame);
    cr_assert_eq(peers->wire->traces[TRACE_peer_misbehaved], 1, "frame %02x", frame.data[0]);
    cr_assert_eq(peers->wire->last_trace[TRACE_peer_misbehaved][1], (uint64_t)err, "frame %02x",
                 frame.data[0]);
    stranger_goes(peers, 0);
    cr_assert_eq(peers_end(peers), 0);
}

Test(sync, broken_frames_cost_the_link)
{
    const uint8_t codes[] = {FRAME_HEADERS_GET, FRAME_HEADERS,         FRAME_BLOCKS_GET,
                             FRAME_BLOCK,       FRAME_NOT_FOUND,       FRAME_STATE_GET,
                             FRAME_STATE,       FRAME_HEADERS_BACK_GET};
    for (size_t i = 0; i < sizeof(codes); i++) {
        uint8_t frame[8] = {codes[i], 0xff};
        must_blame(span_of(frame, 2), ERR_TRUNCATED);
    }
    uint8_t block[3] = {FRAME_BLOCK, 1, 1};
    must_blame(span_of(block, 3), ERR_TRUNCATED);
    uint8_t unknown = 0x3f;
    must_blame(span_of(&unknown, 1), ERR_UNKNOWN);
}

/* The first peer that a joiner asks swallows every request. */
Test(sync, a_peer_that_stalls_is_passed_by)
{
    struct peers *peers = network(5, 4, 7);
    for (uint32_t i = 0; i < 4; i++) {
        peers_start(peers, i);
    }
    peers_run(peers, 15 * 120);
    uint64_t height = peers_tip(peers, 0)->height;
    peers_start(peers, 4);
    while (overlay_ready(peers->node[4].overlay) == 0) {
        peers_run(peers, 1);
    }
    for (uint32_t i = 0; i < 2; i++) {
        peers->wire->nodes[i].down = true; /* silent, links open */
    }
    peers_run(peers, 60);
    cr_log_info("joiner at %lu of %lu", peers_tip(peers, 4)->height, height);
    cr_assert_geq(peers_tip(peers, 4)->height, height);
    cr_assert_eq(peers_end(peers), 0);
}

/* Who named the blocks says nothing more: what others have sent of them is not thrown away. */
Test(sync, who_named_the_blocks_falls_silent)
{
    struct peers *peers = network(5, 4, 9);
    for (uint32_t i = 0; i < 4; i++) {
        peers_start(peers, i);
    }
    peers_run(peers, 15 * 300);
    uint64_t height = peers_tip(peers, 0)->height;
    peers_start(peers, 4);
    const struct sync *sync = peers->node[4].sync;
    while (sync->queue.count == 0) {
        wire_run(peers->wire, peers->wire->now_ns + 10000000);
    }
    uint32_t source = LINK_NONE;
    for (uint32_t i = 0; i < 4; i++) {
        source = wire_link(peers->wire, 4, i) == sync->queue.source ? i : source;
    }
    cr_assert_neq(source, LINK_NONE);
    peers->wire->nodes[source].down = true; /* silent, links open */
    uint64_t asked = peers->wire->frames_by_code[FRAME_HEADERS_GET];
    peers_run(peers, 25);
    cr_log_info("joiner at %lu of %lu", peers_tip(peers, 4)->height, height);
    cr_assert_geq(peers_tip(peers, 4)->height, height);
    cr_assert_leq(peers->wire->frames_by_code[FRAME_HEADERS_GET], asked + 1);
    cr_assert_eq(peers_end(peers), 0);
}

static bool is_wished(const struct sync *sync, uint8_t first)
{
    for (uint32_t i = 0; i < SYNC_WISHES_MAX; i++) {
        if (sync->wishes[i].used && sync->wishes[i].id[0] == first) {
            return true;
        }
    }
    return false;
}

/* Blocks whose parents do not exist fill the wishes; what finality waits for finds room. */
Test(sync, junk_is_wished_for_last)
{
    struct peers *peers = network(1, 1, 8);
    uint8_t id[32] = {0};
    peers_start_all(peers);
    peers_run(peers, 5);
    stranger_comes(peers, 0, 7, 0);
    struct sync *sync = peers->node[0].sync;
    struct ctx c = wire_ctx(peers->wire, 0);
    for (id[0] = 1; id[0] <= SYNC_WISHES_MAX + 1; id[0]++) {
        sync_fetch(sync, &c, LINK_NONE, id, 5, false);
    }
    cr_assert(!is_wished(sync, SYNC_WISHES_MAX + 1));
    for (id[0] = 101; id[0] <= 100 + SYNC_WISHES_MAX; id[0]++) {
        sync_fetch(sync, &c, LINK_NONE, id, 5, true);
        cr_assert(is_wished(sync, id[0]));
    }
    sync_fetch(sync, &c, LINK_NONE, id, 5, true); /* no less firm than the others */
    cr_assert(is_wished(sync, 101));
    wire_effects(peers->wire, 0);
    stranger_goes(peers, 0);
    cr_assert_eq(peers_end(peers), 0);
}

/* Whoever asks for everything, at once and again, gets bounded work. */
Test(sync, requests_are_bounded)
{
    struct peers *peers = network(2, 2, 8);
    peers_start_all(peers);
    peers_run(peers, 15 * 420); /* the first blocks are in records alone */
    stranger_comes(peers, 0, 7, 3);
    uint64_t limits = peers->wire->traces[TRACE_limit_reached];
    for (uint32_t i = 0; i < 100; i++) {
        uint8_t frame[2100];
        size_t len;
        uint8_t ids[64 * 32];
        memset(ids, (int)i, sizeof(ids));
        const struct frame_blocks_get blocks = {.blocks = {.data = ids, .count = 64}, .height = 1};
        cr_assert_eq(frame_blocks_get_encode(frame, sizeof(frame), &len, &blocks), ERR_OK);
        wire_inject(peers->wire, 0, STRANGER_LINK, span_of(frame, len));
        const struct frame_headers_get headers = {
            .locator = {.data = ids, .count = 64}, .height = 9, .max = 65535};
        cr_assert_eq(frame_headers_get_encode(frame, sizeof(frame), &len, &headers), ERR_OK);
        wire_inject(peers->wire, 0, STRANGER_LINK, span_of(frame, len));
    }
    cr_assert_geq(peers->wire->traces[TRACE_limit_reached], limits + 190);
    peers_run(peers, 5);
    cr_assert_eq(peers->wire->traces[TRACE_peer_misbehaved], 0);
    stranger_goes(peers, 0);
    cr_assert_eq(peers_end(peers), 0);
}
