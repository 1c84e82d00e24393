#include "node/proof/feistel.h"

#include "node/base/bytes.h"

/* Eight 64-bit lanes in GCC's vector notation: one register with AVX-512, two with AVX2, plain
 * code elsewhere. Which one runs is chosen by the dynamic linker (target_clones), so there is no
 * state here. */
typedef uint64_t lanes __attribute__((vector_size(64)));

enum { LANES = 8 };

#define ROTR(x, n) ((x) >> (n) | (x) << (64 - (n)))

static const uint64_t iv[8] = {0x6a09e667f3bcc908, 0xbb67ae8584caa73b, 0x3c6ef372fe94f82b,
                               0xa54ff53a5f1d36f1, 0x510e527fade682d1, 0x9b05688c2b3e6c1f,
                               0x1f83d9abfb41bd6b, 0x5be0cd19137e2179};

static const uint8_t sigma[12][16] = {{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15},
                                      {14, 10, 4, 8, 9, 15, 13, 6, 1, 12, 0, 2, 11, 7, 5, 3},
                                      {11, 8, 12, 0, 5, 2, 15, 13, 10, 14, 3, 6, 7, 1, 9, 4},
                                      {7, 9, 3, 1, 13, 12, 11, 14, 2, 6, 5, 10, 4, 0, 15, 8},
                                      {9, 0, 5, 7, 2, 4, 10, 15, 14, 1, 11, 12, 6, 8, 3, 13},
                                      {2, 12, 6, 10, 0, 11, 8, 3, 4, 13, 7, 5, 15, 14, 1, 9},
                                      {12, 5, 1, 15, 14, 13, 4, 10, 0, 7, 6, 3, 9, 2, 8, 11},
                                      {13, 11, 7, 14, 12, 1, 3, 9, 5, 0, 15, 4, 8, 6, 2, 10},
                                      {6, 15, 14, 9, 11, 3, 0, 8, 12, 2, 13, 7, 1, 4, 10, 5},
                                      {10, 2, 8, 4, 7, 6, 1, 5, 15, 11, 9, 14, 3, 12, 13, 0},
                                      {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15},
                                      {14, 10, 4, 8, 9, 15, 13, 6, 1, 12, 0, 2, 11, 7, 5, 3}};

#define MIX(a, b, c, d, x, y)                                                                      \
    do {                                                                                           \
        v[a] += v[b] + (x);                                                                        \
        v[d] = ROTR(v[d] ^ v[a], 32);                                                              \
        v[c] += v[d];                                                                              \
        v[b] = ROTR(v[b] ^ v[c], 24);                                                              \
        v[a] += v[b] + (y);                                                                        \
        v[d] = ROTR(v[d] ^ v[a], 16);                                                              \
        v[c] += v[d];                                                                              \
        v[b] = ROTR(v[b] ^ v[c], 63);                                                              \
    } while (0)

#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer) ||                         \
    __has_feature(memory_sanitizer)
#define SANITIZED
#endif
#endif
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZED
#endif

/* Sanitizers start too late for the linker's choice. */
#if defined(__x86_64__) && defined(__gnu_linux__) && !defined(SANITIZED)
#define BEST_TARGET __attribute__((target_clones("avx512f", "avx2", "default")))
#else
#define BEST_TARGET
#endif

/* be64(BLAKE2b-512(be64(right) | be64(key))[0..8]) of eight values of `right`. Fourteen of the
 * sixteen message words are zero, which the unrolled rounds fold away. */
BEST_TARGET static void round_function(uint64_t out[LANES], const uint64_t right[LANES],
                                       uint64_t key)
{
    lanes m[2], v[16];
    for (int l = 0; l < LANES; l++) {
        m[0][l] = __builtin_bswap64(right[l]);
        m[1][l] = __builtin_bswap64(key);
    }
    for (int i = 0; i < 16; i++) {
        v[i] = (lanes){0} + iv[i & 7];
    }
    const uint64_t h0 = iv[0] ^ 0x01010040; /* 64 bytes out, no key */
    v[0] = (lanes){0} + h0;
    v[12] ^= 16; /* bytes hashed */
    v[14] = ~v[14];
#define WORD(r, i) (sigma[r][i] < 2 ? m[sigma[r][i] & 1] : (lanes){0})
#pragma GCC unroll 12
    for (int r = 0; r < 12; r++) {
        MIX(0, 4, 8, 12, WORD(r, 0), WORD(r, 1));
        MIX(1, 5, 9, 13, WORD(r, 2), WORD(r, 3));
        MIX(2, 6, 10, 14, WORD(r, 4), WORD(r, 5));
        MIX(3, 7, 11, 15, WORD(r, 6), WORD(r, 7));
        MIX(0, 5, 10, 15, WORD(r, 8), WORD(r, 9));
        MIX(1, 6, 11, 12, WORD(r, 10), WORD(r, 11));
        MIX(2, 7, 8, 13, WORD(r, 12), WORD(r, 13));
        MIX(3, 4, 9, 14, WORD(r, 14), WORD(r, 15));
    }
#undef WORD
    v[0] ^= v[8] ^ h0;
    for (int l = 0; l < LANES; l++) {
        out[l] = __builtin_bswap64(v[0][l]);
    }
}

void feistel_permute(const uint64_t *keys, unsigned rounds, unsigned half_bits, uint64_t *index,
                     size_t n)
{
    const uint64_t mask = ((uint64_t)1 << half_bits) - 1;
    for (size_t done = 0; done < n; done += LANES) {
        size_t now = n - done < LANES ? n - done : LANES;
        uint64_t left[LANES] = {0}, right[LANES] = {0}, f[LANES];
        for (size_t l = 0; l < now; l++) {
            left[l] = index[done + l] >> half_bits & mask;
            right[l] = index[done + l] & mask;
        }
        for (unsigned round = 0; round < rounds; round++) {
            round_function(f, right, keys[round]);
            for (size_t l = 0; l < LANES; l++) {
                uint64_t next = left[l] ^ (f[l] & mask);
                left[l] = right[l];
                right[l] = next;
            }
        }
        for (size_t l = 0; l < now; l++) {
            index[done + l] = left[l] << half_bits | right[l];
        }
    }
}
