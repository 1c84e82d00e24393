/* Parts of the store: a lock, the shards of blobs, the memo. */
#ifndef ORRERY_SIM_STORE_STORE_PRIVATE_H
#define ORRERY_SIM_STORE_STORE_PRIVATE_H

#include <stdatomic.h>

#include "sim/store/slab.h"
#include "sim/store/store.h"

/* Held for tens of nanoseconds; a waiter yields its core after a while, for the holder may be off
 * core. */
struct spin {
    atomic_flag flag;
};
void spin_wait(struct spin *spin);

static inline void spin_lock(struct spin *spin)
{
    if (atomic_flag_test_and_set_explicit(&spin->flag, memory_order_acquire)) {
        spin_wait(spin);
    }
}

static inline void spin_unlock(struct spin *spin)
{
    atomic_flag_clear_explicit(&spin->flag, memory_order_release);
}

struct entry;

struct slot {
    uint64_t hash;
    struct entry *entry; /* NULL: free */
};

struct shard {
    _Alignas(64) struct spin lock;
    struct slot *slots;
    uint64_t mask; /* slots - 1, or 0 without slots */
    uint64_t count;
    uint64_t bytes;
    uint64_t puts, shared_puts;
    struct slab slab;
};

#define SHARDS 64u

struct memo;

struct shared {
    struct shard plain[SHARDS];
    struct shard named[SHARDS];
    uint8_t key[16];
    uint64_t name_key; /* spreads names, which others choose */
    struct memo *memo; /* NULL: off */
    struct memo *made; /* of another store: signatures and proofs made there, NULL: nobody's */
};

struct memo *memo_new(uint64_t entries_max);
void memo_free(struct memo *memo);
void memo_stats(const struct memo *memo, struct store_stats *stats);

#endif
