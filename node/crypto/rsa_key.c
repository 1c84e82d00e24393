/* Keys: decoding with every check, encoding, generation. Primes are tested by GMP's mpz layer,
 * the one place where it allocates. */
#include "node/base/invariant.h"
#include "node/crypto/hash.h"
#include "node/crypto/rsa.h"
#include "node/crypto/rsa_limbs.h"
#include "node/crypto/secret.h"

enum {
    SMALL_PRIME_LIMIT = 4096,
    PRIME_ROUNDS = 32, /* after GMP's Baillie-PSW: error below 4^-8 per composite */
};

static void mpz_from(mpz_t z, const uint64_t *a, unsigned n)
{
    mpz_import(z, n, -1, 8, 0, 0, a);
}

static void mpz_wipe(mpz_t z)
{
    size_t size = mpz_size(z);
    if (size > 0) {
        secret_wipe(mpz_limbs_modify(z, (mp_size_t)size), 8 * size);
    }
    mpz_clear(z);
}

static bool has_small_factor(const mpz_t z)
{
    for (unsigned long p = 2; p < SMALL_PRIME_LIMIT; p += p == 2 ? 1 : 2) {
        if (mpz_divisible_ui_p(z, p) != 0) {
            return true;
        }
    }
    return false;
}

static unsigned limbs_of_bits(unsigned bits)
{
    return bits == 2048 || bits == 3072 ? bits / 64 : 0;
}

static enum err public_check(const struct rsa_public *k)
{
    mpz_t n, g, d;
    mpz_inits(n, g, d, NULL);
    mpz_from(n, k->n, k->limbs);
    mpz_from(g, k->g, k->limbs);
    enum err err = ERR_OK;
    if (mpz_sizeinbase(n, 2) != 64ul * k->limbs || has_small_factor(n) ||
        mpz_probab_prime_p(n, 1) != 0 || mpz_perfect_square_p(n) != 0 || mpz_cmp_ui(g, 1) <= 0) {
        err = ERR_INVALID;
    } else {
        mpz_sub(d, n, g);
        if (mpz_cmp_ui(d, 1) <= 0 || mpz_jacobi(g, n) != 1) {
            err = ERR_INVALID; /* g >= N - 1, or no square, or shares a factor with N */
        }
    }
    mpz_clears(n, g, d, NULL);
    return err;
}

static enum err header_check(unsigned *n, const uint8_t *data, size_t len)
{
    if (len < 2) {
        return ERR_TRUNCATED;
    }
    *n = limbs_of_bits(load16(data));
    if (*n == 0) {
        return ERR_RANGE;
    }
    size_t want = 2 + 16u * *n;
    return len == want ? ERR_OK : len < want ? ERR_TRUNCATED : ERR_TRAILING;
}

enum err rsa_public_decode(struct rsa_public *k, const uint8_t *data, size_t len)
{
    unsigned n;
    TRY(header_check(&n, data, len));
    *k = (struct rsa_public){.limbs = n};
    memcpy(k->n, data + 2, 8 * n);
    memcpy(k->g, data + 2 + 8 * n, 8 * n);
    return public_check(k);
}

void rsa_public_encode(uint8_t *out, const struct rsa_public *k)
{
    store16(out, (uint16_t)(64 * k->limbs));
    memcpy(out + 2, k->n, rsa_bytes(k));
    memcpy(out + 2 + rsa_bytes(k), k->g, rsa_bytes(k));
}

/* (p - 1) / 2 and 1 / e modulo it. */
static void prime_derive(struct rsa_prime *p, unsigned n)
{
    mpn_rshift(limbs(p->order), climbs(p->p), (mp_size_t)n, 1);
    mpz_t order, d;
    mpz_inits(order, d, NULL);
    mpz_from(order, p->order, n);
    mpz_set_ui(d, RSA_E);
    int ok = mpz_invert(d, d, order);
    invariant(ok != 0); /* order is a prime above e */
    memset(p->d, 0, sizeof p->d);
    mpz_export(p->d, NULL, -1, 8, 0, 0, d);
    mpz_wipe(order);
    mpz_wipe(d);
}

static bool is_safe_prime(const mpz_t p)
{
    mpz_t half;
    mpz_init(half);
    mpz_fdiv_q_2exp(half, p, 1);
    bool safe = mpz_odd_p(p) != 0 && mpz_odd_p(half) != 0 && !has_small_factor(p) &&
                !has_small_factor(half) && mpz_probab_prime_p(half, PRIME_ROUNDS) != 0 &&
                mpz_probab_prime_p(p, PRIME_ROUNDS) != 0;
    mpz_wipe(half);
    return safe;
}

/* Fills what follows from p, q and g; the primes have been checked. */
static enum err secret_complete(struct rsa_secret *k, const mpz_t p, const mpz_t q)
{
    unsigned n = k->pub.limbs / 2;
    mpz_t product, g, inverse;
    mpz_inits(product, g, inverse, NULL);
    mpz_mul(product, p, q);
    mpz_from(g, k->pub.g, k->pub.limbs);
    enum err err = ERR_INVALID;
    if (mpz_sizeinbase(product, 2) == 64ul * k->pub.limbs && mpz_cmp(p, q) != 0 &&
        mpz_jacobi(g, p) == 1 && mpz_jacobi(g, q) == 1) {
        mpz_export(k->pub.n, NULL, -1, 8, 0, 0, product);
        mpz_export(k->prime[0].p, NULL, -1, 8, 0, 0, p);
        mpz_export(k->prime[1].p, NULL, -1, 8, 0, 0, q);
        prime_derive(&k->prime[0], n);
        prime_derive(&k->prime[1], n);
        int ok = mpz_invert(inverse, p, q);
        invariant(ok != 0);
        mpz_export(k->p_inverse, NULL, -1, 8, 0, 0, inverse);
        err = public_check(&k->pub);
    }
    mpz_clears(product, g, NULL);
    mpz_wipe(inverse);
    return err;
}

enum err rsa_secret_decode(struct rsa_secret *k, const uint8_t *data, size_t len)
{
    unsigned n;
    TRY(header_check(&n, data, len));
    *k = (struct rsa_secret){.pub.limbs = n};
    memcpy(k->pub.g, data + 2 + 8 * n, 8 * n);
    mpz_t p, q;
    mpz_inits(p, q, NULL);
    mpz_import(p, n / 2, -1, 8, 0, 0, data + 2);
    mpz_import(q, n / 2, -1, 8, 0, 0, data + 2 + 4 * n);
    enum err err = ERR_INVALID;
    if (mpz_sizeinbase(p, 2) == 32ul * n && mpz_sizeinbase(q, 2) == 32ul * n && is_safe_prime(p) &&
        is_safe_prime(q)) {
        err = secret_complete(k, p, q);
    }
    mpz_wipe(p);
    mpz_wipe(q);
    if (err != ERR_OK) {
        rsa_secret_wipe(k);
    }
    return err;
}

void rsa_secret_encode(uint8_t *out, const struct rsa_secret *k)
{
    size_t half = rsa_bytes(&k->pub) / 2;
    store16(out, (uint16_t)(64 * k->pub.limbs));
    memcpy(out + 2, k->prime[0].p, half);
    memcpy(out + 2 + half, k->prime[1].p, half);
    memcpy(out + 2 + 2 * half, k->pub.g, 2 * half);
}

void rsa_secret_wipe(struct rsa_secret *k)
{
    secret_wipe(k, sizeof *k);
}

/* Random bytes of key generation: BLAKE2b keyed with the seed, in counter mode. */
static void draw(uint8_t *out, size_t len, const uint8_t seed[32], uint64_t *counter)
{
    for (size_t at = 0; at < len; at += 64) {
        uint8_t block[64], number[8];
        store64(number, (*counter)++);
        const struct span part = span_of(number, 8);
        hash_keyed_parts(block, 64, span_of(seed, 32), &part, 1);
        memcpy(out + at, block, len - at < 64 ? len - at : 64);
        secret_wipe(block, sizeof block);
    }
}

/* p = 2 p' + 1 with both prime, the top two bits of p set so that N has its full length. */
static void safe_prime(mpz_t p, unsigned n, const uint8_t seed[32], uint64_t *counter)
{
    uint8_t bytes[8 * RSA_HALF_MAX];
    do {
        draw(bytes, 8 * n, seed, counter);
        bytes[8 * n - 1] |= 0xc0;
        bytes[0] |= 3; /* p' odd */
        mpz_import(p, n, -1, 8, 0, 0, bytes);
    } while (!is_safe_prime(p));
    secret_wipe(bytes, sizeof bytes);
}

enum err rsa_generate(struct rsa_secret *k, unsigned bits, const uint8_t seed[32])
{
    unsigned n = limbs_of_bits(bits);
    if (n == 0) {
        return ERR_RANGE;
    }
    *k = (struct rsa_secret){.pub.limbs = n};
    uint64_t counter = 0;
    mpz_t p, q, g, product;
    mpz_inits(p, q, g, product, NULL);
    safe_prime(p, n / 2, seed, &counter);
    do {
        safe_prime(q, n / 2, seed, &counter);
    } while (mpz_cmp(p, q) == 0);
    /* A random square generates the squares unless it is 1 mod p or q, which is as likely as
     * guessing a factor. */
    uint8_t bytes[RSA_BYTES_MAX];
    draw(bytes, 8 * n, seed, &counter);
    mpz_import(g, n, -1, 8, 0, 0, bytes);
    mpz_mul(product, p, q);
    mpz_mul(g, g, g);
    mpz_mod(g, g, product);
    mpz_export(k->pub.g, NULL, -1, 8, 0, 0, g);
    enum err err = secret_complete(k, p, q);
    mpz_clears(g, product, NULL);
    mpz_wipe(p);
    mpz_wipe(q);
    return err;
}
