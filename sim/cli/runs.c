#include "sim/cli/runs.h"

#include <stdlib.h>

#include "node/base/invariant.h"
#include "sim/cli/command.h"

int runs_refuse(const char *command, const char *path)
{
    struct run *run = NULL;
    enum err err = run_open(&run, path);

    run_close(run);
    return command_usage(command,
                         err == ERR_NOT_FOUND ? "there is no run.h5 at %s"
                                              : "%s is not a run file that this version can read",
                         path);
}

static int one_folder(struct runs *runs, const char *command, const char *path)
{
    char **found;
    size_t count;
    int code = EXIT_OK;

    if (run_list(&found, &count, path) != ERR_OK) {
        return runs_refuse(command, path);
    }
    runs->list = realloc(runs->list, (runs->count + count) * sizeof(struct run *));
    invariant(runs->list != NULL);
    for (size_t i = 0; i < count && code == EXIT_OK; i++) {
        if (run_open(&runs->list[runs->count], found[i]) != ERR_OK) {
            code = runs_refuse(command, found[i]);
        } else {
            runs->count++;
        }
    }
    run_list_free(found, count);
    return code;
}

int runs_open(struct runs *runs, const char *command, int count, const char *const *paths)
{
    int code = EXIT_OK;

    *runs = (struct runs){0};
    for (int i = 0; i < count && code == EXIT_OK; i++) {
        code = one_folder(runs, command, paths[i]);
    }
    if (code != EXIT_OK) {
        runs_close(runs);
    }
    return code;
}

void runs_close(struct runs *runs)
{
    for (size_t i = 0; i < runs->count; i++) {
        run_close(runs->list[i]);
    }
    free(runs->list);
    *runs = (struct runs){0};
}
