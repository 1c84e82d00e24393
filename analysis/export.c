#include "analysis/export.h"

#include <inttypes.h>
#include <stdlib.h>

#include "sim/record/schema.h"

/* One column, as numbers or as bytes. */
struct cells {
    const struct schema_column *column;
    uint64_t *numbers;
    char *texts;
};

/* Read as it is stored. */
static bool is_raw(enum schema_type type)
{
    return type == SCHEMA_TEXT || type == SCHEMA_ID || type == SCHEMA_F64;
}

static bool is_time(const struct schema_column *column)
{
    return strcmp(column->unit, "ns") == 0;
}

/* Exact: 1.000000002. */
static void seconds_print(FILE *out, uint64_t ns)
{
    fprintf(out, "%" PRIu64 ".%09" PRIu64, ns / 1000000000, ns % 1000000000);
}

static void cell_print(FILE *out, const struct cells *cells, size_t row)
{
    enum schema_type type = cells->column->type;

    if (type == SCHEMA_TEXT) {
        fprintf(out, "%.*s", SCHEMA_TEXT_BYTES, cells->texts + row * SCHEMA_TEXT_BYTES);
    } else if (type == SCHEMA_ID) {
        for (size_t i = 0; i < 32; i++) {
            fprintf(out, "%02x", (unsigned)(uint8_t)cells->texts[row * 32 + i]);
        }
    } else if (type == SCHEMA_HASH) {
        /* In the order of the id's bytes. */
        for (int i = 0; i < 8; i++) {
            fprintf(out, "%02x", (unsigned)(cells->numbers[row] >> (8 * i) & 0xff));
        }
    } else if (type == SCHEMA_F64) {
        double value;
        memcpy(&value, cells->texts + row * sizeof(value), sizeof(value));
        fprintf(out, "%.17g", value);
    } else if (type == SCHEMA_I64) {
        int64_t value = (int64_t)cells->numbers[row];
        if (is_time(cells->column)) {
            fputs(value < 0 ? "-" : "", out);
            seconds_print(out, value < 0 ? 0 - (uint64_t)value : (uint64_t)value);
        } else {
            fprintf(out, "%" PRId64, value);
        }
    } else if (is_time(cells->column) && cells->numbers[row] == UINT64_MAX) {
        fputs("inf", out);
    } else if (is_time(cells->column)) {
        seconds_print(out, cells->numbers[row]);
    } else {
        fprintf(out, "%" PRIu64, cells->numbers[row]);
    }
}

static void head_print(FILE *out, const struct run *run, const struct schema_table *table)
{
    fprintf(out, "# table\t%s: %s\n# scenario\t%s\n# seed\t%" PRIu64 "\n# revision\t%s\n",
            table->path, table->text, run->name, run->seed, run->revision);
    if (!run->complete) {
        fprintf(out, "# incomplete\t%s\n", run->why);
    }
    for (size_t i = 0; i < table->column_count; i++) {
        const struct schema_column *column = &table->columns[i];
        const char *unit = is_time(column) ? "s" : column->unit;
        fprintf(out, "%s%s", i > 0 ? "\t" : "", column->name);
        if (unit[0] != 0 && strcmp(unit, "1") != 0) {
            fprintf(out, " (%s)", unit);
        }
    }
    fputc('\n', out);
}

enum err export_table(FILE *out, const struct run *run, const char *name)
{
    const struct schema_table *table = schema_find(name);
    struct cells cells[SCHEMA_COLUMNS_MAX] = {0};
    size_t rows = 0;
    enum err err = ERR_OK;

    if (table == NULL) {
        return ERR_UNKNOWN;
    }
    for (size_t i = 0; i < table->column_count; i++) {
        const struct schema_column *column = &table->columns[i];
        cells[i].column = column;
        if (is_raw(column->type)) {
            cells[i].texts = run_texts(run, &rows, name, column->name);
        } else {
            cells[i].numbers = run_column(run, &rows, name, column->name);
        }
        if (cells[i].texts == NULL && cells[i].numbers == NULL) {
            err = ERR_NOT_FOUND;
        }
    }
    if (err == ERR_OK) {
        head_print(out, run, table);
    }
    for (size_t row = 0; row < rows && err == ERR_OK; row++) {
        for (size_t i = 0; i < table->column_count; i++) {
            if (i > 0) {
                fputc('\t', out);
            }
            cell_print(out, &cells[i], row);
        }
        fputc('\n', out);
    }
    for (size_t i = 0; i < table->column_count; i++) {
        free(cells[i].numbers);
        free(cells[i].texts);
    }
    return err == ERR_OK && ferror(out) ? ERR_IO : err;
}

void export_list(FILE *out, const struct run *run)
{
    for (size_t i = 0; i < schema_traces() + SCHEMA_FIXED; i++) {
        const struct schema_table *table = schema_table(i);
        size_t rows;
        void *column = run_texts(run, &rows, table->path, table->columns[0].name);
        if (column != NULL) {
            fprintf(out, "%-28s %10zu  %s\n", table->path, rows, table->text);
        }
        free(column);
    }
}
