#include "node/base/map.h"

#include "node/base/invariant.h"

uint32_t map_slots(uint32_t entries)
{
    uint64_t slots = 4;
    while (slots - slots / 4 < entries) {
        slots *= 2;
    }
    invariant(slots <= (uint64_t)1 << 31);
    return (uint32_t)slots;
}

size_t map_bytes(uint32_t slots)
{
    invariant(slots >= 4 && (slots & (slots - 1)) == 0);
    return (size_t)slots * (sizeof(uint32_t) + MAP_ID_BYTES);
}

/* Sebastiano Vigna's SplitMix64, to stretch the seed. */
static uint64_t seed_next(uint64_t *seed)
{
    uint64_t z = *seed += 0x9e3779b97f4a7c15u;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return z ^ z >> 31;
}

void map_init(struct map *map, void *memory, uint32_t slots, uint64_t seed)
{
    invariant((uintptr_t)memory % MAP_ALIGN == 0);
    invariant(map_bytes(slots) > 0);
    *map = (struct map){
        .values = memory,
        .ids = (uint8_t(*)[MAP_ID_BYTES])((uint8_t *)memory + slots * sizeof(uint32_t)),
        .mask = slots - 1,
        .limit = slots - slots / 4,
    };
    for (size_t i = 0; i < 4; i++) {
        map->key[i] = seed_next(&seed);
    }
    map_clear(map);
}

void map_clear(struct map *map)
{
    memset(map->values, 0, ((size_t)map->mask + 1) * sizeof map->values[0]);
    map->count = 0;
}

static uint64_t fold(uint64_t a, uint64_t b)
{
    u128 product = (u128)a * b;
    return (uint64_t)product ^ (uint64_t)(product >> 64);
}

/* Where id wants to be. Both factors of each product hide behind the key: a public constant in one
 * place would let anybody make that factor zero and all such ids collide. */
static uint32_t home(const struct map *map, const uint8_t id[MAP_ID_BYTES])
{
    uint64_t low = fold(load64(id) ^ map->key[0], load64(id + 8) ^ map->key[1]);
    uint64_t high = fold(load64(id + 16) ^ map->key[2], load64(id + 24) ^ map->key[3]);
    return (uint32_t)fold(low ^ map->key[1], high ^ map->key[2]) & map->mask;
}

/* The slot of id, or the empty slot where the search for it ends. There always is one, since the
 * limit keeps a quarter of the slots empty. */
static uint32_t search(const struct map *map, const uint8_t id[MAP_ID_BYTES])
{
    uint32_t slot = home(map, id);
    while (map->values[slot] != 0 && memcmp(map->ids[slot], id, MAP_ID_BYTES) != 0) {
        slot = (slot + 1) & map->mask;
    }
    return slot;
}

enum err map_insert(struct map *map, const uint8_t id[MAP_ID_BYTES], uint32_t value)
{
    invariant(value != MAP_NONE);
    uint32_t slot = search(map, id);
    if (map->values[slot] != 0) {
        return ERR_DUPLICATE;
    }
    if (map->count == map->limit) {
        map->refused++;
        return ERR_FULL;
    }
    map->values[slot] = value + 1;
    memcpy(map->ids[slot], id, MAP_ID_BYTES);
    map->count++;
    if (map->count > map->peak) {
        map->peak = map->count;
    }
    return ERR_OK;
}

bool map_update(struct map *map, const uint8_t id[MAP_ID_BYTES], uint32_t value)
{
    invariant(value != MAP_NONE);
    uint32_t slot = search(map, id);
    if (map->values[slot] == 0) {
        return false;
    }
    map->values[slot] = value + 1;
    return true;
}

uint32_t map_get(const struct map *map, const uint8_t id[MAP_ID_BYTES])
{
    return map->values[search(map, id)] - 1; /* an empty slot's 0 becomes MAP_NONE */
}

uint32_t map_remove(struct map *map, const uint8_t id[MAP_ID_BYTES])
{
    uint32_t hole = search(map, id);
    uint32_t value = map->values[hole] - 1;
    if (value == MAP_NONE) {
        return MAP_NONE;
    }
    /* Knuth 6.4, algorithm R: an entry behind the hole moves into it when its home does not lie
     * cyclically between hole (exclusive) and where it stands. */
    for (uint32_t slot = (hole + 1) & map->mask; map->values[slot] != 0;
         slot = (slot + 1) & map->mask) {
        uint32_t distance = (slot - home(map, map->ids[slot])) & map->mask;
        if (distance >= ((slot - hole) & map->mask)) {
            map->values[hole] = map->values[slot];
            memcpy(map->ids[hole], map->ids[slot], MAP_ID_BYTES);
            hole = slot;
        }
    }
    map->values[hole] = 0;
    map->count--;
    return value;
}
