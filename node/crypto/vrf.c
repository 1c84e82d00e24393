#include "node/crypto/vrf.h"

#include <sodium.h>

#include "node/base/invariant.h"
#include "node/crypto/hash.h"

enum {
    POINT_BYTES = crypto_core_ed25519_BYTES,
    SCALAR_BYTES = crypto_core_ed25519_SCALARBYTES,
    CHALLENGE_BYTES = 16,
    GAMMA_AT = 0,
    CHALLENGE_AT = 32,
    SCALAR_AT = 48,
    SUITE = 0x03, /* RFC 9381 5.5 */
};

_Static_assert(SCALAR_AT + SCALAR_BYTES == VRF_PROOF_BYTES, "the parts of a proof");

/* y < 2^255 - 19 in the low 255 bits: libsodium reduces, RFC 8032 decoding refuses. */
static bool y_canonical(const uint8_t point[POINT_BYTES])
{
    if ((point[31] & 0x7f) != 0x7f || point[0] < 0xed) {
        return true;
    }
    for (size_t i = 1; i < 31; i++) {
        if (point[i] != 0xff) {
            return true;
        }
    }
    return false;
}

/* point = 8 * point. Addition takes any point of the curve and fails off the curve; multiplication
 * would refuse a point that is not yet in the prime-order group. */
static bool cofactor_clear(uint8_t point[POINT_BYTES])
{
    for (int i = 0; i < 3; i++) {
        if (crypto_core_ed25519_add(point, point, point) != 0) {
            return false;
        }
    }
    return true;
}

/* RFC 9381 5.4.1.1: try-and-increment with the public key as salt. */
static enum err encode_to_curve(uint8_t point[POINT_BYTES],
                                const uint8_t public_key[VRF_PUBLIC_BYTES], struct span alpha)
{
    static const uint8_t identity[POINT_BYTES] = {1};
    static const uint8_t front[2] = {SUITE, 0x01};
    for (unsigned i = 0; i < 256; i++) {
        uint8_t back[2] = {(uint8_t)i, 0x00};
        uint8_t hash[HASH512_BYTES];
        const struct span parts[] = {span_of(front, 2), span_of(public_key, VRF_PUBLIC_BYTES),
                                     alpha, span_of(back, 2)};
        hash_sha512_parts(hash, parts, 4);
        memcpy(point, hash, POINT_BYTES);
        if (y_canonical(point) && cofactor_clear(point) &&
            memcmp(point, identity, POINT_BYTES) != 0) {
            return ERR_OK;
        }
    }
    return ERR_INVALID;
}

/* RFC 9381 5.4.3: the first 16 bytes of the hash of five points, as a scalar. */
static void challenge(uint8_t c[SCALAR_BYTES], const uint8_t *const points[5])
{
    static const uint8_t front[2] = {SUITE, 0x02};
    static const uint8_t back[1] = {0x00};
    uint8_t hash[HASH512_BYTES];
    struct span parts[7] = {span_of(front, 2)};
    for (size_t i = 0; i < 5; i++) {
        parts[i + 1] = span_of(points[i], POINT_BYTES);
    }
    parts[6] = span_of(back, 1);
    hash_sha512_parts(hash, parts, 7);
    memset(c, 0, SCALAR_BYTES);
    memcpy(c, hash, CHALLENGE_BYTES);
}

/* RFC 9381 5.2 steps 5 and 6; point = 8 * Gamma. */
static void point_beta(uint8_t beta[VRF_BETA_BYTES], const uint8_t point[POINT_BYTES])
{
    static const uint8_t front[2] = {SUITE, 0x03};
    static const uint8_t back[1] = {0x00};
    const struct span parts[] = {span_of(front, 2), span_of(point, POINT_BYTES), span_of(back, 1)};
    hash_sha512_parts(beta, parts, 3);
}

/* RFC 9381 5.2 steps 4 to 6. */
static enum err gamma_beta(uint8_t beta[VRF_BETA_BYTES], const uint8_t gamma[POINT_BYTES])
{
    uint8_t point[POINT_BYTES];
    memcpy(point, gamma, POINT_BYTES);
    if (!cofactor_clear(point)) {
        return ERR_INVALID;
    }
    point_beta(beta, point);
    return ERR_OK;
}

void vrf_keypair(struct vrf_secret *secret, const uint8_t seed[VRF_SEED_BYTES])
{
    uint8_t hash[HASH512_BYTES];
    const struct span part = span_of(seed, VRF_SEED_BYTES);
    hash_sha512_parts(hash, &part, 1);
    memcpy(secret->scalar, hash, 32);
    secret->scalar[0] &= 248;
    secret->scalar[31] &= 127;
    secret->scalar[31] |= 64;
    memcpy(secret->nonce_key, hash + 32, 32);
    sodium_memzero(hash, sizeof hash);
    invariant(crypto_scalarmult_ed25519_base_noclamp(secret->public_key, secret->scalar) == 0);
}

void vrf_secret_wipe(struct vrf_secret *secret)
{
    sodium_memzero(secret, sizeof *secret);
}

/* H = encode_to_curve(alpha), Gamma = x * H. H is of prime order and x not 0 modulo it, so that the
 * product exists. */
static enum err gamma_make(uint8_t gamma[POINT_BYTES], uint8_t point[POINT_BYTES],
                           const struct vrf_secret *secret, struct span alpha)
{
    TRY(encode_to_curve(point, secret->public_key, alpha));
    invariant(crypto_scalarmult_ed25519_noclamp(gamma, secret->scalar, point) == 0);
    return ERR_OK;
}

enum err vrf_beta(uint8_t beta[VRF_BETA_BYTES], const struct vrf_secret *secret, struct span alpha)
{
    static const uint8_t cofactor[SCALAR_BYTES] = {8};
    uint8_t scalar[SCALAR_BYTES];
    uint8_t h[POINT_BYTES];
    uint8_t point[POINT_BYTES];
    TRY(encode_to_curve(h, secret->public_key, alpha));
    /* 8 * Gamma = (8 * x) * H: one product in place of a product and three additions, each of which
     * would decode its points again. */
    crypto_core_ed25519_scalar_mul(scalar, cofactor, secret->scalar);
    invariant(crypto_scalarmult_ed25519_noclamp(point, scalar, h) == 0);
    sodium_memzero(scalar, sizeof scalar);
    point_beta(beta, point);
    return ERR_OK;
}

enum err vrf_prove(uint8_t proof[VRF_PROOF_BYTES], uint8_t beta[VRF_BETA_BYTES],
                   const struct vrf_secret *secret, struct span alpha)
{
    uint8_t h[POINT_BYTES];
    uint8_t gamma[POINT_BYTES];
    TRY(gamma_make(gamma, h, secret, alpha));

    /* RFC 9381 5.4.2.2: the nonce is a hash of secret and H, never random. */
    uint8_t wide[HASH512_BYTES];
    uint8_t nonce[SCALAR_BYTES];
    const struct span parts[] = {span_of(secret->nonce_key, 32), span_of(h, POINT_BYTES)};
    hash_sha512_parts(wide, parts, 2);
    crypto_core_ed25519_scalar_reduce(nonce, wide);

    uint8_t u[POINT_BYTES];
    uint8_t v[POINT_BYTES];
    invariant(crypto_scalarmult_ed25519_base_noclamp(u, nonce) == 0);
    invariant(crypto_scalarmult_ed25519_noclamp(v, nonce, h) == 0);
    uint8_t c[SCALAR_BYTES];
    challenge(c, (const uint8_t *const[]){secret->public_key, h, gamma, u, v});

    uint8_t s[SCALAR_BYTES];
    crypto_core_ed25519_scalar_mul(s, c, secret->scalar);
    crypto_core_ed25519_scalar_add(s, nonce, s);
    memcpy(proof + GAMMA_AT, gamma, POINT_BYTES);
    memcpy(proof + CHALLENGE_AT, c, CHALLENGE_BYTES);
    memcpy(proof + SCALAR_AT, s, SCALAR_BYTES);
    sodium_memzero(wide, sizeof wide);
    sodium_memzero(nonce, sizeof nonce);
    return gamma_beta(beta, gamma);
}

static bool scalar_canonical(const uint8_t s[SCALAR_BYTES])
{
    uint8_t wide[2 * SCALAR_BYTES] = {0};
    uint8_t reduced[SCALAR_BYTES];
    memcpy(wide, s, SCALAR_BYTES);
    crypto_core_ed25519_scalar_reduce(reduced, wide);
    return memcmp(reduced, s, SCALAR_BYTES) == 0;
}

/* out = s * A - c * B, where A is the base point when point_a is NULL. False when a product is the
 * identity or a scalar zero, which no honest proof reaches. */
static bool combine(uint8_t out[POINT_BYTES], const uint8_t s[SCALAR_BYTES], const uint8_t *point_a,
                    const uint8_t c[SCALAR_BYTES], const uint8_t point_b[POINT_BYTES])
{
    uint8_t left[POINT_BYTES];
    uint8_t right[POINT_BYTES];
    int status = point_a == NULL ? crypto_scalarmult_ed25519_base_noclamp(left, s)
                                 : crypto_scalarmult_ed25519_noclamp(left, s, point_a);
    return status == 0 && crypto_scalarmult_ed25519_noclamp(right, c, point_b) == 0 &&
           crypto_core_ed25519_sub(out, left, right) == 0;
}

enum err vrf_verify(uint8_t beta[VRF_BETA_BYTES], const uint8_t public_key[VRF_PUBLIC_BYTES],
                    const uint8_t proof[VRF_PROOF_BYTES], struct span alpha)
{
    const uint8_t *gamma = proof + GAMMA_AT;
    const uint8_t *s = proof + SCALAR_AT;
    if (!scalar_canonical(s)) {
        return ERR_NONCANONICAL;
    }
    if (crypto_core_ed25519_is_valid_point(public_key) != 1 ||
        crypto_core_ed25519_is_valid_point(gamma) != 1) {
        return ERR_INVALID;
    }
    uint8_t c[SCALAR_BYTES] = {0};
    memcpy(c, proof + CHALLENGE_AT, CHALLENGE_BYTES);
    uint8_t h[POINT_BYTES];
    TRY(encode_to_curve(h, public_key, alpha));
    uint8_t u[POINT_BYTES];
    uint8_t v[POINT_BYTES];
    if (!combine(u, s, NULL, c, public_key) || !combine(v, s, h, c, gamma)) {
        return ERR_SIGNATURE;
    }
    uint8_t want[SCALAR_BYTES];
    challenge(want, (const uint8_t *const[]){public_key, h, gamma, u, v});
    if (memcmp(want, c, CHALLENGE_BYTES) != 0) {
        return ERR_SIGNATURE;
    }
    return gamma_beta(beta, gamma);
}

enum err vrf_proof_beta(uint8_t beta[VRF_BETA_BYTES], const uint8_t proof[VRF_PROOF_BYTES])
{
    if (crypto_core_ed25519_is_valid_point(proof + GAMMA_AT) != 1) {
        return ERR_INVALID;
    }
    return gamma_beta(beta, proof + GAMMA_AT);
}

enum err vrf_public_check(const uint8_t public_key[VRF_PUBLIC_BYTES])
{
    return crypto_core_ed25519_is_valid_point(public_key) == 1 ? ERR_OK : ERR_INVALID;
}

void vrf_off_beta(uint8_t beta[VRF_BETA_BYTES], const uint8_t public_key[VRF_PUBLIC_BYTES],
                  struct span alpha)
{
    const struct span parts[] = {SPAN_TEXT("xpx/novrf/1"), span_of(public_key, VRF_PUBLIC_BYTES),
                                 alpha};
    hash512_parts(beta, parts, 3);
}
