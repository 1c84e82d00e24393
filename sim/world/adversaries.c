/* Who of the machines lies: the scenario's lines read over the nodes as they are placed, and the
 * steps of the machines that they touch (sim/adversary). */
#include <stdlib.h>

#include "sim/world/internal.h"

/* All keys: peers take the machine for the one it copies. Only its address is its own. */
static void keys_copy(struct population *p, uint32_t to, uint32_t from)
{
    struct member *m = &p->members[to];
    const struct member *of = &p->members[from];

    memcpy(m->config.account_seed, of->config.account_seed, 32);
    memcpy(m->config.vrf_seed, of->config.vrf_seed, 32);
    memcpy(m->config.node_seed, of->config.node_seed, 32);
    memcpy(m->account, of->account, 32);
    memcpy(m->node_id, of->node_id, 32);
    for (uint32_t i = 0; i < p->count; i++) {
        for (uint64_t k = 0; k < p->members[i].config.seed_count; k++) {
            struct seed_peer *seed = &p->members[i].seeds[k];
            if (node_of_endpoint(&seed->endpoint, p->count) == to) {
                memcpy(seed->node_id, of->node_id, 32);
            }
        }
    }
}

static void trace(void *world, unsigned thread, uint32_t node, uint64_t now_ns,
                  const uint64_t *values)
{
    trace_add(world, thread, node, now_ns, TRACE_KINDS + WORLD_TRACE_adversary, values);
}

static void seeds(void *world, uint32_t node, uint8_t account_seed[32], uint8_t vrf_seed[32])
{
    const struct world *w = world;

    memcpy(account_seed, w->population.members[node].config.account_seed, 32);
    memcpy(vrf_seed, w->population.members[node].config.vrf_seed, 32);
}

static void peer(void *world, uint32_t node, uint8_t item[50])
{
    const struct world *w = world;
    const struct member *m = &w->population.members[node];

    memcpy(item, m->node_id, 32);
    memcpy(item + 32, m->config.endpoint.address, 16);
    item[48] = (uint8_t)(m->config.endpoint.port >> 8);
    item[49] = (uint8_t)m->config.endpoint.port;
}

static void adversaries_make(struct world *w, struct adversary_line *lines, uint32_t count)
{
    uint8_t(*accounts)[32] = calloc(w->count, sizeof(*accounts));
    uint64_t *stake = calloc(w->count, sizeof(*stake));
    struct adversaries_config config = {.seed = w->scenario->seed,
                                        .nodes = w->count,
                                        .shared = w->shared,
                                        .node_of = node_of_endpoint,
                                        .trace = trace,
                                        .seeds = seeds,
                                        .peer = peer,
                                        .world = w};

    invariant(accounts != NULL && stake != NULL);
    for (uint32_t i = 0; i < w->count; i++) {
        struct member *m = &w->population.members[i];
        uint32_t of = adversary_lines_twin(lines, count, i);
        if (of != i) {
            keys_copy(&w->population, i, of);
        }
        memcpy(accounts[i], m->account, 32);
        stake[i] = m->stake_tokens;
    }
    config.accounts = (const uint8_t(*)[32])accounts;
    config.stake_tokens = stake;
    w->adversaries = adversaries_new(&config, lines, count);
    free(accounts);
    free(stake);
}

enum err world_adversaries_build(struct world *w, const struct fault_domains *domains,
                                 struct settings_error *error)
{
    const struct scenario *s = w->scenario;
    uint32_t count = (uint32_t)s->adversaries_count;
    struct fault_text_error why = {0};
    enum err err = ERR_OK;

    if (count == 0) {
        return ERR_OK;
    }
    struct adversary_line *lines = calloc(count, sizeof(*lines));
    invariant(lines != NULL);
    for (uint32_t i = 0; i < count && err == ERR_OK; i++) {
        err = adversary_line_parse(&lines[i], &why, domains, w->count, s->adversaries[i].text);
        if (err != ERR_OK) {
            snprintf(error->text, sizeof(error->text), "adversary `%.300s`, column %u: %s",
                     s->adversaries[i].text, why.column, why.text);
            error->line = s->adversaries[i].line;
            for (uint32_t k = 0; k < i; k++) {
                adversary_line_free(&lines[k]);
            }
            free(lines);
        }
    }
    TRY(err);
    adversaries_make(w, lines, count);
    for (uint32_t i = 0; i < w->count; i++) {
        w->population.members[i].byzantine = adversaries_byzantine(w->adversaries, i);
    }
    return ERR_OK;
}

void world_step_filtered(struct world *w, unsigned thread, uint32_t index, uint64_t now_ns,
                         struct event *event)
{
    struct host *h = &w->hosts[index];
    struct worker *worker = &w->workers[thread];
    struct adversary_moment moment = {.now_ns = now_ns,
                                      .thread = thread,
                                      .node = h->node,
                                      .config = h->config,
                                      .out = &worker->effects,
                                      .scratch = &worker->scratch};
    enum event_kind kind = event->kind;
    bool on = adversary_before(h->adversary, &moment, event);

    if (event->kind != kind) {
        transcript_event(w, index, now_ns, event); /* a frame that was held back */
        engine_mix(w->engine, index, event->recv.frame->id[0] ^ event->recv.link);
    }
    if (on) {
        node_step(h->node, event, &worker->effects, &worker->scratch);
    }
    adversary_after(h->adversary, &moment, event);
}
