/* The transaction pool against a plain list, and what it offers to a block. */
#include <criterion/criterion.h>
#include <stdlib.h>

#include "node/base/rng.h"
#include "node/chain/txpool.h"
#include "node/crypto/hash.h"
#include "tests/support/ctx.h"

enum { CAPACITY = 64, SENDERS = 9, SENDER_MAX = 12, STEPS = 20000 };

struct model_tx {
    struct tx_facts facts;
    bool alive;
};

static struct test_host host;
static struct txpool pool;
static struct model_tx model[STEPS + 1];
static int model_count;

static void pool_begin(uint32_t capacity, uint64_t key)
{
    void *memory = calloc(1, txpool_bytes(capacity));
    cr_assert_not_null(memory);
    txpool_init(&pool, memory, capacity, key);
}

static void pool_end(void)
{
    txpool_clear(&pool, host.shared);
    free(pool.by_id);
}

static const struct blob *tx_make(struct tx_facts *facts, struct rng *rng, int serial)
{
    uint8_t bytes[400];
    size_t len = 140 + rng_below(rng, 200);
    memset(bytes, 0, sizeof(bytes));
    store32(bytes, (uint32_t)serial);
    *facts = (struct tx_facts){.nonce = rng_below(rng, 16),
                               .fee_max = 100 + rng_below(rng, 1000),
                               .expiry = 50 + rng_below(rng, 2000),
                               .bytes = (uint32_t)len};
    memset(facts->sender, (int)(1 + rng_below(rng, SENDERS)), 32);
    hash256(facts->id, bytes, len);
    return blob_put(host.shared, bytes, len);
}

static int model_at(const uint8_t sender[32], uint64_t nonce)
{
    for (int i = 0; i < model_count; i++) {
        if (model[i].alive && model[i].facts.nonce == nonce &&
            memcmp(model[i].facts.sender, sender, 32) == 0) {
            return i;
        }
    }
    return -1;
}

static unsigned model_alive(const uint8_t *sender)
{
    unsigned count = 0;
    for (int i = 0; i < model_count; i++) {
        count +=
            model[i].alive && (sender == NULL || memcmp(model[i].facts.sender, sender, 32) == 0);
    }
    return count;
}

/* The sender of the cheapest by fee per byte loses its highest nonce. */
static int model_victim(void)
{
    int cheapest = -1;
    for (int i = 0; i < model_count; i++) {
        if (!model[i].alive) {
            continue;
        }
        double rate = (double)model[i].facts.fee_max / model[i].facts.bytes;
        if (cheapest < 0 ||
            rate < (double)model[cheapest].facts.fee_max / model[cheapest].facts.bytes) {
            cheapest = i;
        }
    }
    return cheapest;
}

static void model_remove_last(const uint8_t sender[32])
{
    int last = -1;
    for (int i = 0; i < model_count; i++) {
        if (model[i].alive && memcmp(model[i].facts.sender, sender, 32) == 0 &&
            (last < 0 || model[i].facts.nonce > model[last].facts.nonce)) {
            last = i;
        }
    }
    model[last].alive = false;
}

static enum err model_add(const struct tx_facts *facts)
{
    int old = model_at(facts->sender, facts->nonce);
    if (old >= 0) {
        if (10 * facts->fee_max < 11 * model[old].facts.fee_max) {
            return ERR_FEE;
        }
        model[old].alive = false;
    } else if (model_alive(facts->sender) >= SENDER_MAX) {
        return ERR_FULL;
    } else if (model_alive(NULL) == CAPACITY) {
        int victim = model_victim();
        if ((double)facts->fee_max / facts->bytes <=
            (double)model[victim].facts.fee_max / model[victim].facts.bytes) {
            return ERR_FEE;
        }
        model_remove_last(model[victim].facts.sender);
    }
    model[model_count++] = (struct model_tx){.facts = *facts, .alive = true};
    return ERR_OK;
}

static void compare(void)
{
    cr_assert_eq(pool.count, model_alive(NULL));
    for (int i = 0; i < model_count; i++) {
        cr_assert_eq(txpool_find(&pool, model[i].facts.id) != NULL, model[i].alive);
    }
}

Test(txpool, model)
{
    struct rng rng;
    unsigned outcome[ERR_COUNT] = {0};
    rng_init_stream(&rng, 8, RNG_TEST, 2);
    test_host_init(&host, 1, TEST_MEMO_ON);
    pool_begin(CAPACITY, 1234);
    uint64_t height = 1;
    for (int step = 0; step < STEPS; step++) {
        struct tx_facts facts;
        bool evicted;
        const struct blob *tx = tx_make(&facts, &rng, step);
        facts.expiry += height;
        enum err err = txpool_add(&pool, host.shared, &evicted, &facts, tx, SENDER_MAX);
        cr_assert_eq(err, model_add(&facts), "step %d: %s", step, err_text(err));
        outcome[err]++;
        if (err == ERR_OK) {
            cr_assert_eq(txpool_add(&pool, host.shared, &evicted, &facts, tx, SENDER_MAX),
                         ERR_DUPLICATE);
        }
        blob_drop(host.shared, tx);
        if (rng_chance(&rng, 1, 60)) {
            uint8_t sender[32];
            uint64_t nonce = rng_below(&rng, 16);
            memset(sender, (int)(1 + rng_below(&rng, SENDERS)), 32);
            txpool_pass(&pool, host.shared, sender, nonce);
            for (int i = 0; i < model_count; i++) {
                model[i].alive = model[i].alive && (model[i].facts.nonce > nonce ||
                                                    memcmp(model[i].facts.sender, sender, 32) != 0);
            }
        }
        if (rng_chance(&rng, 1, 50)) {
            height += 20;
            txpool_expire(&pool, host.shared, height);
            for (int i = 0; i < model_count; i++) {
                model[i].alive = model[i].alive && model[i].facts.expiry >= height;
            }
        }
        if (step % 100 == 0) {
            compare();
        }
    }
    cr_assert_gt(outcome[ERR_OK], 500);
    cr_assert_gt(outcome[ERR_FEE], 500);
    cr_assert_gt(outcome[ERR_FULL], 20);
    pool_end();
    cr_assert_eq(test_host_end(&host), 0);
}

/* Fills the pool with random transactions; returns how many it took. */
static uint32_t fill(struct rng *rng, int from)
{
    for (int i = 0; i < 400; i++) {
        struct tx_facts facts;
        bool evicted;
        const struct blob *tx = tx_make(&facts, rng, from + i);
        (void)!txpool_add(&pool, host.shared, &evicted, &facts, tx, SENDER_MAX);
        blob_drop(host.shared, tx);
    }
    return pool.count;
}

/* What is removed by name is gone and nothing else; who has a greater nonce pooled waits. */
Test(txpool, remove_and_waits)
{
    struct rng rng;
    rng_init_stream(&rng, 9, RNG_TEST, 2);
    test_host_init(&host, 1, TEST_MEMO_ON);
    pool_begin(CAPACITY, 99);
    uint32_t count = fill(&rng, 0);
    cr_assert_gt(count, 40);
    for (uint32_t i = 0; i < pool.used; i++) {
        struct txpool_entry e = pool.entries[i];
        bool waits = false;
        if (e.tx == NULL) {
            continue;
        }
        for (uint32_t k = 0; k < pool.used; k++) {
            const struct txpool_entry *o = &pool.entries[k];
            waits |= o->tx != NULL && memcmp(o->sender, e.sender, 32) == 0 && o->nonce > e.nonce;
        }
        cr_assert_eq(txpool_waits(&pool, e.sender, e.nonce), waits);
        txpool_remove(&pool, host.shared, e.id);
        txpool_remove(&pool, host.shared, e.id);
        cr_assert_eq(pool.count, --count);
        cr_assert_null(txpool_find(&pool, e.id));
        cr_assert_eq(txpool_waits(&pool, e.sender, e.nonce), waits);
    }
    cr_assert_eq(pool.count, 0);
    pool_end();
    cr_assert_eq(test_host_end(&host), 0);
}

static const struct txpool_entry *entry_of(struct span tx)
{
    uint8_t id[32];
    hash256(id, tx.data, tx.len);
    return txpool_find(&pool, id);
}

Test(txpool, select)
{
    struct rng rng;
    struct span *txs;
    rng_init_stream(&rng, 9, RNG_TEST, 3);
    test_host_init(&host, 1, TEST_MEMO_ON);
    pool_begin(CAPACITY, 55);
    uint32_t count = fill(&rng, 0);
    cr_assert_eq(count, CAPACITY);

    for (unsigned multiplier = 0; multiplier < 6; multiplier++) {
        size_t taken = txpool_select(&pool, &host.scratch, &txs, multiplier);
        cr_assert_gt(taken, 0);
        for (size_t i = 0; i < taken; i++) {
            const struct txpool_entry *e = entry_of(txs[i]);
            cr_assert_not_null(e);
            cr_assert_geq(e->fee_max, multiplier * e->tx->len);
            for (size_t k = 0; k < i; k++) {
                const struct txpool_entry *before = entry_of(txs[k]);
                cr_assert_neq(before, e);
                if (memcmp(before->sender, e->sender, 32) == 0) {
                    cr_assert_lt(before->nonce, e->nonce);
                }
            }
        }
        arena_reset(&host.scratch);
    }
    /* What is left out is left out for its nonce: a gap before it. */
    size_t taken = txpool_select(&pool, &host.scratch, &txs, 0);
    for (uint32_t i = 0; i < pool.used; i++) {
        const struct txpool_entry *e = &pool.entries[i];
        bool chosen = false;
        for (size_t k = 0; k < taken; k++) {
            chosen = chosen || txs[k].data == e->tx->data;
        }
        if (!chosen) {
            uint64_t least = e->nonce;
            for (uint64_t n = 0; n < e->nonce; n++) {
                if (least == e->nonce && txpool_find_nonce(&pool, e->sender, n) != NULL) {
                    least = n;
                }
            }
            cr_assert_lt(txpool_next_nonce(&pool, e->sender, least), e->nonce);
        }
    }
    pool_end();
    cr_assert_eq(test_host_end(&host), 0);
}

Test(txpool, match)
{
    struct rng rng;
    const struct blob *found[200];
    uint64_t wanted[200];
    uint8_t block_id[32];
    rng_init_stream(&rng, 10, RNG_TEST, 4);
    test_host_init(&host, 1, TEST_MEMO_ON);
    pool_begin(CAPACITY, 56);
    uint32_t count = fill(&rng, 1000);
    rng_bytes(&rng, block_id, 32);
    for (uint32_t i = 0; i < 200; i++) {
        uint8_t sip[16];
        wanted[i] = rng_u64(&rng);
        if (i % 2 == 0 && i / 2 < count) {
            hash_siphash128(sip, block_id, pool.entries[i / 2].id, 32);
            wanted[i] = load64(sip);
        }
    }
    wanted[1] = wanted[0]; /* one short id in two places: neither is trusted */
    size_t matches = txpool_match(&pool, &host.scratch, found, block_id, wanted, 200);
    cr_assert_eq(matches, count - 1);
    for (uint32_t i = 0; i < 200; i++) {
        bool expected = i % 2 == 0 && i / 2 < count && i != 0;
        cr_assert_eq(found[i], expected ? pool.entries[i / 2].tx : NULL);
    }
    cr_assert_eq(txpool_match(&pool, &host.scratch, found, block_id, wanted, 0), 0);
    pool_end();
    cr_assert_eq(test_host_end(&host), 0);
}

/* One sender with many: the first gap is found wherever it is, and the end. */
Test(txpool, next_nonce)
{
    bool evicted;
    test_host_init(&host, 1, TEST_MEMO_ON);
    pool_begin(200, 3);
    for (uint64_t nonce = 7; nonce < 7 + 150; nonce++) {
        struct tx_facts facts = {.nonce = nonce, .fee_max = 1000, .expiry = 9, .bytes = 150};
        uint8_t bytes[150] = {1};
        store64(bytes + 8, nonce);
        hash256(facts.id, bytes, sizeof(bytes));
        const struct blob *tx = blob_put(host.shared, bytes, sizeof(bytes));
        if (nonce != 100) {
            cr_assert_eq(txpool_add(&pool, host.shared, &evicted, &facts, tx, 200), ERR_OK);
        }
        blob_drop(host.shared, tx);
        uint64_t end = nonce < 100 ? nonce + 1 : 100;
        cr_assert_eq(txpool_next_nonce(&pool, facts.sender, 7), end);
        cr_assert_eq(txpool_next_nonce(&pool, facts.sender, 6), 6);
        cr_assert_eq(txpool_next_nonce(&pool, facts.sender, nonce),
                     nonce == 100 ? nonce : nonce + 1);
    }
    cr_assert_eq(txpool_next_nonce(&pool, (const uint8_t[32]){1}, 7), 7);
    pool_end();
    cr_assert_eq(test_host_end(&host), 0);
}
