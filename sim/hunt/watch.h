/* What a trial notes while a run lasts: probes, and whether the core does after the heal what it
 * must. spec: design 4 (liveness phase) */
#ifndef ORRERY_HUNT_WATCH_H
#define ORRERY_HUNT_WATCH_H

#include "sim/hunt/probe.h"

enum { WATCH_EPOCHS = 4, WATCH_INSTANCES = 2 };

struct watch_node {
    bool up;
    bool liar;      /* nothing is demanded of it */
    bool forgetful; /* a fault damages or takes what it stored */
    uint64_t up_ns;
    uint64_t moved_ns;            /* when it came up or last decided something */
    uint64_t instance;            /* newest decided */
    uint64_t epoch[WATCH_EPOCHS]; /* newest committees it sat in, [epoch % WATCH_EPOCHS] */
    uint64_t weight[WATCH_EPOCHS];
};

struct watch {
    uint32_t nodes;
    uint64_t heal_ns;  /* when the last fault has begun or ended */
    uint64_t instance; /* highest decided before the heal, or by whom is up now */
    uint64_t total[WATCH_EPOCHS], total_epoch[WATCH_EPOCHS];
    uint64_t epoch_instances; /* checkpoints per epoch */
    bool healed;
    uint64_t first_ns; /* when the first node had converged; 0: none has */
    struct probes probes;
    struct watch_node node[SWARM_NODES_MAX];
};

void watch_begin(struct watch *watch, uint32_t nodes, uint64_t heal_ns, uint64_t epoch_instances);
void watch_row(struct watch *watch, const struct trace_row *row);

/* Every node that is up has decided WATCH_INSTANCES instances since the heal. Nodes that came up
 * less than a minute ago still have time. False when nobody is up. */
bool watch_converged(struct watch *watch, uint64_t now_ns);

/* Others have converged long ago, and one that was up all the while has not. */
bool watch_left_behind(struct watch *watch, uint64_t now_ns);

/* A node that has not, and how far it is; UINT32_MAX: none. */
uint32_t watch_laggard(const struct watch *watch, uint64_t now_ns);

/* The committee of the next instance has more than 2/3 of its weight up, as far as is known: a
 * member that has not yet learned of its seat counts with the newest weight it had. */
bool watch_quorum(const struct watch *watch);
/* The same without those whose store a fault damages. */
bool watch_quorum_sound(const struct watch *watch);

#endif
