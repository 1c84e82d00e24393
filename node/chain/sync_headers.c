/* Which blocks to get: headers by locator from somebody who is ahead, or backwards from a block
 * whose parent is not here. */
#include "node/chain/sync_private.h"
#include "node/seam/buggify.h"

#define ASK_NS (6 * SYNC_SECOND_NS)
#define LOCATOR_DENSE 8 /* newest ones, one by one; then by doubling steps */

static void ask_begin(struct sync *sync, struct ctx *c, enum ask_kind kind, uint32_t link)
{
    sync->ask.kind = (uint8_t)kind;
    sync->ask.low = false;
    sync->ask.link = link;
    sync->ask.due_ns = c->mono_ns + ASK_NS;
}

static void ask_end(struct sync *sync)
{
    sync->ask.kind = ASK_NONE;
    sync->ask.due_ns = DEADLINE_NONE;
}

/* Our best chain, newest first, down to genesis. first: an id to name before it, or NULL. */
static void locator_send(struct sync *sync, struct ctx *c, uint32_t link, const uint8_t *first,
                         uint64_t first_height)
{
    uint8_t ids[LOCATOR_MAX * 32];
    uint8_t out[LOCATOR_MAX * 32 + 32];
    size_t count = 0;
    size_t len;
    uint64_t height = sync_height(sync);
    uint64_t base = sync_base(sync);
    uint64_t step = 1;
    uint32_t entry = chain_tip(sync->chain);
    if (first != NULL) {
        memcpy(ids, first, 32);
        count = 1;
    } else {
        first_height = height;
    }
    while (count < LOCATOR_MAX - 2 && entry != TREE_NONE) {
        memcpy(ids + 32 * count++, chain_entry(sync->chain, entry)->id, 32);
        step *= count > LOCATOR_DENSE ? 2 : 1;
        if (height < base + step) {
            break;
        }
        height -= step;
        entry = chain_ancestor(sync->chain, entry, height);
    }
    memcpy(ids + 32 * count++, chain_entry(sync->chain, chain_final(sync->chain))->id, 32);
    memcpy(ids + 32 * count++, chain_genesis(sync->chain)->hash, 32);
    const struct frame_headers_get m = {.locator = {.data = ids, .count = count},
                                        .height = first_height,
                                        .max = buggify(c, BUGGIFY_headers_few) ? 2 : HEADERS_MAX};
    invariant(frame_headers_get_encode(out, sizeof(out), &len, &m) == ERR_OK);
    ctx_send_bytes(c, 1ull << link, span_of(out, len));
    ask_begin(sync, c, ASK_LOCATOR, link);
}

void sync_start(struct sync *sync, struct ctx *c)
{
    uint64_t height = sync_height(sync);
    uint64_t ahead = 0;
    uint64_t resort = 0;
    sync->start_ns = DEADLINE_NONE;
    walk_trust(sync, c);
    bool walk = walk_wanted(sync);
    if (snap_runs(sync) || sync->ask.kind != ASK_NONE || (sync->queue.count > 0 && !walk)) {
        return;
    }
    if (walk) {
        height = sync->config->trusted_height - 1;
    }
    for (uint64_t ready = overlay_ready(sync->overlay); ready != 0; ready &= ready - 1) {
        uint32_t link = (uint32_t)__builtin_ctzll(ready);
        if (overlay_at(sync->overlay, link)->tip_height <= height) {
            continue;
        }
        if (sync->links[link].distrust_ns <= c->mono_ns) {
            ahead |= 1ull << link;
        } else if (sync->links[link].resort_ns <= c->mono_ns) {
            resort |= 1ull << link;
        } else {
            deadline_lower(&sync->start_ns, sync->links[link].resort_ns);
        }
    }
    ahead = ahead != 0 ? ahead : resort;
    if (ahead == 0) {
        return;
    }
    for (uint64_t skip = rng_below(c->rng, (uint64_t)__builtin_popcountll(ahead)); skip > 0;
         skip--) {
        ahead &= ahead - 1;
    }
    sync->start_ns = DEADLINE_NONE;
    uint32_t link = (uint32_t)__builtin_ctzll(ahead);
    if (walk) {
        walk_ask(sync, c, link);
    } else {
        locator_send(sync, c, link, NULL, 0);
    }
}

void sync_back_send(struct sync *sync, struct ctx *c, enum ask_kind kind, uint32_t link,
                    const uint8_t id[32], uint64_t height)
{
    uint8_t out[64];
    size_t len;
    const struct frame_headers_back_get m = {.block = id, .height = height, .max = HEADERS_MAX};
    invariant(frame_headers_back_get_encode(out, sizeof(out), &len, &m) == ERR_OK);
    ctx_send_bytes(c, 1ull << link, span_of(out, len));
    memcpy(sync->ask.id, id, 32);
    ask_begin(sync, c, kind, link);
}

bool sync_ask_back(struct sync *sync, struct ctx *c, uint32_t link, const uint8_t id[32],
                   uint64_t height)
{
    if (sync->ask.kind != ASK_NONE || sync->queue.count > 0) {
        return false;
    }
    sync_back_send(sync, c, ASK_BACK, link, id, height);
    return true;
}

void sync_ask_more(struct sync *sync, struct ctx *c)
{
    struct sync_queue *queue = &sync->queue;
    if (sync->ask.kind == ASK_NONE && queue->more && queue->count > 0 &&
        queue->count <= SYNC_QUEUE_MAX / 4 && queue->source != LINK_NONE) {
        queue->more = false;
        locator_send(sync, c, queue->source, queue_at(queue, queue->count - 1)->id,
                     queue->first_height + queue->count - 1);
    }
}

void sync_ask_due(struct sync *sync, struct ctx *c)
{
    uint32_t link = sync->ask.link;
    ask_end(sync);
    sync_late(sync, link);
    sync_distrust(sync, c, link); /* it did not answer */
    sync_start(sync, c);
}

/* One header of an answer against the one before it (NULL: the first). */
static enum err header_read(struct header *header, uint8_t id[32], struct span bytes,
                            const struct sync *sync)
{
    TRY(header_decode(header, bytes));
    header_id(id, bytes.data);
    return memcmp(header->genesis, chain_genesis(sync->chain)->hash, 32) == 0 ? ERR_OK
                                                                              : ERR_NETWORK;
}

/* Headers of ascending heights: each the child of the one before. What is new goes into the queue.
 * ERR_STALE: they do not stand on anything here. ERR_INVALID: they are no chain. */
static enum err ascending_take(struct sync *sync, struct ctx *c, struct varlist headers)
{
    struct sync_queue *queue = &sync->queue;
    struct header header;
    struct span bytes;
    uint8_t id[32];
    uint8_t before[32];
    uint64_t height = 0;
    for (size_t i = 0; varlist_next(&headers, &bytes); i++) {
        TRY(header_read(&header, id, bytes, sync));
        if (i > 0 && (memcmp(header.parent, before, 32) != 0 || header.height != height + 1)) {
            return ERR_INVALID;
        }
        memcpy(before, id, 32);
        height = header.height;
        ctx_charge(c, COST_HASH_KIB, 1);
        if (chain_find(sync->chain, id) != TREE_NONE || height <= sync_base(sync)) {
            continue;
        }
        if (chain_refused(sync->chain, id)) {
            return ERR_INVALID; /* its best chain breaks the rules */
        }
        if (queue->count == 0) {
            /* One header that is valid costs its maker a stake: fabricated chains end here. */
            enum err err = chain_header(sync->chain, c, bytes.data);
            if (err != ERR_OK) {
                return err == ERR_INVALID || err == ERR_SIGNATURE ? err : ERR_STALE;
            }
            queue->first_height = height;
        } else if (memcmp(queue_at(queue, queue->count - 1)->id, header.parent, 32) != 0) {
            return ERR_STALE;
        }
        if (!queue_add(sync, id)) {
            break;
        }
    }
    return ERR_OK;
}

static enum err locator_answer(struct sync *sync, struct ctx *c, uint32_t link,
                               const struct frame_headers *m, bool low)
{
    struct sync_queue *queue = &sync->queue;
    uint32_t before = queue->count;
    enum err err = ascending_take(sync, c, m->headers);
    if (err != ERR_OK && err != ERR_STALE) {
        return err;
    }
    if (queue->count > before) {
        queue->source = link;
        queue->more = m->headers.count > 0;
        if (sync->links[link].strikes > 0) {
            sync->links[link].strikes--;
        }
        return ERR_OK;
    }
    if (queue->count == 0 && overlay_at(sync->overlay, link)->tip_height > sync_height(sync)) {
        if (!low && sync_base(sync) < sync_height(sync)) {
            /* It may have made final what forks off below our tip: from our checkpoint (or
             * genesis), then. */
            locator_send(sync, c, link, chain_entry(sync->chain, chain_final(sync->chain))->id,
                         sync_base(sync));
            sync->ask.low = true;
            return ERR_OK;
        }
        sync_distrust(sync, c, link); /* it claimed to be ahead, and has nothing to show */
        sync_start(sync, c);
    }
    return ERR_OK;
}

/* Newest first, down to something that stands here. */
static enum err back_answer(struct sync *sync, struct ctx *c, uint32_t link,
                            const struct frame_headers *m)
{
    struct varlist list = m->headers;
    struct header header;
    struct span bytes;
    uint8_t id[32];
    uint8_t expected[32];
    size_t count = 0;
    bool stands = false;
    uint8_t(*ids)[32] = arena_alloc_array(c->scratch, m->headers.count, 32);
    if (ids == NULL || sync->queue.count > 0) {
        return ERR_OK;
    }
    memcpy(expected, sync->ask.id, 32);
    while (!stands && varlist_next(&list, &bytes)) {
        TRY(header_read(&header, id, bytes, sync));
        if (memcmp(id, expected, 32) != 0) {
            return ERR_INVALID;
        }
        ctx_charge(c, COST_HASH_KIB, 1);
        memcpy(expected, header.parent, 32);
        memcpy(ids[count++], id, 32);
        stands = chain_find(sync->chain, header.parent) != TREE_NONE;
    }
    if (!stands) {
        sync_start(sync, c); /* it forked too far down, or is not known there */
        return ERR_OK;
    }
    enum err err = chain_header(sync->chain, c, bytes.data);
    if (err == ERR_INVALID || err == ERR_SIGNATURE) {
        return err;
    }
    sync->queue.first_height = header.height;
    sync->queue.source = link;
    sync->queue.more = false;
    while (count > 0 && queue_add(sync, ids[count - 1])) {
        count--;
    }
    return ERR_OK;
}

/* Whether headers can be the answer to what is asked: backwards from a block, or upwards. */
static bool fits(const struct sync_ask *ask, struct varlist headers)
{
    struct span bytes;
    uint8_t id[32];
    if (!varlist_next(&headers, &bytes) || bytes.len != HEADER_BYTES) {
        return true;
    }
    header_id(id, bytes.data);
    if (ask->kind != ASK_LOCATOR) {
        return memcmp(id, ask->id, 32) == 0;
    }
    return !varlist_next(&headers, &bytes) || bytes.len != HEADER_BYTES ||
           memcmp(bytes.data + HEADER_PARENT_AT, id, 32) == 0;
}

enum err sync_headers_recv(struct sync *sync, struct ctx *c, uint32_t link, struct span frame)
{
    struct frame_headers m;
    TRY(frame_headers_decode(&m, frame));
    if (sync->snap.phase == SNAP_HEADERS && sync->snap.link == link) {
        return snap_headers_recv(sync, c, m.headers);
    }
    if (sync->ask.kind == ASK_NONE || sync->ask.link != link) {
        return ERR_OK; /* late */
    }
    if (sync->links[link].late > 0 && !fits(&sync->ask, m.headers)) {
        sync->links[link].late--;
        return ERR_OK; /* to the question before, which was given up: this one is still open */
    }
    enum ask_kind kind = sync->ask.kind;
    bool low = sync->ask.low;
    ask_end(sync);
    enum err err;
    switch (kind) {
    case ASK_LOCATOR:
        err = locator_answer(sync, c, link, &m, low);
        break;
    case ASK_WALK:
        err = walk_answer(sync, c, link, m.headers);
        break;
    default:
        err = back_answer(sync, c, link, &m);
    }
    if (err != ERR_OK) {
        queue_clear(sync);
    }
    return err;
}
