#define _POSIX_C_SOURCE 200809L
/* The city map: the shipped data, decision 21 recomputed here, placement, bad files. */
#include <criterion/criterion.h>
#include <gsl/gsl_cdf.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "sim/net/cities.h"
#include "tests/support/vectors.h"

static struct cities cities;
static struct cities_error error;

static void load(void)
{
    char path[3][1024];
    source_path(path[0], sizeof path[0], "scenarios/regions/cities.tsv");
    source_path(path[1], sizeof path[1], "scenarios/regions/cities-rtt.tsv");
    source_path(path[2], sizeof path[2], "scenarios/regions/cities-mdev.tsv");
    cr_assert_eq(cities_load(&cities, &error, path[0], path[1], path[2]), ERR_OK, "%s:%u %s",
                 error.path, error.line, error.text);
}

static struct city_pair between(const char *a, const char *b)
{
    uint32_t i;
    uint32_t j;
    cr_assert_eq(cities_find(&cities, &i, a), ERR_OK);
    cr_assert_eq(cities_find(&cities, &j, b), ERR_OK);
    return cities_pair(&cities, i, j);
}

Test(cities, shipped_data)
{
    load();
    cr_assert_eq(cities.count, 241);
    cr_assert_eq(cities.region_count, 12);
    cr_assert_eq(cities.unmeasured, 18);
    uint32_t city;
    uint32_t region;
    cr_assert_eq(cities_find(&cities, &city, "Zurich"), ERR_OK);
    cr_assert_eq(city, 240);
    cr_assert_eq(cities.city[city].latitude_mdeg, 47367);
    cr_assert_eq(cities.city[city].population, 341730);
    cr_assert_str_eq(cities.region[cities.city[city].region], "WEU");
    cr_assert_eq(cities.city[0].latitude_mdeg, -34929);
    cr_assert_eq(cities_find(&cities, &city, "Atlantis"), ERR_NOT_FOUND);
    cr_assert_eq(cities_find_region(&cities, &region, "XX"), ERR_NOT_FOUND);
    for (uint32_t i = 0; i < cities.count; i++) {
        for (uint32_t j = 0; j < cities.count; j++) {
            struct city_pair p = cities_pair(&cities, i, j);
            struct city_pair q = cities_pair(&cities, j, i);
            cr_assert_eq(p.base_ns, q.base_ns);
            cr_assert_eq(p.jitter_ns, q.jitter_ns);
            cr_assert_geq(p.base_ns, CITIES_BASE_NS_MIN);
            cr_assert_lt(p.base_ns, 700000000u);
        }
    }
    cities_free(&cities);
}

/* Expected values: decision 21 worked by hand from rows of the two files. */
Test(cities, decision_21)
{
    load();
    struct city_pair p = between("Albany", "Adelaide"); /* RTT 248.4 ms, mdev 21.9 */
    cr_assert_eq(p.base_ns, 113250000);
    cr_assert_eq(p.jitter_ns, 10950000);
    p = between("Amsterdam", "Alblasserdam"); /* RTT 4.2, mdev 0.2 or 0.3: row 5 column 2 is 0.3 */
    cr_assert_eq(p.base_ns, CITIES_BASE_NS_MIN);
    p = between("Adelaide", "Adelaide");
    cr_assert_eq(p.base_ns, CITIES_BASE_NS_MIN);
    cr_assert_eq(p.jitter_ns, 0);
    /* 45 pairs have RTT / 2 below 2 ms (0.16 %); with mdev taken off it is 63 of 28,902. */
    cr_assert_eq(cities.floored, 63);
    cities_free(&cities);
}

Test(cities, placement_follows_the_weights)
{
    load();
    enum { NODES = 200000 };
    uint16_t *place = malloc(NODES * sizeof *place);
    uint16_t *fewer = malloc(1000 * sizeof *fewer);
    uint64_t weight[CITIES_MAX];
    cities_weights_population(&cities, weight);
    cr_assert_eq(cities_place(&cities, place, NODES, weight, 9), ERR_OK);
    cr_assert_eq(cities_place(&cities, fewer, 1000, weight, 9), ERR_OK);
    cr_assert_arr_eq(place, fewer, 1000 * sizeof *fewer);
    double sum = 0;
    double count[CITIES_MAX] = {0};
    for (uint32_t i = 0; i < cities.count; i++) {
        sum += (double)weight[i];
    }
    for (size_t i = 0; i < NODES; i++) {
        count[place[i]]++;
    }
    double chi = 0;
    for (uint32_t i = 0; i < cities.count; i++) {
        double expected = NODES * (double)weight[i] / sum;
        chi += (count[i] - expected) * (count[i] - expected) / expected;
    }
    /* Small cities have expectations near 1/4, where the statistic is only roughly chi-square. */
    cr_assert_gt(gsl_cdf_chisq_Q(chi, cities.count - 1), 1e-4);
    cr_assert_lt(gsl_cdf_chisq_Q(chi, cities.count - 1), 1 - 1e-4);

    uint32_t share[CITIES_REGIONS_MAX] = {0};
    uint32_t weu;
    uint32_t jp;
    cr_assert_eq(cities_find_region(&cities, &weu, "WEU"), ERR_OK);
    cr_assert_eq(cities_find_region(&cities, &jp, "JP"), ERR_OK);
    share[weu] = 3;
    share[jp] = 1;
    cities_weights_shares(&cities, weight, share);
    cr_assert_eq(cities_place(&cities, place, NODES, weight, 9), ERR_OK);
    int in_jp = 0;
    for (size_t i = 0; i < NODES; i++) {
        uint32_t region = cities.city[place[i]].region;
        cr_assert(region == weu || region == jp);
        in_jp += region == jp;
    }
    cr_assert_float_eq(in_jp, NODES / 4.0, 5 * sqrt(NODES * 3.0 / 16));
    memset(weight, 0, sizeof weight);
    cr_assert_eq(cities_place(&cities, place, NODES, weight, 9), ERR_RANGE);
    free(place);
    free(fewer);
    cities_free(&cities);
}

/* Region medians against latency-region-tables (another measurement of 2020, same provider): RTT
 * NAE-WEU 109.5 ms, WEU-WEU 28.1 ms, JP-OC 152 ms there; within a quarter here. */
Test(cities, simpler_maps)
{
    load();
    struct cities regions;
    cr_assert_eq(cities_make_regions(&regions, &cities), ERR_OK);
    cr_assert_eq(regions.count, 12);
    static const struct {
        const char *a;
        const char *b;
        double rtt_ms;
    } cases[] = {{"NAE", "WEU", 109.5}, {"WEU", "WEU", 28.1}, {"JP", "OC", 152.0}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        uint32_t a;
        uint32_t b;
        cr_assert_eq(cities_find(&regions, &a, cases[i].a), ERR_OK);
        cr_assert_eq(cities_find(&regions, &b, cases[i].b), ERR_OK);
        struct city_pair pair = cities_pair(&regions, a, b);
        double rtt_ms = 2e-6 * ((double)pair.base_ns + pair.jitter_ns);
        cr_assert_float_eq(rtt_ms, cases[i].rtt_ms, cases[i].rtt_ms / 4, "%s-%s %g ms", cases[i].a,
                           cases[i].b, rtt_ms);
    }
    uint64_t population = 0;
    for (uint32_t i = 0; i < regions.count; i++) {
        population += regions.city[i].population;
    }
    cr_assert_eq(population, 429311077); /* the sum of the column */
    struct city_pair before = between("Albany", "Adelaide");
    cities_drop_jitter(&cities);
    struct city_pair after = between("Albany", "Adelaide");
    cr_assert_eq(after.base_ns, before.base_ns + before.jitter_ns);
    cr_assert_eq(after.jitter_ns, 0);
    cr_assert_eq(cities_base_ns_min(&cities), CITIES_BASE_NS_MIN);
    cities_free(&regions);
    cities_free(&cities);
    cr_assert_eq(cities_make_constant(&cities, 50000000), ERR_OK);
    cr_assert_eq(cities_pair(&cities, 0, 0).base_ns, 50000000);
    cities_free(&cities);
    cr_assert_eq(cities_make_constant(&cities, 1999999), ERR_RANGE);
    cr_assert_eq(cities_make_constant(&cities, 2000000001), ERR_RANGE);
}

static const char *write_temporary(char *path, const char *text)
{
    memcpy(path, "test_cities_XXXXXX", sizeof "test_cities_XXXXXX");
    int fd = mkstemp(path);
    cr_assert_geq(fd, 0);
    cr_assert_eq(write(fd, text, strlen(text)), (ssize_t)strlen(text));
    close(fd);
    return path;
}

struct bad_case {
    const char *table;
    const char *rtt;
    const char *mdev;
    enum err err;
    unsigned line;
};

#define ROW(i, name, region) i "\t" name "\t1.5\t-2.25\t10\tlabel\t" region "\n"
#define THREE ROW("0", "A", "X") ROW("1", "B", "X") ROW("2", "C", "X")

Test(cities, bad_files)
{
    static const struct bad_case cases[] = {
        {THREE, "\n10\n20\t30\n", "#c\n\n1\n2\t3\n", ERR_OK, 0},
        {THREE, "\n\n20\t\n", "\n1\n2\t3\n", ERR_OK, 0},
        {THREE, "\n\n\t\n", "\n1\n2\t3\n", ERR_NOT_FOUND, 0},
        {THREE, "\n10\n20\n", "\n1\n2\t3\n", ERR_SYNTAX, 3},
        {THREE, "\n10\n", "\n1\n2\t3\n", ERR_SYNTAX, 2},
        {THREE, "\n10\n20\t30\n5\n", "\n1\n2\t3\n", ERR_SYNTAX, 4},
        {THREE, "\n10\n20\tx\n", "\n1\n2\t3\n", ERR_SYNTAX, 3},
        {THREE, "\n10\n20\t-3\n", "\n1\n2\t3\n", ERR_SYNTAX, 3},
        {THREE, "\n10\n20\t20001\n", "\n1\n2\t3\n", ERR_SYNTAX, 3},
        {THREE, "\n10\n20\t30\n", "\n1\n2\t3.5\n", ERR_SYNTAX, 3},
        {"", "\n", "\n", ERR_SYNTAX, 0},
        {ROW("0", "A", "X") ROW("1", "A", "X"), "\n1\n", "\n1\n", ERR_DUPLICATE, 2},
        {ROW("0", "A", "X") ROW("2", "B", "X"), "\n1\n", "\n1\n", ERR_SYNTAX, 2},
        {ROW("0", "A", "TOOLONGNAME"), "\n", "\n", ERR_SYNTAX, 1},
        {"0\tA\t91\t0\t1\tl\tX\n", "\n", "\n", ERR_SYNTAX, 1},
        {"0\tA\t1\t0\t-1\tl\tX\n", "\n", "\n", ERR_SYNTAX, 1},
        {"0\tA\t1\t0\t1\tX\n", "\n", "\n", ERR_SYNTAX, 1},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char path[3][64];
        write_temporary(path[0], cases[i].table);
        write_temporary(path[1], cases[i].rtt);
        write_temporary(path[2], cases[i].mdev);
        enum err err = cities_load(&cities, &error, path[0], path[1], path[2]);
        cr_assert_eq(err, cases[i].err, "case %zu: %s, %s", i, err_text(err), error.text);
        if (err == ERR_OK) {
            cities_free(&cities);
        } else {
            cr_assert_eq(error.line, cases[i].line, "case %zu: line %u", i, error.line);
            cr_assert_neq(error.text[0], 0);
        }
        for (int k = 0; k < 3; k++) {
            unlink(path[k]);
        }
    }
    cr_assert_eq(cities_load(&cities, &error, "/nonexistent", "x", "y"), ERR_NOT_FOUND);
    cr_assert_str_eq(error.path, "/nonexistent");
}
