#include "sim/store/slab.h"

#include <stdlib.h>

#include "node/base/invariant.h"

#define CHUNK_BYTES_MIN (8u << 10)
#define CHUNK_BYTES_MAX (256u << 10)
#define FINE_CLASSES 16

struct slab_chunk {
    _Alignas(16) struct slab_chunk *next;
};

struct slab_large {
    _Alignas(16) struct slab_large *next;
    struct slab_large **back; /* what points here */
    size_t bytes;
};

static size_t class_bytes(unsigned class)
{
    if (class < FINE_CLASSES) {
        return 32u * (class + 1);
    }
    unsigned step = class - FINE_CLASSES;
    return (size_t)(5 + step % 4) << (7 + step / 4);
}

static unsigned class_of(size_t bytes)
{
    if (bytes <= 512) {
        return bytes == 0 ? 0 : (unsigned)((bytes - 1) / 32);
    }
    unsigned class = FINE_CLASSES;
    while (class < SLAB_CLASSES && class_bytes(class) < bytes) {
        class ++;
    }
    return class;
}

static void *large_take(struct slab *slab, size_t bytes)
{
    struct slab_large *large = malloc(sizeof(*large) + bytes);
    if (large == NULL) {
        return NULL;
    }
    large->next = slab->large;
    large->back = &slab->large;
    large->bytes = sizeof(*large) + bytes;
    if (large->next != NULL) {
        large->next->back = &large->next;
    }
    slab->large = large;
    slab->taken_bytes += large->bytes;
    return large + 1;
}

static void large_give(struct slab *slab, void *block)
{
    struct slab_large *large = (struct slab_large *)block - 1;
    *large->back = large->next;
    if (large->next != NULL) {
        large->next->back = large->back;
    }
    slab->taken_bytes -= large->bytes;
    free(large);
}

/* Puts what is left of the newest chunk on the free lists, largest blocks first, so that nothing is
 * lost. */
static void chunk_retire(struct slab *slab)
{
    size_t left = (size_t)(slab->end - slab->at);
    for (unsigned class = SLAB_CLASSES; class -- > 0;) {
        while (left >= class_bytes(class)) {
            *(void **)(void *)slab->at = slab->free[class];
            slab->free[class] = slab->at;
            slab->at += class_bytes(class);
            left -= class_bytes(class);
        }
    }
}

void *slab_take(struct slab *slab, uint8_t *class, size_t bytes)
{
    unsigned number = class_of(bytes);
    if (number >= SLAB_CLASSES) {
        *class = SLAB_LARGE;
        return large_take(slab, bytes);
    }
    *class = (uint8_t)number;
    void *block = slab->free[number];
    if (block != NULL) {
        slab->free[number] = *(void **)block;
        return block;
    }
    size_t need = class_bytes(number);
    if ((size_t)(slab->end - slab->at) < need) {
        chunk_retire(slab);
        size_t size = slab->chunk_bytes < CHUNK_BYTES_MIN ? CHUNK_BYTES_MIN : slab->chunk_bytes;
        slab->chunk_bytes = size < CHUNK_BYTES_MAX ? 2 * size : size;
        size = size < 4 * need ? 4 * need : size;
        struct slab_chunk *chunk = malloc(sizeof(*chunk) + size);
        if (chunk == NULL) {
            return NULL;
        }
        chunk->next = slab->chunks;
        slab->chunks = chunk;
        slab->taken_bytes += sizeof(*chunk) + size;
        slab->at = (uint8_t *)(chunk + 1);
        slab->end = slab->at + size;
    }
    block = slab->at;
    slab->at += need;
    return block;
}

void slab_give(struct slab *slab, void *block, uint8_t class)
{
    if (class == SLAB_LARGE) {
        large_give(slab, block);
        return;
    }
    invariant(class < SLAB_CLASSES);
    *(void **)block = slab->free[class];
    slab->free[class] = block;
}

void slab_end(struct slab *slab)
{
    while (slab->large != NULL) {
        large_give(slab, slab->large + 1);
    }
    while (slab->chunks != NULL) {
        struct slab_chunk *chunk = slab->chunks;
        slab->chunks = chunk->next;
        free(chunk);
    }
    *slab = (struct slab){.chunk_bytes = 0};
}
