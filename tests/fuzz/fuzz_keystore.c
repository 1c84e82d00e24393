/* Any bytes as a keystore: refused, or read, written and read again to the same entries. */
#include <stdlib.h>

#include "node/base/invariant.h"
#include "node/daemon/keystore.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct keystore keystore;
    static struct keystore again;
    static uint8_t bytes[KEYSTORE_BYTES_MAX];
    struct span passphrase = span_of("x", 1);
    size_t len;

    /* A sealed one costs what it says; with another cost nothing new is reached. */
    if (keystore_sealed(span_of(data, size)) && (load32(data + 9) != 1 || load32(data + 13) > 64)) {
        return 0;
    }
    if (keystore_decode(&keystore, span_of(data, size), passphrase) != ERR_OK) {
        return 0;
    }
    invariant(keystore_encode(bytes, &len, &keystore, span_of("", 0), keystore_cost) == ERR_OK);
    invariant(keystore_decode(&again, span_of(bytes, len), passphrase) == ERR_OK);
    invariant(again.count == keystore.count);
    for (size_t i = 0; i < again.count; i++) {
        invariant(again.entries[i].kind == keystore.entries[i].kind &&
                  memcmp(again.entries[i].seed, keystore.entries[i].seed, 32) == 0);
    }
    return 0;
}
