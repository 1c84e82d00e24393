/* The kernels behind the engines of sha256.h; for sha256.c alone. */
#ifndef ORRERY_CRYPTO_SHA256_KERNELS_H
#define ORRERY_CRYPTO_SHA256_KERNELS_H

#include <stddef.h>
#include <stdint.h>

/* Cache-line aligned; the kernels load it by vectors. */
extern const uint32_t sha256_k[64];

#if defined(__x86_64__)
void sha256_shani_blocks(uint32_t state[8], const uint8_t *data, size_t n_blocks);
void sha256_shani_blocks4(uint32_t states[4][8], const uint8_t *const data[4], size_t n_blocks);
void sha256_shani_blocks16(uint32_t states[16][8], const uint8_t *const data[16], size_t n_blocks);
void sha256_avx512_blocks16(uint32_t states[16][8], const uint8_t *const data[16], size_t n_blocks);
#endif

#endif
