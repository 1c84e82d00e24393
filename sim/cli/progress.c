#include "sim/cli/progress.h"

#include <inttypes.h>
#include <stdio.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "sim/world/world.h"

#define SHOW_NS 250000000

static uint64_t real_ns(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

void progress_init(struct progress *p, bool quiet)
{
    *p = (struct progress){
        .quiet = quiet, .terminal = isatty(STDERR_FILENO) == 1, .begun_ns = real_ns()};
}

static void span_print(char *out, size_t bytes, uint64_t seconds)
{
    if (seconds >= 3600) {
        snprintf(out, bytes, "%" PRIu64 ":%02" PRIu64 ":%02" PRIu64, seconds / 3600,
                 seconds / 60 % 60, seconds % 60);
    } else {
        snprintf(out, bytes, "%" PRIu64 ":%02" PRIu64, seconds / 60, seconds % 60);
    }
}

void progress_show(void *arg, const struct world *world)
{
    struct progress *p = arg;
    uint64_t now = real_ns();
    struct world_stats s;
    char at[32];
    char of[32];
    char left[32];

    if (p->quiet || !p->terminal || now - p->shown_ns < SHOW_NS) {
        return;
    }
    world_stats(world, &s);
    double elapsed = (double)(now - p->begun_ns) * 1e-9;
    double speed = (double)s.now_ns * 1e-9 / elapsed;
    span_print(at, sizeof(at), s.now_ns / 1000000000);
    span_print(of, sizeof(of), s.end_ns / 1000000000);
    span_print(left, sizeof(left),
               (uint64_t)((double)(s.end_ns - s.now_ns) * 1e-9 / (speed > 0 ? speed : 1)));
    fprintf(
        stderr,
        "\r%s of %s  %.0fx real time  %.2f M events/s  ETA %s  | %" PRIu32 "/%" PRIu32
        " up, height %" PRIu64 ", final %" PRIu64 ", %" PRIu64 " tx, %" PRIu64 " reorgs%s\033[K",
        at, of, speed, (double)(s.events - p->shown_events) / ((double)(now - p->shown_ns) * 1e-3),
        left, s.nodes_up, s.nodes, s.height_max, s.final_height_max, s.txs_included, s.reorgs,
        s.faults_active > 0 ? ", FAULT" : "");
    fflush(stderr);
    p->shown_ns = now;
    p->shown_events = s.events;
}

void progress_end(struct progress *p, const struct world *world)
{
    struct world_stats s;
    struct rusage usage;
    double elapsed = (double)(real_ns() - p->begun_ns) * 1e-9;

    if (p->quiet) {
        return;
    }
    world_stats(world, &s);
    getrusage(RUSAGE_SELF, &usage);
    fprintf(stderr,
            "%s%.1f s for %.0f s of %" PRIu32 " nodes: %.0fx real time, %.2f M events/s, %.2f M "
            "frames/s, memo %.1f %%, peak %.0f MiB\n",
            p->terminal ? "\r\033[K" : "", elapsed, (double)s.now_ns * 1e-9, s.nodes,
            (double)s.now_ns * 1e-9 / elapsed, (double)s.events * 1e-6 / elapsed,
            (double)s.frames * 1e-6 / elapsed,
            s.memo_asked > 0 ? 100.0 * (double)s.memo_hits / (double)s.memo_asked : 0.0,
            (double)usage.ru_maxrss / 1024.0);
}
