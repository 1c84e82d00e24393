#include "node/crypto/hash.h"

#include <openssl/evp.h>
#include <sodium.h>

#include "node/base/invariant.h"

_Static_assert(sizeof(crypto_generichash_state) <= sizeof(((struct hash_stream *)0)->opaque),
               "hash_stream holds libsodium's state");
_Static_assert(_Alignof(crypto_generichash_state) <= 64, "hash_stream is aligned for it");

static crypto_generichash_state *state_of(struct hash_stream *stream)
{
    return (crypto_generichash_state *)(void *)stream->opaque;
}

void hash256(uint8_t out[HASH_BYTES], const void *data, size_t len)
{
    invariant(crypto_generichash(out, HASH_BYTES, data, len, NULL, 0) == 0);
}

void hash512(uint8_t out[HASH512_BYTES], const void *data, size_t len)
{
    invariant(crypto_generichash(out, HASH512_BYTES, data, len, NULL, 0) == 0);
}

void hash256_parts(uint8_t out[HASH_BYTES], const struct span *parts, size_t count)
{
    hash_keyed_parts(out, HASH_BYTES, span_of(NULL, 0), parts, count);
}

void hash512_parts(uint8_t out[HASH512_BYTES], const struct span *parts, size_t count)
{
    hash_keyed_parts(out, HASH512_BYTES, span_of(NULL, 0), parts, count);
}

void hash_keyed_parts(uint8_t *out, size_t out_len, struct span key, const struct span *parts,
                      size_t count)
{
    struct hash_stream stream;
    hash_stream_start(&stream, out_len, key);
    for (size_t i = 0; i < count; i++) {
        hash_stream_add(&stream, parts[i].data, parts[i].len);
    }
    hash_stream_end(&stream, out);
}

void hash_stream_start(struct hash_stream *stream, size_t out_len, struct span key)
{
    invariant(out_len >= crypto_generichash_BYTES_MIN && out_len <= crypto_generichash_BYTES_MAX);
    invariant(key.len <= HASH_KEY_BYTES_MAX);
    stream->out_len = out_len;
    invariant(crypto_generichash_init(state_of(stream), key.data, key.len, out_len) == 0);
}

void hash_stream_add(struct hash_stream *stream, const void *data, size_t len)
{
    if (len > 0) {
        invariant(crypto_generichash_update(state_of(stream), data, len) == 0);
    }
}

void hash_stream_end(struct hash_stream *stream, uint8_t *out)
{
    invariant(crypto_generichash_final(state_of(stream), out, stream->out_len) == 0);
    sodium_memzero(stream, sizeof *stream);
}

void hash_sha512_parts(uint8_t out[HASH512_BYTES], const struct span *parts, size_t count)
{
    crypto_hash_sha512_state state;
    invariant(crypto_hash_sha512_init(&state) == 0);
    for (size_t i = 0; i < count; i++) {
        if (parts[i].len > 0) {
            invariant(crypto_hash_sha512_update(&state, parts[i].data, parts[i].len) == 0);
        }
    }
    invariant(crypto_hash_sha512_final(&state, out) == 0);
    sodium_memzero(&state, sizeof state);
}

void hash_sha3_256(uint8_t out[HASH_BYTES], const void *data, size_t len)
{
    unsigned out_len = 0;
    /* Fails only when libcrypto has no memory or no SHA-3, which crypto_self_test rules out. */
    invariant(EVP_Digest(data, len, out, &out_len, EVP_sha3_256(), NULL) == 1);
    invariant(out_len == HASH_BYTES);
}

void hash_siphash128(uint8_t out[SIPHASH_BYTES], const uint8_t key[SIPHASH_KEY_BYTES],
                     const void *data, size_t len)
{
    invariant(crypto_shorthash_siphashx24(out, data, len, key) == 0);
}
