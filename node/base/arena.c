#include "node/base/arena.h"

#include "node/base/invariant.h"

void arena_init(struct arena *arena, void *memory, size_t bytes)
{
    invariant((uintptr_t)memory % ARENA_ALIGN == 0);
    *arena = (struct arena){.base = memory, .capacity = bytes - bytes % ARENA_ALIGN};
}

void *arena_alloc(struct arena *arena, size_t bytes)
{
    /* used and capacity are multiples of the alignment, so what is left is one too: a request that
     * fits still fits when rounded up, and the rounding cannot overflow. */
    if (bytes > arena->capacity - arena->used) {
        arena->refused++;
        return NULL;
    }
    void *p = arena->base + arena->used;
    arena->used += (bytes + ARENA_ALIGN - 1) / ARENA_ALIGN * ARENA_ALIGN;
    if (arena->used > arena->peak) {
        arena->peak = arena->used;
    }
    return p;
}

void *arena_alloc_array(struct arena *arena, size_t count, size_t size)
{
    size_t bytes;
    if (__builtin_mul_overflow(count, size, &bytes)) {
        arena->refused++;
        return NULL;
    }
    return arena_alloc(arena, bytes);
}

void *arena_alloc_zero(struct arena *arena, size_t bytes)
{
    void *p = arena_alloc(arena, bytes);
    if (p != NULL) {
        memset(p, 0, bytes);
    }
    return p;
}

uint8_t *arena_copy(struct arena *arena, const void *data, size_t len)
{
    uint8_t *p = arena_alloc(arena, len);
    if (p != NULL && len > 0) {
        memcpy(p, data, len);
    }
    return p;
}

void arena_rewind(struct arena *arena, size_t mark)
{
    invariant(mark <= arena->used && mark % ARENA_ALIGN == 0);
    arena->used = mark;
}
