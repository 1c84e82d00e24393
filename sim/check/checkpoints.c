/* No conflicting checkpoints (spec: chain 1.5): instance i decides a block at height i x E, and
 * every decided block descends from the one before. Descent is looked up in the replayed blocks:
 * from the newest decided block among them down to the lowest, each height i x E must hold what
 * was decided for i. */
#include "sim/check/check_private.h"

void checkpoints_row(struct checks *checks, const struct trace_row *row)
{
    uint64_t distance = checks->params->checkpoint_blocks;

    /* Without a product, which a wild number could wrap. */
    if (row->value[1] % distance != 0 || row->value[1] / distance != row->value[0]) {
        check_fail(checks, CHECK_BROKEN,
                   "checkpoints: node %u decided block %016" PRIx64 " of height %" PRIu64
                   " for instance %" PRIu64 " at " SECONDS ": checkpoints are %" PRIu64
                   " blocks apart",
                   row->node, row->value[2], row->value[1], row->value[0], SECONDS_OF(row->time_ns),
                   distance);
    }
}

static const struct decision *decided_at(const struct checks *checks, uint64_t height)
{
    uint64_t distance = checks->params->checkpoint_blocks;

    return height % distance == 0 ? agreement_decision(checks, height / distance) : NULL;
}

void checkpoints_end(struct checks *checks)
{
    const struct replayed *blocks = checks->replay.blocks;
    uint32_t i = checks->replay.count;
    uint32_t newest = REPLAY_NONE;
    const struct decision *d;

    if (checks->violations.count > 0) {
        return; /* two decisions of one instance: accountability.c asks who is guilty */
    }
    while (i-- > 0 && newest == REPLAY_NONE) {
        d = decided_at(checks, blocks[i].height);
        if (d != NULL && d->block == load64(blocks[i].id)) {
            newest = i;
        }
    }
    for (i = newest; i != REPLAY_NONE; i = blocks[i].parent) {
        d = decided_at(checks, blocks[i].height);
        if (d != NULL && d->block != load64(blocks[i].id) && checks->beyond_promise) {
            checks->agreement.broken++;
        } else if (d != NULL && d->block != load64(blocks[i].id)) {
            check_fail(checks, CHECK_BROKEN,
                       "checkpoints: block %016" PRIx64 " of height %" PRIu64
                       " was decided by node %u at " SECONDS
                       ", but the later checkpoint %016" PRIx64 " of height %" PRIu64
                       " descends from block %016" PRIx64,
                       d->block, blocks[i].height, d->node, SECONDS_OF(d->time_ns),
                       load64(blocks[newest].id), blocks[newest].height, load64(blocks[i].id));
        }
    }
}
