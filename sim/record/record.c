/* The run file. How it survives what goes wrong: HDF5 may write its metadata only when told, which
 * happens at steady points in the count of rows, so a killed run leaves the file of the last such
 * point; a spare file beside it is given back to a full disk, so that there is room to say so. The
 * attributes that end a run exist from the start and are changed in place. */
#include "sim/record/record.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/statvfs.h>

#include "node/base/invariant.h"
#include "sim/record/sheet.h"

#define SPARE_BYTES (1u << 20)
#define ROOM_BYTES (1u << 17) /* kept free for what nobody counted */
#define ROWS_PER_FLUSH (1u << 19)
#define WHY_BYTES 128
#define PATH_BYTES 1024
#define TRACES_MAX 64

struct record {
    hid_t file;
    hid_t meta;
    enum err failed; /* the first error: no row is taken after it */
    bool broken;     /* a write failed: nothing but the end is written after it */
    bool ending;
    uint64_t rows_since_flush;
    char folder[PATH_BYTES];
    char spare_path[PATH_BYTES];
    struct sheet traces[TRACES_MAX];
    struct sheet fixed[SCHEMA_FIXED];
};

static bool table_wanted(const struct record_config *config, const char *path)
{
    const char *name = strrchr(path, '/') + 1;

    for (size_t i = 0; i < config->tables_count; i++) {
        if (strcmp(config->tables[i], name) == 0) {
            return true;
        }
    }
    return config->tables_count == 0;
}

/* Metadata stays in memory until it is flushed: what is on disk is always whole. */
static enum err file_open(hid_t *file, const char *path)
{
    hid_t access = H5Pcreate(H5P_FILE_ACCESS);
    hid_t create = H5Pcreate(H5P_FILE_CREATE);
    H5AC_cache_config_t cache = {.version = H5AC__CURR_CACHE_CONFIG_VERSION};

    errno = 0;
    H5Pget_mdc_config(access, &cache);
    cache.evictions_enabled = 0;
    cache.incr_mode = H5C_incr__off;
    cache.decr_mode = H5C_decr__off;
    cache.flash_incr_mode = H5C_flash_incr__off;
    H5Pset_mdc_config(access, &cache);
    H5Pset_meta_block_size(access, 1u << 18);
    /* No newer: a superblock of 1.10 would refuse to be read after a crash. */
    H5Pset_libver_bounds(access, H5F_LIBVER_V18, H5F_LIBVER_V18);
    H5Pset_obj_track_times(create, 0);
    *file = H5Fcreate(path, H5F_ACC_TRUNC, create, access);
    H5Pclose(access);
    H5Pclose(create);
    return *file < 0 ? sheet_error() : ERR_OK;
}

static enum err spare_make(const char *path)
{
    static const uint8_t some[4096];
    FILE *out = fopen(path, "wb");
    size_t written = 0;

    errno = 0;
    for (size_t i = 0; out != NULL && i < SPARE_BYTES / sizeof(some); i++) {
        written += fwrite(some, 1, sizeof(some), out);
    }
    if (out == NULL || fclose(out) != 0 || written != SPARE_BYTES) {
        enum err err = sheet_error();
        remove(path);
        return err;
    }
    return ERR_OK;
}

/* A list of names as one dataset of texts. */
static enum err names_write(hid_t meta, const char *name, const char *const *names, size_t count)
{
    hsize_t rows = count;
    hid_t type;
    enum err err = ERR_OK;

    if (count == 0) {
        return ERR_OK;
    }
    char *texts = calloc(count, SCHEMA_TEXT_BYTES);
    invariant(texts != NULL);
    for (size_t i = 0; i < count; i++) {
        snprintf(texts + i * SCHEMA_TEXT_BYTES, SCHEMA_TEXT_BYTES, "%s", names[i]);
    }
    type = H5Tcopy(H5T_C_S1);
    H5Tset_size(type, SCHEMA_TEXT_BYTES);
    H5Tset_cset(type, H5T_CSET_UTF8);
    hid_t create = H5Pcreate(H5P_DATASET_CREATE);
    H5Pset_obj_track_times(create, 0);
    H5Pset_chunk(create, 1, &rows);
    H5Pset_deflate(create, 1);
    hid_t space = H5Screate_simple(1, &rows, NULL);
    errno = 0;
    hid_t dataset = H5Dcreate2(meta, name, type, space, H5P_DEFAULT, create, H5P_DEFAULT);
    if (dataset < 0 || H5Dwrite(dataset, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, texts) < 0) {
        err = sheet_error();
    }
    H5Dclose(dataset);
    H5Sclose(space);
    H5Pclose(create);
    H5Tclose(type);
    free(texts);
    return err;
}

static enum err scenario_write(hid_t meta, const char *path)
{
    char *text = calloc(1, 1);
    size_t len = 0;
    size_t got = 1;
    FILE *in = fopen(path, "rb");

    while (in != NULL && got > 0) {
        text = realloc(text, len + 65536);
        invariant(text != NULL);
        got = fread(text + len, 1, 65535, in);
        len += got;
        text[len] = 0;
    }
    if (in == NULL || ferror(in)) {
        free(text);
        if (in != NULL) {
            fclose(in);
        }
        return ERR_IO;
    }
    fclose(in);
    hid_t type = H5Tcopy(H5T_C_S1);
    hid_t space = H5Screate(H5S_SCALAR);
    hid_t create = H5Pcreate(H5P_DATASET_CREATE);
    enum err err = ERR_OK;
    H5Tset_size(type, len + 1);
    H5Tset_cset(type, H5T_CSET_UTF8);
    H5Pset_obj_track_times(create, 0);
    errno = 0;
    hid_t dataset = H5Dcreate2(meta, "scenario", type, space, H5P_DEFAULT, create, H5P_DEFAULT);
    if (dataset < 0 || H5Dwrite(dataset, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, text) < 0) {
        err = sheet_error();
    }
    H5Dclose(dataset);
    H5Pclose(create);
    H5Sclose(space);
    H5Tclose(type);
    free(text);
    return err;
}

/* How the run ended; written once with what a killed run leaves, and once at the end. */
static enum err end_write(hid_t meta, const uint8_t digest[32], bool complete, const char *why)
{
    char text[65] = "";

    for (int i = 0; i < 32 && digest != NULL; i++) {
        snprintf(text + (ptrdiff_t)2 * i, 3, "%02x", digest[i]);
    }
    TRY(sheet_attribute_text(meta, "digest", text, sizeof(text)));
    TRY(sheet_attribute_text(meta, "why", why, WHY_BYTES));
    return sheet_attribute_u64(meta, "complete", complete);
}

static enum err meta_write(struct record *record, const struct record_config *config)
{
    char libraries[64];
    unsigned major = 0, minor = 0, release = 0;

    H5get_libversion(&major, &minor, &release);
    snprintf(libraries, sizeof(libraries), "hdf5 %u.%u.%u", major, minor, release);
    TRY(sheet_group(&record->meta, record->file, "meta"));
    TRY(sheet_attribute_u64(record->meta, "format", SCHEMA_FORMAT));
    TRY(sheet_attribute_u64(record->meta, "seed", config->seed));
    TRY(sheet_attribute_text(record->meta, "revision",
                             config->revision != NULL ? config->revision : "", 0));
    TRY(sheet_attribute_text(record->meta, "compiler", __VERSION__, 0));
    TRY(sheet_attribute_text(record->meta, "libraries", libraries, 0));
    TRY(end_write(record->meta, NULL, false, "the run was killed"));
    return scenario_write(record->meta, config->used_path);
}

static enum err tables_open(struct record *record, const struct record_config *config)
{
    hid_t group;

    TRY(sheet_group(&group, record->file, "trace"));
    H5Gclose(group);
    invariant(schema_traces() <= TRACES_MAX);
    for (size_t i = 0; i < schema_traces(); i++) {
        if (table_wanted(config, schema_table(i)->path)) {
            TRY(sheet_open(&record->traces[i], record->file, schema_table(i)));
        }
    }
    for (size_t i = 0; i < SCHEMA_FIXED; i++) {
        TRY(sheet_open(&record->fixed[i], record->file, schema_table(schema_traces() + i)));
    }
    return ERR_OK;
}

static enum err flush(struct record *record)
{
    errno = 0;
    record->rows_since_flush = 0;
    return H5Fflush(record->file, H5F_SCOPE_LOCAL) < 0 ? sheet_error() : ERR_OK;
}

/* Remembers the first error, and gives the spare file back so that the end can be written. */
static enum err fail(struct record *record, enum err err)
{
    if (err != ERR_OK && record->failed == ERR_OK) {
        record->failed = err;
        remove(record->spare_path);
    }
    return err;
}

/* Room for rows: on the disk, and below the limit on the size of files. The metadata that is still
 * in memory must fit as well, and the end; on a disk the spare file is for that. */
static uint64_t room(const struct record *record)
{
    struct rlimit limit;
    struct statvfs disk;
    hsize_t bytes = 0;
    size_t metadata = 0;
    uint64_t least = UINT64_MAX;

    if (statvfs(record->folder, &disk) == 0) {
        least = (uint64_t)disk.f_bavail * disk.f_frsize;
    }
    H5Fget_filesize(record->file, &bytes);
    H5Fget_mdc_size(record->file, NULL, NULL, &metadata, NULL);
    if (getrlimit(RLIMIT_FSIZE, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY) {
        uint64_t end = bytes + (record->ending ? 0 : SPARE_BYTES);
        uint64_t below = limit.rlim_cur > end ? limit.rlim_cur - end : 0;
        least = below < least ? below : least;
    }
    uint64_t kept = metadata + ROOM_BYTES;
    return least > kept ? least - kept : 0;
}

static uint64_t row_bytes(const struct sheet *sheet)
{
    uint64_t bytes = 0;

    for (size_t i = 0; i < sheet->table->column_count; i++) {
        bytes += schema_bytes(sheet->table->columns[i].type);
    }
    return bytes;
}

/* Half a write cannot be taken back, so none is begun without room for its rows as they are (they
 * will be smaller). At the end, as many as there is room for. */
static enum err sheet_end(struct record *record, struct sheet *sheet)
{
    enum err full = ERR_OK;

    if (sheet->table == NULL || sheet->pending_rows == 0 || record->broken) {
        return record->broken ? record->failed : ERR_OK;
    }
    uint64_t rows = room(record) / row_bytes(sheet);
    if (rows < sheet->pending_rows) {
        full = fail(record, ERR_NO_SPACE);
        if (!record->ending) {
            return full;
        }
        sheet->pending_rows = (uint32_t)rows;
    }
    enum err err = sheet_finish(sheet);
    record->broken = err != ERR_OK;
    return fail(record, err != ERR_OK ? err : full);
}

static enum err row_end(struct record *record, struct sheet *sheet)
{
    return sheet_next(sheet) ? sheet_end(record, sheet) : ERR_OK;
}

/* Closes what is open and frees record. */
static enum err release(struct record *record)
{
    enum err err = ERR_OK;

    for (size_t i = 0; i < TRACES_MAX; i++) {
        sheet_close(&record->traces[i]);
    }
    for (size_t i = 0; i < SCHEMA_FIXED; i++) {
        sheet_close(&record->fixed[i]);
    }
    if (record->meta >= 0) {
        H5Gclose(record->meta);
    }
    errno = 0;
    if (record->file >= 0 && H5Fclose(record->file) < 0) {
        err = sheet_error();
    }
    remove(record->spare_path);
    free(record);
    return err;
}

enum err record_open(struct record **out, const struct record_config *config)
{
    struct record *record = calloc(1, sizeof(*record));
    char path[PATH_BYTES];

    invariant(record != NULL);
    *out = NULL;
    record->file = -1;
    record->meta = -1;
    H5Eset_auto2(H5E_DEFAULT, NULL, NULL);
    snprintf(path, sizeof(path), "%s/run.h5", config->folder);
    snprintf(record->folder, sizeof(record->folder), "%s", config->folder);
    snprintf(record->spare_path, sizeof(record->spare_path), "%s/.spare", config->folder);
    enum err err = spare_make(record->spare_path);
    if (err == ERR_OK) {
        err = file_open(&record->file, path);
    }
    if (err == ERR_OK) {
        err = meta_write(record, config);
    }
    if (err == ERR_OK) {
        err = tables_open(record, config);
    }
    if (err == ERR_OK) {
        err = flush(record);
    }
    if (err != ERR_OK) {
        (void)!release(record);
        return err;
    }
    *out = record;
    return ERR_OK;
}

enum err record_names(struct record *record, const char *what, const char *const *names,
                      size_t count)
{
    TRY(record->failed);
    return fail(record, names_write(record->meta, what, names, count));
}

enum err record_nodes(struct record *record, const struct node_row *rows, size_t count)
{
    struct sheet *sheet = &record->fixed[SCHEMA_NODES];

    TRY(record->failed);
    for (size_t i = 0; i < count; i++) {
        const struct node_row *row = &rows[i];
        const uint64_t values[] = {row->node,
                                   row->group,
                                   row->city,
                                   row->region,
                                   row->profile,
                                   row->producer,
                                   row->stake_tokens,
                                   (uint64_t)row->clock_offset_ns,
                                   (uint64_t)row->clock_drift_ppb};
        for (size_t k = 0; k < sizeof(values) / sizeof(values[0]); k++) {
            sheet_put(sheet, k, values[k]);
        }
        memcpy(sheet_cell(sheet, 9), row->node_id, 32);
        memcpy(sheet_cell(sheet, 10), row->account, 32);
        TRY(row_end(record, sheet));
    }
    /* So that even a killed run says who took part and what was to go wrong. */
    TRY(sheet_end(record, sheet));
    TRY(sheet_end(record, &record->fixed[SCHEMA_FAULTS]));
    return fail(record, flush(record));
}

/* Counts rows and flushes at steady points, which keeps the file a function of the rows. */
static enum err rows_counted(struct record *record, size_t count)
{
    record->rows_since_flush += count;
    return record->rows_since_flush < ROWS_PER_FLUSH ? ERR_OK : fail(record, flush(record));
}

enum err record_trace(struct record *record, const struct trace_row *rows, size_t count)
{
    TRY(record->failed);
    for (size_t i = 0; i < count; i++) {
        const struct trace_row *row = &rows[i];
        invariant(row->kind < schema_traces());
        struct sheet *sheet = &record->traces[row->kind];
        if (sheet->table == NULL) {
            continue;
        }
        sheet_put(sheet, 0, row->time_ns);
        sheet_put(sheet, 1, row->node);
        for (size_t k = 2; k < sheet->table->column_count; k++) {
            sheet_put(sheet, k, row->value[k - 2]);
        }
        TRY(row_end(record, sheet));
    }
    return rows_counted(record, count);
}

enum err record_series(struct record *record, const struct series_row *rows, size_t count)
{
    struct sheet *sheet = &record->fixed[SCHEMA_SERIES];

    TRY(record->failed);
    for (size_t i = 0; i < count; i++) {
        const struct series_row *row = &rows[i];
        const uint64_t values[] = {
            row->time_ns,         row->node,           row->up,
            row->bytes_sent,      row->bytes_received, row->frames_sent,
            row->frames_received, row->cpu_busy_ns,    row->disk_bytes_written,
            row->height,          row->final_height,   row->links,
            row->pool_txs};
        for (size_t k = 0; k < sizeof(values) / sizeof(values[0]); k++) {
            sheet_put(sheet, k, values[k]);
        }
        TRY(row_end(record, sheet));
    }
    return rows_counted(record, count);
}

static void text_put(struct sheet *sheet, size_t column, const char *text)
{
    size_t len = strlen(text);
    char *cell = sheet_cell(sheet, column);

    memset(cell, 0, SCHEMA_TEXT_BYTES);
    memcpy(cell, text, len < SCHEMA_TEXT_BYTES ? len : SCHEMA_TEXT_BYTES - 1);
}

/* "node 0,3,7-9,..." with its number of nodes, where the list is longer than people read. */
static const char *node_list_shorten(char *out, size_t bytes, const char *list)
{
    enum { LIST_BYTES = 40 };
    size_t len = strspn(list, "0123456789,-");
    uint64_t nodes = 0;
    int keep = (int)len;

    for (const char *p = list; p < list + len; p += *p == ',') {
        char *end;
        uint64_t first = strtoull(p, &end, 10);
        uint64_t last = *end == '-' ? strtoull(end + 1, &end, 10) : first;
        nodes += last - first + 1;
        p = end;
    }
    if (len <= LIST_BYTES) {
        snprintf(out, bytes, "%.*s", keep, list);
    } else {
        keep = LIST_BYTES;
        while (keep > 1 && list[keep - 1] != ',') {
            keep--;
        }
        snprintf(out, bytes, "%.*s... (%llu nodes)", keep, list, (unsigned long long)nodes);
    }
    return list + len;
}

static void fault_shorten(char out[SCHEMA_TEXT_BYTES], const char *text)
{
    static const char word[] = " node ";
    size_t used = 0;

    while (*text != 0 && used + 1 < SCHEMA_TEXT_BYTES) {
        if (strncmp(text, word, sizeof(word) - 1) == 0) {
            used += (size_t)snprintf(out + used, SCHEMA_TEXT_BYTES - used, "%s", word);
            if (used + 1 < SCHEMA_TEXT_BYTES) {
                text = node_list_shorten(out + used, SCHEMA_TEXT_BYTES - used,
                                         text + sizeof(word) - 1);
                used += strlen(out + used);
            }
        } else {
            out[used++] = *text++;
        }
    }
    out[used < SCHEMA_TEXT_BYTES ? used : SCHEMA_TEXT_BYTES - 1] = 0;
}

enum err record_fault(struct record *record, uint64_t time_ns, uint64_t duration_ns,
                      const char *text)
{
    struct sheet *sheet = &record->fixed[SCHEMA_FAULTS];
    char shorter[SCHEMA_TEXT_BYTES];

    TRY(record->failed);
    sheet_put(sheet, 0, time_ns);
    sheet_put(sheet, 1, duration_ns);
    fault_shorten(shorter, text);
    text_put(sheet, 2, shorter);
    return row_end(record, sheet);
}

enum err record_fingerprint(struct record *record, uint64_t epoch, const uint8_t digest[32])
{
    struct sheet *sheet = &record->fixed[SCHEMA_FINGERPRINTS];

    TRY(record->failed);
    sheet_put(sheet, 0, epoch);
    memcpy(sheet_cell(sheet, 1), digest, 32);
    return row_end(record, sheet);
}

enum err record_summary(struct record *record, const char *name, double value, const char *unit,
                        const char *text)
{
    struct sheet *sheet = &record->fixed[SCHEMA_SUMMARY];

    /* Also after an error: the numbers are known, and few. */
    invariant(sheet->pending_rows < sheet->chunk_rows);
    text_put(sheet, 0, name);
    memcpy(sheet_cell(sheet, 1), &value, sizeof(value));
    text_put(sheet, 2, unit);
    text_put(sheet, 3, text);
    return row_end(record, sheet);
}

enum err record_close(struct record *record, const uint8_t digest[32], bool complete,
                      const char *why)
{
    static const enum schema_fixed small_first[] = {SCHEMA_SUMMARY, SCHEMA_NODES, SCHEMA_FAULTS,
                                                    SCHEMA_FINGERPRINTS, SCHEMA_SERIES};

    /* Each table that there is room for, on a full disk too. */
    record->ending = true;
    for (size_t i = 0; i < SCHEMA_FIXED; i++) {
        (void)!sheet_end(record, &record->fixed[small_first[i]]);
    }
    for (size_t i = 0; i < schema_traces(); i++) {
        (void)!sheet_end(record, &record->traces[i]);
    }
    enum err failed = record->failed;
    if (failed != ERR_OK) {
        complete = false;
        why = failed == ERR_NO_SPACE ? "disk full" : "writing failed";
    }
    enum err err = end_write(record->meta, digest, complete, why);
    enum err last = release(record);
    return failed != ERR_OK ? failed : err != ERR_OK ? err : last;
}
