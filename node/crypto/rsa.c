#include "node/crypto/rsa.h"

#include "node/base/invariant.h"
#include "node/crypto/hash.h"
#include "node/crypto/rsa_limbs.h"
#include "node/crypto/secret.h"

enum {
    BUCKET_BITS = 6,
    YAO_DIGITS = 256,
    SEC_SCRATCH_LIMBS = 4096, /* of mpn_sec_powm at 3072 bits: checked */
};

static void load(uint64_t *r, const uint8_t *bytes, unsigned n)
{
    memcpy(r, bytes, 8u * n);
}

static void store(uint8_t *bytes, const uint64_t *a, unsigned n)
{
    memcpy(bytes, a, 8u * n);
}

static void set_one(uint64_t *r, unsigned n)
{
    memset(r, 0, 8u * n);
    r[0] = 1;
}

/* r = bytes mod m, the number being of any length. */
static void reduce_bytes(uint64_t *r, const uint8_t *bytes, size_t len, const uint64_t *m,
                         unsigned n)
{
    mp_limb_t value[2 * RSA_LIMBS_MAX] = {0}, quotient[RSA_LIMBS_MAX + 1];
    size_t step = 8u * n, at = len - len % step;
    size_t take = len - at;
    if (take == 0 && at > 0) {
        at -= step;
        take = step;
    }
    for (;;) {
        memset(value, 0, step);
        if (take > 0) {
            memcpy(value, bytes + at, take);
        }
        mpn_tdiv_qr(quotient, limbs(r), 0, value, (mp_size_t)(2 * n), climbs(m), (mp_size_t)n);
        if (at == 0) {
            break;
        }
        memcpy(value + n, r, step);
        at -= step;
        take = step;
    }
    secret_wipe(value, sizeof value);
}

void rsa_hash_to_square(uint8_t *out, const struct rsa_public *k, const uint8_t name[32],
                        uint64_t index)
{
    static const char domain[] = "xpx/rsa/1";
    uint8_t wide[RSA_BYTES_MAX + 64], tail[16];
    size_t len = rsa_bytes(k) + 16; /* 128 bits more than N: the bias is negligible */
    store64(tail, index);
    for (size_t at = 0; at < len; at += 64) {
        store64(tail + 8, at / 64);
        const struct span parts[] = {span_of(domain, sizeof domain - 1), span_of(name, 32),
                                     span_of(tail, 16)};
        hash512_parts(wide + at, parts, 3);
    }
    uint64_t h[RSA_LIMBS_MAX];
    reduce_bytes(h, wide, len, k->n, k->limbs);
    mod_multiply(h, h, h, k->n, k->limbs);
    store(out, h, k->limbs);
}

/* r = base^exponent mod m, constant time in the exponent. */
static void power_secret(uint64_t *r, const uint64_t *base, const uint64_t *exponent,
                         mp_bitcnt_t bits, const uint64_t *m, unsigned n)
{
    mp_limb_t scratch[SEC_SCRATCH_LIMBS];
    invariant(mpn_sec_powm_itch((mp_size_t)n, bits, (mp_size_t)n) <= SEC_SCRATCH_LIMBS);
    mpn_sec_powm(limbs(r), climbs(base), (mp_size_t)n, climbs(exponent), bits, climbs(m),
                 (mp_size_t)n, scratch);
    secret_wipe(scratch, sizeof scratch);
}

/* Comb of one prime: entry (i, d) is g^(d 16^i), d = 1 .. 15. */
enum { COMB_ROW = (1 << RSA_COMB_BITS) - 1 };

static size_t comb_limbs(unsigned n)
{
    return (size_t)64 / RSA_COMB_BITS * n * COMB_ROW * n;
}

size_t rsa_comb_bytes(const struct rsa_secret *k)
{
    return 2 * 8 * comb_limbs(k->pub.limbs / 2);
}

void rsa_comb_make(uint64_t *table, const struct rsa_secret *k)
{
    unsigned n = k->pub.limbs / 2;
    for (int side = 0; side < 2; side++) {
        const uint64_t *p = k->prime[side].p;
        uint64_t base[RSA_HALF_MAX];
        reduce_bytes(base, (const uint8_t *)k->pub.g, rsa_bytes(&k->pub), p, n);
        for (unsigned i = 0; i < 64 / RSA_COMB_BITS * n; i++) {
            memcpy(table, base, 8 * n);
            for (unsigned d = 2; d <= COMB_ROW; d++) {
                mod_multiply(table + (d - 1) * n, table + (d - 2) * n, base, p, n);
            }
            mod_multiply(base, table + (COMB_ROW - 1) * n, base, p, n);
            table += COMB_ROW * n;
        }
    }
}

/* g^exponent mod p from the comb. The exponent is the block, which is no secret of the key. */
static void comb_power(uint64_t *r, const uint64_t *table, const uint64_t *exponent,
                       const uint64_t *p, unsigned n)
{
    set_one(r, n);
    for (unsigned i = 0; i < 64 / RSA_COMB_BITS * n; i++) {
        unsigned bit = i * RSA_COMB_BITS;
        unsigned d = exponent[bit / 64] >> bit % 64 & COMB_ROW;
        if (d != 0) {
            mod_multiply(r, r, table + ((size_t)i * COMB_ROW + d - 1) * n, p, n);
        }
    }
}

/* out = x mod p and y mod q joined: x + p ((y - x) / p mod q). */
static void crt_join(uint64_t *out, const struct rsa_secret *k, const uint64_t *x,
                     const uint64_t *y)
{
    unsigned n = k->pub.limbs / 2;
    const uint64_t *p = k->prime[0].p, *q = k->prime[1].p;
    uint64_t diff[RSA_HALF_MAX], x_mod_q[RSA_HALF_MAX];
    reduce_bytes(x_mod_q, (const uint8_t *)x, 8 * n, q, n);
    if (mpn_sub_n(limbs(diff), climbs(y), climbs(x_mod_q), (mp_size_t)n) != 0) {
        mpn_add_n(limbs(diff), climbs(diff), climbs(q), (mp_size_t)n);
    }
    mod_multiply(diff, diff, k->p_inverse, q, n);
    mpn_mul_n(limbs(out), climbs(diff), climbs(p), (mp_size_t)n);
    mp_limb_t carry = mpn_add_n(limbs(out), climbs(out), climbs(x), (mp_size_t)n);
    mpn_add_1(limbs(out + n), climbs(out + n), (mp_size_t)n, carry);
}

void rsa_tag(uint8_t *out, const struct rsa_secret *k, const uint64_t *table, const uint8_t *hash,
             const uint8_t *block, size_t len)
{
    unsigned n = k->pub.limbs / 2;
    uint64_t half[2][RSA_HALF_MAX], m[RSA_HALF_MAX], h[RSA_HALF_MAX], t[RSA_LIMBS_MAX];
    for (int side = 0; side < 2; side++) {
        const struct rsa_prime *p = &k->prime[side];
        reduce_bytes(m, block, len, p->order, n);
        if (table != NULL) {
            comb_power(t, table + (side != 0 ? comb_limbs(n) : 0), m, p->p, n);
        } else {
            reduce_bytes(h, (const uint8_t *)k->pub.g, rsa_bytes(&k->pub), p->p, n);
            power_secret(t, h, m, 64ul * n, p->p, n);
        }
        reduce_bytes(h, hash, rsa_bytes(&k->pub), p->p, n);
        mod_multiply(t, t, h, p->p, n);
        power_secret(half[side], t, p->d, 64ul * n, p->p, n);
    }
    crt_join(t, k, half[0], half[1]);
    store(out, t, k->pub.limbs);
    secret_wipe(half, sizeof half);
    secret_wipe(m, sizeof m);
    secret_wipe(h, sizeof h);
    secret_wipe(t, sizeof t);
}

/* acc *= product of all buckets to the power of their number: by running products. Empty buckets
 * are marked in `used`. */
static void buckets_collect(uint64_t *acc, const uint64_t *buckets, const bool *used,
                            unsigned count, const struct rsa_public *k)
{
    uint64_t running[RSA_LIMBS_MAX];
    bool any = false;
    for (unsigned d = count; d-- > 1;) {
        const uint64_t *bucket = buckets + (size_t)d * k->limbs;
        if (used[d] && any) {
            mod_multiply(running, running, bucket, k->n, k->limbs);
        } else if (used[d]) {
            memcpy(running, bucket, rsa_bytes(k));
            any = true;
        }
        if (any) {
            mod_multiply(acc, acc, running, k->n, k->limbs);
        }
    }
}

static void bucket_add(uint64_t *buckets, bool *used, unsigned d, const uint64_t *value,
                       const struct rsa_public *k)
{
    uint64_t *bucket = buckets + (size_t)d * k->limbs;
    if (used[d]) {
        mod_multiply(bucket, bucket, value, k->n, k->limbs);
    } else {
        memcpy(bucket, value, rsa_bytes(k));
        used[d] = true;
    }
}

void rsa_multi_power(uint8_t *out, const struct rsa_public *k, const uint8_t *bases,
                     const uint8_t *exponents, size_t count, uint64_t *work)
{
    uint64_t acc[RSA_LIMBS_MAX], base[RSA_LIMBS_MAX];
    set_one(acc, k->limbs);
    for (int low = 126; low >= 0; low -= BUCKET_BITS) {
        bool used[1 << BUCKET_BITS] = {false};
        for (int b = 0; b < BUCKET_BITS && low != 126; b++) {
            mod_multiply(acc, acc, acc, k->n, k->limbs);
        }
        for (size_t i = 0; i < count; i++) {
            u128 e = (u128)load64(exponents + 16 * i + 8) << 64 | load64(exponents + 16 * i);
            unsigned d = (unsigned)(e >> low) & ((1 << BUCKET_BITS) - 1);
            if (d != 0) {
                load(base, bases + i * rsa_bytes(k), k->limbs);
                bucket_add(work, used, d, base, k);
            }
        }
        buckets_collect(acc, work, used, 1 << BUCKET_BITS, k);
    }
    store(out, acc, k->limbs);
}

size_t rsa_power_table_bytes(const struct rsa_public *k, size_t len)
{
    return len * rsa_bytes(k);
}

void rsa_power_table_make(uint64_t *table, const struct rsa_public *k, size_t len)
{
    memcpy(table, k->g, rsa_bytes(k));
    for (size_t i = 1; i < len; i++) {
        uint64_t *next = table + i * k->limbs;
        mod_multiply(next, next - k->limbs, next - k->limbs, k->n, k->limbs);
        for (int b = 1; b < 8; b++) {
            mod_multiply(next, next, next, k->n, k->limbs);
        }
    }
}

void rsa_power_g(uint8_t *out, const struct rsa_public *k, const uint8_t *exponent, size_t len,
                 const uint64_t *table, uint64_t *work)
{
    if (table == NULL) {
        uint8_t g[RSA_BYTES_MAX];
        store(g, k->g, k->limbs);
        rsa_power(out, k, g, exponent, len);
        return;
    }
    bool used[YAO_DIGITS] = {false};
    for (size_t i = 0; i < len; i++) {
        if (exponent[i] != 0) {
            bucket_add(work, used, exponent[i], table + i * k->limbs, k);
        }
    }
    uint64_t acc[RSA_LIMBS_MAX];
    set_one(acc, k->limbs);
    buckets_collect(acc, work, used, YAO_DIGITS, k);
    store(out, acc, k->limbs);
}

void rsa_power_secret(uint8_t *out, const struct rsa_public *k, const uint8_t *base,
                      const uint8_t exponent[32], uint64_t *work)
{
    uint64_t b[RSA_LIMBS_MAX], e[4], r[RSA_LIMBS_MAX];
    load(b, base, k->limbs);
    load(e, exponent, 4);
    invariant(mpn_sec_powm_itch((mp_size_t)k->limbs, 256, (mp_size_t)k->limbs) <= RSA_WORK_LIMBS);
    mpn_sec_powm(limbs(r), climbs(b), (mp_size_t)k->limbs, climbs(e), 256, climbs(k->n),
                 (mp_size_t)k->limbs, limbs(work));
    store(out, r, k->limbs);
    secret_wipe(e, sizeof e);
}

void rsa_power(uint8_t *out, const struct rsa_public *k, const uint8_t *base,
               const uint8_t *exponent, size_t len)
{
    enum { WINDOW = 16 };
    uint64_t table[WINDOW][RSA_LIMBS_MAX], acc[RSA_LIMBS_MAX];
    set_one(table[0], k->limbs);
    load(table[1], base, k->limbs);
    for (int i = 2; i < WINDOW; i++) {
        mod_multiply(table[i], table[i - 1], table[1], k->n, k->limbs);
    }
    set_one(acc, k->limbs);
    bool begun = false;
    for (size_t digit = 2 * len; digit-- > 0;) {
        for (int b = 0; b < 4 && begun; b++) {
            mod_multiply(acc, acc, acc, k->n, k->limbs);
        }
        unsigned d = exponent[digit / 2] >> (digit % 2 != 0 ? 4 : 0) & 15;
        if (d != 0) {
            mod_multiply(acc, acc, table[d], k->n, k->limbs);
            begun = true;
        }
    }
    store(out, acc, k->limbs);
}

void rsa_multiply(uint8_t *out, const struct rsa_public *k, const uint8_t *a, const uint8_t *b)
{
    uint64_t x[RSA_LIMBS_MAX], y[RSA_LIMBS_MAX];
    load(x, a, k->limbs);
    load(y, b, k->limbs);
    mod_multiply(x, x, y, k->n, k->limbs);
    store(out, x, k->limbs);
}

void rsa_power_e(uint8_t *out, const struct rsa_public *k, const uint8_t *a)
{
    uint64_t base[RSA_LIMBS_MAX], r[RSA_LIMBS_MAX];
    load(base, a, k->limbs);
    memcpy(r, base, rsa_bytes(k));
    for (int i = 0; i < 16; i++) { /* 65537 = 2^16 + 1 */
        mod_multiply(r, r, r, k->n, k->limbs);
    }
    mod_multiply(r, r, base, k->n, k->limbs);
    store(out, r, k->limbs);
}

bool rsa_in_range(const struct rsa_public *k, const uint8_t *a)
{
    uint64_t x[RSA_LIMBS_MAX];
    load(x, a, k->limbs);
    return mpn_zero_p(climbs(x), (mp_size_t)k->limbs) == 0 &&
           mpn_cmp(climbs(x), climbs(k->n), (mp_size_t)k->limbs) < 0;
}

bool rsa_invert(uint8_t *out, const struct rsa_public *k, const uint8_t *a)
{
    mp_limb_t scratch[8 * RSA_LIMBS_MAX];
    uint64_t x[RSA_LIMBS_MAX], r[RSA_LIMBS_MAX];
    invariant(mpn_sec_invert_itch((mp_size_t)k->limbs) <= 8 * RSA_LIMBS_MAX);
    load(x, a, k->limbs);
    if (!rsa_in_range(k, a) || !mpn_sec_invert(limbs(r), limbs(x), climbs(k->n),
                                               (mp_size_t)k->limbs, 2 * 64ul * k->limbs, scratch)) {
        return false;
    }
    store(out, r, k->limbs);
    return true;
}
