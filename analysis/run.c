#include "analysis/run.h"

#include <dirent.h>
#include <hdf5.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "node/base/invariant.h"
#include "sim/record/schema.h"

static void attribute_text(hid_t file, const char *name, char *text, size_t bytes)
{
    hid_t attribute = H5Aopen_by_name(file, "meta", name, H5P_DEFAULT, H5P_DEFAULT);

    text[0] = 0;
    if (attribute < 0) {
        return;
    }
    hid_t type = H5Aget_type(attribute);
    size_t len = H5Tget_size(type);
    char *all = calloc(1, len + 1);
    invariant(all != NULL);
    if (H5Aread(attribute, type, all) >= 0) {
        snprintf(text, bytes, "%s", all);
    }
    free(all);
    H5Tclose(type);
    H5Aclose(attribute);
}

static bool attribute_u64(hid_t file, const char *name, uint64_t *value)
{
    hid_t attribute = H5Aopen_by_name(file, "meta", name, H5P_DEFAULT, H5P_DEFAULT);
    bool read = attribute >= 0 && H5Aread(attribute, H5T_NATIVE_UINT64, value) >= 0;

    if (attribute >= 0) {
        H5Aclose(attribute);
    }
    return read;
}

/* Rows of a whole table: a run that was cut short may have columns of unequal length. */
static size_t table_rows(hid_t file, const struct schema_table *table)
{
    hsize_t least = HSIZE_UNDEF;
    char path[160];

    for (size_t i = 0; i < table->column_count; i++) {
        hsize_t rows = 0;
        snprintf(path, sizeof(path), "%s/%s", table->path, table->columns[i].name);
        hid_t dataset = H5Dopen2(file, path, H5P_DEFAULT);
        if (dataset < 0) {
            return 0;
        }
        hid_t space = H5Dget_space(dataset);
        H5Sget_simple_extent_dims(space, &rows, NULL);
        H5Sclose(space);
        H5Dclose(dataset);
        least = rows < least ? rows : least;
    }
    return least;
}

/* Reads a column as memory_type of `bytes`; memory_type < 0: as it is stored. */
static void *column_read(const struct run *run, size_t *rows, const char *table_name,
                         const char *column, hid_t memory_type, size_t bytes)
{
    const struct schema_table *table = schema_find(table_name);
    char path[160];

    *rows = 0;
    invariant(table != NULL);
    snprintf(path, sizeof(path), "%s/%s", table->path, column);
    hid_t dataset = H5Dopen2(run->file, path, H5P_DEFAULT);
    if (dataset < 0) {
        return NULL;
    }
    hsize_t count = table_rows(run->file, table);
    char *values = calloc(count + 1, bytes);
    invariant(values != NULL);
    hid_t type = memory_type < 0 ? H5Dget_type(dataset) : H5Tcopy(memory_type);
    if (count > 0) {
        hsize_t start = 0;
        hid_t file_space = H5Dget_space(dataset);
        hid_t memory_space = H5Screate_simple(1, &count, NULL);
        H5Sselect_hyperslab(file_space, H5S_SELECT_SET, &start, NULL, &count, NULL);
        if (H5Dread(dataset, type, memory_space, file_space, H5P_DEFAULT, values) < 0) {
            count = 0;
        }
        H5Sclose(memory_space);
        H5Sclose(file_space);
    }
    H5Tclose(type);
    H5Dclose(dataset);
    *rows = count;
    return values;
}

static enum schema_type column_type(const char *table_name, const char *column)
{
    const struct schema_table *table = schema_find(table_name);

    invariant(table != NULL);
    for (size_t i = 0; i < table->column_count; i++) {
        if (strcmp(table->columns[i].name, column) == 0) {
            return table->columns[i].type;
        }
    }
    invariant(false);
}

uint64_t *run_column(const struct run *run, size_t *rows, const char *table, const char *column)
{
    bool is_signed = column_type(table, column) == SCHEMA_I64;

    return column_read(run, rows, table, column, is_signed ? H5T_NATIVE_INT64 : H5T_NATIVE_UINT64,
                       8);
}

double *run_seconds(const struct run *run, size_t *rows, const char *table, const char *column)
{
    double *values = column_read(run, rows, table, column, H5T_NATIVE_DOUBLE, 8);

    for (size_t i = 0; i < *rows; i++) {
        values[i] *= 1e-9;
    }
    return values;
}

char *run_texts(const struct run *run, size_t *rows, const char *table, const char *column)
{
    return column_read(run, rows, table, column, -1, schema_bytes(column_type(table, column)));
}

const struct run_metric *run_metric(const struct run *run, const char *name)
{
    for (size_t i = 0; i < run->metric_count; i++) {
        if (strcmp(run->metrics[i].name, name) == 0) {
            return &run->metrics[i];
        }
    }
    return NULL;
}

static void scenario_read(struct run *run)
{
    hid_t dataset = H5Dopen2(run->file, "meta/scenario", H5P_DEFAULT);

    run->scenario = calloc(1, 1);
    invariant(run->scenario != NULL);
    if (dataset < 0) {
        return;
    }
    hid_t type = H5Dget_type(dataset);
    run->scenario = realloc(run->scenario, H5Tget_size(type) + 1);
    invariant(run->scenario != NULL);
    run->scenario[H5Tget_size(type)] = 0;
    if (H5Dread(dataset, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, run->scenario) < 0) {
        run->scenario[0] = 0;
    }
    H5Tclose(type);
    H5Dclose(dataset);
}

/* The value of a key at the top of used.yaml, which has one line each, without quotes. */
static void scenario_value(const struct run *run, const char *key, char *value, size_t bytes)
{
    size_t len = strlen(key);

    value[0] = 0;
    for (const char *line = run->scenario; line != NULL && *line != 0;) {
        const char *end = strchr(line, '\n');
        if (strncmp(line, key, len) == 0 && line[len] == ':') {
            size_t skip = len + 1 + strspn(line + len + 1, " '\"");
            size_t count = strcspn(line + skip, "'\"\n#");
            snprintf(value, bytes, "%.*s", (int)count, line + skip);
            return;
        }
        line = end == NULL ? NULL : end + 1;
    }
}

static double seconds_of(const char *text)
{
    static const struct {
        const char *unit;
        double s;
    } units[] = {{"ns", 1e-9}, {"us", 1e-6}, {"ms", 1e-3}, {"s", 1},
                 {"min", 60},  {"h", 3600},  {"d", 86400}};
    char *unit;
    double value = strtod(text, &unit);

    unit += strspn(unit, " ");
    size_t len = strcspn(unit, " \t\r");
    for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
        if (strlen(units[i].unit) == len && strncmp(units[i].unit, unit, len) == 0) {
            return value * units[i].s;
        }
    }
    return 0;
}

/* The last time of a table, without reading the rest of it. */
static double last_of(const struct run *run, const struct schema_table *table)
{
    char path[160];
    hsize_t at = table_rows(run->file, table), one = 1;
    uint64_t last_ns = 0;

    if (at-- == 0) {
        return 0;
    }
    snprintf(path, sizeof(path), "%s/time", table->path);
    hid_t dataset = H5Dopen2(run->file, path, H5P_DEFAULT);
    hid_t file_space = H5Dget_space(dataset);
    hid_t memory_space = H5Screate_simple(1, &one, NULL);
    H5Sselect_hyperslab(file_space, H5S_SELECT_SET, &at, NULL, &one, NULL);
    if (H5Dread(dataset, H5T_NATIVE_UINT64, memory_space, file_space, H5P_DEFAULT, &last_ns) < 0) {
        last_ns = 0;
    }
    H5Sclose(memory_space);
    H5Sclose(file_space);
    H5Dclose(dataset);
    return (double)last_ns * 1e-9;
}

static void faults_read(struct run *run)
{
    size_t rows, same;
    double *from = run_seconds(run, &rows, "faults", "time");
    uint64_t *lasts = run_column(run, &same, "faults", "duration");
    char *texts = run_texts(run, &same, "faults", "text");

    run->faults = calloc(rows + 1, sizeof(*run->faults));
    invariant(run->faults != NULL);
    run->fault_count = rows;
    for (size_t i = 0; i < rows; i++) {
        struct run_fault *fault = &run->faults[i];
        fault->from_s = from[i];
        fault->to_s = lasts[i] == UINT64_MAX ? run->end_s : from[i] + (double)lasts[i] * 1e-9;
        memcpy(fault->text, texts + i * SCHEMA_TEXT_BYTES, SCHEMA_TEXT_BYTES);
    }
    free(from);
    free(lasts);
    free(texts);
}

static void metrics_read(struct run *run)
{
    size_t rows;
    char *names = run_texts(run, &rows, "summary", "name");
    char *units = run_texts(run, &rows, "summary", "unit");
    char *texts = run_texts(run, &rows, "summary", "text");
    double *values = column_read(run, &rows, "summary", "value", H5T_NATIVE_DOUBLE, 8);

    run->metrics = calloc(rows + 1, sizeof(*run->metrics));
    invariant(run->metrics != NULL);
    run->metric_count = rows;
    for (size_t i = 0; i < rows; i++) {
        struct run_metric *metric = &run->metrics[i];
        memcpy(metric->name, names + i * SCHEMA_TEXT_BYTES, SCHEMA_TEXT_BYTES);
        memcpy(metric->unit, units + i * SCHEMA_TEXT_BYTES, SCHEMA_TEXT_BYTES);
        memcpy(metric->text, texts + i * SCHEMA_TEXT_BYTES, SCHEMA_TEXT_BYTES);
        metric->value = values[i];
    }
    free(names);
    free(units);
    free(texts);
    free(values);
}

static void everything_read(struct run *run)
{
    char text[128];
    uint64_t complete = 0;

    attribute_u64(run->file, "seed", &run->seed);
    attribute_u64(run->file, "complete", &complete);
    run->complete = complete == 1;
    attribute_text(run->file, "revision", run->revision, sizeof(run->revision));
    attribute_text(run->file, "compiler", run->compiler, sizeof(run->compiler));
    attribute_text(run->file, "digest", run->digest, sizeof(run->digest));
    attribute_text(run->file, "why", run->why, sizeof(run->why));
    scenario_read(run);
    scenario_value(run, "name", run->name, sizeof(run->name));
    scenario_value(run, "warmup", text, sizeof(text));
    run->warmup_s = seconds_of(text);
    for (size_t i = 0; i < schema_traces() + SCHEMA_FIXED; i++) {
        const struct schema_table *table = schema_table(i);
        if (strcmp(table->columns[0].name, "time") == 0 && strcmp(table->path, "faults") != 0) {
            double last = last_of(run, table);
            run->end_s = last > run->end_s ? last : run->end_s;
        }
    }
    free(run_column(run, &run->node_count, "nodes", "node"));
    faults_read(run);
    metrics_read(run);
}

enum err run_open(struct run **out, const char *path)
{
    struct stat st;
    struct run *run = calloc(1, sizeof(*run));
    uint64_t format = 0;

    invariant(run != NULL);
    *out = NULL;
    H5Eset_auto2(H5E_DEFAULT, NULL, NULL);
    snprintf(run->path, sizeof(run->path), "%s", path);
    if (stat(path, &st) == 0 && S_ISDIR(st.st_mode)) {
        snprintf(run->path, sizeof(run->path), "%s/run.h5", path);
    }
    enum err err = stat(run->path, &st) == 0 ? ERR_OK : ERR_NOT_FOUND;
    run->file = -1;
    if (err == ERR_OK) {
        run->file = H5Fopen(run->path, H5F_ACC_RDONLY, H5P_DEFAULT);
        err =
            run->file >= 0 && attribute_u64(run->file, "format", &format) && format == SCHEMA_FORMAT
                ? ERR_OK
                : ERR_CORRUPT;
    }
    if (err != ERR_OK) {
        run_close(run);
        return err;
    }
    everything_read(run);
    *out = run;
    return ERR_OK;
}

void run_close(struct run *run)
{
    if (run == NULL) {
        return;
    }
    if (run->file >= 0) {
        H5Fclose(run->file);
    }
    free(run->scenario);
    free(run->faults);
    free(run->metrics);
    free(run);
}

static bool has_run(const char *folder)
{
    char path[1200];
    struct stat st;

    snprintf(path, sizeof(path), "%s/run.h5", folder);
    return stat(path, &st) == 0;
}

/* Seeds as numbers: 9 before 10. */
static int path_order(const void *a, const void *b)
{
    const char *x, *y;

    memcpy(&x, a, sizeof(x));
    memcpy(&y, b, sizeof(y));
    size_t x_len = strlen(x), y_len = strlen(y);
    return x_len != y_len ? (x_len < y_len ? -1 : 1) : strcmp(x, y);
}

enum err run_list(char ***paths, size_t *count, const char *folder)
{
    struct stat st;

    *paths = NULL;
    *count = 0;
    if (stat(folder, &st) != 0) {
        return ERR_NOT_FOUND;
    }
    *paths = calloc(1, sizeof(**paths));
    invariant(*paths != NULL);
    if (!S_ISDIR(st.st_mode) || has_run(folder)) {
        (*paths)[(*count)++] = strdup(folder);
        return ERR_OK;
    }
    DIR *dir = opendir(folder);
    for (struct dirent *entry = dir == NULL ? NULL : readdir(dir); entry != NULL;
         entry = readdir(dir)) {
        char path[1100];
        snprintf(path, sizeof(path), "%s/%s", folder, entry->d_name);
        if (entry->d_name[0] != '.' && has_run(path)) {
            *paths = realloc(*paths, (*count + 1) * sizeof(**paths));
            invariant(*paths != NULL);
            (*paths)[(*count)++] = strdup(path);
        }
    }
    if (dir != NULL) {
        closedir(dir);
    }
    if (*count == 0) {
        run_list_free(*paths, 0);
        *paths = NULL;
        return ERR_NOT_FOUND;
    }
    qsort(*paths, *count, sizeof(**paths), path_order);
    return ERR_OK;
}

void run_list_free(char **paths, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        free(paths[i]);
    }
    free(paths);
}
