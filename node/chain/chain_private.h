/* The parts of a chain, for the files behind chain.h: blocks.c (what enters), tip.c (what a new tip
 * means), txs.c (the pool), checkpoint.c (what becomes final), recovery.c (what a restart finds),
 * chain.c (the rest). The hot part stands first and is small; arrays that most nodes never use
 * follow. */
#ifndef ORRERY_CHAIN_CHAIN_PRIVATE_H
#define ORRERY_CHAIN_CHAIN_PRIVATE_H

#include "node/chain/durable.h"
#include "node/chain/orphan.h"
#include "node/chain/producer.h"
#include "node/chain/tree.h"
#include "node/chain/txpool.h"

#define REFUSED_MAX 64
/* Signature checks of one step after which the rest waits for the next (decision 20). */
#define STEP_VERIFY_MAX 64
/* With finality off, how many blocks the durable checkpoint may lag behind the pruned one. */
#define DURABLE_LAG_BLOCKS 64

struct tracked_tx {
    uint8_t id[32];
    uint8_t sender[32];
    uint64_t nonce;
    uint64_t height; /* of inclusion on the best chain, 0: not yet */
};

enum recovery_phase {
    RECOVERY_META,   /* checkpoint, last signed height and last decision */
    RECOVERY_STATE,  /* the state of the checkpoint */
    RECOVERY_BLOCKS, /* the checkpoint's ancestors, then what stands above it */
    RECOVERY_REPLAY, /* every block from genesis: the checkpoint or its state is damaged */
    RECOVERY_DONE
};

struct recovery {
    enum recovery_phase phase;
    uint32_t waiting;    /* answers still due in META */
    uint32_t request[4]; /* c, s, f, a; [0] alone later */
    bool final_known;    /* `final` names the checkpoint to reach */
    bool final_whole;    /* and holds everything about it */
    bool signed_damaged;
    struct final_record final;
    const struct blob *state;   /* of the checkpoint, one reference */
    const struct blob *adopted; /* the record `a`, one reference; NULL: none */
    uint64_t height;            /* next ancestor expected */
    bool walked;                /* `before` holds the id of the one below */
    uint8_t before[32];
    uint64_t records;                         /* read so far */
    uint8_t from[RECORD_BLOCK_KEY_BYTES + 1]; /* where the next batch begins */
    size_t from_len;
};

/* What is final without a certificate as soon as it is here; height 0: nothing. */
struct trusted {
    uint64_t height;
    uint8_t id[32];
};

struct prune {
    uint64_t below;    /* blocks of lesser heights go */
    uint32_t request;  /* of the read on its way, 0: none */
    uint32_t from_len; /* nothing is left below this key */
    uint8_t from[RECORD_BLOCK_KEY_BYTES + 1];
};

struct chain {
    const struct node_config *config;
    const struct genesis *genesis;
    struct shared *shared;
    uint64_t wake_ns; /* deferred blocks, work left over */
    uint64_t final_instance;
    uint32_t params_of; /* the entry whose child `params` are of; TREE_NONE: read them */
    uint32_t tracked_count;
    struct producer producer;
    struct tree tree;
    struct params params; /* in force for the child of the tip */
    uint64_t again_ns;    /* the disk refused something: when all is offered again; DEADLINE_NONE */
    uint64_t durable_height;
    uint8_t durable_root[32]; /* of the newest durable checkpoint, zeros: genesis */
    bool final_refused;       /* the disk did not take the newest checkpoint */
    uint32_t final_writes;    /* checkpoints on their way to the disk, which takes them in order */
    const struct blob *final_decision; /* of the newest, until the disk has it; NULL: none */
    uint32_t refused_count, refused_next;
    struct trusted trust;
    struct recovery recovery;
    struct prune prune;
    struct txpool pool;
    struct orphans orphans;
    uint8_t (*refused)[32];     /* REFUSED_MAX, a ring */
    struct tracked_tx *tracked; /* TRACKED_TXS_MAX */
};

/* The arrays of a chain; those of tree and pool follow. */
struct chain_room {
    struct tracked_tx tracked[TRACKED_TXS_MAX];
    uint8_t refused[REFUSED_MAX][32];
    struct orphan orphans[ORPHANS_MAX];
};

/* --- blocks.c --- */
/* Links a block of an own record: no writes, no news, whatever its date. */
enum err blocks_replay(struct chain *chain, struct ctx *c, uint32_t *index,
                       const struct blob *block) MUST_CHECK;
/* Goes on with blocks that wait and can be judged now, then tells about a tip that differs from
 * old_tip. */
void blocks_settle(struct chain *chain, struct ctx *c, struct chain_news *news, uint32_t old_tip);
/* Links an own block that is durable. */
void blocks_own(struct chain *chain, struct ctx *c, struct chain_news *news);

/* --- tip.c --- */
/* The tree's tip differs from old_tip, which is still in the tree. */
void tip_changed(struct chain *chain, struct ctx *c, uint32_t old_tip);
/* Reads the parameters of the tip and aims production at it. */
void tip_refresh(struct chain *chain, struct ctx *c);

/* Parameters in force for the child of an entry. ERR_UNKNOWN: its state is gone. */
enum err tip_params(struct params *params, const struct chain *chain, uint32_t parent) MUST_CHECK;

/* --- checkpoint.c --- */
/* Another block of this height is trusted. */
bool trust_contradicted(const struct chain *chain, uint64_t height, const uint8_t id[32]);
/* Makes the trusted block final once it stands in the tree. True when it did: the tip may differ
 * and entries may be gone. */
bool trust_follow(struct chain *chain, struct ctx *c);
/* Cuts the tree below `to` and away from it, on disk too. written: as a durable checkpoint with its
 * decision. The tip descends from `to`. ERR_FULL: no scratch, nothing changed. */
enum err checkpoint_cut(struct chain *chain, struct ctx *c, uint32_t to,
                        const struct blob *decision, bool written) MUST_CHECK;
/* Writes a checkpoint, with its decision (NULL: none was seen) and without the losers' blocks. */
void checkpoint_write(struct chain *chain, struct ctx *c, uint32_t to, const struct blob *decision,
                      const uint32_t *losers, size_t count);
/* The answer to the oldest of those writes. */
void checkpoint_written(struct chain *chain, const struct ctx *c, enum err err);
/* Offers what the disk refused to it again if it is time. */
void checkpoint_wake(struct chain *chain, struct ctx *c);
/* With finality off: forgets what is deeper than rollback_max_blocks. */
void checkpoint_follow(struct chain *chain, struct ctx *c);

/* --- txs.c --- */
/* chain_tx_add without a trace. */
enum err txs_add(struct chain *chain, struct ctx *c, uint8_t id[32],
                 const struct blob *tx) MUST_CHECK;
/* Reports own transactions in blocks up to this height as final and follows them no more. */
void txs_final(struct chain *chain, struct ctx *c, uint64_t height);
/* Evidence joined the best chain: other proofs that nobody needs any more leave the pool, for each
 * would keep its account's next transactions waiting behind it. */
void txs_proofs_sweep(struct chain *chain);

/* --- prune.c --- */
/* A checkpoint was written: what it makes old goes. */
void prune_begin(struct chain *chain, struct ctx *c);
/* False: the answer is somebody else's. */
bool prune_read_done(struct chain *chain, struct ctx *c, const struct event *event);

/* --- recovery.c --- */
void recovery_drop(struct chain *chain);

/* --- chain.c --- */
void chain_base_genesis(struct chain *chain);

#endif
