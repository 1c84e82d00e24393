/* Seeded random numbers for simulation and for protocol choices that are not secret: a
 * xoshiro256++ generator (Blackman, Vigna: Scrambled Linear Pseudorandom Number Generators, 2021)
 * and splitmix64 (Steele, Lea, Flood 2014), which fills its state. Integers only.
 *
 * NOT for keys, nonces or anything an attacker must not guess: 256 bits of output give the state.
 *
 * Each use of randomness has its own stream, named by (run seed, purpose, entity), so that adding
 * a draw to one use moves no draw of another. */
#ifndef ORRERY_BASE_RNG_H
#define ORRERY_BASE_RNG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "node/base/bytes.h"
#include "node/base/invariant.h"

/* What a stream is for. The values are part of every run's identity: append, never renumber. */
enum rng_purpose {
    RNG_NODE = 1,       /* the seed of one node's own generator; entity: node */
    RNG_KEYS = 2,       /* keys of virtual nodes and accounts; entity: node or account */
    RNG_SCENARIO = 3,   /* what a scenario leaves to chance; entity: 0 */
    RNG_PLACEMENT = 4,  /* cities, regions, profiles; entity: node */
    RNG_TOPOLOGY = 5,   /* who links to whom; entity: node */
    RNG_LATENCY = 6,    /* jitter of a message; entity: sending node */
    RNG_LOSS = 7,       /* loss and duplication of a message; entity: sending node */
    RNG_CLOCK = 8,      /* skew and drift; entity: node */
    RNG_CPU = 9,        /* speed and stalls; entity: node */
    RNG_DISK = 10,      /* latency, errors and corruption; entity: node */
    RNG_FAULT = 11,     /* the fault schedule; entity: kind of fault */
    RNG_CHURN = 12,     /* sessions and absences; entity: node */
    RNG_LOAD = 13,      /* who asks for what and when; entity: source of load */
    RNG_ADVERSARY = 14, /* choices of those who lie; entity: node */
    RNG_HUNT = 15,      /* which faults a hunt draws; entity: number of the run */
    RNG_SAMPLE = 16,    /* which nodes a figure or a probe looks at; entity: series */
    RNG_BENCH = 17,     /* benchmarks; entity: logical process */
    RNG_TEST = 18,      /* tests; entity: free */
};

struct rng {
    uint64_t s[4]; /* never all zero */
};

/* The generator for a 256-bit seed. Different seeds give different states. */
void rng_init(struct rng *rng, const uint8_t seed[32]);

/* The generator of a named stream. */
void rng_init_stream(struct rng *rng, uint64_t run_seed, enum rng_purpose purpose, uint64_t entity);

/* Fills out with len random bytes. */
void rng_bytes(struct rng *rng, uint8_t *out, size_t len);

/* Permutes n items of item_bytes (at most 64) each, all orders equally likely. */
void rng_shuffle(struct rng *rng, void *items, size_t n, size_t item_bytes);

/* A strong mix of 64 bits to 64, a bijection (splitmix64's finaliser). */
static inline uint64_t rng_mix64(uint64_t x)
{
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
    return x ^ (x >> 31);
}

/* splitmix64: a generator whose whole state is one word, for tables of very many small streams. */
static inline uint64_t rng_splitmix64(uint64_t *state)
{
    *state += 0x9e3779b97f4a7c15u;
    return rng_mix64(*state);
}

static inline uint64_t rng_u64(struct rng *rng)
{
    uint64_t *s = rng->s;
    uint64_t sum = s[0] + s[3];
    uint64_t result = (sum << 23 | sum >> 41) + s[0];
    uint64_t t = s[1] << 17;
    s[2] ^= s[0];
    s[3] ^= s[1];
    s[1] ^= s[2];
    s[0] ^= s[3];
    s[2] ^= t;
    s[3] = s[3] << 45 | s[3] >> 19;
    return result;
}

/* A number in [0, n), each equally likely; n > 0. (Lemire: Fast Random Integer Generation in an
 * Interval, 2019: multiply, and redraw the few that would make some values likelier.) */
static inline uint64_t rng_below(struct rng *rng, uint64_t n)
{
    invariant(n > 0);
    u128 product = (u128)rng_u64(rng) * n;
    if ((uint64_t)product < n) {
        uint64_t reject = (0 - n) % n;
        while ((uint64_t)product < reject) {
            product = (u128)rng_u64(rng) * n;
        }
    }
    return (uint64_t)(product >> 64);
}

/* True num times in den on average, exactly; num may exceed den (always true); den > 0. Draws
 * once even when the answer is certain, so that changing a rate shifts no later draw. */
static inline bool rng_chance(struct rng *rng, uint64_t num, uint64_t den)
{
    return rng_below(rng, den) < num;
}

#endif
