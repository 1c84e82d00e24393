#include "sim/net/cities.h"

#include <stdio.h>
#include <stdlib.h>

#include "node/base/invariant.h"
#include "sim/net/draw.h"

enum {
    LINE_BYTES = 16384,
    CITY_FIELDS = 7,
    TENTH_MS_NS = 100000,
    TENTHS_MAX = 20000, /* two seconds: base and jitter in ns stay within 32 bits */
    UNMEASURED = UINT32_MAX,
};

/* One open file: rows of tab-separated fields, with the place for messages. */
struct reader {
    FILE *file;
    struct cities_error *error;
    size_t count;
    char *field[CITIES_MAX];
    char text[LINE_BYTES];
};

static enum err reader_fail(struct reader *r, enum err err, const char *text)
{
    snprintf(r->error->text, sizeof r->error->text, "%s", text);
    return err;
}

static enum err reader_open(struct reader *r, struct cities_error *error, const char *path)
{
    *error = (struct cities_error){.path = path};
    r->error = error;
    r->file = fopen(path, "r");
    return r->file != NULL ? ERR_OK : reader_fail(r, ERR_NOT_FOUND, "cannot open this file");
}

/* Splits the next line that is no comment. ERR_NOT_FOUND at the end. An empty line is a row of no
 * fields: the first row of a lower triangle. */
static enum err reader_next(struct reader *r)
{
    do {
        if (fgets(r->text, sizeof r->text, r->file) == NULL) {
            return ferror(r->file) ? reader_fail(r, ERR_IO, "cannot read this file")
                                   : ERR_NOT_FOUND;
        }
        r->error->line++;
    } while (r->text[0] == '#');
    size_t len = strlen(r->text);
    if (len + 1 == sizeof r->text) {
        return reader_fail(r, ERR_SYNTAX, "line too long");
    }
    if (len > 0 && r->text[len - 1] == '\n') {
        r->text[len - 1] = 0;
    }
    r->count = 0;
    if (r->text[0] == 0) {
        return ERR_OK;
    }
    char *p = r->text;
    for (;;) {
        if (r->count == CITIES_MAX) {
            return reader_fail(r, ERR_SYNTAX, "too many fields");
        }
        r->field[r->count++] = p;
        p = strchr(p, '\t');
        if (p == NULL) {
            return ERR_OK;
        }
        *p++ = 0;
    }
}

/* A decimal number with `decimals` digits after an optional point, in units of the last. */
static bool parse_decimal(int64_t *out, const char *text, unsigned decimals, int64_t limit)
{
    bool negative = *text == '-';
    int64_t v = 0;
    unsigned after = 0;
    bool point = false;
    const char *p = text + negative;
    if (*p == 0) {
        return false;
    }
    for (; *p != 0; p++) {
        if (*p == '.' && !point && decimals > 0) {
            point = true;
            continue;
        }
        if (*p < '0' || *p > '9' || after == decimals + !point) {
            return false;
        }
        v = v * 10 + (*p - '0');
        after += point;
        if (v > limit) {
            return false;
        }
    }
    for (; after < decimals; after++) {
        v *= 10;
    }
    *out = negative ? -v : v;
    return v <= limit;
}

static bool copy_name(char *out, size_t out_size, const char *text)
{
    size_t len = strlen(text);
    if (len == 0 || len >= out_size) {
        return false;
    }
    memcpy(out, text, len + 1);
    return true;
}

static enum err region_of(struct cities *cities, uint32_t *region, const char *name)
{
    if (cities_find_region(cities, region, name) == ERR_OK) {
        return ERR_OK;
    }
    if (cities->region_count == CITIES_REGIONS_MAX) {
        return ERR_FULL;
    }
    if (!copy_name(cities->region[cities->region_count], CITY_REGION_BYTES, name)) {
        return ERR_SYNTAX;
    }
    *region = cities->region_count++;
    return ERR_OK;
}

static enum err load_city(struct cities *cities, struct reader *r)
{
    if (r->count != CITY_FIELDS) {
        return reader_fail(r, ERR_SYNTAX, "expected 7 tab-separated fields");
    }
    if (cities->count == CITIES_MAX) {
        return reader_fail(r, ERR_FULL, "too many cities");
    }
    struct city *city = &cities->city[cities->count];
    int64_t index;
    int64_t latitude;
    int64_t longitude;
    int64_t population;
    uint32_t known;
    if (!parse_decimal(&index, r->field[0], 0, CITIES_MAX) || index != cities->count) {
        return reader_fail(r, ERR_SYNTAX, "index is not the number of the row");
    }
    if (cities_find(cities, &known, r->field[1]) == ERR_OK) {
        return reader_fail(r, ERR_DUPLICATE, "city appears twice");
    }
    if (!copy_name(city->name, sizeof city->name, r->field[1])) {
        return reader_fail(r, ERR_SYNTAX, "bad city name");
    }
    if (!parse_decimal(&latitude, r->field[2], 3, 90000) ||
        !parse_decimal(&longitude, r->field[3], 3, 180000)) {
        return reader_fail(r, ERR_SYNTAX, "bad coordinates");
    }
    if (!parse_decimal(&population, r->field[4], 0, 1000000000) || population < 0) {
        return reader_fail(r, ERR_SYNTAX, "bad population");
    }
    if (region_of(cities, &city->region, r->field[6]) != ERR_OK) {
        return reader_fail(r, ERR_SYNTAX, "bad region, or more than 32 regions");
    }
    city->latitude_mdeg = (int32_t)latitude;
    city->longitude_mdeg = (int32_t)longitude;
    city->population = (uint32_t)population;
    cities->count++;
    return ERR_OK;
}

static enum err load_table(struct cities *cities, struct reader *r)
{
    for (;;) {
        enum err err = reader_next(r);
        if (err == ERR_NOT_FOUND) {
            r->error->line = 0;
            return cities->count > 0 ? ERR_OK : reader_fail(r, ERR_SYNTAX, "no city");
        }
        TRY(err);
        TRY(load_city(cities, r));
    }
}

/* Fills the lower triangle of tenths[count * count]. */
static enum err load_triangle(const struct cities *cities, uint32_t *tenths, struct reader *r)
{
    for (uint32_t i = 0; i < cities->count; i++) {
        enum err err = reader_next(r);
        if (err == ERR_NOT_FOUND) {
            return reader_fail(r, ERR_SYNTAX, "fewer rows than cities");
        }
        TRY(err);
        /* A row of one unmeasured pair is an empty line. */
        if (r->count != i && !(i == 1 && r->count == 0)) {
            return reader_fail(r, ERR_SYNTAX, "row i must have i fields");
        }
        for (uint32_t j = 0; j < i; j++) {
            int64_t v = UNMEASURED;
            if (r->count == i && r->field[j][0] != 0 &&
                (!parse_decimal(&v, r->field[j], 0, TENTHS_MAX) || v < 0)) {
                return reader_fail(r, ERR_SYNTAX, "bad time, or more than 2 s");
            }
            tenths[(size_t)i * cities->count + j] = (uint32_t)v;
        }
    }
    return reader_next(r) == ERR_NOT_FOUND ? ERR_OK
                                           : reader_fail(r, ERR_SYNTAX, "more rows than cities");
}

static int compare_u32(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a;
    uint32_t y = *(const uint32_t *)b;
    return (x > y) - (x < y);
}

/* The lower median over measured pairs between two regions; UNMEASURED when there is none. */
static uint32_t region_median(const struct cities *cities, const uint32_t *tenths,
                              uint32_t *scratch, uint32_t region_a, uint32_t region_b)
{
    size_t count = 0;
    for (uint32_t i = 0; i < cities->count; i++) {
        for (uint32_t j = 0; j < i; j++) {
            uint32_t a = cities->city[i].region;
            uint32_t b = cities->city[j].region;
            uint32_t v = tenths[(size_t)i * cities->count + j];
            bool between = (a == region_a && b == region_b) || (a == region_b && b == region_a);
            if (between && v != UNMEASURED) {
                scratch[count++] = v;
            }
        }
    }
    qsort(scratch, count, sizeof *scratch, compare_u32);
    return count > 0 ? scratch[(count - 1) / 2] : UNMEASURED;
}

/* Fills the holes of a triangle; *filled counts them. */
static enum err fill_unmeasured(const struct cities *cities, uint32_t *tenths, uint32_t *filled)
{
    size_t cells = (size_t)cities->count * cities->count;
    uint32_t *scratch = malloc(2 * cells * sizeof *scratch);
    if (scratch == NULL) {
        return ERR_NO_MEMORY;
    }
    /* Medians are over measured pairs only, so the filled values wait in a copy. */
    uint32_t *measured = scratch + cells;
    memcpy(measured, tenths, cells * sizeof *tenths);
    enum err err = ERR_OK;
    *filled = 0;
    for (uint32_t i = 0; i < cities->count && err == ERR_OK; i++) {
        for (uint32_t j = 0; j < i && err == ERR_OK; j++) {
            uint32_t *v = &tenths[(size_t)i * cities->count + j];
            if (*v == UNMEASURED) {
                *v = region_median(cities, measured, scratch, cities->city[i].region,
                                   cities->city[j].region);
                err = *v == UNMEASURED ? ERR_NOT_FOUND : ERR_OK;
                ++*filled;
            }
        }
    }
    free(scratch);
    return err;
}

static void fill_pairs(struct cities *cities, const uint32_t *rtt, const uint32_t *mdev)
{
    size_t n = cities->count;
    for (size_t i = 0; i < n; i++) {
        cities->pair[i * n + i] = (struct city_pair){.base_ns = CITIES_BASE_NS_MIN};
        for (size_t j = 0; j < i; j++) {
            uint32_t rtt_ns = rtt[i * n + j] * TENTH_MS_NS;
            uint32_t mdev_ns = mdev[i * n + j] * TENTH_MS_NS;
            if (mdev_ns > rtt_ns / 2) {
                mdev_ns = rtt_ns / 2;
            }
            struct city_pair pair = {.base_ns = (rtt_ns - mdev_ns) / 2, .jitter_ns = mdev_ns / 2};
            if (pair.base_ns < CITIES_BASE_NS_MIN) {
                pair.base_ns = CITIES_BASE_NS_MIN;
                cities->floored++;
            }
            cities->pair[i * n + j] = pair;
            cities->pair[j * n + i] = pair;
        }
    }
}

static enum err load_pairs(struct cities *cities, struct cities_error *error, struct reader *r,
                           uint32_t *const triangle[2], const char *const path[2])
{
    for (int which = 0; which < 2; which++) {
        TRY(reader_open(r, error, path[which]));
        enum err err = load_triangle(cities, triangle[which], r);
        fclose(r->file);
        TRY(err);
        error->line = 0;
        uint32_t filled;
        if (fill_unmeasured(cities, triangle[which], &filled) != ERR_OK) {
            return reader_fail(r, ERR_NOT_FOUND, "two regions without one measured pair");
        }
        if (which == 0) {
            cities->unmeasured = filled;
        }
    }
    fill_pairs(cities, triangle[0], triangle[1]);
    return ERR_OK;
}

enum err cities_load(struct cities *cities, struct cities_error *error, const char *cities_path,
                     const char *rtt_path, const char *mdev_path)
{
    *cities = (struct cities){0};
    *error = (struct cities_error){.path = cities_path};
    struct reader *r = malloc(sizeof *r);
    cities->city = calloc(CITIES_MAX, sizeof *cities->city);
    uint32_t *triangle[2] = {NULL, NULL};
    enum err err = r != NULL && cities->city != NULL ? ERR_OK : ERR_NO_MEMORY;
    if (err == ERR_OK) {
        err = reader_open(r, error, cities_path);
    }
    if (err == ERR_OK) {
        err = load_table(cities, r);
        fclose(r->file);
    }
    if (err == ERR_OK) {
        size_t cells = (size_t)cities->count * cities->count;
        cities->pair = calloc(cells, sizeof *cities->pair);
        triangle[0] = calloc(cells, sizeof *triangle[0]);
        triangle[1] = calloc(cells, sizeof *triangle[1]);
        err = cities->pair != NULL && triangle[0] != NULL && triangle[1] != NULL ? ERR_OK
                                                                                 : ERR_NO_MEMORY;
    }
    if (err == ERR_OK) {
        err = load_pairs(cities, error, r, triangle, (const char *const[]){rtt_path, mdev_path});
    }
    free(triangle[0]);
    free(triangle[1]);
    free(r);
    if (err == ERR_NO_MEMORY) {
        snprintf(error->text, sizeof error->text, "out of memory");
    }
    if (err != ERR_OK) {
        cities_free(cities);
    }
    return err;
}

void cities_free(struct cities *cities)
{
    free(cities->city);
    free(cities->pair);
    *cities = (struct cities){0};
}

enum err cities_find(const struct cities *cities, uint32_t *city, const char *name)
{
    for (uint32_t i = 0; i < cities->count; i++) {
        if (strcmp(cities->city[i].name, name) == 0) {
            *city = i;
            return ERR_OK;
        }
    }
    return ERR_NOT_FOUND;
}

enum err cities_find_region(const struct cities *cities, uint32_t *region, const char *name)
{
    for (uint32_t i = 0; i < cities->region_count; i++) {
        if (strcmp(cities->region[i], name) == 0) {
            *region = i;
            return ERR_OK;
        }
    }
    return ERR_NOT_FOUND;
}

void cities_weights_population(const struct cities *cities, uint64_t *weight)
{
    for (uint32_t i = 0; i < cities->count; i++) {
        weight[i] = cities->city[i].population;
    }
}

void cities_weights_shares(const struct cities *cities, uint64_t *weight, const uint32_t *share)
{
    uint64_t population[CITIES_REGIONS_MAX] = {0};
    for (uint32_t i = 0; i < cities->count; i++) {
        population[cities->city[i].region] += cities->city[i].population;
    }
    for (uint32_t i = 0; i < cities->count; i++) {
        const struct city *city = &cities->city[i];
        u128 part = (u128)share[city->region] * city->population << 24;
        weight[i] = population[city->region] > 0 ? (uint64_t)(part / population[city->region]) : 0;
    }
}

enum err cities_place(const struct cities *cities, uint16_t *city_of_node, size_t node_count,
                      const uint64_t *weight, uint64_t seed)
{
    uint64_t upto[CITIES_MAX]; /* sum of the weights up to and with a city */
    u128 sum = 0;
    for (uint32_t i = 0; i < cities->count; i++) {
        sum += weight[i];
        upto[i] = (uint64_t)sum;
    }
    if (sum == 0 || sum >> 63 != 0) {
        return ERR_RANGE;
    }
    uint64_t key = draw_key(seed, DRAW_PLACE);
    for (size_t node = 0; node < node_count; node++) {
        uint64_t at = draw_below(draw_at(key, (uint32_t)node, 0, 0), (uint64_t)sum);
        uint32_t low = 0;
        uint32_t high = cities->count - 1;
        while (low < high) {
            uint32_t middle = (low + high) / 2;
            if (at < upto[middle]) {
                high = middle;
            } else {
                low = middle + 1;
            }
        }
        city_of_node[node] = (uint16_t)low;
    }
    return ERR_OK;
}
