/* Labels: the slow, sequential function whose output fills the space.
 * spec: storage-proofs 2.1 (the source's labels), 2.3 (light labels), 3 (Ren-Devadas).
 *
 *     label(l, v) = SHA-256( replica_id | be32(l) | be64(v) | 20 zero bytes | parent labels )
 *
 * Layers count from 1. Layer 1 has no layer below: only its DRG parents are hashed. Node 0 of a
 * graph with DRG parents hashes the 64-byte prefix alone. In localised mode a layer 0 of labels
 * hashed from the prefix alone lies below layer 1; label_sources() writes it. */
#ifndef ORRERY_PROOF_LABEL_H
#define ORRERY_PROOF_LABEL_H

#include "node/crypto/sha256.h"
#include "node/proof/graph.h"

enum label_form {
    LABEL_SDR,   /* 37 parent labels, cyclic; the top two bits of byte 31 cleared */
    LABEL_LIGHT, /* each parent `repeat` times, no truncation */
};

enum {
    LABEL_SLOTS_SDR = 37,
    LABEL_SLOTS_MAX = 128,
    LABEL_LANES_MAX = 16,
};

struct label_rule {
    enum label_form form;
    unsigned repeat; /* LABEL_LIGHT: how often the parent list is hashed, >= 1: the latency knob */
};

/* One layer of one replica. All arrays are whole layers, `stride` bytes from node to node. Replicas
 * in lockstep are best woven together: replica i of n at cur + 32 i with stride 32 n, so that one
 * node of all is one or two cache lines. */
struct label_job {
    const struct graph *graph;
    struct label_rule rule;
    uint8_t replica_id[32];
    uint32_t layer;      /* >= 1 */
    uint8_t *cur;        /* written; for localised graphs it may be prev itself */
    const uint8_t *prev; /* layer - 1; unused in layer 1 unless the graph is localised */
    size_t stride;       /* 32 or more, or 0 for 32 */
};

/* ERR_RANGE if slots exceed LABEL_SLOTS_MAX. */
MUST_CHECK enum err label_rule_check(const struct graph *g, struct label_rule rule);

/* Labels nodes first .. first + n - 1 of the layer, in order; those before must be done. parents:
 * the rows of these nodes (graph_parents_range), row 0 is node first. */
void label_range(const struct sha256_engine *e, const struct label_job *job,
                 const uint32_t *parents, uint64_t first, uint64_t n);

/* The same layer of 4 or 16 replicas of one graph and rule in lockstep: same bytes, more streams.
 * The jobs differ in replica_id, cur and prev only. */
void label_range_lockstep(const struct sha256_engine *e, const struct label_job *jobs,
                          unsigned n_jobs, const uint32_t *parents, uint64_t first, uint64_t n);

/* Layer 0 of a localised graph: one label, and a range of the whole layer cur. */
void label_source(const struct sha256_engine *e, uint8_t out[32], const uint8_t replica_id[32],
                  uint64_t v);
void label_sources(const struct sha256_engine *e, const uint8_t replica_id[32], uint8_t *cur,
                   uint64_t first, uint64_t n);

/* One label from its parents' labels, for a verifier who holds no layer. parent_labels[i] is the
 * label of the i-th parent in the order of label_parent_count(). */
void label_one(const struct sha256_engine *e, uint8_t out[32], const struct graph *g,
               struct label_rule rule, const uint8_t replica_id[32], uint32_t layer, uint64_t v,
               const uint8_t *const *parent_labels);

/* How many parent labels label_one wants at (layer, v), and for each of them which node and which
 * layer: parents is the row of v; nodes[i] and layers[i] are written. Layer 0 means label_source.
 */
unsigned label_parents(const struct graph *g, uint32_t layer, uint64_t v, const uint32_t *parents,
                       uint32_t *nodes, uint32_t *layers);

/* SHA-256 compressions of one label in a layer. */
uint64_t label_compressions(const struct graph *g, struct label_rule rule, uint32_t layer);

#endif
