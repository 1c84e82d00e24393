/* A list of measured values (times in ns, counts) and what can be said about them at the end. */
#ifndef ORRERY_RECORD_SAMPLES_H
#define ORRERY_RECORD_SAMPLES_H

#include <stddef.h>
#include <stdint.h>

struct samples {
    uint64_t *values;
    size_t count, capacity;
};

void samples_free(struct samples *samples);
void samples_add(struct samples *samples, uint64_t value);
/* For the quantiles. */
void samples_sort(struct samples *samples);

/* All want at least one value, samples_sd two. The sums are of integers, so no order shows. */
double samples_mean(const struct samples *samples);
double samples_sd(const struct samples *samples);
/* Of sorted values; between two of them by a straight line (Hyndman and Fan's definition 7). */
double samples_quantile(const struct samples *samples, double p);

#endif
