/* What this node shows of who prevoted, when an instance is called for and it was the one to
 * propose in it (attendance.h). The votes of the last instance stay until the next one begins, so
 * that those that came after the decision are shown too. */
#include "node/chain/attendance.h"
#include "node/chain/finality_private.h"

struct gathered {
    struct vote *list;
    size_t count;
    uint8_t seen[ATTENDANCE_MAP_BYTES];
};

/* Values of the votes in the order of their ids; nil, of zeros, first. */
static uint32_t values_order(uint8_t order[VOTES_VALUES_MAX], const struct votes *votes)
{
    static const uint8_t nil[32];
    for (uint32_t i = 0; i < votes->value_count; i++) {
        const uint8_t *id = i == VALUE_NIL ? nil : votes->values[i].id;
        uint32_t at = i;
        while (at > 0 && memcmp(votes->values[order[at - 1]].id, id, 32) > 0 &&
               order[at - 1] != VALUE_NIL) {
            order[at] = order[at - 1];
            at--;
        }
        order[at] = (uint8_t)i;
    }
    return votes->value_count;
}

static void set_gather(struct gathered *g, const struct votes *votes, const struct vote_set *set,
                       uint8_t value)
{
    for (uint32_t voter = 0; voter < votes->voters; voter++) {
        uint8_t bit = (uint8_t)(1u << (voter % 8));
        if ((g->seen[voter / 8] & bit) != 0) {
            continue;
        }
        for (uint32_t layer = 0; layer < set->layers; layer++) {
            const struct ballot *ballot = votes_ballot(votes, set, layer, voter);
            if ((ballot->flags & BALLOT_PRESENT) != 0 && ballot->value == value) {
                votes_vote(&g->list[g->count++], votes, set, ballot, voter);
                g->seen[voter / 8] = (uint8_t)(g->seen[voter / 8] | bit);
                break;
            }
        }
    }
}

/* One prevote of each voter, by round, value and voter, as the body wants them. */
static void votes_gather(struct gathered *g, const struct votes *votes)
{
    uint8_t order[VOTES_VALUES_MAX];
    uint32_t values = values_order(order, votes);
    size_t groups = 0;
    for (uint32_t round = 0; round <= votes->round; round++) {
        const struct vote_set *set = votes_set(votes, VOTE_PREVOTE, round);
        for (uint32_t i = 0; set != NULL && i < values; i++) {
            size_t before = g->count;
            set_gather(g, votes, set, order[i]);
            groups += g->count > before;
            if (groups == ATTENDANCE_GROUPS_MAX) {
                return;
            }
        }
    }
}

/* Whether it is for this node to show the last instance, now; decides once for each. */
static bool is_due(struct finality *f, const struct votes *votes)
{
    const struct params *p = chain_params(f->chain);
    uint64_t instance = votes->instance;
    if (!attendance_called(p, instance)) {
        f->attended = instance;
        return false;
    }
    uint64_t height = instance * p->checkpoint_blocks;
    uint64_t tip = chain_entry(f->chain, chain_tip(f->chain))->height;
    if (tip <= height + p->checkpoint_depth && p->checkpoint_blocks > 1) {
        return false; /* one block more: the last prevotes are on their way */
    }
    f->attended = instance;
    uint64_t epoch = (height - 1) / p->epoch_blocks;
    const struct committee *committee = &f->seat.committee;
    return tip / p->epoch_blocks == epoch && committee->epoch == epoch &&
           committee_proposer(committee, p, instance, 0) == f->seat.self;
}

bool finality_attendance_next(struct finality *f, struct ctx *c, struct span *body,
                              uint64_t *last_height)
{
    const struct votes *votes = votes_now(f);
    if (!is_member(f) || votes->instance <= f->attended || !is_on(f) ||
        votes->instance >= finality_next(f) || !is_due(f, votes)) {
        return false;
    }
    struct gathered g = {.list = arena_alloc_array(c->scratch, votes->voters, sizeof(struct vote))};
    size_t capacity = 16 + ATTENDANCE_GROUPS_MAX * 48 + (size_t)votes->voters * 70;
    uint8_t *out = arena_alloc(c->scratch, capacity);
    size_t len;
    if (g.list == NULL || out == NULL) {
        return false;
    }
    votes_gather(&g, votes);
    if (g.count == 0 || attendance_body(out, capacity, &len, g.list, g.count) != ERR_OK) {
        return false;
    }
    *body = span_of(out, len);
    /* Later it is stale. One that stayed in the pools would bar what its account sends next. */
    *last_height = (f->seat.committee.epoch + 1) * chain_params(f->chain)->epoch_blocks;
    return true;
}
