/* Zones: cities that stand together, for an engine of several threads (engine.h). Cities nearer to
 * each other than some delay are in one zone, directly or by way of others between them; the delay
 * is the largest at which no zone holds more of the nodes than threads can divide evenly. */
#include <stdlib.h>

#include "sim/world/internal.h"

#define ZONES_PER_THREAD 6

/* An edge of the minimum spanning tree of the inhabited cities. */
struct branch {
    uint32_t base_ns;
    uint16_t a, b;
};

struct map {
    const struct cities *cities;
    uint16_t *city; /* the inhabited ones */
    uint32_t *nodes, *zone;
    struct branch *tree;
    uint32_t count;
};

static int branch_order(const void *x, const void *y)
{
    const struct branch *a = x;
    const struct branch *b = y;

    if (a->base_ns != b->base_ns) {
        return a->base_ns < b->base_ns ? -1 : 1;
    }
    return a->a != b->a ? (a->a < b->a ? -1 : 1) : (a->b > b->b) - (a->b < b->b);
}

static uint32_t base_between(const struct map *map, uint32_t a, uint32_t b)
{
    uint32_t there = cities_pair(map->cities, map->city[a], map->city[b]).base_ns;
    uint32_t back = cities_pair(map->cities, map->city[b], map->city[a]).base_ns;

    return there < back ? there : back;
}

/* Prim's algorithm; the branches come out shortest first. */
static void tree_grow(struct map *map)
{
    uint32_t *nearest = map->zone; /* not needed yet */
    uint32_t count = map->count;
    bool *in = calloc(count, sizeof(*in));

    invariant(in != NULL);
    in[0] = true;
    memset(nearest, 0, count * sizeof(*nearest));
    for (uint32_t n = 0; n + 1 < count; n++) {
        struct branch best = {.base_ns = UINT32_MAX};
        for (uint32_t i = 0; i < count; i++) {
            uint32_t base_ns = in[i] ? UINT32_MAX : base_between(map, i, nearest[i]);
            if (base_ns < best.base_ns) {
                best = (struct branch){base_ns, (uint16_t)i, (uint16_t)nearest[i]};
            }
        }
        in[best.a] = true;
        map->tree[n] = best;
        for (uint32_t i = 0; i < count; i++) {
            if (!in[i] && base_between(map, i, best.a) < base_between(map, i, nearest[i])) {
                nearest[i] = best.a;
            }
        }
    }
    free(in);
    qsort(map->tree, count - 1, sizeof(map->tree[0]), branch_order);
}

static void zones_join(struct map *map, uint32_t a, uint32_t b)
{
    uint32_t gone = map->zone[b];

    map->nodes[map->zone[a]] += map->nodes[gone];
    map->nodes[gone] = 0;
    for (uint32_t i = 0; i < map->count; i++) {
        if (map->zone[i] == gone) {
            map->zone[i] = map->zone[a];
        }
    }
}

/* Joins the nearest cities as long as no zone holds more than nodes_max; returns the least delay
 * between two zones. */
static uint64_t zones_grow(struct map *map, uint32_t nodes_max)
{
    for (uint32_t i = 0; i < map->count; i++) {
        map->zone[i] = i;
    }
    for (uint32_t n = 0; n + 1 < map->count; n++) {
        const struct branch *x = &map->tree[n];
        if (map->nodes[map->zone[x->a]] + map->nodes[map->zone[x->b]] > nodes_max) {
            return x->base_ns;
        }
        zones_join(map, x->a, x->b);
    }
    return 0; /* one zone */
}

/* Puts zones, the largest first, where fewest nodes are. Returns how many there are then. */
static unsigned zones_pack(struct world *w, const struct map *map, unsigned zones_max)
{
    uint32_t load[ENGINE_ZONES_MAX] = {0};
    uint8_t *place = calloc(map->count, sizeof(*place));
    unsigned used = 0;

    invariant(place != NULL);
    for (;;) {
        uint32_t zone = 0;
        unsigned to = 0;
        for (uint32_t i = 1; i < map->count; i++) {
            zone = map->nodes[i] > map->nodes[zone] ? i : zone;
        }
        if (map->nodes[zone] == 0) {
            break;
        }
        for (unsigned i = 1; i < zones_max; i++) {
            to = load[i] < load[to] ? i : to;
        }
        load[to] += map->nodes[zone];
        map->nodes[zone] = 0;
        place[zone] = (uint8_t)to;
        used = to >= used ? to + 1 : used;
    }
    uint8_t of_city[CITIES_MAX] = {0};
    for (uint32_t i = 0; i < map->count; i++) {
        of_city[map->city[i]] = place[map->zone[i]];
    }
    for (uint32_t i = 0; i < w->count; i++) {
        w->zone[i] = of_city[w->city_of_node[i]];
    }
    free(place);
    return used;
}

static void map_build(struct world *w, struct map *map)
{
    uint32_t nodes[CITIES_MAX] = {0};
    size_t cities = w->cities.count;

    *map = (struct map){.cities = &w->cities};
    map->city = calloc(cities, sizeof(*map->city));
    map->nodes = calloc(cities, sizeof(*map->nodes));
    map->zone = calloc(cities, sizeof(*map->zone));
    map->tree = calloc(cities, sizeof(*map->tree));
    invariant(map->city != NULL && map->nodes != NULL && map->zone != NULL && map->tree != NULL);
    for (uint32_t i = 0; i < w->count; i++) {
        nodes[w->city_of_node[i]]++;
    }
    for (uint32_t i = 0; i < cities; i++) {
        if (nodes[i] > 0) {
            map->nodes[map->count] = nodes[i];
            map->city[map->count++] = (uint16_t)i;
        }
    }
}

void zones_build(struct world *w)
{
    struct map map;

    w->zones = 0;
    if (w->threads < 2) {
        return;
    }
    w->zone = calloc(w->count, sizeof(*w->zone));
    invariant(w->zone != NULL);
    map_build(w, &map);
    tree_grow(&map);
    w->zone_ns = zones_grow(&map, 3 * w->count / (4 * w->threads));
    unsigned zones_max = ZONES_PER_THREAD * w->threads;
    w->zones = zones_pack(w, &map, zones_max < ENGINE_ZONES_MAX ? zones_max : ENGINE_ZONES_MAX);
    free(map.city);
    free(map.nodes);
    free(map.zone);
    free(map.tree);
}
