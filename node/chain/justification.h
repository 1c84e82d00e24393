/* The prevotes that make a value countable in a round: a quorum of prevotes for it there and, for
 * each round that one of them refers to by its jr, the quorum there, recursively (spec: chain 1.5,
 * decision 1). A decision, the pol of a proposal and a lock record carry them. Chosen from held
 * votes: as few as make each quorum, those that refer to nothing first. */
#ifndef ORRERY_CHAIN_JUSTIFICATION_H
#define ORRERY_CHAIN_JUSTIFICATION_H

#include "node/base/arena.h"
#include "node/chain/votes.h"
#include "node/wire/codec.h"

enum { JUSTIFICATION_GROUPS_MAX = 32 };

struct justification_group {
    uint32_t round;
    uint32_t count;
    const struct vote_set *set;
    uint8_t *layer; /* by voter: 1 + the layer of its chosen ballot, 0: none */
};

struct justification {
    const struct votes *votes;
    uint8_t value;
    uint32_t count;
    struct justification_group groups[JUSTIFICATION_GROUPS_MAX]; /* rounds descending */
};

/* The rounds that carried prevotes refer to. */
struct justification_rounds {
    uint32_t count;
    uint32_t round[JUSTIFICATION_GROUPS_MAX];
};

/* Chooses a quorum of one kind and adds the rounds it refers to. Memory comes from scratch.
 * ERR_UNKNOWN: no countable quorum is held; ERR_FULL: more than 32 rounds; ERR_NO_MEMORY. */
enum err justification_group(struct justification_group *group, struct justification_rounds *rounds,
                             const struct votes *votes, enum vote_kind kind, uint32_t round,
                             uint8_t value, struct arena *scratch) MUST_CHECK;

/* All groups from `round` down. ERR_UNKNOWN: a quorum is not held (any more); ERR_FULL: more than
 * 32 groups. */
enum err justification_collect(struct justification *justification, const struct votes *votes,
                               uint32_t round, uint8_t value, struct arena *scratch) MUST_CHECK;

/* How many votes that are, and all of them as a list<vote>. */
uint32_t justification_votes(const struct justification *justification);
void justification_write(struct writer *writer, const struct justification *justification);

#endif
