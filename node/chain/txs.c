/* The pool as the rest of the node sees it: against the state at the tip. */
#include "node/chain/chain_private.h"
#include "node/chain/tx.h"

/* A proof that nobody needs is worth nothing, though its nonce is not yet due. */
static bool late_proof(const struct chain *chain, struct span tx)
{
    const struct tree_entry *tip = &chain->tree.entries[chain->tree.tip];

    return load16(tx.data) == TX_evidence &&
           evidence_void(chain->shared, &chain->params, tip->state_root, tip->height + 1, tx);
}

void txs_proofs_sweep(struct chain *chain)
{
    struct txpool *pool = &chain->pool;

    for (uint32_t i = 0; i < pool->used; i++) {
        const struct blob *tx = pool->entries[i].tx;
        if (tx != NULL && late_proof(chain, span_of(tx->data, tx->len))) {
            txpool_remove(pool, chain->shared, pool->entries[i].id);
        }
    }
}

enum err txs_add(struct chain *chain, struct ctx *c, uint8_t id[32], const struct blob *tx)
{
    const struct tree_entry *tip = &chain->tree.entries[chain->tree.tip];
    const struct node_policy *policy = chain->config->policy;
    struct span bytes = span_of(tx->data, tx->len);
    struct tx_facts facts;
    bool full = chain->pool.count == chain->pool.capacity;
    bool evicted;

    TRY(tx_facts_get(&facts, c, chain->genesis, bytes));
    memcpy(id, facts.id, 32);
    if (txpool_find(&chain->pool, facts.id) != NULL) {
        return ERR_DUPLICATE;
    }
    TRY(tx_admissible(c, chain->genesis, tip->state_root, tip->height + 1, &facts, bytes));
    if (late_proof(chain, bytes)) {
        return ERR_DUPLICATE;
    }
    enum err err =
        txpool_add(&chain->pool, chain->shared, &evicted, &facts, tx, policy->pool_sender_max);
    if (evicted || (full && err == ERR_FEE)) { /* nothing cheaper to make room */
        ctx_trace(c, TRACE_limit_reached, LIMIT_POOL_TXS, chain->pool.count);
    }
    if (err == ERR_FULL) {
        ctx_trace(c, TRACE_limit_reached, LIMIT_POOL_SENDER_TXS, policy->pool_sender_max);
    }
    return err;
}

enum err chain_tx_add(struct chain *chain, struct ctx *c, uint8_t id[32], const struct blob *tx)
{
    enum err err;

    memset(id, 0, 32);
    err = txs_add(chain, c, id, tx);
    if (err != ERR_OK && err != ERR_DUPLICATE) {
        ctx_trace(c, TRACE_tx_rejected, load64(id), err);
    }
    return err;
}

const struct blob *chain_tx_get(const struct chain *chain, const uint8_t id[32])
{
    const struct txpool_entry *entry = txpool_find(&chain->pool, id);
    return entry == NULL ? NULL : entry->tx;
}

const struct txpool *chain_pool(const struct chain *chain)
{
    return &chain->pool;
}

size_t chain_tx_match(struct chain *chain, struct ctx *c, const struct blob **found,
                      const uint8_t block_id[32], const uint64_t *short_ids, size_t count)
{
    return txpool_match(&chain->pool, c->scratch, found, block_id, short_ids, count);
}

void chain_tx_track(struct chain *chain, const uint8_t id[32])
{
    const struct txpool_entry *entry = txpool_find(&chain->pool, id);

    if (entry == NULL) {
        return;
    }
    if (chain->tracked_count == TRACKED_TXS_MAX) {
        /* The oldest is followed no more. */
        memmove(&chain->tracked[0], &chain->tracked[1],
                (TRACKED_TXS_MAX - 1) * sizeof(chain->tracked[0]));
        chain->tracked_count--;
    }
    struct tracked_tx *own = &chain->tracked[chain->tracked_count++];
    *own = (struct tracked_tx){.nonce = entry->nonce};
    memcpy(own->id, entry->id, 32);
    memcpy(own->sender, entry->sender, 32);
}

void txs_final(struct chain *chain, struct ctx *c, uint64_t height)
{
    uint32_t kept = 0;

    for (uint32_t i = 0; i < chain->tracked_count; i++) {
        const struct tracked_tx *own = &chain->tracked[i];
        if (own->height != 0 && own->height <= height) {
            ctx_trace(c, TRACE_tx_finalized, load64(own->id), own->height);
        } else {
            chain->tracked[kept++] = *own;
        }
    }
    chain->tracked_count = kept;
}

uint64_t chain_account_nonce(struct chain *chain, struct ctx *c, const uint8_t account[32])
{
    const struct tree_entry *tip = &chain->tree.entries[chain->tree.tip];
    struct account state = {0};

    ctx_charge(c, COST_STATE_READ, 1);
    if (state_account(&state, chain->shared, tip->state_root, account) != ERR_OK) {
        state.nonce = 0;
    }
    return txpool_next_nonce(&chain->pool, account, state.nonce);
}

bool chain_tx_waits(const struct chain *chain, const uint8_t account[32], uint64_t nonce)
{
    return txpool_waits(&chain->pool, account, nonce);
}
