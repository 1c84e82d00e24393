/* Oracle: tests/vectors/storage-closed-forms.json, and the decisions' corrected rows. */
#include <criterion/criterion.h>
#include <jansson.h>
#include <math.h>

#include "node/proof/formula.h"
#include "node/proof/profile.h"
#include "tests/support/vectors.h"

static json_t *vectors(void)
{
    char path[1024];
    vectors_path(path, sizeof path, "storage-closed-forms.json");
    json_error_t error;
    json_t *json = json_load_file(path, 0, &error);
    cr_assert_not_null(json, "%s", error.text);
    return json;
}

static double number(const json_t *row, const char *key)
{
    return json_number_value(json_object_get(row, key));
}

Test(formula, challenges_of_the_table)
{
    static const struct {
        const char *key;
        unsigned bits;
        struct ratio miss;
    } columns[] = {{"c_95", 0, {1, 20}},     {"c_99", 0, {1, 100}},   {"c_10bit", 10, {0, 0}},
                   {"c_20bit", 20, {0, 0}},  {"c_40bit", 40, {0, 0}}, {"c_80bit", 80, {0, 0}},
                   {"c_128bit", 128, {0, 0}}};
    json_t *json = vectors(), *row;
    size_t i;
    json_array_foreach(json_object_get(json, "challenges_needed"), i, row)
    {
        struct ratio bad = {(uint64_t)llround(number(row, "bad_fraction") * 1e6), 1000000};
        for (size_t k = 0; k < 7; k++) {
            uint32_t c = 0;
            enum err err = columns[k].bits != 0 ? formula_challenges_bits(&c, bad, columns[k].bits)
                                                : formula_challenges(&c, bad, columns[k].miss);
            cr_assert_eq(err, ERR_OK, "%zu %s", i, columns[k].key);
            cr_assert_eq(c, (uint32_t)number(row, columns[k].key), "%zu %s", i, columns[k].key);
        }
    }
    cr_assert_eq(i, 8);
    json_decref(json);
}

Test(formula, sdr_counts_are_the_ceilings_of_the_published_formulas)
{
    json_t *json = vectors(), *row;
    size_t i;
    json_array_foreach(json_object_get(json_object_get(json, "sdr_parameter_formula"), "rows"), i,
                       row)
    {
        struct formula_sdr f;
        unsigned gap = (unsigned)lround(number(row, "spacegap") * 10000);
        cr_assert_eq(formula_sdr(&f, gap, 10, 128), ERR_OK);
        cr_assert_eq(f.layers, (uint32_t)ceil(number(row, "layersB")), "%u", gap);
        cr_assert_eq(f.porep_challenges, (uint32_t)ceil(number(row, "porep_challenges_10bit")));
        cr_assert_eq(f.porep_challenges_noninteractive,
                     (uint32_t)ceil(number(row, "porep_challenges_128bit")));
        cr_assert_eq(f.post_challenges, (uint32_t)ceil(number(row, "post_challenges_10bit")));
    }
    cr_assert_eq(i, 6);
    json_decref(json);
}

Test(formula, decision_29)
{
    struct formula_sdr f;
    cr_assert_eq(formula_sdr(&f, 1000, 10, 128), ERR_OK);
    cr_assert_eq(f.porep_challenges, 283);
    cr_assert_eq(f.porep_challenges_noninteractive, 3615);
    cr_assert_eq(formula_sdr(&f, 2000, 10, 128), ERR_OK);
    cr_assert_eq(f.post_challenges, 67);
    struct profile p;
    cr_assert_eq(profile_find(&p, "sdr-compat"), ERR_OK);
    cr_assert_eq(p.layers, 11);
    cr_assert_eq(p.porep_challenges, 176);
    cr_assert_eq(p.porep_challenges_noninteractive, 2253);
    cr_assert_eq(p.post_challenges, 66);
    cr_assert_eq(profile_find(&p, "sdr-light"), ERR_OK);
    cr_assert_eq(p.layers, 10);
    cr_assert_eq(p.porep_challenges, 176);
    cr_assert_eq(p.porep_challenges_noninteractive, 2253);
    cr_assert_eq(p.post_challenges, 86);
    cr_assert_eq(profile_find(&p, "sdr"), ERR_UNKNOWN);
    cr_assert_eq(profile_find(&p, "sdr-light2"), ERR_UNKNOWN);
}

Test(formula, refuses_what_it_cannot_decide)
{
    uint32_t c;
    struct formula_sdr f;
    cr_assert_eq(formula_challenges_bits(&c, (struct ratio){0, 10}, 10), ERR_RANGE);
    cr_assert_eq(formula_challenges_bits(&c, (struct ratio){10, 10}, 10), ERR_RANGE);
    cr_assert_eq(formula_challenges(&c, (struct ratio){1, 3}, (struct ratio){1, 1}), ERR_RANGE);
    cr_assert_eq(formula_sdr(&f, 39, 10, 128), ERR_RANGE);
    cr_assert_eq(formula_sdr(&f, 4801, 10, 128), ERR_RANGE);
}
