/* Audit reputation: three beta counters per host, as Storj keeps them, in fixed point.
 * spec: storage-proofs 6.1, 6.4.
 *
 *     success: alpha = lambda alpha + w, beta = lambda beta      failure: the other way round
 *     score = alpha / (alpha + beta)
 *
 * "Proven bad" is quickly fatal, "unknown error" suspends, "offline" has its own score over time
 * windows. In a batch failures come first; a batch is the sequence, bit for bit. */
#ifndef ORRERY_PROOF_AUDIT_H
#define ORRERY_PROOF_AUDIT_H

#include "node/base/bytes.h"
#include "node/base/err.h"
#include "node/proof/formula.h"

struct audit_params {
    struct ratio lambda, disqualify_at; /* of the audit counter; at or below: disqualified */
    uint32_t weight, alpha0, beta0;
    struct ratio unknown_lambda, suspend_at;
    uint32_t unknown_alpha0;
    uint64_t grace_h; /* suspended longer, and failing again: disqualified if enabled */
    bool suspension_disqualifies;
    uint32_t vetting_audits;
    uint64_t vetting_age_h;
    uint64_t window_h, tracking_h; /* of the online score */
    struct ratio offline_at;
    uint64_t offline_grace_h;
    bool offline_disqualifies;
    uint32_t reverify_max; /* contained pieces: attempts before a timeout is a failure */
};

/* The defaults of storj/storj 5dbec64f. */
const struct audit_params *audit_params_storj(void);

/* Q40 counters. */
struct audit_beta {
    uint64_t alpha, beta;
};

void audit_beta_init(struct audit_beta *b, uint32_t alpha0, uint32_t beta0);
void audit_beta_update(struct audit_beta *b, struct ratio lambda, uint32_t weight,
                       uint32_t failures, uint32_t successes);
/* score <= threshold, exactly. With both counters 0 the score is 1. */
bool audit_beta_at_most(const struct audit_beta *b, struct ratio threshold);
/* Score and variance alpha beta / ((alpha+beta)^2 (alpha+beta+1)) in Q32, for PoCA. */
uint64_t audit_beta_score_q32(const struct audit_beta *b);
uint64_t audit_beta_variance_q32(const struct audit_beta *b);

enum audit_status { AUDIT_VETTING, AUDIT_GOOD, AUDIT_SUSPENDED, AUDIT_DISQUALIFIED };

struct audit_host {
    struct audit_beta audit, unknown;
    uint64_t since_h; /* joined */
    uint64_t n_audits;
    uint64_t suspended_h; /* since when */
    bool suspended, disqualified;
};

struct audit_batch {
    uint32_t failures, unknowns, successes; /* offline audits touch the online score only */
};

void audit_host_init(struct audit_host *h, const struct audit_params *p, uint64_t now_h);
void audit_host_update(struct audit_host *h, const struct audit_params *p,
                       const struct audit_batch *batch, uint64_t now_h);
enum audit_status audit_host_status(const struct audit_host *h, const struct audit_params *p,
                                    uint64_t now_h);

/* Online history: windows of audits, oldest first. The caller owns the array; it needs
 * tracking / window + 2 entries. */
struct audit_window {
    uint64_t start;
    uint32_t total, online;
};
struct audit_online {
    struct audit_window *windows;
    size_t n_windows, cap_windows;
    uint64_t window, tracking; /* any unit of time */
};

/* Notes one audit. ERR_STALE: before the current window. ERR_FULL. */
MUST_CHECK enum err audit_online_add(struct audit_online *h, uint64_t now, bool online);
/* Mean of online / total over the completed windows; 1 while there is none. Q32. */
uint64_t audit_online_score_q32(const struct audit_online *h);

#endif
