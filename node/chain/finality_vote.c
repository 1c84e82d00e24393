#include "node/base/invariant.h"
#include "node/base/plant.h"
#include "node/chain/finality_private.h"
#include "node/chain/justification.h"
#include "node/wire/frames.h"

/* Own votes. A vote and the lock behind it are durable before the vote leaves, and nothing is
 * signed at or below the newest own (instance, round, kind): a node that comes back says the same
 * again, or nothing (spec: chain 5; docs/wire.md 8). */

enum { VOTE_KEY_BYTES = 1 + 8 + 4 + 1, LOCK_KEY_BYTES = 1, LOCK_HEAD_BYTES = 8 + 2 * (4 + 32) };
#define VOTE_AGAIN_NS UINT64_C(1000000000)
enum { ENTRY_VOTES_MAX = 2 * VOTES_VOTERS_MAX };

static void vote_key(uint8_t key[VOTE_KEY_BYTES], uint64_t instance, uint32_t round, uint8_t kind)
{
    key[0] = 'v';
    store64(key + 1, __builtin_bswap64(instance));
    store32(key + 9, __builtin_bswap32(round));
    key[13] = kind;
}

/* The lock with the votes that justify it, recursively. False when they are not all held: then
 * nothing may be signed. */
static bool lock_write(struct finality *f, struct ctx *c, struct write_batch *batch)
{
    const struct tm_lock *lock = &f->tm.lock;
    const struct votes *votes = votes_now(f);
    struct justification *j = arena_alloc(c->scratch, sizeof(*j));
    if (j == NULL || justification_collect(j, votes, (uint32_t)lock->locked_round,
                                           lock->locked_value, c->scratch) != ERR_OK) {
        return false;
    }
    size_t room = LOCK_HEAD_BYTES + VAR_BYTES_MAX + (size_t)justification_votes(j) * VOTE_BYTES;
    uint8_t *out = arena_alloc(c->scratch, room);
    if (out == NULL) {
        return false;
    }
    struct writer w;
    size_t len;
    writer_init(&w, out, room);
    writer_u64(&w, votes->instance);
    writer_i32(&w, lock->locked_round);
    writer_hash(&w, votes->values[lock->locked_value].id);
    writer_i32(&w, lock->valid_round);
    writer_hash(&w, votes->values[lock->valid_value].id);
    justification_write(&w, j);
    if (writer_end(&w, &len) != ERR_OK) {
        return false;
    }
    ctx_write_put(c, batch, span_of("l", LOCK_KEY_BYTES), span_of(out, len));
    return true;
}

/* The votes held of a set, encoded one after another; out may be NULL. Returns how many. */
static size_t set_encode(uint8_t *out, const struct votes *votes, enum vote_kind kind,
                         uint32_t round)
{
    const struct vote_set *set = votes_set(votes, kind, round);
    size_t count = 0;
    for (uint32_t v = 0; set != NULL && v < votes->voters; v++) {
        const struct ballot *ballot = votes_ballot(votes, set, 0, v);
        if ((ballot->flags & BALLOT_PRESENT) == 0) {
            continue;
        }
        if (out != NULL) {
            struct vote vote;
            votes_vote(&vote, votes, set, ballot, v);
            vote_encode(out + count * VOTE_BYTES, &vote);
        }
        count++;
    }
    return count;
}

/* The first vote of a round goes to disk with the votes that ended the round before: a quorum of
 * its precommits, else what is held of this round. Who is still there needs them, and when all
 * restart at once nobody else has them any more. */
static struct span record_make(const uint8_t signed_vote[SIGNED_VOTE_BYTES],
                               const struct votes *votes, uint32_t round, struct ctx *c)
{
    bool ended = votes_quorum(votes, votes_any(votes, VOTE_PRECOMMIT, round - 1));
    uint32_t from = ended ? round - 1 : round;
    size_t prevotes = ended ? 0 : set_encode(NULL, votes, VOTE_PREVOTE, from);
    size_t count = prevotes + set_encode(NULL, votes, VOTE_PRECOMMIT, from);
    size_t room = SIGNED_VOTE_BYTES + VAR_BYTES_MAX + count * VOTE_BYTES;
    uint8_t *list = arena_alloc_array(c->scratch, count, VOTE_BYTES);
    uint8_t *out = arena_alloc(c->scratch, room);
    struct writer w;
    size_t len;
    if (list == NULL || out == NULL) {
        return span_of(signed_vote, SIGNED_VOTE_BYTES);
    }
    if (!ended) {
        set_encode(list, votes, VOTE_PREVOTE, from);
    }
    set_encode(list + prevotes * VOTE_BYTES, votes, VOTE_PRECOMMIT, from);
    writer_init(&w, out, room);
    writer_raw(&w, signed_vote, SIGNED_VOTE_BYTES);
    writer_list(&w, (struct list){.data = list, .count = count}, VOTE_BYTES, ENTRY_VOTES_MAX);
    invariant(writer_end(&w, &len) == ERR_OK);
    return span_of(out, len);
}

static struct writing *writing_free(struct finality *f)
{
    for (uint32_t i = 0; i < WRITING_MAX; i++) {
        if (f->writing[i].request == 0 && !f->writing[i].refused) {
            return &f->writing[i];
        }
    }
    return NULL;
}

/* True when (instance, round, kind) is above everything signed so far. */
static bool may_sign(const struct finality *f, const struct vote *vote)
{
    if (vote->instance != f->signed_instance) {
        return vote->instance > f->signed_instance;
    }
    return vote->round > f->signed_round ||
           (vote->round == f->signed_round && vote->kind > f->signed_kind);
}

/* A precommit of a value goes with its lock. False: that cannot be written. */
static bool lock_put(struct finality *f, struct ctx *c, struct write_batch *batch,
                     const struct vote *vote)
{
    static const uint8_t nil[32];
    return vote->kind != VOTE_PRECOMMIT || memcmp(vote->value, nil, 32) == 0 ||
           planted(LOCK_NOT_PERSISTED) || lock_write(f, c, batch);
}

/* Ends the batch with the vote. */
static void vote_write(struct finality *f, struct ctx *c, struct write_batch *batch,
                       struct writing *writing)
{
    const struct vote *vote = &writing->vote;
    uint8_t key[VOTE_KEY_BYTES];
    uint8_t value[SIGNED_VOTE_BYTES];
    vote_key(key, vote->instance, vote->round, vote->kind);
    signed_vote_encode(value, vote, f->secret.public_key);
    if (!planted(VOTE_NOT_PERSISTED)) {
        struct span record = writing->first && vote->round > 0
                                 ? record_make(value, votes_now(f), vote->round, c)
                                 : span_of(value, sizeof(value));
        ctx_write_put(c, batch, span_of(key, sizeof(key)), record);
    }
    writing->refused = false;
    writing->request = ctx_write_commit(c, batch);
}

/* Nobody has seen a vote that the disk refused, and a restart may have forgotten it or not: the
 * same vote is offered again, for as long as its instance is undecided. */
void own_votes_again(struct finality *f, struct ctx *c)
{
    bool waited = !own_votes_room(f);
    f->again_ns = DEADLINE_NONE;
    for (uint32_t i = 0; i < WRITING_MAX; i++) {
        struct writing *w = &f->writing[i];
        struct write_batch batch;
        if (!w->refused) {
            continue;
        }
        ctx_write_begin(c, &batch);
        if (w->vote.instance != votes_now(f)->instance || w->vote.instance != finality_next(f)) {
            w->refused = false;
            f->writes--;
        } else if (lock_put(f, c, &batch, &w->vote)) {
            vote_write(f, c, &batch, w);
        } else {
            f->again_ns = c->mono_ns + VOTE_AGAIN_NS;
        }
    }
    if (waited) {
        finality_run(f, c);
        send_fresh_due(f, c);
    }
}

void own_vote(struct finality *f, struct ctx *c, const struct tm_action *action)
{
    const struct votes *votes = votes_now(f);
    struct writing *writing = writing_free(f);
    struct vote vote = {.voter = (uint16_t)f->seat.self,
                        .kind = (uint8_t)action->vote,
                        .instance = votes->instance,
                        .round = action->round,
                        .jr = action->jr};
    memcpy(vote.value, votes->values[action->value].id, 32);
    if (f->mute || !may_sign(f, &vote)) {
        return;
    }
    invariant(writing != NULL);
    struct write_batch batch;
    uint8_t body[VOTE_BODY_BYTES];
    ctx_write_begin(c, &batch);
    if (!lock_put(f, c, &batch, &vote)) {
        f->mute = true; /* a lock that cannot be kept must not be acted on */
        return;
    }
    bool first = vote.instance != f->signed_instance || vote.round != f->signed_round;
    f->signed_instance = vote.instance;
    f->signed_round = vote.round;
    f->signed_kind = vote.kind;
    vote_body_encode(body, &vote);
    struct sign_message message =
        vote_message(f->config->genesis->hash, f->secret.public_key, body);
    ctx_sign(c, vote.sig, &f->secret, &message);
    *writing = (struct writing){.first = first, .vote = vote};
    vote_write(f, c, &batch, writing);
    f->writes++;
    if (planted(VOTE_BEFORE_DURABLE) && votes_add(votes_now(f), &vote, 0, true, false) == ERR_OK) {
        send_fresh_due(f, c);
    }
}

static void votes_delete(struct ctx *c, uint64_t instance, uint32_t round)
{
    struct write_batch batch;
    uint8_t key[VOTE_KEY_BYTES];

    ctx_write_begin(c, &batch);
    for (uint32_t k = 0; k < WRITE_OPS_MAX && k / 2 <= round; k++) {
        vote_key(key, instance, round - k / 2, k % 2 == 0 ? VOTE_PRECOMMIT : VOTE_PREVOTE);
        ctx_write_delete(c, &batch, span_of(key, sizeof(key)));
    }
    ctx_write_commit_quiet(c, &batch);
}

/* The votes of an instance stay until one of a later instance is on the disk, and so the decision
 * below it. A disk that was full may have lost the decision: then a restart votes there again,
 * must not contradict itself, and has to show what others may wait for. */
static void vote_stored(struct finality *f, struct ctx *c, const struct vote *vote)
{
    if (f->old_instance != 0 && f->old_instance < vote->instance) {
        votes_delete(c, f->old_instance, f->old_round);
        f->old_instance = 0;
    }
    if (f->stored_instance != 0 && f->stored_instance < vote->instance) {
        votes_delete(c, f->stored_instance, f->stored_round);
    }
    /* Writes end in the order of the votes, but for those that the disk refused once. */
    bool newest = vote->instance != f->stored_instance || vote->round > f->stored_round;
    f->stored_instance = vote->instance;
    f->stored_round = newest ? vote->round : f->stored_round;
}

bool own_vote_written(struct finality *f, struct ctx *c, const struct event *event)
{
    for (uint32_t i = 0; i < WRITING_MAX; i++) {
        struct writing *w = &f->writing[i];
        if (w->request == 0 || w->request != event->write_done.request) {
            continue;
        }
        bool waited = !own_votes_room(f);
        w->request = 0;
        if (event->write_done.err != ERR_OK) {
            w->refused = true;
            f->again_ns = c->mono_ns + VOTE_AGAIN_NS;
            return true;
        }
        f->writes--;
        struct votes *votes = votes_now(f);
        const struct vote *vote = &w->vote;
        vote_stored(f, c, vote);
        ctx_trace(c, TRACE_vote_cast, vote->kind, vote->instance, vote->round, load64(vote->value),
                  (uint64_t)(int64_t)vote->jr);
        /* Decided meanwhile, or moved on by rounds: then nobody needs it. */
        bool added =
            votes->instance == vote->instance && vote->instance == finality_next(f) &&
            (votes_add(votes, vote, 0, true, false) == ERR_OK || planted(VOTE_BEFORE_DURABLE));
        if (added || waited) {
            finality_run(f, c);
            send_fresh_due(f, c);
        }
        return true;
    }
    return false;
}

void finality_checkpoint_stored(struct finality *f, struct ctx *c)
{
    if (f->running && f->tm.running && chain_final_stored(f->chain)) {
        finality_run(f, c);
        send_fresh_due(f, c);
    }
}

/* --- proposing --- */

void own_proposal(struct finality *f, struct ctx *c)
{
    struct votes *votes = votes_now(f);
    const struct tm_lock *lock = &f->tm.lock;
    struct frame_proposal p = {.proposer = (uint16_t)f->seat.self,
                               .instance = votes->instance,
                               .round = f->tm.round,
                               .vr = lock->valid_round};
    uint8_t id[32];
    uint8_t sig[64];
    uint8_t body[48];
    struct writer w = {0};
    if (f->mute) {
        return;
    }
    if (lock->valid_round >= 0) {
        struct justification *j = arena_alloc(c->scratch, sizeof(*j));
        if (j == NULL || justification_collect(j, votes, (uint32_t)lock->valid_round,
                                               lock->valid_value, c->scratch) != ERR_OK) {
            return;
        }
        size_t room = VAR_BYTES_MAX + (size_t)justification_votes(j) * VOTE_BYTES;
        uint8_t *pol = arena_alloc(c->scratch, room);
        if (pol == NULL) {
            return;
        }
        writer_init(&w, pol, room);
        justification_write(&w, j);
        p.pol.count = justification_votes(j);
        p.pol.data = pol + var_bytes(p.pol.count);
        memcpy(id, votes->values[lock->valid_value].id, 32);
    } else if (chain_value_propose(f->chain, votes->instance, id) != ERR_OK) {
        return; /* the tip is not deep enough yet: asked again when it moves */
    }
    f->proposing = false;
    store64(body, p.instance);
    store32(body + 8, p.round);
    memcpy(body + 12, id, 32);
    memcpy(body + 44, &p.vr, 4);
    const struct sign_message message = {
        .context = SIGN_CONTEXT("proposal"),
        .genesis = f->config->genesis->hash,
        .body = {span_of(f->secret.public_key, 32), span_of(body, sizeof(body))}};
    ctx_sign(c, sig, &f->secret, &message);
    p.value = id;
    p.sig = sig;
    size_t room = frame_proposal_bytes(&p);
    uint8_t *out = arena_alloc(c->scratch, room);
    size_t len;
    uint8_t value = votes_value_add(votes, id, true);
    if (out == NULL || value == VALUE_NONE ||
        frame_proposal_encode(out, room, &len, &p) != ERR_OK) {
        return;
    }
    blob_drop(f->shared, f->shown.frame);
    f->shown = (struct shown){
        .frame = blob_put(c->shared, out, len), .instance = p.instance, .round = p.round};
    send_shown(f, c, mesh_links(&f->mesh));
    f->pending =
        (struct tm_proposal){.present = true, .value = value, .round = p.round, .vr = p.vr};
}

/* --- coming back --- */

void own_votes_read(struct finality *f, struct ctx *c)
{
    struct recovery *r = &f->recovery;
    r->votes_request = ctx_read(c, span_of("v", 1), span_of(NULL, 0), 4, true);
    r->lock_request = ctx_read(c, span_of("l", 1), span_of(NULL, 0), 1, false);
}

/* False: the record is damaged. A vote of another account, which this node had before, is none of
 * ours. */
static bool vote_read(struct finality *f, const struct blob *value)
{
    struct recovery *r = &f->recovery;
    struct vote *vote = &r->votes[r->count];
    if (value->len < SIGNED_VOTE_BYTES || vote_body_decode(vote, value->data + 32) != ERR_OK) {
        return false;
    }
    if (memcmp(value->data, f->secret.public_key, 32) != 0) {
        return true;
    }
    memcpy(vote->sig, value->data + 32 + VOTE_BODY_BYTES, 64);
    bool newer = vote->instance > f->signed_instance ||
                 (vote->instance == f->signed_instance &&
                  (vote->round > f->signed_round ||
                   (vote->round == f->signed_round && vote->kind > f->signed_kind)));
    if (newer && !planted(RESTART_FORGETS_VOTES)) {
        f->signed_instance = vote->instance;
        f->signed_round = vote->round;
        f->signed_kind = vote->kind;
        f->stored_instance = vote->instance;
        f->stored_round = vote->round;
    } else if (vote->instance < f->stored_instance && f->old_instance == 0) {
        f->old_instance = vote->instance;
        f->old_round = vote->round;
    }
    if (value->len > SIGNED_VOTE_BYTES && r->entry == NULL &&
        vote->instance == f->signed_instance && vote->round == f->signed_round) {
        r->entry = blob_keep(f->shared, value);
    }
    r->count++;
    return true;
}

bool own_votes_read_done(struct finality *f, struct ctx *c, const struct event *event)
{
    struct recovery *r = &f->recovery;
    (void)c;
    if (r->votes_request != 0 && event->read_done.request == r->votes_request) {
        r->votes_request = 0;
        /* Records that cannot be read may have held a vote: saying nothing is safe. */
        f->mute |= event->read_done.err != ERR_OK;
        for (size_t i = 0; i < event->read_done.count && r->count < 4; i++) {
            f->mute |= !vote_read(f, event->read_done.records[i].value);
        }
        r->votes_done = true;
        return true;
    }
    if (r->lock_request != 0 && event->read_done.request == r->lock_request) {
        r->lock_request = 0;
        if (event->read_done.count > 0) {
            r->lock = blob_keep(f->shared, event->read_done.records[0].value);
        }
        f->mute |= event->read_done.err != ERR_OK;
        r->lock_done = true;
        return true;
    }
    return false;
}

/* Puts votes of others back. False: one of them is none. */
static bool votes_restore(struct finality *f, struct ctx *c, struct list list, bool must)
{
    struct votes *votes = votes_now(f);
    for (size_t i = 0; i < list.count; i++) {
        struct vote vote;
        ctx_charge(c, COST_VERIFY, 1);
        if (vote_decode(&vote, list.data + i * VOTE_BYTES) != ERR_OK ||
            vote.voter >= votes->voters || vote.instance != votes->instance ||
            vote_verify(&vote, c->shared, f->config->genesis->hash,
                        committee_key(&f->seat.committee, vote.voter)) != ERR_OK) {
            return false;
        }
        (void)!votes_add(votes, &vote, 0, false, must);
    }
    return true;
}

/* What ended the round before; of use to others, so damage is no reason to be silent. */
static void entry_restore(struct finality *f, struct ctx *c)
{
    const struct blob *entry = f->recovery.entry;
    struct reader r;
    reader_init(&r, span_of(entry->data + SIGNED_VOTE_BYTES, entry->len - SIGNED_VOTE_BYTES));
    struct list list = reader_list(&r, VOTE_BYTES, ENTRY_VOTES_MAX);
    if (reader_end(&r) == ERR_OK) {
        (void)!votes_restore(f, c, list, false);
    }
}

/* Puts the lock and its votes back. False: the record is damaged. */
static bool lock_restore(struct finality *f, struct ctx *c, struct tm_lock *lock)
{
    struct votes *votes = votes_now(f);
    struct reader r;
    uint8_t ids[2][32];
    reader_init(&r, span_of(f->recovery.lock->data, f->recovery.lock->len));
    uint64_t instance = reader_u64(&r);
    lock->locked_round = reader_i32(&r);
    reader_copy(&r, ids[0], 32);
    lock->valid_round = reader_i32(&r);
    reader_copy(&r, ids[1], 32);
    struct list list = reader_list(&r, VOTE_BYTES, VOTES_VOTERS_MAX);
    if (reader_end(&r) != ERR_OK) {
        return false;
    }
    if (instance != votes->instance) {
        *lock = (struct tm_lock){-1, -1, VALUE_NIL, VALUE_NIL};
        return true;
    }
    lock->locked_value = votes_value_add(votes, ids[0], true);
    lock->valid_value = votes_value_add(votes, ids[1], true);
    if (!votes_restore(f, c, list, true)) {
        return false;
    }
    return votes_has_quorum(votes, VOTE_PREVOTE, (uint32_t)lock->locked_round, lock->locked_value);
}

void own_votes_drop(struct finality *f)
{
    blob_drop(f->shared, f->recovery.lock);
    blob_drop(f->shared, f->recovery.entry);
    f->recovery.lock = NULL;
    f->recovery.entry = NULL;
}

bool own_votes_recover(struct finality *f, struct ctx *c)
{
    struct recovery *r = &f->recovery;
    struct votes *votes = votes_now(f);
    struct tm_lock lock = {-1, -1, VALUE_NIL, VALUE_NIL};
    if (f->signed_instance > votes->instance) {
        return false; /* the disk kept the votes and not the checkpoint below: they come later */
    }
    bool found = f->signed_instance == votes->instance && r->count > 0;
    if (found) {
        votes_round_set(votes, f->signed_round);
        if (r->lock != NULL && !lock_restore(f, c, &lock)) {
            f->mute = true;
        }
        if (r->entry != NULL) {
            entry_restore(f, c);
        }
        for (uint32_t i = 0; i < r->count; i++) {
            r->votes[i].voter = (uint16_t)f->seat.self;
            if (r->votes[i].instance == votes->instance) {
                (void)!votes_add(votes, &r->votes[i], 0, true, false);
            }
        }
        tm_restart(&f->tm, votes, chain_params(f->chain), &lock, f->signed_round,
                   f->signed_kind == VOTE_PRECOMMIT ? TM_PRECOMMIT : TM_PREVOTE);
    }
    r->count = 0;
    own_votes_drop(f);
    return found;
}
