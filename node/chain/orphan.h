/* Whole blocks that cannot be judged yet: the parent is unknown (orphans), or the block is dated
 * beyond maxFuture (deferred). Bounded, and blind to who sent what: when it is full, the block
 * furthest from being useful makes room (decision 10). */
#ifndef ORRERY_CHAIN_ORPHAN_H
#define ORRERY_CHAIN_ORPHAN_H

#include "node/base/blob.h"
#include "node/base/err.h"
#include "node/seam/limits.h"

enum block_waited { WAITED_NOT, WAITED_PARENT, WAITED_TIME }; /* for what; block_received */

struct orphan {
    uint8_t id[32];
    uint8_t parent[32];
    uint64_t height, ts_ms;
    const struct blob *block; /* one reference */
    uint32_t link;            /* where it came from, for the trace */
    uint32_t missing_txs;
    bool deferred; /* its parent is known: it waits for its time */
};

struct orphans {
    uint32_t count;
    uint64_t bytes;
    struct orphan *list; /* ORPHANS_MAX, in the order of arrival */
};

void orphans_clear(struct orphans *orphans, struct shared *shared);
bool orphans_hold(const struct orphans *orphans, const uint8_t id[32]);
/* Whether a block waits for this parent. */
bool orphans_want(const struct orphans *orphans, const uint8_t parent[32]);
/* Keeps a block (adds a reference). ERR_DUPLICATE. ERR_FULL: no room, or something made room. In
 * the second case the block is kept: `kept` tells. */
enum err orphans_add(struct orphans *orphans, struct shared *shared, bool *kept,
                     const struct orphan *orphan) MUST_CHECK;
/* The oldest unknown ancestor of an unknown parent: follows what waits here, so many steps. */
uint32_t orphans_root(const struct orphans *orphans, uint8_t id[32]);
/* Takes one out of the list; its block reference goes to the caller. */
void orphans_take(struct orphans *orphans, struct orphan *out, uint32_t at);
/* Takes out the first deferred block dated at or before ts_ms. */
bool orphans_take_due(struct orphans *orphans, struct orphan *out, uint64_t ts_ms);
/* Least date of a deferred block, UINT64_MAX when there is none. */
uint64_t orphans_due_ts_ms(const struct orphans *orphans);
/* Forgets blocks at or below a height. */
void orphans_prune(struct orphans *orphans, struct shared *shared, uint64_t height);

#endif
