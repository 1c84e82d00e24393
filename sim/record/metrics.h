/* Named numbers of one run, computed while it runs from the traces in their order: what summary.txt
 * prints, what expect: tests and what statistics take across seeds. Integer sums inside, one double
 * each at the end. Names are part of the interface (docs/metrics.md). */
#ifndef ORRERY_RECORD_METRICS_H
#define ORRERY_RECORD_METRICS_H

#include "sim/record/record.h"

struct metrics;

/* warmup_ns: rows before it count for nothing but state (what is known when measuring begins).
 * stake_tokens[node]: 0 for relays. */
struct metrics *metrics_new(uint32_t nodes, const uint64_t *stake_tokens, uint64_t warmup_ns);
/* What is told of a node besides, before the first row: its account (zeros: none), and whether a
 * line of `adversaries:` names it. What a byzantine node says of itself counts for nothing but the
 * metrics of adversaries; its blocks count where they are on the chain. */
void metrics_node(struct metrics *metrics, uint32_t node, const uint8_t account[32],
                  bool byzantine);
void metrics_free(struct metrics *metrics);
void metrics_rows(struct metrics *metrics, const struct trace_row *rows, size_t count);
/* A committee that a block drew: its members' accounts (first 8 bytes) and weights. */
void metrics_committee(struct metrics *metrics, const uint64_t *accounts, const uint64_t *weights,
                       size_t count);
/* The last sample of every node, once at the end (traffic, CPU). */
void metrics_series(struct metrics *metrics, const struct series_row *rows, size_t count,
                    uint64_t now_ns);

struct metric {
    const char *name; /* block_interval_mean */
    const char *unit; /* s */
    const char *text; /* mean time between blocks of the final (or best) chain */
    double value;
    bool known; /* false: nothing to measure it by */
};
/* All metrics in a fixed order; valid until the next call. */
const struct metric *metrics_list(struct metrics *metrics, size_t *count);

#endif
