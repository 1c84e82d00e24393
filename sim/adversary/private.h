/* The structs behind adversary.h, for adversary.c and act.c alone. */
#ifndef ORRERY_SIM_ADVERSARY_PRIVATE_H
#define ORRERY_SIM_ADVERSARY_PRIVATE_H

#include "sim/adversary/kind.h"

/* Requests of strategies are numbered above those of nodes. */
#define REQUEST_FIRST UINT32_C(0x80000000)

struct adversaries {
    struct adversaries_config config;
    struct adversary_line *lines;
    uint32_t count;
    uint8_t (*accounts)[32];
    uint64_t *stake;
    uint64_t *others_differ; /* [count] Q32, see act_others_differ */
    struct adversary **of_node;
};

struct behaviour {
    const struct adversary_line *line;
    uint32_t number;
    bool door;
    void *state;
};

/* A frame on its way in or out that waits. */
struct held {
    struct held *next;
    const struct blob *frame;
    uint64_t due_ns;
    uint32_t link, life;
    bool in;
};

struct adversary {
    struct adversaries *all;
    uint32_t node, count;
    struct behaviour *behaviours;
    struct held *held;             /* by due_ns, then in the order of holding */
    const struct blob *delivering; /* of the event that the node handles now */
    uint64_t now_ns;
    size_t deeds; /* effects that strategies made before the node's step */
    uint64_t draws;
    uint32_t lives, next_request;
    struct rng rng;
    struct adversary_link links[LINKS_MAX];
};

void adversary_hold(struct adversary *adversary, uint32_t link, const struct blob *frame,
                    uint64_t due_ns, bool in);

#endif
