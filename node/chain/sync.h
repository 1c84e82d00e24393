/* Catching up (docs/wire.md 9): header-first from genesis or from where we are; the same with a
 * trusted checkpoint, whose chain alone is followed, however long it is (everything below it is
 * still verified); or by state snapshot at the trusted checkpoint. Also serves headers, blocks,
 * state nodes and decisions to others from memory and from records (READ). */
#ifndef ORRERY_CHAIN_SYNC_H
#define ORRERY_CHAIN_SYNC_H

#include "node/chain/chain.h"
#include "node/chain/overlay.h"

enum sync_mode { SYNC_GENESIS, SYNC_CHECKPOINT, SYNC_SNAPSHOT };

struct sync;

size_t sync_bytes(const struct node_config *config);
void sync_init(struct sync *sync, const struct node_config *config, struct chain *chain,
               struct overlay *overlay);
/* In two parts, so that the heads of all modules may stand together: sync_head_bytes, which every
 * step touches, and room (zeroed) for the rest. sync_bytes covers both, the room behind the head.
 */
size_t sync_head_bytes(void);
void sync_init_apart(struct sync *sync, void *room, const struct node_config *config,
                     struct chain *chain, struct overlay *overlay);
void sync_drop(struct sync *sync);
void sync_link_ready(struct sync *sync, struct ctx *c, uint32_t link);
void sync_link_down(struct sync *sync, struct ctx *c, uint32_t link);
/* HEADERS*, BLOCKS_GET, BLOCK, NOT_FOUND, STATE*, DECISION_GET for old instances. */
enum err sync_frame(struct sync *sync, struct ctx *c, uint32_t link, const struct blob *frame,
                    struct chain_news *news) MUST_CHECK;
/* Fetch a block by id (unknown parent, finality's value), from link if it is ready, else from any.
 * height 0: not known; then only those find it who still hold it in memory. firm: finality waits
 * for it; such a wish takes the place of one that whoever sends blocks can cause. */
void sync_fetch(struct sync *sync, struct ctx *c, uint32_t link, const uint8_t block[32],
                uint64_t height, bool firm);
bool sync_read_done(struct sync *sync, struct ctx *c,
                    const struct event *event); /* records read to serve somebody */
bool sync_busy(const struct sync *sync); /* behind by more than a block: do not produce or vote */
void sync_wake(struct sync *sync, struct ctx *c, struct chain_news *news);
uint64_t sync_deadline_ns(const struct sync *sync);

#endif
