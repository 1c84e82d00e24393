/* A sweep as data: one scenario, axes of values, seeds, and the figures that say what was learnt
 * (docs/sweeps.md). Points are numbered with the last axis running fastest, jobs point by point. */
#ifndef ORRERY_SWEEP_GRID_H
#define ORRERY_SWEEP_GRID_H

#include "settings/error.h"
#include "settings/unit.h"

#define GRID_AXES_MAX 8
#define GRID_POINTS_MAX 1000000
#define GRID_FIGURES_MAX 32
#define GRID_JOBS_MAX 10000000
/* A setting that is none of the scenario's: another file in place of the grid's scenario. */
#define GRID_SCENARIO "scenario="

struct grid_axis {
    char *name;
    char **values; /* as they are put into the settings */
    uint64_t values_count;
    char **labels; /* as figures and tables call them; none: the values */
    uint64_t labels_count;
    char **settings; /* "key={}", or parts of a value: "a={1}", "b={2}"; none: "NAME={}" */
    uint64_t settings_count;
    int line;
};

/* A number of the summary along one axis, with what others have published beside it. */
struct grid_figure {
    char *name, *title;
    char *metric;
    char *trials; /* a number of the summary: of so many independent trials metric is a share */
    char *x;      /* an axis: numbers, or names that stand side by side */
    char *series; /* another axis, or empty */
    char *x_label, *y_label;
    char *published;         /* a table beside the grid file, or empty */
    char *limit;             /* another: what the values tend to; held against nothing */
    char *source;            /* who published it */
    uint64_t published_runs; /* of what the published value is the mean; 0: it is exact */
    uint64_t errors;         /* a published value is met within so many standard errors, */
    struct ratio within;     /* or within this share of it */
    bool log;                /* the vertical axis is logarithmic */
    int line;
};

struct grid {
    char *question;
    char *scenario;
    char *seeds; /* "A..B" */
    char **settings;
    uint64_t settings_count;
    struct grid_axis *axes;
    uint64_t axes_count;
    struct grid_figure *figures;
    uint64_t figures_count;
    /* derived */
    char *file, *folder, *name, *text;
    char *scenario_path;
    uint64_t seed_first, seed_last;
    size_t points;
};

/* A grid file, or a folder with a grid.yaml. ERR_NOT_FOUND, ERR_SYNTAX, ERR_UNKNOWN, ERR_RANGE,
 * ERR_INVALID with the error filled. */
enum err grid_load(struct grid **grid, struct settings_error *error, const char *name) MUST_CHECK;
void grid_free(struct grid *grid);

/* "A..B" with A <= B. */
bool grid_seeds_parse(uint64_t *first, uint64_t *last, const char *text);
/* ERR_RANGE: more runs than GRID_JOBS_MAX. */
enum err grid_jobs_check(const struct grid *grid, struct settings_error *error) MUST_CHECK;

size_t grid_jobs(const struct grid *grid);
size_t grid_job_point(const struct grid *grid, size_t job);
uint64_t grid_job_seed(const struct grid *grid, size_t job);

/* Index of the point's value on an axis. */
size_t grid_value(const struct grid *grid, size_t point, size_t axis);
const char *grid_label(const struct grid_axis *axis, size_t value);
/* All labels are numbers; of an axis that a figure has for x, else none is. */
bool grid_axis_is_numeric(const struct grid_axis *axis);
/* The axis of that name, or SIZE_MAX. */
size_t grid_axis_find(const struct grid *grid, const char *name);

/* "key=value" texts for one point, those of the grid first; to be freed by grid_settings_free. */
char **grid_settings(const struct grid *grid, size_t point, size_t *count);
void grid_settings_free(char **settings, size_t count);

#endif
