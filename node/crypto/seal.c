#include "node/crypto/seal.h"

#include <sodium.h>

#include "node/base/invariant.h"

enum err seal_key(uint8_t key[SEAL_KEY_BYTES], struct span passphrase,
                  const uint8_t salt[SEAL_SALT_BYTES], struct seal_cost cost)
{
    if (cost.passes < 1 || cost.passes > 16 || cost.memory_kib < 8 ||
        cost.memory_kib > 1024 * 1024) {
        return ERR_RANGE;
    }
    return crypto_pwhash(key, SEAL_KEY_BYTES, (const char *)passphrase.data, passphrase.len, salt,
                         cost.passes, (size_t)cost.memory_kib * 1024,
                         crypto_pwhash_ALG_ARGON2ID13) == 0
               ? ERR_OK
               : ERR_NO_MEMORY;
}

void seal_close(uint8_t *out, const uint8_t *text, size_t text_len, struct span header,
                const uint8_t nonce[SEAL_NONCE_BYTES], const uint8_t key[SEAL_KEY_BYTES])
{
    unsigned long long len;
    int failed = crypto_aead_xchacha20poly1305_ietf_encrypt(out, &len, text, text_len, header.data,
                                                            header.len, NULL, nonce, key);
    invariant(failed == 0 && len == text_len + SEAL_TAG_BYTES);
}

enum err seal_open(uint8_t *out, const uint8_t *sealed, size_t sealed_len, struct span header,
                   const uint8_t nonce[SEAL_NONCE_BYTES], const uint8_t key[SEAL_KEY_BYTES])
{
    if (sealed_len < SEAL_TAG_BYTES) {
        return ERR_TRUNCATED;
    }
    return crypto_aead_xchacha20poly1305_ietf_decrypt(out, NULL, NULL, sealed, sealed_len,
                                                      header.data, header.len, nonce, key) == 0
               ? ERR_OK
               : ERR_SIGNATURE;
}
