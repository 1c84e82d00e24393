/* The links of one node: dialing, greeting, address book, limits (spec: stream 3, eclipse care).
 * Owns the address book and the link table. Is told: LINK_UP, LINK_DOWN, HELLO, PEERS, time. Tells:
 * which links are ready and who is behind them. */
#ifndef ORRERY_CHAIN_OVERLAY_H
#define ORRERY_CHAIN_OVERLAY_H

#include "node/seam/ctx.h"

struct overlay;
struct hello; /* of frames.h */

struct overlay_link {
    bool ready; /* HELLO came, same genesis and version */
    bool dialed;
    uint8_t peer[32];
    struct endpoint endpoint;          /* where the peer listens */
    uint64_t tip_height, final_height; /* as last told */
    uint64_t since_ns;
};

size_t overlay_bytes(const struct node_config *config);
void overlay_init(struct overlay *overlay, const struct node_config *config);
void overlay_start(struct overlay *overlay, struct ctx *c);
bool overlay_link_up(struct overlay *overlay, struct ctx *c, const struct event *event,
                     uint64_t tip_height, uint64_t final_height); /* false: refused and closed */
void overlay_link_down(struct overlay *overlay, struct ctx *c, const struct event *event);
/* Any frame came over this link: it is alive. */
void overlay_heard(struct overlay *overlay, uint32_t link);
/* The peer is known to have a block of this height. */
void overlay_tip_seen(struct overlay *overlay, uint32_t link, uint64_t height);
void overlay_final_seen(struct overlay *overlay, uint32_t link, uint64_t height);
/* HELLO, PEERS_GET, PEERS, PING, PONG. `became_ready` is set when this frame completed the
 * greeting. */
enum err overlay_frame(struct overlay *overlay, struct ctx *c, uint32_t link, struct span frame,
                       bool *became_ready) MUST_CHECK;
/* True when the answer was the overlay's (the peers of the last life). */
bool overlay_read_done(struct overlay *overlay, struct ctx *c, const struct event *event);
void overlay_wake(struct overlay *overlay, struct ctx *c);
uint64_t overlay_deadline_ns(const struct overlay *overlay);

uint64_t overlay_ready(const struct overlay *overlay); /* mask of ready links */
const struct overlay_link *overlay_at(const struct overlay *overlay, uint32_t link);
uint32_t overlay_find(const struct overlay *overlay,
                      const uint8_t node_id[32]); /* link or LINK_NONE */
/* Wants a link to this node beside the random ones (committee mesh): dialed soon, kept until
 * overlay_unwant_all. */
void overlay_want(struct overlay *overlay, struct ctx *c, const uint8_t node_id[32],
                  const struct endpoint *endpoint);
void overlay_unwant_all(struct overlay *overlay);
/* Ends a link; nobody is blamed. */
void overlay_close(struct overlay *overlay, struct ctx *c, uint32_t link);
/* A frame broke the protocol: traces peer_misbehaved, closes the link, keeps the peer away for a
 * while. */
void overlay_blame(struct overlay *overlay, struct ctx *c, uint32_t link, enum err err,
                   uint8_t frame_code);

#endif
