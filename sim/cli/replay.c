#include "sim/cli/replay.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "settings/unit.h"
#include "sim/cli/command.h"
#include "sim/cli/experiment.h"
#include "sim/hunt/flock.h"
#include "sim/record/metrics.h"

static bool is_folder(const char *path)
{
    struct stat info;

    return stat(path, &info) == 0 && S_ISDIR(info.st_mode);
}

static bool node_there(const char *command, const struct scenario *scenario,
                       const struct replay_span *span)
{
    uint64_t nodes = scenario_node_count(scenario);

    if (span->node == UINT32_MAX || span->node < nodes) {
        return true;
    }
    (void)command_usage(command, "--node %" PRIu32 ": the nodes are 0 to %" PRIu64, span->node,
                        nodes - 1);
    return false;
}

/* A scenario file by itself, as a hunt leaves it: runs in a child process, since it may well end
 * one; the verdict comes last. */
static int replay_file(const char *path, const struct replay_span *span)
{
    struct scenario *scenario;
    struct settings_error error = {0};
    struct trial_result result;
    struct trial_options options = {.transcript = stdout,
                                    .transcript_node = span->node,
                                    .transcript_from_ns = span->from_ns,
                                    .transcript_to_ns = span->to_ns};

    if (scenario_load(&scenario, &error, path, NULL, 0) != ERR_OK) {
        settings_error_print(&error);
        return EXIT_USAGE;
    }
    if (!node_there("replay", scenario, span)) {
        scenario_free(scenario);
        return EXIT_USAGE;
    }
    enum err err = flock_one(&result, scenario, &options, 0);
    scenario_free(scenario);
    if (err != ERR_OK) {
        fprintf(stderr, "orrery replay: %s\n", err_text(err));
        return EXIT_USAGE;
    }
    printf("verdict: %s%s%s\n", trial_verdict_name(result.verdict), result.text[0] != 0 ? ": " : "",
           result.text);
    return trial_exit_code(&result);
}

int replay_run(const char *command, const char *folder, const struct replay_span *span, FILE *out)
{
    struct scenario *scenario;
    struct settings_error error = {0};
    struct metrics *metrics = NULL;
    char path[700];

    snprintf(path, sizeof(path), "%s/used.yaml", folder);
    if (scenario_load(&scenario, &error, path, NULL, 0) != ERR_OK) {
        settings_error_print(&error);
        return command_usage(command, "%s is not a folder that `orrery run` wrote", folder);
    }
    struct world_options options = {.threads = 1,
                                    .metrics = &metrics,
                                    .transcript = out,
                                    .transcript_node = span->node,
                                    .transcript_from_ns = span->from_ns,
                                    .transcript_to_ns = span->to_ns,
                                    .stop_ns = span->to_ns};
    if (!node_there(command, scenario, span)) {
        scenario_free(scenario);
        return EXIT_USAGE;
    }
    struct world *world = world_new(scenario, &options, &error);
    int code = EXIT_OK;
    if (world == NULL) {
        settings_error_print(&error);
        code = EXIT_USAGE;
    } else if (world_run(world) == WORLD_INVARIANT) {
        fprintf(stderr, "orrery %s: %s\n", command, world_verdict(world));
        code = EXIT_INVARIANT;
    }
    world_free(world);
    metrics_free(metrics);
    scenario_free(scenario);
    return code;
}

static int time_read(uint64_t *ns, const char *name, const char *text)
{
    const char *why;

    return unit_read(ns, UNIT_TIME, text, &why) == ERR_OK
               ? EXIT_OK
               : command_usage("replay", "%s %s: expected %s", name, text, why);
}

int command_replay(int argc, char **argv)
{
    struct replay_span span = {.node = UINT32_MAX};
    const char *folder = NULL;

    for (int i = 1; i < argc; i++) {
        const char *a = argv[i];
        int code = EXIT_OK;
        if (a[0] != '-') {
            if (folder != NULL) {
                return command_usage("replay", "one run at a time, not also %s", a);
            }
            folder = a;
        } else if (i + 1 == argc) {
            return command_usage("replay", "option %s is not known or lacks its value", a);
        } else if (strcmp(a, "--node") == 0) {
            char *end;
            unsigned long node = strtoul(argv[++i], &end, 10);
            if (*end != 0 || end == argv[i] || argv[i][0] == '-' || node >= UINT32_MAX) {
                return command_usage("replay", "--node takes a number, not %s", argv[i]);
            }
            span.node = (uint32_t)node;
        } else if (strcmp(a, "--from") == 0) {
            code = time_read(&span.from_ns, a, argv[++i]);
        } else if (strcmp(a, "--to") == 0) {
            code = time_read(&span.to_ns, a, argv[++i]);
        } else {
            return command_usage("replay", "option %s is not known", a);
        }
        if (code != EXIT_OK) {
            return code;
        }
    }
    if (folder == NULL) {
        return command_usage("replay", "which run?");
    }
    if (span.to_ns != 0 && span.to_ns < span.from_ns) {
        return command_usage("replay", "--to lies before --from");
    }
    return is_folder(folder) ? replay_run("replay", folder, &span, stdout)
                             : replay_file(folder, &span);
}
