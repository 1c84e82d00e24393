/* Arithmetic of RSA-based proofs of possession (Ateniese et al. 2007): a modulus N = p q of safe
 * primes, a generator g of the squares, public exponent 65537. spec: storage-proofs 1.2.
 *
 * GMP's low-level functions (mpn_*) on limbs handed in or on the stack; exponentiation with secret
 * exponents by mpn_sec_powm (constant time). The one exception to "no malloc": making and checking
 * keys test primes by mpz_probab_prime_p, which allocates inside GMP; what was secret there is
 * wiped before it is freed.
 *
 * Numbers on the wire and in arrays of bytes are little-endian, n_bytes long, below N. */
#ifndef ORRERY_CRYPTO_RSA_H
#define ORRERY_CRYPTO_RSA_H

#include "node/base/bytes.h"
#include "node/base/err.h"

enum {
    RSA_E = 65537,
    RSA_LIMBS_MAX = 48, /* 3072 bits */
    RSA_BYTES_MAX = 8 * RSA_LIMBS_MAX,
    RSA_HALF_MAX = RSA_LIMBS_MAX / 2,
    RSA_EXPONENT_BYTES = 16, /* of rsa_multi_power */
    RSA_COMB_BITS = 4,
};

struct rsa_public {
    unsigned limbs; /* 32 or 48 */
    uint64_t n[RSA_LIMBS_MAX], g[RSA_LIMBS_MAX];
};

static inline size_t rsa_bytes(const struct rsa_public *k)
{
    return 8u * k->limbs;
}

/* One prime of the key: p, p' = (p - 1) / 2, and d = 1 / e mod p'. */
struct rsa_prime {
    uint64_t p[RSA_HALF_MAX], order[RSA_HALF_MAX], d[RSA_HALF_MAX];
};

/* The tagger's key; wipe it with rsa_secret_wipe. */
struct rsa_secret {
    struct rsa_public pub;
    struct rsa_prime prime[2];
    uint64_t p_inverse[RSA_HALF_MAX]; /* of p modulo q */
};

/* Public key: le16 bits | N | g. ERR_INVALID for an even, prime or small-factored N, one whose top
 * bit is not set, a g that is 0, 1, N - 1, has no inverse or is not a square by its Jacobi symbol;
 * ERR_RANGE for other sizes than 2048 and 3072 bits; ERR_TRUNCATED, ERR_TRAILING. */
MUST_CHECK enum err rsa_public_decode(struct rsa_public *k, const uint8_t *data, size_t len);
/* out: 2 + 2 * rsa_bytes. */
void rsa_public_encode(uint8_t *out, const struct rsa_public *k);

/* Secret key: le16 bits | p | q | g, checked in full: p and q are distinct safe primes of half the
 * bits, g is a square modulo both. */
MUST_CHECK enum err rsa_secret_decode(struct rsa_secret *k, const uint8_t *data, size_t len);
/* out: 2 + 2 * rsa_bytes. */
void rsa_secret_encode(uint8_t *out, const struct rsa_secret *k);
void rsa_secret_wipe(struct rsa_secret *k);

/* A new key from a seed: the same seed gives the same key. Finding safe primes takes seconds to a
 * minute. bits: 2048 or 3072 (ERR_RANGE). */
MUST_CHECK enum err rsa_generate(struct rsa_secret *k, unsigned bits, const uint8_t seed[32]);

/* Full-domain hash into the squares mod N: BLAKE2b in counter mode over (name | le64 index),
 * reduced, squared. */
void rsa_hash_to_square(uint8_t *out, const struct rsa_public *k, const uint8_t name[32],
                        uint64_t index);

/* Fixed-base tables for g modulo p and q, which save the tagger one of two exponentiations. */
size_t rsa_comb_bytes(const struct rsa_secret *k);
void rsa_comb_make(uint64_t *table, const struct rsa_secret *k);

/* (hash * g^block)^d mod N, block a little-endian integer of any length. table may be NULL. */
void rsa_tag(uint8_t *out, const struct rsa_secret *k, const uint64_t *table, const uint8_t *hash,
             const uint8_t *block, size_t len);

/* Products and powers mod N of public values. */
enum { RSA_WORK_LIMBS = 256 * RSA_LIMBS_MAX };

/* prod bases[i]^exponents[i], exponents 16 bytes each; work: RSA_WORK_LIMBS limbs. */
void rsa_multi_power(uint8_t *out, const struct rsa_public *k, const uint8_t *bases,
                     const uint8_t *exponents, size_t count, uint64_t *work);

/* g^exponent for a little-endian integer of len bytes. With a table (rsa_power_table_make for at
 * least len entries) by Yao's method, without by squaring. work as above. */
size_t rsa_power_table_bytes(const struct rsa_public *k, size_t len);
void rsa_power_table_make(uint64_t *table, const struct rsa_public *k, size_t len);
void rsa_power_g(uint8_t *out, const struct rsa_public *k, const uint8_t *exponent, size_t len,
                 const uint64_t *table, uint64_t *work);

/* base^exponent, exponent secret, 32 bytes: constant time. work as above. */
void rsa_power_secret(uint8_t *out, const struct rsa_public *k, const uint8_t *base,
                      const uint8_t exponent[32], uint64_t *work);

/* base^len-byte exponent for public exponents. */
void rsa_power(uint8_t *out, const struct rsa_public *k, const uint8_t *base,
               const uint8_t *exponent, size_t len);

void rsa_multiply(uint8_t *out, const struct rsa_public *k, const uint8_t *a, const uint8_t *b);
/* a^65537. */
void rsa_power_e(uint8_t *out, const struct rsa_public *k, const uint8_t *a);
/* 1 / a; false if a has none (or is 0). */
MUST_CHECK bool rsa_invert(uint8_t *out, const struct rsa_public *k, const uint8_t *a);
/* 0 < a < N. */
bool rsa_in_range(const struct rsa_public *k, const uint8_t *a);

#endif
