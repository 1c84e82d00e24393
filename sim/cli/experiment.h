/* One run from a loaded scenario to a folder with its results. */
#ifndef ORRERY_CLI_EXPERIMENT_H
#define ORRERY_CLI_EXPERIMENT_H

#include "sim/scenario/scenario.h"
#include "sim/world/world.h"

struct experiment_options {
    unsigned threads; /* 0: all cores */
    bool memo_off, record_off, quiet;
    const char *chain; /* the final chain goes to this file; NULL: nowhere */
};

/* Makes a folder and those above it. ERR_IO, said on stderr. */
enum err experiment_folder(const char *path) MUST_CHECK;

/* Runs, records to FOLDER/SEED, evaluates expect:, prints the summary. Returns an exit code. */
int experiment_run(uint8_t digest[32], const struct scenario *scenario,
                   const struct experiment_options *options, const char *folder);

#endif
