#include "node/core/node.h"

#include "node/base/invariant.h"
#include "node/chain/chain.h"
#include "node/chain/finality.h"
#include "node/chain/overlay.h"
#include "node/chain/relay.h"
#include "node/chain/sync.h"
#include "node/chain/tx.h"
#include "node/core/node_private.h"
#include "node/crypto/hash.h"
#include "node/wire/frames.h"

/* Node and heads. */
static size_t heads_bytes(const struct node_config *config)
{
    return node_part_bytes(sizeof(struct node)) + relay_head_bytes() + sync_head_bytes() +
           chain_head_bytes() + finality_head_bytes() + node_part_bytes(overlay_bytes(config));
}

size_t node_bytes(const struct node_config *config)
{
    return node_room_bytes(heads_bytes(config)) +
           node_room_bytes(chain_bytes(config) - chain_head_bytes()) +
           node_room_bytes(relay_bytes(config) - relay_head_bytes()) +
           node_room_bytes(sync_bytes(config) - sync_head_bytes()) +
           node_room_bytes(finality_bytes(config) - finality_head_bytes());
}

static void *carve(uint8_t **at, size_t bytes)
{
    void *p = *at;
    *at += bytes;
    return p;
}

/* The heads of the modules follow the node, then the room of each: what most steps touch lies in
 * few pages, and of ten thousand nodes few pages are resident. */
static void modules_init(struct node *node, const struct node_config *config)
{
    uint8_t *at = (uint8_t *)node + node_part_bytes(sizeof(*node));

    node->relay = carve(&at, relay_head_bytes());
    node->sync = carve(&at, sync_head_bytes());
    node->chain = carve(&at, chain_head_bytes());
    node->finality = carve(&at, finality_head_bytes());
    node->overlay = carve(&at, node_part_bytes(overlay_bytes(config)));

    at = (uint8_t *)node + node_room_bytes(heads_bytes(config));
    void *chain = carve(&at, node_room_bytes(chain_bytes(config) - chain_head_bytes()));
    void *relay = carve(&at, node_room_bytes(relay_bytes(config) - relay_head_bytes()));
    void *sync = carve(&at, node_room_bytes(sync_bytes(config) - sync_head_bytes()));
    void *finality = at;
    overlay_init(node->overlay, config);
    chain_init_apart(node->chain, chain, config, node->shared);
    finality_init_apart(node->finality, finality, config, node->chain, node->overlay);
    relay_init_apart(node->relay, relay, config, node->chain, node->overlay);
    sync_init_apart(node->sync, sync, config, node->chain, node->overlay);
}

void node_init(struct node *node, const struct node_config *config, const uint8_t seed[32],
               struct shared *shared)
{
    node->life = LIFE_NEW;
    node->config = config;
    node->shared = shared;
    rng_init(&node->rng, seed);
    modules_init(node, config);
    submit_init(&node->submit, config);
}

void node_drop(struct node *node)
{
    finality_drop(node->finality);
    relay_drop(node->relay);
    sync_drop(node->sync);
    chain_drop(node->chain);
    node->life = LIFE_STOPPED;
}

/* What blocks did to the chain, told to everybody who has to know. */
static void news_tell(struct node *node, struct ctx *c, uint32_t from_link,
                      const struct chain_news *news)
{
    for (uint32_t i = 0; i < news->accepted_count; i++) {
        uint32_t entry = news->accepted[i];
        const struct tree_entry *e = chain_entry(node->chain, entry);
        uint32_t rival = chain_rival(node->chain, entry);

        if (e->block == NULL) {
            continue; /* the block before it led to a decision that cut it away */
        }
        relay_block(node->relay, c, from_link, entry);
        if (rival != TREE_NONE) {
            finality_headers_conflict(node->finality, c, e->block->data,
                                      chain_entry(node->chain, rival)->block->data);
        }
        finality_block_known(node->finality, c, e->id);
    }
    if (news->tip_changed) {
        finality_tip_changed(node->finality, c);
    }
    if (news->missing) {
        sync_fetch(node->sync, c, from_link, news->missing_parent, news->missing_height, false);
    }
}

static enum err tx_new(struct node *node, struct ctx *c, uint8_t id[32], const struct blob *tx)
{
    TRY(chain_tx_add(node->chain, c, id, tx));
    relay_tx(node->relay, c, LINK_NONE, id, tx);
    return ERR_OK;
}

/* Takes over the reference; NULL: nothing. */
static void own_tx(struct node *node, struct ctx *c, const struct blob *tx)
{
    uint8_t id[32];
    if (tx != NULL) {
        /* A pool that is full or knows it already has done what it could. */
        (void)!tx_new(node, c, id, tx);
        blob_drop(node->shared, tx);
    }
}

/* Work that modules leave for each other at the end of a step. */
static void errands(struct node *node, struct ctx *c)
{
    uint8_t id[32];
    uint64_t height;
    uint32_t link;
    struct span body;

    if (sync_busy(node->sync) != node->behind) {
        node->behind = !node->behind;
        chain_produce(node->chain, c, !node->behind);
    }
    while (finality_wanted(node->finality, id, &height, &link)) {
        sync_fetch(node->sync, c, link, id, height, true);
    }
    while (finality_evidence_next(node->finality, &body)) {
        uint64_t tip = chain_entry(node->chain, chain_tip(node->chain))->height;
        own_tx(node, c,
               submit_own(&node->submit, c, node->chain, TX_evidence, body,
                          tip + SUBMIT_EXPIRY_BLOCKS));
    }
    if (finality_attendance_next(node->finality, c, &body, &height)) {
        own_tx(node, c, submit_own(&node->submit, c, node->chain, TX_attendance, body, height));
    }
    own_tx(node, c, submit_gap(&node->submit, c, node->chain));
}

static void link_ready(struct node *node, struct ctx *c, uint32_t link)
{
    relay_link_ready(node->relay, c, link);
    sync_link_ready(node->sync, c, link);
    finality_link_ready(node->finality, c, link);
}

static void recv_link(struct node *node, struct ctx *c, uint32_t link, const struct blob *frame)
{
    struct span bytes = span_of(frame->data, frame->len);
    uint8_t code = frame->len > 0 ? frame->data[0] : 0;
    struct chain_news news = {0};
    enum err err;

    if (node->life != LIFE_RUNNING) {
        return;
    }
    overlay_heard(node->overlay, link);
    if (code >> 4 == FRAME_HELLO >> 4) {
        bool ready = false;
        err = overlay_frame(node->overlay, c, link, bytes, &ready);
        if (err == ERR_OK && ready) {
            link_ready(node, c, link);
        }
    } else if ((overlay_ready(node->overlay) >> link & 1) == 0) {
        err = ERR_INVALID; /* HELLO comes first */
    } else {
        switch (code >> 4) {
        case FRAME_TX >> 4:
        case FRAME_BLOCK_COMPACT >> 4:
            err = relay_frame(node->relay, c, link, frame, &news);
            break;
        case FRAME_HEADERS_GET >> 4:
            err = code == FRAME_DECISION_GET ? finality_frame(node->finality, c, link, frame)
                                             : sync_frame(node->sync, c, link, frame, &news);
            break;
        case FRAME_PROPOSAL >> 4:
            err = finality_frame(node->finality, c, link, frame);
            break;
        default:
            err = ERR_UNKNOWN;
        }
    }
    news_tell(node, c, link, &news);
    if (err != ERR_OK) {
        overlay_blame(node->overlay, c, link, err, code);
    }
}

static void read_done(struct node *node, struct ctx *c, const struct event *event)
{
    bool done = false;

    if (chain_read_done(node->chain, c, event, &done)) {
        if (done) {
            node->life = LIFE_FINALITY_READS;
            finality_start(node->finality, c);
        }
    } else if (finality_read_done(node->finality, c, event, &done)) {
        if (done) {
            node->life = LIFE_RUNNING;
            overlay_start(node->overlay, c);
        }
    } else if (!overlay_read_done(node->overlay, c, event)) {
        invariant(sync_read_done(node->sync, c, event));
    }
}

static void write_done(struct node *node, struct ctx *c, const struct event *event)
{
    struct chain_news news = {0};
    const struct blob *produced = NULL;

    if (event->write_done.request == 0) {
        chain_write_failed(node->chain, c); /* of a batch that nobody waits for */
        return;
    }
    if (finality_write_done(node->finality, c, event)) {
        return;
    }
    invariant(chain_write_done(node->chain, c, event, &news, &produced));
    news_tell(node, c, LINK_NONE, &news);
    finality_checkpoint_stored(node->finality, c);
}

static void wake(struct node *node, struct ctx *c)
{
    struct chain_news news = {0};

    if (node->life != LIFE_RUNNING) {
        return;
    }
    overlay_wake(node->overlay, c);
    chain_wake(node->chain, c, &news);
    sync_wake(node->sync, c, &news);
    news_tell(node, c, LINK_NONE, &news);
    relay_wake(node->relay, c);
    finality_wake(node->finality, c);
}

static void submitted(struct node *node, struct ctx *c, const struct event *event)
{
    const struct blob *tx = NULL;
    uint8_t id[32] = {0};
    enum err err = node->life == LIFE_RUNNING ? ERR_OK : ERR_BUSY;

    if (err == ERR_OK) {
        err = submit_tx(&node->submit, c, node->chain, &tx, event);
    }
    if (err == ERR_OK) {
        err = tx_new(node, c, id, tx);
    }
    if (err == ERR_OK) {
        chain_tx_track(node->chain, id);
        ctx_trace(c, TRACE_tx_submitted, load64(id), tx->len);
    }
    blob_drop(node->shared, tx);
    ctx_reply(c, event->submit.request, err, span_of(id, sizeof(id)));
}

void node_step(struct node *node, const struct event *event, struct effects *out,
               struct arena *scratch)
{
    struct ctx c = {.mono_ns = event->mono_ns,
                    .wall_ms = event->wall_ms,
                    .out = out,
                    .scratch = scratch,
                    .rng = &node->rng,
                    .shared = node->shared,
                    .config = node->config,
                    .next_request = &node->next_request};

    ctx_charge(&c, COST_STEP, 1);
    switch (event->kind) {
    case EVENT_START:
        invariant(node->life == LIFE_NEW);
        node->life = LIFE_CHAIN_READS;
        chain_start(node->chain, &c);
        return;
    case EVENT_WAKE:
        wake(node, &c);
        break;
    case EVENT_LINK_UP:
        if (node->life != LIFE_RUNNING) {
            ctx_close(&c, event->link_up.link); /* nobody listens before recovery is over */
            return;
        }
        if (!overlay_link_up(node->overlay, &c, event,
                             chain_entry(node->chain, chain_tip(node->chain))->height,
                             chain_entry(node->chain, chain_final(node->chain))->height)) {
            return;
        }
        break;
    case EVENT_LINK_DOWN:
        if (node->life != LIFE_RUNNING) {
            return;
        }
        overlay_link_down(node->overlay, &c, event);
        if (event->link_down.link != LINK_NONE) {
            relay_link_down(node->relay, &c, event->link_down.link);
            sync_link_down(node->sync, &c, event->link_down.link);
            finality_link_down(node->finality, &c, event->link_down.link);
        }
        break;
    case EVENT_RECV:
        if (event->recv.link != LINK_NONE) {
            recv_link(node, &c, event->recv.link, event->recv.frame);
        }
        break;
    case EVENT_READ_DONE:
        read_done(node, &c, event);
        break;
    case EVENT_WRITE_DONE:
        write_done(node, &c, event);
        break;
    case EVENT_SUBMIT:
        submitted(node, &c, event);
        break;
    case EVENT_STOP:
        node->life = LIFE_STOPPED;
        return;
    }
    if (node->life == LIFE_RUNNING) {
        errands(node, &c);
    }
}

static void fetch(const void *head, unsigned lines)
{
    for (unsigned i = 0; i < lines; i++) {
        __builtin_prefetch((const char *)head + 64 * i, 1);
    }
}

void node_fetch(const struct node *node, const struct blob *frame)
{
    fetch(node->overlay, 2);
    fetch(node->chain, 3);
    fetch(node->finality, 4);
    fetch(node->relay, 2);
    fetch(node->sync, 2);
    if (frame != NULL) {
        relay_fetch(node->relay, frame);
    }
}

static uint64_t least(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

uint64_t node_deadline_ns(const struct node *node)
{
    if (node->life != LIFE_RUNNING) {
        return DEADLINE_NONE;
    }
    uint64_t at = least(overlay_deadline_ns(node->overlay), chain_deadline_ns(node->chain));
    at = least(at, relay_deadline_ns(node->relay));
    at = least(at, sync_deadline_ns(node->sync));
    return least(at, finality_deadline_ns(node->finality));
}

void node_digest(const struct node *node, uint8_t digest[32])
{
    uint8_t parts[64];

    chain_digest(node->chain, parts);
    finality_digest(node->finality, parts + 32);
    hash256(digest, parts, sizeof(parts));
}
