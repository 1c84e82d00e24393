/* Fault lines of a drawn run: which kinds, how often, how long, on whom. */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "sim/hunt/swarm_private.h"

#define ALL(w) ((uint32_t)(((uint64_t)1 << (w)->nodes) - 1))
#define FIRST_MS 2000

void swarm_line(struct swarming *g, uint64_t at_ms, const char *format, ...)
{
    char text[400];
    int n = snprintf(text, sizeof(text), "at %" PRIu64 " ms ", at_ms);
    va_list arguments;

    invariant(g->count < SWARM_LINES_MAX);
    va_start(arguments, format);
    vsnprintf(text + n, sizeof(text) - (size_t)n, format, arguments);
    va_end(arguments);
    char *copy = strdup(text);
    invariant(copy != NULL);
    g->lines[g->count++] = (struct swarm_line){.at_ms = at_ms, .text = copy};
}

const char *swarm_nodes(char text[128], uint32_t bits)
{
    size_t n = (size_t)snprintf(text, 128, "node");

    for (uint32_t i = 0; i < SWARM_NODES_MAX; i++) {
        if (bits >> i & 1) {
            n += (size_t)snprintf(text + n, 128 - n, "%c%u", n == 4 ? ' ' : ',', i);
        }
    }
    return text;
}

/* One kind of fault in one run. */
struct strand {
    struct swarming *g;
    struct rng rng;
    uint64_t end_ms; /* the heal */
    uint64_t gap_ms; /* between the beginnings of two: 1 to twice this */
    uint64_t span_ms;
    uint64_t size;    /* how large the argument is: 0 to 2 */
    uint64_t over_ms; /* when the last one drawn has ended */
};

static uint64_t span_draw(struct strand *x, uint64_t at_ms)
{
    uint64_t span = swarm_between(&x->rng, 1 + x->span_ms / 20, x->span_ms);

    span = at_ms + span > x->end_ms ? x->end_ms - at_ms : span;
    x->over_ms = at_ms + span > x->over_ms ? at_ms + span : x->over_ms;
    return span;
}

/* One of `from`, or some of them, or each. 0 when there is none. */
static uint32_t targets_draw(struct strand *x, uint32_t from)
{
    uint32_t bits = 0;
    uint64_t shape = rng_below(&x->rng, 8);

    if (shape == 0 || from == 0) {
        return from;
    }
    for (uint32_t i = 0; i < SWARM_NODES_MAX && shape < 4; i++) {
        bits |= swarm_chance(&x->rng, 1, 2) ? from & (uint32_t)1 << i : 0;
    }
    while (bits == 0) {
        bits = from & (uint32_t)1 << rng_below(&x->rng, x->g->swarm->nodes);
    }
    return bits;
}

/* Those that may lose what they stored: the doomed and nodes without stake. */
static uint32_t losers(const struct swarm *w)
{
    return w->doomed | (ALL(w) & ~(((uint32_t)1 << w->validators) - 1));
}

static void lasting(struct strand *x, uint64_t at, const char *kind, uint32_t targets,
                    const char *argument)
{
    char nodes[128];

    if (targets != 0) {
        swarm_line(x->g, at, "for %" PRIu64 " ms %s %s%s", span_draw(x, at), kind,
                   swarm_nodes(nodes, targets), argument);
    }
}

/* --- kinds --- */

static void crash_draw(struct strand *x, uint64_t at)
{
    lasting(x, at, "crash", targets_draw(x, ALL(x->g->swarm)), "");
}

static void outage_draw(struct strand *x, uint64_t at)
{
    lasting(x, at, "outage", targets_draw(x, ALL(x->g->swarm)), "");
}

static void wipe_draw(struct strand *x, uint64_t at)
{
    lasting(x, at, "wipe", targets_draw(x, losers(x->g->swarm)), "");
}

/* Uniform size, one alone, one way, everybody from everybody. */
static void cut_draw(struct strand *x, uint64_t at)
{
    const struct swarm *w = x->g->swarm;
    uint32_t order[SWARM_NODES_MAX];
    uint32_t a = 0;
    char nodes[128];
    char others[128];

    for (uint32_t i = 0; i < w->nodes; i++) {
        order[i] = i;
    }
    rng_shuffle(&x->rng, order, w->nodes, sizeof(order[0]));
    uint64_t size = swarm_chance(&x->rng, 1, 3) ? 1 : swarm_between(&x->rng, 1, w->nodes - 1);
    for (uint64_t i = 0; i < size; i++) {
        a |= (uint32_t)1 << order[i];
    }
    bool one_way = swarm_chance(&x->rng, 1, 4);
    bool partial = swarm_chance(&x->rng, 1, 4) && w->nodes > size + 1;
    uint32_t b = partial ? (uint32_t)1 << order[w->nodes - 1] : ALL(w) & ~a;
    swarm_line(x->g, at, "for %" PRIu64 " ms cut %s %s %s", span_draw(x, at), swarm_nodes(nodes, a),
               one_way ? "to" : "from", swarm_nodes(others, b));
}

static void break_draw(struct strand *x, uint64_t at)
{
    char nodes[128];

    swarm_line(x->g, at, "break %s from all",
               swarm_nodes(nodes, targets_draw(x, ALL(x->g->swarm))));
}

static void clog_draw(struct strand *x, uint64_t at)
{
    static const char *const by[3] = {" by 50 ms", " by 500 ms", " by 2 s"};

    lasting(x, at, "clog", targets_draw(x, ALL(x->g->swarm)), by[x->size]);
}

/* A few are clogged one after another, then freed in another order (as FoundationDB does). */
static void swizzle_draw(struct strand *x, uint64_t at)
{
    uint32_t targets = targets_draw(x, ALL(x->g->swarm));
    char nodes[128];

    for (uint32_t i = 0; i < SWARM_NODES_MAX; i++) {
        uint64_t from = at + swarm_between(&x->rng, 0, x->span_ms);
        if ((targets >> i & 1) == 0 || from + 10 > x->end_ms) {
            continue;
        }
        swarm_line(x->g, from, "for %" PRIu64 " ms clog %s by 4 s", span_draw(x, from),
                   swarm_nodes(nodes, (uint32_t)1 << i));
    }
}

static void loss_draw(struct strand *x, uint64_t at)
{
    static const char *const by[3] = {" by 1/20", " by 1/5", " by 1/2"};

    lasting(x, at, "loss", targets_draw(x, ALL(x->g->swarm)), by[x->size]);
}

static void duplicate_draw(struct strand *x, uint64_t at)
{
    lasting(x, at, "duplicate", targets_draw(x, ALL(x->g->swarm)), " by 1/2");
}

static void slow_net_draw(struct strand *x, uint64_t at)
{
    static const char *const by[3] = {" by 3", " by 10", " by 40"};

    lasting(x, at, "slow-net", targets_draw(x, ALL(x->g->swarm)), by[x->size]);
}

static void slow_cpu_draw(struct strand *x, uint64_t at)
{
    static const char *const by[3] = {" by 5", " by 20", " by 100"};

    lasting(x, at, "slow-cpu", targets_draw(x, ALL(x->g->swarm)), by[x->size]);
}

static void slow_disk_draw(struct strand *x, uint64_t at)
{
    static const char *const by[3] = {" by 5", " by 30", " by 100"};

    lasting(x, at, "slow-disk", targets_draw(x, ALL(x->g->swarm)), by[x->size]);
}

static void full_disk_draw(struct strand *x, uint64_t at)
{
    lasting(x, at, "full-disk", targets_draw(x, ALL(x->g->swarm)), "");
}

static void torn_disk_draw(struct strand *x, uint64_t at)
{
    uint32_t targets = targets_draw(x, ALL(x->g->swarm));
    char nodes[128];

    lasting(x, at, "torn-disk", targets, "");
    /* A tear shows only when the power goes. */
    uint64_t then = at + swarm_between(&x->rng, 0, 500);
    if (swarm_chance(&x->rng, 1, 2) && then + 100 < x->end_ms) {
        swarm_line(x->g, then, "for 100 ms crash %s", swarm_nodes(nodes, targets));
    }
}

static void corrupt_draw(struct strand *x, uint64_t at)
{
    uint32_t targets = targets_draw(x, losers(x->g->swarm));
    char nodes[128];

    if (targets == 0 || at + 1000 > x->end_ms) {
        return;
    }
    swarm_line(x->g, at, "corrupt-disk %s by %" PRIu64 "%s", swarm_nodes(nodes, targets),
               swarm_between(&x->rng, 1, 20), swarm_chance(&x->rng, 1, 2) ? " silent" : "");
    swarm_line(x->g, at + 100, "for 300 ms crash %s", nodes);
}

/* A step, and the step back by the heal at the latest. */
static void step_clock_draw(struct strand *x, uint64_t at)
{
    static const uint64_t most[3] = {400, 3000, 60000};
    uint32_t targets = targets_draw(x, ALL(x->g->swarm));
    uint64_t by = swarm_between(&x->rng, 50, most[x->size]);
    bool back = swarm_chance(&x->rng, 1, 2);
    char nodes[128];

    swarm_nodes(nodes, targets);
    uint64_t until = at + span_draw(x, at);
    swarm_line(x->g, at, "step-clock %s by %s%" PRIu64 " ms", nodes, back ? "-" : "", by);
    swarm_line(x->g, until, "step-clock %s by %s%" PRIu64 " ms", nodes, back ? "" : "-", by);
}

/* What is slowed down leaves a queue behind, and what is clogged arrives later: these kinds end
 * `early_ms` before the heal. Those that multiply do not overlap with themselves. */
static const struct {
    void (*draw)(struct strand *x, uint64_t at_ms);
    unsigned num; /* exists with num / 8 */
    uint64_t early_ms;
    uint64_t span_ms_max; /* 0: no limit */
} kinds[] = {
    {crash_draw, 4, 0, 0},       {outage_draw, 2, 0, 0},       {wipe_draw, 3, 0, 0},
    {cut_draw, 4, 0, 0},         {break_draw, 2, 0, 0},        {clog_draw, 3, 0, 0},
    {swizzle_draw, 2, 0, 0},     {loss_draw, 3, 0, 0},         {duplicate_draw, 2, 0, 0},
    {slow_net_draw, 2, 0, 8000}, {slow_cpu_draw, 2, 0, 60000}, {slow_disk_draw, 3, 0, 60000},
    {full_disk_draw, 2, 0, 0},   {torn_disk_draw, 3, 0, 0},    {corrupt_draw, 3, 0, 0},
    {step_clock_draw, 3, 0, 0},
};

#define KINDS (sizeof(kinds) / sizeof(kinds[0]))

static void strand_run(struct swarming *g, unsigned kind)
{
    struct strand x = {.g = g, .rng = swarm_stream(g->seed, TOPIC_FAULT + kind)};

    uint64_t most = kinds[kind].span_ms_max;

    x.end_ms = g->swarm->heal_ns / 1000000 - kinds[kind].early_ms;
    x.gap_ms = SWARM_CHOOSE(&x.rng, 2000, 6000, 15000, 40000);
    x.span_ms = SWARM_CHOOSE(&x.rng, 200, 1000, 4000, 15000, 60000);
    x.span_ms = most != 0 && x.span_ms > most ? most : x.span_ms;
    x.size = rng_below(&x.rng, 3);
    uint64_t at = FIRST_MS + rng_below(&x.rng, x.gap_ms);
    /* Never half of a fault, and room for what the heal needs. */
    while (at + 100 < x.end_ms && g->count + 2 * SWARM_NODES_MAX < SWARM_LINES_MAX) {
        kinds[kind].draw(&x, at);
        at += swarm_between(&x.rng, 1, 2 * x.gap_ms);
        at = most != 0 && at < x.over_ms ? x.over_ms : at;
    }
}

/* All that lasts has ended; now and then the whole core restarts; the others stop. */
static void heal(struct swarming *g)
{
    struct rng rng = swarm_stream(g->seed, TOPIC_PHASES + 1000);
    const struct swarm *w = g->swarm;
    uint64_t at = w->heal_ns / 1000000;
    uint32_t frozen = ALL(w) & ~w->core;
    char nodes[128];

    if (swarm_chance(&rng, 1, 8)) {
        swarm_line(g, at, "for 200 ms crash %s as heal", swarm_nodes(nodes, w->core));
    }
    if (frozen != 0) {
        swarm_line(g, at, "crash %s as frozen", swarm_nodes(nodes, frozen));
    }
}

void swarm_faults(struct swarming *g)
{
    struct rng rng = swarm_stream(g->seed, TOPIC_KINDS);

    for (unsigned kind = 0; kind < KINDS; kind++) {
        if (swarm_chance(&rng, kinds[kind].num, 8)) {
            strand_run(g, kind);
        }
    }
    heal(g);
}
