/* The blocks of a run and which of them are on the chain (docs/metrics.md: the branch of the
 * highest tip at the end). */
#ifndef ORRERY_ANALYSIS_BLOCKS_H
#define ORRERY_ANALYSIS_BLOCKS_H

#include "analysis/run.h"

#define BLOCK_NONE SIZE_MAX

struct block {
    uint64_t id, parent, height;
    double time_s;
    size_t producer;
    bool on_chain;
};

struct blocks {
    struct block *list; /* in the order of production */
    size_t count;
    size_t *by_id; /* indices in list, sorted by id */
};

/* Empty when the run did not record block_produced. */
void blocks_read(struct blocks *blocks, const struct run *run);
void blocks_free(struct blocks *blocks);
size_t blocks_find(const struct blocks *blocks, uint64_t id);

#endif
