#include "sim/clock/clock.h"

#include "node/base/invariant.h"

#define BILLION 1000000000
#define YEAR_10000_MS 253402300800000u
#define LIMIT_NS ((int64_t)1 << 62)

__extension__ typedef __int128 wide;

enum err clock_init(struct clock *clock, const struct clock_config *config)
{
    if (config->drift_ppb > CLOCK_DRIFT_PPB_MAX || config->drift_ppb < -CLOCK_DRIFT_PPB_MAX ||
        config->offset_ns > LIMIT_NS || config->offset_ns < -LIMIT_NS ||
        (config->swing_ns > 0 && config->swing_period_ns < 4) || config->epoch_ms > YEAR_10000_MS) {
        return ERR_RANGE;
    }
    *clock = (struct clock){.config = *config};
    return ERR_OK;
}

void clock_step(struct clock *clock, int64_t step_ns)
{
    wide sum = (wide)clock->stepped_ns + step_ns;
    clock->stepped_ns = sum > LIMIT_NS ? LIMIT_NS : sum < -LIMIT_NS ? -LIMIT_NS : (int64_t)sum;
}

/* Division that rounds down, as C's does not for negative numbers; d > 0. */
static wide floor_div(wide n, wide d)
{
    return n >= 0 ? n / d : -((-n + d - 1) / d);
}

uint64_t clock_mono_ns(const struct clock *clock, uint64_t t_ns)
{
    invariant(t_ns < (uint64_t)LIMIT_NS);
    return t_ns + (uint64_t)floor_div((wide)t_ns * clock->config.drift_ppb, BILLION);
}

uint64_t clock_due_ns(const struct clock *clock, uint64_t mono_ns)
{
    /* floor(t (10^9 + d) / 10^9) >= m  iff  t >= m 10^9 / (10^9 + d): the ceiling is exact. */
    u128 rate = (u128)(BILLION + (wide)clock->config.drift_ppb);
    u128 t = ((u128)mono_ns * BILLION + rate - 1) / rate;
    return mono_ns == UINT64_MAX || t >> 64 != 0 ? UINT64_MAX : (uint64_t)t;
}

static int64_t swing_at(const struct clock_config *config, uint64_t t_ns)
{
    if (config->swing_ns == 0) {
        return 0;
    }
    uint64_t period = config->swing_period_ns;
    /* Four quarters: 0 up to 1, down to -1, up to 0. `place` counts quarters of a period. */
    wide place = (wide)(t_ns % period) * 4;
    wide height = place <= period             ? place
                  : place <= 3 * (wide)period ? 2 * (wide)period - place
                                              : place - 4 * (wide)period;
    return (int64_t)(height * config->swing_ns / period);
}

uint64_t clock_wall_ms(const struct clock *clock, uint64_t t_ns)
{
    const struct clock_config *config = &clock->config;
    wide ns = (wide)config->epoch_ms * 1000000 + clock_mono_ns(clock, t_ns) + config->offset_ns +
              clock->stepped_ns + swing_at(config, t_ns);
    return ns < 0 ? 0 : (uint64_t)(ns / 1000000);
}
