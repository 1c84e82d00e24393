/* A flat 4-ary heap of events in key order. The engine keeps in it what a node sends to itself
 * inside the open slot; the benchmarks measure the wheel against it. */
#ifndef ORRERY_ENGINE_HEAP_H
#define ORRERY_ENGINE_HEAP_H

#include <stddef.h>

#include "sim/engine/event.h"

struct heap {
    struct engine_event *at; /* at[0] is the first */
    size_t count;
    size_t capacity;
};

/* Makes room for at least capacity events; out of memory ends the program. */
void heap_reserve(struct heap *heap, size_t capacity);

/* Frees the memory; the heap is empty and usable again. */
void heap_clear(struct heap *heap);

static inline void heap_push(struct heap *heap, struct engine_event event)
{
    if (heap->count == heap->capacity) {
        heap_reserve(heap, 2 * heap->capacity + 64);
    }
    size_t i = heap->count++;
    while (i > 0) {
        size_t parent = (i - 1) / 4;
        if (!event_before(&event, &heap->at[parent])) {
            break;
        }
        heap->at[i] = heap->at[parent];
        i = parent;
    }
    heap->at[i] = event;
}

/* Puts event, which stands in for the first, where it belongs. */
static inline void heap_sink(struct heap *heap, struct engine_event event)
{
    struct engine_event *at = heap->at;
    size_t count = heap->count;
    size_t i = 0;
    for (;;) {
        size_t child = 4 * i + 1;
        size_t end = child + 4 < count ? child + 4 : count;
        if (child >= count) {
            break;
        }
        size_t least = child;
        for (size_t j = child + 1; j < end; j++) {
            if (event_before(&at[j], &at[least])) {
                least = j;
            }
        }
        if (!event_before(&at[least], &event)) {
            break;
        }
        at[i] = at[least];
        i = least;
    }
    at[i] = event;
}

/* Takes out the first; the heap must not be empty. */
static inline struct engine_event heap_pop(struct heap *heap)
{
    struct engine_event first = heap->at[0];
    heap->count--;
    if (heap->count > 0) {
        heap_sink(heap, heap->at[heap->count]);
    }
    return first;
}

#endif
