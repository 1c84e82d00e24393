#include "sim/disk/records.h"

#include <stdlib.h>

#include "node/base/invariant.h"

enum { KEYS_DEAD_MIN = 1024 };

struct records_entry {
    const void *value;
    uint32_t key_at; /* in keys */
    uint32_t value_bytes;
    uint32_t damage_at;
    uint8_t key_len;
    uint8_t damage;
};

/* One allocation: the operations, then the bytes of their keys. */
struct records_batch {
    struct records_batch *next;
    uint32_t request;
    uint32_t count;
    uint32_t key_bytes;
    struct records_op op[];
};

static int compare_spans(struct span a, struct span b)
{
    int order = memcmp(a.data, b.data, a.len < b.len ? a.len : b.len);
    return order != 0 ? order : (a.len > b.len) - (a.len < b.len);
}

static struct span key_of(const struct records *records, const struct records_entry *entry)
{
    return span_of(records->keys + entry->key_at, entry->key_len);
}

/* Number of entries with a key below the given one. */
static uint32_t lower_bound(const struct records *records, struct span key)
{
    uint32_t low = 0;
    uint32_t high = records->count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (compare_spans(key_of(records, &records->entry[middle]), key) < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

static bool found_at(const struct records *records, uint32_t i, struct span key)
{
    return i < records->count && compare_spans(key_of(records, &records->entry[i]), key) == 0;
}

/* The first entry past all that begin with prefix. */
static uint32_t prefix_end(const struct records *records, struct span prefix)
{
    uint32_t low = 0;
    uint32_t high = records->count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        struct span key = key_of(records, &records->entry[middle]);
        key.len = key.len < prefix.len ? key.len : prefix.len;
        if (compare_spans(key, prefix) <= 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

/* Room for all pending operations, so that a commit cannot fail. */
static enum err reserve(struct records *records, size_t ops, size_t key_bytes)
{
    uint64_t entries = (uint64_t)records->count + records->pending_ops + ops;
    uint64_t bytes = (uint64_t)records->keys_used + records->pending_key_bytes + key_bytes;
    if (entries > UINT32_MAX / 2 || bytes > UINT32_MAX / 2) {
        return ERR_NO_MEMORY;
    }
    if (entries > records->room) {
        uint64_t room = entries + entries / 4 + 4;
        struct records_entry *entry = realloc(records->entry, room * sizeof *entry);
        if (entry == NULL) {
            return ERR_NO_MEMORY;
        }
        records->entry = entry;
        records->room = (uint32_t)room;
    }
    if (bytes > records->keys_room) {
        uint64_t room = bytes + bytes / 4 + 64;
        uint8_t *keys = realloc(records->keys, room);
        if (keys == NULL) {
            return ERR_NO_MEMORY;
        }
        records->keys = keys;
        records->keys_room = (uint32_t)room;
    }
    return ERR_OK;
}

enum err records_push(struct records *records, const struct records_op *ops, size_t count,
                      uint32_t request)
{
    size_t key_bytes = 0;
    for (size_t i = 0; i < count; i++) {
        if (ops[i].key.len == 0 || ops[i].key.len > RECORDS_KEY_BYTES_MAX) {
            return ERR_RANGE;
        }
        key_bytes += ops[i].key.len;
    }
    TRY(reserve(records, count, key_bytes));
    struct records_batch *batch = malloc(sizeof *batch + count * sizeof *ops + key_bytes);
    if (batch == NULL) {
        return ERR_NO_MEMORY;
    }
    *batch = (struct records_batch){
        .request = request,
        .count = (uint32_t)count,
        .key_bytes = (uint32_t)key_bytes,
    };
    uint8_t *key = (uint8_t *)&batch->op[count];
    for (size_t i = 0; i < count; i++) {
        batch->op[i] = ops[i];
        batch->op[i].key.data = key;
        memcpy(key, ops[i].key.data, ops[i].key.len);
        key += ops[i].key.len;
    }
    if (records->last != NULL) {
        records->last->next = batch;
    } else {
        records->first = batch;
    }
    records->last = batch;
    records->pending_ops += batch->count;
    records->pending_key_bytes += batch->key_bytes;
    return ERR_OK;
}

static void delete_at(struct records *records, const struct records_host *host, uint32_t i)
{
    struct records_entry *entry = &records->entry[i];
    host->release(host->context, entry->value);
    records->bytes -= (uint64_t)entry->key_len + entry->value_bytes;
    records->keys_dead += entry->key_len;
    records->count--;
    memmove(entry, entry + 1, (records->count - i) * sizeof *entry);
}

static void insert_at(struct records *records, const struct records_op *op, uint32_t i)
{
    struct records_entry *entry = &records->entry[i];
    memmove(entry + 1, entry, (records->count - i) * sizeof *entry);
    records->count++;
    *entry = (struct records_entry){
        .value = op->value,
        .key_at = records->keys_used,
        .value_bytes = op->value_bytes,
        .key_len = (uint8_t)op->key.len,
    };
    memcpy(records->keys + records->keys_used, op->key.data, op->key.len);
    records->keys_used += (uint32_t)op->key.len;
    records->bytes += op->key.len + op->value_bytes;
}

static void apply(struct records *records, const struct records_host *host,
                  const struct records_op *op)
{
    uint32_t i = lower_bound(records, op->key);
    bool found = found_at(records, i, op->key);
    if (op->value == NULL) {
        if (found) {
            delete_at(records, host, i);
        }
        return;
    }
    if (!found) {
        insert_at(records, op, i);
        return;
    }
    struct records_entry *entry = &records->entry[i];
    host->release(host->context, entry->value);
    records->bytes += op->value_bytes;
    records->bytes -= entry->value_bytes;
    entry->value = op->value;
    entry->value_bytes = op->value_bytes;
    entry->damage = RECORD_SOUND;
}

/* Rewrites the key bytes without those of deleted records. Without memory it waits. */
static void compact_keys(struct records *records)
{
    if (records->keys_dead < KEYS_DEAD_MIN || records->keys_dead < records->keys_used / 2) {
        return;
    }
    uint8_t *keys = malloc(records->keys_room);
    if (keys == NULL) {
        return;
    }
    uint32_t used = 0;
    for (uint32_t i = 0; i < records->count; i++) {
        struct records_entry *entry = &records->entry[i];
        memcpy(keys + used, records->keys + entry->key_at, entry->key_len);
        entry->key_at = used;
        used += entry->key_len;
    }
    free(records->keys);
    records->keys = keys;
    records->keys_used = used;
    records->keys_dead = 0;
}

/* Takes the oldest batch off the queue, applies its first `applied` operations and drops the rest.
 */
static void finish_first(struct records *records, const struct records_host *host, uint32_t applied)
{
    struct records_batch *batch = records->first;
    records->first = batch->next;
    if (records->first == NULL) {
        records->last = NULL;
    }
    for (uint32_t i = 0; i < batch->count; i++) {
        if (i < applied) {
            apply(records, host, &batch->op[i]);
        } else if (batch->op[i].value != NULL) {
            host->release(host->context, batch->op[i].value);
        }
    }
    records->pending_ops -= batch->count;
    records->pending_key_bytes -= batch->key_bytes;
    free(batch);
}

uint32_t records_commit(struct records *records, const struct records_host *host)
{
    invariant(records->first != NULL);
    uint32_t request = records->first->request;
    finish_first(records, host, records->first->count);
    compact_keys(records);
    return request;
}

bool records_crash(struct records *records, const struct records_host *host, bool torn,
                   uint64_t draw)
{
    bool parted = false;

    if (torn && records->first != NULL) {
        u128 product = (u128)draw * ((uint64_t)records->first->count + 1);
        uint32_t applied = (uint32_t)(product >> 64);
        parted = applied > 0 && applied < records->first->count;
        finish_first(records, host, applied);
    }
    while (records->first != NULL) {
        finish_first(records, host, 0);
    }
    compact_keys(records);
    return parted;
}

void records_wipe(struct records *records, const struct records_host *host)
{
    records_crash(records, host, false, 0);
    for (uint32_t i = 0; i < records->count; i++) {
        host->release(host->context, records->entry[i].value);
    }
    free(records->entry);
    free(records->keys);
    *records = (struct records){0};
}

enum err records_corrupt(struct records *records, uint64_t draw, bool silent)
{
    if (records->count == 0) {
        return ERR_NOT_FOUND;
    }
    uint32_t start = (uint32_t)((u128)draw * records->count >> 64);
    for (uint32_t k = 0; k < records->count; k++) {
        struct records_entry *entry = &records->entry[(start + k) % records->count];
        if (entry->value_bytes > 0) {
            entry->damage = silent ? RECORD_DAMAGED_SILENT : RECORD_DAMAGED_DETECTED;
            entry->damage_at = (uint32_t)(draw % ((uint64_t)entry->value_bytes * 8));
            return ERR_OK;
        }
    }
    return ERR_NOT_FOUND;
}

static struct record_view view_of(const struct records *records, uint32_t i)
{
    const struct records_entry *entry = &records->entry[i];
    return (struct record_view){
        .key = key_of(records, entry),
        .value = entry->value,
        .value_bytes = entry->value_bytes,
        .damage_at = entry->damage_at,
        .damage = (enum record_damage)entry->damage,
    };
}

enum err records_get(const struct records *records, struct record_view *view, struct span key)
{
    uint32_t i = lower_bound(records, key);
    if (!found_at(records, i, key)) {
        return ERR_NOT_FOUND;
    }
    *view = view_of(records, i);
    return ERR_OK;
}

size_t records_scan(const struct records *records, struct record_view *views, bool *more,
                    struct span prefix, struct span from, size_t limit, bool backwards)
{
    uint32_t begin = prefix.len == 0 ? 0 : lower_bound(records, prefix);
    uint32_t end = prefix.len == 0 ? records->count : prefix_end(records, prefix);
    if (from.len > 0) {
        uint32_t at = lower_bound(records, from);
        if (backwards) {
            at += found_at(records, at, from);
            end = at < end ? at : end;
        } else {
            begin = at > begin ? at : begin;
        }
    }
    size_t available = end > begin ? end - begin : 0;
    size_t count = available < limit ? available : limit;
    for (size_t k = 0; k < count; k++) {
        views[k] = view_of(records, backwards ? end - 1 - (uint32_t)k : begin + (uint32_t)k);
    }
    *more = count < available;
    return count;
}

uint64_t records_batch_bytes(const struct records_op *ops, size_t count)
{
    uint64_t bytes = 0;
    for (size_t i = 0; i < count; i++) {
        bytes += ops[i].key.len + (ops[i].value != NULL ? ops[i].value_bytes : 0);
    }
    return bytes;
}
