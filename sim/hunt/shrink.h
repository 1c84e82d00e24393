/* From a failing run to the smallest that fails the same way: delta debugging over faults and load,
 * then nodes, time and values, as long as the signature stays. spec: design 4 */
#ifndef ORRERY_HUNT_SHRINK_H
#define ORRERY_HUNT_SHRINK_H

#include "sim/hunt/trial.h"

struct shrink_options {
    unsigned jobs;
    uint64_t runs; /* most runs to spend */
    bool quiet;
    uint64_t cpu_s; /* of one run */
};

struct shrink_report {
    uint64_t runs;
    size_t parts_before, parts_after; /* faults and loads */
    size_t faults_before, faults_after;
    uint32_t nodes_before, nodes_after;
};

/* Changes scenario. result: of the failing run; becomes that of the shrunk one. The outcome does
 * not depend on jobs as long as the runs last. ERR_INTERRUPTED, ERR_IO: the scenario is as far as
 * it came. */
enum err shrink_run(struct shrink_report *report, struct scenario *scenario,
                    struct trial_result *result, const struct shrink_options *options) MUST_CHECK;

/* Writes a scenario with what is known about it as comments above. */
enum err shrink_write(const struct scenario *scenario, const struct trial_result *result,
                      const char *path, const char *origin) MUST_CHECK;

#endif
