/* The other leaves of the state (docs/wire.md 6): nodes, parameters, totals, validators. Pure
 * functions over values as state.h gives them. Decoders: the errors of codec.h; ERR_CORRUPT when it
 * is another kind of leaf. Keys: leaf_key_u64 and leaf_key_id. */
#ifndef ORRERY_CHAIN_LEAVES_H
#define ORRERY_CHAIN_LEAVES_H

#include "node/chain/params.h"
#include "node/chain/record.h"
#include "node/chain/state.h"

void leaf_key_id(uint8_t key[32], enum state_kind kind, const uint8_t id[32]);
void leaf_key_u64(uint8_t key[32], enum state_kind kind, uint64_t id);
void leaf_key_single(uint8_t key[32], enum state_kind kind); /* the kinds that have one leaf */

/* --- node (2) --- */
enum node_status { NODE_ACTIVE = 1, NODE_LEFT = 2 };
struct node_leaf {
    const uint8_t *owner;
    struct node_record record;
    uint8_t status;
    uint64_t height; /* of the last change */
};
#define NODE_LEAF_BYTES_MAX (33 + 32 + RECORD_BYTES_MAX + 1 + 8)
void node_leaf_encode(uint8_t *out, size_t *len, const struct node_leaf *leaf);
enum err node_leaf_decode(struct node_leaf *leaf, struct span value) MUST_CHECK;

/* --- params (10) --- */
#define PARAMS_PENDING 64
struct param_change {
    uint64_t height; /* first block it holds for */
    uint16_t code;
    uint64_t value;
};
struct params_leaf {
    struct params params;
    size_t count;
    struct param_change pending[PARAMS_PENDING]; /* ascending heights, then as they came */
};
#define PARAMS_LEAF_BYTES_MAX (1 + 2 + 256 * 10 + 1 + PARAMS_PENDING * 18)
void params_leaf_encode(uint8_t *out, size_t *len, const struct params_leaf *leaf);
/* An empty value is the leaf that does not exist: all defaults. */
enum err params_leaf_decode(struct params_leaf *leaf, struct span value) MUST_CHECK;
/* Adds a change. ERR_FULL; ERR_INVALID, ERR_RANGE, ERR_UNKNOWN when it or a later one breaks
 * params_check. */
enum err params_leaf_add(struct params_leaf *leaf, struct param_change change) MUST_CHECK;
/* Makes the changes due at height effective; false when there was none. */
bool params_leaf_activate(struct params_leaf *leaf, uint64_t height);

/* --- totals (12) --- */
#define SLASH_EPOCHS 8 /* how long a slash weighs on the next one (spec: chain 1.6) */
struct totals {
    uint64_t minted, burned;
    size_t count;
    struct {
        uint64_t epoch, amount;
    } slashed[SLASH_EPOCHS]; /* ascending epochs */
};
#define TOTALS_BYTES_MAX (1 + 8 + 8 + 1 + SLASH_EPOCHS * 16)
void totals_encode(uint8_t *out, size_t *len, const struct totals *totals);
enum err totals_decode(struct totals *totals, struct span value) MUST_CHECK;
/* Adds to the stake slashed in epoch and returns the sum over the last SLASH_EPOCHS. */
uint64_t totals_slash(struct totals *totals, uint64_t epoch, uint64_t amount);

/* --- validators (11) --- */
#define VALIDATORS_LIMIT 4096
/* An empty value is the empty list. Keys of 32 bytes, ascending. */
enum err validators_decode(struct list *keys, struct span value) MUST_CHECK;

#endif
