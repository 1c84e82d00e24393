/* orrery diff: the first epoch at which two runs part, then the first event. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "analysis/fingerprints.h"
#include "sim/cli/command.h"
#include "sim/cli/experiment.h"
#include "sim/cli/replay.h"

/* The first epoch whose digests differ; 0: none. */
static uint64_t first_epoch(const struct fingerprints *a, const struct fingerprints *b)
{
    size_t both = a->count < b->count ? a->count : b->count;

    for (size_t i = 0; i < both; i++) {
        if (a->epoch[i] != b->epoch[i] || memcmp(a->digest[i], b->digest[i], 32) != 0) {
            return a->epoch[i];
        }
    }
    return 0;
}

static uint64_t epoch_length_ns(const char *folder)
{
    struct scenario *scenario;
    struct settings_error error = {0};
    char path[700];
    uint64_t ns = 0;

    snprintf(path, sizeof(path), "%s/used.yaml", folder);
    if (scenario_load(&scenario, &error, path, NULL, 0) == ERR_OK) {
        ns = scenario->record.epoch_ns;
        scenario_free(scenario);
    }
    return ns;
}

/* Prints the first line in which the two transcripts differ; false when they do not. */
static bool first_line(FILE *a, FILE *b, const char *name_a, const char *name_b)
{
    char *line[2] = {NULL, NULL};
    size_t room[2] = {0, 0};
    bool differ = false;

    rewind(a);
    rewind(b);
    while (!differ) {
        ssize_t na = getline(&line[0], &room[0], a);
        ssize_t nb = getline(&line[1], &room[1], b);
        if (na < 0 && nb < 0) {
            break;
        }
        if (na < 0 || nb < 0 || strcmp(line[0], line[1]) != 0) {
            printf("%s: %s%s: %s", name_a, na < 0 ? "(nothing more)\n" : line[0], name_b,
                   nb < 0 ? "(nothing more)\n" : line[1]);
            differ = true;
        }
    }
    free(line[0]);
    free(line[1]);
    return differ;
}

static int events_compare(char **folder, uint64_t epoch)
{
    FILE *transcript[2] = {tmpfile(), tmpfile()};
    int code = EXIT_DIFFERENT;

    for (int i = 0; i < 2; i++) {
        uint64_t length = epoch_length_ns(folder[i]);
        struct replay_span span = {
            .node = UINT32_MAX, .from_ns = (epoch - 1) * length, .to_ns = epoch * length};
        if (transcript[i] == NULL || length == 0 ||
            replay_run("diff", folder[i], &span, transcript[i]) == EXIT_USAGE) {
            code = EXIT_USAGE;
        }
    }
    if (code == EXIT_DIFFERENT && !first_line(transcript[0], transcript[1], folder[0], folder[1])) {
        printf("the replays of that epoch are equal: the runs were made by different builds\n");
    }
    for (int i = 0; i < 2; i++) {
        if (transcript[i] != NULL) {
            fclose(transcript[i]);
        }
    }
    return code;
}

int command_diff(int argc, char **argv)
{
    struct fingerprints runs[2] = {0};
    int code = EXIT_OK;

    if (argc != 3) {
        return command_usage("diff", "two runs are compared");
    }
    for (int i = 0; i < 2; i++) {
        enum err err = fingerprints_read(&runs[i], argv[i + 1]);
        if (err != ERR_OK) {
            fingerprints_free(&runs[0]);
            return command_usage("diff", "%s/run.h5: %s", argv[i + 1], err_text(err));
        }
    }
    uint64_t epoch = first_epoch(&runs[0], &runs[1]);
    if (epoch != 0) {
        printf("the runs part in epoch %" PRIu64 "\n", epoch);
        fflush(stdout);
        code = events_compare(argv + 1, epoch);
    } else if (runs[0].count != runs[1].count) {
        printf("equal for %zu epochs; then only one of them goes on\n",
               runs[0].count < runs[1].count ? runs[0].count : runs[1].count);
        code = EXIT_DIFFERENT;
    } else {
        printf("equal: %zu epochs\n", runs[0].count);
    }
    fingerprints_free(&runs[0]);
    fingerprints_free(&runs[1]);
    return code;
}
