/* Internal to the engine: a lane is what one thread owns, its share of the nodes with their
 * events. Between slots any lane may be touched by the thread that runs the engine. */
#ifndef ORRERY_ENGINE_LANE_H
#define ORRERY_ENGINE_LANE_H

#include <stdatomic.h>

#include "sim/engine/crew.h"
#include "sim/engine/engine.h"
#include "sim/engine/gauge.h"
#include "sim/engine/heap.h"
#include "sim/engine/wheel.h"

#define CARRIERS 3

/* Touched by every event. */
struct node_hot {
    uint64_t sent; /* the next event's seq */
    uint64_t mix;  /* fingerprint */
};

/* A wake is carried by an event of the queue. Setting it later leaves the carrier where it is, to
 * be filed again when it comes; setting it earlier adds a carrier. So that nodes that go back and
 * forth between a near and a far deadline do not leave a trail of events behind, the carriers on
 * their way are remembered, the nearest first; when there are too many, a middle one is forgotten
 * and does nothing when it comes. */
struct node_wake {
    uint64_t time_ns;              /* when the node is to be woken, or ENGINE_NEVER */
    uint64_t carrier_ns[CARRIERS]; /* ascending, then ENGINE_NEVER */
};

/* Events from one lane to another, sent while a slot was run by the crew. */
struct outbox {
    struct engine_event *at;
    uint32_t count;
    uint32_t capacity;
    uint32_t near; /* events that fall into the window after the one they were sent in */
    uint64_t first_ns;
};

struct lane {
    _Alignas(128) uint64_t now_ns; /* of the event being handled */
    uint64_t slot_end_ns;          /* of the slot it is in */
    uint64_t busy;                 /* bit i: slot i of the window had events */
    uint64_t pushed;
    uint64_t popped;
    uint64_t events;
    uint64_t own;
    uint64_t stale;
    uint32_t node; /* that runs */
    unsigned number;
    struct heap soon;         /* own events of the open slot */
    struct outbox *outbox[2]; /* by parity of the window, then by lane */
    struct wheel *wheel;
};

struct engine {
    struct engine_config config;
    unsigned lanes;
    unsigned parity; /* which outboxes are being filled */
    bool open;       /* a window is being run: one slot, or with zones several */
    bool alone;      /* by one thread */
    bool zoned;
    uint64_t window_slots; /* the most a window may have */
    uint64_t now_ns;
    uint64_t window_first; /* slots [first, end) */
    uint64_t window_end;
    uint64_t window_end_ns;
    uint64_t limit_ns; /* events at or after it stay, even if they are in the window */
    uint64_t epoch;
    uint64_t epoch_next_ns;
    uint64_t lane_inverse; /* of lanes, for engine_lane */
    unsigned block_log2;
    struct node_hot *hot;
    struct node_wake *wake;
    struct lane *lane;
    struct crew *crew;
    struct gauge gauge;
    struct engine_counters counters;
    uint64_t slot_last; /* the last one that had events */
    atomic_bool asked;
    uint8_t order[ENGINE_ZONES_MAX]; /* lanes of the window, those with most work first */
    _Alignas(64) atomic_uint taken;  /* of them, by the crew */
};

/* Without zones nodes go to lanes in turn, by blocks: neighbours share cache lines, and a scenario
 * that lists its busy nodes first still divides evenly. (x mod lanes by two products: Lemire,
 * Kaser, Kurz: Faster Remainder by Direct Computation, 2019.) */
static inline unsigned engine_lane(const struct engine *engine, uint32_t node)
{
    if (engine->lanes == 1) {
        return 0;
    }
    if (engine->zoned) {
        return engine->config.zone[node];
    }
    uint64_t low = engine->lane_inverse * (node >> engine->block_log2);
    return (unsigned)((u128)low * engine->lanes >> 64);
}

/* Takes in what the other lanes have sent to this one. */
void lane_collect(struct engine *engine, struct lane *lane);

/* Runs the slot at the cursor and those after it up to the end of the window. */
void lane_run(struct engine *engine, struct lane *lane);

#endif
