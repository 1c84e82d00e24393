/* One chain from genesis on, block after block, by the rules that a node holds blocks against: for
 * chains that come in a file. No fork choice, no pool; nothing is believed. */
#ifndef ORRERY_CHAIN_LINEAGE_H
#define ORRERY_CHAIN_LINEAGE_H

#include "node/chain/genesis.h"
#include "node/chain/tree.h"
#include "node/seam/ctx.h"

#define LINEAGE_ENTRIES 4

struct lineage {
    const struct genesis *genesis;
    struct tree tree; /* its base is the newest block */
    struct tree_entry entries[LINEAGE_ENTRIES];
    const struct blob *checkpoint; /* state of the newest checkpoint below the newest block */
    uint8_t checkpoint_root[32];
    uint64_t blocks, txs, decisions, instance;
};

/* genesis: its state built in c's store; state: its root, of which a reference is taken. */
void lineage_begin(struct lineage *lineage, struct shared *shared, const struct genesis *genesis,
                   const struct blob *state);
/* The next block: ERR_INVALID, ERR_SIGNATURE; ERR_UNKNOWN: not a child of the newest one. */
enum err lineage_block(struct lineage *lineage, struct ctx *c, const struct blob *block) MUST_CHECK;
/* The decision that made the newest block final. ERR_INVALID: of another block; ERR_SIGNATURE;
 * ERR_NOT_FOUND: the state does not say who had votes. */
enum err lineage_decision(struct lineage *lineage, struct ctx *c, struct span decision) MUST_CHECK;
const struct tree_entry *lineage_newest(const struct lineage *lineage);
void lineage_end(struct lineage *lineage, struct shared *shared);

#endif
