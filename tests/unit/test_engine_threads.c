/* One result for any number of threads, any zones, any division of the run. */
#include <criterion/criterion.h>
#include <stdlib.h>

#include "node/base/invariant.h"
#include "node/base/rng.h"
#include "sim/engine/engine.h"

#define MS 1000000u
#define SLOT_NS (2u * MS)
#define HOUR_NS (3600u * (uint64_t)1000 * MS)
#define ZONE_NS (9u * MS) /* four slots and a half */
#define BUSY_ZONES 5

/* PHOLD with timers inside the slot and wakes that move: every handler draws what to do. Between
 * zones messages take longer, whether the engine is told of zones or not. */
struct busy {
    struct engine *engine;
    const uint8_t *zone;
    struct rng *rng;
    uint64_t *last_ns;
    uint64_t folded;
};

static void busy_handler(void *world, unsigned thread, const struct engine_event *event)
{
    struct busy *busy = world;
    uint32_t node = event->dst;
    struct rng *rng = &busy->rng[node];
    invariant(event->time_ns >= busy->last_ns[node]);
    invariant(thread == engine_thread(busy->engine, node));
    busy->last_ns[node] = event->time_ns;
    if (event->payload == ENGINE_WAKE) {
        engine_mix(busy->engine, node, 1);
    } else {
        engine_mix(busy->engine, node, event->payload);
    }
    uint64_t now = event->time_ns;
    uint64_t draw = rng_u64(rng);
    uint32_t nodes = engine_world(busy->engine);
    if (event->payload != ENGINE_WAKE && event->payload % 4 != 3) {
        uint32_t dst = (uint32_t)rng_below(rng, nodes);
        uint64_t least = busy->zone[dst] == busy->zone[node] ? SLOT_NS : ZONE_NS;
        uint64_t delay = least + rng_below(rng, 10u * MS);
        engine_send(busy->engine, thread, node, dst, now + delay, draw % 1000 * 4);
    }
    if (event->payload % 4 == 0) {
        engine_send(busy->engine, thread, node, node, now + rng_below(rng, SLOT_NS), 3);
    }
    if (draw >> 60 < 4) {
        static const uint64_t reach_ns[] = {1, SLOT_NS, 300u * MS, 20000u * (uint64_t)MS};
        engine_wake(busy->engine, thread, node, now + rng_below(rng, reach_ns[draw >> 60]));
    }
}

static void busy_epoch(void *world, uint64_t epoch, uint64_t now_ns)
{
    struct busy *busy = world;
    uint32_t nodes = engine_world(busy->engine);
    for (uint32_t i = 0; i < nodes; i++) {
        busy->folded = fingerprint_mix(busy->folded, engine_fingerprint(busy->engine, i));
    }
    /* The world may act between slots as well. */
    engine_send(busy->engine, 0, nodes, (uint32_t)(epoch % nodes), now_ns, 2);
    engine_wake(busy->engine, 0, (uint32_t)(epoch * 7 % nodes), now_ns + epoch);
}

/* Runs to 1 s of virtual time in steps and returns the fold of all epochs. */
static uint64_t busy_run(uint32_t nodes, unsigned threads, bool zoned, uint64_t step_ns,
                         struct engine_counters *counters)
{
    uint8_t *zone = calloc(nodes, sizeof *zone);
    struct busy busy = {.zone = zone,
                        .rng = calloc(nodes, sizeof *busy.rng),
                        .last_ns = calloc(nodes, sizeof *busy.last_ns)};
    for (uint32_t i = 0; i < nodes; i++) {
        zone[i] = (uint8_t)(rng_mix64(i) % BUSY_ZONES);
    }
    struct engine_config config = {
        .nodes = nodes,
        .threads = threads,
        .slot_ns = SLOT_NS,
        .epoch_ns = 15 * MS + 1, /* falls inside slots */
        .world = &busy,
        .handler = busy_handler,
        .epoch_hook = busy_epoch,
        .node_state = busy.rng,
        .node_state_bytes = sizeof *busy.rng,
        .zone = zoned ? zone : NULL,
        .zones = BUSY_ZONES,
        .zone_ns = ZONE_NS,
    };
    cr_assert_eq(engine_new(&busy.engine, &config), ERR_OK);
    cr_assert(!zoned || threads == 1 || nodes == 1 || engine_lanes(busy.engine) == BUSY_ZONES);
    for (uint32_t i = 0; i < nodes; i++) {
        rng_init_stream(&busy.rng[i], 1, RNG_TEST, i);
        engine_send(busy.engine, 0, nodes, i, i % 7 * MS, i * 4);
    }
    uint64_t end_ns = 1000u * (uint64_t)MS;
    for (uint64_t until = step_ns; engine_now(busy.engine) < end_ns; until += step_ns) {
        cr_assert_eq(engine_run(busy.engine, until < end_ns ? until : end_ns, UINT64_MAX),
                     ENGINE_STOP_TIME);
    }
    cr_assert_eq(engine_now(busy.engine), end_ns);
    if (counters != NULL) {
        *counters = engine_counters(busy.engine);
    }
    engine_free(busy.engine);
    free(busy.rng);
    free(busy.last_ns);
    free(zone);
    return busy.folded;
}

Test(engine_threads, fingerprints_do_not_depend_on_threads_or_on_how_a_run_is_divided)
{
    static const uint32_t sizes[] = {1, 2, 3, 40, 1000};
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        struct engine_counters one, other;
        uint64_t expected = busy_run(sizes[i], 1, false, HOUR_NS, &one);
        for (unsigned threads = 2; threads <= 3; threads++) {
            cr_assert_eq(busy_run(sizes[i], threads, false, HOUR_NS, &other), expected, "%u nodes",
                         sizes[i]);
            cr_assert_eq(other.events, one.events);
            cr_assert_eq(other.slots, one.slots);
            cr_assert_eq(other.slots_skipped, one.slots_skipped);
            cr_assert_eq(other.pending_peak, one.pending_peak);
            cr_assert_eq(other.own, one.own);
            cr_assert_eq(other.stale, one.stale);
            cr_assert_eq(other.pending, one.pending);
        }
        cr_assert_eq(busy_run(sizes[i], 1, false, 7 * MS + 13, NULL), expected);
        cr_assert_eq(busy_run(sizes[i], 2, false, 11 * MS + 1, NULL), expected);
        cr_assert_gt(one.own, 0);
        cr_assert(sizes[i] < 1000 || (other.slots_crew > 0 && one.slots_crew == 0));
        cr_assert(sizes[i] < 40 || one.stale > 0);
    }
}

/* Zones run several slots on their own: what happens is the same, and so is what is counted, but
 * for the peak, which is looked at when they meet. */
Test(engine_threads, fingerprints_do_not_depend_on_zones)
{
    static const uint32_t sizes[] = {1, 2, 40, 1000};
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        struct engine_counters one, other;
        uint64_t expected = busy_run(sizes[i], 1, false, HOUR_NS, &one);
        cr_assert_eq(busy_run(sizes[i], 1, true, HOUR_NS, NULL), expected);
        for (unsigned threads = 2; threads <= 7; threads += 5) {
            cr_assert_eq(busy_run(sizes[i], threads, true, HOUR_NS, &other), expected, "%u nodes",
                         sizes[i]);
            cr_assert_eq(other.events, one.events);
            cr_assert_eq(other.slots, one.slots);
            cr_assert_eq(other.slots_skipped, one.slots_skipped);
            cr_assert_eq(other.own, one.own);
            cr_assert_eq(other.stale, one.stale);
            cr_assert_eq(other.pending, one.pending);
        }
        cr_assert_eq(busy_run(sizes[i], 2, true, 7 * MS + 13, NULL), expected);
        cr_assert_eq(busy_run(sizes[i], 3, true, 11 * MS + 1, NULL), expected);
        cr_assert(sizes[i] < 1000 || (other.slots_crew > 0 && other.slots_crew < one.slots / 2));
    }
}
