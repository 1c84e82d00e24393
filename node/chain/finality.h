/* One Tendermint instance per checkpoint over the committee of its epoch (spec: chain 1.5, 1.6;
 * decisions 1-3, 12-15). Owns: votes of the current instance, lock, evidence found, the vote mesh.
 * Is told: proposals, bundles, certificates, tip changes, decisions, durable writes, time. Tells:
 * chain_finalize, evidence to submit as a transaction, frames on links. */
#ifndef ORRERY_CHAIN_FINALITY_H
#define ORRERY_CHAIN_FINALITY_H

#include "node/chain/certificate.h"
#include "node/chain/chain.h"
#include "node/chain/overlay.h"
#include "node/chain/vote.h"

struct finality;

size_t finality_bytes(const struct node_config *config);
void finality_init(struct finality *finality, const struct node_config *config, struct chain *chain,
                   struct overlay *overlay);
/* In two parts, so that the heads of all modules may stand together: finality_head_bytes, which
 * every step touches, and room (zeroed) for the rest. finality_bytes covers both, the room behind
 * the head. */
size_t finality_head_bytes(void);
void finality_init_apart(struct finality *finality, void *room, const struct node_config *config,
                         struct chain *chain, struct overlay *overlay);
void finality_drop(struct finality *finality);

void finality_start(struct finality *finality,
                    struct ctx *c); /* after chain recovery: asks for own votes and lock */
bool finality_read_done(struct finality *finality, struct ctx *c, const struct event *event,
                        bool *done);
bool finality_write_done(struct finality *finality, struct ctx *c,
                         const struct event *event); /* votes that may now leave */
void finality_checkpoint_stored(struct finality *finality, struct ctx *c); /* maybe: goes on */

void finality_link_ready(struct finality *finality, struct ctx *c,
                         uint32_t link); /* sends VOTE_HAVE / DECISION_IHAVE */
void finality_link_down(struct finality *finality, struct ctx *c, uint32_t link);
/* PROPOSAL, VOTE_BUNDLE, VOTE_HAVE, DECISION, DECISION_IHAVE, DECISION_GET. Errors blame the link.
 */
enum err finality_frame(struct finality *finality, struct ctx *c, uint32_t link,
                        const struct blob *frame) MUST_CHECK;
void finality_tip_changed(struct finality *finality, struct ctx *c);
void finality_block_known(struct finality *finality, struct ctx *c,
                          const uint8_t id[32]); /* a value may have become valid or invalid */
/* Finality wants this block (a proposal's value that is not known here), the checkpoint of an
 * instance and therefore of this height; core hands it to sync. False: none. */
bool finality_wanted(struct finality *finality, uint8_t id[32], uint64_t *height, uint32_t *link);
/* Evidence found here that waits to be submitted: one encoded evidence body (docs/wire.md 4), valid
 * until the next call; false: none. */
bool finality_evidence_next(struct finality *finality, struct span *body);
/* The prevotes that this node has to show of the last instance (attendance.h): one encoded body in
 * scratch, and the last height of a block that may hold it; false: none. Once for each instance. */
bool finality_attendance_next(struct finality *finality, struct ctx *c, struct span *body,
                              uint64_t *last_height);
/* A header of the same signer and height as another one known here: evidence H. */
void finality_headers_conflict(struct finality *finality, struct ctx *c,
                               const uint8_t a[HEADER_BYTES], const uint8_t b[HEADER_BYTES]);
void finality_wake(struct finality *finality, struct ctx *c);
uint64_t finality_deadline_ns(const struct finality *finality);
void finality_digest(const struct finality *finality, uint8_t digest[32]);

#endif
