/* Virtual processor time. A node counts its work by kind (ctx_charge); a profile, measured on a
 * real machine, gives the price of a unit; a node's speed is a ratio to that machine. Work queues:
 * a node is busy until it is done. spec: design 2
 *
 * Prices are in picoseconds, so that a byte hashed (1.4 ns) can be priced. */
#ifndef ORRERY_SIM_CPU_CPU_H
#define ORRERY_SIM_CPU_CPU_H

#include "node/base/bytes.h"
#include "node/base/err.h"

enum { CPU_KINDS_MAX = 64 };

/* Shared, immutable. The meaning of a kind is the caller's. */
struct cpu_profile {
    uint32_t kind_count;
    uint64_t ps_per_unit[CPU_KINDS_MAX]; /* at most 10^15: 1000 s */
};

/* Speed 1/1 is the measured machine, 1/2 takes twice as long. */
struct cpu {
    uint64_t busy_until_ns;
    uint64_t worked_ns; /* in total */
    uint32_t speed_num;
    uint32_t speed_den;
};

/* ERR_RANGE: a speed of 0 or beyond 2^20 either way. */
MUST_CHECK enum err cpu_init(struct cpu *cpu, uint32_t speed_num, uint32_t speed_den);

/* The price of `units` of a kind, saturating. */
uint64_t cpu_price_ps(const struct cpu_profile *profile, uint32_t kind, uint64_t units);

/* When the processor can begin something that is ready at now_ns. */
static inline uint64_t cpu_free_ns(const struct cpu *cpu, uint64_t now_ns)
{
    return cpu->busy_until_ns > now_ns ? cpu->busy_until_ns : now_ns;
}

/* Queues work of `work_ps` (on the measured machine) that is ready at now_ns; returns when it ends.
 * slow_num / slow_den multiplies the time (a fault; 1 / 1: none). Both >= 1. Rounds up to a ns. */
uint64_t cpu_run(struct cpu *cpu, uint64_t now_ns, uint64_t work_ps, uint32_t slow_num,
                 uint32_t slow_den);

/* A crash drops what was queued. */
void cpu_crash(struct cpu *cpu);

#endif
