#include <criterion/criterion.h>
#include <signal.h>
#include <stdlib.h>

#include "node/base/rng.h"
#include "sim/engine/engine.h"

#define MS 1000000u
#define SLOT_NS (2u * MS)
#define HOUR_NS (3600u * (uint64_t)1000 * MS)
#define LOG_MAX 4096

/* A world that writes down what happens to it, for runs of one thread. */
struct story {
    struct engine *engine;
    struct engine_event event[LOG_MAX];
    size_t events;
    uint64_t hook_ns[LOG_MAX];
    size_t hooks;
    uint64_t slot_ns[LOG_MAX];
    size_t slots;
    void (*act)(struct story *story, const struct engine_event *event);
};

static void story_handler(void *world, unsigned thread, const struct engine_event *event)
{
    struct story *story = world;
    (void)thread;
    cr_assert_lt(story->events, LOG_MAX);
    story->event[story->events++] = *event;
    if (story->act != NULL) {
        story->act(story, event);
    }
}

static void story_epoch(void *world, uint64_t epoch, uint64_t now_ns)
{
    struct story *story = world;
    cr_assert_lt(story->hooks, LOG_MAX);
    cr_assert_eq(epoch, story->hooks + 1);
    cr_assert_eq(now_ns, engine_now(story->engine));
    story->hook_ns[story->hooks++] = now_ns;
}

static void story_slot(void *world, uint64_t now_ns)
{
    struct story *story = world;
    cr_assert_lt(story->slots, LOG_MAX);
    story->slot_ns[story->slots++] = now_ns;
}

static struct engine *story_begin(struct story *story, uint32_t nodes, uint64_t epoch_ns)
{
    struct engine_config config = {
        .nodes = nodes,
        .threads = 1,
        .slot_ns = SLOT_NS,
        .epoch_ns = epoch_ns,
        .world = story,
        .handler = story_handler,
        .slot_hook = story_slot,
        .epoch_hook = story_epoch,
    };
    cr_assert_eq(engine_new(&story->engine, &config), ERR_OK);
    return story->engine;
}

Test(engine, refuses_numbers_out_of_range)
{
    struct story story = {0};
    struct engine_config good = {
        .nodes = 2, .threads = 1, .slot_ns = SLOT_NS, .world = &story, .handler = story_handler};
    struct engine *engine;
    struct engine_config bad = good;
    bad.nodes = 0;
    cr_assert_eq(engine_new(&engine, &bad), ERR_RANGE);
    bad = good;
    bad.threads = ENGINE_THREADS_MAX + 1;
    cr_assert_eq(engine_new(&engine, &bad), ERR_RANGE);
    bad = good;
    bad.slot_ns = ENGINE_SLOT_NS_MIN - 1;
    cr_assert_eq(engine_new(&engine, &bad), ERR_RANGE);
    cr_assert_eq(engine_new(&engine, &good), ERR_OK);
    engine_free(engine);
    engine_free(NULL);
}

/* The same messages, inserted in twenty orders, happen in the order of their keys. Every source
 * sends in its own order (that is what seq counts); the sources are interleaved at random. */
Test(engine, order_does_not_depend_on_insertion)
{
    enum { SOURCES = 7, EACH = 120 };
    static struct story first, story;
    for (unsigned round = 0; round < 20; round++) {
        story = (struct story){0};
        struct engine *engine = story_begin(&story, SOURCES, 0);
        uint32_t turn[SOURCES * EACH];
        for (uint32_t i = 0; i < SOURCES * EACH; i++) {
            turn[i] = i % SOURCES;
        }
        struct rng order;
        rng_init_stream(&order, round, RNG_TEST, 0);
        rng_shuffle(&order, turn, SOURCES * EACH, sizeof turn[0]);
        uint64_t sent[SOURCES] = {0};
        for (unsigned i = 0; i < SOURCES * EACH; i++) {
            uint32_t src = turn[i];
            uint64_t x = rng_mix64(src * EACH + sent[src]);
            /* a few instants, so that ties decide; near, far and very far */
            static const uint64_t instant_ns[] = {0,           1,       SLOT_NS,      SLOT_NS,
                                                  9 * SLOT_NS, HOUR_NS, 40 * HOUR_NS, 7};
            engine_send(engine, 0, src, (uint32_t)(x >> 8) % SOURCES, instant_ns[x % 8], x % 1000);
            sent[src]++;
        }
        cr_assert_eq(engine_run(engine, ENGINE_NEVER, UINT64_MAX), ENGINE_STOP_DRAINED);
        cr_assert_eq(story.events, SOURCES * EACH);
        for (size_t i = 1; i < story.events; i++) {
            cr_assert(event_before(&story.event[i - 1], &story.event[i]), "event %zu", i);
        }
        if (round == 0) {
            first = story;
        }
        cr_assert_arr_eq(first.event, story.event, story.events * sizeof story.event[0]);
        engine_free(engine);
    }
}

/* A different event anywhere gives a different fold: the fingerprint is not deaf. */
Test(engine, fingerprint_sees_one_event_more)
{
    struct engine *engine;
    uint64_t mix[3];
    for (unsigned i = 0; i < 3; i++) {
        struct story story = {0};
        engine = story_begin(&story, 2, 0);
        engine_send(engine, 0, 0, 1, 5 * MS, 1);
        if (i == 1) {
            engine_send(engine, 0, 0, 1, 6 * MS, 1);
        }
        engine_send(engine, 0, 0, 1, 7 * MS, 1);
        engine_run(engine, ENGINE_NEVER, UINT64_MAX);
        if (i == 2) {
            engine_mix(engine, 1, 0);
        }
        mix[i] = engine_fingerprint(engine, 1);
        cr_assert_eq(engine_fingerprint(engine, 0), 0);
        engine_free(engine);
    }
    cr_assert(mix[0] != mix[1] && mix[0] != mix[2] && mix[1] != mix[2]);
}

static void act_rearm(struct story *story, const struct engine_event *event)
{
    if (event->payload == 9) {
        engine_wake(story->engine, 0, 0, 50 * MS); /* later than the one set before: 30 */
    } else if (event->payload == 10) {
        engine_wake(story->engine, 0, 0, 20 * MS); /* earlier again */
    } else if (event->payload == ENGINE_WAKE && story->events == 4) {
        engine_wake(story->engine, 0, 0, event->time_ns); /* at once */
        engine_wake(story->engine, 0, 0, event->time_ns - 5);
    } else if (event->payload == 11) {
        engine_wake(story->engine, 0, 0, 90 * MS);
        engine_wake(story->engine, 0, 0, ENGINE_NEVER);
    }
}

Test(engine, a_wake_replaces_the_one_before)
{
    struct story story = {.act = act_rearm};
    struct engine *engine = story_begin(&story, 2, 0);
    engine_wake(engine, 0, 0, 40 * MS);
    engine_wake(engine, 0, 0, 30 * MS);
    engine_send(engine, 0, 1, 0, 10 * MS, 9);
    engine_send(engine, 0, 1, 0, 15 * MS, 10);
    engine_send(engine, 0, 1, 0, 20 * MS, 8); /* before the wake of the same time */
    engine_send(engine, 0, 1, 0, 80 * MS, 11);
    cr_assert_eq(engine_run(engine, ENGINE_NEVER, UINT64_MAX), ENGINE_STOP_DRAINED);
    static const struct {
        uint64_t ms, payload;
    } expected[] = {{10, 9}, {15, 10}, {20, 8}, {20, ENGINE_WAKE}, {20, ENGINE_WAKE}, {80, 11}};
    cr_assert_eq(story.events, 6);
    for (size_t i = 0; i < 6; i++) {
        cr_assert_eq(story.event[i].time_ns, expected[i].ms * MS, "event %zu", i);
        cr_assert_eq(story.event[i].payload, expected[i].payload, "event %zu", i);
    }
    struct engine_counters counters = engine_counters(engine);
    cr_assert_eq(counters.pending, 0);
    cr_assert_eq(counters.events, 6);
    engine_free(engine);
}

/* A far deadline, and near ones that come and go in front of it, for an hour: what waits stays
 * few, and every wake comes at its time. */
static void act_flutter(struct story *story, const struct engine_event *event)
{
    story->events = 0;
    uint64_t now = event->time_ns;
    if (event->payload == ENGINE_WAKE) {
        cr_assert_eq(now % (100u * MS), 25u * MS);
        engine_wake(story->engine, 0, 0, now + HOUR_NS);
    } else {
        engine_wake(story->engine, 0, 0, now + 25 * MS);
        engine_send(story->engine, 0, 0, 0, now + 100 * MS, 1);
    }
}

Test(engine, moving_wakes_leave_no_trail)
{
    struct story story = {.act = act_flutter};
    struct engine_config config = {
        .nodes = 1, .threads = 1, .slot_ns = SLOT_NS, .world = &story, .handler = story_handler};
    cr_assert_eq(engine_new(&story.engine, &config), ERR_OK);
    engine_send(story.engine, 0, 0, 0, 0, 1);
    cr_assert_eq(engine_run(story.engine, HOUR_NS, UINT64_MAX), ENGINE_STOP_TIME);
    struct engine_counters counters = engine_counters(story.engine);
    cr_assert_eq(counters.events, 72000);
    cr_assert_leq(counters.pending_peak, 4);
    engine_free(story.engine);
}

/* Any sequence of settings gives the wakes that a model without a queue gives. */
struct drawn {
    struct story story;
    struct rng rng;
    uint64_t due_ns; /* the model: one number */
    unsigned wakes;
};

static void drawn_handler(void *world, unsigned thread, const struct engine_event *event)
{
    struct drawn *drawn = world;
    uint64_t now = event->time_ns;
    if (event->payload == ENGINE_WAKE) {
        cr_assert_eq(now, drawn->due_ns);
        drawn->due_ns = ENGINE_NEVER;
        drawn->wakes++;
    } else {
        cr_assert(now <= drawn->due_ns, "a wake is missing");
        engine_send(drawn->story.engine, thread, 0, 0,
                    now + 1 + rng_below(&drawn->rng, 3 * SLOT_NS), 0);
    }
    uint64_t draw = rng_below(&drawn->rng, 6);
    if (draw < 4) {
        static const uint64_t reach_ns[] = {3, SLOT_NS, 10 * SLOT_NS, 1000 * SLOT_NS};
        drawn->due_ns = now + rng_below(&drawn->rng, reach_ns[draw]);
        engine_wake(drawn->story.engine, thread, 0, drawn->due_ns);
    } else if (draw == 4) {
        drawn->due_ns = ENGINE_NEVER;
        engine_wake(drawn->story.engine, thread, 0, ENGINE_NEVER);
    }
}

Test(engine, wakes_agree_with_a_model)
{
    struct drawn drawn = {.due_ns = ENGINE_NEVER};
    rng_init_stream(&drawn.rng, 8, RNG_TEST, 0);
    struct engine_config config = {
        .nodes = 1, .threads = 1, .slot_ns = SLOT_NS, .world = &drawn, .handler = drawn_handler};
    cr_assert_eq(engine_new(&drawn.story.engine, &config), ERR_OK);
    engine_send(drawn.story.engine, 0, 0, 0, 0, 0);
    cr_assert_eq(engine_run(drawn.story.engine, ENGINE_NEVER, 200000), ENGINE_STOP_EVENTS);
    cr_assert_gt(drawn.wakes, 50000);
    engine_free(drawn.story.engine);
}

/* Timers of every distance, up to the last time there is, across turns of the wheel. */
Test(engine, far_timers_come_at_their_time)
{
    static struct story story;
    struct engine *engine = story_begin(&story, 3, 0);
    struct rng rng;
    rng_init_stream(&rng, 9, RNG_TEST, 0);
    uint64_t latest = 0;
    for (unsigned i = 0; i < 3000; i++) {
        uint64_t time_ns = rng_u64(&rng) >> (1 + rng_below(&rng, 60));
        latest = time_ns > latest ? time_ns : latest;
        engine_send(engine, 0, i % 3, (i + 1) % 3, time_ns, time_ns);
    }
    engine_send(engine, 0, 0, 0, ENGINE_TIME_MAX, ENGINE_TIME_MAX);
    cr_assert_eq(engine_counters(engine).pending, 3001);
    cr_assert_eq(engine_run(engine, ENGINE_NEVER, UINT64_MAX), ENGINE_STOP_DRAINED);
    cr_assert_eq(story.events, 3001);
    for (size_t i = 0; i < story.events; i++) {
        cr_assert_eq(story.event[i].time_ns, story.event[i].payload);
        cr_assert(i == 0 || event_before(&story.event[i - 1], &story.event[i]));
    }
    struct engine_counters counters = engine_counters(engine);
    cr_assert_gt(counters.refiled, 1000);
    cr_assert_eq(counters.pending, 0);
    engine_free(engine);
}

Test(engine, empty_hours_cost_nothing)
{
    struct story story = {0};
    struct engine *engine = story_begin(&story, 2, 0);
    engine_send(engine, 0, 0, 1, 1, 1);
    engine_send(engine, 0, 0, 1, 1000 * HOUR_NS, 2);
    engine_send(engine, 0, 0, 1, 300000 * HOUR_NS, 3);
    cr_assert_eq(engine_run(engine, ENGINE_NEVER, UINT64_MAX), ENGINE_STOP_DRAINED);
    struct engine_counters counters = engine_counters(engine);
    cr_assert_eq(story.events, 3);
    cr_assert_eq(counters.slots, 3);
    cr_assert_eq(counters.slots_skipped, 300000 * (HOUR_NS / SLOT_NS) - 2);
    cr_assert_eq(story.slots, 3);
    cr_assert_eq(story.slot_ns[2], 300000 * HOUR_NS + SLOT_NS);
    cr_assert_eq(engine_now(engine), 300000 * HOUR_NS + SLOT_NS);
    engine_free(engine);
}

static void act_ping(struct story *story, const struct engine_event *event)
{
    if (event->payload == 77) {
        engine_stop(story->engine);
    }
    engine_send(story->engine, 0, event->dst, 1 - event->dst, event->time_ns + SLOT_NS,
                event->payload + 1);
}

Test(engine, stops_by_time_by_events_and_when_asked)
{
    static struct story story;
    story.act = act_ping;
    struct engine *engine = story_begin(&story, 2, 0);
    engine_send(engine, 0, 0, 1, 0, 0);
    cr_assert_eq(engine_run(engine, 10 * SLOT_NS, UINT64_MAX), ENGINE_STOP_TIME);
    cr_assert_eq(story.events, 10); /* at slots 0 to 9; until is not included */
    cr_assert_eq(engine_now(engine), 10 * SLOT_NS);
    cr_assert_eq(engine_run(engine, 10 * SLOT_NS, UINT64_MAX), ENGINE_STOP_TIME);
    cr_assert_eq(story.events, 10);
    cr_assert_eq(engine_run(engine, ENGINE_NEVER, 25), ENGINE_STOP_EVENTS);
    cr_assert_eq(story.events, 25);
    cr_assert_eq(engine_run(engine, ENGINE_NEVER, UINT64_MAX), ENGINE_STOP_ASKED);
    cr_assert_eq(story.events, 78);
    cr_assert_eq(engine_run(engine, 200 * SLOT_NS, UINT64_MAX), ENGINE_STOP_TIME);
    cr_assert_eq(story.events, 200);
    engine_free(engine);
}

Test(engine, epochs_come_once_each_and_divide_exactly)
{
    static struct story story;
    const uint64_t epoch_ns = 5 * MS; /* every second one falls inside a slot */
    struct engine *engine = story_begin(&story, 2, epoch_ns);
    engine_send(engine, 0, 0, 1, epoch_ns - 1, 1);
    engine_send(engine, 0, 0, 1, epoch_ns, 2);
    engine_send(engine, 0, 0, 1, 100 * epoch_ns, 3);
    cr_assert_eq(engine_run(engine, epoch_ns, UINT64_MAX), ENGINE_STOP_TIME);
    cr_assert_eq(story.hooks, 1);
    cr_assert_eq(story.events, 1);
    cr_assert_eq(engine_run(engine, 200 * epoch_ns + 1, UINT64_MAX), ENGINE_STOP_TIME);
    cr_assert_eq(story.events, 3);
    cr_assert_eq(story.hooks, 200);
    for (uint64_t i = 0; i < 200; i++) {
        cr_assert_eq(story.hook_ns[i], (i + 1) * epoch_ns);
    }
    engine_free(engine);
}

/* Things sent into a past that other nodes may already have left are bugs of the world. */
static void act_too_soon(struct story *story, const struct engine_event *event)
{
    if (story->events == 1) {
        engine_send(story->engine, 0, 0, 1, event->time_ns / SLOT_NS * SLOT_NS + SLOT_NS - 1, 0);
    }
}

static void act_backwards(struct story *story, const struct engine_event *event)
{
    if (story->events == 1) {
        engine_send(story->engine, 0, 0, 0, event->time_ns - 1, 0);
    }
}

static void act_as_another(struct story *story, const struct engine_event *event)
{
    if (story->events == 1) {
        engine_send(story->engine, 0, 1, 0, event->time_ns + SLOT_NS, 0);
    }
}

static void act_wake_another(struct story *story, const struct engine_event *event)
{
    if (story->events == 1) {
        engine_wake(story->engine, 0, 1, event->time_ns + SLOT_NS);
    }
}

static void run_act(void (*act)(struct story *story, const struct engine_event *event))
{
    static struct story story;
    story.act = act;
    struct engine *engine = story_begin(&story, 2, 0);
    engine_send(engine, 0, 1, 0, 3 * MS, 0);
    engine_run(engine, ENGINE_NEVER, UINT64_MAX);
}

Test(engine, a_message_inside_the_slot_is_a_bug, .signal = SIGABRT)
{
    run_act(act_too_soon);
}

Test(engine, a_timer_in_the_past_is_a_bug, .signal = SIGABRT)
{
    run_act(act_backwards);
}

Test(engine, to_send_as_another_node_is_a_bug, .signal = SIGABRT)
{
    run_act(act_as_another);
}

Test(engine, to_wake_another_node_is_a_bug, .signal = SIGABRT)
{
    run_act(act_wake_another);
}

Test(engine, the_world_cannot_change_the_past, .signal = SIGABRT)
{
    static struct story story;
    struct engine *engine = story_begin(&story, 2, 0);
    engine_run(engine, 10 * SLOT_NS, UINT64_MAX);
    engine_send(engine, 0, engine_world(engine), 0, 10 * SLOT_NS - 1, 0);
}

/* All nodes start at the same instant, filed in the worst order. A quadratic sort would take
 * minutes and run into the test's time limit. */
struct crowd {
    struct engine *engine;
    uint32_t seen;
};

static void crowd_handler(void *world, unsigned thread, const struct engine_event *event)
{
    struct crowd *crowd = world;
    (void)thread;
    cr_assert_eq(event->dst, crowd->seen++);
}

Test(engine, a_crowded_instant_is_no_trap, .timeout = 20)
{
    enum { NODES = 1000000 };
    struct crowd crowd = {0};
    struct engine_config config = {.nodes = NODES,
                                   .threads = 1,
                                   .slot_ns = SLOT_NS,
                                   .world = &crowd,
                                   .handler = crowd_handler};
    cr_assert_eq(engine_new(&crowd.engine, &config), ERR_OK);
    for (uint32_t i = NODES; i > 0; i--) {
        engine_wake(crowd.engine, 0, i - 1, 0);
    }
    cr_assert_eq(engine_run(crowd.engine, 1, UINT64_MAX), ENGINE_STOP_TIME);
    cr_assert_eq(crowd.seen, NODES);
    engine_free(crowd.engine);
}
