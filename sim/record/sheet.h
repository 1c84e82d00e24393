/* One table of a run file while it is written: an HDF5 group with one dataset per column. Rows
 * gather in memory and go to the file in whole chunks; what is pending at the end goes last. */
#ifndef ORRERY_RECORD_SHEET_H
#define ORRERY_RECORD_SHEET_H

#include <hdf5.h>

#include "node/base/bytes.h"
#include "node/base/err.h"
#include "sim/record/schema.h"

#define SHEET_CHUNK_ROWS 16384
#define SHEET_CHUNK_ROWS_TEXT 256 /* tables with a text column */

struct sheet {
    const struct schema_table *table; /* NULL: not recorded */
    hid_t dataset[SCHEMA_COLUMNS_MAX];
    uint8_t *pending[SCHEMA_COLUMNS_MAX]; /* chunk_rows values each */
    uint32_t chunk_rows;
    uint32_t pending_rows;
    uint64_t written_rows;
};

/* Creates the group and its datasets below file. */
enum err sheet_open(struct sheet *sheet, hid_t file, const struct schema_table *table) MUST_CHECK;
/* The place of column `column` in the row to be added. */
void *sheet_cell(struct sheet *sheet, size_t column);
void sheet_put(struct sheet *sheet, size_t column, uint64_t value);
/* Ends the row. True: a chunk is full and sheet_finish is due before the next row. */
bool sheet_next(struct sheet *sheet) MUST_CHECK;
/* Writes what is pending. For the end, and rarely before it: a chunk that is written again is
 * compressed and placed again. */
enum err sheet_finish(struct sheet *sheet) MUST_CHECK;
void sheet_close(struct sheet *sheet);

/* The error of the HDF5 call that just failed (errno was 0 before it): ERR_NO_SPACE or ERR_IO. */
enum err sheet_error(void);

/* Text and number attributes; a text of bytes > 0 is padded so that it can be changed in place. */
enum err sheet_attribute_text(hid_t object, const char *name, const char *text,
                              size_t bytes) MUST_CHECK;
enum err sheet_attribute_u64(hid_t object, const char *name, uint64_t value) MUST_CHECK;
/* A group without times. ERR_IO, ERR_NO_SPACE. */
enum err sheet_group(hid_t *group, hid_t parent, const char *name) MUST_CHECK;

#endif
