/* The random adversarial search of spec chain 1.5, rebuilt on the machine the node runs: delivery,
 * timeouts and all byzantine messages are chosen by the adversary. With f byzantine voters nobody
 * ever decides differently; with more, every disagreement convicts at least a third by two signed
 * messages each, and nobody honest, ever. ORRERY_SEARCH_RUNS sets the runs of each case. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>

#include "node/base/rng.h"
#include "node/chain/tendermint.h"

enum {
    N_MAX = 7,
    OBSERVERS = 2, /* vote nowhere, decide as everybody: with three liars of four there is one
                      honest voter only */
    ROUNDS = 5,
    POOL_MAX = 4096,
    STEPS_PER_VOTER = 100,
};

struct message {
    bool proposal;
    struct vote vote; /* a proposal: value, round, and jr as vr */
};

struct member {
    struct votes votes;
    struct tendermint tm;
    bool timer[ROUNDS][TM_TIMERS];
    bool got[POOL_MAX];
    bool decided;
    uint32_t round;
    uint8_t value[32];
};

struct search {
    struct rng rng;
    uint32_t n, byzantine; /* voters 0..byzantine-1 lie */
    uint64_t weights[N_MAX];
    struct member
        *members; /* honest voters first, then observers; index i is voter byzantine + i */
    uint32_t honest, count;
    struct message pool[POOL_MAX];
    uint32_t messages;
    uint32_t haste; /* of 64 moves, how many are timeouts; of 64 how many are lies */
    uint32_t malice;
    uint32_t wall; /* of 16 messages between honest voters shown different values, how many wait */
    uint8_t target[N_MAX + OBSERVERS]; /* the value the adversary shows to each */
};

static struct params params;

static const uint8_t *value_id(uint8_t v)
{
    static const uint8_t ids[3][32] = {{0}, {0xa}, {0xb}};
    return ids[v];
}

static uint32_t pick(struct search *s, uint32_t n)
{
    return (uint32_t)rng_below(&s->rng, n);
}

static void post(struct search *s, const struct message *message)
{
    if (s->messages < POOL_MAX) {
        s->pool[s->messages++] = *message;
    }
}

static void values_are_valid(struct search *s, struct member *m)
{
    (void)s;
    for (uint32_t v = 1; v < m->votes.value_count; v++) {
        m->votes.values[v].verdict = VALUE_VALID;
        m->votes.values[v].preferred = true;
    }
}

static void vote_in(struct search *s, struct member *m, const struct vote *vote, bool must)
{
    enum err err = votes_add(&m->votes, vote, 0, false, must);
    (void)err;
    values_are_valid(s, m);
    tm_progress(&m->tm);
}

static void actions(struct search *s, uint32_t index)
{
    struct member *m = &s->members[index];
    uint32_t voter = s->byzantine + index;
    struct tm_action a;
    while (tm_next(&m->tm, &a)) {
        struct message out = {.vote = {.voter = (uint16_t)voter, .instance = 1, .round = a.round}};
        switch (a.kind) {
        case TM_ROUND:
            if (a.round >= ROUNDS) {
                tm_stop(&m->tm);
                m->tm.count = 0;
                return;
            }
            if (index < s->honest && a.round % s->n == voter) {
                bool valid = m->tm.lock.valid_round >= 0;
                const uint8_t *id = valid ? m->votes.values[m->tm.lock.valid_value].id
                                          : value_id((uint8_t)(1 + pick(s, 2)));
                out.proposal = true;
                out.vote.jr = valid ? m->tm.lock.valid_round : -1;
                memcpy(out.vote.value, id, 32);
                post(s, &out);
            }
            break;
        case TM_TIMEOUT:
            m->timer[a.round][a.timer] = true;
            break;
        case TM_CAST:
            if (index < s->honest) {
                out.vote.kind = (uint8_t)a.vote;
                out.vote.jr = a.jr;
                memcpy(out.vote.value, m->votes.values[a.value].id, 32);
                post(s, &out);
                vote_in(s, m, &out.vote, false);
            }
            break;
        case TM_DECIDED:
            m->decided = true;
            m->round = a.round;
            memcpy(m->value, m->votes.values[a.value].id, 32);
            break;
        }
    }
}

static void deliver(struct search *s, uint32_t index, const struct message *message)
{
    struct member *m = &s->members[index];
    if (message->proposal) {
        uint8_t value = votes_value_add(&m->votes, message->vote.value, true);
        values_are_valid(s, m);
        tm_proposal(&m->tm, message->vote.round, value, message->vote.jr);
    } else {
        vote_in(s, m, &message->vote, false);
    }
    actions(s, index);
}

/* A byzantine message: any value, any jr that is well formed. */
static struct message lie(struct search *s, uint32_t round, uint8_t value, bool precommit)
{
    struct message out = {
        .vote = {
            .voter = (uint16_t)pick(s, s->byzantine), .instance = 1, .round = round, .jr = -1}};
    memcpy(out.vote.value, value_id(value), 32);
    out.vote.kind = precommit ? VOTE_PRECOMMIT : VOTE_PREVOTE;
    if (!precommit && value != 0 && round > 0 && rng_chance(&s->rng, 1, 4)) {
        out.vote.jr = (int32_t)pick(s, round);
    }
    return out;
}

/* Something this member has not got yet, from anywhere in the past. */
static void deliver_some(struct search *s, uint32_t index)
{
    struct member *m = &s->members[index];
    uint32_t start = s->messages > 0 ? pick(s, s->messages) : 0;
    for (uint32_t k = 0; k < s->messages; k++) {
        uint32_t i = (start + k) % s->messages;
        const struct message *message = &s->pool[i];
        uint32_t author = message->vote.voter;
        bool across =
            author >= s->byzantine && s->target[author - s->byzantine] != s->target[index];
        if (!m->got[i] && !(across && rng_chance(&s->rng, s->wall, 16))) {
            m->got[i] = true;
            deliver(s, index, &s->pool[i]);
            return;
        }
    }
}

static void lie_to(struct search *s, uint32_t index)
{
    uint32_t at = s->members[index].tm.round;
    uint32_t round = at < ROUNDS ? at : ROUNDS - 1;
    uint8_t value = rng_chance(&s->rng, 7, 8) ? s->target[index] : (uint8_t)pick(s, 3);
    bool precommit = rng_chance(&s->rng, 1, 2);
    if (round % s->n < s->byzantine && rng_chance(&s->rng, 1, 2)) {
        struct message out = lie(s, round, value, false);
        out.proposal = true;
        out.vote.voter = (uint16_t)(round % s->n);
        post(s, &out);
        deliver(s, index, &out);
        return;
    }
    if (rng_chance(&s->rng, 1, 4)) {
        struct message out = lie(s, pick(s, ROUNDS), (uint8_t)pick(s, 3), precommit);
        post(s, &out);
        deliver(s, index, &out);
        return;
    }
    /* All liars back the value that this member is shown; others may learn of it, or not. */
    bool both = rng_chance(&s->rng, 1, 2);
    for (uint32_t k = 0; k < s->byzantine * (both ? 2U : 1U); k++) {
        struct message out = lie(s, round, value, both ? k >= s->byzantine : precommit);
        out.vote.voter = (uint16_t)(k % s->byzantine);
        if (rng_chance(&s->rng, 1, 2)) {
            post(s, &out);
        }
        deliver(s, index, &out);
    }
}

static void adversary(struct search *s)
{
    uint32_t index = pick(s, s->count);
    struct member *m = &s->members[index];
    uint32_t act = pick(s, 64);
    if (act < s->haste) {
        enum tm_timer timer = (enum tm_timer)pick(s, TM_TIMERS);
        if (m->tm.running && m->timer[m->tm.round][timer]) {
            tm_timeout(&m->tm, timer, m->tm.round);
            actions(s, index);
        }
    } else if (act < s->haste + s->malice && s->byzantine > 0) {
        lie_to(s, index);
    } else {
        deliver_some(s, index);
    }
}

/* The rules of spec chain 1.5, written down a second time. */
static bool convicts(const struct vote *a, const struct vote *b)
{
    bool same = memcmp(a->value, b->value, 32) == 0;
    if (a->voter != b->voter) {
        return false;
    }
    if (a->kind == b->kind) {
        return a->round == b->round && (!same || a->jr != b->jr);
    }
    const struct vote *precommit = a->kind == VOTE_PRECOMMIT ? a : b;
    const struct vote *prevote = a->kind == VOTE_PRECOMMIT ? b : a;
    bool nil = memcmp(precommit->value, value_id(0), 32) == 0 ||
               memcmp(prevote->value, value_id(0), 32) == 0;
    return !same && !nil && precommit->round < prevote->round &&
           prevote->jr < (int32_t)precommit->round;
}

/* Voters that two of the messages convict. */
static uint32_t convicted(const struct message *pool, uint32_t count)
{
    uint32_t mask = 0;
    for (uint32_t i = 0; i < count; i++) {
        for (uint32_t j = 0; j < i && (mask >> pool[i].vote.voter & 1) == 0; j++) {
            if (!pool[i].proposal && !pool[j].proposal && convicts(&pool[i].vote, &pool[j].vote)) {
                mask |= 1U << pool[i].vote.voter;
            }
        }
    }
    return mask;
}

/* Every vote that somebody holds, in the pool's place. */
static uint32_t held(struct search *s, struct message *out, uint32_t max)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < s->count; i++) {
        const struct votes *votes = &s->members[i].votes;
        for (uint32_t k = 0; k < votes->sets_used; k++) {
            const struct vote_set *set = &votes->sets[k];
            for (uint32_t l = 0; set->kind != 0 && l < set->layers; l++) {
                for (uint32_t v = 0; v < votes->voters; v++) {
                    const struct ballot *b = votes_ballot(votes, set, l, v);
                    if ((b->flags & BALLOT_PRESENT) != 0 && count < max) {
                        out[count].proposal = false;
                        votes_vote(&out[count++].vote, votes, set, b, v);
                    }
                }
            }
        }
    }
    return count;
}

static void begin(struct search *s, uint32_t n, uint32_t byzantine, uint64_t run)
{
    rng_init_stream(&s->rng, run, RNG_TEST, n * 16 + byzantine);
    s->n = n;
    s->byzantine = byzantine;
    s->honest = n - byzantine;
    s->count = s->honest + OBSERVERS;
    s->messages = 0;
    s->haste = pick(s, 12);
    s->malice = pick(s, 24);
    s->wall = rng_chance(&s->rng, 1, 2) ? 16 : pick(s, 16);
    for (uint32_t i = 0; i < s->count; i++) {
        struct member *m = &s->members[i];
        s->target[i] = (uint8_t)(1 + pick(s, 2));
        memset(m->timer, 0, sizeof(m->timer));
        memset(m->got, 0, sizeof(m->got));
        m->decided = false;
        votes_open(&m->votes, 1, s->weights, n, n);
        tm_start(&m->tm, &m->votes, &params);
        actions(s, i);
    }
}

/* Two members that decided differently. */
static bool disagree(const struct search *s)
{
    for (uint32_t i = 0; i < s->count; i++) {
        for (uint32_t j = 0; j < i; j++) {
            if (s->members[i].decided && s->members[j].decided &&
                memcmp(s->members[i].value, s->members[j].value, 32) != 0) {
                return true;
            }
        }
    }
    return false;
}

static struct search *search_new(void)
{
    struct search *s = calloc(1, sizeof(*s));
    s->members = calloc(N_MAX + OBSERVERS, sizeof(*s->members));
    for (uint32_t i = 0; i < N_MAX + OBSERVERS; i++) {
        votes_init(&s->members[i].votes, calloc(VOTES_POOL_BALLOTS, sizeof(struct ballot)),
                   calloc(VOTES_VOTERS_MAX, sizeof(struct voter_facts)));
    }
    for (uint32_t v = 0; v < N_MAX; v++) {
        s->weights[v] = 1;
    }
    params.round_growth_max = 30;
    return s;
}

static uint64_t runs_wanted(uint64_t usual)
{
    const char *text = getenv("ORRERY_SEARCH_RUNS");
    return text != NULL ? strtoull(text, NULL, 10) : usual;
}

/* Runs one case and returns how many runs ended in disagreement. */
static uint64_t search(struct search *s, uint32_t n, uint32_t byzantine, uint64_t runs)
{
    static struct message all[65536];
    uint64_t violations = 0;
    uint64_t decisions = 0;
    for (uint64_t run = 0; run < runs; run++) {
        begin(s, n, byzantine, run);
        for (uint32_t step = 0; step < STEPS_PER_VOTER * n; step++) {
            adversary(s);
        }
        for (uint32_t i = 0; i < s->count; i++) {
            decisions += s->members[i].decided;
        }
        uint32_t honest = convicted(s->pool, s->messages) >> byzantine;
        cr_assert_eq(honest, 0, "n %u, %u liars, run %llu: somebody honest is convicted", n,
                     byzantine, (unsigned long long)run);
        if (disagree(s)) {
            uint32_t mask = convicted(all, held(s, all, 65536));
            uint32_t guilty = (uint32_t)__builtin_popcount(mask);
            violations++;
            cr_assert(3 * guilty >= n, "n %u, %u liars, run %llu: only %u convicted", n, byzantine,
                      (unsigned long long)run, guilty);
        }
    }
    fprintf(stderr, "n %u, %u liars: %llu runs, %llu decisions, %llu disagreements\n", n, byzantine,
            (unsigned long long)runs, (unsigned long long)decisions,
            (unsigned long long)violations);
    cr_assert_gt(decisions, runs / 4, "the search must reach decisions to mean anything");
    return violations;
}

Test(tendermint, search_of_four)
{
    struct search *s = search_new();
    uint64_t runs = runs_wanted(16000);
    cr_assert_eq(search(s, 4, 0, runs / 4), 0);
    cr_assert_eq(search(s, 4, 1, runs), 0);
    cr_assert_gt(search(s, 4, 2, runs), runs / 50);
    cr_assert_gt(search(s, 4, 3, runs), runs / 50);
}

Test(tendermint, search_of_seven)
{
    struct search *s = search_new();
    uint64_t runs = runs_wanted(8000);
    cr_assert_eq(search(s, 7, 2, runs), 0);
    cr_assert_gt(search(s, 7, 3, runs), 0);
    cr_assert_gt(search(s, 7, 4, runs), 0);
}
