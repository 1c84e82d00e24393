#include <criterion/criterion.h>

#include "node/crypto/hash.h"
#include "node/crypto/sign.h"
#include "tests/support/vectors.h"

static void expect_hex(const uint8_t *got, const char *hex)
{
    uint8_t want[128];
    size_t len = hex_decode(want, sizeof want, hex);
    cr_assert_arr_eq(got, want, len, "wanted %s", hex);
}

/* RFC 7693 appendix A for BLAKE2b-512; FIPS 180 and 202 examples; the others by Python's hashlib.
 */
Test(hash, known_answers)
{
    uint8_t out[64];
    hash512(out, "abc", 3);
    expect_hex(out, "ba80a53f981c4d0d6a2797b69f12f6e94c212f14685ac4b74b12bb6fdbffa2d1"
                    "7d87c5392aab792dc252d5de4533cc9518d38aa8dbf1925ab92386edd4009923");
    hash256(out, "abc", 3);
    expect_hex(out, "bddd813c634239723171ef3fee98579b94964e3bb1cb3e427262c8c068d52319");
    hash256(out, NULL, 0);
    expect_hex(out, "0e5751c026e543b2e8ab2eb06099daa1d1e5df47778f7787faab45cdf12fe3a8");
    hash_sha3_256(out, "abc", 3);
    expect_hex(out, "3a985da74fe225b2045c172d6bd390bd855f086e3e9d525b46bfe24511431532");
    hash_sha3_256(out, NULL, 0);
    expect_hex(out, "a7ffc6f8bf1ed76651c14756a061d662f580ff4de43b49fa82d80a4b80f8434a");
    hash_sha512_parts(out, (struct span[]){SPAN_TEXT("a"), SPAN_TEXT("bc")}, 2);
    expect_hex(out, "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a"
                    "2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f");
}

/* First entry and entry 15 of the table vectors_sip128 of the authors' SipHash repository. */
Test(hash, siphash128)
{
    uint8_t key[16];
    uint8_t in[15];
    uint8_t out[16];
    for (uint8_t i = 0; i < 16; i++) {
        key[i] = i;
    }
    for (uint8_t i = 0; i < 15; i++) {
        in[i] = i;
    }
    hash_siphash128(out, key, in, 0);
    expect_hex(out, "a3817f04ba25a8e66df67214c7550293");
    hash_siphash128(out, key, in, 15);
    expect_hex(out, "5493e99933b0a8117e08ec0f97cfc3d9");
}

Test(hash, parts_equal_the_whole)
{
    uint8_t data[300];
    uint8_t whole[64];
    uint8_t pieces[64];
    for (size_t i = 0; i < sizeof data; i++) {
        data[i] = (uint8_t)(i * 7);
    }
    for (size_t cut = 0; cut <= sizeof data; cut += 13) {
        struct span parts[] = {span_of(data, cut), span_of(NULL, 0),
                               span_of(data + cut, sizeof data - cut)};
        hash256(whole, data, sizeof data);
        hash256_parts(pieces, parts, 3);
        cr_assert_arr_eq(whole, pieces, 32);
        hash512(whole, data, sizeof data);
        hash512_parts(pieces, parts, 3);
        cr_assert_arr_eq(whole, pieces, 64);
    }
}

/* Keyed BLAKE2b-512 of the empty input, key 00..3f: first line of the authors' blake2b KAT. */
Test(hash, keyed)
{
    uint8_t key[64];
    uint8_t out[64];
    for (uint8_t i = 0; i < 64; i++) {
        key[i] = i;
    }
    hash_keyed_parts(out, 64, span_of(key, 64), NULL, 0);
    expect_hex(out, "10ebb67700b1868efb4417987acf4690ae9d972fb7a590c2f02871799aaa4786"
                    "b5e996e8f0f4eb981fc214b005f42d2ff4233499391653df7aefcbc13fc51568");
}

/* RFC 8032 7.1, tests 1 to 3. */
Test(sign, rfc8032)
{
    static const char *const rows[][4] = {
        {"9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
         "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a", "",
         "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701"
         "c"
         "f9b46bd25bf5f0595bbe24655141438e7a100b"},
        {"4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
         "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c", "72",
         "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d"
         "0"
         "f11d8c387b2eaeb4302aeeb00d291612bb0c00"},
        {"c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7",
         "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025", "af82",
         "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f7609"
         "8"
         "4dc6594a7c15e9716ed28dc027beceea1ec40a"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        uint8_t seed[32];
        uint8_t message[8];
        uint8_t signature[64];
        struct sign_secret secret;
        hex_decode(seed, sizeof seed, rows[i][0]);
        size_t len = hex_decode(message, sizeof message, rows[i][2]);
        sign_keypair(&secret, seed);
        expect_hex(secret.public_key, rows[i][1]);
        sign_plain_make(signature, &secret, message, len);
        expect_hex(signature, rows[i][3]);
        cr_assert_eq(sign_plain_verify(signature, secret.public_key, message, len), ERR_OK);
        signature[i] ^= 1;
        cr_assert_eq(sign_plain_verify(signature, secret.public_key, message, len), ERR_SIGNATURE);
    }
}

Test(sign, context_genesis_and_body_are_all_bound)
{
    uint8_t seed[32] = {1};
    uint8_t genesis[32] = {2};
    uint8_t other_genesis[32] = {3};
    uint8_t body[100] = {4};
    uint8_t signature[64];
    struct sign_secret secret;
    sign_keypair(&secret, seed);
    struct sign_message m = {.context = SIGN_CONTEXT("tx"),
                             .genesis = genesis,
                             .body = {span_of(body, 60), span_of(body + 60, 40)}};
    sign_make(signature, &secret, &m);
    cr_assert_eq(sign_verify(signature, secret.public_key, &m), ERR_OK);

    /* It is plain Ed25519 over exactly "xpx/tx/1" || genesis || body. */
    uint8_t joined[8 + 32 + 100];
    memcpy(joined, "xpx/tx/1", 8);
    memcpy(joined + 8, genesis, 32);
    memcpy(joined + 40, body, sizeof body);
    cr_assert_eq(sign_plain_verify(signature, secret.public_key, joined, sizeof joined), ERR_OK);

    struct sign_message wrong = m;
    wrong.context = SIGN_CONTEXT("vote");
    cr_assert_eq(sign_verify(signature, secret.public_key, &wrong), ERR_SIGNATURE);
    wrong = m;
    wrong.genesis = other_genesis;
    cr_assert_eq(sign_verify(signature, secret.public_key, &wrong), ERR_SIGNATURE);
    wrong = m;
    wrong.body[1].len--;
    cr_assert_eq(sign_verify(signature, secret.public_key, &wrong), ERR_SIGNATURE);
    wrong.body[1].len = SIGN_BODY_BYTES_MAX + 1;
    cr_assert_eq(sign_verify(signature, secret.public_key, &wrong), ERR_RANGE);
    for (size_t i = 0; i < sizeof signature; i++) {
        signature[i] ^= 0x10;
        cr_assert_eq(sign_verify(signature, secret.public_key, &m), ERR_SIGNATURE);
        signature[i] ^= 0x10;
    }
}

/* S + L is the same number modulo the group order: accepting it would make signatures malleable. */
Test(sign, non_canonical_s_is_refused)
{
    static const uint8_t order[32] = {0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58,       0xd6,
                                      0x9c, 0xf7, 0xa2, 0xde, 0xf9, 0xde, 0x14, [31] = 0x10};
    uint8_t seed[32] = {9};
    uint8_t signature[64];
    struct sign_secret secret;
    sign_keypair(&secret, seed);
    sign_plain_make(signature, &secret, "x", 1);
    unsigned carry = 0;
    for (size_t i = 0; i < 32; i++) {
        carry += (unsigned)signature[32 + i] + order[i];
        signature[32 + i] = (uint8_t)carry;
        carry >>= 8;
    }
    cr_assert_eq(sign_plain_verify(signature, secret.public_key, "x", 1), ERR_SIGNATURE);
    uint8_t small_order_key[32] = {1};
    cr_assert_eq(sign_plain_verify(signature, small_order_key, "x", 1), ERR_SIGNATURE);
}
