/* PHOLD (Fujimoto 1990), the usual measure of an event queue: N logical processes hold one event
 * each; an event makes its process draw a destination, uniform over all, and send it one event
 * after 0.1 + Exp(0.9) seconds. So N events are pending at any time. */
#ifndef ORRERY_CLI_BENCH_PHOLD_H
#define ORRERY_CLI_BENCH_PHOLD_H

#include <stdint.h>
#include <stdio.h>

/* Measures the engine through its public interface, a 4-ary heap in a bare loop, and the same
 * loop without any queue, for N = 1024 to 1048576 with about so many events each (0: eight
 * million), and prints a table with the hash of everything that happened. threads above 1 adds
 * a measurement of the engine with so many. Rows of one thread are CPU time, others wall time.
 * Returns an exit code: 0, or 4 if the hashes of one N differ, or 1 if memory ran out. */
int bench_phold(FILE *out, unsigned threads, uint64_t events);

#endif
