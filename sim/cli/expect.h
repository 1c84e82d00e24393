/* expect: of a scenario, held against the metrics of a run. */
#ifndef ORRERY_CLI_EXPECT_H
#define ORRERY_CLI_EXPECT_H

#include <stdio.h>

#include "sim/record/metrics.h"
#include "sim/scenario/scenario.h"

/* Prints one line per expectation ("expect block_interval_mean in 14 s..16 s: 15.2 s, ok"). Returns
 * EXIT_OK, EXIT_EXPECTATION when one is not met or its metric has no value, EXIT_USAGE when a
 * metric or a unit is not known. */
int expect_evaluate(const struct scenario *scenario, struct metrics *metrics, FILE *out);

#endif
