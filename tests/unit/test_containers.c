/* pool, ring and map, each against a model too simple to be wrong. */
#include <criterion/criterion.h>
#include <signal.h>
#include <stdlib.h>

#include "node/base/map.h"
#include "node/base/pool.h"
#include "node/base/ring.h"

static uint64_t next(uint64_t *state)
{
    uint64_t z = *state += 0x9e3779b97f4a7c15u;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return z ^ z >> 31;
}

Test(pool, against_a_set)
{
    enum { CAPACITY = 100, SLOT = 24 };
    size_t bytes = pool_bytes(SLOT, CAPACITY);
    uint8_t *memory = malloc(bytes + 1);
    memset(memory, 0xee, bytes + 1); /* nothing may rely on zeroed memory */
    struct pool pool;
    pool_init(&pool, memory, SLOT, CAPACITY);
    bool live[CAPACITY] = {false};
    uint32_t count = 0;
    uint32_t peak = 0;
    uint64_t refused = 0;
    uint64_t state = 1;
    for (int step = 0; step < 40000; step++) {
        /* The odds drift, so that the pool is now nearly full, now nearly empty. */
        if (next(&state) % 100 < (step / 1000 % 2 ? 30u : 70u)) {
            uint32_t index;
            enum err err = pool_take(&pool, &index);
            if (count == CAPACITY) {
                cr_assert(err == ERR_FULL && index == POOL_NONE);
                refused++;
                continue;
            }
            cr_assert_eq(err, ERR_OK);
            cr_assert(index < CAPACITY && !live[index]);
            live[index] = true;
            count++;
            peak = count > peak ? count : peak;
            memset(pool_at(&pool, index), (int)index, SLOT);
        } else if (count > 0) {
            uint32_t index = (uint32_t)(next(&state) % CAPACITY);
            while (!live[index]) {
                index = (index + 1) % CAPACITY;
            }
            for (int i = 0; i < SLOT; i++) {
                cr_assert_eq(((uint8_t *)pool_at(&pool, index))[i], index);
            }
            pool_give(&pool, index);
            live[index] = false;
            count--;
        }
        cr_assert_eq(pool.count, count);
        if (step % 97 == 0) {
            uint32_t walk = pool_next(&pool, 0);
            for (uint32_t i = 0; i < CAPACITY; i++) {
                cr_assert_eq(pool_is_live(&pool, i), live[i]);
                if (live[i]) {
                    cr_assert_eq(walk, i);
                    walk = pool_next(&pool, i + 1);
                }
            }
            cr_assert_eq(walk, POOL_NONE);
        }
    }
    cr_assert_eq(peak, CAPACITY);
    cr_assert_eq(pool.peak, peak);
    cr_assert_eq(pool.refused, refused);
    cr_assert_eq(memory[bytes], 0xee);
    free(memory);
}

Test(pool, touches_the_low_end_only)
{
    enum { CAPACITY = 1000, SLOT = 32 };
    size_t bytes = pool_bytes(SLOT, CAPACITY);
    uint8_t *memory = malloc(bytes);
    memset(memory, 0xee, bytes);
    struct pool pool;
    pool_init(&pool, memory, SLOT, CAPACITY);
    for (int i = 0; i < 500; i++) {
        uint32_t a;
        uint32_t b;
        cr_assert_eq(pool_take(&pool, &a), ERR_OK);
        cr_assert_eq(pool_take(&pool, &b), ERR_OK);
        memset(pool_at(&pool, a), 0, SLOT);
        memset(pool_at(&pool, b), 0, SLOT);
        pool_give(&pool, a);
        pool_give(&pool, b);
    }
    for (size_t i = 2 * SLOT; i < (size_t)SLOT * CAPACITY; i++) {
        cr_assert_eq(memory[i], 0xee);
    }
    free(memory);
}

Test(pool, giving_twice_is_caught, .signal = SIGABRT)
{
    _Alignas(16) static uint8_t memory[256];
    struct pool pool;
    uint32_t index;
    pool_init(&pool, memory, 16, 8);
    cr_assert_eq(pool_take(&pool, &index), ERR_OK);
    pool_give(&pool, index);
    pool_give(&pool, index);
}

Test(ring, against_a_counter)
{
    enum { CAPACITY = 7 };
    uint64_t *memory = malloc(ring_bytes(12, CAPACITY));
    struct ring ring;
    ring_init(&ring, memory, 12, CAPACITY);
    /* Element k is k, k+1, k+2 in 32-bit words: the queue holds [popped, pushed). */
    uint32_t pushed = 0;
    uint32_t popped = 0;
    uint64_t refused = 0;
    uint64_t state = 2;
    for (int step = 0; step < 20000; step++) {
        uint32_t element[3] = {pushed, pushed + 1, pushed + 2};
        if (next(&state) % 100 < (step / 500 % 2 ? 35u : 65u)) {
            enum err err = ring_push(&ring, element);
            if (pushed - popped == CAPACITY) {
                cr_assert_eq(err, ERR_FULL);
                refused++;
            } else {
                cr_assert_eq(err, ERR_OK);
                pushed++;
            }
        } else {
            bool got = ring_pop(&ring, step % 3 == 0 ? NULL : element);
            cr_assert_eq(got, pushed != popped);
            if (got) {
                cr_assert(step % 3 == 0 || (element[0] == popped && element[2] == popped + 2));
                popped++;
            }
        }
        cr_assert_eq(ring.count, pushed - popped);
        for (uint32_t i = 0; i < ring.count; i++) {
            uint32_t word;
            memcpy(&word, ring_at(&ring, i), 4);
            cr_assert_eq(word, popped + i);
        }
    }
    cr_assert_eq(ring.peak, CAPACITY);
    cr_assert(refused > 0 && ring.refused == refused);
    while (ring_pop(&ring, NULL)) {
    }
    cr_assert_eq(ring.first, 0, "an empty ring starts at the low end");
    free(memory);
}

/* Ids that differ in one place each, so that a hash that ignores a word is seen by the probe test
 * below and a comparison that ignores one is seen here. */
static void id_make(uint8_t id[32], uint32_t number)
{
    memset(id, 0, 32);
    store32(id + number % 8 * 4, number / 8 + 1);
}

static void map_against_array(uint64_t seed)
{
    enum { SLOTS = 64, IDS = 90 };
    size_t bytes = map_bytes(SLOTS);
    uint8_t *memory = malloc(bytes + 1);
    memset(memory, 0xee, bytes + 1);
    struct map map;
    map_init(&map, memory, SLOTS, seed);
    uint32_t value[IDS];
    memset(value, 0xff, sizeof value);
    uint32_t count = 0;
    uint64_t refused = 0;
    uint64_t state = seed;
    for (int step = 0; step < 4000; step++) {
        uint32_t number = (uint32_t)(next(&state) % IDS);
        uint32_t new_value = (uint32_t)next(&state) >> 1;
        uint8_t id[32];
        id_make(id, number);
        unsigned dice = (unsigned)(next(&state) % 100);
        if (dice < (step / 200 % 2 ? 25u : 75u)) {
            enum err want = value[number] != MAP_NONE ? ERR_DUPLICATE
                            : count == 48             ? ERR_FULL
                                                      : ERR_OK;
            cr_assert_eq(map_insert(&map, id, new_value), want);
            refused += want == ERR_FULL;
            if (want == ERR_OK) {
                value[number] = new_value;
                count++;
            }
        } else if (dice < 90) {
            cr_assert_eq(map_remove(&map, id), value[number]);
            count -= value[number] != MAP_NONE;
            value[number] = MAP_NONE;
        } else {
            bool present = value[number] != MAP_NONE;
            cr_assert_eq(map_update(&map, id, new_value), present);
            value[number] = present ? new_value : MAP_NONE;
        }
        cr_assert_eq(map.count, count);
        for (uint32_t i = 0; i < IDS; i++) {
            id_make(id, i);
            cr_assert_eq(map_get(&map, id), value[i]);
        }
    }
    cr_assert_eq(map.peak, 48);
    cr_assert(refused > 0 && map.refused == refused);
    cr_assert_eq(memory[bytes], 0xee);
    map_clear(&map);
    cr_assert_eq(map.count, 0);
    free(memory);
}

Test(map, against_an_array)
{
    for (uint64_t seed = 0; seed < 8; seed++) {
        map_against_array(seed);
    }
}

/* Structured ids must spread like random ones. The measure is, over all slots, the length of the
 * run of full slots that ends there: random placement gives 6 to 9 on average (a Monte Carlo run in
 * Python), one single run 1152. */
Test(map, spreads_structured_ids)
{
    enum { SLOTS = 4096 };
    uint8_t *memory = malloc(map_bytes(SLOTS));
    struct map map;
    map_init(&map, memory, SLOTS, 77);
    for (uint32_t i = 0; i < SLOTS * 3 / 4; i++) {
        uint8_t id[32];
        id_make(id, i);
        cr_assert_eq(map_insert(&map, id, i), ERR_OK);
    }
    uint64_t lengths = 0;
    uint64_t run = 0;
    for (uint32_t i = 0; i < SLOTS; i++) {
        run = map.values[i] != 0 ? run + 1 : 0;
        lengths += run;
    }
    cr_assert_lt(lengths / SLOTS, 12, "%lu", (unsigned long)(lengths / SLOTS));
    free(memory);
}

Test(map, slots_hold_the_entries)
{
    cr_assert_eq(map_slots(0), 4);
    cr_assert_eq(map_slots(3), 4);
    cr_assert_eq(map_slots(4), 8);
    cr_assert_eq(map_slots(48), 64);
    cr_assert_eq(map_slots(49), 128);
}
