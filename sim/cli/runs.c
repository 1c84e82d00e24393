#include "sim/cli/runs.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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

static bool is_seed(const char *line)
{
    return strncmp(line, "seed:", 5) == 0;
}

/* The first line in which two used.yaml differ besides the seed; false: none. */
static bool lines_differ(const char **a, const char **b)
{
    while (**a != 0 && **b != 0) {
        size_t n = strcspn(*a, "\n"), m = strcspn(*b, "\n");
        if ((n != m || memcmp(*a, *b, n) != 0) && !(is_seed(*a) && is_seed(*b))) {
            return true;
        }
        *a += n + ((*a)[n] != 0);
        *b += m + ((*b)[m] != 0);
    }
    return **a != **b;
}

static void incomplete_leave(struct runs *runs, const char *command)
{
    size_t kept = 0;

    for (size_t i = 0; i < runs->count; i++) {
        if (runs->list[i]->complete) {
            runs->list[kept++] = runs->list[i];
        } else {
            fprintf(stderr, "orrery %s: %s is not complete and is left out\n", command,
                    runs->list[i]->path);
            run_close(runs->list[i]);
        }
    }
    runs->count = kept;
}

int runs_pool(struct runs *runs, const char *command)
{
    if (runs->count > 1) {
        incomplete_leave(runs, command);
    }
    if (runs->count == 0) {
        return command_usage(command, "no run is complete");
    }
    for (size_t i = 1; i < runs->count; i++) {
        const struct run *first = runs->list[0], *run = runs->list[i];
        const char *a = first->scenario, *b = run->scenario;
        if (a != NULL && b != NULL && lines_differ(&a, &b)) {
            return command_usage(command, "%s and %s have different parameters, `%.*s` and `%.*s`",
                                 first->path, run->path, (int)strcspn(a, "\n"), a,
                                 (int)strcspn(b, "\n"), b);
        }
        for (size_t k = 0; k < i; k++) {
            if (runs->list[k]->seed == run->seed) {
                return command_usage(command, "%s and %s are of the same seed: one value per seed",
                                     runs->list[k]->path, run->path);
            }
        }
    }
    return EXIT_OK;
}

void runs_close(struct runs *runs)
{
    for (size_t i = 0; i < runs->count; i++) {
        run_close(runs->list[i]);
    }
    free(runs->list);
    *runs = (struct runs){0};
}
