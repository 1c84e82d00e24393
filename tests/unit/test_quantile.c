/* Integer quantile tables against the closed forms of GSL. The bounds are those of quantile.h. */
#include <criterion/criterion.h>
#include <gsl/gsl_cdf.h>
#include <math.h>

#include "sim/net/draw.h"
#include "sim/net/quantile.h"

#define STEP_BOUND 3.1e-5 /* (2^-6)^2 / 8, rounded up */
#define ULP 2.4e-10       /* 2^-32, rounded up */

static struct quantile table;
static struct quantile residual;

/* Draw number i of the sample on which a table is compared: the first half is uniform, the second
 * spreads over all octaves of both ends. */
static uint64_t sample_point(uint64_t i)
{
    uint64_t u = draw(20261122, DRAW_PROFILE, 1, 2, i);
    if (i & 1) {
        unsigned shift = (unsigned)(i / 2 % 60);
        u = i & 2 ? u >> shift : ~(u >> shift);
    }
    return u < 2 ? 2 : u > UINT64_MAX - 2 ? UINT64_MAX - 2 : u;
}

static double survival(uint64_t u)
{
    return ldexp((double)u, -64);
}

/* 1 - survival without cancellation. A draw is a cell of width 2^-64: either end will do. */
static double probability(uint64_t u)
{
    return ldexp((double)~u, -64);
}

static double value(uint64_t u)
{
    return ldexp((double)quantile_q32(&table, u), -32);
}

Test(quantile, exponential_matches_gsl)
{
    quantile_build_exponential(&table);
    for (uint64_t i = 0; i < 400000; i++) {
        uint64_t u = sample_point(i);
        double exact = u >> 63 ? gsl_cdf_exponential_Pinv(probability(u), 1)
                               : gsl_cdf_exponential_Qinv(survival(u), 1);
        cr_assert_float_eq(value(u), exact, STEP_BOUND + 2 * ULP, "u %lx: %.12g %.12g", u, value(u),
                           exact);
    }
    cr_assert_float_eq(ldexp((double)table.mean_q32, -32), 1, STEP_BOUND);
}

static void check_weibull(uint32_t num, uint32_t den)
{
    struct quantile_ratio shape = {num, den};
    cr_assert_eq(quantile_build_weibull(&table, shape), ERR_OK);
    double k = (double)num / den;
    double a = 1 / k;
    double bound = STEP_BOUND * fmax(a, a * (1.45 + 2.1 * fabs(a - 1)));
    for (uint64_t i = 0; i < 100000; i++) {
        uint64_t u = sample_point(i);
        double exact = u >> 63 ? gsl_cdf_weibull_Pinv(probability(u), 1, k)
                               : gsl_cdf_weibull_Qinv(survival(u), 1, k);
        cr_assert_float_eq(value(u), exact, bound * exact + 2 * ULP, "k %g u %lx: %.12g %.12g", k,
                           u, value(u), exact);
    }
    double mean = tgamma(1 + a);
    cr_assert_float_eq(ldexp((double)table.mean_q32, -32), mean, bound * mean + 2 * ULP);
}

Test(quantile, weibull_matches_gsl)
{
    check_weibull(1, 5);
    check_weibull(1, 2);
    check_weibull(59, 100);
    check_weibull(1, 1);
    check_weibull(3, 2);
    check_weibull(10, 1);
    check_weibull(64, 1);
    cr_assert_eq(quantile_build_weibull(&table, (struct quantile_ratio){1, 6}), ERR_RANGE);
    cr_assert_eq(quantile_build_weibull(&table, (struct quantile_ratio){65, 1}), ERR_RANGE);
    cr_assert_eq(quantile_build_weibull(&table, (struct quantile_ratio){0, 1}), ERR_RANGE);
    cr_assert_eq(quantile_build_weibull(&table, (struct quantile_ratio){1, 0}), ERR_RANGE);
}

static void check_pareto(uint32_t num, uint32_t den)
{
    struct quantile_ratio alpha = {num, den};
    cr_assert_eq(quantile_build_pareto(&table, alpha), ERR_OK);
    double a = (double)num / den;
    double bound = STEP_BOUND / a * (1 / a + 1);
    for (uint64_t i = 0; i < 100000; i++) {
        uint64_t u = sample_point(i);
        double exact = u >> 63 ? gsl_cdf_pareto_Pinv(probability(u), a, 1)
                               : gsl_cdf_pareto_Qinv(survival(u), a, 1);
        if (exact > ldexp(1, 29)) {
            cr_assert_leq(value(u), ldexp(1, 30));
            continue;
        }
        cr_assert_float_eq(value(u), exact, bound * exact + 2 * ULP, "a %g u %lx: %.12g %.12g", a,
                           u, value(u), exact);
    }
}

Test(quantile, pareto_matches_gsl)
{
    check_pareto(1, 4);
    check_pareto(1, 1);
    check_pareto(7, 5);
    check_pareto(5, 1);
    check_pareto(64, 1);
    cr_assert_eq(quantile_build_pareto(&table, (struct quantile_ratio){1, 5}), ERR_RANGE);
}

Test(quantile, uniform_constant_and_points)
{
    quantile_build_uniform(&table);
    cr_assert_eq(table.mean_q32, (uint64_t)1 << 31);
    for (uint64_t i = 0; i < 10000; i++) {
        uint64_t u = sample_point(i);
        cr_assert_float_eq(value(u), probability(u), 2 * ULP);
    }
    quantile_build_constant(&table);
    cr_assert_eq(table.mean_q32, (uint64_t)1 << 32);
    cr_assert_eq(quantile_sample(&table, 5, 12345), 12345);
    cr_assert_eq(quantile_sample(&table, UINT64_MAX, UINT64_MAX), UINT64_MAX);
    /* Points of the uniform distribution give the uniform distribution. */
    uint64_t points[5];
    for (uint64_t i = 0; i < 5; i++) {
        points[i] = i << 30;
    }
    cr_assert_eq(quantile_build_points(&table, points, 5), ERR_OK);
    for (uint64_t i = 0; i < 10000; i++) {
        uint64_t u = sample_point(i);
        cr_assert_float_eq(value(u), probability(u), 2 * ULP);
    }
    points[2] = 0;
    cr_assert_eq(quantile_build_points(&table, points, 5), ERR_RANGE);
    cr_assert_eq(quantile_build_points(&table, points, 1), ERR_RANGE);
}

/* The residual life of Weibull(k) has P(X > x) = Q(1/k, x^k), the upper incomplete gamma function:
 * X^k is Gamma(1/k). Interpolation of a table made from a table: four steps' error. */
static void check_residual(uint32_t num, uint32_t den)
{
    cr_assert_eq(quantile_build_weibull(&residual, (struct quantile_ratio){num, den}), ERR_OK);
    cr_assert_eq(quantile_build_residual(&table, &residual), ERR_OK);
    double k = (double)num / den;
    double a = 1 / k;
    double bound = 4 * STEP_BOUND * fmax(1, a * (1.45 + 2.1 * fabs(a - 1)));
    double worst = 0;
    for (uint64_t i = 0; i < 10000; i++) {
        uint64_t u = sample_point(i);
        double p = probability(u);
        if (survival(u) < 1e-10 || p < 1e-9) {
            continue;
        }
        double g = u >> 63 ? gsl_cdf_gamma_Pinv(p, a, 1) : gsl_cdf_gamma_Qinv(survival(u), a, 1);
        double exact = pow(g, a);
        worst = fmax(worst, fabs(value(u) - exact) / (exact + 1e-6));
        cr_assert_float_eq(value(u), exact, bound * exact + 1e-8, "k %g u %lx: %.12g %.12g", k, u,
                           value(u), exact);
    }
    double mean = tgamma(1 + 2 * a) / tgamma(1 + a) / 2; /* E X^2 / (2 E X) */
    cr_assert_float_eq(ldexp((double)table.mean_q32, -32), mean, bound * mean + 1e-8);
}

Test(quantile, residual_life_matches_gsl)
{
    check_residual(1, 2);
    check_residual(59, 100);
    check_residual(1, 1);
    check_residual(2, 1);
    check_residual(5, 1);
    /* The residual of a constant is uniform below it. */
    quantile_build_constant(&residual);
    cr_assert_eq(quantile_build_residual(&table, &residual), ERR_OK);
    for (uint64_t i = 0; i < 10000; i++) {
        uint64_t u = sample_point(i);
        cr_assert_float_eq(value(u), probability(u), 4 * ULP);
    }
}

Test(quantile, extremes_do_not_overflow)
{
    quantile_build_exponential(&table);
    cr_assert_eq(quantile_q32(&table, UINT64_MAX), table.head[0]);
    cr_assert_eq(quantile_q32(&table, 0), table.tail[0]);
    cr_assert_eq(quantile_q32(&table, 1), table.tail[0]);
    cr_assert_float_eq(value(1), 64 * log(2), 2 * ULP);
    uint64_t before = UINT64_MAX;
    for (uint64_t i = 0; i < 100000; i++) {
        uint64_t now = quantile_q32(&table, i * (UINT64_MAX / 100000));
        cr_assert_leq(now, before);
        before = now;
    }
}

/* First two moments of a million draws, five standard errors: exponential draws have variance 1,
 * their squares variance 20. */
Test(quantile, draws_have_the_moments)
{
    quantile_build_exponential(&table);
    double sum = 0;
    double squares = 0;
    const int n = 1000000;
    for (int i = 0; i < n; i++) {
        double x = value(draw(7, DRAW_LINK_JITTER, 3, 4, (uint64_t)i));
        sum += x;
        squares += x * x;
    }
    cr_assert_float_eq(sum / n, 1, 5 / sqrt(n) + STEP_BOUND);
    cr_assert_float_eq(squares / n, 2, 5 * sqrt(20.0 / n) + 4 * STEP_BOUND);
}
