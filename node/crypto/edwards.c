#include "node/crypto/edwards.h"

/* -x^2 + y^2 = 1 + D * x^2 * y^2 */
static const struct fe D = {
    {0x75eb4dca135978a3, 0x00700a4d4141d8ab, 0x8cc740797779e898, 0x52036cee2b6ffe73}};
/* A square root of -1. */
static const struct fe ROOT = {
    {0xc4ee1b274a0ea0b0, 0x2f431806ad2fe478, 0x2b4d00993dfbd7a7, 0x2b8324804fc1df0b}};
/* 1 / sqrt(-1 - D) */
static const struct fe ROTATION = {
    {0x99c8fdaa805d40ea, 0x9d2f16175a4172be, 0x16c27b91fe01d840, 0x786c8905cfaffca2}};
static const struct fe ONE = {{1, 0, 0, 0}};

static struct fe square_times(struct fe a, int times)
{
    for (int i = 0; i < times; i++) {
        a = fe_sq(a);
    }
    return a;
}

/* a^((p - 5) / 8) = a^(2^252 - 3); below, eN = a^(2^N - 1). */
static struct fe power(struct fe a)
{
    struct fe e2 = fe_mul(fe_sq(a), a);
    struct fe e4 = fe_mul(square_times(e2, 2), e2);
    struct fe e5 = fe_mul(fe_sq(e4), a);
    struct fe e10 = fe_mul(square_times(e5, 5), e5);
    struct fe e20 = fe_mul(square_times(e10, 10), e10);
    struct fe e40 = fe_mul(square_times(e20, 20), e20);
    struct fe e50 = fe_mul(square_times(e40, 10), e10);
    struct fe e100 = fe_mul(square_times(e50, 50), e50);
    struct fe e200 = fe_mul(square_times(e100, 100), e100);
    struct fe e250 = fe_mul(square_times(e200, 50), e50);
    return fe_mul(square_times(e250, 2), a);
}

/* a^(p - 2), and p - 2 = 8 * (p - 5) / 8 + 3; of 0 it is 0. */
static struct fe inverse(struct fe a)
{
    return fe_mul(square_times(power(a), 3), fe_mul(fe_sq(a), a));
}

/* RFC 9496 4.2: the root of u / v that is not negative, and 1; or, if there is none, of ROOT * u /
 * v and 0. Of 0 / v and u / 0 it is 0, and 1 and 0. */
static uint64_t root_of_ratio(struct fe *root, struct fe u, struct fe v)
{
    struct fe v3 = fe_mul(fe_sq(v), v);
    struct fe v7 = fe_mul(fe_sq(v3), v);
    struct fe r = fe_mul(fe_mul(u, v3), power(fe_mul(u, v7)));
    struct fe check = fe_mul(v, fe_sq(r));
    struct fe minus = fe_neg(u);
    uint64_t right = fe_equal(check, u);
    uint64_t flipped = fe_equal(check, minus);
    uint64_t flipped_root = fe_equal(check, fe_mul(minus, ROOT));

    r = fe_select(r, fe_mul(r, ROOT), flipped | flipped_root);
    *root = fe_abs(r);
    return right | flipped;
}

/* Whether these bytes, but for bit 255, are below p. */
static bool canonical(const uint8_t bytes[EDWARDS_BYTES])
{
    uint8_t again[FE_BYTES];

    fe_encode(again, fe_decode(bytes));
    again[31] |= bytes[31] & 0x80;
    return memcmp(again, bytes, FE_BYTES) == 0;
}

bool edwards_decode(struct edwards *p, const uint8_t bytes[EDWARDS_BYTES])
{
    uint64_t sign = bytes[31] >> 7;
    struct fe y = fe_decode(bytes);
    struct fe yy = fe_sq(y);
    struct fe x;

    if (!canonical(bytes) || root_of_ratio(&x, fe_sub(yy, ONE), fe_add(fe_mul(D, yy), ONE)) == 0 ||
        (sign != 0 && fe_equal(x, (struct fe){{0}}) != 0)) {
        return false;
    }
    x = fe_select(x, fe_neg(x), sign);
    *p = (struct edwards){.x = x, .y = y, .z = ONE, .t = fe_mul(x, y)};
    return true;
}

void edwards_encode(uint8_t bytes[EDWARDS_BYTES], const struct edwards *p)
{
    struct fe z = inverse(p->z);

    fe_encode(bytes, fe_mul(p->y, z));
    bytes[31] |= (uint8_t)(fe_negative(fe_mul(p->x, z)) << 7);
}

/* Hisil, Wong, Carter and Dawson 2008, 3.3, with a = -1. */
void edwards_double(struct edwards *p, unsigned times)
{
    for (unsigned i = 0; i < times; i++) {
        struct fe xx = fe_sq(p->x);
        struct fe yy = fe_sq(p->y);
        struct fe zz = fe_sq(p->z);
        struct fe sum = fe_add(xx, yy);
        struct fe e = fe_sub(fe_sq(fe_add(p->x, p->y)), sum);
        struct fe g = fe_sub(yy, xx);
        struct fe f = fe_sub(g, fe_add(zz, zz));
        struct fe h = fe_neg(sum);

        *p = (struct edwards){
            .x = fe_mul(e, f), .y = fe_mul(g, h), .z = fe_mul(f, g), .t = fe_mul(e, h)};
    }
}

bool edwards_is_identity(const struct edwards *p)
{
    return fe_equal(p->x, (struct fe){{0}}) != 0 && fe_equal(p->y, p->z) != 0;
}

void edwards_name(uint8_t name[EDWARDS_BYTES], const struct edwards *p)
{
    struct fe u1 = fe_mul(fe_add(p->z, p->y), fe_sub(p->z, p->y));
    struct fe u2 = fe_mul(p->x, p->y);
    struct fe root;

    (void)root_of_ratio(&root, ONE, fe_mul(u1, fe_sq(u2)));
    struct fe d1 = fe_mul(root, u1);
    struct fe d2 = fe_mul(root, u2);
    struct fe z_inverse = fe_mul(fe_mul(d1, d2), p->t);
    uint64_t rotate = fe_negative(fe_mul(p->t, z_inverse));
    struct fe x = fe_select(p->x, fe_mul(p->y, ROOT), rotate);
    struct fe y = fe_select(p->y, fe_mul(p->x, ROOT), rotate);
    struct fe d = fe_select(d2, fe_mul(d1, ROTATION), rotate);

    y = fe_select(y, fe_neg(y), fe_negative(fe_mul(x, z_inverse)));
    fe_encode(name, fe_abs(fe_mul(d, fe_sub(p->z, y))));
}

bool edwards_named(struct edwards *p, const uint8_t name[EDWARDS_BYTES])
{
    struct fe s = fe_decode(name);
    struct fe ss = fe_sq(s);
    struct fe u1 = fe_sub(ONE, ss);
    struct fe u2 = fe_add(ONE, ss);
    struct fe u2u2 = fe_sq(u2);
    struct fe v = fe_sub(fe_neg(fe_mul(D, fe_sq(u1))), u2u2);
    struct fe root;

    uint64_t square = root_of_ratio(&root, ONE, fe_mul(v, u2u2));
    struct fe dx = fe_mul(root, u2);
    struct fe dy = fe_mul(fe_mul(root, dx), v);
    struct fe x = fe_abs(fe_mul(fe_add(s, s), dx));
    struct fe y = fe_mul(u1, dy);
    struct fe t = fe_mul(x, y);

    *p = (struct edwards){.x = x, .y = y, .z = ONE, .t = t};
    return square != 0 && (name[31] & 0x80) == 0 && (name[0] & 1) == 0 && canonical(name) &&
           fe_negative(t) == 0 && fe_equal(y, (struct fe){{0}}) == 0;
}
