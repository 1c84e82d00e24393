/* The overlay on a tiny wire: links form, stay few, are canonical, die and come back; what breaks
 * the protocol is closed. */
#include <criterion/criterion.h>
#include <stdlib.h>

#include "node/chain/genesis.h"
#include "node/chain/overlay.h"
#include "node/wire/frames.h"
#include "tests/support/wire.h"

static struct genesis genesis;
static struct overlay *overlays[WIRE_NODES_MAX];
static struct seed_peer seeds[WIRE_NODES_MAX];

static void step(struct wire *wire, uint32_t node, struct ctx *c, const struct event *event)
{
    struct overlay *overlay = overlays[node];
    bool ready;
    enum err err;
    switch (event->kind) {
    case EVENT_START:
        overlay_start(overlay, c);
        break;
    case EVENT_WAKE:
        overlay_wake(overlay, c);
        break;
    case EVENT_LINK_UP:
        (void)overlay_link_up(overlay, c, event, 5, 3);
        break;
    case EVENT_LINK_DOWN:
        overlay_link_down(overlay, c, event);
        break;
    case EVENT_RECV:
        overlay_heard(overlay, event->recv.link);
        err = overlay_frame(overlay, c, event->recv.link,
                            span_of(event->recv.frame->data, event->recv.frame->len), &ready);
        if (err != ERR_OK) {
            overlay_blame(overlay, c, event->recv.link, err, event->recv.frame->data[0]);
        }
        break;
    case EVENT_READ_DONE:
        cr_assert(overlay_read_done(overlay, c, event));
        break;
    default:
        break;
    }
    (void)wire;
}

static uint64_t deadline(struct wire *wire, uint32_t node)
{
    (void)wire;
    return overlay_deadline_ns(overlays[node]);
}

/* Every node knows its `known` successors. */
static struct wire *network(uint32_t count, uint32_t known, uint64_t seed)
{
    struct wire *wire = wire_new(count, seed, &genesis);
    wire->step = step;
    wire->deadline = deadline;
    for (uint32_t i = 0; i < 2 * count && i < WIRE_NODES_MAX; i++) {
        memcpy(seeds[i].node_id, wire->nodes[i % count].node_id, 32);
        seeds[i].endpoint = wire_endpoint(i % count);
    }
    for (uint32_t i = 0; i < count; i++) {
        wire->nodes[i].config.seeds = seeds + i + 1;
        wire->nodes[i].config.seed_count = known;
        overlays[i] = calloc(1, overlay_bytes(&wire->nodes[i].config));
        overlay_init(overlays[i], &wire->nodes[i].config);
    }
    return wire;
}

static void start(struct wire *wire)
{
    for (uint32_t i = 0; i < wire->count; i++) {
        const struct event event = {.kind = EVENT_START};
        wire_now(wire, i, &event);
    }
}

static void finish(struct wire *wire)
{
    for (uint32_t i = 0; i < wire->count; i++) {
        free(overlays[i]);
    }
    cr_assert_eq(wire_end(wire), 0);
}

#define SECONDS 1000000000ull

static uint32_t ready_count(uint32_t node)
{
    return (uint32_t)__builtin_popcountll(overlay_ready(overlays[node]));
}

Test(overlay, links_form_and_are_canonical)
{
    struct wire *wire = network(24, 3, 1);
    start(wire);
    wire_run(wire, 30 * SECONDS);
    uint32_t links = 0;
    for (uint32_t i = 0; i < 24; i++) {
        uint32_t dialed = 0;
        for (uint32_t l = 0; l < LINKS_MAX; l++) {
            const struct overlay_link *link = overlay_at(overlays[i], l);
            if ((overlay_ready(overlays[i]) >> l & 1) == 0) {
                continue;
            }
            uint32_t peer = wire_node_of(wire, link->peer);
            cr_assert(link->ready && peer != i && peer < 24);
            cr_assert_eq(link->tip_height, 5);
            cr_assert_eq(link->final_height, 3);
            cr_assert_eq(overlay_find(overlays[i], link->peer), l, "one link for a pair");
            cr_assert_neq(overlay_find(overlays[peer], wire->nodes[i].node_id), LINK_NONE);
            dialed += link->dialed;
            links++;
        }
        cr_assert_geq(dialed, 2);
        cr_assert_leq(dialed, wire->policy.links_out);
        cr_assert_leq(ready_count(i), wire->policy.links_max);
    }
    cr_assert_geq(links, 24 * 5);
    cr_assert_eq(wire->traces[TRACE_peer_misbehaved], 0);
    finish(wire);
}

Test(overlay, simultaneous_dials_leave_one_link)
{
    for (uint64_t seed = 1; seed < 6; seed++) {
        struct wire *wire = network(2, 1, seed);
        start(wire);
        wire_run(wire, 5 * SECONDS);
        cr_assert_eq(ready_count(0), 1);
        cr_assert_eq(ready_count(1), 1);
        uint32_t smaller = memcmp(wire->nodes[0].node_id, wire->nodes[1].node_id, 32) < 0 ? 0 : 1;
        uint32_t link = overlay_find(overlays[smaller], wire->nodes[!smaller].node_id);
        cr_assert(overlay_at(overlays[smaller], link)->dialed);
        finish(wire);
    }
}

Test(overlay, idle_links_cost_few_wakes_and_stay)
{
    struct wire *wire = network(16, 6, 3);
    start(wire);
    wire_run(wire, 60 * SECONDS);
    uint64_t wakes = wire->wakes;
    wire_run(wire, 660 * SECONDS);
    /* a ping tick each 15 s, PEERS_GET each 300 s, dials that find nobody */
    cr_assert_leq(wire->wakes - wakes, 16 * (40 + 8 + 20));
    for (uint32_t i = 0; i < 16; i++) {
        cr_assert_geq(ready_count(i), 4);
    }
    cr_assert_eq(wire->traces[TRACE_peer_misbehaved], 0);
    finish(wire);
}

Test(overlay, a_dead_peer_is_noticed_and_dialed_again)
{
    struct wire *wire = network(6, 5, 4);
    start(wire);
    wire_run(wire, 20 * SECONDS);
    cr_assert_geq(ready_count(0), 1);
    wire->nodes[5].down = true; /* silent: its links are not closed */
    wire_run(wire, 100 * SECONDS);
    for (uint32_t i = 0; i < 5; i++) {
        cr_assert_eq(overlay_find(overlays[i], wire->nodes[5].node_id), LINK_NONE);
    }
    wire->nodes[5].down = false;
    memset(wire->nodes[5].pair_of, 0, sizeof(wire->nodes[5].pair_of));
    memset(overlays[5], 0, overlay_bytes(&wire->nodes[5].config));
    overlay_init(overlays[5], &wire->nodes[5].config);
    const struct event event = {.kind = EVENT_START};
    wire_now(wire, 5, &event);
    wire_run(wire, 130 * SECONDS);
    cr_assert_geq(ready_count(5), 3);
    finish(wire);
}

Test(overlay, backoff_grows)
{
    struct wire *wire = network(2, 1, 5);
    wire->nodes[1].down = true;
    const struct event event = {.kind = EVENT_START};
    wire_now(wire, 0, &event);
    wire_run(wire, 2000 * SECONDS);
    /* 1+2+4+...+512+600+600: about a dozen attempts in 2000 s, not 2000 */
    cr_assert_leq(wire->nodes[0].next_request, 20);
    cr_assert_geq(wire->nodes[0].next_request, 8);
    finish(wire);
}

/* The peer's own dials break before it greets: they say nothing of ours. */
Test(overlay, a_half_link_does_not_postpone_a_dial)
{
    struct wire *wire = network(2, 1, 8);
    const struct event begin = {.kind = EVENT_START};
    struct event up = {.kind = EVENT_LINK_UP,
                       .link_up = {.link = 40, .endpoint = wire_endpoint(900)}};
    const struct event down = {.kind = EVENT_LINK_DOWN, .link_down = {.link = 40}};
    memcpy(up.link_up.peer, wire->nodes[1].node_id, 32);
    wire->nodes[1].down = true;
    wire_now(wire, 0, &begin);
    wire_run(wire, 2 * SECONDS);
    for (uint32_t i = 0; i < 8; i++) {
        wire_now(wire, 0, &up);
        wire_now(wire, 0, &down);
    }
    wire->nodes[1].down = false;
    wire_run(wire, 10 * SECONDS);
    cr_assert_eq(ready_count(0), 1);
    finish(wire);
}

Test(overlay, wanted_links_come_and_go)
{
    struct wire *wire = network(20, 2, 6);
    wire->policy.links_out = 2;
    start(wire);
    wire_run(wire, 10 * SECONDS);
    struct ctx c = wire->host.c;
    c.mono_ns = wire->now_ns;
    for (uint32_t peer = 8; peer < 14; peer++) {
        struct endpoint endpoint = wire_endpoint(peer);
        overlay_want(overlays[0], &c, wire->nodes[peer].node_id, &endpoint);
    }
    wire_run(wire, 15 * SECONDS);
    for (uint32_t peer = 8; peer < 14; peer++) {
        cr_assert_neq(overlay_find(overlays[0], wire->nodes[peer].node_id), LINK_NONE);
    }
    uint32_t with = ready_count(0);
    overlay_unwant_all(overlays[0]);
    wire_run(wire, 60 * SECONDS);
    cr_assert_lt(ready_count(0), with);
    cr_assert_geq(ready_count(0), 2);
    finish(wire);
}

/* The chain names an endpoint where nobody listens; the book knows better. */
Test(overlay, a_wrong_endpoint_costs_time_only)
{
    struct wire *wire = network(4, 3, 12);
    struct endpoint nowhere = wire_endpoint(999);
    struct ctx c = wire_ctx(wire, 0);
    for (uint32_t peer = 1; peer < 4; peer++) {
        overlay_want(overlays[0], &c, wire->nodes[peer].node_id, &nowhere);
    }
    start(wire);
    wire_run(wire, 30 * SECONDS);
    cr_assert_eq(ready_count(0), 3);
    finish(wire);
}

Test(overlay, full_of_links_refuses_more)
{
    struct wire *wire = network(30, 4, 7);
    wire->policy.links_out = 4;
    wire->policy.links_max = 6;
    start(wire);
    wire_run(wire, 120 * SECONDS);
    for (uint32_t i = 0; i < 30; i++) {
        cr_assert_leq(ready_count(i), 6);
        cr_assert_geq(ready_count(i), 1);
    }
    cr_assert_eq(wire->traces[TRACE_peer_misbehaved], 0);
    finish(wire);
}

/* One frame that must cost the link. */
static void must_blame(const uint8_t *frame, size_t len, enum err err)
{
    struct wire *wire = network(2, 1, 8);
    start(wire);
    wire_run(wire, 3 * SECONDS);
    uint32_t link = overlay_find(overlays[0], wire->nodes[1].node_id);
    wire_inject(wire, 0, link, span_of(frame, len));
    cr_assert_eq(wire->traces[TRACE_peer_misbehaved], 1);
    cr_assert_eq(wire->last_trace[TRACE_peer_misbehaved][1], (uint64_t)err);
    cr_assert_eq(overlay_ready(overlays[0]), 0);
    wire_inject(wire, 0, link, span_of(frame, len)); /* what was on its way is not looked at */
    cr_assert_eq(wire->traces[TRACE_peer_misbehaved], 1);
    wire_run(wire, 60 * SECONDS);
    cr_assert_eq(overlay_ready(overlays[0]), 0, "kept away for a while");
    wire_run(wire, 1500 * SECONDS);
    cr_assert_neq(overlay_ready(overlays[0]), 0, "not for ever");
    finish(wire);
}

Test(overlay, bad_frames_cost_the_link)
{
    uint8_t hello[128];
    size_t len;
    uint8_t endpoint[18] = {0};
    struct frame_hello m = {.version = 1, .genesis = genesis.hash, .endpoint = endpoint};
    cr_assert_eq(frame_hello_encode(hello, sizeof(hello), &len, &m), ERR_OK);
    must_blame(hello, len, ERR_INVALID);                           /* HELLO twice */
    must_blame((const uint8_t[]){FRAME_PEERS, 0}, 2, ERR_INVALID); /* nobody asked */
    must_blame((const uint8_t[9]){FRAME_PONG}, 9, ERR_INVALID);    /* nobody asked */
    must_blame((const uint8_t[]){FRAME_PING, 1, 2}, 3, ERR_TRUNCATED);
    must_blame((const uint8_t[10]){FRAME_PING}, 10, ERR_TRAILING);
    must_blame((const uint8_t[]){0x0f}, 1, ERR_UNKNOWN);
}

Test(overlay, a_stranger_says_hello_or_goes)
{
    struct wire *wire = network(2, 0, 9);
    struct event up = {.kind = EVENT_LINK_UP, .link_up = {.link = 3}};
    uint8_t frame[128];
    uint8_t endpoint[18] = {0};
    uint8_t other[32] = {1};
    size_t len;
    start(wire);
    memcpy(up.link_up.peer, wire->nodes[1].node_id, 32);
    /* silence: closed after 5 s */
    wire_now(wire, 0, &up);
    wire_run(wire, wire->now_ns + 4 * SECONDS);
    struct event down = {.kind = EVENT_LINK_DOWN, .link_down = {.link = 3}};
    wire_run(wire, wire->now_ns + 2 * SECONDS);
    struct frame_hello m = {.version = 1, .genesis = genesis.hash, .endpoint = endpoint};
    cr_assert_eq(frame_hello_encode(frame, sizeof(frame), &len, &m), ERR_OK);
    wire_inject(wire, 0, 3, span_of(frame, len));
    cr_assert_eq(overlay_ready(overlays[0]), 0);
    wire_now(wire, 0, &down);
    /* another network */
    m.genesis = other;
    cr_assert_eq(frame_hello_encode(frame, sizeof(frame), &len, &m), ERR_OK);
    wire_now(wire, 0, &up);
    wire_inject(wire, 0, 3, span_of(frame, len));
    cr_assert_eq(wire->last_trace[TRACE_peer_misbehaved][1], ERR_NETWORK);
    wire_now(wire, 0, &down);
    finish(wire);
}

Test(overlay, gossip_of_one_peer_cannot_fill_the_book)
{
    struct wire *wire = network(2, 1, 10);
    start(wire);
    wire_run(wire, 3 * SECONDS);
    uint32_t link = overlay_find(overlays[0], wire->nodes[1].node_id);
    for (uint32_t round = 0; round < 40; round++) {
        uint8_t items[16 * FRAME_PEER_BYTES];
        uint8_t frame[sizeof(items) + 8];
        size_t len;
        rng_bytes(&wire->host.rng, items, sizeof(items));
        const struct frame_peers m = {.peers = {.data = items, .count = 16}};
        cr_assert_eq(frame_peers_encode(frame, sizeof(frame), &len, &m), ERR_OK);
        wire_run(wire, wire->now_ns + 300 * SECONDS);
        link = overlay_find(overlays[0], wire->nodes[1].node_id);
        if (link != LINK_NONE) {
            wire_inject(wire, 0, link, span_of(frame, len));
        }
    }
    wire_run(wire, wire->now_ns + 10 * SECONDS);
    cr_assert_leq(wire->nodes[0].next_request, 20000);
    finish(wire);
}

Test(overlay, memory_of_an_idle_node)
{
    struct wire *wire = network(4, 3, 11);
    start(wire);
    wire_run(wire, 600 * SECONDS);
    size_t bytes = overlay_bytes(&wire->nodes[0].config);
    const uint8_t *memory = (const uint8_t *)overlays[0];
    size_t pages = 0;
    for (size_t at = 0; at < bytes; at += 4096) {
        size_t left = bytes - at < 4096 ? bytes - at : 4096;
        bool used = false;
        for (size_t i = 0; i < left; i++) {
            used = used || memory[at + i] != 0;
        }
        pages += used;
    }
    cr_log_info("overlay: %zu bytes of space, %zu pages touched", bytes, pages);
    cr_assert_leq(pages, 4);
    finish(wire);
}
