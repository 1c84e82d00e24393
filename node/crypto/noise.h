/* Noise handshakes and transport ciphers, protocol 25519_ChaChaPoly_BLAKE2b (The Noise Protocol
 * Framework, revision 34; spec: stream 3). It does no I/O and draws no random numbers: the caller
 * hands in the ephemeral secret, moves messages, and is told of every message that does not verify.
 *
 * Links use IK between nodes, XX when the responder's static key is not known, NK for clients;
 * circuits use NK. The other fundamental patterns cost a line each and let the public vectors
 * test the same machine.
 *
 * A handshake is single use: after an error it refuses everything. */
#ifndef ORRERY_CRYPTO_NOISE_H
#define ORRERY_CRYPTO_NOISE_H

#include "node/base/bytes.h"
#include "node/base/err.h"

enum {
    NOISE_KEY_BYTES = 32,
    NOISE_HASH_BYTES = 64,
    NOISE_TAG_BYTES = 16,
    NOISE_MESSAGE_BYTES_MAX = 65535,
};

enum noise_pattern {
    NOISE_NN,
    NOISE_NK,
    NOISE_NX,
    NOISE_KN,
    NOISE_KK,
    NOISE_KX,
    NOISE_XN,
    NOISE_XK,
    NOISE_XX,
    NOISE_IN,
    NOISE_IK,
    NOISE_IX,
    NOISE_PATTERNS
};

/* One direction of a transport, or the cipher inside a handshake. */
struct noise_cipher {
    uint8_t key[NOISE_KEY_BYTES];
    uint64_t nonce; /* of the next message */
    bool keyed;
};

struct noise_handshake {
    enum noise_pattern pattern;
    bool initiator;
    bool failed;
    uint8_t message; /* the next one, from 0 */
    bool has_local_static, has_remote_static;
    uint8_t local_static[NOISE_KEY_BYTES], local_static_public[NOISE_KEY_BYTES];
    uint8_t local_ephemeral[NOISE_KEY_BYTES], local_ephemeral_public[NOISE_KEY_BYTES];
    uint8_t remote_static[NOISE_KEY_BYTES]; /* once has_remote_static */
    uint8_t remote_ephemeral[NOISE_KEY_BYTES];
    uint8_t chaining_key[NOISE_HASH_BYTES];
    uint8_t hash[NOISE_HASH_BYTES];
    struct noise_cipher cipher;
};

/* What a side brings. Pointers to NOISE_KEY_BYTES, copied; NULL where the pattern needs none. */
struct noise_keys {
    const uint8_t *local_static;    /* secret */
    const uint8_t *remote_static;   /* public, known beforehand */
    const uint8_t *local_ephemeral; /* secret, fresh for this handshake, never used again */
};

/* The X25519 public key of a secret. */
void noise_public(uint8_t public_key[NOISE_KEY_BYTES], const uint8_t secret[NOISE_KEY_BYTES]);

/* Begins a handshake. A key that the pattern needs and keys lack is our own bug (invariant). */
void noise_start(struct noise_handshake *handshake, enum noise_pattern pattern, bool initiator,
                 struct span prologue, const struct noise_keys *keys);

/* True when this side writes the next message; false when it reads, or when all are done. */
bool noise_writes(const struct noise_handshake *handshake);
bool noise_done(const struct noise_handshake *handshake);

/* Bytes that the next message has beside its payload. */
size_t noise_overhead(const struct noise_handshake *handshake);

/* Makes the next message from payload. ERR_FULL: out is too small or the message longer than
 * NOISE_MESSAGE_BYTES_MAX; ERR_INVALID: a remote key gives the all-zero secret; ERR_USAGE: it is
 * not this side's turn. */
enum err noise_write(struct noise_handshake *handshake, uint8_t *out, size_t capacity, size_t *len,
                     struct span payload) MUST_CHECK;

/* Reads the next message; its payload goes to out, which may be the message's own memory.
 * ERR_TRUNCATED; ERR_SIGNATURE: it does not decrypt; ERR_FULL; ERR_INVALID and ERR_USAGE as
 * above. */
enum err noise_read(struct noise_handshake *handshake, uint8_t *out, size_t capacity, size_t *len,
                    struct span message) MUST_CHECK;

/* After the last message: the ciphers of both directions and the handshake's hash, which binds what
 * follows to it. Wipes the handshake. */
void noise_split(struct noise_handshake *handshake, struct noise_cipher *send,
                 struct noise_cipher *receive, uint8_t hash[NOISE_HASH_BYTES]);

void noise_wipe(struct noise_handshake *handshake);

/* Transport: out holds len + NOISE_TAG_BYTES and may be the plaintext's own memory. ERR_FULL: the
 * last nonce is used up. */
enum err noise_encrypt(struct noise_cipher *cipher, uint8_t *out, const uint8_t *plain,
                       size_t len) MUST_CHECK;

/* message of len bytes, its tag included; out holds len - NOISE_TAG_BYTES and may be the message's
 * own memory. ERR_TRUNCATED; ERR_SIGNATURE: damaged, replayed or out of order; the nonce stays. */
enum err noise_decrypt(struct noise_cipher *cipher, uint8_t *out, const uint8_t *message,
                       size_t len) MUST_CHECK;

/* REKEY of the framework, 4.2: a one-way step of the key; the nonce goes on. */
void noise_rekey(struct noise_cipher *cipher);

#endif
