/* The parts of the overlay, shared by its sources. */
#ifndef ORRERY_CHAIN_OVERLAY_PRIVATE_H
#define ORRERY_CHAIN_OVERLAY_PRIVATE_H

#include "node/chain/overlay.h"
#include "node/seam/config.h"
#include "node/seam/limits.h"

#define SECOND_NS 1000000000u

/* Where a link stands. A closed link waits for its LINK_DOWN: what still arrives is not looked at.
 */
enum link_phase { PHASE_NONE, PHASE_GREETING, PHASE_READY, PHASE_CLOSING };

/* Why a link exists. */
enum link_role {
    ROLE_INBOUND,
    ROLE_RANDOM, /* dialed: one of links_out */
    ROLE_MESH    /* dialed because somebody wanted this node */
};

struct link_state {
    struct overlay_link link;
    uint8_t phase;
    uint8_t role;
    uint8_t silent; /* ping periods without a frame */
    uint8_t pings;  /* not answered yet */
    bool peers_asked;
    uint64_t prefix;        /* network of the remote address, 0: exempt */
    uint64_t peers_told_ns; /* when PEERS was last sent, 0 never */
};

/* A known peer. */
struct book_entry {
    uint8_t node_id[32]; /* zero: a seed known by its endpoint alone */
    struct endpoint endpoint;
    uint8_t failures; /* since it was last linked */
    uint8_t flags;
    uint32_t source;  /* first bytes of who named it: nobody may fill the book */
    uint64_t next_ns; /* not dialed before */
};

enum { BOOK_TRIED = 1, BOOK_SEED = 2, BOOK_BUSY = 4 };

struct book {
    uint32_t count;
    struct book_entry entries[BOOK_ENTRIES_MAX];
};

/* A CONNECT on its way. */
struct dial {
    uint32_t request; /* 0: free */
    uint8_t role;
    uint8_t node_id[32];
    struct endpoint endpoint;
};

struct want {
    uint8_t node_id[32];
    struct endpoint endpoint;
    uint8_t failures;
    bool busy; /* linked or dialed */
    uint64_t next_ns;
};

struct ban {
    uint8_t node_id[32];
    uint64_t until_ns;
};

struct overlay {
    const struct node_config *config;
    const struct node_policy *policy;
    uint64_t used, ready, heard;                                       /* masks of links */
    uint64_t ping_ns, dial_ns, greet_ns, rotate_ns, peers_ns, trim_ns; /* deadlines */
    uint32_t restore_request;                                          /* READ of the anchors */
    uint32_t dial_count;
    uint32_t want_count;
    uint32_t ban_next;
    uint64_t ping_nonce;
    uint64_t tip_height, final_height; /* as HELLO said last */
    uint8_t node_id[32];
    struct dial dials[DIALS_MAX];
    struct ban bans[BANS_MAX];
    struct want wants[WANTS_MAX];
    struct link_state links[LINKS_MAX];
    struct book book; /* it is written from its low end */
};

static inline bool endpoint_equal(const struct endpoint *a, const struct endpoint *b)
{
    return a->port == b->port && memcmp(a->address, b->address, sizeof(a->address)) == 0;
}

/* The lowest link of a mask that is not empty, taken out. */
static inline uint32_t mask_take(uint64_t *mask)
{
    uint32_t link = (uint32_t)__builtin_ctzll(*mask);
    *mask &= *mask - 1;
    return link;
}

/* 1 s x 2^failures up to 10 minutes, +-20 % (spec: stream 3). */
uint64_t overlay_backoff_ns(struct ctx *c, uint32_t failures);

/* --- overlay_book.c --- */
bool id_is_zero(const uint8_t id[32]);
struct book_entry *book_find(struct book *book, const uint8_t node_id[32]);
/* Adds a peer, or makes room for it. from: who said so, NULL for the operator. A peer's endpoint is
 * changed by the peer itself alone. */
void book_add(struct overlay *overlay, struct ctx *c, const uint8_t node_id[32],
              const struct endpoint *endpoint, const uint8_t *from);
/* A peer to dial now, each as likely, or NULL; then *next_ns is when one will be (or
 * DEADLINE_NONE). */
struct book_entry *book_pick(struct overlay *overlay, struct ctx *c, uint64_t *next_ns);
/* Encoded items of PEERS: up to `max` of the book, none of them `to`. Returns how many. */
size_t book_sample(struct overlay *overlay, struct ctx *c, uint8_t *out, size_t max,
                   const uint8_t to[32]);
/* The network of an address, by which links are limited; 0 for private ones, which are exempt
 * (decision 26). */
uint64_t overlay_prefix(const struct endpoint *endpoint);
/* True when no more links to this address's network are allowed. */
bool overlay_prefix_full(const struct overlay *overlay, const struct endpoint *endpoint);

/* --- overlay_dial.c --- */
uint32_t overlay_count(const struct overlay *overlay, enum link_role role); /* with its dials */
struct want *want_find(struct overlay *overlay, const uint8_t node_id[32]);
/* The dial of a request, taken out; false when there is none. */
bool dial_take(struct overlay *overlay, struct dial *dial, uint32_t request);
/* A dial failed, or its link ended before the greeting. */
void dial_failed(struct overlay *overlay, struct ctx *c, const struct dial *dial);
void peer_linked(struct overlay *overlay, const uint8_t node_id[32]);
/* A link ends, of which `state` is still what it was. */
void peer_gone(struct overlay *overlay, struct ctx *c, const struct link_state *state);
void overlay_dial(struct overlay *overlay, struct ctx *c);
void overlay_rotate(struct overlay *overlay, struct ctx *c);
void overlay_trim(struct overlay *overlay, struct ctx *c);
/* Writes the two oldest dialed links as anchors. */
void anchor_write(struct ctx *c, const struct overlay_link *link);

#endif
