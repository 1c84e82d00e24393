/* Openings of a tree (tree.h): one path, or one proof for many leaves that shares what their paths
 * have in common. A multiproof lists the nodes a verifier cannot compute, level by level from the
 * leaves, left to right; there is exactly one for a set of leaves, so proofs cannot be stretched.
 * spec: storage-proofs 1.5, 2.3 */
#ifndef ORRERY_PROOF_OPENING_H
#define ORRERY_PROOF_OPENING_H

#include "node/proof/tree.h"

/* Nodes in a multiproof of the n leaves indices[] (ascending, distinct, < leaves). */
MUST_CHECK enum err opening_size(uint64_t *n_nodes, uint64_t leaves, const uint64_t *indices,
                                 size_t n, struct scratch scratch);

/* Writes the multiproof; cap_nodes >= opening_size. */
MUST_CHECK enum err opening_prove(const struct sha256_engine *e, const struct tree *t,
                                  const struct tree_source *s, uint8_t *nodes, size_t cap_nodes,
                                  size_t *n_nodes, const uint64_t *indices, size_t n,
                                  struct scratch scratch);

/* What a verifier has. */
struct opening {
    enum tree_hash hash;
    uint64_t leaves;
    const uint64_t *indices; /* ascending, distinct, < leaves */
    const uint8_t *hashes;   /* of these leaves, 32 bytes each */
    size_t n;
    const uint8_t *nodes; /* the multiproof */
    size_t n_nodes;
};

/* The multiproof of a subset, cut out of a larger one by opening_verify. */
struct opening_cut {
    const bool *wanted; /* per index of the opening */
    uint8_t *nodes;
    size_t cap_nodes, n_nodes;
};

/* ERR_OK if the leaves are those of the tree with this root. ERR_TRUNCATED and ERR_TRAILING if the
 * proof has too few or too many nodes, ERR_INVALID if the indices are not as they must be,
 * ERR_SIGNATURE if the root differs. cut may be NULL. *hashed (may be NULL) counts node hashes. */
MUST_CHECK enum err opening_verify(const struct sha256_engine *e, const struct opening *o,
                                   const uint8_t root[32], struct opening_cut *cut,
                                   uint64_t *hashed, struct scratch scratch);

/* Scratch bytes for any of the above with n leaves. */
size_t opening_scratch_bytes(size_t n);

#endif
