/* A hash map from 32-byte ids to 32-bit numbers (pool indices, mostly) on handed-in memory: open
 * addressing, linear probing, removal by backward shift, so no tombstones ever. It cannot be
 * walked: its order is an accident and must not show.
 *
 * Positions depend on a secret seed, so that nobody can choose ids that collide. The seed changes
 * no answer, only speed. Initialising touches 4 bytes per slot; the 32-byte ids are touched as they
 * come. */
#ifndef ORRERY_BASE_MAP_H
#define ORRERY_BASE_MAP_H

#include "node/base/bytes.h"
#include "node/base/err.h"

#define MAP_NONE UINT32_MAX

enum {
    MAP_ID_BYTES = 32,
    MAP_ALIGN = 16, /* of the memory */
};

struct map {
    uint32_t *values; /* value + 1, 0 for an empty slot */
    uint8_t (*ids)[MAP_ID_BYTES];
    uint64_t key[4];
    uint32_t mask;  /* slots - 1 */
    uint32_t limit; /* entries: three quarters of the slots */
    uint32_t count;
    uint32_t peak;
    uint64_t refused; /* inserts that found the limit reached */
};

/* The least number of slots (a power of two >= 4) with room for entries; at most 2^31. */
uint32_t map_slots(uint32_t entries);

/* Bytes of memory for slots, a power of two >= 4. */
size_t map_bytes(uint32_t slots);

/* Takes memory[0..map_bytes(slots)), aligned to MAP_ALIGN; the caller keeps owning it. */
void map_init(struct map *map, void *memory, uint32_t slots, uint64_t seed);

/* Adds id -> value, value < MAP_NONE. ERR_DUPLICATE when id is present (its value stays), ERR_FULL
 * (and counted) when the limit is reached. */
MUST_CHECK enum err map_insert(struct map *map, const uint8_t id[MAP_ID_BYTES], uint32_t value);

/* Changes the value of an id that is present; false when it is not. */
bool map_update(struct map *map, const uint8_t id[MAP_ID_BYTES], uint32_t value);

/* The value of id, or MAP_NONE. */
uint32_t map_get(const struct map *map, const uint8_t id[MAP_ID_BYTES]);

/* Removes id and returns its value, or MAP_NONE when it was not there. */
uint32_t map_remove(struct map *map, const uint8_t id[MAP_ID_BYTES]);

/* Forgets all entries. */
void map_clear(struct map *map);

#endif
