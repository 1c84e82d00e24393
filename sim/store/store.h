/* The host's half of node/base/blob.h and node/base/memo.h in memory: what all virtual nodes of a
 * run share. Any number of threads may run node_step on one store at the same time.
 *
 * Blobs live in shards chosen by their id; a shard is a spin lock, an open-addressing table and
 * slabs of a few size classes. A reference is an atomic counter; only the step from one to zero
 * takes the lock, so a blob that is being looked up cannot go away under the finger. The memo is a
 * set-associative cache that grows to a bound and then forgets. */
#ifndef ORRERY_SIM_STORE_STORE_H
#define ORRERY_SIM_STORE_STORE_H

#include "node/base/blob.h"
#include "node/base/memo.h"

struct store_config {
    uint8_t
        seed[16]; /* key of SipHash: ids differ between runs of different seeds, results never do */
    uint64_t memo_entries; /* most results kept; 0: 1 Mi (112 MiB) */
    bool memo_off;         /* every memo_get misses */
    /* Its memo answers for signatures and proofs that were made on it, and for nothing else: which
     * of them are good. It outlives this store. NULL: nobody. */
    struct shared *made_on;
};

struct store_stats {
    uint64_t plain, named;             /* blobs alive */
    uint64_t plain_bytes, named_bytes; /* their data, without headers */
    uint64_t slab_bytes;               /* memory taken from the system for blobs */
    uint64_t puts, shared_puts;        /* blob_put calls, and those that found the bytes present */
    uint64_t memo_entries, memo_bytes; /* results kept, memory of the table */
    uint64_t memo_hits[MEMO_KINDS], memo_misses[MEMO_KINDS];
};

/* NULL when memory ends. */
struct shared *store_new(const struct store_config *config);

/* Frees everything. Blobs that are still alive at a clean stop are a leak: see store_stats. Accepts
 * NULL. */
void store_free(struct shared *shared);

/* The memo forgets everything and stays off. While no other thread uses the store. */
void store_memo_end(struct shared *shared);

/* Exact only while no other thread uses the store. */
void store_stats(const struct shared *shared, struct store_stats *stats);

#endif
