/* Plumtree over real chains on a tiny wire: it converges to a tree, heals, and bounds what liars
 * can make a node do. */
#include <criterion/criterion.h>

#include "node/chain/relay_private.h"
#include "tests/support/peers.h"

static uint64_t txs_received(const struct peers *peers)
{
    return peers->wire->frames_by_code[FRAME_TX];
}

static void everybody_on_one_tip(const struct peers *peers, uint64_t height_min)
{
    for (uint32_t i = 0; i < peers->wire->count; i++) {
        cr_assert_geq(peers_tip(peers, i)->height, height_min);
        cr_assert(memcmp(peers_tip(peers, i)->id, peers_tip(peers, 0)->id, 32) == 0,
                  "node %u is on another tip", i);
    }
}

static void submit(struct peers *peers, uint32_t count, uint64_t gap_seconds)
{
    for (uint32_t i = 0; i < count; i++) {
        cr_assert_eq(peers_transfer(peers, (7 * i) % peers->accounts), ERR_OK);
        peers_run(peers, gap_seconds);
    }
}

Test(relay, converges_to_a_tree)
{
    struct peers *peers = peers_new(30, 30, 6, 1);
    peers_start_all(peers);
    peers_run(peers, 20);
    submit(peers, 40, 1); /* warm-up */
    uint64_t before = txs_received(peers);
    submit(peers, 100, 1);
    peers_run(peers, 3);
    uint64_t received = txs_received(peers) - before;
    cr_log_info("redundancy %.3f, compact blocks %lu of %lu, ihave %lu graft %lu",
                (double)received / (100 * 29), peers->wire->frames_by_code[FRAME_BLOCK_COMPACT],
                peers_tip(peers, 0)->height * 29, peers->wire->frames_by_code[FRAME_TX_IHAVE],
                peers->wire->frames_by_code[FRAME_TX_GRAFT]);
    cr_assert_geq(received, 100 * 29, "everybody has every transaction");
    cr_assert_leq(received, 110 * 29, "few came twice");
    cr_assert_eq(peers->wire->traces[TRACE_peer_misbehaved], 0);
    peers_run(peers, 60);
    everybody_on_one_tip(peers, 5);
    cr_assert_eq(peers_end(peers), 0);
}

Test(relay, heals_after_links_break)
{
    struct peers *peers = peers_new(30, 30, 6, 2);
    peers_start_all(peers);
    peers_run(peers, 20);
    submit(peers, 40, 1);
    for (uint32_t i = 0; i < 30; i++) { /* every node loses two links, tree edges among them */
        for (uint32_t cut = 0; cut < 2; cut++) {
            uint64_t ready = overlay_ready(peers->node[i].overlay);
            if (ready != 0) {
                wire_cut(peers->wire, i, (uint32_t)__builtin_ctzll(ready));
            }
        }
    }
    uint32_t count = 0;
    for (uint32_t i = 0; i < 30; i++, count++) {
        cr_assert_eq(peers_transfer(peers, i), ERR_OK);
    }
    peers_run(peers, 100);
    everybody_on_one_tip(peers, 3);
    uint64_t before = txs_received(peers);
    submit(peers, 60, 1);
    peers_run(peers, 3);
    uint64_t received = txs_received(peers) - before;
    cr_assert_geq(received, 60 * 29);
    cr_assert_leq(received, 72 * 29);
    cr_assert_eq(peers->wire->traces[TRACE_peer_misbehaved], 0);
    cr_assert_eq(peers_end(peers), 0);
}

/* The link from a to b, as a sees it; both are ready. */
static uint32_t link_of(const struct peers *peers, uint32_t a, uint32_t b)
{
    uint32_t link = overlay_find(peers->node[a].overlay, peers->wire->nodes[b].node_id);
    cr_assert_neq(link, LINK_NONE);
    return link;
}

/* A GRAFT that crosses a PRUNE leaves a link over which blocks are pushed one way and announced the
 * other. Here every link is such a one. */
Test(relay, links_pushed_one_way_do_not_stay)
{
    uint8_t graft[33] = {FRAME_BLOCK_GRAFT, 0xee};
    struct peers *peers = peers_new(20, 20, 6, 5);
    peers_start_all(peers);
    peers_run(peers, 60);
    for (uint32_t a = 0; a < 20; a++) {
        for (uint32_t b = a + 1; b < 20; b++) {
            uint32_t link = overlay_find(peers->node[a].overlay, peers->wire->nodes[b].node_id);
            if (link != LINK_NONE) {
                wire_inject(peers->wire, a, link, span_of(graft, sizeof(graft)));
            }
        }
    }
    peers_run(peers, 60);
    uint64_t height = peers_tip(peers, 0)->height;
    uint64_t before = peers->wire->frames_by_code[FRAME_BLOCK_COMPACT];
    peers_run(peers, 200);
    uint64_t blocks = peers_tip(peers, 0)->height - height;
    uint64_t received = peers->wire->frames_by_code[FRAME_BLOCK_COMPACT] - before;
    cr_log_info("%.3f receptions of each of %lu blocks", (double)received / (double)(blocks * 19),
                blocks);
    cr_assert_gt(blocks, 10);
    cr_assert_leq(received, blocks * 19 * 5 / 4);
    cr_assert_eq(peers->wire->traces[TRACE_peer_misbehaved], 0);
    cr_assert_eq(peers_end(peers), 0);
}

static void ids_inject(struct peers *peers, uint8_t code, uint32_t from, uint32_t count)
{
    uint8_t frame[3 + 32 * 1024];
    uint8_t ids[32 * 1024];
    struct writer w;
    size_t len;
    for (uint32_t i = 0; i < count; i++) {
        memset(ids + 32 * i, 0xee, 32);
        store32(ids + 32 * i, from + i);
    }
    writer_init(&w, frame, sizeof(frame));
    writer_u8(&w, code);
    writer_list(&w, (struct list){.data = ids, .count = count}, 32, 1024);
    cr_assert_eq(writer_end(&w, &len), ERR_OK);
    wire_inject(peers->wire, 0, link_of(peers, 0, 1), span_of(frame, len));
}

Test(relay, a_flood_of_announcements_is_bounded)
{
    struct peers *peers = peers_new(2, 2, 1, 3);
    peers_start_all(peers);
    peers_run(peers, 5);
    for (uint32_t round = 0; round < 20; round++) {
        ids_inject(peers, FRAME_TX_IHAVE, 1000 * round, 1000);
    }
    cr_assert_gt(peers->wire->traces[TRACE_limit_reached], 0);
    uint64_t before = peers->wire->frames_by_code[FRAME_TX_GRAFT];
    peers_run(peers, 30);
    cr_assert_leq(peers->wire->frames_by_code[FRAME_TX_GRAFT] - before, 2, "asked in batches");
    cr_assert_eq(peers->wire->frames_by_code[FRAME_TX], 0);
    ids_inject(peers, FRAME_TX_GRAFT, 5, 1000); /* unknown ones: no answer */
    peers_run(peers, 10);
    cr_assert_eq(peers->wire->frames_by_code[FRAME_TX], 0);
    for (uint8_t i = 0; i < 200; i++) {
        uint8_t frame[41] = {FRAME_BLOCK_IHAVE, i, 1, 2, 3};
        frame[33] = 1;
        wire_inject(peers->wire, 0, link_of(peers, 0, 1), span_of(frame, sizeof(frame)));
    }
    before = peers->wire->frames_by_code[FRAME_BLOCK_GRAFT];
    peers_run(peers, 30);
    cr_assert_leq(peers->wire->frames_by_code[FRAME_BLOCK_GRAFT] - before, 2);
    cr_assert_eq(peers->wire->traces[TRACE_peer_misbehaved], 0);
    cr_assert_eq(peers_end(peers), 0);
}

/* A lazy link is told of everything that came since the last time, however much it was. */
Test(relay, inventory_leaves_nothing_out)
{
    enum { TXS = 3000 };
    static bool told[TXS];
    struct peers *peers = peers_new(2, 2, 1, 3);
    peers_start_all(peers);
    peers_run(peers, 5);
    struct relay *relay = peers->node[0].relay;
    struct ctx c = wire_ctx(peers->wire, 0);
    relay->tx_eager = 0;
    for (uint32_t i = 0; i < TXS; i++) {
        uint8_t id[32] = {0xaa};
        store32(id + 4, i);
        const struct blob *tx = blob_put(c.shared, id, sizeof(id));
        relay_tx(relay, &c, LINK_NONE, id, tx);
        blob_drop(c.shared, tx);
    }
    c.mono_ns = relay->flush_ns;
    relay_wake(relay, &c);
    uint32_t count = 0;
    for (size_t i = 0; i < c.out->count; i++) {
        const struct effect *e = &c.out->list[i];
        struct frame_tx_ihave m;
        if (e->kind != EFFECT_SEND ||
            frame_tx_ihave_decode(&m, span_of(e->send.frame->data, e->send.frame->len)) != ERR_OK) {
            continue;
        }
        for (size_t k = 0; k < m.ids.count; k++) {
            uint32_t n = load32(m.ids.data + 32 * k + 4);
            cr_assert(n < TXS && !told[n]);
            told[n] = true;
            count++;
        }
    }
    cr_assert_eq(count, TXS);
    wire_effects(peers->wire, 0);
    cr_assert_eq(peers_end(peers), 0);
}

static void must_blame(struct span frame, enum err err)
{
    struct peers *peers = peers_new(2, 2, 1, 4);
    peers_start_all(peers);
    peers_run(peers, 5);
    wire_inject(peers->wire, 0, link_of(peers, 0, 1), frame);
    cr_assert_eq(peers->wire->traces[TRACE_peer_misbehaved], 1, "frame %02x", frame.data[0]);
    cr_assert_eq(peers->wire->last_trace[TRACE_peer_misbehaved][1], (uint64_t)err, "frame %02x",
                 frame.data[0]);
    cr_assert_eq(peers_end(peers), 0);
}

Test(relay, broken_frames_cost_the_link)
{
    for (unsigned code = FRAME_TX; code <= FRAME_BLOCK_TXS; code++) {
        uint8_t frame[64] = {(uint8_t)code, 0xff};
        if (frame_name((uint8_t)code) == NULL) {
            must_blame(span_of(frame, 1), ERR_UNKNOWN);
            continue;
        }
        bool empty = code == FRAME_TX_PRUNE || code == FRAME_BLOCK_PRUNE;
        must_blame(span_of(frame, 2), empty ? ERR_TRAILING : ERR_TRUNCATED);
    }
    /* a transaction that nobody signed */
    uint8_t tx[2 + 124] = {FRAME_TX, 124, 3};
    must_blame(span_of(tx, sizeof(tx)), ERR_SIGNATURE);
    /* a header of another network, and one that is no header */
    uint8_t compact[1 + 2 + HEADER_BYTES + 1] = {FRAME_BLOCK_COMPACT, 0xce, 0x02, 1};
    must_blame(span_of(compact, sizeof(compact)), ERR_NETWORK);
    compact[3] = 9;
    must_blame(span_of(compact, sizeof(compact)), ERR_VERSION);
}
