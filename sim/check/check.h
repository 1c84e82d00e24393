/* The invariants that every run checks, one per file: agreement, conflicting checkpoints, validity,
 * conservation, liveness, bounded memory. They see what nodes traced, in the run's one order, and
 * at the end the blocks that the best node holds. They change nothing. */
#ifndef ORRERY_CHECK_CHECK_H
#define ORRERY_CHECK_CHECK_H

#include "node/base/blob.h"
#include "node/chain/genesis.h"
#include "sim/record/record.h"
#include "sim/scenario/scenario.h"

enum check_result { CHECK_OK, CHECK_BROKEN, CHECK_LIVENESS };

struct checks;

/* last_fault_ns: after it nothing begins or ends (FAULT_FOREVER entries aside); liveness is asked
 * for from then on. */
struct checks *checks_new(const struct scenario *scenario, const struct genesis *genesis,
                          uint32_t nodes, uint64_t last_fault_ns);
void checks_free(struct checks *checks);

/* Traces in order. */
void checks_rows(struct checks *checks, const struct trace_row *rows, size_t count);

/* Between slots, once per epoch: ERR_INVALID when something broke (the run stops). bytes_per_node:
 * largest resident node so far, 0: not measured. */
enum err checks_epoch(struct checks *checks, uint64_t now_ns, uint64_t node_bytes) MUST_CHECK;

/* At the end: the blocks of the node with the highest final height, ascending heights, forks
 * included. Each is replayed on a store of its own without memo. */
void checks_replay_block(struct checks *checks, struct span block);
enum err checks_end(struct checks *checks, uint64_t now_ns) MUST_CHECK;

/* The first thing that broke, as a sentence with node, time and ids; "" when all is well. */
enum check_result checks_verdict(const struct checks *checks, char *text, size_t capacity);

/* For the summary: name and value of what each check saw (how many decisions compared, blocks
 * replayed, ...). False at the end of the list. */
bool checks_figure(const struct checks *checks, size_t index, const char **name, double *value,
                   const char **unit);

#endif
