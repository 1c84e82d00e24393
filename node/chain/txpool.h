/* Transactions that wait for a block: by id, by sender and nonce, bounded, cheapest out first.
 * Plain data; the caller has checked signature and state. Memory is touched from the low end. */
#ifndef ORRERY_CHAIN_TXPOOL_H
#define ORRERY_CHAIN_TXPOOL_H

#include "node/base/arena.h"
#include "node/base/blob.h"
#include "node/chain/execute.h"

#define POOL_CAPACITY_MAX 65534
/* A replacement (same sender and nonce) must offer at least 11/10 of the fee_max it replaces. */
#define POOL_REPLACE_NUM 11
#define POOL_REPLACE_DEN 10

struct txpool_entry {
    uint8_t id[32];
    uint8_t sender[32];
    uint64_t nonce, fee_max, expiry;
    const struct blob *tx;         /* one reference; NULL: a free slot */
    uint32_t id_next, sender_next; /* index + 1 of the next in its bucket, 0 at the end */
};

struct txpool {
    struct txpool_entry *entries;
    uint32_t capacity, used, count;
    uint32_t free;         /* index + 1, linked by id_next */
    uint64_t expiry_least; /* no entry expires before it */
    uint64_t key;
    uint32_t buckets;            /* of each table, a power of two */
    uint16_t *by_id, *by_sender; /* index + 1 */
};

size_t txpool_bytes(uint32_t capacity);
/* memory: txpool_bytes, aligned for pointers, its entries zero. */
void txpool_init(struct txpool *pool, void *memory, uint32_t capacity, uint64_t key);
void txpool_clear(struct txpool *pool, struct shared *shared);

const struct txpool_entry *txpool_find(const struct txpool *pool, const uint8_t id[32]);
const struct txpool_entry *txpool_find_nonce(const struct txpool *pool, const uint8_t sender[32],
                                             uint64_t nonce);
/* Adds a transaction (and a reference). evicted: something cheaper made room. ERR_DUPLICATE;
 * ERR_FEE: replaces one of the same nonce without offering a tenth more, or the pool is full of
 * better ones; ERR_FULL: sender_max of this sender are here. */
enum err txpool_add(struct txpool *pool, struct shared *shared, bool *evicted,
                    const struct tx_facts *facts, const struct blob *tx,
                    uint32_t sender_max) MUST_CHECK;
/* Forgets the transactions of a sender with a nonce up to this one: they are in a block, or can
 * never be. */
void txpool_pass(struct txpool *pool, struct shared *shared, const uint8_t sender[32],
                 uint64_t nonce);
/* Forgets one; it need not be there. */
void txpool_remove(struct txpool *pool, struct shared *shared, const uint8_t id[32]);
/* A transaction of the sender with a greater nonce is here. */
bool txpool_waits(const struct txpool *pool, const uint8_t sender[32], uint64_t nonce);
/* Forgets what may not be in a block of this height or a later one. */
void txpool_expire(struct txpool *pool, struct shared *shared, uint64_t height);
/* The first nonce from `nonce` on that is not pooled. */
uint64_t txpool_next_nonce(const struct txpool *pool, const uint8_t sender[32], uint64_t nonce);
/* See chain_tx_match. */
size_t txpool_match(const struct txpool *pool, struct arena *scratch, const struct blob **found,
                    const uint8_t block_id[32], const uint64_t *short_ids, size_t count);
/* All that is ready to pay multiplier per byte, in the order in which a block takes them: best fee
 * per byte first, those of one sender by nonce. What does not execute (the first of a sender may
 * wait for another) must take nobody's place, so it is for execute_draft to fill the block. Returns
 * how many; spans point into the pooled blobs, *out into scratch. */
size_t txpool_select(const struct txpool *pool, struct arena *scratch, struct span **out,
                     uint64_t multiplier);

#endif
