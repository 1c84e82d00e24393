/* Places where the simulator may have a node do what is allowed but rare: a short timeout, a small
 * batch, a peer that does not answer (the idea is FoundationDB's). What fires is a pure function of
 * node, time and place, so that no other draw moves. The simulator sets node_policy.buggify; files
 * with such places are compiled twice (node/meson.build), and in the daemon's nothing is left. */
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

/* One in four times. */
bool buggify_fires(const struct ctx *c, enum buggify_point point);

/* Without ORRERY_BUGGIFY there is no buggify(): who uses it is one of buggify_files. */
#if defined(ORRERY_BUGGIFY) && ORRERY_BUGGIFY
/* True at times where the point is switched on. All uses of a point in one step agree. */
static inline bool buggify(const struct ctx *c, enum buggify_point point)
{
    return (c->config->policy->buggify >> point & 1) != 0 && buggify_fires(c, point);
}
#elif defined(ORRERY_BUGGIFY)
#define buggify(c, point) ((void)(c), false)
#endif

#endif
