/* Whole peers without finality on the tiny wire: overlay, chain, relay and catching up, joined as
 * node/core joins them. Link `host`. */
#ifndef ORRERY_TESTS_SUPPORT_PEERS_H
#define ORRERY_TESTS_SUPPORT_PEERS_H

#include "node/chain/chain.h"
#include "node/chain/overlay.h"
#include "node/chain/relay.h"
#include "node/chain/sync.h"
#include "node/chain/tx.h"
#include "node/wire/frames.h"
#include "tests/support/wire_genesis.h"

struct peer {
    struct overlay *overlay;
    struct chain *chain;
    struct relay *relay;
    struct sync *sync;
    bool running;
};

struct peers {
    struct wire *wire;
    struct genesis genesis;
    const struct blob *genesis_state;
    struct sign_secret account[WIRE_NODES_MAX]; /* of the first `accounts` nodes */
    uint64_t nonce[WIRE_NODES_MAX];
    uint32_t accounts;
    struct peer node[WIRE_NODES_MAX];
    uint32_t submitted;
    uint8_t tx_ids[16][32]; /* of the last ones submitted, a ring */
    uint8_t tx[512];        /* the last one */
    size_t tx_len;
    uint8_t genesis_bytes[WIRE_GENESIS_BYTES];
    struct seed_peer seeds[2 * WIRE_NODES_MAX];
};

/* Nodes of which the first `accounts` have a stake and may produce; each knows its `known`
 * successors. Not started. */
struct peers *peers_new(uint32_t count, uint32_t accounts, uint32_t known, uint64_t seed);
/* The same with finality on, for whole nodes. */
struct peers *peers_finality(uint32_t count, uint32_t accounts, uint32_t known, uint64_t seed);
void peers_start(struct peers *peers, uint32_t node);
void peers_start_all(struct peers *peers);
/* Runs for so many seconds. */
void peers_run(struct peers *peers, uint64_t seconds);
/* The node loses its memory and hears nothing until it is started again; its links end. */
void peers_stop(struct peers *peers, uint32_t node);
/* All links of the node break. */
void peers_stop_links(struct peers *peers, uint32_t node);
/* Beside the record of the node's block at this height there is one before it of another block with
 * the same parent, as a block that lost may leave it. */
void peers_leave_loser(struct peers *peers, uint32_t node, uint64_t height);
/* Returns the blobs that are still alive. */
uint64_t peers_end(struct peers *peers);
/* A transfer of the node's own account enters the network there. */
enum err peers_transfer(struct peers *peers, uint32_t node);
const struct tree_entry *peers_tip(const struct peers *peers, uint32_t node);

#endif
