#include "node/chain/tendermint.h"

#include "node/base/invariant.h"
#include "node/base/plant.h"

static struct tm_action *emit(struct tendermint *tm, enum tm_action_kind kind)
{
    invariant(tm->count < TM_ACTIONS_MAX);
    struct tm_action *action = &tm->actions[tm->count++];
    *action = (struct tm_action){.kind = kind, .round = tm->round, .value = VALUE_NIL, .jr = -1};
    return action;
}

uint64_t tm_timeout_ms(const struct params *params, enum tm_timer timer, uint32_t round)
{
    /* Decision 14: growth stops, else a day's stall ends in rounds of ten minutes. */
    uint64_t grown = round < params->round_growth_max ? round : params->round_growth_max;
    if (timer == TM_TIMER_PROPOSE) {
        return params->propose_ms + params->propose_step_ms * grown;
    }
    return params->vote_ms + params->vote_step_ms * grown;
}

static void timer_start(struct tendermint *tm, enum tm_timer timer)
{
    if (!tm->timer_set[timer]) {
        struct tm_action *action = emit(tm, TM_TIMEOUT);
        action->timer = timer;
        action->ms = tm_timeout_ms(tm->params, timer, tm->round);
        tm->timer_set[timer] = true;
    }
}

static void cast(struct tendermint *tm, enum vote_kind kind, uint8_t value, int32_t jr)
{
    struct tm_action *action = emit(tm, TM_CAST);
    action->vote = kind;
    action->value = value;
    action->jr = jr;
    tm->step = kind == VOTE_PREVOTE ? TM_PREVOTE : TM_PRECOMMIT;
}

/* Values that no rule can ask for any more may give their slots to others. */
static void values_release(struct tendermint *tm)
{
    struct votes *votes = tm->votes;
    for (uint32_t v = 1; v < votes->value_count; v++) {
        bool held = (tm->lock.locked_round >= 0 && tm->lock.locked_value == v) ||
                    (tm->lock.valid_round >= 0 && tm->lock.valid_value == v);
        for (uint32_t i = 0; i < 2; i++) {
            held |= tm->proposals[i].present && tm->proposals[i].round >= tm->round &&
                    tm->proposals[i].value == v;
        }
        votes->values[v].proposed = held;
    }
}

/* Line 11. */
static void round_start(struct tendermint *tm, uint32_t round)
{
    tm->round = round;
    tm->step = TM_PROPOSE;
    tm->polka_done = tm->polka_done && planted(POLKA_STUCK);
    memset(tm->timer_set, 0, sizeof(tm->timer_set));
    values_release(tm);
    votes_round_set(tm->votes, round);
    emit(tm, TM_ROUND);
    timer_start(tm, TM_TIMER_PROPOSE);
}

/* Lines 22 and 28, with jr and the preference of spec chain 1.5. True when a prevote was cast. */
static bool rule_proposal(struct tendermint *tm)
{
    const struct tm_proposal *p = &tm->proposals[tm->round & 1];
    if (tm->step != TM_PROPOSE || !p->present || p->round != tm->round) {
        return false;
    }
    const struct vote_value *value = &tm->votes->values[p->value];
    bool locked_here = tm->lock.locked_round >= 0 && tm->lock.locked_value == p->value;
    bool shown = p->vr >= 0;
    if (value->verdict == VALUE_UNKNOWN) {
        return false; /* decision 13: fetched meanwhile; nil at the timeout */
    }
    if (shown && !votes_has_quorum(tm->votes, VOTE_PREVOTE, (uint32_t)p->vr, p->value)) {
        return false;
    }
    bool free = tm->lock.locked_round < 0 || (shown && tm->lock.locked_round <= p->vr) ||
                planted(FORGOTTEN_LOCK);
    bool wanted = value->preferred || shown || locked_here || tm->round >= TM_PREFER_ROUNDS;
    if (value->verdict != VALUE_VALID || !(free || locked_here) || !wanted) {
        cast(tm, VOTE_PREVOTE, VALUE_NIL, -1);
        return true;
    }
    int32_t jr = p->vr;
    if (locked_here && tm->lock.locked_round > jr) {
        jr = tm->lock.locked_round;
    }
    cast(tm, VOTE_PREVOTE, p->value, planted(JR_NOT_SET) ? -1 : jr);
    return true;
}

/* Line 36: a polka of this round locks and is precommitted (once), and is always the valid value.
 */
static bool rule_polka(struct tendermint *tm)
{
    if (tm->step < TM_PREVOTE || tm->polka_done) {
        return false;
    }
    uint8_t value = votes_quorum_value(tm->votes, VOTE_PREVOTE, tm->round);
    if (value == VALUE_NONE || tm->votes->values[value].verdict != VALUE_VALID) {
        return false;
    }
    tm->polka_done = true;
    tm->votes->values[value].proposed = true;
    tm->lock.valid_value = value;
    tm->lock.valid_round = (int32_t)tm->round;
    if (tm->step == TM_PREVOTE) {
        tm->lock.locked_value = value;
        tm->lock.locked_round = (int32_t)tm->round;
        cast(tm, VOTE_PRECOMMIT, value, -1);
    }
    return true;
}

/* Line 44. */
static bool rule_polka_nil(struct tendermint *tm)
{
    if (tm->step != TM_PREVOTE ||
        !votes_has_quorum(tm->votes, VOTE_PREVOTE, tm->round, VALUE_NIL)) {
        return false;
    }
    cast(tm, VOTE_PRECOMMIT, VALUE_NIL, -1);
    return true;
}

/* Lines 34 and 47: enough votes of any kind start the clock for the rest. */
static void rule_timers(struct tendermint *tm)
{
    if (tm->step == TM_PREVOTE && !tm->timer_set[TM_TIMER_PREVOTE] &&
        votes_quorum(tm->votes, votes_any(tm->votes, VOTE_PREVOTE, tm->round))) {
        timer_start(tm, TM_TIMER_PREVOTE);
    }
    if (!tm->timer_set[TM_TIMER_PRECOMMIT] && !planted(TIMER_LOST) &&
        votes_quorum(tm->votes, votes_any(tm->votes, VOTE_PRECOMMIT, tm->round))) {
        timer_start(tm, TM_TIMER_PRECOMMIT);
    }
}

/* Line 49 of any round. Decision 1 asks for the prevotes too: without them a decision would convict
 * nobody. */
static bool rule_decide(struct tendermint *tm)
{
    if (!tm->votes->quorums_changed) {
        return false;
    }
    tm->votes->quorums_changed = false;
    for (uint32_t s = 0; s < tm->votes->sets_used; s++) {
        const struct vote_set *set = &tm->votes->sets[s];
        for (uint32_t v = 1; set->kind == VOTE_PRECOMMIT && v < tm->votes->value_count; v++) {
            if (votes_quorum(tm->votes, set->weight[v]) &&
                votes_has_quorum(tm->votes, VOTE_PREVOTE, set->round, (uint8_t)v)) {
                struct tm_action *action = emit(tm, TM_DECIDED);
                action->round = set->round;
                action->value = (uint8_t)v;
                tm->decided = true;
                tm->running = false;
                return true;
            }
        }
    }
    return false;
}

/* Line 55. A third of the weight contains somebody honest, and an honest member of a later round
 * saw this one end. */
static bool rule_jump(struct tendermint *tm)
{
    if (planted(JUMP_MISSING) || !votes_third(tm->votes, tm->votes->ahead)) {
        return false;
    }
    uint32_t round = votes_round_reached(tm->votes);
    if (round > TM_ROUND_MAX) {
        return false;
    }
    round_start(tm, round);
    return true;
}

void tm_progress(struct tendermint *tm)
{
    if (!tm->running) {
        return;
    }
    if (rule_decide(tm)) {
        return;
    }
    /* Each turn casts a vote or enters a round; the rounds of one call are at most two. */
    while (rule_jump(tm) || rule_proposal(tm) || rule_polka(tm) || rule_polka_nil(tm)) {
    }
    rule_timers(tm);
}

static void begin(struct tendermint *tm, struct votes *votes, const struct params *params)
{
    memset(tm, 0, sizeof(*tm));
    tm->votes = votes;
    tm->params = params;
    tm->running = true;
    tm->lock = (struct tm_lock){-1, -1, VALUE_NIL, VALUE_NIL};
    votes->quorums_changed = true;
}

void tm_start(struct tendermint *tm, struct votes *votes, const struct params *params)
{
    begin(tm, votes, params);
    round_start(tm, 0);
}

void tm_restart(struct tendermint *tm, struct votes *votes, const struct params *params,
                const struct tm_lock *lock, uint32_t round, enum tm_step step)
{
    begin(tm, votes, params);
    tm->lock = *lock;
    round_start(tm, round);
    tm->step = (uint8_t)step;
}

void tm_stop(struct tendermint *tm)
{
    tm->running = false;
}

void tm_proposal(struct tendermint *tm, uint32_t round, uint8_t value, int32_t vr)
{
    struct tm_proposal *p = &tm->proposals[round & 1];
    if (!tm->running || (round != tm->round && round != tm->round + 1) || vr < -1 ||
        vr >= (int64_t)round || (p->present && p->round == round)) {
        return;
    }
    *p = (struct tm_proposal){.present = true, .value = value, .round = round, .vr = vr};
    tm_progress(tm);
}

void tm_timeout(struct tendermint *tm, enum tm_timer timer, uint32_t round)
{
    if (!tm->running || round != tm->round) {
        return;
    }
    if (timer == TM_TIMER_PROPOSE && tm->step == TM_PROPOSE) {
        cast(tm, VOTE_PREVOTE, VALUE_NIL, -1);
    } else if (timer == TM_TIMER_PREVOTE && tm->step == TM_PREVOTE) {
        cast(tm, VOTE_PRECOMMIT, VALUE_NIL, -1);
    } else if (timer == TM_TIMER_PRECOMMIT && tm->round < TM_ROUND_MAX) {
        round_start(tm, tm->round + 1);
    } else {
        return;
    }
    tm_progress(tm);
}

bool tm_next(struct tendermint *tm, struct tm_action *action)
{
    if (tm->count == 0) {
        return false;
    }
    *action = tm->actions[0];
    tm->count--;
    memmove(&tm->actions[0], &tm->actions[1], tm->count * sizeof(tm->actions[0]));
    return true;
}
