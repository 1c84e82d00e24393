/* Scratch memory handed in by the caller: a bump allocator over it. What is taken lives until the
 * caller reuses the memory; nothing is freed. */
#ifndef ORRERY_PROOF_SCRATCH_H
#define ORRERY_PROOF_SCRATCH_H

#include "node/base/bytes.h"

struct scratch {
    uint8_t *data; /* 64-byte aligned */
    size_t len, used;
};

/* count objects of size bytes, 64-byte aligned, or NULL if they do not fit. */
static inline void *scratch_take(struct scratch *s, size_t count, size_t size)
{
    size_t start = (s->used + 63) & ~(size_t)63, bytes;
    if (__builtin_mul_overflow(count, size, &bytes) || start > s->len || bytes > s->len - start) {
        return NULL;
    }
    s->used = start + bytes;
    return s->data + start;
}

/* What scratch_take of the same arguments uses at most. */
static inline size_t scratch_need(size_t count, size_t size)
{
    return count * size + 63;
}

#endif
