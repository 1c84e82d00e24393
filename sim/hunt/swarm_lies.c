/* Who lies in a drawn run: the doomed, and nobody else. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "sim/hunt/swarm_private.h"

static void line_add(struct swarming *g, const char *text)
{
    struct scenario *s = g->s;

    s->adversaries = realloc(s->adversaries, (s->adversaries_count + 1) * sizeof(*s->adversaries));
    invariant(s->adversaries != NULL);
    char *copy = strdup(text);
    invariant(copy != NULL);
    s->adversaries[s->adversaries_count++] = (struct scenario_fault){.text = copy};
}

static uint32_t some(struct rng *rng, uint32_t nodes)
{
    uint32_t bits = 0;

    while (bits == 0) {
        for (uint32_t i = 0; i < nodes; i++) {
            bits |= swarm_chance(rng, 1, 2) ? (uint32_t)1 << i : 0;
        }
    }
    return bits;
}

/* Keys of this node on a machine without stake as well, each unmodified: what the two do apart is
 * what a byzantine owner does. False: there is no such machine left. */
static bool twin_add(struct swarming *g, struct rng *rng, uint32_t node, uint32_t *taken)
{
    const struct swarm *w = g->swarm;
    char text[128];

    for (uint32_t i = w->validators; i < w->nodes; i++) {
        if ((*taken >> i & 1) == 0) {
            *taken |= (uint32_t)1 << i;
            snprintf(text, sizeof(text), "twins node %" PRIu32 " with node %" PRIu32, node, i);
            line_add(g, text);
            /* Apart at least once. */
            uint64_t at = swarm_between(rng, 1000, w->heal_ns / 2000000);
            uint64_t span = swarm_between(rng, 1000, w->heal_ns / 2000000);
            swarm_line(g, at, "for %" PRIu64 " ms cut node %" PRIu32 " from node %" PRIu32, span,
                       node, i);
            return true;
        }
    }
    return false;
}

static void liar_add(struct swarming *g, struct rng *rng, uint32_t node)
{
    static const char *const votes[] = {"values", "nil", "forget"};
    const struct swarm *w = g->swarm;
    char text[300];
    char to[128];
    char when[64] = "";

    if (swarm_chance(rng, 1, 3)) {
        snprintf(when, sizeof(when), " at %" PRIu64 " ms for %" PRIu64 " ms",
                 swarm_between(rng, 1, w->heal_ns / 2000000),
                 swarm_between(rng, 1000, w->heal_ns / 2000000));
    }
    swarm_nodes(to, some(rng, w->nodes));
    switch (rng_below(rng, 6)) {
    case 0:
        snprintf(text, sizeof(text), "silent node %" PRIu32 "%s", node, when);
        break;
    case 1:
        snprintf(text, sizeof(text), "delaying node %" PRIu32 " by %" PRIu64 " ms%s", node,
                 swarm_between(rng, 10, 3000), when);
        break;
    case 2:
        snprintf(text, sizeof(text), "selective node %" PRIu32 " to %s%s", node, to, when);
        break;
    case 3:
        snprintf(text, sizeof(text), "two-headers node %" PRIu32 " to %s%s", node, to, when);
        break;
    default:
        snprintf(text, sizeof(text), "two-votes node %" PRIu32 " votes %s to %s%s", node,
                 votes[rng_below(rng, 3)], to, when);
        break;
    }
    line_add(g, text);
}

/* All that a byzantine member can do about a lock: two proposals, two blocks, two votes or late
 * ones, to some or to all. Half of them leave nothing that convicts. */
static void schemer_add(struct swarming *g, struct rng *rng, uint32_t node)
{
    static const char *const deeds[] = {
        "two-proposals node %" PRIu32, "two-votes node %" PRIu32 " votes late",
        "two-headers node %" PRIu32, "two-votes node %" PRIu32 " votes values"};
    uint32_t all = (uint32_t)(((uint64_t)1 << g->swarm->nodes) - 1);
    bool careful = swarm_chance(rng, 2, 3);
    char text[300];
    char to[128];

    for (unsigned i = 0; i < (careful ? 2 : 4); i++) {
        int n = snprintf(text, sizeof(text), deeds[i], node);
        if (!swarm_chance(rng, 1, 2)) { /* else by lot */
            uint32_t told = swarm_chance(rng, 1, 2) ? all : some(rng, g->swarm->nodes);
            snprintf(text + n, sizeof(text) - (size_t)n, " to %s", swarm_nodes(to, told));
        }
        if (i == 0 || swarm_chance(rng, 1, 2)) {
            line_add(g, text);
        }
    }
}

/* What pays rather than breaks, and what needs no stake. */
static void trick_add(struct swarming *g, struct rng *rng, uint32_t node)
{
    static const char *const floods[] = {"inventory", "transactions", "orphans", "all"};
    bool staked = node < g->swarm->validators;
    char text[300];
    char to[128];

    switch (rng_below(rng, staked ? 7 : 3)) {
    case 0:
        snprintf(text, sizeof(text), "liar node %" PRIu32 " how %s", node,
                 swarm_chance(rng, 1, 2) ? "false" : "mute");
        break;
    case 1:
        snprintf(text, sizeof(text), "flood node %" PRIu32 " what %s rate %" PRIu64, node,
                 floods[rng_below(rng, 4)], swarm_between(rng, 1, 20));
        break;
    case 2:
        swarm_nodes(to, some(rng, g->swarm->nodes));
        snprintf(text, sizeof(text), "eclipse node %" PRIu32 " victim %s", node, to);
        break;
    case 3:
        snprintf(text, sizeof(text), "selfish node %" PRIu32 "%s", node,
                 swarm_chance(rng, 1, 2) ? " gamma 1/2" : "");
        break;
    case 4:
        snprintf(text, sizeof(text),
                 "double-spend node %" PRIu32 " confirmations %" PRIu64 " give-up %" PRIu64, node,
                 swarm_between(rng, 1, 4), swarm_between(rng, 2, 8));
        break;
    case 5:
        snprintf(text, sizeof(text), "withhold-beacon node %" PRIu32, node);
        break;
    default:
        snprintf(text, sizeof(text), "grinder node %" PRIu32 " keys 4", node);
        break;
    }
    line_add(g, text);
}

/* In a quarter of the runs, of the doomed and of those without stake some. */
static void tricks_draw(struct swarming *g)
{
    struct rng rng = swarm_stream(g->seed, TOPIC_TRICKS);
    const struct swarm *w = g->swarm;

    bool any = swarm_chance(&rng, 1, 4);

    for (uint32_t i = 0; any && i < w->nodes; i++) {
        bool may = i >= w->validators || (w->doomed >> i & 1) != 0;
        if (may && swarm_chance(&rng, 1, 2)) {
            trick_add(g, &rng, i);
        }
    }
}

void swarm_lies(struct swarming *g)
{
    struct rng rng = swarm_stream(g->seed, TOPIC_LIES);
    struct rng schemes = swarm_stream(g->seed, TOPIC_SCHEMES);
    const struct swarm *w = g->swarm;
    uint32_t taken = 0;

    tricks_draw(g);
    if (!g->strained && !g->beyond && swarm_chance(&rng, 1, 2)) {
        return; /* nobody lies */
    }
    for (uint32_t i = 0; i < w->validators; i++) {
        if ((w->doomed >> i & 1) == 0) {
            continue;
        }
        if (g->strained || swarm_chance(&schemes, 1, 8)) {
            schemer_add(g, &schemes, i);
        } else if (!swarm_chance(&rng, 1, 4) &&
                   (!swarm_chance(&rng, 1, 3) || !twin_add(g, &rng, i, &taken))) {
            liar_add(g, &rng, i);
        }
    }
}
