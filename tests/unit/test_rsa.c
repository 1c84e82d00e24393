/* Oracle: GMP's own mpz functions. Primes: tests/support/safe_primes.h. */
#include <criterion/criterion.h>
#include <gmp.h>
#include <stdlib.h>

#include "node/crypto/rsa.h"
#include "tests/support/replica.h"
#include "tests/support/safe_primes.h"

static uint64_t work[RSA_WORK_LIMBS];

static size_t key_wire(uint8_t *out, unsigned bits, const char *p_hex, const char *q_hex,
                       unsigned long g)
{
    mpz_t z;
    mpz_init(z);
    memset(out, 0, 2 + bits / 4);
    out[0] = (uint8_t)bits;
    out[1] = (uint8_t)(bits >> 8);
    mpz_set_str(z, p_hex, 16);
    mpz_export(out + 2, NULL, -1, 1, 0, 0, z);
    mpz_set_str(z, q_hex, 16);
    mpz_export(out + 2 + bits / 16, NULL, -1, 1, 0, 0, z);
    mpz_set_ui(z, g);
    mpz_export(out + 2 + bits / 8, NULL, -1, 1, 0, 0, z);
    mpz_clear(z);
    return 2 + bits / 4;
}

static void key_load(struct rsa_secret *k, unsigned bits)
{
    uint8_t wire[2 + 2 * RSA_BYTES_MAX];
    size_t len = bits == 2048 ? key_wire(wire, 2048, p1024, q1024, 4)
                              : key_wire(wire, 3072, p1536, q1536, 4);
    cr_assert_eq(rsa_secret_decode(k, wire, len), ERR_OK);
    uint8_t again[2 + 2 * RSA_BYTES_MAX];
    rsa_secret_encode(again, k);
    cr_assert_arr_eq(again, wire, len);
}

static void from_bytes(mpz_t z, const uint8_t *bytes, size_t len)
{
    mpz_import(z, len, -1, 1, 0, 0, bytes);
}

static void expect(const mpz_t want, const uint8_t *got, const struct rsa_public *k,
                   const char *what)
{
    mpz_t z;
    mpz_init(z);
    from_bytes(z, got, rsa_bytes(k));
    cr_assert_eq(mpz_cmp(z, want), 0, "%s", what);
    mpz_clear(z);
}

Test(rsa, tags_and_powers_equal_gmp)
{
    for (unsigned bits = 2048; bits <= 3072; bits += 1024) {
        struct rsa_secret k;
        key_load(&k, bits);
        mpz_t n, g, h, m, t, d, order, q_order;
        mpz_inits(n, g, h, m, t, d, order, q_order, NULL);
        from_bytes(n, (const uint8_t *)k.pub.n, rsa_bytes(&k.pub));
        from_bytes(g, (const uint8_t *)k.pub.g, rsa_bytes(&k.pub));
        from_bytes(order, (const uint8_t *)k.prime[0].order, rsa_bytes(&k.pub) / 2);
        from_bytes(q_order, (const uint8_t *)k.prime[1].order, rsa_bytes(&k.pub) / 2);
        mpz_mul(order, order, q_order);
        mpz_set_ui(d, RSA_E);
        cr_assert_neq(mpz_invert(d, d, order), 0);
        uint8_t name[32] = {1}, hash[RSA_BYTES_MAX], tag[RSA_BYTES_MAX], block[4097];
        uint64_t *comb = malloc(rsa_comb_bytes(&k)), *table;
        rsa_comb_make(comb, &k);
        test_fill(block, sizeof block, bits);
        static const size_t lens[] = {0, 1, 8, 100, 128, 129, 4096, 4097};
        for (size_t i = 0; i < 8; i++) {
            rsa_hash_to_square(hash, &k.pub, name, i);
            from_bytes(h, hash, rsa_bytes(&k.pub));
            from_bytes(m, block, lens[i]);
            mpz_powm(t, g, m, n);
            expect(t, (rsa_power_g(tag, &k.pub, block, lens[i], NULL, work), tag), &k.pub, "g^m");
            mpz_mul(t, t, h);
            mpz_powm(t, t, d, n);
            rsa_tag(tag, &k, NULL, hash, block, lens[i]);
            expect(t, tag, &k.pub, "tag");
            rsa_tag(tag, &k, comb, hash, block, lens[i]);
            expect(t, tag, &k.pub, "tag by tables");
        }
        table = malloc(rsa_power_table_bytes(&k.pub, 200));
        rsa_power_table_make(table, &k.pub, 200);
        from_bytes(m, block, 200);
        mpz_powm(t, g, m, n);
        rsa_power_g(tag, &k.pub, block, 200, table, work);
        expect(t, tag, &k.pub, "g^m by tables");
        from_bytes(m, block, 32);
        mpz_powm(t, h, m, n);
        rsa_power_secret(tag, &k.pub, hash, block, work);
        expect(t, tag, &k.pub, "h^s");
        mpz_powm_ui(t, h, RSA_E, n);
        rsa_power_e(tag, &k.pub, hash);
        expect(t, tag, &k.pub, "h^e");
        mpz_invert(t, h, n);
        cr_assert(rsa_invert(tag, &k.pub, hash));
        expect(t, tag, &k.pub, "1/h");
        free(comb);
        free(table);
        rsa_secret_wipe(&k);
        for (size_t i = 0; i < sizeof k; i++) {
            cr_assert_eq(((const uint8_t *)&k)[i], 0);
        }
        mpz_clears(n, g, h, m, t, d, order, q_order, NULL);
    }
}

Test(rsa, multi_power_equals_gmp)
{
    enum { COUNT = 50 };
    struct rsa_secret k;
    key_load(&k, 2048);
    static uint8_t bases[COUNT * 256], exponents[COUNT * 16], out[256];
    uint8_t name[32] = {2};
    mpz_t n, product, base, e;
    mpz_inits(n, product, base, e, NULL);
    from_bytes(n, (const uint8_t *)k.pub.n, 256);
    test_fill(exponents, sizeof exponents, 4);
    memset(exponents + 16 * 3, 0, 16);
    memset(exponents + 16 * 4, 0xff, 16);
    for (size_t count = 0; count <= COUNT; count += 10) {
        mpz_set_ui(product, 1);
        for (size_t i = 0; i < count; i++) {
            rsa_hash_to_square(bases + 256 * i, &k.pub, name, i);
            from_bytes(base, bases + 256 * i, 256);
            from_bytes(e, exponents + 16 * i, 16);
            mpz_powm(base, base, e, n);
            mpz_mul(product, product, base);
            mpz_mod(product, product, n);
        }
        rsa_multi_power(out, &k.pub, bases, exponents, count, work);
        expect(product, out, &k.pub, "multi power");
    }
    mpz_clears(n, product, base, e, NULL);
}

Test(rsa, malformed_public_keys)
{
    struct rsa_secret k;
    struct rsa_public pub;
    key_load(&k, 2048);
    uint8_t good[514], bad[515];
    rsa_public_encode(good, &k.pub);
    cr_assert_eq(rsa_public_decode(&pub, good, 514), ERR_OK);
    for (size_t len = 0; len < 514; len += 57) {
        cr_assert_eq(rsa_public_decode(&pub, good, len), ERR_TRUNCATED);
    }
    memcpy(bad, good, 514);
    cr_assert_eq(rsa_public_decode(&pub, bad, 515), ERR_TRAILING);
#define BAD(want, change)                                                                          \
    do {                                                                                           \
        memcpy(bad, good, 514);                                                                    \
        change;                                                                                    \
        cr_assert_eq(rsa_public_decode(&pub, bad, 514), want, #change);                            \
    } while (0)
    BAD(ERR_RANGE, bad[1] = 4);
    BAD(ERR_RANGE, bad[0] = 1);
    BAD(ERR_INVALID, bad[2] ^= 1);               /* even N */
    BAD(ERR_INVALID, bad[257] = 0);              /* short N */
    BAD(ERR_INVALID, memset(bad + 258, 0, 256)); /* g = 0 */
    BAD(ERR_INVALID, (memset(bad + 258, 0, 256), bad[258] = 1));
    BAD(ERR_INVALID, (memcpy(bad + 258, bad + 2, 256), bad[258] ^= 1)); /* N - 1 */
    BAD(ERR_INVALID, memcpy(bad + 258, bad + 2, 256));                  /* N */
    BAD(ERR_INVALID, memset(bad + 258, 0xff, 256));                     /* above N */
    BAD(ERR_INVALID, (memset(bad + 258, 0, 256), memcpy(bad + 258, k.prime[0].p, 128)));
#undef BAD
    /* g that is no square by the Jacobi symbol: one of the first integers. */
    bool refused = false;
    for (uint8_t g = 2; g < 60; g++) {
        memcpy(bad, good, 514);
        memset(bad + 258, 0, 256);
        bad[258] = g;
        refused |= rsa_public_decode(&pub, bad, 514) == ERR_INVALID;
    }
    cr_assert(refused);
    /* A prime N, and a square N. */
    mpz_t z;
    mpz_init(z);
    mpz_import(z, 256, -1, 1, 0, 0, good + 2);
    mpz_nextprime(z, z);
    memcpy(bad, good, 514);
    mpz_export(bad + 2, NULL, -1, 1, 0, 0, z);
    cr_assert_eq(rsa_public_decode(&pub, bad, 514), ERR_INVALID);
    mpz_import(z, 128, -1, 1, 0, 0, (const uint8_t *)k.prime[0].p);
    mpz_mul(z, z, z);
    mpz_export(bad + 2, NULL, -1, 1, 0, 0, z);
    cr_assert_eq(rsa_public_decode(&pub, bad, 514), ERR_INVALID);
    mpz_clear(z);
}

Test(rsa, malformed_secret_keys)
{
    struct rsa_secret k;
    uint8_t wire[514], half[128];
    cr_assert_eq(key_wire(wire, 2048, p1024, p1024, 4), 514);
    cr_assert_eq(rsa_secret_decode(&k, wire, 514), ERR_INVALID, "p = q");
    key_wire(wire, 2048, p1024, q1024, 4);
    cr_assert_eq(rsa_secret_decode(&k, wire, 513), ERR_TRUNCATED);
    memcpy(half, wire + 2, 128);
    wire[2] ^= 2;
    cr_assert_eq(rsa_secret_decode(&k, wire, 514), ERR_INVALID, "p composite");
    for (size_t i = 0; i < sizeof k; i++) {
        cr_assert_eq(((const uint8_t *)&k)[i], 0, "what was decoded is wiped");
    }
    /* A prime that is not safe. */
    mpz_t z;
    mpz_init(z);
    mpz_import(z, 128, -1, 1, 0, 0, half);
    mpz_nextprime(z, z);
    mpz_export(wire + 2, NULL, -1, 1, 0, 0, z);
    cr_assert_eq(rsa_secret_decode(&k, wire, 514), ERR_INVALID, "p not safe");
    mpz_clear(z);
    bool refused = false;
    for (unsigned long g = 2; g < 40; g++) {
        key_wire(wire, 2048, p1024, q1024, g);
        refused |= rsa_secret_decode(&k, wire, 514) == ERR_INVALID;
    }
    cr_assert(refused, "g no square modulo both primes");
}

Test(rsa, generation_is_a_function_of_the_seed)
{
    struct rsa_secret a;
    uint8_t seed[32] = {1}, wire[514];
    cr_assert_eq(rsa_generate(&a, 1024, seed), ERR_RANGE);
    cr_assert_eq(rsa_generate(&a, 2048, seed), ERR_OK);
    rsa_secret_encode(wire, &a);
    struct rsa_secret b;
    cr_assert_eq(rsa_secret_decode(&b, wire, 514), ERR_OK);
    cr_assert_arr_eq(&a, &b, sizeof a);
}
