/* The parts of catching up, shared by its sources. */
#ifndef ORRERY_CHAIN_SYNC_PRIVATE_H
#define ORRERY_CHAIN_SYNC_PRIVATE_H

#include "node/base/invariant.h"
#include "node/chain/sync.h"
#include "node/seam/config.h"
#include "node/seam/limits.h"
#include "node/wire/frames.h"

#define SYNC_SECOND_NS 1000000000ull
#define HEADERS_MAX 512 /* of one HEADERS (docs/wire.md 9) */
#define LOCATOR_MAX 64
#define SNAP_HEADERS_MAX (RETARGET_WINDOW + 1)
#define SNAP_BATCH 128 /* nodes of one STATE_GET beside the root */
#define BLOCKS_GET_MAX 64
#define WALK_KEPT 512
#define HEADER_PARENT_AT (2 + 32 + 8 + 8) /* docs/wire.md 3 */

enum item_state { ITEM_NEED, ITEM_ASKED, ITEM_HERE };

/* A block on the way to the tip. */
struct sync_item {
    uint8_t id[32];
    const struct blob *block; /* HERE: one reference */
    uint32_t link;            /* asked of, or come from */
    uint8_t state;
};

/* Blocks to get, in the order of their heights: a chain of hashes whose first stands on the tree.
 */
struct sync_queue {
    uint32_t first, count, asked;
    uint32_t source;         /* link that named them */
    uint64_t first_height;   /* of the first */
    bool more;               /* the source's answer was full */
    struct sync_item *items; /* SYNC_QUEUE_MAX */
};

/* A block asked for by its id alone. */
struct sync_wish {
    uint8_t id[32];
    uint64_t due_ns; /* when to ask (again) */
    uint32_t link;   /* to ask first, then: asked */
    uint8_t tries;
    bool used, asked;
    bool firm;       /* finality needs it: it does not make room for another */
    uint64_t height; /* 0: not known */
};

enum ask_kind { ASK_NONE, ASK_LOCATOR, ASK_BACK, ASK_WALK };

/* The one HEADERS that is waited for. */
struct sync_ask {
    uint8_t kind;
    bool low; /* LOCATOR: from the checkpoint, not from the tip */
    uint32_t link;
    uint64_t due_ns;
    uint8_t id[32]; /* BACK, WALK */
};

struct sync_link {
    uint64_t distrust_ns; /* nothing is asked of it before, while there are others */
    uint64_t resort_ns;   /* ... and nothing at all before this */
    uint64_t due_ns;      /* of the blocks asked of it */
    uint32_t asked;       /* blocks */
    uint8_t strikes;
    uint8_t late;  /* questions for headers that were given up: their answers may still come */
    uint8_t reads; /* of records, to serve it */
    uint8_t state; /* STATE_GET is answered from snapshots[state - 1]; 0: from none */
};

enum serve_kind { SERVE_HEADERS, SERVE_BACK, SERVE_BLOCKS };

/* Records being read to answer a request. */
struct sync_serve {
    uint32_t request; /* 0: free */
    uint32_t link;    /* LINK_NONE: gone */
    uint8_t kind;
    bool from_genesis;        /* HEADERS: nothing of the locator was found further up */
    const struct blob *frame; /* the request, one reference */
};

/* A final state kept for those who begin with a snapshot. */
struct sync_snapshot {
    uint8_t id[32];
    uint64_t height;
    uint8_t state_root[32];
    const struct blob *state; /* one reference, NULL: free */
};

enum snap_phase {
    SNAP_OFF, /* not wanted, or done */
    SNAP_HEADERS,
    SNAP_BLOCK,
    SNAP_STATE
};

/* A node of the state on its way: above it on the stack stand the nodes below it in the tree. */
struct snap_node {
    uint8_t hash[32];
    const struct blob *bytes;    /* plain, one reference; NULL: not here yet */
    const struct blob *child[2]; /* finished subtrees, one reference each */
    uint32_t parent;             /* position on the stack */
    uint8_t side;
};

/* Beginning with the state of the trusted checkpoint. */
struct sync_snap {
    uint8_t phase;
    uint32_t link;            /* asked; LINK_NONE: nobody */
    const struct blob *block; /* of the checkpoint, one reference */
    uint32_t header_count;
    uint32_t depth, asked_count;
    uint32_t tries;   /* links asked since anything came */
    uint64_t refused; /* links that do not have it, a bit each; they are asked again last */
    uint64_t nodes;   /* fetched */
};

/* Its large parts: no other node touches them. */
struct sync_snap_parts {
    uint32_t asked[SNAP_BATCH];                      /* positions on the stack */
    uint8_t headers[SNAP_HEADERS_MAX][HEADER_BYTES]; /* newest first */
    struct snap_node stack[SYNC_STACK_MAX];
    uint8_t kept[WALK_KEPT][32]; /* ids of struct sync_walk, a ring by height */
};

/* From a trusted block that is further up than the tree reaches, down to where it does. */
struct sync_walk {
    uint64_t height;    /* of the next header to come; 0: no walk is under way */
    uint64_t low, high; /* heights between which ids are kept, high 0: none */
    uint8_t id[32];     /* of the next header */
};

struct sync {
    const struct node_config *config;
    struct chain *chain;
    struct overlay *overlay;
    struct shared *shared;
    bool busy;
    uint64_t start_ns, feed_ns, blocks_ns, wish_ns, snap_ns; /* deadlines */
    struct sync_ask ask;
    struct sync_snap snap;
    struct sync_walk walk;
    struct sync_snapshot snapshots[SYNC_SNAPSHOTS];
    struct sync_link links[LINKS_MAX];
    struct sync_wish wishes[SYNC_WISHES_MAX];
    struct sync_serve serves[SYNC_SERVES_MAX];
    struct sync_queue queue;
    struct sync_snap_parts *parts;
};

struct sync_room {
    struct sync_item items[SYNC_QUEUE_MAX];
    struct sync_snap_parts parts;
};

static inline uint64_t sync_height(const struct sync *sync)
{
    return chain_entry(sync->chain, chain_tip(sync->chain))->height;
}

static inline uint64_t sync_base(const struct sync *sync)
{
    return chain_entry(sync->chain, chain_final(sync->chain))->height;
}

static inline struct sync_item *queue_at(struct sync_queue *queue, uint32_t i)
{
    return &queue->items[(queue->first + i) % SYNC_QUEUE_MAX];
}

static inline void deadline_lower(uint64_t *deadline, uint64_t at_ns)
{
    if (at_ns < *deadline) {
        *deadline = at_ns;
    }
}

/* Encodes into scratch and sends. */
void sync_send_list(struct ctx *c, uint32_t link, uint8_t code, const uint8_t *ids, size_t count);

/* --- sync.c --- */
/* Nothing is asked of this link for a while, longer each time. */
void sync_distrust(struct sync *sync, struct ctx *c, uint32_t link);
/* A question to this link is given up: an answer that does not fit the next one is no lie. */
static inline void sync_late(struct sync *sync, uint32_t link)
{
    struct sync_link *state = &sync->links[link];
    state->late = (uint8_t)(state->late + (state->late < UINT8_MAX));
}
/* Whether this node is behind by more than a block; tells production and the trace. */
void sync_busy_update(struct sync *sync, struct ctx *c);

/* --- sync_headers.c --- */
/* Asks for headers if somebody claims to be ahead and nothing is under way. */
void sync_start(struct sync *sync, struct ctx *c);
/* Asks a link for a header and its ancestors. False: another question is open. */
bool sync_ask_back(struct sync *sync, struct ctx *c, uint32_t link, const uint8_t id[32],
                   uint64_t height);
/* The question itself, of this kind. */
void sync_back_send(struct sync *sync, struct ctx *c, enum ask_kind kind, uint32_t link,
                    const uint8_t id[32], uint64_t height);
enum err sync_headers_recv(struct sync *sync, struct ctx *c, uint32_t link,
                           struct span frame) MUST_CHECK;
void sync_ask_due(struct sync *sync, struct ctx *c);
/* The next headers while blocks of the last ones still come. */
void sync_ask_more(struct sync *sync, struct ctx *c);

/* --- sync_blocks.c --- */
bool queue_add(struct sync *sync, const uint8_t id[32]);
void queue_clear(struct sync *sync);
/* height: of the first, 0: not known. */
void sync_blocks_ask(struct ctx *c, uint32_t link, const uint8_t *ids, size_t count,
                     uint64_t height);
/* Asks links for blocks of the queue. */
void sync_assign(struct sync *sync, struct ctx *c);
/* Gives blocks that are here and next to the chain, as much as one step may do. */
void sync_feed(struct sync *sync, struct ctx *c, struct chain_news *news);
enum err sync_block_recv(struct sync *sync, struct ctx *c, uint32_t link, const struct blob *frame,
                         struct chain_news *news) MUST_CHECK;
enum err sync_not_found_recv(struct sync *sync, struct ctx *c, uint32_t link,
                             struct span frame) MUST_CHECK;
/* What was asked of this link is asked of others. */
void sync_release(struct sync *sync, uint32_t link);
void sync_blocks_due(struct sync *sync, struct ctx *c);
void sync_wishes_due(struct sync *sync, struct ctx *c);

/* --- sync_snapshot.c --- */
void snap_init(struct sync *sync);
void snap_drop(struct sync *sync);
static inline bool snap_runs(const struct sync *sync)
{
    return sync->snap.phase != SNAP_OFF;
}
/* Asks somebody for what is next, if nobody is asked. */
void snap_ask(struct sync *sync, struct ctx *c);
void snap_due(struct sync *sync, struct ctx *c);
/* The link is gone. */
void snap_release(struct sync *sync, struct ctx *c, uint32_t link);
enum err snap_headers_recv(struct sync *sync, struct ctx *c, struct varlist headers) MUST_CHECK;
void snap_block_recv(struct sync *sync, struct ctx *c, const struct blob *block);
enum err snap_state_recv(struct sync *sync, struct ctx *c, uint32_t link, struct span frame,
                         struct chain_news *news) MUST_CHECK;

/* --- sync_walk.c --- */
/* Headers from the trusted block down are wanted before more blocks are. */
bool walk_wanted(const struct sync *sync);
/* Tells the chain what to trust next on the way to the trusted block. */
void walk_trust(struct sync *sync, const struct ctx *c);
/* Asks for the next headers. */
void walk_ask(struct sync *sync, struct ctx *c, uint32_t link);
enum err walk_answer(struct sync *sync, struct ctx *c, uint32_t link,
                     struct varlist headers) MUST_CHECK;

/* --- sync_serve.c --- */
enum err sync_serve_frame(struct sync *sync, struct ctx *c, uint32_t link,
                          const struct blob *frame) MUST_CHECK;
void sync_serve_down(struct sync *sync, uint32_t link);
/* Keeps the final states of the last epoch boundaries. */
void sync_snapshots_keep(struct sync *sync, struct ctx *c);

#endif
