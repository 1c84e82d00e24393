/* Run files named on the command line. */
#ifndef ORRERY_CLI_RUNS_H
#define ORRERY_CLI_RUNS_H

#include "analysis/run.h"

struct runs {
    struct run **list;
    size_t count;
};

/* Opens the runs of these folders (of one seed, or of many) and run.h5 files, in order. Says what
 * is wrong on stderr and returns an exit code; runs is empty then. */
int runs_open(struct runs *runs, const char *command, int count, const char *const *paths);
void runs_close(struct runs *runs);

/* For statistics over seeds: of several runs the incomplete are left out, which is said; the others
 * must be of one set of parameters and have a seed each. Otherwise that is said on stderr, and
 * EXIT_USAGE returned; runs stay open. */
int runs_pool(struct runs *runs, const char *command);

/* Says why path cannot be read; EXIT_USAGE. */
int runs_refuse(const char *command, const char *path);

#endif
