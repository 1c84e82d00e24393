/* The field of Curve25519: integers modulo p = 2^255 - 19, held as any of their representatives
 * below 2^256. No branch, no index and no number of steps depends on a value.
 *
 * A sum of two, or a product's upper half times 2^256 mod p = 38, leaves a small carry; it is worth
 * 38 each and added below, where it can carry out once more, after which little is left. */
#ifndef ORRERY_CRYPTO_FIELD_H
#define ORRERY_CRYPTO_FIELD_H

#include "node/base/bytes.h"

enum { FE_BYTES = 32, FE_LIMBS = 4 };

struct fe {
    uint64_t limb[FE_LIMBS]; /* least first */
};

/* a + 38 * carry; carry below 2^32. */
static inline struct fe fe_carry(const uint64_t a[FE_LIMBS], uint64_t carry)
{
    struct fe out;
    u128 t = (u128)carry * 38;

#pragma GCC unroll 4
    for (int i = 0; i < FE_LIMBS; i++) {
        t += a[i];
        out.limb[i] = (uint64_t)t;
        t >>= 64;
    }
    out.limb[0] += (uint64_t)t * 38; /* after a carry the rest is below 2^38 */
    return out;
}

static inline struct fe fe_add(struct fe a, struct fe b)
{
    uint64_t sum[FE_LIMBS];
    u128 t = 0;

#pragma GCC unroll 4
    for (int i = 0; i < FE_LIMBS; i++) {
        t += (u128)a.limb[i] + b.limb[i];
        sum[i] = (uint64_t)t;
        t >>= 64;
    }
    return fe_carry(sum, (uint64_t)t);
}

/* A borrow of 2^256 is 38 too much; taking that away can borrow once more, from just below 2^256.
 */
static inline struct fe fe_sub(struct fe a, struct fe b)
{
    struct fe out;
    uint64_t borrow = 0;

#pragma GCC unroll 4
    for (int i = 0; i < FE_LIMBS; i++) {
        u128 t = (u128)a.limb[i] - b.limb[i] - borrow;
        out.limb[i] = (uint64_t)t;
        borrow = (uint64_t)(t >> 64) & 1;
    }
    u128 t = (u128)out.limb[0] - 38 * borrow;
    out.limb[0] = (uint64_t)t;
#pragma GCC unroll 4
    for (int i = 1; i < FE_LIMBS; i++) {
        t = (u128)out.limb[i] - ((uint64_t)(t >> 64) & 1);
        out.limb[i] = (uint64_t)t;
    }
    out.limb[0] -= 38 * ((uint64_t)(t >> 64) & 1);
    return out;
}

/* wide modulo p, below 2^256. */
static inline struct fe fe_fold(const uint64_t wide[2 * FE_LIMBS])
{
    uint64_t low[FE_LIMBS];
    uint64_t carry = 0;

#pragma GCC unroll 4
    for (int i = 0; i < FE_LIMBS; i++) {
        u128 t = (u128)wide[FE_LIMBS + i] * 38 + wide[i] + carry;
        low[i] = (uint64_t)t;
        carry = (uint64_t)(t >> 64);
    }
    return fe_carry(low, carry);
}

static inline struct fe fe_mul(struct fe a, struct fe b)
{
    uint64_t wide[2 * FE_LIMBS] = {0};

#pragma GCC unroll 4
    for (int i = 0; i < FE_LIMBS; i++) {
        uint64_t carry = 0;
#pragma GCC unroll 4
        for (int j = 0; j < FE_LIMBS; j++) {
            u128 t = (u128)a.limb[i] * b.limb[j] + wide[i + j] + carry;
            wide[i + j] = (uint64_t)t;
            carry = (uint64_t)(t >> 64);
        }
        wide[i + FE_LIMBS] = carry;
    }
    return fe_fold(wide);
}

static inline struct fe fe_sq(struct fe a)
{
    return fe_mul(a, a);
}

static inline struct fe fe_neg(struct fe a)
{
    return fe_sub((struct fe){{0}}, a);
}

/* a if yes is 0, b if it is 1. */
static inline struct fe fe_select(struct fe a, struct fe b, uint64_t yes)
{
#pragma GCC unroll 4
    for (int i = 0; i < FE_LIMBS; i++) {
        a.limb[i] ^= (0 - yes) & (a.limb[i] ^ b.limb[i]);
    }
    return a;
}

/* The representative below p, little-endian. */
static inline void fe_encode(uint8_t bytes[FE_BYTES], struct fe a)
{
    const uint64_t low63 = UINT64_MAX >> 1;
    u128 t = (u128)(a.limb[3] >> 63) * 19;
    uint64_t sum[FE_LIMBS], less[FE_LIMBS];

    a.limb[3] &= low63;
#pragma GCC unroll 4
    for (int i = 0; i < FE_LIMBS; i++, t >>= 64) { /* below 2^255 + 19 */
        t += a.limb[i];
        sum[i] = (uint64_t)t;
    }
    t = 19;
#pragma GCC unroll 4
    for (int i = 0; i < FE_LIMBS; i++, t >>= 64) { /* minus p, if bit 255 comes out set */
        t += sum[i];
        less[i] = (uint64_t)t;
    }
    uint64_t keep = (less[3] >> 63) - 1;
    less[3] &= low63;
#pragma GCC unroll 4
    for (int i = 0; i < FE_LIMBS; i++) {
        store64(bytes + 8 * i, (sum[i] & keep) | (less[i] & ~keep));
    }
}

/* Bit 255 is left out; a value from p to 2^255 - 1 is taken modulo p. */
static inline struct fe fe_decode(const uint8_t bytes[FE_BYTES])
{
    struct fe out;

#pragma GCC unroll 4
    for (int i = 0; i < FE_LIMBS; i++) {
        out.limb[i] = load64(bytes + 8 * i);
    }
    out.limb[3] &= UINT64_MAX >> 1;
    return out;
}

/* 1 or 0: the least bit of the representative below p. */
static inline uint64_t fe_negative(struct fe a)
{
    uint8_t bytes[FE_BYTES];

    fe_encode(bytes, a);
    return bytes[0] & 1;
}

static inline struct fe fe_abs(struct fe a)
{
    return fe_select(a, fe_neg(a), fe_negative(a));
}

/* 1 or 0. */
static inline uint64_t fe_equal(struct fe a, struct fe b)
{
    uint8_t bytes[FE_BYTES];
    uint64_t any = 0;

    fe_encode(bytes, fe_sub(a, b));
#pragma GCC unroll 4
    for (int i = 0; i < FE_LIMBS; i++) {
        any |= load64(bytes + 8 * i);
    }
    return ((any | (0 - any)) >> 63) ^ 1;
}

#endif
