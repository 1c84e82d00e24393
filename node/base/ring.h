/* A queue of elements of one size on handed-in memory: in at the back, out at the front. An empty
 * ring starts again at the low end, so a queue that drains touches few pages. */
#ifndef ORRERY_BASE_RING_H
#define ORRERY_BASE_RING_H

#include "node/base/bytes.h"
#include "node/base/err.h"

enum {
    RING_ALIGN = 16, /* of the memory */
};

struct ring {
    uint8_t *elements;
    size_t element_bytes;
    uint32_t capacity; /* elements */
    uint32_t first;    /* position of the front */
    uint32_t count;
    uint32_t peak;
    uint64_t refused; /* pushes that found no room */
};

/* Bytes of memory for capacity elements (>= 1) of element_bytes (>= 1) each. */
size_t ring_bytes(size_t element_bytes, uint32_t capacity);

/* Takes memory[0..ring_bytes(..)), aligned to RING_ALIGN; the caller keeps owning it. */
void ring_init(struct ring *ring, void *memory, size_t element_bytes, uint32_t capacity);

/* Copies *element to the back. ERR_FULL (and counted) when there is no room. */
MUST_CHECK enum err ring_push(struct ring *ring, const void *element);

/* Copies the front to *element (which may be NULL) and removes it; false when empty. */
bool ring_pop(struct ring *ring, void *element);

/* Element i counted from the front, i < count; valid until it is popped. */
void *ring_at(const struct ring *ring, uint32_t i);

static inline void ring_clear(struct ring *ring)
{
    ring->first = 0;
    ring->count = 0;
}

#endif
