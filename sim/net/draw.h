/* Random draws without a generator. A draw is a pure function of (run seed, purpose, two entities,
 * counter): adding a draw for one purpose or entity moves no other, and a draw can be repeated in
 * any order and on any thread. spec: design 3 (named streams)
 *
 * The function is SplitMix64 (Steele, Lea, Flood, OOPSLA 2014) used as a counter: the counter
 * walks the sequence of the stream whose state is hashed from (seed, purpose, a, b). Fast and well
 * spread, not secret: no node may see it. */
#ifndef ORRERY_SIM_NET_DRAW_H
#define ORRERY_SIM_NET_DRAW_H

#include "node/base/bytes.h"

/* What a draw decides. Append only: a number is part of every digest. */
enum draw_purpose {
    DRAW_LINK_JITTER = 1,
    DRAW_LINK_LOSS,
    DRAW_LINK_RESEND,
    DRAW_DATAGRAM_JITTER,
    DRAW_DATAGRAM_LOSS,
    DRAW_DATAGRAM_COPY,
    DRAW_DATAGRAM_COPY_JITTER,
    DRAW_PLACE,
    DRAW_CHURN_FIRST,
    DRAW_CHURN_SESSION,
    DRAW_CHURN_ABSENCE,
    DRAW_LOAD_GAP,
    DRAW_LOAD_ENTRY,
    DRAW_FAULT_GAP,
    DRAW_FAULT_DURATION,
    DRAW_FAULT_TARGET,
    DRAW_FAULT_ARGUMENT,
    DRAW_DISK_TEAR,
    DRAW_DISK_CORRUPT,
    DRAW_CLOCK,
    DRAW_PROFILE, /* what differs between nodes: bandwidth, speed, disk */
    DRAW_TOPOLOGY,
    DRAW_NODE_SEED,
    DRAW_ADVERSARY, /* what a byzantine node decides by chance */
    DRAW_STAKE,
    DRAW_DEGREE,
};

#define DRAW_GOLDEN 0x9e3779b97f4a7c15u

/* A bijection of 64 bits that spreads every input bit over the output. */
static inline uint64_t draw_mix(uint64_t z)
{
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return z ^ z >> 31;
}

/* The part of a draw that a run fixes: compute it once per (seed, purpose). */
static inline uint64_t draw_key(uint64_t seed, enum draw_purpose purpose)
{
    return draw_mix(seed + (uint64_t)purpose * DRAW_GOLDEN);
}

/* Draw number counter of the stream (key, a, b). */
static inline uint64_t draw_at(uint64_t key, uint32_t a, uint32_t b, uint64_t counter)
{
    uint64_t stream = draw_mix(key ^ ((uint64_t)a << 32 | b));
    return draw_mix(stream + counter * DRAW_GOLDEN);
}

static inline uint64_t draw(uint64_t seed, enum draw_purpose purpose, uint32_t a, uint32_t b,
                            uint64_t counter)
{
    return draw_at(draw_key(seed, purpose), a, b, counter);
}

/* u as a number in [0, n); n >= 1. Off the uniform by less than n / 2^64 (Lemire 2019, without
 * the rejection: one draw, always). */
static inline uint64_t draw_below(uint64_t u, uint64_t n)
{
    return (uint64_t)((u128)u * n >> 64);
}

/* A probability is Q32: 1 << 32 is certain. Values above count as certain. */
#define DRAW_CERTAIN ((uint64_t)1 << 32)

static inline bool draw_hit(uint64_t u, uint64_t probability_q32)
{
    return u >> 32 < probability_q32;
}

/* numerator / denominator as Q32, rounded down, at most DRAW_CERTAIN; denominator >= 1. */
static inline uint64_t draw_probability(uint64_t numerator, uint64_t denominator)
{
    if (numerator >= denominator) {
        return DRAW_CERTAIN;
    }
    return (uint64_t)(((u128)numerator << 32) / denominator);
}

#endif
