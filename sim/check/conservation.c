/* Conservation (decision 8): no emission, burns are counted, so what is free, bonded, unbonding and
 * burned together is what genesis minted, in every checkpoint. */
#include "node/chain/execute.h"
#include "sim/check/check_private.h"

void conservation_state(struct checks *checks, const struct replayed *block)
{
    uint64_t sum = 0;
    uint64_t minted = 0;

    if (block->height % checks->params->checkpoint_blocks != 0) {
        return;
    }
    enum err err = state_conservation(checks->replay.shared, block->root, &sum, &minted);
    checks->conservation.states++;
    if (err != ERR_OK) {
        check_fail(checks, CHECK_BROKEN,
                   "conservation: the state %016" PRIx64 " after block %016" PRIx64
                   " of height %" PRIu64 " cannot be read: %s",
                   load64(block->root), load64(block->id), block->height, err_text(err));
    } else if (sum != minted || minted != checks->replay.genesis.minted) {
        check_fail(checks, CHECK_BROKEN,
                   "conservation: after block %016" PRIx64 " of height %" PRIu64
                   " there are %" PRIu64 " atomic units, the state says %" PRIu64
                   " were minted, genesis minted %" PRIu64,
                   load64(block->id), block->height, sum, minted, checks->replay.genesis.minted);
    }
}
