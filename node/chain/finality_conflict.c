/* Two branches of finality (spec: chain 1.5, after the sides merge both slash). Where a third of a
 * committee lied, nodes may have decided two blocks for one instance, and meet. From the first such
 * instance on their committees may differ, so that neither side can judge what the other one says;
 * at that instance they are the same, and its two decisions convict a third (decision 1). This
 * finds it: the other's decisions are asked for one by one, halving what lies between the last one
 * known to be equal and the first one known to differ, with DECISION_GET alone. Then both are told
 * what the other has, and each slashes on its own branch.
 *
 * What a peer says that cannot be true on this branch begins a search before anybody is blamed: it
 * is a lie only if it has decided what we have. One search at a time, one answer at a time. */
#include "node/base/invariant.h"
#include "node/chain/finality_private.h"
#include "node/chain/leaves.h"
#include "node/chain/state.h"
#include "node/wire/frames.h"

#define ANSWER_NS (6000ull * 1000000)
#define LOOK_RECORDS 4
#define NEWEST UINT64_MAX /* docs/wire.md 9, DECISION_GET */

static uint64_t mask_of(uint32_t link)
{
    return UINT64_C(1) << link;
}

void conflict_init(struct finality *f)
{
    f->conflict = (struct conflict){.link = LINK_NONE, .due_ns = DEADLINE_NONE};
}

static bool is_idle(const struct finality *f)
{
    return f->conflict.link == LINK_NONE && f->conflict.request == 0;
}

/* A record that is being read is waited for all the same. */
static void end(struct finality *f)
{
    struct conflict *s = &f->conflict;
    blob_drop(f->shared, s->answer);
    blob_drop(f->shared, s->theirs);
    blob_drop(f->shared, s->ours);
    blob_drop(f->shared, s->seats);
    *s = (struct conflict){
        .link = LINK_NONE, .due_ns = DEADLINE_NONE, .request = s->request, .settled = s->settled};
}

void conflict_drop(struct finality *f)
{
    end(f);
}

void conflict_link_down(struct finality *f, uint32_t link)
{
    f->conflict.settled &= ~mask_of(link);
    if (f->conflict.link == link) {
        end(f);
    }
}

bool conflict_settled(const struct finality *f, uint32_t link)
{
    return link != LINK_NONE && (f->conflict.settled & mask_of(link)) != 0;
}

static void ask(struct finality *f, struct ctx *c, uint64_t instance)
{
    struct conflict *s = &f->conflict;
    const struct frame_decision_get get = {.instance = instance};
    uint8_t out[16];
    size_t len;
    s->asked = instance;
    s->due_ns = c->mono_ns + ANSWER_NS;
    invariant(frame_decision_get_encode(out, sizeof(out), &len, &get) == ERR_OK);
    ctx_send_bytes(c, mask_of(s->link), span_of(out, len));
}

/* The first records from this key on: a block that lost may have left its own beside the one of its
 * height. */
static void look(struct finality *f, struct ctx *c, char family, uint64_t number)
{
    uint8_t from[9] = {(uint8_t)family};
    store64(from + 1, __builtin_bswap64(number));
    f->conflict.request = ctx_read(c, span_of(&family, 1), span_of(from, 9), LOOK_RECORDS, false);
}

/* --- searching --- */

static void own_decision(struct finality *f, struct ctx *c);

static void search_next(struct finality *f, struct ctx *c)
{
    struct conflict *s = &f->conflict;
    if (s->same + 1 < s->below) {
        ask(f, c, s->same + (s->below - s->same) / 2);
    } else if (s->theirs != NULL) {
        s->meeting = true;
        own_decision(f, c);
    } else {
        if (s->err != ERR_OK) {
            overlay_blame(f->overlay, c, s->link, s->err, s->code);
        }
        end(f);
    }
}

/* Whether the block of the answer's height on this branch is the one that it names. */
static void compare(struct finality *f, struct ctx *c, const uint8_t id[32])
{
    struct conflict *s = &f->conflict;
    bool same = memcmp(id, s->facts.value, 32) == 0;
    if (s->answer == NULL) { /* a value that was named alone */
        if (same) {
            end(f);
        } else {
            s->below = s->facts.instance + 1;
            ask(f, c, s->facts.instance);
        }
        return;
    }
    if (same) {
        s->same = s->facts.instance;
        blob_drop(f->shared, s->answer);
    } else {
        blob_drop(f->shared, s->theirs);
        s->theirs = s->answer;
        s->differs = s->facts.instance;
        s->below = s->asked_last;
    }
    s->answer = NULL;
    search_next(f, c);
}

/* What stands on this branch where the other one has `facts`. */
static void own_block(struct finality *f, struct ctx *c, const struct decision_facts *facts)
{
    const struct recent *recent = arrival_recent(f, facts->instance);
    f->conflict.facts = *facts;
    if (recent != NULL) {
        compare(f, c, recent->value);
    } else if (facts->instance == chain_final_instance(f->chain)) {
        compare(f, c, chain_entry(f->chain, chain_final(f->chain))->id);
    } else {
        look(f, c, 'b', facts->instance * chain_params(f->chain)->checkpoint_blocks);
    }
}

/* --- judging --- */

static uint64_t epoch_of(const struct finality *f, uint64_t instance)
{
    const struct params *p = chain_params(f->chain);
    return (instance * p->checkpoint_blocks - 1) / p->epoch_blocks;
}

void conflict_seats_keep(struct finality *f, struct ctx *c)
{
    const struct committee *committee = &f->seat.committee;
    uint64_t stale = chain_params(f->chain)->unbonding_epochs + 2;
    struct write_batch batch;
    struct span leaf;
    uint8_t leaf_key[32];
    uint8_t key[9] = {'e'};
    leaf_key_u64(leaf_key, STATE_COMMITTEE, committee->epoch);
    if (state_get(&leaf, c->shared, f->seat.root_hash, leaf_key) != ERR_OK) {
        return;
    }
    ctx_write_begin(c, &batch);
    store64(key + 1, __builtin_bswap64(committee->epoch));
    ctx_write_put(c, &batch, span_of(key, sizeof(key)), leaf);
    if (committee->epoch >= stale) {
        store64(key + 1, __builtin_bswap64(committee->epoch - stale));
        ctx_write_delete(c, &batch, span_of(key, sizeof(key)));
    }
    ctx_write_commit_quiet(c, &batch);
}

static enum err committee_then(struct committee *committee, uint8_t id[32], struct finality *f,
                               struct ctx *c)
{
    const struct blob *seats = f->conflict.seats;
    if (seats == NULL) {
        return arrival_committee(committee, id, f, c, f->conflict.differs);
    }
    TRY(committee_decode(committee, span_of(seats->data, seats->len)));
    if (committee->epoch != epoch_of(f, f->conflict.differs)) {
        return ERR_STALE;
    }
    certificate_committee_id(id, committee);
    return ERR_OK;
}

static void judge(struct finality *f, struct ctx *c)
{
    struct conflict *s = &f->conflict;
    struct frame_decision m;
    struct committee committee;
    uint8_t id[32];
    enum err err = frame_decision_decode(&m, span_of(s->theirs->data, s->theirs->len));
    if (err == ERR_OK) {
        err = committee_then(&committee, id, f, c);
    }
    if (err == ERR_NOT_FOUND && s->seats == NULL) {
        look(f, c, 'e', epoch_of(f, s->differs));
        return;
    }
    if (err == ERR_OK) {
        err = certificate_check_begin(&s->check, c, f->config->genesis->hash, &committee, id,
                                      s->theirs->id, m.decision);
    }
    if (err != ERR_OK) {
        s->settled |= mask_of(s->link); /* too long ago, or of another committee */
        end(f);
        return;
    }
    s->checking = true;
    s->due_ns = DEADLINE_NONE;
    conflict_check(f, c);
}

void conflict_check(struct finality *f, struct ctx *c)
{
    struct conflict *s = &f->conflict;
    uint32_t budget = CERTIFICATE_CHECKS_MAX;
    struct committee committee;
    uint8_t id[32];
    bool done = true;
    enum err err = committee_then(&committee, id, f, c);
    if (err == ERR_OK) {
        err = certificate_check_step(&s->check, c, &done, &budget, f->config->genesis->hash,
                                     &committee);
    }
    if (!done) {
        return;
    }
    if (err == ERR_OK) {
        f->accused = true;
        offences_add_decisions(f->offences, c, &committee, span_of(s->ours->data, s->ours->len),
                               s->check.decision);
        /* So that the other side looks too. */
        arrival_tell_of(c, mask_of(s->link), s->differs, s->own);
        s->settled |= mask_of(s->link);
    } else if (s->same + 1 == s->differs) {
        overlay_blame(f->overlay, c, s->link, err, FRAME_DECISION);
    } else {
        s->settled |= mask_of(s->link);
    }
    end(f);
}

/* Our decision of the earliest instance that differs, or the first after it that was not skipped:
 * then theirs of that one. */
static void meet(struct finality *f, struct ctx *c, const struct blob *decision)
{
    struct conflict *s = &f->conflict;
    struct decision_facts facts;
    if (certificate_peek(&facts, span_of(decision->data, decision->len)) != ERR_OK ||
        facts.instance > chain_final_instance(f->chain)) {
        end(f);
        return;
    }
    if (facts.instance == s->differs) {
        s->ours = blob_keep(f->shared, decision);
        memcpy(s->own, facts.value, 32);
        judge(f, c);
    } else {
        s->differs = facts.instance;
        ask(f, c, s->differs);
    }
}

static void own_decision(struct finality *f, struct ctx *c)
{
    const struct recent *recent = arrival_recent(f, f->conflict.differs);
    if (recent != NULL) {
        meet(f, c, recent->decision);
    } else {
        look(f, c, 'f', f->conflict.differs);
    }
}

/* --- what comes in --- */

void conflict_named(struct finality *f, struct ctx *c, uint32_t link,
                    const struct decision_facts *facts)
{
    struct conflict *s = &f->conflict;
    if (is_idle(f) && !conflict_settled(f, link) && facts->instance > 0) {
        s->link = link;
        own_block(f, c, facts);
    }
}

void conflict_probe(struct finality *f, struct ctx *c, uint32_t link)
{
    if (is_idle(f) && !conflict_settled(f, link) && chain_final_instance(f->chain) != 0) {
        f->conflict.link = link;
        f->conflict.probing = true;
        ask(f, c, NEWEST);
    }
}

enum err conflict_suspected(struct finality *f, struct ctx *c, uint32_t link, enum err err,
                            uint8_t code)
{
    struct conflict *s = &f->conflict;
    if ((err != ERR_INVALID && err != ERR_SIGNATURE) || chain_final_instance(f->chain) == 0) {
        return err;
    }
    conflict_probe(f, c, link);
    if (s->link == link && s->err == ERR_OK) {
        s->err = err;
        s->code = code;
    }
    return ERR_OK;
}

bool conflict_frame(struct finality *f, struct ctx *c, uint32_t link, const struct blob *frame)
{
    struct conflict *s = &f->conflict;
    struct frame_decision m;
    struct decision_facts facts;
    if (s->link != link || s->asked == 0 ||
        frame_decision_decode(&m, span_of(frame->data, frame->len)) != ERR_OK ||
        certificate_peek(&facts, m.decision) != ERR_OK) {
        return false;
    }
    uint64_t final = chain_final_instance(f->chain);
    if (facts.instance == 0 || (!s->probing && facts.instance < s->asked)) {
        return false;
    }
    s->asked_last = s->asked;
    s->asked = 0;
    s->due_ns = c->mono_ns + ANSWER_NS;
    if (s->probing) {
        s->probing = false;
        s->below = (facts.instance < final ? facts.instance : final) + 1;
        s->asked_last = facts.instance;
    }
    if (s->meeting) {
        blob_drop(f->shared, s->theirs);
        s->theirs = blob_keep(f->shared, frame);
        s->differs = facts.instance;
        own_decision(f, c);
    } else if (facts.instance >= s->below) {
        if (s->asked_last < s->below) { /* nothing is kept there from what was asked for on */
            s->below = s->asked_last;
            search_next(f, c);
        } else {
            ask(f, c, s->below - 1);
        }
    } else {
        s->answer = blob_keep(f->shared, frame);
        own_block(f, c, &facts);
    }
    return true;
}

bool conflict_read_done(struct finality *f, struct ctx *c, const struct event *event)
{
    struct conflict *s = &f->conflict;
    if (s->request == 0 || s->request != event->read_done.request) {
        return false;
    }
    s->request = 0;
    const struct record *record = event->read_done.records;
    if (s->link == LINK_NONE || event->read_done.err != ERR_OK || event->read_done.count == 0) {
        end(f);
    } else if (s->ours != NULL) {
        s->seats = blob_keep(f->shared, record->value);
        judge(f, c);
    } else if (s->meeting) {
        meet(f, c, record->value);
    } else {
        uint64_t height = s->facts.instance * chain_params(f->chain)->checkpoint_blocks;
        const uint8_t *id = NULL;
        for (size_t i = 0; i < event->read_done.count; i++) {
            const uint8_t *key = record[i].key;
            if (record[i].key_len == 41 && __builtin_bswap64(load64(key + 1)) == height &&
                (id == NULL || memcmp(key + 9, s->facts.value, 32) == 0)) {
                id = key + 9;
            }
        }
        if (id != NULL) {
            compare(f, c, id);
        } else {
            end(f); /* not kept here */
        }
    }
    return true;
}

void conflict_wake(struct finality *f, struct ctx *c)
{
    struct conflict *s = &f->conflict;
    if (s->checking) {
        conflict_check(f, c);
    } else if (s->due_ns <= c->mono_ns) {
        uint32_t link = s->link;
        bool suspect = s->err != ERR_OK;
        end(f);
        if (suspect) {
            overlay_close(f->overlay, c, link);
        }
    }
}
