#include "sim/engine/engine.h"

#include <stdlib.h>
#include <string.h>

#include "node/base/invariant.h"
#include "sim/engine/lane.h"
#include "sim/engine/memory.h"

#define WINDOW_SLOTS_MAX 64 /* bits of lane.busy */
#define CREW_WORK_MIN 12    /* events of a window of zones that pay for waking the crew */

/* What a thread of the crew does in a window: its lane, or zones as long as there are any. */
static void engine_crew_work(void *context, unsigned thread)
{
    struct engine *engine = context;
    if (!engine->zoned) {
        lane_collect(engine, &engine->lane[thread]);
        lane_run(engine, &engine->lane[thread]);
        return;
    }
    for (;;) {
        unsigned next = atomic_fetch_add_explicit(&engine->taken, 1, memory_order_relaxed);
        if (next >= engine->lanes) {
            break;
        }
        struct lane *lane = &engine->lane[engine->order[next]];
        lane_collect(engine, lane);
        lane_run(engine, lane);
    }
    if (thread == 0) {
        gauge_window_worked(&engine->gauge);
    }
}

/* Eight blocks or more for each lane, of up to 128 nodes: beyond that a lane's nodes are far enough
 * from another's that no cache, nor what it fetches by itself, goes back and forth. */
static unsigned engine_block_log2(uint32_t nodes, unsigned lanes)
{
    unsigned log2 = 0;
    while (log2 < 7 && nodes >> (log2 + 1) >= 8 * lanes) {
        log2++;
    }
    return log2;
}

static enum err engine_new_lanes(struct engine *engine)
{
    unsigned lanes = engine->lanes;
    engine->lane = aligned_alloc(128, lanes * sizeof engine->lane[0]);
    if (engine->lane == NULL) {
        return ERR_NO_MEMORY;
    }
    for (unsigned i = 0; i < lanes; i++) {
        engine->lane[i] = (struct lane){.number = i};
    }
    for (unsigned i = 0; i < lanes; i++) {
        struct lane *lane = &engine->lane[i];
        lane->wheel = memory_map(sizeof *lane->wheel);
        lane->outbox[0] = calloc(lanes, sizeof lane->outbox[0][0]);
        lane->outbox[1] = calloc(lanes, sizeof lane->outbox[1][0]);
        if (lane->wheel == NULL || lane->outbox[0] == NULL || lane->outbox[1] == NULL) {
            return ERR_NO_MEMORY;
        }
        wheel_init(lane->wheel, engine->config.slot_ns);
        for (unsigned j = 0; j < lanes; j++) {
            lane->outbox[0][j].first_ns = ENGINE_NEVER;
            lane->outbox[1][j].first_ns = ENGINE_NEVER;
        }
    }
    if (lanes > 1) {
        unsigned threads = engine->config.threads < lanes ? engine->config.threads : lanes;
        return crew_new(&engine->crew, threads, engine_crew_work, engine);
    }
    return ERR_OK;
}

static enum err engine_new_nodes(struct engine *engine)
{
    size_t nodes = engine->config.nodes;
    engine->hot = memory_map((nodes + 1) * sizeof engine->hot[0]); /* and the world's */
    engine->wake = memory_map(nodes * sizeof engine->wake[0]);
    if (engine->hot == NULL || engine->wake == NULL) {
        return ERR_NO_MEMORY;
    }
    for (size_t i = 0; i < nodes; i++) {
        engine->wake[i].time_ns = ENGINE_NEVER;
        for (unsigned j = 0; j < CARRIERS; j++) {
            engine->wake[i].carrier_ns[j] = ENGINE_NEVER;
        }
    }
    return ERR_OK;
}

enum err engine_new(struct engine **out, const struct engine_config *config)
{
    if (config->nodes == 0 || config->nodes == UINT32_MAX || config->threads == 0 ||
        config->threads > ENGINE_THREADS_MAX || config->slot_ns < ENGINE_SLOT_NS_MIN ||
        config->slot_ns > ENGINE_TIME_MAX || config->epoch_ns > ENGINE_TIME_MAX) {
        return ERR_RANGE;
    }
    if (config->zone != NULL && (config->zones == 0 || config->zones > ENGINE_ZONES_MAX)) {
        return ERR_RANGE;
    }
    struct engine *engine = aligned_alloc(64, sizeof *engine);
    if (engine == NULL) {
        return ERR_NO_MEMORY;
    }
    memset(engine, 0, sizeof *engine);
    engine->config = *config;
    engine->lanes = config->threads < config->nodes ? config->threads : config->nodes;
    engine->window_slots = 1;
    if (config->zone != NULL && config->zones > 1 && engine->lanes > 1 &&
        config->slot_hook == NULL && config->zone_ns >= 2 * config->slot_ns) {
        uint64_t slots = config->zone_ns / config->slot_ns;
        engine->zoned = true;
        engine->lanes = config->zones;
        engine->window_slots = slots < WINDOW_SLOTS_MAX ? slots : WINDOW_SLOTS_MAX;
    }
    engine->lane_inverse = UINT64_MAX / engine->lanes + 1;
    engine->block_log2 = engine_block_log2(config->nodes, engine->lanes);
    engine->epoch_next_ns = config->epoch_ns > 0 ? config->epoch_ns : ENGINE_NEVER;
    enum err err = engine_new_nodes(engine);
    if (err == ERR_OK) {
        err = engine_new_lanes(engine);
    }
    if (err != ERR_OK) {
        engine_free(engine);
        return err;
    }
    *out = engine;
    return ERR_OK;
}

void engine_free(struct engine *engine)
{
    if (engine == NULL) {
        return;
    }
    crew_free(engine->crew);
    for (unsigned i = 0; engine->lane != NULL && i < engine->lanes; i++) {
        struct lane *lane = &engine->lane[i];
        for (unsigned p = 0; p < 2; p++) {
            for (unsigned j = 0; lane->outbox[p] != NULL && j < engine->lanes; j++) {
                free(lane->outbox[p][j].at);
            }
            free(lane->outbox[p]);
        }
        heap_clear(&lane->soon);
        if (lane->wheel != NULL) {
            wheel_free(lane->wheel);
            memory_unmap(lane->wheel, sizeof *lane->wheel);
        }
    }
    free(engine->lane);
    size_t nodes = engine->config.nodes;
    memory_unmap(engine->hot, (nodes + 1) * sizeof engine->hot[0]);
    memory_unmap(engine->wake, nodes * sizeof engine->wake[0]);
    free(engine);
}

/* The first slot in which something may have to be done; ENGINE_NEVER if nothing ever. */
static uint64_t engine_next_slot(const struct engine *engine)
{
    uint64_t next = wheel_next(engine->lane[0].wheel);
    for (unsigned i = 1; i < engine->lanes; i++) {
        uint64_t slot = wheel_next(engine->lane[i].wheel);
        next = slot < next ? slot : next;
    }
    if (engine->lanes == 1) {
        return next;
    }
    uint64_t first_ns = ENGINE_NEVER;
    for (unsigned i = 0; i < engine->lanes; i++) {
        for (unsigned j = 0; j < engine->lanes; j++) {
            uint64_t ns = engine->lane[i].outbox[engine->parity ^ 1][j].first_ns;
            first_ns = ns < first_ns ? ns : first_ns;
        }
    }
    if (first_ns != ENGINE_NEVER) {
        uint64_t slot = ruler_slot(&engine->lane[0].wheel->ruler, first_ns);
        next = slot < next ? slot : next;
    }
    return next;
}

/* What lane i has to do in the window, as far as it is known. */
static uint64_t engine_lane_work(const struct engine *engine, unsigned i)
{
    uint64_t work = 0;
    for (uint64_t slot = engine->window_first; slot < engine->window_end; slot++) {
        work += wheel_count(engine->lane[i].wheel, slot);
    }
    for (unsigned from = 0; from < engine->lanes; from++) {
        work += engine->lane[from].outbox[engine->parity ^ 1][i].near;
    }
    return work;
}

/* The crew is worth waking if more than one lane has something to do. Puts the lanes in order. */
static bool engine_divides(struct engine *engine, uint32_t *work)
{
    unsigned lanes_busy = 0;
    uint64_t sum = 0;
    uint64_t lane_work[ENGINE_ZONES_MAX];
    for (unsigned i = 0; i < engine->lanes; i++) {
        uint64_t mine = engine_lane_work(engine, i);
        unsigned at = i;
        for (; at > 0 && lane_work[at - 1] < mine; at--) {
            lane_work[at] = lane_work[at - 1];
            engine->order[at] = engine->order[at - 1];
        }
        lane_work[at] = mine;
        engine->order[at] = (uint8_t)i;
        lanes_busy += mine > 0;
        sum += mine;
    }
    *work = sum < UINT32_MAX ? (uint32_t)sum : UINT32_MAX;
    return lanes_busy > 1;
}

/* One after the other, by the caller. */
static void engine_run_alone(struct engine *engine)
{
    engine->alone = true;
    for (unsigned i = 0; i < engine->lanes; i++) {
        lane_collect(engine, &engine->lane[i]);
    }
    for (unsigned i = 0; i < engine->lanes; i++) {
        lane_run(engine, &engine->lane[i]);
    }
}

static void engine_run_zones(struct engine *engine)
{
    uint32_t work;
    if (!engine_divides(engine, &work) || work < CREW_WORK_MIN ||
        !gauge_window_start(&engine->gauge)) {
        engine_run_alone(engine);
        return;
    }
    engine->alone = false;
    engine->counters.slots_crew++;
    atomic_store_explicit(&engine->taken, 0, memory_order_relaxed);
    crew_work_any(engine->crew);
    gauge_window_finish(&engine->gauge);
}

static void engine_run_slot(struct engine *engine)
{
    uint32_t work;
    if (!engine_divides(engine, &work)) {
        engine_run_alone(engine);
        return;
    }
    if (gauge_start(&engine->gauge, work)) {
        engine->alone = false;
        engine->counters.slots_crew++;
        crew_work(engine->crew);
    } else {
        engine_run_alone(engine);
    }
    gauge_finish(&engine->gauge, work);
}

static void engine_run_lanes(struct engine *engine)
{
    if (engine->lanes == 1) {
        engine->alone = true;
        lane_run(engine, &engine->lane[0]);
        return;
    }
    if (engine->zoned) {
        engine_run_zones(engine);
    } else {
        engine_run_slot(engine);
    }
    engine->parity ^= 1;
}

/* A slot had events. */
static void engine_count_slot(struct engine *engine, uint64_t slot)
{
    struct engine_counters *counters = &engine->counters;
    if (counters->slots == 0) {
        counters->slots_skipped = slot;
    } else if (slot > engine->slot_last) {
        counters->slots_skipped += slot - engine->slot_last - 1;
    } else {
        return; /* the rest of a slot that an epoch or until_ns has divided */
    }
    counters->slots++;
    engine->slot_last = slot;
}

static void engine_count(struct engine *engine)
{
    struct engine_counters *counters = &engine->counters;
    uint64_t pushed = 0;
    uint64_t popped = 0;
    uint64_t events = 0;
    uint64_t busy = 0;
    for (unsigned i = 0; i < engine->lanes; i++) {
        pushed += engine->lane[i].pushed;
        popped += engine->lane[i].popped;
        events += engine->lane[i].events;
        busy |= engine->lane[i].busy;
    }
    counters->events = events;
    counters->pending = pushed - popped;
    if (counters->pending > counters->pending_peak) {
        counters->pending_peak = counters->pending;
    }
    for (; busy != 0; busy &= busy - 1) {
        engine_count_slot(engine, engine->window_first + (uint64_t)__builtin_ctzll(busy));
    }
}

/* Runs a window of so many slots as far as limit_ns. */
static void engine_run_window(struct engine *engine, uint64_t first, uint64_t slots,
                              uint64_t limit_ns)
{
    uint64_t events = engine->counters.events;
    for (unsigned i = 0; i < engine->lanes; i++) {
        wheel_advance(engine->lane[i].wheel, first);
    }
    engine->window_first = first;
    engine->window_end = first + slots;
    engine->window_end_ns = engine->window_end * engine->config.slot_ns;
    engine->limit_ns = limit_ns < engine->window_end_ns ? limit_ns : engine->window_end_ns;
    engine->open = true;
    engine_run_lanes(engine);
    engine->open = false;
    engine->now_ns = engine->limit_ns;
    engine_count(engine);
    if (engine->config.slot_hook != NULL && engine->counters.events > events) {
        engine->config.slot_hook(engine->config.world, engine->now_ns);
    }
}

enum engine_stop engine_run(struct engine *engine, uint64_t until_ns, uint64_t max_events)
{
    const struct engine_config *config = &engine->config;
    /* A limit of events is met at the end of the same slot whatever the zones. */
    uint64_t slots = max_events == UINT64_MAX ? engine->window_slots : 1;
    for (;;) {
        if (atomic_load_explicit(&engine->asked, memory_order_relaxed)) {
            atomic_store_explicit(&engine->asked, false, memory_order_relaxed);
            return ENGINE_STOP_ASKED;
        }
        uint64_t limit_ns = until_ns < engine->epoch_next_ns ? until_ns : engine->epoch_next_ns;
        if (engine->now_ns == engine->epoch_next_ns) {
            engine->epoch++;
            engine->epoch_next_ns += config->epoch_ns;
            if (config->epoch_hook != NULL) {
                config->epoch_hook(config->world, engine->epoch, engine->now_ns);
            }
            continue;
        }
        if (engine->counters.events >= max_events) {
            return ENGINE_STOP_EVENTS;
        }
        if (engine->now_ns >= until_ns) {
            return ENGINE_STOP_TIME;
        }
        uint64_t slot = engine_next_slot(engine);
        if (slot == ENGINE_NEVER && until_ns == ENGINE_NEVER) {
            return ENGINE_STOP_DRAINED;
        }
        if (slot == ENGINE_NEVER || slot * config->slot_ns >= limit_ns) {
            engine->now_ns = limit_ns;
            continue;
        }
        engine_run_window(engine, slot, slots, limit_ns);
    }
}

void engine_stop(struct engine *engine)
{
    atomic_store_explicit(&engine->asked, true, memory_order_relaxed);
}

uint32_t engine_world(const struct engine *engine)
{
    return engine->config.nodes;
}

uint64_t engine_now(const struct engine *engine)
{
    return engine->now_ns;
}

unsigned engine_thread(const struct engine *engine, uint32_t node)
{
    return engine_lane(engine, node);
}

unsigned engine_lanes(const struct engine *engine)
{
    return engine->lanes;
}

void engine_mix(struct engine *engine, uint32_t node, uint64_t value)
{
    engine->hot[node].mix = fingerprint_mix(engine->hot[node].mix, value);
}

uint64_t engine_fingerprint(const struct engine *engine, uint32_t node)
{
    return engine->hot[node].mix;
}

struct engine_counters engine_counters(const struct engine *engine)
{
    struct engine_counters counters = engine->counters;
    uint64_t pushed = 0;
    uint64_t popped = 0;
    for (unsigned i = 0; i < engine->lanes; i++) {
        const struct lane *lane = &engine->lane[i];
        pushed += lane->pushed;
        popped += lane->popped;
        counters.refiled += lane->wheel->refiled;
        counters.own += lane->own;
        counters.stale += lane->stale;
    }
    counters.pending = pushed - popped;
    return counters;
}
