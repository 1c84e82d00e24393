#include "sim/hunt/swarm.h"

#include <stdlib.h>

#include "sim/hunt/swarm_private.h"

/* Beyond every bound of the liveness check at these parameters; most runs end far earlier. */
#define AFTER_HEAL_NS UINT64_C(300000000000)

/* --- budget --- */

/* Nodes in a drawn order while their stake stays below num/den of all. */
static uint32_t below_share(struct rng *rng, const struct swarm *w, uint64_t num, uint64_t den)
{
    uint32_t order[SWARM_NODES_MAX];
    uint32_t bits = 0;
    uint64_t sum = 0;

    for (uint32_t i = 0; i < w->validators; i++) {
        order[i] = i;
    }
    rng_shuffle(rng, order, w->validators, sizeof(order[0]));
    for (uint32_t i = 0; i < w->validators; i++) {
        uint64_t more = sum + w->stake[order[i]];
        if (more * den < w->total * num) {
            bits |= (uint32_t)1 << order[i];
            sum = more;
        }
    }
    return bits;
}

/* Bonds and unbonds move a few per cent of the stake: a margin for them. */
static void budget_draw(struct swarming *g)
{
    struct rng rng = swarm_stream(g->seed, TOPIC_BUDGET);
    struct swarm *w = g->swarm;

    w->doomed = 0;
    if (g->beyond) {
        w->doomed = below_share(&rng, w, swarm_between(&rng, 36, 70), 100);
    } else if (swarm_chance(&rng, 2, 3)) {
        w->doomed = below_share(&rng, w, swarm_between(&rng, 10, 31), 100);
    }
    if (g->strained && !g->beyond) {
        w->doomed = below_share(&rng, w, 32, 100);
        return; /* all of them: whoever plays with locks needs weight */
    }
    /* Some of them. */
    for (uint32_t i = 0; i < w->validators && !g->beyond; i++) {
        if (swarm_chance(&rng, 1, 4)) {
            w->doomed &= ~((uint32_t)1 << i);
        }
    }
}

/* Healthy nodes in a drawn order until they hold enough to go on; all of them at times. */
static void core_draw(struct swarming *g)
{
    struct rng rng = swarm_stream(g->seed, TOPIC_PHASES);
    struct swarm *w = g->swarm;
    uint32_t order[SWARM_NODES_MAX];
    uint64_t sum = 0;

    w->heal_ns = SWARM_CHOOSE(&rng, 20, 45, 90, 150) * 1000000000;
    bool everybody = swarm_chance(&rng, 1, 4);
    for (uint32_t i = 0; i < w->nodes; i++) {
        order[i] = i;
    }
    rng_shuffle(&rng, order, w->nodes, sizeof(order[0]));
    for (uint32_t k = 0; k < w->nodes; k++) {
        uint32_t i = order[k];
        bool healthy = (w->doomed >> i & 1) == 0;
        bool needed = i < w->validators && healthy && sum * 100 <= w->total * 69;
        if (everybody || needed || (i >= w->validators && swarm_chance(&rng, 1, 2))) {
            w->core |= (uint32_t)1 << i;
            sum += healthy ? w->stake[i] : 0;
        }
    }
}

static int by_time(const void *a, const void *b)
{
    const struct swarm_line *x = a;
    const struct swarm_line *y = b;

    if (x->at_ms != y->at_ms) {
        return x->at_ms < y->at_ms ? -1 : 1;
    }
    return strcmp(x->text, y->text);
}

static void lines_hand_over(struct swarming *g)
{
    struct scenario *s = g->s;

    qsort(g->lines, g->count, sizeof(g->lines[0]), by_time);
    s->faults = realloc(s->faults, (s->faults_count + g->count + 1) * sizeof(*s->faults));
    invariant(s->faults != NULL);
    for (uint32_t i = 0; i < g->count; i++) {
        s->faults[s->faults_count++] = (struct scenario_fault){.text = g->lines[i].text};
    }
}

enum err swarm_draw(struct scenario *s, struct swarm *swarm, uint64_t seed, bool beyond)
{
    struct swarm mine;
    struct swarming g = {
        .s = s, .swarm = swarm != NULL ? swarm : &mine, .seed = seed, .beyond = beyond};

    for (uint64_t i = 0; i < s->groups_count; i++) {
        if ((s->groups[i].kind == GROUP_PRODUCER) != (i == 0)) {
            return ERR_INVALID;
        }
    }
    memset(g.swarm, 0, sizeof(*g.swarm));
    s->seed = seed;
    swarm_world(&g);
    budget_draw(&g);
    core_draw(&g);
    swarm_faults(&g);
    swarm_lies(&g);
    s->duration_ns = g.swarm->heal_ns + AFTER_HEAL_NS;
    lines_hand_over(&g);
    return ERR_OK;
}
