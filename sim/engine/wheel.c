#include "sim/engine/wheel.h"

#include <stdlib.h>

#include "node/base/invariant.h"
#include "sim/engine/memory.h"
#include "sim/engine/sort.h"

#define SLAB_CHUNKS_FIRST 63
#define SLAB_CHUNKS_MAX 2047
#define FEW 24 /* up to so many events insertion is the fastest sort */

_Static_assert(sizeof(struct chunk) == 1024, "a chunk is sixteen cache lines");
_Static_assert(WHEEL_SLOTS == 64 * 64, "one summary word covers the wheel");

struct slab {
    struct slab *before;
    size_t bytes;
    size_t chunks;
    uint8_t padding[1024 - sizeof(void *) - 2 * sizeof(size_t)];
    struct chunk at[];
};

void wheel_init(struct wheel *wheel, uint64_t width_ns)
{
    invariant(width_ns >= 2);
    *wheel = (struct wheel){
        .ruler = {.width_ns = width_ns, .inverse = (uint64_t)(((u128)1 << 64) / width_ns)},
        .turn_next = ENGINE_NEVER,
        .far_next = ENGINE_NEVER,
    };
}

void wheel_free(struct wheel *wheel)
{
    while (wheel->slab != NULL) {
        struct slab *slab = wheel->slab;
        wheel->slab = slab->before;
        memory_unmap(slab, slab->bytes);
    }
    memory_unmap(wheel->open, wheel->open_capacity * sizeof wheel->open[0]);
    memory_unmap(wheel->scratch, wheel->open_capacity * sizeof wheel->open[0]);
    memory_unmap(wheel->bucket, wheel->bucket_capacity * sizeof wheel->bucket[0]);
}

static void pool_grow(struct wheel *wheel)
{
    size_t chunks = SLAB_CHUNKS_FIRST;
    if (wheel->slab != NULL) {
        chunks = 2 * wheel->slab->chunks + 1;
        chunks = chunks < SLAB_CHUNKS_MAX ? chunks : SLAB_CHUNKS_MAX;
    }
    size_t bytes = sizeof(struct slab) + chunks * sizeof(struct chunk);
    struct slab *slab = memory_map(bytes);
    invariant(slab != NULL); /* out of memory */
    slab->before = wheel->slab;
    slab->bytes = bytes;
    slab->chunks = chunks;
    wheel->slab = slab;
    for (size_t i = chunks; i > 0; i--) {
        slab->at[i - 1].before = wheel->spare;
        wheel->spare = &slab->at[i - 1];
    }
}

struct engine_event *bag_grow(struct wheel *wheel, struct bag *bag)
{
    if (wheel->spare == NULL) {
        pool_grow(wheel);
    }
    struct chunk *chunk = wheel->spare;
    wheel->spare = chunk->before;
    chunk->before = bag->last;
    bag->last = chunk;
    bag->room = CHUNK_EVENTS;
    invariant(bag->count < UINT32_MAX);
    return &chunk->at[0];
}

void wheel_push_far(struct wheel *wheel, const struct engine_event *event, uint64_t slot)
{
    invariant(slot > wheel->cursor); /* else it is for a slot that is over */
    uint64_t turn = slot >> WHEEL_SLOTS_LOG2;
    if (turn - (wheel->cursor >> WHEEL_SLOTS_LOG2) < WHEEL_TURNS) {
        bag_push(wheel, &wheel->turn[turn % WHEEL_TURNS], event);
        wheel->turn_next = turn < wheel->turn_next ? turn : wheel->turn_next;
    } else {
        bag_push(wheel, &wheel->far, event);
        wheel->far_next = turn < wheel->far_next ? turn : wheel->far_next;
    }
}

/* The first occupied slot at or after the cursor, going round. */
static uint64_t wheel_next_near(const struct wheel *wheel)
{
    if (wheel->summary == 0) {
        return ENGINE_NEVER;
    }
    uint64_t at = wheel->cursor & (WHEEL_SLOTS - 1);
    uint64_t word = at / 64;
    uint64_t bits = wheel->occupied[word] >> at % 64;
    if (bits != 0) {
        return wheel->cursor + (uint64_t)__builtin_ctzll(bits);
    }
    /* Words after this one first, then from the beginning up to and including this one. */
    uint64_t after = word == 63 ? 0 : wheel->summary & ~(uint64_t)0 << (word + 1);
    word = (uint64_t)__builtin_ctzll(after != 0 ? after : wheel->summary);
    uint64_t found = word * 64 + (uint64_t)__builtin_ctzll(wheel->occupied[word]);
    return wheel->cursor + ((found - at) & (WHEEL_SLOTS - 1));
}

uint64_t wheel_next(const struct wheel *wheel)
{
    uint64_t next = wheel_next_near(wheel);
    uint64_t turn = wheel->turn_next < wheel->far_next ? wheel->turn_next : wheel->far_next;
    if (turn != ENGINE_NEVER && turn << WHEEL_SLOTS_LOG2 < next) {
        next = turn << WHEEL_SLOTS_LOG2;
    }
    return next < wheel->cursor ? wheel->cursor : next;
}

/* Files every event of a bag again, by the present cursor. */
static void wheel_refile(struct wheel *wheel, struct bag *bag)
{
    struct bag old = *bag;
    *bag = (struct bag){0};
    uint32_t used = CHUNK_EVENTS - old.room;
    wheel->refiled += old.count;
    for (struct chunk *chunk = old.last; chunk != NULL;) {
        struct chunk *before = chunk->before;
        for (uint32_t i = 0; i < used; i++) {
            wheel_push(wheel, &chunk->at[i]);
        }
        chunk->before = wheel->spare;
        wheel->spare = chunk;
        chunk = before;
        used = CHUNK_EVENTS;
    }
}

void wheel_advance(struct wheel *wheel, uint64_t slot)
{
    wheel->cursor = slot;
    uint64_t turn = slot >> WHEEL_SLOTS_LOG2;
    if (wheel->far_next <= turn) {
        wheel->far_next = ENGINE_NEVER;
        wheel_refile(wheel, &wheel->far);
    }
    if (wheel->turn_next <= turn) {
        wheel_refile(wheel, &wheel->turn[turn % WHEEL_TURNS]);
        wheel->turn_next = ENGINE_NEVER;
        for (uint64_t i = 1; i < WHEEL_TURNS; i++) {
            if (wheel->turn[(turn + i) % WHEEL_TURNS].count > 0) {
                wheel->turn_next = turn + i;
                break;
            }
        }
    }
}

static void *regrow(void *old, size_t old_bytes, size_t bytes)
{
    memory_unmap(old, old_bytes);
    void *block = memory_map(bytes);
    invariant(block != NULL); /* out of memory */
    return block;
}

static void wheel_reserve(struct wheel *wheel, size_t count)
{
    if (count <= wheel->open_capacity) {
        return;
    }
    size_t capacity = 1024;
    while (capacity < count) {
        capacity *= 2;
    }
    size_t old_bytes = wheel->open_capacity * sizeof wheel->open[0];
    size_t bytes = capacity * sizeof wheel->open[0];
    wheel->open = regrow(wheel->open, old_bytes, bytes);
    wheel->scratch = regrow(wheel->scratch, old_bytes, bytes);
    wheel->bucket = regrow(wheel->bucket, wheel->bucket_capacity * sizeof wheel->bucket[0],
                           (capacity + 1) * sizeof wheel->bucket[0]);
    wheel->open_capacity = capacity;
    wheel->bucket_capacity = capacity + 1;
}

/* Walks the chunks from the last to the first and frees them; events of a bag end up in the order
 * in which they were pushed, which is often nearly key order. */
static void open_few(struct wheel *wheel, const struct bag *bag)
{
    struct engine_event *to = wheel->open + bag->count;
    uint32_t used = CHUNK_EVENTS - bag->room;
    for (struct chunk *chunk = bag->last; chunk != NULL; chunk = chunk->before) {
        to -= used;
        memcpy(to, chunk->at, used * sizeof *to);
        used = CHUNK_EVENTS;
    }
    sort_insertion(wheel->open, bag->count);
}

/* Counting sort by time into about as many buckets as events, then insertion, which has almost
 * nothing left to do. A crowded bucket (many events of one instant) is merge sorted first. */
static void open_many(struct wheel *wheel, const struct bag *bag)
{
    unsigned log2 = 64 - (unsigned)__builtin_clzll(bag->count - 1);
    unsigned shift = 64 - log2;
    uint32_t *bucket = wheel->bucket;
    size_t buckets = (size_t)1 << log2;
    uint64_t inverse = wheel->ruler.inverse;
    uint64_t start_ns = wheel->cursor * wheel->ruler.width_ns;
    memset(bucket, 0, (buckets + 1) * sizeof bucket[0]);

    uint32_t used = CHUNK_EVENTS - bag->room;
    for (struct chunk *chunk = bag->last; chunk != NULL; chunk = chunk->before) {
        __builtin_prefetch(chunk->before);
        for (uint32_t i = 0; i < used; i++) {
            bucket[(chunk->at[i].time_ns - start_ns) * inverse >> shift]++;
        }
        used = CHUNK_EVENTS;
    }
    uint32_t sum = 0;
    uint32_t crowd = 0;
    for (size_t b = 0; b <= buckets; b++) {
        crowd = bucket[b] > crowd ? bucket[b] : crowd;
        sum += bucket[b];
        bucket[b] = sum;
    }
    used = CHUNK_EVENTS - bag->room;
    for (struct chunk *chunk = bag->last; chunk != NULL; chunk = chunk->before) {
        __builtin_prefetch(chunk->before);
        for (uint32_t i = used; i > 0; i--) {
            const struct engine_event *event = &chunk->at[i - 1];
            wheel->open[--bucket[(event->time_ns - start_ns) * inverse >> shift]] = *event;
        }
        used = CHUNK_EVENTS;
    }
    if (crowd > FEW) {
        for (size_t b = 0; b < buckets; b++) {
            uint32_t count = bucket[b + 1] - bucket[b];
            if (count > FEW) {
                sort_merge(wheel->open + bucket[b], count, wheel->scratch);
            }
        }
    }
    sort_insertion(wheel->open, bag->count);
}

void wheel_open(struct wheel *wheel)
{
    uint64_t index = wheel->cursor & (WHEEL_SLOTS - 1);
    struct bag *bag = &wheel->slot[index];
    wheel->open_count = bag->count;
    if (bag->count == 0) {
        return;
    }
    wheel_reserve(wheel, bag->count);
    if (bag->count <= FEW) {
        open_few(wheel, bag);
    } else {
        open_many(wheel, bag);
    }
    for (struct chunk *chunk = bag->last; chunk != NULL;) {
        struct chunk *before = chunk->before;
        chunk->before = wheel->spare;
        wheel->spare = chunk;
        chunk = before;
    }
    *bag = (struct bag){0};
    wheel->occupied[index / 64] &= ~((uint64_t)1 << index % 64);
    if (wheel->occupied[index / 64] == 0) {
        wheel->summary &= ~((uint64_t)1 << index / 64);
    }
}
