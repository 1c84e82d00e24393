#include "node/daemon/blobs.h"

#include <stdlib.h>
#include <sys/random.h>

#include "node/base/invariant.h"
#include "node/chain/state.h"
#include "node/crypto/hash.h"

#define SLOTS_MIN 1024u

/* Open addressing by a hash that nobody outside can steer. */
struct slots {
    struct blob_entry **at;
    size_t mask, count;
};

struct shared {
    struct slots plain, named;
    struct named_blob *newest, *oldest; /* the cache */
    size_t cached, cached_bytes, cache_bytes_max;
    uint64_t bytes, loads;
    uint8_t key[SIPHASH_KEY_BYTES];
    struct blob_source source;
    struct memo_table memo;
};

/* --- tables --- */

static struct named_blob *as_named(struct blob_entry *entry)
{
    return (struct named_blob *)(void *)entry;
}

static uint64_t name_hash(const struct shared *shared, const uint8_t name[32])
{
    return ((load64(name) ^ load64(shared->key)) * UINT64_C(0x9e3779b97f4a7c15)) >> 17;
}

static uint64_t entry_hash(const struct shared *shared, const struct blob_entry *entry)
{
    return entry->is_named
               ? name_hash(shared, ((const struct named_blob *)(const void *)entry)->name)
               : entry->blob.id[0];
}

static void slots_put(const struct shared *shared, struct slots *slots, struct blob_entry *entry)
{
    size_t i = entry_hash(shared, entry) & slots->mask;

    while (slots->at[i] != NULL) {
        i = (i + 1) & slots->mask;
    }
    slots->at[i] = entry;
}

static void slots_add(struct shared *shared, struct slots *slots, struct blob_entry *entry)
{
    if (slots->at == NULL || 4 * (slots->count + 1) > 3 * (slots->mask + 1)) {
        struct slots old = *slots;
        size_t size = old.at == NULL ? SLOTS_MIN : 2 * (old.mask + 1);
        slots->at = calloc(size, sizeof(struct blob_entry *));
        invariant(slots->at != NULL);
        slots->mask = size - 1;
        for (size_t i = 0; old.at != NULL && i <= old.mask; i++) {
            if (old.at[i] != NULL) {
                slots_put(shared, slots, old.at[i]);
            }
        }
        free((void *)old.at);
    }
    slots_put(shared, slots, entry);
    slots->count++;
}

/* Closes the gap by moving later entries of the run down, so that no tombstone is needed. */
static void slots_remove(const struct shared *shared, struct slots *slots,
                         const struct blob_entry *entry)
{
    size_t i = entry_hash(shared, entry) & slots->mask;

    while (slots->at[i] != entry) {
        invariant(slots->at[i] != NULL);
        i = (i + 1) & slots->mask;
    }
    for (size_t j = (i + 1) & slots->mask; slots->at[j] != NULL; j = (j + 1) & slots->mask) {
        size_t home = entry_hash(shared, slots->at[j]) & slots->mask;
        if (((j - home) & slots->mask) >= ((j - i) & slots->mask)) {
            slots->at[i] = slots->at[j];
            i = j;
        }
    }
    slots->at[i] = NULL;
    slots->count--;
}

static struct named_blob *named_find(const struct shared *shared, const uint8_t name[32])
{
    const struct slots *slots = &shared->named;

    if (slots->at == NULL) {
        return NULL;
    }
    for (size_t i = name_hash(shared, name) & slots->mask; slots->at[i] != NULL;
         i = (i + 1) & slots->mask) {
        struct named_blob *named = as_named(slots->at[i]);
        if (memcmp(named->name, name, 32) == 0) {
            return named;
        }
    }
    return NULL;
}

/* --- the cache: durable nodes that nobody refers to --- */

static size_t named_bytes(const struct named_blob *named)
{
    return sizeof(*named) + named->entry.blob.len;
}

static void cache_add(struct shared *shared, struct named_blob *named)
{
    named->newer = NULL;
    named->older = shared->newest;
    if (shared->newest != NULL) {
        shared->newest->newer = named;
    } else {
        shared->oldest = named;
    }
    shared->newest = named;
    shared->cached++;
    shared->cached_bytes += named_bytes(named);
}

static void cache_remove(struct shared *shared, struct named_blob *named)
{
    if (named->newer != NULL) {
        named->newer->older = named->older;
    } else {
        shared->newest = named->older;
    }
    if (named->older != NULL) {
        named->older->newer = named->newer;
    } else {
        shared->oldest = named->newer;
    }
    named->newer = named->older = NULL;
    shared->cached--;
    shared->cached_bytes -= named_bytes(named);
}

/* --- life --- */

static struct blob_entry *entry_new(struct shared *shared, size_t head, const uint8_t *data,
                                    size_t len)
{
    struct blob_entry *entry = calloc(1, head + len);

    invariant(entry != NULL && len <= UINT32_MAX);
    uint8_t *copy = (uint8_t *)entry + head;
    if (len > 0) {
        memcpy(copy, data, len);
    }
    entry->blob.data = copy;
    entry->blob.len = (uint32_t)len;
    shared->bytes += len;
    return entry;
}

static struct named_blob *named_new(struct shared *shared, const uint8_t name[32],
                                    const uint8_t *data, size_t len)
{
    struct named_blob *named = as_named(entry_new(shared, sizeof(struct named_blob), data, len));

    named->entry.is_named = true;
    named->entry.blob.id[0] = load64(name);
    named->entry.blob.id[1] = load64(name + 8);
    memcpy(named->name, name, 32);
    slots_add(shared, &shared->named, &named->entry);
    return named;
}

static void entry_free(struct shared *shared, struct blob_entry *entry)
{
    slots_remove(shared, entry->is_named ? &shared->named : &shared->plain, entry);
    shared->bytes -= entry->blob.len;
    free(entry);
}

static void named_keep(struct shared *shared, struct named_blob *named)
{
    if (named->entry.refs == 0 && named->durable) {
        cache_remove(shared, named);
    }
    named->entry.refs++;
    invariant(named->entry.refs > 0);
}

/* A tree that nobody holds any more is taken apart without recursion. */
static void named_release(struct shared *shared, struct named_blob *named)
{
    struct named_blob *dead = NULL;

    for (;;) {
        invariant(named->entry.refs > 0);
        if (--named->entry.refs == 0) {
            if (named->durable) {
                cache_add(shared, named);
            } else {
                named->newer = dead;
                dead = named;
            }
        }
        for (;;) {
            if (dead == NULL) {
                return;
            }
            unsigned side = dead->child[0] != NULL ? 0 : 1;
            if (dead->child[side] != NULL) {
                named = dead->child[side];
                dead->child[side] = NULL;
                break;
            }
            struct named_blob *gone = dead;
            dead = dead->newer;
            entry_free(shared, &gone->entry);
        }
    }
}

/* From memory or the database; no reference added. */
static struct named_blob *named_get(struct shared *shared, const uint8_t name[32])
{
    struct named_blob *named = named_find(shared, name);
    struct span bytes;

    if (named == NULL && shared->source.load(shared->source.context, name, &bytes)) {
        named = named_new(shared, name, bytes.data, bytes.len);
        named->durable = true;
        shared->loads++;
        cache_add(shared, named);
    } else if (named != NULL && named->durable && named->entry.refs == 0 && named->newer != NULL) {
        cache_remove(shared, named);
        cache_add(shared, named);
    }
    return named;
}

void blobs_trim(struct shared *shared)
{
    while (shared->cached_bytes > shared->cache_bytes_max) {
        struct named_blob *oldest = shared->oldest;
        cache_remove(shared, oldest);
        entry_free(shared, &oldest->entry);
    }
}

struct shared *blobs_new(struct blob_source source, size_t cache_bytes, uint64_t memo_entries)
{
    struct shared *shared = calloc(1, sizeof(*shared));

    if (shared == NULL) {
        return NULL;
    }
    shared->source = source;
    shared->cache_bytes_max = cache_bytes;
    if (!memo_table_open(&shared->memo, memo_entries) ||
        getrandom(shared->key, sizeof(shared->key), 0) != (ssize_t)sizeof(shared->key)) {
        memo_table_close(&shared->memo);
        free(shared);
        return NULL;
    }
    return shared;
}

void blobs_free(struct shared *shared)
{
    if (shared == NULL) {
        return;
    }
    shared->cache_bytes_max = 0;
    blobs_trim(shared);
    invariant(shared->plain.count == 0 && shared->named.count == 0);
    free((void *)shared->plain.at);
    free((void *)shared->named.at);
    memo_table_close(&shared->memo);
    free(shared);
}

void blobs_stats(const struct shared *shared, struct blobs_stats *stats)
{
    *stats = (struct blobs_stats){.plain = shared->plain.count,
                                  .named = shared->named.count - shared->cached,
                                  .cached = shared->cached,
                                  .bytes = shared->bytes,
                                  .loads = shared->loads};
}

struct named_blob *blobs_named(const struct blob *blob)
{
    struct blob_entry *entry = (struct blob_entry *)(uintptr_t)blob;

    return entry->is_named ? as_named(entry) : NULL;
}

struct memo_table *blobs_memo(struct shared *shared)
{
    return &shared->memo;
}

const uint8_t *blobs_key(const struct shared *shared)
{
    return shared->key;
}

void blobs_children(const uint8_t *child[2], struct span bytes)
{
    struct state_node node;

    child[0] = child[1] = NULL;
    if (state_node_decode(&node, bytes) == ERR_OK && node.key == NULL) {
        child[0] = node.left;
        child[1] = node.right;
    }
}

/* A node that leaves the database while somebody refers to it keeps what is below it. */
static void named_deleted(struct shared *shared, const uint8_t name[32])
{
    struct named_blob *named = named_find(shared, name);
    const uint8_t *child[2];

    if (named == NULL || !named->durable) {
        return;
    }
    if (named->entry.refs == 0) {
        cache_remove(shared, named);
        entry_free(shared, &named->entry);
        return;
    }
    named->durable = false;
    blobs_children(child, span_of(named->entry.blob.data, named->entry.blob.len));
    for (unsigned side = 0; side < 2; side++) {
        if (named->child[side] == NULL && child[side] != NULL) {
            named->child[side] = named_get(shared, child[side]);
            invariant(named->child[side] != NULL);
            named_keep(shared, named->child[side]);
        }
    }
}

void blobs_changed(struct shared *shared, const struct blob_change *changes, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct named_blob *written = changes[i].written;
        if (written == NULL) {
            named_deleted(shared, changes[i].name);
        } else {
            named_keep(shared, written);
            written->durable = true;
        }
    }
    for (size_t i = 0; i < count; i++) {
        struct named_blob *written = changes[i].written;
        for (unsigned side = 0; written != NULL && written->durable && side < 2; side++) {
            struct named_blob *child = written->child[side];
            written->child[side] = NULL;
            if (child != NULL) {
                named_release(shared, child);
            }
        }
    }
    for (size_t i = 0; i < count; i++) {
        if (changes[i].written != NULL) {
            named_release(shared, changes[i].written);
        }
    }
}

/* --- node/base/blob.h --- */

const struct blob *blob_put(struct shared *shared, const uint8_t *data, size_t len)
{
    uint8_t digest[SIPHASH_BYTES];
    const struct slots *slots = &shared->plain;

    hash_siphash128(digest, shared->key, data, len);
    uint64_t id[2] = {load64(digest), load64(digest + 8)};
    for (size_t i = id[0] & slots->mask; slots->at != NULL && slots->at[i] != NULL;
         i = (i + 1) & slots->mask) {
        struct blob_entry *entry = slots->at[i];
        if (entry->blob.id[0] == id[0] && entry->blob.id[1] == id[1] && entry->blob.len == len &&
            (len == 0 || memcmp(entry->blob.data, data, len) == 0)) {
            return blob_keep(shared, &entry->blob);
        }
    }
    struct blob_entry *entry = entry_new(shared, sizeof(*entry), data, len);
    memcpy(entry->blob.id, id, sizeof(id));
    entry->refs = 1;
    slots_add(shared, &shared->plain, entry);
    return &entry->blob;
}

const struct blob *blob_keep(struct shared *shared, const struct blob *blob)
{
    struct blob_entry *entry = (struct blob_entry *)(uintptr_t)blob;

    if (entry->is_named) {
        named_keep(shared, as_named(entry));
    } else {
        entry->refs++;
        invariant(entry->refs > 1);
    }
    return blob;
}

void blob_drop(struct shared *shared, const struct blob *blob)
{
    struct blob_entry *entry = (struct blob_entry *)(uintptr_t)blob;

    if (entry == NULL) {
        return;
    }
    if (entry->is_named) {
        named_release(shared, as_named(entry));
        return;
    }
    invariant(entry->refs > 0);
    if (--entry->refs == 0) {
        entry_free(shared, entry);
    }
}

const struct blob *blob_name_put(struct shared *shared, const uint8_t name[32], const uint8_t *data,
                                 size_t len, const uint8_t *left, const uint8_t *right)
{
    struct named_blob *named = named_find(shared, name);

    if (named == NULL) {
        const uint8_t *children[2] = {left, right};
        struct named_blob *child[2] = {NULL, NULL};
        for (unsigned side = 0; side < 2; side++) {
            if (children[side] != NULL) {
                child[side] = named_get(shared, children[side]);
                invariant(child[side] != NULL);
                named_keep(shared, child[side]);
            }
        }
        named = named_new(shared, name, data, len);
        memcpy(named->child, child, sizeof(child));
    }
    named_keep(shared, named);
    return &named->entry.blob;
}

const struct blob *blob_name_get(struct shared *shared, const uint8_t name[32])
{
    struct named_blob *named = named_get(shared, name);

    return named == NULL ? NULL : &named->entry.blob;
}

const struct blob *blob_name_keep(struct shared *shared, const uint8_t name[32])
{
    struct named_blob *named = named_get(shared, name);

    if (named == NULL) {
        return NULL;
    }
    named_keep(shared, named);
    return &named->entry.blob;
}

const struct blob *blob_name_child(struct shared *shared, const struct blob *parent, unsigned side,
                                   const uint8_t name[32])
{
    const struct named_blob *named = blobs_named(parent);

    invariant(named != NULL && side < 2);
    return named->child[side] != NULL ? &named->child[side]->entry.blob
                                      : blob_name_get(shared, name);
}
