/* Who stands at the exit of every machine and notes the signed statements that leave it (votes,
 * headers, decisions), and at its clock, when it takes a block. One witness per thread; what they
 * noted is handed to the checks between slots. A statement that was noted lately is not noted
 * again, so that a vote that a thousand machines pass on costs one note now and then. */
#ifndef ORRERY_CHECK_WITNESS_H
#define ORRERY_CHECK_WITNESS_H

#include "node/base/blob.h"

enum note_kind {
    NOTE_VOTE,     /* an encoded vote (VOTE_BYTES) */
    NOTE_PROPOSAL, /* a whole frame */
    NOTE_DECISION, /* the decision of a frame */
    NOTE_HEADER,   /* HEADER_BYTES */
    NOTE_TAKEN     /* struct taken */
};

/* Of the statement's bytes, which follow it at a multiple of 8. */
struct note {
    uint64_t time_ns;
    uint32_t node; /* that sent it; the author may be another */
    uint32_t len;
    uint32_t kind;
    uint32_t unused;
};

/* A block that a node took for good, its date, and what the node's clock said then. */
struct taken {
    uint64_t height, block; /* head of its id */
    uint64_t ts_ms, wall_ms;
};

struct witness;

struct witness *witness_new(void);
/* Accepts NULL. */
void witness_free(struct witness *witness);

/* A frame leaves a machine. */
void witness_frame(struct witness *witness, uint32_t node, uint64_t now_ns,
                   const struct blob *frame);

void witness_taken(struct witness *witness, uint32_t node, uint64_t now_ns,
                   const struct taken *taken);

/* The next note, oldest first; NULL at the end. Start with *at = 0. */
const struct note *witness_next(const struct witness *witness, size_t *at, struct span *bytes);
/* Forgets all notes, but not what was noted lately. */
void witness_clear(struct witness *witness);

#endif
