/* Liveness: once the last fault is over and more than 2/3 of the stake is up and connected, every
 * next checkpoint is decided within
 *
 *   check.liveness, or when that is 0
 *   R(r) + R(r+1) + ... + R(r+2+x) + 2 s + P(E + d)
 *
 * R(r) = propose + 2 vote timeouts of round r, whose growth has ended at round_growth_max (decision
 * 14); r: the highest round when the wait began. x: rounds whose proposer may be missing, the least
 * with (missing stake / stake)^x < 2^-30. P(n) = (2n + 24) T for n blocks at a mean interval T,
 * half as much again when stake is missing: the sum of n exponential gaps exceeds it with a chance
 * below 10^-9. With finality off: a higher tip within P(1). A byzantine node whose part ends is as
 * a fault that ends; one whose part does not is missing.
 *
 * The wait begins with the last of: the last fault or heal, the moment the 2/3 came together, the
 * checkpoint before. Stake is that of genesis. Nodes under a fault that never ends count as
 * missing; of the sides of a cut that never ends, the one with most stake counts. */
#include <stdlib.h>

#include "node/base/invariant.h"
#include "sim/check/check_private.h"

#define NS_PER_MS UINT64_C(1000000)
#define SLACK_NS UINT64_C(2000000000)
#define CUTS_MAX 32 /* with more endless cuts nothing is asked for */

/* --- what never ends --- */

/* Two nodes that are in the same sets of all endless cuts are on the same side. */
static uint64_t cut_bits(const struct fault_timeline *t, const uint32_t *cuts, unsigned count,
                         uint32_t node)
{
    uint64_t bits = 0;

    for (unsigned i = 0; i < count; i++) {
        const struct fault *f = &t->fault[cuts[i]];
        bits |= (uint64_t)fault_set_has(&t->set[f->a], node) << (2 * i);
        bits |= (uint64_t)fault_set_has(&t->set[f->b], node) << (2 * i + 1);
    }
    return bits;
}

/* A cut of either direction separates. */
static bool separated(unsigned count, uint64_t x, uint64_t y)
{
    for (unsigned i = 0; i < count; i++) {
        uint64_t a = (uint64_t)1 << (2 * i);
        uint64_t b = a << 1;
        if (((x & a) != 0 && (y & b) != 0) || ((y & a) != 0 && (x & b) != 0)) {
            return true;
        }
    }
    return false;
}

static uint32_t root_of(const uint32_t *up, uint32_t i)
{
    while (up[i] != i) {
        i = up[i];
    }
    return i;
}

/* Sides of the endless cuts, joined through whoever reaches both. */
static void parts_join(struct liveness *l, const uint64_t *bits, unsigned cuts, uint32_t nodes)
{
    uint64_t *kinds = malloc(nodes * sizeof(*kinds));
    uint32_t *up = malloc(nodes * sizeof(*up));
    uint32_t count = 0;

    invariant(kinds != NULL && up != NULL);
    for (uint32_t i = 0; i < nodes; i++) {
        uint32_t k = 0;
        while (k < count && kinds[k] != bits[i]) {
            k++;
        }
        if (k == count) {
            kinds[count] = bits[i];
            up[count] = count;
            count++;
        }
        l->part[i] = k;
    }
    for (uint32_t x = 0; x < count; x++) {
        for (uint32_t y = 0; y < x; y++) {
            if (!separated(cuts, kinds[x], kinds[y])) {
                up[root_of(up, x)] = root_of(up, y);
            }
        }
    }
    for (uint32_t i = 0; i < nodes; i++) {
        l->part[i] = root_of(up, l->part[i]);
    }
    l->parts = count;
    free(kinds);
    free(up);
}

static bool hampers(enum fault_kind kind)
{
    return kind == FAULT_CLOG || kind == FAULT_LOSS || kind == FAULT_SLOW_NET ||
           kind == FAULT_SLOW_CPU || kind == FAULT_SLOW_DISK || kind == FAULT_FULL_DISK;
}

/* Crashes are seen as they happen. */
static void endless_apply(struct checks *checks)
{
    struct liveness *l = &checks->liveness;
    const struct fault_timeline *t = checks->timeline;
    uint32_t cuts[CUTS_MAX];
    unsigned count = 0;
    uint64_t *bits = calloc(checks->nodes, sizeof(*bits));

    invariant(bits != NULL);
    for (uint32_t k = 0; t != NULL && k < t->count; k++) {
        const struct fault *f = &t->fault[k];
        if (f->until_ns != FAULT_FOREVER) {
            continue;
        }
        if (f->kind == FAULT_CUT && count < CUTS_MAX) {
            cuts[count++] = k;
        } else if (f->kind == FAULT_CUT || hampers(f->kind)) {
            for (uint32_t i = 0; i < checks->nodes; i++) {
                l->stake[i] =
                    f->kind == FAULT_CUT || fault_set_has(&t->set[f->a], i) ? 0 : l->stake[i];
            }
        }
    }
    for (uint32_t i = 0; i < checks->nodes; i++) {
        bits[i] = cut_bits(t, cuts, count, i);
    }
    parts_join(l, bits, count, checks->nodes);
    free(bits);
}

void liveness_begin(struct checks *checks, const uint64_t *stake_tokens)
{
    struct liveness *l = &checks->liveness;

    l->stake = calloc(checks->nodes, sizeof(*l->stake));
    l->part = calloc(checks->nodes, sizeof(*l->part));
    l->up = calloc(checks->nodes, sizeof(*l->up));
    invariant(l->stake != NULL && l->part != NULL && l->up != NULL);
    for (uint32_t i = 0; i < checks->nodes && stake_tokens != NULL; i++) {
        l->stake[i] = stake_tokens[i];
        l->total += stake_tokens[i];
    }
    endless_apply(checks);
    l->part_up = calloc(l->parts, sizeof(*l->part_up));
    invariant(l->part_up != NULL);
    l->last_fault_ns = checks->timeline != NULL ? fault_last_change_ns(checks->timeline) : 0;
    for (uint32_t i = 0; i < checks->nodes; i++) {
        uint64_t until = checks->byzantine_until_ns[i];
        l->stake[i] = until == UINT64_MAX ? 0 : l->stake[i];
        if (until != UINT64_MAX && until > l->last_fault_ns) {
            l->last_fault_ns = until;
        }
    }
}

void liveness_free(struct checks *checks)
{
    free(checks->liveness.stake);
    free(checks->liveness.part);
    free(checks->liveness.part_up);
    free(checks->liveness.up);
}

/* --- the bound --- */

static uint64_t round_ns(const struct params *p, uint64_t round)
{
    uint64_t r = round < p->round_growth_max ? round : p->round_growth_max;

    return NS_PER_MS *
           (p->propose_ms + r * p->propose_step_ms + 2 * (p->vote_ms + r * p->vote_step_ms));
}

/* The least x with (missing / total)^x < 2^-30; 64 at most. */
static unsigned rounds_extra(const struct liveness *l)
{
    uint64_t missing = l->total - l->best_up;
    uint64_t chance = (uint64_t)1 << 62;
    unsigned x = 0;

    for (; missing > 0 && x < 64 && chance >= (uint64_t)1 << 32; x++) {
        chance = (uint64_t)((u128)chance * missing / l->total);
    }
    return x;
}

static uint64_t blocks_ns(const struct checks *checks, uint64_t count)
{
    uint64_t ns = (2 * count + 24) * checks->params->target_ms * NS_PER_MS;

    return checks->liveness.best_up < checks->liveness.total ? ns + ns / 2 : ns;
}

uint64_t liveness_bound_ns(const struct checks *checks)
{
    const struct liveness *l = &checks->liveness;
    const struct params *p = checks->params;

    if (checks->scenario->check.liveness_ns != 0) {
        return checks->scenario->check.liveness_ns;
    }
    if (p->finality == 0) {
        return blocks_ns(checks, 1);
    }
    uint64_t ns = SLACK_NS + blocks_ns(checks, p->checkpoint_blocks + p->checkpoint_depth);
    unsigned rounds = 3 + rounds_extra(l);
    for (unsigned i = 0; i < rounds; i++) {
        ns += round_ns(p, l->round_since + i);
    }
    return ns;
}

/* --- the wait --- */

static void wait_begin(struct liveness *l, uint64_t now_ns)
{
    l->since_ns = now_ns;
    l->round_since = l->round;
}

static void judge(struct checks *checks, uint64_t now_ns)
{
    struct liveness *l = &checks->liveness;

    if (!l->began && now_ns > l->last_fault_ns) {
        l->began = true;
        wait_begin(l, l->last_fault_ns > l->since_ns ? l->last_fault_ns : l->since_ns);
    }
    if (!l->began || !l->quorum || now_ns <= l->since_ns || checks->violations.count > 0) {
        return; /* two sides that decided differently never meet again */
    }
    uint64_t wait = now_ns - l->since_ns;
    uint64_t bound = liveness_bound_ns(checks);
    if (wait > bound) {
        check_fail(
            checks, CHECK_LIVENESS,
            "liveness: no %s after %s %" PRIu64 " by " SECONDS " though %" PRIu64 " of %" PRIu64
            " tokens of stake are up and connected and nothing was wrong since " SECONDS
            ": the bound is " SECONDS,
            checks->params->finality != 0 ? "checkpoint" : "block",
            checks->params->finality != 0 ? "instance" : "height", l->reached, SECONDS_OF(now_ns),
            l->best_up, l->total, SECONDS_OF(l->since_ns), SECONDS_OF(bound));
    }
}

static void progress(struct checks *checks, uint64_t now_ns, uint64_t reached)
{
    struct liveness *l = &checks->liveness;

    if (reached <= l->reached) {
        return;
    }
    if (l->began && l->quorum && now_ns > l->since_ns) {
        uint64_t wait = now_ns - l->since_ns;
        l->judged++;
        l->worst_ns = wait > l->worst_ns ? wait : l->worst_ns;
    }
    l->reached = reached;
    l->round = 0;
    wait_begin(l, now_ns);
}

static void power(struct checks *checks, const struct trace_row *row, bool up)
{
    struct liveness *l = &checks->liveness;

    if (row->node >= checks->nodes || l->up[row->node] == up) {
        return;
    }
    uint64_t *part = &l->part_up[l->part[row->node]];
    l->up[row->node] = up;
    *part = up ? *part + l->stake[row->node] : *part - l->stake[row->node];
    l->best_up = 0;
    for (uint32_t i = 0; i < l->parts; i++) {
        l->best_up = l->part_up[i] > l->best_up ? l->part_up[i] : l->best_up;
    }
    bool quorum = (u128)l->best_up * 3 > (u128)l->total * 2;
    if (quorum && !l->quorum) {
        wait_begin(l, row->time_ns);
    }
    l->quorum = quorum;
}

void liveness_row(struct checks *checks, const struct trace_row *row)
{
    struct liveness *l = &checks->liveness;
    bool finality = checks->params->finality != 0;

    switch (row->kind) {
    case TRACE_KINDS + WORLD_TRACE_node_up:
    case TRACE_KINDS + WORLD_TRACE_node_down:
        judge(checks, row->time_ns);
        power(checks, row, row->kind == TRACE_KINDS + WORLD_TRACE_node_up);
        break;
    case TRACE_checkpoint_decided:
    case TRACE_tip_changed:
        if (finality == (row->kind == TRACE_checkpoint_decided)) {
            judge(checks, row->time_ns);
            progress(checks, row->time_ns, row->value[0]);
        }
        break;
    case TRACE_round_started:
        if (row->value[0] > l->reached && row->value[1] > l->round) {
            judge(checks, row->time_ns);
            l->round = row->value[1];
        }
        break;
    default:
        break;
    }
}

void liveness_now(struct checks *checks, uint64_t now_ns)
{
    judge(checks, now_ns);
}
