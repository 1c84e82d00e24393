#include "node/proof/porep.h"

#include "node/base/invariant.h"

static const char commitment_magic[8] = {'x', 'p', 'x', '/', 'c', 'm', 't', '1'};

void porep_prover_id(const struct sha256_engine *e, uint8_t out[32], const uint8_t host[32],
                     const uint8_t contract[32])
{
    static const char domain[] = "xpx/prover/1";
    struct sha256 h;
    sha256_init(&h);
    sha256_update(&h, e, domain, sizeof domain - 1);
    sha256_update(&h, e, host, 32);
    sha256_update(&h, e, contract, 32);
    sha256_final(&h, e, out);
}

void porep_replica_id(const struct sha256_engine *e, uint8_t out[32], const struct profile *p,
                      const struct porep_identity *identity, const uint8_t comm_d[32])
{
    uint8_t number[8];
    store64(number, __builtin_bswap64(identity->number));
    struct sha256 h;
    sha256_init(&h);
    sha256_update(&h, e, identity->prover, 32);
    sha256_update(&h, e, number, 8);
    sha256_update(&h, e, identity->ticket, 32);
    sha256_update(&h, e, comm_d, 32);
    sha256_update(&h, e, identity->porep_id, 32);
    sha256_final(&h, e, out);
    if (p->rule.form == LABEL_SDR) {
        out[31] &= 0x3f;
    }
}

void porep_comm_r(const struct sha256_engine *e, uint8_t out[32], const uint8_t comm_c[32],
                  const uint8_t comm_r_last[32])
{
    uint8_t both[64];
    memcpy(both, comm_c, 32);
    memcpy(both + 32, comm_r_last, 32);
    sha256_once(e, out, both, sizeof both);
}

void porep_commitment_encode(uint8_t out[POREP_COMMITMENT_BYTES], const struct porep_commitment *c)
{
    memset(out, 0, POREP_COMMITMENT_BYTES);
    memcpy(out, commitment_magic, 8);
    out[8] = c->profile;
    store64(out + 16, c->nodes);
    store64(out + 24, c->identity.number);
    memcpy(out + 32, c->identity.prover, 32);
    memcpy(out + 64, c->identity.ticket, 32);
    memcpy(out + 96, c->identity.porep_id, 32);
    memcpy(out + 128, c->comm_d, 32);
    memcpy(out + 160, c->comm_c, 32);
    memcpy(out + 192, c->comm_r_last, 32);
    memcpy(out + 224, c->comm_r, 32);
}

enum err porep_commitment_decode(const struct sha256_engine *e, struct porep_commitment *c,
                                 const uint8_t *data, size_t len)
{
    if (len != POREP_COMMITMENT_BYTES) {
        return len < POREP_COMMITMENT_BYTES ? ERR_TRUNCATED : ERR_TRAILING;
    }
    if (memcmp(data, commitment_magic, 8) != 0) {
        return ERR_VERSION;
    }
    *c = (struct porep_commitment){.profile = data[8], .nodes = load64(data + 16)};
    c->identity.number = load64(data + 24);
    memcpy(c->identity.prover, data + 32, 32);
    memcpy(c->identity.ticket, data + 64, 32);
    memcpy(c->identity.porep_id, data + 96, 32);
    memcpy(c->comm_d, data + 128, 32);
    memcpy(c->comm_c, data + 160, 32);
    memcpy(c->comm_r_last, data + 192, 32);
    memcpy(c->comm_r, data + 224, 32);
    struct profile p;
    TRY(profile_get(&p, c->profile));
    if (c->nodes < POREP_NODES_MIN || c->nodes > (uint64_t)1 << 32) {
        return ERR_RANGE;
    }
    uint8_t again[POREP_COMMITMENT_BYTES], derived[32];
    porep_commitment_encode(again, c);
    if (memcmp(again, data, sizeof again) != 0) {
        return ERR_NONCANONICAL;
    }
    porep_comm_r(e, derived, c->comm_c, c->comm_r_last);
    if (memcmp(derived, c->comm_r, 32) != 0) {
        return ERR_INVALID;
    }
    porep_replica_id(e, c->replica_id, &p, &c->identity, c->comm_d);
    return ERR_OK;
}

void porep_xor(uint8_t *out, const uint8_t *a, const uint8_t *b, size_t len)
{
    size_t i = 0;
    for (; i + 8 <= len; i += 8) {
        store64(out + i, load64(a + i) ^ load64(b + i));
    }
    for (; i < len; i++) {
        out[i] = a[i] ^ b[i];
    }
}

uint64_t porep_challenge(const struct sha256_engine *e, const uint8_t replica_id[32],
                         const uint8_t seed[32], uint32_t i, uint64_t nodes)
{
    uint8_t msg[68], digest[32];
    memcpy(msg, replica_id, 32);
    memcpy(msg + 32, seed, 32);
    store32(msg + 64, i);
    sha256_once(e, digest, msg, sizeof msg);
    u128 rest = 0;
    for (int k = 31; k >= 0; k--) {
        rest = (rest << 8 | digest[k]) % (nodes - 1);
    }
    return (uint64_t)rest + 1;
}

struct tree_source porep_source_columns(const struct porep_replica *r)
{
    struct tree_source s = {.n_parts = r->profile.layers,
                            .part_bytes = 32,
                            .row_count = r->commitment.nodes,
                            .last_bytes = 32};
    memcpy(s.parts, r->layers, sizeof s.parts);
    return s;
}

struct tree_source porep_source_nodes(const uint8_t *nodes, uint64_t n)
{
    return (struct tree_source){
        .parts = {nodes}, .n_parts = 1, .part_bytes = 32, .row_count = n, .last_bytes = 32};
}

enum { PARENT_ROWS = 256 };

/* A whole layer, with the parents from the cache or computed a few rows at a time. */
static void layer_label(const struct sha256_engine *e, const struct label_job *job,
                        const uint32_t *parents)
{
    uint64_t nodes = job->graph->config.nodes;
    if (parents != NULL) {
        label_range(e, job, parents, 0, nodes);
        return;
    }
    uint32_t rows[PARENT_ROWS * GRAPH_DEGREE_MAX];
    for (uint64_t v = 0; v < nodes; v += PARENT_ROWS) {
        uint64_t n = nodes - v < PARENT_ROWS ? nodes - v : PARENT_ROWS;
        graph_parents_range(job->graph, rows, v, n);
        label_range(e, job, rows, v, n);
    }
}

static struct label_job job_of(const struct profile *p, const struct graph *g,
                               const uint8_t replica_id[32])
{
    struct label_job job = {.graph = g, .rule = p->rule};
    memcpy(job.replica_id, replica_id, 32);
    return job;
}

uint8_t *porep_labels_last(const struct sha256_engine *e, const struct profile *p,
                           const struct graph *g, const uint8_t replica_id[32], uint8_t *work,
                           const uint32_t *parents)
{
    struct label_job job = job_of(p, g, replica_id);
    size_t layer_bytes = (size_t)(32 * g->config.nodes);
    uint8_t *cur = work, *prev = work + layer_bytes;
    if (p->localised) {
        label_sources(e, replica_id, prev, 0, g->config.nodes);
    }
    for (job.layer = 1; job.layer <= p->layers; job.layer++) {
        job.cur = cur;
        job.prev = prev;
        layer_label(e, &job, parents);
        cur = (uint8_t *)(uintptr_t)job.prev;
        prev = job.cur;
    }
    return prev;
}

enum err porep_seal(const struct sha256_engine *e, struct porep_replica *r, uint8_t *const *layers,
                    uint8_t *replica, const uint8_t *data, const uint32_t *parents)
{
    struct porep_commitment *c = &r->commitment;
    const struct profile *p = &r->profile;
    if (c->nodes < POREP_NODES_MIN) {
        return ERR_RANGE;
    }
    TRY(profile_graph(&r->graph, p, c->nodes, c->identity.porep_id));
    size_t bytes = (size_t)(32 * c->nodes);
    if (data == NULL) {
        memset(replica, 0, bytes);
        data = replica;
    }
    r->tree_d.hash = r->tree_c.hash = r->tree_r.hash = p->tree;
    r->tree_d.leaves = r->tree_c.leaves = r->tree_r.leaves = c->nodes;
    struct tree_source source = porep_source_nodes(data, c->nodes);
    tree_build(e, &r->tree_d, &source);
    memcpy(c->comm_d, tree_root(&r->tree_d), 32);
    porep_replica_id(e, c->replica_id, p, &c->identity, c->comm_d);

    struct label_job job = job_of(p, &r->graph, c->replica_id);
    if (p->localised) {
        /* Layer 0 lies where layer 1 will be: localised labels may be written in place. */
        label_sources(e, c->replica_id, layers[0], 0, c->nodes);
        job.prev = layers[0];
    }
    for (job.layer = 1; job.layer <= p->layers; job.layer++) {
        job.cur = layers[job.layer - 1];
        layer_label(e, &job, parents);
        job.prev = job.cur;
        r->layers[job.layer - 1] = job.cur;
    }
    porep_xor(replica, data, layers[p->layers - 1], bytes);
    r->replica = replica;
    source = porep_source_columns(r);
    tree_build(e, &r->tree_c, &source);
    source = porep_source_nodes(replica, c->nodes);
    tree_build(e, &r->tree_r, &source);
    memcpy(c->comm_c, tree_root(&r->tree_c), 32);
    memcpy(c->comm_r_last, tree_root(&r->tree_r), 32);
    porep_comm_r(e, c->comm_r, c->comm_c, c->comm_r_last);
    c->profile = (uint8_t)p->id;
    return ERR_OK;
}

enum err porep_unseal(const struct sha256_engine *e, const struct porep_commitment *c,
                      uint8_t *data, const uint8_t *replica, uint8_t *work, uint8_t *tree_memory,
                      const uint32_t *parents)
{
    struct profile p;
    struct graph g;
    TRY(profile_get(&p, c->profile));
    TRY(profile_graph(&g, &p, c->nodes, c->identity.porep_id));
    const uint8_t *labels = porep_labels_last(e, &p, &g, c->replica_id, work, parents);
    porep_xor(data, replica, labels, (size_t)(32 * c->nodes));
    struct tree t = {
        .hash = p.tree, .leaves = c->nodes, .discard = TREE_DISCARD_MAX, .nodes = tree_memory};
    struct tree_source source = porep_source_nodes(data, c->nodes);
    tree_build(e, &t, &source);
    return memcmp(tree_root(&t), c->comm_d, 32) == 0 ? ERR_OK : ERR_CORRUPT;
}
