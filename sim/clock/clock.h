/* What a node's clocks show. Virtual time is the engine's, in ns from 0. A node has two readings:
 * mono, which runs at its oscillator's rate and never goes back, and wall, its idea of the date,
 * which may be off, drift, swing and be stepped. spec: design 2, 4
 *
 *   mono(t) = t + floor(t * drift / 10^9)
 *   wall(t) = epoch + mono(t) + offset + swing(t)
 * swing is a triangle wave of the given amplitude and period: 0 at t = 0, up first. */
#ifndef ORRERY_SIM_CLOCK_CLOCK_H
#define ORRERY_SIM_CLOCK_CLOCK_H

#include "node/base/bytes.h"
#include "node/base/err.h"

enum { CLOCK_DRIFT_PPB_MAX = 100000000 }; /* 10 % */

struct clock_config {
    uint64_t epoch_ms;        /* the true date at virtual time 0 */
    int64_t offset_ns;        /* wall ahead (+) or behind (-) */
    int32_t drift_ppb;        /* fast (+) or slow (-), parts in 10^9: 1 ppm is 1000 */
    uint32_t swing_ns;        /* amplitude, 0: none */
    uint64_t swing_period_ns; /* >= 4 when swing_ns > 0 */
};

struct clock {
    struct clock_config config;
    int64_t stepped_ns; /* sum of the steps so far */
};

/* ERR_RANGE: drift beyond CLOCK_DRIFT_PPB_MAX, |offset| above 2^62 ns, a swing without a period, or
 * an epoch after the year 10000. */
MUST_CHECK enum err clock_init(struct clock *clock, const struct clock_config *config);

/* Sets the wall clock forward (+) or back (-) from now on. Saturates at +-2^62 ns in total. */
void clock_step(struct clock *clock, int64_t step_ns);

/* t below 2^62 (146 years). */
uint64_t clock_mono_ns(const struct clock *clock, uint64_t t_ns);

/* The least virtual time at which mono shows at least mono_ns: when a deadline of the node is due.
 * UINT64_MAX (no deadline) stays. */
uint64_t clock_due_ns(const struct clock *clock, uint64_t mono_ns);

/* Never below 0 (1970). */
uint64_t clock_wall_ms(const struct clock *clock, uint64_t t_ns);

/* The date itself, without a clock: for records and checks. */
static inline uint64_t clock_true_ms(const struct clock *clock, uint64_t t_ns)
{
    return clock->config.epoch_ms + t_ns / 1000000;
}

#endif
