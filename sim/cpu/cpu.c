#include "sim/cpu/cpu.h"

#include "node/base/invariant.h"

#define SPEED_MAX ((uint32_t)1 << 20)
#define PS_PER_NS 1000u

enum err cpu_init(struct cpu *cpu, uint32_t speed_num, uint32_t speed_den)
{
    if (speed_num == 0 || speed_den == 0 || speed_num > SPEED_MAX || speed_den > SPEED_MAX) {
        return ERR_RANGE;
    }
    *cpu = (struct cpu){.speed_num = speed_num, .speed_den = speed_den};
    return ERR_OK;
}

uint64_t cpu_price_ps(const struct cpu_profile *profile, uint32_t kind, uint64_t units)
{
    invariant(kind < profile->kind_count && profile->kind_count <= CPU_KINDS_MAX);
    u128 ps = (u128)profile->ps_per_unit[kind] * units;
    return ps >> 64 ? UINT64_MAX : (uint64_t)ps;
}

uint64_t cpu_run(struct cpu *cpu, uint64_t now_ns, uint64_t work_ps, uint32_t slow_num,
                 uint32_t slow_den)
{
    invariant(slow_num > 0 && slow_den > 0);
    uint64_t begin_ns = cpu_free_ns(cpu, now_ns);
    if (work_ps == 0) {
        return begin_ns;
    }
    uint64_t ns;
    if (cpu->speed_num == cpu->speed_den && slow_num == slow_den) {
        ns = work_ps / PS_PER_NS + (work_ps % PS_PER_NS != 0);
    } else {
        u128 divisor = (u128)cpu->speed_num * slow_den * PS_PER_NS;
        u128 scaled = ((u128)work_ps * cpu->speed_den * slow_num + divisor - 1) / divisor;
        ns = scaled >> 62 ? (uint64_t)1 << 62 : (uint64_t)scaled;
    }
    cpu->worked_ns += ns;
    cpu->busy_until_ns = begin_ns + ns;
    return cpu->busy_until_ns;
}

void cpu_crash(struct cpu *cpu)
{
    cpu->busy_until_ns = 0;
}
