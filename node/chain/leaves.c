#include "node/chain/leaves.h"

#include "node/base/invariant.h"

#define PARAM_ITEM_BYTES 10
#define PENDING_ITEM_BYTES 18

void leaf_key_id(uint8_t key[32], enum state_kind kind, const uint8_t id[32])
{
    state_key(key, kind, span_of(id, 32));
}

void leaf_key_u64(uint8_t key[32], enum state_kind kind, uint64_t id)
{
    uint8_t bytes[8];
    store64(bytes, id);
    state_key(key, kind, span_of(bytes, sizeof(bytes)));
}

void leaf_key_single(uint8_t key[32], enum state_kind kind)
{
    state_key(key, kind, span_of(NULL, 0));
}

static void encode_end(const struct writer *w, size_t *len)
{
    enum err err = writer_end(w, len);
    invariant(err == ERR_OK);
}

void node_leaf_encode(uint8_t *out, size_t *len, const struct node_leaf *leaf)
{
    struct writer w;
    writer_init(&w, out, NODE_LEAF_BYTES_MAX);
    writer_u8(&w, STATE_NODE);
    writer_raw(&w, leaf->record.node_id, 32);
    writer_raw(&w, leaf->owner, 32);
    writer_raw(&w, leaf->record.bytes.data, leaf->record.bytes.len);
    writer_u8(&w, leaf->status);
    writer_u64(&w, leaf->height);
    encode_end(&w, len);
}

enum err node_leaf_decode(struct node_leaf *leaf, struct span value)
{
    struct reader r;
    reader_init(&r, value);
    uint8_t kind = reader_u8(&r);
    (void)reader_raw(&r, 32);
    leaf->owner = reader_raw(&r, 32);
    node_record_read(&leaf->record, &r);
    leaf->status = reader_u8(&r);
    leaf->height = reader_u64(&r);
    TRY(reader_end(&r));
    return kind == STATE_NODE ? ERR_OK : ERR_CORRUPT;
}

void params_leaf_encode(uint8_t *out, size_t *len, const struct params_leaf *leaf)
{
    size_t count;
    const struct param_info *table = params_table(&count);
    uint64_t changed = 0;
    for (size_t i = 0; i < count; i++) {
        changed += params_get(&leaf->params, table[i].code) != table[i].value;
    }
    if (changed == 0 && leaf->count == 0) {
        *len = 0;
        return;
    }
    struct writer w;
    writer_init(&w, out, PARAMS_LEAF_BYTES_MAX);
    writer_u8(&w, STATE_PARAMS);
    writer_var_max(&w, changed, 256);
    for (size_t i = 0; i < count; i++) {
        uint64_t value = params_get(&leaf->params, table[i].code);
        if (value != table[i].value) {
            writer_u16(&w, table[i].code);
            writer_u64(&w, value);
        }
    }
    writer_var_max(&w, leaf->count, PARAMS_PENDING);
    for (size_t i = 0; i < leaf->count; i++) {
        writer_u64(&w, leaf->pending[i].height);
        writer_u16(&w, leaf->pending[i].code);
        writer_u64(&w, leaf->pending[i].value);
    }
    encode_end(&w, len);
}

enum err params_leaf_decode(struct params_leaf *leaf, struct span value)
{
    params_defaults(&leaf->params);
    leaf->count = 0;
    if (value.len == 0) {
        return ERR_OK;
    }
    struct reader r;
    reader_init(&r, value);
    uint8_t kind = reader_u8(&r);
    struct list set = reader_list(&r, PARAM_ITEM_BYTES, 256);
    struct list pending = reader_list(&r, PENDING_ITEM_BYTES, PARAMS_PENDING);
    TRY(reader_end(&r));
    for (size_t i = 0; i < set.count; i++) {
        const uint8_t *at = set.data + i * PARAM_ITEM_BYTES;
        TRY(params_set(&leaf->params, load16(at), load64(at + 2)));
    }
    leaf->count = pending.count;
    for (size_t i = 0; i < pending.count; i++) {
        const uint8_t *at = pending.data + i * PENDING_ITEM_BYTES;
        leaf->pending[i] = (struct param_change){
            .height = load64(at), .code = load16(at + 8), .value = load64(at + 10)};
    }
    return kind == STATE_PARAMS ? ERR_OK : ERR_CORRUPT;
}

enum err params_leaf_add(struct params_leaf *leaf, struct param_change change)
{
    if (leaf->count == PARAMS_PENDING) {
        return ERR_FULL;
    }
    size_t at = leaf->count;
    while (at > 0 && leaf->pending[at - 1].height > change.height) {
        leaf->pending[at] = leaf->pending[at - 1];
        at--;
    }
    leaf->pending[at] = change;
    leaf->count++;
    struct params params = leaf->params;
    for (size_t i = 0; i < leaf->count; i++) {
        TRY(params_set(&params, leaf->pending[i].code, leaf->pending[i].value));
        const char *why;
        if (i + 1 == leaf->count || leaf->pending[i].height != leaf->pending[i + 1].height) {
            TRY(params_check(&params, &why));
        }
    }
    return ERR_OK;
}

bool params_leaf_activate(struct params_leaf *leaf, uint64_t height)
{
    size_t due = 0;
    while (due < leaf->count && leaf->pending[due].height <= height) {
        enum err err = params_set(&leaf->params, leaf->pending[due].code, leaf->pending[due].value);
        invariant(err == ERR_OK); /* checked when it was added */
        due++;
    }
    leaf->count -= due;
    memmove(leaf->pending, leaf->pending + due, leaf->count * sizeof(leaf->pending[0]));
    return due > 0;
}

void totals_encode(uint8_t *out, size_t *len, const struct totals *totals)
{
    struct writer w;
    writer_init(&w, out, TOTALS_BYTES_MAX);
    writer_u8(&w, STATE_TOTALS);
    writer_u64(&w, totals->minted);
    writer_u64(&w, totals->burned);
    writer_var(&w, totals->count);
    for (size_t i = 0; i < totals->count; i++) {
        writer_u64(&w, totals->slashed[i].epoch);
        writer_u64(&w, totals->slashed[i].amount);
    }
    encode_end(&w, len);
}

enum err totals_decode(struct totals *totals, struct span value)
{
    struct reader r;
    reader_init(&r, value);
    uint8_t kind = reader_u8(&r);
    totals->minted = reader_u64(&r);
    totals->burned = reader_u64(&r);
    struct list slashed = reader_list(&r, 16, SLASH_EPOCHS);
    TRY(reader_end(&r));
    totals->count = slashed.count;
    for (size_t i = 0; i < slashed.count; i++) {
        totals->slashed[i].epoch = load64(slashed.data + 16 * i);
        totals->slashed[i].amount = load64(slashed.data + 16 * i + 8);
    }
    return kind == STATE_TOTALS ? ERR_OK : ERR_CORRUPT;
}

/* The same stake may be slashed for many instances: the sum has no natural bound. */
static uint64_t add_saturated(uint64_t a, uint64_t b)
{
    return a > UINT64_MAX - b ? UINT64_MAX : a + b;
}

uint64_t totals_slash(struct totals *totals, uint64_t epoch, uint64_t amount)
{
    size_t old = 0;
    while (old < totals->count && totals->slashed[old].epoch + SLASH_EPOCHS <= epoch) {
        old++;
    }
    totals->count -= old;
    memmove(totals->slashed, totals->slashed + old, totals->count * sizeof(totals->slashed[0]));
    if (totals->count == 0 || totals->slashed[totals->count - 1].epoch != epoch) {
        totals->slashed[totals->count].epoch = epoch;
        totals->slashed[totals->count++].amount = 0;
    }
    totals->slashed[totals->count - 1].amount =
        add_saturated(totals->slashed[totals->count - 1].amount, amount);
    uint64_t sum = 0;
    for (size_t i = 0; i < totals->count; i++) {
        sum = add_saturated(sum, totals->slashed[i].amount);
    }
    return sum;
}

enum err validators_decode(struct list *keys, struct span value)
{
    if (value.len == 0) {
        *keys = (struct list){.count = 0};
        return ERR_OK;
    }
    struct reader r;
    reader_init(&r, value);
    uint8_t kind = reader_u8(&r);
    *keys = reader_list(&r, 32, VALIDATORS_LIMIT);
    TRY(reader_end(&r));
    return kind == STATE_VALIDATORS ? ERR_OK : ERR_CORRUPT;
}
