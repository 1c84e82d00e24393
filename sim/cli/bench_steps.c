/* What a step of the chain costs: a run is listened to, then the same events are fed to fresh nodes
 * without any world around them. */
#include <stdlib.h>
#include <string.h>

#include "node/base/invariant.h"
#include "node/core/node.h"
#include "sim/cli/bench.h"
#include "sim/cli/command.h"
#include "sim/cli/experiment.h"
#include "sim/record/metrics.h"
#include "sim/store/store.h"

struct step {
    uint32_t node;
    struct event event;
};

struct tape {
    struct step *steps;
    size_t count, capacity;
    struct shared *shared;
};

/* Keeps an event beyond its step: references on blobs, copies of what was borrowed. */
static void listen(void *arg, uint32_t node, const struct event *event)
{
    struct tape *tape = arg;

    if (tape->count == tape->capacity) {
        tape->capacity = tape->capacity == 0 ? 65536 : 2 * tape->capacity;
        tape->steps = realloc(tape->steps, tape->capacity * sizeof(*tape->steps));
        invariant(tape->steps != NULL);
    }
    struct step *step = &tape->steps[tape->count++];
    *step = (struct step){.node = node, .event = *event};
    if (event->kind == EVENT_RECV) {
        blob_keep(tape->shared, event->recv.frame);
    } else if (event->kind == EVENT_SUBMIT) {
        uint8_t *copy = malloc(event->submit.data.len + 1);
        invariant(copy != NULL);
        memcpy(copy, event->submit.data.data, event->submit.data.len);
        step->event.submit.data.data = copy;
    } else if (event->kind == EVENT_READ_DONE) {
        invariant(event->read_done.count == 0); /* everybody starts with an empty disk */
    }
}

static void effects_drop(struct shared *shared, struct effects *out)
{
    for (size_t i = 0; i < out->count; i++) {
        const struct effect *e = &out->list[i];
        if (e->kind == EFFECT_SEND) {
            blob_drop(shared, e->send.frame);
        } else if (e->kind == EFFECT_DATAGRAM) {
            blob_drop(shared, e->datagram.frame);
        } else if (e->kind == EFFECT_WRITE) {
            for (size_t k = 0; k < e->write.count; k++) {
                blob_drop(shared, e->write.ops[k].value);
            }
        }
    }
    out->count = 0;
    arena_reset(&out->arena);
}

/* Feeds the whole tape to new nodes; returns the time per step in ns. */
static double pass(const struct tape *tape, struct world *world, uint32_t nodes)
{
    struct node **slab = calloc(nodes, sizeof(*slab));
    struct effects *out = calloc(1, sizeof(*out));
    struct arena scratch;
    size_t scratch_bytes = (size_t)16 << 20;
    void *memory[2] = {malloc(scratch_bytes), malloc(scratch_bytes)};

    invariant(slab != NULL && out != NULL && memory[0] != NULL && memory[1] != NULL);
    arena_init(&scratch, memory[0], scratch_bytes);
    arena_init(&out->arena, memory[1], scratch_bytes);
    for (uint32_t i = 0; i < nodes; i++) {
        const struct node_config *config = world_node_config(world, i);
        uint8_t seed[32];
        size_t bytes = (node_bytes(config) + 63) & ~(size_t)63;
        slab[i] = aligned_alloc(64, bytes);
        invariant(slab[i] != NULL);
        memset(slab[i], 0, bytes);
        world_node_seed(world, i, 1, seed);
        node_init(slab[i], config, seed, tape->shared);
    }
    uint64_t begun = real_cpu_ns();
    for (size_t k = 0; k < tape->count; k++) {
        node_step(slab[tape->steps[k].node], &tape->steps[k].event, out, &scratch);
        arena_reset(&scratch);
        effects_drop(tape->shared, out);
    }
    double ns = (double)(real_cpu_ns() - begun) / (double)tape->count;
    for (uint32_t i = 0; i < nodes; i++) {
        node_drop(slab[i]);
        free(slab[i]);
    }
    free(slab);
    free(out);
    free(memory[0]);
    free(memory[1]);
    return ns;
}

static void tape_free(struct tape *tape)
{
    for (size_t k = 0; k < tape->count; k++) {
        const struct event *e = &tape->steps[k].event;
        if (e->kind == EVENT_RECV) {
            blob_drop(tape->shared, e->recv.frame);
        } else if (e->kind == EVENT_SUBMIT) {
            free((void *)(uintptr_t)e->submit.data.data);
        }
    }
    free(tape->steps);
}

/* Of one step, on average. */
struct steps_times {
    size_t count;
    double warm_ns, real_ns;
};

static int steps_measure(struct steps_times *times, uint32_t nodes)
{
    struct tape tape = {0};
    struct scenario *scenario;
    struct settings_error error = {0};
    struct metrics *metrics = NULL;
    char path[700];
    char count[32];

    snprintf(path, sizeof(path), "%s/first-light", ORRERY_DATA);
    snprintf(count, sizeof(count), "groups.producers.count=%u", nodes);
    const char *settings[] = {count,
                              "groups.producers.slow_count=0",
                              "faults=[]",
                              "random_faults=[]",
                              "duration=1 h",
                              "groups.relays.count=1",
                              "load.0.group=producers",
                              "load.0.per_second=8",
                              "groups.relays.churn.on=no"};
    if (nodes > 3) {
        settings[4] = "duration=10 min";
    }
    if (scenario_load(&scenario, &error, path, settings, sizeof(settings) / sizeof(settings[0])) !=
        ERR_OK) {
        settings_error_print(&error);
        return EXIT_USAGE;
    }
    struct world_options options = {
        .threads = 1, .metrics = &metrics, .observe = listen, .observe_arg = &tape};
    struct world *world = world_new(scenario, &options, &error);
    if (world == NULL) {
        settings_error_print(&error);
        return EXIT_USAGE;
    }
    tape.shared = world_shared(world);
    int code = world_run(world) == WORLD_COMPLETE ? EXIT_OK : EXIT_INVARIANT;
    times->count = tape.count;
    times->warm_ns = pass(&tape, world, nodes + 1);
    store_memo_end(tape.shared);
    times->real_ns = pass(&tape, world, nodes + 1);
    tape_free(&tape);
    world_free(world);
    metrics_free(metrics);
    scenario_free(scenario);
    return code;
}

static int steps_row(FILE *out, uint32_t nodes)
{
    struct steps_times times;
    int code = steps_measure(&times, nodes);

    if (code != EXIT_USAGE) {
        fprintf(out, "%5u  %9zu  %10.0f  %8.0f  %10.0f  %8.0f\n", nodes, times.count,
                1e9 / times.warm_ns, times.warm_ns, 1e9 / times.real_ns, times.real_ns);
    }
    return code;
}

uint64_t bench_step_ns(void)
{
    struct steps_times times;

    return steps_measure(&times, 3) == EXIT_OK ? (uint64_t)times.warm_ns : 0;
}

int bench_steps(FILE *out)
{
    fprintf(out, "node_step of the chain, second pass of one transcript; one thread\n"
                 "nodes      steps  steps/s, warm memo   ns  steps/s, real cryptography   ns\n");
    int code = steps_row(out, 3);
    int other = steps_row(out, 100);
    return code > other ? code : other;
}
