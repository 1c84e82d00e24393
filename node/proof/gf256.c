#include "node/proof/gf256.h"

struct gf256 gf256_load(const uint8_t bytes[32])
{
    struct gf256 a;
    for (int i = 0; i < 4; i++) {
        a.w[i] = load64(bytes + 8 * i);
    }
    return a;
}

void gf256_store(uint8_t bytes[32], struct gf256 a)
{
    for (int i = 0; i < 4; i++) {
        store64(bytes + 8 * i, a.w[i]);
    }
}

static struct gf256 add(struct gf256 a, struct gf256 b)
{
    for (int i = 0; i < 4; i++) {
        a.w[i] ^= b.w[i];
    }
    return a;
}

/* a * x^k for k = 1 .. 4; what leaves the top comes back by the reduction polynomial. */
static inline struct gf256 shift(struct gf256 a, unsigned k)
{
    uint64_t out = a.w[3] >> (64 - k);
    for (int i = 3; i > 0; i--) {
        a.w[i] = a.w[i] << k | a.w[i - 1] >> (64 - k);
    }
    a.w[0] = a.w[0] << k ^ out ^ out << 2 ^ out << 5 ^ out << 10;
    return a;
}

void gf256_table_make(struct gf256_table *t, struct gf256 a)
{
    t->multiple[0] = (struct gf256){{0}};
    t->multiple[1] = a;
    for (unsigned i = 2; i < 16; i++) {
        struct gf256 half = shift(t->multiple[i / 2], 1);
        t->multiple[i] = i % 2 != 0 ? add(half, a) : half;
    }
}

struct gf256 gf256_table_multiply(const struct gf256_table *t, struct gf256 b)
{
    struct gf256 product = {{0}};
    for (int word = 3; word >= 0; word--) {
        for (int at = 60; at >= 0; at -= 4) {
            product = add(shift(product, 4), t->multiple[b.w[word] >> at & 15]);
        }
    }
    return product;
}

struct gf256 gf256_multiply(struct gf256 a, struct gf256 b)
{
    struct gf256_table t;
    gf256_table_make(&t, a);
    return gf256_table_multiply(&t, b);
}

struct gf256 gf256_invert(struct gf256 a)
{
    /* a^(2^256 - 2) = a^2 * a^4 * ... * a^(2^255) */
    struct gf256 power = a, product = {{1, 0, 0, 0}};
    for (int i = 1; i < 256; i++) {
        power = gf256_multiply(power, power);
        product = gf256_multiply(product, power);
    }
    return product;
}
