/* GF(2^256) = GF(2)[x] / (x^256 + x^10 + x^5 + x^2 + 1): the field of the replica update, where
 * Filecoin uses its curve's scalar field. Element: 32 bytes, bit i of byte j is the coefficient of
 * x^(8j + i). Not constant time: nothing here is secret. */
#ifndef ORRERY_PROOF_GF256_H
#define ORRERY_PROOF_GF256_H

#include "node/base/bytes.h"

struct gf256 {
    uint64_t w[4];
};

/* Multiples of one element by all polynomials of degree < 4: multiplication by a fixed element. */
struct gf256_table {
    struct gf256 multiple[16];
};

struct gf256 gf256_load(const uint8_t bytes[32]);
void gf256_store(uint8_t bytes[32], struct gf256 a);
void gf256_table_make(struct gf256_table *t, struct gf256 a);
struct gf256 gf256_table_multiply(const struct gf256_table *t, struct gf256 b);
struct gf256 gf256_multiply(struct gf256 a, struct gf256 b);
/* 1 / a; 0 for 0. */
struct gf256 gf256_invert(struct gf256 a);

#endif
