/* The host behind host.h, for the files of the daemon that make it up: host.c (life), step.c
 * (events and effects), link.c (one socket), statics.c (keys of peers), wires.c (all of them:
 * dialing, accepting, limits), datagram.c, durable.c. */
#ifndef ORRERY_DAEMON_HOST_PRIVATE_H
#define ORRERY_DAEMON_HOST_PRIVATE_H

#include "node/base/invariant.h"
#include "node/base/memo.h"
#include "node/daemon/channel.h"
#include "node/daemon/handshake.h"
#include "node/daemon/host.h"
#include "node/daemon/log.h"

#define SECOND_NS 1000000000ull
#define HOST_SCRATCH_BYTES ((size_t)16 << 20)
#define HOST_ARENA_BYTES ((size_t)8 << 20)
#define READ_BUFFER_BYTES 65536
#define WRITE_MESSAGES 7 /* of one write: below 64 KiB */
#define STATICS_MAX 512
#define ASSEMBLY_BYTES_MAX ((size_t)128 << 20) /* of frames that are not whole, all links */
#define ASSEMBLY_FREE_BYTES ((size_t)1 << 20)  /* of one link: not looked at */
#define CLIENT_ASSEMBLY_BYTES 1024             /* the same of a client */
#define FRAME_NS (60 * SECOND_NS)              /* from the first byte of a frame to its last */

enum link_phase {
    PHASE_CONNECTING, /* TCP, dialed */
    PHASE_HANDSHAKE,
    PHASE_CONFIRMING, /* accepted by IK or NK: the first message will show that it is no replay */
    PHASE_OPEN,       /* the node knows it */
    PHASE_CLIENT,     /* NK: the node does not */
    PHASE_CLOSING
};

/* Frames on their way out, oldest first: a ring of references. */
struct send_queue {
    const struct blob **frame;
    uint32_t room, first, count;
    uint32_t offset; /* stream bytes of the oldest that have left, its length included */
    uint64_t bytes;  /* of the stream, waiting */
};

/* One socket. */
struct link {
    uv_tcp_t tcp; /* first: a handle is its link */
    struct host *host;
    struct link *previous, *next;
    enum link_phase phase;
    uint32_t index;   /* of the seam; LINK_NONE unless open */
    uint32_t request; /* of the CONNECT when dialed */
    bool dialed;
    bool expects; /* a dialed node id is known */
    bool client;  /* the other side is one */
    struct endpoint remote;
    uint8_t peer[32];
    uint64_t since_ns;
    uint64_t deadline_ns; /* of connecting, of the handshake */
    uint64_t partial_ns;  /* when the present message began to come in, 0: none */
    uint64_t heard_ns;
    uint64_t frame_ns;    /* when the present frame began to come in, 0: none */
    uint64_t progress_ns; /* when bytes last left, while some wait */
    uint64_t received_bytes, sent_bytes;
    struct handshake *handshake; /* until it is done */
    uv_connect_t connecting;
    struct channel channel;
    struct send_queue queue;
    uint64_t in_flight; /* bytes libuv holds */
    uint8_t *in;        /* a message that is not whole, NULL: none */
    uint32_t in_len, in_room;
};

/* Transport keys of nodes met before: IK needs them. */
struct known_static {
    uint8_t node_id[32];
    uint8_t key[NOISE_KEY_BYTES];
    uint64_t used_ns; /* 0: free */
    bool kept;        /* a record holds it */
};

enum later_kind { LATER_READ, LATER_DOWN, LATER_SUBMIT };

/* What became known inside a step and is told after it. */
struct later {
    struct later *next;
    enum later_kind kind;
    union {
        struct {
            uint32_t request, limit;
            bool backwards;
            uint8_t prefix_len, from_len;
            uint8_t prefix[RECORD_KEY_BYTES_MAX], from[RECORD_KEY_BYTES_MAX];
        } read;
        struct {
            uint32_t link, request;
            enum link_end why;
            struct host_peer peer; /* as it was */
        } down;
        struct {
            uint64_t request;
            enum submit_kind kind;
            struct host_reply reply;
            size_t len;
        } submit;
    };
    uint8_t data[]; /* of SUBMIT */
};

struct asked {
    struct asked *next;
    uint64_t request;
    struct host_reply reply;
};

enum host_life { HOST_NEW, HOST_RUNNING, HOST_STOPPING, HOST_STOPPED };

struct host {
    uv_loop_t *loop;
    const struct node_config *config;
    struct shared *shared;
    struct store *store;
    struct node *node;
    size_t node_bytes;
    struct identity identity;
    struct link_limits limits;
    enum host_life life;
    bool in_step;
    unsigned handles; /* open libuv handles of the host itself */
    uint64_t writes_pending;
    uint64_t next_submit;
    uint64_t next_prune_ns; /* of memory that steps have touched */
    void (*stopped)(void *context);
    void *stopped_context;
    struct host_observer *observers;
    struct later *later_first, *later_last;
    struct asked *asked;
    struct link *links, *links_last; /* newest first */
    struct link *slot[LINKS_MAX];    /* open links */
    uint64_t slots_used;             /* taken until the node knows of the end */
    uint32_t socket_count;
    uint32_t accepting_count; /* handshakes that others began */
    struct host_stats stats;
    uv_timer_t wake, sweep;
    uv_prepare_t prepare;
    uv_idle_t idle;
    uv_tcp_t listener[HOST_LISTEN_MAX];
    uv_udp_t socket[HOST_LISTEN_MAX];
    struct endpoint listen[HOST_LISTEN_MAX];
    size_t listen_count, listeners_open, sockets_open;
    struct known_static statics[STATICS_MAX];
    struct arena scratch;
    struct effects effects;
    uint8_t read_buffer[READ_BUFFER_BYTES];
    uint8_t write_buffer[WRITE_MESSAGES * CHANNEL_MESSAGE_BYTES_MAX];
};

/* --- host.c --- */
void host_random(uint8_t *out, size_t len);
/* A handle of the host was closed. */
void host_handle_closed(uv_handle_t *handle);
/* When everything of a stopping host is gone, done is called. */
void host_stop_check(struct host *host);
void host_notify(struct host *host, const struct host_notice *notice);
void host_wake_start(struct host *host, uint64_t wait_ms);
/* Keeps the loop from sleeping until what waits has been told. */
void host_idle_start(struct host *host);

/* --- step.c --- */
void later_add(struct host *host, struct later *later);
/* Tells the node what waits, a bounded part of it. */
void later_run(struct host *host);
void later_drop(struct host *host);
void host_rearm(struct host *host);

/* --- durable.c --- */
void durable_write(struct host *host, const struct effect *effect);
void durable_read(struct host *host, const struct effect *effect);
void durable_read_run(struct host *host, const struct later *later);

/* --- link.c --- */
struct link *link_new(struct host *host);
/* The socket is connected: the handshake begins. */
void link_begin(struct link *link);
/* A frame to be sent; takes over the reference. */
void link_send(struct link *link, const struct blob *frame);
/* Hands waiting frames to the socket. */
void link_flush(struct link *link);
/* Ends the link; a node that knew it (or dialed it) is told. */
void link_close(struct link *link, enum link_end why, const char *reason);
void link_peer(const struct link *link, struct host_peer *peer);

/* --- wires.c --- */
enum err wires_listen(struct host *host);
void wires_close(struct host *host);
void wire_connect(struct host *host, const struct effect *effect);
/* Gives an authenticated link its place and tells the node. False: closed. */
bool wire_up(struct link *link);
void wires_sweep(struct host *host, uint64_t now_ns);

/* --- statics.c --- */
/* What the records of a former life know. */
void statics_load(struct host *host);
/* What a handshake taught; keep: over a restart too. */
void static_learn(struct host *host, const uint8_t node_id[32], const uint8_t key[NOISE_KEY_BYTES],
                  bool keep);
/* The key remembered is no longer right. */
void static_forget(struct host *host, const uint8_t node_id[32]);
const uint8_t *static_find(struct host *host, const uint8_t node_id[32]);

/* --- datagram.c --- */
enum err datagrams_open(struct host *host);
void datagram_send(struct host *host, const struct endpoint *to, const struct blob *frame);

#endif
