#include "sim/hunt/campaign.h"

#include <inttypes.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "node/base/invariant.h"
#include "sim/hunt/flock.h"
#include "sim/hunt/swarm.h"

/* A campaign of as many runs reaches every probe, or something is wrong with what is drawn. */
#define PROBE_RUNS 1000
#define CPU_S_MAX 180

struct state {
    const struct campaign_options *options;
    struct campaign *campaign;
    uint64_t begun_ns, shown_ns;
    bool terminal;
};

static uint64_t real_ns(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

struct scenario *campaign_draw(const struct campaign_options *o, uint64_t seed)
{
    struct scenario *s;
    struct settings_error error = {0};

    if (scenario_load(&s, &error, o->scenario, o->settings, o->settings_count) != ERR_OK) {
        settings_error_print(&error);
        return NULL;
    }
    if (swarm_draw(s, NULL, seed, o->beyond) != ERR_OK) {
        fprintf(stderr, "%s: the first group, and it alone, must be producers\n", o->scenario);
        scenario_free(s);
        return NULL;
    }
    return s;
}

static void work(void *arg, uint64_t id, struct trial_result *result)
{
    const struct state *state = arg;
    struct scenario *s = campaign_draw(state->options, id);
    struct trial_options options = {0};

    if (s == NULL) {
        result->verdict = TRIAL_REFUSED;
        return;
    }
    trial_run(result, s, &options);
    scenario_free(s);
}

static void show(struct state *state, bool last)
{
    const struct campaign *c = state->campaign;
    uint64_t now = real_ns();
    double elapsed = (double)(now - state->begun_ns) * 1e-9;

    if (state->options->quiet || !state->terminal || (!last && now - state->shown_ns < 250000000)) {
        return;
    }
    state->shown_ns = now;
    fprintf(stderr,
            "\r%" PRIu64 " of %" PRIu64
            " runs  %.1f runs/s  %.0fx real time  %.0f k steps/s  %" PRIu64
            " failed in %zu kinds, %" PRIu64 " lost by construction\033[K%s",
            c->runs, state->options->runs, (double)c->runs / elapsed,
            (double)c->virtual_ns * 1e-9 / elapsed, (double)c->events * 1e-3 / elapsed, c->failed,
            c->kinds, c->lost, last ? "\n" : "");
    fflush(stderr);
}

static void failure_note(struct state *state, uint64_t seed, const struct trial_result *r)
{
    struct campaign *c = state->campaign;

    if (!state->options->quiet) {
        fprintf(stderr, "%sseed %" PRIu64 ": %s\n", state->terminal ? "\r\033[K" : "", seed,
                r->text);
    }
    for (size_t i = 0; i < c->kinds; i++) {
        struct campaign_failure *f = &c->failures[i];
        if (strcmp(f->signature, r->signature) == 0) {
            f->count++;
            /* Children end in any order; what is kept does not depend on it. */
            if (seed < f->seed) {
                f->seed = seed;
                f->result = *r;
            }
            return;
        }
    }
    if (c->kinds == CAMPAIGN_FAILURES_MAX) {
        return;
    }
    struct campaign_failure *f = &c->failures[c->kinds++];
    *f = (struct campaign_failure){.result = *r, .seed = seed, .count = 1, .at_run = c->runs};
    snprintf(f->signature, sizeof(f->signature), "%s", r->signature);
    f->at_cpu_s = (double)c->cpu_ns * 1e-9;
}

static bool done(void *arg, uint64_t seed, const struct trial_result *r)
{
    struct state *state = arg;
    struct campaign *c = state->campaign;

    if (r->verdict == TRIAL_REFUSED) {
        fprintf(stderr, "orrery hunt: seed %" PRIu64 " cannot be built: %s\n", seed, r->text);
        c->refused++;
        return false;
    }
    c->speed[c->runs++] = r->cpu_ns > 0 ? r->end_ns / (r->cpu_ns / 1000 + 1) : 0;
    c->events += r->events;
    c->virtual_ns += r->end_ns;
    c->cpu_ns += r->cpu_ns;
    c->worst_kib = r->resident_kib > c->worst_kib ? r->resident_kib : c->worst_kib;
    c->lost += r->verdict == TRIAL_LOST;
    for (int i = 0; i < PROBES; i++) {
        c->probes[i] += r->probes[i];
    }
    if (r->verdict == TRIAL_FAIL) {
        c->failed++;
        failure_note(state, seed, r);
    }
    show(state, false);
    return r->verdict != TRIAL_FAIL || !state->options->first;
}

static int compare_u64(const void *a, const void *b)
{
    uint64_t x, y;

    memcpy(&x, a, sizeof(x));
    memcpy(&y, b, sizeof(y));
    return (x > y) - (x < y);
}

static void table_print(struct campaign *c, const struct campaign_options *o)
{
    qsort(c->speed, c->runs, sizeof(*c->speed), compare_u64);
    double median = c->runs > 0 ? (double)c->speed[c->runs / 2] * 1e-3 : 0;

    printf("runs %" PRIu64 " (seeds %" PRIu64 "..%" PRIu64 "%s): %" PRIu64 " failed, %" PRIu64
           " lost by construction\n",
           c->runs, o->seed, o->seed + o->runs - 1, o->beyond ? ", beyond the promise" : "",
           c->failed, c->lost);
    printf("speed %.1f runs/s, a process %.0f k steps/s, median %.0fx its processor time, largest "
           "%.0f MB\n",
           (double)c->runs / c->elapsed_s,
           c->cpu_ns > 0 ? (double)c->events * 1e6 / (double)c->cpu_ns : 0, median,
           (double)c->worst_kib * 1024e-6);
    printf("\n  %-24s %12s  what\n", "probe", "reached");
    for (int i = 0; i < PROBES; i++) {
        printf("  %-24s %12" PRIu64 "  %s\n", probe_name((enum probe)i), c->probes[i],
               probe_text((enum probe)i));
    }
    if (c->kinds > 0) {
        printf("\n  %-40s %8s %12s\n", "failure", "runs", "first seed");
    }
    for (size_t i = 0; i < c->kinds; i++) {
        const struct campaign_failure *f = &c->failures[i];
        printf("  %-40s %8" PRIu64 " %12" PRIu64 "\n    %s\n", f->signature, f->count, f->seed,
               f->result.text);
        if (f->path[0] != 0) {
            printf("    %s (%" PRIu64 " of %" PRIu64 " parts left)\n", f->path, f->parts_left,
                   f->parts_drawn);
        }
    }
}

/* A probe that nobody reached, said; true when the campaign was long enough to mind. */
static bool probes_missing(const struct campaign *c, const struct campaign_options *o)
{
    bool missing = false;

    for (int i = 0; i < PROBES && c->runs >= PROBE_RUNS && !o->beyond && !o->first; i++) {
        if (c->probes[i] == 0) {
            printf("never reached: %s (%s)\n", probe_name((enum probe)i),
                   probe_text((enum probe)i));
            missing = true;
        }
    }
    return missing;
}

int campaign_run(struct campaign *c, const struct campaign_options *o)
{
    struct state state = {
        .options = o, .campaign = c, .begun_ns = real_ns(), .terminal = isatty(STDERR_FILENO) == 1};
    struct flock flock = {
        .jobs = o->jobs, .cpu_s = CPU_S_MAX, .work = work, .done = done, .arg = &state};

    memset(c, 0, sizeof(*c));
    /* What is wrong with the scenario or a setting is said once, and before anything runs. */
    struct scenario *first = campaign_draw(o, o->seed);
    if (first == NULL) {
        return 1;
    }
    scenario_free(first);
    c->speed = calloc(o->runs + 1, sizeof(*c->speed));
    invariant(c->speed != NULL);
    enum err err = flock_run(&flock, o->seed, o->runs);
    c->elapsed_s = (double)(real_ns() - state.begun_ns) * 1e-9;
    show(&state, true);
    if (err != ERR_OK) {
        fprintf(stderr, "orrery hunt: %s\n", err_text(err));
    }
    if (err == ERR_OK) {
        err = failures_keep(c, o);
    }
    table_print(c, o);
    if (c->failed > 0) {
        return 2;
    }
    if (err != ERR_OK || c->refused > 0) {
        return 1;
    }
    return probes_missing(c, o) ? 3 : 0;
}

void campaign_free(struct campaign *c)
{
    free(c->speed);
}
