/* What happened, told once: the feed follows the node after its steps, keeps the recent blocks, the
 * index and the verdicts up to date, and tells listeners (WebSocket, metrics) of blocks, finality
 * and transactions. */
#ifndef ORRERY_DAEMON_FEED_H
#define ORRERY_DAEMON_FEED_H

#include "node/daemon/api.h"
#include "node/daemon/recent.h"

enum feed_kind {
    FEED_BLOCK,   /* a block joined the best chain */
    FEED_UNDONE,  /* a block left it */
    FEED_FINAL,   /* the checkpoint moved */
    FEED_WAITING, /* a transaction waits */
    FEED_PASSED,  /* it waits no more: in a block, expired, or pushed out */
    FEED_STATUS   /* a transaction was refused here, or has expired */
};

struct feed_event {
    enum feed_kind kind;
    union {
        const struct recent_block *block; /* of FEED_BLOCK, FEED_UNDONE */
        struct {
            uint64_t height;
            uint8_t id[32];
        } final;
        struct {
            uint8_t id[32], sender[32], recipient[32]; /* recipient: zeros when nobody is paid */
            const struct blob *tx;                     /* of FEED_WAITING */
            uint64_t expiry;
            uint64_t since_ns; /* when it was first seen to wait */
            bool included;     /* of FEED_PASSED: it is in a block */
        } waiting;
        struct {
            uint8_t id[32], sender[32];
            enum err err;
        } status;
    };
};

struct feed_listener {
    void (*told)(void *context, const struct feed_event *event);
    void *context;
    struct feed_listener *next; /* the feed's */
};

struct feed;

/* Begins to follow the node of api; sets api->feed, api->recent and api->verdicts. */
enum err feed_open(struct feed **feed, struct api *api) MUST_CHECK;
void feed_close(struct feed *feed);
void feed_listen(struct feed *feed, struct feed_listener *listener);

/* After a step that changed the tip or the checkpoint: blocks and finality. */
void feed_chain(struct feed *feed);
/* Now and then (every 100 ms): transactions that wait; and the index goes on. */
void feed_pool(struct feed *feed);

#endif
