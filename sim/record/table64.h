/* A growing hash table from 64-bit keys (the first bytes of an id, which are hashes already) to
 * 32-bit numbers. It cannot be walked: its order is an accident. */
#ifndef ORRERY_RECORD_TABLE64_H
#define ORRERY_RECORD_TABLE64_H

#include <stdint.h>

#define TABLE64_NONE UINT32_MAX

struct table64 {
    uint64_t *keys;
    uint32_t *values; /* value + 1; 0: an empty slot */
    uint32_t slots, count;
};

void table64_free(struct table64 *table);
/* The value of key, or TABLE64_NONE. A zeroed table is an empty one. */
uint32_t table64_get(const struct table64 *table, uint64_t key);
/* Adds or replaces; value < TABLE64_NONE. */
void table64_set(struct table64 *table, uint64_t key, uint32_t value);
/* Removes key and returns its value, or TABLE64_NONE. */
uint32_t table64_remove(struct table64 *table, uint64_t key);

#endif
