/* Places where the simulator may have a node do what is allowed but rare: a short timeout, a small
 * batch, a peer that does not answer (the idea is FoundationDB's). What fires is a pure function of
 * node, time and place, so that no other draw moves. A host sets node_policy.buggify or leaves it
 * 0; the daemon has no setting for it. */
#ifndef ORRERY_SEAM_BUGGIFY_H
#define ORRERY_SEAM_BUGGIFY_H

#include "node/seam/config.h"
#include "node/seam/ctx.h"

enum buggify_point {
#define BUGGIFY(name, text) BUGGIFY_##name,
#include "node/seam/buggify.def"
#undef BUGGIFY
    BUGGIFY_POINTS
};

/* One in four times where the point is switched on. All uses of a point in one step agree. */
static inline bool buggify(const struct ctx *c, enum buggify_point point)
{
    if ((c->config->policy->buggify >> point & 1) == 0) {
        return false;
    }
    uint64_t who = load64(c->config->node_seed) + (uint64_t)point * 0x9e3779b97f4a7c15u;
    return rng_mix64(who ^ rng_mix64(c->mono_ns)) >> 62 == 0;
}

#endif
