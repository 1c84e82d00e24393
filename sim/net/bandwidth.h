/* The access link of a node: a rate up, a rate down, and a first-come queue on each. The core of
 * the network is free; delay and loss belong to the pair (link.h).
 *
 * A message flows through both access links at once, as packets do, so one message alone takes as
 * long as the slower of the two, not their sum. With U, D its time on the sender's up and the
 * receiver's down link, s the start of the upload and L the one-way delay, its last byte is in when
 *   finish = max(s + L + U, max(down_free, s + L) + D) = max(A, down_free + D),
 *   A      = s + L + max(U, D).
 * The sender computes A; the receiver, at time A, the rest. So no node reads another's queue, and a
 * receiver that is not congested has the message at A itself. */
#ifndef ORRERY_SIM_NET_BANDWIDTH_H
#define ORRERY_SIM_NET_BANDWIDTH_H

#include "node/base/bytes.h"
#include "node/base/err.h"

/* Time per byte in 2^-20 ns, 0: no limit; and what the access link adds to every path, each way.
 * Immutable: senders read the receiver's. */
struct bandwidth {
    uint64_t up_q20;
    uint64_t down_q20;
    uint64_t access_ns;
};

/* A node's own. Zeroed at a start or crash. */
struct bandwidth_queue {
    uint64_t up_free_ns;
    uint64_t down_free_ns;
};

/* Rates in bits per second; 0: no limit. ERR_RANGE below 1 kbit/s, above 1 Tbit/s, or an access
 * delay above 100 s. */
MUST_CHECK enum err bandwidth_init(struct bandwidth *bandwidth, uint64_t up_bps, uint64_t down_bps,
                                   uint64_t access_ns);

static inline uint64_t bandwidth_time_ns(uint64_t time_q20, uint32_t bytes)
{
    return (uint64_t)((u128)time_q20 * bytes >> 20);
}

/* Queues a message whose upload takes time_ns; returns when it begins. */
static inline uint64_t bandwidth_upload(struct bandwidth_queue *queue, uint64_t now_ns,
                                        uint64_t time_ns)
{
    uint64_t start_ns = queue->up_free_ns > now_ns ? queue->up_free_ns : now_ns;
    queue->up_free_ns = start_ns + time_ns;
    return start_ns;
}

/* The receiver's part at the arrival A of a message whose download takes time_ns: when it has the
 * last byte. Equal to arrival_ns unless the queue is behind. Call in the order of arrivals. */
static inline uint64_t bandwidth_download(struct bandwidth_queue *queue, uint64_t arrival_ns,
                                          uint64_t time_ns)
{
    uint64_t queued_ns = queue->down_free_ns + time_ns;
    queue->down_free_ns = queued_ns > arrival_ns ? queued_ns : arrival_ns;
    return queue->down_free_ns;
}

#endif
