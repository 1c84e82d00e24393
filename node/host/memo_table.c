#include "node/host/memo_table.h"

#include <stdlib.h>
#include <string.h>

#include "node/base/invariant.h"

#define WAYS 4u
#define SETS_MIN 64u

/* Keys stand together so that a miss touches two lines. */
struct memo_set {
    _Alignas(64) uint64_t id0[WAYS];
    uint64_t id1[WAYS];
    uint8_t kind[WAYS]; /* enum memo_kind + 1; 0: free */
    uint8_t len[WAYS];
    uint8_t used[WAYS]; /* second chance: asked for since the hand last came by */
    uint8_t hand;
    uint8_t value[WAYS][MEMO_VALUE_BYTES];
};

static struct memo_set *sets_new(uint64_t count)
{
    struct memo_set *sets = aligned_alloc(64, count * sizeof(*sets));
    if (sets != NULL) {
        memset(sets, 0, count * sizeof(*sets));
    }
    return sets;
}

bool memo_table_open(struct memo_table *table, uint64_t entries_max)
{
    *table = (struct memo_table){.sets = NULL};
    if (entries_max == 0) {
        return true;
    }
    table->sets_max = SETS_MIN;
    while (2 * table->sets_max * WAYS <= entries_max) {
        table->sets_max *= 2;
    }
    table->sets = sets_new(SETS_MIN);
    table->mask = SETS_MIN - 1;
    return table->sets != NULL;
}

void memo_table_close(struct memo_table *table)
{
    free(table->sets);
    *table = (struct memo_table){.sets = NULL};
}

size_t memo_table_bytes(const struct memo_table *table)
{
    return table->sets == NULL ? 0 : (table->mask + 1) * sizeof(struct memo_set);
}

uint64_t memo_table_hash(struct memo_key key, enum memo_kind kind)
{
    uint64_t x = (key.id[0] + (uint64_t)kind) * 0x9e3779b97f4a7c15u ^ key.id[1];
    return x ^ x >> 32;
}

static unsigned set_find(const struct memo_set *set, enum memo_kind kind, struct memo_key key)
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
static unsigned set_victim(struct memo_set *set)
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

static void set_write(struct memo_set *set, unsigned way, enum memo_kind kind, struct memo_key key,
                      const void *value, size_t len)
{
    set->id0[way] = key.id[0];
    set->id1[way] = key.id[1];
    set->kind[way] = (uint8_t)((unsigned)kind + 1);
    set->len[way] = (uint8_t)len;
    set->used[way] = 0;
    memcpy(set->value[way], value, len);
}

/* Doubles the sets; without memory the table stays as it is and forgets sooner. */
static void grow(struct memo_table *table)
{
    uint64_t old_count = table->mask + 1;
    struct memo_set *old = table->sets;
    struct memo_set *sets = sets_new(2 * old_count);
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
            struct memo_set *set = &sets[memo_table_hash(key, kind) & mask];
            set_write(set, set_victim(set), kind, key, old[i].value[way], old[i].len[way]);
        }
    }
    free(old);
    table->sets = sets;
    table->mask = mask;
}

bool memo_table_get(struct memo_table *table, uint64_t hash, enum memo_kind kind,
                    struct memo_key key, void *value, size_t len)
{
    if (table->sets == NULL) {
        return false;
    }
    struct memo_set *set = &table->sets[hash & table->mask];
    unsigned way = set_find(set, kind, key);
    if (way == WAYS) {
        return false;
    }
    invariant(set->len[way] == len);
    memcpy(value, set->value[way], len);
    set->used[way] = 1;
    return true;
}

void memo_table_put(struct memo_table *table, uint64_t hash, enum memo_kind kind,
                    struct memo_key key, const void *value, size_t len)
{
    invariant(len <= MEMO_VALUE_BYTES && kind < MEMO_KINDS);
    if (table->sets == NULL) {
        return;
    }
    struct memo_set *set = &table->sets[hash & table->mask];
    unsigned way = set_find(set, kind, key);
    if (way == WAYS) {
        /* A quarter full: one set in three hundred overflows, and what it loses is often asked for
         * again. Half full it would be one in twenty. */
        if (table->mask + 1 < table->sets_max && 4 * table->count > WAYS * (table->mask + 1)) {
            grow(table);
            set = &table->sets[hash & table->mask];
        }
        way = set_victim(set);
        table->count += set->kind[way] == 0;
    }
    set_write(set, way, kind, key, value, len);
}
