/* When did a failure become inevitable? The run is repeated up to a time T; from there on chance is
 * another: latencies and losses come from another seed, and faults that begin later begin up to a
 * second earlier or later. The share of such continuations that still fail, over T, is the curve;
 * where it has risen to one, the failure could no longer be avoided. (The idea is Antithesis's
 * rewind.) spec: design 4 */
#ifndef ORRERY_HUNT_INEVITABLE_H
#define ORRERY_HUNT_INEVITABLE_H

#include "sim/hunt/trial.h"

struct inevitable_options {
    unsigned jobs;
    uint64_t continuations;      /* at each time */
    uint64_t cpu_s;              /* of one run */
    const char *const *settings; /* "key=value" */
    size_t settings_count;
};

/* Prints the curve. Returns an exit code: 0, 1 (files, Ctrl-C), 3: it does not fail. */
int inevitable_print(const char *path, const struct inevitable_options *options, FILE *out);

#endif
