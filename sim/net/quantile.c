#include "sim/net/quantile.h"

#include "node/base/fixed.h"
#include "node/base/invariant.h"

/* Knot k is the number s * 2^64 (tail) or (1 - s) * 2^64 (head). */
static uint64_t knot_value(size_t k)
{
    size_t octave = k >> QUANTILE_BITS;
    uint64_t m = (uint64_t)QUANTILE_STEPS + (k & (QUANTILE_STEPS - 1));
    /* The lowest octaves have fewer integers than knots; there knots repeat, and a draw that falls
     * there has no bits left to interpolate by. */
    return octave >= QUANTILE_BITS ? m << (octave - QUANTILE_BITS) : m >> (QUANTILE_BITS - octave);
}

/* The survival probability at a knot, Q63 rounded down: a sum of two fits 64 bits. */
static uint64_t tail_survival_q63(size_t k)
{
    return knot_value(k) >> 1;
}

static uint64_t head_survival_q63(size_t k)
{
    return ((uint64_t)1 << 63) - (knot_value(k) >> 1);
}

/* All knots in one order, from the smallest x to the largest: the head up, then the tail down. The
 * two knots at s = 1/2 are the same point. */
enum { WALK_COUNT = 2 * QUANTILE_KNOTS };

static uint64_t walk_x(const struct quantile *t, size_t i)
{
    return i < QUANTILE_KNOTS ? t->head[i] : t->tail[WALK_COUNT - 1 - i];
}

static uint64_t walk_survival_q63(size_t i)
{
    return i < QUANTILE_KNOTS ? head_survival_q63(i) : tail_survival_q63(WALK_COUNT - 1 - i);
}

/* Twice the integral of the survival function between two knots, Q95: S is linear in x there. */
static u128 walk_area(const struct quantile *t, size_t i)
{
    return u128_mul(walk_x(t, i + 1) - walk_x(t, i),
                    walk_survival_q63(i) + walk_survival_q63(i + 1));
}

static void quantile_finish(struct quantile *t)
{
    u128 sum = u128_mul(t->head[0], (uint64_t)1 << 63) << 1;
    for (size_t i = 0; i + 1 < WALK_COUNT; i++) {
        invariant(walk_x(t, i) <= walk_x(t, i + 1));
        sum += walk_area(t, i);
    }
    t->mean_q32 = (uint64_t)(sum >> 64);
}

void quantile_build_constant(struct quantile *t)
{
    for (size_t k = 0; k < QUANTILE_KNOTS; k++) {
        t->head[k] = t->tail[k] = (uint64_t)1 << 32;
    }
    quantile_finish(t);
}

void quantile_build_uniform(struct quantile *t)
{
    for (size_t k = 0; k < QUANTILE_KNOTS; k++) {
        t->head[k] = knot_value(k) >> 32;
        t->tail[k] = ((uint64_t)1 << 32) - (knot_value(k) >> 32);
    }
    quantile_finish(t);
}

/* 2^y in Q32, y signed Q32, cut at QUANTILE_MAX_Q32. */
static uint64_t power_of_two_q32(int64_t y)
{
    int64_t shifted = y + ((int64_t)32 << 32);
    if (shifted < 0) {
        return 0;
    }
    if (shifted >= (int64_t)62 << 32) {
        return QUANTILE_MAX_Q32;
    }
    return fixed_exp2((uint64_t)shifted);
}

/* log2 of -ln s, signed Q32. */
static int64_t log2_of_hazard_tail(uint64_t v)
{
    return (int64_t)fixed_log2(fixed_nln(v), 32) - ((int64_t)48 << 32);
}

static int64_t log2_of_hazard_head(uint64_t v)
{
    if (v >> 44 == 0) {
        /* -ln(1 - p) = p + p^2/2 + ...: below p = 2^-20 two terms are exact to 3e-13, where Q48 of
         * nln would have few digits or none. */
        uint64_t e = v + (uint64_t)(u128_mul(v, v) >> 65);
        return (int64_t)fixed_log2(e, 32) - ((int64_t)64 << 32);
    }
    return log2_of_hazard_tail(0 - v);
}

static int64_t divide_by(int64_t y, struct quantile_ratio ratio)
{
    __extension__ typedef __int128 wide;
    return (int64_t)((wide)y * ratio.den / ratio.num);
}

void quantile_build_exponential(struct quantile *t)
{
    for (size_t k = 0; k < QUANTILE_KNOTS; k++) {
        uint64_t v = knot_value(k);
        t->tail[k] = fixed_nln(v) >> 16;
        t->head[k] = fixed_nln(0 - v) >> 16;
    }
    quantile_finish(t);
}

/* lowest <= ratio <= highest, where lowest is 1 / lowest_den. */
static bool ratio_within(struct quantile_ratio r, uint64_t lowest_den, uint64_t highest)
{
    return r.den != 0 && r.num * lowest_den >= r.den && r.num <= highest * r.den;
}

enum err quantile_build_weibull(struct quantile *t, struct quantile_ratio shape)
{
    if (!ratio_within(shape, 5, 64)) {
        return ERR_RANGE;
    }
    for (size_t k = 0; k < QUANTILE_KNOTS; k++) {
        uint64_t v = knot_value(k);
        t->tail[k] = power_of_two_q32(divide_by(log2_of_hazard_tail(v), shape));
        t->head[k] = power_of_two_q32(divide_by(log2_of_hazard_head(v), shape));
    }
    quantile_finish(t);
    return ERR_OK;
}

enum err quantile_build_pareto(struct quantile *t, struct quantile_ratio alpha)
{
    if (!ratio_within(alpha, 4, 512)) {
        return ERR_RANGE;
    }
    int64_t whole = (int64_t)64 << 32;
    for (size_t k = 0; k < QUANTILE_KNOTS; k++) {
        uint64_t v = knot_value(k);
        t->tail[k] = power_of_two_q32(divide_by(whole - (int64_t)fixed_log2(v, 32), alpha));
        t->head[k] = power_of_two_q32(divide_by(whole - (int64_t)fixed_log2(0 - v, 32), alpha));
    }
    quantile_finish(t);
    return ERR_OK;
}

/* The quantile at probability p (Q64) of the given points. */
static uint64_t point_at(const uint64_t *value_q32, size_t count, uint64_t p)
{
    u128 place = u128_mul(p, (uint64_t)count - 1);
    size_t i = (size_t)(place >> 64);
    uint64_t part = (uint64_t)place;
    uint64_t rise = value_q32[i + 1] - value_q32[i];
    return value_q32[i] + (uint64_t)(u128_mul(rise, part) >> 64);
}

enum err quantile_build_points(struct quantile *t, const uint64_t *value_q32, size_t count)
{
    if (count < 2 || count > (size_t)1 << 20 || value_q32[count - 1] > QUANTILE_MAX_Q32) {
        return ERR_RANGE;
    }
    for (size_t i = 1; i < count; i++) {
        if (value_q32[i] < value_q32[i - 1]) {
            return ERR_RANGE;
        }
    }
    for (size_t k = 0; k < QUANTILE_KNOTS; k++) {
        t->head[k] = point_at(value_q32, count, knot_value(k));
        t->tail[k] = point_at(value_q32, count, 0 - knot_value(k));
    }
    quantile_finish(t);
    return ERR_OK;
}

/* floor(fraction * total / 2^64) without overflow. */
static u128 part_of(u128 total, uint64_t fraction)
{
    return u128_mul((uint64_t)(total >> 64), fraction) +
           (u128_mul((uint64_t)total, fraction) >> 64);
}

/* x where the area has grown from `before` by `area` over the step from x0 to x1. */
static uint64_t cross(uint64_t x0, uint64_t x1, u128 before, u128 area, u128 target)
{
    u128 gone = target - before;
    while (area >> 63) {
        area >>= 1;
        gone >>= 1;
    }
    if (area == 0) {
        return x0;
    }
    return x0 + (uint64_t)(u128_mul(x1 - x0, (uint64_t)gone) / area);
}

enum err quantile_build_residual(struct quantile *t, const struct quantile *life)
{
    u128 first = u128_mul(life->head[0], (uint64_t)1 << 63) << 1; /* S = 1 before the first knot */
    u128 total = first;
    for (size_t i = 0; i + 1 < WALK_COUNT; i++) {
        total += walk_area(life, i);
    }
    if (total == 0) {
        return ERR_RANGE;
    }
    /* Head: areas summed from the smallest x. Before the first knot S is 1. */
    u128 sum = 0;
    u128 area = first;
    size_t i = 0; /* the step that ends at walk knot i */
    for (size_t k = 0; k < QUANTILE_KNOTS; k++) {
        u128 target = part_of(total, knot_value(k));
        while (sum + area < target && i + 1 < WALK_COUNT) {
            sum += area;
            area = walk_area(life, i++);
        }
        uint64_t x0 = i == 0 ? 0 : walk_x(life, i - 1);
        t->head[k] = cross(x0, walk_x(life, i), sum, area, target);
    }
    /* Tail: areas summed from the largest x, so that a small survival keeps its digits. */
    sum = 0;
    i = WALK_COUNT - 1; /* the step that begins at walk knot i */
    area = 0;
    for (size_t k = 0; k < QUANTILE_KNOTS; k++) {
        u128 target = part_of(total, knot_value(k));
        while (sum + area < target && i > 0) {
            sum += area;
            area = walk_area(life, --i);
        }
        if (sum + area < target) {
            sum += area;
            t->tail[k] = life->head[0] - cross(0, life->head[0], sum, first, target);
        } else {
            uint64_t x1 = i + 1 < WALK_COUNT ? walk_x(life, i + 1) : walk_x(life, i);
            t->tail[k] = x1 - cross(0, x1 - walk_x(life, i), sum, area, target);
        }
        if (k > 0 && t->tail[k] > t->tail[k - 1]) {
            t->tail[k] = t->tail[k - 1];
        }
    }
    t->head[QUANTILE_KNOTS - 1] = t->tail[QUANTILE_KNOTS - 1]; /* both sums lose a little */
    quantile_finish(t);
    return ERR_OK;
}
