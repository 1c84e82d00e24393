#include "node/crypto/secret.h"

#include <sodium.h>

void secret_wipe(void *data, size_t len)
{
    sodium_memzero(data, len);
}

bool secret_equal(const void *a, const void *b, size_t len)
{
    return sodium_memcmp(a, b, len) == 0;
}
