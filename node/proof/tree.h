/* Merkle trees of RFC 6962 over equal rows, with openings of one and of many leaves.
 *
 *     leaf = H(0x00 | data)    node = H(0x01 | left | right)    no leaves: H("")
 *
 * A node without a sibling (odd level width) moves up unchanged, so trees of any number of leaves
 * have the shape of RFC 6962. The prefixes keep leaves and nodes apart; the number of leaves is
 * part of every commitment and fixes the length of every path. spec: storage-proofs 1.5, 2.3
 *
 * The source of the leaves is a set of parallel arrays: leaf i is row i of each, in order. A file
 * is one array whose last row may be short; the columns of a replica are one array per layer.
 *
 * The lowest `discard` levels are not kept: an opening hashes up to 2^discard leaves again. */
#ifndef ORRERY_PROOF_TREE_H
#define ORRERY_PROOF_TREE_H

#include "node/base/bytes.h"
#include "node/base/err.h"
#include "node/crypto/sha256.h"
#include "node/proof/scratch.h"

enum tree_hash {
    TREE_SHA256,
    TREE_BLAKE2B,
};

enum {
    TREE_HASH_BYTES = 32,
    TREE_LEVELS_MAX = 64,
    TREE_DISCARD_MAX = 8,
    TREE_PARTS_MAX = 16,
};

struct tree_source {
    const uint8_t *parts[TREE_PARTS_MAX];
    size_t n_parts;     /* 1 .. TREE_PARTS_MAX */
    size_t part_bytes;  /* of a row, per part */
    uint64_t row_count; /* leaves */
    size_t last_bytes;  /* part_bytes, or less for the last row of a single part; > 0 */
};

/* Rows of leaf_bytes over a file of len bytes. An empty file has no leaves. */
struct tree_source tree_source_file(const uint8_t *data, uint64_t len, size_t leaf_bytes);

struct tree {
    enum tree_hash hash;
    uint64_t leaves;
    unsigned discard;
    uint8_t *nodes; /* tree_bytes(leaves, discard), owned by the caller */
};

/* Leaves at a level: ceil(leaves / 2^level). */
uint64_t tree_width(uint64_t leaves, unsigned level);
/* Levels above the leaves: ceil(log2 leaves); 0 for up to one leaf. */
unsigned tree_height(uint64_t leaves);
/* Memory of the levels discard .. height; a tree lower than that keeps its root. */
size_t tree_bytes(uint64_t leaves, unsigned discard);

/* Builds the whole tree. */
void tree_build(const struct sha256_engine *e, struct tree *t, const struct tree_source *s);

/* The same in pieces that may run at the same time on many threads: all levels up to `top` above
 * leaves first .. first + n - 1, where first is a multiple of 2^top and n is too unless the piece
 * ends the tree; discard <= top. Then one call of tree_finish builds what is above. */
void tree_build_piece(const struct sha256_engine *e, struct tree *t, const struct tree_source *s,
                      uint64_t first, uint64_t n, unsigned top);
void tree_finish(const struct sha256_engine *e, struct tree *t, unsigned top);

const uint8_t *tree_root(const struct tree *t);

/* The hash of n whole rows from first (leaf hashes), or of the node pairs. */
void tree_leaves_hash(const struct sha256_engine *e, enum tree_hash hash, uint8_t *out,
                      const struct tree_source *s, uint64_t first, size_t n);
/* One leaf of any length, one node, the root of no leaves. */
void tree_leaf(const struct sha256_engine *e, enum tree_hash hash, uint8_t out[32],
               const void *data, size_t len);
void tree_node(const struct sha256_engine *e, enum tree_hash hash, uint8_t out[32],
               const uint8_t left[32], const uint8_t right[32]);
void tree_empty(const struct sha256_engine *e, enum tree_hash hash, uint8_t out[32]);

/* The n node pairs at in (64 bytes each); out may be in itself. */
void tree_pairs_hash(const struct sha256_engine *e, enum tree_hash hash, uint8_t *out,
                     const uint8_t *in, size_t n);

/* Node `index` of `level`, hashed again from the leaves if it was discarded. */
void tree_node_at(const struct sha256_engine *e, const struct tree *t, const struct tree_source *s,
                  unsigned level, uint64_t index, uint8_t out[32]);

#endif
