#include "node/chain/smt.h"

#include "node/base/invariant.h"
#include "node/crypto/hash.h"

static const uint8_t empty[32];

void state_key(uint8_t key[32], enum state_kind kind, struct span id)
{
    uint8_t code = (uint8_t)kind;
    hash256_parts(key, (struct span[]){span_of(&code, 1), id}, 2);
}

void smt_leaf_hash(uint8_t hash[32], const uint8_t key[32], const uint8_t value_hash[32])
{
    uint8_t bytes[65] = {0x00};
    memcpy(bytes + 1, key, 32);
    memcpy(bytes + 33, value_hash, 32);
    hash256(hash, bytes, sizeof(bytes));
}

void smt_inner_hash(uint8_t hash[32], const uint8_t left[32], const uint8_t right[32])
{
    uint8_t bytes[SMT_INNER_BYTES] = {0x01};
    memcpy(bytes + 1, left, 32);
    memcpy(bytes + 33, right, 32);
    hash256(hash, bytes, sizeof(bytes));
}

enum err state_node_decode(struct state_node *node, struct span bytes)
{
    *node = (struct state_node){.key = NULL};
    if (bytes.len > SMT_LEAF_HEAD_BYTES && bytes.data[0] == 0x00) {
        node->key = bytes.data + 1;
        node->value = span_of(bytes.data + SMT_LEAF_HEAD_BYTES, bytes.len - SMT_LEAF_HEAD_BYTES);
        return ERR_OK;
    }
    if (bytes.len != SMT_INNER_BYTES || bytes.data[0] != 0x01) {
        return ERR_CORRUPT;
    }
    const uint8_t *left = bytes.data + 1;
    const uint8_t *right = bytes.data + 33;
    node->left = smt_is_empty(left) ? NULL : left;
    node->right = smt_is_empty(right) ? NULL : right;
    return node->left == NULL && node->right == NULL ? ERR_CORRUPT : ERR_OK;
}

void state_node_hash(uint8_t hash[32], const struct state_node *node)
{
    if (node->key != NULL) {
        uint8_t value_hash[32];
        hash256(value_hash, node->value.data, node->value.len);
        smt_leaf_hash(hash, node->key, value_hash);
        return;
    }
    smt_inner_hash(hash, node->left != NULL ? node->left : empty,
                   node->right != NULL ? node->right : empty);
}

enum err smt_load(struct state_node *node, struct shared *shared, const uint8_t hash[32])
{
    const struct blob *blob = blob_name_get(shared, hash);
    if (blob == NULL) {
        return ERR_UNKNOWN;
    }
    return state_node_decode(node, span_of(blob->data, blob->len));
}

enum err state_get(struct span *value, struct shared *shared, const uint8_t root[32],
                   const uint8_t key[32])
{
    const struct blob *blob = smt_is_empty(root) ? NULL : blob_name_get(shared, root);
    if (blob == NULL) {
        return smt_is_empty(root) ? ERR_NOT_FOUND : ERR_UNKNOWN;
    }
    for (unsigned depth = 0;; depth++) {
        struct state_node node;
        TRY(state_node_decode(&node, span_of(blob->data, blob->len)));
        if (node.key != NULL) {
            if (memcmp(node.key, key, 32) != 0) {
                return ERR_NOT_FOUND;
            }
            *value = node.value;
            return ERR_OK;
        }
        if (depth == STATE_DEPTH_MAX) {
            return ERR_CORRUPT;
        }
        unsigned side = smt_bit(key, depth);
        const uint8_t *next = side != 0 ? node.right : node.left;
        if (next == NULL) {
            return ERR_NOT_FOUND;
        }
        blob = blob_name_child(shared, blob, side, next);
        if (blob == NULL) {
            return ERR_UNKNOWN;
        }
    }
}

void state_walk_begin(struct state_walk *walk, struct shared *shared, const uint8_t root[32])
{
    walk->shared = shared;
    walk->count = 0;
    if (!smt_is_empty(root)) {
        walk->left[walk->count++] = root;
    }
}

enum err state_walk_next(struct state_walk *walk, struct span *value)
{
    while (walk->count > 0) {
        struct state_node node;
        TRY(smt_load(&node, walk->shared, walk->left[--walk->count]));
        if (node.key != NULL) {
            *value = node.value;
            return ERR_OK;
        }
        if (walk->count + 2 > STATE_DEPTH_MAX + 1) {
            return ERR_CORRUPT;
        }
        if (node.right != NULL) {
            walk->left[walk->count++] = node.right;
        }
        if (node.left != NULL) {
            walk->left[walk->count++] = node.left;
        }
    }
    return ERR_NOT_FOUND;
}
