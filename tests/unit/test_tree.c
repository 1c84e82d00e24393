/* Oracle: the recursive definition of RFC 6962 2.1 with libsodium's hashes, and for BLAKE2b the
 * roots any Sia host computes for 64-byte leaves (same definition). */
#include <criterion/criterion.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "node/proof/opening.h"
#include "tests/support/replica.h"

static void hash_parts(enum tree_hash hash, uint8_t out[32], uint8_t prefix, const uint8_t *a,
                       size_t a_len, const uint8_t *b, size_t b_len)
{
    if (hash == TREE_BLAKE2B) {
        crypto_generichash_state h;
        crypto_generichash_init(&h, NULL, 0, 32);
        crypto_generichash_update(&h, &prefix, 1);
        crypto_generichash_update(&h, a, a_len);
        crypto_generichash_update(&h, b, b_len);
        crypto_generichash_final(&h, out, 32);
        return;
    }
    crypto_hash_sha256_state h;
    crypto_hash_sha256_init(&h);
    crypto_hash_sha256_update(&h, &prefix, 1);
    crypto_hash_sha256_update(&h, a, a_len);
    crypto_hash_sha256_update(&h, b, b_len);
    crypto_hash_sha256_final(&h, out);
}

static void rfc6962(enum tree_hash hash, uint8_t out[32], const uint8_t *data, size_t len,
                    size_t leaf)
{
    if (len <= leaf) {
        hash_parts(hash, out, 0, data, len, NULL, 0);
        return;
    }
    size_t leaves = (len + leaf - 1) / leaf, half = 1;
    while (half * 2 < leaves) {
        half *= 2;
    }
    uint8_t left[32], right[32];
    rfc6962(hash, left, data, half * leaf, leaf);
    rfc6962(hash, right, data + half * leaf, len - half * leaf, leaf);
    hash_parts(hash, out, 1, left, 32, right, 32);
}

Test(tree, roots_follow_rfc_6962_for_every_size_and_discard)
{
    static uint8_t data[64 * 700];
    test_fill(data, sizeof data, 1);
    const struct sha256_engine *e = sha256_engine_best();
    uint8_t *nodes = malloc(tree_bytes(1400, 0));
    for (int hash = TREE_SHA256; hash <= TREE_BLAKE2B; hash++) {
        for (size_t len = 1; len <= sizeof data; len += len < 1200 ? 13 : 1717) {
            uint8_t want[32];
            size_t leaf = len % 3 == 0 ? 32 : 64;
            rfc6962((enum tree_hash)hash, want, data, len, leaf);
            struct tree_source s = tree_source_file(data, len, leaf);
            for (unsigned discard = 0; discard <= TREE_DISCARD_MAX; discard += 4) {
                struct tree t = {(enum tree_hash)hash, s.row_count, discard, nodes};
                tree_build(e, &t, &s);
                cr_assert_arr_eq(tree_root(&t), want, 32, "%zu %u", len, discard);
            }
        }
    }
    struct tree empty = {TREE_SHA256, 0, 0, nodes};
    struct tree_source none = tree_source_file(data, 0, 64);
    uint8_t want[32];
    tree_build(e, &empty, &none);
    crypto_hash_sha256(want, data, 0);
    cr_assert_arr_eq(tree_root(&empty), want, 32);
    free(nodes);
}

Test(tree, pieces_build_the_same_tree)
{
    enum { N = 5000 };
    uint8_t *data = malloc(32 * N), *a = malloc(tree_bytes(N, 0)), *b = malloc(tree_bytes(N, 0));
    test_fill(data, 32 * N, 3);
    const struct sha256_engine *e = sha256_engine_best();
    struct tree_source s = tree_source_file(data, 32 * N, 32);
    for (unsigned discard = 0; discard < 5; discard += 2) {
        struct tree one = {TREE_SHA256, N, discard, a}, two = {TREE_SHA256, N, discard, b};
        memset(b, 0, tree_bytes(N, 0));
        tree_build(e, &one, &s);
        for (uint64_t piece = 4; piece-- > 0;) { /* any order */
            uint64_t first = piece * 2048;
            if (first < N) {
                tree_build_piece(e, &two, &s, first, N - first < 2048 ? N - first : 2048, 11);
            }
        }
        tree_finish(e, &two, 11);
        cr_assert_arr_eq(a, b, tree_bytes(N, discard));
    }
    free(data);
    free(a);
    free(b);
}

enum { LEAVES_MAX = 300 };

struct opened {
    uint64_t indices[LEAVES_MAX];
    uint8_t hashes[32 * LEAVES_MAX], nodes[32 * 20 * LEAVES_MAX];
    struct opening o;
};

static uint8_t scratch_memory[1 << 20] __attribute__((aligned(64)));

static struct scratch scratch(void)
{
    return (struct scratch){.data = scratch_memory, .len = sizeof scratch_memory};
}

static void open_leaves(struct opened *p, const struct tree *t, const struct tree_source *s,
                        size_t n, uint64_t (*pick)(size_t))
{
    const struct sha256_engine *e = sha256_engine_best();
    for (size_t i = 0; i < n; i++) {
        p->indices[i] = pick(i);
        tree_leaves_hash(e, t->hash, p->hashes + 32 * i, s, p->indices[i], 1);
    }
    size_t count = 0;
    uint64_t expected = 0;
    cr_assert_eq(opening_size(&expected, t->leaves, p->indices, n, scratch()), ERR_OK);
    cr_assert_eq(
        opening_prove(e, t, s, p->nodes, 20 * LEAVES_MAX, &count, p->indices, n, scratch()),
        ERR_OK);
    cr_assert_eq(count, expected);
    p->o = (struct opening){t->hash, t->leaves, p->indices, p->hashes, n, p->nodes, count};
}

static uint64_t pick_sevenths(size_t i)
{
    return 7 * i;
}

static uint64_t pick_third(size_t i)
{
    return i + 3;
}

Test(tree, openings_of_one_and_many_leaves)
{
    static uint8_t data[64 * LEAVES_MAX];
    static struct opened p;
    test_fill(data, sizeof data, 1);
    const struct sha256_engine *e = sha256_engine_best();
    uint8_t *nodes = malloc(tree_bytes(LEAVES_MAX, 0));
    for (uint64_t leaves = 8; leaves <= LEAVES_MAX; leaves += 1 + leaves / 9) {
        struct tree_source s = tree_source_file(data, 64 * leaves - 5, 64);
        for (unsigned discard = 0; discard < 4; discard++) {
            struct tree t = {TREE_SHA256, leaves, discard, nodes};
            tree_build(e, &t, &s);
            open_leaves(&p, &t, &s, (size_t)(leaves + 6) / 7, pick_sevenths);
            cr_assert_eq(opening_verify(e, &p.o, tree_root(&t), NULL, NULL, scratch()), ERR_OK);
            open_leaves(&p, &t, &s, 1, pick_third);
            cr_assert_eq(opening_verify(e, &p.o, tree_root(&t), NULL, NULL, scratch()), ERR_OK);
            cr_assert_leq(p.o.n_nodes, tree_height(leaves));
        }
    }
    free(nodes);
}

Test(tree, wrong_index_reordered_siblings_truncated_extended)
{
    static uint8_t data[64 * LEAVES_MAX];
    static struct opened p;
    test_fill(data, sizeof data, 1);
    const struct sha256_engine *e = sha256_engine_best();
    uint8_t *nodes = malloc(tree_bytes(LEAVES_MAX, 0));
    struct tree_source s = tree_source_file(data, sizeof data, 64);
    struct tree t = {TREE_SHA256, LEAVES_MAX, 0, nodes};
    tree_build(e, &t, &s);
    const uint8_t *root = tree_root(&t);
    open_leaves(&p, &t, &s, 1, pick_third);
    for (uint64_t wrong = 0; wrong < LEAVES_MAX; wrong++) {
        p.indices[0] = wrong;
        enum err err = opening_verify(e, &p.o, root, NULL, NULL, scratch());
        cr_assert(wrong == 3 ? err == ERR_OK : err != ERR_OK, "%d", (int)wrong);
    }
    p.indices[0] = LEAVES_MAX;
    cr_assert_eq(opening_verify(e, &p.o, root, NULL, NULL, scratch()), ERR_INVALID);
    p.indices[0] = 3;
    p.o.n_nodes--;
    cr_assert_eq(opening_verify(e, &p.o, root, NULL, NULL, scratch()), ERR_TRUNCATED);
    p.o.n_nodes += 2;
    cr_assert_eq(opening_verify(e, &p.o, root, NULL, NULL, scratch()), ERR_TRAILING);
    p.o.n_nodes--;
    uint8_t keep[32];
    memcpy(keep, p.nodes, 32);
    memcpy(p.nodes, p.nodes + 32, 32);
    memcpy(p.nodes + 32, keep, 32);
    cr_assert_eq(opening_verify(e, &p.o, root, NULL, NULL, scratch()), ERR_SIGNATURE);

    open_leaves(&p, &t, &s, 9, pick_sevenths);
    p.indices[4] = p.indices[3];
    cr_assert_eq(opening_verify(e, &p.o, root, NULL, NULL, scratch()), ERR_INVALID);
    free(nodes);
}

/* A node's 64 bytes offered as a leaf: without prefixes its hash would be a node of the tree and
 * the shorter proof would pass. */
Test(tree, leaf_and_node_are_kept_apart)
{
    static uint8_t data[64 * 8];
    const struct sha256_engine *e = sha256_engine_best();
    uint8_t nodes[32 * 16], fake[64], hash[32], as_node[32];
    test_fill(data, sizeof data, 1);
    struct tree_source s = tree_source_file(data, sizeof data, 64);
    struct tree t = {TREE_SHA256, 8, 0, nodes};
    tree_build(e, &t, &s);
    memcpy(fake, nodes, 64); /* the first two leaf hashes */
    tree_leaf(e, TREE_SHA256, hash, fake, 64);
    tree_node(e, TREE_SHA256, as_node, fake, fake + 32);
    cr_assert_neq(memcmp(hash, as_node, 32), 0);
    uint64_t index = 0;
    uint8_t path[64];
    tree_node_at(e, &t, &s, 1, 1, path);
    tree_node_at(e, &t, &s, 2, 1, path + 32);
    struct opening o = {TREE_SHA256, 4, &index, hash, 1, path, 2};
    cr_assert_eq(opening_verify(e, &o, tree_root(&t), NULL, NULL, scratch()), ERR_SIGNATURE);
    o.hashes = as_node; /* what a verifier that forgot the prefix would accept */
    cr_assert_eq(opening_verify(e, &o, tree_root(&t), NULL, NULL, scratch()), ERR_OK);
    o.leaves = 8; /* and the leaf count in the commitment stops it as well */
    cr_assert_neq(opening_verify(e, &o, tree_root(&t), NULL, NULL, scratch()), ERR_OK);
}

Test(tree, a_cut_is_the_proof_of_the_subset)
{
    static uint8_t data[64 * LEAVES_MAX], cut_nodes[32 * 400];
    static struct opened all, some;
    test_fill(data, sizeof data, 1);
    const struct sha256_engine *e = sha256_engine_best();
    uint8_t *nodes = malloc(tree_bytes(LEAVES_MAX, 0));
    struct tree_source s = tree_source_file(data, sizeof data, 64);
    struct tree t = {TREE_SHA256, LEAVES_MAX, 0, nodes};
    tree_build(e, &t, &s);
    open_leaves(&all, &t, &s, 40, pick_sevenths);
    bool wanted[40] = {false};
    wanted[0] = wanted[1] = wanted[17] = wanted[39] = true;
    struct opening_cut cut = {wanted, cut_nodes, 400, 0};
    cr_assert_eq(opening_verify(e, &all.o, tree_root(&t), &cut, NULL, scratch()), ERR_OK);
    size_t n = 0;
    for (size_t i = 0; i < 40; i++) {
        if (wanted[i]) {
            some.indices[n] = all.indices[i];
            memcpy(some.hashes + 32 * n++, all.hashes + 32 * i, 32);
        }
    }
    some.o = (struct opening){TREE_SHA256, LEAVES_MAX, some.indices, some.hashes,
                              n,           cut_nodes,  cut.n_nodes};
    cr_assert_eq(opening_verify(e, &some.o, tree_root(&t), NULL, NULL, scratch()), ERR_OK);
    size_t direct = 0;
    cr_assert_eq(opening_prove(e, &t, &s, some.nodes, 400, &direct, some.indices, n, scratch()),
                 ERR_OK);
    cr_assert_eq(direct, cut.n_nodes);
    cr_assert_arr_eq(some.nodes, cut_nodes, 32 * direct);
    free(nodes);
}
