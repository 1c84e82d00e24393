#include "sim/record/sheet.h"

#include <errno.h>
#include <stdlib.h>

#include "node/base/invariant.h"

enum err sheet_error(void)
{
    return errno == ENOSPC || errno == EDQUOT || errno == EFBIG ? ERR_NO_SPACE : ERR_IO;
}

enum err sheet_group(hid_t *group, hid_t parent, const char *name)
{
    hid_t create = H5Pcreate(H5P_GROUP_CREATE);

    errno = 0;
    H5Pset_obj_track_times(create, 0);
    *group = H5Gcreate2(parent, name, H5P_DEFAULT, create, H5P_DEFAULT);
    H5Pclose(create);
    return *group < 0 ? sheet_error() : ERR_OK;
}

static enum err attribute_write(hid_t object, const char *name, hid_t type, const void *value)
{
    hid_t attribute;
    enum err err = ERR_OK;

    errno = 0;
    if (H5Aexists(object, name) > 0) {
        attribute = H5Aopen(object, name, H5P_DEFAULT);
    } else {
        hid_t space = H5Screate(H5S_SCALAR);
        attribute = H5Acreate2(object, name, type, space, H5P_DEFAULT, H5P_DEFAULT);
        H5Sclose(space);
    }
    if (attribute < 0 || H5Awrite(attribute, type, value) < 0) {
        err = sheet_error();
    }
    if (attribute >= 0) {
        H5Aclose(attribute);
    }
    return err;
}

enum err sheet_attribute_text(hid_t object, const char *name, const char *text, size_t bytes)
{
    size_t len = strlen(text);
    hid_t type = H5Tcopy(H5T_C_S1);

    bytes = bytes != 0 ? bytes : len + 1;
    char *padded = calloc(1, bytes);
    invariant(padded != NULL);
    memcpy(padded, text, len < bytes ? len : bytes - 1);
    H5Tset_size(type, bytes);
    H5Tset_cset(type, H5T_CSET_UTF8);
    enum err err = attribute_write(object, name, type, padded);
    H5Tclose(type);
    free(padded);
    return err;
}

enum err sheet_attribute_u64(hid_t object, const char *name, uint64_t value)
{
    return attribute_write(object, name, H5T_STD_U64LE, &value);
}

static hid_t column_type(enum schema_type type)
{
    switch (type) {
    case SCHEMA_I64:
        return H5Tcopy(H5T_STD_I64LE);
    case SCHEMA_F64:
        return H5Tcopy(H5T_IEEE_F64LE);
    case SCHEMA_U32:
    case SCHEMA_NODE:
        return H5Tcopy(H5T_STD_U32LE);
    case SCHEMA_U8:
        return H5Tcopy(H5T_STD_U8LE);
    case SCHEMA_ID: {
        hsize_t bytes = 32;
        return H5Tarray_create2(H5T_STD_U8LE, 1, &bytes);
    }
    case SCHEMA_TEXT: {
        hid_t text = H5Tcopy(H5T_C_S1);
        H5Tset_size(text, SCHEMA_TEXT_BYTES);
        H5Tset_cset(text, H5T_CSET_UTF8);
        return text;
    }
    case SCHEMA_U64:
    case SCHEMA_HASH:
        break;
    }
    return H5Tcopy(H5T_STD_U64LE);
}

static enum err column_open(hid_t *dataset, hid_t group, const struct schema_column *column,
                            uint32_t chunk_rows)
{
    hsize_t none = 0;
    hsize_t most = H5S_UNLIMITED;
    hsize_t chunk = chunk_rows;
    hid_t create = H5Pcreate(H5P_DATASET_CREATE);
    hid_t access = H5Pcreate(H5P_DATASET_ACCESS);
    hid_t type = column_type(column->type);
    hid_t space = H5Screate_simple(1, &none, &most);

    errno = 0;
    H5Pset_obj_track_times(create, 0);
    H5Pset_chunk(create, 1, &chunk);
    H5Pset_shuffle(create);
    H5Pset_deflate(create, 1);
    /* Whole chunks are written, once: a cache would only keep them from the disk. */
    H5Pset_chunk_cache(access, 0, 0, 0);
    *dataset = H5Dcreate2(group, column->name, type, space, H5P_DEFAULT, create, access);
    H5Pclose(create);
    H5Pclose(access);
    H5Tclose(type);
    H5Sclose(space);
    if (*dataset < 0) {
        return sheet_error();
    }
    if (column->unit[0] != 0) {
        TRY(sheet_attribute_text(*dataset, "unit", column->unit, 0));
    }
    if (column->type == SCHEMA_HASH) {
        TRY(sheet_attribute_text(*dataset, "text", "first 8 bytes of an id, little-endian", 0));
    }
    return ERR_OK;
}

enum err sheet_open(struct sheet *sheet, hid_t file, const struct schema_table *table)
{
    hid_t group;
    enum err err;

    invariant(table->column_count <= SCHEMA_COLUMNS_MAX);
    for (size_t i = 0; i < SCHEMA_COLUMNS_MAX; i++) {
        sheet->dataset[i] = -1;
    }
    sheet->table = table;
    sheet->chunk_rows = SHEET_CHUNK_ROWS;
    for (size_t i = 0; i < table->column_count; i++) {
        if (table->columns[i].type == SCHEMA_TEXT) {
            sheet->chunk_rows = SHEET_CHUNK_ROWS_TEXT;
        }
    }
    TRY(sheet_group(&group, file, table->path));
    err = sheet_attribute_text(group, "text", table->text, 0);
    for (size_t i = 0; i < table->column_count && err == ERR_OK; i++) {
        err = column_open(&sheet->dataset[i], group, &table->columns[i], sheet->chunk_rows);
    }
    H5Gclose(group);
    return err;
}

void *sheet_cell(struct sheet *sheet, size_t column)
{
    size_t bytes = schema_bytes(sheet->table->columns[column].type);

    if (sheet->pending[column] == NULL) {
        sheet->pending[column] = calloc(sheet->chunk_rows, bytes);
        invariant(sheet->pending[column] != NULL);
    }
    return sheet->pending[column] + sheet->pending_rows * bytes;
}

void sheet_put(struct sheet *sheet, size_t column, uint64_t value)
{
    memcpy(sheet_cell(sheet, column), &value, schema_bytes(sheet->table->columns[column].type));
}

static enum err column_write(struct sheet *sheet, size_t column)
{
    hsize_t start = sheet->written_rows;
    hsize_t rows = sheet->pending_rows;
    hsize_t total = start + rows;
    hid_t dataset = sheet->dataset[column];
    enum err err = ERR_OK;

    errno = 0;
    if (H5Dset_extent(dataset, &total) < 0) {
        return sheet_error();
    }
    hid_t file_space = H5Dget_space(dataset);
    hid_t memory_space = H5Screate_simple(1, &rows, NULL);
    hid_t type = H5Dget_type(dataset);
    H5Sselect_hyperslab(file_space, H5S_SELECT_SET, &start, NULL, &rows, NULL);
    if (H5Dwrite(dataset, type, memory_space, file_space, H5P_DEFAULT, sheet->pending[column]) <
        0) {
        err = sheet_error();
    }
    H5Tclose(type);
    H5Sclose(memory_space);
    H5Sclose(file_space);
    return err;
}

enum err sheet_finish(struct sheet *sheet)
{
    if (sheet->table == NULL || sheet->pending_rows == 0) {
        return ERR_OK;
    }
    for (size_t i = 0; i < sheet->table->column_count; i++) {
        TRY(column_write(sheet, i));
    }
    sheet->written_rows += sheet->pending_rows;
    sheet->pending_rows = 0;
    return ERR_OK;
}

bool sheet_next(struct sheet *sheet)
{
    sheet->pending_rows++;
    return sheet->pending_rows == sheet->chunk_rows;
}

void sheet_close(struct sheet *sheet)
{
    for (size_t i = 0; i < SCHEMA_COLUMNS_MAX && sheet->table != NULL; i++) {
        if (sheet->dataset[i] >= 0) {
            H5Dclose(sheet->dataset[i]);
        }
        free(sheet->pending[i]);
    }
    *sheet = (struct sheet){0};
}
