/* orrery report: one page about a run, or about many seeds. */
#include "analysis/report.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "sim/cli/command.h"
#include "sim/cli/experiment.h"
#include "sim/cli/figures.h"
#include "sim/cli/runs.h"
#include "sim/cli/sweep.h"

int figures_report(int count, const char *const *paths, const char *into)
{
    struct runs runs;
    struct figure figures[FIGURES_MAX];
    size_t drawn;
    char folder[1100];

    int code = runs_open(&runs, "report", count, paths);
    if (code != EXIT_OK) {
        return code;
    }
    code = runs_pool(&runs, "report");
    if (code != EXIT_OK) {
        runs_close(&runs);
        return code;
    }
    snprintf(folder, sizeof(folder), "%s/figures", into);
    if (experiment_folder(folder) != ERR_OK) {
        runs_close(&runs);
        return EXIT_USAGE;
    }
    const struct run *const *list = (const struct run *const *)runs.list;
    enum err err = figures_draw(figures, &drawn, list, runs.count, folder, NULL, 0);
    if (err == ERR_UNKNOWN) {
        fprintf(stderr, "orrery report: gnuplot failed on the scripts in %s\n", folder);
    } else if (err == ERR_OK) {
        err = report_write(into, folder, figures, drawn, list, runs.count);
    }
    runs_close(&runs);
    if (err != ERR_OK) {
        fprintf(stderr, "orrery report: cannot write the report into %s\n", into);
        return EXIT_USAGE;
    }
    printf("report %s/report.html\n", into);
    return EXIT_OK;
}

int command_report(int argc, char **argv)
{
    const char *into = NULL;
    const char *paths[256];
    int count = 0;
    struct stat st;

    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "-o") == 0 && i + 1 < argc) {
            into = argv[++i];
        } else if (argv[i][0] == '-' || count == 256) {
            return command_usage("report", "%s is not known", argv[i]);
        } else {
            paths[count++] = argv[i];
        }
    }
    if (count == 0) {
        return command_usage("report", "which run?");
    }
    if (into == NULL) {
        into = stat(paths[0], &st) == 0 && S_ISDIR(st.st_mode) ? paths[0] : ".";
    }
    if (sweep_is(paths[0])) {
        return count == 1 ? sweep_report(paths[0]) : command_usage("report", "one sweep at a time");
    }
    return figures_report(count, paths, into);
}
