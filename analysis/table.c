#include "analysis/table.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "node/base/invariant.h"

static char *file_text(const char *path)
{
    FILE *in = fopen(path, "rb");
    char *text = NULL;
    size_t room = 1 << 12, used = 0;

    if (in == NULL) {
        return NULL;
    }
    do {
        room *= 2;
        text = realloc(text, room + 1);
        invariant(text != NULL);
        used += fread(text + used, 1, room - used, in);
    } while (used == room);
    text[used] = 0;
    fclose(in);
    return text;
}

/* Cuts a line at its tabs; what is missing is "". */
static size_t line_cut(const char **cells, char *line)
{
    size_t n = 0;

    for (size_t i = 0; i < TABLE_COLUMNS_MAX; i++) {
        cells[i] = "";
    }
    for (char *at = line; at != NULL && n < TABLE_COLUMNS_MAX; n++) {
        cells[n] = at;
        at = strchr(at, '\t');
        if (at != NULL) {
            *at++ = 0;
        }
    }
    return n;
}

struct table *table_read(const char *path)
{
    struct table *t = calloc(1, sizeof(*t));
    const char *cells[TABLE_COLUMNS_MAX];
    char *rest;

    invariant(t != NULL);
    t->text = file_text(path);
    if (t->text == NULL) {
        free(t);
        return NULL;
    }
    for (char *line = strtok_r(t->text, "\r\n", &rest); line != NULL;
         line = strtok_r(NULL, "\r\n", &rest)) {
        if (*line == '#') {
            continue;
        }
        if (t->column_count == 0) {
            t->column_count = line_cut(t->name, line);
            continue;
        }
        (void)line_cut(cells, line);
        t->cell = realloc(t->cell, (t->row_count + 1) * t->column_count * sizeof(*t->cell));
        invariant(t->cell != NULL);
        memcpy(t->cell + t->row_count * t->column_count, cells, t->column_count * sizeof(*t->cell));
        t->row_count++;
    }
    if (t->row_count == 0) {
        table_free(t);
        return NULL;
    }
    return t;
}

void table_free(struct table *table)
{
    if (table != NULL) {
        free(table->text);
        free(table->cell);
        free(table);
    }
}

const char *table_cell(const struct table *table, size_t row, const char *column)
{
    for (size_t i = 0; i < table->column_count; i++) {
        if (strcmp(table->name[i], column) == 0) {
            return table->cell[row * table->column_count + i];
        }
    }
    return NULL;
}
