#include "sim/engine/heap.h"

#include <stdlib.h>

#include "node/base/invariant.h"

void heap_reserve(struct heap *heap, size_t capacity)
{
    if (capacity <= heap->capacity) {
        return;
    }
    heap->at = realloc(heap->at, capacity * sizeof heap->at[0]);
    invariant(heap->at != NULL);
    heap->capacity = capacity;
}

void heap_clear(struct heap *heap)
{
    free(heap->at);
    *heap = (struct heap){0};
}
