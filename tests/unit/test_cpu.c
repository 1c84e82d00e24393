#include <criterion/criterion.h>

#include "sim/cpu/cpu.h"

Test(cpu, prices_and_queue)
{
    struct cpu_profile profile = {.kind_count = 2, .ps_per_unit = {38800000, 1450}};
    cr_assert_eq(cpu_price_ps(&profile, 0, 2), 77600000);
    cr_assert_eq(cpu_price_ps(&profile, 1, 64), 92800);
    cr_assert_eq(cpu_price_ps(&profile, 0, UINT64_MAX), UINT64_MAX);
    struct cpu cpu;
    cr_assert_eq(cpu_init(&cpu, 1, 1), ERR_OK);
    cr_assert_eq(cpu_run(&cpu, 100, 77600000, 1, 1), 77700);
    cr_assert_eq(cpu_run(&cpu, 200, 1001, 1, 1), 77702);     /* waits, rounds up */
    cr_assert_eq(cpu_run(&cpu, 300, 0, 1, 1), 77702);        /* no work, but in turn */
    cr_assert_eq(cpu_run(&cpu, 100000, 5000, 1, 1), 100005); /* idle between */
    cr_assert_eq(cpu.worked_ns, 77600 + 2 + 5);
    cpu_crash(&cpu);
    cr_assert_eq(cpu_free_ns(&cpu, 7), 7);
}

Test(cpu, speed_and_faults_are_ratios)
{
    struct cpu cpu;
    cr_assert_eq(cpu_init(&cpu, 1, 10), ERR_OK);
    cr_assert_eq(cpu_run(&cpu, 0, 1000000, 1, 1), 10000);
    cr_assert_eq(cpu_init(&cpu, 3, 2), ERR_OK);
    cr_assert_eq(cpu_run(&cpu, 0, 1000000, 1, 1), 667);
    cr_assert_eq(cpu_run(&cpu, 1000, 1000000, 3, 1), 3000);
    cr_assert_eq(cpu_run(&cpu, 3000, UINT64_MAX, UINT32_MAX, 1), 3000 + ((uint64_t)1 << 62));
    cr_assert_eq(cpu_init(&cpu, 0, 1), ERR_RANGE);
    cr_assert_eq(cpu_init(&cpu, 1, (1 << 20) + 1), ERR_RANGE);
}
