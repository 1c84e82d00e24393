/* Plots, leasing by replica update, return. The field's oracle is the schoolbook product. */
#include <criterion/criterion.h>
#include <stdlib.h>

#include "node/proof/gf256.h"
#include "node/proof/space.h"
#include "node/proof/update.h"
#include "tests/support/replica.h"

static const uint8_t beacon[32] = {7}, host[32] = {1}, verifiers[32] = {2};

static struct gf256 schoolbook(struct gf256 a, struct gf256 b)
{
    bool product[512] = {false};
    for (int i = 0; i < 256; i++) {
        for (int j = 0; j < 256; j++) {
            product[i + j] ^= (a.w[i / 64] >> (i % 64) & 1) & (b.w[j / 64] >> (j % 64) & 1);
        }
    }
    for (int i = 511; i >= 256; i--) {
        if (product[i]) {
            product[i - 256] ^= 1;
            product[i - 254] ^= 1;
            product[i - 251] ^= 1;
            product[i - 246] ^= 1;
        }
    }
    struct gf256 r = {{0}};
    for (int i = 0; i < 256; i++) {
        r.w[i / 64] |= (uint64_t)product[i] << (i % 64);
    }
    return r;
}

Test(space, field_arithmetic)
{
    uint8_t bytes[64];
    for (uint64_t seed = 0; seed < 50; seed++) {
        test_fill(bytes, 64, seed);
        struct gf256 a = gf256_load(bytes), b = gf256_load(bytes + 32);
        struct gf256 got = gf256_multiply(a, b), want = schoolbook(a, b);
        cr_assert_arr_eq(got.w, want.w, 32);
    }
    struct gf256 a = gf256_load(bytes), one = gf256_multiply(a, gf256_invert(a));
    cr_assert_eq(one.w[0], 1);
    cr_assert_eq(one.w[1] | one.w[2] | one.w[3], 0);
}

/* Irreducible iff x^(2^256) = x and x^(2^128) - x has an inverse: 256 has one prime factor. */
Test(space, field_polynomial_is_irreducible)
{
    struct gf256 x = {{2, 0, 0, 0}}, power = x;
    for (int i = 0; i < 256; i++) {
        power = gf256_multiply(power, power);
        if (i == 127) {
            struct gf256 d = power;
            d.w[0] ^= 2;
            struct gf256 one = gf256_multiply(d, gf256_invert(d));
            cr_assert_eq(one.w[0], 1);
        }
    }
    cr_assert_arr_eq(power.w, x.w, 32);
}

static uint8_t answer[1 << 20];

Test(space, plots_answer_beacons)
{
    static const char *const profiles[] = {"pos-sdr", "pos-rd"};
    for (int k = 0; k < 2; k++) {
        struct test_replica t;
        test_replica_seal(&t, profiles[k], 512, 0, 5);
        size_t len = 0;
        uint32_t labels = t.r.profile.post_challenges;
        cr_assert_eq(
            space_answer(t.engine, answer, sizeof answer, &len, &t.r, beacon, labels, t.scratch),
            ERR_OK);
        cr_assert_eq(
            space_answer_verify(t.engine, &t.r.commitment, beacon, labels, answer, len, t.scratch),
            ERR_OK);
        cr_assert_neq(
            space_answer_verify(t.engine, &t.r.commitment, host, labels, answer, len, t.scratch),
            ERR_OK, "an old answer");
        cr_assert_eq(space_answer_verify(t.engine, &t.r.commitment, beacon, labels, answer, len - 1,
                                         t.scratch),
                     ERR_TRUNCATED);
        answer[40] ^= 1;
        cr_assert_eq(
            space_answer_verify(t.engine, &t.r.commitment, beacon, labels, answer, len, t.scratch),
            ERR_SIGNATURE);
        test_replica_free(&t);
    }
}

Test(space, plots_are_bound_to_host_verifiers_and_beacon)
{
    const struct sha256_engine *e = sha256_engine_best();
    struct porep_identity a, b;
    space_identity(e, &a, host, verifiers, beacon, 1);
    space_identity(e, &b, host, host, beacon, 1);
    cr_assert_neq(memcmp(a.prover, b.prover, 32), 0);
    space_identity(e, &b, verifiers, verifiers, beacon, 1);
    cr_assert_neq(memcmp(a.prover, b.prover, 32), 0);
    space_identity(e, &b, host, verifiers, host, 1);
    cr_assert_neq(memcmp(a.prover, b.prover, 32), 0);
}

/* An empty sector is leased: data come in, are proven, go out; the space comes back. */
Test(space, leasing_and_return_of_a_unit)
{
    enum { NODES = 5000, BYTES = 32 * NODES, CHALLENGES = 200 };
    struct test_replica t;
    test_replica_seal(&t, "pos-sdr", NODES, 0, 5);
    const struct porep_commitment *old = &t.r.commitment;
    uint8_t *data = malloc(BYTES), *replica = malloc(BYTES), *back = malloc(BYTES);
    uint8_t *work = malloc(2 * BYTES), *proof = malloc(1 << 22);
    struct update_replica u = {.old = old, .data = data, .key = t.replica, .replica = replica};
    test_fill(data, BYTES, 99);
    u.tree_data = u.tree_replica = t.r.tree_r;
    u.tree_key = t.r.tree_r;
    u.tree_data.nodes = malloc(tree_bytes(NODES, 2));
    u.tree_replica.nodes = malloc(tree_bytes(NODES, 2));
    struct tree_source s = porep_source_nodes(data, NODES);
    tree_build(t.engine, &u.tree_data, &s);
    memcpy(u.commitment.comm_d, tree_root(&u.tree_data), 32);
    update_encode(t.engine, old, u.commitment.comm_d, replica, t.replica, data, 0, 3000);
    update_encode(t.engine, old, u.commitment.comm_d, replica + 32 * 3000, t.replica + 32 * 3000,
                  data + 32 * 3000, 3000, NODES - 3000);
    s = porep_source_nodes(replica, NODES);
    tree_build(t.engine, &u.tree_replica, &s);
    memcpy(u.commitment.comm_r_last, tree_root(&u.tree_replica), 32);

    size_t len = 0, need = 0;
    cr_assert_eq(
        update_proof_bytes(t.engine, &need, old, &u.commitment, beacon, CHALLENGES, t.scratch),
        ERR_OK);
    cr_assert_eq(update_prove(t.engine, proof, 1 << 22, &len, &u, beacon, CHALLENGES, t.scratch),
                 ERR_OK);
    cr_assert_eq(len, need);
    cr_assert_eq(
        update_verify(t.engine, old, &u.commitment, beacon, CHALLENGES, proof, len, t.scratch),
        ERR_OK);
    cr_assert_neq(
        update_verify(t.engine, old, &u.commitment, host, CHALLENGES, proof, len, t.scratch),
        ERR_OK);
    cr_assert_eq(
        update_verify(t.engine, old, &u.commitment, beacon, CHALLENGES, proof, len - 1, t.scratch),
        ERR_TRUNCATED);
    cr_assert_eq(
        update_verify(t.engine, old, &u.commitment, beacon, CHALLENGES, proof, len + 32, t.scratch),
        ERR_TRAILING);
    proof[9] ^= 1;
    cr_assert_eq(
        update_verify(t.engine, old, &u.commitment, beacon, CHALLENGES, proof, len, t.scratch),
        ERR_SIGNATURE);

    /* A host that stores the data plainly and calls it the replica. */
    u.replica = data;
    u.tree_replica = u.tree_data;
    memcpy(u.commitment.comm_r_last, u.commitment.comm_d, 32);
    cr_assert_eq(update_prove(t.engine, proof, 1 << 22, &len, &u, beacon, CHALLENGES, t.scratch),
                 ERR_OK);
    cr_assert_eq(
        update_verify(t.engine, old, &u.commitment, beacon, CHALLENGES, proof, len, t.scratch),
        ERR_INVALID);

    const uint8_t *key =
        porep_labels_last(t.engine, &t.r.profile, &t.r.graph, old->replica_id, work, t.parents);
    cr_assert_arr_eq(key, t.replica, BYTES, "the labels come back by running the graph");
    update_decode(t.engine, old, u.commitment.comm_d, back, key, replica, 0, NODES);
    cr_assert_arr_eq(back, data, BYTES);

    test_replica_free(&t);
}

static uint8_t memory[4096] __attribute__((aligned(64)));

Test(space, the_register_shrinks_and_grows)
{
    struct space_unit units[4], leased, mine = {.number = 5};
    struct space_register r = {.units = units, .cap_units = 4};
    memcpy(mine.comm_r, beacon, 32);
    struct scratch s = {.data = memory, .len = sizeof memory};
    uint8_t full[32], less[32], again[32];
    cr_assert_eq(space_add(&r, &(struct space_unit){.number = 9}), ERR_OK);
    cr_assert_eq(space_add(&r, &mine), ERR_OK);
    cr_assert_eq(space_add(&r, &mine), ERR_DUPLICATE);
    cr_assert_eq(space_root(sha256_engine_best(), &r, full, s), ERR_OK);
    cr_assert_lt(space_pick(sha256_engine_best(), &r, host, beacon), 2);
    cr_assert_eq(space_lease(&r, &leased, 6), ERR_NOT_FOUND);
    cr_assert_eq(space_lease(&r, &leased, 5), ERR_OK);
    cr_assert_eq(space_root(sha256_engine_best(), &r, less, s), ERR_OK);
    cr_assert_neq(memcmp(full, less, 32), 0);
    cr_assert_eq(space_return(&r, &leased, host), ERR_INVALID);
    cr_assert_eq(space_return(&r, &leased, mine.comm_r), ERR_OK);
    cr_assert_eq(space_root(sha256_engine_best(), &r, again, s), ERR_OK);
    cr_assert_arr_eq(full, again, 32);
    cr_assert_eq(r.n_units, 2);
}

Test(space, an_empty_register_has_a_root)
{
    struct space_register r = {0};
    uint8_t root[32];
    cr_assert_eq(space_root(sha256_engine_best(), &r, root,
                            (struct scratch){.data = memory, .len = sizeof memory}),
                 ERR_OK);
}
