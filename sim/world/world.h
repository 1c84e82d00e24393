/* A whole run: the slab of virtual machines, the network between them, and the loop that joins
 * engine, world and nodes (docs/architecture.md). Owns everything virtual. Is told: a scenario and
 * execution options. Tells: the recorder, the checks, the progress line, a digest. Execution
 * options (threads, memo, recording) are no part of the result. */
#ifndef ORRERY_WORLD_WORLD_H
#define ORRERY_WORLD_WORLD_H

#include <stdio.h>

#include "sim/record/metrics.h"
#include "sim/record/record.h"
#include "sim/scenario/scenario.h"

struct world;

struct world_options {
    unsigned threads; /* 0: as many as cores */
    bool memo_off;
    const char *chain;     /* NULL, or where the final chain goes at the end: docs/chain-file.md */
    struct record *record; /* NULL: nothing is recorded */
    struct metrics **metrics; /* set by world_new; the caller frees it */
    FILE *transcript;         /* NULL, or one line per event and effect (one thread only) */
    uint32_t transcript_node; /* UINT32_MAX: all */
    uint64_t transcript_from_ns, transcript_to_ns;
    uint64_t stop_ns;                /* 0: the scenario's duration */
    const volatile int *interrupted; /* becomes non-zero on Ctrl-C */
    void (*progress)(void *arg, const struct world *world);
    void *progress_arg;
    /* NULL, or called with each event before its step; one thread only. */
    void (*observe)(void *arg, uint32_t node, const struct event *event);
    void *observe_arg;
    /* NULL, or called between slots with what nodes traced, in the run's one order. */
    void (*rows)(void *arg, const struct trace_row *rows, size_t count);
    /* NULL, or asked once per epoch: true ends the run there, as if its duration were over. */
    bool (*enough)(void *arg, uint64_t now_ns);
    void *rows_arg;             /* of both */
    uint64_t reseed_ns, reseed; /* 0: never; else the network's chance comes from this seed then */
    uint64_t events_max;        /* 0: no limit; beyond it the run ends as WORLD_EXHAUSTED */
};

enum world_end {
    WORLD_COMPLETE,
    WORLD_INTERRUPTED,
    WORLD_INVARIANT,
    WORLD_LIVENESS,
    WORLD_RECORD_FAILED,
    WORLD_EXHAUSTED
};

/* NULL and error filled when the scenario cannot be built (no such city, no stake, ...). */
struct world *world_new(const struct scenario *scenario, const struct world_options *options,
                        struct settings_error *error);
enum world_end world_run(struct world *world);
void world_free(struct world *world);

/* Fingerprint of the run so far: the fold of all epochs. */
void world_digest(const struct world *world, uint8_t digest[32]);
/* What broke, when world_run says so; else "". */
const char *world_verdict(const struct world *world);
/* What the checks saw, as checks_figure. world NULL: names without values. */
bool world_check_figure(const struct world *world, size_t index, struct metric *figure);

/* After this nothing begins or ends in the fault timeline; 0: there are no faults. */
uint64_t world_last_change_ns(const struct world *world);

/* Whether a line of `adversaries:` names the node. */
bool world_byzantine(const struct world *world, uint32_t node);

/* Whether a fault makes it lose what it had signed: it may sign something else, not by its own
 * fault, or, when it notices, nothing more. */
bool world_forgetful(const struct world *world, uint32_t node);

/* What became of options.chain. ERR_NOT_FOUND: nothing is final, or no machine has all blocks;
 * ERR_IO. */
enum err world_chain_written(const struct world *world) MUST_CHECK;

/* What a node believes the date to be, at the end of a run. */
uint64_t world_wall_ms(const struct world *world, uint32_t node);

/* True when no account that is up and has stake may sign the next block on its node's tip: each has
 * signed one of that height on a branch that lost, or must assume so. */
bool world_barred(const struct world *world);

/* For benchmarks that run nodes without a world: what a node was made from. life counts from 1. */
const struct node_config *world_node_config(const struct world *world, uint32_t node);
void world_node_seed(const struct world *world, uint32_t node, uint32_t life, uint8_t seed[32]);
struct shared *world_shared(struct world *world);
/* Memory that all nodes have touched so far, blobs not counted. */
uint64_t world_node_resident_bytes(const struct world *world);

/* For the progress line and the summary. */
struct world_stats {
    uint64_t now_ns, end_ns;
    uint64_t events, frames, bytes;
    uint64_t blocks, height_max, final_height_max, reorgs, txs_submitted, txs_included;
    uint32_t nodes_up, nodes;
    uint64_t memo_asked, memo_hits;
    uint64_t faults_active;
};
void world_stats(const struct world *world, struct world_stats *stats);

#endif
