/* The tables of a run file: what the recorder writes and what readers may rely on
 * (docs/run-file.md). Made from the .def files; nothing here knows HDF5. */
#ifndef ORRERY_RECORD_SCHEMA_H
#define ORRERY_RECORD_SCHEMA_H

#include <stddef.h>

#define SCHEMA_COLUMNS_MAX 16
#define SCHEMA_FORMAT 1 /* attribute "format" of /meta */

enum schema_type {
    SCHEMA_U64,
    SCHEMA_I64,
    SCHEMA_U32,
    SCHEMA_U8,
    SCHEMA_F64,
    SCHEMA_HASH, /* first 8 bytes of an id, little-endian */
    SCHEMA_NODE, /* index of a node */
    SCHEMA_ID,   /* 32 bytes */
    SCHEMA_TEXT  /* SCHEMA_TEXT_BYTES, padded with zeros */
};

#define SCHEMA_TEXT_BYTES 256

struct schema_column {
    const char *name;
    enum schema_type type;
    const char *unit; /* "" for names and flags, "1" for counts and ratios */
};

struct schema_table {
    const char *path; /* of the group: "trace/block_produced", "series" */
    const char *text;
    const struct schema_column *columns;
    size_t column_count;
};

/* Tables other than traces come after them, in this order. */
enum schema_fixed {
    SCHEMA_NODES,
    SCHEMA_SERIES,
    SCHEMA_FAULTS,
    SCHEMA_FINGERPRINTS,
    SCHEMA_SUMMARY,
    SCHEMA_FIXED
};

/* Traces of nodes and of the world: table i holds the rows of kind i. */
size_t schema_traces(void);
/* i < schema_traces() + SCHEMA_FIXED. */
const struct schema_table *schema_table(size_t i);
/* By path, or by the last part of it; NULL when there is none. */
const struct schema_table *schema_find(const char *name);
/* Bytes of one value. */
size_t schema_bytes(enum schema_type type);

#endif
