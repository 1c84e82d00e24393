#include "node/base/rng.h"

#define GOLDEN 0x9e3779b97f4a7c15u

/* All zero is the one state xoshiro cannot leave. */
static void rng_repair(struct rng *rng)
{
    if ((rng->s[0] | rng->s[1] | rng->s[2] | rng->s[3]) == 0) {
        rng->s[0] = GOLDEN;
    }
}

void rng_init(struct rng *rng, const uint8_t seed[32])
{
    /* Each word is mixed by itself, so that no bit of the seed is lost and a sparse seed does not
     * begin with a run of sparse outputs. */
    for (unsigned i = 0; i < 4; i++) {
        rng->s[i] = rng_mix64(load64(seed + 8 * i) + (i + 1) * GOLDEN);
    }
    rng_repair(rng);
}

void rng_init_stream(struct rng *rng, uint64_t run_seed, enum rng_purpose purpose, uint64_t entity)
{
    /* Four chains with different beginnings: streams whose names differ share a state only if
     * all four collide. */
    for (unsigned i = 0; i < 4; i++) {
        uint64_t x = rng_mix64(run_seed + (i + 1) * GOLDEN);
        x = rng_mix64((x ^ (uint64_t)purpose) + GOLDEN);
        rng->s[i] = rng_mix64((x ^ entity) + GOLDEN);
    }
    rng_repair(rng);
}

void rng_bytes(struct rng *rng, uint8_t *out, size_t len)
{
    while (len >= 8) {
        store64(out, rng_u64(rng));
        out += 8;
        len -= 8;
    }
    if (len > 0) {
        uint8_t last[8];
        store64(last, rng_u64(rng));
        memcpy(out, last, len);
    }
}

void rng_shuffle(struct rng *rng, void *items, size_t n, size_t item_bytes)
{
    uint8_t swap[64];
    uint8_t *item = items;
    invariant(item_bytes <= sizeof swap);
    for (size_t i = n; i > 1; i--) {
        size_t j = (size_t)rng_below(rng, i);
        memcpy(swap, item + (i - 1) * item_bytes, item_bytes);
        memmove(item + (i - 1) * item_bytes, item + j * item_bytes, item_bytes);
        memcpy(item + j * item_bytes, swap, item_bytes);
    }
}
