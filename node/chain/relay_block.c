/* Blocks: compact ones pushed over the eager links, ids told at once to the lazy ones; what the
 * pool lacks is asked for (decision 4). */
#include "node/base/invariant.h"
#include "node/base/plant.h"
#include "node/chain/relay_private.h"

#define GRAFT_WAIT_NS (1 * RELAY_SECOND_NS) /* the tree may still bring what was announced */
#define GRAFT_RETRY_NS (2 * RELAY_SECOND_NS)
#define TXS_WAIT_NS (3 * RELAY_SECOND_NS)
#define TRIES_MAX 4
#define WANTED_LINK_MAX 2 /* announced blocks that one link may make us wait for */
#define AHEAD_MAX 4       /* further above our tip a block waits for catching up */

struct relay_block *relay_block_find(struct relay *relay, const uint8_t id[32])
{
    uint64_t head = load64(id);
    for (uint32_t i = 0; i < RELAY_BLOCKS_MAX; i++) {
        struct relay_block *block = &relay->blocks[i];
        if (block->state != RELAY_BLOCK_FREE && load64(block->id) == head &&
            memcmp(block->id, id, 32) == 0) {
            return block;
        }
    }
    return NULL;
}

static struct relay_block *block_find_compact(struct relay *relay, const struct blob *compact)
{
    for (uint32_t i = 0; i < RELAY_BLOCKS_MAX; i++) {
        if (relay->blocks[i].compact == compact) {
            return &relay->blocks[i];
        }
    }
    return NULL;
}

/* Forgets what was received, not who has it. */
void relay_block_reset(struct relay *relay, struct relay_block *block)
{
    blob_drop(relay->shared, block->compact);
    if (!planted(COMPACT_LEAK)) {
        blob_drop(relay->shared, block->get);
    }
    block->compact = NULL;
    block->get = NULL;
}

struct relay_block *relay_block_add(struct relay *relay, const uint8_t id[32])
{
    struct relay_block *room = NULL;
    for (uint32_t i = 0; i < RELAY_BLOCKS_MAX; i++) {
        struct relay_block *block = &relay->blocks[i];
        if (block->state == RELAY_BLOCK_FREE) {
            room = block;
            break;
        }
        bool held = block->state == RELAY_BLOCK_HELD;
        bool room_held = room != NULL && room->state == RELAY_BLOCK_HELD;
        if (block->state != RELAY_BLOCK_REBUILD &&
            (room == NULL || (held && !room_held) ||
             (held == room_held && block->order < room->order))) {
            room = block;
        }
    }
    if (room == NULL) {
        return NULL;
    }
    relay_block_reset(relay, room);
    *room = (struct relay_block){.order = ++relay->orders, .due_ns = DEADLINE_NONE};
    memcpy(room->id, id, 32);
    return room;
}

void relay_block_forget(struct relay *relay, struct relay_block *block)
{
    relay_block_reset(relay, block);
    block->state = RELAY_BLOCK_FREE;
}

void relay_block_due(struct relay *relay, struct relay_block *block, uint64_t due_ns)
{
    block->due_ns = due_ns;
    if (due_ns < relay->block_ns) {
        relay->block_ns = due_ns;
    }
}

static uint64_t tip_height(const struct relay *relay)
{
    return chain_entry(relay->chain, chain_tip(relay->chain))->height;
}

/* PRUNE is said even where this end is lazy already: the one before may have crossed a GRAFT, and
 * then the peer goes on pushing. With the rule that who brings a block first is eager
 * (compact_recv) both ends agree again after a block. */
static void duplicate(struct relay *relay, struct ctx *c, uint32_t link, struct relay_block *block)
{
    uint64_t bit = 1ull << link;
    block->known |= bit;
    relay->block_eager &= ~bit;
    relay_send_code(c, link, FRAME_BLOCK_PRUNE);
}

/* Waits for another link to send it. */
static void want_again(struct relay *relay, struct relay_block *block, uint64_t due_ns)
{
    relay_block_reset(relay, block);
    block->state = RELAY_BLOCK_WANTED;
    relay_block_due(relay, block, due_ns);
}

static enum err txs_ask(struct relay *relay, struct ctx *c, struct relay_block *block,
                        const struct compact_parts *parts, bool all)
{
    uint8_t *indices = arena_alloc_array(c->scratch, parts->count, 4);
    size_t count = 0;
    if (indices == NULL) {
        return ERR_FULL;
    }
    for (size_t i = 0; i < parts->count; i++) {
        if (all || parts->txs[i].data == NULL) {
            store32(indices + 4 * count++, (uint32_t)i);
        }
    }
    const struct frame_block_txs_get m = {.block = block->id,
                                          .indices = {.data = indices, .count = count}};
    size_t len = frame_block_txs_get_bytes(&m);
    uint8_t *out = arena_alloc(c->scratch, len);
    if (out == NULL) {
        return ERR_FULL;
    }
    invariant(frame_block_txs_get_encode(out, len, &len, &m) == ERR_OK);
    blob_drop(c->shared, block->get);
    block->get = blob_put(c->shared, out, len);
    ctx_send(c, block->link, block->get);
    block->state = RELAY_BLOCK_REBUILD;
    block->missing_txs += (uint32_t)count;
    block->tries++;
    relay_block_due(relay, block, c->mono_ns + TXS_WAIT_NS);
    return ERR_OK;
}

/* Gives the block to the chain if it is whole. txs: what BLOCK_TXS brought, or NULL. */
static enum err rebuild(struct relay *relay, struct ctx *c, struct relay_block *block,
                        struct chain_news *news, const struct varlist *txs)
{
    struct compact_parts parts;
    struct frame_block_txs_get asked = {.indices = {.count = 0}};
    const struct blob *whole;
    enum err err = compact_match(&parts, c, relay->chain, block->id, block->compact);
    if (err == ERR_OK && txs != NULL) {
        invariant(frame_block_txs_get_decode(&asked, span_of(block->get->data, block->get->len)) ==
                  ERR_OK);
        err = compact_fill(&parts, block->id, asked.indices, *txs);
    }
    if (err == ERR_OK && parts.missing > 0) {
        if (block->tries >= TRIES_MAX) {
            want_again(relay, block, c->mono_ns);
            return ERR_OK;
        }
        if (txs == NULL) { /* work for others only after the header has shown its own */
            enum err header = chain_header(relay->chain, c, parts.header.data);
            if (header != ERR_OK && header != ERR_UNKNOWN && header != ERR_EARLY) {
                relay_block_forget(relay, block);
                return relay_fault(header);
            }
        }
        return relay_fault(txs_ask(relay, c, block, &parts, false));
    }
    if (err == ERR_OK) {
        err = compact_build(&whole, c, &parts);
        if (err == ERR_UNKNOWN && asked.indices.count < parts.count) {
            /* Two transactions share a short id: take all of them from there. */
            return relay_fault(txs_ask(relay, c, block, &parts, true));
        }
        if (err == ERR_UNKNOWN) {
            err = ERR_INVALID; /* all of them are the sender's, and not those of the header */
        }
    }
    if (err != ERR_OK) {
        relay_block_forget(relay, block);
        return err == ERR_FULL ? ERR_OK : err;
    }
    news->link = block->link;
    news->missing_txs = block->missing_txs;
    block->state = RELAY_BLOCK_HELD;
    block->due_ns = DEADLINE_NONE;
    err = chain_block(relay->chain, c, news, whole);
    blob_drop(c->shared, whole);
    for (size_t i = 0; err == ERR_OK && i < asked.indices.count; i++) {
        relay_tx_included(relay, c, parts.txs[load32(asked.indices.data + 4 * i)]);
    }
    if (relay_fault(err) != ERR_OK) {
        relay_block_forget(relay, block);
    }
    return relay_fault(err);
}

static enum err compact_recv(struct relay *relay, struct ctx *c, uint32_t link,
                             const struct blob *frame, struct chain_news *news)
{
    struct relay_block *block = block_find_compact(relay, frame);
    if (block != NULL) {
        duplicate(relay, c, link, block);
        return ERR_OK;
    }
    struct frame_block_compact m;
    struct header header;
    uint8_t id[32];
    TRY(frame_block_compact_decode(&m, span_of(frame->data, frame->len)));
    TRY(header_decode(&header, m.header));
    if (memcmp(header.genesis, chain_genesis(relay->chain)->hash, 32) != 0) {
        return ERR_NETWORK;
    }
    header_id(id, m.header.data);
    if (chain_refused(relay->chain, id)) {
        return ERR_INVALID; /* nobody forwards what it has not executed */
    }
    overlay_tip_seen(relay->overlay, link, header.height);
    block = relay_block_find(relay, id);
    bool new = block == NULL || block->state == RELAY_BLOCK_WANTED;
    if (!new) {
        duplicate(relay, c, link, block);
        return ERR_OK;
    }
    if (block == NULL && (block = relay_block_add(relay, id)) == NULL) {
        ctx_trace(c, TRACE_limit_reached, LIMIT_RELAY_BLOCKS_MAX, RELAY_BLOCKS_MAX);
        return ERR_OK;
    }
    relay->block_eager |= 1ull << link; /* who brings a block first is in the tree */
    block->known |= 1ull << link;
    block->link = link;
    block->compact = blob_keep(c->shared, frame);
    block->state = RELAY_BLOCK_HELD;
    block->due_ns = DEADLINE_NONE;
    block->tries = 0;
    if (chain_holds(relay->chain, id)) {
        duplicate(relay, c, link, block);
        return ERR_OK;
    }
    if (header.height > tip_height(relay) + AHEAD_MAX) {
        news->missing = true;
        memcpy(news->missing_parent, header.parent, 32);
        news->missing_height = header.height - 1;
        return ERR_OK; /* catching up comes first, and brings this block too */
    }
    return rebuild(relay, c, block, news, NULL);
}

static enum err ihave_recv(struct relay *relay, struct ctx *c, uint32_t link, struct span frame,
                           struct chain_news *news)
{
    struct frame_block_ihave m;
    struct relay_block *oldest = NULL;
    uint32_t charged = 0;
    TRY(frame_block_ihave_decode(&m, frame));
    struct relay_block *block = relay_block_find(relay, m.block);
    if (block != NULL) {
        block->known |= 1ull << link;
    }
    overlay_tip_seen(relay->overlay, link, m.height);
    if (block == NULL && m.height > tip_height(relay) + AHEAD_MAX) {
        news->missing = true; /* we are behind */
        memcpy(news->missing_parent, m.block, 32);
        news->missing_height = m.height;
        return ERR_OK;
    }
    if (block != NULL || chain_holds(relay->chain, m.block) ||
        chain_refused(relay->chain, m.block) ||
        m.height <= chain_entry(relay->chain, chain_final(relay->chain))->height) {
        return ERR_OK;
    }
    for (uint32_t i = 0; i < RELAY_BLOCKS_MAX; i++) {
        struct relay_block *at = &relay->blocks[i];
        if (at->state == RELAY_BLOCK_WANTED && at->link == link) {
            charged++;
            oldest = oldest == NULL || at->order < oldest->order ? at : oldest;
        }
    }
    if (charged >= WANTED_LINK_MAX) {
        relay_block_forget(relay, oldest); /* the newest brings its ancestors with it */
    }
    if ((block = relay_block_add(relay, m.block)) == NULL) {
        ctx_trace(c, TRACE_limit_reached, LIMIT_RELAY_BLOCKS_MAX, RELAY_BLOCKS_MAX);
        return ERR_OK;
    }
    block->state = RELAY_BLOCK_WANTED;
    block->known = 1ull << link;
    block->link = link;
    relay_block_due(relay, block, c->mono_ns + GRAFT_WAIT_NS);
    return ERR_OK;
}

static enum err graft_recv(struct relay *relay, struct ctx *c, uint32_t link, struct span frame)
{
    struct frame_block_graft m;
    TRY(frame_block_graft_decode(&m, frame));
    relay->block_eager |= 1ull << link;
    struct relay_block *block = relay_block_find(relay, m.block);
    uint32_t entry = chain_find(relay->chain, m.block);
    if (entry == TREE_NONE || chain_entry(relay->chain, entry)->block == NULL) {
        return ERR_OK;
    }
    if (block != NULL && block->compact != NULL) {
        block->known |= 1ull << link;
        ctx_send(c, link, block->compact);
        return ERR_OK;
    }
    const struct blob *compact = compact_make(c, m.block, chain_entry(relay->chain, entry)->block);
    if (compact != NULL) {
        ctx_send(c, link, compact);
        blob_drop(c->shared, compact);
    }
    return ERR_OK;
}

static enum err txs_get_recv(struct relay *relay, struct ctx *c, uint32_t link, struct span frame)
{
    struct frame_block_txs_get m;
    struct block_view view;
    struct span tx;
    struct writer w;
    size_t at = 0;
    size_t len;
    TRY(frame_block_txs_get_decode(&m, frame));
    uint32_t entry = chain_find(relay->chain, m.block);
    if (entry == TREE_NONE || chain_entry(relay->chain, entry)->block == NULL) {
        return ERR_OK;
    }
    const struct blob *block = chain_entry(relay->chain, entry)->block;
    invariant(block_view(&view, span_of(block->data, block->len)) == ERR_OK);
    size_t capacity = block->len + 64;
    uint8_t *out = arena_alloc(c->scratch, capacity);
    if (out == NULL) {
        return ERR_OK;
    }
    writer_init(&w, out, capacity);
    writer_u8(&w, FRAME_BLOCK_TXS);
    writer_hash(&w, m.block);
    writer_var(&w, m.indices.count);
    for (size_t i = 0; i < m.indices.count; i++) {
        uint32_t index = load32(m.indices.data + 4 * i);
        if (index >= view.tx_count || index < at) {
            return ERR_INVALID; /* not ascending, or no such transaction */
        }
        for (; at <= index; at++) {
            invariant(block_next_tx(&tx, &view.txs) == ERR_OK);
        }
        if (planted(BLOCK_TXS_SHIFTED) && at < view.tx_count) {
            struct span rest = view.txs;
            invariant(block_next_tx(&tx, &rest) == ERR_OK);
        }
        writer_bytes(&w, tx, TX_BYTES_MAX);
    }
    invariant(writer_end(&w, &len) == ERR_OK);
    ctx_send_bytes(c, 1ull << link, span_of(out, len));
    return ERR_OK;
}

static enum err txs_recv(struct relay *relay, struct ctx *c, uint32_t link, struct span frame,
                         struct chain_news *news)
{
    struct frame_block_txs m;
    TRY(frame_block_txs_decode(&m, frame));
    struct relay_block *block = relay_block_find(relay, m.block);
    if (block == NULL || block->state != RELAY_BLOCK_REBUILD || block->link != link) {
        return ERR_OK; /* late */
    }
    return rebuild(relay, c, block, news, &m.txs);
}

enum err relay_block_frame(struct relay *relay, struct ctx *c, uint32_t link,
                           const struct blob *frame, struct chain_news *news)
{
    struct span bytes = span_of(frame->data, frame->len);
    struct frame_block_prune prune;
    if (relay->config->policy->relay == RELAY_SIMBLOCK) {
        return simblock_frame(relay, c, link, frame, news);
    }
    switch (frame->data[0]) {
    case FRAME_BLOCK_COMPACT:
        return compact_recv(relay, c, link, frame, news);
    case FRAME_BLOCK_IHAVE:
        return ihave_recv(relay, c, link, bytes, news);
    case FRAME_BLOCK_GRAFT:
        return graft_recv(relay, c, link, bytes);
    case FRAME_BLOCK_PRUNE:
        TRY(frame_block_prune_decode(&prune, bytes));
        relay->block_eager &= ~(1ull << link);
        return ERR_OK;
    case FRAME_BLOCK_TXS_GET:
        return txs_get_recv(relay, c, link, bytes);
    case FRAME_BLOCK_TXS:
        return txs_recv(relay, c, link, bytes, news);
    default:
        return ERR_UNKNOWN;
    }
}

/* Links whose peer is far above this height need not hear of it. */
static uint64_t links_behind(const struct relay *relay, uint64_t height)
{
    uint64_t behind = 0;
    for (uint64_t ready = overlay_ready(relay->overlay); ready != 0; ready &= ready - 1) {
        uint32_t link = (uint32_t)__builtin_ctzll(ready);
        if (overlay_at(relay->overlay, link)->tip_height <= height + AHEAD_MAX) {
            behind |= 1ull << link;
        }
    }
    return behind;
}

void relay_block(struct relay *relay, struct ctx *c, uint32_t from_link, uint32_t entry)
{
    const struct tree_entry *e = chain_entry(relay->chain, entry);
    if (relay->config->policy->relay == RELAY_SIMBLOCK) {
        simblock_announce(relay, c, from_link, entry);
        return;
    }
    struct relay_block *block = relay_block_find(relay, e->id);
    uint64_t links = links_behind(relay, e->height);
    uint8_t frame[64];
    size_t len;
    relay->shared = c->shared;
    if (e->block == NULL || (block != NULL && block->pushed) ||
        (block == NULL && (links == 0 || (block = relay_block_add(relay, e->id)) == NULL))) {
        return;
    }
    if (from_link != LINK_NONE) {
        block->known |= 1ull << from_link;
    }
    if (block->state != RELAY_BLOCK_HELD || block->compact == NULL) {
        relay_block_reset(relay, block);
        block->state = RELAY_BLOCK_HELD;
        block->due_ns = DEADLINE_NONE;
        block->compact = compact_make(c, e->id, e->block);
    }
    block->pushed = true;
    links &= ~block->known;
    uint64_t eager = links & relay->block_eager;
    block->known |= eager;
    for (uint64_t left = eager; left != 0 && block->compact != NULL; left &= left - 1) {
        ctx_send(c, (uint32_t)__builtin_ctzll(left), block->compact);
    }
    const struct frame_block_ihave m = {.block = e->id, .height = e->height};
    invariant(frame_block_ihave_encode(frame, sizeof(frame), &len, &m) == ERR_OK);
    ctx_send_bytes(c, links & ~eager, span_of(frame, len));
}

static void block_due(struct relay *relay, struct ctx *c, struct relay_block *block)
{
    if (relay->config->policy->relay == RELAY_SIMBLOCK) {
        simblock_due(relay, c, block);
        return;
    }
    if (block->state == RELAY_BLOCK_REBUILD) {
        block->known &= ~(1ull << block->link); /* it did not answer */
        want_again(relay, block, c->mono_ns);
    }
    uint64_t links = block->known & overlay_ready(relay->overlay);
    if (links == 0 || block->tries++ >= TRIES_MAX || chain_holds(relay->chain, block->id)) {
        relay_block_forget(relay, block); /* a peer that is ahead will be asked by catching up */
        return;
    }
    uint32_t link = (uint32_t)__builtin_ctzll(links);
    block->known &= ~(1ull << link);
    relay->block_eager |= 1ull << link;
    relay_send_id(c, link, FRAME_BLOCK_GRAFT, block->id);
    relay_block_due(relay, block, c->mono_ns + GRAFT_RETRY_NS);
}

void relay_block_wake(struct relay *relay, struct ctx *c)
{
    if (relay->block_ns > c->mono_ns) {
        return;
    }
    relay->block_ns = DEADLINE_NONE;
    for (uint32_t i = 0; i < RELAY_BLOCKS_MAX; i++) {
        struct relay_block *block = &relay->blocks[i];
        if (block->state != RELAY_BLOCK_WANTED && block->state != RELAY_BLOCK_REBUILD) {
            continue;
        }
        if (block->due_ns <= c->mono_ns) {
            block_due(relay, c, block);
        } else {
            relay_block_due(relay, block, block->due_ns);
        }
    }
}
