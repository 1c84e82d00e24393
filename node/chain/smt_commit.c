/* Writes an edit into the tree in one pass over its changes in key order. Only nodes that are new
 * are stored. */
#include "node/base/invariant.h"
#include "node/base/plant.h"
#include "node/chain/smt_edit.h"
#include "node/crypto/hash.h"

/* What stands at a place of the new tree. */
struct subtree {
    uint8_t hash[32];
    const struct blob
        *held; /* new here: our reference until a parent holds it; NULL: held by the old tree */
};

static const uint8_t empty[32];

/* Bottom-up merge sort of pointers; room holds count of them. */
static const struct smt_change **changes_sort(const struct smt_change **list,
                                              const struct smt_change **room, size_t count)
{
    for (size_t width = 1; width < count; width *= 2) {
        for (size_t start = 0; start < count; start += 2 * width) {
            size_t middle = count - start < width ? count : start + width;
            size_t end = count - middle < width ? count : middle + width;
            size_t a = start;
            size_t b = middle;
            for (size_t i = start; i < end; i++) {
                bool take_a =
                    a < middle && (b == end || memcmp(list[a]->key, list[b]->key, 32) < 0);
                room[i] = take_a ? list[a++] : list[b++];
            }
        }
        const struct smt_change **swap = list;
        list = room;
        room = swap;
    }
    return list;
}

static enum err leaf_write(struct subtree *out, struct state_edit *edit,
                           const struct smt_change *change)
{
    size_t mark = arena_mark(edit->scratch);
    size_t len = SMT_LEAF_HEAD_BYTES + change->value.len;
    uint8_t *bytes = arena_alloc(edit->scratch, len);
    if (bytes == NULL) {
        return ERR_FULL;
    }
    bytes[0] = 0x00;
    memcpy(bytes + 1, change->key, 32);
    memcpy(bytes + SMT_LEAF_HEAD_BYTES, change->value.data, change->value.len);
    uint8_t value_hash[32];
    hash256(value_hash, change->value.data, change->value.len);
    smt_leaf_hash(out->hash, change->key, value_hash);
    out->held = blob_name_put(edit->shared, out->hash, bytes, len, NULL, NULL);
    arena_rewind(edit->scratch, mark);
    return ERR_OK;
}

static enum err is_leaf(bool *leaf, struct shared *shared, const uint8_t hash[32])
{
    struct state_node node;
    TRY(smt_load(&node, shared, hash));
    *leaf = node.key != NULL;
    return ERR_OK;
}

/* Joins two sides; takes over their references. A lone leaf moves up. */
static enum err join(struct subtree *out, struct shared *shared, struct subtree side[2])
{
    bool none[2] = {smt_is_empty(side[0].hash), smt_is_empty(side[1].hash)};
    if (none[0] || none[1]) {
        const struct subtree *other = none[0] ? &side[1] : &side[0];
        bool leaf = true; /* or both are empty */
        if (!none[0] || !none[1]) {
            TRY(is_leaf(&leaf, shared, other->hash));
        }
        if (leaf && !(planted(STATE_ROOT_SHAPE) && none[0] != none[1] && other->held == NULL)) {
            *out = *other;
            return ERR_OK;
        }
    }
    uint8_t bytes[SMT_INNER_BYTES] = {0x01};
    memcpy(bytes + 1, side[0].hash, 32);
    memcpy(bytes + 33, side[1].hash, 32);
    hash256(out->hash, bytes, sizeof(bytes));
    out->held = blob_name_put(shared, out->hash, bytes, sizeof(bytes),
                              none[0] ? NULL : side[0].hash, none[1] ? NULL : side[1].hash);
    blob_drop(shared, side[0].held);
    blob_drop(shared, side[1].held);
    return ERR_OK;
}

/* The first of list[0..count) with a one at depth. */
static size_t split(const struct smt_change **list, size_t count, unsigned depth)
{
    size_t low = 0;
    while (count > 0) {
        size_t half = count / 2;
        if (smt_bit(list[low + half]->key, depth) == 0) {
            low += half + 1;
            count -= half + 1;
        } else {
            count = half;
        }
    }
    return low;
}

static enum err apply(struct subtree *out, struct state_edit *edit, const uint8_t hash[32],
                      unsigned depth, const struct smt_change **list, size_t count);

static enum err apply_sides(struct subtree *out, struct state_edit *edit, const uint8_t *left,
                            const uint8_t *right, unsigned depth, const struct smt_change **list,
                            size_t count)
{
    if (depth == STATE_DEPTH_MAX) {
        return ERR_CORRUPT;
    }
    size_t ones = split(list, count, depth);
    struct subtree side[2];
    TRY(apply(&side[0], edit, left, depth + 1, list, ones));
    enum err err = apply(&side[1], edit, right, depth + 1, list + ones, count - ones);
    if (err != ERR_OK) {
        blob_drop(edit->shared, side[0].held);
        return err;
    }
    err = join(out, edit->shared, side);
    if (err != ERR_OK) {
        blob_drop(edit->shared, side[0].held);
        blob_drop(edit->shared, side[1].held);
    }
    return err;
}

/* A place with at most one leaf in the old tree (key NULL: none). */
static enum err apply_leaf(struct subtree *out, struct state_edit *edit, const uint8_t hash[32],
                           const uint8_t *key, unsigned depth, const struct smt_change **list,
                           size_t count)
{
    size_t live = key != NULL;
    const struct smt_change *last = NULL;
    for (size_t i = 0; i < count; i++) {
        if (key != NULL && memcmp(list[i]->key, key, 32) == 0) {
            key = NULL; /* replaced or deleted */
            live--;
        }
        if (list[i]->value.len > 0) {
            last = list[i];
            live++;
        }
    }
    if (live == 0) {
        *out = (struct subtree){.held = NULL};
        return ERR_OK;
    }
    if (live == 1 && last != NULL) {
        return leaf_write(out, edit, last);
    }
    if (live == 1) {
        memcpy(out->hash, hash, 32);
        out->held = NULL;
        return ERR_OK;
    }
    const uint8_t *side[2] = {empty, empty};
    if (key != NULL) {
        side[smt_bit(key, depth)] = hash;
    }
    return apply_sides(out, edit, side[0], side[1], depth, list, count);
}

static enum err apply(struct subtree *out, struct state_edit *edit, const uint8_t hash[32],
                      unsigned depth, const struct smt_change **list, size_t count)
{
    if (count == 0) {
        memcpy(out->hash, hash, 32);
        out->held = NULL;
        return ERR_OK;
    }
    if (smt_is_empty(hash)) {
        return apply_leaf(out, edit, hash, NULL, depth, list, count);
    }
    struct state_node node;
    TRY(smt_load(&node, edit->shared, hash));
    if (node.key != NULL) {
        return apply_leaf(out, edit, hash, node.key, depth, list, count);
    }
    return apply_sides(out, edit, node.left != NULL ? node.left : empty,
                       node.right != NULL ? node.right : empty, depth, list, count);
}

enum err state_edit_commit(uint8_t root[32], const struct blob **blob, struct state_edit *edit)
{
    const struct smt_change **list = arena_alloc_array(edit->scratch, edit->count, sizeof(*list));
    const struct smt_change **room = arena_alloc_array(edit->scratch, edit->count, sizeof(*room));
    if (list == NULL || room == NULL) {
        return ERR_FULL;
    }
    size_t count = 0;
    for (size_t i = 0; i < edit->count; i++) {
        if (edit->changes[i].dirty) {
            list[count++] = &edit->changes[i];
        }
    }
    struct subtree out;
    TRY(apply(&out, edit, edit->root, 0, changes_sort(list, room, count), count));
    if (out.held == NULL && !smt_is_empty(out.hash)) {
        out.held = blob_name_keep(edit->shared, out.hash);
        if (out.held == NULL) {
            return ERR_UNKNOWN;
        }
    }
    memcpy(root, out.hash, 32);
    *blob = out.held;
    return ERR_OK;
}
