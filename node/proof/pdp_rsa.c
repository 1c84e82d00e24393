#include "node/proof/pdp_rsa.h"

#include "node/base/invariant.h"
#include "node/crypto/hash.h"
#include "node/crypto/secret.h"

static size_t block_len(struct pdp_file file, size_t block_bytes, uint64_t index)
{
    uint64_t left = file.len - index * block_bytes;
    return left < block_bytes ? (size_t)left : block_bytes;
}

void pdp_rsa_tag(const struct rsa_secret *k, const uint64_t *table, uint8_t *tags,
                 const uint8_t name[32], struct pdp_file file, size_t block_bytes, uint64_t first,
                 uint64_t n)
{
    size_t bytes = rsa_bytes(&k->pub);
    uint8_t hash[RSA_BYTES_MAX];
    for (uint64_t i = first; i < first + n; i++) {
        rsa_hash_to_square(hash, &k->pub, name, i);
        rsa_tag(tags + (i - first) * bytes, k, table, hash, file.data + i * block_bytes,
                block_len(file, block_bytes, i));
    }
}

static size_t sum_bytes(size_t block_bytes)
{
    return block_bytes + PDP_RSA_CARRY_BYTES;
}

size_t pdp_rsa_scratch_bytes(const struct rsa_public *k, size_t block_bytes, uint32_t count)
{
    return scratch_need(count, rsa_bytes(k)) + scratch_need(count, RSA_EXPONENT_BYTES) +
           scratch_need(sum_bytes(block_bytes) + 8, 1) + scratch_need(RSA_WORK_LIMBS, 8);
}

size_t pdp_rsa_proof_bytes(const struct rsa_public *k, size_t block_bytes)
{
    return rsa_bytes(k) + sum_bytes(block_bytes);
}

size_t pdp_rsa_hidden_bytes(const struct rsa_public *k)
{
    return rsa_bytes(k) + 32;
}

/* sum += a * m, where sum has room. */
static void sum_add(uint8_t *sum, const uint8_t a[16], const uint8_t *m, size_t len)
{
    for (int half = 0; half < 2; half++) {
        uint64_t factor = load64(a + 8 * half), carry = 0;
        uint8_t *to = sum + 8 * half;
        size_t at = 0;
        for (; at < len; at += 8) {
            uint8_t last[8] = {0};
            memcpy(last, m + at, len - at < 8 ? len - at : 8);
            u128 t = (u128)load64(last) * factor + load64(to + at) + carry;
            store64(to + at, (uint64_t)t);
            carry = (uint64_t)(t >> 64);
        }
        for (; carry != 0; at += 8) {
            u128 t = (u128)load64(to + at) + carry;
            store64(to + at, (uint64_t)t);
            carry = (uint64_t)(t >> 64);
        }
    }
}

static bool block_ok(size_t block_bytes)
{
    return block_bytes >= 8 && block_bytes % 8 == 0 && block_bytes <= PDP_RSA_BLOCK_MAX;
}

/* T into out, M into *sum. */
static enum err aggregate(uint8_t *out, uint8_t **sum, uint64_t **work,
                          const struct pdp_rsa_host *host, struct pdp_file file,
                          const struct pdp_challenge *c, uint32_t count, struct scratch *scratch)
{
    if (!block_ok(host->block_bytes)) {
        return ERR_RANGE;
    }
    size_t bytes = rsa_bytes(&host->key);
    uint8_t *bases = scratch_take(scratch, count, bytes);
    uint8_t *exponents = scratch_take(scratch, count, RSA_EXPONENT_BYTES);
    *sum = scratch_take(scratch, sum_bytes(host->block_bytes) + 8, 1);
    *work = scratch_take(scratch, RSA_WORK_LIMBS, 8);
    if (bases == NULL || exponents == NULL || *sum == NULL || *work == NULL) {
        return ERR_NO_MEMORY;
    }
    memset(*sum, 0, sum_bytes(host->block_bytes) + 8);
    struct pdp_draw draw;
    pdp_draw_init(&draw, c, pdp_blocks(file.len, host->block_bytes));
    pdp_draw_coefficients(&draw, exponents, 0, count);
    for (uint32_t j = 0; j < count; j++) {
        uint64_t index;
        pdp_draw_indices(&draw, &index, j, 1);
        const uint8_t *a = exponents + RSA_EXPONENT_BYTES * j;
        memcpy(bases + j * bytes, host->tags + index * bytes, bytes);
        sum_add(*sum, a, file.data + index * host->block_bytes,
                block_len(file, host->block_bytes, index));
    }
    rsa_multi_power(out, &host->key, bases, exponents, count, *work);
    return ERR_OK;
}

enum err pdp_rsa_prove(uint8_t *out, size_t cap, size_t *len, const struct pdp_rsa_host *host,
                       struct pdp_file file, const struct pdp_challenge *c, struct scratch scratch)
{
    uint32_t count = pdp_count(c, pdp_blocks(file.len, host->block_bytes));
    *len = count == 0 ? 0 : pdp_rsa_proof_bytes(&host->key, host->block_bytes);
    if (*len > cap) {
        return ERR_FULL;
    }
    if (count == 0) {
        return ERR_OK;
    }
    uint8_t *sum;
    uint64_t *work;
    TRY(aggregate(out, &sum, &work, host, file, c, count, &scratch));
    memcpy(out + rsa_bytes(&host->key), sum, sum_bytes(host->block_bytes));
    return ERR_OK;
}

enum err pdp_rsa_prove_hidden(uint8_t *out, size_t cap, size_t *len,
                              const struct pdp_rsa_host *host, struct pdp_file file,
                              const struct pdp_challenge *c, const uint8_t *g_s,
                              struct scratch scratch)
{
    uint32_t count = pdp_count(c, pdp_blocks(file.len, host->block_bytes));
    *len = count == 0 ? 0 : pdp_rsa_hidden_bytes(&host->key);
    if (*len > cap) {
        return ERR_FULL;
    }
    if (count == 0) {
        return ERR_OK;
    }
    if (!rsa_in_range(&host->key, g_s)) {
        return ERR_RANGE;
    }
    uint8_t *sum, power[RSA_BYTES_MAX];
    uint64_t *work;
    TRY(aggregate(out, &sum, &work, host, file, c, count, &scratch));
    rsa_power(power, &host->key, g_s, sum, sum_bytes(host->block_bytes));
    hash256(out + rsa_bytes(&host->key), power, rsa_bytes(&host->key));
    return ERR_OK;
}

/* prod h(i)^{a_i}; and T must be a number below N. */
static enum err expected(uint8_t *out, uint64_t **work, const struct pdp_rsa_verifier *v,
                         const struct pdp_challenge *c, uint32_t count, const uint8_t *tag,
                         struct scratch *scratch)
{
    if (!block_ok(v->block_bytes)) {
        return ERR_RANGE;
    }
    if (!rsa_in_range(&v->key, tag)) {
        return ERR_NONCANONICAL;
    }
    size_t bytes = rsa_bytes(&v->key);
    uint8_t *bases = scratch_take(scratch, count, bytes);
    uint8_t *exponents = scratch_take(scratch, count, RSA_EXPONENT_BYTES);
    *work = scratch_take(scratch, RSA_WORK_LIMBS, 8);
    if (bases == NULL || exponents == NULL || *work == NULL) {
        return ERR_NO_MEMORY;
    }
    struct pdp_draw draw;
    pdp_draw_init(&draw, c, pdp_blocks(v->len, v->block_bytes));
    pdp_draw_coefficients(&draw, exponents, 0, count);
    for (uint32_t j = 0; j < count; j++) {
        uint64_t index;
        pdp_draw_indices(&draw, &index, j, 1);
        rsa_hash_to_square(bases + j * bytes, &v->key, v->name, index);
    }
    rsa_multi_power(out, &v->key, bases, exponents, count, *work);
    return ERR_OK;
}

static enum err length_check(size_t len, size_t want)
{
    return len == want ? ERR_OK : len < want ? ERR_TRUNCATED : ERR_TRAILING;
}

enum err pdp_rsa_verify(const struct pdp_rsa_verifier *v, const struct pdp_challenge *c,
                        const uint8_t *proof, size_t len, struct scratch scratch)
{
    uint32_t count = pdp_count(c, pdp_blocks(v->len, v->block_bytes));
    size_t bytes = rsa_bytes(&v->key);
    TRY(length_check(len, count == 0 ? 0 : pdp_rsa_proof_bytes(&v->key, v->block_bytes)));
    if (count == 0) {
        return ERR_OK;
    }
    uint8_t left[RSA_BYTES_MAX], right[RSA_BYTES_MAX], power[RSA_BYTES_MAX];
    uint64_t *work;
    TRY(expected(left, &work, v, c, count, proof, &scratch));
    rsa_power_g(power, &v->key, proof + bytes, sum_bytes(v->block_bytes), v->table, work);
    rsa_multiply(left, &v->key, left, power);
    rsa_power_e(right, &v->key, proof);
    return memcmp(left, right, bytes) == 0 ? ERR_OK : ERR_SIGNATURE;
}

void pdp_rsa_hide(uint8_t *g_s, const struct rsa_public *k, const uint8_t s[32],
                  struct scratch scratch)
{
    uint64_t *work = scratch_take(&scratch, RSA_WORK_LIMBS, 8);
    invariant(work != NULL);
    rsa_power_secret(g_s, k, (const uint8_t *)k->g, s, work);
}

enum err pdp_rsa_verify_hidden(const struct pdp_rsa_verifier *v, const struct pdp_challenge *c,
                               const uint8_t s[32], const uint8_t *proof, size_t len,
                               struct scratch scratch)
{
    uint32_t count = pdp_count(c, pdp_blocks(v->len, v->block_bytes));
    size_t bytes = rsa_bytes(&v->key);
    TRY(length_check(len, count == 0 ? 0 : pdp_rsa_hidden_bytes(&v->key)));
    if (count == 0) {
        return ERR_OK;
    }
    uint8_t product[RSA_BYTES_MAX], tau[RSA_BYTES_MAX], rho[32];
    uint64_t *work;
    TRY(expected(product, &work, v, c, count, proof, &scratch));
    if (!rsa_invert(product, &v->key, product)) {
        return ERR_SIGNATURE;
    }
    rsa_power_e(tau, &v->key, proof);
    rsa_multiply(tau, &v->key, tau, product);
    rsa_power_secret(tau, &v->key, tau, s, work);
    hash256(rho, tau, bytes);
    return secret_equal(rho, proof + bytes, 32) ? ERR_OK : ERR_SIGNATURE;
}

static void commitment_of(const struct sha256_engine *e, uint8_t out[32], const uint8_t s[32])
{
    static const char domain[] = "xpx/rsa-s/1";
    struct sha256 h;
    sha256_init(&h);
    sha256_update(&h, e, domain, sizeof domain - 1);
    sha256_update(&h, e, s, 32);
    sha256_final(&h, e, out);
    secret_wipe(&h, sizeof h);
}

void pdp_rsa_round_post(const struct sha256_engine *e, struct pdp_rsa_round *r,
                        const struct rsa_public *k, const struct pdp_challenge *c,
                        const uint8_t s[32], struct scratch scratch)
{
    *r = (struct pdp_rsa_round){.phase = PDP_RSA_POSTED, .challenge = *c};
    commitment_of(e, r->commitment, s);
    pdp_rsa_hide(r->g_s, k, s, scratch);
}

enum err pdp_rsa_round_answer(const struct sha256_engine *e, struct pdp_rsa_round *r,
                              const uint8_t *proof, size_t len)
{
    if (r->phase != PDP_RSA_POSTED) {
        return r->phase == PDP_RSA_ANSWERED ? ERR_DUPLICATE : ERR_STALE;
    }
    sha256_once(e, r->answer, proof, len);
    r->phase = PDP_RSA_ANSWERED;
    return ERR_OK;
}

enum err pdp_rsa_round_reveal(const struct sha256_engine *e, struct pdp_rsa_round *r,
                              const struct pdp_rsa_verifier *v, const uint8_t s[32],
                              const uint8_t *proof, size_t len, struct scratch scratch)
{
    if (r->phase != PDP_RSA_ANSWERED) {
        return r->phase == PDP_RSA_POSTED ? ERR_EARLY : ERR_STALE;
    }
    uint8_t digest[32], g_s[RSA_BYTES_MAX];
    commitment_of(e, digest, s);
    if (memcmp(digest, r->commitment, 32) != 0) {
        return ERR_INVALID;
    }
    r->phase = PDP_RSA_REVEALED;
    pdp_rsa_hide(g_s, &v->key, s, scratch);
    sha256_once(e, digest, proof, len);
    if (memcmp(g_s, r->g_s, rsa_bytes(&v->key)) != 0 || memcmp(digest, r->answer, 32) != 0) {
        return ERR_INVALID;
    }
    return pdp_rsa_verify_hidden(v, &r->challenge, s, proof, len, scratch);
}
