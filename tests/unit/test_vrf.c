#include <criterion/criterion.h>
#include <jansson.h>

#include "node/crypto/crypto.h"
#include "node/crypto/hash.h"
#include "node/crypto/sign.h"
#include "node/crypto/vrf.h"
#include "tests/support/vectors.h"

static json_t *open_vectors(const char *name)
{
    char path[1024];
    json_error_t error;
    vectors_path(path, sizeof path, name);
    json_t *root = json_load_file(path, 0, &error);
    cr_assert_not_null(root, "%s: %s", path, error.text);
    return root;
}

static size_t bytes_of(uint8_t *out, size_t out_size, const json_t *object, const char *key)
{
    const char *hex = json_string_value(json_object_get(object, key));
    cr_assert_not_null(hex, "%s", key);
    return hex_decode(out, out_size, hex);
}

static void check_vector(const json_t *vector)
{
    uint8_t seed[32];
    uint8_t public_key[32];
    uint8_t alpha_bytes[256];
    uint8_t want_proof[80];
    uint8_t want_beta[64];
    uint8_t proof[80];
    uint8_t beta[64];
    bytes_of(seed, 32, vector, "SK");
    bytes_of(public_key, 32, vector, "PK");
    struct span alpha =
        span_of(alpha_bytes, bytes_of(alpha_bytes, sizeof alpha_bytes, vector, "alpha"));
    bytes_of(want_proof, 80, vector, "pi");
    bytes_of(want_beta, 64, vector, "beta");

    struct vrf_secret secret;
    vrf_keypair(&secret, seed);
    cr_assert_arr_eq(secret.public_key, public_key, 32);
    cr_assert_eq(vrf_prove(proof, beta, &secret, alpha), ERR_OK);
    cr_assert_arr_eq(proof, want_proof, 80);
    cr_assert_arr_eq(beta, want_beta, 64);
    memset(beta, 0, sizeof beta);
    cr_assert_eq(vrf_beta(beta, &secret, alpha), ERR_OK);
    cr_assert_arr_eq(beta, want_beta, 64);
    memset(beta, 0, sizeof beta);
    cr_assert_eq(vrf_verify(beta, public_key, want_proof, alpha), ERR_OK);
    cr_assert_arr_eq(beta, want_beta, 64);
    memset(beta, 0, sizeof beta);
    cr_assert_eq(vrf_proof_beta(beta, want_proof), ERR_OK);
    cr_assert_arr_eq(beta, want_beta, 64);
}

/* RFC 9381 appendix B.3, and vectors of an independent program in big integers. */
Test(vrf, rfc9381_and_extra_vectors)
{
    json_t *root = open_vectors("vrf-rfc9381-edwards25519-sha512-tai.json");
    static const char *const lists[] = {"vectors", "extra_vectors"};
    size_t checked = 0;
    for (size_t i = 0; i < 2; i++) {
        size_t index;
        json_t *vector;
        json_array_foreach(json_object_get(root, lists[i]), index, vector)
        {
            check_vector(vector);
            checked++;
        }
    }
    cr_assert_geq(checked, 3 + 5);
    json_decref(root);
}

Test(vrf, points_that_are_no_keys_are_refused)
{
    json_t *root = open_vectors("vrf-edwards25519-point-validation.json");
    size_t index;
    json_t *row;
    uint8_t beta[64];
    uint8_t proof[80];
    uint8_t seed[32] = {5};
    const struct span alpha = SPAN_TEXT("alpha");
    struct vrf_secret secret;
    vrf_keypair(&secret, seed);
    cr_assert_eq(vrf_prove(proof, beta, &secret, alpha), ERR_OK);
    size_t refused = 0;
    json_array_foreach(json_object_get(root, "points"), index, row)
    {
        uint8_t point[32];
        bytes_of(point, 32, row, "point");
        bool valid = json_integer_value(json_object_get(row, "expect_valid")) == 1;
        cr_assert_eq(vrf_public_check(point), valid ? ERR_OK : ERR_INVALID, "point %zu", index);
        /* The same point as key and as Gamma: never accepted, and refused as a point if bad. */
        enum err want = valid ? ERR_SIGNATURE : ERR_INVALID;
        uint8_t moved[80];
        memcpy(moved, proof, 80);
        memcpy(moved, point, 32);
        cr_assert_eq(vrf_verify(beta, point, proof, alpha), want);
        cr_assert_eq(vrf_verify(beta, secret.public_key, moved, alpha), want);
        cr_assert_eq(vrf_proof_beta(beta, moved), valid ? ERR_OK : ERR_INVALID);
        refused += !valid;
    }
    cr_assert_eq(index, 35);
    cr_assert_gt(refused, 20);
    json_decref(root);
}

Test(vrf, every_flipped_bit_is_refused)
{
    uint8_t seed[32] = {6};
    uint8_t proof[80];
    uint8_t beta[64];
    uint8_t untouched[64];
    const struct span alpha = SPAN_TEXT("xpx/gen/1");
    struct vrf_secret secret;
    vrf_keypair(&secret, seed);
    cr_assert_eq(vrf_prove(proof, beta, &secret, alpha), ERR_OK);
    memset(beta, 0x5a, sizeof beta);
    memset(untouched, 0x5a, sizeof untouched);
    for (size_t bit = 0; bit < 640; bit++) {
        proof[bit / 8] ^= (uint8_t)(1u << bit % 8);
        cr_assert_neq(vrf_verify(beta, secret.public_key, proof, alpha), ERR_OK, "bit %zu", bit);
        proof[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
    cr_assert_neq(vrf_verify(beta, secret.public_key, proof, SPAN_TEXT("xpx/gen/2")), ERR_OK);
    seed[0]++;
    struct vrf_secret other;
    vrf_keypair(&other, seed);
    cr_assert_neq(vrf_verify(beta, other.public_key, proof, alpha), ERR_OK);
    cr_assert_arr_eq(beta, untouched, 64, "beta is written on success only");
}

/* s + L passes every equation; only the rule on canonical s refuses it. Zero scalars: no crash. */
Test(vrf, s_beyond_the_order_and_zero_scalars)
{
    static const uint8_t order[32] = {0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58,       0xd6,
                                      0x9c, 0xf7, 0xa2, 0xde, 0xf9, 0xde, 0x14, [31] = 0x10};
    uint8_t seed[32] = {7};
    uint8_t proof[80];
    uint8_t beta[64];
    const struct span alpha = SPAN_TEXT("a");
    struct vrf_secret secret;
    vrf_keypair(&secret, seed);
    cr_assert_eq(vrf_prove(proof, beta, &secret, alpha), ERR_OK);
    uint8_t moved[80];
    memcpy(moved, proof, 80);
    unsigned carry = 0;
    for (size_t i = 0; i < 32; i++) {
        carry += (unsigned)moved[48 + i] + order[i];
        moved[48 + i] = (uint8_t)carry;
        carry >>= 8;
    }
    cr_assert_eq(vrf_verify(beta, secret.public_key, moved, alpha), ERR_NONCANONICAL);
    memcpy(moved, proof, 80);
    memset(moved + 48, 0, 32);
    cr_assert_eq(vrf_verify(beta, secret.public_key, moved, alpha), ERR_SIGNATURE);
    memcpy(moved, proof, 80);
    memset(moved + 32, 0, 16);
    cr_assert_eq(vrf_verify(beta, secret.public_key, moved, alpha), ERR_SIGNATURE);
}

Test(vrf, round_trips_and_betas_differ)
{
    uint8_t betas[40][64];
    for (uint8_t i = 0; i < 40; i++) {
        uint8_t seed[32] = {8, (uint8_t)(i / 2)};
        uint8_t proof[80];
        uint8_t checked[64];
        const struct span alpha = span_of(&i, 1);
        struct vrf_secret secret;
        vrf_keypair(&secret, seed);
        cr_assert_eq(vrf_prove(proof, betas[i], &secret, alpha), ERR_OK);
        cr_assert_eq(vrf_verify(checked, secret.public_key, proof, alpha), ERR_OK);
        cr_assert_arr_eq(checked, betas[i], 64);
        for (uint8_t j = 0; j < i; j++) {
            cr_assert(memcmp(betas[i], betas[j], 64) != 0);
        }
    }
}

Test(vrf, key_is_the_ed25519_key_of_the_seed)
{
    uint8_t seed[32] = {9, 9};
    struct vrf_secret vrf;
    struct sign_secret sign;
    vrf_keypair(&vrf, seed);
    sign_keypair(&sign, seed);
    cr_assert_arr_eq(vrf.public_key, sign.public_key, 32);
    static const struct vrf_secret wiped;
    vrf_secret_wipe(&vrf);
    cr_assert_eq(memcmp(&vrf, &wiped, sizeof vrf), 0);
}

/* Against hashlib.blake2b(b"xpx/novrf/1" + bytes(range(32)) + b"alpha"). */
Test(vrf, off_mode)
{
    uint8_t key[32];
    uint8_t beta[64];
    uint8_t want[64];
    for (uint8_t i = 0; i < 32; i++) {
        key[i] = i;
    }
    vrf_off_beta(beta, key, SPAN_TEXT("alpha"));
    hex_decode(want, sizeof want,
               "941abe0dd48af2adadfee633c1a1f8bde500ddc97ea54e3a539e76e85cfd77e3"
               "1d5c1476ce1856634ee6f913ead2e6b100b135ede6aeba1a966b30f0ae10e0af");
    cr_assert_arr_eq(beta, want, 64);
}

Test(crypto, self_test_passes)
{
    cr_assert_eq(crypto_self_test(), ERR_OK);
    cr_assert_eq(crypto_self_test(), ERR_OK);
}
