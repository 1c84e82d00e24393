/* Probes: how often rare paths were reached, seen in the traces that nodes leave anyway, so that
 * the protocol is not littered. spec: design 4 */
#ifndef ORRERY_HUNT_PROBE_H
#define ORRERY_HUNT_PROBE_H

#include "sim/hunt/swarm.h"
#include "sim/record/record.h"

enum probe {
#define PROBE(name, text) PROBE_##name,
#include "sim/hunt/probes.def"
#undef PROBE
    PROBES
};

const char *probe_name(enum probe probe);
const char *probe_text(enum probe probe);

/* What is remembered of one node. */
struct probe_node {
    uint64_t tip, final_height;
    uint64_t instance, value; /* of the newest precommit that was not nil; instance 0: none */
    uint64_t round;
    uint64_t epoch, total; /* of the newest committee it sat in */
    bool torn;             /* its last life ended in the middle of a batch */
};

/* Zeroed: nothing seen. Nodes beyond SWARM_NODES_MAX are counted without their memory. */
struct probes {
    uint64_t count[PROBES];
    uint64_t final_height; /* of all */
    uint64_t epoch;        /* newest committee of all */
    struct probe_node node[SWARM_NODES_MAX];
};

/* One trace, in the run's order. */
void probes_row(struct probes *probes, const struct trace_row *row);

/* A figure of the checks, at the end of the run. */
void probes_figure(struct probes *probes, const char *name, double value);

#endif
