/* Proofs of presence and absence in the state (docs/wire.md 6). */
#include "node/chain/smt.h"
#include "node/crypto/hash.h"
#include "node/wire/codec.h"

enum proof_end { END_NOTHING, END_LEAF, END_OTHER_LEAF };

static const uint8_t empty[32];

/* Walks from the root to the end of key's path; siblings holds STATE_DEPTH_MAX pointers. */
static enum err path_find(const uint8_t **siblings, unsigned *depth, const uint8_t **end_hash,
                          struct state_node *end, struct shared *shared, const uint8_t *root,
                          const uint8_t key[32])
{
    const uint8_t *at = smt_is_empty(root) ? NULL : root;
    *depth = 0;
    while (at != NULL) {
        TRY(smt_load(end, shared, at));
        if (end->key != NULL) {
            break;
        }
        if (*depth == STATE_DEPTH_MAX) {
            return ERR_CORRUPT;
        }
        bool one = smt_bit(key, *depth) != 0;
        const uint8_t *sibling = one ? end->left : end->right;
        siblings[(*depth)++] = sibling != NULL ? sibling : empty;
        at = one ? end->right : end->left;
    }
    *end_hash = at;
    return ERR_OK;
}

enum err state_prove(uint8_t *out, size_t capacity, size_t *len, struct shared *shared,
                     const uint8_t root[32], const uint8_t key[32])
{
    const uint8_t *siblings[STATE_DEPTH_MAX];
    unsigned depth;
    const uint8_t *end_hash;
    struct state_node end;
    TRY(path_find(siblings, &depth, &end_hash, &end, shared, root, key));
    struct writer w;
    writer_init(&w, out, capacity);
    writer_var(&w, depth);
    for (unsigned i = 0; i < depth; i++) {
        writer_hash(&w, siblings[i]);
    }
    if (end_hash == NULL) {
        writer_u8(&w, END_NOTHING);
    } else if (memcmp(end.key, key, 32) == 0) {
        writer_u8(&w, END_LEAF);
    } else {
        uint8_t value_hash[32];
        hash256(value_hash, end.value.data, end.value.len);
        writer_u8(&w, END_OTHER_LEAF);
        writer_hash(&w, end.key);
        writer_hash(&w, value_hash);
    }
    return writer_end(&w, len);
}

/* True when another key's leaf may stand at depth on the path of key. */
static bool on_path(const uint8_t other[32], const uint8_t key[32], unsigned depth)
{
    unsigned same = 0;
    while (same < STATE_DEPTH_MAX && smt_bit(other, same) == smt_bit(key, same)) {
        same++;
    }
    return same >= depth && same < STATE_DEPTH_MAX;
}

enum err state_verify(const uint8_t root[32], const uint8_t key[32], struct span value,
                      struct span proof)
{
    struct reader r;
    reader_init(&r, proof);
    struct list siblings = reader_list(&r, 32, STATE_DEPTH_MAX);
    uint8_t end = reader_u8(&r);
    const uint8_t *other = end == END_OTHER_LEAF ? reader_hash(&r) : NULL;
    const uint8_t *other_hash = end == END_OTHER_LEAF ? reader_hash(&r) : NULL;
    TRY(reader_end(&r));
    unsigned depth = (unsigned)siblings.count;

    uint8_t hash[32] = {0};
    if (end == END_LEAF && value.data != NULL) {
        uint8_t value_hash[32];
        hash256(value_hash, value.data, value.len);
        smt_leaf_hash(hash, key, value_hash);
    } else if (end == END_OTHER_LEAF && value.data == NULL && on_path(other, key, depth)) {
        smt_leaf_hash(hash, other, other_hash);
    } else if (end != END_NOTHING || value.data != NULL) {
        return ERR_SIGNATURE;
    }
    while (depth-- > 0) {
        const uint8_t *sibling = siblings.data + 32 * (size_t)depth;
        uint8_t parent[32];
        if (smt_bit(key, depth) != 0) {
            smt_inner_hash(parent, sibling, hash);
        } else {
            smt_inner_hash(parent, hash, sibling);
        }
        memcpy(hash, parent, 32);
    }
    return memcmp(hash, root, 32) == 0 ? ERR_OK : ERR_SIGNATURE;
}
