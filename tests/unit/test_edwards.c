/* node/crypto/field.h against GMP, edwards.c against libsodium, and the VRF's prover, which uses
 * both, against the same recipe in libsodium's functions alone. */
#include <criterion/criterion.h>
#include <gmp.h>
#include <sodium.h>

#include "node/crypto/crypto.h"
#include "node/crypto/edwards.h"
#include "node/crypto/hash.h"
#include "node/crypto/vrf.h"

/* 32 bytes that depend on a number. */
static void draw(uint8_t bytes[32], const char *what, uint64_t number)
{
    const struct span parts[] = {span_of(what, strlen(what)), span_of(&number, sizeof(number))};
    hash256_parts(bytes, parts, 2);
}

/* --- field --- */

static void number_of(mpz_t n, struct fe a)
{
    mpz_import(n, FE_LIMBS, -1, sizeof(uint64_t), 0, 0, a.limb);
}

static void same(struct fe got, const mpz_t want, const mpz_t p, const char *what)
{
    uint8_t bytes[FE_BYTES], expected[FE_BYTES] = {0};
    mpz_t r;

    mpz_init(r);
    mpz_mod(r, want, p);
    mpz_export(expected, NULL, -1, 1, 0, 0, r);
    fe_encode(bytes, got);
    cr_assert_arr_eq(bytes, expected, FE_BYTES, "%s", what);
    cr_assert_eq(fe_negative(got), (uint64_t)mpz_tstbit(r, 0), "%s", what);
    mpz_clear(r);
}

static void hold(struct fe a, struct fe b, const mpz_t p)
{
    mpz_t x, y, z;

    mpz_inits(x, y, z, NULL);
    number_of(x, a);
    number_of(y, b);
    mpz_add(z, x, y);
    same(fe_add(a, b), z, p, "+");
    mpz_sub(z, x, y);
    same(fe_sub(a, b), z, p, "-");
    mpz_mul(z, x, y);
    same(fe_mul(a, b), z, p, "*");
    mpz_mul(z, x, x);
    same(fe_sq(a), z, p, "square");
    mpz_neg(z, x);
    same(fe_neg(a), z, p, "negative");
    same(fe_select(a, b, 0), x, p, "first");
    same(fe_select(a, b, 1), y, p, "second");
    mpz_sub(z, x, y);
    cr_assert_eq(fe_equal(a, b), mpz_divisible_p(z, p) != 0);
    mpz_clears(x, y, z, NULL);
}

/* Around 0, p, 2p, 2^255 and 2^256, where carries and borrows run through all limbs; and numbers of
 * any kind. */
Test(field, is_that_of_gmp)
{
    static const uint64_t low[] = {0,
                                   1,
                                   2,
                                   18,
                                   19,
                                   20,
                                   37,
                                   38,
                                   39,
                                   UINT64_MAX - 76,
                                   UINT64_MAX - 75,
                                   UINT64_MAX - 38,
                                   UINT64_MAX - 37,
                                   UINT64_MAX - 36,
                                   UINT64_MAX - 19,
                                   UINT64_MAX - 18,
                                   UINT64_MAX - 17,
                                   UINT64_MAX - 1,
                                   UINT64_MAX};
    static const uint64_t high[] = {
        0, 1, UINT64_MAX >> 1, UINT64_C(1) << 63, UINT64_MAX - 1, UINT64_MAX};
    enum { LOW = sizeof(low) / sizeof(low[0]), HIGH = sizeof(high) / sizeof(high[0]) };
    struct fe edge[2 * LOW * HIGH];
    size_t edges = 0;
    mpz_t p;

    mpz_init(p);
    mpz_ui_pow_ui(p, 2, 255);
    mpz_sub_ui(p, p, 19);
    for (size_t i = 0; i < LOW; i++) {
        for (size_t j = 0; j < HIGH; j++) {
            edge[edges++] = (struct fe){{low[i], 0, 0, high[j]}};
            edge[edges++] = (struct fe){{low[i], UINT64_MAX, UINT64_MAX, high[j]}};
        }
    }
    for (size_t i = 0; i < edges; i++) {
        for (size_t j = 0; j < edges; j++) {
            hold(edge[i], edge[j], p);
        }
    }
    for (uint64_t i = 0; i < 20000; i++) {
        struct fe a, b;
        draw((uint8_t *)a.limb, "a", i);
        draw((uint8_t *)b.limb, "b", i);
        hold(a, b, p);
        hold(a, edge[i % edges], p);
    }
    mpz_clear(p);
}

/* --- points --- */

/* Any 32 bytes: a point or none as for libsodium, and its doubles and names the same. True:
 * libsodium takes what we refuse, a second encoding of a point (y beyond p, or the sign of x = 0).
 */
static bool point_hold(const uint8_t bytes[32])
{
    uint8_t twice[32], got[32];
    struct edwards p;
    bool taken = crypto_core_ed25519_add(twice, bytes, bytes) == 0;

    if (!edwards_decode(&p, bytes)) {
        return taken;
    }
    cr_assert(taken);
    edwards_encode(got, &p);
    cr_assert_arr_eq(got, bytes, 32);
    edwards_double(&p, 1);
    edwards_encode(got, &p);
    cr_assert_arr_eq(got, twice, 32);
    cr_assert_eq(edwards_is_identity(&p), twice[0] == 1 && sodium_is_zero(twice + 1, 31));

    /* The name of the double: one that libsodium knows and doubles as we do. */
    uint8_t name[32], doubled[32];
    edwards_name(name, &p);
    cr_assert_eq(crypto_core_ristretto255_is_valid_point(name), 1);
    cr_assert_eq(crypto_core_ristretto255_add(doubled, name, name), 0);
    edwards_double(&p, 1);
    edwards_name(got, &p);
    cr_assert_arr_eq(got, doubled, 32);

    /* The point of the name differs from the double by a point of order 1, 2 or 4. */
    struct edwards q;
    cr_assert(edwards_named(&q, name));
    edwards_double(&q, 2);
    edwards_double(&p, 1);
    uint8_t other[32];
    edwards_encode(got, &p);
    edwards_encode(other, &q);
    cr_assert_arr_eq(got, other, 32);
    return false;
}

Test(edwards, is_that_of_libsodium)
{
    static const uint8_t order4[32] = {0}; /* y = 0 */
    uint8_t bytes[32];
    int odd = 0;

    cr_assert_eq(crypto_self_test(), ERR_OK);
    for (uint64_t i = 0; i < 3000; i++) {
        draw(bytes, "point", i);
        cr_assert_not(point_hold(bytes));
    }
    cr_assert_not(point_hold(order4));
    /* The least y, and those around p, of either sign. */
    for (int i = 0; i < 256; i++) {
        for (int top = 0; top < 4; top++) {
            memset(bytes, top & 1 ? 0xff : 0, sizeof(bytes));
            bytes[0] = (uint8_t)i;
            bytes[31] = (uint8_t)((top & 1 ? 0x7f : 0) | (top & 2 ? 0x80 : 0));
            odd += point_hold(bytes);
        }
    }
    cr_assert_gt(odd, 0);
}

/* Every name of libsodium's is read, and written the same; what it refuses is refused. */
Test(edwards, names_are_those_of_libsodium)
{
    int good = 0;

    cr_assert_eq(crypto_self_test(), ERR_OK);
    for (uint64_t i = 0; i < 3000; i++) {
        uint8_t name[32], again[32], wide[64];
        struct edwards p;
        draw(wide, "name", 2 * i);
        draw(wide + 32, "name", 2 * i + 1);
        crypto_core_ristretto255_from_hash(name, wide);
        cr_assert(edwards_named(&p, name));
        edwards_name(again, &p);
        cr_assert_arr_eq(again, name, 32);

        wide[31] &= 0x7f; /* libsodium 1.0.18 leaves bit 255 out */
        bool known = crypto_core_ristretto255_is_valid_point(wide) == 1;
        cr_assert_eq(edwards_named(&p, wide), known);
        good += known;
        wide[31] |= 0x80;
        cr_assert_not(edwards_named(&p, wide));
    }
    cr_assert(good > 100);
}

/* --- the prover --- */

static void hash_to_curve(uint8_t h[32], const uint8_t public_key[32], struct span alpha)
{
    static const uint8_t identity[32] = {1};

    for (uint8_t count = 0;; count++) {
        const uint8_t front[2] = {3, 1}, back[2] = {count, 0};
        const struct span parts[] = {span_of(front, 2), span_of(public_key, 32), alpha,
                                     span_of(back, 2)};
        uint8_t hash[64];
        hash_sha512_parts(hash, parts, 4);
        memcpy(h, hash, 32);
        bool beyond = (h[31] & 0x7f) == 0x7f && h[0] >= 0xed; /* of 2^255 numbers 19 */
        if (!beyond && crypto_core_ed25519_add(h, h, h) == 0 &&
            crypto_core_ed25519_add(h, h, h) == 0 && crypto_core_ed25519_add(h, h, h) == 0 &&
            memcmp(h, identity, 32) != 0) {
            return;
        }
    }
}

Test(vrf, the_prover_does_what_libsodium_would)
{
    cr_assert_eq(crypto_self_test(), ERR_OK);
    for (uint64_t i = 0; i < 600; i++) {
        uint8_t seed[32], alpha_bytes[32], h[32], gamma[32], point[32];
        uint8_t proof[80], beta[64], alone[64], want[64];
        struct vrf_secret secret;
        draw(seed, "seed", i);
        draw(alpha_bytes, "alpha", i);
        struct span alpha = span_of(alpha_bytes, i % 33);
        vrf_keypair(&secret, seed);
        cr_assert_eq(vrf_prove(proof, beta, &secret, alpha), ERR_OK);
        cr_assert_eq(vrf_beta(alone, &secret, alpha), ERR_OK);
        cr_assert_arr_eq(beta, alone, 64);

        hash_to_curve(h, secret.public_key, alpha);
        cr_assert_eq(crypto_scalarmult_ed25519_noclamp(gamma, secret.scalar, h), 0);
        cr_assert_arr_eq(proof, gamma, 32);
        memcpy(point, gamma, 32);
        for (int j = 0; j < 3; j++) {
            cr_assert_eq(crypto_core_ed25519_add(point, point, point), 0);
        }
        const uint8_t front[2] = {3, 3}, back[1] = {0};
        const struct span parts[] = {span_of(front, 2), span_of(point, 32), span_of(back, 1)};
        hash_sha512_parts(want, parts, 3);
        cr_assert_arr_eq(beta, want, 64);
        /* The rest of a proof is right if it verifies: that is libsodium's arithmetic alone. */
        cr_assert_eq(vrf_verify(alone, secret.public_key, proof, alpha), ERR_OK);
        cr_assert_arr_eq(alone, want, 64);
    }
}
