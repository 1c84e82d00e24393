/* orrery sweep: a grid of parameters and seeds. Each run has its folder OUT/pPOINT/SEED, so what is
 * done stays done: --resume goes on where a lost machine or Ctrl-C ended it. */
#include "sim/cli/sweep.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "analysis/gather.h"
#include "analysis/sweep.h"
#include "node/base/invariant.h"
#include "settings/nearest.h"
#include "sim/cli/command.h"
#include "sim/cli/experiment.h"
#include "sim/record/metrics.h"
#include "sim/sweep/team.h"

#define SETTINGS_MAX 64

struct request {
    const char *file, *folder, *seeds;
    const char *settings[SETTINGS_MAX];
    size_t settings_count;
    unsigned workers;
    bool resume, quiet;
};

struct sweep_job {
    const struct grid *grid;
    const struct request *request;
};

static int request_parse(struct request *q, int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        const char *a = argv[i], *value = i + 1 < argc ? argv[i + 1] : NULL;
        if (strcmp(a, "--resume") == 0) {
            q->resume = true;
        } else if (strcmp(a, "--quiet") == 0) {
            q->quiet = true;
        } else if (a[0] == '-' && value == NULL) {
            return command_usage("sweep", "option %s is not known or lacks its value", a);
        } else if (strcmp(a, "-o") == 0) {
            q->folder = argv[++i];
        } else if (strcmp(a, "--seeds") == 0) {
            q->seeds = argv[++i];
        } else if (strcmp(a, "--jobs") == 0) {
            char *end;
            q->workers = (unsigned)strtoul(argv[++i], &end, 10);
            if (*end != 0 || q->workers < 1 || q->workers > 256) {
                return command_usage("sweep", "--jobs takes 1 to 256, not %s", value);
            }
        } else if (strcmp(a, "--set") == 0 && strchr(value, '=') != NULL) {
            if (q->settings_count == SETTINGS_MAX) {
                return command_usage("sweep", "more than %d settings", SETTINGS_MAX);
            }
            q->settings[q->settings_count++] = argv[++i];
        } else if (a[0] == '-') {
            return command_usage("sweep", "%s %s is not understood", a, value);
        } else if (q->file == NULL) {
            q->file = a;
        } else {
            return command_usage("sweep", "one grid at a time, not also %s", a);
        }
    }
    return q->file != NULL ? EXIT_OK : command_usage("sweep", "which grid?");
}

/* The scenario of one job: the point's settings, those of the command line, the seed. What a
 * scenario expects of itself is for its own parameters, not for every point of a grid. */
static enum err job_scenario(struct scenario **scenario, struct settings_error *error,
                             const struct sweep_job *j, size_t point, uint64_t seed)
{
    size_t count;
    char **settings = grid_settings(j->grid, point, &count), text[48], other[1300];
    const char *path = j->grid->scenario_path;
    const char **all = calloc(count + j->request->settings_count + 2, sizeof(*all));
    size_t n = 0;

    invariant(all != NULL);
    all[n++] = "expect={}";
    for (size_t i = 0; i < count; i++) {
        if (strncmp(settings[i], GRID_SCENARIO, strlen(GRID_SCENARIO)) == 0) {
            path = settings[i] + strlen(GRID_SCENARIO);
            if (*path != '/') {
                snprintf(other, sizeof(other), "%s/%s", j->grid->folder, path);
                path = other;
            }
        } else {
            all[n++] = settings[i];
        }
    }
    for (size_t i = 0; i < j->request->settings_count; i++) {
        all[n++] = j->request->settings[i];
    }
    snprintf(text, sizeof(text), "seed=%" PRIu64, seed);
    all[n++] = text;
    enum err err = scenario_load(scenario, error, path, all, n);
    free(all);
    grid_settings_free(settings, count);
    return err;
}

/* What is there counts only when it was run with the same parameters, every one of them: the
 * scenario or a --set may be another by now. */
static bool job_done(const struct scenario *scenario, const char *folder, uint64_t seed)
{
    char *used = NULL;
    size_t bytes;
    FILE *out = open_memstream(&used, &bytes);

    invariant(out != NULL);
    scenario_write(scenario, out);
    invariant(fclose(out) == 0);
    bool done = gather_done(folder, seed, used);
    free(used);
    return done;
}

static int job_run(void *arg, size_t job)
{
    const struct sweep_job *j = arg;
    size_t point = grid_job_point(j->grid, job);
    uint64_t seed = grid_job_seed(j->grid, job);
    struct experiment_options options = {.threads = 1, .quiet = true};
    struct settings_error error = {0};
    struct scenario *scenario;
    uint8_t digest[32];
    char folder[700];

    gather_folder(folder, sizeof(folder), j->request->folder, point);
    if (job_scenario(&scenario, &error, j, point, seed) != ERR_OK) {
        settings_error_print(&error);
        return EXIT_USAGE;
    }
    if (j->request->resume && job_done(scenario, folder, seed)) {
        scenario_free(scenario);
        return EXIT_OK;
    }
    int code = experiment_run(digest, scenario, &options, folder);
    scenario_free(scenario);
    if (code != EXIT_OK) {
        fprintf(stderr, "orrery sweep: %s, seed %" PRIu64 ": exit code %d\n", folder, seed, code);
    }
    return code == EXIT_USAGE ? TEAM_STOP : code;
}

/* Every point must make a scenario before the first one runs. */
static int points_check(const struct sweep_job *j)
{
    for (size_t point = 0; point < j->grid->points; point++) {
        struct settings_error error = {0};
        struct scenario *scenario;
        if (job_scenario(&scenario, &error, j, point, j->grid->seed_first) != ERR_OK) {
            if (strcmp(error.file, "command line") == 0 && j->request->settings_count == 0) {
                snprintf(error.file, sizeof(error.file), "%.255s", j->grid->file);
            }
            settings_error_print(&error);
            fprintf(stderr, "orrery sweep: at");
            for (size_t a = 0; a < j->grid->axes_count; a++) {
                fprintf(stderr, " %s = %s", j->grid->axes[a].name,
                        grid_label(&j->grid->axes[a], grid_value(j->grid, point, a)));
            }
            fprintf(stderr, "\n");
            return EXIT_USAGE;
        }
        scenario_free(scenario);
    }
    return EXIT_OK;
}

/* A number of the summary. */
static enum err metric_check(const struct grid_figure *f, const char *name,
                             struct settings_error *error)
{
    static const uint64_t no_stake[1];
    struct metrics *metrics = metrics_new(1, no_stake, 0);
    struct nearest near = {.word = name};
    size_t count;
    const struct metric *list = metrics_list(metrics, &count);
    enum err err = ERR_OK;

    for (size_t i = 0; i < count; i++) {
        nearest_try(&near, list[i].name);
    }
    if (strcmp(near.best, name) != 0) {
        err = settings_refuse(error, f->line, ERR_UNKNOWN,
                              "figure `%s`: no metric is called `%s`; the nearest "
                              "is `%s`",
                              f->name, name, near.best);
    }
    metrics_free(metrics);
    return err;
}

static enum err figures_check(const struct grid *grid, struct settings_error *error)
{
    TRY(sweep_tables_check(grid, error));
    for (size_t i = 0; i < grid->figures_count; i++) {
        const struct grid_figure *f = &grid->figures[i];
        TRY(metric_check(f, f->metric, error));
        if (*f->trials != 0) {
            TRY(metric_check(f, f->trials, error));
        }
    }
    return ERR_OK;
}

/* What the first of the team does before anybody runs. */
static int prepare(const struct sweep_job *j)
{
    struct settings_error error = {0};
    int code = points_check(j);

    if (code != EXIT_OK) {
        return code;
    }
    if (figures_check(j->grid, &error) != ERR_OK) {
        settings_error_print(&error);
        return EXIT_USAGE;
    }
    if (experiment_folder(j->request->folder) != ERR_OK) {
        return EXIT_USAGE;
    }
    switch (gather_begin(j->grid, j->request->folder, j->request->resume)) {
    case ERR_OK:
        return EXIT_OK;
    case ERR_DUPLICATE:
        fprintf(stderr,
                "orrery sweep: %s holds another grid: give -o a new folder, or leave --resume\n",
                j->request->folder);
        return EXIT_USAGE;
    default:
        fprintf(stderr, "orrery sweep: cannot write into %s\n", j->request->folder);
        return EXIT_USAGE;
    }
}

int sweep_report(const char *folder)
{
    struct settings_error error = {0};
    struct sweep *sweep;
    enum err err = sweep_open(&sweep, &error, folder);

    if (err != ERR_OK) {
        settings_error_print(&error);
        return EXIT_USAGE;
    }
    bool met = sweep_print(stdout, sweep);
    err = sweep_draw(sweep, folder);
    sweep_close(sweep);
    if (err != ERR_OK) {
        fprintf(stderr, "orrery report: cannot draw into %s: %s\n", folder, err_text(err));
        return EXIT_USAGE;
    }
    printf("report %s/report.html\n", folder);
    return met ? EXIT_OK : EXIT_EXPECTATION;
}

bool sweep_is(const char *folder)
{
    char path[700];

    snprintf(path, sizeof(path), "%s/" GATHER_FILE, folder);
    return access(path, R_OK) == 0;
}

static int sweep_finish(const struct sweep_job *j, size_t failed, int worst)
{
    enum err err = gather_write(j->grid, j->request->folder);
    int code = EXIT_OK;

    if (err == ERR_OK) {
        code = sweep_report(j->request->folder);
    } else if (err != ERR_NOT_FOUND) {
        fprintf(stderr, "orrery sweep: cannot write %s/" GATHER_FILE ": %s\n", j->request->folder,
                err_text(err));
        return EXIT_USAGE;
    }
    if (failed > 0) {
        fprintf(stderr,
                "orrery sweep: %zu of %zu runs failed or were not run; --resume runs them\n",
                failed, grid_jobs(j->grid));
        code = worst > EXIT_USAGE ? worst : EXIT_USAGE;
    }
    return code;
}

/* The runs say what they do on stdout; of a sweep only its own words are wanted there. */
static int runs_silenced(struct team *team, const struct sweep_job *j, size_t *failed, int *worst)
{
    fflush(stdout);
    int console = dup(STDOUT_FILENO);

    if (console < 0 || freopen("/dev/null", "w", stdout) == NULL) {
        perror("orrery sweep: stdout");
        return EXIT_USAGE;
    }
    *failed = team_run(team, grid_jobs(j->grid), job_run, (void *)(uintptr_t)j, worst);
    fflush(stdout);
    dup2(console, STDOUT_FILENO);
    close(console);
    return EXIT_OK;
}

static int sweep_all(struct team *team, const struct sweep_job *j)
{
    size_t failed = 0;
    int worst = EXIT_OK;
    int code = team_agree(team, team_first(team) ? prepare(j) : EXIT_OK);

    if (code != EXIT_OK) {
        return code;
    }
    if (team_first(team)) {
        printf("sweep %s: %zu points, seeds %" PRIu64 "..%" PRIu64 ", %zu runs on %zu processes\n",
               j->grid->name, j->grid->points, j->grid->seed_first, j->grid->seed_last,
               grid_jobs(j->grid), team_size(team));
    }
    code = runs_silenced(team, j, &failed, &worst);
    if (code == EXIT_OK && team_first(team)) {
        code = sweep_finish(j, failed, worst);
    }
    return team_agree(team, code);
}

int command_sweep(int argc, char **argv)
{
    struct request q = {0};
    struct sweep_job job = {.request = &q};
    struct settings_error error = {0};
    struct grid *grid;
    char folder[512];
    int code = request_parse(&q, argc, argv);

    if (code != EXIT_OK) {
        return code;
    }
    if (grid_load(&grid, &error, q.file) != ERR_OK) {
        settings_error_print(&error);
        return EXIT_USAGE;
    }
    if (q.seeds != NULL && !grid_seeds_parse(&grid->seed_first, &grid->seed_last, q.seeds)) {
        grid_free(grid);
        return command_usage("sweep", "--seeds takes A..B with A <= B, not %s", q.seeds);
    }
    if (grid_jobs_check(grid, &error) != ERR_OK) {
        settings_error_print(&error);
        grid_free(grid);
        return EXIT_USAGE;
    }
    if (q.folder == NULL) {
        snprintf(folder, sizeof(folder), "out/%s", grid->name);
        q.folder = folder;
    }
    job.grid = grid;
    struct team *team = team_open(q.workers, q.quiet);
    code = sweep_all(team, &job);
    team_close(team);
    grid_free(grid);
    return code;
}
