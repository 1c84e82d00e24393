/* SHA-256, sixteen messages side by side in AVX-512 registers: word i of all messages is one
 * vector. The rounds are plain FIPS 180-4; what costs is the transposition of the input. */
#include "node/crypto/sha256_kernels.h"

#if defined(__x86_64__)
#include <immintrin.h>

#define WIDE __attribute__((target("avx512f,avx512bw")))
#define ADD(x, y) _mm512_add_epi32(x, y)
#define XOR3(x, y, z) _mm512_ternarylogic_epi32(x, y, z, 0x96)
#define ROR(x, n) _mm512_ror_epi32(x, n)

/* r[i] word j becomes r[j] word i. */
WIDE static inline __attribute__((always_inline)) void transpose(__m512i r[16])
{
    __m512i t[16];
    for (int i = 0; i < 16; i += 2) {
        t[i] = _mm512_unpacklo_epi32(r[i], r[i + 1]);
        t[i + 1] = _mm512_unpackhi_epi32(r[i], r[i + 1]);
    }
    for (int i = 0; i < 16; i += 4) {
        r[i] = _mm512_unpacklo_epi64(t[i], t[i + 2]);
        r[i + 1] = _mm512_unpackhi_epi64(t[i], t[i + 2]);
        r[i + 2] = _mm512_unpacklo_epi64(t[i + 1], t[i + 3]);
        r[i + 3] = _mm512_unpackhi_epi64(t[i + 1], t[i + 3]);
    }
    for (int i = 0; i < 4; i++) {
        t[i] = _mm512_shuffle_i32x4(r[i], r[i + 4], 0x88);
        t[i + 4] = _mm512_shuffle_i32x4(r[i], r[i + 4], 0xdd);
        t[i + 8] = _mm512_shuffle_i32x4(r[i + 8], r[i + 12], 0x88);
        t[i + 12] = _mm512_shuffle_i32x4(r[i + 8], r[i + 12], 0xdd);
    }
    for (int i = 0; i < 4; i++) {
        r[i] = _mm512_shuffle_i32x4(t[i], t[i + 8], 0x88);
        r[i + 4] = _mm512_shuffle_i32x4(t[i + 4], t[i + 12], 0x88);
        r[i + 8] = _mm512_shuffle_i32x4(t[i], t[i + 8], 0xdd);
        r[i + 12] = _mm512_shuffle_i32x4(t[i + 4], t[i + 12], 0xdd);
    }
}

#define ROUND(a, b, c, d, e, f, g, h, i)                                                           \
    do {                                                                                           \
        __m512i t1 = ADD(ADD(h, ADD(w[(i)&15], _mm512_set1_epi32((int)sha256_k[i]))),              \
                         ADD(XOR3(ROR(e, 6), ROR(e, 11), ROR(e, 25)),                              \
                             _mm512_ternarylogic_epi32(e, f, g, 0xca)));                           \
        __m512i t2 = ADD(XOR3(ROR(a, 2), ROR(a, 13), ROR(a, 22)),                                  \
                         _mm512_ternarylogic_epi32(a, b, c, 0xe8));                                \
        d = ADD(d, t1);                                                                            \
        h = ADD(t1, t2);                                                                           \
    } while (0)

#define EXPAND(i)                                                                                  \
    do {                                                                                           \
        __m512i x = w[((i) + 1) & 15], y = w[((i) + 14) & 15];                                     \
        __m512i sx = XOR3(ROR(x, 7), ROR(x, 18), _mm512_srli_epi32(x, 3));                         \
        __m512i sy = XOR3(ROR(y, 17), ROR(y, 19), _mm512_srli_epi32(y, 10));                       \
        w[(i)&15] = ADD(ADD(w[(i)&15], sx), ADD(w[((i) + 9) & 15], sy));                           \
    } while (0)

WIDE static inline __attribute__((always_inline)) void rounds(__m512i s[8], __m512i w[16])
{
    __m512i a = s[0], b = s[1], c = s[2], d = s[3], e = s[4], f = s[5], g = s[6], h = s[7];
#pragma GCC unroll 8
    for (int i = 0; i < 64; i += 8) {
        if (i >= 16) {
            EXPAND(i);
            EXPAND(i + 1);
            EXPAND(i + 2);
            EXPAND(i + 3);
            EXPAND(i + 4);
            EXPAND(i + 5);
            EXPAND(i + 6);
            EXPAND(i + 7);
        }
        ROUND(a, b, c, d, e, f, g, h, i);
        ROUND(h, a, b, c, d, e, f, g, i + 1);
        ROUND(g, h, a, b, c, d, e, f, i + 2);
        ROUND(f, g, h, a, b, c, d, e, i + 3);
        ROUND(e, f, g, h, a, b, c, d, i + 4);
        ROUND(d, e, f, g, h, a, b, c, i + 5);
        ROUND(c, d, e, f, g, h, a, b, i + 6);
        ROUND(b, c, d, e, f, g, h, a, i + 7);
    }
    s[0] = ADD(s[0], a);
    s[1] = ADD(s[1], b);
    s[2] = ADD(s[2], c);
    s[3] = ADD(s[3], d);
    s[4] = ADD(s[4], e);
    s[5] = ADD(s[5], f);
    s[6] = ADD(s[6], g);
    s[7] = ADD(s[7], h);
}

WIDE void sha256_avx512_blocks16(uint32_t states[16][8], const uint8_t *const data[16],
                                 size_t n_blocks)
{
    const __m512i swap =
        _mm512_broadcast_i32x4(_mm_set_epi64x(0x0c0d0e0f08090a0b, 0x0405060700010203));
    /* Row i of the first transposition is (state i, zero): its columns 0..7 are the words. */
    __m512i s[16], w[16];
    for (int i = 0; i < 16; i++) {
        s[i] = _mm512_maskz_loadu_epi32(0xff, states[i]);
    }
    transpose(s);
    for (size_t block = 0; block < n_blocks; block++) {
        for (int i = 0; i < 16; i++) {
            w[i] = _mm512_shuffle_epi8(_mm512_loadu_si512(data[i] + 64 * block), swap);
        }
        transpose(w);
        rounds(s, w);
    }
    transpose(s);
    for (int i = 0; i < 16; i++) {
        _mm512_mask_storeu_epi32(states[i], 0xff, s[i]);
    }
}
#endif
