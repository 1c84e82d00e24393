/* Secrets at rest: a key from a passphrase by Argon2id (RFC 9106), and sealing with
 * XChaCha20-Poly1305. */
#ifndef ORRERY_CRYPTO_SEAL_H
#define ORRERY_CRYPTO_SEAL_H

#include "node/base/bytes.h"
#include "node/base/err.h"

enum {
    SEAL_KEY_BYTES = 32,
    SEAL_SALT_BYTES = 16,
    SEAL_NONCE_BYTES = 24,
    SEAL_TAG_BYTES = 16,
};

/* What guessing one passphrase costs. */
struct seal_cost {
    uint32_t passes, memory_kib; /* 1..16; 8..1 Mi */
};

/* ERR_RANGE: cost out of bounds; ERR_NO_MEMORY. */
enum err seal_key(uint8_t key[SEAL_KEY_BYTES], struct span passphrase,
                  const uint8_t salt[SEAL_SALT_BYTES], struct seal_cost cost) MUST_CHECK;

/* out takes text_len + SEAL_TAG_BYTES. A nonce is used once with a key. */
void seal_close(uint8_t *out, const uint8_t *text, size_t text_len, struct span header,
                const uint8_t nonce[SEAL_NONCE_BYTES], const uint8_t key[SEAL_KEY_BYTES]);
/* out takes sealed_len - SEAL_TAG_BYTES. ERR_SIGNATURE: another key, or changed; ERR_TRUNCATED. */
enum err seal_open(uint8_t *out, const uint8_t *sealed, size_t sealed_len, struct span header,
                   const uint8_t nonce[SEAL_NONCE_BYTES],
                   const uint8_t key[SEAL_KEY_BYTES]) MUST_CHECK;

#endif
