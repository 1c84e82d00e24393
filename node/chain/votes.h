/* What one committee member holds of the votes of one instance: who voted what, with which
 * signature, which weights have gathered, and who of the linked peers is known to hold it too.
 * Pure: no signatures are checked, no I/O (spec: chain 1.5; decisions 1, 2).
 *
 * A vote is added only after its signature was checked. Different votes of one voter in one round
 * and kind are kept up to VOTES_LAYERS: an equivocator's other vote may be the one that completes a
 * quorum elsewhere.
 *
 * A prevote with jr >= 0 counts only once a countable quorum of prevotes for (its value, jr) is
 * held. Counting is incremental: a quorum that forms makes the votes of later rounds that waited
 * for it countable.
 *
 * Memory is one chunk of ballots per (round, kind, layer), taken from the low end of a pool as
 * rounds are used. When it ends the oldest rounds without a quorum go first; the current and the
 * next round stay (decision 2). */
#ifndef ORRERY_CHAIN_VOTES_H
#define ORRERY_CHAIN_VOTES_H

#include "node/base/plant.h"
#include "node/chain/vote.h"
#include "node/seam/limits.h"

enum {
    VOTES_VOTERS_MAX = 4096,
    VOTES_VALUES_VOTED = 96, /* values that may come from votes alone: the rest is for proposals */
    VOTES_CHUNKS_MAX = VOTES_SETS_MAX * VOTES_LAYERS,
    VOTES_POOL_BALLOTS = 8 * VOTES_VOTERS_MAX,
    VALUE_NIL = 0, /* index of nil among the values */
    VALUE_NONE = 255,
};

enum ballot_flag {
    BALLOT_PRESENT = 1,
    BALLOT_COUNTED = 2, /* its weight is part of vote_set.weight */
    BALLOT_FRESH = 4,   /* not yet passed on */
};

struct ballot {
    uint64_t known; /* links whose peer has it */
    int32_t jr;
    uint8_t value;
    uint8_t flags;
    uint8_t sig[64];
};

struct vote_set {
    uint32_t round;
    uint8_t kind; /* enum vote_kind; 0: unused */
    uint8_t layers;
    bool polka;     /* some value but nil has a countable quorum */
    uint32_t fresh; /* ballots with BALLOT_FRESH */
    uint64_t any;   /* weight of the voters with a vote here */
    uint32_t chunk[VOTES_LAYERS];
    uint64_t weight[VOTES_VALUES_MAX]; /* countable weight by value */
};

enum value_verdict { VALUE_UNKNOWN, VALUE_VALID, VALUE_INVALID };

struct vote_value {
    uint8_t id[32];
    uint8_t verdict;
    bool preferred; /* on the best chain of this node */
    bool proposed;  /* not from votes alone */
};

struct voter_facts {
    uint32_t round_max; /* highest round of any vote seen + 1; 0: none */
    uint8_t convicted;  /* bit (1 << enum evidence_kind) */
};

struct votes {
    uint64_t instance; /* 0: closed */
    uint32_t voters;
    uint32_t round;       /* the owner's current round */
    uint64_t total;       /* weight of all voters */
    uint64_t seen;        /* weight of voters seen in this instance */
    uint64_t ahead;       /* weight of voters seen in rounds above `round` */
    bool quorums_changed; /* a quorum formed since the owner last cleared this */
    bool values_changed;  /* a value was added since the owner last cleared this */
    uint32_t fresh;
    uint32_t value_count;
    uint32_t chunks;                            /* that fit the pool */
    uint32_t chunks_used;                       /* high-water mark */
    uint32_t sets_used;                         /* high-water mark */
    uint32_t refused;                           /* votes dropped for lack of room */
    uint64_t chunk_free[VOTES_CHUNKS_MAX / 64]; /* freed below the mark: bit set */
    const uint64_t *weights;
    struct ballot *pool;
    struct voter_facts *facts;
    struct vote_value values[VOTES_VALUES_MAX];
    struct vote_set sets[VOTES_SETS_MAX];
};

/* pool: pool_ballots ballots; facts: VOTES_VOTERS_MAX entries. Both, and votes, are zeroed memory
 * of the caller. */
void votes_init(struct votes *votes, struct ballot *pool, struct voter_facts *facts);
/* Forgets everything and begins an instance. weights: one per voter, outlives the instance. */
void votes_open(struct votes *votes, uint64_t instance, const uint64_t *weights, uint32_t voters,
                uint64_t total);
void votes_close(struct votes *votes);

static inline bool votes_quorum(const struct votes *votes, uint64_t weight)
{
    u128 least = planted(QUORUM_OFF_BY_ONE) ? 0 : 1;
    return 3 * (u128)weight >= 2 * (u128)votes->total + least;
}

static inline bool votes_third(const struct votes *votes, uint64_t weight)
{
    return 3 * (u128)weight > votes->total;
}

/* Index of a value, VALUE_NONE when it is not held. Zeros are VALUE_NIL. */
uint8_t votes_value_find(const struct votes *votes, const uint8_t id[32]);
/* The same, added when new; VALUE_NONE when there is no room. */
uint8_t votes_value_add(struct votes *votes, const uint8_t id[32], bool proposed);

enum votes_known {
    VOTES_NEW,       /* check the signature, then votes_add */
    VOTES_DUPLICATE, /* held; the link is marked as knowing it */
    VOTES_FAR,       /* a later round than is kept, from a voter not yet seen there: check, then
                        votes_ahead */
    VOTES_DROP,      /* of no use: no room for another vote of this voter, or far and seen */
};
/* What to do with a vote of this instance that came over a link (link_mask: its bit, 0: from
 * nowhere). */
enum votes_known votes_look(struct votes *votes, const struct vote *vote, uint64_t link_mask);

/* Adds a checked vote. `must`: the vote belongs to a quorum that was shown as a whole, so it takes
 * the place of another of this voter's votes when there is no layer left. ERR_DUPLICATE, ERR_FULL,
 * ERR_EARLY (too far ahead; noted). fresh: pass it on. */
enum err votes_add(struct votes *votes, const struct vote *vote, uint64_t link_mask, bool fresh,
                   bool must) MUST_CHECK;
/* Notes that a voter was seen in a round. */
void votes_ahead(struct votes *votes, uint32_t voter, uint32_t round);
/* The owner enters a round: recomputes ahead. */
void votes_round_set(struct votes *votes, uint32_t round);
/* The highest round that voters of more than a third of the weight have reached; only while
 * votes_third(ahead). */
uint32_t votes_round_reached(const struct votes *votes);

/* NULL when nothing is held. */
struct vote_set *votes_set(const struct votes *votes, enum vote_kind kind, uint32_t round);
static inline struct ballot *votes_ballot(const struct votes *votes, const struct vote_set *set,
                                          uint32_t layer, uint32_t voter)
{
    return &votes->pool[(size_t)set->chunk[layer] * votes->voters + voter];
}
/* A countable quorum of votes (for prevotes: of prevotes, a polka) for a value is held. */
bool votes_has_quorum(const struct votes *votes, enum vote_kind kind, uint32_t round,
                      uint8_t value);
uint64_t votes_any(const struct votes *votes, enum vote_kind kind, uint32_t round);
/* The value but nil that has a quorum, VALUE_NONE. (The first by index: there is more than one only
 * when a third lied.) */
uint8_t votes_quorum_value(const struct votes *votes, enum vote_kind kind, uint32_t round);

/* The link ended: nobody is behind its bit any more. */
void votes_link_down(struct votes *votes, uint32_t link);

/* The vote that a ballot stands for. */
void votes_vote(struct vote *vote, const struct votes *votes, const struct vote_set *set,
                const struct ballot *ballot, uint32_t voter);

/* Looks for a held vote of the same voter that convicts it together with this one and was not
 * reported yet; marks it reported. Call it after the signature was checked, before or after
 * votes_add. */
bool votes_convict(struct votes *votes, enum evidence_kind *kind, struct vote *other,
                   const struct vote *vote);

#endif
