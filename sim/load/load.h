/* When requests come and at which node they enter; what is asked is the caller's. Open loop: a slow
 * network does not slow the load. Draws are named by (stream, arrival). spec: design 4 */
#ifndef ORRERY_SIM_LOAD_LOAD_H
#define ORRERY_SIM_LOAD_LOAD_H

#include "sim/net/quantile.h"

enum load_arrivals {
    LOAD_CONSTANT, /* number k at start + floor(k * 10^9 * den / num) ns: never drifts */
    LOAD_POISSON,  /* exponential gaps, the first one from the start */
};

struct load_config {
    enum load_arrivals arrivals;
    uint64_t rate_num; /* mean number per second, in all */
    uint64_t rate_den;
    uint64_t start_ns;
    uint64_t end_ns;      /* arrivals fall in [start, end) */
    uint32_t entry_count; /* places where a request may enter, all as likely; >= 1 */
};

struct load {
    struct load_config config;
    const struct quantile *exponential; /* borrowed */
    uint64_t key_gap;
    uint64_t key_entry;
    uint64_t number;  /* of the next arrival */
    uint64_t last_ns; /* Poisson: of the one before, */
    uint64_t gap_q16; /* with its fraction of a ns in the mean gap's unit */
    uint32_t part_q16;
    uint32_t stream;
};

struct load_arrival {
    uint64_t at_ns;
    uint64_t number; /* from 0 */
    uint32_t entry;  /* below entry_count */
};

/* `stream` tells the loads of a run apart. ERR_RANGE: a rate of 0, above 10^9 / s, or below one in
 * 2^40 ns (18 min); times beyond 2^61 ns; no entry. */
MUST_CHECK enum err load_init(struct load *load, const struct load_config *config,
                              const struct quantile *exponential, uint64_t seed, uint32_t stream);

/* The next arrival; false when there are no more. Times never fall. */
bool load_next(struct load *load, struct load_arrival *arrival);

#endif
