/* Blocks kept back: what the colluders have mined and nobody else may hear of yet. Frames of the
 * node that would tell are stopped or changed; released blocks are pushed on every link. */
#ifndef ORRERY_SIM_ADVERSARY_HOLD_H
#define ORRERY_SIM_ADVERSARY_HOLD_H

#include "sim/adversary/kind.h"

enum { HOLD_MAX = 512, HOLD_LOST = 8 };

struct hold {
    uint32_t count;
    struct {
        uint8_t id[32];
        uint64_t height;
    } list[HOLD_MAX]; /* ascending heights */
    /* the last ones that a block of a colluder forestalled: worth nothing, and told they would
     * betray the height of what is kept back */
    uint8_t lost[HOLD_LOST][32];
    uint32_t lost_count;
    bool below;             /* keep blocks back though the others are higher */
    bool alone;             /* not even the colluders hear of them */
    uint64_t public_height; /* highest block that the others are known to know */
};

/* Kept back, or lost to one that is. */
bool hold_has(const struct hold *hold, const uint8_t id[32]);
/* Highest block kept back, 0: none. */
uint64_t hold_height(const struct hold *hold);
/* A new block of the tree: keeps it back when a colluder signed it and it came from this node,
 * which then tells the colluders, or from a colluder. Give it every block_produced and
 * block_received trace. True: kept. */
bool hold_traced(struct hold *hold, struct act *a, enum trace_kind kind, const uint64_t *value);
/* What an incoming frame says about the others: raises public_height; a block that others have is
 * secret no more. */
void hold_recv(struct hold *hold, struct act *a, uint32_t link, const struct blob *frame);
/* The filter of outgoing frames. */
enum pass hold_send(struct hold *hold, struct act *a, uint32_t link, const struct blob **frame);
/* Lets go of blocks up to a height, oldest first. Returns how many. */
uint32_t hold_release(struct hold *hold, struct act *a, uint64_t height);
/* Blocks up to a height are worth nothing any more: forgotten without a word. */
void hold_forget(struct hold *hold, uint64_t height);

#endif
