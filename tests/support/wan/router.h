/* A wide-area network in user space: IP packets read from the TUN devices of some network
 * namespaces are written to others after the delay, jitter, loss and rate that the simulator gives
 * the same two places (sim/net/cities.h, sim/net/bandwidth.h; spec: decisions 21). The kernels'
 * own TCP runs over it.
 *
 * A packet from a to b is due at
 *   start of a's upload + max(upload, download) + access delays + base + Exp(jitter),
 * not before the packet before it of the same pair, and passes b's download queue then. Loss is
 * drawn per packet. Nothing grows without bound: what would wait longer than ROUTER_QUEUE_NS at
 * an access line, or finds ROUTER_PACKETS_MAX packets under way, is dropped and counted. */
#ifndef ORRERY_TESTS_WAN_ROUTER_H
#define ORRERY_TESTS_WAN_ROUTER_H

#include "sim/net/bandwidth.h"
#include "sim/net/cities.h"
#include "sim/net/quantile.h"

enum {
    ROUTER_NODES_MAX = 256,
    ROUTER_PACKETS_MAX = 65536,
    ROUTER_PACKET_BYTES = 1500,
    ROUTER_LATE_BINS = 32,
};

#define ROUTER_QUEUE_NS ((uint64_t)1000000000)

struct router_node {
    int tun;             /* nonblocking; the caller's */
    uint8_t address[16]; /* IPv6 */
    uint32_t city;
    struct bandwidth bandwidth;
    struct bandwidth_queue queue;
};

struct router_stats {
    uint64_t packets, bytes; /* read from devices for another node */
    uint64_t delivered;      /* written to devices */
    uint64_t lost;           /* by draw */
    uint64_t full;           /* dropped at a limit or by a full device */
    uint64_t stray;          /* for nobody here: router solicitations and the like */
    uint64_t under_way_max;  /* packets */
    uint64_t late_ns_max;    /* after the time a packet was due */
    uint64_t
        late[ROUTER_LATE_BINS]; /* deliveries late by less than 2^i us and not less than half */
};

struct packet;

struct router {
    const struct cities *cities; /* borrowed */
    struct quantile *exponential;
    struct router_node *nodes; /* borrowed */
    uint32_t count;
    uint64_t loss_q32;
    uint64_t seed;
    uint64_t number;       /* of the next packet */
    uint64_t *last_due_ns; /* [count * count] */
    uint64_t *sent;        /* [count * count]: names the draws */
    struct packet **heap;  /* by (due, number) */
    size_t heap_count;
    struct router_stats stats;
};

/* ERR_RANGE: too many nodes; ERR_NO_MEMORY. */
MUST_CHECK enum err router_open(struct router *router, struct router_node *nodes, uint32_t count,
                                const struct cities *cities, uint64_t loss_q32, uint64_t seed);
void router_close(struct router *router);

/* Takes what waits at a node's device, at most so many packets at a time that others get their
 * turn. */
void router_read(struct router *router, uint32_t node, uint64_t now_ns);

/* Delivers what is due. Returns when the next packet is; UINT64_MAX: none is under way. */
uint64_t router_deliver(struct router *router, uint64_t now_ns);

#endif
