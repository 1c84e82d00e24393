#include "node/proof/formula.h"

#include "node/base/bytes.h"
#include "node/base/fixed.h"

enum { Q = 48 };

static const int64_t one = (int64_t)1 << Q;

/* Bounds of a real number in Q48: low <= x <= high. */
struct bracket {
    int64_t low, high;
};

/* log2 of an integer: exact for powers of two, else fixed_log2 is at most one unit below. */
static struct bracket log2_integer(uint64_t u)
{
    int64_t low = (int64_t)fixed_log2(u, Q);
    return (struct bracket){low, low + ((u & (u - 1)) != 0)};
}

static struct bracket log2_ratio(struct ratio r)
{
    uint64_t a = r.num, b = r.den; /* lowest terms, so that a power of two shows as one */
    while (b != 0) {
        uint64_t rest = a % b;
        a = b;
        b = rest;
    }
    struct bracket num = log2_integer(r.num / a), den = log2_integer(r.den / a);
    return (struct bracket){num.low - den.high, num.high - den.low};
}

/* ceil(a / b) for positive brackets, if the bracket decides it. */
static enum err ceil_quotient(uint32_t *out, struct bracket a, struct bracket b)
{
    if (a.low <= 0 || b.low <= 0) {
        return ERR_RANGE;
    }
    int64_t least = (a.low - 1) / b.high + 1, most = (a.high - 1) / b.low + 1;
    if (least != most || most > UINT32_MAX) {
        return ERR_RANGE;
    }
    *out = (uint32_t)most;
    return ERR_OK;
}

static bool is_fraction(struct ratio r)
{
    return r.num >= 1 && r.num < r.den && r.den < (uint64_t)1 << 63;
}

enum err formula_challenges(uint32_t *challenges, struct ratio bad, struct ratio miss)
{
    if (!is_fraction(bad) || !is_fraction(miss)) {
        return ERR_RANGE;
    }
    return ceil_quotient(challenges, log2_ratio((struct ratio){miss.den, miss.num}),
                         log2_ratio((struct ratio){bad.den, bad.den - bad.num}));
}

enum err formula_challenges_bits(uint32_t *challenges, struct ratio bad, unsigned bits)
{
    if (!is_fraction(bad) || bits < 1 || bits > 1024) {
        return ERR_RANGE;
    }
    struct bracket lambda = {(int64_t)bits * one, (int64_t)bits * one};
    return ceil_quotient(challenges, lambda,
                         log2_ratio((struct ratio){bad.den, bad.den - bad.num}));
}

enum err formula_sdr(struct formula_sdr *out, unsigned gap, unsigned bits_interactive,
                     unsigned bits_noninteractive)
{
    if (gap < 40 || gap > 4800) {
        return ERR_RANGE;
    }
    /* With g = gap: delta = (g - 30) / 40000 and eps - 2 delta = 1/500 whatever g is. */
    struct ratio delta = {gap - 30, 40000};
    TRY(formula_challenges_bits(&out->porep_challenges, delta, bits_interactive));
    TRY(formula_challenges_bits(&out->porep_challenges_noninteractive, delta, bits_noninteractive));
    /* lambda / (1 - log2(2 - eps - 2 delta)) = lambda / log2(20000 / (20010 - g)) */
    struct bracket lambda = {(int64_t)bits_interactive * one, (int64_t)bits_interactive * one};
    TRY(ceil_quotient(&out->post_challenges, lambda,
                      log2_ratio((struct ratio){20000, 20010 - gap})));
    /* log2(500 / 3) + 0.12 / (0.12 - delta) + 1, the middle term being 4800 / (4830 - g) */
    struct bracket layers = log2_ratio((struct ratio){500, 3});
    int64_t middle = 4800 * one / (4830 - (int64_t)gap);
    layers.low += middle + one;
    layers.high += middle + 1 + one;
    return ceil_quotient(&out->layers, layers, (struct bracket){one, one});
}
