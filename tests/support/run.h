/* A whole run from the text of a scenario, and its figures. What goes wrong fails the test. */
#ifndef ORRERY_TESTS_SUPPORT_RUN_H
#define ORRERY_TESTS_SUPPORT_RUN_H

#include "sim/world/world.h"

struct run {
    struct scenario *scenario;
    struct world *world;
    struct metrics *metrics;
    enum world_end end;
};

/* Ten validators with equal stake and four relays (nodes 10 to 13), a chain four times as fast. */
extern const char run_ten[];
/* The same validators, twenty relays (10 to 29), three newcomers (30 to 32). */
extern const char run_joining[];
/* One attacker and twelve others whose blocks reach all within the 2 ms of a link, at constant
 * difficulty: the models of the literature, which know no finality. */
extern const char run_mining[];

/* text and more are one scenario; settings are those of --set. It runs to its end. */
struct run run_threads(const char *text, const char *more, const char *const *settings,
                       size_t count, unsigned threads);
struct run run_of(const char *text, const char *more);
void run_end(struct run *run);
/* A figure of the summary, which must be known. */
double run_figure(const struct run *run, const char *name);

#endif
