#include "node/chain/certificate.h"

#include "node/base/invariant.h"
#include "node/base/plant.h"
#include "node/chain/justification.h"
#include "node/crypto/hash.h"

/* --- building --- */

static void group_write(struct writer *w, const struct votes *votes,
                        const struct justification_group *group)
{
    writer_var_max(w, group->count, VOTES_VOTERS_MAX);
    for (uint32_t v = 0; v < votes->voters; v++) {
        if (group->layer[v] != 0) {
            const struct ballot *b = votes_ballot(votes, group->set, group->layer[v] - 1U, v);
            writer_u16(w, (uint16_t)v);
            writer_i32(w, b->jr);
            writer_raw(w, b->sig, sizeof(b->sig));
        }
    }
}

enum err certificate_build(struct span *decision, const struct votes *votes, uint32_t round,
                           uint8_t value, struct arena *scratch)
{
    struct justification_rounds none = {0};
    struct justification_group precommits;
    struct justification *prevotes = arena_alloc(scratch, sizeof(*prevotes));
    if (prevotes == NULL) {
        return ERR_NO_MEMORY;
    }
    TRY(justification_group(&precommits, &none, votes, VOTE_PRECOMMIT, round, value, scratch));
    TRY(justification_collect(prevotes, votes, round, value, scratch));
    if (planted(DECISION_UNJUSTIFIED)) {
        prevotes->count = 1;
    }
    size_t count = precommits.count + justification_votes(prevotes);
    size_t room = count * JUSTIFIED_BYTES + 64 + prevotes->count * 8U;
    uint8_t *out = arena_alloc(scratch, room);
    if (out == NULL) {
        return ERR_NO_MEMORY;
    }
    struct writer w;
    writer_init(&w, out, room);
    writer_u64(&w, votes->instance);
    writer_u32(&w, round);
    writer_hash(&w, votes->values[value].id);
    group_write(&w, votes, &precommits);
    writer_var(&w, prevotes->count);
    for (uint32_t g = 0; g < prevotes->count; g++) {
        writer_u32(&w, prevotes->groups[g].round);
        group_write(&w, votes, &prevotes->groups[g]);
    }
    size_t len;
    TRY(writer_end(&w, &len));
    *decision = span_of(out, len);
    return len <= CERTIFICATE_BYTES_MAX ? ERR_OK : ERR_FULL;
}

/* --- reading --- */

static void facts_read(struct decision_facts *facts, struct reader *r)
{
    facts->instance = reader_u64(r);
    facts->round = reader_u32(r);
    reader_copy(r, facts->value, 32);
}

enum err certificate_peek(struct decision_facts *facts, struct span decision)
{
    struct reader r;
    reader_init(&r, decision);
    facts_read(facts, &r);
    return r.err;
}

/* Which rounds have a group, and which of them something refers to. */
struct groups {
    uint32_t count;
    uint32_t round[JUSTIFICATION_GROUPS_MAX];
    bool wanted[JUSTIFICATION_GROUPS_MAX];
};

static bool groups_want(struct groups *groups, int32_t jr)
{
    for (uint32_t g = 0; g < groups->count; g++) {
        if ((int64_t)groups->round[g] == jr) {
            groups->wanted[g] = true;
            return true;
        }
    }
    return jr < 0 || planted(DECISION_UNJUSTIFIED);
}

/* One list of votes of a round: a quorum of different voters, in order. Notes what they refer to.
 */
static enum err group_form(struct groups *groups, struct list list,
                           const struct committee *committee, uint32_t round, bool precommits)
{
    uint64_t weight = 0;
    int64_t last = -1;
    for (size_t i = 0; i < list.count; i++) {
        const uint8_t *at = list.data + i * JUSTIFIED_BYTES;
        uint16_t voter = load16(at);
        uint32_t bits = load32(at + 2);
        int32_t jr;
        memcpy(&jr, &bits, 4);
        if (voter <= last || voter >= committee->count || jr < -1 || jr >= (int64_t)round ||
            (precommits && jr != -1) || !groups_want(groups, jr)) {
            return ERR_INVALID;
        }
        last = voter;
        weight += planted(QUORUM_BY_MEMBERS) ? committee->total / committee->count
                                             : committee_weight(committee, voter);
    }
    return committee_quorum(committee, weight) ? ERR_OK : ERR_INVALID;
}

enum err certificate_form(struct decision_facts *facts, uint32_t *signatures,
                          const struct committee *committee, struct span decision)
{
    struct list lists[JUSTIFICATION_GROUPS_MAX];
    struct groups groups = {0};
    struct reader r;
    reader_init(&r, decision);
    facts_read(facts, &r);
    struct list precommits = reader_list(&r, JUSTIFIED_BYTES, VOTES_VOTERS_MAX);
    groups.count = (uint32_t)reader_var_max(&r, JUSTIFICATION_GROUPS_MAX);
    size_t total = precommits.count;
    for (uint32_t g = 0; g < groups.count; g++) {
        groups.round[g] = reader_u32(&r);
        lists[g] = reader_list(&r, JUSTIFIED_BYTES, VOTES_VOTERS_MAX);
        total += lists[g].count;
        if (g > 0 && groups.round[g] >= groups.round[g - 1]) {
            return ERR_INVALID;
        }
    }
    TRY(reader_end(&r));
    static const uint8_t nil[32];
    if (groups.count == 0 || groups.round[0] != facts->round ||
        memcmp(facts->value, nil, 32) == 0) {
        return ERR_INVALID;
    }
    groups.wanted[0] = true;
    TRY(group_form(&groups, precommits, committee, facts->round, true));
    for (uint32_t g = 0; g < groups.count; g++) {
        /* Rounds descend, so whoever refers to this group has been read. */
        if (!groups.wanted[g]) {
            return ERR_INVALID;
        }
        TRY(group_form(&groups, lists[g], committee, groups.round[g], false));
    }
    *signatures = (uint32_t)total;
    return ERR_OK;
}

void certificate_walk_begin(struct certificate_walk *walk, struct span decision)
{
    memset(walk, 0, sizeof(*walk));
    reader_init(&walk->reader, decision);
    facts_read(&walk->facts, &walk->reader);
    walk->kind = VOTE_PRECOMMIT;
    walk->round = walk->facts.round;
    walk->left = (uint32_t)reader_var_max(&walk->reader, VOTES_VOTERS_MAX);
}

bool certificate_walk_next(struct certificate_walk *walk, struct vote *vote)
{
    while (walk->left == 0) {
        if (walk->kind == VOTE_PRECOMMIT) {
            walk->kind = VOTE_PREVOTE;
            walk->groups = (uint32_t)reader_var_max(&walk->reader, JUSTIFICATION_GROUPS_MAX);
        }
        if (walk->groups == 0 || walk->reader.err != ERR_OK) {
            return false;
        }
        walk->groups--;
        walk->round = reader_u32(&walk->reader);
        walk->left = (uint32_t)reader_var_max(&walk->reader, VOTES_VOTERS_MAX);
    }
    walk->left--;
    vote->kind = walk->kind;
    vote->instance = walk->facts.instance;
    vote->round = walk->round;
    memcpy(vote->value, walk->facts.value, 32);
    vote->voter = reader_u16(&walk->reader);
    vote->jr = reader_i32(&walk->reader);
    reader_copy(&walk->reader, vote->sig, sizeof(vote->sig));
    return walk->reader.err == ERR_OK;
}

/* --- checking --- */

struct verdict {
    uint64_t instance;
    uint32_t round, signatures, at, err;
    uint8_t value[32];
};

_Static_assert(sizeof(struct verdict) <= MEMO_VALUE_BYTES, "a verdict fits the memo");

static void verdict_put(const struct certificate_check *check, struct ctx *c, enum err err)
{
    struct verdict verdict = {.instance = check->facts.instance,
                              .round = check->facts.round,
                              .signatures = check->signatures,
                              .at = check->done,
                              .err = err};
    memcpy(verdict.value, check->facts.value, 32);
    memo_put(c->shared, MEMO_DECISION, check->memo, &verdict, sizeof(verdict));
}

void certificate_committee_id(uint8_t id[32], const struct committee *committee)
{
    uint8_t epoch[8];
    store64(epoch, committee->epoch);
    const struct span parts[] = {SPAN_TEXT("committee"), span_of(epoch, 8),
                                 span_of(committee->members, (size_t)committee->count * 40)};
    hash256_parts(id, parts, 3);
}

enum err certificate_check_begin(struct certificate_check *check, struct ctx *c,
                                 const uint8_t genesis[32], const struct committee *committee,
                                 const uint8_t committee_id[32], const uint64_t id[2],
                                 struct span decision)
{
    memset(check, 0, sizeof(*check));
    check->decision = decision;
    const struct span parts[] = {span_of(id, 16), span_of(committee_id, 32), span_of(genesis, 32)};
    hash_keyed_parts((uint8_t *)check->memo.id, sizeof(check->memo.id), span_of(NULL, 0), parts, 3);
    struct verdict verdict;
    if (memo_get(c->shared, MEMO_DECISION, check->memo, &verdict, sizeof(verdict))) {
        check->known = true;
        check->known_at = verdict.at;
        check->known_err = (enum err)verdict.err;
        check->signatures = verdict.signatures;
        check->facts.instance = verdict.instance;
        check->facts.round = verdict.round;
        memcpy(check->facts.value, verdict.value, 32);
        return verdict.at == 0 ? check->known_err : ERR_OK;
    }
    enum err err = certificate_form(&check->facts, &check->signatures, committee, decision);
    if (err != ERR_OK) {
        verdict_put(check, c, err);
    }
    return err;
}

/* Checks signatures done..done+count-1. */
static enum err check_some(struct certificate_check *check, struct ctx *c, uint32_t count,
                           const uint8_t genesis[32], const struct committee *committee)
{
    struct certificate_walk walk;
    struct vote vote;
    certificate_walk_begin(&walk, check->decision);
    for (uint32_t i = 0; i < check->done + count; i++) {
        invariant(certificate_walk_next(&walk, &vote));
        if (i < check->done) {
            continue;
        }
        enum err err = vote_verify(&vote, c->shared, genesis, committee_key(committee, vote.voter));
        if (err != ERR_OK) {
            check->done = i + 1;
            verdict_put(check, c, err);
            return err;
        }
    }
    check->done += count;
    return ERR_OK;
}

enum err certificate_check_step(struct certificate_check *check, struct ctx *c, bool *done,
                                uint32_t *budget, const uint8_t genesis[32],
                                const struct committee *committee)
{
    uint32_t left = check->signatures - check->done;
    uint32_t count = left < *budget ? left : *budget;
    *budget -= count;
    ctx_charge(c, COST_VERIFY, count);
    if (check->known) {
        check->done += count;
        *done = check->done >= check->known_at;
        return *done ? check->known_err : ERR_OK;
    }
    enum err err = check_some(check, c, count, genesis, committee);
    *done = err != ERR_OK || check->done == check->signatures;
    if (*done && err == ERR_OK) {
        verdict_put(check, c, ERR_OK);
    }
    return err;
}

enum err decision_verify(struct decision_facts *facts, struct ctx *c, const struct genesis *genesis,
                         const struct committee *committee, struct span decision)
{
    struct certificate_check check;
    uint8_t committee_id[32];
    uint8_t id[32];
    uint32_t budget = UINT32_MAX;
    bool done;
    certificate_committee_id(committee_id, committee);
    hash256(id, decision.data, decision.len);
    TRY(certificate_check_begin(&check, c, genesis->hash, committee, committee_id,
                                (const uint64_t[2]){load64(id), load64(id + 8)}, decision));
    TRY(certificate_check_step(&check, c, &done, &budget, genesis->hash, committee));
    *facts = check.facts;
    return ERR_OK;
}
