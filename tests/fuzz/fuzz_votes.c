/* Votes of seven voters in any order, round, value and jr: what is held agrees with a count from
 * scratch, memory stays bounded, and the machine that reads it never breaks an invariant. Each six
 * bytes are one vote, proposal or timeout. */
#include <stdlib.h>

#include "node/base/invariant.h"
#include "node/chain/tendermint.h"

enum { VOTERS = 7 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Countable weight of a value in a round, from the ballots alone. */
static uint64_t recounted(const struct votes *votes, enum vote_kind kind, uint32_t round,
                          uint8_t value)
{
    const struct vote_set *set = votes_set(votes, kind, round);
    uint64_t weight = 0;
    for (uint32_t v = 0; set != NULL && v < votes->voters; v++) {
        bool counts = false;
        for (uint32_t l = 0; l < set->layers; l++) {
            const struct ballot *b = votes_ballot(votes, set, l, v);
            counts |= (b->flags & BALLOT_COUNTED) != 0 && b->value == value;
            invariant((b->flags & BALLOT_COUNTED) == 0 || (b->flags & BALLOT_PRESENT) != 0);
        }
        weight += counts ? votes->weights[v] : 0;
    }
    return weight;
}

static void agree(const struct votes *votes)
{
    for (uint32_t s = 0; s < votes->sets_used; s++) {
        const struct vote_set *set = &votes->sets[s];
        for (uint32_t v = 0; set->kind != 0 && v < votes->value_count; v++) {
            invariant(set->weight[v] ==
                      recounted(votes, (enum vote_kind)set->kind, set->round, (uint8_t)v));
        }
    }
}

static void one(struct votes *votes, struct tendermint *tm, const uint8_t at[6])
{
    struct vote vote = {.voter = at[1] % VOTERS,
                        .kind = at[0] % 2 == 0 ? VOTE_PREVOTE : VOTE_PRECOMMIT,
                        .instance = 1,
                        .round = at[2],
                        .jr = (int8_t)at[4] < 0 ? -1 : (int8_t)at[4]};
    struct tm_action action;
    vote.value[0] = at[3];
    if (vote.jr >= (int64_t)vote.round || vote.kind == VOTE_PRECOMMIT || at[3] == 0) {
        vote.jr = -1;
    }
    switch (at[0] >> 5) {
    case 0: {
        uint8_t value = votes_value_add(votes, vote.value, true);
        if (value != VALUE_NONE && value != VALUE_NIL) {
            votes->values[value].verdict = at[5] % 3;
            votes->values[value].preferred = at[5] % 2;
            tm_proposal(tm, vote.round, value, vote.jr);
        }
        break;
    }
    case 1:
        tm_timeout(tm, (enum tm_timer)(at[1] % TM_TIMERS), tm->round);
        break;
    default: {
        enum evidence_kind kind;
        struct vote other;
        while (votes_convict(votes, &kind, &other, &vote)) {
            invariant(other.voter == vote.voter);
        }
        enum err err = votes_add(votes, &vote, at[5], at[5] % 2, at[5] > 128);
        invariant(err == ERR_OK || err == ERR_DUPLICATE || err == ERR_FULL || err == ERR_EARLY);
        tm_progress(tm);
    }
    }
    while (tm_next(tm, &action)) {
        invariant(action.value < votes->value_count);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const uint64_t weights[VOTERS] = {1, 2, 3, 1, 1, 1, 1};
    struct params params;
    struct votes *votes = calloc(1, sizeof(*votes));
    struct ballot *pool = calloc(VOTES_POOL_BALLOTS, sizeof(*pool));
    struct voter_facts *facts = calloc(VOTES_VOTERS_MAX, sizeof(*facts));
    struct tendermint *tm = calloc(1, sizeof(*tm));
    invariant(votes != NULL && pool != NULL && facts != NULL && tm != NULL);
    params_defaults(&params);
    votes_init(votes, pool, facts);
    votes_open(votes, 1, weights, VOTERS, 10);
    tm_start(tm, votes, &params);
    struct tm_action action;
    while (tm_next(tm, &action)) {
    }
    for (size_t i = 0; i + 6 <= size; i += 6) {
        one(votes, tm, data + i);
        if (i % 96 == 0) {
            agree(votes);
        }
    }
    agree(votes);
    invariant(votes->chunks_used <= VOTES_CHUNKS_MAX && votes->sets_used <= VOTES_SETS_MAX);
    free(votes);
    free(pool);
    free(facts);
    free(tm);
    return 0;
}
