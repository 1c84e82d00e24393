/* A tiny deterministic network for module tests: a few nodes, links with a fixed delay, one queue
 * of events in the order (time, sequence). The test supplies what a node does with an event. Link
 * `host`. */
#ifndef ORRERY_TESTS_SUPPORT_WIRE_H
#define ORRERY_TESTS_SUPPORT_WIRE_H

#include "node/seam/config.h"
#include "tests/support/ctx.h"

#define WIRE_NODES_MAX 64

struct wire;

/* One event at one node; c is ready, its effects are carried out afterwards. */
typedef void wire_step(struct wire *wire, uint32_t node, struct ctx *c, const struct event *event);
typedef uint64_t wire_deadline(struct wire *wire, uint32_t node);

struct wire_queued {
    uint64_t at_ns, order;
    uint32_t node;
    uint32_t pair; /* link pair + 1 it travels on, 0: none */
    uint64_t epoch;
    struct event event;
};

struct wire_pair {
    bool used;
    uint64_t epoch; /* of the use: what is on its way when it ends is lost */
    uint32_t node[2], link[2];
    uint32_t request; /* of the CONNECT until it is answered, then 0 */
};

struct wire_node {
    struct node_config config;
    struct rng rng;
    uint32_t next_request;
    uint8_t node_id[32];
    uint32_t pair_of[LINKS_MAX]; /* + 1 */
    uint64_t blocked;            /* nodes */
    bool down;                   /* refuses connects, hears nothing */
    uint64_t frames_sent;
    uint64_t traces[TRACE_KINDS];
    uint64_t last[TRACE_KINDS][TRACE_VALUES_MAX];
    struct record_kept {
        uint8_t key[RECORD_KEY_BYTES_MAX];
        size_t key_len;
        const struct blob *value;
        bool damaged; /* reads leave it out and say so */
    } * records;      /* ascending */
    size_t record_count;
};

struct wire {
    struct test_host host;
    struct node_policy policy;
    uint32_t count;
    uint64_t now_ns, delay_ns, wall_ms;
    uint64_t orders;
    wire_step *step;
    wire_deadline *deadline;
    void *user;
    struct wire_node nodes[WIRE_NODES_MAX];
    struct wire_pair pairs[WIRE_NODES_MAX * 64];
    struct wire_queued *queue;
    size_t queued, capacity;
    uint64_t frames_by_code[256]; /* delivered */
    uint64_t wakes;
    uint64_t traces[TRACE_KINDS];
    uint64_t last_trace[TRACE_KINDS][TRACE_VALUES_MAX];
};

struct wire *wire_new(uint32_t count, uint64_t seed, const struct genesis *genesis);
/* Returns the blobs that are still alive. */
uint64_t wire_end(struct wire *wire);
/* Runs until this time. */
void wire_run(struct wire *wire, uint64_t until_ns);
/* One step at a node now, outside the queue. */
void wire_now(struct wire *wire, uint32_t node, const struct event *event);
/* A ctx of a node for calls outside events; wire_effects carries out what they did. */
struct ctx wire_ctx(struct wire *wire, uint32_t node);
void wire_effects(struct wire *wire, uint32_t node);
/* Puts a record of a node, or takes it away (value NULL). */
void wire_record_set(struct wire *wire, uint32_t node, struct span key, const struct blob *value);
/* A frame as if the peer behind `link` of `node` had sent it. */
void wire_inject(struct wire *wire, uint32_t node, uint32_t link, struct span frame);
/* Breaks the links of two nodes and refuses new ones, or allows them again. */
void wire_block(struct wire *wire, uint32_t a, uint32_t b, bool blocked);
/* Breaks a link on both sides. */
void wire_cut(struct wire *wire, uint32_t node, uint32_t link);
/* The link of a to b, or LINK_NONE. */
uint32_t wire_link(const struct wire *wire, uint32_t a, uint32_t b);
struct endpoint wire_endpoint(uint32_t node);
uint32_t wire_node_of(const struct wire *wire, const uint8_t node_id[32]);

#endif
