/* Benchmarks. Each prints a table and returns an exit code. Figures are ratios within one run,
 * since machines are shared. */
#ifndef ORRERY_CLI_BENCH_H
#define ORRERY_CLI_BENCH_H

#include <stdint.h>
#include <stdio.h>

/* Messages with city latency, jitter, loss, bandwidth and counters, trivial handler. */
int bench_messages(FILE *out);
/* node_step of the chain: the second pass of one transcript, memo warm and memo off, at 3 and 100
 * nodes. */
int bench_steps(FILE *out);
/* first-light: threads, memo, recording; ten-thousand: start, memory, speed. */
int bench_threads(FILE *out);
int bench_memo(FILE *out);
int bench_record(FILE *out);
int bench_scale(FILE *out);

/* The prices of work as the `cost:` map of a scenario. */
int bench_profile(FILE *out);
/* A step beside its cryptography, on average; 0: the run that is measured failed. */
uint64_t bench_step_ns(void);

/* Thread-CPU and wall time. */
uint64_t real_wall_ns(void);
uint64_t real_cpu_ns(void);

#endif
