/* How often a host that dropped a share of its blocks is caught: trials with the challenges of
 * pdp.h beside the exact formula (spec: storage-proofs 1.1). The data of the figure in
 * docs/proven-storage.md. */
#include <math.h>

#include "node/proof/durability.h"
#include "node/proof/pdp_challenge.h"
#include "sim/cli/bench_proof.h"

enum { BLOCKS = 1000, TRIALS = 20000, CHALLENGES_MAX = 600 };

/* The first challenge, counting from 1, that asks for one of `bad` dropped blocks. */
static uint32_t first_hit(uint32_t trial, uint64_t bad)
{
    static uint64_t asked[CHALLENGES_MAX];
    struct pdp_challenge c = {.count = CHALLENGES_MAX};
    struct pdp_draw d;
    store32(c.seed, trial);
    store64(c.seed + 8, bad);
    pdp_draw_init(&d, &c, BLOCKS);
    pdp_draw_indices(&d, asked, 0, CHALLENGES_MAX);
    uint64_t start = (uint64_t)trial * 7919 % BLOCKS;
    for (uint32_t j = 0; j < CHALLENGES_MAX; j++) {
        if ((asked[j] + BLOCKS - start) % BLOCKS < bad) {
            return j + 1;
        }
    }
    return CHALLENGES_MAX + 1;
}

bool bench_proof_detect(const char *path)
{
    static const uint64_t shares[] = {1, 5, 10, 50, 200}; /* of 1000 */
    static uint32_t caught[CHALLENGES_MAX + 2];
    FILE *f = fopen(path, "w");
    if (f == NULL) {
        return false;
    }
    fprintf(f,
            "# orrery bench proof --detect: %d blocks, %d trials per row\n"
            "# dropped_per_mille\tchallenges\tformula\ttrials\n",
            BLOCKS, TRIALS);
    for (size_t s = 0; s < sizeof shares / sizeof *shares; s++) {
        for (uint32_t c = 0; c <= CHALLENGES_MAX + 1; c++) {
            caught[c] = 0;
        }
        for (uint32_t t = 0; t < TRIALS; t++) {
            caught[first_hit(t, shares[s])]++;
        }
        uint32_t sum = 0, next = 1;
        for (uint32_t c = 1; c <= CHALLENGES_MAX; c++) {
            struct soft miss;
            sum += caught[c];
            if (c != next || durability_miss(&miss, BLOCKS, shares[s], c) != ERR_OK) {
                continue;
            }
            next = c + 1 + c / 6;
            fprintf(f, "%u\t%u\t%.6f\t%.6f\n", (unsigned)shares[s], c,
                    1 - ldexp((double)miss.mantissa, miss.exponent), sum / (double)TRIALS);
        }
        fprintf(f, "\n\n");
    }
    bool ok = ferror(f) == 0;
    return fclose(f) == 0 && ok;
}
