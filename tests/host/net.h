/* A few hosts of one network on one loop in one process, over loopback: real sockets, handshakes
 * and clocks. Records are kept in memory. For tests of node/daemon. */
#ifndef ORRERY_TESTS_HOST_NET_H
#define ORRERY_TESTS_HOST_NET_H

#include "node/chain/genesis.h"
#include "node/daemon/host.h"
#include "sim/disk/records.h"

#define NET_MAX 8

struct store; /* of memory_store.c: one node's records */

struct net_node {
    struct net *net;
    struct node_config config;
    struct store *store;
    struct host *host;
    struct host_observer observer;
    bool up, stopped;
    uint64_t final_height, produced, misbehaved, tree_full;
    uint8_t transport[32], node_id[32];
};

struct net {
    uv_loop_t loop;
    uv_timer_t timer;
    struct shared *shared;
    struct genesis genesis;
    uint8_t *genesis_bytes;
    const struct blob *genesis_state;
    void *scratch;
    struct seed_peer seeds[NET_MAX];
    struct link_limits limits;
    struct node_policy policy; /* of all; may be changed before net_start */
    struct net_node nodes[NET_MAX];
    size_t count;
};

/* Nodes with equal stake, T = target_ms. They listen on free ports of a loopback address. */
enum net_family { NET_IPV4, NET_IPV6 };
void net_open(struct net *net, size_t count, uint64_t target_ms, enum net_family family);
bool net_has_ipv6(void);
/* Without host_start: what is set before it can be. */
void net_open_host(struct net *net, size_t node);
void net_start(struct net *net, size_t node);
/* A clean stop; its records stay, and net_start begins its next life. */
void net_stop(struct net *net, size_t node);
/* Runs the loop for so long; false when `until` (may be NULL) did not become true. */
bool net_run(struct net *net, uint64_t ms, bool (*until)(const struct net *net));
/* Stops what runs, and checks that nothing is left. */
void net_close(struct net *net);

/* Every running node has a final block of this height. */
bool net_final(const struct net *net, uint64_t height);

#endif
