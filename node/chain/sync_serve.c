/* Headers, blocks and state for others: from the tree, and below the checkpoint from records. */
#include "node/chain/durable.h"
#include "node/chain/sync_private.h"
#include "node/seam/buggify.h"

#define READ_BACK 8                 /* records below the height that a locator names */
#define READ_HEADERS 128            /* records of one answer */
#define READ_SPARE 16               /* blocks of other branches among them */
#define SERVED_BYTES_MAX (8u << 20) /* of one answer */
#define LINK_READS_MAX 4            /* what an honest link asks at once: headers, blocks, a wish */

/* --- answers --- */

static void headers_send(struct ctx *c, uint32_t link, const uint8_t *const *headers, size_t count)
{
    size_t len = 8 + count * (HEADER_BYTES + 2);
    uint8_t *out = arena_alloc(c->scratch, len);
    struct writer w;
    if (out == NULL) {
        return;
    }
    writer_init(&w, out, len);
    writer_u8(&w, FRAME_HEADERS);
    writer_var(&w, count);
    for (size_t i = 0; i < count; i++) {
        writer_bytes(&w, span_of(headers[i], HEADER_BYTES), HEADER_BYTES);
    }
    invariant(writer_end(&w, &len) == ERR_OK);
    ctx_send_bytes(c, 1ull << link, span_of(out, len));
}

/* False: scratch ends. */
static bool block_send(struct ctx *c, uint32_t link, const struct blob *block)
{
    const struct frame_block m = {.block = span_of(block->data, block->len)};
    size_t len = frame_block_bytes(&m);
    size_t mark = arena_mark(c->scratch);
    uint8_t *out = arena_alloc(c->scratch, len);
    if (out == NULL) {
        return false;
    }
    invariant(frame_block_encode(out, len, &len, &m) == ERR_OK);
    ctx_send_bytes(c, 1ull << link, span_of(out, len));
    arena_rewind(c->scratch, mark);
    return true;
}

/* --- records --- */

/* Reads blocks from a height on; the answer goes on in sync_read_done. */
static void serve_read(struct sync *sync, struct ctx *c, uint32_t link, enum serve_kind kind,
                       const struct blob *frame, uint64_t height, uint32_t limit, bool genesis)
{
    uint8_t from[9] = {'b'};
    struct sync_serve *room = NULL;
    for (uint32_t i = 0; i < SYNC_SERVES_MAX; i++) {
        room = sync->serves[i].request == 0 ? &sync->serves[i] : room;
    }
    if (room == NULL || sync->links[link].reads >= LINK_READS_MAX) {
        ctx_trace(c, TRACE_limit_reached, LIMIT_SYNC_SERVES_MAX, SYNC_SERVES_MAX);
        return; /* it will ask again, or somebody else */
    }
    if (buggify(c, BUGGIFY_serve_silent)) {
        return;
    }
    store64(from + 1, __builtin_bswap64(height));
    sync->links[link].reads++;
    *room = (struct sync_serve){.link = link,
                                .kind = (uint8_t)kind,
                                .from_genesis = genesis,
                                .frame = blob_keep(c->shared, frame)};
    room->request = ctx_read(c, span_of("b", 1), span_of(from, sizeof(from)), limit, false);
}

static bool record_is_block(const struct record *record)
{
    return record->key_len == RECORD_BLOCK_KEY_BYTES && record->value->len > HEADER_BYTES;
}

static const uint8_t *record_id(const struct record *record)
{
    return record->key + 9;
}

static bool locator_has(const struct list *locator, const uint8_t id[32])
{
    for (size_t i = 0; i < locator->count; i++) {
        if (memcmp(locator->data + 32 * i, id, 32) == 0) {
            return true;
        }
    }
    return false;
}

/* A block that lost may have left its record: then two stand at its height. Of the last the other
 * may not have been read. */
static bool record_alone(const struct record *records, size_t count, size_t i, bool more)
{
    return (i == 0 || memcmp(records[i].key, records[i - 1].key, 9) != 0) &&
           (i + 1 == count ? !more : memcmp(records[i].key, records[i + 1].key, 9) != 0);
}

/* The headers from one of these records down to a block that the locator names, newest first.
 * False: they lead to none. */
static bool way_down(const uint8_t **headers, size_t *count, const struct sync_serve *serve,
                     const struct list *locator, const uint8_t genesis[32],
                     const struct record *records, size_t top)
{
    const uint8_t *wanted = record_id(&records[top]);
    *count = 0;
    for (size_t i = top + 1; i-- > 0;) {
        if (!record_is_block(&records[i]) || memcmp(record_id(&records[i]), wanted, 32) != 0) {
            continue;
        }
        if (!serve->from_genesis && locator_has(locator, wanted)) {
            return true;
        }
        headers[(*count)++] = records[i].value->data;
        wanted = records[i].value->data + HEADER_PARENT_AT;
    }
    return serve->from_genesis && memcmp(wanted, genesis, 32) == 0;
}

/* What follows the last record that the locator names, or genesis: found from above, for of two
 * blocks of one height the parent of the next is meant. */
static void headers_done(struct sync *sync, struct ctx *c, const struct sync_serve *serve,
                         const struct record *records, size_t records_count, bool more)
{
    const uint8_t *down[READ_BACK + READ_HEADERS + READ_SPARE];
    const uint8_t *headers[READ_HEADERS];
    const uint8_t *genesis = chain_genesis(sync->chain)->hash;
    size_t length = 0;
    size_t count = 0;
    bool found = false;
    struct frame_headers_get m;
    invariant(records_count <= READ_BACK + READ_HEADERS + READ_SPARE);
    invariant(frame_headers_get_decode(&m, span_of(serve->frame->data, serve->frame->len)) ==
              ERR_OK);
    for (size_t top = records_count; top-- > 0 && !found;) {
        found = record_is_block(&records[top]) && record_alone(records, records_count, top, more) &&
                way_down(down, &length, serve, &m.locator, genesis, records, top);
    }
    if (!found && !serve->from_genesis && locator_has(&m.locator, genesis)) {
        serve_read(sync, c, serve->link, SERVE_HEADERS, serve->frame, 1, READ_HEADERS + READ_SPARE,
                   true);
        return;
    }
    for (length = found ? length : 0; count < length && count < READ_HEADERS && count < m.max;
         count++) {
        headers[count] = down[length - 1 - count];
    }
    headers_send(c, serve->link, headers, count);
}

static void back_done(struct ctx *c, const struct sync_serve *serve, const struct record *records,
                      size_t records_count)
{
    const uint8_t *headers[READ_HEADERS];
    const uint8_t *wanted;
    size_t count = 0;
    struct frame_headers_back_get m;
    invariant(frame_headers_back_get_decode(&m, span_of(serve->frame->data, serve->frame->len)) ==
              ERR_OK);
    wanted = m.block;
    for (size_t i = records_count; i-- > 0 && count < READ_HEADERS && count < m.max;) {
        const struct record *record = &records[i];
        if (record_is_block(record) && memcmp(record_id(record), wanted, 32) == 0) {
            headers[count++] = record->value->data;
            wanted = record->value->data + HEADER_PARENT_AT;
        }
    }
    headers_send(c, serve->link, headers, count);
}

static void blocks_done(struct sync *sync, struct ctx *c, const struct sync_serve *serve,
                        const struct record *records, size_t records_count)
{
    uint8_t lacking[BLOCKS_GET_MAX * 32];
    size_t count = 0;
    size_t bytes = 0;
    struct frame_blocks_get m;
    invariant(frame_blocks_get_decode(&m, span_of(serve->frame->data, serve->frame->len)) ==
              ERR_OK);
    for (size_t i = 0; i < m.blocks.count; i++) {
        const uint8_t *id = m.blocks.data + 32 * i;
        bool sent = chain_find(sync->chain, id) != TREE_NONE; /* sent when it was asked for */
        for (size_t r = 0; r < records_count && !sent; r++) {
            const struct record *record = &records[r];
            if (record_is_block(record) && memcmp(record_id(record), id, 32) == 0 &&
                bytes < SERVED_BYTES_MAX) {
                bytes += record->value->len;
                sent = block_send(c, serve->link, record->value);
            }
        }
        if (!sent) {
            memcpy(lacking + 32 * count++, id, 32);
        }
    }
    if (count > 0) {
        sync_send_list(c, serve->link, FRAME_NOT_FOUND, lacking, count);
    }
}

bool sync_read_done(struct sync *sync, struct ctx *c, const struct event *event)
{
    for (uint32_t i = 0; i < SYNC_SERVES_MAX; i++) {
        struct sync_serve serve = sync->serves[i];
        if (serve.request == 0 || serve.request != event->read_done.request) {
            continue;
        }
        sync->serves[i] = (struct sync_serve){.request = 0};
        if (serve.link != LINK_NONE) {
            sync->links[serve.link].reads--;
        }
        /* Damaged records are left out: who waits for an answer asks nobody else meanwhile. */
        size_t count = event->read_done.count;
        if (serve.link != LINK_NONE && (overlay_ready(sync->overlay) >> serve.link & 1) != 0) {
            switch (serve.kind) {
            case SERVE_HEADERS:
                headers_done(sync, c, &serve, event->read_done.records, count,
                             event->read_done.more);
                break;
            case SERVE_BACK:
                back_done(c, &serve, event->read_done.records, count);
                break;
            default:
                blocks_done(sync, c, &serve, event->read_done.records, count);
            }
        }
        blob_drop(c->shared, serve.frame);
        return true;
    }
    return false;
}

void sync_serve_down(struct sync *sync, uint32_t link)
{
    for (uint32_t i = 0; i < SYNC_SERVES_MAX; i++) {
        if (sync->serves[i].request != 0 && sync->serves[i].link == link) {
            sync->serves[i].link = LINK_NONE; /* its answer goes nowhere */
        }
    }
    sync->links[link].reads = 0;
    sync->links[link].state = 0;
}

/* --- requests --- */

static enum err headers_get(struct sync *sync, struct ctx *c, uint32_t link,
                            const struct blob *frame)
{
    struct frame_headers_get m;
    const uint8_t *headers[HEADERS_MAX];
    TRY(frame_headers_get_decode(&m, span_of(frame->data, frame->len)));
    uint32_t tip = chain_tip(sync->chain);
    uint64_t tip_height = sync_height(sync);
    for (size_t i = 0; i < m.locator.count; i++) {
        uint32_t entry = chain_find(sync->chain, m.locator.data + 32 * i);
        if (entry == TREE_NONE || !chain_descends(sync->chain, tip, entry)) {
            continue;
        }
        uint64_t height = chain_entry(sync->chain, entry)->height;
        uint64_t most = m.max < HEADERS_MAX ? m.max : HEADERS_MAX;
        size_t count = (size_t)(tip_height - height < most ? tip_height - height : most);
        uint32_t at = chain_ancestor(sync->chain, tip, height + count);
        for (size_t k = count; k > 0; k--) {
            const struct tree_entry *e = chain_entry(sync->chain, at);
            headers[k - 1] = e->block->data;
            at = e->parent;
        }
        headers_send(c, link, headers, count);
        return ERR_OK;
    }
    if (m.height > sync_base(sync) || sync_base(sync) == 0) {
        headers_send(c, link, NULL, 0); /* nothing in common that is still to be changed */
        return ERR_OK;
    }
    serve_read(sync, c, link, SERVE_HEADERS, frame, m.height > READ_BACK ? m.height - READ_BACK : 1,
               READ_BACK + READ_HEADERS + READ_SPARE, false);
    return ERR_OK;
}

static enum err headers_back_get(struct sync *sync, struct ctx *c, uint32_t link,
                                 const struct blob *frame)
{
    struct frame_headers_back_get m;
    const uint8_t *headers[HEADERS_MAX];
    size_t count = 0;
    TRY(frame_headers_back_get_decode(&m, span_of(frame->data, frame->len)));
    uint32_t entry = chain_find(sync->chain, m.block);
    uint64_t height = entry != TREE_NONE ? chain_entry(sync->chain, entry)->height : m.height;
    size_t most = m.max < HEADERS_MAX ? m.max : HEADERS_MAX;
    while (entry != TREE_NONE && count < most) {
        const struct tree_entry *e = chain_entry(sync->chain, entry);
        if (e->block == NULL) {
            break; /* genesis */
        }
        headers[count++] = e->block->data;
        entry = e->parent;
    }
    /* Who asks for a gap stops at what it knows; only an old block needs what is below. */
    if (count > 0 && (count == most || m.height == 0 || height == count)) {
        headers_send(c, link, headers, count);
    } else if (m.height > 0 && height == m.height) {
        uint64_t span = most < READ_HEADERS ? most : READ_HEADERS;
        serve_read(sync, c, link, SERVE_BACK, frame, height > span ? height - span + 1 : 1,
                   (uint32_t)span + READ_SPARE, false);
    } else {
        headers_send(c, link, NULL, 0);
    }
    return ERR_OK;
}

static enum err blocks_get(struct sync *sync, struct ctx *c, uint32_t link,
                           const struct blob *frame)
{
    struct frame_blocks_get m;
    uint8_t lacking[BLOCKS_GET_MAX * 32];
    size_t count = 0;
    size_t bytes = 0;
    uint64_t lowest = UINT64_MAX;
    TRY(frame_blocks_get_decode(&m, span_of(frame->data, frame->len)));
    for (size_t i = 0; i < m.blocks.count; i++) {
        const uint8_t *id = m.blocks.data + 32 * i;
        uint32_t entry = chain_find(sync->chain, id);
        const struct blob *block =
            entry == TREE_NONE ? NULL : chain_entry(sync->chain, entry)->block;
        if (block != NULL && bytes < SERVED_BYTES_MAX && block_send(c, link, block)) {
            bytes += block->len;
            continue;
        }
        memcpy(lacking + 32 * count++, id, 32);
        if (block == NULL && m.height != 0 && m.height + i <= sync_base(sync) &&
            m.height + i < lowest) {
            lowest = m.height + i;
        }
    }
    if (lowest != UINT64_MAX) {
        serve_read(sync, c, link, SERVE_BLOCKS, frame, lowest, BLOCKS_GET_MAX + READ_SPARE, false);
    } else if (count > 0) {
        sync_send_list(c, link, FRAME_NOT_FOUND, lacking, count);
    }
    return ERR_OK;
}

/* --- state --- */

void sync_snapshots_keep(struct sync *sync, struct ctx *c)
{
    const struct tree_entry *final = chain_entry(sync->chain, chain_final(sync->chain));
    uint64_t epoch_blocks = chain_params(sync->chain)->epoch_blocks;
    if (final->height == 0 || final->height % epoch_blocks != 0 || final->state == NULL) {
        return;
    }
    uint32_t at = (uint32_t)(final->height / epoch_blocks % SYNC_SNAPSHOTS);
    struct sync_snapshot *snapshot = &sync->snapshots[at];
    if (snapshot->height == final->height) {
        return;
    }
    for (uint32_t link = 0; link < LINKS_MAX && snapshot->state != NULL; link++) {
        sync->links[link].state = sync->links[link].state == at + 1 ? 0 : sync->links[link].state;
    }
    blob_drop(c->shared, snapshot->state);
    *snapshot = (struct sync_snapshot){.height = final->height,
                                       .state = blob_keep(c->shared, final->state)};
    memcpy(snapshot->id, final->id, 32);
    memcpy(snapshot->state_root, final->state_root, 32);
}

/* The store may hold nodes of states that this node does not: a link first names the root of one
 * that is kept here, and is then served from below it. */
static enum err nodes_get(struct sync *sync, struct ctx *c, uint32_t link, struct span frame)
{
    struct frame_state_get m;
    struct sync_link *state = &sync->links[link];
    struct writer w;
    size_t len = 8;
    size_t count = 0;
    TRY(frame_state_get_decode(&m, frame));
    for (uint32_t i = 0; i < SYNC_SNAPSHOTS && m.nodes.count > 0; i++) {
        if (sync->snapshots[i].state != NULL &&
            memcmp(sync->snapshots[i].state_root, m.nodes.data, 32) == 0) {
            state->state = (uint8_t)(i + 1);
        }
    }
    const struct blob *nodes[256];
    for (size_t i = 0; i < m.nodes.count && state->state != 0; i++) {
        const struct blob *node = blob_name_get(c->shared, m.nodes.data + 32 * i);
        if (node != NULL && len + node->len + VAR_BYTES_MAX < SERVED_BYTES_MAX) {
            len += node->len + VAR_BYTES_MAX;
            nodes[count++] = node;
        }
    }
    uint8_t *out = arena_alloc(c->scratch, len);
    if (out == NULL) {
        return ERR_OK;
    }
    writer_init(&w, out, len);
    writer_u8(&w, FRAME_STATE);
    writer_var(&w, count);
    for (size_t i = 0; i < count; i++) {
        writer_bytes(&w, span_of(nodes[i]->data, nodes[i]->len), 1u << 20);
    }
    invariant(writer_end(&w, &len) == ERR_OK);
    ctx_send_bytes(c, 1ull << link, span_of(out, len));
    return ERR_OK;
}

enum err sync_serve_frame(struct sync *sync, struct ctx *c, uint32_t link, const struct blob *frame)
{
    struct span bytes = span_of(frame->data, frame->len);
    switch (frame_code(bytes)) {
    case FRAME_HEADERS_GET:
        return headers_get(sync, c, link, frame);
    case FRAME_HEADERS_BACK_GET:
        return headers_back_get(sync, c, link, frame);
    case FRAME_BLOCKS_GET:
        return blocks_get(sync, c, link, frame);
    case FRAME_STATE_GET:
        return nodes_get(sync, c, link, bytes);
    default:
        return ERR_UNKNOWN;
    }
}
