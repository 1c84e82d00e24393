#include "sim/hunt/inevitable.h"

#include "node/base/rng.h"
#include "sim/hunt/edit.h"
#include "sim/hunt/flock.h"

#define SECOND UINT64_C(1000000000)

enum { STEPS = 8, HALVINGS = 6 };

struct rewind {
    const struct inevitable_options *options;
    struct scenario *scenario;
    const char *signature;
    uint64_t at_ns;
    uint64_t failed;
    enum err err;
};

/* What has not begun by then may begin up to a second sooner or later. */
static void retime(struct scenario *s, uint64_t at_ns, struct rng *rng)
{
    for (size_t i = 0; i < s->faults_count; i++) {
        uint64_t begins_ns = edit_fault_at_ns(s, i);
        uint64_t by_ns = rng_below(rng, 2 * SECOND) - SECOND;
        if (begins_ns == UINT64_MAX || begins_ns <= at_ns) {
            continue;
        }
        if (begins_ns + by_ns <= at_ns || begins_ns + by_ns > begins_ns + SECOND) {
            by_ns = at_ns + 1 - begins_ns;
        }
        /* A line that cannot be moved stays where it is. */
        (void)edit_apply(s, &(struct edit){.kind = EDIT_FAULT_SHIFT, .item = i, .value = by_ns});
    }
}

static void work(void *arg, uint64_t id, struct trial_result *result)
{
    struct rewind *x = arg;
    struct rng rng;

    rng_init_stream(&rng, x->scenario->seed, RNG_HUNT, UINT64_MAX - id);
    retime(x->scenario, x->at_ns, &rng);
    struct trial_options options = {.reseed_ns = x->at_ns + 1, .reseed = rng_u64(&rng)};
    trial_run(result, x->scenario, &options);
}

static bool done(void *arg, uint64_t id, const struct trial_result *result)
{
    struct rewind *x = arg;

    (void)id;
    x->failed +=
        result->verdict == TRIAL_FAIL && strcmp(result->signature, x->signature) == 0 ? 1 : 0;
    return true;
}

/* How many continuations after at_ns fail the same way; printed. */
static uint64_t measure(struct rewind *x, uint64_t at_ns, FILE *out)
{
    struct flock flock = {
        .jobs = x->options->jobs, .cpu_s = x->options->cpu_s, .work = work, .done = done, .arg = x};

    x->at_ns = at_ns;
    x->failed = 0;
    x->err = flock_run(&flock, 0, x->options->continuations);
    if (x->err == ERR_OK) {
        fprintf(out, "%10.3f  %3.0f %%  ", (double)at_ns * 1e-9,
                100.0 * (double)x->failed / (double)x->options->continuations);
        for (uint64_t i = 0; i < 40 * x->failed / x->options->continuations; i++) {
            fputc('#', out);
        }
        fputc('\n', out);
        fflush(out);
    }
    return x->failed;
}

static void curve(struct rewind *x, uint64_t end_ns, FILE *out)
{
    uint64_t all = x->options->continuations;
    uint64_t open_ns = 0, closed_ns = end_ns;

    fprintf(out, "  T in s  still fails\n");
    for (unsigned i = 0; i < STEPS && x->err == ERR_OK; i++) {
        uint64_t at_ns = end_ns / STEPS * i;
        if (measure(x, at_ns, out) < all) {
            open_ns = at_ns;
            closed_ns = end_ns;
        } else if (closed_ns == end_ns) {
            closed_ns = at_ns;
        }
    }
    for (unsigned i = 0; i < HALVINGS && x->err == ERR_OK && closed_ns > open_ns + SECOND / 10;
         i++) {
        uint64_t middle = open_ns + (closed_ns - open_ns) / 2;
        if (measure(x, middle, out) < all) {
            open_ns = middle;
        } else {
            closed_ns = middle;
        }
    }
    if (x->err == ERR_OK && closed_ns == 0) {
        fprintf(out, "inevitable from the start: nothing of it is chance\n");
    } else if (x->err == ERR_OK) {
        fprintf(out, "inevitable between %.3f s and %.3f s\n", (double)open_ns * 1e-9,
                (double)closed_ns * 1e-9);
    }
}

int inevitable_print(const char *path, const struct inevitable_options *options, FILE *out)
{
    struct scenario *s;
    struct settings_error error = {0};
    struct trial_options plain = {0};
    struct trial_result first;

    if (scenario_load(&s, &error, path, options->settings, options->settings_count) != ERR_OK) {
        settings_error_print(&error);
        return 1;
    }
    struct rewind x = {.options = options, .scenario = s, .signature = first.signature};
    x.err = flock_one(&first, s, &plain, options->cpu_s);
    if (x.err == ERR_OK && first.verdict != TRIAL_FAIL) {
        scenario_free(s);
        return trial_no_failure(&first, path);
    }
    if (x.err == ERR_OK) {
        fprintf(out, "%s\n\n", first.text);
        curve(&x, first.end_ns, out);
    }
    scenario_free(s);
    if (x.err != ERR_OK) {
        fprintf(stderr, "orrery hunt: %s\n", err_text(x.err));
        return 1;
    }
    return 0;
}
