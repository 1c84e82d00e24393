/* Shared between rsa.c and rsa_key.c: limbs of GMP. */
#ifndef ORRERY_CRYPTO_RSA_LIMBS_H
#define ORRERY_CRYPTO_RSA_LIMBS_H

#include <gmp.h>

#include "node/crypto/rsa.h"

_Static_assert(sizeof(mp_limb_t) == 8 && GMP_NUMB_BITS == 64, "GMP limbs are 64-bit words");

/* uint64_t and GMP's unsigned long are one type in two names on some systems, two on others. */
static inline mp_limb_t *limbs(uint64_t *p)
{
    return (mp_limb_t *)(void *)p;
}

static inline const mp_limb_t *climbs(const uint64_t *p)
{
    return (const mp_limb_t *)(const void *)p;
}

/* r = a b mod m, n limbs each, none of them secret. */
static inline void mod_multiply(uint64_t *r, const uint64_t *a, const uint64_t *b,
                                const uint64_t *m, unsigned n)
{
    mp_limb_t product[2 * RSA_LIMBS_MAX], quotient[RSA_LIMBS_MAX + 1];
    if (a == b) {
        mpn_sqr(product, climbs(a), (mp_size_t)n);
    } else {
        mpn_mul_n(product, climbs(a), climbs(b), (mp_size_t)n);
    }
    mpn_tdiv_qr(quotient, limbs(r), 0, product, (mp_size_t)(2 * n), climbs(m), (mp_size_t)n);
}

#endif
