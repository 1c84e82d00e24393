/* How likely erasure-coded data are lost, in closed form. spec: storage-proofs 5, 6.1.
 * Loss probabilities go down to 10^-83, so they are integers with a binary exponent. */
#ifndef ORRERY_PROOF_DURABILITY_H
#define ORRERY_PROOF_DURABILITY_H

#include "node/base/bytes.h"
#include "node/base/err.h"
#include "node/proof/formula.h"

/* mantissa * 2^exponent; normalised: bit 63 of the mantissa is set, or all is 0. Relative error of
 * the results here: below 2^-50. */
struct soft {
    uint64_t mantissa;
    int32_t exponent;
};

/* P(fewer than k of n shards are left) when each is lost independently with probability p within
 * one repair interval: P(Bin(n, 1 - p) < k). 1 <= k <= n <= 255, 0 < p < 1. Over several intervals
 * survivals multiply. */
MUST_CHECK enum err durability_loss(struct soft *loss, unsigned k, unsigned n, struct ratio p);

/* P(at least one of c challenges hits), t of n blocks bad, without replacement:
 * 1 - prod (n - t - j) / (n - j). The miss probability is returned. spec: 1.1 */
MUST_CHECK enum err durability_miss(struct soft *miss, uint64_t n, uint64_t bad, uint32_t c);

/* -log10 of a probability <= 1 in Q16: its nines. 0 is ERR_RANGE. */
MUST_CHECK enum err durability_nines(uint32_t *nines_q16, struct soft p);

/* Storj's segment health: expected days until a segment with `healthy` of its pieces, k needed,
 * is lost, among `nodes` nodes of which a share f fails per day (negative hypergeometric), in Q20.
 * 0 if healthy < k. spec: 5 */
MUST_CHECK enum err durability_health_days(uint64_t *days_q20, uint64_t healthy, uint64_t k,
                                           uint64_t nodes, struct ratio f);

#endif
