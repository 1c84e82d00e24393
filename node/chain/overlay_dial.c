/* Whom to dial and when: random links, wanted links, rotation (spec: stream 3, eclipse care). */
#include "node/base/invariant.h"
#include "node/base/plant.h"
#include "node/chain/overlay_private.h"

#define BACKOFF_NS_MAX (600ull * SECOND_NS)
#define BACKOFF_STEPS 10
#define ROTATED_NS (120ull * SECOND_NS) /* a link given up by rotation is not dialed at once */
#define ANCHORS 2

uint64_t overlay_backoff_ns(struct ctx *c, uint32_t failures)
{
    uint64_t base = (uint64_t)SECOND_NS << (failures < BACKOFF_STEPS ? failures : BACKOFF_STEPS);
    if (base > BACKOFF_NS_MAX) {
        base = BACKOFF_NS_MAX;
    }
    return base - base / 5 + rng_below(c->rng, 2 * (base / 5) + 1);
}

uint32_t overlay_count(const struct overlay *overlay, enum link_role role)
{
    uint32_t count = 0;
    for (uint64_t used = overlay->used; used != 0;) {
        const struct link_state *state = &overlay->links[mask_take(&used)];
        count +=
            (state->phase == PHASE_GREETING || state->phase == PHASE_READY) && state->role == role;
    }
    for (uint32_t i = 0; i < DIALS_MAX; i++) {
        count += overlay->dials[i].request != 0 && overlay->dials[i].role == role;
    }
    return count;
}

struct want *want_find(struct overlay *overlay, const uint8_t node_id[32])
{
    for (uint32_t i = 0; i < overlay->want_count; i++) {
        if (memcmp(overlay->wants[i].node_id, node_id, 32) == 0) {
            return &overlay->wants[i];
        }
    }
    return NULL;
}

bool dial_take(struct overlay *overlay, struct dial *dial, uint32_t request)
{
    for (uint32_t i = 0; i < DIALS_MAX && request != 0; i++) {
        if (overlay->dials[i].request == request) {
            *dial = overlay->dials[i];
            overlay->dials[i].request = 0;
            overlay->dial_count -= !planted(DIAL_LEAK);
            return true;
        }
    }
    return false;
}

static void dial_soon(struct overlay *overlay, uint64_t at_ns)
{
    if (at_ns < overlay->dial_ns) {
        overlay->dial_ns = at_ns;
    }
}

static void failure_note(struct overlay *overlay, struct ctx *c, uint8_t *failures,
                         uint64_t *next_ns)
{
    *next_ns = c->mono_ns + overlay_backoff_ns(c, *failures);
    *failures = (uint8_t)(*failures + (*failures < UINT8_MAX));
    dial_soon(overlay, *next_ns);
}

void dial_failed(struct overlay *overlay, struct ctx *c, const struct dial *dial)
{
    for (uint32_t i = 0; i < overlay->book.count; i++) {
        struct book_entry *entry = &overlay->book.entries[i];
        /* A wanted node may have been dialed elsewhere than the book says; a nameless seed has
         * nothing but its endpoint. */
        if (memcmp(entry->node_id, dial->node_id, 32) == 0 &&
            (!id_is_zero(dial->node_id) || endpoint_equal(&entry->endpoint, &dial->endpoint))) {
            entry->flags &= (uint8_t)~BOOK_BUSY;
            failure_note(overlay, c, &entry->failures, &entry->next_ns);
        }
    }
    struct want *want = want_find(overlay, dial->node_id);
    if (want != NULL) {
        want->busy = false;
        failure_note(overlay, c, &want->failures, &want->next_ns);
    }
    dial_soon(overlay, c->mono_ns); /* somebody else may be free */
}

void peer_linked(struct overlay *overlay, const uint8_t node_id[32])
{
    struct book_entry *entry = book_find(&overlay->book, node_id);
    if (entry != NULL) {
        entry->flags |= BOOK_BUSY;
    }
    struct want *want = want_find(overlay, node_id);
    if (want != NULL) {
        want->busy = true;
    }
}

void peer_gone(struct overlay *overlay, struct ctx *c, const struct link_state *state)
{
    /* A peer whose own dial broke before it greeted says nothing about a dial from here. */
    bool counts = state->link.dialed || state->phase == PHASE_READY;
    struct book_entry *entry = book_find(&overlay->book, state->link.peer);
    if (entry != NULL) {
        entry->flags &= (uint8_t)~BOOK_BUSY;
        if (counts) {
            failure_note(overlay, c, &entry->failures, &entry->next_ns);
        }
    }
    struct want *want = want_find(overlay, state->link.peer);
    if (want != NULL) {
        want->busy = false;
        if (counts) {
            failure_note(overlay, c, &want->failures, &want->next_ns);
        }
    }
    dial_soon(overlay, c->mono_ns);
}

static void dial_begin(struct overlay *overlay, struct ctx *c, enum link_role role,
                       const uint8_t node_id[32], const struct endpoint *endpoint)
{
    struct dial *dial = overlay->dials;
    while (dial->request != 0) {
        dial++;
    }
    *dial = (struct dial){.role = (uint8_t)role, .endpoint = *endpoint};
    memcpy(dial->node_id, node_id, 32);
    dial->request = ctx_connect(c, endpoint, node_id);
    overlay->dial_count++;
}

/* Links and dials together; closing ones still take a place. */
static bool links_full(const struct overlay *overlay)
{
    return overlay->dial_count + (uint32_t)__builtin_popcountll(overlay->used) >=
           overlay->policy->links_max;
}

static void dial_wants(struct overlay *overlay, struct ctx *c)
{
    for (uint32_t i = 0; i < overlay->want_count; i++) {
        struct want *want = &overlay->wants[i];
        if (want->busy) {
            continue;
        }
        if (want->next_ns > c->mono_ns) {
            dial_soon(overlay, want->next_ns);
        } else if (overlay->dial_count < DIALS_MAX && !links_full(overlay)) {
            struct book_entry *entry = book_find(&overlay->book, want->node_id);
            want->busy = true;
            if (entry != NULL) {
                if ((entry->flags & BOOK_BUSY) != 0) {
                    continue; /* dialed already as a random link */
                }
                entry->flags |= BOOK_BUSY;
            }
            /* The chain says where it listens, and so does the book: whoever is right. */
            bool by_book = entry != NULL && want->failures % 2 != 0;
            dial_begin(overlay, c, ROLE_MESH, want->node_id,
                       by_book ? &entry->endpoint : &want->endpoint);
        }
    }
}

void overlay_dial(struct overlay *overlay, struct ctx *c)
{
    uint32_t random = overlay_count(overlay, ROLE_RANDOM);
    overlay->dial_ns = DEADLINE_NONE;
    dial_wants(overlay, c);
    while (random < overlay->policy->links_out && overlay->dial_count < DIALS_MAX &&
           !links_full(overlay)) {
        uint64_t next_ns;
        struct book_entry *entry = book_pick(overlay, c, &next_ns);
        if (entry == NULL) {
            dial_soon(overlay, next_ns);
            return;
        }
        struct want *want = want_find(overlay, entry->node_id);
        if (want != NULL) {
            want->busy = true;
        }
        entry->flags |= BOOK_BUSY;
        dial_begin(overlay, c, ROLE_RANDOM, entry->node_id, &entry->endpoint);
        random++;
    }
}

/* The `nth` longest-lived random link. */
static uint32_t oldest(const struct overlay *overlay, uint32_t nth)
{
    uint64_t passed = 0;
    uint32_t best = LINK_NONE;
    for (uint32_t round = 0; round <= nth; round++) {
        best = LINK_NONE;
        for (uint64_t used = overlay->ready & ~passed; used != 0;) {
            uint32_t i = mask_take(&used);
            const struct link_state *state = &overlay->links[i];
            if (state->role == ROLE_RANDOM &&
                (best == LINK_NONE || state->link.since_ns < overlay->links[best].link.since_ns)) {
                best = i;
            }
        }
        if (best == LINK_NONE) {
            return best;
        }
        passed |= 1ull << best;
    }
    return best;
}

/* Gives up one random link that is not an anchor, if somebody else could take its place. */
void overlay_rotate(struct overlay *overlay, struct ctx *c)
{
    uint64_t next_ns;
    uint32_t random = overlay_count(overlay, ROLE_RANDOM);
    if (random <= ANCHORS || random < overlay->policy->links_out ||
        book_pick(overlay, c, &next_ns) == NULL) {
        return;
    }
    uint32_t nth = ANCHORS + (uint32_t)rng_below(c->rng, random - ANCHORS);
    uint32_t link = oldest(overlay, nth);
    if (link == LINK_NONE) {
        return;
    }
    struct book_entry *entry = book_find(&overlay->book, overlay->links[link].link.peer);
    overlay_close(overlay, c, link);
    if (entry != NULL && entry->next_ns < c->mono_ns + ROTATED_NS) {
        entry->next_ns = c->mono_ns + ROTATED_NS;
    }
    dial_soon(overlay, c->mono_ns);
}

/* Links dialed for a committee that nobody wants any more become random ones, or end. */
void overlay_trim(struct overlay *overlay, struct ctx *c)
{
    uint32_t random = overlay_count(overlay, ROLE_RANDOM);
    for (uint64_t ready = overlay->ready; ready != 0;) {
        uint32_t i = mask_take(&ready);
        struct link_state *state = &overlay->links[i];
        if (state->role != ROLE_MESH || want_find(overlay, state->link.peer) != NULL) {
            continue;
        }
        if (random < overlay->policy->links_out) {
            state->role = ROLE_RANDOM;
            random++;
        } else {
            overlay_close(overlay, c, i);
        }
    }
}

void overlay_want(struct overlay *overlay, struct ctx *c, const uint8_t node_id[32],
                  const struct endpoint *endpoint)
{
    if (want_find(overlay, node_id) != NULL || memcmp(node_id, overlay->node_id, 32) == 0 ||
        endpoint->port == 0) {
        return;
    }
    if (overlay->want_count == WANTS_MAX) {
        ctx_trace(c, TRACE_limit_reached, LIMIT_WANTS_MAX, WANTS_MAX);
        return;
    }
    struct want *want = &overlay->wants[overlay->want_count++];
    *want = (struct want){.endpoint = *endpoint};
    memcpy(want->node_id, node_id, 32);
    for (uint64_t used = overlay->used; used != 0;) {
        const struct link_state *state = &overlay->links[mask_take(&used)];
        if ((state->phase == PHASE_GREETING || state->phase == PHASE_READY) &&
            memcmp(state->link.peer, node_id, 32) == 0) {
            want->busy = true;
        }
    }
    for (uint32_t i = 0; i < DIALS_MAX; i++) {
        if (overlay->dials[i].request != 0 && memcmp(overlay->dials[i].node_id, node_id, 32) == 0) {
            want->busy = true;
        }
    }
    if (!want->busy) {
        dial_soon(overlay, c->mono_ns);
    }
}

void overlay_unwant_all(struct overlay *overlay)
{
    overlay->want_count = 0;
    overlay->trim_ns = 0; /* the next wake decides */
}

/* A durable note of a peer: the anchors of the next life. */
void anchor_write(struct ctx *c, const struct overlay_link *link)
{
    uint8_t key[33] = {'p'};
    uint8_t value[26];
    struct write_batch batch;
    memcpy(key + 1, link->peer, 32);
    memcpy(value, link->endpoint.address, 16);
    value[16] = (uint8_t)(link->endpoint.port >> 8);
    value[17] = (uint8_t)link->endpoint.port;
    store64(value + 18, c->wall_ms);
    ctx_write_begin(c, &batch);
    ctx_write_put(c, &batch, span_of(key, sizeof(key)), span_of(value, sizeof(value)));
    ctx_write_commit_quiet(c, &batch);
}
