/* Accountability (spec: chain 1.5; decisions 1, 15), from signed messages alone as they leave the
 * machines: nobody honest ever signs what convicts, no evidence names somebody honest, and where a
 * third or more of the stake is byzantine, so that two decisions of one instance are possible, each
 * such pair convicts at least a third of its committee. The rules are written down a second time
 * here; a pair convicts only when both signatures hold. */
#include <stdlib.h>

#include "node/wire/codec.h"
#include "node/wire/frames.h"
#include "sim/check/check_private.h"

static const uint8_t nil[32];

bool check_honest(const struct checks *checks, uint32_t node)
{
    return node < checks->nodes && checks->byzantine_until_ns[node] == 0 &&
           !checks->forgetful[node];
}

static uint64_t epoch_of(const struct checks *checks, uint64_t instance)
{
    return (instance * checks->params->checkpoint_blocks - 1) / checks->params->epoch_blocks;
}

/* Epochs of two committees: only a third of byzantine stake can make them. */
static bool two_committees(const struct checks *checks, const struct seating *seating)
{
    return checks->beyond_promise && seating->disputed;
}

/* --- who signed what --- */

/* S1, S2 or NULL. */
static const char *offence(const struct vote *a, const struct vote *b)
{
    bool same_value = memcmp(a->value, b->value, 32) == 0;

    if (a->kind == b->kind) {
        return a->round == b->round && (!same_value || a->jr != b->jr) ? "S1" : NULL;
    }
    const struct vote *precommit = a->kind == VOTE_PRECOMMIT ? a : b;
    const struct vote *prevote = a->kind == VOTE_PRECOMMIT ? b : a;
    bool two_values = !same_value && memcmp(precommit->value, nil, 32) != 0 &&
                      memcmp(prevote->value, nil, 32) != 0;
    return two_values && precommit->round < prevote->round &&
                   prevote->jr < (int64_t)precommit->round
               ? "S2"
               : NULL;
}

static bool signed_by(const struct checks *checks, const struct vote *a, const struct vote *b,
                      uint32_t node)
{
    const uint8_t *key = checks->statements.accounts[node];
    struct shared *shared = checks->replay.shared;

    return vote_verify(a, shared, checks->genesis_hash, key) == ERR_OK &&
           vote_verify(b, shared, checks->genesis_hash, key) == ERR_OK;
}

static void convict(struct checks *checks, uint32_t node, const char *rule, const struct vote *a,
                    const struct vote *b)
{
    checks->statements.convictions++;
    if (!check_honest(checks, node)) {
        return;
    }
    check_fail(checks, CHECK_BROKEN,
               "accountability: node %u is honest, but what it signed convicts it by %s: in "
               "instance %" PRIu64 " a %s for %016" PRIx64 " (round %u, jr %d) and a %s for "
               "%016" PRIx64 " (round %u, jr %d)",
               node, rule, a->instance, a->kind == VOTE_PREVOTE ? "prevote" : "precommit",
               load64(a->value), a->round, a->jr, b->kind == VOTE_PREVOTE ? "prevote" : "precommit",
               load64(b->value), b->round, b->jr);
}

/* A prevote for what was proposed with vr says at least vr: else a later quorum for another value
 * would convict whoever rightly follows it. */
static void justified(struct checks *checks, const struct ballot_box *box, const struct vote *vote,
                      const struct seat_holder *holder)
{
    if (vote->kind != VOTE_PREVOTE || vote->round >= ROUNDS_SHOWN) {
        return;
    }
    const struct shown_round *shown = &box->shown[vote->round];
    if (shown->present && !shown->two && shown->vr > vote->jr && holder->nodes[0] != 0 &&
        holder->nodes[1] == 0 && check_honest(checks, holder->nodes[0] - 1) &&
        memcmp(shown->value, vote->value, 32) == 0 &&
        signed_by(checks, vote, vote, holder->nodes[0] - 1)) {
        check_fail(checks, CHECK_BROKEN,
                   "accountability: node %u is honest, but prevotes %016" PRIx64
                   " in instance %" PRIu64
                   " (round %u) with jr %d, though it was proposed with the "
                   "quorum of round %d",
                   holder->nodes[0] - 1, load64(vote->value), vote->instance, vote->round, vote->jr,
                   shown->vr);
    }
}

/* An honest proposer shows one thing in a round. */
static void proposal_heard(struct checks *checks, struct span bytes)
{
    struct frame_proposal p;

    if (frame_proposal_decode(&p, bytes) != ERR_OK || p.round >= ROUNDS_SHOWN ||
        p.instance > UINT32_MAX) {
        return;
    }
    struct ballot_box *box = statements_open(&checks->statements, p.instance);
    if (box == NULL) {
        return;
    }
    struct shown_round *shown = &box->shown[p.round];
    bool same = shown->present && shown->vr == p.vr && memcmp(shown->value, p.value, 32) == 0;
    shown->two = shown->two || (shown->present && !same) || !checks->conduct.all_honest;
    shown->present = true;
    shown->vr = p.vr;
    memcpy(shown->value, p.value, 32);
}

static void vote_heard(struct checks *checks, const struct vote *vote)
{
    struct statements *s = &checks->statements;
    struct voice *voice = statements_vote(s, vote);
    const struct seating *seating = statements_seating(s, epoch_of(checks, vote->instance));
    const struct ballot_box *box = statements_box(s, vote->instance);

    if (voice == NULL || box == NULL || seating == NULL || vote->voter >= seating->room) {
        return;
    }
    const struct seat_holder *holder = &seating->seats[vote->voter];
    justified(checks, box, vote, holder);
    if (voice->convicted || voice->count < 2) {
        return;
    }
    for (uint32_t at = box->list[voice->newest - 1].before; at != 0;
         at = box->list[at - 1].before) {
        const struct vote *other = &box->list[at - 1].vote;
        const char *rule = offence(vote, other);
        for (unsigned i = 0; rule != NULL && i < SEAT_HOLDERS && holder->nodes[i] != 0; i++) {
            if (signed_by(checks, vote, other, holder->nodes[i] - 1)) {
                voice->convicted = true;
                convict(checks, holder->nodes[i] - 1, rule, other, vote);
                return;
            }
        }
    }
}

static void header_heard(struct checks *checks, struct span bytes)
{
    struct header header;

    if (header_decode(&header, bytes) != ERR_OK || header.height == 0) {
        return;
    }
    uint32_t node = statements_node(&checks->statements, header.signer);
    if (node == UINT32_MAX) {
        return;
    }
    const uint8_t *before = statements_header(&checks->statements, node, header.height, bytes.data);
    if (before == NULL || memcmp(before, bytes.data, HEADER_SIGNED_BYTES) == 0 ||
        header_verify(before) != ERR_OK || header_verify(bytes.data) != ERR_OK) {
        return;
    }
    checks->statements.convictions++;
    if (check_honest(checks, node)) {
        check_fail(checks, CHECK_BROKEN,
                   "accountability: node %u is honest, but what it signed convicts it by H: two "
                   "headers of height %" PRIu64,
                   node, header.height);
    }
}

/* --- decisions: do they prove what they say? --- */

struct group {
    uint32_t round;
    uint64_t weight;
    bool wanted;
};

/* One list of votes: its weight; what the votes refer to is wanted. False: broken. */
static bool group_weigh(struct checks *checks, const struct seating *seating, struct reader *r,
                        struct group *groups, size_t count, struct group *into, struct vote *vote)
{
    struct list list = reader_list(r, JUSTIFIED_BYTES, VOTES_VOTERS_MAX);

    for (size_t i = 0; i < list.count && r->err == ERR_OK; i++) {
        const uint8_t *at = list.data + i * JUSTIFIED_BYTES;
        vote->voter = load16(at);
        vote->jr = (int32_t)load32(at + 2);
        memcpy(vote->sig, at + 6, 64);
        vote->round = into->round;
        vote_heard(checks, vote);
        if (vote->voter < seating->room) {
            into->weight += seating->seats[vote->voter].weight;
        }
        bool known = vote->jr < 0;
        for (size_t g = 0; g < count; g++) {
            known |= groups[g].wanted && groups[g].round == (uint32_t)vote->jr;
        }
        for (size_t g = count; !known && g < JUSTIFICATION_GROUPS_MAX; g++) {
            if (!groups[g].wanted) {
                groups[g] = (struct group){.round = (uint32_t)vote->jr, .wanted = true};
                known = true;
            } else if (groups[g].round == (uint32_t)vote->jr) {
                known = true;
            }
        }
    }
    return r->err == ERR_OK;
}

static void decision_fails(struct checks *checks, uint32_t node, const struct vote *vote,
                           const char *what, uint32_t round)
{
    if (check_honest(checks, node)) {
        check_fail(checks, CHECK_BROKEN,
                   "accountability: node %u is honest, but shows a decision of instance %" PRIu64
                   " (round %u) %s of round %u: it would convict nobody",
                   node, vote->instance, vote->round, what, round);
    }
}

/* A decision carries a quorum of precommits, and quorums of prevotes for everything that it refers
 * to (decision 1). */
static void decision_heard(struct checks *checks, uint32_t node, struct span bytes)
{
    struct group groups[JUSTIFICATION_GROUPS_MAX] = {0};
    struct group precommits = {0};
    struct vote vote = {.kind = VOTE_PRECOMMIT};
    struct reader r;

    reader_init(&r, bytes);
    vote.instance = reader_u64(&r);
    vote.round = precommits.round = reader_u32(&r);
    reader_copy(&r, vote.value, 32);
    const struct seating *seating =
        vote.instance == 0 || vote.instance > UINT32_MAX
            ? NULL
            : statements_seating(&checks->statements, epoch_of(checks, vote.instance));
    if (r.err != ERR_OK || seating == NULL || two_committees(checks, seating)) {
        return;
    }
    groups[0] = (struct group){.round = precommits.round, .wanted = true};
    if (!group_weigh(checks, seating, &r, groups, 1, &precommits, &vote)) {
        return;
    }
    if ((u128)precommits.weight * 3 <= (u128)seating->total * 2) {
        decision_fails(checks, node, &vote, "without two thirds of the precommits",
                       precommits.round);
    }
    vote.kind = VOTE_PREVOTE;
    uint64_t lists = reader_var_max(&r, JUSTIFICATION_GROUPS_MAX);
    for (uint64_t i = 0; i < lists && r.err == ERR_OK; i++) {
        struct group here = {.round = reader_u32(&r)};
        size_t known = 0;
        while (known < JUSTIFICATION_GROUPS_MAX && groups[known].wanted) {
            known++;
        }
        if (!group_weigh(checks, seating, &r, groups, known, &here, &vote)) {
            return;
        }
        for (size_t g = 0; g < JUSTIFICATION_GROUPS_MAX; g++) {
            if (groups[g].wanted && groups[g].round == here.round) {
                groups[g].weight = here.weight;
            }
        }
    }
    vote.round = precommits.round;
    for (size_t g = 0; g < JUSTIFICATION_GROUPS_MAX && groups[g].wanted; g++) {
        if ((u128)groups[g].weight * 3 <= (u128)seating->total * 2) {
            decision_fails(checks, node, &vote, "without two thirds of the prevotes",
                           groups[g].round);
        }
    }
    checks->statements.decisions++;
}

/* --- what comes in --- */

void accountability_note(struct checks *checks, const struct note *note, struct span bytes)
{
    struct vote vote;

    switch ((enum note_kind)note->kind) {
    case NOTE_VOTE:
        if (vote_decode(&vote, bytes.data) == ERR_OK && vote.instance <= UINT32_MAX) {
            vote_heard(checks, &vote);
        }
        break;
    case NOTE_DECISION:
        decision_heard(checks, note->node, bytes);
        break;
    case NOTE_HEADER:
        header_heard(checks, bytes);
        break;
    case NOTE_PROPOSAL:
        proposal_heard(checks, bytes);
        break;
    case NOTE_TAKEN:
        conduct_taken(checks, note, bytes);
        break;
    }
}

static void seat_row(struct checks *checks, const struct trace_row *row)
{
    uint32_t other;

    if (!statements_seat(&checks->statements, row->value[0], row->value[2], (uint32_t)row->value[3],
                         row->value[1], row->node, &other) ||
        checks->violations.count > 0 || checks->byzantine_until_ns[row->node] != 0 ||
        checks->byzantine_until_ns[other] != 0) {
        return;
    }
    check_fail(checks, CHECK_BROKEN,
               "committee: node %u and node %u both say that they hold seat %" PRIu64
               " of epoch %" PRIu64,
               other, row->node, row->value[3], row->value[0]);
}

/* Somebody holds evidence: never against somebody honest. */
static void evidence_row(struct checks *checks, const struct trace_row *row)
{
    for (uint32_t i = 0; i < checks->nodes; i++) {
        const uint8_t *account = checks->statements.accounts[i];
        if (load64(account) == row->value[1] && memcmp(account, nil, 32) != 0 &&
            check_honest(checks, i) && check_honest(checks, row->node)) {
            static const char *const rules[] = {"?", "S1", "S2", "H"};
            check_fail(checks, CHECK_BROKEN,
                       "accountability: node %u found evidence (%s) against node %u at " SECONDS
                       ", which is honest",
                       row->node, rules[row->value[0] & 3], i, SECONDS_OF(row->time_ns));
        }
    }
    checks->statements.evidence++;
}

void accountability_row(struct checks *checks, const struct trace_row *row)
{
    if (row->node >= checks->nodes) {
        return;
    }
    if (row->kind == TRACE_committee_joined) {
        seat_row(checks, row);
    } else if (row->kind == TRACE_evidence_found) {
        evidence_row(checks, row);
    }
}

/* --- two decisions of one instance --- */

void accountability_violation(struct checks *checks, uint64_t instance, uint64_t one, uint64_t two,
                              uint64_t time_ns)
{
    struct violations *v = &checks->violations;

    for (uint32_t i = 0; i < v->count; i++) {
        if (v->list[i].instance == instance) {
            return;
        }
    }
    if (v->count < VIOLATIONS_MAX) {
        v->list[v->count++] =
            (struct violation){.instance = instance, .one = one, .two = two, .time_ns = time_ns};
    }
}

static uint64_t convicted_weight(const struct checks *checks, uint64_t instance, uint64_t *total)
{
    const struct seating *seating =
        statements_seating(&checks->statements, epoch_of(checks, instance));
    const struct ballot_box *box = statements_box(&checks->statements, instance);
    uint64_t weight = 0;

    *total = seating != NULL ? seating->total : 0;
    for (uint32_t v = 0; seating != NULL && box != NULL && v < box->voters && v < seating->room;
         v++) {
        weight += box->voices[v].convicted ? seating->seats[v].weight : 0;
    }
    return weight;
}

void accountability_end(struct checks *checks)
{
    for (uint32_t i = 0; i < checks->violations.count; i++) {
        struct violation *v = &checks->violations.list[i];
        uint64_t total;
        v->convicted = convicted_weight(checks, v->instance, &total);
        v->total = total;
        const struct seating *seating =
            statements_seating(&checks->statements, epoch_of(checks, v->instance));
        if (seating != NULL && two_committees(checks, seating)) {
            continue; /* of two committees: judged where they parted */
        }
        if ((u128)v->convicted * 3 < total || total == 0) {
            check_fail(checks, CHECK_BROKEN,
                       "accountability: instance %" PRIu64 " was decided as %016" PRIx64
                       " and as %016" PRIx64 " (at " SECONDS
                       "), and all that was signed convicts %" PRIu64 " of %" PRIu64
                       " of its committee's weight: less than a third",
                       v->instance, v->one, v->two, SECONDS_OF(v->time_ns), v->convicted, total);
        }
    }
}
