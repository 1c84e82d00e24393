/* Replica update: data moves into a sector that was proven empty, without sealing again; and it
 * leaves again, the old labels coming back by running the graph. This is how free space that was
 * proven at onboarding is leased and returned. spec: storage-proofs 2.4 (FIP-0019), 3.
 *
 *     R'_v = K_v + D_v * rho(v)     in GF(2^256), K the empty sector's replica (its last labels)
 *     rho(v) = SHA-256(phi | le64(v / 4096))     phi = SHA-256("xpx/update/1" | comm_d' | comm_r)
 *
 * rho is fixed only after the data are, so a host cannot choose data that cancel K; a plain xor
 * would let it. The proof opens D', K and R' at 1376 challenged nodes. */
#ifndef ORRERY_PROOF_UPDATE_H
#define ORRERY_PROOF_UPDATE_H

#include "node/proof/porep.h"

enum {
    UPDATE_CHALLENGES = 1376,
    UPDATE_CLASS_NODES = 4096, /* nodes that share one rho */
};

struct update_commitment {
    uint8_t comm_d[32];      /* of the new data */
    uint8_t comm_r_last[32]; /* of the new replica */
};

/* out = key + data * rho for nodes first .. first + n - 1 (arrays begin at node first). out may be
 * key or data. old: the commitment of the empty sector. */
void update_encode(const struct sha256_engine *e, const struct porep_commitment *old,
                   const uint8_t comm_d[32], uint8_t *out, const uint8_t *key, const uint8_t *data,
                   uint64_t first, uint64_t n);

/* The inverse: out = (replica - key) / rho. The caller regenerates key (porep_labels_last) and
 * checks the result against comm_d by its tree. */
void update_decode(const struct sha256_engine *e, const struct porep_commitment *old,
                   const uint8_t comm_d[32], uint8_t *out, const uint8_t *key,
                   const uint8_t *replica, uint64_t first, uint64_t n);

struct update_replica {
    const struct porep_commitment *old;
    struct update_commitment commitment;
    const uint8_t *data, *key, *replica;
    struct tree tree_data, tree_key, tree_replica;
};

size_t update_scratch_bytes(uint32_t n_challenges);

/* Proof: "xpx/upd1" | values of D' | of K | of R', each as values.h. */
MUST_CHECK enum err update_proof_bytes(const struct sha256_engine *e, size_t *bytes,
                                       const struct porep_commitment *old,
                                       const struct update_commitment *c, const uint8_t seed[32],
                                       uint32_t n_challenges, struct scratch scratch);
MUST_CHECK enum err update_prove(const struct sha256_engine *e, uint8_t *out, size_t cap,
                                 size_t *len, const struct update_replica *r,
                                 const uint8_t seed[32], uint32_t n_challenges,
                                 struct scratch scratch);
/* ERR_INVALID: opened well, but R' is not the encoding. */
MUST_CHECK enum err update_verify(const struct sha256_engine *e, const struct porep_commitment *old,
                                  const struct update_commitment *c, const uint8_t seed[32],
                                  uint32_t n_challenges, const uint8_t *proof, size_t len,
                                  struct scratch scratch);

#endif
