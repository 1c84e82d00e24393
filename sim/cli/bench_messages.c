/* What a message costs before any protocol looks at it: queue, city latency, jitter, loss, both
 * access lines, counters. */
#include <stdlib.h>
#include <string.h>

#include "node/base/invariant.h"
#include "sim/cli/bench.h"
#include "sim/cli/command.h"
#include "sim/engine/engine.h"
#include "sim/net/link.h"

#define PEERS 8
#define TOKENS 4 /* messages under way per node */
#define MESSAGE_BYTES 300

struct bench_node {
    struct bandwidth_queue line;
    struct link_side side[PEERS];
    uint32_t peer[PEERS];
    uint64_t sent, received, bytes;
};

struct bench_net {
    struct cities cities;
    struct quantile exponential;
    struct net net;
    uint16_t *city;
    struct bandwidth *bandwidth;
    struct bench_node *nodes;
    struct engine *engine;
};

static void message(void *arg, unsigned thread, const struct engine_event *e)
{
    struct bench_net *b = arg;
    struct bench_node *n = &b->nodes[e->dst];
    struct link_outcome out;
    uint64_t in = link_receive(&b->net, &n->line, e->dst, e->time_ns, MESSAGE_BYTES, 1, 1);
    uint64_t u = draw(1, DRAW_TOPOLOGY, e->dst, 1, n->received++);
    uint32_t k = (uint32_t)draw_below(u, PEERS);

    n->bytes += MESSAGE_BYTES;
    link_send(&b->net, &n->side[k], &n->line, NULL, &out, e->dst, n->peer[k], in, MESSAGE_BYTES);
    n->sent++;
    engine_mix(b->engine, e->dst, u);
    if (out.arrival_ns != LINK_NEVER) {
        engine_send(b->engine, thread, e->dst, n->peer[k], out.arrival_ns, e->payload);
    }
}

static enum err net_make(struct bench_net *b, uint32_t nodes, const char *data)
{
    char path[3][600];
    static const char *const names[3] = {"cities.tsv", "cities-rtt.tsv", "cities-mdev.tsv"};
    struct cities_error where;
    uint64_t weight[CITIES_MAX];
    struct link_rules rules = {.loss_q32 = draw_probability(1, 1000),
                               .rto_min_ns = 200000000,
                               .rto_max_ns = 120000000000,
                               .break_after_ns = 120000000000};

    for (int i = 0; i < 3; i++) {
        snprintf(path[i], sizeof(path[i]), "%s/regions/%s", data, names[i]);
    }
    TRY(cities_load(&b->cities, &where, path[0], path[1], path[2]));
    cities_weights_population(&b->cities, weight);
    b->city = calloc(nodes, sizeof(*b->city));
    b->bandwidth = calloc(nodes, sizeof(*b->bandwidth));
    b->nodes = calloc(nodes, sizeof(*b->nodes));
    invariant(b->city != NULL && b->bandwidth != NULL && b->nodes != NULL);
    TRY(cities_place(&b->cities, b->city, nodes, weight, 1));
    for (uint32_t i = 0; i < nodes; i++) {
        TRY(bandwidth_init(&b->bandwidth[i], 20000000, 50000000, 0));
        for (uint32_t k = 0; k < PEERS; k++) {
            uint32_t other = (uint32_t)draw_below(draw(1, DRAW_TOPOLOGY, i, 0, k), nodes - 1);
            b->nodes[i].peer[k] = other + (other >= i);
            link_open(&b->nodes[i].side[k], k);
        }
    }
    quantile_build_exponential(&b->exponential);
    return net_init(&b->net, &b->cities, &b->exponential, b->city, b->bandwidth, nodes, &rules, 1);
}

static int messages_row(FILE *out, uint32_t nodes, double peer, const char *data)
{
    struct bench_net *b = calloc(1, sizeof(*b));

    invariant(b != NULL);
    if (net_make(b, nodes, data) != ERR_OK) {
        fprintf(out, "messages: the city tables cannot be read\n");
        return EXIT_USAGE;
    }
    struct engine_config config = {.nodes = nodes,
                                   .threads = 1,
                                   .slot_ns = cities_base_ns_min(&b->cities),
                                   .world = b,
                                   .handler = message,
                                   .node_state = b->nodes,
                                   .node_state_bytes = sizeof(*b->nodes)};
    if (engine_new(&b->engine, &config) != ERR_OK) {
        return EXIT_USAGE;
    }
    for (uint32_t i = 0; i < nodes; i++) {
        for (uint32_t k = 0; k < TOKENS; k++) {
            engine_send(b->engine, 0, engine_world(b->engine), i, 2000000 + k, 1);
        }
    }
    engine_run(b->engine, ENGINE_NEVER, 1000000); /* warm */
    uint64_t before = engine_counters(b->engine).events;
    uint64_t cpu = real_cpu_ns();
    engine_run(b->engine, ENGINE_NEVER, before + 6000000);
    cpu = real_cpu_ns() - cpu;
    double rate = (double)(engine_counters(b->engine).events - before) * 1e3 / (double)cpu;
    fprintf(out, "%8u  %8.2f  %8.1f  %20.1f  %6.2fx\n", nodes, rate, 1e3 / rate, peer, rate / peer);
    engine_free(b->engine);
    cities_free(&b->cities);
    free(b->city);
    free(b->bandwidth);
    free(b->nodes);
    free(b);
    return EXIT_OK;
}

int bench_messages(FILE *out)
{
    fprintf(out, "messages through cities, jitter, loss, both lines and counters; one thread\n"
                 "   nodes     M/s   ns each  best peer's M/s (other machine)  ratio\n");
    int code = messages_row(out, 1000, 3.1, ORRERY_DATA);
    return code != EXIT_OK ? code : messages_row(out, 16384, 1.9, ORRERY_DATA);
}
