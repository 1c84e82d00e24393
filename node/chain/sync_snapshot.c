/* Snapshot sync: the trusted checkpoint's header and ancestors, its block, then its state node by
 * node, each checked by its hash. A peer that leaves or has nothing is replaced by another; what is
 * here stays here. */
#include "node/chain/state.h"
#include "node/chain/sync_private.h"

#define SNAP_NS (6 * SYNC_SECOND_NS)
/* Peers keep the states of the last epochs only: a checkpoint that none of so many has is too old,
 * and the way from genesis, through the same trusted block, is still open. */
#define SNAP_TRIES_MAX 16
#define SNAP_AGAIN_NS (3 * SYNC_SECOND_NS) /* when nobody can be asked */

void snap_init(struct sync *sync)
{
    struct sync_snap *snap = &sync->snap;
    snap->link = LINK_NONE;
    sync->snap_ns = DEADLINE_NONE;
    if (sync->config->sync == SYNC_FROM_SNAPSHOT) {
        snap->phase = SNAP_HEADERS;
        sync->snap_ns = 0; /* the first wake looks at what recovery found */
    }
}

static void stack_drop(struct sync *sync)
{
    struct sync_snap *snap = &sync->snap;
    while (snap->depth > 0) {
        struct snap_node *node = &sync->parts->stack[--snap->depth];
        blob_drop(sync->shared, node->bytes);
        blob_drop(sync->shared, node->child[0]);
        blob_drop(sync->shared, node->child[1]);
        *node = (struct snap_node){.bytes = NULL};
    }
    snap->asked_count = 0;
}

void snap_drop(struct sync *sync)
{
    stack_drop(sync);
    blob_drop(sync->shared, sync->snap.block);
    sync->snap.block = NULL;
}

static void snap_end(struct sync *sync)
{
    snap_drop(sync);
    sync->snap.phase = SNAP_OFF;
    sync->snap.link = LINK_NONE;
    sync->snap_ns = DEADLINE_NONE;
}

static uint32_t link_choose(const struct sync *sync, struct ctx *c)
{
    uint64_t fit = 0;
    for (uint64_t ready = overlay_ready(sync->overlay); ready != 0; ready &= ready - 1) {
        uint32_t link = (uint32_t)__builtin_ctzll(ready);
        if (sync->links[link].distrust_ns <= c->mono_ns && (sync->snap.refused >> link & 1) == 0 &&
            overlay_at(sync->overlay, link)->tip_height >= sync->config->trusted_height) {
            fit |= 1ull << link;
        }
    }
    if (fit == 0) {
        return LINK_NONE;
    }
    for (uint64_t skip = rng_below(c->rng, (uint64_t)__builtin_popcountll(fit)); skip > 0; skip--) {
        fit &= fit - 1;
    }
    return (uint32_t)__builtin_ctzll(fit);
}

static void headers_ask(const struct sync *sync, struct ctx *c)
{
    uint8_t out[64];
    size_t len;
    const struct frame_headers_back_get m = {.block = sync->config->trusted_id,
                                             .height = sync->config->trusted_height,
                                             .max = SNAP_HEADERS_MAX};
    invariant(frame_headers_back_get_encode(out, sizeof(out), &len, &m) == ERR_OK);
    ctx_send_bytes(c, 1ull << sync->snap.link, span_of(out, len));
}

/* The root first, which tells the peer what state this is about; then the topmost nodes that are
 * not here: depth first, so that subtrees end and leave the stack. */
static void state_ask(struct sync *sync, struct ctx *c)
{
    struct sync_snap *snap = &sync->snap;
    uint8_t ids[(SNAP_BATCH + 1) * 32];
    uint32_t room = (SYNC_STACK_MAX - snap->depth) / 2;
    uint32_t most = room < SNAP_BATCH ? room : SNAP_BATCH;
    memcpy(ids, sync->parts->stack[0].hash, 32);
    snap->asked_count = 0;
    for (uint32_t i = snap->depth; i-- > 0 && snap->asked_count < most;) {
        if (sync->parts->stack[i].bytes == NULL) {
            sync->parts->asked[snap->asked_count++] = i;
            memcpy(ids + (size_t)32 * snap->asked_count, sync->parts->stack[i].hash, 32);
        }
    }
    sync_send_list(c, snap->link, FRAME_STATE_GET, ids, snap->asked_count + 1);
}

void snap_ask(struct sync *sync, struct ctx *c)
{
    struct sync_snap *snap = &sync->snap;
    if (snap->phase == SNAP_OFF || snap->link != LINK_NONE) {
        return;
    }
    if (sync_base(sync) >= sync->config->trusted_height) {
        snap_end(sync); /* a life before this one did it */
        return;
    }
    if (snap->tries == SNAP_TRIES_MAX) {
        snap_end(sync);
        sync_start(sync, c);
        return;
    }
    snap->link = link_choose(sync, c);
    if (snap->link == LINK_NONE) {
        snap->refused = 0;
        sync->snap_ns = c->mono_ns + SNAP_AGAIN_NS;
        return;
    }
    snap->tries++;
    sync->snap_ns = c->mono_ns + SNAP_NS;
    switch (snap->phase) {
    case SNAP_HEADERS:
        headers_ask(sync, c);
        break;
    case SNAP_BLOCK:
        sync_blocks_ask(c, snap->link, sync->config->trusted_id, 1, sync->config->trusted_height);
        break;
    default:
        state_ask(sync, c);
    }
}

/* The link says that it does not have it, which is no offence: the others first, then it again. */
static void snap_refused(struct sync *sync, struct ctx *c)
{
    sync->snap.refused |= 1ull << sync->snap.link;
    sync->snap.link = LINK_NONE;
    snap_ask(sync, c);
}

void snap_due(struct sync *sync, struct ctx *c)
{
    struct sync_snap *snap = &sync->snap;
    if (snap->link != LINK_NONE) {
        sync_late(sync, snap->link);
        sync_distrust(sync, c, snap->link); /* it did not answer */
        snap->link = LINK_NONE;
    }
    snap_ask(sync, c);
}

void snap_release(struct sync *sync, struct ctx *c, uint32_t link)
{
    sync->snap.refused &= ~(1ull << link);
    if (sync->snap.phase != SNAP_OFF && sync->snap.link == link) {
        sync->snap.link = LINK_NONE;
        sync->snap_ns = c->mono_ns;
    }
}

/* The same link is asked for the next thing. */
static void snap_next(struct sync *sync, struct ctx *c, enum snap_phase phase)
{
    struct sync_snap *snap = &sync->snap;
    snap->phase = (uint8_t)phase;
    snap->tries = 0;
    sync->snap_ns = c->mono_ns + SNAP_NS;
    if (phase == SNAP_BLOCK) {
        sync_blocks_ask(c, snap->link, sync->config->trusted_id, 1, sync->config->trusted_height);
    } else {
        state_ask(sync, c);
    }
}

enum err snap_headers_recv(struct sync *sync, struct ctx *c, struct varlist headers)
{
    struct sync_snap *snap = &sync->snap;
    struct span bytes;
    uint8_t expected[32];
    uint8_t id[32];
    uint32_t count = 0;
    memcpy(expected, sync->config->trusted_id, 32);
    while (count < SNAP_HEADERS_MAX && varlist_next(&headers, &bytes)) {
        if (bytes.len != HEADER_BYTES) {
            return ERR_TRUNCATED;
        }
        header_id(id, bytes.data);
        ctx_charge(c, COST_HASH_KIB, 1);
        if (memcmp(id, expected, 32) != 0) {
            return ERR_INVALID;
        }
        memcpy(sync->parts->headers[count++], bytes.data, HEADER_BYTES);
        memcpy(expected, bytes.data + HEADER_PARENT_AT, 32);
    }
    if (count != sync->config->trusted_height && count < RETARGET_WINDOW) {
        snap_refused(sync, c);
        return ERR_OK;
    }
    snap->header_count = count;
    snap_next(sync, c, SNAP_BLOCK);
    return ERR_OK;
}

void snap_block_recv(struct sync *sync, struct ctx *c, const struct blob *block)
{
    struct sync_snap *snap = &sync->snap;
    struct header header;
    invariant(header_decode(&header, span_of(block->data, HEADER_BYTES)) == ERR_OK);
    snap->block = blob_keep(c->shared, block);
    sync->parts->stack[0] = (struct snap_node){.bytes = NULL};
    memcpy(sync->parts->stack[0].hash, header.state_root, 32);
    snap->depth = 1;
    snap_next(sync, c, SNAP_STATE);
}

/* Finishes the nodes on top whose subtrees are whole: what stands above a node is below it in the
 * tree, so a node that is here and on top has all of its children. The finished root, one
 * reference, or NULL. */
static const struct blob *stack_settle(struct sync *sync)
{
    struct sync_snap *snap = &sync->snap;
    while (snap->depth > 0 && sync->parts->stack[snap->depth - 1].bytes != NULL) {
        struct snap_node *top = &sync->parts->stack[snap->depth - 1];
        struct state_node node;
        invariant(state_node_decode(&node, span_of(top->bytes->data, top->bytes->len)) == ERR_OK);
        const struct blob *named = blob_name_put(
            sync->shared, top->hash, top->bytes->data, top->bytes->len,
            node.key == NULL ? node.left : NULL, node.key == NULL ? node.right : NULL);
        blob_drop(sync->shared, top->bytes);
        blob_drop(sync->shared, top->child[0]);
        blob_drop(sync->shared, top->child[1]);
        uint32_t parent = top->parent;
        uint8_t side = top->side;
        *top = (struct snap_node){.bytes = NULL};
        if (--snap->depth == 0) {
            return named;
        }
        sync->parts->stack[parent].child[side] = named;
    }
    return NULL;
}

static void child_push(struct sync *sync, uint32_t parent, uint8_t side, const uint8_t *hash)
{
    struct sync_snap *snap = &sync->snap;
    if (hash != NULL) {
        invariant(snap->depth < SYNC_STACK_MAX);
        struct snap_node *child = &sync->parts->stack[snap->depth++];
        *child = (struct snap_node){.parent = parent, .side = side};
        memcpy(child->hash, hash, 32);
    }
}

/* Places the answer: nodes in the order asked for, some may be missing. The root comes first again
 * and again. */
static enum err nodes_take(struct sync *sync, struct ctx *c, struct varlist nodes, uint32_t *taken)
{
    struct sync_snap *snap = &sync->snap;
    struct span bytes;
    uint32_t at = 0;
    *taken = 0;
    for (size_t i = 0; varlist_next(&nodes, &bytes); i++) {
        struct state_node node;
        uint8_t hash[32];
        TRY(state_node_decode(&node, bytes));
        state_node_hash(hash, &node);
        ctx_charge(c, COST_HASH_KIB, 1 + bytes.len / 1024);
        if (i == 0 && sync->parts->stack[0].bytes != NULL &&
            memcmp(hash, sync->parts->stack[0].hash, 32) == 0) {
            continue;
        }
        while (at < snap->asked_count &&
               memcmp(sync->parts->stack[sync->parts->asked[at]].hash, hash, 32) != 0) {
            at++;
        }
        if (at == snap->asked_count) {
            if (i == 1 && memcmp(hash, sync->parts->stack[0].hash, 32) == 0) {
                continue; /* the root was asked for twice: by name, and as the first node */
            }
            return ERR_INVALID;
        }
        uint32_t index = sync->parts->asked[at++];
        sync->parts->stack[index].bytes = blob_put(c->shared, bytes.data, bytes.len);
        snap->nodes++;
        (*taken)++;
        if (node.key == NULL) {
            child_push(sync, index, 0, node.left);
            child_push(sync, index, 1, node.right);
        }
    }
    return ERR_OK;
}

static void adopt(struct sync *sync, struct ctx *c, const struct blob *root,
                  struct chain_news *news)
{
    struct sync_snap *snap = &sync->snap;
    enum err err = chain_adopt(sync->chain, c, sync->config->trusted_id,
                               (const uint8_t(*)[HEADER_BYTES])sync->parts->headers,
                               snap->header_count, snap->block);
    blob_drop(c->shared, root);
    news->tip_changed = news->tip_changed || err == ERR_OK;
    /* A checkpoint that cannot be adopted is the operator's error: then from genesis. */
    snap_end(sync);
    sync_start(sync, c);
}

enum err snap_state_recv(struct sync *sync, struct ctx *c, uint32_t link, struct span frame,
                         struct chain_news *news)
{
    struct sync_snap *snap = &sync->snap;
    struct frame_state m;
    uint32_t taken;
    TRY(frame_state_decode(&m, frame));
    if (snap->phase != SNAP_STATE || snap->link != link) {
        return ERR_OK; /* late */
    }
    enum err err = nodes_take(sync, c, m.nodes, &taken);
    if (err != ERR_OK && (err != ERR_INVALID || sync->links[link].late == 0)) {
        return err;
    }
    if (err != ERR_OK && taken == 0) {
        sync->links[link].late--;
        return ERR_OK; /* to a question that was given up: this one is still open */
    }
    const struct blob *root = stack_settle(sync);
    if (root != NULL) {
        adopt(sync, c, root, news);
        return ERR_OK;
    }
    if (taken == 0) {
        snap_refused(sync, c);
        return ERR_OK;
    }
    snap->tries = 0;
    sync->snap_ns = c->mono_ns + SNAP_NS;
    state_ask(sync, c);
    return ERR_OK;
}
