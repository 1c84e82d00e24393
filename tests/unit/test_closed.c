/* Closed forms against tests/vectors/validation-closed-forms.tsv (own, exact fractions or doubles
 * computed elsewhere) and numbers printed in the papers. */
#define _GNU_SOURCE
#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "analysis/closed.h"
#include "tests/support/vectors.h"

/* The number behind "name=" in the parameters of a row. */
static double value(const char *parameters, const char *name)
{
    char word[64];
    snprintf(word, sizeof(word), "%s=", name);
    const char *at = strstr(parameters, word);
    cr_assert_not_null(at, "%s in %s", name, parameters);
    return atof(at + strlen(word));
}

static unsigned whole(const char *parameters, const char *name)
{
    return (unsigned)value(parameters, name);
}

/* NaN: the row is another part's. */
static double closed(const char *id, const char *p)
{
    if (strcmp(id, "selfish-mining-revenue") == 0) {
        return closed_selfish_revenue(value(p, "alpha"), value(p, "gamma"));
    }
    if (strcmp(id, "selfish-mining-threshold") == 0) {
        return closed_selfish_threshold(value(p, "gamma"));
    }
    if (strcmp(id, "double-spend-nakamoto") == 0) {
        return closed_double_spend_nakamoto(value(p, "q"), whole(p, "z"));
    }
    if (strcmp(id, "committee-one-third") == 0) {
        return closed_committee_distinct(whole(p, "N"), whole(p, "bad"), whole(p, "seats"),
                                         whole(p, "at-least"));
    }
    if (strcmp(id, "m-of-n-capture") == 0) {
        return closed_committee_distinct(whole(p, "N"), whole(p, "bad"), whole(p, "n"),
                                         whole(p, "m"));
    }
    if (strcmp(id, "decker-wattenhofer-forkrate") == 0) {
        return closed_fork_rate(1 / 633.68, value(p, "integral"));
    }
    if (strcmp(id, "algorand-step-liveness") == 0) {
        return closed_sortition_liveness(value(p, "tau"), value(p, "T"), value(p, "h"));
    }
    return NAN;
}

Test(closed, forms_are_those_of_the_table)
{
    char path[1024], line[512];
    unsigned held = 0;
    vectors_path(path, sizeof(path), "validation-closed-forms.tsv");
    FILE *in = fopen(path, "r");
    cr_assert_not_null(in);
    while (fgets(line, sizeof(line), in) != NULL) {
        char *rest = line;
        const char *id = strsep(&rest, "\t");
        const char *parameters = strsep(&rest, "\t");
        const char *expected = strsep(&rest, "\t\n");
        double got = line[0] == '#' ? NAN : closed(id, parameters);
        if (!isnan(got)) {
            double want = atof(expected);
            cr_expect_float_eq(got, want, 2e-6 * want + 1e-12, "%s %s: %.10g, not %s", id,
                               parameters, got, expected);
            held++;
        }
    }
    fclose(in);
    cr_assert_eq(held, 12 + 3 + 28 + 5 + 2 + 1 + 1);
}

/* Rosenfeld's table 1; spec: validation V3. */
Test(closed, double_spend_is_rosenfelds)
{
    static const struct {
        double q;
        unsigned z;
        double p, within;
    } rows[] = {{.1, 1, .2, 1e-12},     {.1, 2, .056, 1e-12}, {.1, 3, .01712, 1e-12},
                {.1, 6, .000591, 5e-7}, {.3, 6, .1564, 5e-5}, {.5, 4, 1, 0}};
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        cr_expect_float_eq(closed_double_spend(rows[i].q, rows[i].z), rows[i].p, rows[i].within);
    }
}

/* Table 1 of arXiv 1910.02218 for c = 1 .. 10 (growth to the printed digits for c = 1, 2; the
 * threshold for 1), and the mean first passages of spec: validation V5. */
Test(closed, nothing_at_stake_is_the_published_one)
{
    cr_expect_float_eq(closed_nas_growth(1), M_E, 1e-9);
    cr_expect_float_eq(closed_nas_growth(2), 2.22547, 5e-6);
    cr_expect_float_eq(closed_nas_threshold(closed_nas_growth(1)), .2689, 5e-5);
    /* That page's 5.54 and 21.2 are a sample of it (2 %); the first depth is one exponential. */
    cr_expect_float_eq(closed_nas_passage(1, 0, 1), 1, 1e-4);
    cr_expect_float_eq(closed_nas_passage(10, 0, 1), 5.54, .02 * 5.54);
    cr_expect_float_eq(closed_nas_passage(50, 0, 1), 21.2, .02 * 21.2);
    for (unsigned c = 1; c < 10; c++) {
        cr_expect_lt(closed_nas_growth(c + 1), closed_nas_growth(c));
    }
    /* One account has one child per block: the tree is a chain. */
    cr_expect_float_eq(closed_nas_passage(10, 1, 1), 10, 1e-3);
    cr_expect_float_eq(closed_nas_passage(10, 100000, 1), closed_nas_passage(10, 0, 1), 1e-3);
    /* Lines of c - 1 blocks between forks: the first block that changes the randomness is the c-th
     * arrival, whatever comes after it. Deeper, the slope tends to phi_c: with 3/(2 t) of the log
     * of the number of changes between two depths, t where phi's maximum is (Addario-Berry and
     * Reed 2009), within half a per cent. */
    cr_expect_float_eq(closed_nas_passage(7, 0, 7), 7, 1e-3);
    cr_expect_float_eq(closed_nas_passage(3, 30, 7), 3, 1e-3);
    static const double at[] = {M_E, 1.83265, 1.46706};
    for (unsigned c = 1; c <= 3; c++) {
        double low = closed_nas_passage(16 * c, 0, c), high = closed_nas_passage(64 * c, 0, c);
        double slope = 48 * c / (high - low - 1.5 / at[c - 1] * log(4));
        cr_expect_float_eq(slope, closed_nas_growth(c), .005 * slope, "c %u: %f", c, slope);
    }
    /* One account is one chain, which overtakes z blocks of the others when z + 1 of all that come
     * are its own first: a negative binomial law. */
    double share = .3, wins = 0, term = pow(share, 5);
    for (unsigned lost = 0; lost < 4; lost++) {
        wins += term;
        term *= (1 - share) * (5 + lost) / (lost + 1);
    }
    cr_expect_float_eq(closed_nas_race(share, 4, 1, 1), wins, 1e-4);
    cr_expect_float_eq(closed_nas_growth_accounts(1), 1, 1e-6);
    cr_expect_float_eq(closed_nas_growth_accounts(1000000), M_E, 1e-4);
}

/* Binomial seats: spec: chain 1.6. Algorand's step: both failures together below 5e-9. */
Test(closed, committees_are_binomial_with_repetition)
{
    cr_expect_float_eq(closed_committee_seats(.1, 21, 7), 3.3e-3, 5e-5);
    cr_expect_float_eq(closed_committee_seats(.2, 100, 34), 7.4e-4, 5e-6);
    cr_expect_float_eq(closed_committee_seats(.2, 300, 100), 4.3e-8, 5e-10);
    cr_expect_float_eq(closed_committee_distinct(1000, 200, 21, 7), .1062, 5e-5);
    double sum =
        closed_sortition_liveness(2000, .685, .8) + closed_sortition_safety(2000, .685, .8);
    cr_expect_float_eq(sum, 4.2e-9, 1e-10);
}
