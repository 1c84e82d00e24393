/* Hash functions. BLAKE2b is the project's hash; SHA-512 and SHA3-256 serve the formats of others;
 * SipHash-128 makes short ids for tables, never for consensus.
 * spec: chain 1.2, 1.7; SHA3-256 for the rule of 2018 is chain 1.1.
 *
 * Every function is total: it cannot fail on any input. Outputs may not overlap inputs. */
#ifndef ORRERY_CRYPTO_HASH_H
#define ORRERY_CRYPTO_HASH_H

#include "node/base/bytes.h"

enum {
    HASH_BYTES = 32,    /* BLAKE2b-256, SHA3-256 */
    HASH512_BYTES = 64, /* BLAKE2b-512, SHA-512 */
    HASH_KEY_BYTES_MAX = 64,
    SIPHASH_BYTES = 16,
    SIPHASH_KEY_BYTES = 16,
};

/* A part made of a string literal, without its final zero. */
#define SPAN_TEXT(literal) span_of("" literal, sizeof(literal) - 1)

/* BLAKE2b-256 and BLAKE2b-512 of data[0..len). */
void hash256(uint8_t out[HASH_BYTES], const void *data, size_t len);
void hash512(uint8_t out[HASH512_BYTES], const void *data, size_t len);

/* The same over the concatenation of parts[0..count), which is never built in memory. */
void hash256_parts(uint8_t out[HASH_BYTES], const struct span *parts, size_t count);
void hash512_parts(uint8_t out[HASH512_BYTES], const struct span *parts, size_t count);

/* Keyed BLAKE2b of any output length 16..64; key of 0..64 bytes. */
void hash_keyed_parts(uint8_t *out, size_t out_len, struct span key, const struct span *parts,
                      size_t count);

/* BLAKE2b in pieces: start, any number of adds, one end. Lengths as for hash_keyed_parts; an empty
 * key is no key. A stream may be copied to fork it. The end wipes it. It needs
 * alignment 64, which an arena does not give: keep it on the stack or in a struct of the module. */
struct hash_stream {
    _Alignas(64) uint8_t opaque[384];
    size_t out_len;
};

void hash_stream_start(struct hash_stream *stream, size_t out_len, struct span key);
void hash_stream_add(struct hash_stream *stream, const void *data, size_t len);
void hash_stream_end(struct hash_stream *stream, uint8_t *out);

void hash_sha512_parts(uint8_t out[HASH512_BYTES], const struct span *parts, size_t count);

void hash_sha3_256(uint8_t out[HASH_BYTES], const void *data, size_t len);

/* SipHash-2-4 with 128-bit output: ids of blobs and memo entries. Unpredictable without the key. */
void hash_siphash128(uint8_t out[SIPHASH_BYTES], const uint8_t key[SIPHASH_KEY_BYTES],
                     const void *data, size_t len);

#endif
