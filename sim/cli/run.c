/* orrery run: one seed in this process, many seeds in child processes. */
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "node/crypto/hash.h"
#include "sim/cli/command.h"
#include "sim/cli/experiment.h"
#include "sim/cli/figures.h"

#define SETTINGS_MAX 64

struct request {
    const char *scenario;
    const char *folder;
    const char *settings[SETTINGS_MAX];
    char text[3][128]; /* settings made from --seed, --nodes, --duration */
    size_t settings_count;
    uint64_t seed_first, seed_last;
    bool seeds, no_report;
    struct experiment_options options;
};

static bool number(uint64_t *value, const char *text, const char **end)
{
    char *stop = NULL;

    errno = 0;
    *value = strtoull(text, &stop, 10);
    *end = stop;
    return stop != text && errno == 0 && text[0] != '-';
}

static int setting(struct request *q, int slot, const char *key, const char *value)
{
    snprintf(q->text[slot], sizeof(q->text[slot]), "%s=%s", key, value);
    q->settings[q->settings_count++] = q->text[slot];
    return EXIT_OK;
}

static int seeds_parse(struct request *q, const char *text)
{
    const char *end;

    if (!number(&q->seed_first, text, &end) || strncmp(end, "..", 2) != 0 ||
        !number(&q->seed_last, end + 2, &end) || *end != 0 || q->seed_last < q->seed_first) {
        return command_usage("run", "--seeds takes A..B with A <= B, not %s", text);
    }
    q->seeds = true;
    return EXIT_OK;
}

/* One option with its value; -1: not an option that takes a value. */
static int option_value(struct request *q, const char *name, const char *value)
{
    const char *end;
    uint64_t n;

    if (strcmp(name, "--seed") == 0 || strcmp(name, "--nodes") == 0) {
        if (!number(&n, value, &end) || *end != 0) {
            return command_usage("run", "%s takes a number, not %s", name, value);
        }
        return setting(q, name[2] == 's' ? 0 : 1, name + 2, value);
    }
    if (strcmp(name, "--duration") == 0) {
        return setting(q, 2, "duration", value);
    }
    if (strcmp(name, "--seeds") == 0) {
        return seeds_parse(q, value);
    }
    if (strcmp(name, "--set") == 0) {
        if (strchr(value, '=') == NULL) {
            return command_usage("run", "--set takes KEY=VALUE, not %s", value);
        }
        q->settings[q->settings_count++] = value;
        return EXIT_OK;
    }
    if (strcmp(name, "--export-chain") == 0) {
        q->options.chain = value;
        return EXIT_OK;
    }
    if (strcmp(name, "-o") == 0) {
        q->folder = value;
        return EXIT_OK;
    }
    if (strcmp(name, "--threads") == 0) {
        if (!number(&n, value, &end) || *end != 0 || n < 1 || n > 64) {
            return command_usage("run", "--threads takes 1 to 64, not %s", value);
        }
        q->options.threads = (unsigned)n;
        return EXIT_OK;
    }
    return -1;
}

static int request_parse(struct request *q, int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        const char *a = argv[i];
        if (q->settings_count + 4 > SETTINGS_MAX) {
            return command_usage("run", "more than %d settings", SETTINGS_MAX - 4);
        }
        if (strcmp(a, "--no-memo") == 0) {
            q->options.memo_off = true;
        } else if (strcmp(a, "--no-record") == 0) {
            q->options.record_off = true;
        } else if (strcmp(a, "--no-report") == 0) {
            q->no_report = true;
        } else if (strcmp(a, "--quiet") == 0) {
            q->options.quiet = true;
        } else if (a[0] == '-') {
            int result = i + 1 < argc ? option_value(q, a, argv[i + 1]) : -1;
            if (result < 0) {
                return command_usage("run", "option %s is not known or lacks its value", a);
            }
            if (result != EXIT_OK) {
                return result;
            }
            i++;
        } else if (q->scenario == NULL) {
            q->scenario = a;
        } else {
            return command_usage("run", "one scenario at a time, not also %s", a);
        }
    }
    return q->scenario != NULL ? EXIT_OK : command_usage("run", "which scenario?");
}

/* The child's result travels in a file, its exit code as usual. */
struct child {
    pid_t pid;
    uint64_t seed;
    char path[600];
};

static int child_run(const struct request *q, const struct scenario *base, uint64_t seed,
                     const char *path)
{
    struct request mine = *q;
    char text[64];
    struct scenario *scenario;
    struct settings_error error = {0};
    uint8_t digest[32] = {0};

    (void)base;
    snprintf(text, sizeof(text), "seed=%" PRIu64, seed);
    mine.settings[mine.settings_count++] = text;
    mine.options.threads = 1;
    mine.options.quiet = true;
    if (scenario_load(&scenario, &error, mine.scenario, mine.settings, mine.settings_count) !=
        ERR_OK) {
        settings_error_print(&error);
        return EXIT_USAGE;
    }
    int code = experiment_run(digest, scenario, &mine.options, q->folder);
    FILE *out = fopen(path, "wb");
    if (out == NULL || fwrite(digest, 32, 1, out) != 1 || fclose(out) != 0) {
        perror(path);
        code = EXIT_USAGE;
    }
    scenario_free(scenario);
    return code;
}

static void digest_print(const uint8_t digest[32])
{
    for (int i = 0; i < 32; i++) {
        printf("%02x", digest[i]);
    }
    putchar('\n');
}

static int child_collect(struct child *children, unsigned *running, uint8_t fold[32])
{
    int status = 0;
    pid_t pid = wait(&status);
    unsigned i = 0;
    uint8_t both[64] = {0};

    while (children[i].pid != pid) {
        i++;
    }
    FILE *in = fopen(children[i].path, "rb");
    bool read = in != NULL && fread(both + 32, 32, 1, in) == 1;
    if (in != NULL) {
        fclose(in);
        remove(children[i].path);
    }
    int code = WIFEXITED(status) && read ? WEXITSTATUS(status) : EXIT_INVARIANT;
    printf("seed %" PRIu64 " %s digest ", children[i].seed, code == EXIT_OK ? "ok" : "FAILED");
    digest_print(both + 32);
    fflush(stdout);
    /* Seeds end in any order, so their digests are folded by a function that has none. */
    for (int k = 0; k < 32; k++) {
        fold[k] ^= both[32 + k];
    }
    children[i] = children[--*running];
    return code;
}

static int run_seeds(const struct request *q, const struct scenario *scenario)
{
    long cores = sysconf(_SC_NPROCESSORS_ONLN);
    unsigned most = cores < 1 ? 1 : cores > 64 ? 64 : (unsigned)cores;
    struct child children[64];
    unsigned running = 0;
    uint8_t fold[32] = {0};
    int worst = EXIT_OK;

    printf("seeds %" PRIu64 "..%" PRIu64 "\n", q->seed_first, q->seed_last);
    for (uint64_t seed = q->seed_first; seed <= q->seed_last || running > 0;) {
        if (seed <= q->seed_last && running < most) {
            struct child *child = &children[running];
            child->seed = seed;
            snprintf(child->path, sizeof(child->path), "%s/.digest-%" PRIu64, q->folder, seed);
            fflush(stdout);
            child->pid = fork();
            if (child->pid == 0) {
                /* Each seed's summary is in its folder; here they would run into each other. */
                if (freopen("/dev/null", "w", stdout) == NULL) {
                    _exit(EXIT_USAGE);
                }
                _exit(child_run(q, scenario, seed, child->path));
            }
            if (child->pid < 0) {
                perror("orrery run: fork");
                return EXIT_USAGE;
            }
            running++;
            seed++;
            continue;
        }
        int code = child_collect(children, &running, fold);
        worst = code > worst ? code : worst;
    }
    if (!q->no_report && !q->options.record_off) {
        figures_report(1, &q->folder, q->folder);
    }
    printf("digest ");
    digest_print(fold);
    return worst;
}

static int run_one(const struct request *q, const struct scenario *scenario)
{
    uint8_t digest[32] = {0};

    printf("seed %" PRIu64 "\n", scenario->seed);
    fflush(stdout);
    int code = experiment_run(digest, scenario, &q->options, q->folder);
    if (!q->no_report && !q->options.record_off && code != EXIT_USAGE) {
        char run[700];
        const char *runs[1] = {run};
        snprintf(run, sizeof(run), "%s/%" PRIu64, q->folder, scenario->seed);
        figures_report(1, runs, run);
    }
    if (code != EXIT_USAGE) {
        printf("digest ");
        digest_print(digest);
    }
    return code;
}

int command_run(int argc, char **argv)
{
    struct request q = {0};
    struct scenario *scenario;
    struct settings_error error = {0};
    char folder[512];
    int code = request_parse(&q, argc, argv);

    if (code != EXIT_OK) {
        return code;
    }
    if (scenario_load(&scenario, &error, q.scenario, q.settings, q.settings_count) != ERR_OK) {
        settings_error_print(&error);
        return EXIT_USAGE;
    }
    if (q.folder == NULL) {
        snprintf(folder, sizeof(folder), "out/%s", scenario->name);
        q.folder = folder;
    }
    if (experiment_folder(q.folder) != ERR_OK) {
        scenario_free(scenario);
        return EXIT_USAGE;
    }
    code = q.seeds ? run_seeds(&q, scenario) : run_one(&q, scenario);
    scenario_free(scenario);
    return code;
}
