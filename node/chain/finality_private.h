/* The parts of one node's finality; for finality*.c alone. What every node touches stands first,
 * what only members of a committee use behind it, the pools of ballots last. */
#ifndef ORRERY_CHAIN_FINALITY_PRIVATE_H
#define ORRERY_CHAIN_FINALITY_PRIVATE_H

#include "node/chain/finality.h"
#include "node/chain/mesh.h"
#include "node/chain/offences.h"
#include "node/chain/tendermint.h"
#include "node/crypto/sign.h"
#include "node/seam/config.h"
#include "node/seam/limits.h"

enum {
    RECENT_MAX = 4,     /* newest decisions kept to be served and compared */
    SERVING_MAX = 8,    /* decisions being read from records for others */
    WRITING_MAX = 8,    /* own votes on their way to the disk */
    CASTS_MAX = 4,      /* votes that one turn of the machine may ask for */
    HAVES_PATIENCE = 8, /* a mesh that brought no decision for so many VOTE_HAVE is drawn anew */
    WANTED_MAX = 4,
    NO_VOTER = UINT32_MAX,
};

/* A frame whose votes wait for their signature checks. */
struct intake_item {
    const struct blob *frame;
    uint32_t link; /* LINK_NONE: it is gone, nobody is blamed */
    uint32_t done; /* votes of it that were handled */
};

struct intake {
    uint32_t first, count;
    struct intake_item items[INTAKE_MAX];
};

struct recent {
    uint64_t instance; /* 0: empty */
    uint8_t value[32];
    const struct blob *decision; /* the encoded object */
};

/* A decision of others on its way in: asked for, being checked, or waiting for its block. */
struct arrival {
    uint64_t ask_ns;                /* when to ask next; DEADLINE_NONE: nothing to ask for */
    const struct blob *check_frame; /* being checked; NULL: none */
    uint64_t target;                /* the highest instance that links told of */
    uint64_t links;                 /* who told of it */
    uint64_t asked_ns;              /* of the outstanding DECISION_GET; 0: none */
    uint64_t asked;                 /* its instance */
    bool low; /* the next one is asked for: who told of more may lie, or say nothing */
    uint32_t asked_link;
    uint32_t check_link;
    uint32_t waiting_link;      /* who sent `waiting`; LINK_NONE: gone */
    const struct blob *waiting; /* checked decision whose block is not executed here; NULL: none */
    uint64_t want_ns;           /* when to ask for that block again */
    struct decision_facts waiting_facts;
    struct certificate_check check;
};

/* The search for where the branch of a link left this one (finality_conflict.c). */
struct conflict {
    uint64_t settled;     /* links whose branch is another one and was judged */
    uint32_t link;        /* LINK_NONE: no search */
    uint32_t request;     /* own record that is being read; 0: none */
    uint64_t due_ns;      /* for an answer */
    uint64_t same, below; /* the highest instance known to be equal, the first not to ask for */
    uint64_t asked;       /* waits for a decision of this instance or a later one; 0: does not */
    uint64_t asked_last;  /* the question that the answer is to */
    uint64_t differs;     /* instance of `theirs` */
    bool probing;         /* asked for the newest */
    bool meeting;         /* the earliest difference is known: looks for both decisions */
    bool checking;        /* the certificate of `theirs` */
    uint8_t code;         /* of the frame that would be blamed with err */
    enum err err;         /* what the link is suspected of, if it is on this branch */
    uint8_t own[32];      /* value of `ours` */
    struct decision_facts facts;
    const struct blob *answer; /* DECISION frame in hand */
    const struct blob *theirs; /* DECISION frame, the earliest that differs so far */
    const struct blob *ours;   /* decision */
    const struct blob *seats;  /* record of its committee, when the state has it no more */
    struct certificate_check check;
};

/* The committee that decides the next instance, as the last checkpoint knows it. */
struct seat {
    uint32_t self;           /* NO_VOTER: not a member */
    const struct blob *root; /* the checkpoint's state, one reference */
    const struct blob *leaf; /* a copy of the committee's: hosts put aside what is durable */
    uint8_t root_hash[32];
    struct committee committee; /* count 0: none */
    uint8_t id[32];
};

struct writing {
    uint32_t request; /* 0: free, or refused */
    bool refused;     /* by the disk, which is offered it again */
    bool first;       /* of its round */
    struct vote vote;
};

struct wanted {
    uint8_t id[32];
    uint64_t height;
    uint32_t link;
};

struct serving {
    uint32_t request; /* 0: free */
    uint32_t link;
};

/* What recovery found. */
struct recovery {
    uint32_t votes_request, lock_request;
    bool votes_done, lock_done;
    uint32_t count;
    struct vote votes[4];     /* newest first */
    const struct blob *lock;  /* the record; NULL: none */
    const struct blob *entry; /* the record of the first vote of the newest round; NULL: bare */
};

/* The newest proposal, kept to be shown to who missed it. */
struct shown {
    const struct blob *frame;
    uint64_t instance, known; /* links */
    uint32_t round;
};

struct finality {
    const struct node_config *config;
    struct chain *chain;
    struct overlay *overlay;
    struct shared *shared;
    /* What every step looks at: three cache lines, with the heads of what follows. */
    bool running; /* recovery is over */
    bool mute;    /* what was signed cannot be read, or a lock not kept: never votes in this life */
    bool proposing; /* this node proposes the current round and has not yet */
    bool accused;   /* offences may hold evidence that waits */
    bool has_account;
    bool voted;     /* was a member in this life: `votes` have been used */
    uint8_t writes; /* own votes on their way to the disk, or refused by it */
    uint32_t wanted_count;
    uint64_t flush_ns, have_ns;
    uint64_t busy_ns;  /* checks are left over: due at once */
    uint64_t again_ns; /* the disk is offered refused votes again */
    uint64_t timer_ns[TM_TIMERS];
    uint64_t told;     /* links that know the newest decision */
    uint64_t attended; /* newest instance whose attendance was thought of */
    uint32_t now;      /* which of votes */
    struct seat seat;
    struct arrival arrival;
    struct intake intake;
    struct recent recent[RECENT_MAX];
    uint32_t timer_round[TM_TIMERS];
    uint32_t signed_round; /* newest own vote of the current instance: never signs at or below it
                              again */
    uint8_t signed_kind;
    uint32_t stored_round; /* the newest own vote that is durable */
    uint64_t stored_instance;
    uint32_t old_round;    /* of an older instance whose votes are still on the disk */
    uint64_t old_instance; /* 0: none */
    uint64_t signed_instance;
    struct wanted wanted[WANTED_MAX];
    struct serving serving[SERVING_MAX];
    struct mesh mesh;
    struct recovery recovery;
    struct sign_secret secret;
    struct shown shown;
    struct writing writing[WRITING_MAX];
    uint32_t
        answered_s[LINKS_MAX]; /* when a VOTE_HAVE of the link was last answered, in seconds + 1 */
    struct tendermint tm;
    struct conflict conflict;
    uint64_t asked_values[VOTES_VALUES_MAX / 64]; /* whose blocks were asked for in this round */
    uint64_t entered;                             /* instance the machine was started for last */
    uint32_t haves;                               /* how often it told what it has since then */
    struct tm_proposal pending;                   /* came before the instance was entered */
    /* [now]: of the next instance, or of the last one until somebody votes in the next; the other:
     * one beyond. */
    struct votes *votes; /* [2] */
    struct offences *offences;
    /* These three are NULL without an account; [2] of the last two. */
    uint64_t *weights;
    struct voter_facts (*facts)[VOTES_VOTERS_MAX];
    struct ballot (*pool)[VOTES_POOL_BALLOTS];
};

struct finality_room {
    struct votes votes[2];
    struct offences offences;
    uint64_t weights[VOTES_VOTERS_MAX]; /* from here on for accounts alone */
    struct voter_facts facts[2][VOTES_VOTERS_MAX];
    struct ballot pool[2][VOTES_POOL_BALLOTS];
};

static inline struct votes *votes_now(struct finality *f)
{
    return &f->votes[f->now];
}

static inline bool is_member(const struct finality *f)
{
    return f->seat.self != NO_VOTER;
}

static inline bool is_on(const struct finality *f)
{
    return chain_params(f->chain)->finality != 0;
}

/* Whether the disk has the decision below and enough of the last votes for the machine to go on: it
 * casts a vote once, so one that could not be written would be lost. */
static inline bool own_votes_room(const struct finality *f)
{
    return (f->writes + CASTS_MAX <= WRITING_MAX && chain_final_stored(f->chain)) || f->mute;
}

/* finality.c */
uint64_t finality_next(const struct finality *f); /* the instance to be decided next */
void finality_run(
    struct finality *f,
    struct ctx *c); /* refreshes verdicts, lets the machine go on, does what it asks */
void finality_enter(struct finality *f, struct ctx *c); /* if it is time */
void finality_decided(struct finality *f, struct ctx *c, const struct decision_facts *facts,
                      const struct blob *decision, bool by_certificate);
void finality_want(struct finality *f, const uint8_t id[32], uint64_t instance, uint32_t link);
struct votes *finality_votes_for(struct finality *f, uint64_t instance);

/* finality_vote.c: own votes */
void own_vote(struct finality *f, struct ctx *c, const struct tm_action *action);
void own_proposal(struct finality *f, struct ctx *c);
bool own_vote_written(struct finality *f, struct ctx *c, const struct event *event);
void own_votes_again(struct finality *f, struct ctx *c);
void own_votes_read(struct finality *f, struct ctx *c);
bool own_votes_read_done(struct finality *f, struct ctx *c, const struct event *event);
/* Gives back what recovery holds. */
void own_votes_drop(struct finality *f);
/* Adds the votes of the last life; true when the machine was restarted where that left it. */
bool own_votes_recover(struct finality *f, struct ctx *c);

/* finality_intake.c: votes and proposals of others */
enum err intake_frame(struct finality *f, struct ctx *c, uint32_t link, const struct blob *frame);
void intake_run(struct finality *f, struct ctx *c);
void intake_link_down(struct finality *f, uint32_t link);
void intake_drop(struct finality *f);

/* finality_send.c: bundles and resynchronisation */
void send_fresh_due(struct finality *f, struct ctx *c);
void send_flush(struct finality *f, struct ctx *c);
void send_have(struct finality *f, struct ctx *c, uint64_t links); /* decision 2 */
/* To the mesh, and again after vote_have_ns while the machine runs. */
void send_have_due(struct finality *f, struct ctx *c);
enum err send_missing(struct finality *f, struct ctx *c, uint32_t link, struct span frame);
void send_shown(struct finality *f, struct ctx *c, uint64_t links);

/* finality_arrival.c: decisions of others */
void arrival_init(struct finality *f);
void arrival_drop(struct finality *f);
void arrival_told(struct finality *f, struct ctx *c, uint32_t link, uint64_t instance);
/* A peer has decided an instance, or says so. */
void arrival_final_seen(struct finality *f, uint32_t link, uint64_t instance);
enum err arrival_frame(struct finality *f, struct ctx *c, uint32_t link, const struct blob *frame);
void arrival_check(struct finality *f, struct ctx *c); /* goes on with a check */
void arrival_wake(struct finality *f, struct ctx *c);
void arrival_keep(struct finality *f, const struct ctx *c, const struct decision_facts *facts,
                  const struct blob *decision);        /* waits for its block */
void arrival_after(struct finality *f, struct ctx *c); /* the final instance moved */
void arrival_link_down(struct finality *f, uint32_t link);
void arrival_block_known(struct finality *f, struct ctx *c, const uint8_t id[32]);
void arrival_tell(struct finality *f, struct ctx *c, uint64_t links);
/* One DECISION_IHAVE. */
void arrival_tell_of(struct ctx *c, uint64_t links, uint64_t instance, const uint8_t value[32]);
/* The committee of an epoch by the state of root_hash, with a copy of its leaf. */
enum err seat_read(struct seat *seat, struct ctx *c, uint64_t epoch) MUST_CHECK;
/* The committee of an instance, as the last checkpoint knows it, and its name for the memo.
 * ERR_NOT_FOUND: too long ago, or too far ahead. */
enum err arrival_committee(struct committee *committee, uint8_t id[32], const struct finality *f,
                           struct ctx *c, uint64_t instance) MUST_CHECK;
bool arrival_read_done(struct finality *f, struct ctx *c, const struct event *event);
const struct recent *arrival_recent(const struct finality *f, uint64_t instance);

/* finality_conflict.c: decisions that contradict each other */
void conflict_init(struct finality *f);
void conflict_drop(struct finality *f);
void conflict_link_down(struct finality *f, uint32_t link);
/* The link's branch is known to be another one: what it says of finality is not for us. */
bool conflict_settled(const struct finality *f, uint32_t link);
/* A link names a decision of an instance that is final here: if it is another one, what they part
 * from is searched for. */
void conflict_named(struct finality *f, struct ctx *c, uint32_t link,
                    const struct decision_facts *facts);
/* Asks whether the link is on this branch. */
void conflict_probe(struct finality *f, struct ctx *c, uint32_t link);
/* A link said what cannot be true here. ERR_OK: nobody is blamed before it is known whether the
 * link is on this branch; else err. */
enum err conflict_suspected(struct finality *f, struct ctx *c, uint32_t link, enum err err,
                            uint8_t code) MUST_CHECK;
/* A DECISION. True: it was the answer to a question of the search. */
bool conflict_frame(struct finality *f, struct ctx *c, uint32_t link, const struct blob *frame);
bool conflict_read_done(struct finality *f, struct ctx *c, const struct event *event);
void conflict_check(struct finality *f, struct ctx *c);
/* Keeps the committee of the next instance for as long as evidence against it counts. */
void conflict_seats_keep(struct finality *f, struct ctx *c);
void conflict_wake(struct finality *f, struct ctx *c);

#endif
