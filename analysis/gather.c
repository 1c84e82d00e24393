#include "analysis/gather.h"

#include <hdf5.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "analysis/run.h"
#include "node/base/invariant.h"

#define NAME_BYTES 64
#define METRICS_MAX 1024

/* A run that is there, and which of the gathered metrics its values are. */
struct gathered {
    size_t point;
    uint64_t seed;
    char digest[72], revision[NAME_BYTES];
    size_t count;
    uint16_t *metric; /* [count] */
};

struct gather {
    struct gathered *runs;
    size_t run_count;
    char (*names)[NAME_BYTES];
    char (*units)[NAME_BYTES];
    size_t metric_count;
};

void gather_folder(char *path, size_t bytes, const char *folder, size_t point)
{
    snprintf(path, bytes, "%s/p%04zu", folder, point);
}

bool gather_done(const char *point_folder, uint64_t seed, const char *used)
{
    char path[800];
    struct run *run = NULL;

    snprintf(path, sizeof(path), "%s/%" PRIu64, point_folder, seed);
    bool done = run_open(&run, path) == ERR_OK && run->complete && strcmp(run->scenario, used) == 0;
    run_close(run);
    return done;
}

static bool same_text(const char *path, const char *text)
{
    FILE *in = fopen(path, "rb");
    size_t len = strlen(text);
    char *have = malloc(len + 2);

    invariant(have != NULL);
    bool same = in != NULL && fread(have, 1, len + 1, in) == len && memcmp(have, text, len) == 0;
    if (in != NULL) {
        fclose(in);
    }
    free(have);
    return same;
}

static enum err file_copy(const char *to, const char *from)
{
    FILE *in = fopen(from, "rb"), *out = in != NULL ? fopen(to, "wb") : NULL;
    char part[4096];
    size_t n;
    bool failed = out == NULL;

    if (in == NULL) {
        return ERR_NOT_FOUND;
    }
    while (!failed && (n = fread(part, 1, sizeof(part), in)) > 0) {
        failed = fwrite(part, 1, n, out) != n;
    }
    fclose(in);
    failed |= out != NULL && fclose(out) != 0;
    return failed ? ERR_IO : ERR_OK;
}

enum err gather_begin(const struct grid *grid, const char *folder, bool resume)
{
    char to[1300], from[1300];

    snprintf(to, sizeof(to), "%s/grid.yaml", folder);
    bool there = access(to, F_OK) == 0;
    if (there && resume && !same_text(to, grid->text)) {
        return ERR_DUPLICATE;
    }
    for (size_t job = 0; job < grid_jobs(grid) && there && !resume; job++) {
        gather_folder(from, 700, folder, grid_job_point(grid, job));
        snprintf(to, sizeof(to), "%.700s/%" PRIu64 "/run.h5", from, grid_job_seed(grid, job));
        (void)remove(to); /* most are not there */
    }
    snprintf(to, sizeof(to), "%s/" GATHER_FILE, folder);
    (void)remove(to); /* until this one is gathered there is none */
    snprintf(to, sizeof(to), "%s/grid.yaml", folder);
    TRY(file_copy(to, grid->file));
    for (size_t i = 0; i < grid->figures_count; i++) {
        const char *const tables[] = {grid->figures[i].published, grid->figures[i].limit};
        for (size_t t = 0; t < sizeof(tables) / sizeof(tables[0]); t++) {
            if (*tables[t] != 0) {
                snprintf(to, sizeof(to), "%s/%s", folder, tables[t]);
                snprintf(from, sizeof(from), "%s/%s", grid->folder, tables[t]);
                TRY(file_copy(to, from));
            }
        }
    }
    return ERR_OK;
}

static uint16_t metric_find(struct gather *g, const struct run_metric *metric)
{
    for (size_t i = 0; i < g->metric_count; i++) {
        if (strcmp(g->names[i], metric->name) == 0) {
            return (uint16_t)i;
        }
    }
    invariant(g->metric_count < METRICS_MAX);
    snprintf(g->names[g->metric_count], NAME_BYTES, "%.63s", metric->name);
    snprintf(g->units[g->metric_count], NAME_BYTES, "%.63s", metric->unit);
    return (uint16_t)g->metric_count++;
}

static void gather_run(struct gather *g, const struct grid *grid, const char *folder, size_t job)
{
    struct gathered *r = &g->runs[g->run_count];
    char path[800], point[700];
    struct run *run = NULL;

    r->point = grid_job_point(grid, job);
    r->seed = grid_job_seed(grid, job);
    gather_folder(point, sizeof(point), folder, r->point);
    snprintf(path, sizeof(path), "%s/%" PRIu64, point, r->seed);
    if (run_open(&run, path) == ERR_OK && run->complete) {
        r->count = run->metric_count;
        r->metric = calloc(r->count + 1, sizeof(*r->metric));
        invariant(r->metric != NULL);
        for (size_t i = 0; i < r->count; i++) {
            r->metric[i] = metric_find(g, &run->metrics[i]);
        }
        snprintf(r->digest, sizeof(r->digest), "%s", run->digest);
        snprintf(r->revision, sizeof(r->revision), "%s", run->revision);
        g->run_count++;
    }
    run_close(run);
}

/* All are written once and never grow. */
static bool column_write(hid_t file, const char *name, hid_t type, size_t rows, const void *data)
{
    hsize_t size = rows;
    hid_t space = H5Screate_simple(1, &size, NULL), create = H5Pcreate(H5P_DATASET_CREATE);
    hid_t links = H5Pcreate(H5P_LINK_CREATE);

    H5Pset_obj_track_times(create, 0);
    H5Pset_create_intermediate_group(links, 1);
    hid_t dataset = H5Dcreate2(file, name, type, space, links, create, H5P_DEFAULT);
    bool ok = dataset >= 0 && H5Dwrite(dataset, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, data) >= 0;
    H5Dclose(dataset);
    H5Pclose(links);
    H5Pclose(create);
    H5Sclose(space);
    return ok;
}

static bool texts_write(hid_t file, const char *name, size_t bytes, size_t rows, const void *texts)
{
    hid_t type = H5Tcopy(H5T_C_S1);

    H5Tset_size(type, bytes);
    H5Tset_cset(type, H5T_CSET_UTF8);
    bool ok = column_write(file, name, type, rows, texts);
    H5Tclose(type);
    return ok;
}

/* Row of a run: stretches of its values that are neighbours in the gathered order too. */
static void row_map(hid_t create, hid_t whole, const struct gathered *r, size_t row)
{
    char path[96];
    hsize_t size = r->count;
    hid_t source = H5Screate_simple(1, &size, NULL);

    snprintf(path, sizeof(path), "p%04zu/%" PRIu64 "/run.h5", r->point, r->seed);
    for (size_t i = 0; i < r->count;) {
        size_t n = 1;
        while (i + n < r->count && r->metric[i + n] == r->metric[i] + n) {
            n++;
        }
        hsize_t at = i, length = n;
        hsize_t start[2] = {row, r->metric[i]}, count[2] = {1, n};
        H5Sselect_hyperslab(source, H5S_SELECT_SET, &at, NULL, &length, NULL);
        H5Sselect_hyperslab(whole, H5S_SELECT_SET, start, NULL, count, NULL);
        H5Pset_virtual(create, whole, path, "/summary/value", source);
        i += n;
    }
    H5Sclose(source);
}

static bool values_write(hid_t file, const struct gather *g)
{
    hsize_t size[2] = {g->run_count, g->metric_count};
    hid_t space = H5Screate_simple(2, size, NULL), create = H5Pcreate(H5P_DATASET_CREATE);
    hid_t links = H5Pcreate(H5P_LINK_CREATE);
    double missing = NAN;

    H5Pset_create_intermediate_group(links, 1);
    H5Pset_fill_value(create, H5T_NATIVE_DOUBLE, &missing);
    for (size_t i = 0; i < g->run_count; i++) {
        row_map(create, space, &g->runs[i], i);
    }
    H5Sselect_all(space);
    hid_t dataset =
        H5Dcreate2(file, "summary/value", H5T_IEEE_F64LE, space, links, create, H5P_DEFAULT);
    bool ok = dataset >= 0;
    H5Dclose(dataset);
    H5Pclose(links);
    H5Pclose(create);
    H5Sclose(space);
    return ok;
}

static bool runs_write(hid_t file, const struct gather *g)
{
    uint64_t *numbers = calloc(g->run_count + 1, sizeof(*numbers));
    char(*digests)[64] = calloc(g->run_count + 1, sizeof(*digests));
    char(*revisions)[NAME_BYTES] = calloc(g->run_count + 1, sizeof(*revisions));

    invariant(numbers != NULL && digests != NULL && revisions != NULL);
    for (size_t i = 0; i < g->run_count; i++) {
        numbers[i] = g->runs[i].point;
        memcpy(digests[i], g->runs[i].digest, 64);
        memcpy(revisions[i], g->runs[i].revision, NAME_BYTES);
    }
    bool ok = column_write(file, "runs/point", H5T_STD_U64LE, g->run_count, numbers);
    for (size_t i = 0; i < g->run_count; i++) {
        numbers[i] = g->runs[i].seed;
    }
    ok = ok && column_write(file, "runs/seed", H5T_STD_U64LE, g->run_count, numbers) &&
         texts_write(file, "runs/digest", 64, g->run_count, digests) &&
         texts_write(file, "runs/revision", NAME_BYTES, g->run_count, revisions);
    free(numbers);
    free(revisions);
    free(digests);
    return ok;
}

/* A column for each axis: the label of every point. */
static bool points_write(hid_t file, const struct grid *grid)
{
    char(*labels)[NAME_BYTES] = calloc(grid->points + 1, sizeof(*labels));
    bool ok = true;

    invariant(labels != NULL);
    for (size_t a = 0; a < grid->axes_count && ok; a++) {
        char name[NAME_BYTES + 16];
        for (size_t p = 0; p < grid->points; p++) {
            snprintf(labels[p], NAME_BYTES, "%.63s",
                     grid_label(&grid->axes[a], grid_value(grid, p, a)));
        }
        snprintf(name, sizeof(name), "points/%.63s", grid->axes[a].name);
        ok = texts_write(file, name, NAME_BYTES, grid->points, labels);
    }
    free(labels);
    return ok;
}

static enum err file_write(const struct grid *grid, const char *folder, const struct gather *g)
{
    char path[700];
    hid_t create = H5Pcreate(H5P_FILE_CREATE), access = H5Pcreate(H5P_FILE_ACCESS);

    H5Pset_obj_track_times(create, 0);
    H5Pset_libver_bounds(access, H5F_LIBVER_V110, H5F_LIBVER_LATEST);
    snprintf(path, sizeof(path), "%s/" GATHER_FILE, folder);
    hid_t file = H5Fcreate(path, H5F_ACC_TRUNC, create, access);
    H5Pclose(create);
    H5Pclose(access);
    if (file < 0) {
        return ERR_IO;
    }
    bool ok = texts_write(file, "grid", strlen(grid->text) + 1, 1, grid->text) &&
              points_write(file, grid) && runs_write(file, g) && values_write(file, g) &&
              texts_write(file, "summary/name", NAME_BYTES, g->metric_count, g->names) &&
              texts_write(file, "summary/unit", NAME_BYTES, g->metric_count, g->units);
    ok = H5Fclose(file) >= 0 && ok;
    return ok ? ERR_OK : ERR_IO;
}

enum err gather_write(const struct grid *grid, const char *folder)
{
    struct gather g = {.runs = calloc(grid_jobs(grid) + 1, sizeof(*g.runs)),
                       .names = calloc(METRICS_MAX, NAME_BYTES),
                       .units = calloc(METRICS_MAX, NAME_BYTES)};

    invariant(g.runs != NULL && g.names != NULL && g.units != NULL);
    for (size_t job = 0; job < grid_jobs(grid); job++) {
        gather_run(&g, grid, folder, job);
    }
    enum err err = g.run_count > 0 ? file_write(grid, folder, &g) : ERR_NOT_FOUND;
    for (size_t i = 0; i < g.run_count; i++) {
        free(g.runs[i].metric);
    }
    free(g.runs);
    free(g.names);
    free(g.units);
    return err;
}
