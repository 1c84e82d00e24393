#include "node/daemon/verdicts.h"

#include <stdlib.h>

#include "node/base/invariant.h"
#include "node/base/map.h"

struct verdict {
    uint8_t tx[32];
    uint64_t at_ns;
    enum err err;
};

struct verdicts {
    struct map map; /* tx -> position in the ring */
    void *memory;
    size_t first, count;
    struct verdict ring[VERDICTS_MAX];
};

struct verdicts *verdicts_new(uint64_t seed)
{
    struct verdicts *v = calloc(1, sizeof(*v));
    uint32_t slots = map_slots(VERDICTS_MAX);
    size_t bytes = (map_bytes(slots) + MAP_ALIGN - 1) / MAP_ALIGN * MAP_ALIGN;
    if (v == NULL || (v->memory = aligned_alloc(MAP_ALIGN, bytes)) == NULL) {
        free(v);
        return NULL;
    }
    map_init(&v->map, v->memory, slots, seed);
    return v;
}

void verdicts_free(struct verdicts *v)
{
    if (v != NULL) {
        free(v->memory);
        free(v);
    }
}

static void drop_first(struct verdicts *v)
{
    const struct verdict *old = &v->ring[v->first];
    if (map_get(&v->map, old->tx) == v->first) { /* a newer verdict may stand elsewhere */
        (void)map_remove(&v->map, old->tx);
    }
    v->first = (v->first + 1) % VERDICTS_MAX;
    v->count--;
}

void verdicts_add(struct verdicts *v, const uint8_t tx[32], enum err err, uint64_t now_ns)
{
    (void)verdicts_count(v, now_ns);
    if (v->count == VERDICTS_MAX) {
        drop_first(v);
    }
    uint32_t at = (uint32_t)((v->first + v->count++) % VERDICTS_MAX);
    v->ring[at] = (struct verdict){.at_ns = now_ns, .err = err};
    memcpy(v->ring[at].tx, tx, 32);
    if (!map_update(&v->map, tx, at)) {
        invariant(map_insert(&v->map, tx, at) == ERR_OK);
    }
}

enum err verdicts_get(const struct verdicts *v, const uint8_t tx[32], uint64_t now_ns)
{
    uint32_t at = map_get(&v->map, tx);
    if (at == MAP_NONE || v->ring[at].at_ns + VERDICT_LIFE_NS <= now_ns) {
        return ERR_OK;
    }
    return v->ring[at].err;
}

size_t verdicts_count(struct verdicts *v, uint64_t now_ns)
{
    while (v->count > 0 && v->ring[v->first].at_ns + VERDICT_LIFE_NS <= now_ns) {
        drop_first(v);
    }
    return v->count;
}
