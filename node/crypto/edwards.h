/* Points of edwards25519 beside what libsodium offers for them: decoding and doubling of points
 * that need not be of prime order, which its functions decode, check and encode each time, and the
 * names of points in ristretto255 (RFC 9496), whose multiplication it does in constant time and, as
 * every name is good, without the check of the order that costs it as much as the product.
 *
 * How the two meet: a name stands for P + T, with T any of the four points of order 1, 2 or 4. It
 * exists for doubled points P = 2h. If q is libsodium's product of n and the name of 2h, then
 * 4 * decode(q) = 4 * (n * 2h + T) = n * 8h, whatever h and T are: the product with the cofactor
 * cleared.
 *
 * No scalar comes here. No time depends on a coordinate, only on whether a decoding fails. */
#ifndef ORRERY_CRYPTO_EDWARDS_H
#define ORRERY_CRYPTO_EDWARDS_H

#include "node/crypto/field.h"

enum { EDWARDS_BYTES = 32 };

/* x = X/Z, y = Y/Z, x * y = T/Z. */
struct edwards {
    struct fe x, y, z, t;
};

/* RFC 8032 5.1.3; false: no point, or not the one encoding of it. */
bool edwards_decode(struct edwards *p, const uint8_t bytes[EDWARDS_BYTES]);
void edwards_encode(uint8_t bytes[EDWARDS_BYTES], const struct edwards *p);

/* p = 2^times * p. */
void edwards_double(struct edwards *p, unsigned times);
bool edwards_is_identity(const struct edwards *p);

/* RFC 9496 4.3.2 and 4.3.1. To be named a point must be the double of another. */
void edwards_name(uint8_t name[EDWARDS_BYTES], const struct edwards *p);
bool edwards_named(struct edwards *p, const uint8_t name[EDWARDS_BYTES]);

#endif
