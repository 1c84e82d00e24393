/* The block tree of one node: what is known above the last checkpoint, which tip is best, what is
 * final (spec: chain 1.2, 1.5; decisions 6, 10, 13). Owns: tree entries, orphans, the durable block
 * records, production, the transaction pool's view of the tip. Is told: whole blocks, headers,
 * decisions, time. Tells: tip changes, blocks to relay, blocks to fetch (through the calls of
 * relay.h and sync.h made by core). */
#ifndef ORRERY_CHAIN_CHAIN_H
#define ORRERY_CHAIN_CHAIN_H

#include "node/chain/execute.h"
#include "node/chain/production.h"
#include "node/seam/config.h"
#include "node/seam/ctx.h"

#define TREE_NONE UINT32_MAX

/* A block that is executed and obeys every rule: nothing else enters the tree. Blocks that wait for
 * their parent or their time stand elsewhere, and of refused ones only the id is kept. The index
 * of an entry does not change while it lives. */
struct tree_entry {
    uint8_t id[32];
    uint8_t gs[32]; /* generation signature that the children draw from */
    uint8_t signer[32];
    uint8_t state_root[32];
    uint64_t height, ts_ms, bt;
    u128 score;               /* sum over the chain from genesis */
    const struct blob *state; /* root of the state after the block, one reference */
    const struct blob *block; /* the encoded block (it begins with the header), one reference;
                                 NULL for genesis */
    uint64_t order;           /* counts arrivals: of equal scores the first seen is kept */
    uint32_t parent;          /* TREE_NONE for the oldest kept, which is the checkpoint */
    uint32_t child, sibling;  /* first child, next child of the same parent */
    uint32_t bucket_next;     /* of the tree's index */
};

struct chain; /* in the node's slab; see chain_bytes */
struct txpool;

size_t chain_bytes(const struct node_config *config);
void chain_init(struct chain *chain, const struct node_config *config, struct shared *shared);
/* In two parts, so that the heads of all modules may stand together: chain_head_bytes, which every
 * step touches, and room (zeroed) for the rest. chain_bytes covers both, the room behind the head.
 */
size_t chain_head_bytes(void);
void chain_init_apart(struct chain *chain, void *room, const struct node_config *config,
                      struct shared *shared);
void chain_drop(struct chain *chain); /* gives back all blobs */

/* --- reading the tree --- */
const struct tree_entry *chain_entry(const struct chain *chain, uint32_t index);
/* The entry of a block, or TREE_NONE. */
uint32_t chain_find(const struct chain *chain, const uint8_t id[32]);
/* True when the block broke a rule here not long ago: do not fetch it again. */
bool chain_refused(const struct chain *chain, const uint8_t id[32]);
/* True when the whole block is here: in the tree, or waiting for its parent or its time. */
bool chain_holds(const struct chain *chain, const uint8_t id[32]);
/* What to ask for to get this block: itself, or, where it waits, the oldest ancestor that is not
 * here; its height with it (0: not known). */
void chain_lacking(const struct chain *chain, uint8_t id[32], uint64_t *height);
uint32_t chain_tip(const struct chain *chain);
uint32_t chain_final(const struct chain *chain); /* last checkpoint, genesis at first */
/* Instances decided so far: 0 at first. Its checkpoint is at height instance * E. */
uint64_t chain_final_instance(const struct chain *chain);
/* Is the last checkpoint on the disk? Nothing is signed that stands on it before. */
bool chain_final_stored(const struct chain *chain);
/* The ancestor of `from` at a height, or TREE_NONE when that is below the checkpoint. */
uint32_t chain_ancestor(const struct chain *chain, uint32_t from, uint64_t height);
bool chain_descends(const struct chain *chain, uint32_t index, uint32_t ancestor);
/* Another entry of the same height and signer with another id (evidence H), or TREE_NONE. */
uint32_t chain_rival(const struct chain *chain, uint32_t index);
/* In force for the child of the tip. */
const struct params *chain_params(const struct chain *chain);
const struct genesis *chain_genesis(const struct chain *chain);

/* --- what finality asks (spec: chain 1.5 valid(v); decision 13) --- */
enum chain_verdict { CHAIN_UNKNOWN, CHAIN_VALID, CHAIN_INVALID };
/* valid(v) for instance i: executed, height i*E, descends from checkpoint i-1, ts <= now +
 * maxFuture. CHAIN_UNKNOWN while it may become valid: not here, in the future, or checkpoint i-1
 * is not decided here. */
enum chain_verdict chain_value_check(struct chain *chain, const struct ctx *c, uint64_t instance,
                                     const uint8_t id[32]);
/* The block at height i*E on the best chain once the tip is d above it. ERR_EARLY. */
enum err chain_value_propose(const struct chain *chain, uint64_t instance,
                             uint8_t id[32]) MUST_CHECK;
/* On my best chain. */
bool chain_value_preferred(const struct chain *chain, const uint8_t id[32]);
/* Makes the decision of `instance` final: prunes what does not descend from it, moves the tip when
 * it was pruned (chain_tip differs afterwards), writes the records. Instances may be skipped: a
 * decision implies those of its ancestors. decision: the encoded object. ERR_UNKNOWN when the block
 * is not executed here yet (fetch it, then call again); ERR_STALE when instance is not above the
 * last; ERR_INVALID when the block is not at height i*E; ERR_EARLY while chain_trust_pending. */
enum err chain_finalize(struct chain *chain, struct ctx *c, uint64_t instance, const uint8_t id[32],
                        const struct blob *decision) MUST_CHECK;

/* --- blocks in --- */
#define NEWS_ACCEPTED_MAX 16

/* What a call did. Begins zeroed; several calls of one step may add to it. */
struct chain_news {
    uint32_t link;        /* set by the caller: where the block came from (for the trace) */
    uint32_t missing_txs; /* set by the caller: transactions of it that were not in the pool */
    bool tip_changed;
    uint32_t accepted_count;
    /* New entries, oldest first: a block and orphans that waited for it. chain_finalize may remove
     * one before it is looked at: its block is NULL then. */
    uint32_t accepted[NEWS_ACCEPTED_MAX];
    bool missing;               /* the ancestor of an orphan is unknown and wants fetching */
    uint8_t missing_parent[32]; /* its id */
    uint64_t missing_height;    /* 0: not known */
};
/* A whole encoded block. ERR_DUPLICATE; ERR_UNKNOWN (kept as orphan, news.missing set); ERR_EARLY
 * (kept until its time: dated beyond maxFuture); ERR_STALE (at or below the checkpoint); ERR_FULL;
 * ERR_INVALID and ERR_SIGNATURE: the sender is to blame for these two only. A call does bounded
 * work (decision 20); what remains goes on at the next wake, which is then due at once. */
enum err chain_block(struct chain *chain, struct ctx *c, struct chain_news *news,
                     const struct blob *block) MUST_CHECK;
/* A header whose body is not here yet: signature, VRF, delay, time and base target. Adds nothing.
 * ERR_DUPLICATE: the block is here; ERR_UNKNOWN: its parent is not; else as chain_block. */
enum err chain_header(struct chain *chain, struct ctx *c,
                      const uint8_t header[HEADER_BYTES]) MUST_CHECK;

/* True while this node begins from a block that its operator trusts (config: trusted_height, any
 * sync but from genesis) and does not have it yet: nothing that is decided below it can be judged,
 * for old keys sign any history, so no decision is taken and no value is valid until it is here.
 * Then it is final without a certificate. */
bool chain_trust_pending(const struct chain *chain);
/* While that is so: the trusted block, or one of its ancestors on the way to it. When it is here it
 * is final, and no other block of its height is taken. */
void chain_trust(struct chain *chain, const struct ctx *c, uint64_t height, const uint8_t id[32]);
/* How far above the checkpoint a block may be that something waits for: what lies between must
 * stand in half of the tree. */
uint64_t chain_reach(const struct chain *chain);

/* Snapshot sync: puts a final block that the operator trusts under an empty tree, in place of
 * genesis. headers: the checkpoint's header and its ancestors, newest first, `count` of them (down
 * to genesis or at least RETARGET_WINDOW). The state under the header's state_root must be complete
 * in the store. Only the hash chain is checked. ERR_INVALID, ERR_UNKNOWN (no such state), ERR_STALE
 * (the chain has a checkpoint already at or above it). */
enum err chain_adopt(struct chain *chain, struct ctx *c, const uint8_t id[32],
                     const uint8_t (*headers)[HEADER_BYTES], size_t count,
                     const struct blob *block) MUST_CHECK;

/* --- transactions --- */
/* Into the pool. Charges a signature check: who knows the id asks chain_tx_get first.
 * ERR_DUPLICATE, ERR_FULL (limits), ERR_FEE (replacement must offer a tenth more; the pool is full
 * of better ones), ERR_STALE (nonce), ERR_EXPIRED, ERR_BALANCE, ERR_INVALID, ERR_SIGNATURE. id
 * stays zero when the bytes themselves are at fault; else it is only the state at the tip that
 * refuses them, which another branch may not, and whoever sent them is not to blame. */
enum err chain_tx_add(struct chain *chain, struct ctx *c, uint8_t id[32],
                      const struct blob *tx) MUST_CHECK;
/* The pooled transaction or NULL; no reference added. */
const struct blob *chain_tx_get(const struct chain *chain, const uint8_t id[32]);
/* Everything that waits, for hosts that list it (txpool.h). */
const struct txpool *chain_pool(const struct chain *chain);
/* found[i] = the pooled transaction whose short id (docs/wire.md 9, keyed by the block id) equals
 * short_ids[i], or NULL when there is none or two; no references. Returns how many were found. */
size_t chain_tx_match(struct chain *chain, struct ctx *c, const struct blob **found,
                      const uint8_t block_id[32], const uint64_t *short_ids, size_t count);
/* The transaction, just added, is an own one: its inclusion and finality are traced. */
void chain_tx_track(struct chain *chain, const uint8_t id[32]);
/* The next nonce of an account: state at the tip plus what is pooled without a gap. */
uint64_t chain_account_nonce(struct chain *chain, struct ctx *c, const uint8_t account[32]);
/* A transaction of the account with a greater nonce is pooled. */
bool chain_tx_waits(const struct chain *chain, const uint8_t account[32], uint64_t nonce);

/* --- life --- */
/* Asks for the durable records. */
void chain_start(struct chain *chain, struct ctx *c);
/* True when the answer was the chain's. done is set once recovery is complete. */
bool chain_read_done(struct chain *chain, struct ctx *c, const struct event *event, bool *done);
/* The write is nobody else's. True when it was the chain's: an own block is durable and in
 * news.accepted; produced gets it (no reference added) or NULL; or the disk has a checkpoint. */
bool chain_write_done(struct chain *chain, struct ctx *c, const struct event *event,
                      struct chain_news *news, const struct blob **produced);
/* A write failed that nobody waits for: whatever a checkpoint stands on and that was here then is
 * written again with it. */
void chain_write_failed(struct chain *chain, const struct ctx *c);
/* Own production, deferred blocks, work left over. */
void chain_wake(struct chain *chain, struct ctx *c, struct chain_news *news);
uint64_t chain_deadline_ns(const struct chain *chain);
/* Whether this node may produce now (it may at first): off while it is catching up. */
void chain_produce(struct chain *chain, struct ctx *c, bool on);
void chain_digest(const struct chain *chain, uint8_t digest[32]);

#endif
