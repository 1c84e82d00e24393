/* Conduct: what honest nodes never do to each other, seen in what they trace. Where nobody is
 * byzantine no node blames a link and no block is refused; a voter knows the block it votes for; a
 * tip gives way only to a heavier one, or to a checkpoint; what a node keeps for a while it lets
 * go; no block is taken before its time (spec: chain 1.2, 1.5; decisions 10, 13). */
#include <stdlib.h>

#include "node/base/invariant.h"
#include "sim/check/check_private.h"

#define KNOWN_ROOM 4096 /* blocks of late, by the head of their id */

struct conduct_node {
    uint64_t known[KNOWN_ROOM];
    bool complete; /* knows what it knows: never wiped, never joined by snapshot */
    uint64_t score, tip;
    uint64_t life_count; /* rows it had traced before its last start */
    /* A change of tip that nothing has explained yet. */
    bool doubtful;
    uint64_t doubt_ns, from, to;
};

void conduct_begin(struct checks *checks)
{
    struct conduct *conduct = &checks->conduct;

    conduct->on = checks->nodes <= CONDUCT_NODES_MAX;
    conduct->all_honest = true;
    for (uint32_t i = 0; i < checks->nodes; i++) {
        conduct->all_honest = conduct->all_honest && check_honest(checks, i);
    }
    if (conduct->on) {
        conduct->nodes = calloc(checks->nodes, sizeof(*conduct->nodes));
        conduct->produced = calloc(KNOWN_ROOM, sizeof(*conduct->produced));
        invariant(conduct->nodes != NULL && conduct->produced != NULL);
    }
}

void conduct_end(struct checks *checks)
{
    free(checks->conduct.nodes);
    free(checks->conduct.produced);
}

static void know(struct checks *checks, struct conduct_node *node, const struct trace_row *row)
{
    uint64_t block = row->value[1];

    node->known[block % KNOWN_ROOM] = block;
    if (row->kind == TRACE_block_produced) {
        checks->conduct.produced[block % KNOWN_ROOM] = block;
    }
}

static void vote_row(struct checks *checks, struct conduct_node *node, const struct trace_row *row)
{
    uint64_t value = row->value[3];

    if (value == 0 || !node->complete || row->value[0] != VOTE_PREVOTE) {
        return;
    }
    checks->conduct.votes++;
    /* After a restart it may stand on a block of its own that was durable when the power went and
     * that it had not told of yet: then nobody has traced the making of it. */
    bool own = node->life_count > 0 && checks->conduct.produced[value % KNOWN_ROOM] == 0;
    if (node->known[value % KNOWN_ROOM] == 0 && !own) {
        check_fail(checks, CHECK_BROKEN,
                   "votes: node %u prevotes block %016" PRIx64 " in instance %" PRIu64
                   " (round %" PRIu64 ") at " SECONDS ", which it has never executed",
                   row->node, value, row->value[1], row->value[2], SECONDS_OF(row->time_ns));
    }
}

static void doubt_end(struct checks *checks, struct conduct_node *node, const struct trace_row *row)
{
    if (row->time_ns == node->doubt_ns && row->kind != TRACE_checkpoint_decided) {
        return; /* of the same step: the reason may follow */
    }
    if (row->time_ns != node->doubt_ns) {
        check_fail(checks, CHECK_BROKEN,
                   "fork choice: node %u left a tip of score %" PRIu64 " for one of score %" PRIu64
                   " at " SECONDS " though no checkpoint asked it to",
                   row->node, node->from, node->to, SECONDS_OF(node->doubt_ns));
    }
    node->doubtful = false;
}

static void tip_row(struct conduct_node *node, const struct trace_row *row)
{
    uint64_t score = row->value[3];

    /* Traces carry the low 64 bits of a score, and under the rule of 2018 they come round. */
    if (row->value[2] > 0 && node->score != 0 && (int64_t)(score - node->score) <= 0) {
        node->doubtful = true;
        node->doubt_ns = row->time_ns;
        node->from = node->score;
        node->to = score;
    }
    node->score = score;
}

/* Blame and refusal say that somebody lied, or that somebody is wrong. */
static void manners_row(struct checks *checks, const struct trace_row *row)
{
    if (!checks->conduct.all_honest) {
        return;
    }
    if (row->kind == TRACE_peer_misbehaved) {
        check_fail(checks, CHECK_BROKEN,
                   "manners: node %u ends a link at " SECONDS " for what came over it (%s, frame "
                   "0x%02" PRIx64 "), but all nodes are honest",
                   row->node, SECONDS_OF(row->time_ns), err_text((enum err)row->value[1]),
                   row->value[2]);
    } else {
        check_fail(checks, CHECK_BROKEN,
                   "manners: node %u refuses block %016" PRIx64 " of height %" PRIu64 " at " SECONDS
                   " (%s), but all nodes are honest",
                   row->node, row->value[1], row->value[0], SECONDS_OF(row->time_ns),
                   err_text((enum err)row->value[2]));
    }
}

void conduct_row(struct checks *checks, const struct trace_row *row)
{
    if (!checks->conduct.on || row->node >= checks->nodes) {
        return;
    }
    struct conduct_node *node = &checks->conduct.nodes[row->node];
    if (row->count < node->life_count) {
        /* Of a step that took so long that the power went before its end: torn writes may have kept
         * the block. */
        if (row->kind == TRACE_block_received || row->kind == TRACE_block_produced) {
            know(checks, node, row);
        }
        return;
    }
    if (node->doubtful && row->kind < TRACE_KINDS) {
        doubt_end(checks, node, row);
    }
    switch (row->kind) {
    case TRACE_peer_misbehaved:
    case TRACE_block_rejected:
        manners_row(checks, row);
        break;
    case TRACE_block_received:
    case TRACE_block_produced:
        know(checks, node, row);
        break;
    case TRACE_tip_changed:
        know(checks, node, row);
        tip_row(node, row);
        break;
    case TRACE_vote_cast:
        vote_row(checks, node, row);
        break;
    case TRACE_KINDS + WORLD_TRACE_node_up:
        node->complete = row->value[0] == 1 || (node->complete && row->value[1] == 0);
        node->life_count = row->count;
        node->score = 0;
        node->doubtful = false;
        break;
    case TRACE_sync_started:
        node->complete = node->complete && row->value[0] == 0; /* by a checkpoint or a snapshot */
        break;
    default:
        break;
    }
}

/* Against the clock of the node, however wrong that is. */
void conduct_taken(struct checks *checks, const struct note *note, struct span bytes)
{
    struct taken taken;

    invariant(bytes.len == sizeof(taken));
    memcpy(&taken, bytes.data, sizeof(taken));
    checks->conduct.dates++;
    if (taken.ts_ms > taken.wall_ms + checks->params->max_future_ms &&
        check_honest(checks, note->node)) {
        check_fail(checks, CHECK_BROKEN,
                   "future: node %u takes block %016" PRIx64 " of height %" PRIu64 " at " SECONDS
                   ", dated %" PRIu64 " ms ahead of its clock; %" PRIu64 " are allowed",
                   note->node, taken.block, taken.height, SECONDS_OF(note->time_ns),
                   taken.ts_ms - taken.wall_ms, (uint64_t)checks->params->max_future_ms);
    }
}

void checks_house(struct checks *checks, uint32_t node, uint64_t now_ns, const struct house *house)
{
    const char *what = house->txs_mined > 0     ? "pooled transactions that are on its chain"
                       : house->txs_expired > 0 ? "pooled transactions that have expired"
                       : house->txs_overdue > 0 ? "relayed transactions it should have let go"
                       : house->blocks_passed > 0
                           ? "waiting blocks that are not above its checkpoint"
                           : NULL;

    checks->conduct.houses++;
    if (what != NULL && check_honest(checks, node)) {
        check_fail(
            checks, CHECK_BROKEN, "housekeeping: node %u keeps %" PRIu64 " %s at " SECONDS, node,
            house->txs_mined + house->txs_expired + house->txs_overdue + house->blocks_passed, what,
            SECONDS_OF(now_ns));
    }
}
