#include "node/proof/label.h"

#include "node/base/invariant.h"

enum {
    PREFETCH_NODES = 32, /* ahead, over all replicas; hides memory behind the hashing */
    STAGE_BYTES = 64 * (GRAPH_DEGREE_MAX / 2 + 2),
    PIECE_BLOCKS = 2, /* hashed between two chores */
};
_Static_assert(GRAPH_DEGREE_MAX < 64, "struct ahead has a bit for each parent");

/* What runs for every label is compiled once for each number of replicas. */
#define HOT static inline __attribute__((always_inline))

/* How the message of one label is laid out after its first block, the prefix. One pass over the
 * parents is staged; when the parents fill whole blocks, later passes hash them again. */
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

/* Blocks after the prefix. */
static uint64_t label_blocks(const struct layout *p)
{
    return sha256_compressions(64 + 32ull * p->slots) - 1;
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

/* One label of a chain waits for the one before, but most of its parents are there already: they
 * are fetched and staged in pieces while the label before is hashed, where the processor has time,
 * for one stream is bound by latency. */
struct ahead {
    const struct label_job *jobs;
    unsigned lanes, parents;
    uint8_t (*stage)[STAGE_BYTES]; /* of node v, the next one; NULL: nothing to stage */
    const uint32_t *row, *fetch_row;
    uint64_t v;
    uint64_t late; /* parents that are the label being hashed, one bit each */
    unsigned done, per_piece;
};

/* Where the label of the j-th parent of v lies in the layers of each replica. */
struct place {
    uint64_t node;
    bool in_cur;
};

HOT struct place parent_place(const struct graph_config *c, uint64_t v, const uint32_t *row,
                              unsigned j)
{
    if (!c->localised) {
        return (struct place){row[j], j < c->drg_degree};
    }
    return j == 0 ? (struct place){v, false} : (struct place){row[j - 1], row[j - 1] < v};
}

/* False: the parent is not there yet. */
HOT bool parent_stage(const struct ahead *a, unsigned j)
{
    struct place at = parent_place(&a->jobs->graph->config, a->v, a->row, j);
    size_t offset = a->jobs->stride * at.node;

    if (at.in_cur && at.node + 1 == a->v) {
        return false;
    }
    for (unsigned l = 0; l < a->lanes; l++) {
        const uint8_t *layer = at.in_cur ? a->jobs[l].cur : a->jobs[l].prev;
        memcpy(a->stage[l] + 32 * j, layer + offset, 32);
    }
    return true;
}

HOT void parent_fetch(const struct ahead *a, unsigned j)
{
    const struct graph_config *c = &a->jobs->graph->config;
    size_t stride = a->jobs->stride;
    unsigned step = stride == 32 ? 1 : 2; /* two woven labels share a line */

    if (c->localised || (j == 0 && c->drg_degree > 0)) {
        return; /* near, or the label before */
    }
    for (unsigned l = 0; l < a->lanes; l += step) {
        const uint8_t *layer = j < c->drg_degree ? a->jobs[l].cur : a->jobs[l].prev;
        __builtin_prefetch(layer + stride * a->fetch_row[j]);
    }
}

HOT void ahead_work(struct ahead *a, unsigned n)
{
    for (; n > 0 && a->done < a->parents; n--, a->done++) {
        if (a->fetch_row != NULL) {
            parent_fetch(a, a->done);
        }
        if (a->stage != NULL && !parent_stage(a, a->done)) {
            a->late |= (uint64_t)1 << a->done;
        }
    }
}

/* The label before is there: what had to wait for it. */
HOT void ahead_finish(struct ahead *a)
{
    ahead_work(a, a->parents);
    for (uint64_t m = a->late; m != 0; m &= m - 1) {
        unsigned j = (unsigned)__builtin_ctzll(m);
        for (unsigned l = 0; l < a->lanes; l++) {
            memcpy(a->stage[l] + 32 * j, a->jobs[l].cur + a->jobs[l].stride * (a->v - 1), 32);
        }
    }
}

HOT void run(const struct sha256_engine *e, unsigned lanes, uint32_t (*states)[8],
             const uint8_t *const *data, size_t n_blocks, struct ahead *ahead)
{
    const uint8_t *at[LABEL_LANES_MAX];
    for (unsigned l = 0; l < lanes; l++) {
        at[l] = data[l];
    }
    while (n_blocks > 0) {
        size_t now = n_blocks < PIECE_BLOCKS + 2 || ahead == NULL ? n_blocks : PIECE_BLOCKS;
        if (lanes == 1) {
            e->blocks(states[0], at[0], now);
        } else if (lanes == 4) {
            e->blocks4(states, at, now);
        } else {
            e->blocks16(states, at, now);
        }
        if (ahead != NULL) {
            ahead_work(ahead, ahead->per_piece);
        }
        for (unsigned l = 0; l < lanes; l++) {
            at[l] += 64 * now;
        }
        n_blocks -= now;
    }
}

/* Hashes the staged parents of `lanes` replicas on top of their prefixes. */
HOT void staged_hash(const struct sha256_engine *e, unsigned lanes, uint8_t *const *out,
                     uint32_t (*states)[8], uint8_t (*stage)[STAGE_BYTES], const struct layout *p,
                     struct ahead *ahead)
{
    const uint8_t *at[LABEL_LANES_MAX] = {NULL};
    uint64_t total = 64 + 32ull * p->slots;
    size_t pass_blocks = p->parents / 2;
    for (unsigned l = 0; l < lanes; l++) {
        at[l] = stage[l];
    }
    if (p->staged_in_full || (p->whole_passes == 0 && p->rest == 0)) {
        size_t blocks = (size_t)sha256_compressions(total) - 1;
        for (unsigned l = 0; l < lanes; l++) {
            last_block(stage[l] + 64 * (blocks - 1), total % 64, total);
        }
        run(e, lanes, states, at, blocks, ahead);
    } else {
        for (unsigned pass = 0; pass < 1 + p->whole_passes; pass++) {
            run(e, lanes, states, at, pass_blocks, ahead);
        }
        run(e, lanes, states, at, p->rest / 2, ahead);
        for (unsigned l = 0; l < lanes; l++) {
            /* The block of the odd label is spent: the end of the message goes there. */
            uint8_t *end = stage[l] + 64 * (p->rest / 2);
            last_block(end, p->rest % 2 != 0 ? 32 : 0, total);
            at[l] = end;
        }
        run(e, lanes, states, at, 1, ahead);
    }
    for (unsigned l = 0; l < lanes; l++) {
        sha256_state_store(out[l], states[l]);
        if (p->truncate) {
            out[l][31] &= 0x3f;
        }
    }
}

/* The states after the prefixes of node v (of all replicas), or for one replica of nodes v .. v+3:
 * prefixes wait for nothing, so they go four at a time. */
HOT void prefixes_hash(const struct sha256_engine *e, uint32_t (*states)[8],
                       const struct label_job *jobs, unsigned lanes, uint64_t v)
{
    uint8_t prefix[LABEL_LANES_MAX][64];
    const uint8_t *at[LABEL_LANES_MAX];
    unsigned n = lanes == 1 ? 4 : lanes;
    for (unsigned l = 0; l < n; l++) {
        const struct label_job *job = &jobs[lanes == 1 ? 0 : l];
        prefix_write(prefix[l], job->replica_id, job->layer, lanes == 1 ? v + l : v);
        sha256_state_init(states[l]);
        at[l] = prefix[l];
    }
    run(e, n, states, at, 1, NULL);
}

static bool prefix_only(const struct graph *g, uint64_t v)
{
    return v == 0 && !g->config.localised;
}

/* n_jobs is a constant in each caller, so that the loops over replicas unroll. */
HOT void lockstep(const struct sha256_engine *e, const struct label_job *given, unsigned n_jobs,
                  const uint32_t *parents, uint64_t first, uint64_t n)
{
    struct label_job jobs[LABEL_LANES_MAX];
    for (unsigned l = 0; l < n_jobs; l++) {
        jobs[l] = given[l];
        jobs[l].stride = given[l].stride != 0 ? given[l].stride : 32;
    }
    const struct graph *g = jobs->graph;
    const struct layout p = layout_of(g, jobs->rule, jobs->layer);
    const struct layout bare = {.staged_in_full = true, .truncate = p.truncate};
    unsigned degree = graph_degree(g);
    unsigned pieces = (unsigned)label_blocks(&p) / PIECE_BLOCKS;
    uint8_t stage[2][LABEL_LANES_MAX][STAGE_BYTES];
    uint32_t states[LABEL_LANES_MAX][8];
    uint8_t *out[LABEL_LANES_MAX];
    /* Sixteen streams leave the processor no time, and two stages of theirs no cache. */
    unsigned stages = n_jobs < 16 ? 2 : 1;
    /* More replicas take longer for a node and have more lines under way. */
    unsigned distance = n_jobs == 1 ? PREFETCH_NODES : n_jobs == 4 ? PREFETCH_NODES / 8 : 4;
    struct ahead a = {.jobs = jobs, .lanes = n_jobs, .parents = p.parents};
    if (n > 0 && !prefix_only(g, first)) {
        a = (struct ahead){.jobs = jobs, .lanes = n_jobs, .parents = p.parents, .v = first};
        a.stage = stage[0];
        a.row = parents;
        ahead_finish(&a);
    }
    for (uint64_t i = 0; i < n; i++) {
        uint64_t v = first + i, more = n - i;
        bool is_bare = prefix_only(g, v);
        unsigned state_at = n_jobs == 1 ? (unsigned)(i % 4) : 0;
        if (state_at == 0) {
            prefixes_hash(e, states, jobs, n_jobs, v);
        }
        a = (struct ahead){.jobs = jobs, .lanes = n_jobs, .parents = p.parents, .v = v + 1};
        a.per_piece = p.parents / (pieces != 0 ? pieces : 1) + 1;
        a.stage = more > 1 ? stage[(i + 1) % stages] : NULL;
        a.row = parents + (i + 1) * degree;
        a.fetch_row = more > distance ? parents + (i + distance) * degree : NULL;
        for (unsigned l = 0; l < n_jobs; l++) {
            out[l] = jobs[l].cur + jobs[l].stride * v;
        }
        staged_hash(e, n_jobs, out, states + state_at, stage[i % stages], is_bare ? &bare : &p,
                    stages == 2 ? &a : NULL);
        ahead_finish(&a);
    }
}

void label_range_lockstep(const struct sha256_engine *e, const struct label_job *jobs,
                          unsigned n_jobs, const uint32_t *parents, uint64_t first, uint64_t n)
{
    if (n_jobs == 1) {
        lockstep(e, jobs, 1, parents, first, n);
    } else if (n_jobs == 4) {
        lockstep(e, jobs, 4, parents, first, n);
    } else {
        invariant(n_jobs == 16);
        lockstep(e, jobs, 16, parents, first, n);
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
    uint8_t stage[1][STAGE_BYTES], prefix[64];
    uint32_t state[1][8];
    prefix_write(prefix, replica_id, layer, v);
    sha256_state_init(state[0]);
    e->blocks(state[0], prefix, 1);
    for (unsigned j = 0; j < p.parents; j++) {
        memcpy(stage[0] + 32 * j, parent_labels[j], 32);
    }
    staged_hash(e, 1, &out, state, stage, &p, NULL);
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
