#include "node/chain/accept.h"

#include "node/base/memo.h"
#include "node/crypto/hash.h"
#include "node/crypto/vrf.h"

/* MEMO_OTHER is shared by several functions: each stirs its name into the key. */
#define MEMO_NAME_BT 0x7a3f1c5e9b2d8460u
#define MEMO_NAME_BODY 0x1d94e6b8a5c3f702u

struct header_verdict {
    uint32_t err;
    uint8_t beta[64];
};

static struct memo_key key_of(const uint8_t id[32], uint64_t name)
{
    return (struct memo_key){.id = {load64(id) ^ name, load64(id + 8)}};
}

static uint64_t kib(size_t bytes)
{
    return (bytes + 1023) / 1024;
}

enum err accept_head(struct block_head *head, struct ctx *c, const struct blob *block)
{
    struct memo_key key = {.id = {block->id[0], block->id[1]}};

    if (block_view(&head->view, span_of(block->data, block->len)) != ERR_OK ||
        header_decode(&head->header, head->view.header) != ERR_OK) {
        return ERR_INVALID;
    }
    ctx_charge(c, COST_HASH_KIB, 1);
    if (!memo_get(c->shared, MEMO_BLOCK_ID, key, head->id, 32)) {
        header_id(head->id, head->view.header.data);
        memo_put(c->shared, MEMO_BLOCK_ID, key, head->id, 32);
    }
    return ERR_OK;
}

static enum err tx_root_check(struct ctx *c, const struct block_head *head)
{
    uint8_t root[32];
    struct span rest = head->view.txs;
    struct span tx;
    size_t mark = arena_mark(c->scratch);
    uint8_t(*ids)[32] = arena_alloc_array(c->scratch, (size_t)head->view.tx_count, 32);

    if (ids == NULL) {
        return ERR_FULL;
    }
    for (uint64_t i = 0; i < head->view.tx_count; i++) {
        TRY(block_next_tx(&tx, &rest));
        hash256(ids[i], tx.data, tx.len);
    }
    block_tx_root(root, (const uint8_t(*)[32])ids, (size_t)head->view.tx_count);
    arena_rewind(c->scratch, mark);
    return memcmp(root, head->header.tx_root, 32) == 0 ? ERR_OK : ERR_INVALID;
}

enum err accept_body(struct ctx *c, const struct params *params, const struct block_head *head,
                     const struct blob *block)
{
    struct memo_key key = {.id = {block->id[0] ^ MEMO_NAME_BODY, block->id[1]}};
    uint32_t verdict;

    if (block->len > params->block_bytes_max || head->view.tx_count > params->block_txs_max) {
        return ERR_INVALID;
    }
    ctx_charge(c, COST_HASH_KIB, kib(block->len));
    if (!memo_get(c->shared, MEMO_OTHER, key, &verdict, sizeof(verdict))) {
        verdict = (uint32_t)tx_root_check(c, head);
        if (verdict == ERR_FULL) {
            return ERR_FULL;
        }
        memo_put(c->shared, MEMO_OTHER, key, &verdict, sizeof(verdict));
    }
    return (enum err)verdict;
}

uint64_t accept_child_bt(struct shared *shared, const struct params *params,
                         const struct tree *tree, uint32_t parent)
{
    struct ancestor ancestors[RETARGET_WINDOW];
    struct memo_key key = key_of(tree->entries[parent].id, MEMO_NAME_BT);
    uint64_t bt;

    if (!memo_get(shared, MEMO_OTHER, key, &bt, sizeof(bt))) {
        size_t count = tree_ancestors(tree, ancestors, parent);
        bt = production_retarget(params, ancestors, count, 0);
        memo_put(shared, MEMO_OTHER, key, &bt, sizeof(bt));
    }
    return bt;
}

void accept_gs(uint8_t gs[32], const struct params *params, const uint8_t beta[64])
{
    if (params->production == PRODUCTION_SIRIUS2018) {
        memcpy(gs, beta, 32);
    } else {
        production_gs_child(gs, beta);
    }
}

/* One legal timestamp per parent and signer: parent.ts + delay (spec: chain 1.2). */
static enum err timing_exp(uint8_t beta[64], struct ctx *c, const struct params *params,
                           const struct tree *tree, uint32_t parent, const struct header *header,
                           uint64_t stake)
{
    const struct tree_entry *above = &tree->entries[parent];
    struct account account;
    uint8_t alpha[ALPHA_BYTES];
    uint64_t delay_ms;
    static const uint8_t no_proof[80];

    TRY(state_account(&account, c->shared, above->state_root, header->signer));
    production_alpha(alpha, above->gs, header->height);
    if (params->vrf != 0) {
        if (ctx_vrf_verify(c->shared, beta, account.vrf_key, header->pi,
                           span_of(alpha, sizeof(alpha))) != ERR_OK) {
            return ERR_SIGNATURE;
        }
    } else {
        if (memcmp(header->pi, no_proof, sizeof(no_proof)) != 0) {
            return ERR_INVALID;
        }
        production_beta_novrf(beta, account.vrf_key, alpha);
    }
    if (header->bt != accept_child_bt(c->shared, params, tree, parent) ||
        production_delay_ms(&delay_ms, params, beta, stake, header->bt) != ERR_OK) {
        return ERR_INVALID;
    }
    return header->ts_ms == above->ts_ms + delay_ms ? ERR_OK : ERR_INVALID;
}

/* Any whole second at which the hit is below the target; difficulty depends on the second (spec:
 * chain 1.1, decision 11). */
static enum err timing_2018(uint8_t beta[64], const struct params *params, const struct tree *tree,
                            uint32_t parent, const struct header *header, uint64_t balance)
{
    const struct tree_entry *above = &tree->entries[parent];
    struct ancestor ancestors[RETARGET_WINDOW];
    size_t count = tree_ancestors(tree, ancestors, parent);
    uint64_t elapsed_ms = header->ts_ms - above->ts_ms;
    static const uint8_t no_proof[80];

    memset(beta, 0, 64);
    production_gs_child_2018(beta, above->gs, header->signer);
    if (memcmp(header->pi, no_proof, sizeof(no_proof)) != 0 || elapsed_ms % 1000 != 0 ||
        header->bt != production_retarget(params, ancestors, count, header->ts_ms)) {
        return ERR_INVALID;
    }
    return production_2018_hits(beta, balance, elapsed_ms / 1000, header->bt) ? ERR_OK
                                                                              : ERR_INVALID;
}

static enum err header_judge(uint8_t beta[64], struct ctx *c, const struct genesis *genesis,
                             const struct params *params, const struct tree *tree, uint32_t parent,
                             const struct header *header, const uint8_t *bytes)
{
    const struct tree_entry *above = &tree->entries[parent];
    uint64_t stake;

    if (header->version != HEADER_VERSION || memcmp(header->genesis, genesis->hash, 32) != 0 ||
        header->height != above->height + 1 || header->ts_ms <= above->ts_ms ||
        header->fee_multiplier < params->fee_multiplier_min) {
        return ERR_INVALID;
    }
    struct sign_message message = header_message(bytes);
    if (ctx_sign_verify(c->shared, bytes + HEADER_SIGNED_BYTES, header->signer, &message) !=
        ERR_OK) {
        return ERR_SIGNATURE;
    }
    enum err err = stake_effective(&stake, c->shared, above->state_root, params, above->height,
                                   header->signer);
    if (err != ERR_OK) {
        return err == ERR_NOT_FOUND ? ERR_INVALID : err;
    }
    if (stake == 0) {
        return ERR_INVALID;
    }
    if (params->production == PRODUCTION_SIRIUS2018) {
        return timing_2018(beta, params, tree, parent, header, stake);
    }
    return timing_exp(beta, c, params, tree, parent, header, stake);
}

enum err accept_header(uint8_t beta[64], struct ctx *c, const struct genesis *genesis,
                       const struct params *params, const struct tree *tree, uint32_t parent,
                       const struct header *header, const uint8_t *bytes, const uint8_t id[32])
{
    /* The id covers the header and through the parent's id all ancestors: it is the whole input. */
    struct memo_key key = key_of(id, 0);
    struct header_verdict verdict = {0};

    ctx_charge(c, COST_VERIFY, 1);
    ctx_charge(c, COST_STATE_READ, 2);
    if (params->vrf != 0 && params->production == PRODUCTION_EXP) {
        ctx_charge(c, COST_VRF_VERIFY, 1);
    }
    if (!memo_get(c->shared, MEMO_HEADER, key, &verdict, sizeof(verdict))) {
        verdict.err =
            (uint32_t)header_judge(verdict.beta, c, genesis, params, tree, parent, header, bytes);
        if (verdict.err == ERR_UNKNOWN) {
            return ERR_UNKNOWN;
        }
        memo_put(c->shared, MEMO_HEADER, key, &verdict, sizeof(verdict));
    }
    memcpy(beta, verdict.beta, 64);
    return (enum err)verdict.err;
}

enum err accept_execute(const struct blob **state, struct ctx *c, const struct genesis *genesis,
                        const struct tree_entry *parent, const struct block_head *head,
                        const struct blob *block, const uint8_t beta[64])
{
    uint8_t root[32];
    enum err err = execute_block(root, state, c, genesis, parent->state_root,
                                 span_of(block->data, block->len), beta);

    if (err != ERR_OK) {
        return err == ERR_FULL || err == ERR_UNKNOWN ? err : ERR_INVALID;
    }
    if (memcmp(root, head->header.state_root, 32) != 0) {
        blob_drop(c->shared, *state);
        *state = NULL;
        return ERR_INVALID;
    }
    return ERR_OK;
}
