/* The event queue of one thread: a wheel of slots of equal width, each an unordered bag of events
 * that is put in order when it opens. Events further away than the wheel reaches wait in bags of
 * one wheel turn each, and beyond those in one last bag; they are filed again when their turn
 * comes. Memory is chunks of events from a pool that never shrinks, so that a steady simulation
 * allocates nothing. (After the calendar queue, Brown 1988, with the width fixed by the model:
 * nothing is ever inserted into a slot that is open.) */
#ifndef ORRERY_ENGINE_WHEEL_H
#define ORRERY_ENGINE_WHEEL_H

#include <stddef.h>

#include "node/base/bytes.h"
#include "sim/engine/event.h"

#define WHEEL_SLOTS_LOG2 12
#define WHEEL_SLOTS ((uint64_t)1 << WHEEL_SLOTS_LOG2)
#define WHEEL_TURNS ((uint64_t)1024)
#define CHUNK_EVENTS 31

struct chunk {
    struct engine_event at[CHUNK_EVENTS];
    struct chunk *before; /* the full chunk filled before this one */
    uint64_t padding[3];
};

/* A bag of events. All zero is an empty one. */
struct bag {
    struct chunk *last;
    uint32_t room; /* events that fit into the last chunk */
    uint32_t count;
};

/* Divides times by the slot width without a division. */
struct ruler {
    uint64_t width_ns;
    uint64_t inverse; /* floor(2^64 / width) */
};

struct wheel {
    struct ruler ruler;
    uint64_t cursor;  /* the slot opened last; every event is in it or later */
    uint64_t summary; /* bit w: occupied[w] is not 0 */
    uint64_t occupied[WHEEL_SLOTS / 64];
    uint64_t turn_next; /* first turn that has a bag, ENGINE_NEVER if none */
    uint64_t far_next;  /* first turn of an event in the far bag, ENGINE_NEVER if none */
    struct chunk *spare;
    uint64_t refiled;          /* events moved because their turn came */
    struct engine_event *open; /* the opened slot's events in key order */
    size_t open_count;
    size_t open_capacity;
    struct engine_event *scratch;
    uint32_t *bucket;
    size_t bucket_capacity;
    struct slab *slab;
    struct bag slot[WHEEL_SLOTS];
    struct bag turn[WHEEL_TURNS];
    struct bag far;
};

/* width_ns at least 2. */
void wheel_init(struct wheel *wheel, uint64_t width_ns);
void wheel_free(struct wheel *wheel);

/* A slot that is not after any event of the wheel: the first that holds one, or the turn at which
 * events must be filed again, whichever is first. ENGINE_NEVER when the wheel is empty. */
uint64_t wheel_next(const struct wheel *wheel);

/* How many events slot holds, if it is within the wheel's reach. */
static inline uint32_t wheel_count(const struct wheel *wheel, uint64_t slot)
{
    return wheel->slot[slot & (WHEEL_SLOTS - 1)].count;
}

/* Moves the cursor to slot, which is at most wheel_next, and files again what is due there. */
void wheel_advance(struct wheel *wheel, uint64_t slot);

/* Empties the slot at the cursor into wheel->open, in key order. */
void wheel_open(struct wheel *wheel);

/* A chunk with room at the end of bag, and the rare paths of wheel_push. */
struct engine_event *bag_grow(struct wheel *wheel, struct bag *bag);
void wheel_push_far(struct wheel *wheel, const struct engine_event *event, uint64_t slot);

static inline uint64_t ruler_slot(const struct ruler *ruler, uint64_t time_ns)
{
    /* The product is below time / width by less than 1, so the quotient is right or one short. */
    uint64_t slot = (uint64_t)((u128)time_ns * ruler->inverse >> 64);
    return slot + (time_ns - slot * ruler->width_ns >= ruler->width_ns);
}

static inline void bag_push(struct wheel *wheel, struct bag *bag, const struct engine_event *event)
{
    struct engine_event *place;
    if (bag->room == 0) {
        place = bag_grow(wheel, bag);
    } else {
        place = &bag->last->at[CHUNK_EVENTS - bag->room];
    }
    *place = *event;
    bag->room--;
    bag->count++;
}

/* Files an event that is not before the cursor's slot. */
static inline void wheel_push(struct wheel *wheel, const struct engine_event *event)
{
    uint64_t slot = ruler_slot(&wheel->ruler, event->time_ns);
    if (slot - wheel->cursor >= WHEEL_SLOTS) {
        wheel_push_far(wheel, event, slot);
        return;
    }
    uint64_t index = slot & (WHEEL_SLOTS - 1);
    struct bag *bag = &wheel->slot[index];
    if (bag->count == 0) {
        wheel->occupied[index / 64] |= (uint64_t)1 << index % 64;
        wheel->summary |= (uint64_t)1 << index / 64;
    }
    bag_push(wheel, bag, event);
}

#endif
