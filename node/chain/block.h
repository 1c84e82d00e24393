/* Headers and blocks (docs/wire.md 3). Pure functions over encoded bytes. */
#ifndef ORRERY_CHAIN_BLOCK_H
#define ORRERY_CHAIN_BLOCK_H

#include "node/base/bytes.h"
#include "node/base/err.h"
#include "node/crypto/sign.h"

#define HEADER_BYTES 334
#define HEADER_SIGNED_BYTES (HEADER_BYTES - 64)
#define HEADER_VERSION 1
#define BLOCK_BYTES_MAX (4u << 20)
#define BLOCK_TXS_MAX 65536
#define TX_BYTES_MAX 65536

struct header {
    uint16_t version;
    uint8_t genesis[32];
    uint64_t height;
    uint64_t ts_ms;
    uint8_t parent[32];
    uint8_t signer[32];
    uint8_t pi[80];
    uint64_t bt;
    uint8_t tx_root[32];
    uint8_t state_root[32];
    uint32_t fee_multiplier;
    uint8_t sig[64];
};

void header_encode(uint8_t out[HEADER_BYTES], const struct header *header);

/* ERR_TRUNCATED, ERR_TRAILING, ERR_VERSION. */
enum err header_decode(struct header *header, struct span bytes) MUST_CHECK;

/* Block id: H of the whole encoded header. */
void header_id(uint8_t id[32], const uint8_t bytes[HEADER_BYTES]);

/* What the signer of an encoded header signs, borrowed from it; the signature is its last 64
 * bytes. */
struct sign_message header_message(const uint8_t bytes[HEADER_BYTES]);

/* Signs an encoded header in place (its last 64 bytes) with the account's key. */
void header_sign(uint8_t bytes[HEADER_BYTES], const struct sign_secret *secret);

/* The signature only, by the signer and for the genesis that the header names. ERR_SIGNATURE. */
enum err header_verify(const uint8_t bytes[HEADER_BYTES]) MUST_CHECK;

/* Walks the transactions of an encoded block without copying. */
struct block_view {
    struct span header; /* HEADER_BYTES */
    uint64_t tx_count;
    struct span txs; /* the encoded list after its count */
};

/* Checks the whole shape, so that block_next_tx never meets a broken list. The header's fields and
 * the transactions are not looked at. ERR_TRUNCATED, ERR_TRAILING, ERR_NONCANONICAL; ERR_RANGE:
 * larger than BLOCK_BYTES_MAX, BLOCK_TXS_MAX or TX_BYTES_MAX. */
enum err block_view(struct block_view *view, struct span block) MUST_CHECK;

/* Takes the next transaction from rest (start with view.txs). ERR_NOT_FOUND at the end. */
enum err block_next_tx(struct span *tx, struct span *rest) MUST_CHECK;

/* Writes the block with these transactions. ERR_FULL when out is too small, ERR_RANGE when a limit
 * of the format would be passed. */
enum err block_build(uint8_t *out, size_t capacity, size_t *len, const uint8_t header[HEADER_BYTES],
                     const struct span *txs, size_t count) MUST_CHECK;

/* Merkle root over transaction ids. */
void block_tx_root(uint8_t root[32], const uint8_t (*ids)[32], size_t count);

#endif
