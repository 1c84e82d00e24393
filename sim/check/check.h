/* The invariants that every run checks, one per file: agreement, conflicting checkpoints,
 * accountability, validity, conservation, liveness, bounded memory. They see what nodes traced, in
 * the run's one order, the signed statements that left the machines, and at the end the blocks that
 * the best node holds. They change nothing and need no memo, no thread and no floating point.
 * Memory: 32 bytes per decided instance, about 180 per replayed block, 64 MiB of votes at most. */
#ifndef ORRERY_CHECK_CHECK_H
#define ORRERY_CHECK_CHECK_H

#include "node/base/blob.h"
#include "node/chain/genesis.h"
#include "sim/check/witness.h"
#include "sim/fault/timeline.h"
#include "sim/record/metrics.h"
#include "sim/record/record.h"
#include "sim/scenario/scenario.h"

enum check_result { CHECK_OK, CHECK_BROKEN, CHECK_LIVENESS };

#define CHECK_TEXT_BYTES 512

struct checks;

struct checks_config {
    const struct scenario *scenario;
    const struct genesis *genesis;
    uint32_t nodes;
    const uint64_t *stake_tokens; /* [nodes], in genesis; copied. NULL: nobody has any */
    /* [nodes] 0: honest; until when a node may break promises, UINT64_MAX: for good. Copied. What
     * such a node says counts for nothing; its stake is missing meanwhile. NULL: all are honest. */
    const uint64_t *byzantine_until_ns;
    const struct fault_timeline *timeline; /* sealed; NULL: no faults */
    const uint8_t (*accounts)[32];         /* [nodes], zeros: none. NULL: nobody has one */
    /* The store of the nodes: signatures and proofs that were made on it are not checked again.
     * NULL: each is. */
    struct shared *made_on;
    /* [nodes]: machines that a fault makes forget what they signed. What they sign again is held
     * against nobody. NULL: none. */
    const bool *forgetful;
};

/* What config points to outlives the checks, except the arrays, which are copied. */
struct checks *checks_new(const struct checks_config *config);
/* Accepts NULL. */
void checks_free(struct checks *checks);

/* Traces in order (time, node, counter of the node). */
void checks_rows(struct checks *checks, const struct trace_row *rows, size_t count);

/* Signed statements that left the machines, noted by one witness per thread; clears them. After the
 * rows of the same time. */
void checks_heard(struct checks *checks, struct witness *witness);

/* This node is byzantine for good, as byzantine_until_ns would say. */
void checks_byzantine_add(struct checks *checks, uint32_t node);

/* What a node keeps that it should have let go, as its host counted. */
struct house {
    uint64_t txs_mined, txs_expired, txs_overdue, blocks_passed;
};
void checks_house(struct checks *checks, uint32_t node, uint64_t now_ns, const struct house *house);

/* Between slots, once per epoch, after the rows before now_ns: ERR_INVALID when something broke
 * (the run stops). node_bytes: resident memory of the largest node so far, 0: not measured. */
enum err checks_epoch(struct checks *checks, uint64_t now_ns, uint64_t node_bytes) MUST_CHECK;

/* Where the committees that replayed blocks draw are told. Optional; before the first block. */
void checks_measure(struct checks *checks, struct metrics *metrics);

/* At the end, the blocks of the node with the highest final height: ascending heights, forks
 * included. Each is held against all rules of headers and executed on a store of its own without
 * memo. Blocks whose parent was not fed (the node joined from a checkpoint) are counted, not
 * judged. */
void checks_replay_block(struct checks *checks, struct span block);

/* Whether nodes decided differently where that is possible. */
bool checks_violated(const struct checks *checks);
/* Then, at the end, of each node that is up: whose account is in jail in the state of its tip.
 * jailed: [nodes]. */
void checks_jailed(struct checks *checks, uint32_t node, uint64_t now_ns, uint64_t tip_height,
                   const bool *jailed);

/* After the last block. */
enum err checks_end(struct checks *checks, uint64_t now_ns) MUST_CHECK;

/* After a clean stop, when every node has been dropped: what is still alive is a leak. Optional. */
enum err checks_stopped(struct checks *checks, uint64_t plain_blobs,
                        uint64_t named_blobs) MUST_CHECK;

/* The first thing that broke, as a sentence with node, time and ids; "" when all is well. */
enum check_result checks_verdict(const struct checks *checks, char *text, size_t capacity);

/* For the summary: what each check saw (sim/check/figures.def). checks NULL: names without values.
 * False at the end of the list. */
bool checks_figure(const struct checks *checks, size_t index, struct metric *figure);

#endif
