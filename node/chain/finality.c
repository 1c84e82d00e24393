#include "node/chain/finality.h"

#include "node/base/invariant.h"
#include "node/base/plant.h"
#include "node/chain/finality_private.h"
#include "node/crypto/hash.h"
#include "node/seam/buggify.h"
#include "node/wire/frames.h"

#define MS UINT64_C(1000000)

static bool has_account(const struct node_config *config)
{
    static const uint8_t none[32];
    return memcmp(config->account_seed, none, 32) != 0;
}

size_t finality_bytes(const struct node_config *config)
{
    return finality_head_bytes() + (has_account(config) ? sizeof(struct finality_room)
                                                        : offsetof(struct finality_room, weights));
}

size_t finality_head_bytes(void)
{
    return node_part_bytes(sizeof(struct finality));
}

/* No more rounds; what is fresh may still leave. */
static void timers_stop(struct finality *f)
{
    for (int t = 0; t < TM_TIMERS; t++) {
        f->timer_ns[t] = DEADLINE_NONE;
    }
    f->have_ns = DEADLINE_NONE;
    f->proposing = false;
}

void finality_init(struct finality *f, const struct node_config *config, struct chain *chain,
                   struct overlay *overlay)
{
    finality_init_apart(f, (uint8_t *)f + finality_head_bytes(), config, chain, overlay);
}

void finality_init_apart(struct finality *f, void *room, const struct node_config *config,
                         struct chain *chain, struct overlay *overlay)
{
    struct finality_room *arrays = room;
    f->config = config;
    f->chain = chain;
    f->overlay = overlay;
    f->seat.self = NO_VOTER;
    f->has_account = has_account(config);
    f->votes = arrays->votes;
    f->offences = &arrays->offences;
    if (f->has_account) {
        f->weights = arrays->weights;
        f->facts = arrays->facts;
        f->pool = arrays->pool;
    }
    timers_stop(f);
    f->flush_ns = f->again_ns = DEADLINE_NONE;
    arrival_init(f);
    conflict_init(f);
    if (f->has_account) {
        sign_keypair(&f->secret, config->account_seed);
    }
}

void finality_drop(struct finality *f)
{
    if (f->shared == NULL) {
        return; /* never started */
    }
    arrival_drop(f);
    conflict_drop(f);
    intake_drop(f);
    blob_drop(f->shared, f->seat.root);
    blob_drop(f->shared, f->seat.leaf);
    f->seat.leaf = NULL;
    own_votes_drop(f);
    blob_drop(f->shared, f->shown.frame);
    f->seat.root = NULL;
    f->shown.frame = NULL;
    sign_secret_wipe(&f->secret);
}

uint64_t finality_next(const struct finality *f)
{
    return chain_final_instance(f->chain) + 1;
}

/* --- the committee --- */

static void votes_reset(struct finality *f)
{
    for (int i = 0; i < 2 && f->voted; i++) {
        if (f->votes[i].instance != 0) {
            votes_close(&f->votes[i]);
        }
    }
    f->pending.present = false;
}

static void seat_take(struct finality *f, struct ctx *c)
{
    struct seat *seat = &f->seat;
    uint32_t n = seat->committee.count;
    seat->self = f->has_account ? committee_find(&seat->committee, f->secret.public_key) : NO_VOTER;
    votes_reset(f);
    if (!is_member(f)) {
        mesh_leave(&f->mesh, f->overlay);
        return;
    }
    for (uint32_t v = 0; v < n; v++) {
        f->weights[v] = planted(QUORUM_BY_MEMBERS) ? seat->committee.total / n
                                                   : committee_weight(&seat->committee, v);
    }
    ctx_trace(c, TRACE_committee_joined, seat->committee.epoch,
              committee_weight(&seat->committee, seat->self), seat->committee.total, seat->self);
    mesh_choose(&f->mesh, c, f->overlay, &seat->committee, seat->root_hash, seat->self);
    send_have(f, c, f->mesh.chosen_links);
}

/* The committee of the next instance, read from the last checkpoint's state. */
static void seat_refresh(struct finality *f, struct ctx *c)
{
    const struct tree_entry *final = chain_entry(f->chain, chain_final(f->chain));
    const struct params *p = chain_params(f->chain);
    uint64_t epoch = (finality_next(f) * p->checkpoint_blocks - 1) / p->epoch_blocks;
    struct seat *seat = &f->seat;
    uint64_t epoch_before = seat->committee.epoch;
    bool had = seat->committee.count > 0;
    const struct blob *root = seat->root;
    const struct blob *leaf = seat->leaf;
    seat->root = blob_keep(c->shared, final->state);
    seat->leaf = NULL;
    memcpy(seat->root_hash, final->state_root, 32);
    if (seat_read(seat, c, epoch) != ERR_OK || seat->committee.count == 0 ||
        seat->committee.count > VOTES_VOTERS_MAX) {
        seat->committee = (struct committee){0};
        seat->self = NO_VOTER;
        votes_reset(f);
        mesh_leave(&f->mesh, f->overlay);
    } else if (!had || epoch != epoch_before) {
        certificate_committee_id(seat->id, &seat->committee);
        conflict_seats_keep(f, c);
        seat_take(f, c);
    }
    blob_drop(c->shared, root);
    blob_drop(c->shared, leaf);
}

static struct votes *votes_begin(struct finality *f, uint32_t which, uint64_t instance)
{
    struct votes *votes = &f->votes[which];
    f->voted = true;
    votes_init(votes, f->pool[which], f->facts[which]);
    votes_open(votes, instance, f->weights, f->seat.committee.count, f->seat.committee.total);
    return votes;
}

struct votes *finality_votes_for(struct finality *f, uint64_t instance)
{
    uint64_t next = finality_next(f);
    struct votes *now = votes_now(f);
    struct votes *other = &f->votes[f->now ^ 1];
    if (!is_member(f) || instance == 0) {
        return NULL;
    }
    if (now->instance == instance) {
        return now;
    }
    if (instance == next) { /* it takes the place of the last one */
        f->pending.present = false;
        if (other->instance == next) {
            votes_close(now);
            f->now ^= 1;
            return other;
        }
        return votes_begin(f, f->now, next);
    }
    const struct params *p = chain_params(f->chain);
    /* Decision 13: votes that come early. */
    if (instance == next + 1 &&
        (instance * p->checkpoint_blocks - 1) / p->epoch_blocks == f->seat.committee.epoch) {
        return other->instance == instance ? other : votes_begin(f, f->now ^ 1, instance);
    }
    return NULL;
}

/* --- the machine --- */

void finality_want(struct finality *f, const uint8_t id[32], uint64_t instance, uint32_t link)
{
    for (uint32_t i = 0; i < f->wanted_count; i++) {
        if (memcmp(f->wanted[i].id, id, 32) == 0) {
            return;
        }
    }
    if (f->wanted_count < WANTED_MAX) {
        struct wanted *wanted = &f->wanted[f->wanted_count++];
        memcpy(wanted->id, id, 32);
        wanted->height = instance * f->config->genesis->params.checkpoint_blocks;
        wanted->link = link;
    }
}

static void values_refresh(struct finality *f, struct ctx *c)
{
    struct votes *votes = votes_now(f);
    for (uint32_t v = 1; v < votes->value_count; v++) {
        struct vote_value *value = &votes->values[v];
        if (value->verdict == VALUE_UNKNOWN) {
            enum chain_verdict verdict = chain_value_check(f->chain, c, votes->instance, value->id);
            if (verdict == CHAIN_UNKNOWN && planted(VOTE_UNEXECUTED)) {
                verdict = CHAIN_VALID;
            }
            value->verdict = verdict == CHAIN_VALID     ? VALUE_VALID
                             : verdict == CHAIN_INVALID ? VALUE_INVALID
                                                        : VALUE_UNKNOWN;
            uint64_t bit = UINT64_C(1) << v % 64;
            if (verdict == CHAIN_UNKNOWN && (f->asked_values[v / 64] & bit) == 0) {
                f->asked_values[v / 64] |= bit;
                finality_want(f, value->id, votes->instance, LINK_NONE);
            }
        }
        value->preferred =
            value->verdict == VALUE_VALID && chain_value_preferred(f->chain, value->id);
    }
}

static void round_entered(struct finality *f, struct ctx *c, uint32_t round)
{
    const struct votes *votes = votes_now(f);
    for (int t = 0; t < TM_TIMERS; t++) {
        f->timer_ns[t] = DEADLINE_NONE;
    }
    memset(f->asked_values, 0, sizeof(f->asked_values));
    f->proposing =
        f->tm.step == TM_PROPOSE && committee_proposer(&f->seat.committee, chain_params(f->chain),
                                                       votes->instance, round) == f->seat.self;
    if (round > 0) {
        ctx_trace(c, TRACE_round_started, votes->instance, round);
        f->have_ns = c->mono_ns; /* what this round's votes are still missed by others, and here */
    }
}

static void machine_decided(struct finality *f, struct ctx *c, const struct tm_action *action)
{
    const struct votes *votes = votes_now(f);
    struct decision_facts facts = {.instance = votes->instance, .round = action->round};
    struct span decision;
    memcpy(facts.value, votes->values[action->value].id, 32);
    size_t mark = arena_mark(c->scratch);
    if (certificate_build(&decision, votes, action->round, action->value, c->scratch) == ERR_OK) {
        const struct blob *blob = blob_put(c->shared, decision.data, decision.len);
        finality_decided(f, c, &facts, blob, false);
        blob_drop(c->shared, blob);
    } /* else: a quorum it rests on had to go; the decision of others will come */
    arena_rewind(c->scratch, mark);
}

/* Does what the machine asks. True when it decided. */
static bool actions_take(struct finality *f, struct ctx *c, struct tm_action *decided)
{
    struct tm_action a;
    while (tm_next(&f->tm, &a)) {
        switch (a.kind) {
        case TM_ROUND:
            round_entered(f, c, a.round);
            break;
        case TM_CAST:
            own_vote(f, c, &a);
            break;
        case TM_TIMEOUT:
            a.ms = buggify(c, BUGGIFY_timeouts_short) ? a.ms / 8 + 1 : a.ms;
            f->timer_ns[a.timer] = c->mono_ns + a.ms * MS;
            f->timer_round[a.timer] = a.round;
            break;
        case TM_DECIDED:
            *decided = a;
            return true;
        }
    }
    return false;
}

void finality_run(struct finality *f, struct ctx *c)
{
    struct tm_action decided;
    bool over = false;
    if (!f->tm.running || !own_votes_room(f)) {
        return;
    }
    do {
        values_refresh(f, c);
        if (f->pending.present) {
            struct tm_proposal p = f->pending;
            f->pending.present = p.round > f->tm.round + 1;
            tm_proposal(&f->tm, p.round, p.value, p.vr);
        }
        tm_progress(&f->tm);
        over = actions_take(f, c, &decided);
        if (!over && f->proposing && f->tm.step == TM_PROPOSE) {
            own_proposal(f, c);
        }
    } while (!over && f->tm.running && own_votes_room(f) &&
             (f->tm.count > 0 || (f->pending.present && f->pending.round <= f->tm.round + 1)));
    if (over) {
        timers_stop(f);
        machine_decided(f, c, &decided);
    }
}

/* Decision 13: the tip is deep enough, or a third of the weight votes there already. */
void finality_enter(struct finality *f, struct ctx *c)
{
    const struct params *p = chain_params(f->chain);
    uint64_t next = finality_next(f);
    if (!f->running || !is_on(f) || !is_member(f) || f->mute || f->tm.running ||
        f->entered == next) {
        return;
    }
    uint64_t tip = chain_entry(f->chain, chain_tip(f->chain))->height;
    struct votes *votes = votes_now(f);
    if (tip < next * p->checkpoint_blocks + p->checkpoint_depth && f->signed_instance != next &&
        !(votes->instance == next && votes_third(votes, votes->seen))) {
        return;
    }
    votes = finality_votes_for(f, next);
    f->entered = next;
    f->haves = 0;
    f->have_ns = c->mono_ns + f->config->policy->vote_have_ns;
    if (!own_votes_recover(f, c)) {
        tm_start(&f->tm, votes, p);
    }
    finality_run(f, c);
    send_fresh_due(f, c);
}

/* --- decisions --- */

static void recent_add(struct finality *f, const struct decision_facts *facts,
                       const struct blob *decision)
{
    struct recent *oldest = &f->recent[0];
    for (uint32_t i = 1; i < RECENT_MAX; i++) {
        if (f->recent[i].instance < oldest->instance) {
            oldest = &f->recent[i];
        }
    }
    blob_drop(f->shared, oldest->decision);
    oldest->instance = facts->instance;
    memcpy(oldest->value, facts->value, 32);
    oldest->decision = blob_keep(f->shared, decision);
}

void finality_decided(struct finality *f, struct ctx *c, const struct decision_facts *facts,
                      const struct blob *decision, bool by_certificate)
{
    enum err err = chain_finalize(f->chain, c, facts->instance, facts->value, decision);
    if (err == ERR_UNKNOWN) {
        arrival_keep(f, c, facts, decision);
    }
    if (err != ERR_OK) {
        return;
    }
    if (f->tm.running) {
        tm_stop(&f->tm);
        timers_stop(f);
    }
    const struct tree_entry *final = chain_entry(f->chain, chain_final(f->chain));
    ctx_trace(c, TRACE_checkpoint_decided, facts->instance, final->height, load64(facts->value),
              facts->round, load64(final->state_root), by_certificate);
    recent_add(f, facts, decision);
    seat_refresh(f, c);
    arrival_after(f, c);
    finality_enter(f, c);
}

/* --- life --- */

void finality_start(struct finality *f, struct ctx *c)
{
    f->shared = c->shared;
    own_votes_read(f, c);
}

bool finality_read_done(struct finality *f, struct ctx *c, const struct event *event, bool *done)
{
    if (own_votes_read_done(f, c, event)) {
        if (f->recovery.votes_done && f->recovery.lock_done && !f->running) {
            f->running = true;
            *done = true;
            if (is_on(f)) {
                seat_refresh(f, c);
                finality_enter(f, c);
            }
        }
        return true;
    }
    return conflict_read_done(f, c, event) || arrival_read_done(f, c, event);
}

bool finality_write_done(struct finality *f, struct ctx *c, const struct event *event)
{
    return own_vote_written(f, c, event);
}

void finality_link_ready(struct finality *f, struct ctx *c, uint32_t link)
{
    if (!f->running || !is_on(f)) {
        return;
    }
    uint64_t told = overlay_at(f->overlay, link)->final_height;
    uint64_t instance = told / chain_params(f->chain)->checkpoint_blocks;
    uint64_t final = chain_final_instance(f->chain);
    if (instance > final) {
        arrival_told(f, c, link, instance);
    }
    arrival_tell(f, c, UINT64_C(1) << link); /* whoever has another one of it says so */
    if (is_member(f) && mesh_link_ready(&f->mesh, f->overlay, link)) {
        send_have(f, c, UINT64_C(1) << link);
    }
}

void finality_link_down(struct finality *f, struct ctx *c, uint32_t link)
{
    (void)c;
    uint64_t mask = ~(UINT64_C(1) << link);
    mesh_link_down(&f->mesh, link);
    intake_link_down(f, link);
    arrival_link_down(f, link);
    conflict_link_down(f, link);
    f->shown.known &= mask;
    f->answered_s[link] = 0;
    for (int i = 0; i < 2 && f->voted; i++) {
        if (f->votes[i].instance != 0) {
            votes_link_down(&f->votes[i], link);
        }
    }
}

enum err finality_frame(struct finality *f, struct ctx *c, uint32_t link, const struct blob *frame)
{
    if (!f->running || !is_on(f) || frame->len == 0) {
        return ERR_OK;
    }
    f->busy_ns = c->mono_ns + 1;
    uint8_t code = frame->data[0];
    if (code == FRAME_DECISION_GET) {
        return arrival_frame(f, c, link, frame);
    }
    if (conflict_settled(f, link)) {
        return ERR_OK;
    }
    enum err err;
    switch (code) {
    case FRAME_PROPOSAL:
    case FRAME_VOTE_BUNDLE:
        err = intake_frame(f, c, link, frame);
        break;
    case FRAME_VOTE_HAVE:
        return send_missing(f, c, link, span_of(frame->data, frame->len));
    case FRAME_DECISION:
    case FRAME_DECISION_IHAVE:
        err = arrival_frame(f, c, link, frame);
        break;
    default:
        return ERR_UNKNOWN;
    }
    return err == ERR_OK ? ERR_OK : conflict_suspected(f, c, link, err, code);
}

void finality_tip_changed(struct finality *f, struct ctx *c)
{
    if (f->running && is_on(f)) {
        const struct tree_entry *final = chain_entry(f->chain, chain_final(f->chain));
        if (memcmp(final->state_root, f->seat.root_hash, 32) != 0) {
            seat_refresh(f, c); /* the checkpoint was adopted, not decided here */
            arrival_after(f, c);
        }
        finality_run(f, c);
        finality_enter(f, c);
    }
}

void finality_block_known(struct finality *f, struct ctx *c, const uint8_t id[32])
{
    if (!f->running || !is_on(f)) {
        return;
    }
    arrival_block_known(f, c, id);
    if (f->tm.running && votes_value_find(votes_now(f), id) != VALUE_NONE) {
        finality_run(f, c);
    }
}

bool finality_wanted(struct finality *f, uint8_t id[32], uint64_t *height, uint32_t *link)
{
    if (f->wanted_count == 0) {
        return false;
    }
    const struct wanted *wanted = &f->wanted[--f->wanted_count];
    memcpy(id, wanted->id, 32);
    *height = wanted->height;
    *link = wanted->link;
    return true;
}

bool finality_evidence_next(struct finality *f, struct span *body)
{
    f->accused = f->accused && offences_next(f->offences, body);
    return f->accused;
}

void finality_headers_conflict(struct finality *f, struct ctx *c, const uint8_t a[HEADER_BYTES],
                               const uint8_t b[HEADER_BYTES])
{
    if (f->running) {
        f->accused = true;
        offences_add_headers(f->offences, c, a, b);
    }
}

void finality_wake(struct finality *f, struct ctx *c)
{
    if (!f->running || !is_on(f)) {
        return;
    }
    f->busy_ns = c->mono_ns + 1;
    if (f->intake.count > 0) {
        intake_run(f, c);
    } else if (f->arrival.check_frame != NULL) {
        arrival_check(f, c);
    }
    arrival_wake(f, c);
    conflict_wake(f, c);
    if (f->again_ns <= c->mono_ns) {
        own_votes_again(f, c);
    }
    for (int t = 0; t < TM_TIMERS; t++) {
        if (f->timer_ns[t] <= c->mono_ns && own_votes_room(f)) {
            f->timer_ns[t] = DEADLINE_NONE;
            tm_timeout(&f->tm, (enum tm_timer)t, f->timer_round[t]);
            finality_run(f, c);
        }
    }
    finality_enter(f, c);
    if (f->flush_ns <= c->mono_ns) {
        send_flush(f, c);
    }
    if (f->have_ns <= c->mono_ns) {
        send_have_due(f, c);
    }
}

static uint64_t least(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

uint64_t finality_deadline_ns(const struct finality *f)
{
    uint64_t at = least(f->flush_ns, f->have_ns);
    if (f->intake.count > 0 || f->arrival.check_frame != NULL || f->conflict.checking) {
        at = least(at, f->busy_ns);
    }
    at = least(at, least(f->conflict.due_ns, f->again_ns));
    at = f->arrival.waiting != NULL ? least(at, f->arrival.want_ns) : at;
    for (int t = 0; t < TM_TIMERS && own_votes_room(f); t++) {
        at = least(at, f->timer_ns[t]);
    }
    return least(at, f->arrival.ask_ns);
}

void finality_digest(const struct finality *f, uint8_t digest[32])
{
    const struct votes *votes = &f->votes[f->now];
    uint8_t parts[64] = {0};
    store64(parts, chain_final_instance(f->chain));
    store64(parts + 8, votes->instance);
    store64(parts + 16, votes->seen);
    store64(parts + 24, f->signed_instance);
    store32(parts + 32, f->signed_round);
    store32(parts + 36, f->tm.round);
    store32(parts + 40, (uint32_t)f->tm.lock.locked_round);
    store32(parts + 44, (uint32_t)f->tm.lock.valid_round);
    parts[48] = f->tm.step;
    parts[49] = f->tm.running;
    parts[50] = f->tm.decided;
    parts[51] = f->mute;
    parts[52] = f->signed_kind;
    store64(parts + 56, f->arrival.target);
    hash256(digest, parts, sizeof(parts));
}
