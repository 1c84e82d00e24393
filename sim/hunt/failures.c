/* What a campaign leaves of its failures: one file for each kind, as small as it gets. */
#include <inttypes.h>
#include <stdlib.h>

#include "sim/hunt/campaign.h"
#include "sim/hunt/edit.h"
#include "sim/hunt/flock.h"
#include "sim/hunt/shrink.h"

#define CPU_S_MAX 180

/* A name for (signature, seed) that does not depend on what else was found. */
static unsigned failure_name(const char *signature, uint64_t seed)
{
    uint64_t h = seed * 0x9e3779b97f4a7c15u;

    for (; *signature != 0; signature++) {
        h = (h ^ (uint8_t)*signature) * 0x100000001b3u;
    }
    return (unsigned)(h >> 40 & 0xffff);
}

static enum err shrink_into(struct campaign_failure *f, struct scenario *s, const char *origin,
                            const struct campaign_options *o)
{
    struct shrink_options options = {
        .jobs = o->jobs, .runs = o->shrink_runs, .quiet = o->quiet, .cpu_s = CPU_S_MAX};
    struct shrink_report report = {.parts_before = edit_parts(s)};
    char text[1000];

    report.parts_after = report.parts_before;
    enum err err = ERR_OK;
    if (!o->keep_large) {
        err = shrink_run(&report, s, &f->result, &options);
    }
    f->parts_drawn = report.parts_before;
    f->parts_left = report.parts_after;
    snprintf(text, sizeof(text),
             "%s; %zu of %zu parts (faults, loads, liars) are left after %" PRIu64 " runs", origin,
             report.parts_after, report.parts_before, report.runs);
    if (err == ERR_OK || err == ERR_INTERRUPTED) {
        enum err written = shrink_write(s, &f->result, f->path, text);
        err = err == ERR_OK ? written : err;
    }
    return err;
}

enum err failures_keep(struct campaign *c, const struct campaign_options *o)
{
    for (size_t i = 0; i < c->kinds; i++) {
        struct campaign_failure *f = &c->failures[i];
        struct scenario *s = campaign_draw(o, f->seed);
        char origin[800];

        if (s == NULL) {
            return ERR_IO;
        }
        snprintf(f->path, sizeof(f->path), "%.600s/failure-%04x.yaml", o->folder,
                 failure_name(f->signature, f->seed));
        snprintf(origin, sizeof(origin), "drawn from %.600s, seed %" PRIu64 "%s", o->scenario,
                 f->seed, o->beyond ? ", beyond the promise" : "");
        enum err err = shrink_into(f, s, origin, o);
        scenario_free(s);
        if (err != ERR_OK) {
            return err;
        }
    }
    return ERR_OK;
}

int failures_shrink_file(const char *path, const struct campaign_options *o)
{
    struct campaign_failure f = {0};
    struct scenario *s;
    struct settings_error error = {0};
    struct trial_options plain = {0};
    char origin[800];

    if (scenario_load(&s, &error, path, o->settings, o->settings_count) != ERR_OK) {
        settings_error_print(&error);
        return 1;
    }
    enum err err = flock_one(&f.result, s, &plain, CPU_S_MAX);
    if (err == ERR_OK && f.result.verdict != TRIAL_FAIL) {
        scenario_free(s);
        return trial_no_failure(&f.result, path);
    }
    if (err == ERR_OK) {
        snprintf(f.path, sizeof(f.path), "%.600s/failure-%04x.yaml", o->folder,
                 failure_name(f.result.signature, s->seed));
        snprintf(origin, sizeof(origin), "shrunk from %.600s", path);
        err = shrink_into(&f, s, origin, o);
    }
    scenario_free(s);
    if (err != ERR_OK) {
        fprintf(stderr, "orrery hunt: %s\n", err_text(err));
        return 1;
    }
    printf("%s: %" PRIu64 " of %" PRIu64 " parts left\n%s\n", f.path, f.parts_left, f.parts_drawn,
           f.result.text);
    return 0;
}
