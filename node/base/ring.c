#include "node/base/ring.h"

#include "node/base/invariant.h"

size_t ring_bytes(size_t element_bytes, uint32_t capacity)
{
    size_t bytes;
    invariant(element_bytes >= 1 && capacity >= 1);
    invariant(!__builtin_mul_overflow(element_bytes, (size_t)capacity, &bytes));
    return bytes;
}

void ring_init(struct ring *ring, void *memory, size_t element_bytes, uint32_t capacity)
{
    invariant((uintptr_t)memory % RING_ALIGN == 0);
    invariant(ring_bytes(element_bytes, capacity) > 0);
    *ring = (struct ring){.elements = memory, .element_bytes = element_bytes, .capacity = capacity};
}

static uint8_t *element_at(const struct ring *ring, uint32_t i)
{
    uint64_t position = (uint64_t)ring->first + i;
    if (position >= ring->capacity) {
        position -= ring->capacity;
    }
    return ring->elements + ring->element_bytes * (size_t)position;
}

enum err ring_push(struct ring *ring, const void *element)
{
    if (ring->count == ring->capacity) {
        ring->refused++;
        return ERR_FULL;
    }
    memcpy(element_at(ring, ring->count), element, ring->element_bytes);
    ring->count++;
    if (ring->count > ring->peak) {
        ring->peak = ring->count;
    }
    return ERR_OK;
}

bool ring_pop(struct ring *ring, void *element)
{
    if (ring->count == 0) {
        return false;
    }
    if (element != NULL) {
        memcpy(element, element_at(ring, 0), ring->element_bytes);
    }
    ring->count--;
    ring->first++;
    if (ring->first == ring->capacity || ring->count == 0) {
        ring->first = 0;
    }
    return true;
}

void *ring_at(const struct ring *ring, uint32_t i)
{
    invariant(i < ring->count);
    return element_at(ring, i);
}
