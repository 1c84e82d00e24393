/* Runs in child processes, as many at a time as wanted: a run that aborts, crashes, loops or eats
 * memory is a result like any other and takes nobody with it. */
#ifndef ORRERY_HUNT_FLOCK_H
#define ORRERY_HUNT_FLOCK_H

#include "sim/hunt/trial.h"

enum { FLOCK_JOBS_MAX = 64 };

struct flock {
    unsigned jobs;  /* children at a time, 1 to FLOCK_JOBS_MAX */
    uint64_t cpu_s; /* of one child; 0: no limit */
    /* In the child. */
    void (*work)(void *arg, uint64_t id, struct trial_result *result);
    /* In the parent, in the order in which children end; false: start no more, end those that run.
     */
    bool (*done)(void *arg, uint64_t id, const struct trial_result *result);
    void *arg;
};

/* Runs ids first to first + count - 1. ERR_INTERRUPTED: Ctrl-C; ERR_IO: no process or memory. */
enum err flock_run(const struct flock *flock, uint64_t first, uint64_t count) MUST_CHECK;

/* One run of a scenario in a child process. */
enum err flock_one(struct trial_result *result, const struct scenario *scenario,
                   const struct trial_options *options, uint64_t cpu_s) MUST_CHECK;

/* What a dead child says: signature and text from how it ended and what it wrote to stderr. */
void flock_epitaph(struct trial_result *result, int status, const char *last_words);

#endif
