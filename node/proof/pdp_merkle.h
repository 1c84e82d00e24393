/* merkle-spot: challenged blocks with their multiproof. spec: storage-proofs 1.1, 1.5.
 *
 * Inner code: before it is committed, a file may be cut into groups of k shards and each group
 * coded to n shards (erasure.h); a host then has to lose more than 1 - k/n of a group before data
 * are lost, and few challenges suffice. The block must be the whole shard: with smaller blocks an
 * adversary erases one position of n - k + 1 shards and kills a codeword while touching few
 * blocks (the interleaving trap). pdp_inner makes that choice for the caller. */
#ifndef ORRERY_PROOF_PDP_MERKLE_H
#define ORRERY_PROOF_PDP_MERKLE_H

#include "node/proof/erasure.h"
#include "node/proof/opening.h"
#include "node/proof/pdp_challenge.h"

struct pdp_merkle_verifier {
    enum tree_hash hash;
    size_t block_bytes;
    uint64_t len; /* of the file */
    uint8_t root[32];
};

struct pdp_merkle_host {
    size_t block_bytes;
    struct tree tree;
};

/* Builds the host's tree (memory for tree_bytes(blocks, discard) in host->tree.nodes, hash and
 * discard set by the caller) and what the verifier keeps. */
void pdp_merkle_commit(const struct sha256_engine *e, struct pdp_merkle_host *host,
                       struct pdp_merkle_verifier *verifier, struct pdp_file file,
                       size_t block_bytes);

size_t pdp_merkle_scratch_bytes(const struct pdp_merkle_verifier *v, uint32_t count);
size_t pdp_merkle_proof_bytes_max(const struct pdp_merkle_verifier *v, uint32_t count);

/* Proof: the blocks in ascending order, then the nodes. */
MUST_CHECK enum err pdp_merkle_prove(const struct sha256_engine *e, uint8_t *out, size_t cap,
                                     size_t *len, const struct pdp_merkle_host *host,
                                     struct pdp_file file, const struct pdp_challenge *c,
                                     struct scratch scratch);
MUST_CHECK enum err pdp_merkle_verify(const struct sha256_engine *e,
                                      const struct pdp_merkle_verifier *v,
                                      const struct pdp_challenge *c, const uint8_t *proof,
                                      size_t len, struct scratch scratch);

/* The inner code over a file in memory. */
struct pdp_inner {
    struct erasure code;
    size_t shard_bytes; /* also the block of merkle-spot */
};
/* Length of the coded file. */
uint64_t pdp_inner_bytes(const struct pdp_inner *inner, uint64_t len);
/* coded: pdp_inner_bytes. Groups follow each other, n shards each; the last is zero padded. */
void pdp_inner_encode(const struct pdp_inner *inner, uint8_t *coded, struct pdp_file file);
/* Gives len bytes of data back from coded shards; healthy says for each shard of the coded file
 * whether it is at hand. Lost shards are rebuilt in coded. ERR_UNKNOWN: a group is lost. */
MUST_CHECK enum err pdp_inner_decode(const struct pdp_inner *inner, uint8_t *data, uint64_t len,
                                     uint8_t *coded, const bool *healthy, struct scratch scratch);

#endif
