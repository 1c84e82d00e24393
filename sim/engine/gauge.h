/* Measures whether a slot of a given amount of work is done faster by one thread or by the whole
 * crew. Its answer changes how fast a run is and nothing else: this is the one place in the engine
 * that reads a clock. */
#ifndef ORRERY_ENGINE_GAUGE_H
#define ORRERY_ENGINE_GAUGE_H

#include <stdbool.h>
#include <stdint.h>

struct gauge_class {
    uint32_t slots;   /* seen */
    uint64_t cost[2]; /* 1/256 ns per unit of work, smoothed, alone and by the crew; 0: unknown */
};

struct gauge {
    struct gauge_class class[33]; /* by the number of bits of work */
    struct gauge_class *now;
    uint64_t start_ns;
    bool crew;
    bool timed;
};

/* Starts a slot with so many events to handle; true: the crew should do it. */
bool gauge_start(struct gauge *gauge, uint32_t work);

/* The slot is done. */
void gauge_finish(struct gauge *gauge, uint32_t work);

#endif
