/* Reading test vectors: TSV rows, hexadecimal, paths below the source root. For tests only: a
 * missing or damaged vector file ends the test program with a message. */
#ifndef ORRERY_TESTS_VECTORS_H
#define ORRERY_TESTS_VECTORS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

enum {
    TSV_FIELDS_MAX = 32,
    TSV_LINE_BYTES_MAX = 65536,
};

/* An open file of tab-separated rows. Empty lines and lines that begin with '#' are skipped. */
struct tsv {
    FILE *file;
    char path[1024];
    unsigned line;               /* of the current row, from 1 */
    size_t count;                /* fields of the current row */
    char *field[TSV_FIELDS_MAX]; /* valid until the next call */
    char text[TSV_LINE_BYTES_MAX];
};

/* Writes the path of tests/vectors/<name> to out. Uses the environment variable ORRERY_SOURCE (the
 * source root), or the current directory without it. */
void vectors_path(char *out, size_t out_size, const char *name);

/* The same for a path relative to the source root. */
void source_path(char *out, size_t out_size, const char *path);

/* Allocates and opens tests/vectors/<name>; end with tsv_close. */
struct tsv *tsv_open(const char *name);

/* Reads the next row; false at the end. */
bool tsv_next(struct tsv *tsv);
void tsv_close(struct tsv *tsv);

/* Field i of the current row as a number; the whole field must be one. */
uint64_t tsv_u64(const struct tsv *tsv, size_t i);
int64_t tsv_i64(const struct tsv *tsv, size_t i);
uint64_t tsv_hex64(const struct tsv *tsv, size_t i);
double tsv_double(const struct tsv *tsv, size_t i);

/* Decodes hex into out, which must hold all of it; returns the number of bytes. */
size_t hex_decode(uint8_t *out, size_t out_size, const char *hex);

/* Writes 2 * len digits and a zero to out. */
void hex_encode(char *out, const uint8_t *data, size_t len);

#endif
