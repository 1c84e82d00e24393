/* Host two: one node on a real network. The mirror image of sim/world: libuv brings frames, timers
 * and finished writes, host_step turns each into one event, and what the node asks for in that step
 * is done when it returns. One thread (that of the loop) runs everything declared here; commits to
 * disk happen on libuv's pool and come back to it. spec: design 2, 5
 *
 * Other parts of the daemon (REST, WebSocket, metrics) live on the same loop. They look at the node
 * through host_node and node/core/view.h between two steps, ask it by host_submit, and hear what
 * happens as observers. Inside the daemon callbacks are fine; none crosses the seam. */
#ifndef ORRERY_DAEMON_HOST_H
#define ORRERY_DAEMON_HOST_H

#include <uv.h>

#include "node/core/node.h"
#include "node/seam/config.h"

struct host;
struct shared;
struct store;

#define HOST_LISTEN_MAX 8

/* Limits of links (spec: stream 3). SIGHUP replaces them; links over a new limit stay. */
struct link_limits {
    uint32_t links_max;             /* sockets of all classes that finished their handshake; 256 */
    uint32_t links_prefix_max;      /* of one /16 (IPv4) or /32 (IPv6); 32 */
    uint32_t handshakes_max;        /* at once; 64 */
    uint32_t handshakes_prefix_max; /* at once of one prefix; 8 */
    uint64_t handshake_ns;          /* from the socket's opening to its end; 5 s */
    uint64_t message_ns;            /* from the first byte of a message to its last; 10 s */
    uint64_t stall_ns;              /* a send queue that nothing leaves ends the link; 20 s */
    uint64_t connect_ns;            /* of a dial, TCP alone; 5 s */
    uint32_t send_bytes_max;        /* queued on one link; 32 MiB */
    bool local_exempt;              /* loopback and private networks know no prefix (decision 26) */
};

/* The limits of the specification, loopback and private networks exempt. */
void link_limits_default(struct link_limits *limits);

struct host_options {
    uv_loop_t *loop;                         /* the caller runs it */
    const struct node_config *node;          /* outlives the host */
    struct shared *shared;                   /* blobs and memo, the store's */
    struct store *store;                     /* open; outlives the host */
    uint8_t transport_seed[32];              /* X25519 secret of the links; copied */
    struct endpoint listen[HOST_LISTEN_MAX]; /* TCP and UDP */
    size_t listen_count;
    struct link_limits limits;
};

struct host_time {
    uint64_t mono_ns;
    uint64_t wall_ms;
};

/* Who is behind a link. */
struct host_peer {
    uint32_t link; /* of the seam */
    uint8_t node_id[32];
    struct endpoint remote; /* the other end of the socket */
    bool dialed;
    uint64_t since_ns; /* mono */
    uint64_t received_bytes, sent_bytes;
    uint64_t queued_bytes; /* waiting to be sent */
};

struct host_stats {
    uint64_t steps, events[EVENT_STOP + 1];
    uint64_t step_ns; /* time spent in node_step */
    uint64_t received_bytes, sent_bytes, received_frames, sent_frames;
    uint64_t accepted, refused; /* sockets */
    uint64_t handshakes, handshakes_failed;
    uint64_t handshakes_ik;  /* of those, dialed to a node whose key was known */
    uint64_t links, clients; /* now */
    uint64_t writes_pending; /* batches not durable yet */
    uint64_t datagrams_in, datagrams_out, datagrams_dropped;
    uint64_t charge[COST_COUNT]; /* work the protocol counted */
};

enum host_notice_kind {
    HOST_TRACE,     /* the node traced something */
    HOST_LINK_UP,   /* after the node was told */
    HOST_LINK_DOWN, /* after the node was told */
    HOST_FAILED     /* a write failed for good: the host stops by itself */
};

struct host_notice {
    enum host_notice_kind kind;
    struct host_time time;
    union {
        struct {
            enum trace_kind kind;
            const uint64_t *value; /* TRACE_VALUES_MAX of them */
        } trace;
        const struct host_peer *peer; /* of HOST_LINK_UP and HOST_LINK_DOWN */
        enum err err;                 /* of HOST_FAILED */
    };
};

/* Called after the step whose effects they are, in order; never inside a step. An observer may call
 * host_submit (it is queued) but not host_step. */
struct host_observer {
    void (*notice)(void *context, const struct host_notice *notice);
    void *context;
    struct host_observer *next; /* the host's */
};

/* The answer to a submission, once: from a later turn of the loop or from inside host_submit's
 * step. ERR_INTERRUPTED when the host stops first. data: as EFFECT_REPLY says. */
struct host_reply {
    void (*done)(void *context, enum err err, struct span data);
    void *context;
};

/* Makes a host, its node and its sockets; nothing happens before the loop runs. ERR_NO_MEMORY;
 * ERR_IO: an address cannot be listened on (logged). */
enum err host_open(struct host **host, const struct host_options *options) MUST_CHECK;

/* A node's transport key known from elsewhere, before host_start: links to it begin with IK, which
 * shows our own key to nobody else. One that is wrong is forgotten at the first try. */
void host_transport_set(struct host *host, const uint8_t node_id[32],
                        const uint8_t transport_key[32]);

/* EVENT_START, then listens. */
enum err host_start(struct host *host) MUST_CHECK;

/* EVENT_STOP, closes every link, waits for pending writes, then calls done on the loop. */
void host_stop(struct host *host, void (*done)(void *context), void *context);

/* After done of host_stop: frees everything and drops the node. */
void host_free(struct host *host);

/* One event through the node, its effects into the world. Sets the times of the event. Not from
 * inside a step: see host_submit. */
void host_step(struct host *host, struct event *event);

/* Asks the node; data is copied. The reply comes exactly once. Safe at any time on the loop's
 * thread. */
void host_submit(struct host *host, enum submit_kind kind, struct span data,
                 struct host_reply reply);

void host_observe(struct host *host, struct host_observer *observer);
void host_unobserve(struct host *host, struct host_observer *observer);

const struct node *host_node(const struct host *host);
const struct node_config *host_config(const struct host *host);
struct shared *host_shared(const struct host *host);
struct store *host_store(const struct host *host);
uv_loop_t *host_loop(const struct host *host);
struct host_time host_now(const struct host *host);
const uint8_t *host_node_id(const struct host *host); /* 32 bytes */

/* Peers in the order of their links. Returns how many were written, at most LINKS_MAX. */
size_t host_peers(const struct host *host, struct host_peer peers[LINKS_MAX]);
void host_stats(const struct host *host, struct host_stats *stats);
void host_limits_set(struct host *host, const struct link_limits *limits);

#endif
