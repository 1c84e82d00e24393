/* Relay mode simblock: the rules by which the published simulator SimBlock (github
 * dsg-titech/simblock, Apache-2.0) spreads blocks, so that its results can be held against ours. A
 * node announces each new tip to all its peers, asks the first peer that announces a block for it,
 * and sends what it is asked for; that its line carries one block at a time is the network's part
 * (sim/net/link.h). Blocks have a declared size.
 *
 * In short form (compact blocks): two nodes that both know it send `compact_bytes`; whether the
 * receiver's pool lacked something is a draw, as is the share of the block that then follows. The
 * frame holds the block in every form, for its transactions are no part of the experiment. */
#include "node/base/invariant.h"
#include "node/chain/relay_private.h"
#include "node/crypto/hash.h"
#include "node/seam/config.h"

#define ASK_WAIT_NS (600 * RELAY_SECOND_NS) /* then another peer is asked */
#define AHEAD_MAX 4 /* further above our tip a block waits for catching up */
#define PPB 1000000000u

enum form { FORM_WHOLE, FORM_SHORT, FORM_REST };

void simblock_init(struct relay *relay)
{
    const struct node_policy *policy = relay->config->policy;
    uint8_t key[32];
    hash256(key, relay->config->node_seed, 32);
    relay->takes_short = load64(key + 8) % PPB < policy->compact_ppb;
    relay->churns = load64(key + 16) % PPB < policy->churn_ppb;
}

/* Of the block, what a node whose short form was not enough is sent. */
static uint32_t rest_bytes(const struct relay *relay, struct ctx *c)
{
    const struct node_policy *policy = relay->config->policy;
    const uint64_t *weight = relay->churns ? policy->churn_missing : policy->missing;
    uint64_t count = relay->churns ? policy->churn_missing_count : policy->missing_count;
    uint64_t sum = 0;
    uint64_t percent = 1;
    for (uint64_t i = 0; i < count; i++) {
        sum += weight[i];
    }
    uint64_t at = sum > 0 ? rng_below(c->rng, sum) : 0;
    while (percent < count && at >= weight[percent - 1]) {
        at -= weight[percent - 1];
        percent++;
    }
    return (uint32_t)(percent * policy->block_bytes / 100);
}

static void ask(struct relay *relay, struct ctx *c, struct relay_block *block, uint32_t link,
                enum form form)
{
    const struct frame_block_ask m = {.block = block->id, .form = (uint16_t)form};
    uint8_t frame[64];
    size_t len;
    invariant(frame_block_ask_encode(frame, sizeof(frame), &len, &m) == ERR_OK);
    ctx_send_bytes(c, 1ull << link, span_of(frame, len));
    block->state = RELAY_BLOCK_REBUILD;
    block->link = link;
    relay_block_due(relay, block, c->mono_ns + ASK_WAIT_NS);
}

static enum form form_wanted(const struct relay *relay)
{
    return relay->takes_short ? FORM_SHORT : FORM_WHOLE;
}

static enum err ihave_recv(struct relay *relay, struct ctx *c, uint32_t link, struct span frame,
                           struct chain_news *news)
{
    struct frame_block_ihave m;
    TRY(frame_block_ihave_decode(&m, frame));
    struct relay_block *block = relay_block_find(relay, m.block);
    overlay_tip_seen(relay->overlay, link, m.height);
    if (block != NULL) {
        block->known |= 1ull << link;
        return ERR_OK;
    }
    if (m.height > chain_entry(relay->chain, chain_tip(relay->chain))->height + AHEAD_MAX) {
        news->missing = true; /* catching up comes first */
        memcpy(news->missing_parent, m.block, 32);
        news->missing_height = m.height;
        return ERR_OK;
    }
    if (chain_holds(relay->chain, m.block) || chain_refused(relay->chain, m.block) ||
        m.height <= chain_entry(relay->chain, chain_final(relay->chain))->height) {
        return ERR_OK;
    }
    if ((block = relay_block_add(relay, m.block)) == NULL) {
        ctx_trace(c, TRACE_limit_reached, LIMIT_RELAY_BLOCKS_MAX, RELAY_BLOCKS_MAX);
        return ERR_OK;
    }
    block->known = 1ull << link;
    ask(relay, c, block, link, form_wanted(relay));
    return ERR_OK;
}

static enum err ask_recv(struct relay *relay, struct ctx *c, uint32_t link, struct span frame)
{
    const struct node_policy *policy = relay->config->policy;
    struct frame_block_ask m;
    TRY(frame_block_ask_decode(&m, frame));
    uint32_t entry = chain_find(relay->chain, m.block);
    if (m.form > FORM_REST) {
        return ERR_RANGE;
    }
    if (entry == TREE_NONE || chain_entry(relay->chain, entry)->block == NULL) {
        return ERR_OK;
    }
    const struct blob *block = chain_entry(relay->chain, entry)->block;
    struct frame_block_whole answer = {.form = m.form, .block = span_of(block->data, block->len)};
    uint32_t declared = policy->block_bytes;
    if (m.form == FORM_SHORT && !relay->takes_short) {
        answer.form = FORM_WHOLE;
    } else if (m.form == FORM_SHORT) {
        declared = policy->compact_bytes;
    } else if (m.form == FORM_REST) {
        declared = rest_bytes(relay, c);
    }
    size_t len = frame_block_whole_bytes(&answer);
    uint8_t *out = arena_alloc(c->scratch, len);
    if (out == NULL) {
        return ERR_OK; /* it will ask another */
    }
    invariant(frame_block_whole_encode(out, len, &len, &answer) == ERR_OK);
    const struct blob *blob = blob_put(c->shared, out, len);
    ctx_send_declared(c, link, blob, declared);
    blob_drop(c->shared, blob);
    return ERR_OK;
}

static enum err whole_recv(struct relay *relay, struct ctx *c, uint32_t link, struct span frame,
                           struct chain_news *news)
{
    const struct node_policy *policy = relay->config->policy;
    uint32_t fails = relay->churns ? policy->churn_fails_ppb : policy->compact_fails_ppb;
    struct frame_block_whole m;
    struct block_view view;
    uint8_t id[32];
    TRY(frame_block_whole_decode(&m, frame));
    TRY(block_view(&view, m.block));
    header_id(id, view.header.data);
    struct relay_block *block = relay_block_find(relay, id);
    if (block == NULL || block->state != RELAY_BLOCK_REBUILD || block->link != link) {
        return ERR_OK; /* late */
    }
    if (m.form == FORM_SHORT && rng_below(c->rng, PPB) < fails) {
        ask(relay, c, block, link, FORM_REST);
        return ERR_OK;
    }
    block->state = RELAY_BLOCK_HELD;
    block->due_ns = DEADLINE_NONE;
    news->link = link;
    news->missing_txs = 0;
    const struct blob *whole = blob_put(c->shared, m.block.data, m.block.len);
    enum err err = relay_fault(chain_block(relay->chain, c, news, whole));
    blob_drop(c->shared, whole);
    if (err != ERR_OK) {
        relay_block_forget(relay, block);
    }
    return err;
}

enum err simblock_frame(struct relay *relay, struct ctx *c, uint32_t link, const struct blob *frame,
                        struct chain_news *news)
{
    struct span bytes = span_of(frame->data, frame->len);
    switch (frame->data[0]) {
    case FRAME_BLOCK_IHAVE:
        return ihave_recv(relay, c, link, bytes, news);
    case FRAME_BLOCK_ASK:
        return ask_recv(relay, c, link, bytes);
    case FRAME_BLOCK_WHOLE:
        return whole_recv(relay, c, link, bytes, news);
    default:
        return ERR_UNKNOWN;
    }
}

void simblock_announce(struct relay *relay, struct ctx *c, uint32_t from_link, uint32_t entry)
{
    const struct tree_entry *e = chain_entry(relay->chain, entry);
    struct relay_block *block = relay_block_find(relay, e->id);
    uint8_t frame[64];
    size_t len;
    relay->shared = c->shared;
    if (e->block == NULL || (block != NULL && block->pushed) || chain_tip(relay->chain) != entry ||
        (block == NULL && (block = relay_block_add(relay, e->id)) == NULL)) {
        return;
    }
    if (from_link != LINK_NONE) {
        block->known |= 1ull << from_link;
    }
    block->state = RELAY_BLOCK_HELD;
    block->due_ns = DEADLINE_NONE;
    block->pushed = true;
    const struct frame_block_ihave m = {.block = e->id, .height = e->height};
    invariant(frame_block_ihave_encode(frame, sizeof(frame), &len, &m) == ERR_OK);
    ctx_send_bytes(c, overlay_ready(relay->overlay) & ~block->known, span_of(frame, len));
}

void simblock_due(struct relay *relay, struct ctx *c, struct relay_block *block)
{
    block->known &= ~(1ull << block->link);
    uint64_t links = block->known & overlay_ready(relay->overlay);
    if (links == 0 || chain_holds(relay->chain, block->id)) {
        relay_block_forget(relay, block); /* whoever announces it next is asked */
        return;
    }
    ask(relay, c, block, (uint32_t)__builtin_ctzll(links), form_wanted(relay));
}
