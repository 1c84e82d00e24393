/* Opened values of a committed array of 32-byte nodes: the answer of proofs of space over time,
 * of plots, and each part of the replica update. spec: storage-proofs 3, 4.
 *
 *     values, ascending by node, each once | multiproof nodes (opening.h)
 *
 * The length follows from the node numbers. */
#ifndef ORRERY_PROOF_VALUES_H
#define ORRERY_PROOF_VALUES_H

#include "node/proof/opening.h"

/* Scratch bytes for n nodes. */
size_t values_scratch_bytes(size_t n);

/* indices: ascending, distinct (u64set_make). */
MUST_CHECK enum err values_bytes(size_t *bytes, uint64_t leaves, const uint64_t *indices, size_t n,
                                 struct scratch scratch);
/* Opens rows of `nodes` (32 bytes each), whose tree is t. */
MUST_CHECK enum err values_prove(const struct sha256_engine *e, uint8_t *out, size_t cap,
                                 size_t *len, const struct tree *t, const uint8_t *nodes,
                                 const uint64_t *indices, size_t n, struct scratch scratch);
/* Errors as opening_verify. */
MUST_CHECK enum err values_verify(const struct sha256_engine *e, enum tree_hash hash,
                                  const uint8_t root[32], uint64_t leaves, const uint64_t *indices,
                                  size_t n, const uint8_t *data, size_t len,
                                  struct scratch scratch);

#endif
