#include "node/crypto/sha256.h"

#include <sodium.h>
#include <string.h>

#include "node/base/invariant.h"
#include "node/crypto/sha256_kernels.h"

#if defined(__x86_64__)
#include <cpuid.h>
#endif

const uint32_t sha256_k[64] __attribute__((aligned(64))) = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
    0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
    0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
    0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
    0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2};

/* libsodium exports no compression function, but its state is a public structure: whole blocks fed
 * at a block boundary are compressed at once and nothing stays in the buffer. */
static void portable_blocks(uint32_t state[8], const uint8_t *data, size_t n_blocks)
{
    crypto_hash_sha256_state h;
    (void)crypto_hash_sha256_init(&h);
    memcpy(h.state, state, 32);
    (void)crypto_hash_sha256_update(&h, data, 64ull * n_blocks);
    memcpy(state, h.state, 32);
}

static void portable_blocks4(uint32_t states[4][8], const uint8_t *const data[4], size_t n_blocks)
{
    for (int i = 0; i < 4; i++) {
        portable_blocks(states[i], data[i], n_blocks);
    }
}

static void portable_blocks16(uint32_t states[16][8], const uint8_t *const data[16],
                              size_t n_blocks)
{
    for (int i = 0; i < 16; i++) {
        portable_blocks(states[i], data[i], n_blocks);
    }
}

enum { NEEDS_NOTHING, NEEDS_SHANI, NEEDS_SHANI_AVX512, ENGINES };

static const struct sha256_engine engines[ENGINES] = {
    {"portable", portable_blocks, portable_blocks4, portable_blocks16},
#if defined(__x86_64__)
    {"sha-ni", sha256_shani_blocks, sha256_shani_blocks4, sha256_shani_blocks16},
    {"sha-ni+avx512", sha256_shani_blocks, sha256_shani_blocks4, sha256_avx512_blocks16},
#endif
};

#if defined(__x86_64__)
static unsigned engines_here(void)
{
    unsigned a, b, c, d, c1;
    if (!__get_cpuid(1, &a, &b, &c1, &d) || !__get_cpuid_count(7, 0, &a, &b, &c, &d)) {
        return NEEDS_NOTHING + 1;
    }
    bool ssse3 = c1 >> 9 & 1, sse41 = c1 >> 19 & 1, osxsave = c1 >> 27 & 1;
    bool sha = b >> 29 & 1, avx512 = (b >> 16 & 1) && (b >> 30 & 1);
    if (!ssse3 || !sse41 || !sha) {
        return NEEDS_NOTHING + 1;
    }
    if (!avx512 || !osxsave) {
        return NEEDS_SHANI + 1;
    }
    uint32_t xcr0, high;
    __asm__("xgetbv" : "=a"(xcr0), "=d"(high) : "c"(0));
    bool os_saves_zmm = (xcr0 & 0xe6) == 0xe6;
    return (os_saves_zmm ? NEEDS_SHANI_AVX512 : NEEDS_SHANI) + 1u;
}
#else
static unsigned engines_here(void)
{
    return NEEDS_NOTHING + 1;
}
#endif

const struct sha256_engine *sha256_engine_at(unsigned index)
{
    return index < engines_here() ? &engines[index] : NULL;
}

const struct sha256_engine *sha256_engine_best(void)
{
    return &engines[engines_here() - 1];
}

void sha256_state_init(uint32_t state[8])
{
    static const uint32_t iv[8] = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
                                   0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};
    memcpy(state, iv, sizeof iv);
}

void sha256_state_store(uint8_t out[32], const uint32_t state[8])
{
    for (int i = 0; i < 8; i++) {
        uint32_t v = __builtin_bswap32(state[i]);
        memcpy(out + 4 * i, &v, 4);
    }
}

void sha256_init(struct sha256 *h)
{
    sha256_state_init(h->state);
    h->total = 0;
}

void sha256_update(struct sha256 *h, const struct sha256_engine *e, const void *data, size_t len)
{
    const uint8_t *in = data;
    size_t have = h->total % 64;
    h->total += len;
    if (have != 0) {
        size_t take = len < 64 - have ? len : 64 - have;
        memcpy(h->buf + have, in, take);
        in += take;
        len -= take;
        if (have + take < 64) {
            return;
        }
        e->blocks(h->state, h->buf, 1);
    }
    if (len >= 64) {
        e->blocks(h->state, in, len / 64);
        in += len / 64 * 64;
        len %= 64;
    }
    if (len != 0) {
        memcpy(h->buf, in, len);
    }
}

/* The padding of a message of `total` bytes whose last block begins at dst - total % 64; returns
 * the bytes written, up to 72. */
static size_t padding(uint8_t *dst, uint64_t total)
{
    size_t zeros = (119 - total % 64) % 64;
    uint64_t bits = __builtin_bswap64(total << 3);
    dst[0] = 0x80;
    memset(dst + 1, 0, zeros);
    memcpy(dst + 1 + zeros, &bits, 8);
    return 1 + zeros + 8;
}

void sha256_final(struct sha256 *h, const struct sha256_engine *e, uint8_t out[32])
{
    uint8_t pad[72];
    size_t len = padding(pad, h->total);
    sha256_update(h, e, pad, len);
    sha256_state_store(out, h->state);
}

void sha256_once(const struct sha256_engine *e, uint8_t out[32], const void *data, size_t len)
{
    struct sha256 h;
    sha256_init(&h);
    sha256_update(&h, e, data, len);
    sha256_final(&h, e, out);
}

enum {
    STAGE_BLOCKS = 8, /* rows up to 503 bytes are padded once and refilled */
    STAGE_BYTES = 64 * STAGE_BLOCKS,
};

static uint8_t *row_fill(uint8_t *dst, const struct sha256_rows *rows, uint64_t index)
{
    if (rows->prefix >= 0) {
        *dst++ = (uint8_t)rows->prefix;
    }
    for (size_t p = 0; p < rows->n_parts; p++) {
        memcpy(dst, rows->parts[p] + index * rows->part_bytes, rows->part_bytes);
        dst += rows->part_bytes;
    }
    return dst;
}

/* Hashes `lanes` (16, 4 or 1) rows whose padded form fits the stage. */
static void short_rows(const struct sha256_engine *e, uint8_t *out, const struct sha256_rows *rows,
                       uint64_t first, int lanes, uint8_t stage[][STAGE_BYTES], size_t n_blocks)
{
    uint32_t states[SHA256_WIDE][8];
    const uint8_t *data[SHA256_WIDE];
    for (int l = 0; l < lanes; l++) {
        (void)row_fill(stage[l], rows, first + (uint64_t)l);
        data[l] = stage[l];
        sha256_state_init(states[l]);
    }
    if (lanes == 16) {
        e->blocks16(states, data, n_blocks);
    } else if (lanes == 4) {
        e->blocks4(states, data, n_blocks);
    } else {
        e->blocks(states[0], data[0], n_blocks);
    }
    for (int l = 0; l < lanes; l++) {
        sha256_state_store(out + 32 * l, states[l]);
    }
}

/* A cursor over one long row: copies the next bytes of the padded message. */
struct row_reader {
    const struct sha256_rows *rows;
    uint64_t index;
    size_t part, offset; /* in the parts; part == n_parts: padding */
    size_t pad_at, pad_len;
    uint8_t pad[72];
    bool prefix_pending;
};

static void row_reader_init(struct row_reader *r, const struct sha256_rows *rows, uint64_t index)
{
    *r = (struct row_reader){.rows = rows, .index = index, .prefix_pending = rows->prefix >= 0};
    r->pad_len = padding(r->pad, rows->n_parts * rows->part_bytes + (rows->prefix >= 0 ? 1u : 0u));
}

static void row_reader_next(struct row_reader *r, uint8_t *dst, size_t len)
{
    const struct sha256_rows *rows = r->rows;
    if (r->prefix_pending && len > 0) {
        *dst++ = (uint8_t)rows->prefix;
        len--;
        r->prefix_pending = false;
    }
    while (len > 0 && r->part < rows->n_parts) {
        size_t left = rows->part_bytes - r->offset;
        size_t take = left < len ? left : len;
        memcpy(dst, rows->parts[r->part] + r->index * rows->part_bytes + r->offset, take);
        dst += take;
        len -= take;
        r->offset += take;
        if (r->offset == rows->part_bytes) {
            r->part++;
            r->offset = 0;
        }
    }
    if (len > 0) {
        invariant(r->pad_at + len <= r->pad_len);
        memcpy(dst, r->pad + r->pad_at, len);
        r->pad_at += len;
    }
}

static void long_rows(const struct sha256_engine *e, uint8_t *out, const struct sha256_rows *rows,
                      uint64_t first, int lanes, uint8_t stage[][STAGE_BYTES], uint64_t n_blocks)
{
    uint32_t states[SHA256_WIDE][8];
    const uint8_t *data[SHA256_WIDE];
    struct row_reader readers[SHA256_WIDE];
    for (int l = 0; l < lanes; l++) {
        row_reader_init(&readers[l], rows, first + (uint64_t)l);
        data[l] = stage[l];
        sha256_state_init(states[l]);
    }
    while (n_blocks > 0) {
        size_t now = n_blocks < STAGE_BLOCKS ? (size_t)n_blocks : STAGE_BLOCKS;
        for (int l = 0; l < lanes; l++) {
            row_reader_next(&readers[l], stage[l], 64 * now);
        }
        if (lanes == 16) {
            e->blocks16(states, data, now);
        } else if (lanes == 4) {
            e->blocks4(states, data, now);
        } else {
            e->blocks(states[0], data[0], now);
        }
        n_blocks -= now;
    }
    for (int l = 0; l < lanes; l++) {
        sha256_state_store(out + 32 * l, states[l]);
    }
}

void sha256_rows_hash(const struct sha256_engine *e, uint8_t *out, const struct sha256_rows *rows,
                      uint64_t first, size_t n)
{
    uint8_t stage[SHA256_WIDE][STAGE_BYTES];
    size_t len = rows->n_parts * rows->part_bytes + (rows->prefix >= 0 ? 1u : 0u);
    uint64_t n_blocks = sha256_compressions(len);
    bool is_short = n_blocks <= STAGE_BLOCKS;
    if (is_short) {
        size_t used = n < SHA256_WIDE ? n : SHA256_WIDE;
        for (size_t l = 0; l < used; l++) {
            (void)padding(stage[l] + len, len);
        }
    }
    for (size_t i = 0; i < n;) {
        int lanes = n - i >= 16 ? 16 : n - i >= 4 ? 4 : 1;
        if (is_short) {
            short_rows(e, out + 32 * i, rows, first + i, lanes, stage, (size_t)n_blocks);
        } else {
            long_rows(e, out + 32 * i, rows, first + i, lanes, stage, n_blocks);
        }
        i += (size_t)lanes;
    }
}
