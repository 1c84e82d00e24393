#include "sim/sweep/grid.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "node/base/invariant.h"
#include "settings/table.h"

static const struct key axis_keys[] = {
    {.name = "name",
     .kind = KEY_NAME,
     AT(grid_axis, name),
     .text = "what tables and figures call it"},
    TEXTS(grid_axis, "values", values, "the values, in order"),
    TEXTS(grid_axis, "labels", labels, "how tables and figures call them; default: the values"),
    TEXTS(grid_axis, "set", settings,
          "settings they make: `key={}`, or parts of a value between spaces, `a={1}`, `b={2}`; "
          "default: the axis is named like its key"),
};

static const struct key figure_keys[] = {
    {.name = "name", .kind = KEY_NAME, AT(grid_figure, name), .text = "its files are NAME.*"},
    TEXT(grid_figure, "title", title, "", "what stands above it"),
    TEXT(grid_figure, "metric", metric, NULL, "a number of the summary"),
    TEXT(grid_figure, "trials", trials, "",
         "a number of the summary that says of how many independent trials `metric` is a share"),
    TEXT(grid_figure, "x", x, NULL,
         "an axis whose labels are numbers, or names: then it has places"),
    TEXT(grid_figure, "series", series, "", "an axis with a curve for each value"),
    TEXT(grid_figure, "x_label", x_label, "", "of the horizontal axis, with its unit"),
    TEXT(grid_figure, "y_label", y_label, "", "of the vertical axis, with its unit"),
    BOOL(grid_figure, "log", log, "no", "a logarithmic vertical axis"),
    TEXT(grid_figure, "published", published, "",
         "table beside this file: columns named like the axes, and `value`"),
    TEXT(grid_figure, "limit", limit, "",
         "another such table, drawn as a broken line: what the values tend to, held against "
         "nothing"),
    TEXT(grid_figure, "source", source, "", "who published it"),
    QUANTITY(grid_figure, "published_runs", published_runs, UNIT_NONE, "0", 0, 1000000,
             "published values are themselves means of so many runs; 0: they are exact"),
    QUANTITY(grid_figure, "standard_errors", errors, UNIT_NONE, "3", 0, 100,
             "a published value is met within so many standard errors of the mean over seeds"),
    RATIO(grid_figure, "within", within, "0", "or within this share of it"),
};

static const struct key grid_keys[] = {
    TEXT(grid, "question", question, "", "what the sweep is to answer"),
    TEXT(grid, "scenario", scenario, NULL, "folder or file, relative to this file"),
    TEXT(grid, "seeds", seeds, NULL, "`A..B`: every point is run with each"),
    TEXTS(grid, "set", settings, "settings of all points, `key=value`"),
    LIST(grid, "axes", axes, axis_keys, struct grid_axis, "what is varied"),
    LIST(grid, "figures", figures, figure_keys, struct grid_figure, "what is drawn"),
};

static char *joined(const char *a, const char *b, const char *c)
{
    size_t bytes = strlen(a) + strlen(b) + strlen(c) + 1;
    char *text = malloc(bytes);

    invariant(text != NULL);
    snprintf(text, bytes, "%s%s%s", a, b, c);
    return text;
}

bool grid_seeds_parse(uint64_t *first, uint64_t *last, const char *text)
{
    char *end;

    errno = 0;
    *first = strtoull(text, &end, 10);
    if (end == text || strncmp(end, "..", 2) != 0 || text[0] == '-') {
        return false;
    }
    const char *second = end + 2;
    *last = strtoull(second, &end, 10);
    return end != second && *end == 0 && second[0] != '-' && errno == 0 && *last >= *first;
}

size_t grid_axis_find(const struct grid *grid, const char *name)
{
    for (size_t i = 0; i < grid->axes_count; i++) {
        if (strcmp(grid->axes[i].name, name) == 0) {
            return i;
        }
    }
    return SIZE_MAX;
}

static enum err axes_check(struct grid *g, struct settings_error *error)
{
    g->points = 1;
    for (size_t i = 0; i < g->axes_count; i++) {
        const struct grid_axis *axis = &g->axes[i];
        if (axis->values_count == 0) {
            return settings_refuse(error, axis->line, ERR_RANGE, "axis `%s` has no values",
                                   axis->name);
        }
        if (axis->labels_count != 0 && axis->labels_count != axis->values_count) {
            return settings_refuse(error, axis->line, ERR_RANGE,
                                   "axis `%s` has %llu values and %llu labels", axis->name,
                                   (unsigned long long)axis->values_count,
                                   (unsigned long long)axis->labels_count);
        }
        if (grid_axis_find(g, axis->name) != i) {
            return settings_refuse(error, axis->line, ERR_INVALID, "two axes are called `%s`",
                                   axis->name);
        }
        if (i >= GRID_AXES_MAX || axis->values_count > GRID_POINTS_MAX / g->points) {
            return settings_refuse(error, axis->line, ERR_RANGE,
                                   "a grid has at most %d axes and %d points", GRID_AXES_MAX,
                                   GRID_POINTS_MAX);
        }
        g->points *= axis->values_count;
    }
    return ERR_OK;
}

enum err grid_jobs_check(const struct grid *g, struct settings_error *error)
{
    if (g->seed_last - g->seed_first >= GRID_JOBS_MAX / g->points) {
        return settings_refuse(
            error, 0, ERR_RANGE, "more than %d runs: %zu points, seeds %llu..%llu", GRID_JOBS_MAX,
            g->points, (unsigned long long)g->seed_first, (unsigned long long)g->seed_last);
    }
    return ERR_OK;
}

static bool is_number(const char *label)
{
    char *end;

    (void)strtod(label, &end);
    return end != label && *end == 0;
}

bool grid_axis_is_numeric(const struct grid_axis *axis)
{
    return is_number(grid_label(axis, 0));
}

static enum err figures_check(const struct grid *g, struct settings_error *error)
{
    for (size_t i = 0; i < g->figures_count; i++) {
        const struct grid_figure *f = &g->figures[i];
        if (i == GRID_FIGURES_MAX) {
            return settings_refuse(error, f->line, ERR_RANGE, "a grid has at most %d figures",
                                   GRID_FIGURES_MAX);
        }
        size_t x = grid_axis_find(g, f->x);
        if (x == SIZE_MAX || (*f->series != 0 && grid_axis_find(g, f->series) == SIZE_MAX)) {
            return settings_refuse(error, f->line, ERR_UNKNOWN,
                                   "figure `%s`: no axis is called `%s`", f->name,
                                   x == SIZE_MAX ? f->x : f->series);
        }
        for (size_t v = 1; v < g->axes[x].values_count; v++) {
            const char *label = grid_label(&g->axes[x], v);
            if (is_number(label) != grid_axis_is_numeric(&g->axes[x])) {
                return settings_refuse(error, f->line, ERR_SYNTAX,
                                       "figure `%s`: of the labels of axis `%s` some are numbers "
                                       "and some are not: `%s`, `%s`",
                                       f->name, f->x, grid_label(&g->axes[x], 0), label);
            }
        }
    }
    return ERR_OK;
}

static enum err text_read(char **text, const char *path)
{
    FILE *in = fopen(path, "rb");
    size_t used = 0, room = 1 << 16;

    *text = NULL;
    if (in == NULL) {
        return ERR_NOT_FOUND;
    }
    do {
        room *= 2;
        *text = realloc(*text, room + 1);
        invariant(*text != NULL);
        used += fread(*text + used, 1, room - used, in);
    } while (used == room);
    (*text)[used] = 0;
    fclose(in);
    return ERR_OK;
}

/* "scenarios/selfish-mining/grid.yaml" is the sweep selfish-mining. */
static void names_derive(struct grid *g, const char *path)
{
    const char *slash = strrchr(path, '/');
    const char *base = slash != NULL ? slash + 1 : path;

    g->file = settings_copy(path);
    g->folder = slash != NULL ? strndup(path, (size_t)(slash - path)) : settings_copy(".");
    invariant(g->folder != NULL);
    if (strcmp(base, "grid.yaml") == 0 && slash != NULL) {
        const char *above = strrchr(g->folder, '/');
        g->name = settings_copy(above != NULL ? above + 1 : g->folder);
    } else {
        g->name = strndup(base, strcspn(base, "."));
        invariant(g->name != NULL);
    }
    g->scenario_path =
        g->scenario[0] == '/' ? settings_copy(g->scenario) : joined(g->folder, "/", g->scenario);
}

enum err grid_load(struct grid **grid, struct settings_error *error, const char *name)
{
    struct document *document;
    struct grid *g = settings_many(1, sizeof(*g));
    struct stat info;
    char path[700];

    *grid = g;
    snprintf(path, sizeof(path), "%s%s", name,
             stat(name, &info) == 0 && S_ISDIR(info.st_mode) ? "/grid.yaml" : "");
    enum err err = document_read(&document, error, path);
    if (err == ERR_OK) {
        err = settings_read(g, grid_keys, COUNT(grid_keys), document, "a grid", error);
        document_free(document);
    }
    if (err == ERR_OK && !grid_seeds_parse(&g->seed_first, &g->seed_last, g->seeds)) {
        err = settings_refuse(error, 0, ERR_SYNTAX, "`seeds` takes A..B with A <= B, not `%s`",
                              g->seeds);
    }
    if (err == ERR_OK) {
        err = text_read(&g->text, path);
    }
    if (err == ERR_OK) {
        names_derive(g, path);
        err = axes_check(g, error);
    }
    if (err == ERR_OK) {
        err = figures_check(g, error);
    }
    if (err == ERR_OK) {
        err = grid_jobs_check(g, error);
    }
    if (err != ERR_OK) {
        snprintf(error->file, sizeof(error->file), "%.255s", path);
        grid_free(g);
        *grid = NULL;
    }
    return err;
}

void grid_free(struct grid *grid)
{
    if (grid == NULL) {
        return;
    }
    settings_free(grid, grid_keys, COUNT(grid_keys));
    free(grid->file);
    free(grid->folder);
    free(grid->name);
    free(grid->text);
    free(grid->scenario_path);
    free(grid);
}

size_t grid_jobs(const struct grid *grid)
{
    return grid->points * (size_t)(grid->seed_last - grid->seed_first + 1);
}

size_t grid_job_point(const struct grid *grid, size_t job)
{
    return job / (size_t)(grid->seed_last - grid->seed_first + 1);
}

uint64_t grid_job_seed(const struct grid *grid, size_t job)
{
    return grid->seed_first + job % (grid->seed_last - grid->seed_first + 1);
}

size_t grid_value(const struct grid *grid, size_t point, size_t axis)
{
    for (size_t i = grid->axes_count - 1; i > axis; i--) {
        point /= grid->axes[i].values_count;
    }
    return point % grid->axes[axis].values_count;
}

const char *grid_label(const struct grid_axis *axis, size_t value)
{
    return axis->labels_count != 0 ? axis->labels[value] : axis->values[value];
}

/* The part-th word of a value (from 1), or the whole value (0). */
static void part_append(FILE *out, const char *value, unsigned part)
{
    if (part == 0) {
        fputs(value, out);
        return;
    }
    for (; part > 1; part--) {
        value += strcspn(value, " ");
        value += strspn(value, " ");
    }
    fwrite(value, 1, strcspn(value, " "), out);
}

static char *filled(const char *form, const char *value)
{
    char *text = NULL;
    size_t bytes;
    FILE *out = open_memstream(&text, &bytes);

    invariant(out != NULL);
    while (*form != 0) {
        if (form[0] == '{' && form[1] == '}') {
            part_append(out, value, 0);
            form += 2;
        } else if (form[0] == '{' && form[1] >= '1' && form[1] <= '9' && form[2] == '}') {
            part_append(out, value, (unsigned)(form[1] - '0'));
            form += 3;
        } else {
            fputc(*form++, out);
        }
    }
    fclose(out);
    invariant(text != NULL);
    return text;
}

char **grid_settings(const struct grid *grid, size_t point, size_t *count)
{
    size_t room = grid->settings_count, n = 0;

    for (size_t i = 0; i < grid->axes_count; i++) {
        room += grid->axes[i].settings_count + 1;
    }
    char **settings = settings_many(room, sizeof(*settings));
    for (size_t i = 0; i < grid->settings_count; i++) {
        settings[n++] = settings_copy(grid->settings[i]);
    }
    for (size_t i = 0; i < grid->axes_count; i++) {
        const struct grid_axis *axis = &grid->axes[i];
        const char *value = axis->values[grid_value(grid, point, i)];
        for (size_t k = 0; k < axis->settings_count; k++) {
            settings[n++] = filled(axis->settings[k], value);
        }
        if (axis->settings_count == 0) {
            settings[n++] = joined(axis->name, "=", value);
        }
    }
    *count = n;
    return settings;
}

void grid_settings_free(char **settings, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        free(settings[i]);
    }
    free(settings);
}
