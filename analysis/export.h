/* Tables of a run as tab-separated text. */
#ifndef ORRERY_ANALYSIS_EXPORT_H
#define ORRERY_ANALYSIS_EXPORT_H

#include <stdio.h>

#include "analysis/run.h"

/* Lines "# key <tab> value" with scenario, seed and revision, a line of column names with units in
 * brackets, then rows. Times in s, ids in hex. ERR_UNKNOWN: no such table; ERR_NOT_FOUND: the run
 * did not record it; ERR_IO: out failed. */
enum err export_table(FILE *out, const struct run *run, const char *table) MUST_CHECK;

/* The tables with their number of rows. */
void export_list(FILE *out, const struct run *run);

#endif
