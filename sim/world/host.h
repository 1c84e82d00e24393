/* One virtual machine: the node's slab and everything outside it that belongs to it alone. Touched
 * by one thread inside a slot. */
#ifndef ORRERY_WORLD_HOST_H
#define ORRERY_WORLD_HOST_H

#include "node/core/node.h"
#include "sim/adversary/adversary.h"
#include "sim/churn/churn.h"
#include "sim/clock/clock.h"
#include "sim/cpu/cpu.h"
#include "sim/disk/disk.h"
#include "sim/disk/records.h"
#include "sim/engine/engine.h"
#include "sim/net/link.h"
#include "sim/record/record.h"
#include "sim/world/payload.h"

enum wire_state {
    WIRE_FREE,
    WIRE_DIALING,
    WIRE_ACCEPTED, /* the handshake is answered; up with the dialer's first frame */
    WIRE_UP,
    WIRE_CLOSING /* closed here; the node has not been told that it is down */
};

/* One end of a link. */
struct wire {
    uint32_t peer;     /* node index */
    uint8_t peer_link; /* index at the peer */
    uint8_t state;
    uint8_t number;      /* up or closing: what the node calls the link */
    uint16_t generation; /* of this end; changes at each reuse, so late frames are recognised */
    uint16_t peer_generation;
    bool dialed;
    bool proven;           /* dialed: a frame is on its way */
    uint32_t request;      /* of the CONNECT */
    struct link_side side; /* towards the peer: order and draws */
};

/* The other end counts on it. */
static inline bool wire_stands(const struct wire *x)
{
    return x->state == WIRE_UP || x->state == WIRE_ACCEPTED;
}

struct waiting {
    struct waiting *next;
    uint32_t src;
    uint64_t payload;
};

/* A READ whose disk time runs; answered with what the disk holds when it is over. */
struct pending_read {
    struct pending_read *next;
    uint32_t request, limit;
    bool backwards;
    uint8_t prefix_len, from_len;
    uint8_t prefix[RECORD_KEY_BYTES_MAX], from[RECORD_KEY_BYTES_MAX];
};

struct host {
    struct node *node; /* address space for the whole run, pages as touched */
    const struct node_config *config;
    struct adversary *adversary; /* NULL: nobody stands between the node and the world */
    bool up;
    bool joined, away, wiped;
    bool silent; /* down without a word: nothing answers for it */
    uint16_t group, city, region, profile;
    uint32_t life;       /* starts so far */
    uint32_t wires_used; /* wires ever used: scans stop here */
    struct bandwidth_queue line;
    struct clock clock;
    struct cpu cpu;
    struct waiting *wait_first, *wait_last; /* events that wait for the processor */
    uint64_t mono_last_ns;
    uint64_t sent_bytes, received_bytes, sent_frames, received_frames;
    /* Up to here: what every event touches, three cache lines. */
    uint64_t written_bytes;
    uint64_t trace_count;
    struct disk disk;
    struct disk_profile disk_profile;
    struct records records;
    uint64_t height, final_height; /* as last traced */
    uint32_t links;
    uint32_t wires_opened; /* names the draws of each link */
    uint64_t datagrams;
    struct churn_node churn;
    struct pending_read *reads;
    uint64_t numbers_used;      /* of links that the node has been told of */
    uint8_t wire_of[LINKS_MAX]; /* by number */
    struct wire wire[LINKS_MAX];
};

/* The end that the node calls by this number, or NULL. */
static inline struct wire *host_link(struct host *h, uint32_t number)
{
    return (h->numbers_used >> number & 1) != 0 ? &h->wire[h->wire_of[number]] : NULL;
}

#endif
