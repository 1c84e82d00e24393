#include "node/proof/label.h"

#include "node/base/invariant.h"

enum {
    PREFETCH_NODES = 16, /* ahead, over all replicas; hides memory behind the hashing */
    STAGE_BYTES = 64 + 32 * GRAPH_DEGREE_MAX + 64,
};

/* How the message of one label is laid out. The staged part is prefix and one pass over the
 * parents; when the parents fill whole blocks, later passes hash the staged blocks again. */
struct layout {
    unsigned parents, slots;
    unsigned whole_passes; /* after the first */
    unsigned rest;         /* labels of the last, partial pass */
    bool staged_in_full;   /* odd parent counts: blocks straddle passes */
    bool truncate;
};

static unsigned parents_in(const struct graph *g, uint32_t layer)
{
    if (g->config.localised) {
        return g->config.exp_degree + 1;
    }
    return layer == 1 ? g->config.drg_degree : graph_degree(g);
}

static struct layout layout_of(const struct graph *g, struct label_rule rule, uint32_t layer)
{
    struct layout p = {.parents = parents_in(g, layer), .truncate = rule.form == LABEL_SDR};
    p.slots = rule.form == LABEL_SDR ? LABEL_SLOTS_SDR : p.parents * rule.repeat;
    if (p.parents > 0) {
        p.whole_passes = p.slots / p.parents - 1;
        p.rest = p.slots % p.parents;
    }
    p.staged_in_full = p.parents % 2 != 0;
    return p;
}

enum err label_rule_check(const struct graph *g, struct label_rule rule)
{
    if (rule.form != LABEL_SDR && rule.form != LABEL_LIGHT) {
        return ERR_RANGE;
    }
    unsigned degree = graph_degree(g) + (g->config.localised ? 1 : 0);
    if (rule.form == LABEL_SDR) {
        return degree <= LABEL_SLOTS_SDR ? ERR_OK : ERR_RANGE;
    }
    if (rule.repeat < 1 || rule.repeat > LABEL_SLOTS_MAX ||
        degree * rule.repeat > LABEL_SLOTS_MAX) {
        return ERR_RANGE;
    }
    /* Passes over an odd number of parents do not end on a block; they are not provided. */
    return degree % 2 != 0 && rule.repeat > 1 ? ERR_RANGE : ERR_OK;
}

static void prefix_write(uint8_t stage[64], const uint8_t replica_id[32], uint32_t layer,
                         uint64_t v)
{
    memcpy(stage, replica_id, 32);
    store32(stage + 32, __builtin_bswap32(layer));
    store64(stage + 36, __builtin_bswap64(v));
    memset(stage + 44, 0, 20);
}

static void last_block(uint8_t block[64], size_t used, uint64_t total)
{
    block[used] = 0x80;
    memset(block + used + 1, 0, 64 - used - 1 - 8);
    store64(block + 56, __builtin_bswap64(total * 8));
}

static inline void run(const struct sha256_engine *e, unsigned lanes, uint32_t (*states)[8],
                       const uint8_t *const *data, size_t n_blocks)
{
    if (n_blocks == 0) {
        return;
    }
    if (lanes == 1) {
        e->blocks(states[0], data[0], n_blocks);
    } else if (lanes == 4) {
        e->blocks4(states, data, n_blocks);
    } else {
        e->blocks16(states, data, n_blocks);
    }
}

/* Hashes the staged messages of `lanes` replicas. stage[l] holds prefix and one pass. */
static void staged_hash(const struct sha256_engine *e, unsigned lanes, uint8_t *const *out,
                        uint8_t (*stage)[STAGE_BYTES], const struct layout *p)
{
    uint32_t states[LABEL_LANES_MAX][8];
    const uint8_t *at[LABEL_LANES_MAX] = {NULL};
    uint64_t total = 64 + 32ull * p->slots;
    size_t pass_blocks = p->parents / 2;
    for (unsigned l = 0; l < lanes; l++) {
        sha256_state_init(states[l]);
        at[l] = stage[l];
    }
    if (p->staged_in_full || (p->whole_passes == 0 && p->rest == 0)) {
        size_t blocks = (size_t)sha256_compressions(total);
        for (unsigned l = 0; l < lanes; l++) {
            last_block(stage[l] + 64 * (blocks - 1), total % 64, total);
        }
        run(e, lanes, states, at, blocks);
    } else {
        run(e, lanes, states, at, 1 + pass_blocks);
        for (unsigned l = 0; l < lanes; l++) {
            at[l] = stage[l] + 64;
        }
        for (unsigned pass = 0; pass < p->whole_passes; pass++) {
            run(e, lanes, states, at, pass_blocks);
        }
        run(e, lanes, states, at, p->rest / 2);
        for (unsigned l = 0; l < lanes; l++) {
            /* The block of the odd label is spent: the end of the message goes there. */
            uint8_t *end = stage[l] + 64 + 64 * (p->rest / 2);
            last_block(end, p->rest % 2 != 0 ? 32 : 0, total);
            at[l] = end;
        }
        run(e, lanes, states, at, 1);
    }
    for (unsigned l = 0; l < lanes; l++) {
        sha256_state_store(out[l], states[l]);
        if (p->truncate) {
            out[l][31] &= 0x3f;
        }
    }
}

/* Gathers the parents of v from the layers of one replica. */
static inline void parents_stage(uint8_t *stage, const struct label_job *job, uint64_t v,
                                 const uint32_t *row, unsigned n_parents)
{
    const struct graph_config *c = &job->graph->config;
    uint64_t stride = job->stride;
    uint8_t *to = stage + 64;
    if (c->localised) {
        memcpy(to, job->prev + stride * v, 32);
        for (unsigned j = 0; j < c->exp_degree; j++) {
            const uint8_t *layer = row[j] < v ? job->cur : job->prev;
            memcpy(to + 32 * (j + 1), layer + stride * row[j], 32);
        }
        return;
    }
    for (unsigned j = 0; j < c->drg_degree; j++) {
        memcpy(to + 32 * j, job->cur + stride * row[j], 32);
    }
    for (unsigned j = c->drg_degree; j < n_parents; j++) {
        memcpy(to + 32 * j, job->prev + stride * row[j], 32);
    }
}

static inline void parents_prefetch(const struct label_job *job, const uint32_t *row,
                                    unsigned n_parents)
{
    const struct graph_config *c = &job->graph->config;
    for (unsigned j = 1; j < n_parents && j < c->drg_degree; j++) {
        __builtin_prefetch(job->cur + job->stride * row[j]);
    }
    if (job->prev != NULL) {
        for (unsigned j = c->drg_degree; j < graph_degree(job->graph); j++) {
            __builtin_prefetch(job->prev + job->stride * row[j]);
        }
    }
}

static bool prefix_only(const struct graph *g, uint64_t v)
{
    return v == 0 && !g->config.localised;
}

void label_range_lockstep(const struct sha256_engine *e, const struct label_job *given,
                          unsigned n_jobs, const uint32_t *parents, uint64_t first, uint64_t n)
{
    invariant(n_jobs == 1 || n_jobs == 4 || n_jobs == 16);
    struct label_job jobs[LABEL_LANES_MAX];
    for (unsigned l = 0; l < n_jobs; l++) {
        jobs[l] = given[l];
        jobs[l].stride = given[l].stride != 0 ? given[l].stride : 32;
    }
    const struct graph *g = jobs->graph;
    const struct layout p = layout_of(g, jobs->rule, jobs->layer);
    const struct layout bare = {.staged_in_full = true, .truncate = p.truncate};
    unsigned degree = graph_degree(g);
    uint8_t stage[LABEL_LANES_MAX][STAGE_BYTES];
    uint8_t *out[LABEL_LANES_MAX];
    /* More replicas take longer for a node and have more lines under way. */
    unsigned distance = n_jobs == 1 ? PREFETCH_NODES : n_jobs == 4 ? PREFETCH_NODES / 4 : 2;
    for (uint64_t i = 0; i < n; i++) {
        uint64_t v = first + i;
        const uint32_t *row = parents + i * degree;
        const uint32_t *ahead = i + distance < n ? row + distance * degree : row;
        bool is_bare = prefix_only(g, v);
        for (unsigned l = 0; l < n_jobs; l++) {
            /* Two woven labels share a line. */
            if (l % 2 == 0 || jobs[l].stride == 32) {
                parents_prefetch(&jobs[l], ahead, p.parents);
            }
            prefix_write(stage[l], jobs[l].replica_id, jobs[l].layer, v);
            if (!is_bare) {
                parents_stage(stage[l], &jobs[l], v, row, p.parents);
            }
            out[l] = jobs[l].cur + jobs[l].stride * v;
        }
        staged_hash(e, n_jobs, out, stage, is_bare ? &bare : &p);
    }
}

void label_range(const struct sha256_engine *e, const struct label_job *job,
                 const uint32_t *parents, uint64_t first, uint64_t n)
{
    label_range_lockstep(e, job, 1, parents, first, n);
}

void label_source(const struct sha256_engine *e, uint8_t out[32], const uint8_t replica_id[32],
                  uint64_t v)
{
    uint8_t prefix[64];
    prefix_write(prefix, replica_id, 0, v);
    sha256_once(e, out, prefix, sizeof prefix);
}

void label_sources(const struct sha256_engine *e, const uint8_t replica_id[32], uint8_t *cur,
                   uint64_t first, uint64_t n)
{
    for (uint64_t v = first; v < first + n; v++) {
        label_source(e, cur + 32 * v, replica_id, v);
    }
}

void label_one(const struct sha256_engine *e, uint8_t out[32], const struct graph *g,
               struct label_rule rule, const uint8_t replica_id[32], uint32_t layer, uint64_t v,
               const uint8_t *const *parent_labels)
{
    struct layout p = layout_of(g, rule, layer);
    if (prefix_only(g, v)) {
        p = (struct layout){.staged_in_full = true, .truncate = p.truncate};
    }
    uint8_t stage[1][STAGE_BYTES];
    prefix_write(stage[0], replica_id, layer, v);
    for (unsigned j = 0; j < p.parents; j++) {
        memcpy(stage[0] + 64 + 32 * j, parent_labels[j], 32);
    }
    staged_hash(e, 1, &out, stage, &p);
}

unsigned label_parents(const struct graph *g, uint32_t layer, uint64_t v, const uint32_t *parents,
                       uint32_t *nodes, uint32_t *layers)
{
    if (prefix_only(g, v)) {
        return 0;
    }
    unsigned n = parents_in(g, layer);
    if (g->config.localised) {
        nodes[0] = (uint32_t)v;
        layers[0] = layer - 1;
        for (unsigned j = 0; j < g->config.exp_degree; j++) {
            nodes[j + 1] = parents[j];
            layers[j + 1] = parents[j] < v ? layer : layer - 1;
        }
        return n;
    }
    for (unsigned j = 0; j < n; j++) {
        nodes[j] = parents[j];
        layers[j] = j < g->config.drg_degree ? layer : layer - 1;
    }
    return n;
}

uint64_t label_compressions(const struct graph *g, struct label_rule rule, uint32_t layer)
{
    return sha256_compressions(64 + 32ull * layout_of(g, rule, layer).slots);
}
