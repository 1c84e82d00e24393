/* Churn against renewal theory: stationary share, law of the first transition, rate. */
#include <criterion/criterion.h>
#include <gsl/gsl_cdf.h>
#include <math.h>
#include <stdlib.h>

#include "sim/churn/churn.h"

#define HOUR_NS ((uint64_t)3600 * 1000000000u)

enum { NODES = 20000 };

static struct churn churn;
static struct churn_node state[NODES];

/* Sessions Weibull(0.59, 41 min), absences Weibull(3/4, 30 min). */
static const struct churn_config config = {{59, 100}, {3, 4}, HOUR_NS * 41 / 60, HOUR_NS / 2};

static double session_mean(void)
{
    return 41.0 / 60 * tgamma(1 + 1 / 0.59);
}

static double absence_mean(void)
{
    return 0.5 * tgamma(1 + 4 / 3.0);
}

static void begin(void)
{
    cr_assert_eq(churn_init(&churn, &config, 77), ERR_OK);
    for (uint32_t i = 0; i < NODES; i++) {
        churn_begin_stationary(&churn, &state[i], i, 0);
    }
}

/* The share of nodes that are up is the same at every time, within 5 standard errors; so is the
 * rate of transitions, 2 / (mean session + mean absence) per node, within 3 %. */
Test(churn, stationary_from_the_start)
{
    begin();
    double p = session_mean() / (session_mean() + absence_mean());
    uint64_t turns = 0;
    for (uint64_t hour = 0; hour <= 24; hour++) {
        int up = 0;
        for (uint32_t i = 0; i < NODES; i++) {
            while (state[i].next_ns <= hour * HOUR_NS) {
                uint64_t before = state[i].next_ns;
                churn_turn(&churn, &state[i], i);
                cr_assert_gt(state[i].next_ns, before);
                turns++;
            }
            up += state[i].up;
        }
        cr_assert_float_eq(up, NODES * p, 5 * sqrt(NODES * p * (1 - p)), "hour %lu: %d", hour, up);
    }
    double expected = NODES * 24 * 2 / (session_mean() + absence_mean());
    cr_assert_float_eq((double)turns, expected, 0.03 * expected);
}

static int compare_double(const void *a, const void *b)
{
    double x = *(const double *)a;
    double y = *(const double *)b;
    return (x > y) - (x < y);
}

/* D sqrt(n) of Kolmogorov-Smirnov is below 1.95 with probability 0.999. */
static void check_uniform(double *p, int n)
{
    double worst = 0;
    qsort(p, (size_t)n, sizeof *p, compare_double);
    for (int i = 0; i < n; i++) {
        worst = fmax(worst, fmax(fabs(p[i] - (double)i / n), fabs(p[i] - (i + 1.0) / n)));
    }
    cr_assert_lt(worst * sqrt(n), 1.95);
}

/* First population: residual lives, P(X <= x) = P(1/k, (x/scale)^k). Fresh nodes: whole sessions.
 */
Test(churn, residual_and_whole_lives)
{
    begin();
    static double p[NODES];
    int n = 0;
    for (uint32_t i = 0; i < NODES; i++) {
        if (state[i].up) {
            double x = (double)state[i].next_ns / (double)config.session_scale_ns;
            p[n++] = gsl_cdf_gamma_P(pow(x, 0.59), 1 / 0.59, 1);
        }
    }
    check_uniform(p, n);
    for (uint32_t i = 0; i < NODES; i++) {
        churn_begin_fresh(&churn, &state[i], i, HOUR_NS);
        cr_assert(state[i].up);
        double x = (double)(state[i].next_ns - HOUR_NS) / (double)config.session_scale_ns;
        p[i] = gsl_cdf_weibull_P(x, 1, 0.59);
    }
    check_uniform(p, NODES);
}

Test(churn, a_node_does_not_depend_on_the_others)
{
    begin();
    struct churn_node again;
    churn_begin_stationary(&churn, &again, 123, 0);
    for (int i = 0; i < 50; i++) {
        cr_assert_eq(again.next_ns, state[123].next_ns);
        cr_assert_eq(again.up, state[123].up);
        churn_turn(&churn, &again, 123);
        churn_turn(&churn, &state[123], 123);
    }
}

Test(churn, bad_configurations)
{
    struct churn_config c = config;
    c.session_scale_ns = 0;
    cr_assert_eq(churn_init(&churn, &c, 1), ERR_RANGE);
    c = config;
    c.absence_shape = (struct quantile_ratio){1, 6};
    cr_assert_eq(churn_init(&churn, &c, 1), ERR_RANGE);
    c = config;
    c.session_shape = (struct quantile_ratio){1, 5}; /* the mean is 120 scales */
    c.session_scale_ns = (uint64_t)1 << 60;
    cr_assert_eq(churn_init(&churn, &c, 1), ERR_RANGE);
}
