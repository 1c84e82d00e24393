/* A bump allocator on handed-in memory, for what lives until the end of one step. Nothing is freed
 * alone: arena_reset forgets everything, arena_rewind everything since a mark.
 *
 * Memory is touched from the low end, so pages never reached stay unresident. */
#ifndef ORRERY_BASE_ARENA_H
#define ORRERY_BASE_ARENA_H

#include "node/base/bytes.h"

enum {
    ARENA_ALIGN = 16, /* of every allocation */
};

struct arena {
    uint8_t *base;
    size_t capacity; /* bytes */
    size_t used;
    size_t peak;      /* the largest used since arena_init */
    uint64_t refused; /* allocations that did not fit */
};

/* Takes memory[0..bytes), aligned to ARENA_ALIGN; the caller keeps owning it. */
void arena_init(struct arena *arena, void *memory, size_t bytes);

/* bytes uninitialised bytes, aligned to ARENA_ALIGN; NULL and counted when they do not fit. Zero
 * bytes give a valid pointer to nothing. */
void *arena_alloc(struct arena *arena, size_t bytes);

/* The same for count * size, NULL also when the product overflows. */
void *arena_alloc_array(struct arena *arena, size_t count, size_t size);

/* The same, filled with zero. */
void *arena_alloc_zero(struct arena *arena, size_t bytes);

/* A copy of data[0..len); NULL when it does not fit. */
uint8_t *arena_copy(struct arena *arena, const void *data, size_t len);

static inline size_t arena_mark(const struct arena *arena)
{
    return arena->used;
}

/* Forgets everything allocated since mark was taken. */
void arena_rewind(struct arena *arena, size_t mark);

static inline void arena_reset(struct arena *arena)
{
    arena->used = 0;
}

#endif
