#include "node/crypto/sign.h"

#include <sodium.h>

#include "node/base/invariant.h"

enum {
    SIGN_BUFFER_BYTES = SIGN_CONTEXT_BYTES_MAX + SIGN_GENESIS_BYTES + SIGN_BODY_BYTES_MAX,
};

_Static_assert(sizeof(struct sign_secret) == crypto_sign_SECRETKEYBYTES,
               "seed and public key lie as libsodium wants them");

/* libsodium signs contiguous bytes only (its multi-part functions are Ed25519ph, another scheme),
 * so the message is put together on the stack. A copy costs nothing next to the signature. */
static size_t message_join(uint8_t buffer[SIGN_BUFFER_BYTES], const struct sign_message *message)
{
    invariant(message->context.len <= SIGN_CONTEXT_BYTES_MAX);
    const struct span parts[] = {message->context, span_of(message->genesis, SIGN_GENESIS_BYTES),
                                 message->body[0], message->body[1]};
    size_t len = 0;
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
        if (parts[i].len > 0) {
            memcpy(buffer + len, parts[i].data, parts[i].len);
            len += parts[i].len;
        }
    }
    return len;
}

static bool message_fits(const struct sign_message *message)
{
    return message->body[0].len <= SIGN_BODY_BYTES_MAX &&
           message->body[1].len <= SIGN_BODY_BYTES_MAX - message->body[0].len;
}

void sign_keypair(struct sign_secret *secret, const uint8_t seed[SIGN_SEED_BYTES])
{
    uint8_t public_key[SIGN_PUBLIC_BYTES];
    uint8_t key[crypto_sign_SECRETKEYBYTES];
    invariant(crypto_sign_seed_keypair(public_key, key, seed) == 0);
    memcpy(secret, key, sizeof *secret);
    sodium_memzero(key, sizeof key);
}

void sign_secret_wipe(struct sign_secret *secret)
{
    sodium_memzero(secret, sizeof *secret);
}

void sign_make(uint8_t signature[SIGN_BYTES], const struct sign_secret *secret,
               const struct sign_message *message)
{
    invariant(message_fits(message));
    uint8_t buffer[SIGN_BUFFER_BYTES];
    size_t len = message_join(buffer, message);
    sign_plain_make(signature, secret, buffer, len);
}

enum err sign_verify(const uint8_t signature[SIGN_BYTES],
                     const uint8_t public_key[SIGN_PUBLIC_BYTES],
                     const struct sign_message *message)
{
    if (!message_fits(message)) {
        return ERR_RANGE;
    }
    uint8_t buffer[SIGN_BUFFER_BYTES];
    size_t len = message_join(buffer, message);
    return sign_plain_verify(signature, public_key, buffer, len);
}

void sign_plain_make(uint8_t signature[SIGN_BYTES], const struct sign_secret *secret,
                     const void *data, size_t len)
{
    uint8_t key[crypto_sign_SECRETKEYBYTES];
    memcpy(key, secret, sizeof key);
    invariant(crypto_sign_detached(signature, NULL, data, len, key) == 0);
    sodium_memzero(key, sizeof key);
}

enum err sign_plain_verify(const uint8_t signature[SIGN_BYTES],
                           const uint8_t public_key[SIGN_PUBLIC_BYTES], const void *data,
                           size_t len)
{
    return crypto_sign_verify_detached(signature, data, len, public_key) == 0 ? ERR_OK
                                                                              : ERR_SIGNATURE;
}
