/* Nodes that come and go: an alternating renewal process per node, sessions and absences with
 * Weibull lengths (shape below 1: the longer here, the longer still). A population that is there
 * from the beginning starts in the stationary state: up with probability mean session / (mean
 * session + mean absence), and with the *residual* life of what it is in the middle of; else the
 * first hour of every run would show a population that has just been switched on.
 * Draws are named by (node, transition). spec: design 4 */
#ifndef ORRERY_SIM_CHURN_CHURN_H
#define ORRERY_SIM_CHURN_CHURN_H

#include "sim/net/quantile.h"

struct churn_config {
    struct quantile_ratio session_shape; /* 1/5 to 64 */
    struct quantile_ratio absence_shape;
    uint64_t session_scale_ns; /* 1 ms to 2^61 ns, also the means */
    uint64_t absence_scale_ns;
};

/* Shared by all nodes of a group; 260 KiB, immutable after churn_init. */
struct churn {
    struct quantile session;
    struct quantile absence;
    struct quantile session_rest;
    struct quantile absence_rest;
    uint64_t session_scale_ns;
    uint64_t absence_scale_ns;
    uint64_t up_q32; /* stationary probability */
    uint64_t key_first;
    uint64_t key_session;
    uint64_t key_absence;
};

/* One node's; the world asks again at next_ns. */
struct churn_node {
    uint64_t next_ns; /* of the next transition; UINT64_MAX: later than any run */
    uint32_t transitions;
    bool up;
};

/* ERR_RANGE. */
MUST_CHECK enum err churn_init(struct churn *churn, const struct churn_config *config,
                               uint64_t seed);

/* A node that has been coming and going for ever, seen at now_ns. */
void churn_begin_stationary(const struct churn *churn, struct churn_node *state, uint32_t node,
                            uint64_t now_ns);

/* A node that comes for the first time at now_ns: up, with a whole session before it. */
void churn_begin_fresh(const struct churn *churn, struct churn_node *state, uint32_t node,
                       uint64_t now_ns);

/* The transition at state->next_ns: turns up over and finds the next, at least 1 ns later. */
void churn_turn(const struct churn *churn, struct churn_node *state, uint32_t node);

#endif
