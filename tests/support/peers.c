#include "tests/support/peers.h"

#include <stdlib.h>

#include "node/base/invariant.h"
#include "node/chain/durable.h"

#define SECOND 1000000000ull

static void genesis_make(struct peers *peers, bool finality)
{
    struct genesis facts = {.network = 7, .ts_ms = peers->wire->wall_ms};
    params_defaults(&facts.params);
    facts.params.vrf = finality; /* off: a snapshot at the end of an epoch has no beta */
    facts.params.finality = finality;
    wire_genesis(peers->wire, &peers->genesis, &peers->genesis_state, peers->genesis_bytes, &facts,
                 peers->accounts);
    for (uint32_t i = 0; i < peers->accounts; i++) {
        sign_keypair(&peers->account[i], peers->wire->nodes[i].config.account_seed);
    }
}

static void news_tell(struct peer *peer, struct ctx *c, uint32_t from,
                      const struct chain_news *news)
{
    for (uint32_t i = 0; i < news->accepted_count; i++) {
        relay_block(peer->relay, c, from, news->accepted[i]);
    }
    if (news->missing) {
        sync_fetch(peer->sync, c, from, news->missing_parent, news->missing_height, false);
    }
}

static void recv(struct peer *peer, struct ctx *c, uint32_t link, const struct blob *frame)
{
    struct span bytes = span_of(frame->data, frame->len);
    uint8_t code = frame->len > 0 ? frame->data[0] : 0;
    struct chain_news news = {.link = link};
    enum err err = ERR_UNKNOWN;
    if (!peer->running) {
        return;
    }
    overlay_heard(peer->overlay, link);
    if (code >> 4 == 0) {
        bool ready = false;
        err = overlay_frame(peer->overlay, c, link, bytes, &ready);
        if (err == ERR_OK && ready) {
            relay_link_ready(peer->relay, c, link);
            sync_link_ready(peer->sync, c, link);
        }
    } else if ((overlay_ready(peer->overlay) >> link & 1) == 0) {
        err = ERR_INVALID;
    } else if (code >> 4 == 1 || code >> 4 == 2) {
        err = relay_frame(peer->relay, c, link, frame, &news);
    } else if (code >> 4 == 3) {
        err = sync_frame(peer->sync, c, link, frame, &news);
    }
    news_tell(peer, c, link, &news);
    if (err != ERR_OK) {
        overlay_blame(peer->overlay, c, link, err, code);
    }
}

static void wake(struct peer *peer, struct ctx *c)
{
    struct chain_news news = {.link = LINK_NONE};
    overlay_wake(peer->overlay, c);
    chain_wake(peer->chain, c, &news);
    sync_wake(peer->sync, c, &news);
    news_tell(peer, c, LINK_NONE, &news);
    relay_wake(peer->relay, c);
}

static void step(struct wire *wire, uint32_t node, struct ctx *c, const struct event *event)
{
    struct peers *peers = wire->user;
    struct peer *peer = &peers->node[node];
    struct chain_news news = {.link = LINK_NONE};
    const struct blob *produced;
    bool done = false;
    switch (event->kind) {
    case EVENT_START:
        chain_start(peer->chain, c);
        break;
    case EVENT_WAKE:
        wake(peer, c);
        break;
    case EVENT_LINK_UP:
        (void)overlay_link_up(peer->overlay, c, event, peers_tip(peers, node)->height, 0);
        break;
    case EVENT_LINK_DOWN:
        overlay_link_down(peer->overlay, c, event);
        if (event->link_down.link != LINK_NONE) {
            relay_link_down(peer->relay, c, event->link_down.link);
            sync_link_down(peer->sync, c, event->link_down.link);
        }
        break;
    case EVENT_RECV:
        recv(peer, c, event->recv.link, event->recv.frame);
        break;
    case EVENT_READ_DONE:
        if (chain_read_done(peer->chain, c, event, &done)) {
            if (done) {
                peer->running = true;
                overlay_start(peer->overlay, c);
            }
        } else if (!overlay_read_done(peer->overlay, c, event)) {
            invariant(sync_read_done(peer->sync, c, event));
        }
        break;
    case EVENT_WRITE_DONE:
        invariant(chain_write_done(peer->chain, c, event, &news, &produced));
        news_tell(peer, c, LINK_NONE, &news);
        break;
    default:
        break;
    }
}

static uint64_t least(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

static uint64_t deadline(struct wire *wire, uint32_t node)
{
    const struct peer *peer = &((struct peers *)wire->user)->node[node];
    if (!peer->running) {
        return DEADLINE_NONE;
    }
    uint64_t at = least(overlay_deadline_ns(peer->overlay), chain_deadline_ns(peer->chain));
    at = least(at, sync_deadline_ns(peer->sync));
    return least(at, relay_deadline_ns(peer->relay));
}

static void *zeroed(size_t bytes)
{
    void *memory = aligned_alloc(64, (bytes + 63) & ~(size_t)63);
    invariant(memory != NULL);
    memset(memory, 0, bytes);
    return memory;
}

static struct peers *make(uint32_t count, uint32_t accounts, uint32_t known, uint64_t seed,
                          bool finality)
{
    struct peers *peers = calloc(1, sizeof(*peers));
    invariant(peers != NULL);
    peers->accounts = accounts;
    struct wire *wire = peers->wire = wire_new(count, seed, &peers->genesis);
    wire->wall_ms = 1700000000000;
    wire->user = peers;
    wire->step = step;
    wire->deadline = deadline;
    genesis_make(peers, finality);
    for (uint32_t i = 0; i < 2 * count; i++) {
        memcpy(peers->seeds[i].node_id, wire->nodes[i % count].node_id, 32);
        peers->seeds[i].endpoint = wire_endpoint(i % count);
    }
    for (uint32_t i = 0; i < count; i++) {
        wire->nodes[i].config.seeds = peers->seeds + i + 1;
        wire->nodes[i].config.seed_count = known;
        wire->nodes[i].down = true; /* until it starts */
    }
    return peers;
}

struct peers *peers_new(uint32_t count, uint32_t accounts, uint32_t known, uint64_t seed)
{
    return make(count, accounts, known, seed, false);
}

struct peers *peers_finality(uint32_t count, uint32_t accounts, uint32_t known, uint64_t seed)
{
    return make(count, accounts, known, seed, true);
}

void peers_start(struct peers *peers, uint32_t node)
{
    struct peer *peer = &peers->node[node];
    const struct node_config *config = &peers->wire->nodes[node].config;
    const struct event event = {.kind = EVENT_START};
    peer->overlay = zeroed(overlay_bytes(config));
    peer->chain = zeroed(chain_bytes(config));
    peer->relay = zeroed(relay_bytes(config));
    peer->sync = zeroed(sync_bytes(config));
    overlay_init(peer->overlay, config);
    chain_init(peer->chain, config, peers->wire->host.shared);
    relay_init(peer->relay, config, peer->chain, peer->overlay);
    sync_init(peer->sync, config, peer->chain, peer->overlay);
    peers->wire->nodes[node].down = false;
    wire_now(peers->wire, node, &event);
}

void peers_start_all(struct peers *peers)
{
    for (uint32_t i = 0; i < peers->wire->count; i++) {
        peers_start(peers, i);
    }
}

void peers_run(struct peers *peers, uint64_t seconds)
{
    wire_run(peers->wire, peers->wire->now_ns + seconds * SECOND);
}

static void peer_free(struct peer *peer)
{
    if (peer->chain != NULL) {
        relay_drop(peer->relay);
        sync_drop(peer->sync);
        chain_drop(peer->chain);
        free(peer->overlay);
        free(peer->chain);
        free(peer->relay);
        free(peer->sync);
        *peer = (struct peer){.running = false};
    }
}

void peers_stop_links(struct peers *peers, uint32_t node)
{
    for (uint32_t link = 0; link < LINKS_MAX; link++) {
        wire_cut(peers->wire, node, link);
    }
}

void peers_stop(struct peers *peers, uint32_t node)
{
    peers_stop_links(peers, node);
    peers->wire->nodes[node].down = true;
    memset(peers->wire->nodes[node].pair_of, 0, sizeof(peers->wire->nodes[node].pair_of));
    peer_free(&peers->node[node]);
}

uint64_t peers_end(struct peers *peers)
{
    for (uint32_t i = 0; i < peers->wire->count; i++) {
        peer_free(&peers->node[i]);
    }
    blob_drop(peers->wire->host.shared, peers->genesis_state);
    uint64_t left = wire_end(peers->wire);
    free(peers);
    return left;
}

const struct tree_entry *peers_tip(const struct peers *peers, uint32_t node)
{
    const struct chain *chain = peers->node[node].chain;
    return chain_entry(chain, chain_tip(chain));
}

enum err peers_transfer(struct peers *peers, uint32_t node)
{
    uint8_t body[64];
    uint8_t out[512];
    uint8_t id[32];
    struct writer w;
    size_t len;
    struct wire *wire = peers->wire;
    writer_init(&w, body, sizeof(body));
    writer_hash(&w, peers->account[(node + 1) % peers->accounts].public_key);
    writer_u64(&w, 1);
    writer_var(&w, 0);
    invariant(writer_end(&w, &len) == ERR_OK);
    const struct tx tx = {.type = 1,
                          .nonce = peers->nonce[node],
                          .fee_max = 100000,
                          .expiry = 1000000,
                          .body = span_of(body, len)};
    invariant(tx_build(out, sizeof(out), &len, &tx, peers->genesis.hash, &peers->account[node]) ==
              ERR_OK);
    const struct blob *blob = blob_put(wire->host.shared, out, len);
    struct ctx c = wire_ctx(wire, node);
    enum err err = chain_tx_add(peers->node[node].chain, &c, id, blob);
    if (err == ERR_OK) {
        peers->nonce[node]++;
        memcpy(peers->tx_ids[peers->submitted++ % 16], id, 32);
        memcpy(peers->tx, out, len);
        peers->tx_len = len;
        relay_tx(peers->node[node].relay, &c, LINK_NONE, id, blob);
    }
    wire_effects(wire, node);
    blob_drop(wire->host.shared, blob);
    return err;
}

void peers_leave_loser(struct peers *peers, uint32_t node, uint64_t height)
{
    struct shared *shared = peers->wire->host.shared;
    const struct wire_node *n = &peers->wire->nodes[node];
    uint8_t key[RECORD_BLOCK_KEY_BYTES], first[RECORD_BLOCK_KEY_BYTES] = {'b'};
    size_t at = 0;

    store64(first + 1, __builtin_bswap64(height));
    while (at < n->record_count && memcmp(n->records[at].key, first, sizeof(first)) < 0) {
        at++;
    }
    invariant(at < n->record_count && memcmp(n->records[at].key, first, 9) == 0);
    memcpy(key, n->records[at].key, sizeof(key));
    const struct blob *block = n->records[at].value;
    uint8_t *bytes = malloc(block->len);
    invariant(bytes != NULL);
    memcpy(bytes, block->data, block->len);
    do { /* of another signature, until its id is the first of the two */
        store64(bytes + HEADER_SIGNED_BYTES, load64(bytes + HEADER_SIGNED_BYTES) + 1);
        header_id(key + 9, bytes);
    } while (memcmp(key, n->records[at].key, sizeof(key)) > 0);
    const struct blob *loser = blob_put(shared, bytes, block->len);
    wire_record_set(peers->wire, node, span_of(key, sizeof(key)), loser);
    blob_drop(shared, loser);
    free(bytes);
}
