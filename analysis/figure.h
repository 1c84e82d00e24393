/* Figures by gnuplot. Each writes NAME.tsv (what it shows) and NAME.gp (how) into a folder, from
 * which gnuplot makes NAME.svg: whoever wants another look edits the script. */
#ifndef ORRERY_ANALYSIS_FIGURE_H
#define ORRERY_ANALYSIS_FIGURE_H

#include <stdio.h>

#include "analysis/run.h"

#define FIGURE_CAPTION_BYTES 1024
#define FIGURES_MAX 32

#define FIGURE_BLUE "#2166ac"
#define FIGURE_ORANGE "#d95f02"
#define FIGURE_GREEN "#1b7837"
#define FIGURE_GREY "#777777"
#define FIGURE_PALE "#9ecae1"

/* Handed to a draw function. Data sets are separated by figure_data_next and are `index 0`, ... in
 * the script; columns by tabs. */
struct figure {
    const char *name, *title;
    char caption[FIGURE_CAPTION_BYTES];
    char file[128]; /* NAME.tsv, as the script calls it */
    FILE *data, *script;
    const struct run *const *runs; /* one, or one per seed */
    size_t run_count;
    double time_unit_s; /* of time axes */
    const char *time_unit;
    bool drawn;
};

struct figure_kind {
    const char *name, *title;
    bool (*draw)(struct figure *figure); /* false: the run holds nothing to draw it from */
    bool many;                           /* for many seeds; else for one run */
};

const struct figure_kind *figure_kinds(size_t *count);

/* Draws the kinds that are wanted (names; none: all that go with the number of runs) into folder,
 * which exists. figures[0..count) has room for FIGURES_MAX. ERR_NOT_FOUND: a name is not known;
 * ERR_IO: a file cannot be written; ERR_UNKNOWN: gnuplot failed or is not installed. */
enum err figures_draw(struct figure *figures, size_t *count, const struct run *const *runs,
                      size_t run_count, const char *folder, const char *const *names,
                      size_t name_count) MUST_CHECK;

/* How every script of ours begins; its figure will be NAME.svg. */
void figure_style_write(FILE *script, const char *name);
/* One gnuplot for all NAME.gp, in their folder, so that scripts name files without paths.
 * ERR_UNKNOWN. */
enum err figure_gnuplot(const char *const *names, size_t count, const char *folder) MUST_CHECK;

void figure_data_next(struct figure *figure);
/* Axis of time with its unit, faults as bands; end_s: its length. */
void figure_time_axis(struct figure *figure);
/* Bands of the faults of one run with their labels above; a strip where they are many. */
void figure_faults(struct figure *figure);

#endif
