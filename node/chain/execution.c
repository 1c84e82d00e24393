#include "node/chain/execution.h"

#include "node/base/invariant.h"

#define CHANGES_FIRST 16u

enum err execution_account_get(struct account *account, struct execution *x, const uint8_t key[32])
{
    uint8_t leaf[32];
    leaf_key_id(leaf, STATE_ACCOUNT, key);
    struct span value;
    enum err err = state_edit_get(&value, x->edit, leaf);
    if (err == ERR_NOT_FOUND) {
        memset(account, 0, sizeof(*account));
        return ERR_OK;
    }
    TRY(err);
    return account_decode(account, value);
}

static enum err validators_count(struct execution *x)
{
    uint8_t key[32];
    leaf_key_single(key, STATE_VALIDATORS);
    struct span value = span_of(NULL, 0);
    enum err err = state_edit_get(&value, x->edit, key);
    if (err != ERR_OK && err != ERR_NOT_FOUND) {
        return err;
    }
    struct list keys;
    TRY(validators_decode(&keys, value));
    x->validator_count = keys.count;
    return ERR_OK;
}

/* The list itself is written once, at the end of the block. */
static enum err validator_note(struct execution *x, const uint8_t key[32], bool in)
{
    if (x->validator_count == EXECUTION_UNCOUNTED) {
        TRY(validators_count(x));
    }
    if (in && x->validator_count == VALIDATORS_LIMIT) {
        return ERR_FULL;
    }
    if (x->change_count == x->change_capacity) {
        size_t capacity = x->change_capacity == 0 ? CHANGES_FIRST : 2 * x->change_capacity;
        struct validator_change *changes =
            arena_alloc_array(x->scratch, capacity, sizeof(*changes));
        if (changes == NULL) {
            return ERR_FULL;
        }
        if (x->change_count > 0) {
            memcpy(changes, x->changes, x->change_count * sizeof(*changes));
        }
        x->changes = changes;
        x->change_capacity = capacity;
    }
    struct validator_change *change = &x->changes[x->change_count++];
    memcpy(change->key, key, 32);
    change->in = in;
    x->validator_count = in ? x->validator_count + 1 : x->validator_count - 1;
    return ERR_OK;
}

enum err execution_account_put(struct execution *x, const uint8_t key[32], struct account *account)
{
    account_snapshot(account, &x->params, x->height);
    bool validates = account_validates(account);
    if (validates != account->listed) {
        TRY(validator_note(x, key, validates));
        account->listed = validates;
    }
    uint8_t bytes[ACCOUNT_BYTES_MAX];
    size_t len;
    account_encode(bytes, &len, key, account);
    uint8_t leaf[32];
    leaf_key_id(leaf, STATE_ACCOUNT, key);
    return state_edit_put(x->edit, leaf, span_of(bytes, len));
}
