#include "sim/net/laws.h"

#include <stdio.h>
#include <stdlib.h>

#include "node/base/invariant.h"

enum {
    MEAN_MS_MIN = 9,
    MEAN_MS_MAX = 999,
    BEHIND_MS = 5, /* the least delay is so much below the mean */
    MS_NS = 1000000,
    LINE_BYTES = 1024,
};

struct laws {
    uint32_t count;
    uint16_t mean_ms[CITIES_REGIONS_MAX][CITIES_REGIONS_MAX];
    struct quantile *table[MEAN_MS_MAX + 1]; /* of minimum 1, by mean; NULL: no pair has it */
};

static enum err fail(struct cities_error *error, enum err err, const char *text)
{
    snprintf(error->text, sizeof(error->text), "%s", text);
    return err;
}

/* One line: a name and means. */
static enum err row_read(struct laws *laws, struct cities *cities, struct cities_error *error,
                         char *line, uint32_t *means)
{
    uint32_t row = laws->count;
    char *rest = line;
    char *name = strsep(&rest, "\t");
    if (row == CITIES_REGIONS_MAX || name[0] == 0 || strlen(name) >= CITY_REGION_BYTES) {
        return fail(error, ERR_SYNTAX, "a name of 1 to 7 letters, in at most 32 lines");
    }
    snprintf(cities->region[row], CITY_REGION_BYTES, "%s", name);
    snprintf(cities->city[row].name, CITY_NAME_BYTES, "%s", name);
    cities->city[row].population = 1;
    cities->city[row].region = row;
    uint32_t i = 0;
    for (char *field = strsep(&rest, "\t\n"); field != NULL && field[0] != 0;
         field = strsep(&rest, "\t\n")) {
        char *end;
        unsigned long mean = strtoul(field, &end, 10);
        if (*end != 0 || mean < MEAN_MS_MIN || mean > MEAN_MS_MAX || i == CITIES_REGIONS_MAX) {
            return fail(error, ERR_SYNTAX, "a mean is a whole number of ms from 9 to 999");
        }
        laws->mean_ms[row][i++] = (uint16_t)mean;
    }
    if (row > 0 && i != *means) {
        return fail(error, ERR_SYNTAX, "each line has as many means");
    }
    *means = i;
    laws->count++;
    return ERR_OK;
}

static enum err rows_read(struct laws *laws, struct cities *cities, struct cities_error *error,
                          FILE *file)
{
    char line[LINE_BYTES];
    uint32_t means = 0;
    while (fgets(line, sizeof(line), file) != NULL) {
        error->line++;
        if (line[0] != '#') {
            TRY(row_read(laws, cities, error, line, &means));
        }
    }
    if (laws->count == 0 || means != laws->count) {
        return fail(error, ERR_SYNTAX, "as many lines as means in each");
    }
    return ERR_OK;
}

static enum err pairs_make(struct laws *laws, struct cities *cities, struct cities_error *error)
{
    uint32_t n = laws->count;
    cities->count = cities->region_count = n;
    for (uint32_t i = 0; i < n; i++) {
        for (uint32_t j = 0; j < n; j++) {
            uint32_t mean = laws->mean_ms[i][j];
            if (mean != laws->mean_ms[j][i]) {
                return fail(error, ERR_SYNTAX, "the two ways of a pair have one mean");
            }
            cities->pair[(size_t)i * n + j] = (struct city_pair){
                .base_ns = (mean - BEHIND_MS) * MS_NS, .jitter_ns = BEHIND_MS * MS_NS};
            if (laws->table[mean] == NULL) {
                laws->table[mean] = malloc(sizeof(struct quantile));
                if (laws->table[mean] == NULL) {
                    return ERR_NO_MEMORY;
                }
                TRY(quantile_build_pareto(laws->table[mean],
                                          (struct quantile_ratio){.num = mean, .den = 5}));
            }
        }
    }
    return ERR_OK;
}

enum err laws_load(struct laws **out, struct cities *cities, struct cities_error *error,
                   const char *path)
{
    *error = (struct cities_error){.path = path};
    *cities = (struct cities){0};
    FILE *file = fopen(path, "r");
    if (file == NULL) {
        return fail(error, ERR_NOT_FOUND, "cannot open this file");
    }
    struct laws *laws = calloc(1, sizeof(*laws));
    cities->city = calloc(CITIES_REGIONS_MAX, sizeof(*cities->city));
    cities->pair = calloc((size_t)CITIES_REGIONS_MAX * CITIES_REGIONS_MAX, sizeof(*cities->pair));
    bool room = laws != NULL && cities->city != NULL && cities->pair != NULL;
    enum err err = room ? rows_read(laws, cities, error, file) : ERR_NO_MEMORY;
    fclose(file);
    if (err == ERR_OK) {
        err = pairs_make(laws, cities, error);
    }
    if (err != ERR_OK) {
        laws_free(laws);
        cities_free(cities);
        laws = NULL;
    }
    *out = laws;
    return err;
}

void laws_free(struct laws *laws)
{
    for (uint32_t i = 0; laws != NULL && i <= MEAN_MS_MAX; i++) {
        free(laws->table[i]);
    }
    free(laws);
}

uint64_t laws_delay_ns(const struct laws *laws, uint32_t from, uint32_t to, uint64_t u)
{
    uint32_t mean = laws->mean_ms[from][to];
    invariant(from < laws->count && to < laws->count);
    uint64_t ns = quantile_sample(laws->table[mean], u, (uint64_t)(mean - BEHIND_MS) * MS_NS);
    return (ns + MS_NS / 2) / MS_NS * MS_NS;
}
