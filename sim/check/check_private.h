/* The parts of the checks. Each owns one struct and is told rows, blocks or moments. */
#ifndef ORRERY_CHECK_CHECK_PRIVATE_H
#define ORRERY_CHECK_CHECK_PRIVATE_H

#include <inttypes.h>

#include "node/chain/block.h"
#include "node/chain/certificate.h"
#include "node/chain/justification.h"
#include "node/chain/production.h"
#include "node/chain/vote.h"
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
    uint8_t beta[64], beacon[32]; /* beacon: of the epoch that ends here */
    bool beaconed;
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

/* statements.c: what nodes have signed of late. */
enum {
    SEATS_MAX = 4096,
    SEAT_HOLDERS = 4, /* nodes that say they hold one seat: twins, or two sides that parted */
    BALLOT_BOXES = 1024,
    HEADERS_KEPT = 32,
    ROUNDS_SHOWN = 12,
    VIOLATIONS_MAX = 64,
};
struct seat_holder {
    uint32_t nodes[SEAT_HOLDERS]; /* + 1; 0: nobody */
    uint64_t weight;
};
struct seating {    /* the committee of an epoch */
    uint64_t total; /* weight; 0: not known */
    uint32_t room;
    /* Histories that parted an epoch ago or earlier seat two committees. The promise is about one:
     * two decisions of it convict a third of it. Beyond a fork nobody need have signed twice, so
     * such epochs are not weighed; what convicts was signed where the histories parted, and
     * further up only weak subjectivity protects. */
    bool disputed;
    struct seat_holder *seats; /* [room] */
};
struct said {
    struct vote vote;
    uint32_t before; /* index + 1 of the voter's one before; 0: none */
};
struct voice {       /* of one voter in one instance */
    uint32_t newest; /* index + 1 */
    uint16_t count;
    bool convicted;
};
struct ballot_box {       /* an instance */
    uint64_t instance;    /* 0: empty */
    struct voice *voices; /* [voters] */
    struct said *list;    /* [count] of [room] */
    uint32_t voters, count, room;
    struct shown_round { /* the proposals of its first rounds */
        uint8_t value[32];
        int32_t vr;
        bool present, two; /* two: different ones were seen, or their sender lied */
    } shown[ROUNDS_SHOWN];
};
struct signed_headers { /* of one account */
    uint64_t height[HEADERS_KEPT];
    uint8_t bytes[HEADERS_KEPT][HEADER_BYTES];
    uint32_t next;
};
struct statements {
    uint32_t nodes, account_places;
    uint8_t (*accounts)[32];         /* [nodes] */
    uint32_t *places;                /* [account_places]: node + 1, by account */
    struct signed_headers **headers; /* [nodes] */
    struct seating *epochs;          /* [epoch_room] */
    size_t epoch_room;
    struct ballot_box *boxes; /* [BALLOT_BOXES], by instance */
    size_t box_bytes;
    uint64_t votes, header_count, decisions, convictions, evidence;
};

/* accountability.c: instances that were decided twice, where that can happen. */
struct violation {
    uint64_t instance, one, two, time_ns;
    uint64_t convicted, total; /* weight, at the end */
};
struct violations {
    uint32_t count;
    uint64_t judged; /* nodes whose chain was looked at, whether it punished */
    struct violation list[VIOLATIONS_MAX];
};

/* ledger.c, epochs.c */
enum { PUNISHED_MAX = 1024 };
struct punished {
    uint32_t block; /* index in replay */
    uint64_t mark;
};
struct ledger {
    uint32_t count;
    uint64_t shapes, epochs, withdrawals;
    struct punished punished[PUNISHED_MAX];
};

/* conduct.c */
enum { CONDUCT_NODES_MAX = 64 };
struct conduct {
    bool on, all_honest;
    struct conduct_node *nodes; /* [nodes] */
    uint64_t *produced;         /* blocks of late whose makers have told */
    uint64_t votes, houses, dates;
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
    bool *forgetful; /* [nodes] */
    uint8_t genesis_hash[32];
    struct statements statements;
    struct violations violations;
    struct ledger ledger;
    struct conduct conduct;
    enum check_result result;
    char text[CHECK_TEXT_BYTES];
    struct agreement agreement;
    struct replay replay;
    struct conservation conservation;
    struct liveness liveness;
    struct memory_use memory;
    struct metrics *metrics; /* NULL: nobody counts committees */
};

/* Keeps the first failure. */
void check_fail(struct checks *checks, enum check_result result, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

void agreement_row(struct checks *checks, const struct trace_row *row);
/* NULL: nobody has decided it. */
const struct decision *agreement_decision(const struct checks *checks, uint64_t instance);
void agreement_free(struct checks *checks);

/* An instance's box, NULL when nothing is held. */
struct ballot_box *statements_box(const struct statements *statements, uint64_t instance);
/* NULL: not known. */
const struct seating *statements_seating(const struct statements *statements, uint64_t epoch);
/* A node says that it holds a seat. True when another one said so before. */
bool statements_seat(struct statements *statements, uint64_t epoch, uint64_t total, uint32_t seat,
                     uint64_t weight, uint32_t node, uint32_t *other);
/* Adds a vote; what its voter has said in this instance, or NULL: known, or no room. */
struct voice *statements_vote(struct statements *statements, const struct vote *vote);
/* The box of an instance, opened if need be; NULL: long ago. */
struct ballot_box *statements_open(struct statements *statements, uint64_t instance);
/* The node with this account, the first of twins; UINT32_MAX: none. */
uint32_t statements_node(const struct statements *statements, const uint8_t account[32]);
/* Adds a header of a node; when it has one of that height already, that one. */
const uint8_t *statements_header(struct statements *statements, uint32_t node, uint64_t height,
                                 const uint8_t bytes[HEADER_BYTES]);
void statements_begin(struct statements *statements, const uint8_t (*accounts)[32], uint32_t nodes);
void statements_end(struct statements *statements);

/* Neither byzantine nor made to forget what it signed. */
bool check_honest(const struct checks *checks, uint32_t node);
void accountability_note(struct checks *checks, const struct note *note, struct span bytes);
void accountability_row(struct checks *checks, const struct trace_row *row);
/* Two nodes that are honest decided differently. */
void accountability_violation(struct checks *checks, uint64_t instance, uint64_t one, uint64_t two,
                              uint64_t time_ns);
void accountability_end(struct checks *checks);

void checkpoints_row(struct checks *checks, const struct trace_row *row);
void checkpoints_end(struct checks *checks);

/* A block that was replayed: index in replay. */
void ledger_block(struct checks *checks, uint32_t index, struct span bytes);
void epochs_block(struct checks *checks, uint32_t index);

void conduct_begin(struct checks *checks);
void conduct_row(struct checks *checks, const struct trace_row *row);
void conduct_taken(struct checks *checks, const struct note *note, struct span bytes);
void conduct_end(struct checks *checks);

void replay_begin(struct checks *checks, const struct genesis *genesis, struct shared *made_on);
void replay_block(struct checks *checks, struct span block);
void replay_free(struct checks *checks);

/* Everything a block may be refused for without executing it; beta for the execution. ERR_OK, or
 * why says which rule is broken. */
enum err header_check(uint8_t beta[64], const char **why, const struct replay *replay,
                      const struct replayed *parent, const struct header *header,
                      struct span bytes) MUST_CHECK;

void conservation_state(struct checks *checks, const struct replayed *block);

/* The committee that the last block of an epoch draws for the next but one. */
void committees_state(struct checks *checks, const struct replayed *block);

void liveness_begin(struct checks *checks, const uint64_t *stake_tokens);
void liveness_row(struct checks *checks, const struct trace_row *row);
void liveness_now(struct checks *checks, uint64_t now_ns);
uint64_t liveness_bound_ns(const struct checks *checks);
void liveness_free(struct checks *checks);

void memory_node(struct checks *checks, uint64_t now_ns, uint64_t node_bytes);
void memory_left(struct checks *checks, uint64_t plain_blobs, uint64_t named_blobs);

#endif
