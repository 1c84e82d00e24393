/* Equivocating voter: where the node casts one vote, some peers are shown another of the same key.
 * `votes values`: another block or, when the node votes nil, the block it could have voted for;
 * `nil`: nil in place of a block; `forget`: after a precommit the later prevotes name another value
 * and no justification, as if there were no lock. The first two are S1, the third is S2 (spec:
 * chain 1.5): whoever meets both votes can prove it. `late`: they are not shown its prevotes and
 * hear of them from others, so that a quorum comes for some in time and for others too late; nobody
 * can prove anything. */
#include "node/chain/finality.h"
#include "node/crypto/hash.h"
#include "sim/adversary/forge.h"

enum { TWO_VOTES_VOTES, TWO_VOTES_TO };
enum { VOTES_VALUES, VOTES_NIL, VOTES_FORGET, VOTES_LATE };
enum { SECONDS_MAX = 16 };

static const char *const styles[] = {"values", "nil", "forget", "late", NULL};

struct two_votes {
    uint64_t instance; /* the seat is of */
    uint32_t seat;     /* UINT32_MAX: none */
    uint64_t locked_instance;
    uint32_t locked_round; /* of a precommit that is to be forgotten */
    uint32_t next;
    struct vote first[SECONDS_MAX], second[SECONDS_MAX]; /* rings; kind 0: unused */
};

static uint32_t seat_of(struct act *a, uint64_t instance)
{
    struct two_votes *s = a->state;

    if (s->instance != instance && instance != 0) {
        s->instance = instance;
        s->seat = forge_seat(a, instance);
    }
    return s->seat;
}

/* A block at the height of the instance that is not `value`: of the tree, else none that exists. */
static void other_value(struct act *a, uint8_t out[32], const struct vote *vote)
{
    if (!forge_other_value(out, a, vote->instance, vote->value)) {
        hash256(out, vote->value, 32);
    }
}

/* What to show in place of a vote; false: nothing. */
static bool second_make(struct act *a, struct vote *second, const struct vote *vote)
{
    struct two_votes *s = a->state;
    uint64_t style = a->line->value[TWO_VOTES_VOTES].num;
    bool nil = vote_is_nil(vote);

    *second = *vote;
    second->jr = -1;
    memset(second->value, 0, 32);
    if (style == VOTES_NIL) {
        return !nil;
    }
    if (style == VOTES_FORGET &&
        (vote->kind != VOTE_PREVOTE || s->locked_instance != vote->instance ||
         vote->round <= s->locked_round)) {
        return false;
    }
    other_value(a, second->value, vote);
    return true;
}

static bool same_place(const struct vote *a, const struct vote *b)
{
    return a->kind == b->kind && a->instance == b->instance && a->round == b->round;
}

/* The second vote for an own vote, signed once. NULL: none. */
static const struct vote *second_of(struct act *a, const struct vote *vote)
{
    struct two_votes *s = a->state;
    struct vote second;
    struct sign_secret secret;

    for (uint32_t i = 0; i < SECONDS_MAX; i++) {
        if (same_place(&s->second[i], vote)) {
            /* A second vote that comes back from others is not doubled. */
            return memcmp(s->first[i].value, vote->value, 32) == 0 ? &s->second[i] : NULL;
        }
    }
    if (!second_make(a, &second, vote)) {
        return NULL;
    }
    sign_keypair(&secret, a->c.config->account_seed);
    vote_sign(&second, a->c.config->genesis->hash, &secret);
    sign_secret_wipe(&secret);
    ctx_charge(&a->c, COST_SIGN, 1);
    uint32_t at = s->next++ % SECONDS_MAX;
    s->first[at] = *vote;
    s->second[at] = second;
    act_trace(a, DEED_FORGED, vote->round, vote->instance);
    return &s->second[at];
}

static bool told_second(const struct act *a, uint32_t link)
{
    const struct fault_set *to = &a->line->value[TWO_VOTES_TO].set;
    uint32_t peer = act_link(a, link)->peer;

    return peer != NODE_UNKNOWN && (to->count > 0 ? fault_set_has(to, peer) : peer % 2 == 1);
}

/* Is this own prevote kept from the peer? From those of `to`, or from a half by lot, another one
 * each round. */
static bool kept_from(struct act *a, uint32_t link, const struct vote *vote)
{
    const struct fault_set *to = &a->line->value[TWO_VOTES_TO].set;
    uint32_t peer = act_link(a, link)->peer;

    return vote->kind == VOTE_PREVOTE && vote->voter == seat_of(a, vote->instance) &&
           peer != NODE_UNKNOWN &&
           (to->count > 0 ? fault_set_has(to, peer)
                          : act_lot(a, peer, vote->instance, vote->round));
}

/* The bundle without own prevotes. */
static enum pass prevotes_leave_out(struct act *a, uint32_t link,
                                    const struct frame_vote_bundle *bundle,
                                    const struct blob **frame)
{
    uint8_t *left = arena_alloc(a->c.scratch, bundle->votes.count * VOTE_BYTES + 1);
    struct frame_vote_bundle rest = {.votes = {.data = left}};

    invariant(left != NULL);
    for (size_t i = 0; i < bundle->votes.count; i++) {
        struct vote vote;
        const uint8_t *at = bundle->votes.data + i * VOTE_BYTES;
        if (vote_decode(&vote, at) == ERR_OK && !kept_from(a, link, &vote)) {
            memcpy(left + rest.votes.count++ * VOTE_BYTES, at, VOTE_BYTES);
        }
    }
    size_t len = frame_vote_bundle_bytes(&rest);
    uint8_t *out = arena_alloc(a->c.scratch, len);
    if (rest.votes.count == 0 || out == NULL ||
        frame_vote_bundle_encode(out, len, &len, &rest) != ERR_OK) {
        return PASS_NOT;
    }
    blob_drop(a->c.shared, *frame);
    *frame = blob_put(a->c.shared, out, len);
    return PASS_ON;
}

static enum pass two_votes_send(struct act *a, uint32_t link, const struct blob **frame)
{
    struct span bytes = span_of((*frame)->data, (*frame)->len);
    struct frame_vote_bundle bundle;
    uint8_t *changed = NULL;

    if (frame_code(bytes) != FRAME_VOTE_BUNDLE ||
        frame_vote_bundle_decode(&bundle, bytes) != ERR_OK) {
        return PASS_ON;
    }
    if (a->line->value[TWO_VOTES_VOTES].num == VOTES_LATE) {
        return prevotes_leave_out(a, link, &bundle, frame);
    }
    if (!told_second(a, link)) {
        return PASS_ON;
    }
    for (size_t i = 0; i < bundle.votes.count; i++) {
        struct vote vote;
        const uint8_t *at = bundle.votes.data + i * VOTE_BYTES;
        if (vote_decode(&vote, at) != ERR_OK || vote.voter != seat_of(a, vote.instance)) {
            continue;
        }
        const struct vote *second = second_of(a, &vote);
        if (second != NULL && changed == NULL) {
            changed = arena_copy(a->c.scratch, bytes.data, bytes.len);
            invariant(changed != NULL);
        }
        if (second != NULL) {
            vote_encode(changed + (at - bytes.data), second);
        }
    }
    if (changed != NULL) {
        blob_drop(a->c.shared, *frame);
        *frame = blob_put(a->c.shared, changed, bytes.len);
    }
    return PASS_ON;
}

/* A precommit for a block is a lock to be forgotten. */
static void two_votes_traced(struct act *a, enum trace_kind kind, const uint64_t *value)
{
    struct two_votes *s = a->state;

    if (kind == TRACE_vote_cast && value[0] == VOTE_PRECOMMIT && value[3] != 0 &&
        s->locked_instance != value[1]) {
        s->locked_instance = value[1];
        s->locked_round = (uint32_t)value[2];
    }
}

extern const struct adversary_kind adversary_two_votes;
const struct adversary_kind adversary_two_votes = {
    .word = "two-votes",
    .text = "signs two votes for a round and shows each to its own peers",
    .parameter = {{"votes", PARAMETER_WORD, "values", styles, 0},
                  {"to", PARAMETER_NODES, "", NULL, 0}},
    .state_bytes = sizeof(struct two_votes),
    .lasting = true,
    .traced = two_votes_traced,
    .send = two_votes_send};
