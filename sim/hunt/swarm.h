/* Swarm drawing: from a base scenario and a seed to one run. First which kinds of fault exist in
 * it at all, then their rates, lengths and targets; then nodes, stakes, network, clocks, load.
 * (Groce et al., Swarm Testing, ISSTA 2012: runs that lack most kinds reach what a run with a bit
 * of everything never does.) What is drawn is a plain scenario: its faults are lines, it prints,
 * runs again, and can be edited. spec: design 4
 *
 * A run has two phases. In the safety phase faults come and go. At the heal all of them end, a
 * core of healthy nodes with more than 2/3 of the stake goes on, and all others stay down
 * (frozen): the checks then demand progress.
 *
 * Budget: a few nodes with less than 1/3 of the stake are doomed. Only they and nodes without
 * stake may lose or corrupt what they had stored, or lie. Everything else (power, cuts, loss, slow
 * and full disks, torn writes, clocks) may befall anybody. `beyond` lets the doomed hold more. */
#ifndef ORRERY_HUNT_SWARM_H
#define ORRERY_HUNT_SWARM_H

#include "sim/scenario/scenario.h"

enum { SWARM_NODES_MAX = 32 };

/* What was drawn about the nodes; nodes are numbered as in the run. */
struct swarm {
    uint32_t nodes, validators;
    uint64_t stake[SWARM_NODES_MAX]; /* whole tokens */
    uint64_t total;
    uint32_t doomed, core; /* bits */
    uint64_t heal_ns;
};

/* Changes a freshly loaded scenario. Its first group must be its only producers, the others
 * relays; else ERR_INVALID. swarm may be NULL. */
enum err swarm_draw(struct scenario *scenario, struct swarm *swarm, uint64_t seed,
                    bool beyond) MUST_CHECK;

#endif
