/* A sealed replica in memory for tests. */
#ifndef ORRERY_TESTS_REPLICA_H
#define ORRERY_TESTS_REPLICA_H

#include "node/proof/porep_proof.h"

struct test_replica {
    const struct sha256_engine *engine;
    struct porep_replica r;
    uint8_t *data;                   /* padded */
    uint8_t *replica;                /* R, writable */
    uint8_t *layers[TREE_PARTS_MAX]; /* writable */
    uint32_t *parents;
    struct scratch scratch; /* for the profile's challenges */
};

/* Deterministic bytes. */
void test_fill(uint8_t *out, size_t len, uint64_t seed);

/* Seals len bytes from test_fill(seed) (len 0: zero data) into a sector of n nodes. */
void test_replica_seal(struct test_replica *t, const char *profile, uint64_t nodes, size_t len,
                       uint64_t seed);

/* Builds the trees again after a test has tampered with layers or replica: what a cheating host
 * would commit to. */
void test_replica_commit(struct test_replica *t);
void test_replica_free(struct test_replica *t);

#endif
