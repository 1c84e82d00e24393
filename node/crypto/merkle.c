#include "node/crypto/merkle.h"

#include "node/base/invariant.h"
#include "node/crypto/hash.h"

static void hash_leaf(uint8_t out[MERKLE_BYTES], const uint8_t item[MERKLE_BYTES])
{
    uint8_t buffer[1 + MERKLE_BYTES] = {0x00};
    memcpy(buffer + 1, item, MERKLE_BYTES);
    hash256(out, buffer, sizeof buffer);
}

/* out may be left or right. */
static void hash_node(uint8_t out[MERKLE_BYTES], const uint8_t left[MERKLE_BYTES],
                      const uint8_t right[MERKLE_BYTES])
{
    uint8_t buffer[1 + 2 * MERKLE_BYTES] = {0x01};
    memcpy(buffer + 1, left, MERKLE_BYTES);
    memcpy(buffer + 1 + MERKLE_BYTES, right, MERKLE_BYTES);
    hash256(out, buffer, sizeof buffer);
}

void merkle_start(struct merkle *merkle)
{
    merkle->count = 0;
    merkle->depth = 0;
}

/* The full subtrees are the binary digits of count; adding an item is adding one with carry. */
void merkle_add(struct merkle *merkle, const uint8_t item[MERKLE_BYTES])
{
    invariant(merkle->count < (uint64_t)1 << MERKLE_DEPTH_MAX);
    hash_leaf(merkle->roots[merkle->depth], item);
    for (uint64_t bits = merkle->count; (bits & 1) != 0; bits >>= 1) {
        merkle->depth--;
        hash_node(merkle->roots[merkle->depth], merkle->roots[merkle->depth],
                  merkle->roots[merkle->depth + 1]);
    }
    merkle->depth++;
    merkle->count++;
}

void merkle_end(const struct merkle *merkle, uint8_t root[MERKLE_BYTES])
{
    memset(root, 0, MERKLE_BYTES);
    if (merkle->depth == 0) {
        return;
    }
    memcpy(root, merkle->roots[merkle->depth - 1], MERKLE_BYTES);
    for (uint32_t i = merkle->depth - 1; i-- > 0;) {
        hash_node(root, merkle->roots[i], root);
    }
}

void merkle_root(uint8_t root[MERKLE_BYTES], const uint8_t (*items)[MERKLE_BYTES], size_t count)
{
    struct merkle merkle;
    merkle_start(&merkle);
    for (size_t i = 0; i < count; i++) {
        merkle_add(&merkle, items[i]);
    }
    merkle_end(&merkle, root);
}

size_t merkle_prove(uint8_t (*path)[MERKLE_BYTES], const uint8_t (*items)[MERKLE_BYTES],
                    size_t count, size_t index)
{
    invariant(index < count && count <= (uint64_t)1 << MERKLE_DEPTH_MAX);
    /* Going down gives the siblings from the root; they are reversed at the end. */
    size_t depth = 0;
    while (count > 1) {
        size_t split = (size_t)1 << (63 - __builtin_clzll(count - 1));
        if (index < split) {
            merkle_root(path[depth], items + split, count - split);
            count = split;
        } else {
            merkle_root(path[depth], items, split);
            items += split;
            index -= split;
            count -= split;
        }
        depth++;
    }
    for (size_t i = 0; i < depth / 2; i++) {
        uint8_t other[MERKLE_BYTES];
        memcpy(other, path[i], MERKLE_BYTES);
        memcpy(path[i], path[depth - 1 - i], MERKLE_BYTES);
        memcpy(path[depth - 1 - i], other, MERKLE_BYTES);
    }
    return depth;
}

/* RFC 9162 2.1.3.2: position and last are the node's and the last node's number in their row. */
enum err merkle_verify(const uint8_t root[MERKLE_BYTES], const uint8_t item[MERKLE_BYTES],
                       uint64_t index, uint64_t count, const uint8_t (*path)[MERKLE_BYTES],
                       size_t path_len)
{
    if (index >= count) {
        return ERR_RANGE;
    }
    uint64_t position = index;
    uint64_t last = count - 1;
    uint8_t hash[MERKLE_BYTES];
    hash_leaf(hash, item);
    for (size_t i = 0; i < path_len; i++) {
        if (last == 0) {
            return ERR_INVALID;
        }
        if ((position & 1) != 0 || position == last) {
            hash_node(hash, path[i], hash);
            /* The last node of a row without a sibling rises until it is a right child. */
            while ((position & 1) == 0 && position != 0) {
                position >>= 1;
                last >>= 1;
            }
        } else {
            hash_node(hash, hash, path[i]);
        }
        position >>= 1;
        last >>= 1;
    }
    if (last != 0) {
        return ERR_INVALID;
    }
    return memcmp(hash, root, MERKLE_BYTES) == 0 ? ERR_OK : ERR_SIGNATURE;
}
