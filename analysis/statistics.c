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

void share_interval(double *low, double *high, double share, double n)
{
    double z = gsl_cdf_ugaussian_Pinv(0.975);
    double middle = (share + z * z / (2 * n)) / (1 + z * z / n);
    double half = z / (1 + z * z / n) * sqrt(share * (1 - share) / n + z * z / (4 * n * n));

    *low = fmax(0, middle - half);
    *high = fmin(1, middle + half);
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

double ks_distance(const double *a, size_t a_count, const double *b, size_t b_count)
{
    double most = a_count == 0 || b_count == 0 ? NAN : 0;
    size_t i = 0, k = 0;

    while (i < a_count && k < b_count) {
        double x = a[i] < b[k] ? a[i] : b[k];
        while (i < a_count && a[i] <= x) {
            i++;
        }
        while (k < b_count && b[k] <= x) {
            k++;
        }
        most = fmax(most, fabs((double)i / (double)a_count - (double)k / (double)b_count));
    }
    return most;
}

/* Q(l) = 2 sum (-1)^(j-1) exp(-2 j^2 l^2). */
double ks_p(double distance, size_t a_count, size_t b_count)
{
    double n = sqrt((double)a_count * (double)b_count / (double)(a_count + b_count));
    double l = (n + 0.12 + 0.11 / n) * distance, sum = 0, sign = 2;

    if (isnan(distance)) {
        return NAN;
    }
    if (l < 0.2) {
        return 1; /* the series needs many terms there, and is 1 to twelve digits */
    }
    for (int j = 1; j <= 100; j++) {
        sum += sign * exp(-2 * l * l * j * j);
        sign = -sign;
    }
    return sum < 0 ? 0 : sum > 1 ? 1 : sum;
}
