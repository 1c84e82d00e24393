/* Oracle: tests/vectors/storage-closed-forms.json and storage-reputation-storj.json. */
#include <criterion/criterion.h>
#include <jansson.h>
#include <math.h>

#include "node/proof/durability.h"
#include "tests/support/vectors.h"

static json_t *vectors(const char *name)
{
    char path[1024];
    vectors_path(path, sizeof path, name);
    json_t *json = json_load_file(path, 0, NULL);
    cr_assert_not_null(json);
    return json;
}

static double number(const json_t *row, const char *key)
{
    return json_number_value(json_object_get(row, key));
}

static double real(struct soft s)
{
    return ldexp((double)s.mantissa, s.exponent);
}

Test(durability, loss_probabilities_and_their_nines)
{
    json_t *json = vectors("storage-closed-forms.json"), *row;
    size_t i;
    json_array_foreach(json_object_get(json, "durability_loss_probability"), i, row)
    {
        struct ratio p = {(uint64_t)llround(number(row, "p") * 100), 100};
        double want = number(row, "P_loss");
        struct soft loss;
        cr_assert_eq(
            durability_loss(&loss, (unsigned)number(row, "k"), (unsigned)number(row, "n"), p),
            ERR_OK);
        cr_assert_lt(fabs(real(loss) / want - 1), 1e-12, "%zu", i);
        uint32_t nines = 0;
        cr_assert_eq(durability_nines(&nines, loss), ERR_OK);
        cr_assert_lt(fabs(nines / 65536.0 + log10(want)), 1e-4, "%zu: %f %f", i, nines / 65536.0,
                     -log10(want));
    }
    cr_assert_eq(i, 40);
    json_decref(json);
}

Test(durability, detection_without_replacement)
{
    json_t *json = vectors("storage-closed-forms.json"), *row;
    size_t i;
    json_array_foreach(json_object_get(json, "detection_without_replacement"), i, row)
    {
        struct soft miss;
        cr_assert_eq(durability_miss(&miss, (uint64_t)number(row, "n"),
                                     (uint64_t)number(row, "bad"),
                                     (uint32_t)number(row, "challenges")),
                     ERR_OK);
        cr_assert_lt(fabs(1 - real(miss) - number(row, "P_detect")), 1e-12);
    }
    cr_assert_eq(i, 8);
    json_decref(json);
    struct soft miss;
    cr_assert_eq(durability_miss(&miss, 10, 10, 1), ERR_OK);
    cr_assert_eq(miss.mantissa, 0);
    cr_assert_eq(durability_miss(&miss, 10, 11, 1), ERR_RANGE);
}

Test(durability, storj_segment_health)
{
    json_t *json = vectors("storage-reputation-storj.json"), *row;
    size_t i;
    json_array_foreach(json_object_get(json, "segment_health_days"), i, row)
    {
        struct ratio f = {(uint64_t)llround(number(row, "daily_failure") * 1e8), 100000000};
        uint64_t days = 0;
        cr_assert_eq(durability_health_days(&days, (uint64_t)number(row, "healthy"),
                                            (uint64_t)number(row, "k"),
                                            (uint64_t)number(row, "nodes"), f),
                     ERR_OK);
        cr_assert_lt(fabs((double)days / 1048576 - number(row, "days")), 1e-3, "%zu", i);
    }
    cr_assert_eq(i, 10);
    json_decref(json);
}

Test(durability, limits)
{
    struct soft s = {0};
    uint32_t nines;
    cr_assert_eq(durability_loss(&s, 0, 3, (struct ratio){1, 10}), ERR_RANGE);
    cr_assert_eq(durability_loss(&s, 4, 3, (struct ratio){1, 10}), ERR_RANGE);
    cr_assert_eq(durability_loss(&s, 1, 3, (struct ratio){10, 10}), ERR_RANGE);
    cr_assert_eq(durability_nines(&nines, (struct soft){0}), ERR_RANGE);
    cr_assert_eq(durability_nines(&nines, (struct soft){(uint64_t)1 << 63, -62}), ERR_RANGE);
    cr_assert_eq(durability_nines(&nines, (struct soft){(uint64_t)1 << 63, -63}), ERR_OK);
    cr_assert_eq(nines, 0);
}
