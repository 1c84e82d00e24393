#include "node/chain/finality_private.h"
#include "node/crypto/hash.h"
#include "node/wire/frames.h"

/* Votes and proposals of others. A vote that is held costs a look-up; a new one costs a signature
 * check, of which a step makes at most CERTIFICATE_CHECKS_MAX (decision 20): what is left waits in
 * the intake and goes on at once in the next step. */

struct visit {
    struct finality *f;
    struct ctx *c;
    uint32_t link;          /* LINK_NONE: gone */
    uint32_t budget, shown; /* shown: votes of a quorum shown as a whole that were missing here */
    bool added;
};

static uint64_t link_mask(uint32_t link)
{
    return link == LINK_NONE ? 0 : UINT64_C(1) << link;
}

static const uint8_t *key_of(const struct finality *f, uint32_t voter)
{
    return committee_key(&f->seat.committee, voter);
}

/* One vote. ERR_BUSY: the budget is spent, call again later. must: it is part of a quorum shown as
 * a whole. */
static enum err take_vote(struct visit *visit, const struct vote *vote, bool must)
{
    struct finality *f = visit->f;
    struct votes *votes = finality_votes_for(f, vote->instance);
    if (votes == NULL) {
        if (vote->instance > finality_next(f) && visit->link != LINK_NONE) {
            arrival_told(f, visit->c, visit->link, vote->instance - 1);
        }
        return ERR_OK;
    }
    if (vote->voter >= votes->voters) {
        return ERR_INVALID;
    }
    enum votes_known known = votes_look(votes, vote, link_mask(visit->link));
    if (known == VOTES_DUPLICATE || (known == VOTES_DROP && !must)) {
        return ERR_OK;
    }
    if (visit->budget == 0) {
        return ERR_BUSY;
    }
    visit->budget--;
    ctx_charge(visit->c, COST_VERIFY, 1);
    TRY(vote_verify(vote, visit->c->shared, f->config->genesis->hash, key_of(f, vote->voter)));
    struct vote other;
    enum evidence_kind kind;
    while (votes_convict(votes, &kind, &other, vote)) {
        f->accused = true;
        offences_add_votes(f->offences, visit->c, kind, key_of(f, vote->voter), vote, &other);
    }
    /* Votes of a decided instance are looked at for what they convict, and passed on no more. */
    bool fresh = vote->instance >= finality_next(f);
    enum err err = votes_add(votes, vote, link_mask(visit->link), fresh, must);
    if (err == ERR_OK) {
        visit->added = true;
        visit->shown += must;
        if (votes != votes_now(f)) {
            arrival_told(f, visit->c, visit->link, vote->instance - 1);
        }
    }
    return ERR_OK;
}

/* The votes of a list from item->done on. */
static enum err take_list(struct visit *visit, struct intake_item *item, const struct list *list,
                          const struct frame_proposal *pol_of)
{
    while (item->done < list->count) {
        struct vote vote;
        TRY(vote_decode(&vote, list->data + (size_t)item->done * VOTE_BYTES));
        if (pol_of != NULL &&
            (vote.kind != VOTE_PREVOTE || vote.instance != pol_of->instance ||
             (int64_t)vote.round > pol_of->vr || memcmp(vote.value, pol_of->value, 32) != 0)) {
            return ERR_INVALID;
        }
        TRY(take_vote(visit, &vote, pol_of != NULL));
        item->done++;
    }
    return ERR_OK;
}

/* docs/wire.md 7: "xpx/proposal/1" || genesis || proposer key || instance .. vr */
static void proposal_body(uint8_t body[48], const struct frame_proposal *p)
{
    store64(body, p->instance);
    store32(body + 8, p->round);
    memcpy(body + 12, p->value, 32);
    memcpy(body + 44, &p->vr, 4);
}

static enum err proposal_verify(const struct finality *f, struct ctx *c,
                                const struct frame_proposal *p)
{
    const uint8_t *key = key_of(f, p->proposer);
    const uint8_t *genesis = f->config->genesis->hash;
    uint8_t body[48];
    struct memo_key memo;
    uint8_t good;
    proposal_body(body, p);
    const struct span parts[] = {span_of(p->sig, 64), span_of(body, sizeof(body)), span_of(key, 32),
                                 span_of(genesis, 32)};
    hash_keyed_parts((uint8_t *)memo.id, sizeof(memo.id), span_of(NULL, 0), parts, 4);
    ctx_charge(c, COST_VERIFY, 1);
    if (!memo_get(c->shared, MEMO_PROPOSAL, memo, &good, sizeof(good))) {
        const struct sign_message message = {.context = SIGN_CONTEXT("proposal"),
                                             .genesis = genesis,
                                             .body = {span_of(key, 32), span_of(body, 48)}};
        good = ctx_sign_verify(c->shared, p->sig, key, &message) == ERR_OK;
        memo_put(c->shared, MEMO_PROPOSAL, memo, &good, sizeof(good));
    }
    return good != 0 ? ERR_OK : ERR_SIGNATURE;
}

/* A proposal of the next instance: its pol first, then itself. */
static enum err take_proposal(struct visit *visit, struct intake_item *item)
{
    static const uint8_t nil[32];
    struct finality *f = visit->f;
    struct frame_proposal p;
    TRY(frame_proposal_decode(&p, span_of(item->frame->data, item->frame->len)));
    if (p.vr < -1 || p.vr >= (int64_t)p.round || (p.vr == -1 && p.pol.count != 0) ||
        memcmp(p.value, nil, 32) == 0) {
        return ERR_INVALID;
    }
    if (p.instance != finality_next(f)) {
        if (p.instance > finality_next(f) && visit->link != LINK_NONE) {
            arrival_told(f, visit->c, visit->link, p.instance - 1);
        }
        return ERR_OK;
    }
    if (f->shown.frame == item->frame) {
        f->shown.known |= link_mask(visit->link);
        return ERR_OK;
    }
    bool told = f->shown.frame != NULL && f->shown.instance == p.instance;
    if (told && f->shown.round == p.round) {
        return ERR_OK; /* another one of its proposer: passed on, it would go round for ever */
    }
    const struct tm_proposal *held = &f->tm.proposals[p.round & 1];
    if (f->tm.running && held->present && held->round == p.round) {
        return ERR_OK; /* the first one counts */
    }
    struct votes *votes = finality_votes_for(f, p.instance);
    if (votes == NULL || p.round > (uint64_t)votes->round + 1) {
        return ERR_OK;
    }
    if (p.proposer !=
        committee_proposer(&f->seat.committee, chain_params(f->chain), p.instance, p.round)) {
        return ERR_INVALID;
    }
    if (item->done == 0) {
        if (visit->budget == 0) {
            return ERR_BUSY;
        }
        visit->budget--;
        TRY(proposal_verify(f, visit->c, &p));
    }
    TRY(take_list(visit, item, &p.pol, &p));
    if (visit->shown > 0) {
        ctx_trace(visit->c, TRACE_pol_taken, p.instance, p.round, visit->shown);
        visit->shown = 0;
    }
    if (!told || p.round > f->shown.round) {
        blob_drop(f->shared, f->shown.frame);
        f->shown = (struct shown){.frame = blob_keep(f->shared, item->frame),
                                  .instance = p.instance,
                                  .known = link_mask(visit->link),
                                  .round = p.round};
        send_shown(f, visit->c, mesh_links(&f->mesh));
    } else if (f->tm.running && p.round == f->tm.round) { /* from now on it is held */
        uint64_t links = mesh_links(&f->mesh) & ~link_mask(visit->link);
        for (; links != 0; links &= links - 1) {
            ctx_send(visit->c, (uint32_t)__builtin_ctzll(links), item->frame);
        }
    }
    uint8_t value = votes_value_add(votes, p.value, true);
    if (value != VALUE_NONE) {
        if (chain_value_check(f->chain, visit->c, p.instance, p.value) == CHAIN_UNKNOWN) {
            finality_want(f, p.value, p.instance, visit->link);
        }
        visit->added = true;
        f->pending =
            (struct tm_proposal){.present = true, .value = value, .round = p.round, .vr = p.vr};
        finality_run(f, visit->c);
    }
    return ERR_OK;
}

static enum err take_item(struct visit *visit, struct intake_item *item)
{
    visit->link = item->link;
    if (item->frame->data[0] == FRAME_PROPOSAL) {
        return take_proposal(visit, item);
    }
    struct frame_vote_bundle bundle;
    TRY(frame_vote_bundle_decode(&bundle, span_of(item->frame->data, item->frame->len)));
    return take_list(visit, item, &bundle.votes, NULL);
}

/* What came of the votes of this step. */
static void settle(struct visit *visit)
{
    if (visit->added) {
        finality_run(visit->f, visit->c);
        finality_enter(visit->f, visit->c);
        send_fresh_due(visit->f, visit->c);
    }
}

void intake_run(struct finality *f, struct ctx *c)
{
    struct visit visit = {.f = f, .c = c, .budget = CERTIFICATE_CHECKS_MAX};
    struct intake *in = &f->intake;
    while (in->count > 0) {
        struct intake_item *item = &in->items[in->first];
        enum err err = take_item(&visit, item);
        if (err == ERR_BUSY) {
            break;
        }
        if (err != ERR_OK && item->link != LINK_NONE &&
            conflict_suspected(f, c, item->link, err, item->frame->data[0]) != ERR_OK) {
            overlay_blame(f->overlay, c, item->link, err, item->frame->data[0]);
        }
        blob_drop(f->shared, item->frame);
        in->first = (in->first + 1) % INTAKE_MAX;
        in->count--;
    }
    settle(&visit);
}

enum err intake_frame(struct finality *f, struct ctx *c, uint32_t link, const struct blob *frame)
{
    struct intake *in = &f->intake;
    struct visit visit = {.f = f, .c = c, .budget = CERTIFICATE_CHECKS_MAX};
    struct intake_item item = {.frame = frame, .link = link};
    if (!is_member(f)) {
        return ERR_OK; /* votes are the committee's own talk */
    }
    enum err err = ERR_BUSY;
    if (in->count == 0) {
        err = take_item(&visit, &item);
        settle(&visit);
    }
    if (err != ERR_BUSY) {
        return err;
    }
    if (in->count == INTAKE_MAX) {
        ctx_trace(c, TRACE_limit_reached, LIMIT_INTAKE_MAX, INTAKE_MAX);
        return ERR_OK; /* VOTE_HAVE brings it again */
    }
    item.frame = blob_keep(f->shared, frame);
    in->items[(in->first + in->count++) % INTAKE_MAX] = item;
    return ERR_OK;
}

void intake_link_down(struct finality *f, uint32_t link)
{
    struct intake *in = &f->intake;
    for (uint32_t i = 0; i < in->count; i++) {
        struct intake_item *item = &in->items[(in->first + i) % INTAKE_MAX];
        if (item->link == link) {
            item->link = LINK_NONE;
        }
    }
}

void intake_drop(struct finality *f)
{
    struct intake *in = &f->intake;
    for (; in->count > 0; in->count--) {
        blob_drop(f->shared, in->items[in->first].frame);
        in->first = (in->first + 1) % INTAKE_MAX;
    }
}
