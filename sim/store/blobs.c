#include <sched.h>
#include <stdlib.h>

#include "node/base/invariant.h"
#include "node/crypto/hash.h"
#include "sim/store/store_private.h"

#define SLOTS_MIN 64u
#define SPINS_BEFORE_YIELD 100u

/* A blob and what the store keeps with it. Data follows the struct (plain) or the name (named). */
struct entry {
    struct blob blob; /* first: the caller's pointer is ours */
    _Atomic uint32_t refs;
    uint8_t class;
    bool is_named;
    uint64_t hash;
};

struct named {
    struct entry entry;
    struct named *child[2]; /* each a reference */
    struct named *dead;     /* list of those whose last reference went */
    uint8_t name[32];
};

void spin_wait(struct spin *spin)
{
    unsigned spins = 0;
    do {
        if (++spins % SPINS_BEFORE_YIELD == 0) {
            sched_yield();
        }
    } while (atomic_flag_test_and_set_explicit(&spin->flag, memory_order_acquire));
}

static struct entry *entry_of(const struct blob *blob)
{
    return (struct entry *)(uintptr_t)blob;
}

static uint64_t name_hash(const struct shared *shared, const uint8_t name[32])
{
    uint64_t x = (load64(name) ^ shared->name_key) * 0x9e3779b97f4a7c15u;
    return x ^ x >> 29 ^ load64(name + 8);
}

/* Shards by high bits, slots by low bits of one hash. */
static struct shard *shard_of(struct shard *shards, uint64_t hash)
{
    return &shards[hash >> 58];
}

static void table_insert(struct shard *shard, uint64_t hash, struct entry *entry)
{
    uint64_t i = hash & shard->mask;
    while (shard->slots[i].entry != NULL) {
        i = (i + 1) & shard->mask;
    }
    shard->slots[i] = (struct slot){.hash = hash, .entry = entry};
}

static void table_grow(struct shard *shard)
{
    struct slot *old = shard->slots;
    uint64_t old_count = old == NULL ? 0 : shard->mask + 1;
    uint64_t new_count = old == NULL ? SLOTS_MIN : 2 * old_count;
    shard->slots = calloc(new_count, sizeof(*shard->slots));
    invariant(shard->slots != NULL);
    shard->mask = new_count - 1;
    for (uint64_t i = 0; i < old_count; i++) {
        if (old[i].entry != NULL) {
            table_insert(shard, old[i].hash, old[i].entry);
        }
    }
    free(old);
}

/* Closes the gap by moving later entries of the run down, so that no tombstone is needed. */
static void table_remove(struct shard *shard, const struct entry *entry)
{
    uint64_t i = entry->hash & shard->mask;
    while (shard->slots[i].entry != entry) {
        invariant(shard->slots[i].entry != NULL);
        i = (i + 1) & shard->mask;
    }
    for (uint64_t j = (i + 1) & shard->mask; shard->slots[j].entry != NULL;
         j = (j + 1) & shard->mask) {
        uint64_t home = shard->slots[j].hash & shard->mask;
        if (((j - home) & shard->mask) >= ((j - i) & shard->mask)) {
            shard->slots[i] = shard->slots[j];
            i = j;
        }
    }
    shard->slots[i] = (struct slot){.entry = NULL};
}

static struct entry *plain_find(const struct shard *shard, uint64_t hash, const uint64_t id[2],
                                const uint8_t *data, size_t len)
{
    if (shard->slots == NULL) {
        return NULL;
    }
    for (uint64_t i = hash & shard->mask; shard->slots[i].entry != NULL;
         i = (i + 1) & shard->mask) {
        struct entry *entry = shard->slots[i].entry;
        if (shard->slots[i].hash == hash && entry->blob.id[1] == id[1] && entry->blob.len == len &&
            (len == 0 || memcmp(entry->blob.data, data, len) == 0)) {
            return entry;
        }
    }
    return NULL;
}

static struct named *named_find(const struct shard *shard, uint64_t hash, const uint8_t name[32])
{
    if (shard->slots == NULL) {
        return NULL;
    }
    for (uint64_t i = hash & shard->mask; shard->slots[i].entry != NULL;
         i = (i + 1) & shard->mask) {
        struct named *named = (struct named *)(void *)shard->slots[i].entry;
        if (shard->slots[i].hash == hash && memcmp(named->name, name, 32) == 0) {
            return named;
        }
    }
    return NULL;
}

/* A new entry of head + len bytes with one reference, in the table. The lock is held. */
static struct entry *entry_new(struct shard *shard, uint64_t hash, size_t head, const uint8_t *data,
                               size_t len)
{
    uint8_t class;
    struct entry *entry = slab_take(&shard->slab, &class, head + len);
    invariant(entry != NULL);
    uint8_t *copy = (uint8_t *)entry + head;
    if (len > 0) {
        memcpy(copy, data, len);
    }
    entry->blob = (struct blob){.data = copy, .len = (uint32_t)len};
    atomic_init(&entry->refs, 1);
    entry->class = class;
    entry->hash = hash;
    if (shard->slots == NULL || 4 * (shard->count + 1) > 3 * (shard->mask + 1)) {
        table_grow(shard);
    }
    table_insert(shard, hash, entry);
    shard->count++;
    shard->bytes += len;
    return entry;
}

const struct blob *blob_put(struct shared *shared, const uint8_t *data, size_t len)
{
    invariant(len <= UINT32_MAX);
    uint8_t digest[16];
    hash_siphash128(digest, shared->key, data, len);
    uint64_t id[2] = {load64(digest), load64(digest + 8)};
    struct shard *shard = shard_of(shared->plain, id[0]);
    spin_lock(&shard->lock);
    shard->puts++;
    struct entry *entry = plain_find(shard, id[0], id, data, len);
    if (entry != NULL) {
        shard->shared_puts++;
        atomic_fetch_add_explicit(&entry->refs, 1, memory_order_relaxed);
    } else {
        entry = entry_new(shard, id[0], sizeof(*entry), data, len);
        entry->is_named = false;
        memcpy(entry->blob.id, id, sizeof(id));
    }
    spin_unlock(&shard->lock);
    return &entry->blob;
}

const struct blob *blob_keep(struct shared *shared, const struct blob *blob)
{
    (void)shared;
    uint32_t before = atomic_fetch_add_explicit(&entry_of(blob)->refs, 1, memory_order_relaxed);
    invariant(before > 0 && before < UINT32_MAX);
    return blob;
}

/* Gives one reference back unless it is the last one. */
static bool entry_release_shared(struct entry *entry)
{
    uint32_t refs = atomic_load_explicit(&entry->refs, memory_order_relaxed);
    while (refs > 1) {
        if (atomic_compare_exchange_weak_explicit(&entry->refs, &refs, refs - 1,
                                                  memory_order_release, memory_order_relaxed)) {
            return true;
        }
    }
    return false;
}

/* Gives one reference back; true when it was the last one and the entry left the table. Nobody can
 * find it from then on. */
static bool entry_release(struct shard *shard, struct entry *entry)
{
    if (entry_release_shared(entry)) {
        return false;
    }
    spin_lock(&shard->lock);
    uint32_t before = atomic_fetch_sub_explicit(&entry->refs, 1, memory_order_acq_rel);
    invariant(before > 0);
    if (before == 1) {
        table_remove(shard, entry);
        shard->count--;
        shard->bytes -= entry->blob.len;
    }
    spin_unlock(&shard->lock);
    return before == 1;
}

static void entry_free(struct shard *shard, struct entry *entry)
{
    spin_lock(&shard->lock);
    slab_give(&shard->slab, entry, entry->class);
    spin_unlock(&shard->lock);
}

/* A tree that nobody holds any more is taken apart without recursion: the dead wait on a list of
 * their own. */
static void named_drop(struct shared *shared, struct named *named)
{
    if (!entry_release(shard_of(shared->named, named->entry.hash), &named->entry)) {
        return;
    }
    named->dead = NULL;
    struct named *dead = named;
    while (dead != NULL) {
        struct named *node = dead;
        dead = node->dead;
        for (unsigned i = 0; i < 2; i++) {
            struct named *child = node->child[i];
            if (child != NULL &&
                entry_release(shard_of(shared->named, child->entry.hash), &child->entry)) {
                child->dead = dead;
                dead = child;
            }
        }
        entry_free(shard_of(shared->named, node->entry.hash), &node->entry);
    }
}

void blob_drop(struct shared *shared, const struct blob *blob)
{
    if (blob == NULL) {
        return;
    }
    struct entry *entry = entry_of(blob);
    if (entry_release_shared(entry)) {
        return;
    }
    if (entry->is_named) {
        named_drop(shared, (struct named *)(void *)entry);
        return;
    }
    struct shard *shard = shard_of(shared->plain, entry->hash);
    if (entry_release(shard, entry)) {
        entry_free(shard, entry);
    }
}

static struct named *named_keep(struct shared *shared, const uint8_t name[32])
{
    uint64_t hash = name_hash(shared, name);
    struct shard *shard = shard_of(shared->named, hash);
    spin_lock(&shard->lock);
    struct named *named = named_find(shard, hash, name);
    if (named != NULL) {
        atomic_fetch_add_explicit(&named->entry.refs, 1, memory_order_relaxed);
    }
    spin_unlock(&shard->lock);
    return named;
}

const struct blob *blob_name_keep(struct shared *shared, const uint8_t name[32])
{
    struct named *named = named_keep(shared, name);
    return named == NULL ? NULL : &named->entry.blob;
}

const struct blob *blob_name_get(struct shared *shared, const uint8_t name[32])
{
    uint64_t hash = name_hash(shared, name);
    struct shard *shard = shard_of(shared->named, hash);
    spin_lock(&shard->lock);
    const struct named *named = named_find(shard, hash, name);
    spin_unlock(&shard->lock);
    return named == NULL ? NULL : &named->entry.blob;
}

const struct blob *blob_name_child(struct shared *shared, const struct blob *parent, unsigned side,
                                   const uint8_t name[32])
{
    const struct entry *entry = entry_of(parent);
    invariant(entry->is_named && side < 2);
    const struct named *child = ((const struct named *)(const void *)entry)->child[side];
    return child == NULL ? blob_name_get(shared, name) : &child->entry.blob;
}

const struct blob *blob_name_put(struct shared *shared, const uint8_t name[32], const uint8_t *data,
                                 size_t len, const uint8_t *left, const uint8_t *right)
{
    invariant(len <= UINT32_MAX);
    struct named *child[2] = {left == NULL ? NULL : named_keep(shared, left),
                              right == NULL ? NULL : named_keep(shared, right)};
    invariant((left == NULL) == (child[0] == NULL) && (right == NULL) == (child[1] == NULL));

    uint64_t hash = name_hash(shared, name);
    struct shard *shard = shard_of(shared->named, hash);
    spin_lock(&shard->lock);
    struct named *named = named_find(shard, hash, name);
    bool present = named != NULL;
    if (present) {
        atomic_fetch_add_explicit(&named->entry.refs, 1, memory_order_relaxed);
    } else {
        struct entry *entry = entry_new(shard, hash, sizeof(*named), data, len);
        named = (struct named *)(void *)entry;
        entry->is_named = true;
        memcpy(entry->blob.id, name, sizeof(entry->blob.id));
        memcpy(named->name, name, 32);
        memcpy(named->child, child, sizeof(child));
    }
    spin_unlock(&shard->lock);
    if (present) { /* it holds its children already */
        for (unsigned i = 0; i < 2; i++) {
            if (child[i] != NULL) {
                named_drop(shared, child[i]);
            }
        }
    }
    return &named->entry.blob;
}
