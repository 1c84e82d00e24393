/* Slots of one size on handed-in memory, named by 32-bit index. An index stays valid until given
 * back; slots never move.
 *
 * A slot given back is the next one taken, and fresh slots are taken from the low end, so pages
 * beyond the peak are never touched. Which index is taken depends on the calls alone, so walking
 * the live slots in index order is deterministic. */
#ifndef ORRERY_BASE_POOL_H
#define ORRERY_BASE_POOL_H

#include "node/base/bytes.h"
#include "node/base/err.h"

#define POOL_NONE UINT32_MAX

enum {
    POOL_ALIGN = 16, /* of the memory; a slot has the alignment that its size divides by */
};

struct pool {
    uint8_t *slots;
    uint8_t *live; /* one bit per slot below fresh */
    size_t slot_bytes;
    uint32_t capacity; /* slots */
    uint32_t count;    /* live */
    uint32_t peak;
    uint32_t fresh; /* slots below this index have been taken at least once */
    uint32_t free_first;
    uint64_t refused; /* takes that found no slot */
};

/* Bytes of memory for capacity slots of slot_bytes (>= 4) each. */
size_t pool_bytes(size_t slot_bytes, uint32_t capacity);

/* Takes memory[0..pool_bytes(slot_bytes, capacity)), aligned to POOL_ALIGN; the caller keeps owning
 * it. capacity < POOL_NONE. */
void pool_init(struct pool *pool, void *memory, size_t slot_bytes, uint32_t capacity);

/* Takes a slot, content undefined. ERR_FULL (and counted) when all are live; *index is then
 * POOL_NONE. */
MUST_CHECK enum err pool_take(struct pool *pool, uint32_t *index);

/* Gives a live slot back. Giving a slot twice is our own bug (invariant). */
void pool_give(struct pool *pool, uint32_t index);

/* The bytes of a live slot. */
void *pool_at(const struct pool *pool, uint32_t index);

bool pool_is_live(const struct pool *pool, uint32_t index);

/* The first live index >= from, or POOL_NONE. */
uint32_t pool_next(const struct pool *pool, uint32_t from);

#endif
