/* The recorder: what a run leaves behind (run.h5, summary.txt). It is fed in one deterministic
 * order by the world, so the file is byte for byte the same for one seed. Recording is an execution
 * option: on or off, the digest is the same. */
#ifndef ORRERY_RECORD_RECORD_H
#define ORRERY_RECORD_RECORD_H

#include "node/base/bytes.h"
#include "node/base/err.h"
#include "node/seam/trace.h"

/* One thing worth recording, as node and world traced it, in the order (time, node, counter of the
 * node). */
struct trace_row {
    uint64_t time_ns;
    uint32_t node;
    uint32_t kind;  /* enum trace_kind, or TRACE_KINDS + enum world_trace */
    uint64_t count; /* rows of this node before this one */
    uint64_t value[TRACE_VALUES_MAX];
};

/* What the world itself records, one line per kind in sim/scenario/world_trace.def (same form as
 * node/seam/trace.def). */
enum world_trace {
#define TRACE(kind, text, columns) WORLD_TRACE_##kind,
#include "sim/scenario/world_trace.def"
#undef TRACE
    WORLD_TRACE_KINDS
};

/* Sampled per node and interval (cumulative counters and levels), one row of /series. */
struct series_row {
    uint64_t time_ns;
    uint32_t node;
    uint32_t up; /* 1: the node is up */
    uint64_t bytes_sent, bytes_received, frames_sent, frames_received;
    uint64_t cpu_busy_ns, disk_bytes_written;
    uint64_t height, final_height;
    uint32_t links, pool_txs;
};

struct node_row {
    uint32_t node, group, city, region, profile, producer;
    uint64_t stake_tokens;
    int64_t clock_offset_ns, clock_drift_ppb;
    uint8_t node_id[32], account[32];
};

struct record;
struct record_config {
    const char *folder;    /* DIR/<seed> */
    const char *used_path; /* used.yaml: goes into /meta whole */
    uint64_t seed;
    const char *revision;
    const char *const *tables; /* kinds to write; NULL: all */
    size_t tables_count;
};

enum err record_open(struct record **record,
                     const struct record_config *config) MUST_CHECK; /* ERR_IO, ERR_NO_SPACE */
/* What an index of /nodes stands for: what is "cities", "regions" or "groups". At most once each.
 */
enum err record_names(struct record *record, const char *what, const char *const *names,
                      size_t count) MUST_CHECK;
enum err record_nodes(struct record *record, const struct node_row *rows, size_t count) MUST_CHECK;
enum err record_trace(struct record *record, const struct trace_row *rows, size_t count) MUST_CHECK;
enum err record_series(struct record *record, const struct series_row *rows,
                       size_t count) MUST_CHECK;
/* duration_ns UINT64_MAX: no end. Long lists of nodes are shortened: used.yaml has what is needed
 * to run again. */
enum err record_fault(struct record *record, uint64_t time_ns, uint64_t duration_ns,
                      const char *text) MUST_CHECK;
enum err record_fingerprint(struct record *record, uint64_t epoch,
                            const uint8_t digest[32]) MUST_CHECK;
/* A summary value: one number per run, with its unit. Also printed in summary.txt; expect: and
 * statistics use it. */
enum err record_summary(struct record *record, const char *name, double value, const char *unit,
                        const char *text) MUST_CHECK;
/* complete: the run reached its end; else the file is marked incomplete (why: "interrupted", "disk
 * full", ...) and is readable all the same. */
enum err record_close(struct record *record, const uint8_t digest[32], bool complete,
                      const char *why) MUST_CHECK;

#endif
