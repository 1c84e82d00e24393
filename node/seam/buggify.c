/* Of the simulator alone. */
#include "node/seam/buggify.h"

#include "node/base/rng.h"

bool buggify_fires(const struct ctx *c, enum buggify_point point)
{
    uint64_t who = load64(c->config->node_seed) + (uint64_t)point * 0x9e3779b97f4a7c15u;

    return rng_mix64(who ^ rng_mix64(c->mono_ns)) >> 62 == 0;
}
