#include "node/base/invariant.h"
#include "node/chain/genesis.h"
#include "node/chain/overlay_private.h"
#include "node/crypto/sign.h"
#include "node/wire/frames.h"

#define PROTOCOL_VERSION 1
#define GREET_NS (5ull * SECOND_NS)
#define ROTATE_NS (1800ull * SECOND_NS)
#define PEERS_NS (300ull * SECOND_NS)     /* PEERS_GET to one random link */
#define PEERS_TELL_NS (10ull * SECOND_NS) /* a link is told no more often */
#define TRIM_NS (30ull * SECOND_NS)
#define BAN_NS (600ull * SECOND_NS)
#define SILENT_MAX 3 /* ping periods (spec: stream 1.5) */
#define PEERS_ASK 16
#define ANCHORS_READ 8

size_t overlay_bytes(const struct node_config *config)
{
    (void)config;
    return sizeof(struct overlay);
}

void overlay_init(struct overlay *overlay, const struct node_config *config)
{
    struct sign_secret secret;
    sign_keypair(&secret, config->node_seed);
    memcpy(overlay->node_id, secret.public_key, 32);
    sign_secret_wipe(&secret);
    overlay->config = config;
    overlay->policy = config->policy;
    invariant(config->policy->links_max <= LINKS_MAX);
    overlay->ping_ns = overlay->dial_ns = overlay->greet_ns = DEADLINE_NONE;
    overlay->rotate_ns = overlay->peers_ns = overlay->trim_ns = DEADLINE_NONE;
}

static uint64_t jitter_ns(struct ctx *c, uint64_t period_ns)
{
    return c->mono_ns + period_ns - period_ns / 8 + rng_below(c->rng, period_ns / 4 + 1);
}

void overlay_start(struct overlay *overlay, struct ctx *c)
{
    const struct node_config *config = overlay->config;
    size_t take = config->seed_count < BOOK_ENOUGH ? config->seed_count : BOOK_ENOUGH;
    size_t at = take < config->seed_count ? (size_t)rng_below(c->rng, config->seed_count) : 0;
    /* Of a long list a random stretch: everybody picks another one. */
    for (size_t i = 0; i < take; i++) {
        const struct seed_peer *seed = &config->seeds[(at + i) % config->seed_count];
        book_add(overlay, c, seed->node_id, &seed->endpoint, NULL);
    }
    overlay->ping_ns = jitter_ns(c, overlay->policy->ping_ns);
    overlay->rotate_ns = overlay->policy->links_stay ? DEADLINE_NONE : jitter_ns(c, ROTATE_NS);
    overlay->peers_ns = jitter_ns(c, PEERS_NS);
    overlay->dial_ns = c->mono_ns;
    overlay->restore_request = ctx_read(c, span_of("p", 1), span_of(NULL, 0), ANCHORS_READ, false);
}

bool overlay_read_done(struct overlay *overlay, struct ctx *c, const struct event *event)
{
    if (overlay->restore_request == 0 || event->read_done.request != overlay->restore_request) {
        return false;
    }
    overlay->restore_request = 0;
    for (size_t i = 0; event->read_done.err == ERR_OK && i < event->read_done.count; i++) {
        const struct record *record = &event->read_done.records[i];
        if (record->key_len == 33 && record->value->len == ENDPOINT_BYTES + 8) {
            struct endpoint endpoint;
            memcpy(endpoint.address, record->value->data, 16);
            endpoint.port = (uint16_t)(record->value->data[16] << 8 | record->value->data[17]);
            book_add(overlay, c, record->key + 1, &endpoint, NULL);
        }
    }
    return true;
}

/* --- links --- */

static void send(struct ctx *c, uint32_t link, const uint8_t *frame, size_t len)
{
    ctx_send_bytes(c, 1ull << link, span_of(frame, len));
}

void overlay_close(struct overlay *overlay, struct ctx *c, uint32_t link)
{
    struct link_state *state = &overlay->links[link];
    if (state->phase == PHASE_GREETING || state->phase == PHASE_READY) {
        ctx_close(c, link);
        peer_gone(overlay, c, state);
    }
    state->phase = PHASE_CLOSING;
    state->link.ready = false;
    overlay->used |= 1ull << link;
    overlay->ready &= ~(1ull << link);
}

static void hello_send(struct overlay *overlay, struct ctx *c, uint32_t link)
{
    uint8_t endpoint[ENDPOINT_BYTES];
    uint8_t frame[128];
    size_t len;
    memcpy(endpoint, overlay->config->endpoint.address, 16);
    endpoint[16] = (uint8_t)(overlay->config->endpoint.port >> 8);
    endpoint[17] = (uint8_t)overlay->config->endpoint.port;
    const struct frame_hello hello = {.version = PROTOCOL_VERSION,
                                      .genesis = overlay->config->genesis->hash,
                                      .tip_height = overlay->tip_height,
                                      .final_height = overlay->final_height,
                                      .endpoint = endpoint,
                                      .roles = overlay->config->roles};
    invariant(frame_hello_encode(frame, sizeof(frame), &len, &hello) == ERR_OK);
    send(c, link, frame, len);
}

static bool banned(const struct overlay *overlay, const uint8_t node_id[32], uint64_t now)
{
    for (uint32_t i = 0; i < BANS_MAX; i++) {
        if (overlay->bans[i].until_ns > now && memcmp(overlay->bans[i].node_id, node_id, 32) == 0) {
            return true;
        }
    }
    return false;
}

/* The other link to the same peer, or LINK_NONE. */
static uint32_t twin_of(const struct overlay *overlay, const uint8_t peer[32], uint32_t link)
{
    for (uint64_t used = overlay->used & ~(1ull << link); used != 0;) {
        uint32_t i = mask_take(&used);
        if (overlay->links[i].phase != PHASE_CLOSING &&
            memcmp(overlay->links[i].link.peer, peer, 32) == 0) {
            return i;
        }
    }
    return LINK_NONE;
}

/* Inbound links leave the places free that this node wants to fill by its own choice. */
static bool inbound_fits(struct overlay *overlay, const uint8_t peer[32])
{
    uint32_t used = (uint32_t)__builtin_popcountll(overlay->used) + overlay->dial_count;
    uint32_t random = overlay_count(overlay, ROLE_RANDOM);
    uint32_t kept = random < overlay->policy->links_out ? overlay->policy->links_out - random : 0;
    if (want_find(overlay, peer) != NULL) {
        kept = 0;
    }
    return used + kept < overlay->policy->links_max;
}

/* Of two links to one peer the one stays that the smaller id opened; of two that the same side
 * opened the newer, because the older one is dead there. */
static bool newer_stays(const struct overlay *overlay, const struct link_state *older, bool dialed,
                        const uint8_t peer[32])
{
    bool here_smaller = memcmp(overlay->node_id, peer, 32) < 0;
    return older->link.dialed == dialed || dialed == here_smaller;
}

bool overlay_link_up(struct overlay *overlay, struct ctx *c, const struct event *event,
                     uint64_t tip_height, uint64_t final_height)
{
    uint32_t link = event->link_up.link;
    const uint8_t *peer = event->link_up.peer;
    struct link_state *state = &overlay->links[link];
    struct dial dial = {.role = ROLE_INBOUND};
    bool dialed = event->link_up.dialed;
    bool known = !dialed || dial_take(overlay, &dial, event->link_up.request);
    uint32_t twin = twin_of(overlay, peer, link);
    bool fits =
        dialed ? known && (uint32_t)__builtin_popcountll(overlay->used) < overlay->policy->links_max
               : twin != LINK_NONE || inbound_fits(overlay, peer);

    ctx_charge(c, COST_HANDSHAKE, 1);
    overlay->tip_height = tip_height;
    overlay->final_height = final_height;
    if (memcmp(peer, overlay->node_id, 32) == 0 || banned(overlay, peer, c->mono_ns) || !fits ||
        overlay_prefix_full(overlay, &event->link_up.endpoint) ||
        (twin != LINK_NONE && !newer_stays(overlay, &overlay->links[twin], dialed, peer))) {
        *state = (struct link_state){.phase = PHASE_CLOSING};
        overlay->used |= 1ull << link;
        ctx_close(c, link);
        if (dialed && known && twin == LINK_NONE) {
            dial_failed(overlay, c, &dial);
        }
        return false;
    }
    uint8_t role = twin != LINK_NONE && !dialed ? ROLE_INBOUND : dial.role;
    if (twin != LINK_NONE) {
        overlay_close(overlay, c, twin);
    }
    *state = (struct link_state){
        .phase = PHASE_GREETING,
        .role = role,
        .prefix = overlay_prefix(&event->link_up.endpoint),
        .link = {.dialed = dialed, .endpoint = event->link_up.endpoint, .since_ns = c->mono_ns}};
    memcpy(state->link.peer, peer, 32);
    overlay->used |= 1ull << link;
    if (dialed) {
        book_add(overlay, c, peer, &dial.endpoint, peer); /* names a seed that had none */
    }
    peer_linked(overlay, peer);
    if (overlay->greet_ns > c->mono_ns + GREET_NS) {
        overlay->greet_ns = c->mono_ns + GREET_NS;
    }
    hello_send(overlay, c, link);
    return true;
}

void overlay_link_down(struct overlay *overlay, struct ctx *c, const struct event *event)
{
    uint32_t link = event->link_down.link;
    struct dial dial;
    if (link == LINK_NONE) {
        if (dial_take(overlay, &dial, event->link_down.request)) {
            dial_failed(overlay, c, &dial);
        }
        return;
    }
    struct link_state *state = &overlay->links[link];
    if (state->phase == PHASE_GREETING || state->phase == PHASE_READY) {
        peer_gone(overlay, c, state);
    }
    *state = (struct link_state){.phase = PHASE_NONE};
    overlay->used &= ~(1ull << link);
    overlay->ready &= ~(1ull << link);
    overlay->heard &= ~(1ull << link);
    if (overlay->dial_ns > c->mono_ns) {
        overlay->dial_ns = c->mono_ns;
    }
}

void overlay_heard(struct overlay *overlay, uint32_t link)
{
    overlay->heard |= 1ull << link;
}

void overlay_tip_seen(struct overlay *overlay, uint32_t link, uint64_t height)
{
    struct overlay_link *seen = &overlay->links[link].link;
    if (height > seen->tip_height) {
        seen->tip_height = height;
    }
}

void overlay_final_seen(struct overlay *overlay, uint32_t link, uint64_t height)
{
    struct overlay_link *seen = &overlay->links[link].link;
    if (height > seen->final_height) {
        seen->final_height = height;
    }
}

void overlay_blame(struct overlay *overlay, struct ctx *c, uint32_t link, enum err err,
                   uint8_t frame_code)
{
    struct link_state *state = &overlay->links[link];
    if (state->phase != PHASE_GREETING && state->phase != PHASE_READY) {
        return;
    }
    struct ban *ban = &overlay->bans[overlay->ban_next++ % BANS_MAX];
    memcpy(ban->node_id, state->link.peer, 32);
    ban->until_ns = c->mono_ns + BAN_NS;
    ctx_trace(c, TRACE_peer_misbehaved, link, (uint64_t)err, frame_code);
    overlay_close(overlay, c, link);
    struct book_entry *entry = book_find(&overlay->book, ban->node_id);
    if (entry != NULL) {
        entry->next_ns = ban->until_ns;
    }
    struct want *want = want_find(overlay, ban->node_id);
    if (want != NULL) {
        want->next_ns = ban->until_ns;
    }
}

/* --- frames --- */

static void peers_ask(struct overlay *overlay, struct ctx *c, uint32_t link)
{
    uint8_t frame[8];
    size_t len;
    const struct frame_peers_get get = {.max = PEERS_ASK};
    if (overlay->book.count >= BOOK_ENOUGH || overlay->links[link].peers_asked) {
        return;
    }
    overlay->links[link].peers_asked = true;
    invariant(frame_peers_get_encode(frame, sizeof(frame), &len, &get) == ERR_OK);
    send(c, link, frame, len);
}

static enum err hello_recv(struct overlay *overlay, struct ctx *c, uint32_t link, struct span frame)
{
    struct link_state *state = &overlay->links[link];
    struct frame_hello hello;
    TRY(frame_hello_decode(&hello, frame));
    if (state->phase != PHASE_GREETING) {
        return ERR_INVALID; /* said twice */
    }
    if (hello.version != PROTOCOL_VERSION) {
        return ERR_VERSION;
    }
    if (memcmp(hello.genesis, overlay->config->genesis->hash, 32) != 0) {
        return ERR_NETWORK;
    }
    state->phase = PHASE_READY;
    state->link.ready = true;
    state->link.tip_height = hello.tip_height;
    state->link.final_height = hello.final_height;
    memcpy(state->link.endpoint.address, hello.endpoint, 16);
    state->link.endpoint.port = (uint16_t)(hello.endpoint[16] << 8 | hello.endpoint[17]);
    overlay->ready |= 1ull << link;
    book_add(overlay, c, state->link.peer, &state->link.endpoint, state->link.peer);
    struct book_entry *entry = book_find(&overlay->book, state->link.peer);
    if (entry != NULL) {
        entry->flags |= BOOK_BUSY | BOOK_TRIED;
        entry->failures = 0;
    }
    struct want *want = want_find(overlay, state->link.peer);
    if (want != NULL) {
        want->failures = 0;
    }
    if (state->role == ROLE_RANDOM && overlay_count(overlay, ROLE_RANDOM) <= 2) {
        anchor_write(c, &state->link); /* the first two are the anchors of the next life */
    }
    peers_ask(overlay, c, link);
    return ERR_OK;
}

static enum err peers_get_recv(struct overlay *overlay, struct ctx *c, uint32_t link,
                               struct span frame)
{
    struct link_state *state = &overlay->links[link];
    struct frame_peers_get get;
    uint8_t items[64 * FRAME_PEER_BYTES];
    uint8_t out[sizeof(items) + 16];
    size_t len;
    TRY(frame_peers_get_decode(&get, frame));
    if (state->peers_told_ns != 0 && c->mono_ns < state->peers_told_ns + PEERS_TELL_NS) {
        return ERR_OK;
    }
    state->peers_told_ns = c->mono_ns;
    size_t count = book_sample(overlay, c, items, get.max < 64 ? get.max : 64, state->link.peer);
    const struct frame_peers peers = {.peers = {.data = items, .count = count}};
    invariant(frame_peers_encode(out, sizeof(out), &len, &peers) == ERR_OK);
    send(c, link, out, len);
    return ERR_OK;
}

static enum err peers_recv(struct overlay *overlay, struct ctx *c, uint32_t link, struct span frame)
{
    struct link_state *state = &overlay->links[link];
    struct frame_peers peers;
    TRY(frame_peers_decode(&peers, frame));
    if (!state->peers_asked || peers.peers.count > PEERS_ASK) {
        return ERR_INVALID; /* nobody asked */
    }
    state->peers_asked = false;
    for (size_t i = 0; i < peers.peers.count; i++) {
        const uint8_t *item = peers.peers.data + i * FRAME_PEER_BYTES;
        struct endpoint endpoint;
        memcpy(endpoint.address, item + 32, 16);
        endpoint.port = (uint16_t)(item[48] << 8 | item[49]);
        book_add(overlay, c, item, &endpoint, state->link.peer);
    }
    return ERR_OK;
}

static enum err ping_recv(struct ctx *c, uint32_t link, struct span frame)
{
    struct frame_ping ping;
    uint8_t out[16];
    size_t len;
    TRY(frame_ping_decode(&ping, frame));
    const struct frame_pong pong = {.nonce = ping.nonce};
    invariant(frame_pong_encode(out, sizeof(out), &len, &pong) == ERR_OK);
    send(c, link, out, len);
    return ERR_OK;
}

static enum err pong_recv(struct overlay *overlay, uint32_t link, struct span frame)
{
    struct link_state *state = &overlay->links[link];
    struct frame_pong pong;
    TRY(frame_pong_decode(&pong, frame));
    if (state->pings == 0 || pong.nonce > overlay->ping_nonce) {
        return ERR_INVALID; /* nobody asked */
    }
    state->pings--;
    return ERR_OK;
}

enum err overlay_frame(struct overlay *overlay, struct ctx *c, uint32_t link, struct span frame,
                       bool *became_ready)
{
    const struct link_state *state = &overlay->links[link];
    *became_ready = false;
    if (state->phase == PHASE_NONE || state->phase == PHASE_CLOSING) {
        return ERR_OK;
    }
    if (frame_code(frame) == FRAME_HELLO) {
        TRY(hello_recv(overlay, c, link, frame));
        *became_ready = true;
        return ERR_OK;
    }
    if (state->phase != PHASE_READY) {
        return ERR_INVALID; /* HELLO comes first */
    }
    switch (frame_code(frame)) {
    case FRAME_PEERS_GET:
        return peers_get_recv(overlay, c, link, frame);
    case FRAME_PEERS:
        return peers_recv(overlay, c, link, frame);
    case FRAME_PING:
        return ping_recv(c, link, frame);
    case FRAME_PONG:
        return pong_recv(overlay, link, frame);
    default:
        return ERR_UNKNOWN;
    }
}

/* --- time --- */

/* One timer for all links: only the silent ones are asked. */
static void ping_due(struct overlay *overlay, struct ctx *c)
{
    uint64_t asked = 0;
    uint8_t frame[16];
    size_t len;
    for (uint64_t alive = overlay->ready & overlay->heard; alive != 0;) {
        overlay->links[mask_take(&alive)].silent = 0;
    }
    for (uint64_t quiet = overlay->ready & ~overlay->heard; quiet != 0;) {
        uint32_t link = mask_take(&quiet);
        struct link_state *state = &overlay->links[link];
        if (++state->silent >= SILENT_MAX) {
            overlay_close(overlay, c, link);
        } else {
            state->pings++;
            asked |= 1ull << link;
        }
    }
    overlay->heard = 0;
    overlay->ping_ns = c->mono_ns + overlay->policy->ping_ns;
    if (asked != 0) {
        const struct frame_ping ping = {.nonce = ++overlay->ping_nonce};
        invariant(frame_ping_encode(frame, sizeof(frame), &len, &ping) == ERR_OK);
        ctx_send_bytes(c, asked, span_of(frame, len));
    }
}

static void greet_due(struct overlay *overlay, struct ctx *c)
{
    overlay->greet_ns = DEADLINE_NONE;
    for (uint64_t used = overlay->used & ~overlay->ready; used != 0;) {
        uint32_t link = mask_take(&used);
        const struct link_state *state = &overlay->links[link];
        uint64_t due = state->link.since_ns + GREET_NS;
        if (state->phase != PHASE_GREETING) {
            continue;
        }
        if (due <= c->mono_ns) {
            overlay_close(overlay, c, link);
        } else if (due < overlay->greet_ns) {
            overlay->greet_ns = due;
        }
    }
}

static void peers_due(struct overlay *overlay, struct ctx *c)
{
    overlay->peers_ns = jitter_ns(c, PEERS_NS);
    if (overlay->ready == 0 || overlay->book.count >= BOOK_ENOUGH) {
        return;
    }
    uint64_t nth = rng_below(c->rng, (uint64_t)__builtin_popcountll(overlay->ready));
    uint64_t ready = overlay->ready;
    while (nth-- > 0) {
        mask_take(&ready);
    }
    peers_ask(overlay, c, mask_take(&ready));
}

void overlay_wake(struct overlay *overlay, struct ctx *c)
{
    uint64_t now = c->mono_ns;
    if (overlay->ping_ns <= now) {
        ping_due(overlay, c);
    }
    if (overlay->greet_ns <= now) {
        greet_due(overlay, c);
    }
    if (overlay->peers_ns <= now) {
        peers_due(overlay, c);
    }
    if (overlay->rotate_ns <= now) {
        overlay->rotate_ns = jitter_ns(c, ROTATE_NS);
        overlay_rotate(overlay, c);
    }
    if (overlay->trim_ns == 0) {
        overlay->trim_ns = now + TRIM_NS; /* a new committee may want the same links again */
    } else if (overlay->trim_ns <= now) {
        overlay->trim_ns = DEADLINE_NONE;
        overlay_trim(overlay, c);
    }
    if (overlay->dial_ns <= now) {
        overlay_dial(overlay, c);
    }
}

uint64_t overlay_deadline_ns(const struct overlay *overlay)
{
    const uint64_t deadlines[] = {overlay->ping_ns,   overlay->dial_ns,  overlay->greet_ns,
                                  overlay->rotate_ns, overlay->peers_ns, overlay->trim_ns};
    uint64_t least = DEADLINE_NONE;
    for (size_t i = 0; i < sizeof(deadlines) / sizeof(deadlines[0]); i++) {
        least = deadlines[i] < least ? deadlines[i] : least;
    }
    return least;
}

uint64_t overlay_ready(const struct overlay *overlay)
{
    return overlay->ready;
}

const struct overlay_link *overlay_at(const struct overlay *overlay, uint32_t link)
{
    return &overlay->links[link].link;
}

uint32_t overlay_find(const struct overlay *overlay, const uint8_t node_id[32])
{
    for (uint64_t ready = overlay->ready; ready != 0;) {
        uint32_t link = mask_take(&ready);
        if (memcmp(overlay->links[link].link.peer, node_id, 32) == 0) {
            return link;
        }
    }
    return LINK_NONE;
}
