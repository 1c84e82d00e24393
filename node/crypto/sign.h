/* Ed25519 signatures (RFC 8032), deterministic: same key and message, same 64 bytes.
 *
 * Every signature of the protocol covers "xpx/<kind>/1" || genesis hash || body, so that none can
 * be replayed as another kind or on another network (spec: decisions 7, docs/wire.md 2). The checks
 * of libsodium 1.0.18 are rules of consensus: S canonical, R and the key not of small order, key
 * canonical.
 *
 * Measured, 300-byte body, Zen 5: sign 15 us, verify 37 us. */
#ifndef ORRERY_CRYPTO_SIGN_H
#define ORRERY_CRYPTO_SIGN_H

#include "node/base/bytes.h"
#include "node/base/err.h"

enum {
    SIGN_SEED_BYTES = 32,
    SIGN_PUBLIC_BYTES = 32,
    SIGN_BYTES = 64,
    SIGN_CONTEXT_BYTES_MAX = 32,
    SIGN_GENESIS_BYTES = 32,
    SIGN_BODY_BYTES_MAX = 65536, /* no signed object is larger; a block signs its header */
};

/* SIGN_CONTEXT("tx") is the span "xpx/tx/1". */
#define SIGN_CONTEXT(kind) span_of("xpx/" kind "/1", sizeof("xpx/" kind "/1") - 1)

/* A secret key; wipe it with sign_secret_wipe. The public key is part of it. */
struct sign_secret {
    uint8_t seed[SIGN_SEED_BYTES];
    uint8_t public_key[SIGN_PUBLIC_BYTES];
};

/* What is signed: context || genesis || body[0] || body[1]. Borrowed memory; genesis points to 32
 * bytes. Most bodies are one span; a key that goes before an encoded object is the other. */
struct sign_message {
    struct span context; /* SIGN_CONTEXT(kind) */
    const uint8_t *genesis;
    struct span body[2]; /* together at most SIGN_BODY_BYTES_MAX */
};

/* The key pair that RFC 8032 derives from seed. */
void sign_keypair(struct sign_secret *secret, const uint8_t seed[SIGN_SEED_BYTES]);
void sign_secret_wipe(struct sign_secret *secret);

/* Signs message. Too long a body or context is our own bug (invariant). */
void sign_make(uint8_t signature[SIGN_BYTES], const struct sign_secret *secret,
               const struct sign_message *message);

/* ERR_OK; ERR_SIGNATURE; ERR_RANGE when the body is longer than SIGN_BODY_BYTES_MAX. */
MUST_CHECK enum err sign_verify(const uint8_t signature[SIGN_BYTES],
                                const uint8_t public_key[SIGN_PUBLIC_BYTES],
                                const struct sign_message *message);

/* Plain Ed25519 over data[0..len) without context: only for formats that others have fixed. */
void sign_plain_make(uint8_t signature[SIGN_BYTES], const struct sign_secret *secret,
                     const void *data, size_t len);
MUST_CHECK enum err sign_plain_verify(const uint8_t signature[SIGN_BYTES],
                                      const uint8_t public_key[SIGN_PUBLIC_BYTES], const void *data,
                                      size_t len);

#endif
