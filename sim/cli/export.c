/* orrery export: a table of a run as text. */
#include "analysis/export.h"

#include <stdio.h>

#include "sim/cli/command.h"
#include "sim/cli/runs.h"

int command_export(int argc, char **argv)
{
    struct run *run;

    if (argc < 2 || argc > 3 || argv[1][0] == '-') {
        return command_usage("export", "RUN and one TABLE, or RUN alone for the list of tables");
    }
    if (run_open(&run, argv[1]) != ERR_OK) {
        return runs_refuse("export", argv[1]);
    }
    enum err err = ERR_OK;
    if (argc == 2) {
        export_list(stdout, run);
    } else {
        err = export_table(stdout, run, argv[2]);
    }
    run_close(run);
    if (err == ERR_UNKNOWN || err == ERR_NOT_FOUND) {
        return command_usage(
            "export", err == ERR_UNKNOWN ? "no table is called %s" : "this run did not record %s",
            argv[2]);
    }
    if (err != ERR_OK || fflush(stdout) != 0) {
        perror("orrery export");
        return EXIT_USAGE;
    }
    return EXIT_OK;
}
