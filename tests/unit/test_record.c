/* The run file: the same bytes twice, every kind of row in and out, and what is left when the run
 * or the disk ends early. Files are read back with the plain HDF5 library. */
#define _GNU_SOURCE
#include <criterion/criterion.h>
#include <hdf5.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "sim/record/record.h"
#include "sim/record/schema.h"

static char folder[] = "/tmp/orrery-record-XXXXXX";

static void setup(void)
{
    FILE *used;
    char path[128];

    cr_assert_not_null(mkdtemp(folder));
    snprintf(path, sizeof(path), "%s/used.yaml", folder);
    used = fopen(path, "w");
    cr_assert_not_null(used);
    fputs("name: small\nseed: 7\n", used);
    fclose(used);
}

static void teardown(void)
{
    char command[128];

    snprintf(command, sizeof(command), "rm -r %s", folder);
    cr_assert_eq(system(command), 0);
}

static enum err open_in(struct record **record, const char *where)
{
    char used[128];

    snprintf(used, sizeof(used), "%s/used.yaml", folder);
    struct record_config config = {
        .folder = where, .used_path = used, .seed = 7, .revision = "test"};
    return record_open(record, &config);
}

/* Some of every kind, a recognisable value in every column. */
static struct trace_row row_of(uint64_t i)
{
    struct trace_row row = {.time_ns = i * 1000,
                            .node = (uint32_t)(i % 5),
                            .kind = (uint32_t)(i % schema_traces()),
                            .count = i / 5};

    for (uint64_t k = 0; k < TRACE_VALUES_MAX; k++) {
        row.value[k] = i * 0x9e3779b97f4a7c15u + k;
    }
    return row;
}

static enum err fill(struct record *record, uint64_t rows)
{
    struct node_row nodes[5];
    struct trace_row batch[100];
    struct series_row sample = {.time_ns = 5, .node = 1, .up = 1, .height = 9, .pool_txs = 3};
    uint8_t digest[32] = {1, 2, 3};

    memset(nodes, 0, sizeof(nodes));
    for (uint32_t i = 0; i < 5; i++) {
        nodes[i] = (struct node_row){.node = i, .stake_tokens = i, .clock_offset_ns = -5};
        nodes[i].account[31] = (uint8_t)i;
    }
    TRY(record_names(record, "groups", (const char *const[]){"alpha", "beta"}, 2));
    TRY(record_fault(record, 1000, UINT64_MAX, "at 1 us forever crash node 1"));
    TRY(record_nodes(record, nodes, 5));
    for (uint64_t i = 0; i < rows; i += 100) {
        for (uint64_t k = 0; k < 100; k++) {
            batch[k] = row_of(i + k);
        }
        TRY(record_trace(record, batch, 100));
    }
    TRY(record_series(record, &sample, 1));
    TRY(record_fingerprint(record, 0, digest));
    return record_summary(record, "blocks", 12.5, "block", "some");
}

static uint64_t attribute_u64(hid_t file, const char *name)
{
    uint64_t value = 99;
    hid_t attribute = H5Aopen_by_name(file, "/meta", name, H5P_DEFAULT, H5P_DEFAULT);

    cr_assert_geq(attribute, 0, "%s", name);
    cr_assert_geq(H5Aread(attribute, H5T_NATIVE_UINT64, &value), 0);
    H5Aclose(attribute);
    return value;
}

static void attribute_text(hid_t file, const char *name, char text[256])
{
    hid_t attribute = H5Aopen_by_name(file, "/meta", name, H5P_DEFAULT, H5P_DEFAULT);
    hid_t type = H5Aget_type(attribute);

    cr_assert_leq(H5Tget_size(type), 256);
    cr_assert_geq(H5Aread(attribute, type, text), 0);
    H5Tclose(type);
    H5Aclose(attribute);
}

static hid_t file_read(const char *where)
{
    char path[160];

    snprintf(path, sizeof(path), "%s/run.h5", where);
    hid_t file = H5Fopen(path, H5F_ACC_RDONLY, H5P_DEFAULT);
    cr_assert_geq(file, 0, "%s cannot be read", path);
    return file;
}

static size_t column_read(hid_t file, const char *path, uint64_t **values)
{
    hsize_t rows = 0;
    hid_t dataset = H5Dopen2(file, path, H5P_DEFAULT);

    cr_assert_geq(dataset, 0, "%s", path);
    hid_t space = H5Dget_space(dataset);
    H5Sget_simple_extent_dims(space, &rows, NULL);
    *values = calloc(rows + 1, 8);
    cr_assert_geq(H5Dread(dataset, H5T_NATIVE_UINT64, H5S_ALL, H5S_ALL, H5P_DEFAULT, *values), 0,
                  "%s", path);
    H5Sclose(space);
    H5Dclose(dataset);
    return rows;
}

static void bytes_equal(const char *a, const char *b)
{
    char command[400];

    snprintf(command, sizeof(command), "cmp %s/run.h5 %s/run.h5", a, b);
    cr_assert_eq(system(command), 0);
}

/* Two runs within one second would not show a stored date. */
static herr_t no_date(hid_t object, const char *name, const H5O_info_t *info, void *arg)
{
    (void)object;
    (void)arg;
    cr_assert_eq(info->mtime, 0, "%s has a date", name);
    cr_assert_eq(info->ctime, 0, "%s has a date", name);
    return 0;
}

static void record_run(const char *where, uint64_t rows)
{
    struct record *record;
    uint8_t digest[32] = {0xab};

    mkdir(where, 0777);
    cr_assert_eq(open_in(&record, where), ERR_OK);
    cr_assert_eq(fill(record, rows), ERR_OK);
    cr_assert_eq(record_close(record, digest, true, ""), ERR_OK);
}

TestSuite(record, .init = setup, .fini = teardown);

/* More rows than fit in one chunk of one kind, so that both ways of writing are used. */
Test(record, rows_come_back_and_bytes_repeat)
{
    char a[64], b[64], text[256], path[128];
    uint64_t *values;
    uint64_t rows = 17000 * (uint64_t)schema_traces() / 100 * 100;

    snprintf(a, sizeof(a), "%s/a", folder);
    snprintf(b, sizeof(b), "%s/b", folder);
    record_run(a, rows);
    record_run(b, rows);
    bytes_equal(a, b);
    hid_t file = file_read(a);
    cr_assert_geq(H5Ovisit(file, H5_INDEX_NAME, H5_ITER_INC, no_date, NULL), 0);
    cr_assert_eq(attribute_u64(file, "seed"), 7);
    cr_assert_eq(attribute_u64(file, "complete"), 1);
    attribute_text(file, "digest", text);
    cr_assert_eq(strncmp(text, "ab00", 4), 0);
    for (size_t kind = 0; kind < schema_traces(); kind++) {
        const struct schema_table *table = schema_table(kind);
        for (size_t c = 0; c < table->column_count; c++) {
            snprintf(path, sizeof(path), "/%s/%s", table->path, table->columns[c].name);
            size_t count = column_read(file, path, &values);
            cr_assert_eq(count, rows / schema_traces() + (kind < rows % schema_traces()));
            for (size_t i = 0; i < count; i++) {
                struct trace_row row = row_of(i * schema_traces() + kind);
                uint64_t want = c == 0 ? row.time_ns : c == 1 ? row.node : row.value[c - 2];
                if (table->columns[c].type == SCHEMA_NODE) {
                    want = (uint32_t)want;
                }
                /* HDF5 would clip a negative number; the columns that may hold one are few. */
                if (table->columns[c].type != SCHEMA_I64) {
                    cr_assert_eq(values[i], want, "%s row %zu", path, i);
                }
            }
            free(values);
        }
    }
    cr_assert_eq(column_read(file, "/nodes/stake", &values), 5);
    cr_assert_eq(values[4], 4);
    free(values);
    cr_assert_eq(column_read(file, "/series/pool_txs", &values), 1);
    cr_assert_eq(values[0], 3);
    free(values);
    H5Fclose(file);
}

/* docs/run-file.md: one row per table, with every column. */
Test(record, the_page_names_every_column)
{
    char path[1024], line[2048], want[128];
    size_t found = 0;

    snprintf(path, sizeof(path), "%s/docs/run-file.md", getenv("ORRERY_SOURCE"));
    FILE *page = fopen(path, "r");
    cr_assert_not_null(page);
    while (fgets(line, sizeof(line), page) != NULL) {
        for (size_t i = 0; i < schema_traces() + SCHEMA_FIXED; i++) {
            const struct schema_table *table = schema_table(i);
            const char *last = strrchr(table->path, '/');
            snprintf(want, sizeof(want), "| `%s%s` |", last == NULL ? "/" : "",
                     last == NULL ? table->path : last + 1);
            if (strncmp(line, want, strlen(want)) != 0) {
                continue;
            }
            found++;
            for (size_t c = last == NULL ? 0 : 2; c < table->column_count; c++) {
                snprintf(want, sizeof(want), "`%s`", table->columns[c].name);
                cr_assert_not_null(strstr(line, want), "%s lacks %s", table->path, want);
            }
        }
    }
    fclose(page);
    cr_assert_eq(found, schema_traces() + SCHEMA_FIXED);
}

Test(record, an_unwritable_folder_is_an_error)
{
    struct record *record;

    cr_assert_eq(open_in(&record, "/nonexistent/folder"), ERR_IO);
    cr_assert_null(record);
}

Test(record, a_killed_run_is_readable)
{
    pid_t pid = fork();

    if (pid == 0) {
        struct record *record;
        if (open_in(&record, folder) == ERR_OK && fill(record, 2000000) == ERR_OK) {
            raise(SIGKILL);
        }
        _exit(1);
    }
    int status;
    uint64_t *values;
    char text[256];
    waitpid(pid, &status, 0);
    cr_assert(WIFSIGNALED(status));
    hid_t file = file_read(folder);
    cr_assert_eq(attribute_u64(file, "complete"), 0);
    attribute_text(file, "why", text);
    cr_assert_str_eq(text, "the run was killed");
    cr_assert_eq(column_read(file, "/nodes/stake", &values), 5);
    free(values);
    cr_assert_gt(column_read(file, "/trace/vote_cast/time", &values), 16000);
    cr_assert_eq(values[100], (100 * schema_traces() + TRACE_vote_cast) * 1000);
    free(values);
    H5Fclose(file);
}

static void incomplete_is_readable(const char *where)
{
    uint64_t *values;
    char text[256];
    hid_t file = file_read(where);

    cr_assert_eq(attribute_u64(file, "complete"), 0);
    attribute_text(file, "why", text);
    cr_assert_str_eq(text, "disk full");
    cr_assert_eq(column_read(file, "/nodes/stake", &values), 5);
    free(values);
    size_t rows = column_read(file, "/trace/vote_cast/time", &values);
    cr_assert_gt(rows, 0);
    cr_assert_eq(values[rows - 1], ((rows - 1) * schema_traces() + TRACE_vote_cast) * 1000);
    free(values);
    cr_assert_eq(column_read(file, "/summary/value", &values), 1);
    free(values);
    H5Fclose(file);
}

/* A file system of the given size in a namespace of our own; false where that is not allowed. */
static bool small_disk(const char *where, const char *size)
{
    char options[32];

    snprintf(options, sizeof(options), "size=%s", size);
    mkdir(where, 0777);
    if (unshare(CLONE_NEWNS) != 0 && unshare(CLONE_NEWUSER | CLONE_NEWNS) != 0) {
        return false;
    }
    return mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0 &&
           mount("none", where, "tmpfs", 0, options) == 0;
}

Test(record, a_full_disk_leaves_a_readable_file)
{
    static const char *const sizes[] = {"2m", "3m", "3600k", "5m"};
    struct record *record;
    uint8_t digest[32] = {0};
    char where[64];

    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        snprintf(where, sizeof(where), "%s/%zu", folder, i);
        if (!small_disk(where, sizes[i])) {
            cr_skip_test("no right to mount a small disk");
        }
        cr_assert_eq(open_in(&record, where), ERR_OK);
        cr_assert_eq(fill(record, 3000000), ERR_NO_SPACE);
        cr_assert_eq(record_summary(record, "blocks", 1, "", ""), ERR_OK);
        cr_assert_eq(record_close(record, digest, true, ""), ERR_NO_SPACE);
        incomplete_is_readable(where);
        cr_assert_eq(umount(where), 0);
    }
    snprintf(where, sizeof(where), "%s/none", folder);
    cr_assert(small_disk(where, "64k"));
    cr_assert_eq(open_in(&record, where), ERR_NO_SPACE);
    cr_assert_eq(umount(where), 0);
}

Test(record, a_limit_on_file_size_leaves_a_readable_file)
{
    struct record *record;
    uint8_t digest[32] = {0};
    struct rlimit limit = {.rlim_cur = 3 << 20, .rlim_max = RLIM_INFINITY};

    signal(SIGXFSZ, SIG_IGN);
    cr_assert_eq(open_in(&record, folder), ERR_OK);
    cr_assert_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
    cr_assert_eq(fill(record, 3000000), ERR_NO_SPACE);
    cr_assert_eq(record_summary(record, "blocks", 1, "", ""), ERR_OK);
    cr_assert_eq(record_close(record, digest, true, ""), ERR_NO_SPACE);
    limit.rlim_cur = RLIM_INFINITY;
    setrlimit(RLIMIT_FSIZE, &limit);
    incomplete_is_readable(folder);
}

Test(record, an_interrupted_run_says_so)
{
    struct record *record;
    uint8_t digest[32] = {0};
    char text[256];
    uint64_t *values;

    cr_assert_eq(open_in(&record, folder), ERR_OK);
    cr_assert_eq(fill(record, 1000), ERR_OK);
    cr_assert_eq(record_close(record, digest, false, "interrupted"), ERR_OK);
    hid_t file = file_read(folder);
    attribute_text(file, "why", text);
    cr_assert_str_eq(text, "interrupted");
    cr_assert_eq(column_read(file, "/trace/block_produced/time", &values),
                 (1000 + schema_traces() - 1) / schema_traces());
    free(values);
    H5Fclose(file);
}
