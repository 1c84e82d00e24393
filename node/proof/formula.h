/* How many layers and challenges are enough. spec: storage-proofs 1.1, 2.2; decisions 29.
 *
 * Consensus depends on these numbers, so they are exact: logarithms are bracketed between integers
 * and a count is returned only when both ends of the bracket give it (ERR_RANGE otherwise; no
 * argument in practical use comes near). */
#ifndef ORRERY_PROOF_FORMULA_H
#define ORRERY_PROOF_FORMULA_H

#include <stdint.h>

#include "node/base/err.h"

/* num / den with 1 <= num, den < 2^63. */
struct ratio {
    uint64_t num, den;
};

/* The least c with (1 - bad)^c <= miss: challenges until a host without the fraction `bad` of its
 * blocks is caught but for probability `miss`. 0 < bad < 1, 0 < miss < 1. spec: 1.1 */
MUST_CHECK enum err formula_challenges(uint32_t *challenges, struct ratio bad, struct ratio miss);

/* The same for miss = 2^-bits. */
MUST_CHECK enum err formula_challenges_bits(uint32_t *challenges, struct ratio bad, unsigned bits);

/* SDR for a space gap of gap / 10000: the share of its space a cheating host may save.
 * eps = (spacegap + 0.001) / 2, delta = eps / 2 - 0.001. spec: 2.2 */
struct formula_sdr {
    uint32_t layers;
    uint32_t porep_challenges;                /* interactive, bits_interactive bits */
    uint32_t porep_challenges_noninteractive; /* bits_noninteractive bits */
    uint32_t post_challenges;                 /* bits_interactive bits */
};

/* 40 <= gap <= 4800 (0.4 % to 48 %). */
MUST_CHECK enum err formula_sdr(struct formula_sdr *out, unsigned gap, unsigned bits_interactive,
                                unsigned bits_noninteractive);

#endif
