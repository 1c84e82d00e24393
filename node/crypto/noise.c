#include "node/crypto/noise.h"

#include <sodium.h>

#include "node/base/invariant.h"
#include "node/crypto/hash.h"

#define BLOCK_BYTES 128 /* of BLAKE2b, for HMAC */
#define MESSAGES_MAX 3
#define TOKENS_MAX 5

/* The tokens of a message pattern, 7.1 to 7.4 of the framework. */
enum token { END, E, S, EE, ES, SE, SS };

struct pattern {
    char name[NOISE_HASH_BYTES];           /* of the whole protocol, zero padded: the first hash */
    bool initiator_known, responder_known; /* pre-messages: static keys */
    uint8_t messages;
    uint8_t token[MESSAGES_MAX][TOKENS_MAX];
};

#define NAME(pattern) "Noise_" pattern "_25519_ChaChaPoly_BLAKE2b"

static const struct pattern patterns[NOISE_PATTERNS] = {
    [NOISE_NN] = {NAME("NN"), false, false, 2, {{E}, {E, EE}}},
    [NOISE_NK] = {NAME("NK"), false, true, 2, {{E, ES}, {E, EE}}},
    [NOISE_NX] = {NAME("NX"), false, false, 2, {{E}, {E, EE, S, ES}}},
    [NOISE_KN] = {NAME("KN"), true, false, 2, {{E}, {E, EE, SE}}},
    [NOISE_KK] = {NAME("KK"), true, true, 2, {{E, ES, SS}, {E, EE, SE}}},
    [NOISE_KX] = {NAME("KX"), true, false, 2, {{E}, {E, EE, SE, S, ES}}},
    [NOISE_XN] = {NAME("XN"), false, false, 3, {{E}, {E, EE}, {S, SE}}},
    [NOISE_XK] = {NAME("XK"), false, true, 3, {{E, ES}, {E, EE}, {S, SE}}},
    [NOISE_XX] = {NAME("XX"), false, false, 3, {{E}, {E, EE, S, ES}, {S, SE}}},
    [NOISE_IN] = {NAME("IN"), false, false, 2, {{E, S}, {E, EE, SE}}},
    [NOISE_IK] = {NAME("IK"), false, true, 2, {{E, ES, S, SS}, {E, EE, SE}}},
    [NOISE_IX] = {NAME("IX"), false, false, 2, {{E, S}, {E, EE, SE, S, ES}}},
};

/* --- HMAC and HKDF (4.3): HMAC proper, not keyed BLAKE2b --- */

static void hmac(uint8_t out[NOISE_HASH_BYTES], const uint8_t key[NOISE_HASH_BYTES],
                 struct span first, struct span second)
{
    uint8_t inner[BLOCK_BYTES];
    uint8_t outer[BLOCK_BYTES];
    for (size_t i = 0; i < BLOCK_BYTES; i++) {
        uint8_t byte = i < NOISE_HASH_BYTES ? key[i] : 0;
        inner[i] = byte ^ 0x36;
        outer[i] = byte ^ 0x5c;
    }
    hash512_parts(out, (struct span[]){span_of(inner, sizeof(inner)), first, second}, 3);
    hash512_parts(
        out, (struct span[]){span_of(outer, sizeof(outer)), span_of(out, NOISE_HASH_BYTES)}, 2);
    sodium_memzero(inner, sizeof(inner));
    sodium_memzero(outer, sizeof(outer));
}

/* HKDF with two outputs. first may be the chaining key itself. */
static void hkdf(uint8_t first[NOISE_HASH_BYTES], uint8_t second[NOISE_HASH_BYTES],
                 const uint8_t chaining_key[NOISE_HASH_BYTES], struct span input)
{
    static const uint8_t one = 1;
    static const uint8_t two = 2;
    uint8_t temporary[NOISE_HASH_BYTES];
    hmac(temporary, chaining_key, input, span_of(NULL, 0));
    hmac(first, temporary, span_of(&one, 1), span_of(NULL, 0));
    hmac(second, temporary, span_of(first, NOISE_HASH_BYTES), span_of(&two, 1));
    sodium_memzero(temporary, sizeof(temporary));
}

/* --- cipher state (5.1) --- */

static void cipher_nonce(uint8_t out[12], uint64_t nonce)
{
    store32(out, 0);
    store64(out + 4, nonce);
}

static enum err cipher_seal(struct noise_cipher *cipher, uint8_t *out, const uint8_t *plain,
                            size_t len, struct span ad)
{
    uint8_t nonce[12];
    if (cipher->nonce == UINT64_MAX) {
        return ERR_FULL;
    }
    cipher_nonce(nonce, cipher->nonce++);
    crypto_aead_chacha20poly1305_ietf_encrypt(out, NULL, plain, len, ad.data, ad.len, NULL, nonce,
                                              cipher->key);
    return ERR_OK;
}

static enum err cipher_open(struct noise_cipher *cipher, uint8_t *out, const uint8_t *message,
                            size_t len, struct span ad)
{
    uint8_t nonce[12];
    if (len < NOISE_TAG_BYTES) {
        return ERR_TRUNCATED;
    }
    if (cipher->nonce == UINT64_MAX) {
        return ERR_FULL;
    }
    cipher_nonce(nonce, cipher->nonce);
    if (crypto_aead_chacha20poly1305_ietf_decrypt(out, NULL, NULL, message, len, ad.data, ad.len,
                                                  nonce, cipher->key) != 0) {
        return ERR_SIGNATURE;
    }
    cipher->nonce++;
    return ERR_OK;
}

enum err noise_encrypt(struct noise_cipher *cipher, uint8_t *out, const uint8_t *plain, size_t len)
{
    invariant(cipher->keyed);
    return cipher_seal(cipher, out, plain, len, span_of(NULL, 0));
}

enum err noise_decrypt(struct noise_cipher *cipher, uint8_t *out, const uint8_t *message,
                       size_t len)
{
    invariant(cipher->keyed);
    return cipher_open(cipher, out, message, len, span_of(NULL, 0));
}

void noise_rekey(struct noise_cipher *cipher)
{
    static const uint8_t zeros[NOISE_KEY_BYTES];
    uint8_t nonce[12];
    uint8_t out[NOISE_KEY_BYTES + NOISE_TAG_BYTES];
    cipher_nonce(nonce, UINT64_MAX);
    crypto_aead_chacha20poly1305_ietf_encrypt(out, NULL, zeros, sizeof(zeros), NULL, 0, NULL, nonce,
                                              cipher->key);
    memcpy(cipher->key, out, NOISE_KEY_BYTES);
    sodium_memzero(out, sizeof(out));
}

/* --- symmetric state (5.2) --- */

static void mix_hash(struct noise_handshake *h, const void *data, size_t len)
{
    hash512_parts(h->hash, (struct span[]){span_of(h->hash, sizeof(h->hash)), span_of(data, len)},
                  2);
}

static void mix_key(struct noise_handshake *h, const uint8_t input[NOISE_KEY_BYTES])
{
    uint8_t key[NOISE_HASH_BYTES];
    hkdf(h->chaining_key, key, h->chaining_key, span_of(input, NOISE_KEY_BYTES));
    memcpy(h->cipher.key, key, NOISE_KEY_BYTES);
    h->cipher.nonce = 0;
    h->cipher.keyed = true;
    sodium_memzero(key, sizeof(key));
}

static size_t sealed_bytes(const struct noise_handshake *h, size_t len)
{
    return len + (h->cipher.keyed ? NOISE_TAG_BYTES : 0);
}

static void seal_and_hash(struct noise_handshake *h, uint8_t *out, const uint8_t *plain, size_t len)
{
    size_t sealed = sealed_bytes(h, len);
    if (h->cipher.keyed) {
        enum err err = cipher_seal(&h->cipher, out, plain, len, span_of(h->hash, sizeof(h->hash)));
        invariant(err == ERR_OK); /* a handshake has few messages */
    } else if (len > 0) {
        memmove(out, plain, len);
    }
    mix_hash(h, out, sealed);
}

static enum err open_and_hash(struct noise_handshake *h, uint8_t *out, const uint8_t *sealed,
                              size_t len)
{
    uint8_t hash[NOISE_HASH_BYTES];
    memcpy(hash, h->hash, sizeof(hash));
    mix_hash(h, sealed, len); /* out may be the same memory */
    if (h->cipher.keyed) {
        return cipher_open(&h->cipher, out, sealed, len, span_of(hash, sizeof(hash)));
    }
    if (len > 0) {
        memmove(out, sealed, len);
    }
    return ERR_OK;
}

/* --- handshake state (5.3) --- */

void noise_public(uint8_t public_key[NOISE_KEY_BYTES], const uint8_t secret[NOISE_KEY_BYTES])
{
    invariant(crypto_scalarmult_base(public_key, secret) == 0);
}

static enum err mix_dh(struct noise_handshake *h, const uint8_t secret[NOISE_KEY_BYTES],
                       const uint8_t public_key[NOISE_KEY_BYTES])
{
    uint8_t shared[NOISE_KEY_BYTES];
    if (crypto_scalarmult(shared, secret, public_key) != 0) {
        return ERR_INVALID; /* all zero: the point has small order */
    }
    mix_key(h, shared);
    sodium_memzero(shared, sizeof(shared));
    return ERR_OK;
}

static enum err mix_token_dh(struct noise_handshake *h, enum token token)
{
    bool local_ephemeral = token == EE || (token == ES) == h->initiator;
    bool remote_ephemeral = token == EE || (token == SE) == h->initiator;
    if (token == SS) {
        local_ephemeral = remote_ephemeral = false;
    }
    return mix_dh(h, local_ephemeral ? h->local_ephemeral : h->local_static,
                  remote_ephemeral ? h->remote_ephemeral : h->remote_static);
}

/* Which static keys a side must bring. */
static bool pattern_sends_static(const struct pattern *p, bool initiator)
{
    for (unsigned m = initiator ? 0 : 1; m < p->messages; m += 2) {
        for (unsigned t = 0; t < TOKENS_MAX; t++) {
            if (p->token[m][t] == S) {
                return true;
            }
        }
    }
    return initiator ? p->initiator_known : p->responder_known;
}

void noise_start(struct noise_handshake *h, enum noise_pattern pattern, bool initiator,
                 struct span prologue, const struct noise_keys *keys)
{
    const struct pattern *p = &patterns[pattern];

    memset(h, 0, sizeof(*h));
    h->pattern = pattern;
    h->initiator = initiator;
    memcpy(h->hash, p->name, sizeof(h->hash));
    memcpy(h->chaining_key, h->hash, sizeof(h->hash));
    mix_hash(h, prologue.data, prologue.len);

    invariant(keys->local_ephemeral != NULL);
    memcpy(h->local_ephemeral, keys->local_ephemeral, NOISE_KEY_BYTES);
    noise_public(h->local_ephemeral_public, h->local_ephemeral);
    if (pattern_sends_static(p, initiator)) {
        invariant(keys->local_static != NULL);
        h->has_local_static = true;
        memcpy(h->local_static, keys->local_static, NOISE_KEY_BYTES);
        noise_public(h->local_static_public, h->local_static);
    }
    if (initiator ? p->responder_known : p->initiator_known) {
        invariant(keys->remote_static != NULL);
        h->has_remote_static = true;
        memcpy(h->remote_static, keys->remote_static, NOISE_KEY_BYTES);
    }
    if (p->initiator_known) {
        mix_hash(h, initiator ? h->local_static_public : h->remote_static, NOISE_KEY_BYTES);
    }
    if (p->responder_known) {
        mix_hash(h, initiator ? h->remote_static : h->local_static_public, NOISE_KEY_BYTES);
    }
}

bool noise_done(const struct noise_handshake *h)
{
    return !h->failed && h->message == patterns[h->pattern].messages;
}

bool noise_writes(const struct noise_handshake *h)
{
    return !h->failed && !noise_done(h) && (h->message % 2 == 0) == h->initiator;
}

size_t noise_overhead(const struct noise_handshake *h)
{
    const struct pattern *p = &patterns[h->pattern];
    bool keyed = h->cipher.keyed;
    size_t bytes = 0;
    for (unsigned t = 0; h->message < p->messages && t < TOKENS_MAX; t++) {
        switch (p->token[h->message][t]) {
        case END:
            break;
        case E:
            bytes += NOISE_KEY_BYTES;
            break;
        case S:
            bytes += keyed ? NOISE_KEY_BYTES + NOISE_TAG_BYTES : NOISE_KEY_BYTES;
            break;
        default:
            keyed = true;
        }
    }
    return bytes + (keyed ? NOISE_TAG_BYTES : 0);
}

static enum err write_tokens(struct noise_handshake *h, uint8_t *out, size_t *len)
{
    const uint8_t *token = patterns[h->pattern].token[h->message];
    for (unsigned t = 0; t < TOKENS_MAX && token[t] != END; t++) {
        if (token[t] == E) {
            memcpy(out + *len, h->local_ephemeral_public, NOISE_KEY_BYTES);
            mix_hash(h, h->local_ephemeral_public, NOISE_KEY_BYTES);
            *len += NOISE_KEY_BYTES;
        } else if (token[t] == S) {
            size_t sealed = sealed_bytes(h, NOISE_KEY_BYTES);
            seal_and_hash(h, out + *len, h->local_static_public, NOISE_KEY_BYTES);
            *len += sealed;
        } else {
            TRY(mix_token_dh(h, (enum token)token[t]));
        }
    }
    return ERR_OK;
}

enum err noise_write(struct noise_handshake *h, uint8_t *out, size_t capacity, size_t *len,
                     struct span payload)
{
    if (!noise_writes(h)) {
        return ERR_USAGE;
    }
    size_t overhead = noise_overhead(h);
    if (payload.len > NOISE_MESSAGE_BYTES_MAX - overhead || payload.len + overhead > capacity) {
        return ERR_FULL;
    }
    *len = 0;
    enum err err = write_tokens(h, out, len);
    if (err != ERR_OK) {
        h->failed = true;
        return err;
    }
    size_t sealed = sealed_bytes(h, payload.len);
    seal_and_hash(h, out + *len, payload.data, payload.len);
    *len += sealed;
    h->message++;
    return ERR_OK;
}

static enum err read_tokens(struct noise_handshake *h, const uint8_t **at, const uint8_t *end)
{
    const uint8_t *token = patterns[h->pattern].token[h->message];
    for (unsigned t = 0; t < TOKENS_MAX && token[t] != END; t++) {
        size_t sealed = token[t] == S ? sealed_bytes(h, NOISE_KEY_BYTES) : NOISE_KEY_BYTES;
        if ((token[t] == E || token[t] == S) && (size_t)(end - *at) < sealed) {
            return ERR_TRUNCATED;
        }
        if (token[t] == E) {
            memcpy(h->remote_ephemeral, *at, NOISE_KEY_BYTES);
            mix_hash(h, h->remote_ephemeral, NOISE_KEY_BYTES);
            *at += sealed;
        } else if (token[t] == S) {
            TRY(open_and_hash(h, h->remote_static, *at, sealed));
            h->has_remote_static = true;
            *at += sealed;
        } else {
            TRY(mix_token_dh(h, (enum token)token[t]));
        }
    }
    return ERR_OK;
}

enum err noise_read(struct noise_handshake *h, uint8_t *out, size_t capacity, size_t *len,
                    struct span message)
{
    const uint8_t *at = message.data;
    const uint8_t *end = message.data + message.len;

    if (h->failed || noise_done(h) || noise_writes(h)) {
        return ERR_USAGE;
    }
    if (message.len > NOISE_MESSAGE_BYTES_MAX) {
        return ERR_FULL;
    }
    enum err err = read_tokens(h, &at, end);
    if (err == ERR_OK) {
        size_t sealed = (size_t)(end - at);
        size_t tag = sealed_bytes(h, 0);
        if (sealed < tag) {
            err = ERR_TRUNCATED;
        } else if (sealed - tag > capacity) {
            err = ERR_FULL;
        } else {
            *len = sealed - tag;
            err = open_and_hash(h, out, at, sealed);
        }
    }
    if (err != ERR_OK) {
        h->failed = true;
        return err;
    }
    h->message++;
    return ERR_OK;
}

void noise_split(struct noise_handshake *h, struct noise_cipher *send, struct noise_cipher *receive,
                 uint8_t hash[NOISE_HASH_BYTES])
{
    uint8_t first[NOISE_HASH_BYTES];
    uint8_t second[NOISE_HASH_BYTES];
    bool initiator = h->initiator;

    invariant(noise_done(h));
    hkdf(first, second, h->chaining_key, span_of(NULL, 0));
    *send = (struct noise_cipher){.keyed = true};
    *receive = (struct noise_cipher){.keyed = true};
    memcpy(send->key, initiator ? first : second, NOISE_KEY_BYTES);
    memcpy(receive->key, initiator ? second : first, NOISE_KEY_BYTES);
    memcpy(hash, h->hash, NOISE_HASH_BYTES);
    sodium_memzero(first, sizeof(first));
    sodium_memzero(second, sizeof(second));
    noise_wipe(h);
}

void noise_wipe(struct noise_handshake *h)
{
    sodium_memzero(h, sizeof(*h));
    h->failed = true;
}
