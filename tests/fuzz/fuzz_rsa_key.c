/* RSA keys. Even first byte: a public key, odd: a secret one. What decodes encodes to the same
 * bytes, and a decoded secret key tags so that the public one verifies. */
#include <stddef.h>
#include <stdint.h>

#include "node/base/invariant.h"
#include "node/crypto/rsa.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void secret(const uint8_t *data, size_t size)
{
    struct rsa_secret k;
    uint8_t wire[2 + 2 * RSA_BYTES_MAX], hash[RSA_BYTES_MAX], tag[RSA_BYTES_MAX];
    uint8_t back[RSA_BYTES_MAX];
    if (rsa_secret_decode(&k, data, size) != ERR_OK) {
        return;
    }
    rsa_secret_encode(wire, &k);
    invariant(size == 2 + 2 * rsa_bytes(&k.pub) && memcmp(wire, data, size) == 0);
    rsa_hash_to_square(hash, &k.pub, data + 2, 1);
    rsa_tag(tag, &k, NULL, hash, NULL, 0);
    rsa_power_e(back, &k.pub, tag);
    invariant(memcmp(back, hash, rsa_bytes(&k.pub)) == 0);
    rsa_secret_wipe(&k);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct rsa_public pub;
    uint8_t wire[2 + 2 * RSA_BYTES_MAX];
    if (size < 1) {
        return 0;
    }
    if (data[0] % 2 != 0) {
        secret(data + 1, size - 1);
    } else if (rsa_public_decode(&pub, data + 1, size - 1) == ERR_OK) {
        rsa_public_encode(wire, &pub);
        invariant(size - 1 == 2 + 2 * rsa_bytes(&pub) && memcmp(wire, data + 1, size - 1) == 0);
    }
    return 0;
}
