/* Arrivals: constant without drift, Poisson by its counts and gaps, entries uniform. */
#include <criterion/criterion.h>
#include <gsl/gsl_cdf.h>
#include <math.h>
#include <stdlib.h>

#include "sim/load/load.h"

#define SECOND ((uint64_t)1000000000)

static struct quantile exponential;
static struct load load;
static struct load_arrival arrival;

Test(load, constant_rate_does_not_drift)
{
    struct load_config config = {LOAD_CONSTANT, 3, 1, 5 * SECOND, 1005 * SECOND, 1};
    cr_assert_eq(load_init(&load, &config, NULL, 1, 0), ERR_OK);
    uint64_t count = 0;
    while (load_next(&load, &arrival)) {
        cr_assert_eq(arrival.at_ns, 5 * SECOND + count * SECOND / 3);
        cr_assert_eq(arrival.number, count);
        cr_assert_eq(arrival.entry, 0);
        count++;
    }
    cr_assert_eq(count, 3000);
    cr_assert_not(load_next(&load, &arrival));
}

/* Counts per second are Poisson(7): mean and variance within 5 standard errors; entries by
 * chi-square. */
Test(load, poisson)
{
    enum { SECONDS = 20000, ENTRIES = 10 };
    quantile_build_exponential(&exponential);
    struct load_config config = {LOAD_POISSON, 7, 1, SECOND, (SECONDS + 1) * SECOND, ENTRIES};
    cr_assert_eq(load_init(&load, &config, &exponential, 1, 0), ERR_OK);
    static double per_second[SECONDS];
    double entries[ENTRIES] = {0};
    uint64_t last = 0;
    double total = 0;
    while (load_next(&load, &arrival)) {
        cr_assert_geq(arrival.at_ns, last);
        last = arrival.at_ns;
        per_second[arrival.at_ns / SECOND - 1]++;
        entries[arrival.entry]++;
        total++;
    }
    cr_assert_float_eq(total, 7 * SECONDS, 5 * sqrt(7 * SECONDS));
    double squares = 0;
    for (int i = 0; i < SECONDS; i++) {
        squares += pow(per_second[i] - 7, 2);
    }
    /* The variance of (N - 7)^2 for Poisson(7) is 7 + 2 * 49. */
    cr_assert_float_eq(squares / SECONDS, 7, 5 * sqrt(105.0 / SECONDS));
    double chi = 0;
    for (int i = 0; i < ENTRIES; i++) {
        chi += pow(entries[i] - total / ENTRIES, 2) / (total / ENTRIES);
    }
    cr_assert_gt(gsl_cdf_chisq_Q(chi, ENTRIES - 1), 1e-4);
}

Test(load, streams_differ_and_repeat)
{
    quantile_build_exponential(&exponential);
    struct load_config config = {LOAD_POISSON, 1000000, 1, 0, SECOND, 5};
    uint64_t sum[3] = {0};
    uint64_t count = 0;
    for (uint32_t k = 0; k < 3; k++) {
        cr_assert_eq(load_init(&load, &config, &exponential, 9, k == 2 ? 0 : k), ERR_OK);
        for (count = 0; load_next(&load, &arrival); count++) {
            sum[k] += arrival.at_ns * (arrival.entry + 1);
        }
        /* Gaps of 1000 ns: fractions of a ns are carried, or the rate would be 0.05 % high. */
        cr_assert_float_eq((double)count, 1e6, 5e3);
    }
    cr_assert_neq(sum[0], sum[1]);
    cr_assert_eq(sum[0], sum[2]);
}

Test(load, bad_configurations)
{
    static const struct load_config bad[] = {
        {LOAD_POISSON, 0, 1, 0, SECOND, 1},          {LOAD_POISSON, 1, 0, 0, SECOND, 1},
        {LOAD_POISSON, 2000000000, 1, 0, SECOND, 1}, {LOAD_POISSON, 1, 2000, 0, SECOND, 1},
        {LOAD_POISSON, 1, 1, 0, UINT64_MAX, 1},      {LOAD_POISSON, 1, 1, 0, SECOND, 0},
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        cr_assert_eq(load_init(&load, &bad[i], &exponential, 1, 0), ERR_RANGE, "case %zu", i);
    }
    struct load_config empty = {LOAD_CONSTANT, 1, 1, SECOND, SECOND, 1};
    cr_assert_eq(load_init(&load, &empty, NULL, 1, 0), ERR_OK);
    cr_assert_not(load_next(&load, &arrival));
}
