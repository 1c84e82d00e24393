#include "analysis/sweep.h"

#include <hdf5.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "analysis/gather.h"
#include "analysis/table.h"
#include "node/base/invariant.h"
#include "settings/nearest.h"

static size_t rows_of(hid_t file, const char *name)
{
    hid_t dataset = H5Dopen2(file, name, H5P_DEFAULT);

    if (dataset < 0) {
        return 0;
    }
    hid_t space = H5Dget_space(dataset);
    hsize_t size[2] = {0};
    H5Sget_simple_extent_dims(space, size, NULL);
    H5Sclose(space);
    H5Dclose(dataset);
    return (size_t)size[0];
}

static bool read_all(hid_t file, const char *name, hid_t type, void *to)
{
    hid_t dataset = H5Dopen2(file, name, H5P_DEFAULT);
    bool ok = dataset >= 0 && H5Dread(dataset, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, to) >= 0;

    if (dataset >= 0) {
        H5Dclose(dataset);
    }
    return ok;
}

static bool read_names(hid_t file, const char *name, void *to)
{
    hid_t type = H5Tcopy(H5T_C_S1);

    H5Tset_size(type, SWEEP_NAME_BYTES);
    H5Tset_cset(type, H5T_CSET_UTF8);
    bool ok = read_all(file, name, type, to);
    H5Tclose(type);
    return ok;
}

static bool numbers_read(struct sweep *s, hid_t file)
{
    s->run_count = rows_of(file, "runs/point");
    s->metric_count = rows_of(file, "summary/name");
    if (s->run_count == 0 || s->metric_count == 0 ||
        rows_of(file, "summary/value") != s->run_count) {
        return false;
    }
    s->point = calloc(s->run_count, sizeof(*s->point));
    s->seed = calloc(s->run_count, sizeof(*s->seed));
    s->name = calloc(s->metric_count, sizeof(*s->name));
    s->unit = calloc(s->metric_count, sizeof(*s->unit));
    s->value = calloc(s->run_count * s->metric_count, sizeof(*s->value));
    invariant(s->point != NULL && s->seed != NULL && s->name != NULL && s->unit != NULL &&
              s->value != NULL);
    s->revision = calloc(s->run_count, sizeof(*s->revision));
    invariant(s->revision != NULL);
    if (rows_of(file, "runs/revision") == s->run_count) { /* older files have none */
        (void)read_names(file, "runs/revision", s->revision);
    }
    return read_all(file, "runs/point", H5T_NATIVE_UINT64, s->point) &&
           read_all(file, "runs/seed", H5T_NATIVE_UINT64, s->seed) &&
           read_names(file, "summary/name", s->name) && read_names(file, "summary/unit", s->unit) &&
           read_all(file, "summary/value", H5T_NATIVE_DOUBLE, s->value);
}

enum err sweep_open(struct sweep **sweep, struct settings_error *error, const char *folder)
{
    struct sweep *s = calloc(1, sizeof(*s));
    char path[1200];

    invariant(s != NULL);
    *sweep = NULL;
    snprintf(path, sizeof(path), "%s/grid.yaml", folder);
    enum err err = grid_load(&s->grid, error, path);
    if (err != ERR_OK) {
        sweep_close(s);
        return err;
    }
    snprintf(path, sizeof(path), "%s/" GATHER_FILE, folder);
    hid_t file = H5Fopen(path, H5F_ACC_RDONLY, H5P_DEFAULT);
    bool ok = file >= 0 && numbers_read(s, file);
    if (file >= 0) {
        H5Fclose(file);
    }
    if (!ok) {
        snprintf(error->file, sizeof(error->file), "%.255s", path);
        error->line = 0;
        snprintf(error->text, sizeof(error->text), "is not a gathered sweep");
        sweep_close(s);
        return ERR_CORRUPT;
    }
    *sweep = s;
    return ERR_OK;
}

void sweep_close(struct sweep *sweep)
{
    if (sweep == NULL) {
        return;
    }
    grid_free(sweep->grid);
    free(sweep->point);
    free(sweep->seed);
    free(sweep->name);
    free(sweep->unit);
    free(sweep->value);
    free(sweep->revision);
    free(sweep);
}

static size_t metric_of(const struct sweep *sweep, const char *metric)
{
    for (size_t m = 0; m < sweep->metric_count; m++) {
        if (strcmp(sweep->name[m], metric) == 0) {
            return m;
        }
    }
    return SIZE_MAX;
}

struct estimate sweep_estimate(const struct sweep *sweep, size_t point, const char *metric)
{
    double *values = calloc(sweep->run_count, sizeof(*values));
    size_t m = metric_of(sweep, metric), n = 0;
    struct estimate e = {.mean = NAN, .sd = NAN, .t_low = NAN, .t_high = NAN};

    invariant(values != NULL);
    for (size_t i = 0; i < sweep->run_count && m != SIZE_MAX; i++) {
        double value = sweep->value[i * sweep->metric_count + m];
        if (sweep->point[i] == point && !isnan(value)) {
            values[n++] = value;
        }
    }
    if (n > 0) {
        e = estimate_of(values, n);
    }
    free(values);
    return e;
}

/* NULL: no name, or no such table. */
static struct table *table_beside(const struct grid *g, const char *name)
{
    char path[1300];

    snprintf(path, sizeof(path), "%s/%s", g->folder, name);
    return *name != 0 ? table_read(path) : NULL;
}

static enum err table_check(const struct grid *g, const struct grid_figure *f, const char *name,
                            struct settings_error *error)
{
    struct table *table = table_beside(g, name);
    enum err err = ERR_OK;

    if (*name == 0) {
        return ERR_OK;
    }
    if (table == NULL) {
        return settings_refuse(error, f->line, ERR_NOT_FOUND,
                               "figure `%s`: no table of values in %s/%s", f->name, g->folder,
                               name);
    }
    if (table_cell(table, 0, "value") == NULL) {
        err = settings_refuse(error, f->line, ERR_UNKNOWN, "figure `%s`: %s has no column `value`",
                              f->name, name);
    }
    for (size_t i = 0; i < table->column_count && err == ERR_OK; i++) {
        struct nearest near = {.word = table->name[i]};
        if (strcmp(table->name[i], "value") == 0 || grid_axis_find(g, table->name[i]) != SIZE_MAX) {
            continue;
        }
        nearest_try(&near, "value");
        for (size_t a = 0; a < g->axes_count; a++) {
            nearest_try(&near, g->axes[a].name);
        }
        err = settings_refuse(error, f->line, ERR_UNKNOWN,
                              "figure `%s`: column `%s` of %s is no axis; the nearest is `%s`",
                              f->name, table->name[i], name, near.best);
    }
    table_free(table);
    return err;
}

enum err sweep_tables_check(const struct grid *g, struct settings_error *error)
{
    snprintf(error->file, sizeof(error->file), "%.255s", g->file);
    for (size_t i = 0; i < g->figures_count; i++) {
        TRY(table_check(g, &g->figures[i], g->figures[i].published, error));
        TRY(table_check(g, &g->figures[i], g->figures[i].limit, error));
    }
    return ERR_OK;
}

void sweep_elsewhere(char text[200], const struct grid *g, const struct grid_figure *f)
{
    size_t len = 0;

    text[0] = 0;
    for (size_t a = 0; a < g->axes_count; a++) {
        const struct grid_axis *axis = &g->axes[a];
        if (axis->values_count > 1 && strcmp(axis->name, f->x) != 0 &&
            strcmp(axis->name, f->series) != 0 && len < 200) {
            len += (size_t)snprintf(text + len, 200 - len, "%s%.40s = %.40s", len > 0 ? ", " : "",
                                    axis->name, grid_label(axis, 0));
        }
    }
}

/* Labels are compared as numbers where both are. */
static bool label_same(const char *a, const char *b)
{
    char *a_end, *b_end;
    double x = strtod(a, &a_end), y = strtod(b, &b_end);

    if (*a_end == 0 && *b_end == 0 && a_end != a && b_end != b) {
        return fabs(x - y) <= 1e-9 * (fabs(x) + fabs(y));
    }
    return strcmp(a, b) == 0;
}

/* The value of a table for a point, NaN if there is none: the row whose columns agree with the
 * labels of the axes. */
static double value_find(const struct sweep *sweep, const struct table *table, size_t point)
{
    for (size_t r = 0; table != NULL && r < table->row_count; r++) {
        bool same = true;
        for (size_t a = 0; a < sweep->grid->axes_count && same; a++) {
            const struct grid_axis *axis = &sweep->grid->axes[a];
            const char *cell = table_cell(table, r, axis->name);
            same = cell == NULL ||
                   label_same(cell, grid_label(axis, grid_value(sweep->grid, point, a)));
        }
        const char *value = table_cell(table, r, "value");
        if (same && value != NULL) {
            return strtod(value, NULL);
        }
    }
    return NAN;
}

/* Of all seeds together. */
static double trials_of(const struct sweep *sweep, const struct grid_figure *f, size_t point)
{
    struct estimate e = sweep_estimate(sweep, point, f->trials);

    return e.count > 0 ? e.mean * (double)e.count : 0;
}

/* trials > 0: the standard error is that of so many trials with the published chance. Published
 * runs are taken to scatter as ours do. */
static bool published_met(const struct grid_figure *f, const struct estimate *e, double published,
                          double trials)
{
    double off = fabs(e->mean - published);
    double share = (double)f->within.num / (double)f->within.den;
    double theirs = f->published_runs > 0 ? 1 / (double)f->published_runs : 0;
    double error = trials > 0     ? sqrt(published * (1 - published) / trials)
                   : e->count > 1 ? e->sd * sqrt(1 / (double)e->count + theirs)
                                  : 0;

    return off <= share * fabs(published) || off <= (double)f->errors * error;
}

/* The point with these values on the figure's axes and the first value of every other. */
static size_t point_at(const struct grid *g, size_t x, size_t x_value, size_t series,
                       size_t series_value)
{
    size_t point = 0;

    for (size_t a = 0; a < g->axes_count; a++) {
        point = point * g->axes[a].values_count + (a == x        ? x_value
                                                   : a == series ? series_value
                                                                 : 0);
    }
    return point;
}

struct sweep_row *sweep_rows(size_t *count, const struct sweep *sweep, const struct grid_figure *f)
{
    const struct grid *g = sweep->grid;
    size_t x = grid_axis_find(g, f->x), series = grid_axis_find(g, f->series);
    size_t curves = series == SIZE_MAX ? 1 : g->axes[series].values_count;
    struct sweep_row *rows = calloc(curves * g->axes[x].values_count, sizeof(*rows));
    struct table *table = table_beside(g, f->published), *limit = table_beside(g, f->limit);

    invariant(rows != NULL);
    *count = 0;
    for (size_t c = 0; c < curves; c++) {
        for (size_t v = 0; v < g->axes[x].values_count; v++) {
            struct sweep_row *row = &rows[(*count)++];
            row->point = point_at(g, x, v, series, c);
            row->series = series == SIZE_MAX ? NULL : grid_label(&g->axes[series], c);
            row->label = grid_label(&g->axes[x], v);
            row->x = grid_axis_is_numeric(&g->axes[x]) ? strtod(row->label, NULL) : (double)v;
            row->measured = sweep_estimate(sweep, row->point, f->metric);
            double trials = *f->trials != 0 ? trials_of(sweep, f, row->point) : 0;
            row->low = row->measured.t_low;
            row->high = row->measured.t_high;
            if (trials > 0) {
                share_interval(&row->low, &row->high, row->measured.mean, trials);
            }
            row->published = value_find(sweep, table, row->point);
            row->limit = value_find(sweep, limit, row->point);
            row->met = !isnan(row->published) && row->measured.count > 0 &&
                       published_met(f, &row->measured, row->published, trials);
            if (v > 0 && estimate_differs(&row->measured, &row[-1].measured)) {
                row->step = row->measured.mean > row[-1].measured.mean ? 1 : -1;
            }
        }
    }
    table_free(table);
    table_free(limit);
    return rows;
}

static const char *interval_name(const struct grid_figure *f)
{
    return *f->trials != 0 ? "95 % interval (Wilson)" : "95 % interval (t)";
}

static bool figure_print(FILE *out, const struct sweep *sweep, const struct grid_figure *f)
{
    size_t count, met = 0, published = 0;
    struct sweep_row *rows = sweep_rows(&count, sweep, f);

    char elsewhere[200];
    sweep_elsewhere(elsewhere, sweep->grid, f);
    fprintf(out, "%s: %s%s%s\n%18s %10s %5s %12s %25s %12s %8s\n", f->name, f->metric,
            *elsewhere != 0 ? ", at " : "", elsewhere, f->x, *f->series != 0 ? f->series : "",
            "seeds", "mean", interval_name(f), "published", "");
    for (size_t i = 0; i < count; i++) {
        const struct sweep_row *r = &rows[i];
        fprintf(out, "%18s %10s %5zu ", r->label, r->series != NULL ? r->series : "",
                r->measured.count);
        if (r->measured.count > 0) {
            fprintf(out, "%12.6g ", r->measured.mean);
        } else {
            fprintf(out, "%12s ", "-");
        }
        if (isnan(r->low)) {
            fprintf(out, "%25s", "too few seeds");
        } else {
            fprintf(out, "[%11.5g,%11.5g]", r->low, r->high);
        }
        if (!isnan(r->published)) {
            fprintf(out, " %12.6g %8s", r->published, r->met ? "met" : "NOT MET");
            published++;
            met += r->met;
        }
        fputc('\n', out);
    }
    if (published > 0) {
        fprintf(out, "%s: %zu of %zu published values met%s%s\n", f->name, met, published,
                *f->source != 0 ? ", " : "", f->source);
    }
    if (published == 0 && *f->published != 0) {
        fprintf(out, "%s: NOT MET, no row of %s has the labels of a point\n", f->name,
                f->published);
    }
    free(rows);
    return met == published && (published > 0 || *f->published == 0);
}

bool sweep_print(FILE *out, const struct sweep *sweep)
{
    bool met = true;

    for (size_t i = 1; i < sweep->run_count; i++) {
        if (strcmp(sweep->revision[i], sweep->revision[0]) != 0) {
            fprintf(out, "note: these runs are not all of one program: revisions %s, %s\n",
                    sweep->revision[0], sweep->revision[i]);
            break;
        }
    }
    for (size_t i = 0; i < sweep->grid->figures_count; i++) {
        met = figure_print(out, sweep, &sweep->grid->figures[i]) && met;
    }
    return met;
}
