/* The interactive spot-check proof of a replica, its verifier, and the fraud proof.
 * spec: storage-proofs 2.3.
 *
 * Proof, nothing but what the verifier cannot compute:
 *
 *     "xpx/prp1" | columns | D values | R values | nodes of comm_c | of comm_d | of comm_r_last
 *
 * Columns are those of the challenged nodes and all their parents, ascending, each once; values
 * those of the challenged nodes, ascending. The nodes are multiproofs (opening.h). Every length
 * follows from the commitment, the seed and the challenge count, so a proof has one form only.
 *
 * The fraud proof of one challenged node has the same shape for that node alone. It stands for
 * itself: it needs no seed and no other part of the proof. */
#ifndef ORRERY_PROOF_POREP_PROOF_H
#define ORRERY_PROOF_POREP_PROOF_H

#include "node/proof/opening.h"
#include "node/proof/porep.h"

struct porep_check {
    uint64_t bad_node;     /* the first challenged node whose relation is broken */
    uint64_t leaf_hashes;  /* columns and values */
    uint64_t node_hashes;  /* of the three multiproofs */
    uint64_t labels;       /* recomputed */
    uint64_t compressions; /* all of these, in SHA-256 compressions */
};

/* Scratch bytes for the functions below. */
size_t porep_scratch_bytes(const struct profile *p, uint32_t n_challenges);

/* Exact length of the proof. */
MUST_CHECK enum err porep_proof_bytes(const struct sha256_engine *e, size_t *bytes,
                                      const struct porep_commitment *c, const uint8_t seed[32],
                                      uint32_t n_challenges, struct scratch scratch);

/* Writes the proof into out (cap bytes; ERR_FULL). */
MUST_CHECK enum err porep_prove(const struct sha256_engine *e, uint8_t *out, size_t cap,
                                size_t *len, const struct porep_replica *r, const uint8_t seed[32],
                                uint32_t n_challenges, struct scratch scratch);

/* ERR_OK: the replica is what it is said to be. ERR_TRUNCATED, ERR_TRAILING, ERR_VERSION: not a
 * proof of this shape. ERR_SIGNATURE: opens other trees. ERR_INVALID: the host committed to labels
 * or an encoding that are wrong; check->bad_node says where, and a fraud proof can be made. */
MUST_CHECK enum err porep_verify(const struct sha256_engine *e, const struct porep_commitment *c,
                                 const uint8_t seed[32], uint32_t n_challenges,
                                 const uint8_t *proof, size_t len, struct porep_check *check,
                                 struct scratch scratch);

/* Cuts the fraud proof of bad_node out of a proof for which porep_verify said ERR_INVALID. */
MUST_CHECK enum err porep_fraud_build(const struct sha256_engine *e, uint8_t *out, size_t cap,
                                      size_t *len, const struct porep_commitment *c,
                                      const uint8_t seed[32], uint32_t n_challenges,
                                      const uint8_t *proof, size_t proof_len, uint64_t bad_node,
                                      struct scratch scratch);

/* ERR_OK: fraud is proven. ERR_NOT_FOUND: everything is in order at that node. Other errors: not a
 * fraud proof of this commitment. */
MUST_CHECK enum err porep_fraud_verify(const struct sha256_engine *e,
                                       const struct porep_commitment *c, const uint8_t *proof,
                                       size_t len, struct scratch scratch);

#endif
