/* The beacon (spec: chain 1.6; decisions 12, 19), coded a second time beside node/chain/epoch.c:
 * B_e = BLAKE2b-256("xpx/beacon" || B_{e-1} || all beta of the blocks of epoch e in order), and the
 * committee of epoch e + 2 names it. */
#include "node/chain/execute.h"
#include "node/crypto/hash.h"
#include "sim/check/check_private.h"

#define EPOCH_BLOCKS_MAX 4096

/* The beacon of the epoch that ends with this block. False: its blocks are not all known. */
static bool beacon_of(uint8_t beacon[32], const struct checks *checks, uint32_t last)
{
    const struct replay *r = &checks->replay;
    uint64_t length = checks->params->epoch_blocks;
    static uint8_t betas[EPOCH_BLOCKS_MAX][64];
    uint8_t before[32];
    uint32_t at = last;

    for (uint64_t i = length; i > 0; i--) {
        if (at == REPLAY_NONE || r->blocks[at].parent == REPLAY_NONE) {
            return false;
        }
        memcpy(betas[i - 1], r->blocks[at].beta, 64);
        at = r->blocks[at].parent;
    }
    if (r->blocks[at].height == 0) {
        memcpy(before, r->genesis.seed, 32);
    } else if (r->blocks[at].beaconed) {
        memcpy(before, r->blocks[at].beacon, 32);
    } else {
        return false;
    }
    const struct span parts[] = {SPAN_TEXT("xpx/beacon"), span_of(before, 32),
                                 span_of(betas, 64 * (size_t)length)};
    hash256_parts(beacon, parts, 3);
    return true;
}

void epochs_block(struct checks *checks, uint32_t index)
{
    struct replayed *block = &checks->replay.blocks[index];
    uint64_t length = checks->params->epoch_blocks;
    struct committee committee;

    if (block->height % length != 0 || length > EPOCH_BLOCKS_MAX ||
        !beacon_of(block->beacon, checks, index)) {
        return;
    }
    uint64_t epoch = block->height / length - 1;
    block->beaconed = true;
    checks->ledger.epochs++;
    if (committee_get(&committee, checks->replay.shared, block->root, epoch + 2) != ERR_OK) {
        check_fail(checks, CHECK_BROKEN,
                   "epoch: the state after block %016" PRIx64 " of height %" PRIu64
                   " has no committee of epoch %" PRIu64,
                   load64(block->id), block->height, epoch + 2);
    } else if (memcmp(committee.beacon, block->beacon, 32) != 0) {
        check_fail(checks, CHECK_BROKEN,
                   "epoch: the committee of epoch %" PRIu64 " was drawn with beacon %016" PRIx64
                   ", the blocks of epoch %" PRIu64 " give %016" PRIx64,
                   epoch + 2, load64(committee.beacon), epoch, load64(block->beacon));
    }
}
