/* Finality and what survives: checkpoints, crashes at every write, torn and damaged records, the
 * height that must not be signed twice. */
#include <criterion/criterion.h>
#include <stdlib.h>

#include "node/chain/chain.h"
#include "node/chain/tree.h"
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

static const struct blob *decision_of(uint64_t instance, const uint8_t id[32])
{
    uint8_t bytes[46] = {0};
    store64(bytes, instance);
    memcpy(bytes + 12, id, 32);
    return blob_put(net.host.shared, bytes, sizeof(bytes));
}

static enum err finalize(struct net_peer *peer, uint64_t instance, const uint8_t id[32])
{
    const struct blob *decision = decision_of(instance, id);
    enum err err = chain_finalize(peer->chain, net_begin(&net, peer), instance, id, decision);
    net_finish(&net, peer);
    blob_drop(net.host.shared, decision);
    return err;
}

static void id_of(uint8_t id[32], const struct blob *block)
{
    header_id(id, block->data);
}

Test(chain_records, checkpoints)
{
    struct params params = small_params();
    struct net_peer *peer = &net.peer[0];
    uint8_t id[32], other[32];
    net_make(&net, 2, &params, TEST_MEMO_ON);
    net_run(&net, 1, 5);
    cr_assert_eq(chain_value_propose(peer->chain, 1, id), ERR_EARLY);
    net_run(&net, 1, 6);
    cr_assert_eq(chain_value_propose(peer->chain, 1, id), ERR_OK);
    uint32_t at4 = chain_ancestor(peer->chain, chain_tip(peer->chain), 4);
    cr_assert_arr_eq(id, chain_entry(peer->chain, at4)->id, 32);
    cr_assert(chain_value_preferred(peer->chain, id));
    struct ctx *c = net_begin(&net, peer);
    cr_assert_eq(chain_value_check(peer->chain, c, 1, id), CHAIN_VALID);
    cr_assert_eq(chain_value_check(peer->chain, c, 2, id), CHAIN_UNKNOWN);
    cr_assert_eq(chain_value_check(peer->chain, c, 1, net_tip(peer)->id), CHAIN_INVALID);
    memset(other, 9, 32);
    cr_assert_eq(chain_value_check(peer->chain, c, 1, other), CHAIN_UNKNOWN);

    cr_assert_eq(finalize(peer, 1, other), ERR_UNKNOWN);
    memcpy(other, net_tip(peer)->id, 32);
    cr_assert_eq(finalize(peer, 1, other), ERR_INVALID);
    cr_assert_eq(finalize(peer, 1, id), ERR_OK);
    cr_assert_eq(finalize(peer, 1, id), ERR_STALE);
    cr_assert_eq(chain_final_instance(peer->chain), 1);
    cr_assert_eq(chain_entry(peer->chain, chain_final(peer->chain))->height, 4);
    cr_assert_eq(chain_ancestor(peer->chain, chain_tip(peer->chain), 3), TREE_NONE);
    cr_assert_eq(net_tip(peer)->height, 6);

    /* Another branch can no longer enter. */
    const struct blob *b[16];
    net_run(&net, 2, 9);
    size_t count = net_blocks(&net, &net.peer[1], b);
    struct chain_news news = {0};
    cr_assert_eq(net_block(&net, peer, b[0], &news), ERR_STALE);
    cr_assert_eq(net_block(&net, peer, b[8], &news), ERR_UNKNOWN);
    cr_assert_eq(net_tip(peer)->height, 6);
    net_blocks_drop(&net, b, count);
    cr_assert_eq(net_end(&net), 0);
}

/* A decision for the lighter branch: the tip must move to it, and production with it. */
Test(chain_records, a_decision_moves_the_tip)
{
    struct params params = small_params();
    struct net_peer *peer = &net.peer[0];
    const struct blob *b[16];
    uint8_t id[32];
    net_make(&net, 2, &params, TEST_MEMO_ON);
    net_run(&net, 1, 9);
    net_run(&net, 2, 6);
    size_t count = net_blocks(&net, &net.peer[1], b);
    for (size_t k = 0; k < count; k++) {
        struct chain_news news = {0};
        cr_assert_eq(net_block(&net, peer, b[k], &news), ERR_OK);
    }
    cr_assert_eq(net_tip(peer)->height, 9);
    net_commit_all(&net, peer);
    id_of(id, b[3]);
    cr_assert_eq(finalize(peer, 1, id), ERR_OK);
    cr_assert_arr_eq(net_tip(peer)->id, net_tip(&net.peer[1])->id, 32);
    cr_assert_eq(peer->last[TRACE_tip_changed][2], 9, "nine blocks were abandoned");
    net_commit_all(&net, peer);

    /* The heights that this account signed on the lost branch are not signed again. */
    uint64_t produced = peer->traced[TRACE_block_produced];
    cr_assert_eq(chain_deadline_ns(peer->chain), DEADLINE_NONE);
    net_run(&net, 2, 9);
    net_blocks_drop(&net, b, count);
    count = net_blocks(&net, &net.peer[1], b);
    for (size_t k = 0; k < count; k++) {
        struct chain_news news = {0};
        enum err err = net_block(&net, peer, b[k], &news);
        cr_assert(err == ERR_OK || err == ERR_DUPLICATE || err == ERR_STALE);
    }
    cr_assert_neq(chain_deadline_ns(peer->chain), DEADLINE_NONE);
    cr_assert_eq(peer->traced[TRACE_block_produced], produced);
    net_run(&net, 1, 10);
    cr_assert_eq(peer->last[TRACE_block_produced][0], 10);

    /* And neither after a restart. */
    net_crash(&net, peer);
    net_start(&net, peer);
    cr_assert_eq(net_tip(peer)->height, 10);
    net_run(&net, 1, 11);
    cr_assert_eq(peer->last[TRACE_block_produced][0], 11);
    net_blocks_drop(&net, b, count);
    cr_assert_eq(net_end(&net), 0);
}

/* Two make a branch of nine together, and a shorter one becomes final: each height above it was
 * signed by one of them, who must not sign it again, also after a crash; the other may. */
Test(chain_records, a_lost_branch_does_not_stop_its_makers)
{
    struct params params = small_params();
    const struct blob *b[16];
    uint8_t id[32];
    uint64_t signed_by[2][20] = {{0}};
    net_make(&net, 3, &params, TEST_MEMO_ON);
    for (uint64_t height = 1; height <= 9; height++) {
        uint64_t before = net.peer[0].traced[TRACE_block_produced];
        net_run(&net, 3, height);
        signed_by[net.peer[0].traced[TRACE_block_produced] == before][height]++;
    }
    cr_assert_eq(signed_by[0][7] + signed_by[0][8] + signed_by[0][9] != 0, true);
    cr_assert_eq(signed_by[1][7] + signed_by[1][8] + signed_by[1][9] != 0, true);
    net_run(&net, 4, 6);
    size_t count = net_blocks(&net, &net.peer[2], b);
    id_of(id, b[3]);
    for (unsigned i = 0; i < 2; i++) {
        struct net_peer *peer = &net.peer[i];
        for (size_t k = 0; k < count; k++) {
            struct chain_news news = {0};
            cr_assert_eq(net_block(&net, peer, b[k], &news), ERR_OK);
        }
        net_commit_all(&net, peer);
        cr_assert_eq(finalize(peer, 1, id), ERR_OK);
        net_commit_all(&net, peer);
        net_crash(&net, peer);
        net_start(&net, peer);
        cr_assert_eq(net_tip(peer)->height, 6);
    }
    for (uint64_t height = 7; height <= 12; height++) {
        uint64_t before = net.peer[0].traced[TRACE_block_produced];
        net_run(&net, 3, height);
        unsigned who = net.peer[0].traced[TRACE_block_produced] == before;
        cr_assert_eq(signed_by[who][height], 0, "peer %u signed height %lu twice", who,
                     (unsigned long)height);
    }
    net_blocks_drop(&net, b, count);
    cr_assert_eq(net_end(&net), 0);
}

static void value_release(void *context, const void *value)
{
    blob_drop(context, value);
}

/* A header leaves only after it is durable; a crash before leaves no trace of it, a crash after
 * finds it. */
Test(chain_records, write_before_send)
{
    struct params params = small_params();
    struct net_peer *peer = &net.peer[0];
    net_make(&net, 1, &params, TEST_MEMO_ON);
    net_run(&net, 1, 3);
    for (int committed = 0; committed < 2; committed++) {
        uint64_t height = net_tip(peer)->height;
        struct chain_news news = {0};
        while (peer->queued == 0) {
            uint64_t due = chain_deadline_ns(peer->chain);
            net.mono_ns = due > net.mono_ns ? due : net.mono_ns;
            net_wake(&net, peer, &news);
        }
        cr_assert_eq(news.accepted_count, 0, "it must not leave before it is durable");
        cr_assert_eq(net_tip(peer)->height, height);
        if (committed == 1) {
            struct records_host host = {.release = value_release, .context = net.host.shared};
            (void)records_commit(&peer->records, &host); /* durable, but the answer is lost */
            peer->queued--;
        }
        net_crash(&net, peer);
        net_start(&net, peer);
        cr_assert_eq(net_tip(peer)->height, height + (committed == 1));
        net_run(&net, 1, height + 2);
    }
    /* No height was signed twice: the records hold one block for each. */
    struct record_view views[64];
    bool more;
    size_t count =
        records_scan(&peer->records, views, &more, span_of("b", 1), span_of(NULL, 0), 64, false);
    for (size_t i = 1; i < count; i++) {
        cr_assert_neq(memcmp(views[i].key.data, views[i - 1].key.data, 9), 0);
    }
    cr_assert_eq(net_end(&net), 0);
}

/* A disk that is full for a while delays the block; it does not make a second one. */
Test(chain_records, a_full_disk_delays)
{
    struct params params = small_params();
    struct net_peer *peer = &net.peer[0];
    net_make(&net, 1, &params, TEST_MEMO_ON);
    net_run(&net, 1, 3);
    for (int attempt = 0; attempt < 4; attempt++) {
        struct chain_news news = {0};
        while (peer->queued == 0) {
            uint64_t due = chain_deadline_ns(peer->chain);
            cr_assert_neq(due, DEADLINE_NONE);
            net.mono_ns = due > net.mono_ns ? due : net.mono_ns;
            net_wake(&net, peer, &news);
        }
        cr_assert_eq(peer->queued, 1);
        cr_assert_eq(net_tip(peer)->height, 3);
        if (attempt < 3) {
            net_refuse(&net, peer);
        }
    }
    net_commit_all(&net, peer);
    cr_assert_eq(net_tip(peer)->height, 4);
    cr_assert_eq(peer->traced[TRACE_block_produced], 4);
    net_run(&net, 1, 6);
    cr_assert_eq(net_end(&net), 0);
}

enum { STORY_BLOCKS = 34 };
static const struct blob *story[STORY_BLOCKS + 1], *fork_block[16];
static size_t story_count, fork_count;

/* What the observer lives through: blocks, a lost branch, a decision every four blocks. */
static void story_tell(struct net_peer *observer)
{
    struct chain_news news = {0};
    for (size_t k = 0; k < fork_count; k++) {
        enum err err = net_block(&net, observer, fork_block[k], &news);
        cr_assert(err == ERR_OK || err == ERR_DUPLICATE || err == ERR_STALE || err == ERR_UNKNOWN);
    }
    for (size_t k = 0; k < story_count; k++) {
        struct chain_news other = {0};
        uint8_t id[32];
        enum err err = net_block(&net, observer, story[k], &other);
        cr_assert(err == ERR_OK || err == ERR_DUPLICATE || err == ERR_STALE, "%zu: %s", k,
                  err_text(err));
        if (k >= 6 && (k - 2) % 4 == 3) {
            id_of(id, story[k - 2]);
            err = finalize(observer, (k - 1) / 4, id);
            cr_assert(err == ERR_OK || err == ERR_STALE, "%s", err_text(err));
        }
    }
}

static void story_make(const struct params *params, int memo)
{
    net_make(&net, 3, params, memo);
    memset(net.peer[2].config.account_seed, 0, 32); /* the observer produces nothing */
    net_crash(&net, &net.peer[2]);
    net_start(&net, &net.peer[2]);
    net_run(&net, 1, STORY_BLOCKS);
    net_run(&net, 2, 5);
    story_count = net_blocks(&net, &net.peer[0], story);
    fork_count = net_blocks(&net, &net.peer[1], fork_block);
    cr_assert_eq(story_count, STORY_BLOCKS);
}

static void story_end(void)
{
    net_blocks_drop(&net, story, story_count);
    net_blocks_drop(&net, fork_block, fork_count);
    cr_assert_eq(net_end(&net), 0);
}

static void disk_wipe(struct net_peer *peer)
{
    struct records_host host = {.release = value_release, .context = net.host.shared};
    records_wipe(&peer->records, &host);
}

Test(chain_records, crash_at_every_write)
{
    struct params params = small_params();
    struct net_peer *observer = &net.peer[2];
    uint8_t digest[32], again[32];
    story_make(&params, TEST_MEMO_ON);
    story_tell(observer);
    uint32_t writes = observer->queued;
    net_commit_all(&net, observer);
    chain_digest(observer->chain, digest);
    cr_assert_eq(chain_final_instance(observer->chain), 8);
    cr_assert_geq(writes, STORY_BLOCKS + 8);

    uint64_t final_before = 0;
    for (uint32_t durable = 0; durable <= writes; durable++) {
        net_crash(&net, observer);
        disk_wipe(observer);
        net_start(&net, observer);
        story_tell(observer);
        cr_assert_eq(observer->queued, writes);
        for (uint32_t i = 0; i < durable; i++) {
            struct chain_news news = {0};
            net_commit(&net, observer, &news);
        }
        net_crash(&net, observer);
        net_start(&net, observer);
        /* What was durable is there: never less than with one write fewer. */
        uint64_t final = chain_final_instance(observer->chain);
        cr_assert_geq(final, final_before, "%u of %u writes", durable, writes);
        final_before = final;
        uint64_t height = net_tip(observer)->height;
        cr_assert(height == 0 || chain_final(observer->chain) != chain_tip(observer->chain));
        /* And the same news lead to the same end. */
        story_tell(observer);
        net_commit_all(&net, observer);
        chain_digest(observer->chain, again);
        cr_assert_arr_eq(digest, again, 32, "after %u of %u writes", durable, writes);
    }
    cr_assert_eq(final_before, 8);
    /* All durable: everything was found, nothing had to be told again. */
    net_crash(&net, observer);
    net_start(&net, observer);
    chain_digest(observer->chain, again);
    cr_assert_arr_eq(digest, again, 32);
    cr_assert_eq(observer->last[TRACE_recovered][0], STORY_BLOCKS);
    cr_assert_eq(observer->last[TRACE_recovered][1], 32);
    story_end();
}

static void record_remove(struct net_peer *peer, const char *key)
{
    struct records_host host = {.release = value_release, .context = net.host.shared};
    const struct records_op op = {.key = span_of(key, strlen(key))};
    cr_assert_eq(records_push(&peer->records, &op, 1, 0), ERR_OK);
    (void)records_commit(&peer->records, &host);
}

/* A disk that was full when a branch lost kept the branch. Whichever of two blocks of a height
 * comes first, a restart that reads the ancestors ends at the checkpoint, and then the losers are
 * gone. */
Test(chain_records, losers_that_stayed)
{
    struct params params = small_params();
    struct net_peer *observer = &net.peer[2];
    struct records_host disk = {.release = value_release};
    struct record_view views[64];
    uint8_t digest[32], again[32], id[32];
    bool more;
    story_make(&params, TEST_MEMO_ON);
    disk.context = net.host.shared;
    for (size_t k = 0; k < fork_count + 7; k++) {
        struct chain_news news = {0};
        const struct blob *block = k < fork_count ? fork_block[k] : story[k - fork_count];
        cr_assert_eq(net_block(&net, observer, block, &news), ERR_OK);
    }
    net_commit_all(&net, observer);
    id_of(id, story[3]);
    cr_assert_eq(finalize(observer, 1, id), ERR_OK);
    records_crash(&observer->records, &disk, false, 0);
    observer->queued = 0;
    story_tell(observer);
    net_commit_all(&net, observer);
    chain_digest(observer->chain, digest);
    for (int restart = 0; restart < 2; restart++) {
        struct span all = span_of("b", 1);
        size_t count =
            records_scan(&observer->records, views, &more, all, span_of(NULL, 0), 64, false);
        cr_assert_eq(count, story_count + (restart == 0 ? fork_count : 0));
        net_crash(&net, observer);
        record_remove(observer, "a");
        net_start(&net, observer);
        net_commit_all(&net, observer);
        chain_digest(observer->chain, again);
        cr_assert_arr_eq(digest, again, 32);
        cr_assert_eq(observer->last[TRACE_recovered][1], 32);
    }
    story_end();
}

/* Records at random are damaged, silently or not: the node comes up, believes nothing wrong, and
 * ends where the others are once it is told again. */
Test(chain_records, damaged_records)
{
    struct params params = small_params();
    struct net_peer *observer = &net.peer[2];
    uint8_t digest[32], again[32];
    story_make(&params, TEST_MEMO_ON);
    story_tell(observer);
    net_commit_all(&net, observer);
    chain_digest(observer->chain, digest);
    for (uint64_t draw = 0; draw < 150; draw++) {
        cr_assert_eq(
            records_corrupt(&observer->records, draw * UINT64_C(0x9e3779b97f4a7c15), draw % 2 == 0),
            ERR_OK);
        if (draw % 3 == 0) {
            continue; /* several at once */
        }
        net_crash(&net, observer);
        net_start(&net, observer);
        cr_assert_leq(chain_final_instance(observer->chain), 8);
        story_tell(observer);
        net_commit_all(&net, observer);
        chain_digest(observer->chain, again);
        cr_assert_arr_eq(digest, again, 32, "draw %lu", (unsigned long)draw);
        /* A clean disk for the next one. */
        net_crash(&net, observer);
        disk_wipe(observer);
        net_start(&net, observer);
        story_tell(observer);
        net_commit_all(&net, observer);
    }
    story_end();
}

/* The record of the ancestors is damaged, and the blocks are read instead: genesis is none of them
 * and counts all the same (found by the hunt beyond the budget, seeds 583 and 1380). */
Test(chain_records, damaged_ancestors)
{
    struct params params = small_params();
    struct net_peer *observer = &net.peer[2];
    const struct blob *more[STORY_BLOCKS + 4];
    struct chain_news news = {0};
    struct write_batch batch;
    uint8_t damaged[32] = {1};
    story_make(&params, TEST_MEMO_OFF); /* each judges for itself */
    story_tell(observer);
    struct ctx *c = net_begin(&net, observer);
    ctx_write_begin(c, &batch);
    ctx_write_put(c, &batch, span_of("a", 1), span_of(damaged, sizeof(damaged)));
    ctx_write_commit_quiet(c, &batch);
    net_finish(&net, observer);
    net_commit_all(&net, observer);
    net_crash(&net, observer);
    net_start(&net, observer);
    cr_assert_eq(observer->last[TRACE_recovered][1], 32);
    net_run(&net, 1, STORY_BLOCKS + 2);
    size_t count = net_blocks(&net, &net.peer[0], more);
    cr_assert_eq(count, STORY_BLOCKS + 2);
    cr_assert_eq(net_block(&net, observer, more[STORY_BLOCKS], &news), ERR_OK);
    cr_assert_eq(net_block(&net, observer, more[STORY_BLOCKS + 1], &news), ERR_OK);
    net_blocks_drop(&net, more, count);
    net_commit_all(&net, observer);
    story_end();
}

Test(chain_records, finality_off)
{
    struct params params = small_params();
    params.finality = 0;
    params.rollback_max_blocks = 20;
    params.vrf = 0;
    struct net_peer *peer = &net.peer[0];
    const struct blob *b[256];
    uint8_t digest[32], again[32];
    net_make(&net, 2, &params, TEST_MEMO_ON);
    net_run(&net, 1, 150);
    cr_assert_eq(chain_entry(peer->chain, chain_final(peer->chain))->height, 130);
    cr_assert_eq(chain_final_instance(peer->chain), 0);
    net_crash(&net, peer);
    net_start(&net, peer);
    cr_assert_eq(net_tip(peer)->height, 150);
    net_run(&net, 1, 151);
    cr_assert_eq(chain_entry(peer->chain, chain_final(peer->chain))->height, 131);
    chain_digest(peer->chain, digest);

    /* A heavier chain that leaves deeper than the limit does not enter. */
    struct net_peer *other = &net.peer[1];
    net_run(&net, 2, 15);
    uint64_t height = net_tip(other)->height;
    size_t count = net_blocks(&net, other, b);
    cr_assert_eq(count, height);
    for (size_t k = 0; k < count; k++) {
        struct chain_news news = {0};
        cr_assert_eq(net_block(&net, peer, b[k], &news), ERR_STALE);
    }
    chain_digest(peer->chain, again);
    cr_assert_arr_eq(digest, again, 32);
    net_blocks_drop(&net, b, count);
    cr_assert_eq(net_end(&net), 0);
}

/* A node that begins at a checkpoint instead of genesis judges what follows like the others, also
 * after a restart. */
static void adopt_at(const struct params *params, uint64_t height, size_t count)
{
    const struct blob *blocks[128];
    static uint8_t headers[RETARGET_WINDOW][HEADER_BYTES];
    uint8_t id[32];
    net_make(&net, 2, params, TEST_MEMO_ON);
    struct net_peer *source = &net.peer[0], *joiner = &net.peer[1];
    net_run(&net, 1, height + 8);
    size_t block_count = net_blocks(&net, source, blocks);
    for (size_t i = 0; i < count; i++) {
        memcpy(headers[i], blocks[height - 1 - i]->data, HEADER_BYTES);
    }
    id_of(id, blocks[height - 1]);

    const uint8_t(*given)[HEADER_BYTES] = (const uint8_t(*)[HEADER_BYTES])headers;
    struct ctx *c = net_begin(&net, joiner);
    const struct blob *block = blocks[height - 1];
    cr_assert_eq(chain_adopt(joiner->chain, c, id, given, count - 1, block), ERR_INVALID);
    cr_assert_eq(chain_adopt(joiner->chain, c, id, given + 1, count - 1, block), ERR_INVALID);
    cr_assert_eq(chain_adopt(joiner->chain, c, id, given, count, blocks[0]), ERR_INVALID);
    headers[count - 1][300] ^= 1;
    cr_assert_eq(chain_adopt(joiner->chain, c, id, given, count, block), ERR_INVALID);
    headers[count - 1][300] ^= 1;
    cr_assert_eq(chain_adopt(joiner->chain, c, id, given, count, block), ERR_OK);
    cr_assert_eq(chain_adopt(joiner->chain, c, id, given, count, block), ERR_STALE);
    net_finish(&net, joiner);
    net_commit_all(&net, joiner);
    cr_assert_eq(chain_final_instance(joiner->chain), height / params->checkpoint_blocks);
    for (size_t k = 0; k < 8; k++) {
        struct chain_news news = {0};
        if (k % 3 == 0) {
            net_crash(&net, joiner);
            net_start(&net, joiner);
            cr_assert_eq(net_tip(joiner)->height, height + k);
        }
        cr_assert_eq(net_block(&net, joiner, blocks[height + k], &news), ERR_OK);
        net_commit_all(&net, joiner);
    }
    cr_assert_arr_eq(net_tip(joiner)->id, net_tip(source)->id, 32);
    id_of(id, blocks[height + 3]);
    cr_assert_eq(finalize(joiner, height / 4 + 1, id), ERR_OK);
    net_commit_all(&net, joiner);
    net_crash(&net, joiner);
    net_start(&net, joiner);
    cr_assert_arr_eq(net_tip(joiner)->id, net_tip(source)->id, 32);
    cr_assert_eq(chain_final_instance(joiner->chain), height / 4 + 1);
    net_run(&net, 3, height + 12);
    cr_assert_arr_eq(net_tip(joiner)->id, net_tip(source)->id, 32);
    net_blocks_drop(&net, blocks, block_count);
    cr_assert_eq(net_end(&net), 0);
}

Test(chain_records, adopts_a_checkpoint)
{
    struct params params = small_params();
    adopt_at(&params, 12, 12);
    adopt_at(&params, 80, RETARGET_WINDOW);
    params.vrf = 0;
    adopt_at(&params, 76, RETARGET_WINDOW);
    params.production = PRODUCTION_SIRIUS2018;
    params.retarget = RETARGET_SIRIUS2018;
    params.target_ms = 15000;
    adopt_at(&params, 76, RETARGET_WINDOW);
}

/* Memory that a node touches: pages that are not zero after an hour of an idle network. */
Test(chain_records, resident_memory)
{
    struct params params;
    struct net_peer *peer = &net.peer[0];
    uint8_t id[32];
    params_defaults(&params);
    net_make(&net, 1, &params, TEST_MEMO_ON);
    for (uint64_t instance = 1; instance <= 60; instance++) {
        net_run(&net, 1, 4 * instance + 2);
        cr_assert_eq(chain_value_propose(peer->chain, instance, id), ERR_OK);
        cr_assert_eq(finalize(peer, instance, id), ERR_OK);
    }
    size_t bytes = chain_bytes(&peer->config);
    const uint8_t *memory = (const uint8_t *)peer->chain;
    size_t touched = 0;
    for (size_t at = 0; at < bytes; at += 4096) {
        bool used = false;
        for (size_t k = at; k < at + 4096 && k < bytes; k++) {
            used = used || memory[k] != 0;
        }
        touched += used ? 4096 : 0;
    }
    cr_log_info("chain: %zu bytes of address space, %zu touched", bytes, touched);
    cr_assert_leq(touched, 24576, "%zu bytes touched", touched);
    cr_assert_eq(net_end(&net), 0);
}
