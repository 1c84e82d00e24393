#include "node/base/plant.h"
#include "node/chain/finality_private.h"
#include "node/seam/buggify.h"
#include "node/wire/frames.h"

/* Votes leave in bundles: what was added since the last flush goes to each mesh link whose peer is
 * not known to hold it. */

void send_fresh_due(struct finality *f, struct ctx *c)
{
    if (votes_now(f)->fresh > 0 && f->flush_ns == DEADLINE_NONE) {
        uint64_t wait = f->config->policy->vote_flush_ns;
        wait = buggify(c, BUGGIFY_votes_early) ? 0 : wait;
        wait = buggify(c, BUGGIFY_votes_late) ? 20 * wait : wait;
        f->flush_ns = c->mono_ns + wait;
    }
}

struct fresh {
    struct ballot *ballot;
    const struct vote_set *set;
    uint32_t voter;
};

static uint32_t fresh_collect(struct votes *votes, struct fresh *list)
{
    uint32_t count = 0;
    for (uint32_t s = 0; s < votes->sets_used; s++) {
        struct vote_set *set = &votes->sets[s];
        for (uint32_t l = 0; set->kind != 0 && set->fresh > 0 && l < set->layers; l++) {
            for (uint32_t v = 0; v < votes->voters && set->fresh > 0; v++) {
                struct ballot *b = votes_ballot(votes, set, l, v);
                if ((b->flags & BALLOT_FRESH) != 0) {
                    list[count++] = (struct fresh){b, set, v};
                    b->flags &= (uint8_t)~BALLOT_FRESH;
                    set->fresh--;
                }
            }
        }
        set->fresh = 0;
    }
    votes->fresh = 0;
    return count;
}

/* One frame with the chosen votes; *left counts what did not fit a frame. */
static void bundle_send(struct ctx *c, const struct votes *votes, uint64_t links,
                        const struct fresh *list, uint32_t count, uint64_t skip_known)
{
    size_t room = 1 + VAR_BYTES_MAX + (size_t)count * VOTE_BYTES;
    uint8_t *votes_at = arena_alloc(c->scratch, (size_t)count * VOTE_BYTES);
    uint8_t *out = arena_alloc(c->scratch, room);
    if (votes_at == NULL || out == NULL) {
        return;
    }
    size_t chosen = 0;
    for (uint32_t i = 0; i < count && chosen < VOTES_VOTERS_MAX; i++) {
        if ((list[i].ballot->known & skip_known) == 0) {
            struct vote vote;
            votes_vote(&vote, votes, list[i].set, list[i].ballot, list[i].voter);
            vote_encode(votes_at + chosen++ * VOTE_BYTES, &vote);
            list[i].ballot->known |= links;
        }
    }
    if (chosen == 0) {
        return;
    }
    const struct frame_vote_bundle frame = {.votes = {.data = votes_at, .count = chosen}};
    size_t len;
    if (frame_vote_bundle_encode(out, room, &len, &frame) == ERR_OK) {
        ctx_send_bytes(c, links, span_of(out, len));
    }
}

void send_flush(struct finality *f, struct ctx *c)
{
    struct votes *votes = votes_now(f);
    uint64_t links = mesh_links(&f->mesh);
    f->flush_ns = DEADLINE_NONE;
    size_t mark = arena_mark(c->scratch);
    struct fresh *list = arena_alloc_array(c->scratch, votes->fresh, sizeof(*list));
    if (list == NULL || votes->fresh == 0) {
        return;
    }
    uint32_t count = fresh_collect(votes, list);
    uint64_t lacks_some = 0;
    uint64_t lacks_all = links;
    for (uint32_t i = 0; i < count; i++) {
        lacks_some |= links & ~list[i].ballot->known;
        lacks_all &= ~list[i].ballot->known;
    }
    if (lacks_all != 0) { /* one blob for all links that miss everything: own votes mostly */
        bundle_send(c, votes, lacks_all, list, count, 0);
    }
    for (uint64_t left = lacks_some & ~lacks_all; left != 0; left &= left - 1) {
        size_t inner = arena_mark(c->scratch);
        uint64_t link = left & -left;
        bundle_send(c, votes, link, list, count, link);
        arena_rewind(c->scratch, inner);
    }
    arena_rewind(c->scratch, mark);
}

void send_shown(struct finality *f, struct ctx *c, uint64_t links)
{
    if (f->shown.frame == NULL || f->shown.instance != finality_next(f)) {
        return;
    }
    links &= ~f->shown.known;
    f->shown.known |= links;
    for (; links != 0; links &= links - 1) {
        ctx_send(c, (uint32_t)__builtin_ctzll(links), f->shown.frame);
    }
}

static void bitmap_of(uint8_t *bits, size_t len, const struct votes *votes, enum vote_kind kind,
                      uint32_t round)
{
    const struct vote_set *set = votes_set(votes, kind, round);
    memset(bits, 0, len);
    for (uint32_t v = 0; set != NULL && v < votes->voters; v++) {
        if ((votes_ballot(votes, set, 0, v)->flags & BALLOT_PRESENT) != 0) {
            bits[v / 8] = (uint8_t)(bits[v / 8] | 1U << v % 8);
        }
    }
}

void send_have(struct finality *f, struct ctx *c, uint64_t links)
{
    uint8_t bits[2][VOTES_VOTERS_MAX / 8];
    uint8_t out[2 * VOTES_VOTERS_MAX / 8 + 64];
    const struct votes *votes = votes_now(f);
    struct frame_vote_have have = {
        .instance = finality_next(f), .locked_round = -1, .valid_round = -1};
    if (links == 0 || !is_member(f)) {
        return;
    }
    if (votes->instance == have.instance) {
        size_t len = (votes->voters + 7) / 8;
        have.round = votes->round;
        if (f->tm.running) {
            have.locked_round = f->tm.lock.locked_round;
            have.valid_round = f->tm.lock.valid_round;
        }
        bitmap_of(bits[0], len, votes, VOTE_PREVOTE, have.round);
        bitmap_of(bits[1], len, votes, VOTE_PRECOMMIT, have.round);
        have.prevotes = span_of(bits[0], len);
        have.precommits = span_of(bits[1], len);
    }
    size_t len;
    if (frame_vote_have_encode(out, sizeof(out), &len, &have) == ERR_OK) {
        ctx_send_bytes(c, links, span_of(out, len));
    }
}

void send_have_due(struct finality *f, struct ctx *c)
{
    const struct seat *seat = &f->seat;
    f->have_ns = DEADLINE_NONE;
    if (!f->tm.running) {
        return;
    }
    /* Nothing was decided for long: those drawn may not be there, and without them the mesh of
     * those that are may have fallen apart. */
    if (++f->haves % HAVES_PATIENCE == 0) {
        mesh_choose(&f->mesh, c, f->overlay, &seat->committee, seat->root_hash, seat->self);
    }
    send_have(f, c, mesh_links(&f->mesh));
    f->have_ns = c->mono_ns + f->config->policy->vote_have_ns;
}

/* The ballots of a set whose voters are not in the bitmap (empty: all). What the bitmap names is
 * known to the link. */
static uint32_t missing_collect(struct votes *votes, struct fresh *list, uint32_t count,
                                uint32_t max, enum vote_kind kind, uint32_t round, struct span bits,
                                uint64_t link)
{
    const struct vote_set *set = votes_set(votes, kind, round);
    for (uint32_t l = 0; set != NULL && l < set->layers; l++) {
        for (uint32_t v = 0; v < votes->voters && count < max; v++) {
            struct ballot *b = votes_ballot(votes, set, l, v);
            if ((b->flags & BALLOT_PRESENT) == 0) {
                continue;
            }
            if (v / 8 < bits.len && (bits.data[v / 8] >> v % 8 & 1) != 0) {
                b->known |= l == 0 ? link : 0;
            } else {
                list[count++] = (struct fresh){b, set, v};
            }
        }
    }
    return count;
}

/* Decision 2: peers send what is missing. */
enum err send_missing(struct finality *f, struct ctx *c, uint32_t link, struct span frame)
{
    struct frame_vote_have have;
    TRY(frame_vote_have_decode(&have, frame));
    if (have.prevotes.len != have.precommits.len || have.locked_round < -1 ||
        have.valid_round < -1) {
        return ERR_INVALID;
    }
    uint64_t mask = UINT64_C(1) << link;
    uint64_t next = finality_next(f);
    arrival_final_seen(f, link, have.instance - (have.instance > 0));
    if (have.instance < next) {
        arrival_tell(f, c, mask);
    } else if (have.instance > next) {
        arrival_told(f, c, link, have.instance - 1);
    }
    if (!is_member(f)) {
        return ERR_OK;
    }
    mesh_link_told(&f->mesh, c, f->overlay, &f->seat.committee, f->seat.root_hash, link);
    struct votes *votes = votes_now(f);
    uint32_t second = (uint32_t)(c->mono_ns / 1000000000) + 1;
    if (have.instance != next || votes->instance != next || f->answered_s[link] == second) {
        return ERR_OK;
    }
    f->answered_s[link] = second; /* answers are longer than questions */
    uint32_t max = VOTES_VOTERS_MAX;
    const struct span none = {0};
    size_t mark = arena_mark(c->scratch);
    struct fresh *list = arena_alloc_array(c->scratch, max, sizeof(*list));
    if (list == NULL) {
        return ERR_OK;
    }
    uint32_t n =
        missing_collect(votes, list, 0, max, VOTE_PREVOTE, have.round, have.prevotes, mask);
    n = missing_collect(votes, list, n, max, VOTE_PRECOMMIT, have.round, have.precommits, mask);
    if (votes->round > have.round) { /* enough to let it jump here */
        n = missing_collect(votes, list, n, max, VOTE_PREVOTE, votes->round, none, mask);
        n = missing_collect(votes, list, n, max, VOTE_PRECOMMIT, votes->round, none, mask);
    }
    /* Quorums that the peer may lack: what justifies later prevotes. */
    for (uint32_t s = 0; s < votes->sets_used; s++) {
        const struct vote_set *set = &votes->sets[s];
        if (set->kind == VOTE_PREVOTE && set->polka && (int64_t)set->round > have.valid_round &&
            set->round != have.round && set->round < votes->round) {
            n = missing_collect(votes, list, n, max, VOTE_PREVOTE, set->round, none, mask);
        }
    }
    if (n > 0 && !planted(RESYNC_SILENT)) {
        bundle_send(c, votes, mask, list, n, 0);
    }
    arena_rewind(c->scratch, mark);
    if (have.round <= f->shown.round) {
        send_shown(f, c, mask);
    }
    return ERR_OK;
}
