/* The state tree against its definition (docs/wire.md 6): a naive recursive root over a sorted list
 * of leaves, written here from the page alone. */
#include <criterion/criterion.h>
#include <stdlib.h>

#include "node/chain/state.h"
#include "node/crypto/hash.h"
#include "tests/support/ctx.h"

struct leaf {
    uint8_t key[32];
    uint8_t value[40];
    size_t len;
};

static int leaf_compare(const void *a, const void *b)
{
    return memcmp(((const struct leaf *)a)->key, ((const struct leaf *)b)->key, 32);
}

/* leaves sorted; all agree on the first `depth` bits */
static void naive_root(uint8_t root[32], const struct leaf *leaves, size_t count, unsigned depth)
{
    memset(root, 0, 32);
    if (count == 0) {
        return;
    }
    uint8_t bytes[65];
    if (count == 1) {
        bytes[0] = 0;
        memcpy(bytes + 1, leaves->key, 32);
        hash256(bytes + 33, leaves->value, leaves->len);
    } else {
        size_t zeros = 0;
        while (zeros < count && (leaves[zeros].key[depth / 8] >> (7 - depth % 8) & 1) == 0) {
            zeros++;
        }
        bytes[0] = 1;
        naive_root(bytes + 1, leaves, zeros, depth + 1);
        naive_root(bytes + 33, leaves + zeros, count - zeros, depth + 1);
    }
    hash256(root, bytes, sizeof(bytes));
}

static void leaves_make(struct leaf *leaves, size_t count, struct rng *rng)
{
    for (size_t i = 0; i < count; i++) {
        rng_bytes(rng, leaves[i].key, 32);
        if (i % 5 == 4) { /* close neighbours: long chains */
            memcpy(leaves[i].key, leaves[i - 1].key, 31);
        }
        leaves[i].len = 1 + rng_below(rng, 40);
        rng_bytes(rng, leaves[i].value, leaves[i].len);
    }
}

static void put(struct state_edit *edit, const struct leaf *leaf)
{
    cr_assert_eq(state_edit_put(edit, leaf->key, span_of(leaf->value, leaf->len)), ERR_OK);
}

/* Commits, drops the old root, and returns the new one in root. */
static const struct blob *commit(uint8_t root[32], struct state_edit *edit, struct test_host *host,
                                 const struct blob *old)
{
    const struct blob *blob;
    cr_assert_eq(state_edit_commit(root, &blob, edit), ERR_OK);
    blob_drop(host->shared, old);
    arena_reset(&host->scratch);
    return blob;
}

static uint64_t named(const struct test_host *host)
{
    struct store_stats stats;
    store_stats(host->shared, &stats);
    return stats.named;
}

Test(state, root_is_the_definition_whatever_the_order)
{
    static struct leaf leaves[1000];
    static struct leaf sorted[1000];
    static uint32_t order[1000];
    size_t counts[] = {0, 1, 2, 3, 5, 17, 1000};
    struct test_host host;
    test_host_init(&host, 1, TEST_MEMO_ON);
    for (size_t n = 0; n < sizeof(counts) / sizeof(counts[0]); n++) {
        size_t count = counts[n];
        leaves_make(leaves, count, &host.rng);
        memcpy(sorted, leaves, sizeof(sorted));
        qsort(sorted, count, sizeof(sorted[0]), leaf_compare);
        uint8_t expected[32];
        naive_root(expected, sorted, count, 0);
        for (uint32_t i = 0; i < count; i++) {
            order[i] = i;
        }
        uint64_t nodes = 0;
        for (unsigned way = 0; way < 4; way++) { /* all at once, then in batches, shuffled */
            rng_shuffle(&host.rng, order, count, sizeof(order[0]));
            uint8_t root[32] = {0};
            const struct blob *blob = NULL;
            size_t batch = way == 0 ? count + 1 : 1 + count / (7 * way);
            for (size_t i = 0; i < count || i == 0; i += batch) {
                struct state_edit *edit = state_edit_begin(host.shared, root, &host.scratch);
                for (size_t k = i; k < i + batch && k < count; k++) {
                    put(edit, &sorted[order[k]]);
                }
                blob = commit(root, edit, &host, blob);
            }
            cr_assert(memcmp(root, expected, 32) == 0, "%zu leaves, way %u", count, way);
            cr_assert_eq(count == 0, blob == NULL);
            nodes = way == 0 ? named(&host) : nodes;
            cr_assert_eq(named(&host), nodes, "only the nodes of this tree are kept");
            blob_drop(host.shared, blob);
            cr_assert_eq(named(&host), 0);
        }
    }
    cr_assert_eq(test_host_end(&host), 0);
}

Test(state, history_leaves_no_trace)
{
    enum { COUNT = 400 };
    static struct leaf leaves[COUNT];
    static bool present[COUNT];
    static struct leaf sorted[COUNT];
    struct test_host host;
    test_host_init(&host, 2, TEST_MEMO_ON);
    leaves_make(leaves, COUNT, &host.rng);
    uint8_t root[32] = {0};
    const struct blob *blob = NULL;
    for (unsigned round = 0; round < 300; round++) {
        struct state_edit *edit = state_edit_begin(host.shared, root, &host.scratch);
        uint64_t changes = rng_below(&host.rng, round % 50 == 49 ? 2 * COUNT : 8);
        for (uint64_t i = 0; i < changes; i++) {
            size_t k = rng_below(&host.rng, COUNT);
            present[k] = rng_below(&host.rng, round % 100 < 50 ? 3 : 2) != 0;
            if (present[k]) {
                rng_bytes(&host.rng, leaves[k].value, leaves[k].len);
                put(edit, &leaves[k]);
            } else {
                struct leaf gone = leaves[k];
                gone.len = 0;
                put(edit, &gone);
            }
            struct span value;
            enum err err = state_edit_get(&value, edit, leaves[k].key);
            cr_assert_eq(err, present[k] ? ERR_OK : ERR_NOT_FOUND);
        }
        blob = commit(root, edit, &host, blob);
        size_t count = 0;
        for (size_t k = 0; k < COUNT; k++) {
            struct span value;
            enum err err = state_get(&value, host.shared, root, leaves[k].key);
            cr_assert_eq(err, present[k] ? ERR_OK : ERR_NOT_FOUND);
            if (present[k]) {
                cr_assert(value.len == leaves[k].len &&
                          memcmp(value.data, leaves[k].value, value.len) == 0);
                sorted[count++] = leaves[k];
            }
        }
        qsort(sorted, count, sizeof(sorted[0]), leaf_compare);
        uint8_t expected[32];
        naive_root(expected, sorted, count, 0);
        cr_assert(memcmp(root, expected, 32) == 0, "round %u", round);

        struct state_walk walk;
        state_walk_begin(&walk, host.shared, root);
        struct span value;
        for (size_t k = 0; k < count; k++) {
            cr_assert_eq(state_walk_next(&walk, &value), ERR_OK);
            cr_assert(memcmp(value.data, sorted[k].value, value.len) == 0);
        }
        cr_assert_eq(state_walk_next(&walk, &value), ERR_NOT_FOUND);
    }
    blob_drop(host.shared, blob);
    cr_assert_eq(test_host_end(&host), 0);
}

Test(state, undo_is_the_inverse)
{
    static struct leaf leaves[200];
    struct test_host host;
    test_host_init(&host, 3, TEST_MEMO_ON);
    leaves_make(leaves, 200, &host.rng);
    uint8_t zeros[32] = {0};
    uint8_t first[32];
    struct state_edit *edit = state_edit_begin(host.shared, zeros, &host.scratch);
    for (size_t i = 0; i < 100; i++) {
        put(edit, &leaves[i]);
    }
    const struct blob *blob = commit(first, edit, &host, NULL);

    uint8_t expected[32];
    edit = state_edit_begin(host.shared, first, &host.scratch);
    for (size_t i = 100; i < 110; i++) {
        put(edit, &leaves[i]);
    }
    const struct blob *kept = commit(expected, edit, &host, NULL);

    edit = state_edit_begin(host.shared, first, &host.scratch);
    for (size_t i = 100; i < 200; i++) {
        size_t mark = state_edit_mark(edit);
        if (i >= 110) {
            put(edit, &leaves[i - 100]);
            struct leaf gone = leaves[i - 105];
            gone.len = 0;
            put(edit, &gone);
        }
        put(edit, &leaves[i]);
        if (i >= 110) {
            state_edit_undo(edit, mark);
            struct span value;
            cr_assert_eq(state_edit_get(&value, edit, leaves[i].key), ERR_NOT_FOUND);
            cr_assert_eq(state_edit_get(&value, edit, leaves[i - 105].key), ERR_OK);
        }
    }
    uint8_t root[32];
    const struct blob *again = commit(root, edit, &host, NULL);
    cr_assert(memcmp(root, expected, 32) == 0 && again == kept);
    blob_drop(host.shared, kept);
    blob_drop(host.shared, again);
    blob_drop(host.shared, blob);
    cr_assert_eq(test_host_end(&host), 0);
}

/* No proof with a byte changed, cut or added proves anything. */
static void mutations_fail(const uint8_t root[32], const struct leaf *leaf, struct span value,
                           const uint8_t *proof, size_t len)
{
    static uint8_t bad[STATE_PROOF_BYTES_MAX + 1];
    bool is_long = len > 1024; /* then one bit of every seventh byte */
    for (size_t i = 0; i < len; i += is_long ? 7 : 1) {
        unsigned step = is_long ? 8 : 1;
        for (unsigned bit = (unsigned)i % step; bit < 8; bit += step) {
            memcpy(bad, proof, len);
            bad[i] ^= (uint8_t)(1u << bit);
            cr_assert_neq(state_verify(root, leaf->key, value, span_of(bad, len)), ERR_OK);
        }
    }
    memcpy(bad, proof, len);
    bad[len] = 0;
    cr_assert_neq(state_verify(root, leaf->key, value, span_of(bad, len + 1)), ERR_OK);
    cr_assert_neq(state_verify(root, leaf->key, value, span_of(bad, len - 1)), ERR_OK);
}

Test(state, proofs_prove_presence_and_absence)
{
    static struct leaf leaves[64];
    static uint8_t proof[STATE_PROOF_BYTES_MAX];
    size_t counts[] = {0, 1, 2, 3, 40};
    struct test_host host;
    test_host_init(&host, 4, TEST_MEMO_ON);
    for (size_t n = 0; n < sizeof(counts) / sizeof(counts[0]); n++) {
        leaves_make(leaves, 64, &host.rng);
        uint8_t root[32] = {0};
        struct state_edit *edit = state_edit_begin(host.shared, root, &host.scratch);
        for (size_t i = 0; i < counts[n]; i++) {
            put(edit, &leaves[i]);
        }
        const struct blob *blob = commit(root, edit, &host, NULL);
        for (size_t i = 0; i < 64; i++) {
            size_t len;
            cr_assert_eq(state_prove(proof, sizeof(proof), &len, host.shared, root, leaves[i].key),
                         ERR_OK);
            struct span bytes = span_of(proof, len);
            struct span real = span_of(leaves[i].value, leaves[i].len);
            struct span none = span_of(NULL, 0);
            bool present = i < counts[n];
            cr_assert_eq(state_verify(root, leaves[i].key, real, bytes),
                         present ? ERR_OK : ERR_SIGNATURE);
            cr_assert_eq(state_verify(root, leaves[i].key, none, bytes),
                         present ? ERR_SIGNATURE : ERR_OK);
            mutations_fail(root, &leaves[i], present ? real : none, proof, len);
            leaves[i].value[0] ^= 1;
            cr_assert_eq(state_verify(root, leaves[i].key, real, bytes), ERR_SIGNATURE);
            leaves[i].value[0] ^= 1;
            size_t short_len;
            cr_assert_eq(state_prove(proof, len - 1, &short_len, host.shared, root, leaves[i].key),
                         ERR_FULL);
        }
        blob_drop(host.shared, blob);
    }
    cr_assert_eq(test_host_end(&host), 0);
}

Test(state, a_missing_or_broken_node_is_said)
{
    struct test_host host;
    test_host_init(&host, 5, TEST_MEMO_ON);
    uint8_t root[32] = {7};
    uint8_t key[32] = {1};
    struct span value;
    cr_assert_eq(state_get(&value, host.shared, root, key), ERR_UNKNOWN);
    const struct blob *blob = blob_name_put(host.shared, root, key, 3, NULL, NULL);
    cr_assert_eq(state_get(&value, host.shared, root, key), ERR_CORRUPT);
    struct state_edit *edit = state_edit_begin(host.shared, root, &host.scratch);
    cr_assert_eq(state_edit_put(edit, key, span_of(key, 1)), ERR_CORRUPT);
    blob_drop(host.shared, blob);

    uint8_t memory[512];
    struct arena small;
    arena_init(&small, memory + 16 - (uintptr_t)memory % 16, 480);
    uint8_t zeros[32] = {0};
    edit = state_edit_begin(host.shared, zeros, &small);
    cr_assert_not_null(edit);
    cr_assert_eq(state_edit_put(edit, key, span_of(key, 32)), ERR_FULL);
    cr_assert_null(state_edit_begin(host.shared, zeros, &(struct arena){.base = memory}));
    cr_assert_eq(test_host_end(&host), 0);
}
