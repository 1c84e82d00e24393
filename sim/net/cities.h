/* The map: cities with measured round-trip times, and where the nodes stand. One matrix of cities,
 * never of nodes. spec: decisions 21
 *
 * One-way delay between two cities = base + Exp(mean jitter), where
 *   mdev'  = min(mdev, RTT / 2)
 *   base   = max(CITIES_BASE_NS_MIN, (RTT - mdev') / 2)      jitter = mdev' / 2
 * so that the mean is RTT / 2. A pair that was not measured takes the median of the measured pairs
 * between its two regions, RTT and mdev each for itself. Within a city: CITIES_BASE_NS_MIN, no
 * jitter. Nothing is ever faster than that, so it bounds the engine's window. */
#ifndef ORRERY_SIM_NET_CITIES_H
#define ORRERY_SIM_NET_CITIES_H

#include "node/base/bytes.h"
#include "node/base/err.h"

enum {
    CITIES_MAX = 1024,
    CITIES_REGIONS_MAX = 32,
    CITIES_BASE_NS_MIN = 2000000,
    CITIES_BASE_NS_MAX = 2000000000,
    CITY_NAME_BYTES = 40,
    CITY_REGION_BYTES = 8,
};

struct city {
    char name[CITY_NAME_BYTES];
    int32_t latitude_mdeg; /* thousandths of a degree, north positive */
    int32_t longitude_mdeg;
    uint32_t population;
    uint32_t region;
};

struct city_pair {
    uint32_t base_ns;
    uint32_t jitter_ns; /* mean */
};

/* Immutable after cities_load. */
struct cities {
    uint32_t count;
    uint32_t region_count;
    uint32_t unmeasured; /* pairs (of two cities) that took the regional median */
    uint32_t floored;    /* pairs raised to CITIES_BASE_NS_MIN */
    struct city *city;
    char region[CITIES_REGIONS_MAX][CITY_REGION_BYTES]; /* in the order of first appearance */
    struct city_pair *pair;                             /* [count * count], symmetric */
};

/* Where and why loading failed; line 0: the file as a whole. */
struct cities_error {
    const char *path; /* one of the paths given */
    uint32_t line;
    char text[96];
};

/* Reads the city table (index, name, latitude, longitude, population, label, region: tab-separated,
 * '#' begins a comment line) and the two lower triangles (tenths of a millisecond; row i has i
 * fields, empty = not measured). On an error `cities` needs no cities_free. A pair of regions
 * without one measured pair is an error. */
MUST_CHECK enum err cities_load(struct cities *cities, struct cities_error *error,
                                const char *cities_path, const char *rtt_path,
                                const char *mdev_path);
void cities_free(struct cities *cities);

/* A map of one city in which every message takes delay_ns. ERR_RANGE below CITIES_BASE_NS_MIN or
 * above CITIES_BASE_NS_MAX; ERR_NO_MEMORY. */
MUST_CHECK enum err cities_make_constant(struct cities *cities, uint64_t delay_ns);

/* A map with one place per region of a measured map: base and jitter between two places, and within
 * one, are the medians over the pairs of different cities. ERR_NO_MEMORY. */
MUST_CHECK enum err cities_make_regions(struct cities *cities, const struct cities *measured);

/* Makes every delay its mean. */
void cities_drop_jitter(struct cities *cities);

/* The smallest base of the map: no message is faster, so no window of the engine may be longer. */
uint32_t cities_base_ns_min(const struct cities *cities);

/* ERR_NOT_FOUND when there is none of that name. Names are matched exactly. */
MUST_CHECK enum err cities_find(const struct cities *cities, uint32_t *city, const char *name);
MUST_CHECK enum err cities_find_region(const struct cities *cities, uint32_t *region,
                                       const char *name);

static inline struct city_pair cities_pair(const struct cities *cities, uint32_t from, uint32_t to)
{
    return cities->pair[(size_t)from * cities->count + to];
}

/* Weight of every city for cities_place: its population. weight has cities->count entries. */
void cities_weights_population(const struct cities *cities, uint64_t *weight);

/* The same from a share per region (any unit, their sum at most 2^32), divided within a region by
 * population. share has cities->region_count entries. */
void cities_weights_shares(const struct cities *cities, uint64_t *weight, const uint32_t *share);

/* Draws the city of every node from the weights. Each node has its own draw: more nodes move none
 * of the first ones. ERR_RANGE when all weights are 0 or their sum exceeds 2^63. */
MUST_CHECK enum err cities_place(const struct cities *cities, uint16_t *city_of_node,
                                 size_t node_count, const uint64_t *weight, uint64_t seed);

#endif
