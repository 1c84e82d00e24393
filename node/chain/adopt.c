/* Snapshot sync: a trusted checkpoint takes the place of genesis (docs/wire.md 9). The operator
 * vouches for the id; everything else hangs on it by hashes. */
#include "node/base/invariant.h"
#include "node/chain/accept.h"
#include "node/chain/chain_private.h"
#include "node/crypto/vrf.h"

#define BETA_BYTES 64
#define BEACON_HEAD_BYTES (1 + 8 + 1) /* kind, epoch, 0 while the epoch runs (docs/wire.md 6) */

/* headers is the hash chain below id, down to genesis or as far as the retarget looks. */
static enum err headers_check(const struct genesis *genesis, struct header *newest,
                              const uint8_t id[32], const uint8_t (*headers)[HEADER_BYTES],
                              size_t count)
{
    uint8_t expected[32];
    uint8_t got[32];
    struct header header;

    memcpy(expected, id, 32);
    for (size_t i = 0; i < count; i++) {
        header_id(got, headers[i]);
        if (memcmp(got, expected, 32) != 0 ||
            header_decode(&header, span_of(headers[i], HEADER_BYTES)) != ERR_OK ||
            header.height == 0) {
            return ERR_INVALID;
        }
        if (i == 0) {
            *newest = header;
        } else if (header.height + i != newest->height) {
            return ERR_INVALID;
        }
        memcpy(expected, header.parent, 32);
    }
    bool whole = count > 0 && count == newest->height;
    if (!whole && count < RETARGET_WINDOW) {
        return ERR_INVALID;
    }
    return whole && memcmp(expected, genesis->hash, 32) != 0 ? ERR_INVALID : ERR_OK;
}

/* beta from the proof, or, where there is none, from the beacon leaf, which lists those of the
 * running epoch in order. ERR_INVALID: the epoch has just closed and its list is gone. */
static enum err beta_find(uint8_t beta[BETA_BYTES], struct shared *shared,
                          const struct params *params, const struct header *header)
{
    uint8_t key[32];
    uint8_t epoch[8];
    struct span value;

    if (params->vrf != 0 && params->production == PRODUCTION_EXP) {
        return vrf_proof_beta(beta, header->pi);
    }
    store64(epoch, (header->height - 1) / params->epoch_blocks);
    state_key(key, STATE_BEACON, span_of(epoch, sizeof(epoch)));
    TRY(state_get(&value, shared, header->state_root, key));
    if (value.len < BEACON_HEAD_BYTES + 1 + BETA_BYTES || value.data[BEACON_HEAD_BYTES - 1] != 0) {
        return ERR_INVALID;
    }
    memcpy(beta, value.data + value.len - BETA_BYTES, BETA_BYTES);
    return ERR_OK;
}

static void ancestors_put(struct chain *chain, const uint8_t (*headers)[HEADER_BYTES], size_t count)
{
    struct tree *tree = &chain->tree;
    struct header header;

    if (count < RETARGET_WINDOW) {
        struct ancestor genesis = {
            .height = 0, .ts_ms = chain->genesis->ts_ms, .bt = chain->genesis->bt};
        tree_below_push(tree, &genesis);
    }
    for (size_t i = count; i-- > 1;) {
        if (header_decode(&header, span_of(headers[i], HEADER_BYTES)) == ERR_OK) {
            struct ancestor ancestor = {
                .height = header.height, .ts_ms = header.ts_ms, .bt = header.bt};
            tree_below_push(tree, &ancestor);
        }
    }
}

static void base_put(struct chain *chain, struct ctx *c, const struct tree_entry *facts,
                     const uint8_t (*headers)[HEADER_BYTES], size_t count)
{
    uint32_t index;

    tree_clear(&chain->tree, chain->shared);
    txpool_clear(&chain->pool, chain->shared);
    ancestors_put(chain, headers, count);
    invariant(tree_add(&chain->tree, &index, facts) == ERR_OK);
    chain->final_instance =
        chain->params.finality != 0 ? facts->height / chain->params.checkpoint_blocks : 0;
    durable_block_write(c, &chain->tree.entries[index]);
    checkpoint_write(chain, c, index, NULL, NULL, 0);
    orphans_prune(&chain->orphans, chain->shared, facts->height);
    chain->wake_ns = c->mono_ns; /* what waited above it can be judged now */
    tip_refresh(chain, c);
}

enum err chain_adopt(struct chain *chain, struct ctx *c, const uint8_t id[32],
                     const uint8_t (*headers)[HEADER_BYTES], size_t count, const struct blob *block)
{
    struct header header;
    struct block_head head;
    struct params params;
    uint8_t beta[BETA_BYTES];

    TRY(headers_check(chain->genesis, &header, id, headers, count));
    if (header.height <= chain->tree.entries[chain->tree.base].height) {
        return ERR_STALE;
    }
    if (accept_head(&head, c, block) != ERR_OK || memcmp(head.id, id, 32) != 0) {
        return ERR_INVALID;
    }
    const struct blob *state = blob_name_keep(chain->shared, header.state_root);
    if (state == NULL) {
        return ERR_UNKNOWN;
    }
    enum err err = state_params(&params, chain->shared, header.state_root);
    if (err == ERR_OK) {
        err = accept_body(c, &params, &head, block);
    }
    if (err == ERR_OK) {
        err = beta_find(beta, chain->shared, &params, &header);
    }
    if (err == ERR_OK && header.height % params.checkpoint_blocks != 0) {
        err = ERR_INVALID;
    }
    if (err != ERR_OK) {
        blob_drop(chain->shared, state);
        return err;
    }
    struct tree_entry facts = {.parent = TREE_NONE,
                               .height = header.height,
                               .ts_ms = header.ts_ms,
                               .bt = header.bt,
                               .state = state,
                               .block = blob_keep(chain->shared, block)};
    memcpy(facts.id, id, 32);
    memcpy(facts.signer, header.signer, 32);
    memcpy(facts.state_root, header.state_root, 32);
    accept_gs(facts.gs, &params, beta);
    base_put(chain, c, &facts, headers, count);
    return ERR_OK;
}
