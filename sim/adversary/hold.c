#include "sim/adversary/hold.h"

#include "node/chain/block.h"
#include "sim/adversary/forge.h"

#define HELLO_TIP_AT (1 + 2 + 32) /* code, version, genesis (docs/wire.md 9) */

static uint32_t hold_find(const struct hold *hold, const uint8_t id[32])
{
    for (uint32_t i = 0; i < hold->count; i++) {
        if (memcmp(hold->list[i].id, id, 32) == 0) {
            return i;
        }
    }
    return UINT32_MAX;
}

bool hold_has(const struct hold *hold, const uint8_t id[32])
{
    for (uint32_t i = 0; i < HOLD_LOST && i < hold->lost_count; i++) {
        if (memcmp(hold->lost[i], id, 32) == 0) {
            return true;
        }
    }
    return hold_find(hold, id) != UINT32_MAX;
}

uint64_t hold_height(const struct hold *hold)
{
    return hold->count == 0 ? 0 : hold->list[hold->count - 1].height;
}

static void hold_remove(struct hold *hold, uint32_t index)
{
    hold->count--;
    memmove(&hold->list[index], &hold->list[index + 1],
            (hold->count - index) * sizeof(hold->list[0]));
}

static void public_seen(struct hold *hold, uint64_t height)
{
    hold->public_height = height > hold->public_height ? height : hold->public_height;
}

/* The entry of a block that the node just took, by the head of its id: near the tip. */
static uint32_t entry_of(const struct act *a, uint64_t height, uint64_t head)
{
    const struct chain *chain = node_chain(a->node);
    uint32_t on_chain = chain_ancestor(chain, chain_tip(chain), height);

    if (on_chain != TREE_NONE && load64(chain_entry(chain, on_chain)->id) == head) {
        return on_chain;
    }
    /* On another branch: a child of an ancestor of the tip, or of a few blocks above one. */
    uint32_t below = chain_ancestor(chain, chain_tip(chain), height - 1);
    uint32_t child = below == TREE_NONE ? TREE_NONE : chain_entry(chain, below)->child;
    for (; child != TREE_NONE; child = chain_entry(chain, child)->sibling) {
        if (load64(chain_entry(chain, child)->id) == head) {
            return child;
        }
    }
    return TREE_NONE;
}

static bool shares_with(const struct hold *hold, const struct act *a, uint32_t link)
{
    return !hold->alone && act_colluder(a, act_link(a, link)->peer);
}

/* To the colluders at once: their links may have been pruned, and then they would hear of it only
 * after a second, long enough to work against each other. */
static void share(struct act *a, const struct tree_entry *e)
{
    const struct blob *compact = e->block == NULL ? NULL : forge_compact(a, e->id, e->block);

    if (compact != NULL) {
        act_send(a, act_links(a, true), compact);
        blob_drop(a->c.shared, compact);
    }
}

bool hold_traced(struct hold *hold, struct act *a, enum trace_kind kind, const uint64_t *value)
{
    bool own = kind == TRACE_block_produced;

    if (!own && kind != TRACE_block_received) {
        return false;
    }
    if (!own && (value[2] >= LINKS_MAX || !shares_with(hold, a, (uint32_t)value[2]))) {
        return false;
    }
    uint32_t entry = entry_of(a, value[0], value[1]);
    if (entry == TREE_NONE || hold->count == HOLD_MAX) {
        return false;
    }
    const struct tree_entry *e = chain_entry(node_chain(a->node), entry);
    if (!act_colluding_key(a, e->signer) || (e->height <= hold->public_height && !hold->below)) {
        return false;
    }
    if (e->height <= hold_height(hold)) {
        memcpy(hold->lost[hold->lost_count++ % HOLD_LOST], e->id, 32);
        return false;
    }
    memcpy(hold->list[hold->count].id, e->id, 32);
    hold->list[hold->count++].height = e->height;
    if (own) {
        if (!hold->alone) {
            share(a, e);
        }
        act_trace(a, DEED_WITHHELD, e->height, hold->count);
    }
    return true;
}

void hold_recv(struct hold *hold, struct act *a, uint32_t link, const struct blob *frame)
{
    struct frame_block_ihave have;
    struct block_seen block;
    uint8_t id[32];
    uint64_t height;

    if (shares_with(hold, a, link)) {
        return;
    }
    if (act_block(&block, frame)) {
        memcpy(id, block.id, 32);
        height = block.height;
    } else if (frame_block_ihave_decode(&have, span_of(frame->data, frame->len)) == ERR_OK) {
        memcpy(id, have.block, 32);
        height = have.height;
    } else {
        return;
    }
    public_seen(hold, height);
    uint32_t at = hold_find(hold, id);
    if (at != UINT32_MAX) {
        hold_remove(hold, at);
    }
}

/* HELLO tells the height of the own tip. */
static void hello_change(struct hold *hold, struct act *a, const struct blob **frame)
{
    uint8_t *out = arena_copy(a->c.scratch, (*frame)->data, (*frame)->len);

    invariant(out != NULL && (*frame)->len >= HELLO_TIP_AT + 8);
    if (load64(out + HELLO_TIP_AT) > hold->public_height) {
        store64(out + HELLO_TIP_AT, hold->public_height);
        const struct blob *changed = blob_put(a->c.shared, out, (*frame)->len);
        blob_drop(a->c.shared, *frame);
        *frame = changed;
    }
}

/* HEADERS up to the first that is a secret. */
static enum pass headers_change(const struct hold *hold, struct act *a, const struct blob **frame)
{
    struct frame_headers m;
    struct frame_headers kept;
    struct span header;

    if (frame_headers_decode(&m, span_of((*frame)->data, (*frame)->len)) != ERR_OK) {
        return PASS_ON;
    }
    struct varlist rest = m.headers;
    kept = (struct frame_headers){.headers = {.bytes = m.headers.bytes, .count = 0}};
    while (varlist_next(&rest, &header)) {
        uint8_t id[32];
        if (header.len != HEADER_BYTES) {
            return PASS_ON;
        }
        header_id(id, header.data);
        if (hold_has(hold, id)) {
            break;
        }
        kept.headers.count++;
        kept.headers.bytes.len = (size_t)(rest.bytes.data - m.headers.bytes.data);
    }
    if (kept.headers.count == m.headers.count) {
        return PASS_ON;
    }
    if (kept.headers.count == 0) {
        kept.headers.bytes.len = 0;
    }
    size_t len = frame_headers_bytes(&kept);
    uint8_t *out = arena_alloc(a->c.scratch, len);
    if (out == NULL || frame_headers_encode(out, len, &len, &kept) != ERR_OK) {
        return PASS_NOT;
    }
    blob_drop(a->c.shared, *frame);
    *frame = blob_put(a->c.shared, out, len);
    return PASS_ON;
}

enum pass hold_send(struct hold *hold, struct act *a, uint32_t link, const struct blob **frame)
{
    struct span bytes = span_of((*frame)->data, (*frame)->len);
    struct frame_block_ihave have;
    struct frame_block_txs txs;
    struct frame_proposal proposal;
    struct block_seen block;

    if (shares_with(hold, a, link)) {
        return PASS_ON;
    }
    switch (frame_code(bytes)) {
    case FRAME_HELLO:
        hello_change(hold, a, frame);
        return PASS_ON;
    case FRAME_HEADERS:
        return headers_change(hold, a, frame);
    case FRAME_BLOCK_COMPACT:
    case FRAME_BLOCK:
        if (!act_block(&block, *frame)) {
            return PASS_ON;
        }
        if (hold_has(hold, block.id)) {
            return PASS_NOT;
        }
        public_seen(hold, block.height);
        return PASS_ON;
    case FRAME_BLOCK_IHAVE:
        return frame_block_ihave_decode(&have, bytes) == ERR_OK && hold_has(hold, have.block)
                   ? PASS_NOT
                   : PASS_ON;
    case FRAME_BLOCK_TXS:
        return frame_block_txs_decode(&txs, bytes) == ERR_OK && hold_has(hold, txs.block) ? PASS_NOT
                                                                                          : PASS_ON;
    case FRAME_PROPOSAL:
        return frame_proposal_decode(&proposal, bytes) == ERR_OK && hold_has(hold, proposal.value)
                   ? PASS_NOT
                   : PASS_ON;
    default:
        return PASS_ON;
    }
}

uint32_t hold_release(struct hold *hold, struct act *a, uint64_t height)
{
    const struct chain *chain = node_chain(a->node);
    uint64_t others = act_links(a, false);
    uint32_t released = 0;

    while (hold->count > 0 && hold->list[0].height <= height) {
        uint32_t entry = chain_find(chain, hold->list[0].id);
        const struct tree_entry *e = entry == TREE_NONE ? NULL : chain_entry(chain, entry);
        const struct blob *compact =
            e == NULL || e->block == NULL ? NULL : forge_compact(a, e->id, e->block);
        if (compact != NULL) {
            act_send(a, others, compact);
            blob_drop(a->c.shared, compact);
            act_trace(a, DEED_RELEASED, e->height, 0);
            public_seen(hold, e->height);
            released++;
        }
        hold_remove(hold, 0);
    }
    return released;
}

void hold_forget(struct hold *hold, uint64_t height)
{
    while (hold->count > 0 && hold->list[0].height <= height) {
        hold_remove(hold, 0);
    }
}
