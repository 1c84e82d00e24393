/* Simpler maps than the measured one, in the same form. */
#include <stdlib.h>

#include "sim/net/cities.h"

static enum err map_make(struct cities *cities, uint32_t count)
{
    *cities = (struct cities){.count = count};
    cities->city = calloc(count, sizeof *cities->city);
    cities->pair = calloc((size_t)count * count, sizeof *cities->pair);
    if (cities->city == NULL || cities->pair == NULL) {
        cities_free(cities);
        return ERR_NO_MEMORY;
    }
    return ERR_OK;
}

enum err cities_make_constant(struct cities *cities, uint64_t delay_ns)
{
    if (delay_ns < CITIES_BASE_NS_MIN || delay_ns > CITIES_BASE_NS_MAX) {
        return ERR_RANGE;
    }
    TRY(map_make(cities, 1));
    memcpy(cities->city[0].name, "Everywhere", sizeof "Everywhere");
    cities->city[0].population = 1;
    cities->region_count = 1;
    memcpy(cities->region[0], "ALL", sizeof "ALL");
    cities->pair[0].base_ns = (uint32_t)delay_ns;
    return ERR_OK;
}

static int compare_u32(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a;
    uint32_t y = *(const uint32_t *)b;
    return (x > y) - (x < y);
}

/* Medians (the lower of two) of base and jitter over the pairs of cities between two regions;
 * scratch has room for all pairs, twice. A region of one city: what cities of one place have. */
static struct city_pair median_pair(const struct cities *cities, uint32_t *scratch, uint32_t a,
                                    uint32_t b)
{
    uint32_t *base = scratch;
    uint32_t *jitter = scratch + (size_t)cities->count * cities->count;
    size_t count = 0;
    for (uint32_t i = 0; i < cities->count; i++) {
        for (uint32_t j = 0; j < i; j++) {
            uint32_t x = cities->city[i].region;
            uint32_t y = cities->city[j].region;
            if ((x == a && y == b) || (x == b && y == a)) {
                struct city_pair pair = cities_pair(cities, i, j);
                base[count] = pair.base_ns;
                jitter[count++] = pair.jitter_ns;
            }
        }
    }
    if (count == 0) {
        return (struct city_pair){.base_ns = CITIES_BASE_NS_MIN};
    }
    qsort(base, count, sizeof *base, compare_u32);
    qsort(jitter, count, sizeof *jitter, compare_u32);
    return (struct city_pair){base[(count - 1) / 2], jitter[(count - 1) / 2]};
}

enum err cities_make_regions(struct cities *cities, const struct cities *measured)
{
    uint32_t n = measured->region_count;
    size_t cells = (size_t)measured->count * measured->count;
    TRY(map_make(cities, n));
    uint32_t *scratch = malloc(2 * cells * sizeof *scratch);
    if (scratch == NULL) {
        cities_free(cities);
        return ERR_NO_MEMORY;
    }
    cities->region_count = n;
    memcpy(cities->region, measured->region, sizeof cities->region);
    for (uint32_t i = 0; i < n; i++) {
        memcpy(cities->city[i].name, measured->region[i], CITY_REGION_BYTES);
        cities->city[i].region = i;
        for (uint32_t j = 0; j <= i; j++) {
            struct city_pair pair = median_pair(measured, scratch, i, j);
            cities->pair[(size_t)i * n + j] = pair;
            cities->pair[(size_t)j * n + i] = pair;
        }
    }
    for (uint32_t i = 0; i < measured->count; i++) {
        cities->city[measured->city[i].region].population += measured->city[i].population;
    }
    free(scratch);
    return ERR_OK;
}

void cities_drop_jitter(struct cities *cities)
{
    for (size_t i = 0; i < (size_t)cities->count * cities->count; i++) {
        cities->pair[i].base_ns += cities->pair[i].jitter_ns;
        cities->pair[i].jitter_ns = 0;
    }
}

uint32_t cities_base_ns_min(const struct cities *cities)
{
    uint32_t least_ns = UINT32_MAX;
    for (size_t i = 0; i < (size_t)cities->count * cities->count; i++) {
        least_ns = cities->pair[i].base_ns < least_ns ? cities->pair[i].base_ns : least_ns;
    }
    return least_ns;
}
