/* The store: interning, references, trees of named blobs, the memo, threads. */
#include <criterion/criterion.h>
#include <pthread.h>

#include "node/crypto/hash.h"
#include "tests/support/ctx.h"

static struct store_stats stats_of(const struct shared *shared)
{
    struct store_stats stats;
    store_stats(shared, &stats);
    return stats;
}

Test(store, equal_bytes_are_one_blob)
{
    struct test_host host;
    test_host_init(&host, 1, TEST_MEMO_ON);
    uint8_t bytes[70000];
    rng_bytes(&host.rng, bytes, sizeof(bytes));
    size_t lens[] = {0, 1, 31, 32, 33, 200, 512, 513, 4000, 8192, 8193, 70000};
    for (size_t i = 0; i < sizeof(lens) / sizeof(lens[0]); i++) {
        const struct blob *a = blob_put(host.shared, bytes, lens[i]);
        const struct blob *b = blob_put(host.shared, bytes, lens[i]);
        cr_assert_eq(a, b);
        cr_assert_eq(a->len, lens[i]);
        cr_assert(memcmp(a->data, bytes, lens[i]) == 0);
        struct memo_key key = memo_key_bytes(host.shared, bytes, lens[i]);
        cr_assert(key.id[0] == a->id[0] && key.id[1] == a->id[1]);
        if (lens[i] > 0) {
            bytes[0] ^= 1;
            const struct blob *other = blob_put(host.shared, bytes, lens[i]);
            cr_assert_neq(a, other);
            blob_drop(host.shared, other);
            bytes[0] ^= 1;
        }
        cr_assert_eq(stats_of(host.shared).plain, 1);
        cr_assert_eq(stats_of(host.shared).plain_bytes, lens[i]);
        blob_drop(host.shared, a);
        cr_assert_eq(stats_of(host.shared).plain, 1);
        blob_drop(host.shared, blob_keep(host.shared, b));
        blob_drop(host.shared, b);
        cr_assert_eq(stats_of(host.shared).plain, 0);
    }
    blob_drop(host.shared, NULL);
    cr_assert_eq(test_host_end(&host), 0);
}

Test(store, many_blobs_come_and_go)
{
    enum { COUNT = 20000 };
    static const struct blob *held[COUNT];
    struct test_host host;
    test_host_init(&host, 2, TEST_MEMO_ON);
    for (unsigned round = 0; round < 3; round++) {
        for (uint32_t i = 0; i < COUNT; i++) {
            uint8_t bytes[300] = {0};
            store32(bytes, i);
            held[i] = blob_put(host.shared, bytes, 4 + i % 290);
        }
        cr_assert_eq(stats_of(host.shared).plain, COUNT);
        for (uint32_t i = 0; i < COUNT; i++) {
            uint32_t k = (uint32_t)((uint64_t)i * 7919 % COUNT); /* 7919 is prime to COUNT */
            cr_assert_eq(load32(held[k]->data), k);
            blob_drop(host.shared, held[k]);
        }
        cr_assert_eq(stats_of(host.shared).plain, 0);
    }
    uint64_t slab = stats_of(host.shared).slab_bytes;
    cr_assert_lt(slab, 32u << 20, "memory is used again: %lu", slab);
    cr_assert_eq(test_host_end(&host), 0);
}

/* A chain of named blobs, each the only child of the next. */
Test(store, a_parent_keeps_its_children)
{
    enum { DEPTH = 100000 };
    struct test_host host;
    test_host_init(&host, 3, TEST_MEMO_ON);
    uint8_t name[32];
    uint8_t child[32];
    const struct blob *last = NULL;
    for (uint32_t i = 0; i < DEPTH; i++) {
        hash256(name, &i, sizeof(i));
        const struct blob *blob =
            blob_name_put(host.shared, name, (uint8_t *)&i, sizeof(i), i == 0 ? NULL : child, NULL);
        blob_drop(host.shared, last);
        last = blob;
        memcpy(child, name, sizeof(child));
    }
    cr_assert_eq(stats_of(host.shared).named, DEPTH);
    uint32_t first = 0;
    hash256(name, &first, sizeof(first));
    const struct blob *leaf = blob_name_get(host.shared, name);
    cr_assert_not_null(leaf);
    cr_assert_eq(load32(leaf->data), 0);

    cr_assert_eq(blob_name_keep(host.shared, name), leaf);
    blob_drop(host.shared, last); /* without recursion: the stack would not hold it */
    cr_assert_eq(stats_of(host.shared).named, 1);
    cr_assert_eq(blob_name_get(host.shared, name), leaf);
    blob_drop(host.shared, leaf);
    cr_assert_null(blob_name_get(host.shared, name));
    cr_assert_null(blob_name_keep(host.shared, name));
    cr_assert_eq(test_host_end(&host), 0);
}

Test(store, a_name_keeps_its_first_bytes_and_shared_children_live_on)
{
    struct test_host host;
    test_host_init(&host, 4, TEST_MEMO_ON);
    uint8_t l[32] = {1};
    uint8_t r[32] = {2};
    uint8_t p[32] = {3};
    uint8_t q[32] = {4};
    const struct blob *left = blob_name_put(host.shared, l, l, 1, NULL, NULL);
    const struct blob *right = blob_name_put(host.shared, r, r, 1, NULL, NULL);
    const struct blob *one = blob_name_put(host.shared, p, p, 1, l, r);
    const struct blob *same = blob_name_put(host.shared, p, q, 1, l, r);
    const struct blob *two = blob_name_put(host.shared, q, q, 1, r, r);
    cr_assert_eq(one, same);
    cr_assert_eq(one->data[0], 3);
    blob_drop(host.shared, left);
    blob_drop(host.shared, right);
    blob_drop(host.shared, one);
    cr_assert_eq(stats_of(host.shared).named, 4);
    blob_drop(host.shared, same);
    cr_assert_null(blob_name_get(host.shared, l));
    cr_assert_not_null(blob_name_get(host.shared, r));
    blob_drop(host.shared, two);
    cr_assert_eq(test_host_end(&host), 0);
}

Test(store, memo_remembers_within_its_bound)
{
    struct store_config config = {.memo_entries = 4096};
    struct shared *shared = store_new(&config);
    uint8_t value[MEMO_VALUE_BYTES];
    uint64_t kept = 0;
    for (uint64_t i = 0; i < 100000; i++) {
        struct memo_key key = memo_key_bytes(shared, &i, sizeof(i));
        memset(value, (int)(i % 251), sizeof(value));
        memo_put(shared, MEMO_VOTE, key, value, sizeof(value));
        cr_assert(memo_get(shared, MEMO_VOTE, key, value, sizeof(value)));
        cr_assert_eq(value[71], i % 251);
        cr_assert_not(memo_get(shared, MEMO_PROPOSAL, key, value, sizeof(value)));
    }
    for (uint64_t i = 0; i < 100000; i++) {
        struct memo_key key = memo_key_bytes(shared, &i, sizeof(i));
        if (memo_get(shared, MEMO_VOTE, key, value, sizeof(value))) {
            cr_assert_eq(value[0], i % 251, "never another's result");
            kept++;
        }
    }
    cr_assert(kept > 2000 && kept <= 4096, "%lu", kept);
    cr_assert_leq(stats_of(shared).memo_bytes, 4096u * 112);
    cr_assert_eq(stats_of(shared).memo_entries, kept);
    cr_assert_eq(stats_of(shared).memo_misses[MEMO_PROPOSAL], 100000);
    store_free(shared);

    /* Far below the bound hardly anything is lost to sets that happen to be full. */
    config.memo_entries = 0;
    shared = store_new(&config);
    kept = 0;
    for (uint64_t i = 0; i < 60000; i++) {
        memo_put(shared, MEMO_VOTE, memo_key_bytes(shared, &i, sizeof(i)), value, 1);
    }
    for (uint64_t i = 0; i < 60000; i++) {
        kept += memo_get(shared, MEMO_VOTE, memo_key_bytes(shared, &i, sizeof(i)), value, 1);
    }
    cr_assert_geq(kept, 59400, "%lu", kept);
    store_free(shared);

    config.memo_off = true;
    shared = store_new(&config);
    struct memo_key key = {.id = {1, 2}};
    memo_put(shared, MEMO_VOTE, key, value, sizeof(value));
    cr_assert_not(memo_get(shared, MEMO_VOTE, key, value, sizeof(value)));
    store_free(shared);
}

enum { THREADS = 4, ROUNDS = 40000, NAMES = 64 };

struct worker {
    struct shared *shared;
    unsigned number;
    uint64_t wrong;
};

/* Every thread puts, finds and drops the same few blobs and two-level trees, so that counts go
 * through zero all the time. */
static void *churn(void *argument)
{
    struct worker *worker = argument;
    struct rng rng;
    rng_init_stream(&rng, 9, RNG_TEST, worker->number);
    for (unsigned i = 0; i < ROUNDS; i++) {
        uint32_t n = (uint32_t)rng_below(&rng, NAMES);
        uint8_t bytes[200] = {(uint8_t)n};
        const struct blob *plain = blob_put(worker->shared, bytes, sizeof(bytes));
        worker->wrong += plain->data[0] != n || plain->len != sizeof(bytes);
        uint8_t leaf[32];
        uint8_t parent[32];
        hash256(leaf, &n, 4);
        hash256(parent, leaf, 32);
        const struct blob *l = blob_name_put(worker->shared, leaf, leaf, 32, NULL, NULL);
        const struct blob *p = blob_name_put(worker->shared, parent, parent, 32, leaf, NULL);
        blob_drop(worker->shared, l);
        worker->wrong += blob_name_get(worker->shared, leaf) != l;
        uint32_t m = (uint32_t)rng_below(&rng, NAMES);
        hash256(leaf, &m, 4);
        const struct blob *found = blob_name_keep(worker->shared, leaf);
        if (found != NULL) {
            worker->wrong += memcmp(found->data, leaf, 32) != 0;
        }
        struct memo_key key = memo_key_bytes(worker->shared, &m, 4);
        uint32_t remembered;
        if (memo_get(worker->shared, MEMO_OTHER, key, &remembered, 4)) {
            worker->wrong += remembered != m;
        } else {
            memo_put(worker->shared, MEMO_OTHER, key, &m, 4);
        }
        blob_drop(worker->shared, found);
        blob_drop(worker->shared, p);
        blob_drop(worker->shared, plain);
    }
    return NULL;
}

Test(store, threads_share_it)
{
    struct test_host host;
    test_host_init(&host, 5, TEST_MEMO_ON);
    pthread_t threads[THREADS];
    struct worker workers[THREADS];
    for (unsigned i = 0; i < THREADS; i++) {
        workers[i] = (struct worker){.shared = host.shared, .number = i};
        cr_assert_eq(pthread_create(&threads[i], NULL, churn, &workers[i]), 0);
    }
    for (unsigned i = 0; i < THREADS; i++) {
        pthread_join(threads[i], NULL);
        cr_assert_eq(workers[i].wrong, 0);
    }
    cr_assert_eq(stats_of(host.shared).puts, THREADS * ROUNDS);
    cr_assert_eq(test_host_end(&host), 0);
}

Test(ctx, effects_carry_what_was_asked)
{
    struct test_host host;
    test_host_init(&host, 6, TEST_MEMO_ON);
    struct ctx *c = &host.c;
    uint8_t key[40] = {'k'};
    struct write_batch batch;
    ctx_write_begin(c, &batch);
    for (uint8_t i = 0; i < 100; i++) {
        key[39] = i;
        ctx_write_put(c, &batch, span_of(key, sizeof(key)), span_of(&i, 1));
    }
    uint32_t write = ctx_write_commit(c, &batch);
    uint32_t read = ctx_read(c, span_of("k", 1), span_of(NULL, 0), 7, true);
    cr_assert(write != 0 && read != 0 && write != read);
    ctx_send_bytes(c, 0x8000000000000005u, span_of("frame", 5));
    ctx_reply(c, 77, ERR_FEE, span_of("why", 3));
    ctx_trace(c, TRACE_tip_changed, 9, 8);
    ctx_charge(c, COST_VERIFY, 3);

    const struct effect *list = host.out->list;
    cr_assert_eq(host.out->count, 7);
    cr_assert(list[0].kind == EFFECT_WRITE && list[0].write.count == 100);
    for (size_t i = 0; i < 100; i++) {
        cr_assert(list[0].write.ops[i].key.data[39] == i && list[0].write.ops[i].key.len == 40);
        cr_assert_eq(list[0].write.ops[i].value->data[0], i);
    }
    cr_assert(list[1].kind == EFFECT_READ && list[1].read.request == read &&
              list[1].read.backwards);
    cr_assert(list[2].send.link == 0 && list[3].send.link == 2 && list[4].send.link == 63);
    cr_assert_eq(list[2].send.frame, list[4].send.frame);
    cr_assert(list[5].reply.err == ERR_FEE && memcmp(list[5].reply.data.data, "why", 3) == 0);
    cr_assert(list[6].trace.value[1] == 8 && list[6].trace.value[2] == 0);
    cr_assert_eq(host.out->charge[COST_VERIFY], 3);
    test_host_step_end(&host);

    for (unsigned i = 0; i < EFFECTS_MAX + 10; i++) {
        ctx_send_bytes(c, 2, span_of(&i, sizeof(i)));
    }
    cr_assert_eq(host.out->count, EFFECTS_MAX);
    cr_assert_eq(list[EFFECTS_MAX - 1].trace.kind, TRACE_limit_reached);
    cr_assert_eq(test_host_end(&host), 0);
}

/* A store may ask another's memo which signatures and proofs were made there, and nothing else. */
Test(store, what_was_made_on_another_is_known)
{
    struct store_config config = {.memo_entries = 4096};
    struct shared *maker = store_new(&config);
    config = (struct store_config){.memo_off = true, .made_on = maker};
    struct shared *judge = store_new(&config);
    uint8_t value = 1;

    for (int kind = 0; kind < MEMO_KINDS; kind++) {
        struct memo_key key = {.id = {7, (uint64_t)kind}};
        value = 1;
        memo_put(maker, (enum memo_kind)kind, key, &value, 1);
        value = 0;
        bool known = memo_get(judge, (enum memo_kind)kind, key, &value, 1);
        cr_assert_eq(known, kind == MEMO_VERIFY || kind == MEMO_VRF, "%d", kind);
        cr_assert_eq(value, known);
        memo_put(judge, (enum memo_kind)kind, (struct memo_key){.id = {8, 8}}, &value, 1);
        cr_assert_not(
            memo_get(maker, (enum memo_kind)kind, (struct memo_key){.id = {8, 8}}, &value, 1));
    }
    cr_assert_eq(stats_of(maker).memo_hits[MEMO_VRF], 0, "its own questions alone are counted");
    store_free(judge);
    store_free(maker);
}

/* What was signed and proven here is good without a check, with the memo and without; anything else
 * is what the check says. */
Test(ctx, own_signatures_and_proofs_are_good_and_no_others)
{
    struct sign_secret key;
    struct vrf_secret vrf;
    uint8_t sig[SIGN_BYTES], again[SIGN_BYTES], proof[VRF_PROOF_BYTES];
    uint8_t beta[VRF_BETA_BYTES], checked[VRF_BETA_BYTES];
    const uint8_t genesis[32] = {5};
    const uint8_t seed[32] = {9};
    struct span alpha = span_of("alpha", 5);
    struct sign_message message = {
        .context = SIGN_CONTEXT("tx"), .genesis = genesis, .body = {span_of("body", 4)}};
    struct sign_message other = message;

    other.body[0] = span_of("bode", 4);
    sign_keypair(&key, seed);
    vrf_keypair(&vrf, seed);
    for (int memo = 0; memo < 2; memo++) {
        struct test_host host;
        test_host_init(&host, 1, memo == 0 ? TEST_MEMO_ON : TEST_MEMO_OFF);
        for (int round = 0; round < 2; round++) {
            ctx_sign(&host.c, sig, &key, &message);
            sign_make(again, &key, &message);
            cr_assert_arr_eq(sig, again, SIGN_BYTES);
            cr_assert_eq(ctx_sign_verify(host.shared, sig, key.public_key, &message), ERR_OK);
            cr_assert_eq(ctx_sign_verify(host.shared, sig, key.public_key, &other), ERR_SIGNATURE);
            again[3] ^= 1;
            cr_assert_eq(ctx_sign_verify(host.shared, again, key.public_key, &message),
                         ERR_SIGNATURE);
            cr_assert_eq(ctx_vrf_prove(&host.c, proof, &vrf, alpha), ERR_OK);
            cr_assert_eq(ctx_vrf_verify(host.shared, beta, vrf.public_key, proof, alpha), ERR_OK);
            cr_assert_eq(vrf_verify(checked, vrf.public_key, proof, alpha), ERR_OK);
            cr_assert_arr_eq(beta, checked, VRF_BETA_BYTES);
            proof[79] ^= 1;
            cr_assert_neq(ctx_vrf_verify(host.shared, beta, vrf.public_key, proof, alpha), ERR_OK);
            cr_assert_neq(
                ctx_vrf_verify(host.shared, beta, vrf.public_key, proof, span_of("alphb", 5)),
                ERR_OK);
        }
        cr_assert_eq(test_host_end(&host), 0);
    }
}
