/* Whole nodes on a tiny wire: a network decides checkpoints, and a node that joins late reaches the
 * same checkpoints, by blocks and decisions from genesis. */
#include <criterion/criterion.h>
#include <stdlib.h>

#include "node/core/node.h"
#include "node/seam/seam.h"
#include "tests/support/peers.h"

static struct node *nodes[WIRE_NODES_MAX];

static void step(struct wire *wire, uint32_t node, struct ctx *c, const struct event *event)
{
    (void)wire;
    node_step(nodes[node], event, c->out, c->scratch);
}

static uint64_t deadline(struct wire *wire, uint32_t node)
{
    (void)wire;
    return nodes[node] == NULL ? DEADLINE_NONE : node_deadline_ns(nodes[node]);
}

static void start(struct peers *peers, uint32_t i)
{
    struct wire *wire = peers->wire;
    const struct event event = {.kind = EVENT_START};
    uint8_t seed[32] = {(uint8_t)i, 9};
    size_t bytes = (node_bytes(&wire->nodes[i].config) + 63) & ~(size_t)63;
    nodes[i] = aligned_alloc(64, bytes);
    cr_assert_not_null(nodes[i]);
    memset((void *)nodes[i], 0, bytes);
    node_init(nodes[i], &wire->nodes[i].config, seed, wire->host.shared);
    wire->nodes[i].down = false;
    wire_now(wire, i, &event);
}

static struct peers *network(uint32_t count, uint32_t accounts, uint64_t seed)
{
    struct peers *peers = peers_finality(count, accounts, count - 1, seed);
    peers->wire->step = step;
    peers->wire->deadline = deadline;
    return peers;
}

static void finish(struct peers *peers)
{
    for (uint32_t i = 0; i < peers->wire->count; i++) {
        if (nodes[i] != NULL) {
            const struct event event = {.kind = EVENT_STOP};
            wire_now(peers->wire, i, &event);
            node_drop(nodes[i]);
            free(nodes[i]);
            nodes[i] = NULL;
        }
    }
    cr_assert_eq(peers_end(peers), 0);
}

static uint64_t decided(const struct peers *peers, uint32_t node)
{
    return peers->wire->nodes[node].last[TRACE_checkpoint_decided][0];
}

Test(join, a_late_node_finds_the_checkpoints)
{
    struct peers *peers = network(6, 4, 1);
    for (uint32_t i = 0; i < 5; i++) {
        start(peers, i);
    }
    peers_run(peers, 15 * 700);
    uint64_t instance = decided(peers, 0);
    cr_log_info("instance %lu height %lu", instance,
                peers->wire->nodes[0].last[TRACE_tip_changed][0]);
    cr_assert_gt(instance, 100);
    for (uint32_t i = 0; i < 5; i++) { /* whoever is asked */
        for (uint64_t height = 1; height < 300; height += 1 + height % 5) {
            peers_leave_loser(peers, i, height);
        }
    }
    struct node_policy small = peers->wire->policy;
    small.tree_entries_max = 128; /* much less than what it has to catch up with */
    peers->wire->nodes[5].config.policy = &small;
    start(peers, 5);
    peers_run(peers, 90);
    cr_log_info("joiner: instance %lu height %lu; others %lu", decided(peers, 5),
                peers->wire->nodes[5].last[TRACE_tip_changed][0], decided(peers, 0));
    cr_assert_geq(decided(peers, 5), instance);
    cr_assert_eq(peers->wire->traces[TRACE_peer_misbehaved], 0);
    finish(peers);
}

/* The id of the block that a node's records have at this height. */
static void trust(const struct peers *peers, uint32_t who, uint64_t height,
                  struct node_config *config)
{
    const struct wire_node *n = &peers->wire->nodes[who];
    for (size_t i = 0; i < n->record_count; i++) {
        const uint8_t *key = n->records[i].key;
        if (n->records[i].key_len == 41 && key[0] == 'b' &&
            __builtin_bswap64(load64(key + 1)) == height) {
            config->trusted_height = height;
            memcpy(config->trusted_id, key + 9, 32);
            return;
        }
    }
    cr_assert_fail("no block at height %lu", height);
}

Test(join, a_node_begins_with_a_snapshot)
{
    struct peers *peers = network(6, 4, 2);
    for (uint32_t i = 0; i < 5; i++) {
        start(peers, i);
    }
    peers_run(peers, 15 * 600);
    struct node_config *config = &peers->wire->nodes[5].config;
    uint64_t before = peers->wire->frames_by_code[FRAME_BLOCK];
    config->sync = SYNC_FROM_SNAPSHOT;
    trust(peers, 0, 480, config);
    start(peers, 5);
    peers_run(peers, 2);
    peers_stop_links(peers, 5); /* in the middle of it */
    peers_run(peers, 120);
    uint64_t blocks = peers->wire->frames_by_code[FRAME_BLOCK] - before;
    cr_log_info("joiner: instance %lu height %lu; others %lu; %lu blocks, %lu state frames",
                decided(peers, 5), peers->wire->nodes[5].last[TRACE_tip_changed][0],
                decided(peers, 0), blocks, peers->wire->frames_by_code[FRAME_STATE]);
    cr_assert_geq(decided(peers, 5) + 1, decided(peers, 0));
    cr_assert_leq(blocks, 200, "only what is above the checkpoint");
    cr_assert_gt(peers->wire->frames_by_code[FRAME_STATE], 0);
    cr_assert_eq(peers->wire->traces[TRACE_peer_misbehaved], 0);
    finish(peers);
}

static size_t records_of(const struct wire_node *node, uint8_t kind, uint64_t *first)
{
    size_t count = 0;
    for (size_t i = 0; i < node->record_count; i++) {
        if (node->records[i].key[0] == kind) {
            *first = count++ == 0 ? __builtin_bswap64(load64(node->records[i].key + 1)) : *first;
        }
    }
    return count;
}

/* Old blocks are gone at most nodes: a newcomer finds the one that has them, another begins with a
 * snapshot from those that do not, and a restart needs none. */
Test(join, pruned_peers)
{
    struct peers *peers = network(6, 4, 3);
    struct wire_node *n = peers->wire->nodes;
    struct node_policy all = peers->wire->policy;
    uint64_t first_block, first_decision;
    peers->wire->policy.keep_blocks = 1;
    n[3].config.policy = &all;
    n[4].config.sync = SYNC_FROM_SNAPSHOT;
    for (uint32_t i = 0; i < 4; i++) {
        start(peers, i);
    }
    peers_run(peers, 15 * 1400);
    uint64_t final = n[0].last[TRACE_checkpoint_decided][1];
    uint64_t kept = 4 * 240 + 60;
    cr_assert_gt(final, kept + 200);
    size_t blocks = records_of(&n[0], 'b', &first_block);
    cr_assert_eq(first_block, final - kept);
    cr_assert_lt(blocks, kept + 64);
    cr_assert_gt(records_of(&n[0], 'f', &first_decision), 0);
    cr_assert_eq(first_decision, (first_block + 3) / 4);
    (void)records_of(&n[3], 'b', &first_block);
    cr_assert_eq(first_block, 1);

    wire_block(peers->wire, 3, 4, true);
    trust(peers, 0, final / 240 * 240, &n[4].config);
    start(peers, 4);
    start(peers, 5);
    peers_run(peers, 240);
    for (uint32_t i = 4; i < 6; i++) {
        cr_log_info("joiner %u: instance %lu, others %lu", i, decided(peers, i), decided(peers, 0));
        cr_assert_geq(decided(peers, i) + 1, decided(peers, 0));
    }
    const struct event stop = {.kind = EVENT_STOP};
    wire_now(peers->wire, 0, &stop);
    node_drop(nodes[0]);
    free(nodes[0]);
    peers_stop_links(peers, 0);
    start(peers, 0);
    peers_run(peers, 120);
    cr_assert_geq(decided(peers, 0) + 1, decided(peers, 1));
    cr_assert_gt(decided(peers, 0), final / 4);
    cr_assert_eq(peers->wire->traces[TRACE_peer_misbehaved], 0);
    finish(peers);
}

/* Genesis sync that ends on another chain than the operator trusts is no sync. */
Test(join, a_false_checkpoint_is_refused)
{
    struct peers *peers = network(4, 3, 3);
    for (uint32_t i = 0; i < 3; i++) {
        start(peers, i);
    }
    peers_run(peers, 15 * 100);
    struct node_config *config = &peers->wire->nodes[3].config;
    config->sync = SYNC_FROM_CHECKPOINT;
    config->trusted_height = 40;
    config->trusted_id[0] = 1;
    start(peers, 3);
    peers_run(peers, 60);
    cr_assert_lt(peers->wire->nodes[3].last[TRACE_tip_changed][0], 40);
    cr_assert_gt(peers->wire->traces[TRACE_peer_misbehaved], 0);
    finish(peers);
}

/* Certificates that old keys can make prove nothing below the trusted block: whoever begins with
 * one decides nothing on a history without it, however it is told of it. */
Test(join, a_false_history_decides_nothing)
{
    static const struct {
        enum sync_choice sync;
        uint64_t height;
    } ways[] = {{SYNC_FROM_CHECKPOINT, 100},
                {SYNC_FROM_SNAPSHOT, 100},
                {SYNC_FROM_CHECKPOINT, 80}, /* by a tree that reaches 16 blocks up */
                {SYNC_FROM_SNAPSHOT, 1000000}};
    for (uint64_t way = 0; way < 4; way++) {
        struct peers *peers = network(4, 3, 5 + way);
        for (uint32_t i = 0; i < 3; i++) {
            start(peers, i);
        }
        peers_run(peers, 15 * 100);
        cr_assert_gt(decided(peers, 0), 10);
        struct node_config *config = &peers->wire->nodes[3].config;
        config->sync = ways[way].sync;
        config->trusted_height = ways[way].height;
        config->trusted_id[0] = 1;
        struct node_policy small = peers->wire->policy;
        if (way == 2) {
            small.tree_entries_max = 32;
            config->policy = &small;
        }
        start(peers, 3);
        peers_run(peers, 15 * 40);
        cr_log_info("way %lu: decided %lu, height %lu of %lu", way, decided(peers, 3),
                    peers->wire->nodes[3].last[TRACE_tip_changed][0],
                    peers->wire->nodes[0].last[TRACE_tip_changed][0]);
        cr_assert_eq(decided(peers, 3), 0);
        cr_assert_lt(peers->wire->nodes[3].last[TRACE_tip_changed][0], ways[way].height);
        finish(peers);
    }
}

/* The trusted block is final when it is here, and decisions above it follow. */
Test(join, a_node_begins_with_a_checkpoint)
{
    struct peers *peers = network(6, 4, 4);
    for (uint32_t i = 0; i < 5; i++) {
        start(peers, i);
    }
    peers_run(peers, 15 * 600);
    struct node_config *config = &peers->wire->nodes[5].config;
    config->sync = SYNC_FROM_CHECKPOINT;
    trust(peers, 0, 480, config);
    start(peers, 5);
    peers_run(peers, 120);
    cr_log_info("instance %lu, others %lu", decided(peers, 5), decided(peers, 0));
    cr_assert_geq(decided(peers, 5) + 1, decided(peers, 0));
    cr_assert_eq(peers->wire->traces[TRACE_peer_misbehaved], 0);
    finish(peers);
}

/* So it is when the tree reaches only 8 blocks up, on a way that takes two walks of headers (2048
 * each), is broken off in both, and begins with a peer that has no old blocks. */
Test(join, a_checkpoint_far_above_the_tree)
{
    struct peers *peers = network(5, 3, 6);
    struct wire_node *n = peers->wire->nodes;
    struct node_policy small = peers->wire->policy;
    struct node_policy few = peers->wire->policy;
    small.tree_entries_max = 16;
    few.keep_blocks = 1;
    n[4].config.policy = &small;
    n[0].config.policy = &few;
    for (uint32_t i = 0; i < 4; i++) {
        start(peers, i);
    }
    peers_run(peers, 15 * 2400);
    n[4].config.sync = SYNC_FROM_CHECKPOINT;
    trust(peers, 1, 2200, &n[4].config);
    uint64_t headers = peers->wire->frames_by_code[FRAME_HEADERS];
    start(peers, 4);
    peers_run(peers, 1);
    peers_stop_links(peers, 4);
    cr_assert_lt(n[4].last[TRACE_checkpoint_decided][1], 160);
    peers_run(peers, 15);
    peers_stop_links(peers, 4);
    cr_log_info("height %lu", n[4].last[TRACE_checkpoint_decided][1]);
    peers_run(peers, 2400);
    cr_log_info("height %lu, instance %lu, others %lu, %lu headers frames",
                n[4].last[TRACE_tip_changed][0], decided(peers, 4), decided(peers, 1),
                peers->wire->frames_by_code[FRAME_HEADERS] - headers);
    cr_assert_geq(decided(peers, 4) + 1, decided(peers, 1));
    cr_assert_gt(decided(peers, 4), 550);
    cr_assert_eq(peers->wire->traces[TRACE_peer_misbehaved], 0);
    finish(peers);
}
