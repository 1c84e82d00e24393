/* Statistics across seeds. A run gives one value per number; samples of different runs are never
 * pooled, because those of one run are not independent of each other. */
#ifndef ORRERY_ANALYSIS_STATISTICS_H
#define ORRERY_ANALYSIS_STATISTICS_H

#include <stdbool.h>
#include <stddef.h>

struct estimate {
    size_t count;
    double mean, sd;
    double t_low, t_high;       /* 95 % interval of the mean by Student's t */
    double boot_low, boot_high; /* 95 % interval of the mean by the bootstrap */
};

#define BOOTSTRAP_RESAMPLES 4000

/* count >= 1; of one value there are no intervals (all ends are NaN). Same values, same result: the
 * bootstrap draws from a generator with a fixed seed. */
struct estimate estimate_of(const double *values, size_t count);

/* 95 % interval of a chance by Wilson (1927), of which `share` of n independent trials came true;
 * n > 0. Unlike that of a mean it holds where hardly any trial did. */
void share_interval(double *low, double *high, double share, double n);

/* Whether two estimates may be called different: their t intervals do not overlap. */
bool estimate_differs(const struct estimate *a, const struct estimate *b);

/* Of sorted values, as in docs/metrics.md. */
double quantile_of(const double *sorted, size_t count, double p);
void values_sort(double *values, size_t count);

/* P(chi2 >= sum of (counts - n p)^2 / (n p)) for k classes; shares of p = 0 are left out. NaN when
 * fewer than two classes or no counts are left. */
double chi_square_p(const double *counts, const double *shares, size_t k);

/* Kolmogorov-Smirnov: the largest distance between the distribution functions of two sorted
 * samples, and the probability of one at least so large if both were drawn from one distribution
 * (asymptotic with the correction of Stephens 1970, good from four values on; NaN for an empty
 * sample). */
double ks_distance(const double *a, size_t a_count, const double *b, size_t b_count);
double ks_p(double distance, size_t a_count, size_t b_count);

#endif
