#include "node/proof/pdp_mac_kernel.h"

#include "node/base/fixed.h"

#if defined(__x86_64__)
#include <immintrin.h>
#endif

/* Portable: sectors of 120 bits as two halves of 60; products with 64-bit words stay below 2^124,
 * so sixteen of them add up without a carry. */
enum { HALF = 60, GROUP = 16 };

#define MASK60 (((uint64_t)1 << HALF) - 1)

static inline void sector_load(const uint8_t *p, uint64_t *low, uint64_t *high)
{
    *low = load64(p) & MASK60;
    *high = load64(p + 7) >> 4;
}

u128 mac_dot_portable(const u128 *alpha, uint32_t sectors, const uint8_t *block)
{
    u128 total = 0;
    for (uint32_t from = 0; from < sectors; from += GROUP) {
        uint32_t to = sectors - from < GROUP ? sectors : from + GROUP;
        u128 s00 = 0, s01 = 0, s10 = 0, s11 = 0;
        for (uint32_t j = from; j < to; j++) {
            uint64_t m0, m1, a0 = (uint64_t)alpha[j], a1 = (uint64_t)(alpha[j] >> 64);
            sector_load(block + (size_t)MAC_SECTOR_BYTES * j, &m0, &m1);
            s00 += u128_mul(a0, m0);
            s01 += u128_mul(a0, m1);
            s10 += u128_mul(a1, m0);
            s11 += u128_mul(a1, m1);
        }
        u128 sum = fp_add(fp_reduce(s00), fp_shift(fp_reduce(s01), HALF));
        sum = fp_add(sum, fp_shift(fp_reduce(s10), 64));
        sum = fp_add(sum, fp_shift(fp_reduce(s11), 64 + HALF));
        total = fp_add(total, sum);
    }
    return total;
}

void mac_mu_portable(u128 *mu, uint32_t sectors, const uint8_t *const *blocks, const uint64_t *nu,
                     uint32_t n_blocks)
{
    for (uint32_t j = 0; j < sectors; j++) {
        u128 s0 = 0, s1 = 0;
        for (uint32_t i = 0; i < n_blocks; i++) {
            uint64_t m0, m1;
            sector_load(blocks[i] + (size_t)MAC_SECTOR_BYTES * j, &m0, &m1);
            s0 += u128_mul(nu[i], m0);
            s1 += u128_mul(nu[i], m1);
        }
        mu[j] = fp_add(mu[j], fp_add(fp_reduce(s0), fp_shift(fp_reduce(s1), HALF)));
    }
}

/* Sum of value_w 2^(52 w). */
static u128 weights_join(const u128 *value, unsigned count)
{
    u128 sum = 0;
    for (unsigned w = 0; w < count; w++) {
        sum = fp_add(sum, fp_shift(fp_reduce(value[w]), 52 * w % 127));
    }
    return sum;
}

#if defined(__x86_64__)
#define IFMA __attribute__((target("avx512f,avx512bw,avx512ifma,avx512vbmi")))
#define MASK52 (((uint64_t)1 << 52) - 1)

bool mac_ifma_available(void)
{
    return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
           __builtin_cpu_supports("avx512ifma") && __builtin_cpu_supports("avx512vbmi");
}

void mac_ifma_alpha(uint64_t *limbs, const u128 *alpha, uint32_t sectors)
{
    memset(limbs, 0, 8 * mac_ifma_words(sectors, MAC_LIMBS));
    for (uint32_t j = 0; j < sectors; j++) {
        uint64_t *to = limbs + (size_t)(j / MAC_LANES) * MAC_LANES * MAC_LIMBS + j % MAC_LANES;
        to[0] = (uint64_t)alpha[j] & MASK52;
        to[MAC_LANES] = (uint64_t)(alpha[j] >> 52) & MASK52;
        to[2 * MAC_LANES] = (uint64_t)(alpha[j] >> 104);
    }
}

/* Byte b of lane j of limb l comes from byte 15 j + {0, 6, 13}[l] + b of the eight sectors. */
struct picker {
    __m512i index[MAC_LIMBS], mask52;
    __mmask64 top; /* the two bytes of the third limb */
};

IFMA static inline struct picker picker_make(void)
{
    static const uint8_t start[MAC_LIMBS] = {0, 6, 13};
    struct picker p = {.mask52 = _mm512_set1_epi64((long long)MASK52), .top = 0x0303030303030303};
    for (int l = 0; l < MAC_LIMBS; l++) {
        uint8_t bytes[64];
        for (int i = 0; i < 64; i++) {
            bytes[i] = (uint8_t)((15 * (i / 8) + start[l] + i % 8) & 127);
        }
        p.index[l] = _mm512_loadu_si512(bytes);
    }
    return p;
}

/* Eight sectors, or what is left of the block (left bytes, zero beyond), as limbs of 52 bits. */
IFMA static inline __attribute__((always_inline)) void
sectors_load(__m512i m[MAC_LIMBS], const struct picker *p, const uint8_t *at, size_t left)
{
    __m512i low, high;
    if (left >= 128) {
        low = _mm512_loadu_si512(at);
        high = _mm512_loadu_si512(at + 64);
    } else {
        __mmask64 first = left >= 64 ? ~(__mmask64)0 : ((__mmask64)1 << left) - 1;
        __mmask64 second = left > 64 ? ((__mmask64)1 << (left - 64)) - 1 : 0;
        low = _mm512_maskz_loadu_epi8(first, at);
        high = _mm512_maskz_loadu_epi8(second, at + 64);
    }
    m[0] = _mm512_and_si512(_mm512_permutex2var_epi8(low, p->index[0], high), p->mask52);
    m[1] = _mm512_and_si512(_mm512_srli_epi64(_mm512_permutex2var_epi8(low, p->index[1], high), 4),
                            p->mask52);
    m[2] = _mm512_maskz_permutex2var_epi8(p->top, low, p->index[2], high);
}

IFMA u128 mac_dot_ifma(const uint64_t *limbs, uint32_t sectors, const uint8_t *block)
{
    enum { WEIGHTS = 2 * MAC_LIMBS };
    const struct picker p = picker_make();
    __m512i low[WEIGHTS], high[WEIGHTS];
    for (int w = 0; w < WEIGHTS; w++) {
        low[w] = high[w] = _mm512_setzero_si512();
    }
    size_t left = (size_t)sectors * MAC_SECTOR_BYTES;
    for (uint32_t j = 0; j < sectors; j += MAC_LANES) {
        __m512i m[MAC_LIMBS];
        sectors_load(m, &p, block, left);
        for (int k = 0; k < MAC_LIMBS; k++) {
            __m512i a = _mm512_load_si512(limbs + MAC_LANES * k);
            for (int l = 0; l < MAC_LIMBS; l++) {
                low[k + l] = _mm512_madd52lo_epu64(low[k + l], a, m[l]);
                high[k + l + 1] = _mm512_madd52hi_epu64(high[k + l + 1], a, m[l]);
            }
        }
        limbs += MAC_LANES * MAC_LIMBS;
        block += MAC_LANES * MAC_SECTOR_BYTES;
        left -= left < MAC_LANES * MAC_SECTOR_BYTES ? left : MAC_LANES * MAC_SECTOR_BYTES;
    }
    u128 value[WEIGHTS];
    for (int w = 0; w < WEIGHTS; w++) {
        uint64_t lanes[2 * MAC_LANES];
        _mm512_storeu_si512(lanes, low[w]);
        _mm512_storeu_si512(lanes + MAC_LANES, high[w]);
        value[w] = 0;
        for (int i = 0; i < 2 * MAC_LANES; i++) {
            value[w] += lanes[i];
        }
    }
    return weights_join(value, WEIGHTS);
}

IFMA void mac_mu_ifma(uint64_t *acc, uint32_t sectors, const uint8_t *const *blocks,
                      const uint64_t *nu, uint32_t n_blocks)
{
    const struct picker p = picker_make();
    size_t bytes = (size_t)sectors * MAC_SECTOR_BYTES;
    for (uint32_t from = 0; from < n_blocks; from += 4) {
        uint32_t to = n_blocks - from < 4 ? n_blocks : from + 4;
        uint64_t *at = acc;
        for (size_t done = 0; done < bytes; done += MAC_LANES * MAC_SECTOR_BYTES) {
            __m512i w[MAC_WEIGHTS], m[MAC_LIMBS];
            for (int i = 0; i < MAC_WEIGHTS; i++) {
                w[i] = _mm512_load_si512(at + MAC_LANES * i);
            }
            for (uint32_t b = from; b < to; b++) {
                const __m512i n0 = _mm512_set1_epi64((long long)(nu[b] & MASK52));
                const __m512i n1 = _mm512_set1_epi64((long long)(nu[b] >> 52));
                sectors_load(m, &p, blocks[b] + done, bytes - done);
                for (int l = 0; l < MAC_LIMBS; l++) {
                    w[l] = _mm512_madd52lo_epu64(w[l], n0, m[l]);
                    w[l + 1] = _mm512_madd52hi_epu64(w[l + 1], n0, m[l]);
                    w[l + 1] = _mm512_madd52lo_epu64(w[l + 1], n1, m[l]);
                    w[l + 2] = _mm512_madd52hi_epu64(w[l + 2], n1, m[l]);
                }
            }
            for (int i = 0; i < MAC_WEIGHTS; i++) {
                _mm512_store_si512(at + MAC_LANES * i, w[i]);
            }
            at += MAC_LANES * MAC_WEIGHTS;
        }
    }
}
#else
bool mac_ifma_available(void)
{
    return false;
}

void mac_ifma_alpha(uint64_t *limbs, const u128 *alpha, uint32_t sectors)
{
    (void)limbs, (void)alpha, (void)sectors;
}

u128 mac_dot_ifma(const uint64_t *limbs, uint32_t sectors, const uint8_t *block)
{
    (void)limbs, (void)sectors, (void)block;
    return 0;
}

void mac_mu_ifma(uint64_t *acc, uint32_t sectors, const uint8_t *const *blocks, const uint64_t *nu,
                 uint32_t n_blocks)
{
    (void)acc, (void)sectors, (void)blocks, (void)nu, (void)n_blocks;
}
#endif

void mac_mu_ifma_fold(u128 *mu, uint64_t *acc, uint32_t sectors)
{
    for (uint32_t j = 0; j < sectors; j++) {
        uint64_t *at = acc + (size_t)(j / MAC_LANES) * MAC_LANES * MAC_WEIGHTS + j % MAC_LANES;
        u128 value[MAC_WEIGHTS];
        for (int w = 0; w < MAC_WEIGHTS; w++) {
            value[w] = at[MAC_LANES * w];
        }
        mu[j] = fp_add(mu[j], weights_join(value, MAC_WEIGHTS));
    }
    memset(acc, 0, 8 * mac_ifma_words(sectors, MAC_WEIGHTS));
}
