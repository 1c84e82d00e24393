/* sweep.h5: the numbers of all runs of a sweep in one file (docs/sweeps.md). The values stay in the
 * run files; the gathered dataset is a view on them (HDF5 virtual dataset), so gathering ten
 * thousand runs copies nothing and the folder can be moved as a whole. */
#ifndef ORRERY_ANALYSIS_GATHER_H
#define ORRERY_ANALYSIS_GATHER_H

#include "sim/sweep/grid.h"

#define GATHER_FILE "sweep.h5"

/* FOLDER/pPOINT, where the point's runs are. */
void gather_folder(char *path, size_t bytes, const char *folder, size_t point);

/* The run is there, complete, and of this scenario: `used` is the text of its used.yaml. */
bool gather_done(const char *point_folder, uint64_t seed, const char *used);

/* Puts the grid and the tables its figures name into the folder; without resume, takes the runs out
 * that an earlier sweep left there. ERR_DUPLICATE: resume, and another grid is there;
 * ERR_NOT_FOUND: a table is missing; ERR_IO. */
enum err gather_begin(const struct grid *grid, const char *folder, bool resume) MUST_CHECK;

/* Of the runs that are there and complete. ERR_IO, ERR_NOT_FOUND: there is none. */
enum err gather_write(const struct grid *grid, const char *folder) MUST_CHECK;

#endif
