/* Dissemination: Plumtree eager push of transactions and compact blocks, batched lazy inventory
 * (decision 4), header-first sync, checkpoint and snapshot sync, serving of blocks, headers and
 * state. Owns: eager/lazy link masks, who-knows-what bits, pending compact blocks, the sync state
 * machine. relay.h and sync.h are one conversation about the same objects, kept in two files. */
#ifndef ORRERY_CHAIN_RELAY_H
#define ORRERY_CHAIN_RELAY_H

#include "node/chain/chain.h"
#include "node/chain/overlay.h"

struct relay;

size_t relay_bytes(const struct node_config *config);
void relay_init(struct relay *relay, const struct node_config *config, struct chain *chain,
                struct overlay *overlay);
/* In two parts, so that the heads of all modules may stand together: relay_head_bytes, which every
 * step touches, and room (zeroed) for the rest. relay_bytes covers both, the room behind the head.
 */
size_t relay_head_bytes(void);
void relay_init_apart(struct relay *relay, void *room, const struct node_config *config,
                      struct chain *chain, struct overlay *overlay);
void relay_drop(struct relay *relay);
void relay_link_ready(struct relay *relay, struct ctx *c, uint32_t link);
void relay_link_down(struct relay *relay, struct ctx *c, uint32_t link);
/* TX*, BLOCK_*. news as chain_block fills it. Errors blame the link. */
enum err relay_frame(struct relay *relay, struct ctx *c, uint32_t link, const struct blob *frame,
                     struct chain_news *news) MUST_CHECK;
/* A transaction or a block that began here, or that became valid later (orphans): push it. link
 * LINK_NONE: own. */
void relay_tx(struct relay *relay, struct ctx *c, uint32_t from_link, const uint8_t id[32],
              const struct blob *tx);
void relay_block(struct relay *relay, struct ctx *c, uint32_t from_link, uint32_t entry);
/* A hint that the frame is about to come. */
void relay_fetch(const struct relay *relay, const struct blob *frame);
void relay_wake(struct relay *relay, struct ctx *c);
uint64_t relay_deadline_ns(const struct relay *relay);

#endif
