/* orrery stats: means and intervals across seeds; two scenarios against each other. */
#include <string.h>

#include "analysis/report.h"
#include "sim/cli/command.h"
#include "sim/cli/runs.h"

static int compare(int a_count, int b_count, const char *const *paths)
{
    struct runs a, b;
    int code = runs_open(&a, "stats", a_count, paths);

    if (code != EXIT_OK) {
        return code;
    }
    code = runs_open(&b, "stats", b_count, paths + a_count + 1);
    if (code == EXIT_OK) {
        code = runs_pool(&a, "stats");
        code = code == EXIT_OK ? runs_pool(&b, "stats") : code;
        if (code == EXIT_OK) {
            statistics_compare(stdout, (const struct run *const *)a.list, a.count,
                               (const struct run *const *)b.list, b.count);
        }
        runs_close(&b);
    }
    runs_close(&a);
    return code;
}

int command_stats(int argc, char **argv)
{
    const char *const *paths = (const char *const *)argv + 1;
    struct runs runs;
    int split = 1;

    while (split < argc && strcmp(argv[split], "--against") != 0) {
        split++;
    }
    for (int i = 1; i < argc; i++) {
        if (argv[i][0] == '-' && i != split) {
            return command_usage("stats", "option %s is not known", argv[i]);
        }
    }
    if (argc < 2 || split == 1 || split == argc - 1) {
        return command_usage("stats", "RUN..., or RUN... --against RUN...");
    }
    if (split < argc) {
        return compare(split - 1, argc - split - 1, paths);
    }
    int code = runs_open(&runs, "stats", argc - 1, paths);
    if (code == EXIT_OK) {
        code = runs_pool(&runs, "stats");
        if (code == EXIT_OK) {
            statistics_print(stdout, (const struct run *const *)runs.list, runs.count);
        }
        runs_close(&runs);
    }
    return code;
}
