/* When a message arrives. Everything is computed once, by the sender, at the time of sending, from
 * immutable tables, the sender's own state and draws named by (purpose, source, destination,
 * counter): a pure function, the same on any number of threads. spec: decisions 21, design 2, 4
 *
 * arrival = start of upload + max(upload, download) + access delays + base + Exp(jitter) + clog,
 * never below now + CITIES_BASE_NS_MIN. The receiver's queue is applied at arrival (bandwidth.h).
 *
 * A *link* is TCP: reliable, in order (an arrival is at least 1 ns after the one before it in its
 * direction); trouble becomes delay, then a break.
 * - Loss. A message of m segments (LINK_SEGMENT_BYTES) is hit with 1 - (1 - p)^m. With 4 segments
 *   or more the hole is found by duplicate acknowledgements and sent again one RTT later; a shorter
 *   message waits for the retransmission timeout
 *     RTO = RTT + max(rto_min, 4 mdev),  RTT = 2 (base + jitter + clog), mdev = 2 jitter  (Linux),
 *   doubled after each failure up to rto_max. A repetition is lost with p.
 * - Cut. The first transmission at or after the end of the cut gets through: the timeouts keep
 *   doubling meanwhile, so healing is felt late, as it is in TCP.
 * - Break. When nothing got through for break_after, the sender gives the link up
 * (TCP_USER_TIMEOUT) at start + break_after. A cut of the way back, whose acknowledgements it takes
 * away, breaks the link by the same rule although the message arrives. Nothing arrives after a
 * break. Conditions are those of the time of sending: what begins while a message is under way
 * misses it. Congestion control and slow start are not modelled.
 *
 * With `laws` the network is SimBlock's (laws.h): in place of base + Exp(jitter) a message takes a
 * Pareto draw, in whole milliseconds. One of less than bulk_bytes takes control_ns more and no
 * bandwidth; any other takes its time on the slower access line, in whole milliseconds, and bulk_ns
 * more, and the sender's line carries nothing else that large until it has arrived.
 *
 * A *datagram* may be lost, may come twice (each copy with its own jitter), keeps no order, and
 * does not survive a cut. */
#ifndef ORRERY_SIM_NET_LINK_H
#define ORRERY_SIM_NET_LINK_H

#include "sim/net/bandwidth.h"
#include "sim/net/cities.h"
#include "sim/net/draw.h"
#include "sim/net/laws.h"
#include "sim/net/quantile.h"

enum {
    LINK_SEGMENT_BYTES = 1448,
    DATAGRAM_BYTES_MAX = 1200,
};

#define LINK_NEVER UINT64_MAX

struct link_rules {
    uint64_t loss_q32;       /* per segment or datagram, everywhere; below DRAW_CERTAIN */
    uint64_t duplicate_q32;  /* per datagram */
    uint64_t rto_min_ns;     /* 200 ms in Linux */
    uint64_t rto_max_ns;     /* 120 s in Linux */
    uint64_t break_after_ns; /* at least rto_min_ns */
    uint64_t bootstrap_ns;   /* before this time nothing is lost and rates have no limit */
    uint64_t control_ns, bulk_ns;
    uint32_t bulk_bytes; /* these three with laws only */
};

/* What faults add to the directed pair at the time of sending; NULL stands for none. */
struct link_conditions {
    uint64_t cut_until_ns;      /* 0: open; LINK_NEVER: for good */
    uint64_t cut_back_until_ns; /* the same for the way back */
    uint64_t clog_ns;           /* added to the one-way delay */
    uint64_t loss_q32;          /* a second, independent chance to be lost */
    uint64_t duplicate_q32;
    uint32_t up_num, up_den;     /* the sender's upload takes num / den times as long; >= 1 */
    uint32_t down_num, down_den; /* the receiver's download */
};

#define LINK_CALM ((struct link_conditions){.up_num = 1, .up_den = 1, .down_num = 1, .down_den = 1})

/* The network, shared and immutable after net_init. Arrays are borrowed, one entry per node. */
struct net {
    const struct cities *cities;
    const struct quantile *exponential;
    const struct laws *laws; /* NULL: exponential jitter; set after net_init */
    const uint16_t *city;
    const struct bandwidth *bandwidth;
    uint32_t node_count;
    struct link_rules rules;
    uint64_t key_jitter;
    uint64_t key_loss;
    uint64_t key_resend;
    uint64_t key_datagram_jitter;
    uint64_t key_datagram_loss;
    uint64_t key_copy;
    uint64_t key_copy_jitter;
};

/* One direction of a link; belongs to the sender. */
struct link_side {
    uint64_t last_arrival_ns;
    uint64_t break_ns; /* LINK_NEVER while the link stands */
    uint64_t sent;     /* number of the next message; names its draws */
};

struct link_outcome {
    uint64_t arrival_ns; /* LINK_NEVER: the link breaks first */
    uint64_t break_ns;   /* LINK_NEVER: no break known; else the sender's LINK_DOWN */
    uint32_t resends;
};

/* A side's own direction never changes city, so all of net must outlive it. ERR_RANGE: rules out of
 * range. */
MUST_CHECK enum err net_init(struct net *net, const struct cities *cities,
                             const struct quantile *exponential, const uint16_t *city,
                             const struct bandwidth *bandwidth, uint32_t node_count,
                             const struct link_rules *rules, uint64_t seed);

/* Chance comes from another seed from now on. Between slots. */
void net_reseed(struct net *net, uint64_t seed);

/* A new link. `incarnation` counts the links ever opened between the two, so that no two of them
 * repeat the draws. */
void link_open(struct link_side *side, uint32_t incarnation);

/* Sends `bytes` (with all headers) from src to dst, src != dst. now_ns does not go back on one
 * queue. A side that knows its break takes messages until then; none of them arrives after it. */
void link_send(const struct net *net, struct link_side *side, struct bandwidth_queue *queue,
               const struct link_conditions *conditions, struct link_outcome *out, uint32_t src,
               uint32_t dst, uint64_t now_ns, uint32_t bytes);

/* Sends a datagram; returns how many copies arrive (0 to 2) and when. `number` counts the sender's
 * datagrams and names the draws. bytes <= DATAGRAM_BYTES_MAX plus headers. */
unsigned link_datagram(const struct net *net, struct bandwidth_queue *queue,
                       const struct link_conditions *conditions, uint64_t arrival_ns[2],
                       uint32_t src, uint32_t dst, uint64_t number, uint64_t now_ns,
                       uint32_t bytes);

/* At the receiver, when a message or datagram arrives: when it is in. slow_num / slow_den as
 * down_num / down_den at that time (1 / 1: no fault). */
uint64_t link_receive(const struct net *net, struct bandwidth_queue *queue, uint32_t dst,
                      uint64_t arrival_ns, uint32_t bytes, uint32_t slow_num, uint32_t slow_den);

/* The mean round-trip time of a pair without faults. */
uint64_t link_rtt_ns(const struct net *net, uint32_t a, uint32_t b);

#endif
