/* The parts of swarm drawing. Each topic draws from a stream of its own, so that a new kind of
 * fault moves no draw of another. */
#ifndef ORRERY_HUNT_SWARM_PRIVATE_H
#define ORRERY_HUNT_SWARM_PRIVATE_H

#include "node/base/rng.h"
#include "sim/hunt/swarm.h"

enum swarm_topic {
    TOPIC_NODES,
    TOPIC_STAKES,
    TOPIC_CHAIN,
    TOPIC_NETWORK,
    TOPIC_CLOCKS,
    TOPIC_LOAD,
    TOPIC_POLICY,
    TOPIC_BUDGET,
    TOPIC_PHASES,
    TOPIC_KINDS,
    TOPIC_LIES,
    TOPIC_BUGGIFY,
    TOPIC_STRAIN,
    TOPIC_EXPIRY,
    TOPIC_CROWD,
    TOPIC_SCHEMES,
    TOPIC_SWING,
    TOPIC_TRICKS,
    TOPIC_FAULT = 64 /* + kind */
};

struct swarm_line {
    uint64_t at_ms;
    char *text;
};

enum { SWARM_LINES_MAX = 320 };

struct swarming {
    struct scenario *s;
    struct swarm *swarm;
    uint64_t seed;
    bool beyond;
    bool strained; /* rounds are short: a time for those who play with locks */
    uint32_t count;
    struct swarm_line lines[SWARM_LINES_MAX];
};

static inline struct rng swarm_stream(uint64_t seed, unsigned topic)
{
    struct rng rng;
    rng_init_stream(&rng, seed, RNG_HUNT, topic);
    return rng;
}

static inline bool swarm_chance(struct rng *rng, unsigned num, unsigned den)
{
    return rng_below(rng, den) < num;
}

static inline uint64_t swarm_between(struct rng *rng, uint64_t least, uint64_t most)
{
    return least + rng_below(rng, most - least + 1);
}

#define SWARM_CHOOSE(rng, ...)                                                                     \
    (((const uint64_t[]){__VA_ARGS__})[rng_below(rng, sizeof((uint64_t[]){__VA_ARGS__}) / 8)])

/* swarm_world.c */
void swarm_world(struct swarming *g);

/* swarm_fault.c: lines until the heal, then what is frozen. */
void swarm_faults(struct swarming *g);
void swarm_line(struct swarming *g, uint64_t at_ms, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* swarm_lies.c */
void swarm_lies(struct swarming *g);

/* "node 1,4" of a set that is not empty. */
const char *swarm_nodes(char text[128], uint32_t bits);

#endif
