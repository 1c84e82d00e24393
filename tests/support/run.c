#define _DEFAULT_SOURCE /* mkstemp */
#include "tests/support/run.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define TEN(duration, relays)                                                                      \
    "name: ten\n"                                                                                  \
    "duration: " duration "\n"                                                                     \
    "chain: {target: 4 s, epoch_blocks: 20, lookback_blocks: 80}\n"                                \
    "network: {latency: constant, constant: 50 ms, jitter: no}\n"                                  \
    "profiles:\n"                                                                                  \
    "  - {name: machine}\n"                                                                        \
    "groups:\n"                                                                                    \
    "  - name: validators\n"                                                                       \
    "    kind: producer\n"                                                                         \
    "    count: 10\n"                                                                              \
    "    profile: machine\n"                                                                       \
    "    stake: {law: equal, total: 10000, free: 100}\n"                                           \
    "  - {name: relays, kind: relay, count: " relays ", profile: machine}\n"

const char run_ten[] = TEN("8 min", "4");
const char run_joining[] = TEN(
    "6 min", "20") "  - {name: newcomers, kind: relay, count: 3, profile: machine, join: 3 min}\n";

const char run_mining[] = "name: mining\n"
                          "duration: 9 h\n"
                          "warmup: 30 min\n"
                          "chain: {finality: off, vrf: off, retarget: fixed, lookback_blocks: 80,"
                          " epoch_blocks: 20}\n"
                          "network: {latency: constant, constant: 2 ms, jitter: no}\n"
                          "profiles:\n"
                          "  - {name: machine}\n"
                          "groups:\n"
                          "  - name: attackers\n"
                          "    kind: producer\n"
                          "    count: 1\n"
                          "    profile: machine\n"
                          "    stake: {law: equal, total: 4000, free: 100000}\n"
                          "  - name: honest\n"
                          "    kind: producer\n"
                          "    count: 12\n"
                          "    profile: machine\n"
                          "    stake: {law: equal, total: 6000, free: 100}\n"
                          "record: {epoch: 1 min, series: 1 h}\n"
                          "check: {liveness: 100 h}\n";

struct run run_threads(const char *text, const char *more, const char *const *settings,
                       size_t count, unsigned threads)
{
    char path[] = "/tmp/orrery-adversary-XXXXXX";
    struct settings_error error = {0};
    struct run run = {.scenario = NULL};
    char whole[8192];
    int file = mkstemp(path);

    snprintf(whole, sizeof(whole), "%s%s", text, more);
    cr_assert_geq(file, 0);
    cr_assert_eq(write(file, whole, strlen(whole)), (ssize_t)strlen(whole));
    close(file);
    enum err err = scenario_load(&run.scenario, &error, path, settings, count);
    unlink(path);
    cr_assert_eq(err, ERR_OK, "%s:%d: %s", error.file, error.line, error.text);
    struct world_options options = {.threads = threads, .metrics = &run.metrics};
    run.world = world_new(run.scenario, &options, &error);
    cr_assert_not_null(run.world, "%s:%d: %s", error.file, error.line, error.text);
    run.end = world_run(run.world);
    cr_assert_eq(run.end, WORLD_COMPLETE, "%s: %s", more, world_verdict(run.world));
    return run;
}

struct run run_of(const char *text, const char *more)
{
    return run_threads(text, more, NULL, 0, 1);
}

void run_end(struct run *run)
{
    world_free(run->world);
    metrics_free(run->metrics);
    scenario_free(run->scenario);
}

double run_figure(const struct run *run, const char *name)
{
    size_t count;
    const struct metric *list = metrics_list(run->metrics, &count);
    struct metric check;

    for (size_t i = 0; i < count; i++) {
        if (strcmp(list[i].name, name) == 0) {
            cr_assert(list[i].known, "%s is not known", name);
            return list[i].value;
        }
    }
    for (size_t i = 0; world_check_figure(run->world, i, &check); i++) {
        if (strcmp(check.name, name) == 0) {
            return check.value;
        }
    }
    cr_assert_fail("%s is no metric", name);
    return 0;
}
