#include "node/chain/votes.h"

#include "node/base/invariant.h"

static const uint8_t zeros[32];

void votes_init(struct votes *votes, struct ballot *pool, struct voter_facts *facts)
{
    votes->pool = pool;
    votes->facts = facts;
}

void votes_close(struct votes *votes)
{
    for (uint32_t i = 0; i < votes->sets_used; i++) {
        votes->sets[i].kind = 0;
    }
    memset(votes->chunk_free, 0, (votes->chunks_used + 63) / 64 * sizeof(uint64_t));
    votes->chunks_used = 0;
    votes->sets_used = 0;
    votes->instance = 0;
    votes->value_count = 1;
    votes->fresh = 0;
}

void votes_open(struct votes *votes, uint64_t instance, const uint64_t *weights, uint32_t voters,
                uint64_t total)
{
    invariant(voters > 0 && voters <= VOTES_VOTERS_MAX);
    votes_close(votes);
    votes->instance = instance;
    votes->weights = weights;
    votes->voters = voters;
    votes->total = total;
    votes->chunks = VOTES_POOL_BALLOTS / voters;
    if (votes->chunks > VOTES_CHUNKS_MAX) {
        votes->chunks = VOTES_CHUNKS_MAX;
    }
    votes->round = 0;
    votes->seen = 0;
    votes->ahead = 0;
    votes->refused = 0;
    votes->quorums_changed = false;
    votes->values_changed = false;
    votes->values[VALUE_NIL].verdict = VALUE_VALID;
    memset(votes->facts, 0, voters * sizeof(*votes->facts));
}

/* --- values --- */

uint8_t votes_value_find(const struct votes *votes, const uint8_t id[32])
{
    for (uint32_t i = 0; i < votes->value_count; i++) {
        if (memcmp(votes->values[i].id, id, 32) == 0) {
            return (uint8_t)i;
        }
    }
    return VALUE_NONE;
}

/* A slot whose value no held ballot names and nobody proposed. */
static uint32_t value_reclaim(struct votes *votes)
{
    bool used[VOTES_VALUES_MAX] = {true};
    for (uint32_t s = 0; s < votes->sets_used; s++) {
        const struct vote_set *set = &votes->sets[s];
        for (uint32_t l = 0; set->kind != 0 && l < set->layers; l++) {
            for (uint32_t v = 0; v < votes->voters; v++) {
                const struct ballot *b = votes_ballot(votes, set, l, v);
                if ((b->flags & BALLOT_PRESENT) != 0) {
                    used[b->value] = true;
                }
            }
        }
    }
    for (uint32_t i = 1; i < votes->value_count; i++) {
        if (!used[i] && !votes->values[i].proposed) {
            return i;
        }
    }
    return VALUE_NONE;
}

uint8_t votes_value_add(struct votes *votes, const uint8_t id[32], bool proposed)
{
    uint32_t i = votes_value_find(votes, id);
    if (i != VALUE_NONE) {
        votes->values[i].proposed |= proposed;
        return (uint8_t)i;
    }
    i = votes->value_count;
    if (i >= (proposed ? VOTES_VALUES_MAX : VOTES_VALUES_VOTED)) {
        i = value_reclaim(votes);
        if (i == VALUE_NONE) {
            votes->refused++;
            return VALUE_NONE;
        }
    } else {
        votes->value_count++;
    }
    struct vote_value *value = &votes->values[i];
    memcpy(value->id, id, 32);
    value->verdict = VALUE_UNKNOWN;
    value->preferred = false;
    value->proposed = proposed;
    votes->values_changed = true;
    return (uint8_t)i;
}

/* --- sets and their memory --- */

struct vote_set *votes_set(const struct votes *votes, enum vote_kind kind, uint32_t round)
{
    for (uint32_t i = 0; i < votes->sets_used; i++) {
        const struct vote_set *set = &votes->sets[i];
        if (set->round == round && set->kind == kind) {
            return (struct vote_set *)set;
        }
    }
    return NULL;
}

static void set_free(struct votes *votes, struct vote_set *set)
{
    for (uint32_t l = 0; l < set->layers; l++) {
        votes->chunk_free[set->chunk[l] / 64] |= UINT64_C(1) << set->chunk[l] % 64;
    }
    votes->fresh -= set->fresh;
    set->kind = 0;
}

/* Decision 2: quorums, the current and the next round stay. A quorum goes only when nothing else
 * can. */
static bool evict(struct votes *votes, const struct vote_set *keep)
{
    struct vote_set *victim = NULL;
    for (uint32_t i = 0; i < votes->sets_used; i++) {
        struct vote_set *set = &votes->sets[i];
        if (set->kind == 0 || set == keep || set->round >= votes->round) {
            continue;
        }
        if (victim == NULL || set->polka < victim->polka ||
            (set->polka == victim->polka && set->round < victim->round)) {
            victim = set;
        }
    }
    if (victim != NULL) {
        set_free(votes, victim);
    }
    return victim != NULL;
}

static bool chunk_take(struct votes *votes, uint32_t *chunk, const struct vote_set *keep)
{
    for (;;) {
        for (uint32_t w = 0; w < (votes->chunks_used + 63) / 64; w++) {
            if (votes->chunk_free[w] != 0) {
                *chunk = w * 64 + (uint32_t)__builtin_ctzll(votes->chunk_free[w]);
                votes->chunk_free[w] &= votes->chunk_free[w] - 1;
                return true;
            }
        }
        if (votes->chunks_used < votes->chunks) {
            *chunk = votes->chunks_used++;
            return true;
        }
        if (!evict(votes, keep)) {
            votes->refused++;
            return false;
        }
    }
}

static bool layer_add(struct votes *votes, struct vote_set *set)
{
    uint32_t chunk;
    if (!chunk_take(votes, &chunk, set)) {
        return false;
    }
    memset(&votes->pool[(size_t)chunk * votes->voters], 0, votes->voters * sizeof(struct ballot));
    set->chunk[set->layers++] = chunk;
    return true;
}

static struct vote_set *set_new(struct votes *votes, enum vote_kind kind, uint32_t round)
{
    struct vote_set *set = NULL;
    for (;;) {
        for (uint32_t i = 0; i < votes->sets_used && set == NULL; i++) {
            if (votes->sets[i].kind == 0) {
                set = &votes->sets[i];
            }
        }
        if (set == NULL && votes->sets_used < VOTES_SETS_MAX) {
            set = &votes->sets[votes->sets_used++];
        }
        if (set != NULL) {
            break;
        }
        if (!evict(votes, NULL)) {
            votes->refused++;
            return NULL;
        }
    }
    memset(set, 0, sizeof(*set));
    set->round = round;
    if (!layer_add(votes, set)) {
        return NULL;
    }
    set->kind = (uint8_t)kind;
    return set;
}

/* --- counting --- */

bool votes_has_quorum(const struct votes *votes, enum vote_kind kind, uint32_t round, uint8_t value)
{
    const struct vote_set *set = votes_set(votes, kind, round);
    return set != NULL && value < VOTES_VALUES_MAX && votes_quorum(votes, set->weight[value]);
}

uint64_t votes_any(const struct votes *votes, enum vote_kind kind, uint32_t round)
{
    const struct vote_set *set = votes_set(votes, kind, round);
    return set != NULL ? set->any : 0;
}

uint8_t votes_quorum_value(const struct votes *votes, enum vote_kind kind, uint32_t round)
{
    const struct vote_set *set = votes_set(votes, kind, round);
    for (uint32_t v = 1; set != NULL && v < votes->value_count; v++) {
        if (votes_quorum(votes, set->weight[v])) {
            return (uint8_t)v;
        }
    }
    return VALUE_NONE;
}

/* Counts one ballot if it may count; true when this made a new quorum. */
static bool count(struct votes *votes, struct vote_set *set, struct ballot *ballot, uint32_t voter)
{
    if (ballot->jr >= 0 &&
        !votes_has_quorum(votes, VOTE_PREVOTE, (uint32_t)ballot->jr, ballot->value)) {
        return false;
    }
    for (uint32_t l = 0; l < set->layers; l++) {
        const struct ballot *b = votes_ballot(votes, set, l, voter);
        if ((b->flags & BALLOT_COUNTED) != 0 && b->value == ballot->value) {
            return false; /* one voter weighs once */
        }
    }
    uint64_t *weight = &set->weight[ballot->value];
    bool before = votes_quorum(votes, *weight);
    ballot->flags |= BALLOT_COUNTED;
    *weight += votes->weights[voter];
    if (before || !votes_quorum(votes, *weight)) {
        return false;
    }
    votes->quorums_changed = true;
    set->polka |= ballot->value != VALUE_NIL;
    return true;
}

/* The set of prevotes of the least round above `round`. */
static struct vote_set *prevotes_after(struct votes *votes, uint32_t round)
{
    struct vote_set *next = NULL;
    for (uint32_t i = 0; i < votes->sets_used; i++) {
        struct vote_set *set = &votes->sets[i];
        if (set->kind == VOTE_PREVOTE && set->round > round &&
            (next == NULL || set->round < next->round)) {
            next = set;
        }
    }
    return next;
}

/* A quorum of prevotes formed: what waited for it counts now. A vote waits only for lower rounds,
 * so one pass upwards is enough. */
static void recount(struct votes *votes, uint32_t round, uint8_t value)
{
    struct vote_set *set;
    while ((set = prevotes_after(votes, round)) != NULL) {
        round = set->round;
        for (uint32_t l = 0; l < set->layers; l++) {
            for (uint32_t v = 0; v < votes->voters; v++) {
                struct ballot *b = votes_ballot(votes, set, l, v);
                if (b->flags != 0 && (b->flags & BALLOT_COUNTED) == 0 && b->value == value) {
                    count(votes, set, b, v);
                }
            }
        }
    }
}

/* --- adding --- */

void votes_ahead(struct votes *votes, uint32_t voter, uint32_t round)
{
    struct voter_facts *facts = &votes->facts[voter];
    uint64_t weight = votes->weights[voter];
    uint32_t mark = round < UINT32_MAX ? round + 1 : round;
    if (facts->round_max == 0) {
        votes->seen += weight;
    }
    if (facts->round_max < mark) {
        if (mark > votes->round + 1 && facts->round_max <= votes->round + 1) {
            votes->ahead += weight;
        }
        facts->round_max = mark;
    }
}

void votes_round_set(struct votes *votes, uint32_t round)
{
    votes->round = round;
    votes->ahead = 0;
    for (uint32_t v = 0; v < votes->voters; v++) {
        if (votes->facts[v].round_max > round + 1) {
            votes->ahead += votes->weights[v];
        }
    }
}

uint32_t votes_round_reached(const struct votes *votes)
{
    uint32_t low = votes->round + 1; /* reached: the caller saw that ahead is more than a third */
    uint32_t high = UINT32_MAX - 1;
    while (low < high) {
        uint32_t middle = low + (high - low + 1) / 2;
        uint64_t weight = 0;
        for (uint32_t v = 0; v < votes->voters; v++) {
            if (votes->facts[v].round_max > middle) {
                weight += votes->weights[v];
            }
        }
        if (votes_third(votes, weight)) {
            low = middle;
        } else {
            high = middle - 1;
        }
    }
    return low;
}

enum votes_known votes_look(struct votes *votes, const struct vote *vote, uint64_t link_mask)
{
    const struct vote_set *set = votes_set(votes, (enum vote_kind)vote->kind, vote->round);
    if (set == NULL) {
        if (vote->round > (uint64_t)votes->round + 1) {
            return votes->facts[vote->voter].round_max > vote->round ? VOTES_DROP : VOTES_FAR;
        }
        return VOTES_NEW;
    }
    uint32_t present = 0;
    for (uint32_t l = 0; l < set->layers; l++) {
        struct ballot *b = votes_ballot(votes, set, l, vote->voter);
        if ((b->flags & BALLOT_PRESENT) == 0) {
            continue;
        }
        present++;
        if (b->jr == vote->jr && memcmp(votes->values[b->value].id, vote->value, 32) == 0) {
            b->known |= link_mask;
            return VOTES_DUPLICATE;
        }
    }
    return present == VOTES_LAYERS ? VOTES_DROP : VOTES_NEW;
}

/* A ballot for another vote of a voter. With `must` the last one that does not count for a quorum
 * gives way. */
static struct ballot *place(struct votes *votes, struct vote_set *set, uint32_t voter, bool must)
{
    for (uint32_t l = 0; l < set->layers; l++) {
        struct ballot *b = votes_ballot(votes, set, l, voter);
        if ((b->flags & BALLOT_PRESENT) == 0) {
            return b;
        }
    }
    if (set->layers < VOTES_LAYERS) {
        return layer_add(votes, set) ? votes_ballot(votes, set, set->layers - 1U, voter) : NULL;
    }
    for (uint32_t l = VOTES_LAYERS; must && l-- > 0;) {
        struct ballot *b = votes_ballot(votes, set, l, voter);
        if (votes_quorum(votes, set->weight[b->value])) {
            continue;
        }
        if ((b->flags & BALLOT_COUNTED) != 0) {
            set->weight[b->value] -= votes->weights[voter];
        }
        if ((b->flags & BALLOT_FRESH) != 0) {
            set->fresh--;
            votes->fresh--;
        }
        return b;
    }
    votes->refused++;
    return NULL;
}

enum err votes_add(struct votes *votes, const struct vote *vote, uint64_t link_mask, bool fresh,
                   bool must)
{
    invariant(vote->voter < votes->voters && vote->instance == votes->instance);
    votes_ahead(votes, vote->voter, vote->round);
    switch (votes_look(votes, vote, link_mask)) {
    case VOTES_DUPLICATE:
        return ERR_DUPLICATE;
    case VOTES_FAR:
        return ERR_EARLY;
    case VOTES_DROP:
        if (vote->round > (uint64_t)votes->round + 1) {
            return ERR_EARLY;
        }
        if (!must) {
            return ERR_FULL;
        }
        break;
    case VOTES_NEW:
        break;
    }
    uint8_t value = votes_value_add(votes, vote->value, must);
    if (value == VALUE_NONE) {
        return ERR_FULL;
    }
    enum vote_kind kind = (enum vote_kind)vote->kind;
    struct vote_set *set = votes_set(votes, kind, vote->round);
    bool first = true;
    if (set == NULL) {
        set = set_new(votes, kind, vote->round);
    } else {
        first = (votes_ballot(votes, set, 0, vote->voter)->flags & BALLOT_PRESENT) == 0;
    }
    struct ballot *b = set != NULL ? place(votes, set, vote->voter, must) : NULL;
    if (b == NULL) {
        return ERR_FULL;
    }
    *b = (struct ballot){.known = link_mask,
                         .jr = vote->jr,
                         .value = value,
                         .flags = (uint8_t)(BALLOT_PRESENT | (fresh ? BALLOT_FRESH : 0))};
    memcpy(b->sig, vote->sig, sizeof(b->sig));
    if (fresh) {
        set->fresh++;
        votes->fresh++;
    }
    if (first) {
        set->any += votes->weights[vote->voter];
    }
    if (count(votes, set, b, vote->voter) && kind == VOTE_PREVOTE && value != VALUE_NIL) {
        recount(votes, vote->round, value);
    }
    return ERR_OK;
}

void votes_link_down(struct votes *votes, uint32_t link)
{
    uint64_t mask = ~(UINT64_C(1) << link);
    for (uint32_t s = 0; s < votes->sets_used; s++) {
        const struct vote_set *set = &votes->sets[s];
        for (uint32_t l = 0; set->kind != 0 && l < set->layers; l++) {
            for (uint32_t v = 0; v < votes->voters; v++) {
                votes_ballot(votes, set, l, v)->known &= mask;
            }
        }
    }
}

/* --- reading --- */

void votes_vote(struct vote *vote, const struct votes *votes, const struct vote_set *set,
                const struct ballot *ballot, uint32_t voter)
{
    vote->voter = (uint16_t)voter;
    vote->kind = set->kind;
    vote->instance = votes->instance;
    vote->round = set->round;
    memcpy(vote->value, ballot->value == VALUE_NIL ? zeros : votes->values[ballot->value].id, 32);
    vote->jr = ballot->jr;
    memcpy(vote->sig, ballot->sig, sizeof(vote->sig));
}

bool votes_convict(struct votes *votes, enum evidence_kind *kind, struct vote *other,
                   const struct vote *vote)
{
    uint8_t *convicted = &votes->facts[vote->voter].convicted;
    for (uint32_t s = 0; s < votes->sets_used; s++) {
        const struct vote_set *set = &votes->sets[s];
        for (uint32_t l = 0; set->kind != 0 && l < set->layers; l++) {
            const struct ballot *b = votes_ballot(votes, set, l, vote->voter);
            if ((b->flags & BALLOT_PRESENT) == 0) {
                continue;
            }
            votes_vote(other, votes, set, b, vote->voter);
            if (evidence_classify(kind, vote, other) == ERR_OK && (*convicted & 1U << *kind) == 0) {
                *convicted = (uint8_t)(*convicted | 1U << *kind);
                return true;
            }
        }
    }
    return false;
}
