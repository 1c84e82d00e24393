/* Noise against the public vectors of cacophony (tests/vectors/noise-*.json, provenance inside),
 * and what must be refused. */
#include <criterion/criterion.h>
#include <jansson.h>

#include "node/crypto/noise.h"
#include "tests/support/vectors.h"

static const char *const pattern_name[NOISE_PATTERNS] = {
    [NOISE_NN] = "NN", [NOISE_NK] = "NK", [NOISE_NX] = "NX", [NOISE_KN] = "KN",
    [NOISE_KK] = "KK", [NOISE_KX] = "KX", [NOISE_XN] = "XN", [NOISE_XK] = "XK",
    [NOISE_XX] = "XX", [NOISE_IN] = "IN", [NOISE_IK] = "IK", [NOISE_IX] = "IX",
};

struct side {
    struct noise_handshake handshake;
    struct noise_cipher send, receive;
    uint8_t hash[NOISE_HASH_BYTES];
};

static size_t field(uint8_t *out, size_t room, const json_t *object, const char *key)
{
    const char *hex = json_string_value(json_object_get(object, key));
    return hex == NULL ? 0 : hex_decode(out, room, hex);
}

static void side_start(struct side *side, enum noise_pattern pattern, const json_t *vector,
                       bool initiator)
{
    uint8_t prologue[64];
    uint8_t local[32];
    uint8_t remote[32];
    uint8_t ephemeral[32];
    size_t prologue_len =
        field(prologue, sizeof(prologue), vector, initiator ? "init_prologue" : "resp_prologue");
    size_t has_local = field(local, 32, vector, initiator ? "init_static" : "resp_static");
    size_t has_remote =
        field(remote, 32, vector, initiator ? "init_remote_static" : "resp_remote_static");
    cr_assert_eq(field(ephemeral, 32, vector, initiator ? "init_ephemeral" : "resp_ephemeral"), 32);
    const struct noise_keys keys = {.local_static = has_local ? local : NULL,
                                    .remote_static = has_remote ? remote : NULL,
                                    .local_ephemeral = ephemeral};
    noise_start(&side->handshake, pattern, initiator, span_of(prologue, prologue_len), &keys);
}

static void message_check(struct side *from, struct side *to, const json_t *message,
                          const char *name, size_t i)
{
    uint8_t payload[256];
    uint8_t want[512];
    uint8_t got[512];
    uint8_t back[512];
    size_t len;
    size_t back_len;
    size_t payload_len = field(payload, sizeof(payload), message, "payload");
    size_t want_len = field(want, sizeof(want), message, "ciphertext");
    struct noise_handshake *h = &from->handshake;

    if (!noise_done(h) && !h->failed) {
        cr_assert_eq(noise_overhead(h), want_len - payload_len, "%s %zu", name, i);
        cr_assert_eq(noise_write(h, got, sizeof(got), &len, span_of(payload, payload_len)), ERR_OK);
        cr_assert_eq(noise_read(&to->handshake, back, sizeof(back), &back_len, span_of(got, len)),
                     ERR_OK, "%s %zu", name, i);
        cr_assert_eq(noise_done(h), noise_done(&to->handshake));
        if (noise_done(h)) {
            noise_split(h, &from->send, &from->receive, from->hash);
            noise_split(&to->handshake, &to->send, &to->receive, to->hash);
        }
    } else {
        len = payload_len + NOISE_TAG_BYTES;
        back_len = payload_len;
        cr_assert_eq(noise_encrypt(&from->send, got, payload, payload_len), ERR_OK);
        cr_assert_eq(noise_decrypt(&to->receive, back, got, len), ERR_OK, "%s %zu", name, i);
    }
    cr_assert_eq(len, want_len, "%s %zu", name, i);
    cr_assert_arr_eq(got, want, len, "%s %zu", name, i);
    cr_assert_eq(back_len, payload_len);
    cr_assert_arr_eq(back, payload, payload_len);
}

static void vector_check(enum noise_pattern pattern, const json_t *vector)
{
    struct side initiator = {0};
    struct side responder = {0};
    uint8_t want[NOISE_HASH_BYTES];
    const char *name = pattern_name[pattern];
    const json_t *messages = json_object_get(vector, "messages");
    const json_t *message;
    size_t i;

    side_start(&initiator, pattern, vector, true);
    side_start(&responder, pattern, vector, false);
    json_array_foreach(messages, i, message)
    {
        message_check(i % 2 == 0 ? &initiator : &responder, i % 2 == 0 ? &responder : &initiator,
                      message, name, i);
    }
    cr_assert_eq(field(want, sizeof(want), vector, "handshake_hash"), sizeof(want));
    cr_assert_arr_eq(initiator.hash, want, sizeof(want), "%s", name);
    cr_assert_arr_eq(responder.hash, want, sizeof(want), "%s", name);
}

Test(noise, vectors)
{
    char path[1024];
    json_error_t error;
    vectors_path(path, sizeof(path), "noise-25519-chachapoly-vectors.json");
    json_t *root = json_load_file(path, 0, &error);
    cr_assert_not_null(root, "%s", error.text);
    const json_t *vector;
    size_t i;
    unsigned checked = 0;

    json_array_foreach(json_object_get(root, "vectors"), i, vector)
    {
        const char *protocol = json_string_value(json_object_get(vector, "protocol_name"));
        for (unsigned p = 0; p < NOISE_PATTERNS; p++) {
            char want[64];
            snprintf(want, sizeof(want), "Noise_%s_25519_ChaChaPoly_BLAKE2b", pattern_name[p]);
            if (strcmp(protocol, want) == 0) {
                vector_check((enum noise_pattern)p, vector);
                checked++;
            }
        }
    }
    json_decref(root);
    cr_assert_eq(checked, NOISE_PATTERNS);
}

/* --- what no vector shows --- */

static void pair(struct side *a, struct side *b, enum noise_pattern pattern)
{
    static const uint8_t secret[4][32] = {{1}, {2}, {3}, {4}};
    uint8_t public_key[2][32];
    noise_public(public_key[0], secret[0]);
    noise_public(public_key[1], secret[1]);
    const struct noise_keys ka = {
        .local_static = secret[0], .remote_static = public_key[1], .local_ephemeral = secret[2]};
    const struct noise_keys kb = {
        .local_static = secret[1], .remote_static = public_key[0], .local_ephemeral = secret[3]};
    noise_start(&a->handshake, pattern, true, span_of("p", 1), &ka);
    noise_start(&b->handshake, pattern, false, span_of("p", 1), &kb);
}

static void finish(struct side *a, struct side *b)
{
    uint8_t message[512];
    size_t len;
    for (struct side *from = a, *to = b; !noise_done(&from->handshake);) {
        struct side *next = to;
        cr_assert_eq(noise_write(&from->handshake, message, sizeof(message), &len, span_of("x", 1)),
                     ERR_OK);
        cr_assert_eq(
            noise_read(&to->handshake, message, sizeof(message), &len, span_of(message, len)),
            ERR_OK);
        to = from;
        from = next;
    }
    noise_split(&a->handshake, &a->send, &a->receive, a->hash);
    noise_split(&b->handshake, &b->send, &b->receive, b->hash);
}

/* Any flipped bit of any handshake message ends the handshake at the latest with the last message;
 * with IK and NK at once. */
Test(noise, damage)
{
    static const enum noise_pattern used[] = {NOISE_IK, NOISE_NK};
    for (size_t p = 0; p < 2; p++) {
        struct side a;
        struct side b;
        uint8_t message[256];
        uint8_t out[256];
        size_t len;
        size_t out_len;
        pair(&a, &b, used[p]);
        cr_assert_eq(noise_write(&a.handshake, message, sizeof(message), &len, span_of("hi", 2)),
                     ERR_OK);
        for (size_t bit = 0; bit < 8 * len; bit += 7) {
            struct noise_handshake copy = b.handshake;
            message[bit / 8] ^= (uint8_t)(1 << bit % 8);
            enum err err = noise_read(&copy, out, sizeof(out), &out_len, span_of(message, len));
            /* X25519 ignores the top bit of a public key, but the hash does not. */
            cr_assert_neq(err, ERR_OK, "bit %zu", bit);
            cr_assert(copy.failed);
            cr_assert_eq(noise_read(&copy, out, sizeof(out), &out_len, span_of(message, len)),
                         ERR_USAGE);
            message[bit / 8] ^= (uint8_t)(1 << bit % 8);
        }
        for (size_t cut = 0; cut < len; cut++) {
            struct noise_handshake copy = b.handshake;
            cr_assert_neq(noise_read(&copy, out, sizeof(out), &out_len, span_of(message, cut)),
                          ERR_OK);
        }
        cr_assert_eq(noise_read(&b.handshake, out, sizeof(out), &out_len, span_of(message, len)),
                     ERR_OK);
    }
}

/* A point of small order as ephemeral key gives an all-zero secret: refused. */
Test(noise, small_order)
{
    struct side a;
    struct side b;
    uint8_t message[96] = {0};
    uint8_t out[96];
    size_t len;
    pair(&a, &b, NOISE_NK);
    cr_assert_eq(noise_read(&b.handshake, out, sizeof(out), &len, span_of(message, 48)),
                 ERR_INVALID);
}

Test(noise, transport)
{
    struct side a;
    struct side b;
    uint8_t first[64];
    uint8_t second[64];
    uint8_t out[64];
    pair(&a, &b, NOISE_XX);
    finish(&a, &b);
    cr_assert_arr_eq(a.hash, b.hash, sizeof(a.hash));

    cr_assert_eq(noise_encrypt(&a.send, first, (const uint8_t *)"first", 5), ERR_OK);
    cr_assert_eq(noise_encrypt(&a.send, second, (const uint8_t *)"other", 5), ERR_OK);
    cr_assert_eq(noise_decrypt(&b.receive, out, second, 21), ERR_SIGNATURE); /* out of order */
    cr_assert_eq(noise_decrypt(&b.receive, out, first, 21), ERR_OK);
    cr_assert_arr_eq(out, "first", 5);
    cr_assert_eq(noise_decrypt(&b.receive, out, first, 21), ERR_SIGNATURE); /* replayed */
    cr_assert_eq(noise_decrypt(&b.receive, out, second, 15), ERR_TRUNCATED);
    cr_assert_eq(noise_decrypt(&b.receive, out, second, 21), ERR_OK);

    noise_rekey(&a.send);
    cr_assert_eq(noise_encrypt(&a.send, first, (const uint8_t *)"third", 5), ERR_OK);
    cr_assert_eq(noise_decrypt(&b.receive, out, first, 21), ERR_SIGNATURE); /* the old key */
    noise_rekey(&b.receive);
    cr_assert_eq(noise_decrypt(&b.receive, out, first, 21), ERR_OK);

    a.send.nonce = UINT64_MAX;
    cr_assert_eq(noise_encrypt(&a.send, first, (const uint8_t *)"third", 5), ERR_FULL);
}

/* Turns are kept, room is respected. */
Test(noise, misuse)
{
    struct side a;
    struct side b;
    uint8_t message[256];
    size_t len;
    pair(&a, &b, NOISE_IK);
    cr_assert_eq(noise_write(&b.handshake, message, sizeof(message), &len, span_of(NULL, 0)),
                 ERR_USAGE);
    cr_assert_eq(noise_read(&a.handshake, message, sizeof(message), &len, span_of(message, 96)),
                 ERR_USAGE);
    cr_assert_eq(noise_write(&a.handshake, message, 95, &len, span_of(NULL, 0)), ERR_FULL);
    cr_assert_eq(noise_write(&a.handshake, message, 96, &len, span_of(NULL, 0)), ERR_OK);
    cr_assert_eq(len, 96);
}
