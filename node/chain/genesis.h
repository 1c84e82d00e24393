/* The genesis of a network (docs/wire.md 5): one immutable object shared by all nodes of a host. */
#ifndef ORRERY_CHAIN_GENESIS_H
#define ORRERY_CHAIN_GENESIS_H

#include "node/base/blob.h"
#include "node/chain/params.h"

struct genesis {
    struct span bytes; /* the encoded file, owned by the host */
    uint8_t hash[32];  /* H("xpx/genesis/1" || bytes): the id of block 0 */
    uint32_t network;
    uint64_t ts_ms;
    uint8_t seed[32];
    uint8_t governor[32];
    struct params params;
    uint64_t minted;        /* sum of all free and bonded, atomic */
    uint64_t bonded_tokens; /* whole tokens bonded */
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

/* Encodes a genesis. Accounts and nodes must be ascending. ERR_FULL, ERR_INVALID. */
enum err genesis_encode(uint8_t *out, size_t capacity, size_t *len, const struct genesis *facts,
                        const struct genesis_account *accounts, size_t account_count,
                        const struct genesis_node *nodes, size_t node_count) MUST_CHECK;
/* Decodes and checks everything but the state. bytes must outlive genesis. */
enum err genesis_decode(struct genesis *genesis, struct span bytes) MUST_CHECK;
/* Makes the state of block 0 in the host's store, fills state_root and returns the root blob with
 * one reference. */
enum err genesis_build_state(struct genesis *genesis, const struct blob **root,
                             struct shared *shared, struct arena *scratch) MUST_CHECK;

#endif
