/* Own production: for each new tip, when this account may sign its child; at that time, the block
 * (spec: chain 1.2; decisions 5 and 6). The header leaves only after it and its height are durable,
 * and no height is signed twice. */
#ifndef ORRERY_CHAIN_PRODUCER_H
#define ORRERY_CHAIN_PRODUCER_H

#include "node/chain/durable.h"
#include "node/chain/txpool.h"
#include "node/crypto/sign.h"
#include "node/crypto/vrf.h"

/* No wait is longer than this, so that a wall clock that jumps forward is noticed. */
#define PRODUCER_NAP_NS UINT64_C(60000000000)
#define PRODUCER_RETRY_NS UINT64_C(1000000000)

struct producer {
    bool has_account, on;

    /* The child of the tip that this account may sign. */
    bool late;       /* the legal time had passed when the tip was learnt: due_ns alone counts */
    bool failed;     /* the write of the signed block failed: to be written again at retry_ns */
    uint32_t parent; /* TREE_NONE: none, or not before another tip comes */
    uint64_t due_ns; /* when to look again */
    uint64_t retry_ns;
    struct signed_record signed_before;
    uint64_t ts_ms, delay_ms, bt;
    uint8_t beta[64];
    struct sign_secret account;
    struct vrf_secret vrf;

    /* The signed block that waits until it is durable. */
    uint32_t request;         /* 0: none */
    const struct blob *block; /* one reference each */
    const struct blob *state;
    uint32_t tx_count;
    struct tree_entry entry; /* as it will be linked; its parent by id, below */
    uint8_t parent_id[32];
    uint64_t block_delay_ms;
};

void producer_init(struct producer *producer, const struct node_config *config);
/* Gives back what waits. */
void producer_drop(struct producer *producer, struct shared *shared);

/* Aims at the child of this tip, an entry of the tree; TREE_NONE: at nothing. params: in force for
 * the child. */
void producer_aim(struct producer *producer, struct ctx *c, const struct tree *tree,
                  const struct params *params, uint32_t tip);
/* When there is something to do: signs and writes the block, or naps on. */
void producer_wake(struct producer *producer, struct ctx *c, const struct genesis *genesis,
                   const struct tree *tree, const struct params *params, const struct txpool *pool);
/* The answer to the write. True: the block in producer->entry may be linked and leave. The caller
 * takes over its references. */
bool producer_written(struct producer *producer, struct ctx *c, enum err err);
uint64_t producer_deadline_ns(const struct producer *producer);

#endif
