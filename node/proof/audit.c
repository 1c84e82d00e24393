#include "node/proof/audit.h"

#include "node/base/fixed.h"
#include "node/base/invariant.h"

enum { Q = 40 };

static const struct audit_params storj = {
    .lambda = {999, 1000},
    .disqualify_at = {96, 100},
    .weight = 1,
    .alpha0 = 1000,
    .beta0 = 0,
    .unknown_lambda = {95, 100},
    .suspend_at = {6, 10},
    .unknown_alpha0 = 1,
    .grace_h = 168,
    .suspension_disqualifies = false,
    .vetting_audits = 100,
    .vetting_age_h = 504,
    .window_h = 12,
    .tracking_h = 720,
    .offline_at = {6, 10},
    .offline_grace_h = 168,
    .offline_disqualifies = false,
    .reverify_max = 3,
};

const struct audit_params *audit_params_storj(void)
{
    return &storj;
}

void audit_beta_init(struct audit_beta *b, uint32_t alpha0, uint32_t beta0)
{
    b->alpha = (uint64_t)alpha0 << Q;
    b->beta = (uint64_t)beta0 << Q;
    invariant(alpha0 < 1 << 20 && beta0 < 1 << 20);
}

static void event(struct audit_beta *b, struct ratio lambda, uint64_t add_alpha, uint64_t add_beta)
{
    b->alpha = fixed_muldiv(b->alpha, lambda.num, lambda.den) + add_alpha;
    b->beta = fixed_muldiv(b->beta, lambda.num, lambda.den) + add_beta;
}

void audit_beta_update(struct audit_beta *b, struct ratio lambda, uint32_t weight,
                       uint32_t failures, uint32_t successes)
{
    uint64_t w = (uint64_t)weight << Q;
    for (uint32_t i = 0; i < failures; i++) {
        event(b, lambda, 0, w);
    }
    for (uint32_t i = 0; i < successes; i++) {
        event(b, lambda, w, 0);
    }
}

bool audit_beta_at_most(const struct audit_beta *b, struct ratio threshold)
{
    u128 sum = (u128)b->alpha + b->beta;
    if (sum == 0) {
        return threshold.num >= threshold.den;
    }
    return u256_compare_products(b->alpha, threshold.den, sum, threshold.num) <= 0;
}

uint64_t audit_beta_score_q32(const struct audit_beta *b)
{
    u128 sum = (u128)b->alpha + b->beta;
    return sum == 0 ? (uint64_t)1 << 32 : (uint64_t)(((u128)b->alpha << 32) / sum);
}

uint64_t audit_beta_variance_q32(const struct audit_beta *b)
{
    uint64_t score = audit_beta_score_q32(b), rest = ((uint64_t)1 << 32) - score;
    u128 counts = (u128)b->alpha + b->beta + ((u128)1 << Q); /* alpha + beta + 1 */
    u128 product = (u128)score * rest;                       /* Q64 */
    return (uint64_t)((product << (Q - 32)) / counts);
}

void audit_host_init(struct audit_host *h, const struct audit_params *p, uint64_t now_h)
{
    *h = (struct audit_host){.since_h = now_h};
    audit_beta_init(&h->audit, p->alpha0, p->beta0);
    audit_beta_init(&h->unknown, p->unknown_alpha0, 0);
}

void audit_host_update(struct audit_host *h, const struct audit_params *p,
                       const struct audit_batch *batch, uint64_t now_h)
{
    audit_beta_update(&h->audit, p->lambda, p->weight, batch->failures, batch->successes);
    audit_beta_update(&h->unknown, p->unknown_lambda, p->weight, batch->unknowns, batch->successes);
    h->n_audits += (uint64_t)batch->failures + batch->unknowns + batch->successes;
    if (batch->failures > 0 && audit_beta_at_most(&h->audit, p->disqualify_at)) {
        h->disqualified = true;
    }
    if (!audit_beta_at_most(&h->unknown, p->suspend_at)) {
        h->suspended = false;
        return;
    }
    if (!h->suspended) {
        h->suspended = true;
        h->suspended_h = now_h;
    } else if (p->suspension_disqualifies && batch->failures + batch->unknowns > 0 &&
               now_h - h->suspended_h > p->grace_h) {
        h->disqualified = true;
    }
}

enum audit_status audit_host_status(const struct audit_host *h, const struct audit_params *p,
                                    uint64_t now_h)
{
    if (h->disqualified) {
        return AUDIT_DISQUALIFIED;
    }
    if (h->suspended) {
        return AUDIT_SUSPENDED;
    }
    bool vetted = h->n_audits >= p->vetting_audits && now_h - h->since_h >= p->vetting_age_h;
    return vetted ? AUDIT_GOOD : AUDIT_VETTING;
}

enum err audit_online_add(struct audit_online *h, uint64_t now, bool online)
{
    uint64_t start = now - now % h->window;
    if (h->n_windows > 0 && start < h->windows[h->n_windows - 1].start) {
        return ERR_STALE;
    }
    if (h->n_windows == 0 || start > h->windows[h->n_windows - 1].start) {
        /* Windows that have left the tracking period before the current one. */
        size_t old = 0;
        while (old < h->n_windows && h->windows[old].start + h->tracking < start) {
            old++;
        }
        h->n_windows -= old;
        memmove(h->windows, h->windows + old, h->n_windows * sizeof *h->windows);
        if (h->n_windows == h->cap_windows) {
            return ERR_FULL;
        }
        h->windows[h->n_windows++] = (struct audit_window){.start = start};
    }
    struct audit_window *w = &h->windows[h->n_windows - 1];
    w->total++;
    w->online += online;
    return ERR_OK;
}

uint64_t audit_online_score_q32(const struct audit_online *h)
{
    if (h->n_windows <= 1) {
        return (uint64_t)1 << 32;
    }
    uint64_t sum = 0;
    for (size_t i = 0; i + 1 < h->n_windows; i++) {
        sum += ((uint64_t)h->windows[i].online << 32) / h->windows[i].total;
    }
    return sum / (h->n_windows - 1);
}
