#include "node/proof/pdp_mac.h"

#include "node/base/fixed.h"
#include "node/crypto/hash.h"
#include "node/crypto/secret.h"
#include "node/proof/pdp_mac_kernel.h"

enum { GROUP = 16, DRAWN = 64, BLOCK_BYTES_MAX = PDP_MAC_SECTORS_MAX * PDP_MAC_SECTOR_BYTES };

_Static_assert((int)MAC_SECTOR_BYTES == (int)PDP_MAC_SECTOR_BYTES, "one sector");

/* In [0, 2^127 - 2], without a branch. */
static inline u128 fp_canonical(u128 x)
{
    x = fp_reduce(x);
    u128 is_prime = (u128)0 - (u128)(x == MAC_PRIME);
    return x & ~is_prime;
}

/* a * b for a, b <= 2^127 - 1. */
static u128 fp_multiply(u128 a, u128 b)
{
    uint64_t a0 = (uint64_t)a, a1 = (uint64_t)(a >> 64), b0 = (uint64_t)b, b1 = (uint64_t)(b >> 64);
    u128 low = u128_mul(a0, b0), mid = u128_mul(a0, b1), mid2 = u128_mul(a1, b0);
    u128 high = u128_mul(a1, b1); /* * 2^128 = * 2 */
    u128 sum = fp_reduce(low);
    sum = fp_add(sum, fp_shift(fp_reduce(mid), 64));
    sum = fp_add(sum, fp_shift(fp_reduce(mid2), 64));
    return fp_add(sum, fp_shift(fp_reduce(high), 1));
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

void pdp_mac_tag(const struct pdp_mac_key *k, uint8_t *tags, const uint8_t name[32],
                 struct pdp_file file, uint64_t first, uint64_t n)
{
    uint8_t padded[BLOCK_BYTES_MAX];
    uint64_t limbs[MAC_LIMBS * (PDP_MAC_SECTORS_MAX + MAC_LANES)] __attribute__((aligned(64)));
    size_t block_bytes = pdp_mac_block_bytes(k->sectors);
    bool wide = mac_ifma_available() && n > 1;
    if (wide) {
        mac_ifma_alpha(limbs, k->alpha, k->sectors);
    }
    for (uint64_t i = 0; i < n; i++) {
        const uint8_t *block = block_at(file, block_bytes, first + i, padded);
        u128 tag = wide ? mac_dot_ifma(limbs, k->sectors, block)
                        : mac_dot_portable(k->alpha, k->sectors, block);
        u128_store(tags + 16 * i, fp_canonical(tag + prf(k->prf, name, first + i)));
    }
    if (wide) {
        secret_wipe(limbs, 8 * mac_ifma_words(k->sectors, MAC_LIMBS));
    }
}

size_t pdp_mac_scratch_bytes(uint32_t sectors, uint32_t count)
{
    (void)count;
    return scratch_need(sectors, sizeof(u128)) + scratch_need(pdp_mac_block_bytes(sectors), 1) +
           scratch_need(mac_ifma_words(sectors, MAC_WEIGHTS), 8);
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

/* mu, with the accumulators of the wide kernel if it runs. */
struct mu {
    u128 *sum;
    uint64_t *acc; /* NULL: portable */
    uint32_t sectors, blocks;
};

static void mu_add(struct mu *mu, const uint8_t *const *blocks, const uint64_t *nu, uint32_t n)
{
    if (mu->acc == NULL) {
        for (uint32_t i = 0; i < n; i += GROUP) {
            mac_mu_portable(mu->sum, mu->sectors, blocks + i, nu + i,
                            n - i < GROUP ? n - i : GROUP);
        }
        return;
    }
    if (mu->blocks + n > MAC_BLOCKS_PER_FOLD) {
        mac_mu_ifma_fold(mu->sum, mu->acc, mu->sectors);
        mu->blocks = 0;
    }
    mac_mu_ifma(mu->acc, mu->sectors, blocks, nu, n);
    mu->blocks += n;
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
    struct mu mu = {.sectors = host->sectors};
    size_t acc_words = mac_ifma_words(host->sectors, MAC_WEIGHTS);
    mu.sum = scratch_take(&scratch, host->sectors, sizeof *mu.sum);
    mu.acc = scratch_take(&scratch, acc_words, 8);
    uint8_t *padded = scratch_take(&scratch, block_bytes, 1);
    if (mu.sum == NULL || mu.acc == NULL || padded == NULL) {
        return ERR_NO_MEMORY;
    }
    memset(mu.sum, 0, host->sectors * sizeof *mu.sum);
    memset(mu.acc, 0, 8 * acc_words);
    mu.acc = mac_ifma_available() ? mu.acc : NULL;
    u128 sigma = 0;
    struct pdp_draw draw;
    pdp_draw_init(&draw, c, n_blocks);
    struct picks p;
    for (uint32_t first = 0; first < count; first += p.n) {
        const uint8_t *blocks[DRAWN];
        picks_draw(&p, &draw, first, count);
        for (uint32_t i = 0; i < p.n; i++) {
            blocks[i] = block_at(file, block_bytes, p.index[i], padded);
            sigma = fp_add(sigma, fp_multiply(p.nu[i], u128_load(host->tags + 16 * p.index[i])));
        }
        mu_add(&mu, blocks, p.nu, p.n);
    }
    if (mu.acc != NULL) {
        mac_mu_ifma_fold(mu.sum, mu.acc, mu.sectors);
    }
    u128_store(out, fp_canonical(sigma));
    for (uint32_t j = 0; j < host->sectors; j++) {
        u128_store(out + 16 * (j + 1), fp_canonical(mu.sum[j]));
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
        if (u128_load(proof + 16 * j) >= MAC_PRIME) {
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
