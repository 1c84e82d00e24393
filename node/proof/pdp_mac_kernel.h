/* The two inner sums of sw-mac, portable and with AVX-512 IFMA (52-bit multiply-add, eight sectors
 * at a time). Same results; pdp_mac.c picks. Field elements are at most 2^127 - 1. */
#ifndef ORRERY_PROOF_PDP_MAC_KERNEL_H
#define ORRERY_PROOF_PDP_MAC_KERNEL_H

#include "node/base/bytes.h"

enum {
    MAC_SECTOR_BYTES = 15,
    MAC_LIMBS = 3,   /* of 52 bits, in the IFMA form of alpha */
    MAC_WEIGHTS = 5, /* of nu * m: two limbs by three, with the high halves */
    MAC_LANES = 8,
    MAC_BLOCKS_PER_FOLD = 512, /* accumulators hold 2 * 4 * 512 products of 52 bits */
};

#define MAC_PRIME ((((u128)1) << 127) - 1)

/* x mod 2^127 - 1, not more than 2^127; a second time gives at most 2^127 - 1. */
static inline u128 fp_fold(u128 x)
{
    return (x & MAC_PRIME) + (x >> 127);
}

static inline u128 fp_reduce(u128 x)
{
    return fp_fold(fp_fold(x));
}

static inline u128 fp_add(u128 a, u128 b)
{
    return fp_fold(a + b);
}

/* x * 2^k: a rotation of 127 bits. */
static inline u128 fp_shift(u128 x, unsigned k)
{
    return k == 0 ? x : (((x << k) & MAC_PRIME) | x >> (127 - k));
}

/* sum_j alpha_j m_j over one block of `sectors` sectors. */
u128 mac_dot_portable(const u128 *alpha, uint32_t sectors, const uint8_t *block);
/* mu_j += sum_i nu_i m_ij, n_blocks <= 16. */
void mac_mu_portable(u128 *mu, uint32_t sectors, const uint8_t *const *blocks, const uint64_t *nu,
                     uint32_t n_blocks);

/* Whether this processor runs the following. */
bool mac_ifma_available(void);
/* 64-bit words of the IFMA form of alpha, and of the accumulators of mu. */
static inline size_t mac_ifma_words(uint32_t sectors, unsigned rows)
{
    return (size_t)((sectors + MAC_LANES - 1) / MAC_LANES) * MAC_LANES * rows;
}
/* limbs: mac_ifma_words(sectors, MAC_LIMBS), 64-byte aligned; padded with zeros. */
void mac_ifma_alpha(uint64_t *limbs, const u128 *alpha, uint32_t sectors);
u128 mac_dot_ifma(const uint64_t *limbs, uint32_t sectors, const uint8_t *block);
/* acc: mac_ifma_words(sectors, MAC_WEIGHTS), zero at the start; at most MAC_BLOCKS_PER_FOLD blocks
 * between two folds. */
void mac_mu_ifma(uint64_t *acc, uint32_t sectors, const uint8_t *const *blocks, const uint64_t *nu,
                 uint32_t n_blocks);
/* mu_j += what acc holds, which becomes zero. */
void mac_mu_ifma_fold(u128 *mu, uint64_t *acc, uint32_t sectors);

#endif
