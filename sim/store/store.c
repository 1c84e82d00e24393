#include "sim/store/store.h"

#include <stdlib.h>

#include "node/crypto/hash.h"
#include "sim/store/store_private.h"

#define MEMO_ENTRIES_DEFAULT (1u << 20)

struct shared *store_new(const struct store_config *config)
{
    struct shared *shared = aligned_alloc(64, sizeof(*shared));
    if (shared == NULL) {
        return NULL;
    }
    memset(shared, 0, sizeof(*shared));
    for (unsigned i = 0; i < SHARDS; i++) {
        atomic_flag_clear(&shared->plain[i].lock.flag);
        atomic_flag_clear(&shared->named[i].lock.flag);
    }
    memcpy(shared->key, config->seed, sizeof(shared->key));
    uint8_t digest[16];
    hash_siphash128(digest, shared->key, "names", 5);
    shared->name_key = load64(digest);
    shared->made = config->made_on != NULL ? config->made_on->memo : NULL;
    if (!config->memo_off) {
        uint64_t entries = config->memo_entries == 0 ? MEMO_ENTRIES_DEFAULT : config->memo_entries;
        shared->memo = memo_new(entries);
        if (shared->memo == NULL) {
            free(shared);
            return NULL;
        }
    }
    return shared;
}

void store_free(struct shared *shared)
{
    if (shared == NULL) {
        return;
    }
    for (unsigned i = 0; i < SHARDS; i++) {
        slab_end(&shared->plain[i].slab);
        slab_end(&shared->named[i].slab);
        free(shared->plain[i].slots);
        free(shared->named[i].slots);
    }
    memo_free(shared->memo);
    free(shared);
}

void store_memo_end(struct shared *shared)
{
    memo_free(shared->memo);
    shared->memo = NULL;
}

void store_stats(const struct shared *shared, struct store_stats *stats)
{
    *stats = (struct store_stats){.plain = 0};
    for (unsigned i = 0; i < SHARDS; i++) {
        const struct shard *plain = &shared->plain[i];
        const struct shard *named = &shared->named[i];
        stats->plain += plain->count;
        stats->named += named->count;
        stats->plain_bytes += plain->bytes;
        stats->named_bytes += named->bytes;
        stats->slab_bytes += plain->slab.taken_bytes + named->slab.taken_bytes;
        stats->puts += plain->puts;
        stats->shared_puts += plain->shared_puts;
    }
    memo_stats(shared->memo, stats);
}
