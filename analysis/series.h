/* One column of /series as a table of samples x nodes. */
#ifndef ORRERY_ANALYSIS_SERIES_H
#define ORRERY_ANALYSIS_SERIES_H

#include "analysis/run.h"

struct series {
    size_t sample_count, node_count;
    double *time_s;   /* [sample_count] */
    uint64_t *values; /* [sample_count * node_count] */
    uint64_t *up;     /* the same */
};

/* False: nothing was sampled. */
bool series_read(struct series *series, const struct run *run, const char *column);
void series_free(struct series *series);
/* The values of nodes that are up in sample t, sorted; their number. */
size_t series_up(double *sorted, const struct series *series, size_t t);
/* The same of the rate of a counter per second since `back` samples before; t >= back. */
size_t series_rates(double *sorted, const struct series *series, size_t t, size_t back);
double series_max(const struct series *series, size_t t);

#endif
