/* A gathered sweep, read: means over seeds for every point, beside what others have published. */
#ifndef ORRERY_ANALYSIS_SWEEP_H
#define ORRERY_ANALYSIS_SWEEP_H

#include <stdio.h>

#include "analysis/statistics.h"
#include "sim/sweep/grid.h"

#define SWEEP_NAME_BYTES 64

struct sweep {
    struct grid *grid;
    size_t run_count, metric_count;
    uint64_t *point, *seed;         /* [run_count] */
    char (*name)[SWEEP_NAME_BYTES]; /* [metric_count] */
    char (*unit)[SWEEP_NAME_BYTES];
    double *value; /* [run_count][metric_count]; NaN: the run does not have it */
    char (*revision)[SWEEP_NAME_BYTES]; /* [run_count] of the program */
};

/* ERR_NOT_FOUND, ERR_CORRUPT with the error filled. */
enum err sweep_open(struct sweep **sweep, struct settings_error *error,
                    const char *folder) MUST_CHECK;
void sweep_close(struct sweep *sweep);

/* Every table that a figure names is beside the grid file and has `value` and columns that are axes
 * and no others. ERR_NOT_FOUND, ERR_UNKNOWN with the error filled. */
enum err sweep_tables_check(const struct grid *grid, struct settings_error *error) MUST_CHECK;

/* "loss = 0, nodes = 7": axes with more than one value that the figure does not name, each at its
 * first; "" when it names all. */
void sweep_elsewhere(char text[200], const struct grid *grid, const struct grid_figure *figure);

/* Over the seeds that have the number; count 0: none has. */
struct estimate sweep_estimate(const struct sweep *sweep, size_t point, const char *metric);

/* One curve's point: measured, published, and what may be said of them. */
struct sweep_row {
    size_t point;
    const char *series; /* label, or NULL */
    const char *label;  /* of x */
    double x;           /* the label's number; of a name its place: 0, 1, ... */
    struct estimate measured;
    double low, high; /* 95 % interval: Wilson's of all trials where the figure counts them, else
                         Student's t over seeds; NaN: none */
    double published; /* NaN: nobody did */
    double limit;     /* NaN: none is given */
    bool met;         /* when published */
    int step; /* against the row before of the same curve: +1 higher, -1 lower, 0 not different */
};

/* The rows of a figure, curve by curve, to be freed. Axes that the figure does not name stay at
 * their first value. */
struct sweep_row *sweep_rows(size_t *count, const struct sweep *sweep,
                             const struct grid_figure *figure);

/* Tables of all figures; false when a published value is not met. */
bool sweep_print(FILE *out, const struct sweep *sweep);

/* Figures and report.html. ERR_IO; ERR_UNKNOWN: gnuplot failed. */
enum err sweep_draw(const struct sweep *sweep, const char *folder) MUST_CHECK;

#endif
