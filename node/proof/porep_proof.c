#include "node/proof/porep_proof.h"

#include "node/base/invariant.h"
#include "node/proof/u64set.h"

static const char proof_magic[8] = {'x', 'p', 'x', '/', 'p', 'r', 'p', '1'};
static const char fraud_magic[8] = {'x', 'p', 'x', '/', 'f', 'r', 'd', '1'};

/* What a set of challenged nodes makes of a proof: which columns, how many nodes, where. */
struct layout {
    struct profile profile;
    struct graph graph;
    uint64_t *challenged; /* ascending */
    size_t n_challenged;
    uint64_t *opened; /* challenged nodes and their parents, ascending */
    size_t n_opened;
    uint32_t *parents; /* rows of the challenged nodes */
    size_t column_bytes;
    uint64_t nodes_c, nodes_v; /* multiproof nodes of comm_c; of comm_d and comm_r_last each */
    size_t at_d, at_r, at_c_nodes, at_d_nodes, at_r_nodes, end;
};

static size_t set_bytes(const struct profile *p, size_t n)
{
    size_t degree = p->drg_degree + p->exp_degree;
    return scratch_need(n, 8) + scratch_need(n * (degree + 1), 8) + scratch_need(n * degree, 4);
}

size_t porep_scratch_bytes(const struct profile *p, uint32_t n_challenges)
{
    size_t n = n_challenges, opened = n * (p->drg_degree + p->exp_degree + 1u);
    return set_bytes(p, n) + set_bytes(p, 1) + opening_scratch_bytes(opened) +
           scratch_need(opened, 32) + scratch_need(opened, 1) + 2 * scratch_need(n, 32);
}

/* The challenged set must be sorted; it is taken over. */
static enum err layout_make(struct layout *l, const struct porep_commitment *c,
                            uint64_t *challenged, size_t n, size_t header, struct scratch *scratch)
{
    unsigned degree = graph_degree(&l->graph);
    l->challenged = challenged;
    l->n_challenged = n;
    l->opened = scratch_take(scratch, n * (degree + 1), 8);
    l->parents = scratch_take(scratch, n * degree, 4);
    if (l->opened == NULL || l->parents == NULL) {
        return ERR_NO_MEMORY;
    }
    size_t n_opened = 0;
    for (size_t i = 0; i < n; i++) {
        graph_parents(&l->graph, l->parents + i * degree, challenged[i]);
        l->opened[n_opened++] = challenged[i];
        for (unsigned j = 0; j < degree; j++) {
            l->opened[n_opened++] = l->parents[i * degree + j];
        }
    }
    l->n_opened = u64set_make(l->opened, n_opened);
    l->column_bytes = 32ull * l->profile.layers;
    TRY(opening_size(&l->nodes_c, c->nodes, l->opened, l->n_opened, *scratch));
    TRY(opening_size(&l->nodes_v, c->nodes, l->challenged, n, *scratch));
    l->at_d = header + l->n_opened * l->column_bytes;
    l->at_r = l->at_d + 32 * n;
    l->at_c_nodes = l->at_r + 32 * n;
    l->at_d_nodes = l->at_c_nodes + 32 * (size_t)l->nodes_c;
    l->at_r_nodes = l->at_d_nodes + 32 * (size_t)l->nodes_v;
    l->end = l->at_r_nodes + 32 * (size_t)l->nodes_v;
    return ERR_OK;
}

static enum err layout_open(struct layout *l, const struct porep_commitment *c)
{
    TRY(profile_get(&l->profile, c->profile));
    if (c->nodes < POREP_NODES_MIN) {
        return ERR_RANGE;
    }
    return profile_graph(&l->graph, &l->profile, c->nodes, c->identity.porep_id);
}

static enum err layout_of_seed(const struct sha256_engine *e, struct layout *l,
                               const struct porep_commitment *c, const uint8_t seed[32],
                               uint32_t n_challenges, struct scratch *scratch)
{
    TRY(layout_open(l, c));
    if (n_challenges < 1 || n_challenges > POREP_CHALLENGES_MAX) {
        return ERR_RANGE;
    }
    uint64_t *challenged = scratch_take(scratch, n_challenges, 8);
    if (challenged == NULL) {
        return ERR_NO_MEMORY;
    }
    for (uint32_t i = 0; i < n_challenges; i++) {
        challenged[i] = porep_challenge(e, c->replica_id, seed, i, c->nodes);
    }
    size_t n = u64set_make(challenged, n_challenges);
    return layout_make(l, c, challenged, n, sizeof proof_magic, scratch);
}

enum err porep_proof_bytes(const struct sha256_engine *e, size_t *bytes,
                           const struct porep_commitment *c, const uint8_t seed[32],
                           uint32_t n_challenges, struct scratch scratch)
{
    struct layout l;
    TRY(layout_of_seed(e, &l, c, seed, n_challenges, &scratch));
    *bytes = l.end;
    return ERR_OK;
}

enum err porep_prove(const struct sha256_engine *e, uint8_t *out, size_t cap, size_t *len,
                     const struct porep_replica *r, const uint8_t seed[32], uint32_t n_challenges,
                     struct scratch scratch)
{
    const struct porep_commitment *c = &r->commitment;
    struct layout l;
    TRY(layout_of_seed(e, &l, c, seed, n_challenges, &scratch));
    if (l.end > cap) {
        return ERR_FULL;
    }
    memcpy(out, proof_magic, sizeof proof_magic);
    uint8_t *to = out + sizeof proof_magic;
    for (size_t i = 0; i < l.n_opened; i++) {
        for (uint32_t layer = 0; layer < r->profile.layers; layer++, to += 32) {
            memcpy(to, r->layers[layer] + 32 * l.opened[i], 32);
        }
    }
    const uint8_t *last = r->layers[r->profile.layers - 1];
    for (size_t i = 0; i < l.n_challenged; i++) {
        const uint8_t *value = r->replica + 32 * l.challenged[i];
        if (r->data != NULL) {
            memcpy(out + l.at_d + 32 * i, r->data + 32 * l.challenged[i], 32);
        } else {
            porep_xor(out + l.at_d + 32 * i, value, last + 32 * l.challenged[i], 32);
        }
        memcpy(out + l.at_r + 32 * i, value, 32);
    }
    struct tree_source columns = porep_source_columns(r);
    struct tree_source values = porep_source_nodes(r->replica, c->nodes);
    size_t n_c = (size_t)l.nodes_c, n_v = (size_t)l.nodes_v, n;
    TRY(opening_prove(e, &r->tree_c, &columns, out + l.at_c_nodes, n_c, &n, l.opened, l.n_opened,
                      scratch));
    invariant(r->data != NULL || r->tree_d.discard == 0);
    struct tree_source data = porep_source_nodes(r->data, c->nodes);
    TRY(opening_prove(e, &r->tree_d, &data, out + l.at_d_nodes, n_v, &n, l.challenged,
                      l.n_challenged, scratch));
    TRY(opening_prove(e, &r->tree_r, &values, out + l.at_r_nodes, n_v, &n, l.challenged,
                      l.n_challenged, scratch));
    *len = l.end;
    return ERR_OK;
}

/* The three multiproofs, with what is to be cut out of them. */
struct cuts {
    struct opening_cut c, d, r;
};

static enum err openings_verify(const struct sha256_engine *e, const struct layout *l,
                                const struct porep_commitment *c, const uint8_t *proof,
                                size_t header, struct cuts *cuts, struct porep_check *check,
                                struct scratch scratch)
{
    uint8_t *hashes = scratch_take(&scratch, l->n_opened, 32);
    if (hashes == NULL) {
        return ERR_NO_MEMORY;
    }
    struct tree_source columns =
        tree_source_file(proof + header, l->n_opened * l->column_bytes, l->column_bytes);
    tree_leaves_hash(e, l->profile.tree, hashes, &columns, 0, l->n_opened);
    struct opening o = {.hash = l->profile.tree,
                        .leaves = c->nodes,
                        .indices = l->opened,
                        .hashes = hashes,
                        .n = l->n_opened,
                        .nodes = proof + l->at_c_nodes,
                        .n_nodes = (size_t)l->nodes_c};
    TRY(opening_verify(e, &o, c->comm_c, cuts != NULL ? &cuts->c : NULL, &check->node_hashes,
                       scratch));
    o.indices = l->challenged;
    o.n = l->n_challenged;
    o.n_nodes = (size_t)l->nodes_v;
    struct tree_source values = porep_source_nodes(proof + l->at_d, l->n_challenged);
    tree_leaves_hash(e, l->profile.tree, hashes, &values, 0, l->n_challenged);
    o.nodes = proof + l->at_d_nodes;
    TRY(opening_verify(e, &o, c->comm_d, cuts != NULL ? &cuts->d : NULL, &check->node_hashes,
                       scratch));
    values = porep_source_nodes(proof + l->at_r, l->n_challenged);
    tree_leaves_hash(e, l->profile.tree, hashes, &values, 0, l->n_challenged);
    o.nodes = proof + l->at_r_nodes;
    TRY(opening_verify(e, &o, c->comm_r_last, cuts != NULL ? &cuts->r : NULL, &check->node_hashes,
                       scratch));
    check->leaf_hashes += l->n_opened + 2 * l->n_challenged;
    check->compressions += l->n_opened * sha256_compressions(1 + l->column_bytes) +
                           2 * l->n_challenged + 2 * check->node_hashes;
    return ERR_OK;
}

/* All labels of challenged node i, and its encoding, against the opened columns. */
static enum err relation_verify(const struct sha256_engine *e, const struct layout *l,
                                const struct porep_commitment *c, const uint8_t *columns,
                                const uint8_t *proof, size_t i, struct porep_check *check)
{
    const uint32_t *row = l->parents + i * graph_degree(&l->graph);
    uint64_t v = l->challenged[i];
    const uint8_t *own = columns + u64set_find(l->opened, l->n_opened, v) * l->column_bytes;
    const uint8_t *column_of[GRAPH_DEGREE_MAX + 1], *labels[GRAPH_DEGREE_MAX + 1];
    uint32_t nodes[GRAPH_DEGREE_MAX + 1], layers[GRAPH_DEGREE_MAX + 1];
    uint8_t sources[GRAPH_DEGREE_MAX + 1][32], label[32];
    unsigned n = label_parents(&l->graph, 2, v, row, nodes, layers);
    for (unsigned j = 0; j < n; j++) {
        column_of[j] = columns + u64set_find(l->opened, l->n_opened, nodes[j]) * l->column_bytes;
    }
    for (uint32_t layer = 1; layer <= l->profile.layers; layer++) {
        n = label_parents(&l->graph, layer, v, row, nodes, layers);
        for (unsigned j = 0; j < n; j++) {
            if (layers[j] == 0) {
                label_source(e, sources[j], c->replica_id, nodes[j]);
                labels[j] = sources[j];
            } else {
                labels[j] = column_of[j] + 32ull * (layers[j] - 1);
            }
        }
        label_one(e, label, &l->graph, l->profile.rule, c->replica_id, layer, v, labels);
        check->labels++;
        check->compressions += label_compressions(&l->graph, l->profile.rule, layer);
        if (memcmp(label, own + 32ull * (layer - 1), 32) != 0) {
            return ERR_INVALID;
        }
    }
    porep_xor(label, label, proof + l->at_d + 32 * i, 32);
    return memcmp(label, proof + l->at_r + 32 * i, 32) == 0 ? ERR_OK : ERR_INVALID;
}

static enum err shape_check(const struct layout *l, const uint8_t *proof, size_t len,
                            const char magic[8])
{
    if (len != l->end) {
        return len < l->end ? ERR_TRUNCATED : ERR_TRAILING;
    }
    return memcmp(proof, magic, 8) == 0 ? ERR_OK : ERR_VERSION;
}

enum err porep_verify(const struct sha256_engine *e, const struct porep_commitment *c,
                      const uint8_t seed[32], uint32_t n_challenges, const uint8_t *proof,
                      size_t len, struct porep_check *check, struct scratch scratch)
{
    struct layout l;
    *check = (struct porep_check){0};
    TRY(layout_of_seed(e, &l, c, seed, n_challenges, &scratch));
    TRY(shape_check(&l, proof, len, proof_magic));
    TRY(openings_verify(e, &l, c, proof, sizeof proof_magic, NULL, check, scratch));
    for (size_t i = 0; i < l.n_challenged; i++) {
        enum err err = relation_verify(e, &l, c, proof + sizeof proof_magic, proof, i, check);
        if (err != ERR_OK) {
            check->bad_node = l.challenged[i];
            return err;
        }
    }
    return ERR_OK;
}

enum { FRAUD_HEADER = 16 };

static enum err layout_of_node(struct layout *l, const struct porep_commitment *c, uint64_t v,
                               struct scratch *scratch)
{
    TRY(layout_open(l, c));
    if (v >= c->nodes) {
        return ERR_RANGE;
    }
    uint64_t *challenged = scratch_take(scratch, 1, 8);
    if (challenged == NULL) {
        return ERR_NO_MEMORY;
    }
    *challenged = v;
    return layout_make(l, c, challenged, 1, FRAUD_HEADER, scratch);
}

enum err porep_fraud_build(const struct sha256_engine *e, uint8_t *out, size_t cap, size_t *len,
                           const struct porep_commitment *c, const uint8_t seed[32],
                           uint32_t n_challenges, const uint8_t *proof, size_t proof_len,
                           uint64_t bad_node, struct scratch scratch)
{
    struct layout all, one;
    TRY(layout_of_seed(e, &all, c, seed, n_challenges, &scratch));
    TRY(shape_check(&all, proof, proof_len, proof_magic));
    TRY(layout_of_node(&one, c, bad_node, &scratch));
    bool *columns_wanted = scratch_take(&scratch, all.n_opened, 1);
    bool *values_wanted = scratch_take(&scratch, all.n_challenged, 1);
    if (columns_wanted == NULL || values_wanted == NULL) {
        return ERR_NO_MEMORY;
    }
    if (one.end > cap) {
        return ERR_FULL;
    }
    memset(columns_wanted, 0, all.n_opened);
    memset(values_wanted, 0, all.n_challenged);
    size_t at = 0;
    while (at < all.n_challenged && all.challenged[at] != bad_node) {
        at++;
    }
    if (at == all.n_challenged) {
        return ERR_NOT_FOUND;
    }
    values_wanted[at] = true;
    memcpy(out, fraud_magic, 8);
    store64(out + 8, bad_node);
    for (size_t i = 0; i < one.n_opened; i++) {
        size_t k = u64set_find(all.opened, all.n_opened, one.opened[i]);
        columns_wanted[k] = true;
        memcpy(out + FRAUD_HEADER + i * all.column_bytes,
               proof + sizeof proof_magic + k * all.column_bytes, all.column_bytes);
    }
    memcpy(out + one.at_d, proof + all.at_d + 32 * at, 32);
    memcpy(out + one.at_r, proof + all.at_r + 32 * at, 32);
    size_t n_v = (size_t)one.nodes_v;
    struct cuts cuts = {
        .c = {columns_wanted, out + one.at_c_nodes, (size_t)one.nodes_c, 0},
        .d = {values_wanted, out + one.at_d_nodes, n_v, 0},
        .r = {values_wanted, out + one.at_r_nodes, n_v, 0},
    };
    struct porep_check check = {0};
    TRY(openings_verify(e, &all, c, proof, sizeof proof_magic, &cuts, &check, scratch));
    invariant(cuts.c.n_nodes == one.nodes_c && cuts.d.n_nodes == n_v && cuts.r.n_nodes == n_v);
    *len = one.end;
    return ERR_OK;
}

enum err porep_fraud_verify(const struct sha256_engine *e, const struct porep_commitment *c,
                            const uint8_t *proof, size_t len, struct scratch scratch)
{
    if (len < FRAUD_HEADER) {
        return ERR_TRUNCATED;
    }
    struct layout l;
    struct porep_check check = {0};
    TRY(layout_of_node(&l, c, load64(proof + 8), &scratch));
    TRY(shape_check(&l, proof, len, fraud_magic));
    TRY(openings_verify(e, &l, c, proof, FRAUD_HEADER, NULL, &check, scratch));
    enum err err = relation_verify(e, &l, c, proof + FRAUD_HEADER, proof, 0, &check);
    if (err == ERR_INVALID) {
        return ERR_OK;
    }
    return err == ERR_OK ? ERR_NOT_FOUND : err;
}
