/* Proofs of space over time: when a sector is asked, for what, and what follows from the answer.
 * spec: storage-proofs 4, 2.4; history 2.7. The answers themselves are those of values.h. */
#ifndef ORRERY_PROOF_POST_H
#define ORRERY_PROOF_POST_H

#include "node/base/bytes.h"
#include "node/base/err.h"
#include "node/crypto/sha256.h"
#include "node/proof/formula.h"
#include "node/proof/profile.h"

/* All times in epochs of epoch_ms. */
struct post_params {
    const char *name;
    uint64_t epoch_ms;
    uint64_t period;             /* every sector is asked once per period (on average) */
    uint64_t deadlines;          /* windows in a period; 0: sectors are drawn by beacon instead */
    uint64_t window;             /* length of a deadline's window */
    uint64_t lookback;           /* the challenge is fixed this long before the window opens */
    uint64_t fault_cutoff;       /* fault declarations close this long before the window opens */
    uint64_t dispute_window;     /* an accepted proof may be disputed this long */
    uint32_t challenges;         /* leaves per sector and window */
    uint32_t partition_sectors;  /* sectors in one proof */
    uint32_t misses_to_fault;    /* the first misses make a suspect only, if above 1 */
    uint64_t fault_epochs_max;   /* faulty longer: terminated; 0: the vote decides at once */
    uint64_t free_fault_epochs;  /* at the start of a fault, without fee */
    struct ratio fault_fee;      /* in expected rewards of the same time */
    struct ratio dispute_fee;    /* in days of expected reward, once */
    uint64_t dispute_fixed;      /* and so many whole coins */
    uint64_t dispute_reporter;   /* of which the reporter gets so many */
    uint64_t fee_age_epochs;     /* the termination fee grows up to this age of the sector */
    struct ratio fee_full;       /* of the pledge, from that age on */
    struct ratio fee_floor;      /* of the pledge, at least */
    struct ratio fee_over_fault; /* and at least so many times the fault fee */
    bool vote;                   /* a fault becomes final by vote of the judges */
};

/* Filecoin's WindowPoSt (builtin-actors b0a3bdd6), and Sirius' verification every 4 hours with
 * blocks of 15 s and 77 leaves (spec 4, history 2.7). */
const struct post_params *post_params_filecoin(void);
const struct post_params *post_params_sirius(void);

/* ERR_INVALID if a host could declare faults after it has seen the challenge (fault_cutoff <
 * lookback), or if windows and period do not fit. */
MUST_CHECK enum err post_params_check(const struct post_params *p);

/* A deadline's moments. */
struct post_deadline {
    uint64_t fault_cutoff, challenge, open, close; /* epochs; close is the first one after */
};

/* Deadline `index` of the period that starts at epoch `start` (>= fault_cutoff). */
struct post_deadline post_deadline_at(const struct post_params *p, uint64_t start, uint64_t index);

/* Leaf challenge: le64(SHA-256(randomness | le64 sector | le64 index)) mod nodes. */
uint64_t post_leaf(const struct sha256_engine *e, const uint8_t randomness[32], uint64_t sector,
                   uint64_t index, uint64_t nodes);
/* Sector drawn for winning: le64(SHA-256(prover | randomness | le64 index)) mod sectors. */
uint64_t post_sector(const struct sha256_engine *e, const uint8_t prover[32],
                     const uint8_t randomness[32], uint64_t index, uint64_t sectors);
/* randomness = SHA-256("xpx/post/1" | beacon | contract | le64 replica) */
void post_randomness(const struct sha256_engine *e, uint8_t out[32], const uint8_t beacon[32],
                     const uint8_t contract[32], uint64_t replica);

/* Sirius: which of n contracts are verified in this block. f = period blocks; floor(n / f), one
 * more with probability (n mod f) / f. Writes distinct numbers to out (cap of them at most). */
MUST_CHECK enum err post_draw(const struct sha256_engine *e, uint64_t *out, size_t cap,
                              size_t *n_out, const uint8_t beacon[32], uint64_t n, uint64_t f);

/* Sirius: 10 min + 0.24 min per begun GB (10^9 bytes), in milliseconds. history 2.7 */
uint64_t post_timeout_ms(uint64_t bytes);
/* Judges needed for a verdict on n members: floor(2 max(n, 4) / 3) + 1. history 2.7 */
uint64_t post_judges(uint64_t members);

/* The time within which an answer must come so that a host cannot label the sector again: a
 * cheat is assumed `POST_SPEEDUP` times faster than the honest sealing time. spec: 2.4 */
enum { POST_SPEEDUP = 240 };
uint64_t post_answer_window_ns(uint64_t seal_ns);

/* What ending a sector early costs, of a pledge (FIP-0098): fee_full, growing in a straight line
 * over the first fee_age_epochs, but not below fee_floor nor below fee_over_fault times fault_fee,
 * the fee of one day of fault in the same unit. pledge and fault_fee below 2^63. */
uint64_t post_termination_fee(const struct post_params *p, uint64_t pledge, uint64_t age_epochs,
                              uint64_t fault_fee);

enum post_state {
    POST_HEALTHY,
    POST_SUSPECT,   /* missed, not yet often enough to be a fault */
    POST_FAULT,     /* declared, detected, or proven by a bad proof */
    POST_RECOVERED, /* declared recovered: healthy again with the next good proof */
    POST_TERMINATED,
};

enum post_event {
    POST_PROVEN,        /* a good proof in the window */
    POST_MISSED,        /* the window closed without one */
    POST_BAD_PROOF,     /* a proof was disputed and is wrong */
    POST_DECLARE_FAULT, /* by the host, before the cutoff */
    POST_DECLARE_BACK,  /* by the host: the sector will be proven again */
    POST_VOTE_GUILTY,   /* the judges confirm a fault */
    POST_VOTE_INNOCENT, /* or not */
    POST_PERIOD,        /* time passes: fees and the limit on faults */
};

struct post_sector_state {
    enum post_state state;
    uint32_t misses;      /* in a row */
    uint64_t fault_since; /* epoch */
    uint64_t charged_to;  /* fees are paid up to this epoch */
};

/* What the chain has to do. */
struct post_outcome {
    uint64_t fee_epochs;  /* epochs whose fault_fee is due now */
    bool dispute_fee_due; /* dispute_fee, once */
    bool vote_wanted;
    bool slash; /* terminated for fault: deposits are forfeited, repair begins */
};

/* ERR_STALE: the sector is terminated. ERR_INVALID: the event does not fit the state. */
MUST_CHECK enum err post_step(const struct post_params *p, struct post_sector_state *s,
                              enum post_event event, uint64_t epoch, struct post_outcome *out);

#endif
