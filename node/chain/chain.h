/* The block tree of one node: what is known above the last checkpoint, which tip is best, what is final (spec: chain 1.2, 1.5;
 * decisions 6, 10, 13). Owns: tree entries, orphans, the durable block records, production, the transaction pool's view of the
 * tip. Is told: whole blocks, headers, decisions, time. Tells: tip changes, blocks to relay, blocks to fetch (through the calls of
 * relay.h and sync.h made by core). */
#ifndef ORRERY_CHAIN_CHAIN_H
#define ORRERY_CHAIN_CHAIN_H

#include "node/chain/execute.h"
#include "node/chain/production.h"
#include "node/seam/ctx.h"

#define TREE_NONE UINT32_MAX

/* A block whose parent is known here. Executed before it is linked, so an entry that is VALID has a state. */
enum tree_status {
    TREE_HEADER,   /* header verified, body not here yet */
    TREE_VALID,    /* executed, state root equals the header's */
    TREE_INVALID   /* breaks a rule; kept so that it is not fetched again */
};

struct tree_entry {
    uint8_t id[32];
    uint32_t parent; /* TREE_NONE for the oldest kept */
    uint8_t status;
    uint64_t height, ts_ms, bt;
    u128 score; /* sum over the chain from genesis */
    uint8_t gs[32];
    uint8_t signer[32];
    uint8_t state_root[32];
    const struct blob *state; /* one reference on the root while the entry lives (valid entries above or at the last checkpoint and a few below) */
    const struct blob *block; /* the encoded block (it begins with the header), one reference; NULL when only on disk */
};

struct chain; /* in the node's slab; see chain_bytes */

size_t chain_bytes(const struct node_config *config);
void chain_init(struct chain *chain, const struct node_config *config, struct shared *shared);
void chain_drop(struct chain *chain); /* gives back all blobs */

/* --- reading the tree --- */
const struct tree_entry *chain_entry(const struct chain *chain, uint32_t index);
uint32_t chain_find(const struct chain *chain, const uint8_t id[32]);            /* TREE_NONE */
uint32_t chain_tip(const struct chain *chain);                                   /* best valid tip */
uint32_t chain_final(const struct chain *chain);                                 /* last checkpoint, genesis at first */
uint64_t chain_final_instance(const struct chain *chain);                        /* instances decided so far: 0 at first */
uint32_t chain_ancestor(const struct chain *chain, uint32_t from, uint64_t height); /* TREE_NONE when below the oldest kept */
bool chain_descends(const struct chain *chain, uint32_t index, uint32_t ancestor);
/* Another entry of the same height and signer with another id (evidence H), or TREE_NONE. */
uint32_t chain_rival(const struct chain *chain, uint32_t index);
const struct params *chain_params(const struct chain *chain);                    /* in force at the tip */
const struct genesis *chain_genesis(const struct chain *chain);

/* --- what finality asks (spec: chain 1.5 valid(v); decision 13) --- */
enum chain_verdict { CHAIN_UNKNOWN, CHAIN_VALID, CHAIN_INVALID };
/* valid(v) for instance i: executed, height i*E, descends from checkpoint i-1, ts <= now + maxFuture (CHAIN_UNKNOWN while in the future). */
enum chain_verdict chain_value_check(struct chain *chain, const struct ctx *c, uint64_t instance, const uint8_t id[32]);
/* The block at height i*E on the best chain once the tip is d above it. ERR_EARLY. */
enum err chain_value_propose(const struct chain *chain, uint64_t instance, uint8_t id[32]) MUST_CHECK;
bool chain_value_preferred(const struct chain *chain, const uint8_t id[32]); /* on my best chain */
/* Makes the decision of `instance` final: prunes other branches, moves the tip below the new checkpoint if it must, writes block,
 * decision and state records. ERR_UNKNOWN when the block is not executed here yet (fetch it, then call again); ERR_EARLY when
 * instance is not the next. */
enum err chain_finalize(struct chain *chain, struct ctx *c, uint64_t instance, const uint8_t id[32], const struct blob *decision) MUST_CHECK;

/* --- blocks in --- */
struct chain_news {
    bool tip_changed;
    uint32_t accepted[16]; /* entries that became valid by this call, oldest first (a block and orphans that waited for it) */
    uint32_t accepted_count;
    bool missing; /* the parent of a block is unknown: missing_parent wants fetching */
    uint8_t missing_parent[32];
};
/* A whole encoded block. ERR_DUPLICATE, ERR_UNKNOWN (kept as orphan, news.missing set), ERR_EARLY (deferred: dated beyond maxFuture),
 * ERR_STALE (below the checkpoint), ERR_INVALID, ERR_SIGNATURE: sender is to blame for the last two only. Bounded work per call. */
enum err chain_block(struct chain *chain, struct ctx *c, struct chain_news *news, const struct blob *block) MUST_CHECK;
/* A header whose body is not here yet: checks everything that needs no state change (parent known and valid: signature, VRF, delay, bt). */
enum err chain_header(struct chain *chain, struct ctx *c, const uint8_t header[HEADER_BYTES]) MUST_CHECK;

/* --- transactions --- */
enum err chain_tx_add(struct chain *chain, struct ctx *c, uint8_t id[32], const struct blob *tx) MUST_CHECK; /* into the pool */
const struct blob *chain_tx_get(const struct chain *chain, const uint8_t id[32]); /* pooled transaction or NULL; no reference added */
/* Pool entry whose short id (docs/wire.md 9, keyed by block id) equals; used to rebuild compact blocks. Fills found[i] (no references) for each. */
size_t chain_tx_match(struct chain *chain, struct ctx *c, const struct blob **found, const uint8_t block_id[32], const uint64_t *short_ids, size_t count);
void chain_tx_track(struct chain *chain, const uint8_t id[32]); /* an own transaction: trace its inclusion and finality */
uint64_t chain_account_nonce(struct chain *chain, struct ctx *c, const uint8_t account[32]); /* next nonce: state at tip plus own pool */

/* --- life --- */
void chain_start(struct chain *chain, struct ctx *c);                       /* asks for the durable records */
/* True when the answer was the chain's. done is set once recovery is complete. */
bool chain_read_done(struct chain *chain, struct ctx *c, const struct event *event, bool *done);
/* A write of the chain became durable (a header may now leave): produced gets the block to announce, or NULL. */
bool chain_write_done(struct chain *chain, struct ctx *c, const struct event *event, struct chain_news *news, const struct blob **produced);
void chain_wake(struct chain *chain, struct ctx *c, struct chain_news *news); /* own production, deferred blocks, pool expiry */
uint64_t chain_deadline_ns(const struct chain *chain);
void chain_digest(const struct chain *chain, uint8_t digest[32]);

#endif
