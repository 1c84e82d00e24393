/* Fixed-point and wide integer arithmetic, exact and the same on every machine. Consensus critical:
 * hits, delays, draws and scores are computed here. spec: chain 1.3, poca 2.2.
 *
 * Qn means an integer that counts units of 2^-n. No function here divides by zero or overflows
 * silently: what a caller must keep is stated and checked by invariant(). */
#ifndef ORRERY_BASE_FIXED_H
#define ORRERY_BASE_FIXED_H

#include "node/base/bytes.h"

/* log2(u) in Q(bits), at most one unit below the exact value for bits <= 48. u >= 1, bits <= 57. */
uint64_t fixed_log2(uint64_t u, unsigned bits);

/* -ln(u / 2^64) in Q48, within one unit of the exact floor; monotone: a larger u never gives a
 * larger result. u >= 1. Largest result (u = 1) is below 2^54. spec: chain 1.3 nln */
uint64_t fixed_nln(uint64_t u);

/* floor(2^(y / 2^32)) up to a relative error below 2^-56; y is Q32 and below 64 << 32.
 * spec: chain 1.3 exp2_q32 */
uint64_t fixed_exp2(uint64_t y);

/* The whole product. */
static inline u128 u128_mul(uint64_t a, uint64_t b)
{
    return (u128)a * b;
}

/* floor(a * b / divisor); the quotient must fit 64 bits, divisor >= 1 (both invariants). */
uint64_t fixed_muldiv(uint64_t a, uint64_t b, uint64_t divisor);

/* The 128-bit little-endian number at p, modulo m >= 1. spec: chain 1.6 (LE128 mod total) */
uint64_t u128_load_mod(const uint8_t p[16], uint64_t m);

static inline u128 u128_load(const uint8_t p[16])
{
    return (u128)load64(p + 8) << 64 | load64(p);
}

static inline void u128_store(uint8_t p[16], u128 v)
{
    store64(p, (uint64_t)v);
    store64(p + 8, (uint64_t)(v >> 64));
}

/* floor(2^80 / base_target): the score one block adds. base_target >= 1. spec: chain 1.2 */
u128 fixed_block_score(uint64_t base_target);

/* Compares a * b with c * d, both taken in full (256 bits): -1, 0 or 1. */
int u256_compare_products(u128 a, u128 b, u128 c, u128 d);

/* hit < difficulty * seconds * balance, without overflow. spec: chain 1.1 (Sirius, Nov 2018) */
bool fixed_hit_below_target(uint64_t hit, uint64_t difficulty, uint64_t seconds, uint64_t balance);

#endif
