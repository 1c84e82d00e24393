/* Proof of replication: the sector, its identity, its commitments and its challenges.
 * spec: storage-proofs 2.1 to 2.4.
 *
 * Order of messages (grinding): ticket from the beacon at h0 -> replica_id -> seal -> commitment
 * on chain at h1 -> seed from the beacon at h1 + delay -> proof in time. A seed known before the
 * commitment lets a host try replicas until the challenges miss what it did not store.
 *
 * Data of any length up to 32 * nodes is padded with zero bytes. The replica is
 * R_v = label_L(v) xor D_v. All trees are those of tree.h:
 *
 *     comm_d       over D, one node a leaf
 *     comm_c       over the columns, leaf v = the L labels of v
 *     comm_r_last  over R
 *     comm_r       = SHA-256(comm_c | comm_r_last) */
#ifndef ORRERY_PROOF_POREP_H
#define ORRERY_PROOF_POREP_H

#include "node/proof/profile.h"

enum {
    POREP_NODES_MIN = 64, /* a sector of 2 KiB */
    POREP_COMMITMENT_BYTES = 256,
    POREP_CHALLENGES_MAX = 1 << 16,
};

/* Who stores what: everything replica_id must bind (spec: 2.4). */
struct porep_identity {
    uint8_t prover[32]; /* porep_prover_id */
    uint64_t number;    /* of the replica or sector */
    uint8_t ticket[32];
    uint8_t porep_id[32];
};

struct porep_commitment {
    uint8_t profile; /* enum profile_id */
    uint64_t nodes;
    struct porep_identity identity;
    uint8_t comm_d[32], comm_c[32], comm_r_last[32], comm_r[32];
    uint8_t replica_id[32]; /* follows from identity and comm_d; not on the wire */
};

/* prover = SHA-256("xpx/prover/1" | host key | contract or verifier set). */
void porep_prover_id(const struct sha256_engine *e, uint8_t out[32], const uint8_t host[32],
                     const uint8_t contract[32]);

/* SHA-256(prover | be64 number | ticket | comm_d | porep_id); Filecoin's labels also clear its top
 * two bits. spec: 2.1 */
void porep_replica_id(const struct sha256_engine *e, uint8_t out[32], const struct profile *p,
                      const struct porep_identity *identity, const uint8_t comm_d[32]);

void porep_comm_r(const struct sha256_engine *e, uint8_t out[32], const uint8_t comm_c[32],
                  const uint8_t comm_r_last[32]);

/* Fixed-size encoding. Decoding checks the profile, the limits and comm_r. */
void porep_commitment_encode(uint8_t out[POREP_COMMITMENT_BYTES], const struct porep_commitment *c);
MUST_CHECK enum err porep_commitment_decode(const struct sha256_engine *e,
                                            struct porep_commitment *c, const uint8_t *data,
                                            size_t len);

/* out = a xor b; out may be a or b. Encoding and decoding alike. */
void porep_xor(uint8_t *out, const uint8_t *a, const uint8_t *b, size_t len);

/* Challenge i = le256(SHA-256(replica_id | seed | le32 i)) mod (nodes - 1) + 1. spec: 2.3 */
uint64_t porep_challenge(const struct sha256_engine *e, const uint8_t replica_id[32],
                         const uint8_t seed[32], uint32_t i, uint64_t nodes);

/* A host's replica: everything needed to prove. The caller owns all memory. */
struct porep_replica {
    struct profile profile;
    struct graph graph;
    struct porep_commitment commitment;
    const uint8_t *data;                   /* D padded, or NULL: decoded from replica */
    const uint8_t *replica;                /* R, 32 * nodes */
    const uint8_t *layers[TREE_PARTS_MAX]; /* layers 1 .. L, 32 * nodes each */
    struct tree tree_d, tree_c, tree_r;    /* without data, tree_d keeps all levels */
};

/* The leaves of the trees of a replica. */
struct tree_source porep_source_columns(const struct porep_replica *r);
struct tree_source porep_source_nodes(const uint8_t *nodes, uint64_t n);

/* In memory, in one go, for sectors that fit it: labels `layers`, encodes data (32 * nodes bytes,
 * padded; NULL: all zero, a plot) into `replica`, builds the trees, fills the commitment. In r the
 * caller sets profile, commitment.identity and commitment.nodes; the trees' memory
 * (tree_bytes(nodes, discard); discard 0 for tree_d where data will not be kept); layers and
 * replica are given here, writable. parents: graph_degree() * nodes numbers, filled (the cache of
 * this graph), or NULL to compute them as they are needed. */
MUST_CHECK enum err porep_seal(const struct sha256_engine *e, struct porep_replica *r,
                               uint8_t *const *layers, uint8_t *replica, const uint8_t *data,
                               const uint32_t *parents);

/* data = replica xor label_L, regenerated in `work` (two layers, 64 * nodes bytes). The result is
 * checked against comm_d (ERR_CORRUPT). tree_memory: tree_bytes(nodes, 8). data may be replica. */
MUST_CHECK enum err porep_unseal(const struct sha256_engine *e, const struct porep_commitment *c,
                                 uint8_t *data, const uint8_t *replica, uint8_t *work,
                                 uint8_t *tree_memory, const uint32_t *parents);

/* Labels all layers into work[0 .. 32 * nodes) and its second half by turns; returns where the
 * last one is. */
uint8_t *porep_labels_last(const struct sha256_engine *e, const struct profile *p,
                           const struct graph *g, const uint8_t replica_id[32], uint8_t *work,
                           const uint32_t *parents);

#endif
