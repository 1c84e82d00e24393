/* Grid files: points, settings, and what is refused. */
#define _GNU_SOURCE
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "sim/sweep/grid.h"

static const char good[] = "scenario: s.yaml\n"
                           "seeds: 3..5\n"
                           "set: [\"duration=1 min\"]\n"
                           "axes:\n"
                           "  - name: alpha\n"
                           "    values: [\"10 90\", \"20 80\"]\n"
                           "    labels: [0.1, 0.2]\n"
                           "    set: [\"a={1}\", \"b={2}\", \"c=<{}>\"]\n"
                           "  - name: nodes\n"
                           "    values: [7, 8, 9]\n"
                           "figures:\n"
                           "  - {name: f, metric: blocks, x: nodes, series: alpha}\n";

static enum err load(struct grid **grid, struct settings_error *error, const char *text)
{
    char folder[] = "/tmp/orrery-grid-XXXXXX", path[64];

    cr_assert_not_null(mkdtemp(folder));
    snprintf(path, sizeof(path), "%s/grid.yaml", folder);
    FILE *out = fopen(path, "w");
    cr_assert(out != NULL && fputs(text, out) >= 0 && fclose(out) == 0);
    *error = (struct settings_error){0};
    enum err err = grid_load(grid, error, path);
    unlink(path);
    rmdir(folder);
    return err;
}

Test(grid, points_and_settings)
{
    static const char *const want[] = {"duration=1 min", "a=20", "b=80", "c=<20 80>", "nodes=8"};
    struct grid *g;
    struct settings_error error;
    size_t count;

    cr_assert_eq(load(&g, &error, good), ERR_OK, "%s", error.text);
    cr_assert_eq(g->points, 6);
    cr_assert_eq(grid_jobs(g), 18);
    cr_assert_eq(grid_job_point(g, 13), 4);
    cr_assert_eq(grid_job_seed(g, 13), 4);
    cr_assert_str_eq(grid_label(&g->axes[0], grid_value(g, 4, 0)), "0.2");
    cr_assert_str_eq(grid_label(&g->axes[1], grid_value(g, 4, 1)), "8");
    char **settings = grid_settings(g, 4, &count);
    cr_assert_eq(count, 5);
    for (size_t i = 0; i < count; i++) {
        cr_assert_str_eq(settings[i], want[i]);
    }
    grid_settings_free(settings, count);
    cr_assert_str_eq(g->figures[0].trials, "");
    cr_assert_eq(g->figures[0].published_runs, 0);
    grid_free(g);
}

Test(grid, what_is_wrong_is_said_with_its_line)
{
    static const struct {
        const char *from, *to;
        int line;
        const char *says;
    } cases[] = {
        {"seeds: 3..5", "seeds: 5..3", 0, "A..B"},
        {"values: [7, 8, 9]", "valeus: [7, 8, 9]", 10, "nearest is `values`"},
        {"labels: [0.1, 0.2]", "labels: [0.1]", 5, "2 values and 1 labels"},
        {"x: nodes", "x: knots", 12, "no axis is called `knots`"},
        {"x: nodes, series: alpha", "x: nodes, series: beta", 12, "no axis is called `beta`"},
        {"name: nodes", "name: alpha", 9, "two axes"},
        {"values: [7, 8, 9]", "values: [7, many]", 12, "some are not: `7`, `many`"},
        {"seeds: 3..5\n", "", 0, "seeds"},
        {"seeds: 3..5", "seeds: 0..18446744073709551615", 0, "more than 10000000 runs: 6 points"},
        {"seeds: 3..5", "seeds: 1..1666667", 0, "more than 10000000 runs"},
    };
    char text[1024];

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct grid *g;
        struct settings_error error;
        const char *at = strstr(good, cases[i].from);
        cr_assert_not_null(at);
        snprintf(text, sizeof(text), "%.*s%s%s", (int)(at - good), good, cases[i].to,
                 at + strlen(cases[i].from));
        cr_assert_neq(load(&g, &error, text), ERR_OK, "case %zu", i);
        cr_assert_not_null(strstr(error.text, cases[i].says), "case %zu: %s", i, error.text);
        cr_assert(cases[i].line == 0 || error.line == cases[i].line, "case %zu: line %d", i,
                  error.line);
    }
}
