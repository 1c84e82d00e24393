#include "node/base/pool.h"

#include "node/base/invariant.h"

/* The slots come first, then their bits. A bit at or above fresh means nothing, so none is cleared
 * at the start. */
size_t pool_bytes(size_t slot_bytes, uint32_t capacity)
{
    size_t bytes;
    invariant(slot_bytes >= sizeof(uint32_t) && capacity < POOL_NONE);
    invariant(!__builtin_mul_overflow(slot_bytes, (size_t)capacity, &bytes));
    invariant(!__builtin_add_overflow(bytes, ((size_t)capacity + 7) / 8, &bytes));
    return bytes;
}

void pool_init(struct pool *pool, void *memory, size_t slot_bytes, uint32_t capacity)
{
    invariant((uintptr_t)memory % POOL_ALIGN == 0);
    invariant(pool_bytes(slot_bytes, capacity) > 0 || capacity == 0);
    *pool = (struct pool){
        .slots = memory,
        .live = (uint8_t *)memory + slot_bytes * capacity,
        .slot_bytes = slot_bytes,
        .capacity = capacity,
        .free_first = POOL_NONE,
    };
}

bool pool_is_live(const struct pool *pool, uint32_t index)
{
    return index < pool->fresh && (pool->live[index / 8] >> index % 8 & 1) != 0;
}

enum err pool_take(struct pool *pool, uint32_t *index)
{
    uint32_t i = pool->free_first;
    if (i != POOL_NONE) {
        pool->free_first = load32(pool->slots + pool->slot_bytes * i);
    } else if (pool->fresh < pool->capacity) {
        i = pool->fresh++;
    } else {
        pool->refused++;
        *index = POOL_NONE;
        return ERR_FULL;
    }
    pool->live[i / 8] |= (uint8_t)(1u << i % 8);
    pool->count++;
    if (pool->count > pool->peak) {
        pool->peak = pool->count;
    }
    *index = i;
    return ERR_OK;
}

void pool_give(struct pool *pool, uint32_t index)
{
    invariant(pool_is_live(pool, index));
    pool->live[index / 8] &= (uint8_t) ~(1u << index % 8);
    store32(pool->slots + pool->slot_bytes * index, pool->free_first);
    pool->free_first = index;
    pool->count--;
}

void *pool_at(const struct pool *pool, uint32_t index)
{
    invariant(pool_is_live(pool, index));
    return pool->slots + pool->slot_bytes * index;
}

uint32_t pool_next(const struct pool *pool, uint32_t from)
{
    for (uint64_t i = from; i < pool->fresh; i++) {
        if (i % 8 == 0 && pool->live[i / 8] == 0) {
            i += 7;
        } else if (pool_is_live(pool, (uint32_t)i)) {
            return (uint32_t)i;
        }
    }
    return POOL_NONE;
}
