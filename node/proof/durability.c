#include "node/proof/durability.h"

#include "node/base/fixed.h"

static struct soft soft_of(u128 v, int32_t exponent)
{
    if (v == 0) {
        return (struct soft){0};
    }
    uint64_t high = (uint64_t)(v >> 64);
    int zeros = high != 0 ? __builtin_clzll(high) : 64 + __builtin_clzll((uint64_t)v);
    return (struct soft){(uint64_t)(v << zeros >> 64), exponent + 64 - zeros};
}

static struct soft soft_multiply(struct soft a, struct soft b)
{
    return soft_of((u128)a.mantissa * b.mantissa, a.exponent + b.exponent);
}

static struct soft soft_ratio(uint64_t num, uint64_t den)
{
    struct soft n = soft_of(num, 0), d = soft_of(den, 0);
    return soft_of(((u128)n.mantissa << 63) / d.mantissa, n.exponent - d.exponent - 63);
}

static struct soft soft_add(struct soft a, struct soft b)
{
    if (a.mantissa == 0) {
        return b;
    }
    if (b.mantissa == 0) {
        return a;
    }
    if (a.exponent < b.exponent) {
        struct soft swap = a;
        a = b;
        b = swap;
    }
    int32_t gap = a.exponent - b.exponent;
    u128 sum = ((u128)a.mantissa << 63) + (gap < 127 ? ((u128)b.mantissa << 63) >> gap : 0);
    return soft_of(sum, a.exponent - 63);
}

enum err durability_loss(struct soft *loss, unsigned k, unsigned n, struct ratio p)
{
    if (k < 1 || k > n || n > 255 || p.num < 1 || p.num >= p.den || p.den >= (uint64_t)1 << 63) {
        return ERR_RANGE;
    }
    struct soft lost = soft_ratio(p.num, p.den), odds = soft_ratio(p.den - p.num, p.num);
    struct soft term = soft_ratio(1, 1);
    for (unsigned i = 0; i < n; i++) {
        term = soft_multiply(term, lost);
    }
    *loss = (struct soft){0};
    for (unsigned i = 0; i < k; i++) { /* i shards left */
        *loss = soft_add(*loss, term);
        term = soft_multiply(soft_multiply(term, odds), soft_ratio(n - i, i + 1));
    }
    return ERR_OK;
}

enum err durability_miss(struct soft *miss, uint64_t n, uint64_t bad, uint32_t c)
{
    if (n == 0 || bad > n || c > n) {
        return ERR_RANGE;
    }
    *miss = soft_ratio(1, 1);
    for (uint32_t j = 0; j < c; j++) {
        if (n - bad <= j) {
            *miss = (struct soft){0};
            return ERR_OK;
        }
        *miss = soft_multiply(*miss, soft_ratio(n - bad - j, n - j));
    }
    return ERR_OK;
}

enum err durability_nines(uint32_t *nines_q16, struct soft p)
{
    enum { Q = 40 };
    const uint64_t log10_2_q32 = 1292913986; /* floor(2^32 log10 2) */
    if (p.mantissa == 0 || p.exponent > -63 ||
        (p.exponent == -63 && p.mantissa > (uint64_t)1 << 63)) {
        return ERR_RANGE;
    }
    /* -log2 p = -exponent - log2 mantissa >= 0; rounding may push it a hair below. */
    uint64_t log2_q = fixed_log2(p.mantissa, Q), whole = (uint64_t)(uint32_t)-p.exponent << Q;
    uint64_t bits = whole > log2_q ? whole - log2_q : 0;
    *nines_q16 = (uint32_t)((u128)bits * log10_2_q32 >> (32 + Q - 16));
    return ERR_OK;
}

enum err durability_health_days(uint64_t *days_q20, uint64_t healthy, uint64_t k, uint64_t nodes,
                                struct ratio f)
{
    if (f.num == 0 || nodes == 0 || healthy > nodes || nodes > UINT32_MAX || f.den > UINT32_MAX) {
        return ERR_RANGE;
    }
    if (healthy < k) {
        *days_q20 = 0;
        return ERR_OK;
    }
    uint64_t r = healthy - k + 1, others = nodes - healthy;
    /* draws = r K / (N - K + 1) + r, with N - K = healthy */
    u128 draws_num = (u128)r * others + (u128)r * (healthy + 1);
    u128 num = draws_num * f.den << 20, den = (u128)(healthy + 1) * nodes * f.num;
    *days_q20 = (uint64_t)(num / den);
    return ERR_OK;
}
