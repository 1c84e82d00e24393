#include "node/chain/sync_private.h"

#define DISTRUST_NS (30 * SYNC_SECOND_NS)
#define RESORT_NS (10 * SYNC_SECOND_NS) /* then it is asked when nobody else is left */
#define DISTRUST_STEPS 6

size_t sync_bytes(const struct node_config *config)
{
    (void)config;
    return sync_head_bytes() + sizeof(struct sync_room);
}

size_t sync_head_bytes(void)
{
    return node_part_bytes(sizeof(struct sync));
}

void sync_init(struct sync *sync, const struct node_config *config, struct chain *chain,
               struct overlay *overlay)
{
    sync_init_apart(sync, (uint8_t *)sync + sync_head_bytes(), config, chain, overlay);
}

void sync_init_apart(struct sync *sync, void *room, const struct node_config *config,
                     struct chain *chain, struct overlay *overlay)
{
    struct sync_room *arrays = room;
    sync->queue.items = arrays->items;
    sync->parts = &arrays->parts;
    sync->config = config;
    sync->chain = chain;
    sync->overlay = overlay;
    sync->start_ns = sync->feed_ns = sync->blocks_ns = sync->wish_ns = DEADLINE_NONE;
    sync->ask.due_ns = DEADLINE_NONE;
    snap_init(sync);
}

void sync_drop(struct sync *sync)
{
    queue_clear(sync);
    snap_drop(sync);
    for (uint32_t i = 0; i < SYNC_SERVES_MAX; i++) {
        blob_drop(sync->shared, sync->serves[i].frame);
        sync->serves[i] = (struct sync_serve){.request = 0};
    }
    for (uint32_t i = 0; i < SYNC_SNAPSHOTS; i++) {
        blob_drop(sync->shared, sync->snapshots[i].state);
        sync->snapshots[i] = (struct sync_snapshot){.state = NULL};
    }
}

void sync_send_list(struct ctx *c, uint32_t link, uint8_t code, const uint8_t *ids, size_t count)
{
    size_t len = 3 + 32 * count;
    uint8_t *out = arena_alloc(c->scratch, len);
    struct writer w;
    if (out == NULL) {
        return;
    }
    writer_init(&w, out, len);
    writer_u8(&w, code);
    writer_list(&w, (struct list){.data = ids, .count = count}, 32, 256);
    invariant(writer_end(&w, &len) == ERR_OK);
    ctx_send_bytes(c, 1ull << link, span_of(out, len));
}

void sync_distrust(struct sync *sync, struct ctx *c, uint32_t link)
{
    struct sync_link *state = &sync->links[link];
    state->distrust_ns = c->mono_ns + (DISTRUST_NS << state->strikes);
    state->resort_ns = c->mono_ns + RESORT_NS;
    state->strikes = (uint8_t)(state->strikes + (state->strikes < DISTRUST_STEPS));
    sync_release(sync, link);
}

/* One peer that claims to be ahead does not stop production: half of them must. */
static bool most_are_ahead(const struct sync *sync, uint64_t height)
{
    uint32_t ahead = 0;
    uint32_t count = 0;
    for (uint64_t ready = overlay_ready(sync->overlay); ready != 0; ready &= ready - 1) {
        uint32_t link = (uint32_t)__builtin_ctzll(ready);
        ahead += overlay_at(sync->overlay, link)->tip_height > height + 1;
        count++;
    }
    return 2 * ahead >= count;
}

void sync_busy_update(struct sync *sync, struct ctx *c)
{
    uint64_t height = sync_height(sync);
    uint64_t goal = sync->queue.first_height + sync->queue.count;
    bool busy = sync->queue.count > 0 && goal > height + 2;
    if (sync->ask.kind == ASK_LOCATOR && most_are_ahead(sync, height)) {
        uint64_t claimed = overlay_at(sync->overlay, sync->ask.link)->tip_height;
        busy = busy || claimed > height + 1;
        goal = claimed > goal ? claimed : goal;
    }
    if (snap_runs(sync) || sync->walk.height != 0) {
        busy = true;
        goal = sync->config->trusted_height;
    }
    if (busy == sync->busy) {
        return;
    }
    sync->busy = busy;
    chain_produce(sync->chain, c, !busy);
    if (busy) {
        ctx_trace(c, TRACE_sync_started, (uint64_t)sync->config->sync, height, goal);
    } else {
        ctx_trace(c, TRACE_sync_finished, (uint64_t)sync->config->sync, height);
    }
}

bool sync_busy(const struct sync *sync)
{
    return sync->busy;
}

void sync_link_ready(struct sync *sync, struct ctx *c, uint32_t link)
{
    sync->shared = c->shared;
    sync->links[link] = (struct sync_link){.due_ns = DEADLINE_NONE};
    snap_ask(sync, c);
    sync_start(sync, c);
    sync_assign(sync, c);
    sync_busy_update(sync, c);
}

void sync_link_down(struct sync *sync, struct ctx *c, uint32_t link)
{
    sync_release(sync, link);
    sync_serve_down(sync, link);
    snap_release(sync, c, link);
    for (uint32_t i = 0; i < SYNC_WISHES_MAX; i++) {
        struct sync_wish *wish = &sync->wishes[i];
        if (wish->used && wish->link == link) {
            wish->link = LINK_NONE;
            wish->due_ns = c->mono_ns;
            deadline_lower(&sync->wish_ns, c->mono_ns);
        }
    }
    if (sync->queue.source == link) {
        sync->queue.source = LINK_NONE;
        sync->queue.more = false;
    }
    if (sync->ask.kind != ASK_NONE && sync->ask.link == link) {
        sync->ask.kind = ASK_NONE;
        sync->ask.due_ns = DEADLINE_NONE;
        sync_start(sync, c);
    }
    sync_assign(sync, c);
    sync_busy_update(sync, c);
}

void sync_fetch(struct sync *sync, struct ctx *c, uint32_t link, const uint8_t block[32],
                uint64_t height, bool firm)
{
    struct sync_wish *room = NULL;
    struct sync_wish *loose = NULL;
    uint8_t id[32];
    memcpy(id, block, 32);
    chain_lacking(sync->chain, id, &height);
    sync->shared = c->shared;
    if (snap_runs(sync) || chain_holds(sync->chain, id) || chain_refused(sync->chain, id)) {
        return;
    }
    for (uint32_t i = 0; i < SYNC_WISHES_MAX; i++) {
        struct sync_wish *wish = &sync->wishes[i];
        if (!wish->used) {
            room = wish;
        } else if (memcmp(wish->id, id, 32) == 0) {
            wish->firm = wish->firm || firm;
            return;
        } else if (!wish->firm) {
            loose = wish;
        }
    }
    room = room == NULL && firm ? loose : room;
    sync_start(sync, c);
    if (room == NULL) {
        ctx_trace(c, TRACE_limit_reached, LIMIT_SYNC_WISHES_MAX, SYNC_WISHES_MAX);
    } else {
        /* While many blocks are on their way this one will most likely be among them. */
        bool later = sync->queue.count > 0 || sync->ask.kind != ASK_NONE;
        *room = (struct sync_wish){.used = true,
                                   .firm = firm,
                                   .height = height,
                                   .link = link,
                                   .due_ns = c->mono_ns + (later ? 5 * SYNC_SECOND_NS : 0)};
        memcpy(room->id, id, 32);
        deadline_lower(&sync->wish_ns, room->due_ns);
        if (!later) {
            sync_wishes_due(sync, c);
        }
    }
    sync_busy_update(sync, c);
}

enum err sync_frame(struct sync *sync, struct ctx *c, uint32_t link, const struct blob *frame,
                    struct chain_news *news)
{
    struct span bytes = span_of(frame->data, frame->len);
    enum err err;
    sync->shared = c->shared;
    switch (frame_code(bytes)) {
    case FRAME_HEADERS:
        err = sync_headers_recv(sync, c, link, bytes);
        break;
    case FRAME_BLOCK:
        err = sync_block_recv(sync, c, link, frame, news);
        break;
    case FRAME_STATE:
        err = snap_state_recv(sync, c, link, bytes, news);
        break;
    case FRAME_NOT_FOUND:
        err = sync_not_found_recv(sync, c, link, bytes);
        break;
    default:
        return sync_serve_frame(sync, c, link, frame);
    }
    sync_assign(sync, c);
    sync_busy_update(sync, c);
    return err;
}

void sync_wake(struct sync *sync, struct ctx *c, struct chain_news *news)
{
    uint64_t now = c->mono_ns;
    sync->shared = c->shared;
    sync_snapshots_keep(sync, c);
    if (sync_deadline_ns(sync) > now) {
        return;
    }
    if (sync->feed_ns <= now) {
        sync_feed(sync, c, news);
    }
    if (sync->ask.due_ns <= now) {
        sync_ask_due(sync, c);
    }
    if (sync->blocks_ns <= now) {
        sync_blocks_due(sync, c);
    }
    if (sync->wish_ns <= now) {
        sync_wishes_due(sync, c);
    }
    if (sync->snap_ns <= now) {
        snap_due(sync, c);
    }
    if (sync->start_ns <= now) {
        sync_start(sync, c);
    }
    sync_assign(sync, c);
    sync_busy_update(sync, c);
}

uint64_t sync_deadline_ns(const struct sync *sync)
{
    uint64_t least = sync->start_ns;
    deadline_lower(&least, sync->feed_ns);
    deadline_lower(&least, sync->blocks_ns);
    deadline_lower(&least, sync->wish_ns);
    deadline_lower(&least, sync->ask.due_ns);
    deadline_lower(&least, sync->snap_ns);
    return least;
}
