/* Inside of the state tree: hashes and bits, shared by smt*.c. */
#ifndef ORRERY_CHAIN_SMT_H
#define ORRERY_CHAIN_SMT_H

#include "node/chain/state.h"

#define SMT_INNER_BYTES 65
#define SMT_LEAF_HEAD_BYTES 33

static inline bool smt_is_empty(const uint8_t hash[32])
{
    return (load64(hash) | load64(hash + 8) | load64(hash + 16) | load64(hash + 24)) == 0;
}

/* Bit 0 is the highest bit of byte 0. */
static inline unsigned smt_bit(const uint8_t key[32], unsigned depth)
{
    return key[depth / 8] >> (7 - depth % 8) & 1u;
}

void smt_leaf_hash(uint8_t hash[32], const uint8_t key[32], const uint8_t value_hash[32]);
void smt_inner_hash(uint8_t hash[32], const uint8_t left[32], const uint8_t right[32]);

/* The node of a hash that is not empty. */
enum err smt_load(struct state_node *node, struct shared *shared,
                  const uint8_t hash[32]) MUST_CHECK;

#endif
