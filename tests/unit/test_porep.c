#define _DEFAULT_SOURCE
#include <criterion/criterion.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "tests/support/replica.h"

static const uint8_t seed_a[32] = {1}, seed_b[32] = {2};

struct proof {
    uint8_t *data;
    size_t len;
    uint32_t challenges;
};

static struct proof prove(struct test_replica *t, const uint8_t seed[32], uint32_t challenges)
{
    struct proof p = {.challenges = challenges};
    size_t need = 0;
    cr_assert_eq(
        porep_proof_bytes(t->engine, &need, &t->r.commitment, seed, challenges, t->scratch),
        ERR_OK);
    p.data = malloc(need);
    cr_assert_eq(
        porep_prove(t->engine, p.data, need - 1, &p.len, &t->r, seed, challenges, t->scratch),
        ERR_FULL);
    cr_assert_eq(porep_prove(t->engine, p.data, need, &p.len, &t->r, seed, challenges, t->scratch),
                 ERR_OK);
    cr_assert_eq(p.len, need);
    return p;
}

static enum err verify(struct test_replica *t, const struct porep_commitment *c,
                       const uint8_t seed[32], const struct proof *p, struct porep_check *check)
{
    struct porep_check unused;
    return porep_verify(t->engine, c, seed, p->challenges, p->data, p->len,
                        check != NULL ? check : &unused, t->scratch);
}

Test(porep, every_profile_seals_proves_verifies_unseals)
{
    static const char *const names[] = {"sdr-compat", "sdr-light", "pos-sdr", "pos-rd",
                                        "test-tiny"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        struct test_replica t;
        test_replica_seal(&t, names[i], 1000, 1000 * 32 - 7, i + 1);
        struct proof p = prove(&t, seed_a, t.r.profile.porep_challenges);
        struct porep_check check;
        cr_assert_eq(verify(&t, &t.r.commitment, seed_a, &p, &check), ERR_OK, "%s", names[i]);
        cr_assert_gt(check.labels, 0);
        uint8_t *work = malloc(64 * 1000), *tree = malloc(tree_bytes(1000, 8));
        uint8_t *data = malloc(32 * 1000);
        cr_assert_eq(porep_unseal(t.engine, &t.r.commitment, data, t.replica, work, tree, NULL),
                     ERR_OK);
        cr_assert_arr_eq(data, t.data, 32 * 1000);
        t.replica[77] ^= 1;
        cr_assert_eq(
            porep_unseal(t.engine, &t.r.commitment, data, t.replica, work, tree, t.parents),
            ERR_CORRUPT);
        free(work);
        free(tree);
        free(data);
        free(p.data);
        test_replica_free(&t);
    }
}

Test(porep, truncated_extended_and_altered_proofs)
{
    struct test_replica t;
    test_replica_seal(&t, "sdr-light", 512, 16000, 1);
    struct proof p = prove(&t, seed_a, 20);
    size_t len = p.len;
    for (size_t cut = 0; cut < len; cut += 1 + len / 97) {
        p.len = cut;
        cr_assert_eq(verify(&t, &t.r.commitment, seed_a, &p, NULL), ERR_TRUNCATED);
    }
    p.data = realloc(p.data, len + 32);
    memset(p.data + len, 0, 32);
    p.len = len + 32;
    cr_assert_eq(verify(&t, &t.r.commitment, seed_a, &p, NULL), ERR_TRAILING);
    p.len = len;
    for (size_t at = 0; at < len; at += 1 + len / 301) {
        p.data[at] ^= 0x10;
        enum err err = verify(&t, &t.r.commitment, seed_a, &p, NULL);
        cr_assert(err == ERR_SIGNATURE || (at < 8 && err == ERR_VERSION), "%zu", at);
        p.data[at] ^= 0x10;
    }
    cr_assert_eq(verify(&t, &t.r.commitment, seed_a, &p, NULL), ERR_OK);
    free(p.data);
    test_replica_free(&t);
}

Test(porep, reordered_siblings)
{
    struct test_replica t;
    test_replica_seal(&t, "sdr-light", 512, 16000, 1);
    struct proof p = prove(&t, seed_a, 4);
    uint8_t keep[32], *a = p.data + p.len - 64, *b = p.data + p.len - 32;
    memcpy(keep, a, 32);
    memcpy(a, b, 32);
    memcpy(b, keep, 32);
    cr_assert_eq(verify(&t, &t.r.commitment, seed_a, &p, NULL), ERR_SIGNATURE);
    free(p.data);
    test_replica_free(&t);
}

Test(porep, replayed_challenge_is_refused)
{
    struct test_replica t;
    test_replica_seal(&t, "sdr-light", 512, 16000, 1);
    struct proof p = prove(&t, seed_a, 20);
    cr_assert_eq(verify(&t, &t.r.commitment, seed_a, &p, NULL), ERR_OK);
    cr_assert_neq(verify(&t, &t.r.commitment, seed_b, &p, NULL), ERR_OK);
    free(p.data);
    test_replica_free(&t);
}

Test(porep, proof_for_another_replica_or_verifier_set)
{
    struct test_replica one, two;
    test_replica_seal(&one, "sdr-light", 512, 16000, 1);
    test_replica_seal(&two, "sdr-light", 512, 16000, 2);
    struct proof p = prove(&one, seed_a, 20);
    cr_assert_neq(verify(&two, &two.r.commitment, seed_a, &p, NULL), ERR_OK);
    /* The same trees claimed for another contract: the identity enters replica_id, so challenges
     * and labels are others. */
    struct porep_commitment c = one.r.commitment;
    struct profile *profile = &one.r.profile;
    uint8_t host[32] = {5}, verifiers[32] = {6};
    porep_prover_id(one.engine, c.identity.prover, host, verifiers);
    porep_replica_id(one.engine, c.replica_id, profile, &c.identity, c.comm_d);
    cr_assert_neq(verify(&one, &c, seed_a, &p, NULL), ERR_OK);
    free(p.data);
    test_replica_free(&one);
    test_replica_free(&two);
}

Test(porep, two_replicas_of_one_file_share_no_node)
{
    struct test_replica one, two;
    test_replica_seal(&one, "sdr-light", 256, 0, 1);
    test_replica_seal(&two, "sdr-light", 256, 0, 2);
    for (int v = 0; v < 256; v++) {
        cr_assert_neq(memcmp(one.replica + 32 * v, two.replica + 32 * v, 32), 0);
    }
    test_replica_free(&one);
    test_replica_free(&two);
}

/* The host labels node `bad` wrongly in one layer, or encodes it wrongly, and commits to that. */
static void expect_fraud(uint32_t layer, bool encoding)
{
    struct test_replica t;
    test_replica_seal(&t, "sdr-light", 512, 16000, 1);
    uint64_t bad = porep_challenge(t.engine, t.r.commitment.replica_id, seed_a, 7, 512);
    if (encoding) {
        t.r.data = t.data;
        t.replica[32 * bad + 5] ^= 1;
    } else {
        t.layers[layer - 1][32 * bad + 5] ^= 1;
        /* A careful cheat keeps the encoding consistent with the last layer. */
        porep_xor(t.replica + 32 * bad, t.data + 32 * bad,
                  t.layers[t.r.profile.layers - 1] + 32 * bad, 32);
    }
    test_replica_commit(&t);
    struct proof p = prove(&t, seed_a, 40);
    struct porep_check check;
    cr_assert_eq(verify(&t, &t.r.commitment, seed_a, &p, &check), ERR_INVALID);
    size_t cap = 1 << 20, len = 0;
    uint8_t *fraud = malloc(cap);
    cr_assert_eq(porep_fraud_build(t.engine, fraud, cap, &len, &t.r.commitment, seed_a, 40, p.data,
                                   p.len, check.bad_node, t.scratch),
                 ERR_OK);
    cr_assert_eq(porep_fraud_verify(t.engine, &t.r.commitment, fraud, len, t.scratch), ERR_OK);
    cr_assert_leq(len, 16 + 15 * (32 * 10 + 32 * 9) + 2 * (32 + 32 * 9)); /* the formula of 2.3 */
    for (size_t cut = 0; cut < len; cut += 37) {
        cr_assert_neq(porep_fraud_verify(t.engine, &t.r.commitment, fraud, cut, t.scratch), ERR_OK);
    }
    for (size_t at = 0; at < len; at += 11) {
        fraud[at] ^= 4;
        cr_assert_neq(porep_fraud_verify(t.engine, &t.r.commitment, fraud, len, t.scratch), ERR_OK);
        fraud[at] ^= 4;
    }
    free(fraud);
    free(p.data);
    test_replica_free(&t);
}

Test(porep, fraud_proof_of_a_wrong_label_or_encoding)
{
    expect_fraud(1, false);
    expect_fraud(4, false);
    expect_fraud(10, false);
    expect_fraud(0, true);
}

Test(porep, honest_replica_cannot_be_accused)
{
    struct test_replica t;
    test_replica_seal(&t, "sdr-light", 512, 16000, 1);
    struct proof p = prove(&t, seed_a, 40);
    uint64_t v = porep_challenge(t.engine, t.r.commitment.replica_id, seed_a, 3, 512);
    size_t cap = 1 << 20, len = 0;
    uint8_t *fraud = malloc(cap);
    cr_assert_eq(porep_fraud_build(t.engine, fraud, cap, &len, &t.r.commitment, seed_a, 40, p.data,
                                   p.len, v, t.scratch),
                 ERR_OK);
    cr_assert_eq(porep_fraud_verify(t.engine, &t.r.commitment, fraud, len, t.scratch),
                 ERR_NOT_FOUND);
    free(fraud);
    free(p.data);
    test_replica_free(&t);
}

Test(porep, empty_file_one_byte_and_odd_lengths)
{
    static const size_t sizes[] = {0, 1, 31, 32, 33, 2047, 2048};
    uint8_t comm_d[7][32];
    for (size_t i = 0; i < 7; i++) {
        struct test_replica t;
        test_replica_seal(&t, "sdr-light", 64, sizes[i], 1);
        struct proof p = prove(&t, seed_a, t.r.profile.porep_challenges);
        cr_assert_eq(verify(&t, &t.r.commitment, seed_a, &p, NULL), ERR_OK, "%zu", sizes[i]);
        memcpy(comm_d[i], t.r.commitment.comm_d, 32);
        for (size_t k = 0; k < i; k++) {
            cr_assert_neq(memcmp(comm_d[k], comm_d[i], 32), 0);
        }
        free(p.data);
        test_replica_free(&t);
    }
}

Test(porep, commitment_encoding)
{
    struct test_replica t;
    test_replica_seal(&t, "sdr-compat", 64, 100, 1);
    uint8_t wire[POREP_COMMITMENT_BYTES];
    struct porep_commitment back;
    porep_commitment_encode(wire, &t.r.commitment);
    cr_assert_eq(porep_commitment_decode(t.engine, &back, wire, sizeof wire), ERR_OK);
    cr_assert_arr_eq(back.replica_id, t.r.commitment.replica_id, 32);
    cr_assert_eq(porep_commitment_decode(t.engine, &back, wire, sizeof wire - 1), ERR_TRUNCATED);
    wire[9] = 1;
    cr_assert_eq(porep_commitment_decode(t.engine, &back, wire, sizeof wire), ERR_NONCANONICAL);
    wire[9] = 0;
    wire[160] ^= 1;
    cr_assert_eq(porep_commitment_decode(t.engine, &back, wire, sizeof wire), ERR_INVALID);
    wire[160] ^= 1;
    wire[8] = 99;
    cr_assert_eq(porep_commitment_decode(t.engine, &back, wire, sizeof wire), ERR_UNKNOWN);
    test_replica_free(&t);
}

/* k partitions of the challenges equal one list (spec 7): challenge i depends on i alone. */
Test(porep, challenges_are_indexed_not_streamed)
{
    uint8_t id[32] = {9};
    const struct sha256_engine *e = sha256_engine_best();
    uint64_t seen[180];
    for (uint32_t i = 0; i < 180; i++) {
        seen[i] = porep_challenge(e, id, seed_a, i, 1 << 20);
        cr_assert(seen[i] >= 1 && seen[i] < 1 << 20);
    }
    for (uint32_t part = 0; part < 10; part++) {
        for (uint32_t i = 0; i < 18; i++) {
            cr_assert_eq(porep_challenge(e, id, seed_a, part * 18 + i, 1 << 20),
                         seen[part * 18 + i]);
        }
    }
}

/* The verifier hashes what the proof makes it hash and nothing twice: a figure of the bench. */
Test(porep, verifier_counts_its_hashes)
{
    struct test_replica t;
    test_replica_seal(&t, "sdr-compat", 4096, 4096 * 32, 1);
    struct proof p = prove(&t, seed_a, 176);
    struct porep_check check;
    cr_assert_eq(verify(&t, &t.r.commitment, seed_a, &p, &check), ERR_OK);
    uint64_t challenged = check.labels / 11;
    cr_assert_leq(challenged, 176);
    cr_assert_leq(check.leaf_hashes, challenged * 17);
    cr_assert_leq(check.node_hashes, challenged * 17 * 12);
    cr_assert_gt(check.compressions, check.labels * 20);
    free(p.data);
    test_replica_free(&t);
}

static uint8_t *zero_pages(size_t bytes)
{
    void *p = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE,
                   -1, 0);
    cr_assert_neq(p, MAP_FAILED);
    return p;
}

/* A sector of 1 GiB. To spare the sealing, all labels are zero but those that will be asked for,
 * which are right: the prover is lucky, the verifier and both trees work at full size. */
Test(porep, sector_of_1_gib)
{
    enum { LAYERS = 2, CHALLENGES = 2 };
    const uint64_t nodes = (uint64_t)1 << 25;
    const struct sha256_engine *e = sha256_engine_best();
    struct porep_replica r = {0};
    struct porep_commitment *c = &r.commitment;
    uint8_t *layers[LAYERS], *data = zero_pages(32 * nodes);
    cr_assert_eq(profile_find(&r.profile, "test-tiny"), ERR_OK);
    c->nodes = nodes;
    c->profile = PROFILE_TEST_TINY;
    cr_assert_eq(profile_graph(&r.graph, &r.profile, nodes, c->identity.porep_id), ERR_OK);
    r.tree_d = r.tree_c = r.tree_r =
        (struct tree){.hash = TREE_SHA256, .leaves = nodes, .discard = TREE_DISCARD_MAX};
    r.tree_d.nodes = malloc(tree_bytes(nodes, TREE_DISCARD_MAX));
    r.tree_c.nodes = malloc(tree_bytes(nodes, TREE_DISCARD_MAX));
    r.tree_r.nodes = malloc(tree_bytes(nodes, TREE_DISCARD_MAX));
    struct tree_source s = porep_source_nodes(data, nodes);
    tree_build(e, &r.tree_d, &s);
    memcpy(c->comm_d, tree_root(&r.tree_d), 32);
    porep_replica_id(e, c->replica_id, &r.profile, &c->identity, c->comm_d);
    for (int l = 0; l < LAYERS; l++) {
        layers[l] = zero_pages(32 * nodes);
        r.layers[l] = layers[l];
    }
    struct label_job job = {.graph = &r.graph, .rule = r.profile.rule};
    memcpy(job.replica_id, c->replica_id, 32);
    for (job.layer = 1; job.layer <= LAYERS; job.layer++) {
        job.cur = layers[job.layer - 1];
        job.prev = job.layer > 1 ? layers[job.layer - 2] : NULL;
        for (uint32_t i = 0; i < CHALLENGES; i++) {
            uint32_t row[14];
            uint64_t v = porep_challenge(e, c->replica_id, seed_a, i, nodes);
            graph_parents(&r.graph, row, v);
            label_range(e, &job, row, v, 1);
        }
    }
    r.data = data;
    r.replica = layers[LAYERS - 1]; /* zero data: R is the last layer */
    s = porep_source_columns(&r);
    tree_build(e, &r.tree_c, &s);
    s = porep_source_nodes(r.replica, nodes);
    tree_build(e, &r.tree_r, &s);
    memcpy(c->comm_c, tree_root(&r.tree_c), 32);
    memcpy(c->comm_r_last, tree_root(&r.tree_r), 32);
    porep_comm_r(e, c->comm_r, c->comm_c, c->comm_r_last);

    struct scratch scratch = {.len = porep_scratch_bytes(&r.profile, CHALLENGES)};
    scratch.data = zero_pages(scratch.len);
    size_t cap = 1 << 20, len = 0;
    uint8_t *proof = malloc(cap);
    struct porep_check check;
    cr_assert_eq(porep_prove(e, proof, cap, &len, &r, seed_a, CHALLENGES, scratch), ERR_OK);
    cr_assert_eq(porep_verify(e, c, seed_a, CHALLENGES, proof, len, &check, scratch), ERR_OK);
    cr_assert_leq(len, 8 + CHALLENGES * (15 * (32 * LAYERS + 32 * 25) + 2 * (32 + 32 * 25)));
    cr_assert_neq(porep_verify(e, c, seed_b, CHALLENGES, proof, len, &check, scratch), ERR_OK);
    proof[len / 2] ^= 1;
    cr_assert_eq(porep_verify(e, c, seed_a, CHALLENGES, proof, len, &check, scratch),
                 ERR_SIGNATURE);
}
