#include "sim/record/table64.h"

#include <stdlib.h>

#include "node/base/invariant.h"

#define SLOTS_MIN 64u

void table64_free(struct table64 *table)
{
    free(table->keys);
    free(table->values);
    *table = (struct table64){0};
}

static uint32_t home(const struct table64 *table, uint64_t key)
{
    key *= 0x9e3779b97f4a7c15u;
    return (uint32_t)(key >> 32) & (table->slots - 1);
}

/* The slot of key, or the empty slot where it would be. */
static uint32_t slot_find(const struct table64 *table, uint64_t key)
{
    uint32_t i = home(table, key);

    while (table->values[i] != 0 && table->keys[i] != key) {
        i = (i + 1) & (table->slots - 1);
    }
    return i;
}

static void grow(struct table64 *table)
{
    struct table64 old = *table;

    table->slots = old.slots == 0 ? SLOTS_MIN : 2 * old.slots;
    table->keys = malloc(table->slots * sizeof(*table->keys));
    table->values = calloc(table->slots, sizeof(*table->values));
    invariant(table->keys != NULL && table->values != NULL);
    for (uint32_t i = 0; i < old.slots; i++) {
        if (old.values[i] != 0) {
            uint32_t slot = slot_find(table, old.keys[i]);
            table->keys[slot] = old.keys[i];
            table->values[slot] = old.values[i];
        }
    }
    free(old.keys);
    free(old.values);
}

uint32_t table64_get(const struct table64 *table, uint64_t key)
{
    return table->slots == 0 ? TABLE64_NONE : table->values[slot_find(table, key)] - 1;
}

void table64_set(struct table64 *table, uint64_t key, uint32_t value)
{
    if (table->count >= table->slots / 2) {
        grow(table);
    }
    uint32_t i = slot_find(table, key);
    table->count += table->values[i] == 0;
    table->keys[i] = key;
    table->values[i] = value + 1;
}

uint32_t table64_remove(struct table64 *table, uint64_t key)
{
    if (table->slots == 0) {
        return TABLE64_NONE;
    }
    uint32_t hole = slot_find(table, key);
    uint32_t value = table->values[hole] - 1;
    if (value == TABLE64_NONE) {
        return TABLE64_NONE;
    }
    table->count--;
    /* What follows moves back over the hole unless it sits between the hole and its home. */
    for (uint32_t i = (hole + 1) & (table->slots - 1); table->values[i] != 0;
         i = (i + 1) & (table->slots - 1)) {
        uint32_t distance = (i - home(table, table->keys[i])) & (table->slots - 1);
        if (distance >= ((i - hole) & (table->slots - 1))) {
            table->keys[hole] = table->keys[i];
            table->values[hole] = table->values[i];
            hole = i;
        }
    }
    table->values[hole] = 0;
    return value;
}
