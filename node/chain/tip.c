/* What a new best tip means: transactions leave and return to the pool, own ones are reported,
 * production aims again. */
#include "node/chain/chain_private.h"
#include "node/chain/tx.h"
#include "node/crypto/hash.h"

static void tracked_connect(struct chain *chain, struct ctx *c, const struct span *tx,
                            uint64_t height)
{
    uint8_t id[32];

    for (uint32_t i = 0; i < chain->tracked_count; i++) {
        struct tracked_tx *own = &chain->tracked[i];
        if (own->nonce != load64(tx->data + TX_NONCE_AT) ||
            memcmp(own->sender, tx->data + TX_SENDER_AT, 32) != 0) {
            continue;
        }
        hash256(id, tx->data, tx->len);
        if (memcmp(id, own->id, 32) == 0) {
            own->height = height;
            ctx_trace(c, TRACE_tx_included, load64(id), height);
        }
    }
}

/* Transactions of a block that joins the best chain leave the pool. True: there is evidence among
 * them. */
static bool connect(struct chain *chain, struct ctx *c, const struct tree_entry *entry)
{
    struct block_view view;
    struct span tx;
    bool proofs = false;

    if ((chain->pool.count == 0 && chain->tracked_count == 0) ||
        block_view(&view, span_of(entry->block->data, entry->block->len)) != ERR_OK) {
        return false;
    }
    while (block_next_tx(&tx, &view.txs) == ERR_OK) {
        txpool_pass(&chain->pool, chain->shared, tx.data + TX_SENDER_AT,
                    load64(tx.data + TX_NONCE_AT));
        proofs = proofs || load16(tx.data) == TX_evidence;
        tracked_connect(chain, c, &tx, entry->height);
    }
    return proofs;
}

/* Those of a block that leaves it return, as far as the new tip allows. */
static void disconnect(struct chain *chain, struct ctx *c, const struct tree_entry *entry)
{
    struct block_view view;
    struct span tx;
    uint8_t id[32];

    for (uint32_t i = 0; i < chain->tracked_count; i++) {
        if (chain->tracked[i].height == entry->height) {
            chain->tracked[i].height = 0;
        }
    }
    if (block_view(&view, span_of(entry->block->data, entry->block->len)) != ERR_OK) {
        return;
    }
    while (block_next_tx(&tx, &view.txs) == ERR_OK) {
        const struct blob *blob = blob_put(chain->shared, tx.data, tx.len);
        /* Refused: it is on the new branch as well, or cannot follow it. */
        (void)!txs_add(chain, c, id, blob);
        blob_drop(chain->shared, blob);
    }
}

enum err tip_params(struct params *params, const struct chain *chain, uint32_t parent)
{
    if (parent == chain->params_of) {
        *params = chain->params;
        return ERR_OK;
    }
    return state_params(params, chain->shared, chain->tree.entries[parent].state_root);
}

void tip_refresh(struct chain *chain, struct ctx *c)
{
    const struct tree_entry *tip = &chain->tree.entries[chain->tree.tip];
    struct params params;

    ctx_charge(c, COST_STATE_READ, 1);
    if (state_params(&params, chain->shared, tip->state_root) == ERR_OK) {
        chain->params = params;
        chain->params_of = chain->tree.tip;
    }
    /* What leads to the trusted block is not ours to make. */
    producer_aim(&chain->producer, c, &chain->tree, &chain->params,
                 chain_trust_pending(chain) ? TREE_NONE : chain->tree.tip);
}

void tip_changed(struct chain *chain, struct ctx *c, uint32_t old_tip)
{
    const struct tree_entry *e = chain->tree.entries;
    uint32_t tip = chain->tree.tip;
    uint32_t fork = tree_fork(&chain->tree, old_tip, tip);
    bool proofs = false;

    chain->params_of = TREE_NONE; /* until the refresh below: old_tip may go away */

    for (uint32_t i = old_tip; i != fork; i = e[i].parent) {
        disconnect(chain, c, &e[i]);
    }
    for (uint32_t i = tip; i != fork; i = e[i].parent) {
        proofs |= connect(chain, c, &e[i]);
    }
    txpool_expire(&chain->pool, chain->shared, e[tip].height + 1);
    ctx_trace(c, TRACE_tip_changed, e[tip].height, load64(e[tip].id),
              e[old_tip].height - e[fork].height, (uint64_t)e[tip].score);
    checkpoint_follow(chain, c);
    tip_refresh(chain, c);
    if (proofs) {
        txs_proofs_sweep(chain);
    }
}
