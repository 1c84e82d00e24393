/* The faucet of a test network: small payments to whoever asks, from an account of its own.
 *
 * Rules: an address gets at most amount_max within a window of window_ms by the node's clock, and
 * nothing while its free balance is at least balance_max or a payment of the faucet to it is not in
 * a block yet; a client's network address may ask asks_max times per window. What was paid is read
 * from the chain itself, so that a restart forgets nothing; who asked is kept in a bounded table.
 * (spec: history 6: the original meant 24 hours and waited 1 h 01 min.) */
#ifndef ORRERY_DAEMON_FAUCET_H
#define ORRERY_DAEMON_FAUCET_H

#include "node/daemon/api.h"

#define FAUCET_WINDOW_MS UINT64_C(86400000) /* 24 hours */

struct faucet_options {
    uint8_t seed[32];     /* of the paying account */
    uint64_t amount_max;  /* atomic units per address and window */
    uint64_t balance_max; /* atomic units */
    uint64_t window_ms;   /* FAUCET_WINDOW_MS */
    uint32_t asks_max;    /* of one client address per window; 0: no limit. Loopback is exempt */
};

struct faucet;

/* Amounts of 100 and 1,000 tokens, 24 hours, 10 requests. */
void faucet_defaults(struct faucet_options *options);
struct faucet *faucet_open(struct api *api, const struct faucet_options *options);
void faucet_close(struct faucet *faucet);

#endif
