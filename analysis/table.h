/* A small table of text: columns by tabs, names in the first line that is not a comment (#). */
#ifndef ORRERY_ANALYSIS_TABLE_H
#define ORRERY_ANALYSIS_TABLE_H

#include <stddef.h>

#define TABLE_COLUMNS_MAX 32

struct table {
    char *text; /* the file, cut at tabs and line ends */
    const char *name[TABLE_COLUMNS_MAX];
    size_t column_count, row_count;
    const char **cell; /* [row_count][column_count]; a short row has "" at its end */
};

/* NULL: not there, or not such a table. */
struct table *table_read(const char *path);
void table_free(struct table *table);

/* NULL: no such column. */
const char *table_cell(const struct table *table, size_t row, const char *column);

#endif
