#include "sim/hunt/shrink.h"

#include <stdlib.h>
#include <unistd.h>

#include "node/base/invariant.h"
#include "sim/hunt/ddmin.h"
#include "sim/hunt/edit.h"
#include "sim/hunt/flock.h"

enum {
    EDITS_MAX = 4096,
    DICE = 32, /* tries with other seeds before the parts become finer */
};

struct shrinker {
    const struct shrink_options *options;
    struct shrink_report *report;
    struct scenario *scenario; /* as far as it is shrunk; children change their copy of it */
    char signature[128];
    struct trial_result best; /* of the newest accepted run */
    const struct edit *edits; /* being tried */
    size_t found;             /* the first of them that still fails, SIZE_MAX: none so far */
    struct trial_result found_result;
    enum err err;
};

static void work(void *arg, uint64_t id, struct trial_result *result)
{
    struct shrinker *x = arg;
    struct trial_options options = {0};

    if (x->edits != NULL && !edit_apply(x->scenario, &x->edits[id])) {
        result->verdict = TRIAL_REFUSED;
        return;
    }
    trial_run(result, x->scenario, &options);
}

static bool done(void *arg, uint64_t id, const struct trial_result *r)
{
    struct shrinker *x = arg;

    /* An edit that changes nothing costs nothing. */
    x->report->runs += r->verdict != TRIAL_REFUSED;
    if (r->verdict == TRIAL_FAIL && strcmp(r->signature, x->signature) == 0 && id < x->found) {
        x->found = id;
        x->found_result = *r;
    }
    return true;
}

static void show(const struct shrinker *x)
{
    if (!x->options->quiet && isatty(STDERR_FILENO) == 1) {
        fprintf(stderr, "\rshrinking %.60s: %zu parts, %u nodes, %.1f s after %llu runs\033[K",
                x->signature, edit_parts(x->scenario), (unsigned)scenario_node_count(x->scenario),
                (double)x->best.end_ns * 1e-9, (unsigned long long)x->report->runs);
        fflush(stderr);
    }
}

/* Tries edits in their order, as many at a time as there are jobs; the first that still fails. What
 * is found is the same for any number of jobs, as long as the runs last. */
static size_t edits_try(struct shrinker *x, const struct edit *edits, size_t count)
{
    struct flock flock = {
        .jobs = x->options->jobs, .cpu_s = x->options->cpu_s, .work = work, .done = done, .arg = x};

    x->edits = edits;
    x->found = SIZE_MAX;
    for (size_t at = 0; at < count && x->found == SIZE_MAX && x->err == ERR_OK;) {
        size_t wave = count - at < x->options->jobs ? count - at : x->options->jobs;
        if (x->report->runs >= x->options->runs) {
            return SIZE_MAX;
        }
        x->err = flock_run(&flock, at, wave);
        at += wave;
        show(x);
    }
    if (x->err != ERR_OK) {
        return SIZE_MAX;
    }
    return x->found == SIZE_MAX ? count : x->found;
}

static void accept(struct shrinker *x, const struct edit *edit)
{
    invariant(edit_apply(x->scenario, edit));
    x->best = x->found_result;
    show(x);
}

/* --- passes; each says whether anything changed --- */

/* Taking one fault away moves all that happens after it, so what needs two things at one time often
 * fails no more though nothing that mattered is gone. So while the parts are few, each candidate is
 * tried with other seeds too, and the seed with which one fails stays. */
static size_t keep_first(void *arg, const uint8_t *const *keep, size_t candidates)
{
    struct shrinker *x = arg;
    size_t seeds = candidates > 1 && candidates < DICE ? DICE / candidates : 1;
    size_t count = candidates * seeds;
    struct edit *edits = calloc(count, sizeof(*edits));

    invariant(edits != NULL);
    for (size_t i = 0; i < count; i++) {
        edits[i] = (struct edit){.kind = EDIT_KEEP,
                                 .keep = keep[i % candidates],
                                 .value = x->scenario->seed + i / candidates};
    }
    size_t found = edits_try(x, edits, count);
    if (found < count) {
        x->best = x->found_result;
        x->scenario->seed = edits[found].value;
    }
    free(edits);
    return found == SIZE_MAX ? SIZE_MAX : found < count ? found % candidates : candidates;
}

static bool pass_parts(struct shrinker *x)
{
    size_t count = edit_parts(x->scenario);
    uint8_t *keep = malloc(count + 1);
    struct ddmin ddmin = {.count = count, .first = keep_first, .arg = x};

    invariant(keep != NULL);
    memset(keep, 1, count);
    bool changed = ddmin_run(&ddmin, keep) < count;
    if (changed) {
        struct edit all = {.kind = EDIT_KEEP, .keep = keep, .value = x->scenario->seed};
        invariant(edit_apply(x->scenario, &all));
    }
    free(keep);
    return changed;
}

/* Faults that begin after the run has failed, all at once. */
static bool pass_late(struct shrinker *x)
{
    size_t count = edit_parts(x->scenario);
    uint8_t *keep = malloc(count + 1);

    invariant(keep != NULL);
    memset(keep, 1, count);
    for (size_t i = 0; i < x->scenario->faults_count; i++) {
        uint64_t at_ns = edit_fault_at_ns(x->scenario, i);
        keep[i] = at_ns <= x->best.end_ns || at_ns == UINT64_MAX;
    }
    struct edit edit = {.kind = EDIT_KEEP, .keep = keep, .value = x->scenario->seed};
    bool changed = memchr(keep, 0, count) != NULL && edits_try(x, &edit, 1) == 0;
    if (changed) {
        accept(x, &edit);
    }
    free(keep);
    return changed;
}

/* The run need not last longer than until it has failed. */
static bool pass_end(struct shrinker *x)
{
    uint64_t second = 1000000000;
    struct edit edit = {.kind = EDIT_DURATION,
                        .value = (x->best.end_ns + second - 1) / second * second + second};

    if (edit.value >= x->scenario->duration_ns || edits_try(x, &edit, 1) != 0) {
        return false;
    }
    accept(x, &edit);
    return true;
}

/* Tries each; one that still fails is accepted and the rest goes on from there. */
static bool pass_list(struct shrinker *x, const struct edit *edits, size_t count)
{
    bool changed = false;

    for (size_t at = 0; at < count;) {
        size_t found = edits_try(x, edits + at, count - at);
        if (found >= count - at) {
            break;
        }
        accept(x, &edits[at + found]);
        changed = true;
        at += found + 1;
    }
    return changed;
}

/* From the last to the first, so that numbers stay what they are. */
static bool pass_nodes(struct shrinker *x)
{
    size_t count = scenario_node_count(x->scenario);
    struct edit *edits = calloc(count, sizeof(*edits));

    invariant(edits != NULL);
    for (size_t i = 0; i < count; i++) {
        edits[i] = (struct edit){.kind = EDIT_NODE, .item = count - 1 - i};
    }
    bool changed = pass_list(x, edits, count);
    free(edits);
    return changed;
}

/* Only edits that would change something are worth a run. */
static size_t simple_edits(const struct shrinker *x, struct edit *edits)
{
    size_t count = 0;

    for (size_t i = 0; i < edit_simple_count(); i++) {
        edits[count++] = (struct edit){.kind = EDIT_SIMPLE, .item = i};
    }
    for (size_t i = 0; i < x->scenario->faults_count && count + 70 < EDITS_MAX; i++) {
        uint64_t nodes = edit_fault_nodes(x->scenario, i);
        edits[count++] = (struct edit){.kind = EDIT_FAULT_SPAN, .item = i};
        for (uint32_t n = 0; n < 64 && (nodes & (nodes - 1)) != 0; n++) {
            if (nodes >> n & 1) {
                edits[count++] = (struct edit){.kind = EDIT_FAULT_NODE, .item = i, .node = n};
            }
        }
        edits[count++] = (struct edit){.kind = EDIT_FAULT_EARLIER, .item = i};
    }
    return count;
}

static bool pass_simple(struct shrinker *x)
{
    struct edit *edits = calloc(EDITS_MAX, sizeof(*edits));

    invariant(edits != NULL);
    bool changed = pass_list(x, edits, simple_edits(x, edits));
    free(edits);
    return changed;
}

enum err shrink_run(struct shrink_report *report, struct scenario *scenario,
                    struct trial_result *result, const struct shrink_options *options)
{
    struct shrinker x = {
        .options = options, .report = report, .scenario = scenario, .best = *result};
    bool changed = true;

    *report = (struct shrink_report){.parts_before = edit_parts(scenario),
                                     .faults_before = scenario->faults_count,
                                     .nodes_before = (uint32_t)scenario_node_count(scenario)};
    snprintf(x.signature, sizeof(x.signature), "%s", result->signature);
    while (changed && x.err == ERR_OK && report->runs < options->runs) {
        changed = pass_end(&x);
        changed |= pass_late(&x);
        changed |= pass_parts(&x);
        changed |= pass_nodes(&x);
        changed |= pass_simple(&x);
    }
    if (!options->quiet && isatty(STDERR_FILENO) == 1) {
        fputs("\r\033[K", stderr);
    }
    report->parts_after = edit_parts(scenario);
    report->faults_after = scenario->faults_count;
    report->nodes_after = (uint32_t)scenario_node_count(scenario);
    *result = x.best;
    return x.err;
}

/* Comment lines, one per line of text. */
static void comment(FILE *out, const char *text)
{
    fputs("# ", out);
    for (; *text != 0; text++) {
        fputc(*text, out);
        if (*text == '\n') {
            fputs("# ", out);
        }
    }
    fputc('\n', out);
}

enum err shrink_write(const struct scenario *scenario, const struct trial_result *result,
                      const char *path, const char *origin)
{
    char plain[800];
    char line[1024];

    snprintf(plain, sizeof(plain), "%.780s.part", path);
    TRY(scenario_print(scenario, plain));
    FILE *in = fopen(plain, "r");
    FILE *out = fopen(path, "w");
    bool good = in != NULL && out != NULL;
    if (good) {
        snprintf(line, sizeof(line), "%s: %s\n%s", trial_verdict_name(result->verdict),
                 result->signature, result->text);
        comment(out, line);
        comment(out, origin);
        while (fgets(line, sizeof(line), in) != NULL) {
            fputs(line, out);
        }
        good = ferror(in) == 0 && ferror(out) == 0;
    }
    if (in != NULL) {
        fclose(in);
    }
    if (out != NULL) {
        good &= fclose(out) == 0;
    }
    remove(plain);
    return good ? ERR_OK : ERR_IO;
}
