/* The genesis of a network (docs/wire.md 5): one immutable object shared by all nodes of a host. */
#ifndef ORRERY_CHAIN_GENESIS_H
#define ORRERY_CHAIN_GENESIS_H

#include "node/base/blob.h"
#include "node/chain/params.h"
#include "node/chain/record.h"

#define GENESIS_PARAMS_MAX 256
#define GENESIS_ACCOUNTS_MAX (1u << 20)
#define GENESIS_NODES_MAX (1u << 20)
#define GENESIS_ACCOUNT_BYTES (32 + 8 + 8)
#define TOKEN_ATOMIC UINT64_C(1000000) /* atomic units of one token */
#define TOKENS_MAX                                                                                 \
    (UINT64_C(1) << 36) /* all tokens: keeps delays within 128 bits (spec: chain 1.2) */

struct genesis {
    struct span bytes; /* the encoded file, owned by the host */
    uint8_t hash[32];  /* H("xpx/genesis/1" || bytes): the id of block 0 */
    uint32_t network;
    uint64_t ts_ms;
    uint8_t seed[32];
    uint8_t governor[32];
    struct params params;
    struct list accounts; /* of GENESIS_ACCOUNT_BYTES, into bytes; see genesis_account_at */
    struct span nodes; /* encoded (owner, record) pairs, into bytes; walk with genesis_next_node */
    size_t node_count;
    uint64_t minted;        /* sum of all free and bonded, atomic */
    uint64_t bonded_tokens; /* sum over accounts of whole tokens bonded */
    uint64_t bt;            /* base target of block 0 */
    uint8_t gs[32];         /* generation signature of block 0 */
    uint8_t state_root[32]; /* filled by genesis_build_state */
};

struct arena;

struct genesis_account {
    uint8_t key[32];
    uint64_t free, bonded;
};

struct genesis_node {
    uint8_t owner[32];
    struct span record; /* encoded node record */
};

/* Encodes network, ts_ms, seed, governor and params of facts with these accounts and nodes (both
 * ascending), then checks the result as genesis_decode does. ERR_FULL, or an error of decode. */
enum err genesis_encode(uint8_t *out, size_t capacity, size_t *len, const struct genesis *facts,
                        const struct genesis_account *accounts, size_t account_count,
                        const struct genesis_node *nodes, size_t node_count) MUST_CHECK;

/* Decodes and checks everything but the state. bytes must outlive genesis.
 * ERR_VERSION; ERR_NONCANONICAL: keys, accounts or owners do not ascend, or a parameter is written
 * with its default; ERR_UNKNOWN: no such parameter, or a node's owner has no account; ERR_RANGE: a
 * parameter out of range, an empty account, or more than TOKENS_MAX; ERR_INVALID: params_check, or
 * nobody has stake; and the errors of codec.h. That no two nodes share an id is checked by
 * genesis_build_state. */
enum err genesis_decode(struct genesis *genesis, struct span bytes) MUST_CHECK;

void genesis_account_at(struct genesis_account *account, const struct genesis *genesis, size_t i);

/* Takes the next node from rest (start with genesis->nodes); false at the end. */
bool genesis_next_node(struct genesis_node *node, struct span *rest);

/* Makes the state of block 0 in the host's store, fills state_root and returns the root blob with
 * one reference. */
enum err genesis_build_state(struct genesis *genesis, const struct blob **root,
                             struct shared *shared, struct arena *scratch) MUST_CHECK;

#endif
