#include "node/base/fixed.h"

#include "node/base/invariant.h"

/* ln 2 in Q64. */
#define FIXED_LN2_Q64 12786308645202655659u

/* exp2_factor[i] = floor(2^62 * 2^(2^-i)); entry 0 is never read. */
static const uint64_t exp2_factor[33] = {
    0,
    6521908912666391106u,
    5484249825272419511u,
    5029079263719320435u,
    4815862801830788490u,
    4712668792719003883u,
    4661903986662671289u,
    4636727017470743990u,
    4624189567668517720u,
    4617933561212708776u,
    4614808732577250068u,
    4613247111281068008u,
    4612466498810092974u,
    4612076242109103707u,
    4611881126141011236u,
    4611783571252412753u,
    4611734794581956353u,
    4611710406440186475u,
    4611698212417665819u,
    4611692115418496524u,
    4611689066921934630u,
    4611687542674409371u,
    4611686780550835663u,
    4611686399489096040u,
    4611686208958238036u,
    4611686113692811986u,
    4611686066060099699u,
    4611686042243743740u,
    4611686030335565806u,
    4611686024381476851u,
    4611686021404432376u,
    4611686019915910140u,
    4611686019171649022u,
};

uint64_t fixed_log2(uint64_t u, unsigned bits)
{
    invariant(u >= 1 && bits <= 57);
    unsigned zeros = (unsigned)__builtin_clzll(u);
    /* m is the mantissa in [1, 2), Q63. Squaring it doubles the logarithm, whose integer part is
     * then the next binary digit. */
    uint64_t m = u << zeros;
    uint64_t fraction = 0;
    for (unsigned i = 0; i < bits; i++) {
        u128 square = u128_mul(m, m) >> 63;
        unsigned carry = (unsigned)(square >> 64);
        m = (uint64_t)(square >> carry);
        fraction = fraction << 1 | carry;
    }
    return (uint64_t)(63 - zeros) << bits | fraction;
}

uint64_t fixed_nln(uint64_t u)
{
    uint64_t log2_q48 = ((uint64_t)64 << 48) - fixed_log2(u, 48);
    return (uint64_t)(u128_mul(log2_q48, FIXED_LN2_Q64) >> 64);
}

uint64_t fixed_exp2(uint64_t y)
{
    invariant(y >> 32 < 64);
    uint64_t r = (uint64_t)1 << 62;
    for (unsigned i = 1; i <= 32; i++) {
        if (y >> (32 - i) & 1) {
            r = (uint64_t)(u128_mul(r, exp2_factor[i]) >> 62);
        }
    }
    return (uint64_t)((u128)r << (y >> 32) >> 62);
}

uint64_t fixed_muldiv(uint64_t a, uint64_t b, uint64_t divisor)
{
    invariant(divisor >= 1);
    u128 quotient = u128_mul(a, b) / divisor;
    invariant(quotient >> 64 == 0);
    return (uint64_t)quotient;
}

uint64_t u128_load_mod(const uint8_t p[16], uint64_t m)
{
    invariant(m >= 1);
    return (uint64_t)(u128_load(p) % m);
}

u128 fixed_block_score(uint64_t base_target)
{
    invariant(base_target >= 1);
    return ((u128)1 << 80) / base_target;
}

struct u256 {
    u128 high;
    u128 low;
};

static struct u256 u256_product(u128 a, u128 b)
{
    uint64_t a0 = (uint64_t)a;
    uint64_t a1 = (uint64_t)(a >> 64);
    uint64_t b0 = (uint64_t)b;
    uint64_t b1 = (uint64_t)(b >> 64);
    u128 low = u128_mul(a0, b0);
    u128 cross = u128_mul(a1, b0);
    /* Three terms below 2^64 each in the middle column: no overflow. */
    u128 other = u128_mul(a0, b1);
    u128 middle = (low >> 64) + (uint64_t)cross + (uint64_t)other;
    u128 high = u128_mul(a1, b1) + (cross >> 64) + (other >> 64) + (middle >> 64);
    return (struct u256){.high = high, .low = middle << 64 | (uint64_t)low};
}

int u256_compare_products(u128 a, u128 b, u128 c, u128 d)
{
    struct u256 x = u256_product(a, b);
    struct u256 y = u256_product(c, d);
    if (x.high != y.high) {
        return x.high < y.high ? -1 : 1;
    }
    if (x.low != y.low) {
        return x.low < y.low ? -1 : 1;
    }
    return 0;
}

bool fixed_hit_below_target(uint64_t hit, uint64_t difficulty, uint64_t seconds, uint64_t balance)
{
    return u256_compare_products(hit, 1, u128_mul(difficulty, seconds), balance) < 0;
}
