#define _GNU_SOURCE
#include "sim/cli/bench_phold.h"

#include <inttypes.h>
#include <stdlib.h>
#include <time.h>

#include "node/base/fixed.h"
#include "node/base/rng.h"
#include "sim/engine/engine.h"
#include "sim/engine/heap.h"
#include "sim/engine/memory.h"

#define SECOND_NS ((uint64_t)1000000000)
#define LOOKAHEAD_NS (SECOND_NS / 10)
#define REST_NS (SECOND_NS - LOOKAHEAD_NS) /* mean of the exponential part */
#define WARM_NS (2 * SECOND_NS)            /* not measured */
#define EVENTS_DEFAULT 8000000
#define TABLE_LOG2 10
#define TABLE ((uint64_t)1 << TABLE_LOG2)

struct phold {
    struct engine *engine;
    uint64_t *rng; /* one word per process */
    uint64_t *mix; /* the heap's and the bare loop's; the engine has its own */
    uint64_t *sent;
    uint32_t nodes;
    uint64_t end_ns;
    uint64_t table[TABLE + 1]; /* the exponential's quantiles, in ns */
};

struct result {
    uint64_t events;
    uint64_t ns;
    uint64_t wall_ns; /* of the engine's rows */
    uint64_t hash;
};

static uint64_t clock_ns(clockid_t clock)
{
    struct timespec t;
    (void)clock_gettime(clock, &t);
    return (uint64_t)t.tv_sec * SECOND_NS + (uint64_t)t.tv_nsec;
}

/* -mean * ln(u), by a table and straight lines. Below u = 1/1024 the distribution without memory
 * is drawn again from there. */
static inline uint64_t phold_delay(const struct phold *phold, uint64_t *rng)
{
    uint64_t ns = LOOKAHEAD_NS;
    uint64_t u = rng_splitmix64(rng);
    while (u >> (64 - TABLE_LOG2) == 0) {
        ns += phold->table[1];
        u = rng_splitmix64(rng);
    }
    uint64_t k = u >> (64 - TABLE_LOG2);
    uint64_t part = u << TABLE_LOG2 >> 32; /* Q32 */
    uint64_t step = phold->table[k] - phold->table[k + 1];
    return ns + phold->table[k] - (step * part >> 32);
}

static inline uint32_t phold_destination(const struct phold *phold, uint64_t *rng)
{
    return (uint32_t)((rng_splitmix64(rng) >> 32) * phold->nodes >> 32);
}

static void phold_handler(void *world, unsigned thread, const struct engine_event *event)
{
    const struct phold *phold = world;
    uint32_t node = event->dst;
    uint64_t *rng = &phold->rng[node];
    uint32_t dst = phold_destination(phold, rng);
    uint64_t time_ns = event->time_ns + phold_delay(phold, rng);
    engine_send(phold->engine, thread, node, dst, time_ns, 0);
}

static enum err phold_new(struct phold *phold, uint32_t nodes, uint64_t events)
{
    *phold = (struct phold){.nodes = nodes};
    phold->rng = memory_map(nodes * sizeof phold->rng[0]);
    phold->mix = memory_map(nodes * sizeof phold->mix[0]);
    phold->sent = memory_map((nodes + (size_t)1) * sizeof phold->sent[0]);
    if (phold->rng == NULL || phold->mix == NULL || phold->sent == NULL) {
        return ERR_NO_MEMORY;
    }
    for (uint32_t i = 0; i < nodes; i++) {
        struct rng rng;
        rng_init_stream(&rng, 1, RNG_BENCH, i);
        phold->rng[i] = rng_u64(&rng);
    }
    phold->end_ns = WARM_NS + (events / nodes + 1) * SECOND_NS;
    phold->table[0] = 0; /* never read: the draw is repeated */
    for (uint64_t k = 1; k < TABLE; k++) {
        uint64_t nln_q48 = fixed_nln(k << (64 - TABLE_LOG2));
        phold->table[k] = (uint64_t)((u128)nln_q48 * REST_NS >> 48);
    }
    return ERR_OK;
}

static void phold_free(struct phold *phold)
{
    memory_unmap(phold->rng, phold->nodes * sizeof phold->rng[0]);
    memory_unmap(phold->mix, phold->nodes * sizeof phold->mix[0]);
    memory_unmap(phold->sent, (phold->nodes + (size_t)1) * sizeof phold->sent[0]);
}

static enum err phold_engine(struct result *result, uint32_t nodes, uint64_t events,
                             unsigned threads)
{
    struct phold phold;
    TRY(phold_new(&phold, nodes, events));
    struct engine_config config = {
        .nodes = nodes,
        .threads = threads,
        .slot_ns = LOOKAHEAD_NS,
        .world = &phold,
        .handler = phold_handler,
        .node_state = phold.rng,
        .node_state_bytes = sizeof phold.rng[0],
    };
    TRY(engine_new(&phold.engine, &config));
    for (uint32_t i = 0; i < nodes; i++) {
        uint64_t time_ns = phold_delay(&phold, &phold.rng[i]);
        engine_send(phold.engine, 0, engine_world(phold.engine), i, time_ns, 0);
    }
    (void)engine_run(phold.engine, WARM_NS, UINT64_MAX);
    uint64_t before = engine_counters(phold.engine).events;
    clockid_t clock = threads == 1 ? CLOCK_PROCESS_CPUTIME_ID : CLOCK_MONOTONIC;
    uint64_t wall_ns = clock_ns(CLOCK_MONOTONIC);
    uint64_t start_ns = clock_ns(clock);
    (void)engine_run(phold.engine, phold.end_ns, UINT64_MAX);
    result->ns = clock_ns(clock) - start_ns;
    result->wall_ns = clock_ns(CLOCK_MONOTONIC) - wall_ns;
    result->events = engine_counters(phold.engine).events - before;
    result->hash = 0;
    for (uint32_t i = 0; i < nodes; i++) {
        result->hash = fingerprint_mix(result->hash, engine_fingerprint(phold.engine, i));
    }
    engine_free(phold.engine);
    phold_free(&phold);
    return ERR_OK;
}

static inline void phold_mix(struct phold *phold, const struct engine_event *event)
{
    uint64_t mix = fingerprint_mix(phold->mix[event->dst], event->time_ns);
    mix = fingerprint_mix(mix, (uint64_t)event->src << 32 ^ event->seq);
    phold->mix[event->dst] = mix;
}

static uint64_t phold_heap_run(struct phold *phold, struct heap *heap, uint64_t until_ns)
{
    uint64_t events = 0;
    while (heap->at[0].time_ns < until_ns) {
        struct engine_event event = heap->at[0];
        uint32_t node = event.dst;
        phold_mix(phold, &event);
        uint64_t *rng = &phold->rng[node];
        event.dst = phold_destination(phold, rng);
        event.src = node;
        event.seq = phold->sent[node]++;
        event.time_ns += phold_delay(phold, rng);
        heap_sink(heap, event); /* one sift instead of a pop and a push */
        events++;
    }
    return events;
}

static enum err phold_heap(struct result *result, uint32_t nodes, uint64_t events)
{
    struct phold phold;
    struct heap heap = {0};
    TRY(phold_new(&phold, nodes, events));
    heap_reserve(&heap, nodes);
    for (uint32_t i = 0; i < nodes; i++) {
        struct engine_event event = {.dst = i, .src = nodes, .seq = phold.sent[nodes]++};
        event.time_ns = phold_delay(&phold, &phold.rng[i]);
        heap_push(&heap, event);
    }
    (void)phold_heap_run(&phold, &heap, WARM_NS);
    uint64_t start_ns = clock_ns(CLOCK_PROCESS_CPUTIME_ID);
    result->events = phold_heap_run(&phold, &heap, phold.end_ns);
    result->ns = clock_ns(CLOCK_PROCESS_CPUTIME_ID) - start_ns;
    result->hash = 0;
    for (uint32_t i = 0; i < nodes; i++) {
        result->hash = fingerprint_mix(result->hash, phold.mix[i]);
    }
    heap_clear(&heap);
    phold_free(&phold);
    return ERR_OK;
}

/* The floor: draws, hash and node state, no queue. The tokens go round in a ring. */
static enum err phold_bare(struct result *result, uint32_t nodes, uint64_t events)
{
    struct phold phold;
    TRY(phold_new(&phold, nodes, events));
    struct engine_event *token = memory_map(nodes * sizeof *token);
    if (token == NULL) {
        return ERR_NO_MEMORY;
    }
    for (uint32_t i = 0; i < nodes; i++) {
        token[i].dst = i;
        token[i].time_ns = phold_delay(&phold, &phold.rng[i]);
    }
    uint64_t start_ns = clock_ns(CLOCK_PROCESS_CPUTIME_ID);
    uint32_t next = 0;
    for (uint64_t i = 0; i < events; i++) {
        struct engine_event *event = &token[next];
        uint32_t node = event->dst;
        phold_mix(&phold, event);
        uint64_t *rng = &phold.rng[node];
        event->dst = phold_destination(&phold, rng);
        event->src = node;
        event->seq = phold.sent[node]++;
        event->time_ns += phold_delay(&phold, rng);
        next = next + 1 == nodes ? 0 : next + 1;
    }
    result->ns = clock_ns(CLOCK_PROCESS_CPUTIME_ID) - start_ns;
    result->events = events;
    memory_unmap(token, nodes * sizeof *token);
    phold_free(&phold);
    return ERR_OK;
}

static void print_rate(FILE *out, const struct result *result)
{
    uint64_t centi_mega = result->events * 100000 / (result->ns + 1);
    uint64_t deci_ns = result->ns * 10 / (result->events + 1);
    fprintf(out, "  %4" PRIu64 ".%02" PRIu64 " (%4" PRIu64 ".%" PRIu64 ")", centi_mega / 100,
            centi_mega % 100, deci_ns / 10, deci_ns % 10);
}

/* How many times faster a is than b. */
static void print_ratio(FILE *out, const struct result *a, const struct result *b)
{
    u128 centi = (u128)100 * a->events * b->ns / ((u128)b->events * a->ns + 1);
    fprintf(out, "  %3" PRIu64 ".%02" PRIu64 "x", (uint64_t)centi / 100, (uint64_t)centi % 100);
}

static enum err bench_size(FILE *out, uint32_t nodes, unsigned threads, uint64_t events, bool *same)
{
    struct result one = {0};
    struct result heap = {0};
    struct result bare = {0};
    struct result many = {0};
    TRY(phold_engine(&one, nodes, events, 1));
    TRY(phold_heap(&heap, nodes, events));
    TRY(phold_bare(&bare, nodes, events));
    fprintf(out, "%8" PRIu32, nodes);
    print_rate(out, &one);
    print_rate(out, &heap);
    print_rate(out, &bare);
    print_ratio(out, &one, &heap);
    *same = *same && one.hash == heap.hash;
    if (threads > 1) {
        TRY(phold_engine(&many, nodes, events, threads));
        print_rate(out, &many);
        one.ns = one.wall_ns;
        print_ratio(out, &many, &one);
        *same = *same && one.hash == many.hash;
    }
    fprintf(out, "  %016" PRIx64 "\n", one.hash);
    return ERR_OK;
}

int bench_phold(FILE *out, unsigned threads, uint64_t events)
{
    static const uint32_t sizes[] = {1024, 16384, 65536, 1048576};
    bool same = true;
    events = events > 0 ? events : EVENTS_DEFAULT;
    fprintf(out,
            "PHOLD, lookahead 0.1, mean 1.0, remote 1.0: million events/s (ns/event)\n"
            "       N          engine     4-ary heap       no queue    ratio%s  order hash\n",
            threads > 1 ? "  engine, threads    ratio" : "");
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        enum err err = bench_size(out, sizes[i], threads, events, &same);
        if (err != ERR_OK) {
            fprintf(out, "%s\n", err_text(err));
            return 1;
        }
        fflush(out);
    }
    if (!same) {
        fprintf(out, "the order of events differs\n");
        return 4;
    }
    return 0;
}
