#include <criterion/criterion.h>
#include <stdlib.h>

#include "node/base/rng.h"
#include "sim/engine/heap.h"
#include "sim/engine/sort.h"

static int by_key(const void *a, const void *b)
{
    return event_before(b, a) - event_before(a, b);
}

/* The sorts and the heap against qsort of the C library. */
Test(event, sorts_and_heap_agree_with_qsort)
{
    static struct engine_event at[5000], expected[5000], scratch[5000];
    struct rng rng;
    rng_init_stream(&rng, 10, RNG_TEST, 0);
    for (unsigned round = 0; round < 60; round++) {
        size_t count = round < 40 ? round : rng_below(&rng, 5000);
        uint64_t range = (uint64_t)1 << rng_below(&rng, 14);
        struct heap heap = {0};
        for (size_t i = 0; i < count; i++) {
            at[i] = (struct engine_event){.time_ns = rng_below(&rng, range),
                                          .dst = (uint32_t)rng_below(&rng, 3),
                                          .src = (uint32_t)rng_below(&rng, 3),
                                          .seq = i};
            heap_push(&heap, at[i]);
        }
        memcpy(expected, at, sizeof at);
        qsort(expected, count, sizeof at[0], by_key);
        sort_merge(at, count, scratch);
        cr_assert_arr_eq(at, expected, count * sizeof at[0]);
        for (size_t i = 0; i < count; i++) {
            struct engine_event first = heap_pop(&heap);
            cr_assert_arr_eq(&first, &expected[i], sizeof first);
        }
        heap_clear(&heap);
    }
}
