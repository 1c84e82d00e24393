/* A binary Merkle tree over a list of 32-byte items, shaped as in RFC 6962: a list of n > 1 splits
 * at the largest power of two below n, so an odd node at the end rises unchanged. It is the tx_root
 * of a header. spec: docs/wire.md (block), chain 1.2.
 *
 * leaf = H(0x00 || item), node = H(0x01 || left || right), H = BLAKE2b-256. No node can pass for an
 * item and no item twice for a pair. The root of no items is 32 zero bytes; n is not part of the
 * root, so who checks a proof must know n. */
#ifndef ORRERY_CRYPTO_MERKLE_H
#define ORRERY_CRYPTO_MERKLE_H

#include "node/base/bytes.h"
#include "node/base/err.h"

enum {
    MERKLE_BYTES = 32,
    MERKLE_DEPTH_MAX = 32, /* at most 2^32 items */
};

/* A root being computed item by item, in memory that grows with the depth only. */
struct merkle {
    uint64_t count;
    uint8_t roots[MERKLE_DEPTH_MAX + 1]
                 [MERKLE_BYTES]; /* of the full subtrees so far, widest first */
    uint32_t depth;
};

void merkle_start(struct merkle *merkle);

/* Appends an item; at most 2^32 of them. */
void merkle_add(struct merkle *merkle, const uint8_t item[MERKLE_BYTES]);

/* The root of the items so far; more may be added afterwards. */
void merkle_end(const struct merkle *merkle, uint8_t root[MERKLE_BYTES]);

/* The root of items[0..count). */
void merkle_root(uint8_t root[MERKLE_BYTES], const uint8_t (*items)[MERKLE_BYTES], size_t count);

/* The path of items[index] in items[0..count): the siblings from the leaf upwards. Returns their
 * number, at most MERKLE_DEPTH_MAX. index < count <= 2^32. */
size_t merkle_prove(uint8_t (*path)[MERKLE_BYTES], const uint8_t (*items)[MERKLE_BYTES],
                    size_t count, size_t index);

/* Checks that item is number index of the count items under root. ERR_RANGE: index >= count;
 * ERR_INVALID: the path has another length than (index, count) demands; ERR_SIGNATURE: it leads to
 * another root. */
MUST_CHECK enum err merkle_verify(const uint8_t root[MERKLE_BYTES],
                                  const uint8_t item[MERKLE_BYTES], uint64_t index, uint64_t count,
                                  const uint8_t (*path)[MERKLE_BYTES], size_t path_len);

#endif
