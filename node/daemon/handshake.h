/* How two ends of a new socket come to trust each other, without I/O: Noise IK between nodes that
 * know each other's static key, XX when the dialer does not, NK for clients (spec: stream 3;
 * decision 20).
 *
 *   prologue  "PX-LINK-1" | genesis hash
 *   message   length u16, big endian, = 256 | Noise message padded to 256 bytes: the patterns look
 * alike payload   version u16 | certificate 104 | zeros         a client's: version | zeros XX
 * message 1 is sent before there is a key: noise certificate  expiry u64 (ms) | node id | Ed25519
 * over "PX-noise-static-1" | network u32 | X25519 static | expiry
 *
 * The acceptor tries IK, then NK, and takes for XX what is neither. Whoever accepts may not believe
 * an IK or NK dialer before its first message over the channel has come: message 1 can be replayed.
 */
#ifndef ORRERY_DAEMON_HANDSHAKE_H
#define ORRERY_DAEMON_HANDSHAKE_H

#include "node/chain/genesis.h"
#include "node/crypto/noise.h"
#include "node/crypto/sign.h"

enum {
    HANDSHAKE_BYTES = 256,
    HANDSHAKE_MESSAGE_BYTES = 2 + HANDSHAKE_BYTES,
    CERTIFICATE_BYTES = 8 + 32 + SIGN_BYTES,
    LINK_VERSION = 1,
};

/* This node towards its peers. */
struct identity {
    uint8_t node_id[32];
    uint8_t transport_secret[NOISE_KEY_BYTES];
    uint8_t transport_public[NOISE_KEY_BYTES];
    uint8_t genesis_hash[32];
    uint32_t network;
    uint64_t expiry_ms; /* of the certificate */
    uint8_t certificate[CERTIFICATE_BYTES];
};

/* Certifies the transport key with the node key, for 30 days from now; again before it ends. */
void identity_make(struct identity *identity, const uint8_t node_seed[32],
                   const uint8_t transport_secret[NOISE_KEY_BYTES], const struct genesis *genesis,
                   uint64_t wall_ms);
void identity_wipe(struct identity *identity);

struct handshake {
    struct noise_handshake noise;
    const struct identity *identity;
    bool dialing;
    bool chosen;  /* an acceptor knows the pattern */
    bool expects; /* a dialer wants `peer` and nobody else */
    bool client;  /* the dialer is a client (NK): it has no node id */
    uint8_t ephemeral[NOISE_KEY_BYTES];
    uint8_t peer[32];                     /* node id of the other side once done */
    uint8_t peer_static[NOISE_KEY_BYTES]; /* its transport key once done, unless it is a client */
};

/* A dialer. pattern: NOISE_IK and NOISE_NK need peer_static; NOISE_XX none. peer NULL: whoever
 * answers. ephemeral: fresh random bytes. */
void handshake_dial(struct handshake *handshake, const struct identity *identity,
                    enum noise_pattern pattern, const uint8_t *peer, const uint8_t *peer_static,
                    const uint8_t ephemeral[NOISE_KEY_BYTES]);
void handshake_accept(struct handshake *handshake, const struct identity *identity,
                      const uint8_t ephemeral[NOISE_KEY_BYTES]);

bool handshake_writes(const struct handshake *handshake);
bool handshake_done(const struct handshake *handshake);
/* True when the other side has shown that it is there now, and not a replay. */
bool handshake_confirmed(const struct handshake *handshake);

enum err handshake_write(struct handshake *handshake,
                         uint8_t out[HANDSHAKE_MESSAGE_BYTES]) MUST_CHECK;
/* message without its length prefix. ERR_SIGNATURE: not for us, damaged, or no valid certificate;
 * ERR_VERSION; ERR_EXPIRED: the certificate; ERR_INVALID: another node answers than was dialed, or
 * a bad point. */
enum err handshake_read(struct handshake *handshake, const uint8_t message[HANDSHAKE_BYTES],
                        uint64_t wall_ms) MUST_CHECK;

void handshake_wipe(struct handshake *handshake);

#endif
