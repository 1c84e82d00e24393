/* param (0x60): key u16 | value u64 | activation u64. Only the governor, only while governance is
 * on. */
#include "node/chain/execution.h"
#include "node/wire/codec.h"

static enum err change_read(struct param_change *change, struct span body)
{
    struct reader r;
    reader_init(&r, body);
    change->code = reader_u16(&r);
    change->value = reader_u64(&r);
    change->height = reader_u64(&r);
    return reader_end(&r);
}

enum err tx_param_check(const struct tx *tx, struct tx_check *check)
{
    struct param_change change;
    TRY(change_read(&change, tx->body));
    if (memcmp(tx->sender, check->genesis->governor, 32) != 0 || !params_changeable(change.code)) {
        return ERR_INVALID;
    }
    struct params params;
    params_defaults(&params);
    return params_set(&params, change.code, change.value);
}

enum err tx_param_apply(struct execution *x, const struct tx *tx, struct account *sender)
{
    (void)sender;
    struct param_change change;
    TRY(change_read(&change, tx->body));
    if (x->params.governance == 0) {
        return ERR_INVALID;
    }
    if (change.height <= x->height) {
        return ERR_STALE;
    }
    uint8_t key[32];
    leaf_key_single(key, STATE_PARAMS);
    struct span value = span_of(NULL, 0);
    enum err err = state_edit_get(&value, x->edit, key);
    if (err != ERR_OK && err != ERR_NOT_FOUND) {
        return err;
    }
    struct params_leaf leaf;
    TRY(params_leaf_decode(&leaf, value));
    TRY(params_leaf_add(&leaf, change));
    uint8_t bytes[PARAMS_LEAF_BYTES_MAX];
    size_t len;
    params_leaf_encode(bytes, &len, &leaf);
    return state_edit_put(x->edit, key, span_of(bytes, len));
}
