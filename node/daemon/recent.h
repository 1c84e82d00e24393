/* The best chain above what the index holds, ready for questions by id and by account: a few blocks
 * while finality runs, never more than the block tree. Follows the tip through forks and tells what
 * changed. Nothing here is durable. */
#ifndef ORRERY_DAEMON_RECENT_H
#define ORRERY_DAEMON_RECENT_H

#include "node/chain/chain.h"
#include "node/daemon/txfacts.h"

struct recent_tx {
    uint8_t id[32];
    uint32_t offset, len;
};

struct recent_touch {
    uint8_t key[32];
    uint32_t index;
    uint8_t how; /* enum touch bits */
};

struct recent_block {
    uint64_t height;
    uint8_t id[32];
    const struct blob *block; /* one reference */
    uint32_t tx_count, touch_count;
    struct recent_tx *txs;      /* in the block's order */
    uint32_t *by_id;            /* their numbers, ids ascending */
    struct recent_touch *touch; /* by key, then number */
};

struct recent {
    struct shared *shared;
    struct recent_block **blocks; /* heights ascend by one */
    size_t count, capacity;
};

/* What recent_follow tells, in order: undone from the old tip downwards, then done upwards. The
 * block is alive during the call. */
struct recent_news {
    void (*changed)(void *context, const struct recent_block *block, bool undone);
    void *context;
};

void recent_init(struct recent *recent, struct shared *shared);
void recent_free(struct recent *recent);

/* After any step: takes over the best chain from the block above the checkpoint (or above what is
 * held) up to the tip. */
void recent_follow(struct recent *recent, const struct chain *chain,
                   const struct recent_news *news);
/* Forgets blocks up to this height: they are indexed. */
void recent_trim(struct recent *recent, uint64_t height);

/* NULL: not held. */
const struct recent_block *recent_at(const struct recent *recent, uint64_t height);
const struct recent_block *recent_find(const struct recent *recent, struct tx_place *place,
                                       const uint8_t tx[32]);
/* Number of the transaction in the block, or UINT32_MAX. */
uint32_t recent_block_find(const struct recent_block *block, const uint8_t tx[32]);
/* First touch of an account in the block, `*count` of them. */
const struct recent_touch *recent_block_touches(const struct recent_block *block, size_t *count,
                                                const uint8_t key[32]);
/* From an encoded block; NULL when memory ends or the block is damaged. */
struct recent_block *recent_block_make(struct shared *shared, const struct blob *block);
void recent_block_free(struct recent_block *block, struct shared *shared);

#endif
