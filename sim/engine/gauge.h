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

/* Whether the crew was there when it was called. When other programs want the cores a thread of the
 * crew may lose its own in the middle of its work, and all wait for it. */
struct gauge_trust {
    uint64_t start_ns;
    uint64_t worked_ns;  /* by the caller, in the window */
    uint32_t alone;      /* windows to come without the crew */
    uint32_t alone_next; /* how many the next disappointment costs */
};

struct gauge {
    struct gauge_trust trust;
    struct gauge_class class[33]; /* by the number of bits of work */
    struct gauge_class *now;
    uint64_t start_ns;
    bool crew;
    bool timed;
};

/* Starts a slot with so many events to handle; true: the crew should do it. */
bool gauge_start(struct gauge *gauge, uint32_t work);

/* For windows with enough to do that only waiting can spoil them: true if the crew should do it.
 * Then the caller says when it has nothing left to do, and when all others have not. */
bool gauge_window_start(struct gauge *gauge);
void gauge_window_worked(struct gauge *gauge);
void gauge_window_finish(struct gauge *gauge);

/* The slot is done. */
void gauge_finish(struct gauge *gauge, uint32_t work);

#endif
