#include "tests/support/wan/router.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "sim/net/draw.h"

#define READ_RUN_MAX 64

enum { IP_HEADER_BYTES = 40, IP_DESTINATION_AT = 24 };

struct packet {
    uint64_t due_ns;
    uint64_t number;
    uint32_t to;
    uint16_t bytes;
    bool in_line; /* the receiver's download has been counted */
    uint8_t data[];
};

enum err router_open(struct router *router, struct router_node *nodes, uint32_t count,
                     const struct cities *cities, uint64_t loss_q32, uint64_t seed)
{
    size_t pairs = (size_t)count * count;

    if (count > ROUTER_NODES_MAX) {
        return ERR_RANGE;
    }
    *router = (struct router){.cities = cities,
                              .nodes = nodes,
                              .count = count,
                              .loss_q32 = loss_q32,
                              .seed = seed,
                              .exponential = malloc(sizeof(*router->exponential)),
                              .last_due_ns = calloc(pairs + 1, sizeof(uint64_t)),
                              .sent = calloc(pairs + 1, sizeof(uint64_t)),
                              .heap = malloc(ROUTER_PACKETS_MAX * sizeof(struct packet *))};
    if (router->exponential == NULL || router->last_due_ns == NULL || router->sent == NULL ||
        router->heap == NULL) {
        router_close(router);
        return ERR_NO_MEMORY;
    }
    quantile_build_exponential(router->exponential);
    return ERR_OK;
}

void router_close(struct router *router)
{
    for (size_t i = 0; i < router->heap_count; i++) {
        free(router->heap[i]);
    }
    free(router->heap);
    free(router->sent);
    free(router->last_due_ns);
    free(router->exponential);
    *router = (struct router){.count = 0};
}

/* --- the heap --- */

static bool packet_before(const struct packet *a, const struct packet *b)
{
    return a->due_ns != b->due_ns ? a->due_ns < b->due_ns : a->number < b->number;
}

static void heap_push(struct router *router, struct packet *packet)
{
    size_t at = router->heap_count++;

    while (at > 0 && packet_before(packet, router->heap[(at - 1) / 2])) {
        router->heap[at] = router->heap[(at - 1) / 2];
        at = (at - 1) / 2;
    }
    router->heap[at] = packet;
    if (router->heap_count > router->stats.under_way_max) {
        router->stats.under_way_max = router->heap_count;
    }
}

static struct packet *heap_pop(struct router *router)
{
    struct packet *first = router->heap[0];
    struct packet *last = router->heap[--router->heap_count];
    size_t at = 0;

    for (;;) {
        size_t child = 2 * at + 1;
        if (child >= router->heap_count) {
            break;
        }
        if (child + 1 < router->heap_count &&
            packet_before(router->heap[child + 1], router->heap[child])) {
            child++;
        }
        if (packet_before(last, router->heap[child])) {
            break;
        }
        router->heap[at] = router->heap[child];
        at = child;
    }
    router->heap[at] = last;
    return first;
}

/* --- in --- */

/* UINT32_MAX: nobody's. */
static uint32_t destination(const struct router *router, const uint8_t *data, size_t bytes)
{
    if (bytes < IP_HEADER_BYTES || data[0] >> 4 != 6) {
        return UINT32_MAX;
    }
    for (uint32_t i = 0; i < router->count; i++) {
        if (memcmp(router->nodes[i].address, data + IP_DESTINATION_AT, 16) == 0) {
            return i;
        }
    }
    return UINT32_MAX;
}

static uint64_t later(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}

static void packet_take(struct router *router, uint32_t from, uint32_t to, const uint8_t *data,
                        size_t bytes, uint64_t now_ns)
{
    struct router_node *source = &router->nodes[from];
    const struct router_node *target = &router->nodes[to];
    size_t pair = (size_t)from * router->count + to;
    uint64_t number = router->sent[pair]++;
    uint64_t up_ns = bandwidth_time_ns(source->bandwidth.up_q20, (uint32_t)bytes);
    uint64_t down_ns = bandwidth_time_ns(target->bandwidth.down_q20, (uint32_t)bytes);

    router->stats.packets++;
    router->stats.bytes += bytes;
    if (source->queue.up_free_ns > now_ns + ROUTER_QUEUE_NS ||
        router->heap_count == ROUTER_PACKETS_MAX) {
        router->stats.full++;
        return;
    }
    uint64_t start_ns = bandwidth_upload(&source->queue, now_ns, up_ns);
    if (draw_hit(draw(router->seed, DRAW_LINK_LOSS, from, to, number), router->loss_q32)) {
        router->stats.lost++; /* on its way: it has used the line */
        return;
    }
    struct city_pair path = cities_pair(router->cities, source->city, target->city);
    uint64_t jitter_ns =
        quantile_sample(router->exponential, draw(router->seed, DRAW_LINK_JITTER, from, to, number),
                        path.jitter_ns);
    struct packet *packet = malloc(sizeof(*packet) + bytes);
    if (packet == NULL) {
        router->stats.full++;
        return;
    }
    *packet = (struct packet){.number = router->number++, .to = to, .bytes = (uint16_t)bytes};
    packet->due_ns = later(router->last_due_ns[pair],
                           start_ns + later(up_ns, down_ns) + source->bandwidth.access_ns +
                               target->bandwidth.access_ns + path.base_ns + jitter_ns);
    router->last_due_ns[pair] = packet->due_ns;
    memcpy(packet->data, data, bytes);
    heap_push(router, packet);
}

void router_read(struct router *router, uint32_t node, uint64_t now_ns)
{
    uint8_t data[ROUTER_PACKET_BYTES];

    for (unsigned i = 0; i < READ_RUN_MAX; i++) {
        ssize_t got = read(router->nodes[node].tun, data, sizeof(data));
        if (got <= 0) {
            return; /* empty, or the device is going */
        }
        uint32_t to = destination(router, data, (size_t)got);
        if (to == UINT32_MAX || to == node) {
            router->stats.stray++;
        } else {
            packet_take(router, node, to, data, (size_t)got, now_ns);
        }
    }
}

/* --- out --- */

static void late_count(struct router_stats *stats, uint64_t late_ns)
{
    uint64_t late_us = late_ns / 1000;
    unsigned bin = late_us == 0 ? 0 : 64 - (unsigned)__builtin_clzll(late_us);

    stats->late[bin < ROUTER_LATE_BINS ? bin : ROUTER_LATE_BINS - 1]++;
    stats->late_ns_max = later(stats->late_ns_max, late_ns);
}

/* True: the packet waits for the receiver's line and is in the heap again, or was dropped there. */
static bool line_wait(struct router *router, struct packet *packet)
{
    struct router_node *target = &router->nodes[packet->to];

    if (packet->in_line || target->bandwidth.down_q20 == 0) {
        return false;
    }
    if (target->queue.down_free_ns > packet->due_ns + ROUTER_QUEUE_NS) {
        router->stats.full++;
        free(packet);
        return true;
    }
    packet->in_line = true;
    packet->due_ns =
        bandwidth_download(&target->queue, packet->due_ns,
                           bandwidth_time_ns(target->bandwidth.down_q20, packet->bytes));
    heap_push(router, packet);
    return true;
}

uint64_t router_deliver(struct router *router, uint64_t now_ns)
{
    while (router->heap_count > 0 && router->heap[0]->due_ns <= now_ns) {
        struct packet *packet = heap_pop(router);
        if (line_wait(router, packet)) {
            continue;
        }
        if (write(router->nodes[packet->to].tun, packet->data, packet->bytes) == packet->bytes) {
            router->stats.delivered++;
            late_count(&router->stats, now_ns - packet->due_ns);
        } else {
            router->stats.full++;
        }
        free(packet);
    }
    return router->heap_count > 0 ? router->heap[0]->due_ns : UINT64_MAX;
}
