#include "node/chain/durable.h"

#include "node/base/invariant.h"
#include "node/crypto/hash.h"

static void store64_big(uint8_t *p, uint64_t v)
{
    for (int i = 7; i >= 0; i--) {
        p[i] = (uint8_t)v;
        v >>= 8;
    }
}

static void check_write(uint8_t *record, size_t bytes)
{
    uint8_t hash[HASH_BYTES];

    hash256(hash, record, bytes - 8);
    memcpy(record + bytes - 8, hash, 8);
}

static bool check_holds(struct span record, size_t bytes)
{
    uint8_t hash[HASH_BYTES];

    if (record.len != bytes) {
        return false;
    }
    hash256(hash, record.data, bytes - 8);
    return memcmp(record.data + bytes - 8, hash, 8) == 0;
}

void durable_block_key(uint8_t key[RECORD_BLOCK_KEY_BYTES], uint64_t height, const uint8_t id[32])
{
    key[0] = 'b';
    store64_big(key + 1, height);
    memcpy(key + 9, id, 32);
}

void durable_decision_key(uint8_t key[RECORD_DECISION_KEY_BYTES], uint64_t instance)
{
    key[0] = 'f';
    store64_big(key + 1, instance);
}

void final_record_encode(uint8_t out[RECORD_FINAL_BYTES], const struct final_record *record)
{
    store64(out, record->instance);
    store64(out + 8, record->height);
    memcpy(out + 16, record->id, 32);
    memcpy(out + 48, record->state_root, 32);
    memcpy(out + 80, record->gs, 32);
    store64(out + 112, (uint64_t)record->score);
    store64(out + 120, (uint64_t)(record->score >> 64));
    check_write(out, RECORD_FINAL_BYTES);
}

enum err final_record_decode(struct final_record *record, struct span bytes)
{
    if (!check_holds(bytes, RECORD_FINAL_BYTES)) {
        return ERR_CORRUPT;
    }
    record->instance = load64(bytes.data);
    record->height = load64(bytes.data + 8);
    memcpy(record->id, bytes.data + 16, 32);
    memcpy(record->state_root, bytes.data + 48, 32);
    memcpy(record->gs, bytes.data + 80, 32);
    record->score = load64(bytes.data + 112) | (u128)load64(bytes.data + 120) << 64;
    return ERR_OK;
}

void signed_record_encode(uint8_t out[RECORD_SIGNED_BYTES], const struct signed_record *record)
{
    store64(out, record->height);
    memcpy(out + 8, record->id, 32);
    store64(out + 40, record->below);
    check_write(out, RECORD_SIGNED_BYTES);
}

enum err signed_record_decode(struct signed_record *record, struct span bytes)
{
    bool first = check_holds(bytes, RECORD_SIGNED_BYTES_FIRST);

    if (!first && !check_holds(bytes, RECORD_SIGNED_BYTES)) {
        return ERR_CORRUPT;
    }
    record->height = load64(bytes.data);
    memcpy(record->id, bytes.data + 8, 32);
    record->below = first ? UINT64_MAX : load64(bytes.data + 40);
    return ERR_OK;
}

bool signed_record_allows(const struct signed_record *record, uint64_t height)
{
    return height > record->height || (record->height - height < SIGNED_WINDOW &&
                                       (record->below >> (record->height - height) & 1) == 0);
}

void signed_record_note(struct signed_record *record, uint64_t height)
{
    invariant(signed_record_allows(record, height));
    if (height > record->height) {
        uint64_t shift = height - record->height;
        record->below = shift < SIGNED_WINDOW ? record->below << shift : 0;
        record->height = height;
    }
    record->below |= UINT64_C(1) << (record->height - height);
}

void durable_block_write(struct ctx *c, const struct tree_entry *entry)
{
    struct write_batch batch;
    uint8_t key[RECORD_BLOCK_KEY_BYTES];

    durable_block_key(key, entry->height, entry->id);
    ctx_write_begin(c, &batch);
    ctx_write_put_blob(c, &batch, span_of(key, sizeof(key)), entry->block);
    ctx_write_commit_quiet(c, &batch);
}

void durable_block_delete(struct ctx *c, uint64_t height, const uint8_t id[32])
{
    struct write_batch batch;
    uint8_t key[RECORD_BLOCK_KEY_BYTES];

    durable_block_key(key, height, id);
    ctx_write_begin(c, &batch);
    ctx_write_delete(c, &batch, span_of(key, sizeof(key)));
    ctx_write_commit_quiet(c, &batch);
}

#define ANCESTOR_BYTES 16
#define TREE_BATCH 16 /* blocks */

static void ancestors_put(struct ctx *c, struct write_batch *batch, const struct tree *tree)
{
    uint8_t value[8 + RETARGET_WINDOW * ANCESTOR_BYTES + 8];
    size_t len = 8;

    store64(value, tree->entries[tree->base].height);
    for (uint32_t i = 0; i < tree->below_count; i++) {
        uint32_t at = (tree->below_next + RETARGET_WINDOW - tree->below_count + i);
        const struct ancestor *ancestor = &tree->below[at % RETARGET_WINDOW];
        store64(value + len, ancestor->ts_ms);
        store64(value + len + 8, ancestor->bt);
        len += ANCESTOR_BYTES;
    }
    check_write(value, len + 8);
    ctx_write_put(c, batch, span_of("a", 1), span_of(value, len + 8));
}

enum err durable_adopted_read(struct tree *tree, uint64_t *adopted, struct span bytes,
                              uint64_t from, uint64_t to)
{
    if (bytes.len < 16 || !check_holds(bytes, bytes.len) ||
        (bytes.len - 16) % ANCESTOR_BYTES != 0) {
        return ERR_CORRUPT;
    }
    if (load64(bytes.data) > to) {
        return ERR_STALE;
    }
    size_t count = (bytes.len - 16) / ANCESTOR_BYTES;
    *adopted = load64(bytes.data);
    for (size_t i = 0; i < count; i++) {
        const uint8_t *at = bytes.data + 8 + i * ANCESTOR_BYTES;
        struct ancestor ancestor = {
            .height = *adopted - count + i, .ts_ms = load64(at), .bt = load64(at + 8)};
        if (ancestor.height >= from) {
            tree_below_push(tree, &ancestor);
        }
    }
    return ERR_OK;
}

uint32_t durable_signed_write(struct ctx *c, const struct signed_record *record, uint64_t height,
                              const struct blob *block)
{
    struct write_batch batch;
    uint8_t key[RECORD_BLOCK_KEY_BYTES];
    uint8_t value[RECORD_SIGNED_BYTES];

    signed_record_encode(value, record);
    durable_block_key(key, height, record->id);
    ctx_write_begin(c, &batch);
    ctx_write_put(c, &batch, span_of("s", 1), span_of(value, sizeof(value)));
    ctx_write_put_blob(c, &batch, span_of(key, sizeof(key)), block);
    return ctx_write_commit(c, &batch);
}

static void state_key_of(uint8_t key[33], const uint8_t root[32])
{
    key[0] = 'n';
    memcpy(key + 1, root, 32);
}

static void delete_blocks(struct ctx *c, struct write_batch *batch, const struct tree *tree,
                          const uint32_t *losers, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const struct tree_entry *loser = &tree->entries[losers[i]];
        uint8_t key[RECORD_BLOCK_KEY_BYTES];

        /* Losing blocks may go before the checkpoint is written: nothing needs them. */
        if (batch->count == WRITE_OPS_MAX) {
            ctx_write_commit_quiet(c, batch);
            ctx_write_begin(c, batch);
        }
        durable_block_key(key, loser->height, loser->id);
        ctx_write_delete(c, batch, span_of(key, sizeof(key)));
    }
}

void durable_losers_delete(struct ctx *c, const struct tree *tree, const uint32_t *losers,
                           size_t count)
{
    struct write_batch batch;

    if (count > 0) {
        ctx_write_begin(c, &batch);
        delete_blocks(c, &batch, tree, losers, count);
        ctx_write_commit_quiet(c, &batch);
    }
}

void durable_tree_write(struct ctx *c, const struct tree *tree)
{
    struct write_batch batch;

    ctx_write_begin(c, &batch);
    for (uint32_t i = tree->base; i != TREE_NONE; i = tree_next(tree, tree->base, i)) {
        const struct tree_entry *entry = &tree->entries[i];
        uint8_t key[RECORD_BLOCK_KEY_BYTES];
        if (entry->block == NULL) {
            continue; /* genesis */
        }
        if (batch.count == TREE_BATCH) {
            ctx_write_commit_quiet(c, &batch);
            ctx_write_begin(c, &batch);
        }
        durable_block_key(key, entry->height, entry->id);
        ctx_write_put_blob(c, &batch, span_of(key, sizeof(key)), entry->block);
    }
    ctx_write_commit_quiet(c, &batch);
}

void durable_final_write(struct ctx *c, const struct tree *tree, uint64_t instance,
                         uint32_t checkpoint, const struct blob *decision,
                         const uint8_t old_root[32], const uint32_t *losers, size_t count)
{
    static const uint8_t none[32];
    const struct tree_entry *entry = &tree->entries[checkpoint];
    struct final_record record = {
        .instance = instance, .height = entry->height, .score = entry->score};
    uint8_t value[RECORD_FINAL_BYTES];
    uint8_t decision_key[RECORD_DECISION_KEY_BYTES];
    uint8_t key[33];
    struct write_batch batch;

    memcpy(record.id, entry->id, 32);
    memcpy(record.state_root, entry->state_root, 32);
    memcpy(record.gs, entry->gs, 32);
    final_record_encode(value, &record);

    ctx_write_begin(c, &batch);
    delete_blocks(c, &batch, tree, losers, count);
    if (batch.count + 5 > WRITE_OPS_MAX) {
        ctx_write_commit_quiet(c, &batch);
        ctx_write_begin(c, &batch);
    }
    /* In an order that is safe even when a fault tears the batch: first what `c` relies on, then
     * `c`, then what only the old `c` needed. The root is a named blob: what a record refers to
     * lives as long as the record, and so does all that hangs below it. */
    state_key_of(key, entry->state_root);
    ctx_write_put_blob(c, &batch, span_of(key, sizeof(key)), entry->state);
    if (decision != NULL) {
        durable_decision_key(decision_key, instance);
        ctx_write_put_blob(c, &batch, span_of(decision_key, sizeof(decision_key)), decision);
    }
    ctx_write_put(c, &batch, span_of("c", 1), span_of(value, sizeof(value)));
    if (tree->entries[tree->base].height > 0) {
        ancestors_put(c, &batch, tree);
    }
    if (memcmp(old_root, none, 32) != 0 && memcmp(old_root, entry->state_root, 32) != 0) {
        state_key_of(key, old_root);
        ctx_write_delete(c, &batch, span_of(key, sizeof(key)));
    }
    ctx_write_commit(c, &batch);
}
