#define _GNU_SOURCE
#include "sim/engine/gauge.h"

#include <time.h>

/* Out of a period of slots of a class, PROBE are done each way and the later half of them timed:
 * the first ones pay for waking the crew and for moving the nodes between the caches. Thin slots
 * would notice that price, so they are probed less often. */
#define PERIOD 1024
#define PERIOD_THIN 8192
#define THIN 256
#define PROBE 8
#define TIMED_EVERY 16

/* A wait of a millisecond and a quarter of the work: somebody else has the core. */
#define WAIT_NS 1000000
#define ALONE_MIN 16
#define ALONE_MAX 4096

static uint64_t clock_ns(void)
{
    struct timespec t;
    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

bool gauge_start(struct gauge *gauge, uint32_t work)
{
    unsigned bits = work == 0 ? 0 : 32 - (unsigned)__builtin_clz(work);
    struct gauge_class *class = &gauge->class[bits];
    uint32_t phase = class->slots++ % (work < THIN ? PERIOD_THIN : PERIOD);
    gauge->now = class;
    if (phase < 2 * PROBE) {
        gauge->crew = phase >= PROBE;
        gauge->timed = phase % PROBE >= PROBE / 2;
    } else {
        gauge->crew = class->cost[1] < class->cost[0];
        gauge->timed = phase % TIMED_EVERY == 0;
    }
    if (gauge->timed) {
        gauge->start_ns = clock_ns();
    }
    return gauge->crew;
}

void gauge_finish(struct gauge *gauge, uint32_t work)
{
    if (!gauge->timed || work == 0) {
        return;
    }
    uint64_t *cost = &gauge->now->cost[gauge->crew];
    uint64_t sample = ((clock_ns() - gauge->start_ns) * 256 + work) / work;
    if (*cost == 0) {
        *cost = sample;
        return;
    }
    /* One preemption must not decide the next thousand slots. */
    sample = sample < 4 * *cost ? sample : 4 * *cost;
    *cost = (3 * *cost + sample) / 4;
}

bool gauge_window_start(struct gauge *gauge)
{
    struct gauge_trust *trust = &gauge->trust;
    if (trust->alone > 0) {
        trust->alone--;
        return false;
    }
    trust->start_ns = clock_ns();
    return true;
}

void gauge_window_worked(struct gauge *gauge)
{
    gauge->trust.worked_ns = clock_ns() - gauge->trust.start_ns;
}

void gauge_window_finish(struct gauge *gauge)
{
    struct gauge_trust *trust = &gauge->trust;
    uint64_t waited_ns = clock_ns() - trust->start_ns - trust->worked_ns;
    uint32_t next = trust->alone_next > ALONE_MIN ? trust->alone_next : ALONE_MIN;
    if (waited_ns > WAIT_NS && 4 * waited_ns > trust->worked_ns) {
        trust->alone = next;
        trust->alone_next = 2 * next < ALONE_MAX ? 2 * next : ALONE_MAX;
    } else {
        trust->alone_next = next - (next + 31) / 32;
    }
}
