#include "node/proof/tree.h"

#include "node/base/invariant.h"
#include "node/crypto/hash.h"

enum { CHUNK = 1 << TREE_DISCARD_MAX };

struct tree_source tree_source_file(const uint8_t *data, uint64_t len, size_t leaf_bytes)
{
    invariant(leaf_bytes > 0);
    struct tree_source s = {.parts = {data}, .n_parts = 1, .part_bytes = leaf_bytes};
    s.row_count = len / leaf_bytes + (len % leaf_bytes != 0);
    s.last_bytes = len % leaf_bytes != 0 ? (size_t)(len % leaf_bytes) : leaf_bytes;
    return s;
}

uint64_t tree_width(uint64_t leaves, unsigned level)
{
    if (level >= 64) {
        return leaves > 0;
    }
    uint64_t whole = leaves >> level;
    return whole + (whole << level != leaves);
}

unsigned tree_height(uint64_t leaves)
{
    return leaves <= 1 ? 0 : 64 - (unsigned)__builtin_clzll(leaves - 1);
}

/* The lowest level that is kept. */
static unsigned base_level(uint64_t leaves, unsigned discard)
{
    unsigned height = tree_height(leaves);
    return discard < height ? discard : height;
}

static uint64_t level_start(const struct tree *t, unsigned level)
{
    uint64_t start = 0;
    for (unsigned k = base_level(t->leaves, t->discard); k < level; k++) {
        start += tree_width(t->leaves, k);
    }
    return start;
}

static uint8_t *level_node(const struct tree *t, unsigned level, uint64_t index)
{
    return t->nodes + 32 * (level_start(t, level) + index);
}

size_t tree_bytes(uint64_t leaves, unsigned discard)
{
    uint64_t nodes = 0;
    unsigned height = tree_height(leaves);
    for (unsigned k = base_level(leaves, discard); k <= height; k++) {
        nodes += tree_width(leaves, k);
    }
    return (size_t)(32 * (nodes > 0 ? nodes : 1));
}

static void blake_row(uint8_t out[32], int prefix, const struct tree_source *s, uint64_t row,
                      size_t part_bytes)
{
    struct span parts[1 + TREE_PARTS_MAX];
    uint8_t tag = (uint8_t)prefix;
    parts[0] = span_of(&tag, 1);
    for (size_t p = 0; p < s->n_parts; p++) {
        parts[1 + p] = span_of(s->parts[p] + row * s->part_bytes, part_bytes);
    }
    hash256_parts(out, parts, 1 + s->n_parts);
}

void tree_leaf(const struct sha256_engine *e, enum tree_hash hash, uint8_t out[32],
               const void *data, size_t len)
{
    static const uint8_t prefix = 0;
    if (hash == TREE_BLAKE2B) {
        hash256_parts(out, (const struct span[]){span_of(&prefix, 1), span_of(data, len)}, 2);
        return;
    }
    struct sha256 h;
    sha256_init(&h);
    sha256_update(&h, e, &prefix, 1);
    sha256_update(&h, e, data, len);
    sha256_final(&h, e, out);
}

void tree_node(const struct sha256_engine *e, enum tree_hash hash, uint8_t out[32],
               const uint8_t left[32], const uint8_t right[32])
{
    uint8_t pair[64];
    memcpy(pair, left, 32);
    memcpy(pair + 32, right, 32);
    tree_pairs_hash(e, hash, out, pair, 1);
}

void tree_empty(const struct sha256_engine *e, enum tree_hash hash, uint8_t out[32])
{
    if (hash == TREE_BLAKE2B) {
        hash256(out, "", 0);
    } else {
        sha256_once(e, out, "", 0);
    }
}

void tree_leaves_hash(const struct sha256_engine *e, enum tree_hash hash, uint8_t *out,
                      const struct tree_source *s, uint64_t first, size_t n)
{
    invariant(first + n <= s->row_count);
    if (n == 0) {
        return;
    }
    bool short_last = s->last_bytes != s->part_bytes && first + n == s->row_count;
    size_t whole = n - (short_last ? 1 : 0);
    if (hash == TREE_SHA256) {
        struct sha256_rows rows = {0, s->n_parts, s->part_bytes, s->parts};
        sha256_rows_hash(e, out, &rows, first, whole);
    } else {
        for (size_t i = 0; i < whole; i++) {
            blake_row(out + 32 * i, 0, s, first + i, s->part_bytes);
        }
    }
    if (short_last) {
        invariant(s->n_parts == 1);
        tree_leaf(e, hash, out + 32 * whole, s->parts[0] + (first + whole) * s->part_bytes,
                  s->last_bytes);
    }
}

void tree_pairs_hash(const struct sha256_engine *e, enum tree_hash hash, uint8_t *out,
                     const uint8_t *in, size_t n)
{
    if (hash == TREE_SHA256) {
        struct sha256_rows rows = {1, 1, 64, &in};
        sha256_rows_hash(e, out, &rows, 0, n);
        return;
    }
    struct tree_source s = {.parts = {in}, .n_parts = 1, .part_bytes = 64};
    for (size_t i = 0; i < n; i++) {
        uint8_t node[32];
        blake_row(node, 1, &s, i, 64);
        memcpy(out + 32 * i, node, 32);
    }
}

/* One level up: w nodes at `in` to ceil(w / 2) at `out`, which may be `in`. */
static uint64_t halve(const struct sha256_engine *e, enum tree_hash hash, uint8_t *out,
                      const uint8_t *in, uint64_t w)
{
    tree_pairs_hash(e, hash, out, in, (size_t)(w / 2));
    if (w % 2 != 0) {
        memmove(out + 32 * (w / 2), in + 32 * (w - 1), 32);
    }
    return w / 2 + w % 2;
}

void tree_build_piece(const struct sha256_engine *e, struct tree *t, const struct tree_source *s,
                      uint64_t first, uint64_t n, unsigned top)
{
    unsigned base = base_level(t->leaves, t->discard);
    invariant(s->row_count == t->leaves && first + n <= t->leaves && base <= top);
    uint8_t chunk[32 * CHUNK];
    for (uint64_t done = 0; done < n; done += CHUNK) {
        uint64_t w = n - done < CHUNK ? n - done : CHUNK, at = first + done;
        if (base == 0) {
            tree_leaves_hash(e, t->hash, level_node(t, 0, at), s, at, (size_t)w);
            continue;
        }
        tree_leaves_hash(e, t->hash, chunk, s, at, (size_t)w);
        for (unsigned level = 0; level < base; level++) {
            w = halve(e, t->hash, chunk, chunk, w);
        }
        memcpy(level_node(t, base, at >> base), chunk, (size_t)(32 * w));
    }
    uint64_t from = first >> base, w = tree_width(n, base);
    for (unsigned level = base; level < top && level < tree_height(t->leaves); level++) {
        w = halve(e, t->hash, level_node(t, level + 1, from / 2), level_node(t, level, from), w);
        from /= 2;
    }
}

void tree_finish(const struct sha256_engine *e, struct tree *t, unsigned top)
{
    for (unsigned level = top; level < tree_height(t->leaves); level++) {
        (void)halve(e, t->hash, level_node(t, level + 1, 0), level_node(t, level, 0),
                    tree_width(t->leaves, level));
    }
}

void tree_build(const struct sha256_engine *e, struct tree *t, const struct tree_source *s)
{
    invariant(t->discard <= TREE_DISCARD_MAX);
    if (t->leaves == 0) {
        tree_empty(e, t->hash, t->nodes);
        return;
    }
    /* Pieces that fit the cache; each is finished before the next begins. */
    unsigned top = 14;
    for (uint64_t at = 0; at < t->leaves; at += (uint64_t)1 << top) {
        uint64_t left = t->leaves - at;
        tree_build_piece(e, t, s, at, left >> top != 0 ? (uint64_t)1 << top : left, top);
    }
    tree_finish(e, t, top);
}

const uint8_t *tree_root(const struct tree *t)
{
    return level_node(t, tree_height(t->leaves), 0);
}

void tree_node_at(const struct sha256_engine *e, const struct tree *t, const struct tree_source *s,
                  unsigned level, uint64_t index, uint8_t out[32])
{
    invariant(index < tree_width(t->leaves, level));
    if (level >= base_level(t->leaves, t->discard)) {
        memcpy(out, level_node(t, level, index), 32);
        return;
    }
    uint8_t chunk[32 * CHUNK];
    uint64_t first = index << level, w = (uint64_t)1 << level;
    w = t->leaves - first < w ? t->leaves - first : w;
    tree_leaves_hash(e, t->hash, chunk, s, first, (size_t)w);
    for (unsigned k = 0; k < level; k++) {
        w = halve(e, t->hash, chunk, chunk, w);
    }
    memcpy(out, chunk, 32);
}
