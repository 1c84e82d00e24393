/* The 64-bit mix by which a node remembers everything that happened to it (design: determinism).
 * For a given value the mix is a bijection of the accumulator: once two runs differ, no equal
 * sequence of later values makes them equal again. Not a cryptographic hash; the caller folds the
 * accumulators of all nodes, in node order, by one BLAKE2b per epoch. */
#ifndef ORRERY_ENGINE_FINGERPRINT_H
#define ORRERY_ENGINE_FINGERPRINT_H

#include <stdint.h>

static inline uint64_t fingerprint_mix(uint64_t accumulator, uint64_t value)
{
    uint64_t x = (accumulator ^ value) * 0x9e3779b97f4a7c15u;
    return x ^ (x >> 32);
}

#endif
