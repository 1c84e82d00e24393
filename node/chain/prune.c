/* Old blocks: with each durable checkpoint what is deeper than the policy's keep_blocks is read, a
 * few blocks at a time, and deleted together with its decision. The state needs none of them. Who
 * asks for one of them is told that it is not here, as by a node that began with a snapshot. */
#include "node/base/invariant.h"
#include "node/chain/chain_private.h"
#include "node/seam/limits.h"

#define READ_BLOCKS 8 /* of up to 4 MiB each */

/* Peers begin with a snapshot of one of the last epoch boundaries and need what follows it; a
 * restart needs the retarget window. */
static uint64_t kept_blocks(const struct chain *chain)
{
    uint64_t least = (SYNC_SNAPSHOTS + 1) * chain->params.epoch_blocks + RETARGET_WINDOW;
    uint64_t wanted = chain->config->policy->keep_blocks;

    return wanted > least ? wanted : least;
}

static void read_next(struct chain *chain, struct ctx *c)
{
    struct prune *p = &chain->prune;

    p->request = ctx_read(c, span_of("b", 1), span_of(p->from, p->from_len), READ_BLOCKS, false);
}

void prune_begin(struct chain *chain, struct ctx *c)
{
    struct prune *p = &chain->prune;
    uint64_t kept = kept_blocks(chain);

    if (chain->config->policy->keep_blocks == 0 || chain->durable_height <= kept) {
        return;
    }
    p->below = chain->durable_height - kept;
    if (p->request == 0) {
        read_next(chain, c);
    }
}

static uint64_t height_of(const struct record *record)
{
    return __builtin_bswap64(load64(record->key + 1));
}

/* Deletes the blocks of the answer that are low enough; whether all were. */
static bool answer_delete(struct chain *chain, struct ctx *c, const struct event *event)
{
    struct prune *p = &chain->prune;
    uint64_t distance = chain->params.checkpoint_blocks;
    struct write_batch batch;
    size_t i = 0;

    ctx_write_begin(c, &batch);
    for (; i < event->read_done.count; i++) {
        const struct record *record = &event->read_done.records[i];
        if (record->key_len != RECORD_BLOCK_KEY_BYTES || height_of(record) >= p->below) {
            break;
        }
        uint64_t height = height_of(record);
        ctx_write_delete(c, &batch, span_of(record->key, record->key_len));
        if (height % distance == 0) {
            uint8_t key[RECORD_DECISION_KEY_BYTES];
            durable_decision_key(key, height / distance);
            ctx_write_delete(c, &batch, span_of(key, sizeof(key)));
        }
        memcpy(p->from, record->key, RECORD_BLOCK_KEY_BYTES);
        p->from[RECORD_BLOCK_KEY_BYTES] = 0; /* the next key */
        p->from_len = RECORD_BLOCK_KEY_BYTES + 1;
    }
    if (batch.count > 0) {
        ctx_write_commit_quiet(c, &batch);
    }
    return i > 0 && i == event->read_done.count;
}

bool prune_read_done(struct chain *chain, struct ctx *c, const struct event *event)
{
    struct prune *p = &chain->prune;

    if (p->request == 0 || event->read_done.request != p->request) {
        return false;
    }
    p->request = 0;
    /* A read that failed is tried again with the next checkpoint. */
    if (event->read_done.err == ERR_OK && answer_delete(chain, c, event) && event->read_done.more) {
        read_next(chain, c);
    }
    return true;
}
