/* What becomes final and what that takes away (spec: chain 1.5, composition). */
#include "node/base/invariant.h"
#include "node/base/plant.h"
#include "node/chain/chain_private.h"

enum { WRITE_AGAIN_MS = 1000 };

#define MS UINT64_C(1000000)

void checkpoint_write(struct chain *chain, struct ctx *c, uint32_t to, const struct blob *decision,
                      const uint32_t *losers, size_t count)
{
    const struct tree_entry *entry = &chain->tree.entries[to];
    const struct blob *before = chain->final_decision;

    chain->final_decision = decision != NULL ? blob_keep(chain->shared, decision) : NULL;
    blob_drop(chain->shared, before);
    durable_final_write(c, &chain->tree, chain->final_instance, to, decision, chain->durable_root,
                        losers, count);
    chain->final_writes++;
    memcpy(chain->durable_root, entry->state_root, 32);
    chain->durable_height = entry->height;
}

void checkpoint_written(struct chain *chain, const struct ctx *c, enum err err)
{
    chain->final_refused = err != ERR_OK;
    chain->final_writes--;
    if (err != ERR_OK) {
        chain_write_failed(chain, c);
    } else if (chain->final_writes == 0) {
        blob_drop(chain->shared, chain->final_decision);
        chain->final_decision = NULL;
    }
}

/* The disk refused something, nobody noted what: all that stands in the tree is written once more.
 * What a restart needs of the blocks below stands in `a`. */
static void write_again(struct chain *chain, struct ctx *c)
{
    const struct tree *tree = &chain->tree;

    chain->again_ns = DEADLINE_NONE;
    durable_tree_write(c, tree);
    if (tree->entries[tree->base].block != NULL && chain->params.finality != 0) {
        checkpoint_write(chain, c, tree->base, chain->final_decision, NULL, 0);
    }
}

void checkpoint_wake(struct chain *chain, struct ctx *c)
{
    if (c->mono_ns >= chain->again_ns) {
        write_again(chain, c);
    }
}

bool chain_final_stored(const struct chain *chain)
{
    return chain->final_writes == 0 && !chain->final_refused;
}

enum err checkpoint_cut(struct chain *chain, struct ctx *c, uint32_t to,
                        const struct blob *decision, bool written)
{
    struct tree *tree = &chain->tree;
    size_t mark = arena_mark(c->scratch);
    uint32_t *losers = arena_alloc_array(c->scratch, tree->count, sizeof(losers[0]));

    if (losers == NULL) {
        return ERR_FULL;
    }
    size_t count = tree_losers(tree, losers, to);
    if (written) {
        if (chain->again_ns != DEADLINE_NONE) {
            write_again(chain, c); /* now: what is cut off could not be offered later */
        }
        checkpoint_write(chain, c, to, decision, losers, count);
    } else {
        durable_losers_delete(c, tree, losers, count);
    }
    tree_rebase(tree, chain->shared, to, losers, count);
    arena_rewind(c->scratch, mark);
    if (written) {
        prune_begin(chain, c);
    }
    orphans_prune(&chain->orphans, chain->shared, tree->entries[to].height);
    txs_final(chain, c, tree->entries[to].height);
    return ERR_OK;
}

void chain_write_failed(struct chain *chain, const struct ctx *c)
{
    if (chain->recovery.phase == RECOVERY_DONE) { /* until then only losers are deleted */
        chain->again_ns = c->mono_ns + WRITE_AGAIN_MS * MS;
    }
}

static enum err finalize(struct chain *chain, struct ctx *c, uint64_t instance,
                         const uint8_t id[32], const struct blob *decision)
{
    struct tree *tree = &chain->tree;
    uint32_t to = tree_find(tree, id);
    uint32_t old_tip = tree->tip;

    if (instance <= chain->final_instance) {
        return ERR_STALE;
    }
    if (to == TREE_NONE) {
        return ERR_UNKNOWN;
    }
    if (tree->entries[to].height != instance * chain->params.checkpoint_blocks) {
        return ERR_INVALID;
    }
    /* After every decision: the heaviest chain through it. */
    if (!tree_descends(tree, old_tip, to) && !planted(FINALITY_IGNORED)) {
        tree->tip = tree_best(tree, to);
        tip_changed(chain, c, old_tip);
    }
    uint64_t instance_before = chain->final_instance;
    chain->final_instance = instance;
    enum err err = checkpoint_cut(chain, c, to, decision, true);
    if (err != ERR_OK) {
        chain->final_instance = instance_before;
    }
    return err;
}

enum err chain_finalize(struct chain *chain, struct ctx *c, uint64_t instance, const uint8_t id[32],
                        const struct blob *decision)
{
    return chain_trust_pending(chain) ? ERR_EARLY : finalize(chain, c, instance, id, decision);
}

bool trust_contradicted(const struct chain *chain, uint64_t height, const uint8_t id[32])
{
    const struct node_config *config = chain->config;

    return config->sync != SYNC_FROM_GENESIS && height != 0 &&
           ((config->trusted_height == height && memcmp(config->trusted_id, id, 32) != 0) ||
            (chain->trust.height == height && memcmp(chain->trust.id, id, 32) != 0));
}

/* The last instance at or below a trusted block, 0: none. */
static uint64_t trusted_instance(const struct chain *chain, uint64_t height)
{
    return chain->config->sync == SYNC_FROM_GENESIS || chain->params.finality == 0
               ? 0
               : height / chain->params.checkpoint_blocks;
}

bool chain_trust_pending(const struct chain *chain)
{
    uint64_t trusted = chain->config->trusted_height;
    uint64_t base = chain->tree.entries[chain->tree.base].height;

    return chain->final_instance < trusted_instance(chain, trusted) && base < trusted;
}

void chain_trust(struct chain *chain, const struct ctx *c, uint64_t height, const uint8_t id[32])
{
    if (chain->trust.height != height) {
        chain->trust.height = height;
        memcpy(chain->trust.id, id, 32);
        chain->wake_ns = c->mono_ns; /* it may be here already */
    }
}

uint64_t chain_reach(const struct chain *chain)
{
    return chain->tree.capacity / 2;
}

bool trust_follow(struct chain *chain, struct ctx *c)
{
    if (!chain_trust_pending(chain)) {
        return false;
    }
    const struct tree *tree = &chain->tree;
    uint32_t trusted = tree_find(tree, chain->trust.id);
    if (trusted == TREE_NONE || tree->entries[trusted].height != chain->trust.height) {
        return false;
    }
    uint64_t instance = trusted_instance(chain, chain->trust.height);
    uint32_t to = tree_ancestor(tree, trusted, instance * chain->params.checkpoint_blocks);
    uint8_t id[32];
    if (to == TREE_NONE) {
        return false;
    }
    memcpy(id, tree->entries[to].id, 32);
    if (finalize(chain, c, instance, id, NULL) != ERR_OK) {
        return false;
    }
    const struct tree_entry *final = &tree->entries[tree->base];
    ctx_trace(c, TRACE_checkpoint_decided, instance, final->height, load64(id), 0,
              load64(final->state_root), true);
    return true;
}

void checkpoint_follow(struct chain *chain, struct ctx *c)
{
    struct tree *tree = &chain->tree;
    const struct tree_entry *e = tree->entries;

    if (chain->params.finality != 0) {
        return;
    }
    while (e[tree->tip].height - e[tree->base].height > chain->params.rollback_max_blocks) {
        uint32_t to = e[tree->base].child;
        if (e[to].sibling != TREE_NONE) {
            to = tree_ancestor(tree, tree->tip, e[tree->base].height + 1);
        }
        invariant(to != TREE_NONE);
        bool written = e[to].height >= chain->durable_height + DURABLE_LAG_BLOCKS;
        if (checkpoint_cut(chain, c, to, NULL, written) != ERR_OK) {
            return; /* no scratch: the next tip tries again */
        }
    }
}

enum chain_verdict chain_value_check(struct chain *chain, const struct ctx *c, uint64_t instance,
                                     const uint8_t id[32])
{
    uint32_t index = tree_find(&chain->tree, id);

    if (chain_refused(chain, id)) {
        return CHAIN_INVALID;
    }
    if (index == TREE_NONE || chain->final_instance + 1 != instance || chain_trust_pending(chain)) {
        return CHAIN_UNKNOWN;
    }
    /* What stands in the tree descends from the checkpoint of instance - 1. */
    const struct tree_entry *entry = &chain->tree.entries[index];
    if (entry->height != instance * chain->params.checkpoint_blocks) {
        return CHAIN_INVALID;
    }
    return entry->ts_ms <= c->wall_ms + chain->params.max_future_ms ? CHAIN_VALID : CHAIN_UNKNOWN;
}

enum err chain_value_propose(const struct chain *chain, uint64_t instance, uint8_t id[32])
{
    const struct tree *tree = &chain->tree;
    uint64_t height = instance * chain->params.checkpoint_blocks;

    if (tree->entries[tree->tip].height < height + chain->params.checkpoint_depth) {
        return ERR_EARLY;
    }
    uint32_t index = tree_ancestor(tree, tree->tip, height);
    if (index == TREE_NONE) {
        return ERR_STALE;
    }
    memcpy(id, tree->entries[index].id, 32);
    return ERR_OK;
}

bool chain_value_preferred(const struct chain *chain, const uint8_t id[32])
{
    uint32_t index = tree_find(&chain->tree, id);
    return index != TREE_NONE && tree_descends(&chain->tree, chain->tree.tip, index);
}
