/* Handling of secret bytes: wiping that the compiler keeps, comparison in constant time. */
#ifndef ORRERY_CRYPTO_SECRET_H
#define ORRERY_CRYPTO_SECRET_H

#include <stdbool.h>
#include <stddef.h>

void secret_wipe(void *data, size_t len);
bool secret_equal(const void *a, const void *b, size_t len);

#endif
