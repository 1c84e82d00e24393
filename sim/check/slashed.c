/* After the sides merge both slash (spec: chain 5, point 8). Where a third of the stake lied, two
 * blocks may have been decided for one instance. Once no fault keeps the sides apart, everybody
 * honest finds the first such instance, and on its chain, whichever side's it is, at least a third
 * of that instance's committee is in jail. Not asked for: what is too old to be punished, and
 * committees that the sides did not share. */
#include "sim/check/check_private.h"

#define MEET_NS UINT64_C(60000000000) /* backed-off dials, and a record or two */
#define MEET_BLOCKS 20                /* until evidence is on the chain */

bool checks_violated(const struct checks *checks)
{
    return checks->violations.count > 0;
}

static const struct violation *first_violation(const struct checks *checks)
{
    const struct violation *first = NULL;

    for (uint32_t i = 0; i < checks->violations.count; i++) {
        const struct violation *v = &checks->violations.list[i];
        first = first == NULL || v->instance < first->instance ? v : first;
    }
    return first;
}

/* When the last thing ended that may keep machines apart, and how long the longest took: they dial
 * again after as long again. UINT64_MAX: it does not end. */
static uint64_t apart_until_ns(const struct checks *checks, uint64_t *longest_ns)
{
    const struct fault_timeline *t = checks->timeline;
    uint64_t last = 0;

    *longest_ns = 0;
    for (uint32_t i = 0; t != NULL && i < t->count; i++) {
        const struct fault *f = &t->fault[i];
        if (f->until_ns == FAULT_FOREVER) {
            return UINT64_MAX;
        }
        last = f->until_ns > last ? f->until_ns : last;
        uint64_t length = f->until_ns - f->at_ns;
        *longest_ns = length > *longest_ns ? length : *longest_ns;
    }
    return last;
}

void checks_jailed(struct checks *checks, uint32_t node, uint64_t now_ns, uint64_t tip_height,
                   const bool *jailed)
{
    const struct violation *v = first_violation(checks);
    const struct params *p = checks->params;
    uint64_t longest_ns;

    if (v == NULL || !check_honest(checks, node)) {
        return;
    }
    uint64_t epoch = (v->instance * p->checkpoint_blocks - 1) / p->epoch_blocks;
    const struct seating *seating = statements_seating(&checks->statements, epoch);
    uint64_t apart_ns = apart_until_ns(checks, &longest_ns);
    uint64_t met_ns = apart_ns > v->time_ns ? apart_ns : v->time_ns;
    uint64_t least_ns = longest_ns + MEET_NS + MEET_BLOCKS * p->target_ms * UINT64_C(1000000);
    if (seating == NULL || seating->disputed || seating->total == 0 || apart_ns == UINT64_MAX ||
        now_ns < met_ns || now_ns - met_ns < least_ns ||
        tip_height / p->epoch_blocks >= epoch + p->unbonding_epochs) {
        return;
    }
    uint64_t weight = 0;
    for (uint32_t s = 0; s < seating->room; s++) {
        const struct seat_holder *holder = &seating->seats[s];
        weight += holder->nodes[0] != 0 && jailed[holder->nodes[0] - 1] ? holder->weight : 0;
    }
    checks->violations.judged++;
    if ((u128)weight * 3 < seating->total) {
        check_fail(checks, CHECK_BROKEN,
                   "slashing: instance %" PRIu64 " was decided as %016" PRIx64 " and as %016" PRIx64
                   " and nothing kept the sides apart since " SECONDS
                   ", but on the chain of node %u %" PRIu64 " of %" PRIu64
                   " of the committee's weight is in jail: less than a third",
                   v->instance, v->one, v->two, SECONDS_OF(met_ns), node, weight, seating->total);
    }
}
