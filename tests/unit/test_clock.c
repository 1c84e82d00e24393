/* Node clocks: offset, drift, step, swing; deadlines are the exact inverse of mono. */
#include <criterion/criterion.h>

#include "sim/clock/clock.h"
#include "sim/net/draw.h"

#define SECOND 1000000000u
#define EPOCH 1700000000000u

static struct clock make(struct clock_config config)
{
    struct clock clock;
    config.epoch_ms = EPOCH;
    cr_assert_eq(clock_init(&clock, &config), ERR_OK);
    return clock;
}

Test(clock, offset_and_step)
{
    struct clock clock = make((struct clock_config){.offset_ns = -50500000});
    cr_assert_eq(clock_wall_ms(&clock, 0), EPOCH - 51); /* rounds down */
    cr_assert_eq(clock_mono_ns(&clock, 12345), 12345);
    clock_step(&clock, 2 * (int64_t)SECOND);
    cr_assert_eq(clock_wall_ms(&clock, SECOND), EPOCH + 1000 + 2000 - 51);
    cr_assert_eq(clock_true_ms(&clock, SECOND), EPOCH + 1000);
    clock_step(&clock, INT64_MIN);
    cr_assert_eq(clock_wall_ms(&clock, SECOND), 0); /* not before 1970 */
    clock_step(&clock, INT64_MAX);
    clock_step(&clock, INT64_MAX);
    cr_assert_eq(clock.stepped_ns, (int64_t)1 << 62);
}

Test(clock, drift)
{
    struct clock fast = make((struct clock_config){.drift_ppb = 50000}); /* 50 ppm */
    struct clock slow = make((struct clock_config){.drift_ppb = -50000});
    uint64_t hour = 3600 * (uint64_t)SECOND;
    cr_assert_eq(clock_mono_ns(&fast, hour), hour + 180000000);
    cr_assert_eq(clock_mono_ns(&slow, hour), hour - 180000000);
    cr_assert_eq(clock_wall_ms(&fast, hour), EPOCH + 3600180);
    cr_assert_eq(clock_mono_ns(&slow, 1), 0); /* 1 - 0.00005 */
}

Test(clock, due_is_the_least_inverse_of_mono)
{
    static const int32_t drifts[] = {
        0, 1, -1, 50000, -50000, CLOCK_DRIFT_PPB_MAX, -CLOCK_DRIFT_PPB_MAX};
    for (size_t k = 0; k < sizeof drifts / sizeof *drifts; k++) {
        struct clock clock = make((struct clock_config){.drift_ppb = drifts[k]});
        for (uint64_t i = 0; i < 20000; i++) {
            uint64_t m = i < 1000 ? i : draw(1, DRAW_CLOCK, 0, 0, i) >> (3 + i % 40);
            uint64_t t = clock_due_ns(&clock, m);
            cr_assert_geq(clock_mono_ns(&clock, t), m);
            cr_assert(t == 0 || clock_mono_ns(&clock, t - 1) < m);
        }
        cr_assert_eq(clock_due_ns(&clock, UINT64_MAX), UINT64_MAX);
    }
}

Test(clock, swing_is_a_triangle)
{
    struct clock clock =
        make((struct clock_config){.swing_ns = 100000000, .swing_period_ns = 4 * (uint64_t)SECOND});
    static const int expected[] = {0, 50, 100, 50, 0, -50, -100, -50, 0, 50};
    for (uint64_t i = 0; i < 10; i++) {
        uint64_t t = i * SECOND / 2;
        cr_assert_eq((int64_t)clock_wall_ms(&clock, t) - (int64_t)(EPOCH + t / 1000000),
                     expected[i]);
    }
}

Test(clock, bad_configurations)
{
    struct clock clock;
    struct clock_config config = {.drift_ppb = CLOCK_DRIFT_PPB_MAX + 1};
    cr_assert_eq(clock_init(&clock, &config), ERR_RANGE);
    config = (struct clock_config){.offset_ns = INT64_MIN};
    cr_assert_eq(clock_init(&clock, &config), ERR_RANGE);
    config = (struct clock_config){.swing_ns = 1};
    cr_assert_eq(clock_init(&clock, &config), ERR_RANGE);
    config = (struct clock_config){.epoch_ms = UINT64_MAX};
    cr_assert_eq(clock_init(&clock, &config), ERR_RANGE);
}
