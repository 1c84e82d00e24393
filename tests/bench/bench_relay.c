/* What the frames cost that a node receives most: a transaction it has, announcements of those it
 * has, pings, a compact block it has; and what overlay, relay and catching up touch of their
 * memory. build/tests/bench/bench_relay */
#include <stdio.h>
#include <time.h>

#include "tests/support/peers.h"

#define ROUNDS 1000000u

static double now_s(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static void measure(struct peers *peers, const char *name, struct span bytes)
{
    struct peer *peer = &peers->node[0];
    struct wire *wire = peers->wire;
    uint32_t link = (uint32_t)__builtin_ctzll(overlay_ready(peer->overlay));
    const struct blob *frame = blob_put(wire->host.shared, bytes.data, bytes.len);
    struct ctx c = wire_ctx(wire, 0);
    struct chain_news news = {.link = link};
    double start = now_s();
    for (uint32_t i = 0; i < ROUNDS; i++) {
        bool ready;
        overlay_heard(peer->overlay, link);
        enum err err = bytes.data[0] >> 4 == 0
                           ? overlay_frame(peer->overlay, &c, link, bytes, &ready)
                           : relay_frame(peer->relay, &c, link, frame, &news);
        if (err != ERR_OK) {
            printf("%s: %s\n", name, err_text(err));
            return;
        }
        if (c.out->count > 1000) {
            test_host_step_end(&wire->host);
        }
    }
    printf("%-32s %6.1f ns\n", name, (now_s() - start) * 1e9 / ROUNDS);
    test_host_step_end(&wire->host);
    blob_drop(wire->host.shared, frame);
}

static size_t pages(const void *memory, size_t bytes)
{
    const uint8_t *m = memory;
    size_t count = 0;
    for (size_t at = 0; at < bytes; at += 4096) {
        size_t end = at + 4096 < bytes ? at + 4096 : bytes;
        size_t i = at;
        while (i < end && m[i] == 0) {
            i++;
        }
        count += i < end;
    }
    return count;
}

static void memory(const struct peers *peers, const char *when)
{
    const struct node_config *config = &peers->wire->nodes[0].config;
    const struct peer *peer = &peers->node[0];
    printf("%s, pages of 4 KiB written to / bytes of space: overlay %zu / %zu, relay %zu / %zu, "
           "sync %zu / %zu\n",
           when, pages(peer->overlay, overlay_bytes(config)), overlay_bytes(config),
           pages(peer->relay, relay_bytes(config)), relay_bytes(config),
           pages(peer->sync, sync_bytes(config)), sync_bytes(config));
}

int main(void)
{
    struct peers *peers = peers_new(24, 24, 12, 1);
    peers->wire->policy.links_out = 8;
    peers_start_all(peers);
    peers_run(peers, 600);
    memory(peers, "idle for 10 minutes");
    for (uint32_t i = 0; i < 8; i++) {
        (void)!peers_transfer(peers, i);
        peers_run(peers, 1);
    }
    memory(peers, "8 transactions later");
    const struct tree_entry *tip = peers_tip(peers, 0);
    uint8_t frame[700];
    size_t len;
    const struct frame_tx m = {.tx = span_of(peers->tx, peers->tx_len)};
    (void)!frame_tx_encode(frame, sizeof(frame), &len, &m);
    measure(peers, "TX, here already", span_of(frame, len));
    const struct frame_tx_ihave have = {.ids = {.data = peers->tx_ids[0], .count = 8}};
    (void)!frame_tx_ihave_encode(frame, sizeof(frame), &len, &have);
    measure(peers, "TX_IHAVE of 8, here already", span_of(frame, len));
    const struct frame_block_ihave block = {.block = tip->id, .height = tip->height};
    (void)!frame_block_ihave_encode(frame, sizeof(frame), &len, &block);
    measure(peers, "BLOCK_IHAVE, here already", span_of(frame, len));
    measure(peers, "PONG's PING", span_of((const uint8_t[9]){FRAME_PING}, 9));
    printf("alive blobs at the end: %lu\n", peers_end(peers));
    return 0;
}
