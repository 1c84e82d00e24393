/* SHA-256 with the SHA extensions of x86. One stream is bound by the latency of SHA256RNDS2;
 * interleaving fills the gaps. The lane count is a constant in each caller, so that the inner
 * loops unroll. */
#include "node/crypto/sha256_kernels.h"

#if defined(__x86_64__)
#include <immintrin.h>

#define SHANI __attribute__((target("sha,sse4.1,ssse3")))

/* a..h in memory order to the ABEF / CDGH registers of the instruction. */
SHANI static inline void state_load(__m128i *abef, __m128i *cdgh, const uint32_t state[8])
{
    __m128i lo = _mm_loadu_si128((const __m128i *)(const void *)state);
    __m128i hi = _mm_loadu_si128((const __m128i *)(const void *)(state + 4));
    lo = _mm_shuffle_epi32(lo, 0xb1);
    hi = _mm_shuffle_epi32(hi, 0x1b);
    *abef = _mm_alignr_epi8(lo, hi, 8);
    *cdgh = _mm_blend_epi16(hi, lo, 0xf0);
}

SHANI static inline void state_store(uint32_t state[8], __m128i abef, __m128i cdgh)
{
    __m128i feba = _mm_shuffle_epi32(abef, 0x1b);
    __m128i dchg = _mm_shuffle_epi32(cdgh, 0xb1);
    _mm_storeu_si128((__m128i *)(void *)state, _mm_blend_epi16(feba, dchg, 0xf0));
    _mm_storeu_si128((__m128i *)(void *)(state + 4), _mm_alignr_epi8(dchg, feba, 8));
}

SHANI static inline __attribute__((always_inline)) void
compress(int lanes, uint32_t (*states)[8], const uint8_t *const *data, size_t n_blocks)
{
    const __m128i swap = _mm_set_epi64x(0x0c0d0e0f08090a0b, 0x0405060700010203);
    __m128i s0[4], s1[4];
    for (int l = 0; l < lanes; l++) {
        state_load(&s0[l], &s1[l], states[l]);
    }
    for (size_t b = 0; b < n_blocks; b++) {
        __m128i w[4][4], was0[4], was1[4];
        for (int l = 0; l < lanes; l++) {
            was0[l] = s0[l];
            was1[l] = s1[l];
            for (int i = 0; i < 4; i++) {
                const uint8_t *at = data[l] + 64 * b + 16 * i;
                w[l][i] =
                    _mm_shuffle_epi8(_mm_loadu_si128((const __m128i *)(const void *)at), swap);
            }
        }
#pragma GCC unroll 16
        for (int g = 0; g < 16; g++) {
            const __m128i k = _mm_load_si128((const __m128i *)(const void *)(sha256_k + 4 * g));
#pragma GCC unroll 4
            for (int l = 0; l < lanes; l++) {
                __m128i m = _mm_add_epi32(w[l][g & 3], k);
                s1[l] = _mm_sha256rnds2_epu32(s1[l], s0[l], m);
                m = _mm_shuffle_epi32(m, 0x0e);
                s0[l] = _mm_sha256rnds2_epu32(s0[l], s1[l], m);
                if (g < 12) {
                    __m128i t = _mm_sha256msg1_epu32(w[l][g & 3], w[l][(g + 1) & 3]);
                    t = _mm_add_epi32(t, _mm_alignr_epi8(w[l][(g + 3) & 3], w[l][(g + 2) & 3], 4));
                    w[l][g & 3] = _mm_sha256msg2_epu32(t, w[l][(g + 3) & 3]);
                }
            }
        }
        for (int l = 0; l < lanes; l++) {
            s0[l] = _mm_add_epi32(s0[l], was0[l]);
            s1[l] = _mm_add_epi32(s1[l], was1[l]);
        }
    }
    for (int l = 0; l < lanes; l++) {
        state_store(states[l], s0[l], s1[l]);
    }
}

SHANI void sha256_shani_blocks(uint32_t state[8], const uint8_t *data, size_t n_blocks)
{
    compress(1, (uint32_t(*)[8])(void *)state, &data, n_blocks);
}

SHANI void sha256_shani_blocks4(uint32_t states[4][8], const uint8_t *const data[4],
                                size_t n_blocks)
{
    compress(4, states, data, n_blocks);
}

SHANI void sha256_shani_blocks16(uint32_t states[16][8], const uint8_t *const data[16],
                                 size_t n_blocks)
{
    for (int q = 0; q < 16; q += 4) {
        compress(4, states + q, data + q, n_blocks);
    }
}
#endif
