#include "sim/cli/experiment.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "sim/cli/command.h"
#include "sim/cli/expect.h"
#include "sim/cli/progress.h"
#include "sim/record/metrics.h"
#include "sim/scenario/revision.h"

/* Set by Ctrl-C: the run ends at the next epoch, and what was recorded stays readable. */
static volatile sig_atomic_t interrupted;

static void on_interrupt(int signal_number)
{
    (void)signal_number;
    interrupted = 1;
}

enum err experiment_folder(const char *path)
{
    char part[600];
    size_t len = strlen(path);

    if (len == 0 || len >= sizeof(part)) {
        fprintf(stderr, "orrery: the path of a results folder has 1 to 599 characters\n");
        return ERR_RANGE;
    }
    memcpy(part, path, len + 1);
    for (size_t i = 1; i <= len; i++) {
        if (part[i] == '/' || part[i] == 0) {
            char kept = part[i];
            part[i] = 0;
            if (mkdir(part, 0777) != 0 && errno != EEXIST) {
                fprintf(stderr, "orrery: cannot make the folder %s: %s\n", part, strerror(errno));
                return ERR_IO;
            }
            part[i] = kept;
        }
    }
    if (access(path, W_OK) != 0) {
        fprintf(stderr, "orrery: cannot write into %s: %s\n", path, strerror(errno));
        return ERR_IO;
    }
    return ERR_OK;
}

struct experiment {
    const struct scenario *scenario;
    struct world *world;
    struct record *record;
    struct metrics *metrics;
    char folder[700];
};

static enum err record_begin(struct experiment *x, const struct scenario *s)
{
    struct record_config config = {.folder = x->folder,
                                   .seed = s->seed,
                                   .revision = ORRERY_REVISION,
                                   .tables = (const char *const *)s->record.tables,
                                   .tables_count = s->record.tables_count};
    char path[800];

    snprintf(path, sizeof(path), "%s/used.yaml", x->folder);
    TRY(scenario_print(s, path));
    config.used_path = path;
    return record_open(&x->record, &config);
}

static void summary_write(const struct experiment *x, const struct metric *figures, size_t count,
                          FILE *out)
{
    fprintf(out, "%s, seed %" PRIu64 "\n", x->scenario->name, x->scenario->seed);
    for (size_t i = 0; i < count; i++) {
        if (figures[i].known) {
            fprintf(out, "  %-32s %14.6g %-8s %s\n", figures[i].name, figures[i].value,
                    figures[i].unit, figures[i].text);
        }
    }
}

static void summary_record(struct experiment *x)
{
    size_t count;
    const struct metric *list = metrics_list(x->metrics, &count);

    for (size_t i = 0; i < count && x->record != NULL; i++) {
        if (list[i].known) {
            (void)!record_summary(x->record, list[i].name, list[i].value, list[i].unit,
                                  list[i].text);
        }
    }
}

/* The reasons a run can end for, as exit code and words. */
static int end_code(enum world_end end, const char **why)
{
    switch (end) {
    case WORLD_COMPLETE:
        *why = "";
        return EXIT_OK;
    case WORLD_INTERRUPTED:
        *why = "interrupted";
        return EXIT_USAGE;
    case WORLD_INVARIANT:
        *why = "an invariant broke";
        return EXIT_INVARIANT;
    case WORLD_LIVENESS:
        *why = "liveness was not reached";
        return EXIT_EXPECTATION;
    case WORLD_EXHAUSTED:
        *why = "more events than allowed";
        return EXIT_INVARIANT;
    case WORLD_RECORD_FAILED:
        *why = "recording failed: is the disk full?";
        return EXIT_USAGE;
    }
    return EXIT_USAGE;
}

static int experiment_end(struct experiment *x, enum world_end end, uint8_t digest[32],
                          struct progress *progress)
{
    const char *why = "";
    char path[800];
    struct metric *figures;
    size_t count;
    int code = end_code(end, &why);

    progress_end(progress, x->world);
    world_digest(x->world, digest);
    figures = expect_figures(&count, x->metrics, x->world);
    summary_write(x, figures, count, stdout);
    summary_record(x);
    snprintf(path, sizeof(path), "%s/summary.txt", x->folder);
    FILE *out = fopen(path, "w");
    if (out != NULL) {
        summary_write(x, figures, count, out);
        (void)!expect_evaluate(x->scenario, figures, count, out);
        if (fclose(out) != 0) {
            out = NULL;
        }
    }
    if (out == NULL) {
        fprintf(stderr, "orrery: cannot write %s: %s\n", path, strerror(errno));
        code = code == EXIT_OK ? EXIT_USAGE : code;
    }
    int met = expect_evaluate(x->scenario, figures, count, stdout);
    free(figures);
    code = code == EXIT_OK ? met : code;
    if (*why != 0) {
        const char *verdict = world_verdict(x->world);
        fflush(stdout);
        fprintf(stderr, "orrery: %s%s%s\n", why, *verdict != 0 ? ": " : "", verdict);
    }
    if (x->record != NULL &&
        record_close(x->record, digest, end == WORLD_COMPLETE, why) != ERR_OK) {
        fprintf(stderr, "orrery: %s/run.h5 could not be completed: is the disk full?\n", x->folder);
        code = code == EXIT_OK ? EXIT_USAGE : code;
    }
    return code;
}

int experiment_run(uint8_t digest[32], const struct scenario *scenario,
                   const struct experiment_options *options, const char *folder)
{
    struct experiment x = {.scenario = scenario};
    struct settings_error error = {0};
    struct progress progress;
    struct sigaction action = {.sa_handler = on_interrupt};
    int code = EXIT_USAGE;

    if (expect_check(scenario, &error) != ERR_OK) {
        settings_error_print(&error);
        return EXIT_USAGE;
    }
    snprintf(x.folder, sizeof(x.folder), "%s/%" PRIu64, folder, scenario->seed);
    if (experiment_folder(x.folder) != ERR_OK) {
        return EXIT_USAGE;
    }
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    if (!options->record_off && record_begin(&x, scenario) != ERR_OK) {
        fprintf(stderr, "orrery: cannot write results into %s: %s\n", x.folder, strerror(errno));
        return EXIT_USAGE;
    }
    progress_init(&progress, options->quiet);
    struct world_options world = {.threads = options->threads,
                                  .memo_off = options->memo_off,
                                  .chain = options->chain,
                                  .record = x.record,
                                  .metrics = &x.metrics,
                                  .interrupted = &interrupted,
                                  .progress = progress_show,
                                  .progress_arg = &progress};
    x.world = world_new(scenario, &world, &error);
    if (x.world == NULL) {
        settings_error_print(&error);
        memset(digest, 0, 32);
        if (x.record != NULL) {
            (void)!record_close(x.record, digest, false, "the scenario cannot be built");
        }
        return EXIT_USAGE;
    }
    code = experiment_end(&x, world_run(x.world), digest, &progress);
    if (options->chain != NULL) {
        enum err err = world_chain_written(x.world);
        if (err != ERR_OK) {
            fprintf(stderr, "orrery: %s: no chain written: %s\n", options->chain, err_text(err));
            code = code == EXIT_OK ? EXIT_USAGE : code;
        }
    }
    world_free(x.world);
    metrics_free(x.metrics);
    return code;
}
