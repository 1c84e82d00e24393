/* Prints what happens in a scenario, one line per event and trace, as `orrery replay` does:
 *   tell SCENARIO [--twin A=B]... [key=value]...
 * --twin A=B gives node B the account of node A: one key, two unmodified nodes, so that whatever
 * they do apart is what a byzantine owner of the key would do (spec: design 4). */
#include <stdlib.h>

#include "node/crypto/crypto.h"
#include "sim/world/internal.h"

#define SETTINGS_MAX 32
#define TWINS_MAX 4

static int fail(const struct settings_error *error)
{
    fprintf(stderr, "tell: %s:%d: %s\n", error->file, error->line, error->text);
    return 1;
}

int main(int argc, char **argv)
{
    const char *settings[SETTINGS_MAX];
    unsigned twin[TWINS_MAX][2];
    size_t settings_count = 0, twins = 0;
    struct scenario *scenario;
    struct settings_error error = {0};
    struct metrics *metrics = NULL;
    struct world_options options = {
        .threads = 1, .transcript = stdout, .transcript_node = UINT32_MAX, .metrics = &metrics};

    for (int i = 2; i < argc; i++) {
        if (strcmp(argv[i], "--twin") == 0 && i + 1 < argc && twins < TWINS_MAX &&
            sscanf(argv[i + 1], "%u=%u", &twin[twins][0], &twin[twins][1]) == 2) {
            twins++;
            i++;
        } else if (settings_count < SETTINGS_MAX && strchr(argv[i], '=') != NULL) {
            settings[settings_count++] = argv[i];
        } else {
            fprintf(stderr, "tell: %s?\n", argv[i]);
            return 1;
        }
    }
    if (argc < 2 || crypto_self_test() != ERR_OK) {
        fprintf(stderr, "usage: tell SCENARIO [--twin A=B]... [key=value]...\n");
        return 1;
    }
    if (scenario_load(&scenario, &error, argv[1], settings, settings_count) != ERR_OK) {
        return fail(&error);
    }
    struct world *world = world_new(scenario, &options, &error);
    if (world == NULL) {
        return fail(&error);
    }
    for (size_t i = 0; i < twins; i++) {
        struct node_config *copy = &world->population.members[twin[i][1]].config;
        const struct node_config *of = &world->population.members[twin[i][0]].config;
        memcpy(copy->account_seed, of->account_seed, 32);
        memcpy(copy->vrf_seed, of->vrf_seed, 32);
        checks_byzantine_add(world->checks, twin[i][0]);
        checks_byzantine_add(world->checks, twin[i][1]);
    }
    enum world_end end = world_run(world);
    if (end != WORLD_COMPLETE) {
        printf("verdict: %s\n", world_verdict(world));
    }
    world_free(world);
    metrics_free(metrics);
    scenario_free(scenario);
    return 0;
}
