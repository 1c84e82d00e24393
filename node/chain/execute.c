#include "node/chain/execute.h"

#include "node/base/invariant.h"
#include "node/base/memo.h"
#include "node/base/plant.h"
#include "node/chain/execution.h"
#include "node/crypto/hash.h"
#include "node/seam/ctx.h"
#include "node/seam/limits.h"

_Static_assert(VALIDATORS_LIMIT == VALIDATORS_MAX && ACCOUNT_UNBONDING_MAX == UNBONDING_MAX &&
                   PARAMS_PENDING == PARAMS_PENDING_MAX,
               "limits.def and the leaves agree");

/* What is known of a transaction without a state, as the memo keeps it. */
struct tx_verdict {
    uint8_t id[32];
    uint8_t err, verify, vrf_verify;
};

/* The result of a block, as the memo keeps it. */
struct block_verdict {
    uint8_t root[32];
    uint32_t err, reads, writes, verify, vrf_verify;
};

static struct memo_key key_with_genesis(struct shared *shared, const struct genesis *genesis,
                                        struct span bytes)
{
    struct memo_key key = memo_key_bytes(shared, bytes.data, bytes.len);
    key.id[0] ^= load64(genesis->hash);
    key.id[1] ^= load64(genesis->hash + 8);
    return key;
}

static enum err tx_verify(const struct tx *tx, struct tx_check *check)
{
    struct sign_message message = {.context = SIGN_CONTEXT("tx"),
                                   .genesis = check->genesis->hash,
                                   .body = {span_of(tx->bytes.data, tx->bytes.len - SIGN_BYTES)}};
    check->verify = 1;
    TRY(ctx_sign_verify(check->shared, tx->bytes.data + tx->bytes.len - SIGN_BYTES, tx->sender,
                        &message));
    return tx_check_body(tx, check);
}

/* Decodes into tx, and fills the verdict from the memo or by doing the work. */
static void tx_judge(struct tx_verdict *verdict, struct tx *tx, struct shared *shared,
                     const struct genesis *genesis, struct span bytes)
{
    *verdict = (struct tx_verdict){.err = (uint8_t)tx_decode(tx, bytes)};
    if (verdict->err != ERR_OK) {
        return;
    }
    struct memo_key key = key_with_genesis(shared, genesis, bytes);
    if (memo_get(shared, MEMO_TX_ID, key, verdict, sizeof(*verdict))) {
        return;
    }
    struct tx_check check = {.shared = shared, .genesis = genesis};
    verdict->err = (uint8_t)tx_verify(tx, &check);
    verdict->verify = check.verify;
    verdict->vrf_verify = check.vrf_verify;
    hash256(verdict->id, bytes.data, bytes.len);
    memo_put(shared, MEMO_TX_ID, key, verdict, sizeof(*verdict));
}

enum err tx_facts_get(struct tx_facts *facts, struct ctx *c, const struct genesis *genesis,
                      struct span bytes)
{
    struct tx_verdict verdict;
    struct tx tx;
    tx_judge(&verdict, &tx, c->shared, genesis, bytes);
    ctx_charge(c, COST_HASH_KIB, bytes.len / 1024 + 1);
    ctx_charge(c, COST_VERIFY, verdict.verify);
    ctx_charge(c, COST_VRF_VERIFY, verdict.vrf_verify);
    TRY((enum err)verdict.err);
    *facts = (struct tx_facts){.type = tx.type,
                               .nonce = tx.nonce,
                               .fee_max = tx.fee_max,
                               .expiry = tx.expiry,
                               .bytes = (uint32_t)bytes.len};
    memcpy(facts->id, verdict.id, 32);
    memcpy(facts->sender, tx.sender, 32);
    return ERR_OK;
}

/* --- one block --- */

static enum err execution_begin(struct execution *x, struct ctx *c, const struct genesis *genesis,
                                const uint8_t parent_root[32], const struct header *header)
{
    *x = (struct execution){.shared = c->shared,
                            .scratch = c->scratch,
                            .genesis = genesis,
                            .parent_root = parent_root,
                            .height = header->height,
                            .fee_multiplier = header->fee_multiplier,
                            .validator_count = EXECUTION_UNCOUNTED};
    memcpy(x->signer, header->signer, 32);
    TRY(state_params(&x->params, c->shared, parent_root));
    if (header->height == 0) {
        return ERR_INVALID;
    }
    x->epoch = (header->height - (planted(EPOCH_OFF_BY_ONE) ? 0 : 1)) / x->params.epoch_blocks;
    x->edit = state_edit_begin(c->shared, parent_root, c->scratch);
    return x->edit == NULL ? ERR_FULL : ERR_OK;
}

static enum err tx_steps(struct execution *x, const struct tx *tx)
{
    if (x->height > tx->expiry) {
        return ERR_EXPIRED;
    }
    uint64_t fee = (uint64_t)tx->bytes.len * x->fee_multiplier;
    if (fee > tx->fee_max) {
        return ERR_FEE;
    }
    struct account sender;
    TRY(execution_account_get(&sender, x, tx->sender));
    if (planted(NONCE_GAP) ? tx->nonce < sender.nonce : tx->nonce != sender.nonce) {
        return ERR_NONCE;
    }
    if (fee > sender.free) {
        return ERR_BALANCE;
    }
    sender.free -= fee;
    sender.nonce++;
    TRY(execution_family_apply(x, tx, &sender));
    TRY(execution_account_put(x, tx->sender, &sender));
    x->fees += fee;
    return ERR_OK;
}

/* Applies a transaction whole, or leaves no trace of it. */
static enum err tx_apply(struct execution *x, const struct tx *tx)
{
    size_t mark = state_edit_mark(x->edit);
    size_t change_count = x->change_count;
    uint64_t validator_count = x->validator_count;
    enum err err = tx_steps(x, tx);
    if (err != ERR_OK) {
        state_edit_undo(x->edit, mark);
        x->change_count = change_count;
        x->validator_count = validator_count;
    }
    return err;
}

/* Errors that say nothing about the block: they are neither remembered nor held against it. */
static bool is_local(enum err err)
{
    return err == ERR_NO_MEMORY || err == ERR_UNKNOWN || err == ERR_CORRUPT;
}

/* A limit of the protocol is ERR_FULL; so is scratch that ran out, which must not look like one. */
static enum err local_full(enum err err, const struct arena *scratch, uint64_t refused)
{
    return err == ERR_FULL && scratch->refused != refused ? ERR_NO_MEMORY : err;
}

static void work_note(struct block_verdict *verdict, const struct execution *x)
{
    verdict->reads = (uint32_t)state_edit_reads(x->edit);
    verdict->writes = (uint32_t)state_edit_writes(x->edit);
    verdict->verify += x->verify;
}

static enum err txs_run(struct block_verdict *verdict, struct execution *x,
                        const struct header *header, const struct block_view *view)
{
    uint8_t(*ids)[32] = arena_alloc_array(x->scratch, (size_t)view->tx_count, 32);
    if (ids == NULL) {
        return ERR_FULL;
    }
    struct span rest = view->txs;
    struct span bytes;
    size_t count = 0;
    while (block_next_tx(&bytes, &rest) == ERR_OK) {
        struct tx_verdict known;
        struct tx tx;
        tx_judge(&known, &tx, x->shared, x->genesis, bytes);
        verdict->verify += known.verify;
        verdict->vrf_verify += known.vrf_verify;
        TRY((enum err)known.err);
        TRY(tx_apply(x, &tx));
        memcpy(ids[count++], known.id, 32);
    }
    uint8_t tx_root[32];
    block_tx_root(tx_root, (const uint8_t(*)[32])ids, count);
    return memcmp(tx_root, header->tx_root, 32) == 0 ? ERR_OK : ERR_INVALID;
}

static enum err block_run(struct block_verdict *verdict, const struct blob **root_blob,
                          struct ctx *c, const struct genesis *genesis,
                          const uint8_t parent_root[32], struct span block, const uint8_t beta[64])
{
    struct block_view view;
    struct header header;
    struct execution x;
    TRY(block_view(&view, block));
    TRY(header_decode(&header, view.header));
    TRY(execution_begin(&x, c, genesis, parent_root, &header));
    if (block.len > x.params.block_bytes_max || view.tx_count > x.params.block_txs_max ||
        header.fee_multiplier < x.params.fee_multiplier_min) {
        return ERR_INVALID;
    }
    enum err err = txs_run(verdict, &x, &header, &view);
    if (err == ERR_OK) {
        err = execution_block_end(&x, beta);
    }
    work_note(verdict, &x);
    TRY(err);
    return state_edit_commit(verdict->root, root_blob, x.edit);
}

static void charge(struct ctx *c, const struct block_verdict *verdict, size_t bytes)
{
    ctx_charge(c, COST_HASH_KIB, bytes / 1024 + 1);
    ctx_charge(c, COST_VERIFY, verdict->verify);
    ctx_charge(c, COST_VRF_VERIFY, verdict->vrf_verify);
    ctx_charge(c, COST_STATE_READ, verdict->reads);
    ctx_charge(c, COST_STATE_WRITE, verdict->writes);
}

/* Parent state, beta and the whole block: a body that does not belong to the header is another key.
 */
static struct memo_key block_key(struct shared *shared, const struct genesis *genesis,
                                 const uint8_t parent_root[32], struct span block,
                                 const uint8_t beta[64])
{
    uint8_t inputs[32 + 64 + 16];
    struct memo_key body = memo_key_bytes(shared, block.data, block.len);
    memcpy(inputs, parent_root, 32);
    memcpy(inputs + 32, beta, 64);
    memcpy(inputs + 96, body.id, 16);
    return key_with_genesis(shared, genesis, span_of(inputs, sizeof(inputs)));
}

enum err execute_block(uint8_t root[32], const struct blob **root_blob, struct ctx *c,
                       const struct genesis *genesis, const uint8_t parent_root[32],
                       struct span block, const uint8_t beta[64])
{
    struct block_verdict verdict = {.err = ERR_OK};
    struct memo_key key = block_key(c->shared, genesis, parent_root, block, beta);
    if (memo_get(c->shared, MEMO_EXECUTE, key, &verdict, sizeof(verdict))) {
        *root_blob = NULL;
        if (verdict.err == ERR_OK) {
            *root_blob = blob_name_keep(c->shared, verdict.root);
        }
        if (verdict.err != ERR_OK || *root_blob != NULL) {
            charge(c, &verdict, block.len);
            memcpy(root, verdict.root, 32);
            return (enum err)verdict.err;
        }
        verdict = (struct block_verdict){.err = ERR_OK}; /* the state is gone: once more */
    }
    size_t mark = arena_mark(c->scratch);
    uint64_t refused = c->scratch->refused;
    enum err err = block_run(&verdict, root_blob, c, genesis, parent_root, block, beta);
    err = local_full(err, c->scratch, refused);
    arena_rewind(c->scratch, mark);
    verdict.err = (uint32_t)err;
    if (!is_local(err)) {
        memo_put(c->shared, MEMO_EXECUTE, key, &verdict, sizeof(verdict));
    }
    charge(c, &verdict, block.len);
    memcpy(root, verdict.root, 32);
    return err;
}

/* --- a draft --- */

static enum err draft_txs(struct block_verdict *verdict, struct execution *x, bool *taken,
                          const struct span *txs, size_t count)
{
    uint64_t bytes = HEADER_BYTES + VAR_BYTES_MAX;
    uint64_t used = 0;
    uint64_t refused = x->scratch->refused;
    for (size_t i = 0; i < count; i++) {
        uint64_t room = txs[i].len + var_bytes(txs[i].len);
        taken[i] = false;
        if (used == x->params.block_txs_max || bytes + room > x->params.block_bytes_max) {
            continue;
        }
        struct tx_verdict known;
        struct tx tx;
        tx_judge(&known, &tx, x->shared, x->genesis, txs[i]);
        verdict->verify += known.verify;
        verdict->vrf_verify += known.vrf_verify;
        enum err err = known.err != ERR_OK ? (enum err)known.err : tx_apply(x, &tx);
        err = local_full(err, x->scratch, refused);
        if (is_local(err)) {
            return err;
        }
        taken[i] = err == ERR_OK;
        if (taken[i]) {
            bytes += room;
            used++;
        }
    }
    return ERR_OK;
}

static enum err draft_run(struct block_verdict *verdict, const struct blob **root_blob, bool *taken,
                          struct execution *x, const uint8_t beta[64], const struct span *txs,
                          size_t count)
{
    enum err err = draft_txs(verdict, x, taken, txs, count);
    if (err == ERR_OK) {
        err = execution_block_end(x, beta);
    }
    work_note(verdict, x);
    TRY(err);
    return state_edit_commit(verdict->root, root_blob, x->edit);
}

enum err execute_draft(uint8_t root[32], const struct blob **root_blob, bool *taken, struct ctx *c,
                       const struct genesis *genesis, const uint8_t parent_root[32],
                       const struct header *header, const uint8_t beta[64], const struct span *txs,
                       size_t count)
{
    struct block_verdict verdict = {.err = ERR_OK};
    struct execution x;
    size_t mark = arena_mark(c->scratch);
    uint64_t refused = c->scratch->refused;
    enum err err = execution_begin(&x, c, genesis, parent_root, header);
    if (err == ERR_OK) {
        err = draft_run(&verdict, root_blob, taken, &x, beta, txs, count);
    }
    err = local_full(err, c->scratch, refused);
    arena_rewind(c->scratch, mark);
    charge(c, &verdict, 0);
    memcpy(root, verdict.root, 32);
    return err;
}

/* --- the pool's question --- */

/* As the memo keeps the answer. */
struct admissible_verdict {
    uint32_t err, verify;
};

static enum err admissible_run(uint32_t *verify, struct ctx *c, const struct genesis *genesis,
                               const uint8_t root[32], uint64_t height, struct span bytes)
{
    struct execution x;
    struct tx tx;
    struct account sender;
    struct header header = {.height = height};
    TRY(tx_decode(&tx, bytes));
    TRY(execution_begin(&x, c, genesis, root, &header));
    x.fee_multiplier = (uint32_t)x.params.fee_multiplier_min;
    TRY(execution_account_get(&sender, &x, tx.sender));
    if (tx.nonce < sender.nonce) {
        return ERR_STALE;
    }
    if (tx.nonce == sender.nonce) {
        enum err err = tx_steps(&x, &tx);
        *verify = x.verify;
        return err;
    }
    uint64_t fee = (uint64_t)bytes.len * x.fee_multiplier;
    if (height > tx.expiry) {
        return ERR_EXPIRED;
    }
    if (fee > tx.fee_max) {
        return ERR_FEE;
    }
    return fee > sender.free ? ERR_BALANCE : ERR_OK;
}

enum err tx_admissible(struct ctx *c, const struct genesis *genesis, const uint8_t root[32],
                       uint64_t height, const struct tx_facts *facts, struct span tx)
{
    uint8_t inputs[32 + 32 + 8];
    memcpy(inputs, root, 32);
    memcpy(inputs + 32, facts->id, 32);
    store64(inputs + 64, height);
    struct memo_key key = key_with_genesis(c->shared, genesis, span_of(inputs, sizeof(inputs)));
    ctx_charge(c, COST_STATE_READ, 2);
    struct admissible_verdict verdict = {.err = ERR_OK};
    if (!memo_get(c->shared, MEMO_OTHER, key, &verdict, sizeof(verdict))) {
        size_t mark = arena_mark(c->scratch);
        uint64_t refused = c->scratch->refused;
        enum err err = admissible_run(&verdict.verify, c, genesis, root, height, tx);
        err = local_full(err, c->scratch, refused);
        arena_rewind(c->scratch, mark);
        verdict.err = (uint32_t)err;
        if (!is_local(err)) {
            memo_put(c->shared, MEMO_OTHER, key, &verdict, sizeof(verdict));
        }
    }
    ctx_charge(c, COST_VERIFY, verdict.verify);
    return (enum err)verdict.err;
}
