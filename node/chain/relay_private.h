/* The parts of the relay, shared by its sources. */
#ifndef ORRERY_CHAIN_RELAY_PRIVATE_H
#define ORRERY_CHAIN_RELAY_PRIVATE_H

#include "node/chain/relay.h"
#include "node/seam/limits.h"
#include "node/wire/frames.h"

#define RELAY_SECOND_NS 1000000000ull
#define TX_BUCKETS 512
#define TX_NONE 0 /* of an index + 1 */

/* A transaction that passed here not long ago, or that somebody told of. */
struct relay_tx {
    uint8_t id[32];
    const struct blob *frame;     /* TX, one reference; NULL: wanted, not here */
    uint64_t known;               /* links that have it; of a wanted one: links to ask */
    uint64_t due_ns;              /* here: when it is forgotten; wanted: when it is asked for */
    uint16_t id_next, frame_next; /* of its buckets, index + 1 */
    uint16_t prev, next;          /* of its list, index + 1 */
    uint16_t first_link;          /* wanted: who is charged for the entry */
    uint8_t tries;
    bool refused; /* the pool did not take it: it is only recognised */
};

struct tx_list {
    uint16_t first, last; /* index + 1 */
    uint16_t count;
};

struct tx_table {
    uint64_t key; /* of the buckets of ids, so that nobody can aim at one */
    uint16_t used, free;
    uint16_t untold; /* first of `here` that the lazy links have not been told of */
    struct tx_list here, wanted;
    uint16_t wanted_by[LINKS_MAX];
    uint16_t by_id[TX_BUCKETS], by_frame[TX_BUCKETS]; /* index + 1 */
    struct relay_tx *entries;                         /* RELAY_TXS_MAX */
};

enum relay_block_state {
    RELAY_BLOCK_FREE,
    RELAY_BLOCK_WANTED,  /* announced; the compact block is asked for when due */
    RELAY_BLOCK_REBUILD, /* the compact block is here, transactions are asked for */
    RELAY_BLOCK_HELD     /* given to the chain */
};

struct relay_block {
    uint8_t id[32];
    const struct blob *compact; /* BLOCK_COMPACT, one reference, or NULL */
    const struct blob *get;     /* REBUILD: the BLOCK_TXS_GET that was sent, one reference */
    uint64_t known;             /* links that have it; WANTED: links to ask */
    uint64_t due_ns;
    uint64_t order; /* of arrival */
    uint32_t link;  /* REBUILD: who sent the compact block; WANTED: who is charged */
    uint32_t missing_txs;
    uint8_t state;
    uint8_t tries;
    bool pushed;
};

struct relay {
    const struct node_config *config;
    struct chain *chain;
    struct overlay *overlay;
    struct shared *shared;                /* known from the first call on */
    uint64_t tx_eager, block_eager;       /* masks of links; the other ready ones are lazy */
    uint64_t flush_ns, want_ns, block_ns; /* deadlines */
    uint64_t orders;
    bool takes_short, churns; /* simblock: drawn from the node's seed */
    struct relay_block blocks[RELAY_BLOCKS_MAX];
    struct tx_table txs;
};

/* What is the sender's fault stays; what an honest one may cause becomes ERR_OK. */
enum err relay_fault(enum err err);
void relay_send_id(struct ctx *c, uint32_t link, uint8_t code, const uint8_t id[32]);
void relay_send_code(struct ctx *c, uint32_t link, uint8_t code);

/* --- relay_table.c --- */
struct relay_tx *tx_find(struct tx_table *table, const uint8_t id[32]);
struct relay_tx *tx_find_frame(struct tx_table *table, const struct blob *frame);
void tx_fetch_frame(const struct tx_table *table, const struct blob *frame);
/* A new wanted entry (frame NULL) or one that is here; of the second kind the oldest makes room.
 * NULL: full. */
struct relay_tx *tx_add(struct relay *relay, struct ctx *c, const uint8_t id[32],
                        const struct blob *frame);
/* A wanted transaction has come. */
void tx_arrived(struct relay *relay, struct ctx *c, struct relay_tx *tx, const struct blob *frame);
void tx_forget(struct relay *relay, struct relay_tx *tx);
/* The next of its list, or NULL. */
struct relay_tx *tx_at(struct tx_table *table, uint16_t index_plus_one);

/* --- relay_tx.c --- */
enum err relay_tx_frame(struct relay *relay, struct ctx *c, uint32_t link,
                        const struct blob *frame) MUST_CHECK;
/* A transaction came in a block and not by itself: it is neither fetched nor passed on. */
void relay_tx_included(struct relay *relay, struct ctx *c, struct span tx);
void relay_tx_ready(struct relay *relay, struct ctx *c, uint32_t link);
void relay_tx_wake(struct relay *relay, struct ctx *c);

/* --- relay_block.c --- */
enum err relay_block_frame(struct relay *relay, struct ctx *c, uint32_t link,
                           const struct blob *frame, struct chain_news *news) MUST_CHECK;
void relay_block_wake(struct relay *relay, struct ctx *c);
void relay_block_reset(struct relay *relay, struct relay_block *block);
struct relay_block *relay_block_find(struct relay *relay, const uint8_t id[32]);
/* A free place, else that of the oldest block the chain has, else of the oldest announcement. NULL:
 * all wait for transactions. */
struct relay_block *relay_block_add(struct relay *relay, const uint8_t id[32]);
void relay_block_forget(struct relay *relay, struct relay_block *block);
void relay_block_due(struct relay *relay, struct relay_block *block, uint64_t due_ns);

/* --- relay_simblock.c --- */
void simblock_init(struct relay *relay);
enum err simblock_frame(struct relay *relay, struct ctx *c, uint32_t link, const struct blob *frame,
                        struct chain_news *news) MUST_CHECK;
/* Announces a block that became the tip. */
void simblock_announce(struct relay *relay, struct ctx *c, uint32_t from_link, uint32_t entry);
/* A block that was asked for has not come in time, or its link is gone. */
void simblock_due(struct relay *relay, struct ctx *c, struct relay_block *block);

/* --- relay_compact.c --- */
/* The BLOCK_COMPACT frame of an encoded block, one reference; NULL when scratch ends. */
const struct blob *compact_make(struct ctx *c, const uint8_t id[32], const struct blob *block);
/* What a compact block needs to become whole. All memory is scratch. */
struct compact_parts {
    struct span header;
    uint64_t *short_ids;
    struct span *txs; /* NULL data: missing */
    size_t count, missing;
};
/* Decodes a compact block and finds its transactions in the pool. ERR_FULL: scratch ends. */
enum err compact_match(struct compact_parts *parts, struct ctx *c, struct chain *chain,
                       const uint8_t id[32], const struct blob *compact) MUST_CHECK;
/* Fills in the transactions that BLOCK_TXS brought, in the order that BLOCK_TXS_GET asked for.
 * ERR_INVALID: too few, too many, or others than were asked for. */
enum err compact_fill(struct compact_parts *parts, const uint8_t id[32], struct list indices,
                      struct varlist txs) MUST_CHECK;
/* The whole block, one reference. ERR_UNKNOWN: the transactions are not those of tx_root;
 * ERR_RANGE: too large; ERR_FULL. */
enum err compact_build(const struct blob **block, struct ctx *c,
                       const struct compact_parts *parts) MUST_CHECK;

#endif
