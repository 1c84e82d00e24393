#include <criterion/criterion.h>
#include <math.h>

#include "node/base/fixed.h"
#include "tests/support/vectors.h"

static uint64_t next(uint64_t *state)
{
    uint64_t z = *state += 0x9e3779b97f4a7c15u;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return z ^ z >> 31;
}

/* The third column is the rule of the specification computed with big integers elsewhere, the
 * fourth the exact value from 60-digit decimals. */
Test(fixed, nln_vectors)
{
    struct tsv *tsv = tsv_open("chain-negln-q48.tsv");
    unsigned rows = 0;
    while (tsv_next(tsv)) {
        uint64_t u = tsv_hex64(tsv, 0);
        cr_assert_eq(((uint64_t)64 << 48) - fixed_log2(u, 48), tsv_u64(tsv, 1));
        uint64_t got = fixed_nln(u);
        cr_assert_eq(got, tsv_u64(tsv, 2), "line %u", tsv->line);
        uint64_t exact = tsv_u64(tsv, 3);
        cr_assert((got > exact ? got - exact : exact - got) <= 1);
        rows++;
    }
    cr_assert_eq(rows, 40);
    tsv_close(tsv);
}

/* 2^(i / 32nds) has an exact table entry: 2^(62 + 2^-i) = T[i]. */
Test(fixed, exp2_table)
{
    struct tsv *tsv = tsv_open("poca-exp2-table-q62.tsv");
    unsigned rows = 0;
    while (tsv_next(tsv)) {
        uint64_t i = tsv_u64(tsv, 0);
        uint64_t y = (uint64_t)62 << 32 | (uint64_t)1 << (32 - i);
        cr_assert_eq(fixed_exp2(y), tsv_u64(tsv, 1));
        rows++;
    }
    cr_assert_eq(rows, 32);
    tsv_close(tsv);
}

Test(fixed, exp2_of_integers_is_exact)
{
    for (uint64_t n = 0; n < 64; n++) {
        cr_assert_eq(fixed_exp2(n << 32), (uint64_t)1 << n);
    }
}

Test(fixed, logarithm_against_libm)
{
    uint64_t state = 7;
    for (int i = 0; i < 20000; i++) {
        uint64_t u = next(&state) >> (next(&state) % 64);
        u = u == 0 ? 1 : u;
        double want = log2((double)u);
        double got = (double)fixed_log2(u, 48) / 0x1p48;
        cr_assert(fabs(got - want) < 1e-13 * 64, "%.20g %.20g", got, want);
        uint64_t y = next(&state) >> (26 + next(&state) % 30);
        double power = exp2((double)y / 0x1p32);
        cr_assert(fabs((double)fixed_exp2(y) - power) <= 1 + power * 1e-14);
    }
}

Test(fixed, nln_and_exp2_are_monotone)
{
    uint64_t state = 8;
    for (int i = 0; i < 100000; i++) {
        uint64_t u = next(&state) >> (next(&state) % 64);
        if (u < 2 || u == UINT64_MAX) {
            continue;
        }
        cr_assert(fixed_nln(u) >= fixed_nln(u + 1));
        uint64_t y = next(&state) >> 26;
        cr_assert(fixed_exp2(y) <= fixed_exp2(y + 1));
    }
    cr_assert(fixed_nln(1) < (uint64_t)1 << 54);
    cr_assert_eq(fixed_nln(UINT64_MAX), 0);
}

/* Schoolbook product in 32-bit digits, another way than the code's. */
static void product(uint32_t out[8], u128 a, u128 b)
{
    uint64_t digit[8] = {0};
    for (int i = 0; i < 4; i++) {
        uint64_t carry = 0;
        for (int j = 0; j < 4; j++) {
            uint64_t t = (uint64_t)(uint32_t)(a >> (32 * i)) * (uint32_t)(b >> (32 * j)) +
                         digit[i + j] + carry;
            digit[i + j] = (uint32_t)t;
            carry = t >> 32;
        }
        digit[i + 4] = carry;
    }
    for (int i = 0; i < 8; i++) {
        out[i] = (uint32_t)digit[i];
    }
}

Test(fixed, products_compare_in_full)
{
    uint64_t state = 9;
    unsigned count[3] = {0};
    for (int i = 0; i < 50000; i++) {
        u128 v[4];
        for (int j = 0; j < 4; j++) {
            v[j] = ((u128)next(&state) << 64 | next(&state)) >> (next(&state) % 128);
        }
        if (i % 4 == 0) { /* ab = (2a)(b/2) for even b */
            v[0] >>= 1;
            v[1] &= ~(u128)1;
            v[2] = v[0] << 1;
            v[3] = v[1] >> 1;
        } else if (i % 4 == 1) { /* differ in the last digit only */
            v[2] = v[0];
            v[3] = v[1] + 1;
        }
        uint32_t x[8];
        uint32_t y[8];
        product(x, v[0], v[1]);
        product(y, v[2], v[3]);
        int want = 0;
        for (int j = 7; j >= 0 && want == 0; j--) {
            want = x[j] == y[j] ? 0 : x[j] < y[j] ? -1 : 1;
        }
        cr_assert_eq(u256_compare_products(v[0], v[1], v[2], v[3]), want);
        count[want + 1]++;
    }
    cr_assert(count[0] > 1000 && count[1] > 1000 && count[2] > 1000);
    u128 max = ~(u128)0;
    cr_assert_eq(u256_compare_products(max, max, max, max), 0);
    cr_assert_eq(u256_compare_products(max, max, max, max - 1), 1);
}

Test(fixed, targets_scores_and_remainders)
{
    /* A product beyond 64 bits, beyond 128 bits, and equality. */
    cr_assert(fixed_hit_below_target(UINT64_MAX, UINT64_MAX, UINT64_MAX, UINT64_MAX));
    cr_assert(fixed_hit_below_target(UINT64_MAX, 1u << 31, 1u << 31, 5));
    cr_assert(!fixed_hit_below_target(60, 3, 4, 5));
    cr_assert(fixed_hit_below_target(59, 3, 4, 5));
    cr_assert(!fixed_hit_below_target(0, 0, 1, 1));
    cr_assert(fixed_block_score(1) == (u128)1 << 80);
    cr_assert(fixed_block_score(3) == ((u128)1 << 80) / 3);
    cr_assert_eq(fixed_muldiv(UINT64_MAX, 1000003, 1000003), UINT64_MAX);
    uint8_t p[16] = {[0] = 5, [8] = 1};    /* 2^64 + 5 */
    cr_assert_eq(u128_load_mod(p, 10), 1); /* 18446744073709551616 + 5 */
    cr_assert(u128_load(p) == ((u128)1 << 64) + 5);
    uint8_t q[16];
    u128_store(q, u128_load(p));
    cr_assert_arr_eq(p, q, 16);
}
