/* One drawn or written run and its verdict. spec: design 4 */
#ifndef ORRERY_HUNT_TRIAL_H
#define ORRERY_HUNT_TRIAL_H

#include <stdio.h>

#include "sim/hunt/probe.h"
#include "sim/world/world.h"

enum trial_verdict {
    TRIAL_PASS,
    TRIAL_FAIL,
    TRIAL_LOST,   /* by construction: `text` says by which rule */
    TRIAL_REFUSED /* the scenario cannot be built */
};

/* Plain data: crosses from a child process by shared memory. */
struct trial_result {
    enum trial_verdict verdict;
    char signature[128]; /* of a failure: what broke, without times and numbers; "" else */
    char text[512];      /* in words, with times and numbers */
    uint64_t end_ns;     /* virtual time reached */
    uint64_t events;     /* handled: steps of nodes and what the world itself does */
    uint32_t nodes;
    uint64_t cpu_ns, resident_kib; /* of the process */
    uint8_t digest[32];
    uint64_t probes[PROBES];
};

struct trial_options {
    FILE *transcript; /* NULL: none */
    uint64_t transcript_from_ns, transcript_to_ns;
    uint32_t transcript_node;   /* UINT32_MAX: all */
    uint64_t reseed_ns, reseed; /* 0: never; else chance comes from this seed from then on */
};

/* Runs in this process. An invariant, a signal or an endless loop ends the process: flock.h. */
void trial_run(struct trial_result *result, const struct scenario *scenario,
               const struct trial_options *options);

/* "agreement: node 3 decided ..." to "agreement". */
void trial_signature(char out[128], const char *text);

const char *trial_verdict_name(enum trial_verdict verdict);

/* Exit code of a command that ran one: design 4. */
int trial_exit_code(const struct trial_result *result);
/* Says on stderr that a scenario that was to fail does not, or why it cannot be run; the exit code:
 * 3, or 1. */
int trial_no_failure(const struct trial_result *result, const char *path);

#endif
