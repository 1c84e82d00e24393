/* Nodes, stakes, chain, network, clocks, load and policies of a drawn run. */
#include <stdlib.h>

#include "node/seam/buggify.h"
#include "sim/hunt/swarm_private.h"

#define MS UINT64_C(1000000)

/* --- who is there --- */

static void profile_draw(struct rng *rng, const struct scenario *s, struct scenario_group *group)
{
    const char *name = s->profiles[rng_below(rng, s->profiles_count)].name;

    free(group->profile);
    group->profile = strdup(name);
    invariant(group->profile != NULL);
}

static void nodes_draw(struct swarming *g)
{
    struct rng rng = swarm_stream(g->seed, TOPIC_NODES);
    struct scenario *s = g->s;
    struct swarm *w = g->swarm;

    s->nodes = 0;
    w->validators = (uint32_t)SWARM_CHOOSE(&rng, 3, 4, 4, 4, 4, 5, 5, 5, 6, 7, 7, 8, 10);
    s->groups[0].count = w->validators;
    s->groups[0].slow_count = 0;
    profile_draw(&rng, s, &s->groups[0]);
    if (swarm_chance(&rng, 1, 3)) {
        struct scenario_group *group = &s->groups[0];
        free(group->slow_profile);
        group->slow_profile = strdup(s->profiles[s->profiles_count - 1].name);
        group->slow_count = swarm_between(&rng, 1, w->validators / 3);
        invariant(group->slow_profile != NULL);
    }
    w->nodes = w->validators;
    for (uint64_t i = 1; i < s->groups_count;) {
        struct scenario_group *group = &s->groups[i];
        uint64_t count = SWARM_CHOOSE(&rng, 0, 0, 1, 1, 2, 3);
        profile_draw(&rng, s, group);
        group->sync = (enum sync_choice)rng_below(&rng, 3);
        if (group->join_ns > 0) {
            group->join_ns = swarm_between(&rng, 10, 100) * 1000 * MS;
        } else if (swarm_chance(&rng, 1, 4)) {
            group->churn = true;
            group->session_scale_ns = swarm_between(&rng, 10, 120) * 1000 * MS;
            group->absence_scale_ns = swarm_between(&rng, 1, 30) * 1000 * MS;
            group->churn_wipe = swarm_chance(&rng, 1, 4);
        }
        if (count == 0) {
            scenario_group_remove(s, i);
            continue;
        }
        group->count = count;
        w->nodes += (uint32_t)count;
        i++;
    }
    invariant(w->nodes <= SWARM_NODES_MAX);
}

/* Always as a list, so that a budget can be counted and a node taken away. */
static void stakes_draw(struct swarming *g)
{
    struct rng rng = swarm_stream(g->seed, TOPIC_STAKES);
    struct scenario_group *group = &g->s->groups[0];
    struct swarm *w = g->swarm;
    uint64_t law = rng_below(&rng, 4);
    uint64_t giant = swarm_between(&rng, 2, 8);

    group->stake_law = STAKE_LIST;
    free(group->stake_list);
    group->stake_list = calloc(w->validators, sizeof(*group->stake_list));
    invariant(group->stake_list != NULL);
    group->stake_list_count = w->validators;
    for (uint32_t i = 0; i < w->validators; i++) {
        uint64_t stake = 1000;
        if (law == 2) {
            stake = 3000 / (i + 1); /* zipf */
        } else if (law == 3) {
            stake = i == 0 ? giant * 500 : 1000;
        }
        group->stake_list[i] = stake;
        w->stake[i] = stake;
        w->total += stake;
    }
    group->stake_total = 0;
}

/* --- the chain and what nodes make of it --- */

static void chain_draw(struct swarming *g)
{
    struct rng rng = swarm_stream(g->seed, TOPIC_CHAIN);
    struct params *p = &g->s->chain;

    p->epoch_blocks = p->checkpoint_blocks * SWARM_CHOOSE(&rng, 2, 4, 4, 8, 16);
    p->lookback_blocks = SWARM_CHOOSE(&rng, 4, 16, 64);
    p->unbonding_epochs = SWARM_CHOOSE(&rng, 2, 4, 8);
    p->checkpoint_depth = SWARM_CHOOSE(&rng, 0, 1, 2, 2);
    p->committee = swarm_chance(&rng, 1, 4) ? 1 : 0;
    p->seats = 300;
    if (swarm_chance(&rng, 1, 3)) {
        p->block_txs_max = SWARM_CHOOSE(&rng, 1, 4, 16);
    }
}

static void policy_draw(struct swarming *g)
{
    struct rng rng = swarm_stream(g->seed, TOPIC_POLICY);
    struct node_policy *p = &g->s->policy;

    if (swarm_chance(&rng, 1, 4)) {
        p->links_out = (uint32_t)SWARM_CHOOSE(&rng, 2, 3, 4);
    }
    if (swarm_chance(&rng, 1, 4)) {
        p->mesh_links = (uint32_t)SWARM_CHOOSE(&rng, 2, 3, 4, 6);
    }
    if (swarm_chance(&rng, 1, 4)) {
        p->vote_flush_ns = SWARM_CHOOSE(&rng, 0, 1, 100) * MS;
    }
    if (swarm_chance(&rng, 1, 4)) {
        p->lazy_flush_ns = SWARM_CHOOSE(&rng, 100, 1000) * MS;
    }
    if (swarm_chance(&rng, 1, 4)) {
        p->vote_have_ns = SWARM_CHOOSE(&rng, 500, 1000) * MS;
    }
    if (swarm_chance(&rng, 1, 4)) {
        p->pool_txs_max = (uint32_t)SWARM_CHOOSE(&rng, 2, 8, 32);
    }
    if (swarm_chance(&rng, 1, 4)) {
        p->pool_sender_max = (uint32_t)SWARM_CHOOSE(&rng, 1, 4);
    }
    if (swarm_chance(&rng, 1, 4)) {
        p->ping_ns = SWARM_CHOOSE(&rng, 1, 3, 5, 10) * 1000 * MS;
    }
}

/* Each point in one of four runs. */
static void buggify_draw(struct swarming *g)
{
    static const char *const names[] = {
#define BUGGIFY(name, text) #name,
#include "node/seam/buggify.def"
#undef BUGGIFY
    };
    struct rng rng = swarm_stream(g->seed, TOPIC_BUGGIFY);
    struct scenario *s = g->s;

    s->buggify = realloc(s->buggify, (s->buggify_count + BUGGIFY_POINTS) * sizeof(*s->buggify));
    invariant(s->buggify != NULL);
    for (uint32_t k = 0; k < BUGGIFY_POINTS; k++) {
        if (swarm_chance(&rng, 1, 4) && (s->policy.buggify >> k & 1) == 0) {
            char *name = strdup(names[k]);
            invariant(name != NULL);
            s->buggify[s->buggify_count++] = name;
            s->policy.buggify |= (uint32_t)1 << k;
        }
    }
}

/* --- the network, clocks, load --- */

static void network_draw(struct swarming *g)
{
    struct rng rng = swarm_stream(g->seed, TOPIC_NETWORK);
    struct scenario_network *n = &g->s->network;

    n->latency = LATENCY_CONSTANT;
    n->constant_ns = SWARM_CHOOSE(&rng, 2, 5, 10, 20, 50, 100, 150) * MS;
    n->jitter = true;
    if (swarm_chance(&rng, 1, 6)) {
        n->latency = LATENCY_REGIONS;
    }
    if (swarm_chance(&rng, 1, 3)) {
        n->loss = (struct ratio){swarm_between(&rng, 1, 30), 1000};
    }
    if (swarm_chance(&rng, 1, 3)) {
        n->duplicate = (struct ratio){swarm_between(&rng, 1, 200), 1000};
    }
}

/* Impatient committees: rounds end before their votes have come, and many pass while two branches
 * at a checkpoint's height are equal, so that some are locked on what others do not propose.
 * Growing timeouts make up for it. */
static void strain_draw(struct swarming *g)
{
    struct rng rng = swarm_stream(g->seed, TOPIC_STRAIN);
    struct params *p = &g->s->chain;

    if (!swarm_chance(&rng, 1, 4)) {
        return;
    }
    g->strained = true;
    p->propose_ms = SWARM_CHOOSE(&rng, 50, 100, 200);
    p->propose_step_ms = SWARM_CHOOSE(&rng, 20, 50, 100);
    p->vote_ms = SWARM_CHOOSE(&rng, 20, 20, 50, 100);
    p->vote_step_ms = SWARM_CHOOSE(&rng, 10, 25, 50);
    p->checkpoint_depth = SWARM_CHOOSE(&rng, 0, 0, 0, 1);
    g->s->network.constant_ns = SWARM_CHOOSE(&rng, 50, 100, 150) * MS;
}

/* Within what a block's date allows: maxFuture (500 ms) apart is still together. */
static void clocks_draw(struct swarming *g)
{
    struct rng rng = swarm_stream(g->seed, TOPIC_CLOCKS);
    struct rng swing = swarm_stream(g->seed, TOPIC_SWING);

    for (uint64_t i = 0; i < g->s->groups_count; i++) {
        struct scenario_group *group = &g->s->groups[i];
        group->clock_skew_ns = swarm_chance(&rng, 1, 2) ? SWARM_CHOOSE(&rng, 10, 50, 150) * MS : 0;
        group->clock_drift_ppb =
            swarm_chance(&rng, 1, 3) ? SWARM_CHOOSE(&rng, 1000, 50000, 200000) : 0;
        if (swarm_chance(&swing, 1, 4)) { /* at most 100 ms of its own and 50 of skew */
            group->clock_swing_ns = SWARM_CHOOSE(&swing, 20, 50, 100) * MS;
            group->clock_swing_period_ns = SWARM_CHOOSE(&swing, 2, 10, 60) * 1000 * MS;
            group->clock_skew_ns = group->clock_skew_ns > 0 ? 50 * MS : 0;
        }
    }
}

static void load_draw(struct swarming *g)
{
    struct rng rng = swarm_stream(g->seed, TOPIC_LOAD);
    struct scenario *s = g->s;

    for (uint64_t i = 0; i < s->loads_count;) {
        struct scenario_load *load = &s->loads[i];
        if (swarm_chance(&rng, 1, 2)) {
            free(load->group);
            s->loads[i] = s->loads[--s->loads_count];
            continue;
        }
        if (load->kind == LOAD_TRANSFER) {
            load->per_s = (struct ratio){SWARM_CHOOSE(&rng, 1, 4, 20, 100), 4};
            load->memo_bytes = SWARM_CHOOSE(&rng, 0, 0, 40, 1000);
            load->poisson = swarm_chance(&rng, 1, 2);
        }
        i++;
    }
}

/* Transactions in a hurry: what no block takes in time is void, and pools must let it go. */
static void expiry_draw(struct swarming *g)
{
    struct rng rng = swarm_stream(g->seed, TOPIC_EXPIRY);
    struct scenario *s = g->s;

    for (uint64_t i = 0; i < s->loads_count; i++) {
        uint64_t blocks = SWARM_CHOOSE(&rng, 0, 0, 1, 2, 5, 20);
        s->loads[i].expiry_blocks = s->loads[i].kind == LOAD_TRANSFER ? blocks : 0;
    }
}

/* A pool that takes few and more that come than blocks can hold: it fills. */
static void crowd_draw(struct swarming *g)
{
    struct rng rng = swarm_stream(g->seed, TOPIC_CROWD);
    struct scenario *s = g->s;

    if (!swarm_chance(&rng, 1, 6)) {
        return;
    }
    s->chain.block_txs_max = SWARM_CHOOSE(&rng, 1, 2, 8);
    s->policy.pool_txs_max = (uint32_t)SWARM_CHOOSE(&rng, 2, 8, 32);
    for (uint64_t i = 0; i < s->loads_count; i++) {
        if (s->loads[i].kind == LOAD_TRANSFER) {
            s->loads[i].per_s = (struct ratio){SWARM_CHOOSE(&rng, 5, 25), 1};
        }
    }
}

void swarm_world(struct swarming *g)
{
    nodes_draw(g);
    stakes_draw(g);
    chain_draw(g);
    policy_draw(g);
    buggify_draw(g);
    network_draw(g);
    strain_draw(g);
    clocks_draw(g);
    load_draw(g);
    expiry_draw(g);
    crowd_draw(g);
}
