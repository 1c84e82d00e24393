#include "sim/fault/set.h"

#include <stdlib.h>

#include "node/base/invariant.h"

enum { RANGES_WITHOUT_BITMAP = 8 };

static size_t word_count(uint32_t node_count)
{
    return ((size_t)node_count + 63) / 64;
}

enum err node_bits_make(struct node_bits *bits, uint32_t node_count)
{
    bits->node_count = node_count;
    bits->word = calloc(word_count(node_count) + 1, sizeof *bits->word);
    return bits->word != NULL ? ERR_OK : ERR_NO_MEMORY;
}

void node_bits_free(struct node_bits *bits)
{
    free(bits->word);
    *bits = (struct node_bits){0};
}

void node_bits_clear(struct node_bits *bits)
{
    memset(bits->word, 0, word_count(bits->node_count) * sizeof *bits->word);
}

void node_bits_add_range(struct node_bits *bits, uint32_t first, uint32_t last)
{
    invariant(first <= last && last < bits->node_count);
    for (uint32_t node = first; node <= last; node++) {
        node_bits_add(bits, node);
    }
}

void node_bits_complement(struct node_bits *bits)
{
    for (size_t i = 0; i < word_count(bits->node_count); i++) {
        bits->word[i] = ~bits->word[i];
    }
    if (bits->node_count % 64 != 0) {
        bits->word[bits->node_count / 64] &= ((uint64_t)1 << bits->node_count % 64) - 1;
    }
}

uint32_t node_bits_count(const struct node_bits *bits)
{
    uint32_t count = 0;
    for (size_t i = 0; i < word_count(bits->node_count); i++) {
        count += (uint32_t)__builtin_popcountll(bits->word[i]);
    }
    return count;
}

/* Writes the ranges unless range is NULL; returns how many there are. */
static uint32_t ranges_of(struct fault_range *range, const struct node_bits *bits)
{
    uint32_t count = 0;
    bool inside = false;
    for (uint32_t node = 0; node < bits->node_count; node++) {
        if (!node_bits_has(bits, node)) {
            inside = false;
            continue;
        }
        if (!inside && range != NULL) {
            range[count].first = node;
        }
        count += !inside;
        inside = true;
        if (range != NULL) {
            range[count - 1].last = node;
        }
    }
    return count;
}

enum err fault_set_make(struct fault_set *set, const struct node_bits *bits)
{
    *set = (struct fault_set){
        .count = node_bits_count(bits),
        .range_count = ranges_of(NULL, bits),
    };
    set->range = calloc((size_t)set->range_count + 1, sizeof *set->range);
    if (set->range == NULL) {
        return ERR_NO_MEMORY;
    }
    ranges_of(set->range, bits);
    if (set->range_count > RANGES_WITHOUT_BITMAP) {
        size_t bytes = word_count(bits->node_count) * sizeof *set->word;
        set->word = malloc(bytes);
        if (set->word == NULL) {
            fault_set_free(set);
            return ERR_NO_MEMORY;
        }
        memcpy(set->word, bits->word, bytes);
    }
    return ERR_OK;
}

void fault_set_free(struct fault_set *set)
{
    free(set->range);
    free(set->word);
    *set = (struct fault_set){0};
}
