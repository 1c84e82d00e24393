/* Which links carry votes: a random graph over the committee of an epoch plus the ring of its order
 * (decision 3). Each member draws half of mesh_links others, so that drawing and being drawn make
 * mesh_links on average; the ring keeps the graph connected. A member tells the members it drew by
 * VOTE_HAVE, and votes flow both ways from then on. */
#ifndef ORRERY_CHAIN_MESH_H
#define ORRERY_CHAIN_MESH_H

#include "node/chain/execute.h"
#include "node/chain/overlay.h"

enum { MESH_CHOSEN_MAX = 32 };

struct mesh {
    uint32_t count;
    uint8_t chosen[MESH_CHOSEN_MAX][32]; /* node ids */
    uint64_t chosen_links;               /* ready links to them */
    uint64_t told_links[2]; /* members that drew this one: in this epoch, in the last */
};

/* Draws anew for a committee of which `self` is a member, and wants the links. root: a state that
 * knows the members' nodes. */
void mesh_choose(struct mesh *mesh, struct ctx *c, struct overlay *overlay,
                 const struct committee *committee, const uint8_t root[32], uint32_t self);
/* Not a member any more. */
void mesh_leave(struct mesh *mesh, struct overlay *overlay);

/* True when the link leads to a chosen member. */
bool mesh_link_ready(struct mesh *mesh, const struct overlay *overlay, uint32_t link);
void mesh_link_down(struct mesh *mesh, uint32_t link);
/* The peer counts this node to its mesh; ignored unless its owner sits in the committee. */
void mesh_link_told(struct mesh *mesh, struct ctx *c, const struct overlay *overlay,
                    const struct committee *committee, const uint8_t root[32], uint32_t link);

static inline uint64_t mesh_links(const struct mesh *mesh)
{
    return mesh->chosen_links | mesh->told_links[0] | mesh->told_links[1];
}

#endif
