/* What a host tells a node once, before its first step. Shared parts are pointers that outlive the
 * node. */
#ifndef ORRERY_SEAM_CONFIG_H
#define ORRERY_SEAM_CONFIG_H

#include "node/seam/seam.h"

struct genesis;

struct seed_peer {
    uint8_t node_id[32];
    struct endpoint endpoint;
};

/* How blocks travel. plumtree: decision 4. simblock: announced, asked for, sent whole or in short,
 * as the published simulator SimBlock has it; an experiment (docs/scenarios.md). */
enum relay_mode { RELAY_PLUMTREE, RELAY_SIMBLOCK };

enum sync_choice { SYNC_FROM_GENESIS, SYNC_FROM_CHECKPOINT, SYNC_FROM_SNAPSHOT };

/* From when a producer waits out its delay. The block's date is parent.ts + delay in any case. From
 * the parent's date: the rule of the network; who learns of the parent late has waited already.
 * From when it learnt of the parent: as work does, for models of mining by work. */
enum delay_from { DELAY_FROM_PARENT, DELAY_FROM_LEARNING };

/* Policies and limits of the local node, equal for most nodes of a run: shared by pointer. None is
 * consensus. */
struct node_policy {
    uint32_t links_out; /* random links this node dials; 8 */
    uint32_t links_max; /* all links; <= LINKS_MAX */
    uint32_t
        mesh_links; /* committee mesh: random members beside the ring neighbours; 8 (decision 3) */
    uint64_t vote_flush_ns;    /* VOTE_BUNDLE flush; 25 ms */
    uint64_t lazy_flush_ns;    /* TX_IHAVE batch; 5 s */
    uint64_t vote_have_ns;     /* VOTE_HAVE; 2 s */
    uint32_t pool_txs_max;     /* pooled transactions; 4096 */
    uint32_t pool_sender_max;  /* per sender; 64 */
    uint32_t tree_entries_max; /* blocks above the last checkpoint; 2048 */
    uint64_t keep_blocks; /* final blocks below the checkpoint that stay on disk; 0: all. At least
                           * four epochs and the retarget window do */
    uint32_t fee_multiplier; /* that this node's blocks ask for, atomic units per byte */
    uint32_t delay_from;     /* enum delay_from */
    uint32_t buggify; /* bits: places that misbehave on purpose (buggify.def); simulator only */
    uint64_t ping_ns; /* 15 s; a link is dead after 3 misses */
    bool links_stay;  /* no random link is given up for another now and then */
    enum relay_mode relay;
    /* Of simblock. Shares are per 10^9. */
    uint32_t block_bytes;       /* a whole block is declared as so many; 0: as it is */
    uint32_t compact_bytes;     /* a block in short */
    uint32_t compact_ppb;       /* nodes that send and take blocks in short */
    uint32_t churn_ppb;         /* nodes whose pools are poor, for they come and go */
    uint32_t compact_fails_ppb; /* a block in short lacks something: at a node that stays */
    uint32_t churn_fails_ppb;   /* ... and at one that comes and goes */
    uint64_t *missing;          /* weights of 1 %, 2 %, ... of a block: what then is sent */
    uint64_t missing_count;     /* ... by a node that stays; none: 1 % always */
    uint64_t *churn_missing;    /* the same by one that comes and goes */
    uint64_t churn_missing_count;
};

/* Parts of a node begin on cache lines of their own, and what is written from its low end as need
 * be on a page of its own: else it would touch two. */
static inline size_t node_part_bytes(size_t bytes)
{
    return (bytes + 63) & ~(size_t)63;
}

static inline size_t node_room_bytes(size_t bytes)
{
    return (bytes + 4095) & ~(size_t)4095;
}

struct node_config {
    const struct genesis *genesis;
    const struct node_policy *policy;
    uint8_t account_seed[32]; /* all zero: a relay without an account */
    uint8_t vrf_seed[32];
    uint8_t node_seed[32];    /* its public key is the node id */
    struct endpoint endpoint; /* where it listens; port 0: not dialable */
    uint32_t roles;
    const struct seed_peer *seeds;
    size_t seed_count;
    enum sync_choice sync;
    uint64_t trusted_height; /* checkpoint and snapshot sync: a final block the operator trusts */
    uint8_t trusted_id[32];
};

#endif
