#include "tests/support/replica.h"

#include <stdio.h>
#include <stdlib.h>

static void check(enum err err)
{
    if (err != ERR_OK) {
        fprintf(stderr, "test replica: %s\n", err_text(err));
        abort();
    }
}

void test_fill(uint8_t *out, size_t len, uint64_t seed)
{
    for (size_t i = 0; i < len; i++) {
        seed = seed * 6364136223846793005u + 1442695040888963407u;
        out[i] = (uint8_t)(seed >> 56);
    }
}

static uint8_t *bytes_new(size_t len)
{
    void *p = aligned_alloc(64, (len + 63) / 64 * 64);
    if (p == NULL) {
        abort();
    }
    memset(p, 0, len);
    return p;
}

void test_replica_seal(struct test_replica *t, const char *profile, uint64_t nodes, size_t len,
                       uint64_t seed)
{
    *t = (struct test_replica){.engine = sha256_engine_best()};
    struct porep_replica *r = &t->r;
    check(profile_find(&r->profile, profile));
    r->commitment.nodes = nodes;
    memset(r->commitment.identity.prover, 0x11, 32);
    r->commitment.identity.number = seed;
    memset(r->commitment.identity.ticket, 0x22, 32);
    memset(r->commitment.identity.porep_id, 0x33, 32);
    check(profile_graph(&r->graph, &r->profile, nodes, r->commitment.identity.porep_id));
    t->data = bytes_new(32 * nodes);
    t->replica = bytes_new(32 * nodes);
    test_fill(t->data, len, seed);
    for (uint32_t l = 0; l < r->profile.layers; l++) {
        t->layers[l] = bytes_new(32 * nodes);
    }
    r->tree_c.discard = 3;
    r->tree_r.discard = 2;
    r->tree_d.nodes = bytes_new(tree_bytes(nodes, 0));
    r->tree_c.nodes = bytes_new(tree_bytes(nodes, 3));
    r->tree_r.nodes = bytes_new(tree_bytes(nodes, 2));
    t->parents = malloc(nodes * 4 * graph_degree(&r->graph));
    graph_parents_range(&r->graph, t->parents, 0, nodes);
    check(porep_seal(t->engine, r, t->layers, t->replica, t->data, t->parents));
    t->scratch.len = porep_scratch_bytes(&r->profile, r->profile.porep_challenges_noninteractive);
    t->scratch.data = bytes_new(t->scratch.len);
}

void test_replica_commit(struct test_replica *t)
{
    struct porep_commitment *c = &t->r.commitment;
    struct tree_source source = porep_source_columns(&t->r);
    tree_build(t->engine, &t->r.tree_c, &source);
    source = porep_source_nodes(t->replica, c->nodes);
    tree_build(t->engine, &t->r.tree_r, &source);
    memcpy(c->comm_c, tree_root(&t->r.tree_c), 32);
    memcpy(c->comm_r_last, tree_root(&t->r.tree_r), 32);
    porep_comm_r(t->engine, c->comm_r, c->comm_c, c->comm_r_last);
}

void test_replica_free(struct test_replica *t)
{
    free(t->data);
    free(t->replica);
    for (int l = 0; l < TREE_PARTS_MAX; l++) {
        free(t->layers[l]);
    }
    free(t->r.tree_d.nodes);
    free(t->r.tree_c.nodes);
    free(t->r.tree_r.nodes);
    free(t->parents);
    free(t->scratch.data);
}
