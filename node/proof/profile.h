/* Named parameter sets of replicas and plots. Counts come from the formulas (formula.h) unless the
 * profile takes its source's constants. spec: storage-proofs 2.1, 2.2, 3; decisions 29. */
#ifndef ORRERY_PROOF_PROFILE_H
#define ORRERY_PROOF_PROFILE_H

#include "node/proof/label.h"
#include "node/proof/tree.h"

enum profile_id {
    PROFILE_SDR_COMPAT = 1, /* Filecoin's labels bit for bit: 11 layers, 176 / 2253 / 66 */
    PROFILE_SDR_LIGHT = 2,  /* light labels; counts by formula for a space gap of 15.75 % */
    PROFILE_POS_SDR = 3,    /* proof of space on the SDR graph: 11 layers, 176 / 66 */
    PROFILE_POS_RD = 4,     /* Ren-Devadas: degree 40, 8 layers, localised, gamma 0.63 */
    PROFILE_TEST_TINY = 5,  /* 2 layers, 2 challenges: for tests only, proves nothing */
};

struct profile {
    enum profile_id id;
    const char *name;
    enum graph_api api;
    unsigned drg_degree, exp_degree;
    bool localised;
    struct label_rule rule;
    uint32_t layers;
    uint32_t porep_challenges;                /* interactive, 2^-10 */
    uint32_t porep_challenges_noninteractive; /* 2^-128 */
    uint32_t post_challenges;                 /* per window, 2^-10 */
    enum tree_hash tree;
};

/* ERR_UNKNOWN if there is no such profile. */
MUST_CHECK enum err profile_get(struct profile *p, unsigned id);
MUST_CHECK enum err profile_find(struct profile *p, const char *name);

/* The graph of a sector of n nodes under this profile. */
MUST_CHECK enum err profile_graph(struct graph *g, const struct profile *p, uint64_t nodes,
                                  const uint8_t porep_id[32]);

/* SHA-256 compressions to label a whole sector: the work a regenerating cheat cannot avoid. */
uint64_t profile_seal_compressions(const struct profile *p, uint64_t nodes);

#endif
