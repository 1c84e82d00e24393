/* Every run of four voters within bounds (spec: chain 1.5): an oracle answers every question that
 * the generator of test_tendermint.c would draw, in all ways, over the machine that the node runs.
 *
 * What the adversary may do: of the bag of all messages that can exist (votes and proposals of the
 * byzantine voters for either value and either round, and whatever honest voters have said) deliver
 * any to anybody, in any order or never; let any timer that runs expire; choose what an honest
 * proposer proposes first. Signatures cannot be forged, so honest messages exist once said.
 *
 * Two reductions keep the number small. Votes come when something comes of them: a vote that only
 * lies there may as well come together with those that make it count (what a machine does depends
 * on quorums, thirds and its own timers alone), so a move is a least set of messages from which
 * something comes. And states that are the same are visited once: a state is what every member
 * holds (votes as a set, however they came) and where its machine stands. Depth first, no bound on
 * steps, only on rounds.
 * With one byzantine voter nobody decides differently, ever. With two and three, whoever decides
 * differently leaves behind signed messages that convict a third and more; nobody honest is ever
 * convicted. ORRERY_EXHAUSTIVE=1 goes one move deeper than the short form. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>

#include "node/base/rng.h"
#include "node/chain/tendermint.h"

enum {
    N = 4,
    ROUNDS_MAX = 3,
    VALUES = 3, /* nil, a, b */
    MESSAGES_MAX = 256,
    MEMBERS_MAX = 4,
    SEEN_ROOM = 1 << 25,
};

/* A message is a number: the same for all runs, so that what a member holds is a set of bits. */
struct message {
    bool proposal;
    struct vote vote; /* a proposal: voter, round, value, and jr as vr */
};

struct bits {
    uint64_t word[MESSAGES_MAX / 64];
};

/* What a member is: all that its machine can tell apart. */
struct member_state {
    struct bits got;
    uint8_t timers; /* of the round: asked for and not yet expired */
    uint8_t round, step, decided_value, stopped;
    int8_t locked_round, valid_round;
    uint8_t locked_value, valid_value;
    uint8_t polka_done;
    uint8_t set; /* timers asked for in this round */
    int8_t proposal_round[2], proposal_vr[2];
    uint8_t proposal_value[2];
};

struct state {
    struct member_state member[MEMBERS_MAX];
    struct bits said; /* by honest voters */
};

struct search {
    uint32_t byzantine, members, rounds;
    struct message message[MESSAGES_MAX];
    uint32_t messages;
    struct votes votes;
    struct tendermint tm;
    uint64_t weights[N];
    uint64_t *seen; /* open addressing, by the hash of a state */
    size_t seen_room, seen_count;
    struct state *queue[2]; /* of this depth and the next */
    size_t count[2], room[2];
    uint64_t states, moves, decisions, violations;
};

static struct params params;

static const uint8_t *value_id(uint8_t v)
{
    static const uint8_t ids[VALUES][32] = {{0}, {0xa}, {0xb}};
    return ids[v];
}

#define value_of(id) ((uint8_t)((id)[0] == 0 ? 0 : (id)[0] - 9))

static bool has(const struct bits *bits, uint32_t i)
{
    return (bits->word[i / 64] >> (i % 64) & 1) != 0;
}

static void add(struct bits *bits, uint32_t i)
{
    bits->word[i / 64] |= UINT64_C(1) << (i % 64);
}

/* --- the bag --- */

static void message_new(struct search *s, bool proposal, uint32_t voter, enum vote_kind kind,
                        uint32_t round, uint8_t value, int32_t jr)
{
    cr_assert_lt(s->messages, MESSAGES_MAX);
    struct message *m = &s->message[s->messages++];
    *m = (struct message){.proposal = proposal,
                          .vote = {.voter = (uint16_t)voter,
                                   .kind = (uint8_t)kind,
                                   .instance = 1,
                                   .round = round,
                                   .jr = jr}};
    memcpy(m->vote.value, value_id(value), 32);
}

/* All messages that are well formed. The proposer of a round is voter round % N. */
static void bag_fill(struct search *s)
{
    s->messages = 0;
    for (uint32_t voter = 0; voter < N; voter++) {
        for (uint32_t round = 0; round < s->rounds; round++) {
            for (uint8_t value = 0; value < VALUES; value++) {
                message_new(s, false, voter, VOTE_PRECOMMIT, round, value, -1);
                for (int32_t jr = -1; jr < (value == 0 ? 0 : (int32_t)round); jr++) {
                    message_new(s, false, voter, VOTE_PREVOTE, round, value, jr);
                }
                for (int32_t vr = -1; value != 0 && voter == round % N && vr < (int32_t)round;
                     vr++) {
                    message_new(s, true, voter, 0, round, value, vr);
                }
            }
        }
    }
}

static uint32_t message_find(const struct search *s, const struct message *wanted)
{
    const struct vote *b = &wanted->vote;
    for (uint32_t i = 0; i < s->messages; i++) {
        const struct vote *a = &s->message[i].vote;
        bool kind = s->message[i].proposal == wanted->proposal && a->kind == b->kind;
        if (kind && a->voter == b->voter && a->round == b->round && a->jr == b->jr &&
            memcmp(a->value, b->value, 32) == 0) {
            return i;
        }
    }
    cr_assert_fail("a message that cannot exist");
    return 0;
}

/* --- one member's machine, taken out of its state and put back --- */

static void values_are_valid(struct votes *votes)
{
    for (uint32_t v = 1; v < votes->value_count; v++) {
        votes->values[v].verdict = VALUE_VALID;
        votes->values[v].preferred = true;
    }
}

/* Values keep their places: a is 1 and b is 2 for everybody. */
static void machine_load(struct search *s, const struct member_state *m)
{
    struct tendermint *tm = &s->tm;
    votes_open(&s->votes, 1, s->weights, N, N);
    votes_value_add(&s->votes, value_id(1), true);
    votes_value_add(&s->votes, value_id(2), true);
    values_are_valid(&s->votes);
    votes_round_set(&s->votes, m->round);
    for (uint32_t i = 0; i < s->messages; i++) {
        if (has(&m->got, i) && !s->message[i].proposal) {
            (void)!votes_add(&s->votes, &s->message[i].vote, 0, false, false);
        }
    }
    votes_round_set(&s->votes, m->round);
    memset(tm, 0, sizeof(*tm));
    tm->votes = &s->votes;
    tm->params = &params;
    tm->running = m->stopped == 0;
    tm->polka_done = m->polka_done != 0;
    tm->step = m->step;
    tm->round = m->round;
    tm->lock = (struct tm_lock){.locked_round = m->locked_round,
                                .valid_round = m->valid_round,
                                .locked_value = m->locked_value,
                                .valid_value = m->valid_value};
    for (uint32_t i = 0; i < 2; i++) {
        tm->proposals[i] = (struct tm_proposal){.present = m->proposal_round[i] >= 0,
                                                .value = m->proposal_value[i],
                                                .round = (uint32_t)m->proposal_round[i],
                                                .vr = m->proposal_vr[i]};
    }
    for (uint32_t t = 0; t < TM_TIMERS; t++) {
        tm->timer_set[t] = (m->set >> t & 1) != 0;
    }
    s->votes.quorums_changed = false; /* what it held came of something then */
}

static void machine_store(const struct search *s, struct member_state *m)
{
    const struct tendermint *tm = &s->tm;
    m->stopped |= !tm->running;
    m->polka_done = tm->polka_done;
    m->step = tm->step;
    m->round = (uint8_t)tm->round;
    m->locked_round = (int8_t)tm->lock.locked_round;
    m->valid_round = (int8_t)tm->lock.valid_round;
    m->locked_value = tm->lock.locked_value;
    m->valid_value = tm->lock.valid_value;
    m->set = 0;
    for (uint32_t t = 0; t < TM_TIMERS; t++) {
        m->set = (uint8_t)(m->set | (tm->timer_set[t] ? 1u << t : 0));
    }
    for (uint32_t i = 0; i < 2; i++) {
        bool live = tm->proposals[i].present && tm->proposals[i].round >= tm->round;
        m->proposal_round[i] = (int8_t)(live ? (int32_t)tm->proposals[i].round : -1);
        m->proposal_vr[i] = (int8_t)(live ? tm->proposals[i].vr : 0);
        m->proposal_value[i] = live ? tm->proposals[i].value : 0;
    }
}

/* Takes what the machine asks for. choice: what an honest proposer proposes when it is free to. */
static void actions_take(struct search *s, struct state *next, uint32_t index, uint8_t choice)
{
    struct member_state *m = &next->member[index];
    uint32_t voter = s->byzantine + index;
    struct tm_action a;
    while (tm_next(&s->tm, &a)) {
        struct message out = {.vote = {.voter = (uint16_t)voter, .instance = 1, .round = a.round}};
        switch (a.kind) {
        case TM_ROUND:
            if (a.round >= s->rounds) {
                tm_stop(&s->tm);
                s->tm.count = 0;
                return;
            }
            m->timers = 0;
            if (voter < N && a.round % N == voter) {
                bool valid = s->tm.lock.valid_round >= 0;
                uint8_t value = valid ? s->tm.lock.valid_value : choice;
                out.proposal = true;
                out.vote.jr = valid ? s->tm.lock.valid_round : -1;
                memcpy(out.vote.value, value_id(value), 32);
                add(&next->said, message_find(s, &out));
            }
            break;
        case TM_TIMEOUT:
            m->timers = (uint8_t)(m->timers | 1u << a.timer);
            break;
        case TM_CAST:
            if (voter < N) {
                out.vote.kind = (uint8_t)a.vote;
                out.vote.jr = a.jr;
                memcpy(out.vote.value, s->votes.values[a.value].id, 32);
                uint32_t i = message_find(s, &out);
                add(&next->said, i);
                add(&m->got, i);
                (void)!votes_add(&s->votes, &out.vote, 0, false, false);
                values_are_valid(&s->votes);
                tm_progress(&s->tm);
            }
            break;
        case TM_DECIDED:
            m->decided_value = value_of(s->votes.values[a.value].id);
            s->decisions++;
            break;
        }
    }
}

/* --- the judge --- */

/* The rules of spec chain 1.5, written down once more. */
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
    return !same && precommit->value[0] != 0 && prevote->value[0] != 0 &&
           precommit->round < prevote->round && prevote->jr < (int32_t)precommit->round;
}

static uint32_t convicted(const struct search *s, const struct bits *votes)
{
    uint32_t mask = 0;
    for (uint32_t i = 0; i < s->messages; i++) {
        for (uint32_t j = 0; j < i && has(votes, i); j++) {
            if (has(votes, j) && !s->message[i].proposal && !s->message[j].proposal &&
                convicts(&s->message[i].vote, &s->message[j].vote)) {
                mask |= 1U << s->message[i].vote.voter;
            }
        }
    }
    return mask;
}

static void judge(struct search *s, const struct state *state)
{
    uint32_t values = 0;
    struct bits held = {0};
    for (uint32_t i = 0; i < s->members; i++) {
        values |= 1U << state->member[i].decided_value;
        for (size_t w = 0; w < MESSAGES_MAX / 64; w++) {
            held.word[w] |= state->member[i].got.word[w];
        }
    }
    cr_assert_eq(convicted(s, &state->said), 0, "somebody honest is convicted");
    if ((values & 6) != 6) {
        return;
    }
    s->violations++;
    uint32_t guilty = (uint32_t)__builtin_popcount(convicted(s, &held));
    cr_assert_gt(s->byzantine, 1, "two decisions with one byzantine voter of four");
    cr_assert(3 * guilty >= N, "two decisions convict only %u", guilty);
}

/* --- the search --- */

static uint64_t state_hash(const struct state *state)
{
    const uint8_t *bytes = (const uint8_t *)state;
    uint64_t h = 1;
    for (size_t i = 0; i + 8 <= sizeof(*state); i += 8) {
        uint64_t word;
        memcpy(&word, bytes + i, 8);
        h = rng_mix64(h ^ word) + i;
    }
    return h | 1;
}

static bool seen_add(struct search *s, uint64_t hash)
{
    size_t at = (size_t)(hash % s->seen_room);
    for (; s->seen[at] != 0; at = (at + 1) % s->seen_room) {
        if (s->seen[at] == hash) {
            return false;
        }
    }
    s->seen[at] = hash;
    s->seen_count++;
    cr_assert_lt(2 * s->seen_count, s->seen_room, "the table of states is full");
    return true;
}

static void push(struct search *s, const struct state *state)
{
    if (!seen_add(s, state_hash(state))) {
        return;
    }
    judge(s, state);
    s->states++;
    if (s->count[1] == s->room[1]) {
        s->room[1] = 2 * s->room[1] + 1024;
        s->queue[1] = realloc(s->queue[1], s->room[1] * sizeof(*state));
    }
    s->queue[1][s->count[1]++] = *state;
}

/* What a member is given at once. count 0: a timer expires instead. */
struct batch {
    uint32_t count;
    uint32_t message[3];
    enum tm_timer timer;
};

/* Something came of it: the machine asks for something, stands elsewhere, or a quorum formed. */
static bool fired(const struct search *s, const struct member_state *before)
{
    struct member_state after = *before;
    machine_store(s, &after);
    return s->tm.count > 0 || s->votes.quorums_changed ||
           memcmp(before, &after, sizeof(after)) != 0;
}

/* False: nothing came of it, and it is not done. An honest proposer that enters its round may
 * propose either value. */
static bool move(struct search *s, const struct state *from, uint32_t index,
                 const struct batch *batch)
{
    for (uint8_t choice = 1; choice < VALUES; choice++) {
        struct state next = *from;
        struct member_state *m = &next.member[index];
        machine_load(s, m);
        for (uint32_t k = 0; k < batch->count; k++) {
            const struct message *x = &s->message[batch->message[k]];
            if (x->proposal) {
                tm_proposal(&s->tm, x->vote.round, value_of(x->vote.value), x->vote.jr);
            } else {
                (void)!votes_add(&s->votes, &x->vote, 0, false, false);
                values_are_valid(&s->votes);
            }
        }
        if (batch->count == 0) {
            tm_timeout(&s->tm, batch->timer, s->tm.round);
        } else {
            bool quorum = s->votes.quorums_changed;
            tm_progress(&s->tm);
            s->votes.quorums_changed = quorum;
        }
        s->moves++;
        if (batch->count > 0 && !fired(s, m)) {
            return false;
        }
        for (uint32_t k = 0; k < batch->count; k++) {
            add(&m->got, batch->message[k]);
        }
        if (batch->count == 0) {
            m->timers = (uint8_t)(m->timers & ~(1u << batch->timer));
        }
        uint32_t round = m->round;
        actions_take(s, &next, index, choice);
        machine_store(s, m);
        push(s, &next);
        uint32_t voter = s->byzantine + index;
        bool chose = voter < N && m->round != round && m->round % N == voter &&
                     m->valid_round < 0 && m->stopped == 0;
        if (!chose) {
            break;
        }
    }
    return true;
}

/* Would change nothing: held, or a proposal of a round that is not the machine's or the next. */
static bool useless(const struct search *s, const struct member_state *m, uint32_t i)
{
    const struct message *x = &s->message[i];
    if (has(&m->got, i)) {
        return true;
    }
    return x->proposal && (x->vote.round < m->round || x->vote.round > m->round + 1U ||
                           m->proposal_round[x->vote.round & 1] == (int8_t)x->vote.round);
}

/* The least sets of these messages, of different voters, from which something comes. */
static void sets_give(struct search *s, const struct state *state, uint32_t index,
                      const uint32_t *list, uint32_t count)
{
    bool alone[MESSAGES_MAX];
    static bool pair[MESSAGES_MAX][MESSAGES_MAX];
    for (uint32_t i = 0; i < count; i++) {
        alone[i] = move(s, state, index, &(struct batch){1, {list[i]}, 0});
    }
    for (uint32_t i = 0; i < count; i++) {
        for (uint32_t j = 0; j < i; j++) {
            const struct vote *a = &s->message[list[i]].vote;
            const struct vote *b = &s->message[list[j]].vote;
            pair[i][j] = alone[i] || alone[j] || a->voter == b->voter ||
                         move(s, state, index, &(struct batch){2, {list[j], list[i]}, 0});
        }
    }
    for (uint32_t i = 0; i < count; i++) {
        for (uint32_t j = 0; j < i; j++) {
            for (uint32_t k = 0; k < j; k++) {
                if (!pair[i][j] && !pair[i][k] && !pair[j][k]) {
                    move(s, state, index, &(struct batch){3, {list[k], list[j], list[i]}, 0});
                }
            }
        }
    }
}

static void expand_member(struct search *s, const struct state *state, uint32_t index)
{
    const struct member_state *m = &state->member[index];
    uint32_t list[MESSAGES_MAX];
    for (uint32_t t = 0; t < TM_TIMERS; t++) {
        if ((m->timers >> t & 1) != 0) {
            move(s, state, index, &(struct batch){0, {0}, (enum tm_timer)t});
        }
    }
    /* Proposals; votes of one kind and round; what makes a member jump: votes of later rounds. */
    for (uint32_t group = 0; group <= 2 * s->rounds + 1; group++) {
        uint32_t count = 0;
        for (uint32_t i = 0; i < s->messages; i++) {
            const struct message *x = &s->message[i];
            bool exists = x->vote.voter < s->byzantine || has(&state->said, i);
            bool fits = group == 2 * s->rounds       ? x->proposal
                        : group == 2 * s->rounds + 1 ? !x->proposal && x->vote.round > m->round
                                                     : !x->proposal && x->vote.round == group / 2 &&
                                                           x->vote.kind == group % 2 + 1;
            if (exists && fits && !useless(s, m, i)) {
                list[count++] = i;
            }
        }
        if (group < 2 * s->rounds) {
            sets_give(s, state, index, list, count);
        } else {
            for (uint32_t i = 0; i < count; i++) {
                move(s, state, index, &(struct batch){1, {list[i]}, 0});
                for (uint32_t j = 0; j < i && group > 2 * s->rounds; j++) {
                    if (s->message[list[i]].vote.voter != s->message[list[j]].vote.voter) {
                        move(s, state, index, &(struct batch){2, {list[j], list[i]}, 0});
                    }
                }
            }
        }
    }
}

static void begin(struct search *s, uint8_t choice)
{
    struct state first;
    memset(&first, 0, sizeof(first));
    for (uint32_t i = 0; i < s->members; i++) {
        struct member_state *m = &first.member[i];
        votes_open(&s->votes, 1, s->weights, N, N);
        votes_value_add(&s->votes, value_id(1), true);
        votes_value_add(&s->votes, value_id(2), true);
        values_are_valid(&s->votes);
        tm_start(&s->tm, &s->votes, &params);
        actions_take(s, &first, i, choice);
        machine_store(s, m);
    }
    push(s, &first);
}

static void deeper(struct search *s)
{
    struct state *queue = s->queue[0];
    size_t room = s->room[0];
    s->queue[0] = s->queue[1], s->count[0] = s->count[1], s->room[0] = s->room[1];
    s->queue[1] = queue, s->count[1] = 0, s->room[1] = room;
}

/* All runs of so many moves, or of fewer when the states end. */
static void search_all(struct search *s, uint32_t byzantine, uint32_t rounds, uint32_t depth)
{
    static struct ballot pool[VOTES_POOL_BALLOTS];
    static struct voter_facts facts[VOTES_VOTERS_MAX];
    uint32_t done = 0;
    memset(s, 0, sizeof(*s));
    s->byzantine = byzantine;
    s->members = N - byzantine < 2 ? 2 : N - byzantine;
    s->rounds = rounds;
    s->seen_room = SEEN_ROOM;
    s->seen = calloc(s->seen_room, sizeof(*s->seen));
    params.round_growth_max = 30;
    for (uint32_t v = 0; v < N; v++) {
        s->weights[v] = 1;
    }
    votes_init(&s->votes, pool, facts);
    bag_fill(s);
    for (uint8_t choice = 1; choice < VALUES; choice++) {
        begin(s, choice);
    }
    for (deeper(s); s->count[0] > 0 && done < depth; deeper(s), done++) {
        for (size_t i = 0; i < s->count[0]; i++) {
            struct state state = s->queue[0][i];
            for (uint32_t k = 0; k < s->members; k++) {
                if (state.member[k].stopped == 0) {
                    expand_member(s, &state, k);
                }
            }
        }
    }
    fprintf(stderr,
            "n 4, %u byzantine, %u rounds, all runs of %u moves: %llu states, %llu deliveries, "
            "%llu decisions, %llu disagreements\n",
            byzantine, rounds, done, (unsigned long long)s->states, (unsigned long long)s->moves,
            (unsigned long long)s->decisions, (unsigned long long)s->violations);
    free(s->seen);
    free(s->queue[0]);
    free(s->queue[1]);
}

/* How many moves deeper than in the short form. */
static uint32_t more(void)
{
    const char *text = getenv("ORRERY_EXHAUSTIVE");
    return text != NULL ? (uint32_t)strtoul(text, NULL, 10) : 0;
}

static struct search search;

/* Members beyond the honest voters are observers: they vote nowhere and decide as everybody, for
 * with three liars of four there is one honest voter only. */
Test(exhaustive, one_of_four)
{
    search_all(&search, 1, 1, 6 + more());
    cr_assert_eq(search.violations, 0);
    search_all(&search, 1, 2, 5 + more());
    cr_assert_eq(search.violations, 0);
}

Test(exhaustive, two_of_four)
{
    search_all(&search, 2, 1, 5 + more());
    cr_assert(search.violations > 0 || more() == 0, "the first has six moves");
    search_all(&search, 2, 2, 3 + more());
}

Test(exhaustive, three_of_four)
{
    search_all(&search, 3, 1, 4 + more());
    cr_assert_gt(search.violations, 0);
    search_all(&search, 3, 2, 2 + more());
}
