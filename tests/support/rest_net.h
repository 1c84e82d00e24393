/* Four whole nodes on the tiny wire, and the REST interface of the first one: real blocks, votes,
 * transactions and records, no sockets. Link `host` and `daemon`. */
#ifndef ORRERY_TESTS_SUPPORT_REST_NET_H
#define ORRERY_TESTS_SUPPORT_REST_NET_H

#include "node/daemon/api_call.h"
#include "node/daemon/faucet.h"
#include "node/daemon/feed.h"
#include "node/daemon/index.h"
#include "node/daemon/metrics.h"
#include "tests/support/peers.h"

enum { REST_NODES = 4 };

struct rest_net {
    struct peers *peers;
    struct node *nodes[REST_NODES];
    struct api api;
    struct feed *feed;
    int64_t clock_ms; /* added to what the daemon believes the date to be */
    char folder[64];  /* of the index */
    bool remote;      /* who asks is not on this machine but at `from` */
    uint8_t from[16];
    struct host_reply reply;
    uint64_t requests;
    uint64_t events[FEED_STATUS + 1]; /* told by the feed */
    struct feed_listener listener;
};

/* Started, with an index in a folder below /tmp and a faucet paid by the account of node 1. */
struct rest_net *rest_net_new(uint64_t seed);
/* Returns the blobs that are still alive. */
uint64_t rest_net_end(struct rest_net *net);
/* Lets the network run for so many seconds; the feed follows. */
void rest_net_run(struct rest_net *net, uint64_t seconds);
/* One request; the answer's body as JSON (NULL when it is none), to be given back. */
json_t *rest_net_ask(struct rest_net *net, unsigned *status, enum api_method method,
                     const char *target, const char *body);
/* A signed transfer by the account of node `from` as hex, and its id. */
void rest_net_transfer(struct rest_net *net, char hex[1024], uint8_t id[32], unsigned from,
                       const uint8_t to[32], uint64_t nonce, uint64_t amount);

/* Whether a value has the shape that the table says. why: 128 bytes. */
bool shape_check(const json_t *value, const char *shape, char *why);

#endif
