/* The seam between the protocol and its host: events in, effects out, data only. No callback
 * crosses it. Time is an argument of every event and the next deadline a return value. mono_ns
 * never goes back and drives deadlines; wall_ms is what the node believes the date to be, may jump,
 * and goes into blocks. */
#ifndef ORRERY_SEAM_SEAM_H
#define ORRERY_SEAM_SEAM_H

#include "node/base/arena.h"
#include "node/base/blob.h"
#include "node/base/bytes.h"
#include "node/base/err.h"
#include "node/seam/trace.h"

#define LINKS_MAX 64 /* links of one node: a set of links is one u64 mask */
#define LINK_NONE UINT32_MAX
#define NODE_DATAGRAM_BYTES_MAX 1200
#define RECORD_KEY_BYTES_MAX 64
#define DEADLINE_NONE UINT64_MAX

struct endpoint {
    uint8_t address[16]; /* IPv6, or IPv4 mapped */
    uint16_t port;
};

/* One durable record. Both parts belong to the host until the step returns; keep the value by
 * blob_keep. */
struct record {
    const uint8_t *key;
    size_t key_len;
    const struct blob *value;
};

enum event_kind {
    EVENT_START,      /* first event of a life; whatever survived is found by READ */
    EVENT_WAKE,       /* the deadline has come */
    EVENT_LINK_UP,    /* a link is authenticated and usable */
    EVENT_LINK_DOWN,  /* a link ended, or a CONNECT failed (link = LINK_NONE) */
    EVENT_RECV,       /* a frame on a link, or a datagram */
    EVENT_READ_DONE,  /* answer to READ */
    EVENT_WRITE_DONE, /* the batch is durable, or failed as a whole */
    EVENT_SUBMIT,     /* a person's request: answered by exactly one REPLY */
    EVENT_STOP        /* a clean stop: last event of a life */
};

enum link_end { LINK_CLOSED_HERE, LINK_CLOSED_THERE, LINK_BROKEN, LINK_REFUSED, LINK_UNREACHABLE };

enum submit_kind {
    SUBMIT_TX,  /* data: one encoded transaction */
    SUBMIT_BODY /* data: type u16 | body: the node's own account signs it, with the next nonce */
};

struct event {
    enum event_kind kind;
    uint64_t mono_ns;
    uint64_t wall_ms;
    union {
        struct {
            uint32_t link;    /* 0..LINKS_MAX-1, free again after LINK_DOWN */
            bool dialed;      /* this node connected */
            uint32_t request; /* of the CONNECT when dialed */
            uint8_t peer[32]; /* authenticated node id */
            struct endpoint endpoint;
        } link_up;
        struct {
            uint32_t link;
            uint32_t request; /* of the failed CONNECT when link is LINK_NONE */
            enum link_end why;
        } link_down;
        struct {
            uint32_t link; /* LINK_NONE: a datagram */
            struct endpoint from;
            const struct blob *frame; /* the host's reference; keep it by blob_keep */
        } recv;
        struct {
            uint32_t request;
            enum err err;
            const struct record *records; /* ascending keys; damaged ones left out: ERR_CORRUPT */
            size_t count;
            bool more; /* cut at the limit: ask again from after the last key */
        } read_done;
        struct {
            uint32_t request;
            enum err err;
        } write_done;
        struct {
            uint64_t request;
            enum submit_kind kind;
            uint32_t expiry_blocks; /* of a body: valid for so many blocks; 0: the node's custom */
            struct span data;
        } submit;
    };
};

enum effect_kind {
    EFFECT_CONNECT,
    EFFECT_CLOSE,
    EFFECT_SEND,
    EFFECT_DATAGRAM,
    EFFECT_READ,
    EFFECT_WRITE,
    EFFECT_REPLY,
    EFFECT_TRACE
};

/* One operation of a batch: value NULL deletes the key. */
struct record_op {
    struct span key;
    const struct blob *value;
};

struct effect {
    enum effect_kind kind;
    union {
        struct {
            uint32_t request;
            struct endpoint endpoint;
            uint8_t peer[32]; /* expected node id; all zero: whoever answers */
        } connect;
        struct {
            uint32_t link;
        } close;
        struct {
            uint32_t link;
            const struct blob *frame; /* a reference the host takes over */
            /* More than the frame's length: what the frame stands for, and what a simulated line
             * is charged. A real one sends the frame as it is. */
            uint32_t declared_bytes;
        } send;
        struct {
            struct endpoint to;
            const struct blob *frame; /* a reference the host takes over */
        } datagram;
        struct {
            uint32_t request;
            struct span prefix; /* in the arena of effects */
            struct span from;   /* first key wanted (inclusive), >= prefix; empty: from the start of
                                   the prefix */
            uint32_t limit;
            bool backwards; /* from the end of the prefix (or from `from`) downwards */
        } read;
        struct {
            uint32_t request; /* 0: nobody waits, WRITE_DONE comes only when it failed */
            struct record_op
                *ops; /* in the arena of effects; each value is a reference the host takes over */
            size_t count;
        } write;
        struct {
            uint64_t request;
            enum err err;
            struct span data; /* in the arena of effects */
        } reply;
        struct {
            enum trace_kind kind;
            uint64_t value[TRACE_VALUES_MAX];
        } trace;
    };
};

/* Work units charged in a step. The simulator turns counts into virtual CPU time; the daemon
 * ignores them. */
#define COST_LIST(X)                                                                               \
    X(STEP, "one event handled")                                                                   \
    X(HASH_KIB, "1 KiB of BLAKE2b")                                                                \
    X(VERIFY, "Ed25519 verification")                                                              \
    X(SIGN, "Ed25519 signature")                                                                   \
    X(VRF_BETA, "VRF output without proof")                                                        \
    X(VRF_PROVE, "VRF proof")                                                                      \
    X(VRF_VERIFY, "VRF verification")                                                              \
    X(STATE_READ, "one leaf read from the state tree")                                             \
    X(STATE_WRITE, "one leaf written to the state tree")                                           \
    X(HANDSHAKE, "link handshake")

enum cost {
#define X(name, text) COST_##name,
    COST_LIST(X)
#undef X
        COST_COUNT
};

#define EFFECTS_MAX 2048

/* Filled by one step; the host empties it and resets the arena. */
struct effects {
    size_t count;
    struct effect list[EFFECTS_MAX];
    struct arena arena;
    uint64_t charge[COST_COUNT];
};

struct node;
struct node_config;

/* Bytes of memory one node needs. Mostly address space: a node touches it from the low end as it
 * grows. */
size_t node_bytes(const struct node_config *config);

/* Makes a node in zeroed memory of node_bytes(config), aligned to 64. config and shared outlive it.
 */
void node_init(struct node *node, const struct node_config *config, const uint8_t seed[32],
               struct shared *shared);

/* Handles one event. out is empty on entry. scratch is reset by the host between steps. */
void node_step(struct node *node, const struct event *event, struct effects *out,
               struct arena *scratch);

/* A hint that a step is near: what it will touch is fetched into the cache, nothing changes. frame:
 * of EVENT_RECV, or NULL. The node has been initialised. */
void node_fetch(const struct node *node, const struct blob *frame);

/* When EVENT_WAKE is due at the latest, or DEADLINE_NONE. */
uint64_t node_deadline_ns(const struct node *node);

/* Digest of everything the protocol decides by (not of caches). */
void node_digest(const struct node *node, uint8_t digest[32]);

/* Gives back every blob the node holds: after EVENT_STOP, and when the host drops a crashed node.
 */
void node_drop(struct node *node);

#endif
