/* Whole runs: what threads, the memo and recording cost or bring, and ten thousand nodes. */
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "sim/cli/bench.h"
#include "sim/cli/command.h"
#include "sim/cli/experiment.h"
#include "sim/record/metrics.h"

uint64_t real_wall_ns(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

uint64_t real_cpu_ns(void)
{
    struct timespec t;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

struct run_figures {
    double ready_s, run_s, virtual_s, memo_share;
    double peak_mib, idle_kib; /* of the process; resident per node beyond blobs */
    uint8_t digest[32];
    int ok;
};

static void run_here(struct run_figures *f, const char *name, const char *const *settings,
                     size_t count, const struct experiment_options *options)
{
    struct scenario *scenario;
    struct settings_error error = {0};
    struct metrics *metrics = NULL;
    struct world_stats stats;
    char path[700];
    uint64_t begun = real_wall_ns();

    snprintf(path, sizeof(path), "%s/%s", ORRERY_DATA, name);
    if (scenario_load(&scenario, &error, path, settings, count) != ERR_OK) {
        settings_error_print(&error);
        return;
    }
    if (!options->record_off) {
        char folder[] = "/tmp/orrery-bench-XXXXXX";
        f->ok = mkdtemp(folder) != NULL &&
                experiment_run(f->digest, scenario, options, folder) == EXIT_OK;
        f->run_s = (double)(real_wall_ns() - begun) * 1e-9;
        snprintf(path, sizeof(path), "rm -r %s", folder);
        if (system(path) != 0) {
            f->ok = 0;
        }
        return;
    }
    struct world_options world = {
        .threads = options->threads, .memo_off = options->memo_off, .metrics = &metrics};
    struct world *w = world_new(scenario, &world, &error);
    if (w == NULL) {
        settings_error_print(&error);
        return;
    }
    uint64_t ready = real_wall_ns();
    f->ok = world_run(w) == WORLD_COMPLETE;
    f->ready_s = (double)(ready - begun) * 1e-9;
    f->run_s = (double)(real_wall_ns() - ready) * 1e-9;
    world_stats(w, &stats);
    world_digest(w, f->digest);
    f->virtual_s = (double)stats.now_ns * 1e-9;
    f->memo_share = stats.memo_asked > 0 ? (double)stats.memo_hits / (double)stats.memo_asked : 0.0;
    f->idle_kib = (double)world_node_resident_bytes(w) / 1024.0 / (double)stats.nodes;
}

/* In a child, so that one run's memory does not show in the next. */
static struct run_figures run(const char *name, const char *const *settings, size_t count,
                              const struct experiment_options *options)
{
    struct run_figures f = {0};
    int pipes[2];

    fflush(stdout);
    if (pipe(pipes) != 0) {
        return f;
    }
    pid_t child = fork();
    if (child == 0) {
        struct rusage usage;
        if (freopen("/dev/null", "w", stdout) == NULL) {
            _exit(1); /* a recorded run prints its summary; here only its time is wanted */
        }
        run_here(&f, name, settings, count, options);
        getrusage(RUSAGE_SELF, &usage);
        f.peak_mib = (double)usage.ru_maxrss / 1024.0;
        _exit(write(pipes[1], &f, sizeof(f)) == (ssize_t)sizeof(f) ? 0 : 1);
    }
    close(pipes[1]);
    if (child < 0 || read(pipes[0], &f, sizeof(f)) != (ssize_t)sizeof(f)) {
        f.ok = 0;
    }
    close(pipes[0]);
    if (child > 0) {
        waitpid(child, NULL, 0);
    }
    return f;
}

static int same(FILE *out, const struct run_figures *a, const struct run_figures *b)
{
    if (!a->ok || !b->ok) {
        fprintf(out, "a run failed\n");
        return EXIT_EXPECTATION;
    }
    if (memcmp(a->digest, b->digest, 32) != 0) {
        fprintf(out, "the digests differ\n");
        return EXIT_DIFFERENT;
    }
    return EXIT_OK;
}

int bench_threads(FILE *out)
{
    static const char *const settings[] = {"duration=20 min"};
    struct experiment_options one = {.threads = 1, .record_off = true, .quiet = true};
    struct experiment_options two = {.threads = 2, .record_off = true, .quiet = true};
    struct run_figures a = run("first-light", settings, 1, &one);
    struct run_figures b = run("first-light", settings, 1, &two);

    fprintf(out, "first-light, 20 min: one thread %.0fx real time, two threads %.0fx; ratio %.2f\n",
            a.virtual_s / a.run_s, b.virtual_s / b.run_s, a.run_s / b.run_s);
    return same(out, &a, &b);
}

int bench_memo(FILE *out)
{
    static const char *const settings[] = {"duration=2 min"};
    struct experiment_options on = {.threads = 1, .record_off = true, .quiet = true};
    struct experiment_options off = {
        .threads = 1, .record_off = true, .quiet = true, .memo_off = true};
    struct run_figures a = run("first-light", settings, 1, &on);
    struct run_figures b = run("first-light", settings, 1, &off);

    fprintf(out, "first-light, 2 min: memo serves %.2f %%; speed-up %.1fx\n", 100 * a.memo_share,
            b.run_s / a.run_s);
    return same(out, &a, &b);
}

int bench_record(FILE *out)
{
    static const char *const settings[] = {"duration=20 min", "expect={}"};
    struct experiment_options off = {.threads = 1, .record_off = true, .quiet = true};
    struct experiment_options on = {.threads = 1, .quiet = true};
    struct run_figures a = run("first-light", settings, 2, &off);
    struct run_figures b = run("first-light", settings, 2, &on);

    fprintf(out, "first-light, 20 min: recorded takes %.3fx the time of not recorded\n",
            b.run_s / (a.run_s + a.ready_s));
    return same(out, &a, &b);
}

int bench_scale(FILE *out)
{
    struct experiment_options two = {.threads = 2, .record_off = true, .quiet = true};
    struct run_figures a = run("ten-thousand", NULL, 0, &two);

    fprintf(out,
            "ten-thousand, two threads: ready in %.2f s, %.1fx real time, peak %.2f GiB, "
            "%.1f KiB resident per node beyond blobs\n",
            a.ready_s, a.virtual_s / a.run_s, a.peak_mib / 1024.0, a.idle_kib);
    return a.ok ? EXIT_OK : EXIT_EXPECTATION;
}
