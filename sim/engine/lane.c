#include "sim/engine/lane.h"

#include <stdlib.h>

#include "node/base/invariant.h"

#define AHEAD 8 /* events between fetching a node's state and running it */
#define NEAR 4  /* the same for the second stage */

static inline void outbox_push(struct outbox *outbox, const struct engine_event *event,
                               uint64_t near_ns)
{
    if (outbox->count == outbox->capacity) {
        outbox->capacity = outbox->capacity == 0 ? 64 : 2 * outbox->capacity;
        outbox->at = realloc(outbox->at, outbox->capacity * sizeof outbox->at[0]);
        invariant(outbox->at != NULL && outbox->capacity != 0); /* out of memory */
    }
    if (event->time_ns < outbox->first_ns) {
        outbox->first_ns = event->time_ns;
    }
    outbox->near += event->time_ns < near_ns;
    outbox->at[outbox->count++] = *event;
}

void lane_collect(struct engine *engine, struct lane *lane)
{
    for (unsigned from = 0; from < engine->lanes; from++) {
        struct outbox *outbox = &engine->lane[from].outbox[engine->parity ^ 1][lane->number];
        for (uint32_t i = 0; i < outbox->count; i++) {
            wheel_push(lane->wheel, &outbox->at[i]);
        }
        outbox->count = 0;
        outbox->near = 0;
        outbox->first_ns = ENGINE_NEVER;
    }
}

/* An event for a node of this lane, at a time that has been checked. */
static void lane_push(struct engine *engine, struct lane *lane, const struct engine_event *event)
{
    lane->pushed++;
    if (engine->open && event->time_ns < lane->slot_end_ns) {
        lane->own++;
        heap_push(&lane->soon, *event);
    } else {
        wheel_push(lane->wheel, event);
    }
}

void engine_send(struct engine *engine, unsigned thread, uint32_t src, uint32_t dst,
                 uint64_t time_ns, uint64_t payload)
{
    invariant(dst < engine->config.nodes && src <= engine->config.nodes);
    invariant(thread < engine->lanes);
    invariant(time_ns <= ENGINE_TIME_MAX && payload != ENGINE_WAKE);
    struct lane *lane = &engine->lane[thread];
    struct engine_event event = {
        .time_ns = time_ns,
        .dst = dst,
        .src = src,
        .seq = engine->hot[src].sent++,
        .payload = payload,
    };
    if (!engine->open) {
        invariant(time_ns >= engine->now_ns);
        lane_push(engine, &engine->lane[engine_lane(engine, dst)], &event);
        return;
    }
    invariant(src == lane->node);
    if (dst == src) {
        invariant(time_ns >= lane->now_ns);
        lane_push(engine, lane, &event);
        return;
    }
    invariant(time_ns >= lane->slot_end_ns);
    lane->pushed++;
    unsigned to = engine_lane(engine, dst);
    if (engine->zoned && to == lane->number) {
        wheel_push(lane->wheel, &event);
        return;
    }
    /* Without zones the lane's own nodes are no exception: a branch on where dst belongs is a coin
     * toss. */
    invariant(time_ns >= engine->window_end_ns);
    if (engine->alone) {
        wheel_push(engine->lane[to].wheel, &event);
    } else {
        uint64_t near_ns =
            2 * engine->window_end_ns - engine->window_first * engine->config.slot_ns;
        outbox_push(&lane->outbox[engine->parity][to], &event, near_ns);
    }
}

/* Adds a carrier at time_ns, which is before all that are remembered. */
static void wake_carry(struct engine *engine, struct lane *lane, uint32_t node, uint64_t time_ns)
{
    struct node_wake *wake = &engine->wake[node];
    struct engine_event event = {
        .time_ns = time_ns,
        .dst = node,
        .src = ENGINE_TIMER,
        .payload = ENGINE_WAKE,
    };
    /* The farthest is kept: a forgotten one is in the queue until it comes. */
    if (wake->carrier_ns[2] == ENGINE_NEVER) {
        wake->carrier_ns[2] = wake->carrier_ns[1];
    }
    wake->carrier_ns[1] = wake->carrier_ns[0];
    wake->carrier_ns[0] = time_ns;
    lane_push(engine, lane, &event);
}

void engine_wake(struct engine *engine, unsigned thread, uint32_t node, uint64_t time_ns)
{
    invariant(node < engine->config.nodes && thread < engine->lanes);
    invariant(time_ns <= ENGINE_TIME_MAX || time_ns == ENGINE_NEVER);
    struct lane *lane = &engine->lane[thread];
    uint64_t now_ns = engine->now_ns;
    if (engine->open) {
        invariant(node == lane->node);
        now_ns = lane->now_ns;
    } else {
        lane = &engine->lane[engine_lane(engine, node)];
    }
    time_ns = time_ns > now_ns ? time_ns : now_ns;
    engine->wake[node].time_ns = time_ns;
    if (time_ns < engine->wake[node].carrier_ns[0]) {
        wake_carry(engine, lane, node, time_ns);
    }
}

/* A carrier has come: true if it is time to wake the node. */
static bool wake_arrive(struct engine *engine, struct lane *lane, const struct engine_event *event)
{
    struct node_wake *wake = &engine->wake[event->dst];
    if (wake->carrier_ns[0] != event->time_ns) {
        lane->stale++;
        return false;
    }
    wake->carrier_ns[0] = wake->carrier_ns[1];
    wake->carrier_ns[1] = wake->carrier_ns[2];
    wake->carrier_ns[2] = ENGINE_NEVER;
    if (wake->time_ns <= event->time_ns) {
        wake->time_ns = ENGINE_NEVER;
        return true;
    }
    lane->stale++;
    if (wake->time_ns < wake->carrier_ns[0]) {
        wake_carry(engine, lane, event->dst, wake->time_ns);
    }
    return false;
}

static inline void lane_fetch(const struct engine *engine, const struct engine_event *event)
{
    __builtin_prefetch(&engine->hot[event->dst], 1);
    if (event->src == ENGINE_TIMER) {
        __builtin_prefetch(&engine->wake[event->dst], 1);
    }
    if (engine->config.node_state != NULL) {
        const char *state = engine->config.node_state;
        __builtin_prefetch(state + engine->config.node_state_bytes * event->dst, 1);
    }
    if (engine->config.fetch != NULL) {
        engine->config.fetch(engine->config.world, event, 0);
    }
}

/* What the events behind the one at `next` need. */
static inline void lane_fetch_ahead(const struct engine *engine, const struct engine_event *open,
                                    size_t count, size_t next)
{
    if (next + AHEAD < count) {
        lane_fetch(engine, &open[next + AHEAD]);
    }
    if (engine->config.fetch != NULL && next + NEAR < count) {
        engine->config.fetch(engine->config.world, &open[next + NEAR], 1);
    }
}

/* The first events of a slot, whose turn comes before any that runs could look ahead. */
static void lane_fetch_first(const struct engine *engine, const struct engine_event *open,
                             size_t count)
{
    for (size_t i = 0; i < count && i < AHEAD; i++) {
        lane_fetch(engine, &open[i]);
    }
    for (size_t i = 0; engine->config.fetch != NULL && i < count && i < NEAR; i++) {
        engine->config.fetch(engine->config.world, &open[i], 1);
    }
}

static inline void lane_deliver(struct engine *engine, struct lane *lane,
                                const struct engine_event *event)
{
    lane->popped++;
    lane->now_ns = event->time_ns;
    lane->node = event->dst;
    if (event->src == ENGINE_TIMER && !wake_arrive(engine, lane, event)) {
        return;
    }
    struct node_hot *hot = &engine->hot[event->dst];
    uint64_t mix = fingerprint_mix(hot->mix, event->time_ns);
    hot->mix = fingerprint_mix(mix, (uint64_t)event->src << 32 ^ event->seq);
    lane->events++;
    engine->config.handler(engine->config.world, lane->number, event);
}

/* Leaves the events that are not before the limit in their slot. */
static void lane_put_back(struct lane *lane, size_t next)
{
    struct wheel *wheel = lane->wheel;
    for (size_t i = next; i < wheel->open_count; i++) {
        wheel_push(wheel, &wheel->open[i]);
    }
    for (size_t i = 0; i < lane->soon.count; i++) {
        wheel_push(wheel, &lane->soon.at[i]);
    }
    lane->soon.count = 0;
}

/* Runs the open slot as far as limit_ns. */
static void lane_run_slot(struct engine *engine, struct lane *lane, uint64_t limit_ns)
{
    const struct engine_event *open = lane->wheel->open;
    size_t count = lane->wheel->open_count;
    lane_fetch_first(engine, open, count);
    size_t next = 0;
    for (;;) {
        if (lane->soon.count > 0 &&
            (next == count || event_before(&lane->soon.at[0], &open[next]))) {
            if (lane->soon.at[0].time_ns >= limit_ns) {
                break;
            }
            struct engine_event event = heap_pop(&lane->soon);
            lane_deliver(engine, lane, &event);
        } else if (next < count) {
            if (open[next].time_ns >= limit_ns) {
                break;
            }
            lane_fetch_ahead(engine, open, count, next);
            lane_deliver(engine, lane, &open[next++]);
        } else {
            return;
        }
    }
    lane_put_back(lane, next);
}

void lane_run(struct engine *engine, struct lane *lane)
{
    struct wheel *wheel = lane->wheel;
    uint64_t width_ns = engine->config.slot_ns;
    lane->busy = 0;
    for (;;) {
        uint64_t slot = wheel->cursor;
        uint64_t popped = lane->popped;
        lane->slot_end_ns = (slot + 1) * width_ns;
        wheel_open(wheel);
        lane_run_slot(engine, lane, engine->limit_ns);
        lane->busy |= (uint64_t)(lane->popped != popped) << (slot - engine->window_first);
        if (slot + 1 == engine->window_end || lane->slot_end_ns >= engine->limit_ns) {
            return;
        }
        slot = wheel_next(wheel);
        if (slot >= engine->window_end || slot * width_ns >= engine->limit_ns) {
            return;
        }
        wheel_advance(wheel, slot);
    }
}
