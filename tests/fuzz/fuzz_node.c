#define _DEFAULT_SOURCE
/* A whole node under arbitrary frames: whatever comes over its links, node_step returns, keeps its
 * invariants and gives back every blob. Input: a series of (what u8, length u16, bytes); what 0..3:
 * a frame on link 0 or 1, 4: time passes, 5: a link ends and comes again, 6: a datagram, 7: a
 * submitted transaction. */
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "node/base/invariant.h"
#include "node/core/node.h"
#include "node/wire/frames.h"
#include "tests/support/peers.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct target {
    struct peers *peers;
    struct node_config config;
    struct node *node;
    size_t bytes;
    uint64_t now_ns;
    const struct blob *hello;
};

static void step(struct target *t, struct event *event);

/* The host's part: reads find nothing, writes are durable at once, connects fail. */
static void effects_answer(struct target *t)
{
    struct effects *out = t->peers->wire->host.out;
    struct event answers[64];
    size_t count = 0;

    for (size_t i = 0; i < out->count && count < 64; i++) {
        const struct effect *e = &out->list[i];
        struct event *a = &answers[count];
        *a = (struct event){0};
        if (e->kind == EFFECT_READ) {
            a->kind = EVENT_READ_DONE;
            a->read_done.request = e->read.request;
            count++;
        } else if (e->kind == EFFECT_WRITE && e->write.request != 0) {
            a->kind = EVENT_WRITE_DONE;
            a->write_done.request = e->write.request;
            count++;
        } else if (e->kind == EFFECT_CONNECT) {
            a->kind = EVENT_LINK_DOWN;
            a->link_down.link = LINK_NONE;
            a->link_down.request = e->connect.request;
            a->link_down.why = LINK_UNREACHABLE;
            count++;
        }
    }
    test_host_step_end(&t->peers->wire->host);
    for (size_t i = 0; i < count; i++) {
        step(t, &answers[i]);
    }
}

static void step(struct target *t, struct event *event)
{
    event->mono_ns = t->now_ns;
    event->wall_ms = t->peers->genesis.ts_ms + t->now_ns / 1000000;
    node_step(t->node, event, t->peers->wire->host.out, &t->peers->wire->host.scratch);
    effects_answer(t);
}

static void link_up(struct target *t, uint32_t link)
{
    struct event event = {.kind = EVENT_LINK_UP};

    event.link_up.link = link;
    memset(event.link_up.peer, (int)(7 + link), 32);
    event.link_up.endpoint = t->config.endpoint;
    step(t, &event);
    event = (struct event){.kind = EVENT_RECV};
    event.recv.link = link;
    event.recv.frame = t->hello;
    step(t, &event);
}

static void setup(struct target *t)
{
    uint8_t bytes[128];
    size_t len;
    uint8_t endpoint[ENDPOINT_BYTES] = {0};

    t->peers = peers_finality(4, 4, 3, 1);
    t->config = t->peers->wire->nodes[0].config;
    t->bytes = (node_bytes(&t->config) + 4095) & ~(size_t)4095;
    t->node = mmap(NULL, t->bytes, PROT_READ | PROT_WRITE,
                   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    invariant(t->node != MAP_FAILED);
    struct frame_hello hello = {
        .version = 1, .genesis = t->peers->genesis.hash, .endpoint = endpoint};
    invariant(frame_hello_encode(bytes, sizeof(bytes), &len, &hello) == ERR_OK);
    /* The genesis state lives in the store of the peers: all steps use that one. */
    t->hello = blob_put(t->peers->wire->host.shared, bytes, len);
}

static void submit(struct target *t, const uint8_t *data, size_t len)
{
    struct event event = {.kind = EVENT_SUBMIT};

    event.submit.kind = len > 0 && (data[0] & 1) != 0 ? SUBMIT_TX : SUBMIT_BODY;
    event.submit.data = span_of(data, len);
    step(t, &event);
}

static void play(struct target *t, uint8_t what, const uint8_t *data, size_t len)
{
    struct shared *shared = t->peers->wire->host.shared;
    struct event event = {.kind = EVENT_RECV};
    uint32_t link = what & 1;

    switch (what & 7) {
    case 4:
        t->now_ns += len > 0 ? (uint64_t)data[0] * 100000000 : 1000000;
        event.kind = EVENT_WAKE;
        step(t, &event);
        return;
    case 5:
        event.kind = EVENT_LINK_DOWN;
        event.link_down.link = 0;
        step(t, &event);
        link_up(t, 0);
        return;
    case 7:
        submit(t, data, len);
        return;
    default:
        event.recv.link = (what & 7) == 6 ? LINK_NONE : link;
        event.recv.frame = blob_put(shared, data, len);
        step(t, &event);
        blob_drop(shared, event.recv.frame);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct target *target; /* one per process: making a genesis takes longer than a run */
    uint8_t seed[32] = {1};
    struct event event = {.kind = EVENT_START};
    struct event stop = {.kind = EVENT_STOP};

    if (target == NULL) {
        target = calloc(1, sizeof(*target));
        invariant(target != NULL);
        setup(target);
    }
    target->now_ns = 1000000;
    node_init(target->node, &target->config, seed, target->peers->wire->host.shared);
    step(target, &event);
    link_up(target, 0);
    link_up(target, 1);
    for (size_t at = 0; at + 3 <= size;) {
        size_t len = load16(data + at + 1);
        len = len > size - at - 3 ? size - at - 3 : len;
        play(target, data[at], data + at + 3, len);
        target->now_ns += 1000000;
        at += 3 + len;
    }
    step(target, &stop);
    node_drop(target->node);
    invariant(madvise(target->node, target->bytes, MADV_DONTNEED) == 0);
    return 0;
}
