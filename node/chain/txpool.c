#include "node/chain/txpool.h"

#include "node/base/invariant.h"
#include "node/base/plant.h"
#include "node/base/rng.h"

#define BUCKETS_MIN 256u
#define BUCKET_ENTRIES 16u /* of a full pool, on average */

static uint32_t buckets_of(uint32_t capacity)
{
    uint32_t buckets = BUCKETS_MIN;

    while (buckets * BUCKET_ENTRIES < capacity) {
        buckets *= 2;
    }
    return buckets;
}

static uint16_t *bucket_of(const struct txpool *pool, uint16_t *table, const uint8_t name[32])
{
    return &table[rng_mix64(load64(name) ^ pool->key) & (pool->buckets - 1)];
}

size_t txpool_bytes(uint32_t capacity)
{
    return 2 * buckets_of(capacity) * sizeof(uint16_t) + capacity * sizeof(struct txpool_entry);
}

void txpool_init(struct txpool *pool, void *memory, uint32_t capacity, uint64_t key)
{
    invariant(capacity > 0 && capacity <= POOL_CAPACITY_MAX);
    memset(pool, 0, sizeof(*pool));
    pool->buckets = buckets_of(capacity);
    pool->by_id = memory;
    memset(pool->by_id, 0, 2 * pool->buckets * sizeof(uint16_t));
    pool->by_sender = pool->by_id + pool->buckets;
    pool->entries = (struct txpool_entry *)(void *)(pool->by_sender + pool->buckets);
    pool->capacity = capacity;
    pool->key = key;
    pool->expiry_least = UINT64_MAX;
}

void txpool_clear(struct txpool *pool, struct shared *shared)
{
    for (uint32_t i = 0; i < pool->used; i++) {
        blob_drop(shared, pool->entries[i].tx);
        pool->entries[i].tx = NULL;
    }
    txpool_init(pool, pool->by_id, pool->capacity, pool->key);
}

static uint32_t find(const struct txpool *pool, const uint8_t id[32])
{
    uint32_t at = *bucket_of(pool, pool->by_id, id);

    while (at != 0 && memcmp(pool->entries[at - 1].id, id, 32) != 0) {
        at = pool->entries[at - 1].id_next;
    }
    return at;
}

const struct txpool_entry *txpool_find(const struct txpool *pool, const uint8_t id[32])
{
    uint32_t at = find(pool, id);
    return at == 0 ? NULL : &pool->entries[at - 1];
}

static uint32_t find_nonce(const struct txpool *pool, const uint8_t sender[32], uint64_t nonce)
{
    uint32_t at = *bucket_of(pool, pool->by_sender, sender);

    while (at != 0 && (pool->entries[at - 1].nonce != nonce ||
                       memcmp(pool->entries[at - 1].sender, sender, 32) != 0)) {
        at = pool->entries[at - 1].sender_next;
    }
    return at;
}

const struct txpool_entry *txpool_find_nonce(const struct txpool *pool, const uint8_t sender[32],
                                             uint64_t nonce)
{
    uint32_t at = find_nonce(pool, sender, nonce);
    return at == 0 ? NULL : &pool->entries[at - 1];
}

static void remove_at(struct txpool *pool, struct shared *shared, uint32_t at)
{
    struct txpool_entry *entry = &pool->entries[at - 1];
    uint16_t *head = bucket_of(pool, pool->by_id, entry->id);

    if (*head == at) {
        *head = (uint16_t)entry->id_next;
    } else {
        uint32_t i = *head;
        while (pool->entries[i - 1].id_next != at) {
            i = pool->entries[i - 1].id_next;
        }
        pool->entries[i - 1].id_next = entry->id_next;
    }
    head = bucket_of(pool, pool->by_sender, entry->sender);
    if (*head == at) {
        *head = (uint16_t)entry->sender_next;
    } else {
        uint32_t i = *head;
        while (pool->entries[i - 1].sender_next != at) {
            i = pool->entries[i - 1].sender_next;
        }
        pool->entries[i - 1].sender_next = entry->sender_next;
    }
    blob_drop(shared, entry->tx);
    memset(entry, 0, sizeof(*entry));
    entry->id_next = pool->free;
    pool->free = at;
    pool->count--;
}

/* a offers less per byte than b. */
static bool cheaper(const struct txpool_entry *a, uint64_t b_fee_max, uint32_t b_bytes)
{
    return (u128)a->fee_max * b_bytes < (u128)b_fee_max * a->tx->len;
}

/* Makes room: the sender of the cheapest transaction loses its last one, so that no gap opens. */
static enum err evict(struct txpool *pool, struct shared *shared, const struct tx_facts *newcomer)
{
    uint32_t victim = 0;

    for (uint32_t i = 0; i < pool->used; i++) {
        const struct txpool_entry *e = &pool->entries[i];
        if (e->tx != NULL && (victim == 0 || cheaper(e, pool->entries[victim - 1].fee_max,
                                                     pool->entries[victim - 1].tx->len))) {
            victim = i + 1;
        }
    }
    if (victim == 0 || !cheaper(&pool->entries[victim - 1], newcomer->fee_max, newcomer->bytes)) {
        return ERR_FEE;
    }
    const struct txpool_entry *cheapest = &pool->entries[victim - 1];
    uint32_t last = victim;
    for (uint32_t at = *bucket_of(pool, pool->by_sender, cheapest->sender); at != 0;
         at = pool->entries[at - 1].sender_next) {
        const struct txpool_entry *e = &pool->entries[at - 1];
        if (memcmp(e->sender, cheapest->sender, 32) == 0 &&
            e->nonce > pool->entries[last - 1].nonce) {
            last = at;
        }
    }
    remove_at(pool, shared, last);
    return ERR_OK;
}

static uint32_t sender_count(const struct txpool *pool, const uint8_t sender[32])
{
    uint32_t count = 0;

    for (uint32_t at = *bucket_of(pool, pool->by_sender, sender); at != 0;
         at = pool->entries[at - 1].sender_next) {
        count += memcmp(pool->entries[at - 1].sender, sender, 32) == 0;
    }
    return count;
}

static void insert(struct txpool *pool, struct shared *shared, const struct tx_facts *facts,
                   const struct blob *tx)
{
    uint32_t at;

    if (pool->free != 0) {
        at = pool->free;
        pool->free = pool->entries[at - 1].id_next;
    } else {
        invariant(pool->used < pool->capacity);
        at = ++pool->used;
    }
    struct txpool_entry *entry = &pool->entries[at - 1];
    memcpy(entry->id, facts->id, 32);
    memcpy(entry->sender, facts->sender, 32);
    entry->nonce = facts->nonce;
    entry->fee_max = facts->fee_max;
    entry->expiry = facts->expiry;
    entry->tx = blob_keep(shared, tx);
    uint16_t *head = bucket_of(pool, pool->by_id, entry->id);
    entry->id_next = *head;
    *head = (uint16_t)at;
    head = bucket_of(pool, pool->by_sender, entry->sender);
    entry->sender_next = *head;
    *head = (uint16_t)at;
    pool->count++;
    if (facts->expiry < pool->expiry_least) {
        pool->expiry_least = facts->expiry;
    }
}

enum err txpool_add(struct txpool *pool, struct shared *shared, bool *evicted,
                    const struct tx_facts *facts, const struct blob *tx, uint32_t sender_max)
{
    *evicted = false;
    if (find(pool, facts->id) != 0) {
        return ERR_DUPLICATE;
    }
    uint32_t old = find_nonce(pool, facts->sender, facts->nonce);
    if (old != 0) {
        if ((u128)facts->fee_max * POOL_REPLACE_DEN <
            (u128)pool->entries[old - 1].fee_max * POOL_REPLACE_NUM) {
            return ERR_FEE;
        }
        remove_at(pool, shared, old);
    } else {
        if (sender_count(pool, facts->sender) >= sender_max) {
            return ERR_FULL;
        }
        if (pool->count == pool->capacity) {
            TRY(evict(pool, shared, facts));
            *evicted = true;
        }
    }
    insert(pool, shared, facts, tx);
    return ERR_OK;
}

void txpool_pass(struct txpool *pool, struct shared *shared, const uint8_t sender[32],
                 uint64_t nonce)
{
    uint32_t at = *bucket_of(pool, pool->by_sender, sender);

    while (at != 0) {
        const struct txpool_entry *e = &pool->entries[at - 1];
        uint32_t next = e->sender_next;
        if ((planted(POOL_KEEPS_MINED) ? e->nonce < nonce : e->nonce <= nonce) &&
            memcmp(e->sender, sender, 32) == 0) {
            remove_at(pool, shared, at);
        }
        at = next;
    }
}

void txpool_remove(struct txpool *pool, struct shared *shared, const uint8_t id[32])
{
    uint32_t at = find(pool, id);

    if (at != 0) {
        remove_at(pool, shared, at);
    }
}

bool txpool_waits(const struct txpool *pool, const uint8_t sender[32], uint64_t nonce)
{
    for (uint32_t at = *bucket_of(pool, pool->by_sender, sender); at != 0;
         at = pool->entries[at - 1].sender_next) {
        if (pool->entries[at - 1].nonce > nonce &&
            memcmp(pool->entries[at - 1].sender, sender, 32) == 0) {
            return true;
        }
    }
    return false;
}

void txpool_expire(struct txpool *pool, struct shared *shared, uint64_t height)
{
    if (pool->expiry_least >= height || planted(POOL_NEVER_SWEPT)) {
        return;
    }
    uint64_t least = UINT64_MAX;
    for (uint32_t i = 0; i < pool->used; i++) {
        const struct txpool_entry *e = &pool->entries[i];
        if (e->tx == NULL) {
            continue;
        }
        if (e->expiry < height) {
            remove_at(pool, shared, i + 1);
        } else if (e->expiry < least) {
            least = e->expiry;
        }
    }
    pool->expiry_least = least;
}

uint64_t txpool_next_nonce(const struct txpool *pool, const uint8_t sender[32], uint64_t nonce)
{
    uint64_t taken;

    /* 64 nonces in one walk of the bucket: whoever submits has many of his own there. */
    do {
        taken = 0;
        for (uint32_t at = *bucket_of(pool, pool->by_sender, sender); at != 0;
             at = pool->entries[at - 1].sender_next) {
            const struct txpool_entry *e = &pool->entries[at - 1];
            if (e->nonce - nonce < 64 && memcmp(e->sender, sender, 32) == 0) {
                taken |= (uint64_t)1 << (e->nonce - nonce);
            }
        }
        nonce += taken == UINT64_MAX ? 64 : (uint64_t)__builtin_ctzll(~taken);
    } while (taken == UINT64_MAX);
    return nonce;
}
