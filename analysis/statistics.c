#include "analysis/statistics.h"

#include <gsl/gsl_cdf.h>
#include <gsl/gsl_rng.h>
#include <gsl/gsl_sort.h>
#include <gsl/gsl_statistics.h>
#include <math.h>
#include <stdlib.h>

#include "node/base/invariant.h"

void values_sort(double *values, size_t count)
{
    gsl_sort(values, 1, count);
}

double quantile_of(const double *sorted, size_t count, double p)
{
    return gsl_stats_quantile_from_sorted_data(sorted, 1, count, p);
}

static void bootstrap(struct estimate *e, const double *values, size_t count)
{
    double *means = malloc(BOOTSTRAP_RESAMPLES * sizeof(*means));
    gsl_rng *rng = gsl_rng_alloc(gsl_rng_mt19937);

    invariant(means != NULL && rng != NULL);
    for (size_t i = 0; i < BOOTSTRAP_RESAMPLES; i++) {
        double sum = 0;
        for (size_t k = 0; k < count; k++) {
            sum += values[gsl_rng_uniform_int(rng, count)];
        }
        means[i] = sum / (double)count;
    }
    values_sort(means, BOOTSTRAP_RESAMPLES);
    e->boot_low = quantile_of(means, BOOTSTRAP_RESAMPLES, 0.025);
    e->boot_high = quantile_of(means, BOOTSTRAP_RESAMPLES, 0.975);
    gsl_rng_free(rng);
    free(means);
}

struct estimate estimate_of(const double *values, size_t count)
{
    struct estimate e = {
        .count = count, .sd = NAN, .t_low = NAN, .t_high = NAN, .boot_low = NAN, .boot_high = NAN};

    invariant(count > 0);
    e.mean = gsl_stats_mean(values, 1, count);
    if (count > 1) {
        e.sd = gsl_stats_sd(values, 1, count);
        double half = gsl_cdf_tdist_Pinv(0.975, (double)(count - 1)) * e.sd / sqrt((double)count);
        e.t_low = e.mean - half;
        e.t_high = e.mean + half;
        bootstrap(&e, values, count);
    }
    return e;
}

bool estimate_differs(const struct estimate *a, const struct estimate *b)
{
    /* A comparison with NaN is false: without intervals there is no difference. */
    return a->t_high < b->t_low || b->t_high < a->t_low;
}

double chi_square_p(const double *counts, const double *shares, size_t k)
{
    double n = 0, sum = 0, total = 0;
    size_t classes = 0;

    for (size_t i = 0; i < k; i++) {
        n += shares[i] > 0 ? counts[i] : 0;
        total += shares[i];
    }
    for (size_t i = 0; i < k && n > 0; i++) {
        if (shares[i] > 0) {
            double want = n * shares[i] / total;
            sum += (counts[i] - want) * (counts[i] - want) / want;
            classes++;
        }
    }
    return classes < 2 ? NAN : gsl_cdf_chisq_Q(sum, (double)(classes - 1));
}
