#include "sim/engine/sort.h"

#include <string.h>

#define BLOCK 16

void sort_insertion(struct engine_event *at, size_t count)
{
    for (size_t i = 1; i < count; i++) {
        if (!event_before(&at[i], &at[i - 1])) {
            continue;
        }
        struct engine_event event = at[i];
        size_t j = i;
        do {
            at[j] = at[j - 1];
            j--;
        } while (j > 0 && event_before(&event, &at[j - 1]));
        at[j] = event;
    }
}

/* Merges at[0, middle) and at[middle, count), both in order. */
static void sort_join(struct engine_event *at, size_t middle, size_t count,
                      struct engine_event *scratch)
{
    if (middle >= count || !event_before(&at[middle], &at[middle - 1])) {
        return;
    }
    memcpy(scratch, at, middle * sizeof at[0]);
    size_t left = 0;
    size_t right = middle;
    size_t out = 0;
    while (left < middle) {
        if (right < count && event_before(&at[right], &scratch[left])) {
            at[out++] = at[right++];
        } else {
            at[out++] = scratch[left++];
        }
    }
}

void sort_merge(struct engine_event *at, size_t count, struct engine_event *scratch)
{
    for (size_t i = 0; i < count; i += BLOCK) {
        sort_insertion(at + i, count - i < BLOCK ? count - i : BLOCK);
    }
    for (size_t width = BLOCK; width < count; width *= 2) {
        for (size_t i = 0; i + width < count; i += 2 * width) {
            size_t both = count - i < 2 * width ? count - i : 2 * width;
            sort_join(at + i, width, both, scratch);
        }
    }
}
