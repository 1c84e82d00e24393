/* The state of block 0 (docs/wire.md 5 and 6). */
#include "node/base/invariant.h"
#include "node/chain/execution.h"

#define BATCH_ACCOUNTS 2048 /* written at a time: bounds scratch */

struct build {
    struct genesis *genesis;
    struct shared *shared;
    struct arena *scratch;
    struct state_edit *edit;
    uint8_t root[32];
    const struct blob *blob; /* of root */
    size_t mark;
    uint8_t *validators;
    size_t validator_count;
};

static enum err edit_open(struct build *b)
{
    b->edit = state_edit_begin(b->shared, b->root, b->scratch);
    return b->edit == NULL ? ERR_FULL : ERR_OK;
}

static enum err edit_close(struct build *b)
{
    const struct blob *blob;
    TRY(state_edit_commit(b->root, &blob, b->edit));
    blob_drop(b->shared, b->blob);
    b->blob = blob;
    arena_rewind(b->scratch, b->mark);
    return ERR_OK;
}

static enum err node_build(struct build *b, struct account *account,
                           const struct genesis_node *node)
{
    struct node_leaf leaf = {.owner = node->owner, .status = NODE_ACTIVE};
    TRY(node_record_decode(&leaf.record, node->record));
    memcpy(account->node_id, leaf.record.node_id, 32);
    memcpy(account->vrf_key, leaf.record.vrf, 32);
    uint8_t bytes[NODE_LEAF_BYTES_MAX];
    uint8_t key[32];
    size_t len;
    struct span value;
    node_leaf_encode(bytes, &len, &leaf);
    leaf_key_id(key, STATE_NODE, leaf.record.node_id);
    enum err err = state_edit_get(&value, b->edit, key);
    if (err != ERR_NOT_FOUND) {
        return err == ERR_OK ? ERR_DUPLICATE : err;
    }
    return state_edit_put(b->edit, key, span_of(bytes, len));
}

static enum err account_build(struct build *b, const struct genesis_account *given,
                              const struct genesis_node *node)
{
    struct account account;
    memset(&account, 0, sizeof(account));
    account.free = given->free;
    account.bonded = given->bonded;
    account_snapshot(&account, &b->genesis->params, 0); /* as if held for ever (decision 9) */
    if (node != NULL) {
        TRY(node_build(b, &account, node));
    }
    if (account_validates(&account)) {
        if (b->validator_count == VALIDATORS_LIMIT) {
            return ERR_FULL;
        }
        memcpy(b->validators + 32 * b->validator_count++, given->key, 32);
    }
    uint8_t bytes[ACCOUNT_BYTES_MAX];
    uint8_t key[32];
    size_t len;
    account_encode(bytes, &len, given->key, &account);
    leaf_key_id(key, STATE_ACCOUNT, given->key);
    return state_edit_put(b->edit, key, span_of(bytes, len));
}

/* Both lists ascend by the same keys, and every owner has an account. */
static enum err accounts_build(struct build *b)
{
    const struct genesis *genesis = b->genesis;
    struct span rest = genesis->nodes;
    struct genesis_node node;
    bool more = genesis_next_node(&node, &rest);
    for (size_t i = 0; i < genesis->accounts.count; i++) {
        if (i % BATCH_ACCOUNTS == 0) {
            if (i > 0) {
                TRY(edit_close(b));
            }
            TRY(edit_open(b));
        }
        struct genesis_account account;
        genesis_account_at(&account, genesis, i);
        bool owns = more && memcmp(node.owner, account.key, 32) == 0;
        TRY(account_build(b, &account, owns ? &node : NULL));
        if (owns) {
            more = genesis_next_node(&node, &rest);
        }
    }
    return more ? ERR_INVALID : ERR_OK;
}

static enum err singles_build(struct build *b)
{
    uint8_t key[32];
    size_t len;
    struct totals totals = {.minted = b->genesis->minted};
    uint8_t totals_bytes[TOTALS_BYTES_MAX];
    totals_encode(totals_bytes, &len, &totals);
    leaf_key_single(key, STATE_TOTALS);
    TRY(state_edit_put(b->edit, key, span_of(totals_bytes, len)));

    struct params_leaf params = {.params = b->genesis->params};
    uint8_t params_bytes[PARAMS_LEAF_BYTES_MAX];
    params_leaf_encode(params_bytes, &len, &params);
    leaf_key_single(key, STATE_PARAMS);
    TRY(state_edit_put(b->edit, key, span_of(params_bytes, len)));

    size_t capacity = 1 + VAR_BYTES_MAX + 32 * b->validator_count;
    uint8_t *bytes = arena_alloc(b->scratch, capacity);
    if (bytes == NULL) {
        return ERR_FULL;
    }
    struct writer w;
    writer_init(&w, bytes, capacity);
    writer_u8(&w, STATE_VALIDATORS);
    writer_list(&w, (struct list){.data = b->validators, .count = b->validator_count}, 32,
                VALIDATORS_LIMIT);
    TRY(writer_end(&w, &len));
    leaf_key_single(key, STATE_VALIDATORS);
    return state_edit_put(b->edit, key, span_of(bytes, b->validator_count == 0 ? 0 : len));
}

static enum err build_all(struct build *b)
{
    b->validators = arena_alloc_array(b->scratch, VALIDATORS_LIMIT, 32);
    if (b->validators == NULL) {
        return ERR_FULL;
    }
    b->mark = arena_mark(b->scratch);
    TRY(accounts_build(b));
    if (b->edit == NULL) {
        TRY(edit_open(b)); /* a genesis without accounts */
    }
    TRY(singles_build(b));
    const struct genesis *genesis = b->genesis;
    for (uint64_t epoch = 0; epoch < 2; epoch++) {
        TRY(committee_write(b->edit, b->scratch, &genesis->params, epoch, genesis->seed, NULL));
    }
    return edit_close(b);
}

enum err genesis_build_state(struct genesis *genesis, const struct blob **root,
                             struct shared *shared, struct arena *scratch)
{
    struct build b = {.genesis = genesis, .shared = shared, .scratch = scratch};
    size_t mark = arena_mark(scratch);
    enum err err = build_all(&b);
    arena_rewind(scratch, mark);
    if (err != ERR_OK) {
        blob_drop(shared, b.blob);
        return err;
    }
    memcpy(genesis->state_root, b.root, 32);
    *root = b.blob;
    return ERR_OK;
}
