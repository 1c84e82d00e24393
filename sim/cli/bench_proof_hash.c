/* Hash limits, labels, trees, threads. */
#define _GNU_SOURCE
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "node/proof/porep.h"
#include "sim/cli/bench_proof.h"

static const struct sha256_engine *portable(void)
{
    return sha256_engine_at(0);
}

/* Best time per compression of 20-block messages, in ns. */
static double compress_ns(const struct sha256_engine *e, unsigned lanes)
{
    enum { BLOCKS = 20, ROUNDS = 2000, TRIES = 30 };
    static uint8_t data[16][64 * BLOCKS];
    uint32_t states[16][8];
    const uint8_t *at[16];
    double best = 1e18;
    for (unsigned l = 0; l < 16; l++) {
        sha256_state_init(states[l]);
        at[l] = data[l];
    }
    for (int t = 0; t < TRIES; t++) {
        double from = bench_cpu_ns();
        for (int r = 0; r < ROUNDS / (int)lanes; r++) {
            if (lanes == 1) {
                e->blocks(states[0], at[0], BLOCKS);
            } else if (lanes == 4) {
                e->blocks4(states, at, BLOCKS);
            } else {
                e->blocks16(states, at, BLOCKS);
            }
        }
        double ns = (bench_cpu_ns() - from) / (ROUNDS / (int)lanes * (int)lanes * BLOCKS);
        best = ns < best ? ns : best;
    }
    data[0][0] ^= (uint8_t)states[0][0]; /* the work is used */
    return best;
}

void bench_proof_limits(struct bench *b)
{
    b->block1_ns = compress_ns(b->engine, 1);
    b->block4_ns = compress_ns(b->engine, 4);
    b->block16_ns = compress_ns(b->engine, 16);
    double slow = compress_ns(portable(), 1);
    bench_figure_add(b, (struct bench_figure){.name = "SHA-256 libsodium, one stream",
                                              .unit = "GB/s",
                                              .value = 64 / slow});
    bench_figure_add(b, (struct bench_figure){.name = "SHA-256 one stream",
                                              .unit = "GB/s",
                                              .value = 64 / b->block1_ns,
                                              .ratio = slow / b->block1_ns,
                                              .against = "libsodium"});
    bench_figure_add(b, (struct bench_figure){.name = "SHA-256 four streams",
                                              .unit = "GB/s",
                                              .value = 64 / b->block4_ns,
                                              .ratio = b->block1_ns / b->block4_ns,
                                              .against = "one stream"});
    bench_figure_add(b, (struct bench_figure){.name = "SHA-256 sixteen streams",
                                              .unit = "GB/s",
                                              .value = 64 / b->block16_ns,
                                              .ratio = b->block1_ns / b->block16_ns,
                                              .against = "one stream"});
    enum { COPY = 64 << 20 };
    uint8_t *from = bench_memory(COPY), *to = bench_memory(COPY);
    memset(from, 1, COPY);
    memset(to, 2, COPY);
    double best = 1e18;
    for (int t = 0; t < 8; t++) {
        double start = bench_cpu_ns();
        memcpy(to, from, COPY);
        from[t] ^= to[COPY - 1];
        double ns = bench_cpu_ns() - start;
        best = ns < best ? ns : best;
    }
    b->memcpy_gbs = COPY / best;
    bench_figure_add(
        b, (struct bench_figure){.name = "memcpy 64 MiB", .unit = "GB/s", .value = b->memcpy_gbs});
    bench_memory_free(from, COPY);
    bench_memory_free(to, COPY);
}

static void graph_make(struct graph *g, uint64_t nodes)
{
    struct graph_config c = {
        .nodes = nodes, .api = GRAPH_API_1_1, .drg_degree = 6, .exp_degree = 8};
    if (graph_init(g, &c) != ERR_OK) {
        abort();
    }
}

enum { PASS_NODES = 1 << 12, PASSES = 64, RANGES = 2 }; /* a pass is a few milliseconds */

/* ns per label and replica in layer 2, `lanes` replicas in lockstep; parents cached. The layers
 * hold arbitrary bytes: time does not depend on them. Every pass takes other ranges. */
static double label_ns(struct bench *b, const struct graph *g, struct label_rule rule,
                       unsigned lanes, const uint32_t *parents, const uint64_t *starts,
                       uint8_t *arrays)
{
    uint64_t layer = 32 * g->config.nodes;
    struct label_job jobs[16];
    for (unsigned l = 0; l < lanes; l++) {
        jobs[l] = (struct label_job){.graph = g, .rule = rule, .layer = 2};
        memset(jobs[l].replica_id, (int)l, 32);
        jobs[l].stride = (size_t)32 * lanes; /* woven */
        jobs[l].cur = arrays + (size_t)32 * l;
        jobs[l].prev = arrays + lanes * layer + (size_t)32 * l;
    }
    double best = 1e18;
    for (int p = 0; p < PASSES; p++) {
        double from = bench_cpu_ns();
        for (int r = 0; r < RANGES; r++) {
            size_t at = (size_t)(p * RANGES + r);
            label_range_lockstep(b->engine, jobs, lanes, parents + at * PASS_NODES / RANGES * 14,
                                 starts[at], PASS_NODES / RANGES);
        }
        double ns = (bench_cpu_ns() - from) / PASS_NODES / lanes;
        best = ns < best ? ns : best;
    }
    return best;
}

struct label_times {
    double sdr1, sdr4, sdr16, light1;
    double parents_ns;
};

static struct label_times labels_measure(struct bench *b, uint64_t bytes, unsigned lanes_max)
{
    struct graph g;
    struct label_times t = {0};
    graph_make(&g, bytes / 32);
    uint64_t all = 2 * lanes_max * bytes, starts[PASSES * RANGES];
    uint8_t *arrays = bench_memory(all);
    for (uint64_t i = 0; i < all; i += 4096) {
        arrays[i] = 1;
    }
    uint32_t *parents = (uint32_t *)(void *)bench_memory((uint64_t)PASSES * PASS_NODES * 14 * 4);
    double from = bench_cpu_ns();
    for (int i = 0; i < PASSES * RANGES; i++) {
        uint64_t span = g.config.nodes - PASS_NODES / RANGES;
        starts[i] = span - (uint64_t)i * span / (PASSES * RANGES + 4);
        graph_parents_range(&g, parents + (size_t)i * PASS_NODES / RANGES * 14, starts[i],
                            PASS_NODES / RANGES);
    }
    t.parents_ns = (bench_cpu_ns() - from) / (PASSES * PASS_NODES);
    struct label_rule sdr = {LABEL_SDR, 1}, light = {LABEL_LIGHT, 1};
    t.sdr1 = label_ns(b, &g, sdr, 1, parents, starts, arrays);
    t.light1 = label_ns(b, &g, light, 1, parents, starts, arrays);
    if (lanes_max >= 4) {
        t.sdr4 = label_ns(b, &g, sdr, 4, parents, starts, arrays);
    }
    if (lanes_max >= 16) {
        t.sdr16 = label_ns(b, &g, sdr, 16, parents, starts, arrays);
    }
    bench_memory_free(arrays, all);
    bench_memory_free((uint8_t *)parents, (uint64_t)PASSES * PASS_NODES * 14 * 4);
    return t;
}

/* ns per independent read of a random line of a 1 GiB array: what the parents of a label cost
 * where the processor cannot hide them. */
static double random_read_ns(void)
{
    enum { READS = 1 << 20 };
    const uint64_t bytes = (uint64_t)1 << 30;
    uint8_t *array = bench_memory(bytes);
    uint64_t x = 88172645463325252u, sum = 0;
    double best = 1e18;
    for (uint64_t i = 0; i < bytes; i += 4096) {
        array[i] = 1;
    }
    for (int t = 0; t < 5; t++) {
        double from = bench_cpu_ns();
        for (int i = 0; i < READS; i++) {
            x ^= x << 13;
            x ^= x >> 7;
            x ^= x << 17;
            sum += array[x % bytes];
        }
        double ns = (bench_cpu_ns() - from) / READS;
        best = ns < best ? ns : best;
    }
    array[0] = (uint8_t)sum; /* the work is used */
    bench_memory_free(array, bytes);
    return best;
}

void bench_proof_labels(struct bench *b)
{
    struct label_times t = labels_measure(b, b->size, 16);
    bench_figure_add(b, (struct bench_figure){"sdr-compat label, parents cached", "ns",
                                              "raw one-stream time", t.sdr1,
                                              t.sdr1 / (20 * b->block1_ns), 1.15, true});
    bench_figure_add(b, (struct bench_figure){"four replicas in lockstep, per label", "ns",
                                              "one-way throughput", t.sdr4, t.sdr1 / t.sdr4, 1.4,
                                              false});
    bench_figure_add(b, (struct bench_figure){"same, to the four-stream limit", "ns",
                                              "raw four-stream time", t.sdr4,
                                              t.sdr4 / (20 * b->block4_ns), 0, true});
    bench_figure_add(b, (struct bench_figure){"sixteen replicas in lockstep, per label", "ns",
                                              "one-way throughput", t.sdr16, t.sdr1 / t.sdr16, 1.4,
                                              false});
    bench_figure_add(b, (struct bench_figure){"sdr-light label", "ns", "sdr-compat", t.light1,
                                              t.light1 / t.sdr1, 0.5, true});
    bench_figure_add(b, (struct bench_figure){"14 parents computed", "ns", "one sdr-compat label",
                                              t.parents_ns, t.parents_ns / t.sdr1, 0, true});
    if (b->large) {
        double read = random_read_ns();
        t = labels_measure(b, (uint64_t)1 << 30, 1);
        bench_figure_add(b, (struct bench_figure){"sdr-compat label, 1 GiB layer", "ns",
                                                  "raw one-stream time", t.sdr1,
                                                  t.sdr1 / (20 * b->block1_ns), 1.35, true});
        bench_figure_add(b, (struct bench_figure){"random 64 B line in 1 GiB, 13 of them", "ns",
                                                  "an sdr-compat label there", 13 * read,
                                                  13 * read / t.sdr1, 0, true});
        bench_figure_add(b, (struct bench_figure){"sdr-light label, 1 GiB layer", "ns",
                                                  "raw one-stream time", t.light1,
                                                  t.light1 / (9 * b->block1_ns), 0, true});
    }
}

static double tree_ns(struct bench *b, enum tree_hash hash, uint8_t *data, uint64_t bytes,
                      uint8_t *nodes, size_t leaf)
{
    struct tree_source s = tree_source_file(data, bytes, leaf);
    struct tree t = {hash, s.row_count, 0, nodes};
    double best = 1e18;
    for (int i = 0; i < 5; i++) {
        double from = bench_cpu_ns();
        tree_build(b->engine, &t, &s);
        double ns = bench_cpu_ns() - from;
        best = ns < best ? ns : best;
    }
    return best;
}

void bench_proof_trees(struct bench *b)
{
    uint64_t bytes = b->size < 8 << 20 ? b->size : 8 << 20;
    uint8_t *data = bench_memory(bytes), *nodes = bench_memory(tree_bytes(bytes / 32, 0));
    memset(data, 3, bytes);
    double ns = tree_ns(b, TREE_SHA256, data, bytes, nodes, 32);
    /* A 32-byte leaf is one compression, a node two. */
    double limit = 3.0 * (double)(bytes / 32) * b->block4_ns;
    bench_figure_add(b, (struct bench_figure){"Merkle tree of 32 B leaves", "GB/s",
                                              "four-stream hash limit", (double)bytes / ns,
                                              limit / ns, 0.8, false});
    limit = 3.0 * (double)(bytes / 32) * b->block16_ns;
    bench_figure_add(b, (struct bench_figure){"same, to the widest kernel", "GB/s",
                                              "sixteen-stream hash limit", (double)bytes / ns,
                                              limit / ns, 0, false});
    ns = tree_ns(b, TREE_BLAKE2B, data, bytes, nodes, 32);
    bench_figure_add(b, (struct bench_figure){.name = "Merkle tree of 32 B leaves, BLAKE2b",
                                              .unit = "GB/s",
                                              .value = (double)bytes / ns});
    bench_memory_free(data, bytes);
    bench_memory_free(nodes, tree_bytes(bytes / 32, 0));
}

/* Work for one thread: the labels of a sector, or half a tree. */
struct thread_work {
    void (*run)(struct thread_work *w);
    double cpu_ns;
    struct bench *b;
    struct graph g;
    const uint32_t *parents;
    uint8_t *layers;
    struct tree *tree;
    struct tree_source source;
    uint64_t first, n;
    unsigned top;
    uint8_t id;
};

static void labels_run(struct thread_work *w)
{
    struct label_job job = {.graph = &w->g, .rule = {LABEL_LIGHT, 1}};
    memset(job.replica_id, w->id, 32);
    uint64_t layer = 32 * w->g.config.nodes;
    for (job.layer = 1; job.layer <= 4; job.layer++) {
        job.cur = w->layers + (job.layer & 1) * layer;
        job.prev = w->layers + (~job.layer & 1) * layer;
        label_range(w->b->engine, &job, w->parents, 0, w->g.config.nodes);
    }
}

static void tree_run(struct thread_work *w)
{
    tree_build_piece(w->b->engine, w->tree, &w->source, w->first, w->n, w->top);
}

static void *timed_thread(void *arg)
{
    struct thread_work *w = arg;
    double from = bench_cpu_ns();
    w->run(w);
    w->cpu_ns = bench_cpu_ns() - from;
    return NULL;
}

struct speedup {
    double wall, cpu;
};

/* One after the other against side by side. By CPU time it is what two idle cores would give: the
 * sum of both against the longer of the two while they run together. */
static struct speedup speedup(struct thread_work w[2])
{
    double wall_one = 1e18, wall_two = 1e18, cpu_one = 1e18, cpu_two = 1e18;
    for (int i = 0; i < 5; i++) {
        double from = bench_wall_ns();
        timed_thread(&w[0]);
        timed_thread(&w[1]);
        double ns = bench_wall_ns() - from, cpu = w[0].cpu_ns + w[1].cpu_ns;
        wall_one = ns < wall_one ? ns : wall_one;
        cpu_one = cpu < cpu_one ? cpu : cpu_one;
        pthread_t thread;
        from = bench_wall_ns();
        if (pthread_create(&thread, NULL, timed_thread, &w[0]) != 0) {
            break;
        }
        timed_thread(&w[1]);
        (void)pthread_join(thread, NULL);
        ns = bench_wall_ns() - from;
        cpu = w[0].cpu_ns > w[1].cpu_ns ? w[0].cpu_ns : w[1].cpu_ns;
        wall_two = ns < wall_two ? ns : wall_two;
        cpu_two = cpu < cpu_two ? cpu : cpu_two;
    }
    return (struct speedup){wall_one / wall_two, cpu_one / cpu_two};
}

static void speedup_add(struct bench *b, const char *name, const char *name_wall,
                        struct thread_work w[2])
{
    struct speedup s = speedup(w);
    bench_figure_add(b, (struct bench_figure){name, "x", "one thread", s.cpu, s.cpu, 1.8, false});
    bench_figure_add(b,
                     (struct bench_figure){name_wall, "x", "one thread", s.wall, s.wall, 0, false});
}

void bench_proof_threads(struct bench *b)
{
    enum { NODES = 1 << 17 };
    uint8_t *memory = bench_memory(6ull * 32 * NODES);
    uint32_t *parents = (uint32_t *)(void *)bench_memory(56ull * NODES);
    struct thread_work w[2] = {{.b = b, .id = 1}, {.b = b, .id = 2}};
    for (int i = 0; i < 2; i++) {
        graph_make(&w[i].g, NODES);
        w[i].run = labels_run;
        w[i].parents = parents;
        w[i].layers = memory + (uint64_t)i * 64 * NODES;
    }
    graph_parents_range(&w[0].g, parents, 0, NODES);
    speedup_add(b, "two sectors on two threads, CPU time", "same, wall time (needs idle cores)", w);
    struct tree t = {TREE_SHA256, 4 * NODES, 0, bench_memory(tree_bytes(4 * NODES, 0))};
    for (int i = 0; i < 2; i++) {
        w[i].run = tree_run;
        w[i].tree = &t;
        w[i].source = tree_source_file(memory, 4ull * 32 * NODES, 32);
        w[i].first = (uint64_t)i * 2 * NODES;
        w[i].n = 2 * NODES;
        w[i].top = 18;
    }
    speedup_add(b, "one tree on two threads, CPU time", "same, wall time of the tree", w);
    bench_memory_free(t.nodes, tree_bytes(4 * NODES, 0));
    bench_memory_free(memory, 6ull * 32 * NODES);
    bench_memory_free((uint8_t *)parents, 56ull * NODES);
}
