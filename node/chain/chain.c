#include "node/chain/chain.h"

#include "node/base/invariant.h"
#include "node/base/rng.h"
#include "node/chain/chain_private.h"
#include "node/crypto/hash.h"

static uint32_t bounded(uint64_t wanted, uint32_t most)
{
    return wanted < 1 ? 1 : wanted > most ? most : (uint32_t)wanted;
}

/* With finality off the tree reaches down to the deepest reorganisation. */
static uint32_t tree_capacity(const struct node_config *config)
{
    uint64_t wanted = config->policy->tree_entries_max;
    uint64_t deep = 2 * config->genesis->params.rollback_max_blocks + 64;

    if (config->genesis->params.finality == 0 && wanted < deep) {
        wanted = deep;
    }
    return bounded(wanted, TREE_CAPACITY_MAX);
}

static uint32_t pool_capacity(const struct node_config *config)
{
    return bounded(config->policy->pool_txs_max, POOL_CAPACITY_MAX);
}

size_t chain_bytes(const struct node_config *config)
{
    return chain_head_bytes() + node_room_bytes(sizeof(struct chain_room)) +
           node_room_bytes(tree_capacity(config) * sizeof(struct tree_entry)) +
           node_part_bytes(txpool_bytes(pool_capacity(config)));
}

size_t chain_head_bytes(void)
{
    return node_part_bytes(sizeof(struct chain));
}

void chain_base_genesis(struct chain *chain)
{
    const struct genesis *genesis = chain->genesis;
    struct tree_entry facts = {.parent = TREE_NONE, .ts_ms = genesis->ts_ms, .bt = genesis->bt};
    uint32_t index;

    facts.state = blob_name_keep(chain->shared, genesis->state_root);
    invariant(facts.state != NULL); /* the host built it: genesis_build_state */
    memcpy(facts.id, genesis->hash, 32);
    memcpy(facts.gs, genesis->gs, 32);
    memcpy(facts.state_root, genesis->state_root, 32);
    invariant(tree_add(&chain->tree, &index, &facts) == ERR_OK);
    chain->final_instance = 0;
    chain->durable_height = 0;
    memset(chain->durable_root, 0, 32);
}

void chain_init(struct chain *chain, const struct node_config *config, struct shared *shared)
{
    chain_init_apart(chain, (uint8_t *)chain + chain_head_bytes(), config, shared);
}

void chain_init_apart(struct chain *chain, void *room, const struct node_config *config,
                      struct shared *shared)
{
    struct chain_room *arrays = room;
    uint8_t *entries = (uint8_t *)room + node_room_bytes(sizeof(*arrays));
    uint8_t *pooled = entries + node_room_bytes(tree_capacity(config) * sizeof(struct tree_entry));
    /* Secret and different for each node, so that nobody can aim ids at one bucket. */
    uint64_t key = rng_mix64(load64(config->node_seed) ^ rng_mix64(load64(config->account_seed)));

    chain->tracked = arrays->tracked;
    chain->refused = arrays->refused;
    chain->orphans.list = arrays->orphans;
    chain->config = config;
    chain->genesis = config->genesis;
    chain->shared = shared;
    chain->params = config->genesis->params;
    chain->params_of = TREE_NONE;
    if (config->sync != SYNC_FROM_GENESIS) {
        chain->trust.height = config->trusted_height;
        memcpy(chain->trust.id, config->trusted_id, 32);
    }
    chain->wake_ns = DEADLINE_NONE;
    chain->again_ns = DEADLINE_NONE;
    tree_init(&chain->tree, (struct tree_entry *)(void *)entries, tree_capacity(config), key);
    txpool_init(&chain->pool, pooled, pool_capacity(config), ~key);
    producer_init(&chain->producer, config);
    chain_base_genesis(chain);
}

void chain_drop(struct chain *chain)
{
    recovery_drop(chain);
    blob_drop(chain->shared, chain->final_decision);
    chain->final_decision = NULL;
    producer_drop(&chain->producer, chain->shared);
    orphans_clear(&chain->orphans, chain->shared);
    txpool_clear(&chain->pool, chain->shared);
    tree_clear(&chain->tree, chain->shared);
}

const struct tree_entry *chain_entry(const struct chain *chain, uint32_t index)
{
    invariant(index < chain->tree.used);
    return &chain->tree.entries[index];
}

uint32_t chain_find(const struct chain *chain, const uint8_t id[32])
{
    return tree_find(&chain->tree, id);
}

bool chain_holds(const struct chain *chain, const uint8_t id[32])
{
    return tree_find(&chain->tree, id) != TREE_NONE || orphans_hold(&chain->orphans, id);
}

void chain_lacking(const struct chain *chain, uint8_t id[32], uint64_t *height)
{
    uint32_t steps = orphans_root(&chain->orphans, id);

    *height = *height > steps ? *height - steps : 0;
}

uint32_t chain_tip(const struct chain *chain)
{
    return chain->tree.tip;
}

uint32_t chain_final(const struct chain *chain)
{
    return chain->tree.base;
}

uint64_t chain_final_instance(const struct chain *chain)
{
    return chain->final_instance;
}

uint32_t chain_ancestor(const struct chain *chain, uint32_t from, uint64_t height)
{
    return tree_ancestor(&chain->tree, from, height);
}

bool chain_descends(const struct chain *chain, uint32_t index, uint32_t ancestor)
{
    return tree_descends(&chain->tree, index, ancestor);
}

uint32_t chain_rival(const struct chain *chain, uint32_t index)
{
    const struct tree *tree = &chain->tree;
    const struct tree_entry *entry = &tree->entries[index];

    if (chain->params.finality == 0 || entry->block == NULL) {
        return TREE_NONE; /* without finality nothing is slashed */
    }
    for (uint32_t i = 0; i < tree->used; i++) {
        const struct tree_entry *other = &tree->entries[i];
        if (i != index && other->block != NULL && other->height == entry->height &&
            memcmp(other->signer, entry->signer, 32) == 0) {
            return i;
        }
    }
    return TREE_NONE;
}

const struct params *chain_params(const struct chain *chain)
{
    return &chain->params;
}

const struct genesis *chain_genesis(const struct chain *chain)
{
    return chain->genesis;
}

bool chain_write_done(struct chain *chain, struct ctx *c, const struct event *event,
                      struct chain_news *news, const struct blob **produced)
{
    struct producer *p = &chain->producer;

    *produced = NULL;
    if (p->request == 0 || event->write_done.request != p->request) {
        if (chain->final_writes == 0) {
            return false;
        }
        checkpoint_written(chain, c, event->write_done.err);
        return true;
    }
    if (producer_written(p, c, event->write_done.err)) {
        uint32_t before = news->accepted_count;
        blocks_own(chain, c, news);
        if (news->accepted_count > before) {
            *produced = chain->tree.entries[news->accepted[before]].block;
        }
    }
    return true;
}

void chain_wake(struct chain *chain, struct ctx *c, struct chain_news *news)
{
    if (c->mono_ns >= chain->wake_ns) {
        chain->wake_ns = DEADLINE_NONE;
        blocks_settle(chain, c, news, chain->tree.tip);
    }
    checkpoint_wake(chain, c);
    producer_wake(&chain->producer, c, chain->genesis, &chain->tree, &chain->params, &chain->pool);
}

uint64_t chain_deadline_ns(const struct chain *chain)
{
    uint64_t producer_ns = producer_deadline_ns(&chain->producer);
    uint64_t chain_ns = chain->wake_ns < chain->again_ns ? chain->wake_ns : chain->again_ns;
    return chain_ns < producer_ns ? chain_ns : producer_ns;
}

void chain_produce(struct chain *chain, struct ctx *c, bool on)
{
    if (chain->producer.on == on) {
        return;
    }
    chain->producer.on = on;
    if (chain->recovery.phase == RECOVERY_DONE) {
        tip_refresh(chain, c);
    }
}

void chain_digest(const struct chain *chain, uint8_t digest[32])
{
    const struct tree *tree = &chain->tree;
    struct hash_stream stream;
    uint8_t words[32];

    hash_stream_start(&stream, 32, span_of(NULL, 0));
    store64(words, chain->final_instance);
    store64(words + 8, chain->producer.signed_before.height);
    store64(words + 16, chain->producer.parent == TREE_NONE ? 0 : chain->producer.ts_ms);
    store64(words + 24, chain->producer.signed_before.below);
    hash_stream_add(&stream, words, sizeof(words));
    hash_stream_add(&stream, tree->entries[tree->tip].id, 32);
    hash_stream_add(&stream, tree->entries[tree->base].id, 32);
    for (uint32_t i = tree->base; i != TREE_NONE; i = tree_next(tree, tree->base, i)) {
        hash_stream_add(&stream, tree->entries[i].id, 32);
    }
    for (uint32_t i = 0; i < chain->pool.used; i++) {
        if (chain->pool.entries[i].tx != NULL) {
            hash_stream_add(&stream, chain->pool.entries[i].id, 32);
        }
    }
    for (uint32_t i = 0; i < chain->orphans.count; i++) {
        hash_stream_add(&stream, chain->orphans.list[i].id, 32);
    }
    hash_stream_end(&stream, digest);
}
