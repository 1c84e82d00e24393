#include "node/proof/pdp_mac.h"

#include "node/base/fixed.h"
#include "node/crypto/hash.h"
#include "node/crypto/secret.h"

/* Sectors are 120 bits, taken as two halves of 60; products with 64-bit words stay below 2^124, so
 * sixteen of them add up without a carry. */
enum { HALF = 60, GROUP = 16, DRAWN = 64 };

#define MASK60 (((uint64_t)1 << HALF) - 1)
#define PRIME ((((u128)1) << 127) - 1)

/* x mod 2^127 - 1, in [0, 2^127 - 1], which is one value too many: fp_canonical. */
static inline u128 fp_fold(u128 x)
{
    return (x & PRIME) + (x >> 127);
}

static inline u128 fp_canonical(u128 x)
{
    x = fp_fold(fp_fold(x));
    u128 is_prime = (u128)0 - (u128)(x == PRIME);
    return x & ~is_prime;
}

static inline u128 fp_add(u128 a, u128 b)
{
    return fp_fold(a + b); /* both at most 2^127 */
}

/* x * 2^k for x <= PRIME: a rotation of 127 bits. */
static inline u128 fp_shift(u128 x, unsigned k)
{
    return ((x << k) & PRIME) | x >> (127 - k);
}

/* a * b for a, b <= PRIME. */
static u128 fp_multiply(u128 a, u128 b)
{
    uint64_t a0 = (uint64_t)a, a1 = (uint64_t)(a >> 64), b0 = (uint64_t)b, b1 = (uint64_t)(b >> 64);
    u128 low = u128_mul(a0, b0), mid = u128_mul(a0, b1), mid2 = u128_mul(a1, b0);
    u128 high = u128_mul(a1, b1); /* * 2^128 = * 2 */
    u128 sum = fp_fold(fp_fold(low));
    sum = fp_add(sum, fp_shift(fp_fold(fp_fold(mid)), 64));
    sum = fp_add(sum, fp_shift(fp_fold(fp_fold(mid2)), 64));
    return fp_add(sum, fp_shift(fp_fold(fp_fold(high)), 1));
}

static inline void sector_load(const uint8_t *p, uint64_t *low, uint64_t *high)
{
    *low = load64(p) & MASK60;
    *high = load64(p + 7) >> 4;
}

void pdp_mac_seed_for(uint8_t seed[32], const uint8_t master[32], const uint8_t verifier[32],
                      const uint8_t host[32])
{
    const struct span parts[] = {SPAN_TEXT("xpx/mac-pair/1"), span_of(verifier, 32),
                                 span_of(host, 32)};
    hash_keyed_parts(seed, 32, span_of(master, 32), parts, 3);
}

enum err pdp_mac_key_init(struct pdp_mac_key *k, u128 *alpha, uint32_t sectors,
                          const uint8_t seed[32])
{
    if (sectors < 1 || sectors > PDP_MAC_SECTORS_MAX) {
        return ERR_RANGE;
    }
    *k = (struct pdp_mac_key){.sectors = sectors, .alpha = alpha};
    const struct span prf = SPAN_TEXT("xpx/mac-prf/1");
    hash_keyed_parts(k->prf, 32, span_of(seed, 32), &prf, 1);
    for (uint32_t j = 0; j < sectors; j++) {
        uint8_t number[4], element[16];
        store32(number, j);
        const struct span parts[] = {SPAN_TEXT("xpx/mac-alpha/1"), span_of(number, 4)};
        hash_keyed_parts(element, 16, span_of(seed, 32), parts, 2);
        alpha[j] = fp_canonical(u128_load(element));
        secret_wipe(element, sizeof element);
    }
    return ERR_OK;
}

void pdp_mac_key_wipe(struct pdp_mac_key *k)
{
    secret_wipe(k->alpha, k->sectors * sizeof *k->alpha);
    secret_wipe(k->prf, sizeof k->prf);
}

static u128 prf(const uint8_t key[32], const uint8_t name[32], uint64_t i)
{
    uint8_t number[8], out[16];
    store64(number, i);
    const struct span parts[] = {span_of(name, 32), span_of(number, 8)};
    hash_keyed_parts(out, 16, span_of(key, 32), parts, 2);
    return fp_canonical(u128_load(out));
}

/* sum_j alpha_j m_j over one whole block. */
static u128 block_dot(const struct pdp_mac_key *k, const uint8_t *block)
{
    u128 total = 0;
    for (uint32_t from = 0; from < k->sectors; from += GROUP) {
        uint32_t to = k->sectors - from < GROUP ? k->sectors : from + GROUP;
        u128 s00 = 0, s01 = 0, s10 = 0, s11 = 0;
        for (uint32_t j = from; j < to; j++) {
            uint64_t m0, m1, a0 = (uint64_t)k->alpha[j], a1 = (uint64_t)(k->alpha[j] >> 64);
            sector_load(block + PDP_MAC_SECTOR_BYTES * j, &m0, &m1);
            s00 += u128_mul(a0, m0);
            s01 += u128_mul(a0, m1);
            s10 += u128_mul(a1, m0);
            s11 += u128_mul(a1, m1);
        }
        u128 sum = fp_add(fp_fold(fp_fold(s00)), fp_shift(fp_fold(fp_fold(s01)), HALF));
        sum = fp_add(sum, fp_shift(fp_fold(fp_fold(s10)), 64));
        sum = fp_add(sum, fp_shift(fp_fold(fp_fold(s11)), 64 + HALF));
        total = fp_add(total, sum);
    }
    return total;
}

/* Block i, padded with zeros in `padded` if the file ends inside it. */
static const uint8_t *block_at(struct pdp_file file, size_t block_bytes, uint64_t i,
                               uint8_t *padded)
{
    uint64_t left = file.len - i * block_bytes;
    const uint8_t *data = file.data + i * block_bytes;
    if (left >= block_bytes) {
        return data;
    }
    memcpy(padded, data, (size_t)left);
    memset(padded + left, 0, block_bytes - (size_t)left);
    return padded;
}

enum { BLOCK_BYTES_MAX = PDP_MAC_SECTORS_MAX * PDP_MAC_SECTOR_BYTES };

void pdp_mac_tag(const struct pdp_mac_key *k, uint8_t *tags, const uint8_t name[32],
                 struct pdp_file file, uint64_t first, uint64_t n)
{
    uint8_t padded[BLOCK_BYTES_MAX];
    size_t block_bytes = pdp_mac_block_bytes(k->sectors);
    for (uint64_t i = 0; i < n; i++) {
        u128 tag = block_dot(k, block_at(file, block_bytes, first + i, padded));
        u128_store(tags + 16 * i, fp_canonical(tag + prf(k->prf, name, first + i)));
    }
}

size_t pdp_mac_scratch_bytes(uint32_t sectors, uint32_t count)
{
    (void)count;
    return scratch_need(sectors, sizeof(u128)) + scratch_need(pdp_mac_block_bytes(sectors), 1);
}

/* The next blocks of a challenge with their coefficients of 64 bits, never zero. */
struct picks {
    uint64_t index[DRAWN], nu[DRAWN];
    uint32_t n;
};

static void picks_draw(struct picks *p, const struct pdp_draw *draw, uint32_t first, uint32_t count)
{
    uint8_t coefficients[16 * DRAWN];
    p->n = count - first < DRAWN ? count - first : DRAWN;
    pdp_draw_indices(draw, p->index, first, p->n);
    pdp_draw_coefficients(draw, coefficients, first, p->n);
    for (uint32_t i = 0; i < p->n; i++) {
        p->nu[i] = load64(coefficients + 16 * i) | 1;
    }
}

/* mu_j += nu_i m_ij for a group of blocks. */
static void mu_add(u128 *mu, uint32_t sectors, const uint8_t *const *blocks, const uint64_t *nu,
                   uint32_t n_blocks)
{
    for (uint32_t j = 0; j < sectors; j++) {
        u128 s0 = 0, s1 = 0;
        for (uint32_t i = 0; i < n_blocks; i++) {
            uint64_t m0, m1;
            sector_load(blocks[i] + PDP_MAC_SECTOR_BYTES * j, &m0, &m1);
            s0 += u128_mul(nu[i], m0);
            s1 += u128_mul(nu[i], m1);
        }
        u128 sum = fp_add(fp_fold(fp_fold(s0)), fp_shift(fp_fold(fp_fold(s1)), HALF));
        mu[j] = fp_add(mu[j], sum);
    }
}

enum err pdp_mac_prove(uint8_t *out, size_t cap, size_t *len, const struct pdp_mac_host *host,
                       struct pdp_file file, const struct pdp_challenge *c, struct scratch scratch)
{
    size_t block_bytes = pdp_mac_block_bytes(host->sectors);
    uint64_t n_blocks = pdp_blocks(file.len, block_bytes);
    uint32_t count = pdp_count(c, n_blocks);
    *len = count == 0 ? 0 : pdp_mac_proof_bytes(host->sectors);
    if (*len > cap) {
        return ERR_FULL;
    }
    if (count == 0) {
        return ERR_OK;
    }
    u128 *mu = scratch_take(&scratch, host->sectors, sizeof *mu), sigma = 0;
    uint8_t *padded = scratch_take(&scratch, block_bytes, 1);
    if (mu == NULL || padded == NULL) {
        return ERR_NO_MEMORY;
    }
    memset(mu, 0, host->sectors * sizeof *mu);
    struct pdp_draw draw;
    pdp_draw_init(&draw, c, n_blocks);
    struct picks p;
    for (uint32_t first = 0; first < count; first += p.n) {
        picks_draw(&p, &draw, first, count);
        for (uint32_t from = 0; from < p.n; from += GROUP) {
            const uint8_t *blocks[GROUP];
            uint32_t n = p.n - from < GROUP ? p.n - from : GROUP;
            for (uint32_t i = 0; i < n; i++) {
                uint64_t index = p.index[from + i];
                blocks[i] = block_at(file, block_bytes, index, padded);
                u128 tag = u128_load(host->tags + 16 * index);
                sigma = fp_add(sigma, fp_multiply(p.nu[from + i], tag));
            }
            mu_add(mu, host->sectors, blocks, p.nu + from, n);
        }
    }
    u128_store(out, fp_canonical(sigma));
    for (uint32_t j = 0; j < host->sectors; j++) {
        u128_store(out + 16 * (j + 1), fp_canonical(mu[j]));
    }
    return ERR_OK;
}

enum err pdp_mac_verify(const struct pdp_mac_verifier *v, const struct pdp_challenge *c,
                        const uint8_t *proof, size_t len)
{
    size_t block_bytes = pdp_mac_block_bytes(v->key.sectors);
    uint64_t n_blocks = pdp_blocks(v->len, block_bytes);
    uint32_t count = pdp_count(c, n_blocks);
    size_t want = count == 0 ? 0 : pdp_mac_proof_bytes(v->key.sectors);
    if (len != want) {
        return len < want ? ERR_TRUNCATED : ERR_TRAILING;
    }
    u128 sum = 0;
    struct pdp_draw draw;
    pdp_draw_init(&draw, c, n_blocks);
    struct picks p;
    for (uint32_t first = 0; first < count; first += p.n) {
        picks_draw(&p, &draw, first, count);
        for (uint32_t i = 0; i < p.n; i++) {
            sum = fp_add(sum, fp_multiply(p.nu[i], prf(v->key.prf, v->name, p.index[i])));
        }
    }
    for (size_t j = 0; j < want / 16; j++) {
        if (u128_load(proof + 16 * j) >= PRIME) {
            return ERR_NONCANONICAL;
        }
        if (j > 0) {
            sum = fp_add(sum, fp_multiply(v->key.alpha[j - 1], u128_load(proof + 16 * j)));
        }
    }
    uint8_t sigma[16];
    u128_store(sigma, fp_canonical(sum));
    return count == 0 || secret_equal(sigma, proof, 16) ? ERR_OK : ERR_SIGNATURE;
}
