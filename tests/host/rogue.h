/* Those who break the rules of links, played by a test over real sockets against the hosts of
 * net.h: plain connections, and peers with keys of their own. */
#ifndef ORRERY_TESTS_HOST_ROGUE_H
#define ORRERY_TESTS_HOST_ROGUE_H

#include "node/daemon/channel.h"
#include "node/daemon/handshake.h"
#include "tests/host/net.h"

/* What must come, comes within this; a busy machine takes its time. */
enum { WAIT_MS = 40000 };

/* A socket that does not block, or -1. */
int raw_connect(const struct net *net, size_t node);
/* True when the other side has closed the socket; what came before is thrown away. */
bool raw_closed(int s);
/* The same within WAIT_MS, in which the hosts go on. */
bool raw_cut(struct net *net, int s);
size_t raw_read(struct net *net, int s, uint8_t *out, size_t len);

/* A peer of the network by its keys. */
struct rogue {
    struct net *net;
    int s;
    struct identity identity;
    struct channel channel;
    uint8_t first[HANDSHAKE_MESSAGE_BYTES];
};

/* The whole handshake; `who` draws the keys. */
void rogue_link(struct rogue *rogue, struct net *net, size_t node, uint8_t who,
                enum noise_pattern pattern);
/* Greets as a node does. */
void rogue_hello(struct rogue *rogue);
/* A message with a frame whose length is announced, not yet sent. Returns its length. */
size_t rogue_seal(struct rogue *rogue, uint8_t out[CHANNEL_MESSAGE_BYTES_MAX], const uint8_t *frame,
                  uint32_t len, uint32_t announced);
void rogue_send(struct rogue *rogue, const uint8_t *frame, uint32_t len, uint32_t announced);
void rogue_end(struct rogue *rogue);

#endif
