#include "node/chain/justification.h"

static bool rounds_have(const struct justification_rounds *rounds, int32_t jr)
{
    for (uint32_t i = 0; i < rounds->count; i++) {
        if ((int64_t)rounds->round[i] == jr) {
            return true;
        }
    }
    return false;
}

static enum err rounds_add(struct justification_rounds *rounds, int32_t jr)
{
    if (jr < 0 || rounds_have(rounds, jr)) {
        return ERR_OK;
    }
    if (rounds->count == JUSTIFICATION_GROUPS_MAX) {
        return ERR_FULL;
    }
    rounds->round[rounds->count++] = (uint32_t)jr;
    return ERR_OK;
}

enum err justification_group(struct justification_group *group, struct justification_rounds *rounds,
                             const struct votes *votes, enum vote_kind kind, uint32_t round,
                             uint8_t value, struct arena *scratch)
{
    const struct vote_set *set = votes_set(votes, kind, round);
    if (set == NULL || !votes_quorum(votes, set->weight[value])) {
        return ERR_UNKNOWN;
    }
    *group = (struct justification_group){.round = round, .set = set};
    group->layer = arena_alloc_zero(scratch, votes->voters);
    if (group->layer == NULL) {
        return ERR_NO_MEMORY;
    }
    uint64_t weight = 0;
    /* First those that refer to nothing, then to what is carried anyway, then to anything. */
    for (int pass = 0; pass < 3; pass++) {
        for (uint32_t v = 0; v < votes->voters && !votes_quorum(votes, weight); v++) {
            for (uint32_t l = 0; l < set->layers && group->layer[v] == 0; l++) {
                const struct ballot *b = votes_ballot(votes, set, l, v);
                if ((b->flags & BALLOT_COUNTED) == 0 || b->value != value ||
                    (pass == 0 && b->jr >= 0) || (pass == 1 && !rounds_have(rounds, b->jr))) {
                    continue;
                }
                TRY(rounds_add(rounds, b->jr));
                group->layer[v] = (uint8_t)(l + 1);
                group->count++;
                weight += votes->weights[v];
            }
        }
    }
    return votes_quorum(votes, weight) ? ERR_OK : ERR_UNKNOWN;
}

/* The highest round asked for below `round`; false: none. */
static bool rounds_next(const struct justification_rounds *rounds, uint32_t *round)
{
    bool found = false;
    uint32_t best = 0;
    for (uint32_t i = 0; i < rounds->count; i++) {
        uint32_t r = rounds->round[i];
        if (r < *round && (!found || r > best)) {
            found = true;
            best = r;
        }
    }
    *round = best;
    return found;
}

enum err justification_collect(struct justification *justification, const struct votes *votes,
                               uint32_t round, uint8_t value, struct arena *scratch)
{
    struct justification_rounds rounds = {0};
    justification->votes = votes;
    justification->value = value;
    justification->count = 0;
    do {
        if (justification->count == JUSTIFICATION_GROUPS_MAX) {
            return ERR_FULL;
        }
        TRY(justification_group(&justification->groups[justification->count], &rounds, votes,
                                VOTE_PREVOTE, round, value, scratch));
        justification->count++;
    } while (rounds_next(&rounds, &round));
    return ERR_OK;
}

uint32_t justification_votes(const struct justification *justification)
{
    uint32_t count = 0;
    for (uint32_t g = 0; g < justification->count; g++) {
        count += justification->groups[g].count;
    }
    return count;
}

void justification_write(struct writer *writer, const struct justification *justification)
{
    const struct votes *votes = justification->votes;
    writer_var_max(writer, justification_votes(justification), VOTES_VOTERS_MAX);
    for (uint32_t g = 0; g < justification->count; g++) {
        const struct justification_group *group = &justification->groups[g];
        for (uint32_t v = 0; v < votes->voters; v++) {
            if (group->layer[v] == 0) {
                continue;
            }
            struct vote vote;
            votes_vote(&vote, votes, group->set,
                       votes_ballot(votes, group->set, group->layer[v] - 1U, v), v);
            uint8_t *room = writer_room(writer, VOTE_BYTES);
            if (room != NULL) {
                vote_encode(room, &vote);
            }
        }
    }
}
