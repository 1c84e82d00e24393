#include "node/base/invariant.h"
#include "node/base/plant.h"
#include "node/chain/finality_private.h"
#include "node/chain/leaves.h"
#include "node/wire/frames.h"

/* Decisions by inventory (decision 3): who decides tells its links, who lacks the decision asks one
 * of them, and checks the certificate 64 signatures a step. A decision implies those of its
 * ancestors, so only the newest that the known committees can check is asked for. */

enum {
    ASK_AGAIN_MS = 3000,
    ASK_VOTER_MS = 500, /* a voter of the open instance will most likely decide by itself */
};

#define MS UINT64_C(1000000)

void arrival_init(struct finality *f)
{
    f->arrival.ask_ns = DEADLINE_NONE;
    f->arrival.check_link = LINK_NONE;
    f->arrival.asked_link = LINK_NONE;
    f->arrival.waiting_link = LINK_NONE;
}

void arrival_drop(struct finality *f)
{
    blob_drop(f->shared, f->arrival.check_frame);
    blob_drop(f->shared, f->arrival.waiting);
    f->arrival.check_frame = NULL;
    f->arrival.waiting = NULL;
    for (uint32_t i = 0; i < RECENT_MAX; i++) {
        blob_drop(f->shared, f->recent[i].decision);
        f->recent[i] = (struct recent){0};
    }
}

const struct recent *arrival_recent(const struct finality *f, uint64_t instance)
{
    for (uint32_t i = 0; i < RECENT_MAX; i++) {
        if (f->recent[i].instance == instance && instance != 0) {
            return &f->recent[i];
        }
    }
    return NULL;
}

/* --- asking --- */

/* The last instance whose committee the last checkpoint knows (that of epoch e is written at height
 * (e-1) x epochBlocks), and whose block the tree has room to wait for. */
static uint64_t instance_checkable(const struct finality *f)
{
    const struct params *p = chain_params(f->chain);
    uint64_t final = chain_final_instance(f->chain);
    uint64_t height = final * p->checkpoint_blocks;
    uint64_t known = (height / p->epoch_blocks + 2) * p->epoch_blocks / p->checkpoint_blocks;
    uint64_t near = (height + chain_reach(f->chain)) / p->checkpoint_blocks;
    uint64_t least = known < near ? known : near;
    return least > final ? least : final + 1;
}

static void ask(struct finality *f, struct ctx *c)
{
    struct arrival *a = &f->arrival;
    uint64_t final = chain_final_instance(f->chain);
    uint64_t wanted = a->target < instance_checkable(f) ? a->target : instance_checkable(f);
    wanted = a->low ? final + 1 : wanted;
    a->ask_ns = DEADLINE_NONE;
    a->asked_ns = 0;
    if (a->target <= final || a->check_frame != NULL || chain_trust_pending(f->chain) ||
        (a->waiting != NULL && a->waiting_facts.instance >= wanted)) {
        return;
    }
    uint64_t ready = overlay_ready(f->overlay) & ~f->conflict.settled;
    uint64_t links = a->low ? ready : a->links & ready;
    if (links == 0) {
        links = ready;
    }
    a->ask_ns = planted(DECISION_ASKED_ONCE) ? DEADLINE_NONE - 1 : c->mono_ns + ASK_AGAIN_MS * MS;
    if (links == 0) {
        return;
    }
    for (uint64_t skip = rng_below(c->rng, (uint64_t)__builtin_popcountll(links)); skip > 0;
         skip--) {
        links &= links - 1;
    }
    uint8_t out[16];
    size_t len;
    const struct frame_decision_get get = {.instance = wanted};
    invariant(frame_decision_get_encode(out, sizeof(out), &len, &get) == ERR_OK);
    a->asked_link = (uint32_t)__builtin_ctzll(links);
    a->asked = wanted;
    a->asked_ns = c->mono_ns;
    ctx_send_bytes(c, links & -links, span_of(out, len));
}

void arrival_told(struct finality *f, struct ctx *c, uint32_t link, uint64_t instance)
{
    struct arrival *a = &f->arrival;
    if (instance <= chain_final_instance(f->chain) || instance < a->target || link == LINK_NONE) {
        return;
    }
    if (instance > a->target) {
        a->target = instance;
        a->links = 0;
    }
    a->links |= UINT64_C(1) << link;
    if (a->ask_ns != DEADLINE_NONE) {
        return;
    }
    if (f->tm.running && instance == finality_next(f)) {
        a->ask_ns = c->mono_ns + ASK_VOTER_MS * MS;
    } else {
        ask(f, c);
    }
}

void arrival_wake(struct finality *f, struct ctx *c)
{
    struct arrival *a = &f->arrival;
    if (a->ask_ns <= c->mono_ns) {
        if (a->asked_ns != 0) {
            a->links &= ~(UINT64_C(1) << a->asked_link); /* did not answer */
            a->low = !a->low;
        }
        ask(f, c);
    }
    if (a->waiting != NULL && a->want_ns <= c->mono_ns) { /* the wish may have been given up */
        a->want_ns = c->mono_ns + ASK_AGAIN_MS * MS;
        finality_want(f, a->waiting_facts.value, a->waiting_facts.instance, a->waiting_link);
    }
}

void arrival_link_down(struct finality *f, uint32_t link)
{
    struct arrival *a = &f->arrival;
    a->links &= ~(UINT64_C(1) << link);
    f->told &= ~(UINT64_C(1) << link);
    if (a->check_link == link) {
        a->check_link = LINK_NONE;
    }
    if (a->waiting_link == link) {
        a->waiting_link = LINK_NONE;
    }
    for (uint32_t i = 0; i < SERVING_MAX; i++) {
        if (f->serving[i].link == link) {
            f->serving[i].link = LINK_NONE; /* its answer goes nowhere */
        }
    }
}

void arrival_tell_of(struct ctx *c, uint64_t links, uint64_t instance, const uint8_t value[32])
{
    uint8_t out[64];
    size_t len;
    const struct frame_decision_ihave have = {.instance = instance, .value = value};
    if (instance != 0 && links != 0) {
        invariant(frame_decision_ihave_encode(out, sizeof(out), &len, &have) == ERR_OK);
        ctx_send_bytes(c, links, span_of(out, len));
    }
}

void arrival_tell(struct finality *f, struct ctx *c, uint64_t links)
{
    arrival_tell_of(c, links, chain_final_instance(f->chain),
                    chain_entry(f->chain, chain_final(f->chain))->id);
}

/* --- checking --- */

enum err seat_read(struct seat *seat, struct ctx *c, uint64_t epoch)
{
    uint8_t key[32];
    struct span leaf;
    leaf_key_u64(key, STATE_COMMITTEE, epoch);
    TRY(state_get(&leaf, c->shared, seat->root_hash, key));
    seat->leaf = blob_put(c->shared, leaf.data, leaf.len);
    return committee_decode(&seat->committee, span_of(seat->leaf->data, seat->leaf->len));
}

enum err arrival_committee(struct committee *committee, uint8_t id[32], const struct finality *f,
                           struct ctx *c, uint64_t instance)
{
    const struct params *p = chain_params(f->chain);
    uint64_t epoch = (instance * p->checkpoint_blocks - 1) / p->epoch_blocks;
    if (f->seat.committee.count > 0 && epoch == f->seat.committee.epoch) {
        *committee = f->seat.committee;
        memcpy(id, f->seat.id, 32);
        return ERR_OK;
    }
    TRY(committee_get(committee, c->shared, f->seat.root_hash, epoch));
    certificate_committee_id(id, committee);
    return ERR_OK;
}

/* A valid decision: new, unless it was decided here meanwhile. */
static void accept(struct finality *f, struct ctx *c, const struct certificate_check *check)
{
    if (check->facts.instance > chain_final_instance(f->chain)) {
        const struct blob *decision =
            blob_put(c->shared, check->decision.data, check->decision.len);
        finality_decided(f, c, &check->facts, decision, true);
        blob_drop(c->shared, decision);
    } else if (f->arrival.check_link != LINK_NONE) {
        conflict_named(f, c, f->arrival.check_link, &check->facts);
    }
}

void arrival_check(struct finality *f, struct ctx *c)
{
    struct arrival *a = &f->arrival;
    const struct blob *frame = a->check_frame;
    uint32_t budget = CERTIFICATE_CHECKS_MAX;
    struct committee committee;
    uint8_t id[32];
    bool done = true;
    enum err err = arrival_committee(&committee, id, f, c, a->check.facts.instance);
    if (err == ERR_OK) {
        err = certificate_check_step(&a->check, c, &done, &budget, f->config->genesis->hash,
                                     &committee);
        if (err != ERR_OK && a->check_link != LINK_NONE &&
            conflict_suspected(f, c, a->check_link, err, FRAME_DECISION) != ERR_OK) {
            overlay_blame(f->overlay, c, a->check_link, err, FRAME_DECISION);
        }
    }
    if (!done) {
        return;
    }
    a->check_frame = NULL;
    if (err == ERR_OK) {
        struct certificate_check check = a->check;
        accept(f, c, &check);
    }
    blob_drop(c->shared, frame);
    if (a->ask_ns == DEADLINE_NONE || a->asked_ns != 0) {
        ask(f, c); /* the next, when there is more to catch up with */
    }
}

static enum err decision_frame(struct finality *f, struct ctx *c, uint32_t link,
                               const struct blob *frame)
{
    struct arrival *a = &f->arrival;
    struct frame_decision m;
    struct decision_facts facts;
    struct committee committee;
    uint8_t id[32];
    TRY(frame_decision_decode(&m, span_of(frame->data, frame->len)));
    TRY(certificate_peek(&facts, m.decision));
    bool asked_for = a->asked_ns != 0 && a->asked_link == link && facts.instance >= a->asked;
    if (!asked_for && conflict_frame(f, c, link, frame)) {
        return ERR_OK;
    }
    if (a->check_frame != NULL || facts.instance == 0 || chain_trust_pending(f->chain)) {
        return ERR_OK;
    }
    if (facts.instance <= chain_final_instance(f->chain)) {
        conflict_named(f, c, link, &facts);
        return ERR_OK;
    }
    if (facts.instance > UINT32_MAX ||
        arrival_committee(&committee, id, f, c, facts.instance) != ERR_OK) {
        return ERR_OK; /* too far ahead to be checked here */
    }
    TRY(certificate_check_begin(&a->check, c, f->config->genesis->hash, &committee, id, frame->id,
                                m.decision));
    a->check_frame = blob_keep(c->shared, frame);
    a->check_link = link;
    arrival_check(f, c);
    return ERR_OK;
}

void arrival_final_seen(struct finality *f, uint32_t link, uint64_t instance)
{
    if (instance <= UINT32_MAX) {
        overlay_final_seen(f->overlay, link, instance * chain_params(f->chain)->checkpoint_blocks);
    }
}

static enum err ihave_frame(struct finality *f, struct ctx *c, uint32_t link, struct span frame)
{
    struct frame_decision_ihave m;
    uint64_t mask = UINT64_C(1) << link;
    TRY(frame_decision_ihave_decode(&m, frame));
    uint64_t final = chain_final_instance(f->chain);
    arrival_final_seen(f, link, m.instance);
    if (m.instance >= final) {
        f->told |= m.instance == final ? mask : 0;
    }
    if (m.instance > final) {
        arrival_told(f, c, link, m.instance);
        return ERR_OK;
    }
    struct decision_facts facts = {.instance = m.instance};
    memcpy(facts.value, m.value, 32);
    conflict_named(f, c, link, &facts);
    return ERR_OK;
}

/* --- serving --- */

static void serve(struct ctx *c, uint32_t link, struct span decision)
{
    const struct frame_decision m = {.decision = decision};
    size_t room = frame_decision_bytes(&m);
    size_t mark = arena_mark(c->scratch);
    uint8_t *out = arena_alloc(c->scratch, room);
    size_t len;
    if (out != NULL && frame_decision_encode(out, room, &len, &m) == ERR_OK) {
        ctx_send_bytes(c, UINT64_C(1) << link, span_of(out, len));
    }
    arena_rewind(c->scratch, mark);
}

static void big_endian(uint8_t out[8], uint64_t v)
{
    store64(out, __builtin_bswap64(v));
}

static enum err get_frame(struct finality *f, struct ctx *c, uint32_t link, struct span frame)
{
    struct frame_decision_get m;
    TRY(frame_decision_get_decode(&m, frame));
    uint64_t final = chain_final_instance(f->chain);
    uint64_t instance = m.instance == UINT64_MAX ? final : m.instance;
    const struct recent *recent = arrival_recent(f, instance);
    if (recent != NULL) {
        serve(c, link, span_of(recent->decision->data, recent->decision->len));
        return ERR_OK;
    }
    for (uint32_t i = 0; instance <= final && instance != 0 && i < SERVING_MAX; i++) {
        if (f->serving[i].request == 0) {
            uint8_t from[9] = {'f'};
            big_endian(from + 1, instance);
            f->serving[i].link = link;
            f->serving[i].request = ctx_read(c, span_of("f", 1), span_of(from, 9), 1, false);
            break;
        }
    }
    return ERR_OK;
}

bool arrival_read_done(struct finality *f, struct ctx *c, const struct event *event)
{
    for (uint32_t i = 0; i < SERVING_MAX; i++) {
        struct serving *s = &f->serving[i];
        if (s->request == 0 || s->request != event->read_done.request) {
            continue;
        }
        if (event->read_done.err == ERR_OK && event->read_done.count > 0 && s->link != LINK_NONE) {
            const struct blob *value = event->read_done.records[0].value;
            serve(c, s->link, span_of(value->data, value->len));
        }
        s->request = 0;
        return true;
    }
    return false;
}

enum err arrival_frame(struct finality *f, struct ctx *c, uint32_t link, const struct blob *frame)
{
    struct span bytes = span_of(frame->data, frame->len);
    switch (frame->data[0]) {
    case FRAME_DECISION:
        return decision_frame(f, c, link, frame);
    case FRAME_DECISION_IHAVE:
        return ihave_frame(f, c, link, bytes);
    default:
        return get_frame(f, c, link, bytes);
    }
}

/* --- waiting for a block --- */

void arrival_keep(struct finality *f, const struct ctx *c, const struct decision_facts *facts,
                  const struct blob *decision)
{
    struct arrival *a = &f->arrival;
    if (a->waiting != decision) {
        blob_drop(f->shared, a->waiting);
        a->waiting = blob_keep(f->shared, decision);
        a->waiting_link = a->check_link;
        a->waiting_facts = *facts;
        a->want_ns = c->mono_ns + ASK_AGAIN_MS * MS;
    }
    finality_want(f, facts->value, facts->instance, a->check_link);
}

void arrival_block_known(struct finality *f, struct ctx *c, const uint8_t id[32])
{
    struct arrival *a = &f->arrival;
    if (a->waiting != NULL && memcmp(a->waiting_facts.value, id, 32) == 0) {
        const struct blob *decision = blob_keep(f->shared, a->waiting);
        struct decision_facts facts = a->waiting_facts;
        finality_decided(f, c, &facts, decision, true);
        blob_drop(f->shared, decision);
    }
}

void arrival_after(struct finality *f, struct ctx *c)
{
    struct arrival *a = &f->arrival;
    uint64_t final = chain_final_instance(f->chain);
    f->told = 0;
    if (a->waiting != NULL && a->waiting_facts.instance <= final) {
        blob_drop(f->shared, a->waiting);
        a->waiting = NULL;
    }
    if (a->waiting != NULL && a->waiting_link != LINK_NONE) {
        /* Its block is still not here though we went on: it may be of another branch. */
        conflict_probe(f, c, a->waiting_link);
    }
    if (a->target == final) {
        f->told = a->links;
    }
    if (a->target <= final) {
        a->ask_ns = DEADLINE_NONE;
        a->asked_ns = 0;
    } else if (a->ask_ns == DEADLINE_NONE) {
        ask(f, c);
    }
    arrival_tell(f, c, overlay_ready(f->overlay) & ~f->told);
}
