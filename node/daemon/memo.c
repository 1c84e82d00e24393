/* Results of pure functions, a small table that forgets: node/base/memo.h for one node. */
#include <stdlib.h>

#include "node/base/invariant.h"
#include "node/crypto/hash.h"
#include "node/daemon/blobs.h"

#define WAYS 4u

/* Four results that compete for one place; the hand gives second chances. */
struct memo_set {
    uint64_t id[WAYS][2];
    uint8_t kind[WAYS]; /* enum memo_kind + 1; 0: free */
    uint8_t len[WAYS];
    uint8_t used[WAYS];
    uint8_t hand;
    uint8_t value[WAYS][MEMO_VALUE_BYTES];
};

struct memo {
    uint64_t mask; /* sets - 1 */
    struct memo_set sets[];
};

struct memo *memo_new(uint64_t entries)
{
    uint64_t sets = 1;

    while (sets * WAYS < entries) {
        sets *= 2;
    }
    struct memo *memo = calloc(1, sizeof(*memo) + sets * sizeof(memo->sets[0]));
    if (memo != NULL) {
        memo->mask = sets - 1;
    }
    return memo;
}

void memo_free(struct memo *memo)
{
    free(memo);
}

static struct memo_set *set_of(struct shared *shared, enum memo_kind kind, struct memo_key key)
{
    struct memo *memo = blobs_memo(shared);
    uint64_t x = (key.id[0] + (uint64_t)kind) * UINT64_C(0x9e3779b97f4a7c15) ^ key.id[1];

    return &memo->sets[(x ^ x >> 32) & memo->mask];
}

static unsigned way_of(const struct memo_set *set, enum memo_kind kind, struct memo_key key)
{
    unsigned way = 0;

    while (way < WAYS && !(set->kind[way] == (unsigned)kind + 1 && set->id[way][0] == key.id[0] &&
                           set->id[way][1] == key.id[1])) {
        way++;
    }
    return way;
}

bool memo_get(struct shared *shared, enum memo_kind kind, struct memo_key key, void *value,
              size_t len)
{
    struct memo_set *set = set_of(shared, kind, key);
    unsigned way = way_of(set, kind, key);

    if (way == WAYS) {
        return false;
    }
    invariant(set->len[way] == len);
    memcpy(value, set->value[way], len);
    set->used[way] = 1;
    return true;
}

static unsigned victim(struct memo_set *set)
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

void memo_put(struct shared *shared, enum memo_kind kind, struct memo_key key, const void *value,
              size_t len)
{
    struct memo_set *set = set_of(shared, kind, key);
    unsigned way = way_of(set, kind, key);

    invariant(len <= MEMO_VALUE_BYTES && kind < MEMO_KINDS);
    if (way == WAYS) {
        way = victim(set);
    }
    set->id[way][0] = key.id[0];
    set->id[way][1] = key.id[1];
    set->kind[way] = (uint8_t)((unsigned)kind + 1);
    set->len[way] = (uint8_t)len;
    set->used[way] = 0;
    memcpy(set->value[way], value, len);
}

struct memo_key memo_key_bytes(struct shared *shared, const void *data, size_t len)
{
    uint8_t digest[SIPHASH_BYTES];

    hash_siphash128(digest, blobs_key(shared), data, len);
    return (struct memo_key){.id = {load64(digest), load64(digest + 8)}};
}
