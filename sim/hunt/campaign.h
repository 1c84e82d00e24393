/* A campaign: many drawn runs of one scenario, what they found, what they reached. */
#ifndef ORRERY_HUNT_CAMPAIGN_H
#define ORRERY_HUNT_CAMPAIGN_H

#include "sim/hunt/trial.h"

enum { CAMPAIGN_FAILURES_MAX = 64, CAMPAIGN_RUNS_MAX = 10000000 };

struct campaign_options {
    const char *scenario; /* path of the base */
    const char *const *settings;
    size_t settings_count;
    const char *folder; /* where failures go */
    uint64_t seed, runs;
    unsigned jobs;
    bool beyond, quiet;
    bool first;      /* ends at the first failure */
    bool keep_large; /* no shrinking */
    uint64_t shrink_runs;
};

/* One kind of failure: runs with the same signature. */
struct campaign_failure {
    char signature[128];
    struct trial_result result; /* of the first */
    uint64_t seed, count;
    uint64_t at_run;                  /* how many runs had ended when it was found */
    double at_cpu_s;                  /* processor time until then */
    char path[700];                   /* of its scenario, shrunk */
    uint64_t parts_drawn, parts_left; /* faults and loads */
};

struct campaign {
    uint64_t runs, failed, lost, refused, events, virtual_ns, cpu_ns, worst_kib;
    uint64_t probes[PROBES];
    uint64_t *speed; /* [runs] virtual / processor time of each, in thousandths */
    double elapsed_s;
    size_t kinds; /* of failures */
    struct campaign_failure failures[CAMPAIGN_FAILURES_MAX];
};

/* Runs and prints. Returns an exit code: 0, 1 (usage, files, Ctrl-C), 2 (something failed), 3 (a
 * probe was never reached by a campaign long enough to expect it). */
int campaign_run(struct campaign *campaign, const struct campaign_options *options);
/* Shrinks the first run of each kind of failure and writes it to the folder. ERR_INTERRUPTED,
 * ERR_IO. */
enum err failures_keep(struct campaign *campaign,
                       const struct campaign_options *options) MUST_CHECK;

/* Shrinks a failing scenario file into the folder. Returns an exit code: 0 shrunk, 1, 3: it does
 * not fail. */
int failures_shrink_file(const char *path, const struct campaign_options *options);

void campaign_free(struct campaign *campaign);

/* Loads the base and draws the run of a seed. NULL: said on stderr. */
struct scenario *campaign_draw(const struct campaign_options *options, uint64_t seed);

#endif
