/* The parts of the checks. Each owns one struct and is told rows, blocks or moments. */
#ifndef ORRERY_CHECK_CHECK_PRIVATE_H
#define ORRERY_CHECK_CHECK_PRIVATE_H

#include <inttypes.h>

#include "node/chain/block.h"
#include "node/chain/production.h"
#include "sim/check/check.h"

/* Arguments of "%" PRIu64 ".%03u s". */
#define SECONDS "%" PRIu64 ".%03u s"
#define SECONDS_OF(ns) ((ns) / 1000000000), ((unsigned)((ns) / 1000000 % 1000))

/* agreement.c: the first decision of each instance; every later one must equal it. */
struct decision {
    uint64_t block, state; /* first 8 bytes of id and state root; block 0: nobody has decided */
    uint64_t time_ns;
    uint32_t node; /* the first to decide */
};
struct agreement {
    struct decision *decisions; /* [room], by instance */
    size_t room;
    uint64_t compared, instances, last_instance;
    uint64_t broken; /* decisions that differ though nothing promised that they would not */
};

/* replay.c */
#define REPLAY_NONE UINT32_MAX
struct replayed {
    uint8_t id[32], gs[32], root[32];
    uint64_t height, ts_ms, bt;
    uint32_t parent;          /* index, REPLAY_NONE for genesis */
    const struct blob *state; /* kept while the next height may build on it */
};
struct replay {
    struct shared *shared;
    struct effects *effects;
    void *memory;
    struct arena scratch;
    struct genesis genesis; /* its own, with the state root of its own store */
    struct replayed *blocks;
    uint32_t count, room;
    uint32_t below, level; /* first block of the height below, and of the newest height */
    uint64_t skipped, states_compared;
};

/* conservation.c */
struct conservation {
    uint64_t states;
};

/* liveness.c */
struct liveness {
    uint64_t *stake; /* [nodes] tokens of nodes no endless fault touches, else 0 */
    uint32_t *part;  /* [nodes] the side of endless cuts a node is on */
    uint64_t *part_up;
    bool *up;
    uint32_t parts;
    uint64_t total, best_up;
    uint64_t last_fault_ns;
    bool began;        /* last_fault_ns has passed */
    bool quorum;       /* more than 2/3 of the stake is up and connected */
    uint64_t since_ns; /* progress is asked for from here */
    uint64_t round, round_since;
    uint64_t reached; /* newest instance decided, or highest tip */
    uint64_t worst_ns, judged;
};

/* memory.c */
struct memory_use {
    uint64_t node_bytes, blobs_left;
};

struct checks {
    const struct scenario *scenario;
    const struct params *params; /* of genesis; those used here never change */
    const struct fault_timeline *timeline;
    uint32_t nodes;
    uint64_t *byzantine_until_ns; /* [nodes] */
    /* A third of the stake or more is byzantine: agreement is not promised, and what breaks it is
     * counted instead. */
    bool beyond_promise;
    u128 stake, byzantine_stake;
    enum check_result result;
    char text[CHECK_TEXT_BYTES];
    struct agreement agreement;
    struct replay replay;
    struct conservation conservation;
    struct liveness liveness;
    struct memory_use memory;
};

/* Keeps the first failure. */
void check_fail(struct checks *checks, enum check_result result, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

void agreement_row(struct checks *checks, const struct trace_row *row);
/* NULL: nobody has decided it. */
const struct decision *agreement_decision(const struct checks *checks, uint64_t instance);
void agreement_free(struct checks *checks);

void checkpoints_row(struct checks *checks, const struct trace_row *row);
void checkpoints_end(struct checks *checks);

void replay_begin(struct checks *checks, const struct genesis *genesis);
void replay_block(struct checks *checks, struct span block);
void replay_free(struct checks *checks);

/* Everything a block may be refused for without executing it; beta for the execution. ERR_OK, or
 * why says which rule is broken. */
enum err header_check(uint8_t beta[64], const char **why, const struct replay *replay,
                      const struct replayed *parent, const struct header *header,
                      struct span bytes) MUST_CHECK;

void conservation_state(struct checks *checks, const struct replayed *block);

void liveness_begin(struct checks *checks, const uint64_t *stake_tokens);
void liveness_row(struct checks *checks, const struct trace_row *row);
void liveness_now(struct checks *checks, uint64_t now_ns);
uint64_t liveness_bound_ns(const struct checks *checks);
void liveness_free(struct checks *checks);

void memory_node(struct checks *checks, uint64_t now_ns, uint64_t node_bytes);
void memory_left(struct checks *checks, uint64_t plain_blobs, uint64_t named_blobs);

#endif
