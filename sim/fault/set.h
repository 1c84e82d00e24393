/* Sets of nodes. While one is being made it is a bitmap (node_bits); what a timeline keeps is a few
 * ranges, or a bitmap when it would take more of them: one node of ten thousand costs 8 bytes. */
#ifndef ORRERY_SIM_FAULT_SET_H
#define ORRERY_SIM_FAULT_SET_H

#include "node/base/bytes.h"
#include "node/base/err.h"

/* A bitmap over node_count nodes; bits past the last are 0. */
struct node_bits {
    uint32_t node_count;
    uint64_t *word;
};

/* All clear. ERR_NO_MEMORY. */
MUST_CHECK enum err node_bits_make(struct node_bits *bits, uint32_t node_count);
void node_bits_free(struct node_bits *bits);
void node_bits_clear(struct node_bits *bits);
void node_bits_add_range(struct node_bits *bits, uint32_t first, uint32_t last);
void node_bits_complement(struct node_bits *bits);
uint32_t node_bits_count(const struct node_bits *bits);

static inline void node_bits_add(struct node_bits *bits, uint32_t node)
{
    bits->word[node / 64] |= (uint64_t)1 << node % 64;
}

static inline bool node_bits_has(const struct node_bits *bits, uint32_t node)
{
    return bits->word[node / 64] >> node % 64 & 1;
}

struct fault_range {
    uint32_t first;
    uint32_t last; /* included */
};

/* Immutable. */
struct fault_set {
    uint32_t count;       /* nodes in it */
    uint32_t range_count; /* ascending, not adjacent */
    struct fault_range *range;
    uint64_t *word; /* the bitmap, or NULL when the ranges are few */
};

MUST_CHECK enum err fault_set_make(struct fault_set *set, const struct node_bits *bits);
void fault_set_free(struct fault_set *set);

static inline bool fault_set_has(const struct fault_set *set, uint32_t node)
{
    if (set->word != NULL) {
        return set->word[node / 64] >> node % 64 & 1;
    }
    for (uint32_t i = 0; i < set->range_count; i++) {
        if (node <= set->range[i].last) {
            return node >= set->range[i].first;
        }
    }
    return false;
}

#endif
