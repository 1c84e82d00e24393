/* The DECISION of an instance: a quorum of precommits for a value and the prevotes that justify it,
 * recursively, so that two decisions that contradict each other convict a third of the committee by
 * themselves (docs/wire.md 7; spec: chain 1.5, decision 1). Voters ascend strictly in each list,
 * rounds of prevotes descend strictly, a group that nothing refers to is refused: one certificate
 * has one encoding. */
#ifndef ORRERY_CHAIN_CERTIFICATE_H
#define ORRERY_CHAIN_CERTIFICATE_H

#include "node/chain/execute.h"
#include "node/chain/votes.h"
#include "node/seam/ctx.h"
#include "node/wire/codec.h"

enum {
    CERTIFICATE_BYTES_MAX = 1 << 20,
    CERTIFICATE_CHECKS_MAX = 64, /* signatures checked in one step (decision 20) */
    JUSTIFIED_BYTES = 2 + 4 + 64,
};

struct decision_facts {
    uint64_t instance;
    uint32_t round;
    uint8_t value[32];
};

/* The decision that held votes prove, in scratch memory: both quorums must be countable.
 * ERR_UNKNOWN: a quorum is not held; ERR_FULL: too long; ERR_NO_MEMORY. */
enum err certificate_build(struct span *decision, const struct votes *votes, uint32_t round,
                           uint8_t value, struct arena *scratch) MUST_CHECK;

/* Reads instance, round and value; looks no further. */
enum err certificate_peek(struct decision_facts *facts, struct span decision) MUST_CHECK;

/* Everything but signatures: encoding, quorums, justification. signatures: how many there are. */
enum err certificate_form(struct decision_facts *facts, uint32_t *signatures,
                          const struct committee *committee, struct span decision) MUST_CHECK;

/* Walks the votes of a decision whose form was checked: precommits, then prevotes by descending
 * round. */
struct certificate_walk {
    struct reader reader;
    struct decision_facts facts;
    uint32_t left, round, groups;
    uint8_t kind;
};
void certificate_walk_begin(struct certificate_walk *walk, struct span decision);
bool certificate_walk_next(struct certificate_walk *walk, struct vote *vote);

/* A check in steps of bounded work. The verdict is memoised by `id` (of the bytes: a blob's) and
 * committee_id; the steps and what they charge are the same whether it was known or not. */
struct certificate_check {
    struct span decision; /* owned by the caller */
    struct decision_facts facts;
    uint32_t signatures, done;
    bool known;        /* the verdict was found: nothing is computed */
    uint32_t known_at; /* signatures checked when the verdict falls */
    enum err known_err;
    struct memo_key memo;
};
/* ERR_OK: to be continued by steps; else the verdict. committee_id: 32 bytes that name the
 * committee. */
enum err certificate_check_begin(struct certificate_check *check, struct ctx *c,
                                 const uint8_t genesis[32], const struct committee *committee,
                                 const uint8_t committee_id[32], const uint64_t id[2],
                                 struct span decision) MUST_CHECK;
/* Checks up to `budget` signatures and takes them off it; *done when the verdict is final. */
enum err certificate_check_step(struct certificate_check *check, struct ctx *c, bool *done,
                                uint32_t *budget, const uint8_t genesis[32],
                                const struct committee *committee) MUST_CHECK;

/* The name of a committee for the memo. */
void certificate_committee_id(uint8_t id[32], const struct committee *committee);

/* All in one step: for callers whose decisions are few. ERR_INVALID and the errors of codec.h: the
 * form; ERR_SIGNATURE. */
enum err decision_verify(struct decision_facts *facts, struct ctx *c, const struct genesis *genesis,
                         const struct committee *committee, struct span decision) MUST_CHECK;

#endif
