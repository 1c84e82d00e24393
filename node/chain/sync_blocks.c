/* Getting the blocks: from several links at once, into the chain in order. */
#include "node/base/plant.h"
#include "node/chain/sync_private.h"

#define BATCH 16                        /* blocks of one BLOCKS_GET */
#define LINK_BLOCKS_MAX 32              /* asked of one link */
#define AHEAD_MAX 128                   /* asked for or held before their turn */
#define BLOCKS_NS (10 * SYNC_SECOND_NS) /* without a block a link is given up */
#define WISH_NS (5 * SYNC_SECOND_NS)
#define WISH_TRIES 4
#define FEED_VERIFY_MAX 64 /* signature checks of one step (decision 20) */
#define FEED_ACCEPTED_MAX (NEWS_ACCEPTED_MAX - 4)

bool queue_add(struct sync *sync, const uint8_t id[32])
{
    struct sync_queue *queue = &sync->queue;
    if (queue->count == SYNC_QUEUE_MAX) {
        return false;
    }
    struct sync_item *item = queue_at(queue, queue->count++);
    *item = (struct sync_item){.state = ITEM_NEED, .link = LINK_NONE};
    memcpy(item->id, id, 32);
    return true;
}

void queue_clear(struct sync *sync)
{
    struct sync_queue *queue = &sync->queue;
    for (uint32_t i = 0; i < queue->count; i++) {
        struct sync_item *item = queue_at(queue, i);
        if (item->state == ITEM_ASKED && item->link != LINK_NONE) {
            sync->links[item->link].asked--;
        }
        blob_drop(sync->shared, item->block);
        item->block = NULL;
    }
    queue->first = queue->count = queue->asked = 0;
    queue->more = false;
    sync->feed_ns = DEADLINE_NONE;
}

static void item_release(struct sync *sync, struct sync_item *item)
{
    if (item->state == ITEM_ASKED) {
        sync->links[item->link].asked -= !planted(SYNC_ASKED_LEAK);
        sync->queue.asked--;
    }
    blob_drop(sync->shared, item->block);
    item->block = NULL;
    item->state = ITEM_NEED;
    item->link = LINK_NONE;
}

void sync_release(struct sync *sync, uint32_t link)
{
    struct sync_queue *queue = &sync->queue;
    for (uint32_t i = 0; i < queue->count && sync->links[link].asked > 0; i++) {
        struct sync_item *item = queue_at(queue, i);
        if (item->state == ITEM_ASKED && item->link == link) {
            item_release(sync, item);
        }
    }
    sync->links[link].due_ns = DEADLINE_NONE;
}

void sync_blocks_ask(struct ctx *c, uint32_t link, const uint8_t *ids, size_t count,
                     uint64_t height)
{
    uint8_t out[BLOCKS_GET_MAX * 32 + 16];
    size_t len;
    const struct frame_blocks_get m = {.blocks = {.data = ids, .count = count}, .height = height};
    invariant(frame_blocks_get_encode(out, sizeof(out), &len, &m) == ERR_OK);
    ctx_send_bytes(c, 1ull << link, span_of(out, len));
}

/* The link that may be asked for a block of this height and is asked for the least; one that is
 * distrusted only when there is no other. */
static uint32_t link_for(const struct sync *sync, const struct ctx *c, uint64_t height)
{
    uint32_t best = LINK_NONE;
    uint32_t resort = LINK_NONE;
    for (uint64_t ready = overlay_ready(sync->overlay); ready != 0; ready &= ready - 1) {
        uint32_t link = (uint32_t)__builtin_ctzll(ready);
        const struct sync_link *state = &sync->links[link];
        bool source = link == sync->queue.source;
        if (state->resort_ns > c->mono_ns || state->asked + BATCH > LINK_BLOCKS_MAX ||
            (!source && overlay_at(sync->overlay, link)->tip_height < height)) {
            continue;
        }
        uint32_t *choice = state->distrust_ns > c->mono_ns ? &resort : &best;
        if (*choice == LINK_NONE || state->asked < sync->links[*choice].asked) {
            *choice = link;
        }
    }
    return best != LINK_NONE ? best : resort;
}

void sync_assign(struct sync *sync, struct ctx *c)
{
    struct sync_queue *queue = &sync->queue;
    uint32_t window = queue->count < AHEAD_MAX ? queue->count : AHEAD_MAX;
    uint32_t i = 0;
    while (i < window) {
        uint8_t ids[BATCH * 32];
        size_t count = 0;
        if (queue_at(queue, i)->state != ITEM_NEED) {
            i++;
            continue;
        }
        uint32_t from = i;
        while (i < window && count < BATCH && queue_at(queue, i)->state == ITEM_NEED) {
            memcpy(ids + 32 * count++, queue_at(queue, i++)->id, 32);
        }
        uint32_t link = link_for(sync, c, queue->first_height + i - 1);
        if (link == LINK_NONE) {
            break;
        }
        for (uint32_t k = from; k < i; k++) {
            queue_at(queue, k)->state = ITEM_ASKED;
            queue_at(queue, k)->link = link;
        }
        queue->asked += (uint32_t)count;
        sync->links[link].asked += (uint32_t)count;
        sync->links[link].due_ns = c->mono_ns + BLOCKS_NS;
        deadline_lower(&sync->blocks_ns, sync->links[link].due_ns);
        sync_blocks_ask(c, link, ids, count, queue->first_height + from);
    }
    if (queue->count > 0 && queue->asked == 0 && sync->feed_ns == DEADLINE_NONE &&
        sync->blocks_ns == DEADLINE_NONE) {
        sync->blocks_ns = c->mono_ns + BLOCKS_NS; /* nobody to ask: look again later */
    }
    sync_ask_more(sync, c);
}

/* The chain that a link named is not one we can follow. */
static void source_fails(struct sync *sync, struct ctx *c, uint32_t sender, enum err err)
{
    uint32_t source = sync->queue.source;
    bool proven = err == ERR_INVALID || err == ERR_SIGNATURE;
    queue_clear(sync);
    if (proven && sender != LINK_NONE) {
        overlay_blame(sync->overlay, c, sender, err, FRAME_BLOCK);
    }
    if (source != LINK_NONE && source != sender) {
        if (proven) {
            overlay_blame(sync->overlay, c, source, err, FRAME_HEADERS);
        } else {
            sync_distrust(sync, c, source);
        }
    }
    sync_start(sync, c);
}

static uint64_t checks(const struct ctx *c)
{
    return c->out->charge[COST_VERIFY] + c->out->charge[COST_VRF_VERIFY];
}

/* False: the rest waits. */
static bool feed_one(struct sync *sync, struct ctx *c, struct chain_news *news)
{
    struct sync_queue *queue = &sync->queue;
    struct sync_item item = *queue_at(queue, 0);
    news->link = item.link;
    enum err err = chain_block(sync->chain, c, news, item.block);
    switch (err) {
    case ERR_OK:
    case ERR_DUPLICATE:
    case ERR_STALE:
    case ERR_EARLY:
        blob_drop(sync->shared, item.block);
        queue_at(queue, 0)->block = NULL;
        queue->first = (queue->first + 1) % SYNC_QUEUE_MAX;
        queue->count--;
        queue->first_height++;
        return true;
    case ERR_UNKNOWN: /* what it stood on was cut off */
        news->missing = false;
        source_fails(sync, c, LINK_NONE, err);
        return false;
    case ERR_INVALID:
    case ERR_SIGNATURE:
        if (!chain_refused(sync->chain, item.id)) {
            overlay_blame(sync->overlay, c, item.link, err, FRAME_BLOCK); /* a false body */
            item_release(sync, queue_at(queue, 0));
            return false;
        }
        source_fails(sync, c, item.link, err);
        return false;
    default: /* full: finality will make room */
        sync->feed_ns = c->mono_ns + SYNC_SECOND_NS;
        return false;
    }
}

void sync_feed(struct sync *sync, struct ctx *c, struct chain_news *news)
{
    struct sync_queue *queue = &sync->queue;
    sync->feed_ns = DEADLINE_NONE;
    walk_trust(sync, c);
    if (walk_wanted(sync)) {
        sync_start(sync, c);
    }
    while (queue->count > 0 && queue_at(queue, 0)->state == ITEM_HERE) {
        if (checks(c) >= FEED_VERIFY_MAX || news->accepted_count >= FEED_ACCEPTED_MAX) {
            sync->feed_ns = c->mono_ns; /* goes on at once in the next step */
            return;
        }
        if (!feed_one(sync, c, news)) {
            return;
        }
    }
    if (queue->count == 0) {
        queue->first = 0;
        sync_start(sync, c);
    }
}

static struct sync_wish *wish_find(struct sync *sync, const uint8_t id[32])
{
    for (uint32_t i = 0; i < SYNC_WISHES_MAX; i++) {
        if (sync->wishes[i].used && memcmp(sync->wishes[i].id, id, 32) == 0) {
            return &sync->wishes[i];
        }
    }
    return NULL;
}

static enum err wished_recv(struct sync *sync, struct ctx *c, uint32_t link, struct sync_wish *wish,
                            const struct blob *block, struct chain_news *news)
{
    wish->used = false;
    news->link = link;
    enum err err = chain_block(sync->chain, c, news, block);
    if (err == ERR_FULL && chain_find(sync->chain, block->data + HEADER_PARENT_AT) == TREE_NONE) {
        /* No room to wait for its ancestors: they come in their order, and then it once more. */
        (void)sync_ask_back(sync, c, link, wish->id, wish->height);
    }
    if (news->missing && sync_ask_back(sync, c, link, news->missing_parent, news->missing_height)) {
        news->missing = false; /* the whole gap at once */
    }
    return err == ERR_INVALID || err == ERR_SIGNATURE ? err : ERR_OK;
}

enum err sync_block_recv(struct sync *sync, struct ctx *c, uint32_t link, const struct blob *frame,
                         struct chain_news *news)
{
    struct sync_queue *queue = &sync->queue;
    struct frame_block m;
    struct header header;
    uint8_t id[32];
    TRY(frame_block_decode(&m, span_of(frame->data, frame->len)));
    if (m.block.len < HEADER_BYTES) {
        return ERR_TRUNCATED;
    }
    TRY(header_decode(&header, span_of(m.block.data, HEADER_BYTES)));
    header_id(id, m.block.data);
    ctx_charge(c, COST_HASH_KIB, 1);
    struct sync_wish *wish = wish_find(sync, id);
    uint64_t at = header.height - queue->first_height;
    struct sync_item *item = header.height >= queue->first_height && at < queue->count
                                 ? queue_at(queue, (uint32_t)at)
                                 : NULL;
    bool queued = item != NULL && item->state == ITEM_ASKED && item->link == link &&
                  memcmp(item->id, id, 32) == 0;
    if (sync->snap.phase == SNAP_BLOCK && sync->snap.link == link &&
        memcmp(id, sync->config->trusted_id, 32) == 0) {
        const struct blob *trusted = blob_put(c->shared, m.block.data, m.block.len);
        snap_block_recv(sync, c, trusted);
        blob_drop(c->shared, trusted);
        return ERR_OK;
    }
    if (!queued && wish == NULL) {
        return ERR_OK; /* late */
    }
    const struct blob *block = blob_put(c->shared, m.block.data, m.block.len);
    enum err err = ERR_OK;
    if (queued) {
        item->state = ITEM_HERE;
        item->block = block;
        queue->asked--;
        struct sync_link *state = &sync->links[link];
        state->due_ns = --state->asked > 0 ? c->mono_ns + BLOCKS_NS : DEADLINE_NONE;
        if (wish != NULL) {
            wish->used = false;
        }
        if (at == 0 && sync->feed_ns == DEADLINE_NONE) {
            sync_feed(sync, c, news);
        }
        return ERR_OK;
    }
    err = wished_recv(sync, c, link, wish, block, news);
    blob_drop(c->shared, block);
    return err;
}

/* Whether this link was asked for the block as one of the queue. */
static bool queue_asked(struct sync *sync, uint32_t link, const uint8_t id[32])
{
    struct sync_queue *queue = &sync->queue;
    for (uint32_t i = 0; i < queue->count && i < AHEAD_MAX && sync->links[link].asked > 0; i++) {
        const struct sync_item *item = queue_at(queue, i);
        if (item->state == ITEM_ASKED && item->link == link && memcmp(item->id, id, 32) == 0) {
            return true;
        }
    }
    return false;
}

enum err sync_not_found_recv(struct sync *sync, struct ctx *c, uint32_t link, struct span frame)
{
    struct frame_not_found m;
    bool lacks = false;
    bool queued = false;
    TRY(frame_not_found_decode(&m, frame));
    for (size_t i = 0; i < m.hashes.count; i++) {
        const uint8_t *id = m.hashes.data + 32 * i;
        struct sync_wish *wish = wish_find(sync, id);
        if (wish != NULL && wish->asked && wish->link == link) {
            wish->due_ns = c->mono_ns;
            deadline_lower(&sync->wish_ns, c->mono_ns);
        }
        lacks = lacks || wish == NULL;
        queued = queued || queue_asked(sync, link, id);
    }
    if (lacks && snap_runs(sync) && sync->snap.link == link) {
        sync_distrust(sync, c, link);
        snap_release(sync, c, link);
        return ERR_OK;
    }
    if (queued) {
        sync_distrust(sync, c, link); /* blocks of a chain it claimed to have */
        if (sync->queue.source == link || sync->queue.source == LINK_NONE) {
            queue_clear(sync); /* who named them does not have them, or has left */
            sync_start(sync, c);
        }
    }
    return ERR_OK;
}

void sync_blocks_due(struct sync *sync, struct ctx *c)
{
    sync->blocks_ns = DEADLINE_NONE;
    for (uint64_t ready = overlay_ready(sync->overlay); ready != 0; ready &= ready - 1) {
        uint32_t link = (uint32_t)__builtin_ctzll(ready);
        struct sync_link *state = &sync->links[link];
        if (state->asked == 0) {
            continue;
        }
        if (state->due_ns > c->mono_ns) {
            deadline_lower(&sync->blocks_ns, state->due_ns);
            continue;
        }
        sync_distrust(sync, c, link);
        if (link == sync->queue.source) { /* others may have what it named: as if it had left */
            sync->queue.source = LINK_NONE;
            sync->queue.more = false;
        }
    }
    if (sync->queue.count > 0 && sync->queue.asked == 0 &&
        queue_at(&sync->queue, 0)->state == ITEM_NEED) {
        sync_assign(sync, c);
        if (sync->queue.asked == 0) {
            queue_clear(sync); /* nobody is left who has them */
            sync_start(sync, c);
        }
    }
}

/* Another link than the one asked last, at random. */
static uint32_t link_other(const struct sync *sync, struct ctx *c, uint32_t but)
{
    uint64_t ready = overlay_ready(sync->overlay);
    if (but != LINK_NONE && (ready & ~(1ull << but)) != 0) {
        ready &= ~(1ull << but);
    }
    if (ready == 0) {
        return LINK_NONE;
    }
    for (uint64_t skip = rng_below(c->rng, (uint64_t)__builtin_popcountll(ready)); skip > 0;
         skip--) {
        ready &= ready - 1;
    }
    return (uint32_t)__builtin_ctzll(ready);
}

void sync_wishes_due(struct sync *sync, struct ctx *c)
{
    sync->wish_ns = DEADLINE_NONE;
    for (uint32_t i = 0; i < SYNC_WISHES_MAX; i++) {
        struct sync_wish *wish = &sync->wishes[i];
        if (!wish->used) {
            continue;
        }
        if (wish->due_ns <= c->mono_ns && sync->queue.count > 0) {
            wish->due_ns = c->mono_ns + WISH_NS; /* it will most likely come by itself */
        } else if (wish->due_ns <= c->mono_ns) {
            bool first = !wish->asked && wish->link != LINK_NONE &&
                         (overlay_ready(sync->overlay) >> wish->link & 1) != 0;
            uint32_t link = first ? wish->link : link_other(sync, c, wish->link);
            if (link == LINK_NONE || wish->tries++ >= WISH_TRIES ||
                chain_holds(sync->chain, wish->id) || chain_refused(sync->chain, wish->id)) {
                wish->used = false;
                continue;
            }
            wish->link = link;
            wish->asked = true;
            wish->due_ns = c->mono_ns + WISH_NS;
            sync_blocks_ask(c, link, wish->id, 1, wish->height);
        }
        deadline_lower(&sync->wish_ns, wish->due_ns);
    }
}
