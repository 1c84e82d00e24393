/* The graphs of proven storage: which labels each label depends on.
 * spec: storage-proofs 2.1 (Filecoin's stacked depth-robust graph, bit exact), 3 (Ren-Devadas).
 *
 * One layer has n nodes of 32 bytes. Node v of layer l has `drg_degree` parents in its own layer
 * (a depth-robust graph by BucketSample) and `exp_degree` in layer l - 1 (an expander by a Feistel
 * permutation). The graph is a pure function of (nodes, porep_id, api); it is the same for every
 * replica of that size, so hosts cache it: graph_degree() times 4 bytes a node.
 *
 * Localised mode (Ren and Devadas): drg_degree 0; node v also depends on itself one layer below,
 * and an expander parent u < v is read from v's own layer, so that one array of labels is enough.
 */
#ifndef ORRERY_PROOF_GRAPH_H
#define ORRERY_PROOF_GRAPH_H

#include "node/base/bytes.h"
#include "node/base/err.h"

enum {
    GRAPH_NODE_BYTES = 32,
    GRAPH_DRG_DEGREE_MAX = 6,
    GRAPH_DEGREE_MAX = 48, /* drg + expander */
    GRAPH_FEISTEL_ROUNDS = 3,
};

enum graph_api {
    GRAPH_API_1_0, /* predecessor last; expander index truncated to 32 bits (pathological) */
    GRAPH_API_1_1, /* predecessor first; not truncated */
};

struct graph_config {
    uint64_t nodes; /* 2 .. 2^32; need not be a power of two */
    uint8_t porep_id[32];
    enum graph_api api;
    unsigned drg_degree; /* 0 or 6 */
    unsigned exp_degree; /* 0 .. 42 */
    bool localised;      /* needs drg_degree 0 */
};

struct graph {
    struct graph_config config;
    uint8_t drg_seed[28];
    uint64_t feistel_keys[4]; /* three are used */
    unsigned half_bits;       /* of the Feistel network: 4^half_bits >= nodes * exp_degree */
};

/* ERR_RANGE if the configuration is outside the limits above. */
MUST_CHECK enum err graph_init(struct graph *g, const struct graph_config *config);

static inline unsigned graph_degree(const struct graph *g)
{
    return g->config.drg_degree + g->config.exp_degree;
}

/* The parents of node v < nodes: first the DRG parents, then the expander's, graph_degree() in
 * all. Node numbers fit 32 bits. */
void graph_parents(const struct graph *g, uint32_t *parents, uint64_t v);

/* The parents of nodes first .. first + n - 1, one row after the other. */
void graph_parents_range(const struct graph *g, uint32_t *parents, uint64_t first, uint64_t n);

/* The Feistel permutation of 0 .. nodes * exp_degree - 1 behind the expander. */
uint64_t graph_permute(const struct graph *g, uint64_t index);

#endif
