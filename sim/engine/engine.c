#include "sim/engine/engine.h"

#include <stdlib.h>

#include "node/base/invariant.h"
#include "sim/engine/lane.h"
#include "sim/engine/memory.h"

static void engine_crew_work(void *context, unsigned thread)
{
    struct engine *engine = context;
    lane_collect(engine, &engine->lane[thread]);
    lane_run(engine, &engine->lane[thread]);
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
        return crew_new(&engine->crew, lanes, engine_crew_work, engine);
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
    struct engine *engine = calloc(1, sizeof *engine);
    if (engine == NULL) {
        return ERR_NO_MEMORY;
    }
    engine->config = *config;
    engine->lanes = config->threads < config->nodes ? config->threads : config->nodes;
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

/* The crew is worth waking if more than one of it has something to do. */
static bool engine_divides(const struct engine *engine, uint64_t slot, uint32_t *work)
{
    unsigned lanes_busy = 0;
    uint64_t sum = 0;
    for (unsigned i = 0; i < engine->lanes; i++) {
        uint64_t lane_work = wheel_count(engine->lane[i].wheel, slot);
        for (unsigned from = 0; from < engine->lanes; from++) {
            lane_work += engine->lane[from].outbox[engine->parity ^ 1][i].near;
        }
        lanes_busy += lane_work > 0;
        sum += lane_work;
    }
    *work = sum < UINT32_MAX ? (uint32_t)sum : UINT32_MAX;
    return lanes_busy > 1;
}

static void engine_run_lanes(struct engine *engine, uint64_t slot)
{
    uint32_t work;
    if (engine->lanes == 1) {
        engine->alone = true;
        lane_run(engine, &engine->lane[0]);
        return;
    }
    bool divides = engine_divides(engine, slot, &work);
    bool crew = divides && gauge_start(&engine->gauge, work);
    engine->alone = !crew;
    if (crew) {
        engine->counters.slots_crew++;
        crew_work(engine->crew);
    } else {
        for (unsigned i = 0; i < engine->lanes; i++) {
            lane_collect(engine, &engine->lane[i]);
        }
        for (unsigned i = 0; i < engine->lanes; i++) {
            lane_run(engine, &engine->lane[i]);
        }
    }
    if (divides) {
        gauge_finish(&engine->gauge, work);
    }
    engine->parity ^= 1;
}

static void engine_count(struct engine *engine, uint64_t slot)
{
    struct engine_counters *counters = &engine->counters;
    uint64_t popped_before = engine->popped;
    uint64_t pushed = 0;
    uint64_t popped = 0;
    uint64_t events = 0;
    for (unsigned i = 0; i < engine->lanes; i++) {
        pushed += engine->lane[i].pushed;
        popped += engine->lane[i].popped;
        events += engine->lane[i].events;
    }
    counters->events = events;
    engine->popped = popped;
    counters->pending = pushed - popped;
    if (counters->pending > counters->pending_peak) {
        counters->pending_peak = counters->pending;
    }
    if (popped == popped_before) {
        return; /* events were filed again, that is all */
    }
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

/* Runs the slot as far as limit_ns. */
static void engine_run_slot(struct engine *engine, uint64_t slot, uint64_t limit_ns)
{
    uint64_t events = engine->counters.events;
    for (unsigned i = 0; i < engine->lanes; i++) {
        wheel_advance(engine->lane[i].wheel, slot);
    }
    uint64_t width_ns = engine->config.slot_ns;
    engine->slot_end_ns = (slot + 1) * width_ns;
    engine->limit_ns = limit_ns < engine->slot_end_ns ? limit_ns : engine->slot_end_ns;
    engine->open = true;
    engine_run_lanes(engine, slot);
    engine->open = false;
    engine->now_ns = engine->limit_ns;
    engine_count(engine, slot);
    if (engine->config.slot_hook != NULL && engine->counters.events > events) {
        engine->config.slot_hook(engine->config.world, engine->now_ns);
    }
}

enum engine_stop engine_run(struct engine *engine, uint64_t until_ns, uint64_t max_events)
{
    const struct engine_config *config = &engine->config;
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
        engine_run_slot(engine, slot, limit_ns);
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
