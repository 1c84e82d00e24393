/* `orrery bench proof [--size 64MiB] [--json FILE] [--only NAME] [--large]`: the numbers of proven
 * storage on this machine, as ratios to limits measured in the same run (docs/proven-storage.md).
 */
#ifndef ORRERY_CLI_BENCH_PROOF_H
#define ORRERY_CLI_BENCH_PROOF_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "node/crypto/sha256.h"

/* One measured figure. limit and target are 0 where there is none; at_most tells whether a small
 * ratio (true) or a large one is good. */
struct bench_figure {
    const char *name, *unit, *against; /* against: what the ratio is to */
    double value, ratio, target;
    bool at_most;
};

/* One line of the comparison of schemes (spec: storage-proofs 1.6). */
struct bench_scheme {
    const char *name, *publicly;
    double setup_ns_byte, overhead, prove_ms, verify_ms;
    uint64_t proof_bytes;
    uint32_t challenges;
};

struct bench {
    const struct sha256_engine *engine;
    uint64_t size;                           /* of the layer, the file */
    bool large;                              /* 1 GiB layer too */
    const char *only;                        /* NULL: all */
    double block1_ns, block4_ns, block16_ns; /* per compression, by one, four, sixteen streams */
    double memcpy_gbs;
    struct bench_figure figures[64];
    size_t n_figures;
    struct bench_scheme schemes[16];
    size_t n_schemes;
    FILE *out;
};

void bench_figure_add(struct bench *b, struct bench_figure figure);
void bench_scheme_add(struct bench *b, struct bench_scheme scheme);
/* CPU time of this thread and wall time, in ns. */
double bench_cpu_ns(void);
double bench_wall_ns(void);
/* Huge pages asked for; stops the program if there is no memory. */
uint8_t *bench_memory(uint64_t bytes);
void bench_memory_free(uint8_t *p, uint64_t bytes);

void bench_proof_limits(struct bench *b);
void bench_proof_labels(struct bench *b);
void bench_proof_trees(struct bench *b);
void bench_proof_threads(struct bench *b);
void bench_proof_pdp(struct bench *b);
void bench_proof_rsa(struct bench *b);
void bench_proof_erasure(struct bench *b);
void bench_proof_porep(struct bench *b);

/* Writes the figure's table; false if the file cannot be written. */
bool bench_proof_detect(const char *path);

/* argv[0] is "proof". Returns an exit code. */
int bench_proof(int argc, char **argv);

#endif
