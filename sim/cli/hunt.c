/* orrery hunt: a campaign of drawn runs. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "sim/cli/command.h"
#include "sim/cli/experiment.h"
#include "sim/hunt/campaign.h"
#include "sim/hunt/flock.h"
#include "sim/hunt/inevitable.h"

#define SETTINGS_MAX 32

struct request {
    struct campaign_options options;
    const char *settings[SETTINGS_MAX];
    const char *shrink, *inevitable; /* files */
    uint64_t continuations;
};

static unsigned cores(void)
{
    long n = sysconf(_SC_NPROCESSORS_ONLN);

    return n < 1 ? 1 : n > FLOCK_JOBS_MAX ? FLOCK_JOBS_MAX : (unsigned)n;
}

static bool number(uint64_t *value, const char *text)
{
    char *end = NULL;

    errno = 0;
    *value = strtoull(text, &end, 10);
    return end != text && *end == 0 && errno == 0 && text[0] != '-';
}

/* -1: not an option with a value. */
static int option_value(struct request *q, const char *name, const char *value)
{
    struct campaign_options *o = &q->options;
    uint64_t n = 0;

    if (strcmp(name, "-o") == 0) {
        o->folder = value;
        return EXIT_OK;
    }
    if (strcmp(name, "--shrink") == 0) {
        q->shrink = value;
        return EXIT_OK;
    }
    if (strcmp(name, "--inevitable") == 0) {
        q->inevitable = value;
        return EXIT_OK;
    }
    if (strcmp(name, "--set") == 0) {
        if (strchr(value, '=') == NULL || o->settings_count == SETTINGS_MAX) {
            return command_usage("hunt", "--set takes KEY=VALUE, at most %d times", SETTINGS_MAX);
        }
        q->settings[o->settings_count++] = value;
        return EXIT_OK;
    }
    bool known = strcmp(name, "--runs") == 0 || strcmp(name, "--seed") == 0 ||
                 strcmp(name, "--jobs") == 0 || strcmp(name, "--continuations") == 0 ||
                 strcmp(name, "--shrink-runs") == 0;
    if (!known) {
        return -1;
    }
    if (!number(&n, value)) {
        return command_usage("hunt", "%s takes a number, not %s", name, value);
    }
    if (strcmp(name, "--runs") == 0 && (n == 0 || n > CAMPAIGN_RUNS_MAX)) {
        return command_usage("hunt", "--runs takes at least 1, at most %d", CAMPAIGN_RUNS_MAX);
    }
    if (strcmp(name, "--runs") == 0) {
        o->runs = n;
    } else if (strcmp(name, "--seed") == 0) {
        o->seed = n;
    } else if (strcmp(name, "--continuations") == 0) {
        q->continuations = n == 0 ? 1 : n;
    } else if (strcmp(name, "--shrink-runs") == 0) {
        o->shrink_runs = n;
    } else if (n < 1 || n > FLOCK_JOBS_MAX) {
        return command_usage("hunt", "--jobs takes 1 to %d", FLOCK_JOBS_MAX);
    } else {
        o->jobs = (unsigned)n;
    }
    return EXIT_OK;
}

static int request_parse(struct request *q, int argc, char **argv)
{
    struct campaign_options *o = &q->options;

    for (int i = 1; i < argc; i++) {
        const char *a = argv[i];
        if (strcmp(a, "--beyond") == 0) {
            o->beyond = true;
        } else if (strcmp(a, "--quiet") == 0) {
            o->quiet = true;
        } else if (strcmp(a, "--first") == 0) {
            o->first = true;
        } else if (strcmp(a, "--no-shrink") == 0) {
            o->keep_large = true;
        } else if (a[0] == '-') {
            int code = i + 1 < argc ? option_value(q, a, argv[i + 1]) : -1;
            if (code < 0) {
                return command_usage("hunt", "option %s is not known or lacks its value", a);
            }
            if (code != EXIT_OK) {
                return code;
            }
            i++;
        } else if (o->scenario == NULL) {
            o->scenario = a;
        } else {
            return command_usage("hunt", "one scenario at a time, not also %s", a);
        }
    }
    if (o->seed > UINT64_MAX - o->runs) {
        return command_usage("hunt", "--seed: there are not so many seeds above that");
    }
    if (q->shrink != NULL || q->inevitable != NULL) {
        return o->scenario == NULL
                   ? EXIT_OK
                   : command_usage("hunt",
                                   "--shrink and --inevitable take their scenario themselves");
    }
    return o->scenario != NULL ? EXIT_OK : command_usage("hunt", "which scenario?");
}

int command_hunt(int argc, char **argv)
{
    struct request q = {
        .continuations = 20,
        .options = {
            .runs = 100, .seed = 1, .jobs = cores(), .shrink_runs = 400, .folder = "out/hunt"}};
    struct campaign campaign;

    q.options.settings = q.settings;
    int code = request_parse(&q, argc, argv);
    if (code != EXIT_OK) {
        return code;
    }
    if (q.inevitable != NULL) {
        struct inevitable_options how = {.jobs = q.options.jobs,
                                         .continuations = q.continuations,
                                         .cpu_s = 180,
                                         .settings = q.settings,
                                         .settings_count = q.options.settings_count};
        return inevitable_print(q.inevitable, &how, stdout);
    }
    if (experiment_folder(q.options.folder) != ERR_OK) {
        return EXIT_USAGE;
    }
    if (q.shrink != NULL) {
        return failures_shrink_file(q.shrink, &q.options);
    }
    code = campaign_run(&campaign, &q.options);
    campaign_free(&campaign);
    return code;
}
