/* The block tree against a plain list of the same blocks: everything is recomputed the slow way. */
#include <criterion/criterion.h>
#include <stdlib.h>

#include "node/base/rng.h"
#include "node/chain/durable.h"
#include "node/chain/tree.h"
#include "tests/support/ctx.h"

enum { CAPACITY = 96, MODEL_MAX = 4096 };

struct model_block {
    uint8_t id[32];
    int parent; /* -1: the root */
    uint64_t height;
    u128 score;
    bool alive;
    uint32_t index;
};

static struct test_host host;
static struct tree_entry entries[CAPACITY];
static struct tree tree;
static struct model_block model[MODEL_MAX];
static int model_count, root;

static void id_make(uint8_t id[32], int n)
{
    struct rng rng;
    rng_init_stream(&rng, 77, RNG_TEST, (uint64_t)n);
    rng_bytes(&rng, id, 32);
}

static enum err add(int parent, uint64_t weight)
{
    struct model_block *b = &model[model_count];
    id_make(b->id, model_count);
    b->parent = parent;
    b->height = parent < 0 ? 0 : model[parent].height + 1;
    b->score = (parent < 0 ? 0 : model[parent].score) + weight;
    struct tree_entry facts = {.parent = parent < 0 ? TREE_NONE : model[parent].index,
                               .height = b->height,
                               .ts_ms = 1000 * b->height,
                               .bt = 7 + b->height,
                               .score = b->score,
                               .state = blob_put(host.shared, b->id, 16),
                               .block = blob_put(host.shared, b->id, 32)};
    memcpy(facts.id, b->id, 32);
    enum err err = tree_add(&tree, &b->index, &facts);
    if (err != ERR_OK) {
        blob_drop(host.shared, facts.state);
        blob_drop(host.shared, facts.block);
        return err;
    }
    b->alive = true;
    model_count++;
    return ERR_OK;
}

static bool model_descends(int i, int ancestor)
{
    while (i >= 0 && i != ancestor) {
        i = model[i].parent;
    }
    return i == ancestor;
}

static int alive_nth(uint64_t n)
{
    for (int i = 0;; i = (i + 1) % model_count) {
        if (model[i].alive && n-- == 0) {
            return i;
        }
    }
}

static int model_best(int from)
{
    int best = from;
    for (int i = 0; i < model_count; i++) {
        if (model[i].alive && model_descends(i, from) && model[i].score > model[best].score) {
            best = i;
        }
    }
    return best;
}

static void compare(struct rng *rng)
{
    for (int i = 0; i < model_count; i++) {
        uint32_t found = tree_find(&tree, model[i].id);
        cr_assert_eq(found, model[i].alive ? model[i].index : TREE_NONE);
    }
    int a = alive_nth(rng_below(rng, tree.count));
    int b = alive_nth(rng_below(rng, tree.count));
    cr_assert_eq(tree_descends(&tree, model[a].index, model[b].index), model_descends(a, b));
    cr_assert_eq(tree_best(&tree, model[a].index), model[model_best(a)].index);

    int fork = a;
    while (!model_descends(b, fork)) {
        fork = model[fork].parent;
    }
    cr_assert_eq(tree_fork(&tree, model[a].index, model[b].index), model[fork].index);

    /* Ancestors reach below the checkpoint, through the ring. */
    struct ancestor ancestors[RETARGET_WINDOW];
    size_t count = tree_ancestors(&tree, ancestors, model[a].index);
    uint64_t expected = model[a].height + 1;
    cr_assert_eq(count, expected < RETARGET_WINDOW ? expected : RETARGET_WINDOW);
    for (size_t i = 0; i < count; i++) {
        cr_assert_eq(ancestors[i].height, model[a].height - i);
        cr_assert_eq(ancestors[i].ts_ms, 1000 * (model[a].height - i));
        cr_assert_eq(ancestors[i].bt, 7 + model[a].height - i);
    }
}

static void rebase(int to)
{
    uint32_t losers[CAPACITY];
    size_t count = tree_losers(&tree, losers, model[to].index);
    size_t expected = 0;
    for (int i = 0; i < model_count; i++) {
        if (model[i].alive && !model_descends(i, to) && !model_descends(to, i)) {
            bool listed = false;
            for (size_t k = 0; k < count; k++) {
                listed = listed || losers[k] == model[i].index;
            }
            cr_assert(listed);
            expected++;
        }
    }
    cr_assert_eq(count, expected);
    tree.tip = tree_best(&tree, model[to].index);
    tree_rebase(&tree, host.shared, model[to].index, losers, count);
    for (int i = 0; i < model_count; i++) {
        model[i].alive = model[i].alive && model_descends(i, to);
    }
    root = to;
    cr_assert_eq(tree.base, model[to].index);
}

/* A random leaf that may go; false: there is none. */
static bool remove_one(struct rng *rng)
{
    int at = alive_nth(rng_below(rng, tree.count));
    for (uint32_t i = 0; i < tree.count; i++, at = (at + 1) % model_count) {
        while (!model[at].alive) {
            at = (at + 1) % model_count;
        }
        if (at != root && model[at].index != tree.tip &&
            tree.entries[model[at].index].child == TREE_NONE) {
            tree_remove(&tree, host.shared, model[at].index);
            model[at].alive = false;
            return true;
        }
    }
    return false;
}

Test(block_tree, model)
{
    struct rng rng;
    rng_init_stream(&rng, 5, RNG_TEST, 1);
    test_host_init(&host, 1, TEST_MEMO_ON);
    tree_init(&tree, entries, CAPACITY, 99);
    cr_assert_eq(add(-1, 1), ERR_OK);
    root = 0;
    unsigned full = 0, moved = 0, removed = 0;
    for (int step = 0; step < 2500; step++) {
        /* Mostly near the tip, so that the chain gets long. */
        int parent =
            rng_chance(&rng, 2, 3) ? model_best(root) : alive_nth(rng_below(&rng, tree.count));
        enum err err = add(parent, 1 + rng_below(&rng, 3));
        full += err == ERR_FULL;
        cr_assert(err == ERR_OK || (err == ERR_FULL && tree.count == CAPACITY));
        if (step % 5 == 0) {
            compare(&rng);
        }
        if (err == ERR_FULL && rng_chance(&rng, 7, 8)) {
            tree.tip = tree_best(&tree, model[root].index);
            removed += remove_one(&rng);
            compare(&rng);
        } else if (err == ERR_FULL || rng_chance(&rng, 1, 40)) {
            rebase(alive_nth(rng_below(&rng, tree.count)));
            moved++;
        }
    }
    cr_assert_gt(full, 0);
    cr_assert_gt(moved, 20);
    cr_assert_gt(removed, 50);
    cr_assert_gt(model[root].height, 2 * RETARGET_WINDOW, "the ring must have wrapped");
    tree_clear(&tree, host.shared);
    cr_assert_eq(test_host_end(&host), 0);
}

Test(block_tree, first_seen_wins_a_tie)
{
    test_host_init(&host, 1, TEST_MEMO_ON);
    tree_init(&tree, entries, CAPACITY, 3);
    model_count = 0;
    cr_assert_eq(add(-1, 1), ERR_OK);
    for (int i = 0; i < 10; i++) {
        cr_assert_eq(add(0, 5), ERR_OK);
    }
    cr_assert_eq(tree_best(&tree, 0), model[1].index);
    tree_clear(&tree, host.shared);
    cr_assert_eq(test_host_end(&host), 0);
}

/* Which heights may be signed, against a table. */
Test(block_tree, signed_heights)
{
    struct signed_record record = {.height = 0};
    struct signed_record again;
    uint8_t bytes[RECORD_SIGNED_BYTES];
    bool taken[400] = {false};
    uint64_t draw = 1;
    uint64_t top = 0;

    for (unsigned i = 0; i < 3000; i++) {
        draw = draw * UINT64_C(6364136223846793005) + 1442695040888963407;
        uint64_t height =
            1 + (draw >> 33) % (top + 70 < 400 ? (i % 50 == 0 ? top + 69 : top + 2) : 399);
        bool allowed = signed_record_allows(&record, height);
        cr_assert(!allowed || !taken[height]);
        cr_assert(allowed || taken[height] || height + SIGNED_WINDOW <= top);
        if (allowed) {
            signed_record_note(&record, height);
            taken[height] = true;
            top = height > top ? height : top;
        }
        signed_record_encode(bytes, &record);
        cr_assert_eq(signed_record_decode(&again, span_of(bytes, sizeof(bytes))), ERR_OK);
        cr_assert_eq(memcmp(&again, &record, sizeof(record)), 0);
        record = again;
    }
    cr_assert_geq(top, 300);
}
