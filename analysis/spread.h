/* How blocks spread, checkpoints ripen and transactions travel: what figures of one run and of many
 * seeds share. */
#ifndef ORRERY_ANALYSIS_SPREAD_H
#define ORRERY_ANALYSIS_SPREAD_H

#include "analysis/blocks.h"

#define SPREAD_LEVELS 100

/* Delay until (level + 1) percent of the nodes that were up had a block: 10 %, 50 % and 90 % of the
 * blocks are faster. Infinite where too many blocks never got that far. False: not recorded. */
struct spread {
    size_t blocks;
    double low_s[SPREAD_LEVELS], middle_s[SPREAD_LEVELS], high_s[SPREAD_LEVELS];
};
bool spread_read(struct spread *spread, const struct run *run, const struct blocks *blocks);

/* One decided instance, by the time its block was signed. */
struct ripe {
    double signed_s, first_s, middle_s; /* middle: half of the nodes have decided; NaN: never */
    uint64_t instance, height, round;
};
/* To be freed. */
struct ripe *ripe_read(size_t *count, const struct run *run, const struct blocks *blocks);

/* Sorted latencies of transactions from submission, to be freed: table is tx_included or
 * tx_finalized. */
double *latencies_read(size_t *count, const struct run *run, const char *table);

#endif
