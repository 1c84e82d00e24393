#include "node/base/rng.h"
#include "node/chain/txpool.h"
#include "node/crypto/hash.h"

struct wanted {
    uint64_t short_id;
    uint32_t index; /* + 1 into short_ids; 0: an empty slot */
};

/* Where a short id stands in the table, or the empty slot where it would. Whoever sent the block
 * chose the short ids but does not know the key. */
static struct wanted *slot_of(struct wanted *table, size_t mask, uint64_t key, uint64_t short_id)
{
    size_t at = rng_mix64(short_id ^ key) & mask;

    while (table[at].index != 0 && table[at].short_id != short_id) {
        at = (at + 1) & mask;
    }
    return &table[at];
}

size_t txpool_match(const struct txpool *pool, struct arena *scratch, const struct blob **found,
                    const uint8_t block_id[32], const uint64_t *short_ids, size_t count)
{
    size_t capacity = 2;
    size_t matches = 0;

    memset(found, 0, count * sizeof(found[0]));
    while (capacity < 2 * count) {
        capacity *= 2;
    }
    if (count == 0 || pool->count == 0) {
        return 0;
    }
    struct wanted *table = arena_alloc_zero(scratch, capacity * sizeof(struct wanted));
    bool *twice = arena_alloc_zero(scratch, count);
    if (table == NULL || twice == NULL) {
        return 0; /* all of them are fetched then */
    }
    for (size_t i = 0; i < count; i++) {
        struct wanted *slot = slot_of(table, capacity - 1, pool->key, short_ids[i]);
        if (slot->index != 0) {
            twice[i] = true; /* the block names one short id twice: both are fetched by place */
            twice[slot->index - 1] = true;
            continue;
        }
        *slot = (struct wanted){.short_id = short_ids[i], .index = (uint32_t)i + 1};
    }
    for (uint32_t i = 0; i < pool->used; i++) {
        const struct txpool_entry *e = &pool->entries[i];
        uint8_t sip[SIPHASH_BYTES];
        if (e->tx == NULL) {
            continue;
        }
        hash_siphash128(sip, block_id, e->id, sizeof(e->id));
        const struct wanted *slot = slot_of(table, capacity - 1, pool->key, load64(sip));
        if (slot->index == 0 || twice[slot->index - 1]) {
            continue;
        }
        if (found[slot->index - 1] != NULL) {
            twice[slot->index - 1] = true;
            found[slot->index - 1] = NULL;
            matches--;
            continue;
        }
        found[slot->index - 1] = e->tx;
        matches++;
    }
    return matches;
}

/* --- choosing for a block --- */

/* Candidates in runs of one sender each, by nonce; heads of the runs compete in a heap. */
static bool run_before(const struct txpool_entry *a, const struct txpool_entry *b)
{
    int order = memcmp(a->sender, b->sender, 32);
    return order != 0 ? order < 0 : a->nonce < b->nonce;
}

/* Higher fee per byte first; ties by id. */
static bool pays_more(const struct txpool_entry *a, const struct txpool_entry *b)
{
    u128 left = (u128)a->fee_max * b->tx->len;
    u128 right = (u128)b->fee_max * a->tx->len;
    return left != right ? left > right : memcmp(a->id, b->id, 32) < 0;
}

typedef bool before_fn(const struct txpool_entry *, const struct txpool_entry *);

/* Restores the heap property below `at`: the parent comes before its children. */
static void sift(const struct txpool_entry **heap, size_t count, size_t at, before_fn *before)
{
    for (;;) {
        size_t first = at;
        for (size_t child = 2 * at + 1; child <= 2 * at + 2 && child < count; child++) {
            if (before(heap[child], heap[first])) {
                first = child;
            }
        }
        if (first == at) {
            return;
        }
        const struct txpool_entry *swap = heap[at];
        heap[at] = heap[first];
        heap[first] = swap;
        at = first;
    }
}

static void heapify(const struct txpool_entry **heap, size_t count, before_fn *before)
{
    for (size_t at = count / 2; at-- > 0;) {
        sift(heap, count, at, before);
    }
}

size_t txpool_select(const struct txpool *pool, struct arena *scratch, struct span **out,
                     uint64_t multiplier)
{
    size_t candidates = 0;
    size_t heads = 0;
    size_t taken = 0;
    const struct txpool_entry **sorted = arena_alloc_array(scratch, pool->count, sizeof(*sorted));
    const struct txpool_entry **heap = arena_alloc_array(scratch, pool->count, sizeof(*heap));

    *out = arena_alloc_array(scratch, pool->count, sizeof(**out));
    if (sorted == NULL || heap == NULL || *out == NULL) {
        return 0;
    }
    for (uint32_t i = 0; i < pool->used; i++) {
        if (pool->entries[i].tx != NULL) {
            heap[candidates++] = &pool->entries[i];
        }
    }
    heapify(heap, candidates, run_before);
    for (size_t left = candidates; left > 0; left--) {
        sorted[candidates - left] = heap[0];
        heap[0] = heap[left - 1];
        sift(heap, left - 1, 0, run_before);
    }
    for (size_t i = 0; i < candidates; i++) {
        if (i == 0 || memcmp(sorted[i]->sender, sorted[i - 1]->sender, 32) != 0) {
            heap[heads++] = sorted[i];
        }
    }
    heapify(heap, heads, pays_more);
    while (heads > 0) {
        const struct txpool_entry *e = heap[0];
        bool pays = (u128)e->tx->len * multiplier <= e->fee_max;
        const struct txpool_entry *follower =
            pays ? txpool_find_nonce(pool, e->sender, e->nonce + 1) : NULL;
        if (pays) {
            (*out)[taken++] = span_of(e->tx->data, e->tx->len);
        }
        if (follower != NULL) {
            heap[0] = follower;
        } else {
            heap[0] = heap[--heads];
        }
        sift(heap, heads, 0, pays_more);
    }
    return taken;
}
