/* Reed-Solomon over GF(2^8), systematic, Cauchy matrix, through ISA-L (polynomial 0x11d,
 * gf_gen_cauchy1_matrix). spec: storage-proofs 5.
 *
 * A stripe is n shards of one length: the first k are the data, the others parity; any k give all
 * back. All functions work on shards of any length, so callers window large stripes. */
#ifndef ORRERY_PROOF_ERASURE_H
#define ORRERY_PROOF_ERASURE_H

#include "node/base/bytes.h"
#include "node/base/err.h"
#include "node/proof/scratch.h"

enum {
    ERASURE_SHARDS_MAX = 255,
};

struct erasure_profile {
    const char *name; /* "16/32" */
    unsigned k, n;
    unsigned repair_at; /* repair when no more than this many shards are healthy */
};

/* Profiles by name; ERR_UNKNOWN. 16/32 (the default, repair at 24), 29/80 (35), 10/30 (25: slab
 * health 0.75), 10/14 (12), 4/6 (5). */
MUST_CHECK enum err erasure_profile_find(struct erasure_profile *out, const char *name);
const struct erasure_profile *erasure_profile_at(unsigned index); /* NULL ends the list */

struct erasure {
    unsigned k, n;
    uint8_t *matrix; /* n rows of k */
    uint8_t *tables; /* ISA-L's, for the parity rows */
};

/* Bytes of memory for a code; 0 if 1 <= k <= n <= 255 does not hold. */
size_t erasure_memory_bytes(unsigned k, unsigned n);
/* Takes its memory from scratch, where it lives on. ERR_RANGE, ERR_NO_MEMORY. */
MUST_CHECK enum err erasure_init(struct erasure *c, unsigned k, unsigned n,
                                 struct scratch *scratch);

/* Writes the n - k parity shards of len bytes. */
void erasure_encode(const struct erasure *c, size_t len, const uint8_t *const *data,
                    uint8_t *const *parity);

/* What to rebuild from what: made once per loss pattern, used for every stripe. The inversion is
 * the expensive part (77 us at k = 29). */
struct erasure_plan {
    unsigned n_lost;
    uint8_t sources[ERASURE_SHARDS_MAX]; /* k healthy shards */
    uint8_t lost[ERASURE_SHARDS_MAX];
    uint8_t *tables;
};
size_t erasure_plan_bytes(const struct erasure *c);
/* healthy[i]: shard i is at hand. Plans the rebuilding of all others. ERR_UNKNOWN: fewer than k
 * are healthy. tables live in scratch. */
MUST_CHECK enum err erasure_plan_make(const struct erasure *c, struct erasure_plan *plan,
                                      const bool *healthy, struct scratch *scratch);
/* Rebuilds plan->lost in place: shards[i] of len bytes for all i. */
void erasure_rebuild(const struct erasure *c, const struct erasure_plan *plan, size_t len,
                     uint8_t *const *shards);

/* ERR_OK if the parity shards are those of the data shards; ERR_CORRUPT if not. Which shard is
 * wrong is what the shards' hashes say, not this. Takes a window per parity shard from scratch. */
MUST_CHECK enum err erasure_verify(const struct erasure *c, size_t len,
                                   const uint8_t *const *shards, struct scratch scratch);
size_t erasure_verify_bytes(const struct erasure *c);

#endif
