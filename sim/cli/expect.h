/* expect: of a scenario, held against the figures of a run. A condition is an operator and a number
 * with an optional unit, or for `in` two of them: "in 14 s..16 s", "< 5 %", "= 0", ">= 3/4".
 * Without a unit the number is in the figure's own; a unit of another kind is an error. */
#ifndef ORRERY_CLI_EXPECT_H
#define ORRERY_CLI_EXPECT_H

#include <stdio.h>

#include "sim/world/world.h"

/* All figures of the summary of a run: metrics, then what the checks saw; to be freed. world NULL:
 * their names alone, none has a value. */
struct metric *expect_figures(size_t *count, struct metrics *metrics, const struct world *world);

/* Before a run: every figure is one of summary.txt and every value reads. ERR_UNKNOWN (error names
 * the nearest), ERR_SYNTAX, ERR_RANGE (a..b with a > b). */
enum err expect_check(const struct scenario *scenario, struct settings_error *error) MUST_CHECK;

/* Prints one line per expectation ("expect block_interval_mean in 14 s..16 s: 15.2 s, ok"). Returns
 * EXIT_OK, EXIT_EXPECTATION when one is not met or its figure has no value, EXIT_USAGE when a
 * figure or a unit is not known. */
int expect_evaluate(const struct scenario *scenario, const struct metric *figures, size_t count,
                    FILE *out);

#endif
