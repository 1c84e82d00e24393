/* Continuous distributions as integer tables. A table holds the inverse survival function x(s) of a
 * distribution of scale 1 in Q32, at knots that are dense where s is near 0 (the tail) and near 1
 * (the smallest values): QUANTILE_STEPS equal steps in every octave of s and of 1 - s, down to
 * 2^-63. Between knots it is linear. Built from integer logarithms, so that every machine and
 * compiler gets the same table (libm differs between CPUs). spec: decisions 22
 *
 * Error against the exact quantile x, from (step^2 / 8) * |s^2 x''(s)| with step = 2^-6, and one
 * 2^-32 for rounding where not said otherwise:
 *   exponential      |error| <= 3.1e-5 (in units of the mean)
 *   Weibull, a = 1/k |error| <= 3.1e-5 * max(a, a (1.45 + 2.1 |a - 1|)) * x + 2^-31
 *   Pareto, b = 1/a  |error| <= 3.1e-5 * b (b + 1) * x + 2^-31
 * The interpolation of a convex function lies above it, so the mean is high by less than that. */
#ifndef ORRERY_SIM_NET_QUANTILE_H
#define ORRERY_SIM_NET_QUANTILE_H

#include "node/base/bytes.h"
#include "node/base/err.h"

enum {
    QUANTILE_BITS = 6,
    QUANTILE_STEPS = 1 << QUANTILE_BITS,
    QUANTILE_OCTAVES = 63,
    QUANTILE_KNOTS = QUANTILE_OCTAVES * QUANTILE_STEPS + 1,
};

/* No value is larger, in Q32: a heavy tail is cut at 2^30 times the scale. */
#define QUANTILE_MAX_Q32 ((uint64_t)1 << 62)

/* 65 KiB, immutable once built; share one among all who draw from the distribution. */
struct quantile {
    uint64_t mean_q32;             /* of the table itself, exact but for rounding */
    uint64_t tail[QUANTILE_KNOTS]; /* x at s = knot; falls */
    uint64_t head[QUANTILE_KNOTS]; /* x at s = 1 - knot; rises */
};

/* A positive ratio. */
struct quantile_ratio {
    uint32_t num;
    uint32_t den;
};

/* x = 1, always. */
void quantile_build_constant(struct quantile *table);

/* Uniform on [0, 1). */
void quantile_build_uniform(struct quantile *table);

/* Mean 1: x = -ln s. */
void quantile_build_exponential(struct quantile *table);

/* Scale 1: x = (-ln s)^(1/shape). ERR_RANGE unless 1/5 <= shape <= 64. */
MUST_CHECK enum err quantile_build_weibull(struct quantile *table, struct quantile_ratio shape);

/* Minimum 1: x = s^(-1/alpha), cut at QUANTILE_MAX_Q32. ERR_RANGE unless 1/4 <= alpha <= 512. */
MUST_CHECK enum err quantile_build_pareto(struct quantile *table, struct quantile_ratio alpha);

/* A measured distribution: value_q32[i] is the quantile at probability i / (count - 1), linear
 * between. ERR_RANGE unless 2 <= count <= 2^20 and the values rise (may repeat) and stay within
 * QUANTILE_MAX_Q32. */
MUST_CHECK enum err quantile_build_points(struct quantile *table, const uint64_t *value_q32,
                                          size_t count);

/* The residual life of a renewal process whose lives have the distribution `life`, seen at a random
 * instant: density S(x) / mean. Exact for the piecewise linear table but for linear interpolation
 * inside a step. ERR_RANGE when the mean is 0. */
MUST_CHECK enum err quantile_build_residual(struct quantile *table, const struct quantile *life);

/* Where u falls: the knot before it and the part of the step after it, Q32. */
static inline uint64_t quantile_interpolate(const uint64_t *knot, uint64_t v)
{
    unsigned zeros = (unsigned)__builtin_clzll(v | 1);
    uint64_t m = v << zeros;
    uint64_t at = (uint64_t)(63 - zeros) << QUANTILE_BITS |
                  (m >> (63 - QUANTILE_BITS) & (QUANTILE_STEPS - 1));
    uint64_t part_q32 = m << (1 + QUANTILE_BITS) >> 32;
    int64_t rise = (int64_t)(knot[at + 1] - knot[at]);
    __extension__ typedef __int128 wide;
    return knot[at] + (uint64_t)((wide)rise * (wide)part_q32 >> 32);
}

/* The value, Q32 of the scale, of a uniform 64-bit draw. A larger u gives a smaller value. */
static inline uint64_t quantile_q32(const struct quantile *table, uint64_t u)
{
    return u >> 63 ? quantile_interpolate(table->head, ~u) : quantile_interpolate(table->tail, u);
}

/* The value times scale, rounded down, at most UINT64_MAX. */
static inline uint64_t quantile_sample(const struct quantile *table, uint64_t u, uint64_t scale)
{
    u128 x = (u128)quantile_q32(table, u) * scale >> 32;
    return x >> 64 ? UINT64_MAX : (uint64_t)x;
}

#endif
