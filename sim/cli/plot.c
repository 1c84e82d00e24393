/* orrery plot: figures of a run, or of many seeds, as SVG with their data and scripts. */
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "analysis/figure.h"
#include "sim/cli/command.h"
#include "sim/cli/experiment.h"
#include "sim/cli/runs.h"

static void names_print(FILE *out)
{
    size_t count;
    const struct figure_kind *kinds = figure_kinds(&count);

    for (size_t i = 0; i < count; i++) {
        fprintf(out, "  %-20s %s%s\n", kinds[i].name, kinds[i].title,
                kinds[i].many ? " (many seeds)" : "");
    }
}

int command_plot(int argc, char **argv)
{
    struct runs runs;
    struct figure figures[FIGURES_MAX];
    size_t count;
    char folder[1100];
    struct stat st;

    if (argc < 2 || argv[1][0] == '-') {
        return command_usage("plot", "RUN and figures, or RUN alone for all");
    }
    int code = runs_open(&runs, "plot", 1, (const char *const *)argv + 1);
    if (code != EXIT_OK) {
        return code;
    }
    bool is_folder = stat(argv[1], &st) == 0 && S_ISDIR(st.st_mode);
    snprintf(folder, sizeof(folder), "%s%s", argv[1], is_folder ? "/figures" : ".figures");
    if (experiment_folder(folder) != ERR_OK) {
        runs_close(&runs);
        return EXIT_USAGE;
    }
    enum err err = figures_draw(figures, &count, (const struct run *const *)runs.list, runs.count,
                                folder, (const char *const *)argv + 2, (size_t)(argc - 2));
    runs_close(&runs);
    if (err == ERR_NOT_FOUND) {
        command_usage("plot", "no such figure for %s; there are",
                      runs.count > 1 ? "many seeds" : "this run");
        names_print(stderr);
        return EXIT_USAGE;
    }
    if (err != ERR_OK) {
        return command_usage(
            "plot", err == ERR_IO ? "cannot write into %s" : "gnuplot failed on the scripts in %s",
            folder);
    }
    for (size_t i = 0; i < count; i++) {
        printf("%s/%s.svg\n", folder, figures[i].name);
    }
    return EXIT_OK;
}
