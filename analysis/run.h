/* A run file, read (docs/run-file.md). Readers accept a run folder or its run.h5. */
#ifndef ORRERY_ANALYSIS_RUN_H
#define ORRERY_ANALYSIS_RUN_H

#include "node/base/bytes.h"
#include "node/base/err.h"

struct run_fault {
    double from_s, to_s; /* to: the end of the run when the fault has none */
    char text[256];
};

struct run_metric {
    char name[256], unit[256], text[256];
    double value;
};

struct run {
    int64_t file; /* HDF5 */
    char path[1024];
    char name[128]; /* of the scenario */
    char revision[64], compiler[64], digest[72], why[128];
    char *scenario; /* used.yaml */
    uint64_t seed;
    bool complete;
    double end_s;    /* the last thing recorded */
    double warmup_s; /* what figures of rates leave out */
    size_t node_count;
    struct run_fault *faults;
    size_t fault_count;
    struct run_metric *metrics;
    size_t metric_count;
};

/* ERR_NOT_FOUND: no such file; ERR_CORRUPT: not a run file, or of a newer format. */
enum err run_open(struct run **run, const char *path) MUST_CHECK;
void run_close(struct run *run);

/* A column as 64-bit numbers (signed ones in two's complement), to be freed; NULL when the run did
 * not record the table. Tables by path or last part, as in schema_find. */
uint64_t *run_column(const struct run *run, size_t *rows, const char *table, const char *column);
/* The same of a column of times in ns, as seconds. */
double *run_seconds(const struct run *run, size_t *rows, const char *table, const char *column);
/* A column of texts or ids as rows x bytes. */
char *run_texts(const struct run *run, size_t *rows, const char *table, const char *column);
/* NULL when the run has no such number. */
const struct run_metric *run_metric(const struct run *run, const char *name);

/* The runs in a folder: it is one itself, or holds one per seed (sorted by seed). Paths to be freed
 * with run_list_free. */
enum err run_list(char ***paths, size_t *count, const char *folder) MUST_CHECK;
void run_list_free(char **paths, size_t count);

#endif
