/* Transactions as encoded objects (docs/wire.md 4): what all families share. Pure functions. */
#ifndef ORRERY_CHAIN_TX_H
#define ORRERY_CHAIN_TX_H

#include "node/chain/genesis.h"
#include "node/crypto/sign.h"

#define TX_HEAD_BYTES (2 + 32 + 8 + 8 + 8)
#define TX_LEAST_BYTES (TX_HEAD_BYTES + SIGN_BYTES)
/* Fields of an encoded transaction (docs/wire.md 4) that are needed without decoding. */
#define TX_SENDER_AT 2
#define TX_NONCE_AT 34

enum tx_type {
#define FAMILY(type, name, text) TX_##name = type,
#include "node/chain/families.def"
#undef FAMILY
};

/* A decoded transaction; pointers point into bytes. */
struct tx {
    struct span bytes; /* the whole encoding */
    uint16_t type;
    const uint8_t *sender;
    uint64_t nonce, fee_max, expiry;
    struct span body;
};

/* Everything but the body. ERR_TRUNCATED, ERR_RANGE (longer than TX_BYTES_MAX). */
enum err tx_decode(struct tx *tx, struct span bytes) MUST_CHECK;

/* Encodes and signs; tx->bytes and tx->sender are not looked at. ERR_FULL, ERR_RANGE. */
enum err tx_build(uint8_t *out, size_t capacity, size_t *len, const struct tx *tx,
                  const uint8_t genesis_hash[32], const struct sign_secret *sender) MUST_CHECK;

/* What a family may use to check a transaction without a state, and the work it did. */
struct tx_check {
    struct shared *shared;
    const struct genesis *genesis;
    uint8_t verify, vrf_verify; /* signatures and VRF proofs checked */
};

/* The check of the transaction's family. ERR_INVALID: no such family; else the family's error. */
enum err tx_check_body(const struct tx *tx, struct tx_check *check) MUST_CHECK;

/* The signed messages of a node record: node_sig and the VRF key's proof of possession. alpha holds
 * TX_NODE_ALPHA_BYTES. */
#define TX_NODE_ALPHA_BYTES (20 + 32 + 32)
void tx_node_alpha(uint8_t alpha[TX_NODE_ALPHA_BYTES], const uint8_t genesis_hash[32],
                   const uint8_t owner[32]);
void tx_node_message(struct sign_message *message, const uint8_t genesis_hash[32],
                     const uint8_t owner[32], struct span record);

#endif
