/* One event of the simulation and the order in which events happen. */
#ifndef ORRERY_ENGINE_EVENT_H
#define ORRERY_ENGINE_EVENT_H

#include <stdbool.h>
#include <stdint.h>

#define ENGINE_NEVER UINT64_MAX          /* a time that does not come */
#define ENGINE_TIME_MAX (UINT64_MAX / 2) /* the last time an event may have: 292 years */
#define ENGINE_WAKE UINT64_MAX           /* payload of the event that engine_wake asked for */
#define ENGINE_TIMER UINT32_MAX          /* its source */

/* The key (time_ns, dst, src, seq) is unique among messages and orders all events; it depends on
 * nothing but what the nodes did, so neither insertion order nor threads show. seq counts what
 * src has sent. A wake has the last source of all, so that it follows what arrives with it. */
struct engine_event {
    uint64_t time_ns;
    uint32_t dst;
    uint32_t src;
    uint64_t seq;
    uint64_t payload; /* the world's: an index or a reference */
};

_Static_assert(sizeof(struct engine_event) == 32, "two events to a cache line");

static inline bool event_before(const struct engine_event *a, const struct engine_event *b)
{
    if (a->time_ns != b->time_ns) {
        return a->time_ns < b->time_ns;
    }
    if (a->dst != b->dst) {
        return a->dst < b->dst;
    }
    if (a->src != b->src) {
        return a->src < b->src;
    }
    return a->seq < b->seq;
}

#endif
