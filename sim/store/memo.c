#include <stdlib.h>

#include "node/base/invariant.h"
#include "node/crypto/hash.h"
#include "sim/store/store_private.h"

#define MEMO_SHARDS 16u
#define WAYS 4u
#define SETS_MIN 64u

/* Four results that compete for one place. Keys stand together so that a miss touches two lines. */
struct set {
    _Alignas(64) uint64_t id0[WAYS];
    uint64_t id1[WAYS];
    uint8_t kind[WAYS]; /* enum memo_kind + 1; 0: free */
    uint8_t len[WAYS];
    uint8_t used[WAYS]; /* second chance: asked for since the hand last came by */
    uint8_t hand;
    uint8_t value[WAYS][MEMO_VALUE_BYTES];
};

struct memo_shard {
    _Alignas(64) struct spin lock;
    struct set *sets;
    uint64_t mask; /* sets - 1 */
    uint64_t count;
    uint64_t hits[MEMO_KINDS], misses[MEMO_KINDS];
};

struct memo {
    struct memo_shard shards[MEMO_SHARDS];
    uint64_t sets_max; /* per shard, a power of two */
};

static struct set *sets_new(uint64_t count)
{
    struct set *sets = aligned_alloc(64, count * sizeof(*sets));
    if (sets != NULL) {
        memset(sets, 0, count * sizeof(*sets));
    }
    return sets;
}

struct memo *memo_new(uint64_t entries_max)
{
    struct memo *memo = aligned_alloc(64, sizeof(*memo));
    if (memo == NULL) {
        return NULL;
    }
    memset(memo, 0, sizeof(*memo));
    memo->sets_max = SETS_MIN;
    while (2 * memo->sets_max * WAYS * MEMO_SHARDS <= entries_max) {
        memo->sets_max *= 2;
    }
    for (unsigned i = 0; i < MEMO_SHARDS; i++) {
        atomic_flag_clear(&memo->shards[i].lock.flag);
        memo->shards[i].sets = sets_new(SETS_MIN);
        memo->shards[i].mask = SETS_MIN - 1;
        if (memo->shards[i].sets == NULL) {
            memo_free(memo);
            return NULL;
        }
    }
    return memo;
}

void memo_free(struct memo *memo)
{
    for (unsigned i = 0; memo != NULL && i < MEMO_SHARDS; i++) {
        free(memo->shards[i].sets);
    }
    free(memo);
}

static uint64_t key_hash(struct memo_key key, enum memo_kind kind)
{
    uint64_t x = (key.id[0] + (uint64_t)kind) * 0x9e3779b97f4a7c15u ^ key.id[1];
    return x ^ x >> 32;
}

static unsigned set_find(const struct set *set, enum memo_kind kind, struct memo_key key)
{
    unsigned way = 0;
    while (way < WAYS && !(set->id0[way] == key.id[0] && set->id1[way] == key.id[1] &&
                           set->kind[way] == (unsigned)kind + 1)) {
        way++;
    }
    return way;
}

/* The place for a new result: a free one, else the first that nobody asked for since the hand came
 * by. */
static unsigned set_victim(struct set *set)
{
    for (unsigned way = 0; way < WAYS; way++) {
        if (set->kind[way] == 0) {
            return way;
        }
    }
    while (set->used[set->hand] != 0) {
        set->used[set->hand] = 0;
        set->hand = (uint8_t)((set->hand + 1) % WAYS);
    }
    unsigned way = set->hand;
    set->hand = (uint8_t)((set->hand + 1) % WAYS);
    return way;
}

static void set_write(struct set *set, unsigned way, enum memo_kind kind, struct memo_key key,
                      const void *value, size_t len)
{
    set->id0[way] = key.id[0];
    set->id1[way] = key.id[1];
    set->kind[way] = (uint8_t)((unsigned)kind + 1);
    set->len[way] = (uint8_t)len;
    set->used[way] = 0;
    memcpy(set->value[way], value, len);
}

/* Doubles the sets of a shard; without memory it stays as it is and forgets sooner. */
static void shard_grow(struct memo_shard *shard)
{
    uint64_t old_count = shard->mask + 1;
    struct set *old = shard->sets;
    struct set *sets = sets_new(2 * old_count);
    if (sets == NULL) {
        return;
    }
    uint64_t mask = 2 * old_count - 1;
    for (uint64_t i = 0; i < old_count; i++) {
        for (unsigned way = 0; way < WAYS; way++) {
            if (old[i].kind[way] == 0) {
                continue;
            }
            enum memo_kind kind = (enum memo_kind)(old[i].kind[way] - 1);
            struct memo_key key = {.id = {old[i].id0[way], old[i].id1[way]}};
            struct set *set = &sets[key_hash(key, kind) & mask];
            set_write(set, set_victim(set), kind, key, old[i].value[way], old[i].len[way]);
        }
    }
    free(old);
    shard->sets = sets;
    shard->mask = mask;
}

bool memo_get(struct shared *shared, enum memo_kind kind, struct memo_key key, void *value,
              size_t len)
{
    struct memo *memo = shared->memo;
    if (memo == NULL) {
        return false;
    }
    uint64_t hash = key_hash(key, kind);
    struct memo_shard *shard = &memo->shards[hash >> 60];
    spin_lock(&shard->lock);
    struct set *set = &shard->sets[hash & shard->mask];
    unsigned way = set_find(set, kind, key);
    bool found = way < WAYS;
    if (found) {
        invariant(set->len[way] == len);
        memcpy(value, set->value[way], len);
        set->used[way] = 1;
        shard->hits[kind]++;
    } else {
        shard->misses[kind]++;
    }
    spin_unlock(&shard->lock);
    return found;
}

void memo_put(struct shared *shared, enum memo_kind kind, struct memo_key key, const void *value,
              size_t len)
{
    struct memo *memo = shared->memo;
    invariant(len <= MEMO_VALUE_BYTES && kind < MEMO_KINDS);
    if (memo == NULL) {
        return;
    }
    uint64_t hash = key_hash(key, kind);
    struct memo_shard *shard = &memo->shards[hash >> 60];
    spin_lock(&shard->lock);
    struct set *set = &shard->sets[hash & shard->mask];
    unsigned way = set_find(set, kind, key);
    if (way == WAYS) {
        /* A quarter full: one set in three hundred overflows, and what it loses is often asked for
         * again. Half full it would be one in twenty. */
        if (shard->mask + 1 < memo->sets_max && 4 * shard->count > WAYS * (shard->mask + 1)) {
            shard_grow(shard);
            set = &shard->sets[hash & shard->mask];
        }
        way = set_victim(set);
        shard->count += set->kind[way] == 0;
    }
    set_write(set, way, kind, key, value, len);
    spin_unlock(&shard->lock);
}

struct memo_key memo_key_bytes(struct shared *shared, const void *data, size_t len)
{
    uint8_t digest[16];
    hash_siphash128(digest, shared->key, data, len);
    return (struct memo_key){.id = {load64(digest), load64(digest + 8)}};
}

void memo_stats(const struct memo *memo, struct store_stats *stats)
{
    for (unsigned i = 0; memo != NULL && i < MEMO_SHARDS; i++) {
        const struct memo_shard *shard = &memo->shards[i];
        stats->memo_entries += shard->count;
        stats->memo_bytes += (shard->mask + 1) * sizeof(struct set);
        for (unsigned kind = 0; kind < MEMO_KINDS; kind++) {
            stats->memo_hits[kind] += shard->hits[kind];
            stats->memo_misses[kind] += shard->misses[kind];
        }
    }
}
