/* report.html: one page with figures, numbers and faults of a run, or of many seeds. */
#ifndef ORRERY_ANALYSIS_REPORT_H
#define ORRERY_ANALYSIS_REPORT_H

#include <stdio.h>

#include "analysis/figure.h"

/* Writes folder/report.html (self-contained) from figures that were drawn into figures_folder.
 * ERR_IO. */
enum err report_write(const char *folder, const char *figures_folder, const struct figure *figures,
                      size_t figure_count, const struct run *const *runs,
                      size_t run_count) MUST_CHECK;

/* Means and intervals of every number, as text in columns; names NULL: all. */
void statistics_print(FILE *out, const struct run *const *runs, size_t run_count);

/* Two scenarios, number by number; overlapping intervals are called "not different". */
void statistics_compare(FILE *out, const struct run *const *a, size_t a_count,
                        const struct run *const *b, size_t b_count);

#endif
