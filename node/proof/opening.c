#include "node/proof/opening.h"

#include "node/base/invariant.h"

static enum err indices_check(uint64_t leaves, const uint64_t *indices, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (indices[i] >= leaves || (i > 0 && indices[i] <= indices[i - 1])) {
            return ERR_INVALID;
        }
    }
    return n > 0 ? ERR_OK : ERR_INVALID;
}

size_t opening_scratch_bytes(size_t n)
{
    return scratch_need(n, 8) + scratch_need(n, 64) + scratch_need(n, 32) + scratch_need(n, 1) +
           scratch_need(n, 8);
}

/* Walks the known nodes of one level. For each parent: where its children are, and whether the
 * sibling is missing. Shared by prover and verifier, so that they agree on the order. */
struct step {
    size_t left;      /* known node that is the (first) child */
    bool pair;        /* both children are known: left and left + 1 */
    bool alone;       /* no sibling exists at this level */
    uint64_t sibling; /* else: its index, to be supplied */
};

static struct step step_at(const uint64_t *index, size_t i, size_t n, uint64_t width)
{
    struct step s = {.left = i, .sibling = index[i] ^ 1};
    s.pair = index[i] % 2 == 0 && i + 1 < n && index[i + 1] == index[i] + 1;
    s.alone = index[i] % 2 == 0 && index[i] + 1 == width;
    return s;
}

enum err opening_size(uint64_t *n_nodes, uint64_t leaves, const uint64_t *indices, size_t n,
                      struct scratch scratch)
{
    TRY(indices_check(leaves, indices, n));
    uint64_t *index = scratch_take(&scratch, n, 8);
    if (index == NULL) {
        return ERR_NO_MEMORY;
    }
    memcpy(index, indices, 8 * n);
    *n_nodes = 0;
    for (unsigned level = 0; level < tree_height(leaves); level++) {
        size_t up = 0;
        for (size_t i = 0; i < n;) {
            struct step s = step_at(index, i, n, tree_width(leaves, level));
            *n_nodes += !s.pair && !s.alone;
            index[up++] = index[i] / 2;
            i += s.pair ? 2 : 1;
        }
        n = up;
    }
    return ERR_OK;
}

enum err opening_prove(const struct sha256_engine *e, const struct tree *t,
                       const struct tree_source *src, uint8_t *nodes, size_t cap_nodes,
                       size_t *n_nodes, const uint64_t *indices, size_t n, struct scratch scratch)
{
    TRY(indices_check(t->leaves, indices, n));
    uint64_t *index = scratch_take(&scratch, n, 8);
    if (index == NULL) {
        return ERR_NO_MEMORY;
    }
    memcpy(index, indices, 8 * n);
    *n_nodes = 0;
    for (unsigned level = 0; level < tree_height(t->leaves); level++) {
        size_t up = 0;
        for (size_t i = 0; i < n;) {
            struct step s = step_at(index, i, n, tree_width(t->leaves, level));
            if (!s.pair && !s.alone) {
                if (*n_nodes == cap_nodes) {
                    return ERR_FULL;
                }
                tree_node_at(e, t, src, level, s.sibling, nodes + 32 * (*n_nodes)++);
            }
            index[up++] = index[i] / 2;
            i += s.pair ? 2 : 1;
        }
        n = up;
    }
    return ERR_OK;
}

/* The frontier of a verification: the nodes known at one level. */
struct frontier {
    uint64_t *index;
    uint8_t *hash; /* 32 a node */
    bool *wanted;  /* above a leaf of the cut */
    size_t n;
    uint8_t *pairs;  /* to be hashed, 64 a pair */
    size_t *pair_of; /* the parent each pair makes */
};

/* A cut's proof misses a sibling that the full set may have known. */
static enum err cut_add(struct opening_cut *cut, const uint8_t hash[32])
{
    if (cut->n_nodes == cut->cap_nodes) {
        return ERR_FULL;
    }
    memcpy(cut->nodes + 32 * cut->n_nodes++, hash, 32);
    return ERR_OK;
}

static enum err cut_step(struct opening_cut *cut, const struct frontier *f, struct step s,
                         const uint8_t *supplied)
{
    if (s.alone) {
        return ERR_OK;
    }
    if (!s.pair) {
        return f->wanted[s.left] ? cut_add(cut, supplied) : ERR_OK;
    }
    bool left = f->wanted[s.left], right = f->wanted[s.left + 1];
    if (left == right) {
        return ERR_OK;
    }
    return cut_add(cut, f->hash + 32 * (left ? s.left + 1 : s.left));
}

/* One level up; *at counts the supplied nodes used. */
static enum err climb(const struct sha256_engine *e, const struct opening *o, struct frontier *f,
                      uint64_t width, size_t *at, struct opening_cut *cut, uint64_t *hashed)
{
    size_t up = 0, n_pairs = 0;
    for (size_t i = 0; i < f->n;) {
        struct step s = step_at(f->index, i, f->n, width);
        const uint8_t *own = f->hash + 32 * i, *other = own + 32;
        if (!s.pair && !s.alone) {
            if (*at == o->n_nodes) {
                return ERR_TRUNCATED;
            }
            other = o->nodes + 32 * (*at)++;
        }
        if (cut != NULL) {
            TRY(cut_step(cut, f, s, other));
        }
        if (!s.alone) {
            bool is_right = f->index[i] % 2 != 0;
            memcpy(f->pairs + 64 * n_pairs + (is_right ? 32 : 0), own, 32);
            memcpy(f->pairs + 64 * n_pairs + (is_right ? 0 : 32), other, 32);
            f->pair_of[n_pairs++] = up;
        } else {
            memmove(f->hash + 32 * up, own, 32);
        }
        f->wanted[up] = f->wanted[i] || (s.pair && f->wanted[i + 1]);
        f->index[up++] = f->index[i] / 2;
        i += s.pair ? 2 : 1;
    }
    tree_pairs_hash(e, o->hash, f->pairs, f->pairs, n_pairs);
    for (size_t p = 0; p < n_pairs; p++) {
        memcpy(f->hash + 32 * f->pair_of[p], f->pairs + 32 * p, 32);
    }
    *hashed += n_pairs;
    f->n = up;
    return ERR_OK;
}

enum err opening_verify(const struct sha256_engine *e, const struct opening *o,
                        const uint8_t root[32], struct opening_cut *cut, uint64_t *hashed,
                        struct scratch scratch)
{
    TRY(indices_check(o->leaves, o->indices, o->n));
    struct frontier f = {.n = o->n};
    f.index = scratch_take(&scratch, o->n, 8);
    f.pairs = scratch_take(&scratch, o->n, 64);
    f.hash = scratch_take(&scratch, o->n, 32);
    f.wanted = scratch_take(&scratch, o->n, 1);
    f.pair_of = scratch_take(&scratch, o->n, sizeof *f.pair_of);
    if (f.index == NULL || f.pairs == NULL || f.hash == NULL || f.wanted == NULL ||
        f.pair_of == NULL) {
        return ERR_NO_MEMORY;
    }
    memcpy(f.index, o->indices, 8 * o->n);
    memcpy(f.hash, o->hashes, 32 * o->n);
    memset(f.wanted, 0, o->n);
    if (cut != NULL) {
        cut->n_nodes = 0;
        memcpy(f.wanted, cut->wanted, o->n);
    }
    uint64_t count = 0;
    size_t at = 0;
    for (unsigned level = 0; level < tree_height(o->leaves); level++) {
        TRY(climb(e, o, &f, tree_width(o->leaves, level), &at, cut, &count));
    }
    if (hashed != NULL) {
        *hashed += count;
    }
    if (at != o->n_nodes) {
        return ERR_TRAILING;
    }
    invariant(f.n == 1);
    return memcmp(f.hash, root, 32) == 0 ? ERR_OK : ERR_SIGNATURE;
}
