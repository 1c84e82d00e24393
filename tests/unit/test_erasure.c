/* Vectors: tests/vectors/storage-reed-solomon-isal.json (ISA-L called directly). */
#include <criterion/criterion.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "node/crypto/sha256.h"
#include "node/proof/erasure.h"
#include "tests/support/replica.h"
#include "tests/support/vectors.h"

enum { LEN = 1024 };

static uint8_t memory[1 << 20] __attribute__((aligned(64)));
static uint8_t shard[ERASURE_SHARDS_MAX][LEN];

static struct scratch scratch(void)
{
    return (struct scratch){.data = memory, .len = sizeof memory};
}

static void shards_fill(unsigned k)
{
    for (unsigned i = 0; i < k; i++) {
        for (unsigned j = 0; j < LEN; j++) {
            shard[i][j] = (uint8_t)(i * 31 + j * 7 + i * j);
        }
    }
}

static void encode(const struct erasure *c)
{
    const uint8_t *in[ERASURE_SHARDS_MAX];
    uint8_t *out[ERASURE_SHARDS_MAX];
    for (unsigned i = 0; i < c->n; i++) {
        in[i] = shard[i];
        out[i] = shard[i];
    }
    erasure_encode(c, LEN, in, out + c->k);
}

Test(erasure, vectors)
{
    char path[1024];
    vectors_path(path, sizeof path, "storage-reed-solomon-isal.json");
    json_t *json = json_load_file(path, 0, NULL), *row;
    cr_assert_not_null(json);
    size_t at;
    json_array_foreach(json_object_get(json, "cases"), at, row)
    {
        unsigned k = (unsigned)json_integer_value(json_object_get(row, "k"));
        unsigned n = (unsigned)json_integer_value(json_object_get(row, "n"));
        struct scratch s = scratch();
        struct erasure c;
        cr_assert_eq(erasure_init(&c, k, n, &s), ERR_OK);
        cr_assert_leq(s.used, erasure_memory_bytes(k, n));
        uint8_t want[32], got[32];
        const char *hex =
            json_string_value(json_object_get(row, "first_parity_row_first_coeffs_hex"));
        size_t coefficients = hex_decode(want, 32, hex);
        cr_assert_arr_eq(c.matrix + k * k, want, coefficients);
        shards_fill(k);
        encode(&c);
        hex_decode(want, 32, json_string_value(json_object_get(row, "parity_sha256")));
        sha256_once(sha256_engine_best(), got, shard[k], (size_t)(n - k) * LEN);
        cr_assert_arr_eq(got, want, 32, "%u/%u", k, n);
    }
    cr_assert_eq(at, 7);
    json_decref(json);
}

static void lose_and_rebuild(const struct erasure *c, const bool *healthy, struct scratch s)
{
    static uint8_t keep[ERASURE_SHARDS_MAX][LEN];
    uint8_t *all[ERASURE_SHARDS_MAX];
    memcpy(keep, shard, sizeof keep);
    for (unsigned i = 0; i < c->n; i++) {
        all[i] = shard[i];
        if (!healthy[i]) {
            memset(shard[i], 0xee, LEN);
        }
    }
    struct erasure_plan plan;
    cr_assert_eq(erasure_plan_make(c, &plan, healthy, &s), ERR_OK);
    erasure_rebuild(c, &plan, LEN, all);
    cr_assert_eq(memcmp(keep, shard, sizeof keep), 0);
}

Test(erasure, any_k_shards_give_all_back)
{
    for (unsigned p = 0; erasure_profile_at(p) != NULL; p++) {
        const struct erasure_profile *profile = erasure_profile_at(p);
        struct scratch s = scratch();
        struct erasure c;
        cr_assert_eq(erasure_init(&c, profile->k, profile->n, &s), ERR_OK);
        shards_fill(c.k);
        encode(&c);
        uint32_t seed = 1;
        for (int round = 0; round < 50; round++) {
            bool healthy[ERASURE_SHARDS_MAX];
            memset(healthy, 1, sizeof healthy);
            for (unsigned lost = 0; lost < c.n - c.k;) {
                seed = seed * 1664525u + 1013904223u;
                unsigned i = (seed >> 8) % c.n;
                lost += healthy[i];
                healthy[i] = false;
            }
            lose_and_rebuild(&c, healthy, s);
        }
        bool too_few[ERASURE_SHARDS_MAX] = {false};
        memset(too_few, 1, c.k - 1);
        struct erasure_plan plan;
        cr_assert_eq(erasure_plan_make(&c, &plan, too_few, &s), ERR_UNKNOWN);
    }
}

Test(erasure, verify_notices_a_changed_byte)
{
    struct scratch s = scratch();
    struct erasure c;
    cr_assert_eq(erasure_init(&c, 16, 32, &s), ERR_OK);
    shards_fill(16);
    encode(&c);
    const uint8_t *all[32];
    for (unsigned i = 0; i < 32; i++) {
        all[i] = shard[i];
    }
    cr_assert_eq(erasure_verify(&c, LEN, all, s), ERR_OK);
    for (unsigned i = 0; i < 32; i++) {
        shard[i][i * 31] ^= 1;
        cr_assert_eq(erasure_verify(&c, LEN, all, s), ERR_CORRUPT);
        shard[i][i * 31] ^= 1;
    }
}

Test(erasure, limits)
{
    struct erasure c;
    struct scratch s = scratch(), none = {0};
    struct erasure_profile p;
    cr_assert_eq(erasure_init(&c, 0, 4, &s), ERR_RANGE);
    cr_assert_eq(erasure_init(&c, 5, 4, &s), ERR_RANGE);
    cr_assert_eq(erasure_init(&c, 5, 256, &s), ERR_RANGE);
    cr_assert_eq(erasure_init(&c, 4, 6, &none), ERR_NO_MEMORY);
    cr_assert_eq(erasure_profile_find(&p, "16/32"), ERR_OK);
    cr_assert_eq(p.repair_at, 24);
    cr_assert_eq(erasure_profile_find(&p, "16/33"), ERR_UNKNOWN);
}
