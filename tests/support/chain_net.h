/* A few chains over one store, with records on a virtual disk that can crash, and no network: the
 * test carries blocks from one to another. */
#ifndef ORRERY_TESTS_SUPPORT_CHAIN_NET_H
#define ORRERY_TESTS_SUPPORT_CHAIN_NET_H

#include "node/chain/chain.h"
#include "node/crypto/sign.h"
#include "sim/disk/records.h"
#include "tests/support/ctx.h"

enum { NET_PEERS_MAX = 8, NET_READS_MAX = 8, NET_WRITES_MAX = 1024, NET_GENESIS_BYTES = 1 << 16 };

struct net_read {
    uint32_t request, limit;
    uint8_t prefix[64], from[64];
    size_t prefix_len, from_len;
    bool backwards;
};

struct net_peer {
    struct node_config config;
    struct chain *chain;
    uint32_t next_request;
    bool ready; /* recovered */
    struct records records;
    uint32_t last_write; /* request of the newest batch */
    uint32_t queued;     /* batches pushed and not committed */
    struct net_read reads[NET_READS_MAX];
    uint32_t read_count;
    uint64_t traced[TRACE_KINDS]; /* how often */
    uint64_t last[TRACE_KINDS][TRACE_VALUES_MAX];
};

struct chain_net {
    struct test_host host;
    struct genesis genesis;
    const struct blob *genesis_state;
    struct node_policy policy;
    uint64_t mono_ns;
    int64_t wall_skew_ms;
    unsigned peer_count;
    struct net_peer peer[NET_PEERS_MAX];
    uint8_t genesis_bytes[NET_GENESIS_BYTES];
};

/* Peers with equal bonds, started. params: NULL for the defaults. memo: TEST_MEMO_*. */
void net_make(struct chain_net *net, unsigned peers, const struct params *params, int memo);
/* Returns the blobs that are still alive: 0 unless somebody leaks. */
uint64_t net_end(struct chain_net *net);

/* One step of a peer: between these two, call the chain with the ctx. */
struct ctx *net_begin(struct chain_net *net, struct net_peer *peer);
void net_finish(struct chain_net *net, struct net_peer *peer);

/* Starts a peer on whatever its disk holds and answers its reads until it has recovered. */
void net_start(struct chain_net *net, struct net_peer *peer);
/* Power off: what was not committed is gone; memory is given back. */
void net_crash(struct chain_net *net, struct net_peer *peer);
/* Makes the oldest batch durable and delivers its WRITE_DONE; false when there is none. */
bool net_commit(struct chain_net *net, struct net_peer *peer, struct chain_news *news);
/* The disk refuses everything that is queued, and says so for the newest batch. */
void net_refuse(struct chain_net *net, struct net_peer *peer);
void net_commit_all(struct chain_net *net, struct net_peer *peer);
enum err net_block(struct chain_net *net, struct net_peer *peer, const struct blob *block,
                   struct chain_news *news);
/* Wakes a peer if it is due. */
void net_wake(struct chain_net *net, struct net_peer *peer, struct chain_news *news);
/* Time goes to the earliest deadline of the peers in mask; wakes it, commits, and hands what became
 * valid to all others in the mask. */
void net_advance(struct chain_net *net, unsigned mask);
/* Until the tip of the first peer in the mask is at this height. */
void net_run(struct chain_net *net, unsigned mask, uint64_t height);

const struct tree_entry *net_tip(const struct net_peer *peer);
/* A transfer by the account of peer `from` to that of peer `to`; one reference. */
const struct blob *net_transfer(struct chain_net *net, unsigned from, unsigned to, uint64_t nonce,
                                uint64_t amount, uint64_t fee_max, uint64_t expiry);
void net_account_key(uint8_t key[32], const struct net_peer *peer);

/* Blocks of a peer's best chain above its last checkpoint, ascending, each with a reference.
 * Returns how many. */
size_t net_blocks(struct chain_net *net, const struct net_peer *peer, const struct blob **blocks);
void net_blocks_drop(struct chain_net *net, const struct blob **blocks, size_t count);

#endif
