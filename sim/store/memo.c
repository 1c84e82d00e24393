#include <stdlib.h>

#include "node/base/invariant.h"
#include "node/crypto/hash.h"
#include "node/host/memo_table.h"
#include "sim/store/store_private.h"

#define MEMO_SHARDS 16u

struct memo_shard {
    _Alignas(64) struct spin lock;
    struct memo_table table;
    uint64_t hits[MEMO_KINDS], misses[MEMO_KINDS];
};

struct memo {
    struct memo_shard shards[MEMO_SHARDS];
};

struct memo *memo_new(uint64_t entries_max)
{
    struct memo *memo = aligned_alloc(64, sizeof(*memo));
    if (memo == NULL) {
        return NULL;
    }
    memset(memo, 0, sizeof(*memo));
    for (unsigned i = 0; i < MEMO_SHARDS; i++) {
        atomic_flag_clear(&memo->shards[i].lock.flag);
        if (!memo_table_open(&memo->shards[i].table, entries_max / MEMO_SHARDS + 1)) {
            memo_free(memo);
            return NULL;
        }
    }
    return memo;
}

void memo_free(struct memo *memo)
{
    for (unsigned i = 0; memo != NULL && i < MEMO_SHARDS; i++) {
        memo_table_close(&memo->shards[i].table);
    }
    free(memo);
}

/* What another store's memo has of signatures and proofs; it does not count the questions. */
static bool made_get(struct memo *memo, enum memo_kind kind, struct memo_key key, void *value,
                     size_t len)
{
    if (memo == NULL || (kind != MEMO_VERIFY && kind != MEMO_VRF)) {
        return false;
    }
    uint64_t hash = memo_table_hash(key, kind);
    struct memo_shard *shard = &memo->shards[hash >> 60];
    spin_lock(&shard->lock);
    bool found = memo_table_get(&shard->table, hash, kind, key, value, len);
    spin_unlock(&shard->lock);
    return found;
}

bool memo_get(struct shared *shared, enum memo_kind kind, struct memo_key key, void *value,
              size_t len)
{
    struct memo *memo = shared->memo;
    if (memo == NULL) {
        return made_get(shared->made, kind, key, value, len);
    }
    uint64_t hash = memo_table_hash(key, kind);
    struct memo_shard *shard = &memo->shards[hash >> 60];
    spin_lock(&shard->lock);
    bool found = memo_table_get(&shard->table, hash, kind, key, value, len);
    shard->hits[kind] += found;
    shard->misses[kind] += !found;
    spin_unlock(&shard->lock);
    return found;
}

void memo_put(struct shared *shared, enum memo_kind kind, struct memo_key key, const void *value,
              size_t len)
{
    struct memo *memo = shared->memo;
    if (memo == NULL) {
        return;
    }
    uint64_t hash = memo_table_hash(key, kind);
    struct memo_shard *shard = &memo->shards[hash >> 60];
    spin_lock(&shard->lock);
    memo_table_put(&shard->table, hash, kind, key, value, len);
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
        stats->memo_entries += shard->table.count;
        stats->memo_bytes += memo_table_bytes(&shard->table);
        for (unsigned kind = 0; kind < MEMO_KINDS; kind++) {
            stats->memo_hits[kind] += shard->hits[kind];
            stats->memo_misses[kind] += shard->misses[kind];
        }
    }
}
