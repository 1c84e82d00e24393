/* ECVRF-EDWARDS25519-SHA512-TAI (RFC 9381) on libsodium's public functions. For a key and an input
 * alpha there is one output beta that nobody but the key's owner can compute and that everybody can
 * check. spec: stream 4 (the recipe), chain 1.2 (its use), decisions 5, 17 and 18.
 *
 * Stricter than RFC 9381, and a rule of consensus: the public key and Gamma must be points of the
 * group of prime order, canonically encoded and not the identity.
 *
 * Alpha is public: the time that hashing it to the curve takes may depend on it. Nothing that
 * depends on the secret varies in time.
 *
 * Measured on Zen 5: beta alone 131 us, prove 208, verify 351, proof_beta 67, off 0.16. */
#ifndef ORRERY_CRYPTO_VRF_H
#define ORRERY_CRYPTO_VRF_H

#include "node/base/bytes.h"
#include "node/base/err.h"

enum {
    VRF_SEED_BYTES = 32,
    VRF_PUBLIC_BYTES = 32,
    VRF_PROOF_BYTES = 80, /* Gamma 32, c 16, s 32 */
    VRF_BETA_BYTES = 64,
};

/* A secret key with its public key; wipe it with vrf_secret_wipe. */
struct vrf_secret {
    uint8_t scalar[32]; /* x, clamped */
    uint8_t nonce_key[32];
    uint8_t public_key[VRF_PUBLIC_BYTES];
};

/* The key pair of seed: the same x and Y as Ed25519 makes (RFC 9381 5.5). */
void vrf_keypair(struct vrf_secret *secret, const uint8_t seed[VRF_SEED_BYTES]);
void vrf_secret_wipe(struct vrf_secret *secret);

/* beta alone, without the proof: what a producer needs to know its delay. ERR_INVALID when no
 * counter maps alpha to the curve, which has probability 2^-256. */
MUST_CHECK enum err vrf_beta(uint8_t beta[VRF_BETA_BYTES], const struct vrf_secret *secret,
                             struct span alpha);

/* Proof and beta. Errors as vrf_beta. */
MUST_CHECK enum err vrf_prove(uint8_t proof[VRF_PROOF_BYTES], uint8_t beta[VRF_BETA_BYTES],
                              const struct vrf_secret *secret, struct span alpha);

/* Checks proof for (public_key, alpha) and gives beta; beta is written on success only.
 * ERR_NONCANONICAL: s >= the group order. ERR_INVALID: the key or Gamma is no point of the group.
 * ERR_SIGNATURE: all well formed, but not a proof of this. */
MUST_CHECK enum err vrf_verify(uint8_t beta[VRF_BETA_BYTES],
                               const uint8_t public_key[VRF_PUBLIC_BYTES],
                               const uint8_t proof[VRF_PROOF_BYTES], struct span alpha);

/* beta of a proof that is already known to be valid (RFC 9381 5.2). ERR_INVALID: Gamma is none. */
MUST_CHECK enum err vrf_proof_beta(uint8_t beta[VRF_BETA_BYTES],
                                   const uint8_t proof[VRF_PROOF_BYTES]);

/* Whether public_key may be registered: ERR_OK or ERR_INVALID. */
MUST_CHECK enum err vrf_public_check(const uint8_t public_key[VRF_PUBLIC_BYTES]);

/* The output in mode vrf = off: BLAKE2b-512("xpx/novrf/1" || public_key || alpha). No secret, no
 * proof, no unpredictability: for large runs that do not study grinding. spec: decisions 17 */
void vrf_off_beta(uint8_t beta[VRF_BETA_BYTES], const uint8_t public_key[VRF_PUBLIC_BYTES],
                  struct span alpha);

#endif
