/* Tendermint's algorithm 1 (arXiv 1807.04938) for one instance, as a pure machine: votes,
 * proposals, verdicts and timeouts in, actions out (spec: chain 1.5; decisions 1, 2, 13, 14). It
 * checks no signature and does no I/O: what it is told is true.
 *
 * Added to the paper: a prevote carries jr = max(vr of the proposal, lockedRound when lockedValue
 * is its value) and counts as votes.h says; a decision needs the countable prevotes beside the
 * precommits, so that it convicts whoever contradicts it. In rounds below TM_PREFER_ROUNDS a fresh
 * value is prevoted only when it is on the best chain of this node; a value that a quorum has
 * prevoted already, or that this node is locked on, is not held to that (it can only help to
 * decide).
 *
 * The owner adds its own votes to `votes` when they are durable, then calls tm_progress, as for the
 * votes of others. */
#ifndef ORRERY_CHAIN_TENDERMINT_H
#define ORRERY_CHAIN_TENDERMINT_H

#include "node/chain/params.h"
#include "node/chain/votes.h"

enum { TM_PREFER_ROUNDS = 3, TM_ACTIONS_MAX = 16, TM_ROUND_MAX = 1 << 30 };

enum tm_step { TM_PROPOSE, TM_PREVOTE, TM_PRECOMMIT };
enum tm_timer { TM_TIMER_PROPOSE, TM_TIMER_PREVOTE, TM_TIMER_PRECOMMIT, TM_TIMERS };

enum tm_action_kind {
    TM_ROUND,   /* entered `round`: whoever proposes there calls tm_proposal */
    TM_CAST,    /* make this vote durable and send it */
    TM_TIMEOUT, /* call tm_timeout(timer, round) after `ms` */
    TM_DECIDED, /* value and round; the last action of an instance */
};

struct tm_action {
    enum tm_action_kind kind;
    uint32_t round;
    enum vote_kind vote; /* TM_CAST */
    uint8_t value;       /* TM_CAST, TM_DECIDED: index in votes */
    int32_t jr;          /* TM_CAST */
    enum tm_timer timer; /* TM_TIMEOUT */
    uint64_t ms;         /* TM_TIMEOUT */
};

/* What must survive a crash. */
struct tm_lock {
    int32_t locked_round, valid_round; /* -1: none */
    uint8_t locked_value, valid_value;
};

struct tm_proposal {
    bool present;
    uint8_t value;
    uint32_t round;
    int32_t vr;
};

struct tendermint {
    struct votes *votes;
    const struct params *params; /* timeouts */
    bool running, decided;
    bool timer_set[TM_TIMERS]; /* asked for in this round */
    bool polka_done;           /* the rule of line 36 was applied in this round */
    uint8_t step;
    uint32_t round;
    struct tm_lock lock;
    struct tm_proposal proposals[2]; /* of this round and the next */
    uint32_t count;
    struct tm_action actions[TM_ACTIONS_MAX];
};

/* Begins at round 0 of the instance open in votes, or where a restart finds itself: round and step
 * of the newest own vote, and the lock. Actions are taken by tm_next after every call. */
void tm_start(struct tendermint *tm, struct votes *votes, const struct params *params);
void tm_restart(struct tendermint *tm, struct votes *votes, const struct params *params,
                const struct tm_lock *lock, uint32_t round, enum tm_step step);
void tm_stop(struct tendermint *tm);

/* A proposal of the right proposer. Others than those of this round and the next are not kept. */
void tm_proposal(struct tendermint *tm, uint32_t round, uint8_t value, int32_t vr);
/* Votes were added, or verdicts changed. */
void tm_progress(struct tendermint *tm);
void tm_timeout(struct tendermint *tm, enum tm_timer timer, uint32_t round);

/* Takes the oldest action; false: none. */
bool tm_next(struct tendermint *tm, struct tm_action *action);

uint64_t tm_timeout_ms(const struct params *params, enum tm_timer timer, uint32_t round);

#endif
