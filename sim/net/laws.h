/* The delays of SimBlock: a message between two regions whose mean delay is m ms takes
 * round((m - 5) / U^(1 / (0.2 m))) ms, U uniform: a Pareto law of minimum m - 5 and shape m / 5,
 * whose mean is m. From integer quantile tables (quantile.h).
 *
 * Source: github dsg-titech/simblock, simulator/.../simulator/Network.java (Apache-2.0), Aoki et
 * al., "SimBlock: A Blockchain Network Simulator", arXiv 1901.09777. */
#ifndef ORRERY_SIM_NET_LAWS_H
#define ORRERY_SIM_NET_LAWS_H

#include "sim/net/cities.h"
#include "sim/net/quantile.h"

struct laws;

/* Reads a table of mean one-way delays and makes the map that goes with it, one place per region.
 * Each line: name (tab) means to all regions in the order of the lines, whole ms from 9 to 999;
 * '#' begins a comment line; symmetric. A pair's base_ns is m - 5 ms, its jitter_ns 5 ms. On an
 * error neither needs freeing. ERR_NOT_FOUND, ERR_SYNTAX, ERR_NO_MEMORY. */
MUST_CHECK enum err laws_load(struct laws **laws, struct cities *cities, struct cities_error *error,
                              const char *path);
void laws_free(struct laws *laws);

/* Of the uniform draw u, between two places. */
uint64_t laws_delay_ns(const struct laws *laws, uint32_t from, uint32_t to, uint64_t u);

#endif
