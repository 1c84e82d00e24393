/* What a strategy is made of and what it may use; for the files of sim/adversary alone. */
#ifndef ORRERY_SIM_ADVERSARY_KIND_H
#define ORRERY_SIM_ADVERSARY_KIND_H

#include "node/base/invariant.h"
#include "node/chain/chain.h"
#include "node/seam/ctx.h"
#include "node/wire/frames.h"
#include "sim/adversary/adversary.h"
#include "sim/net/draw.h"

#define NODE_UNKNOWN UINT32_MAX

enum parameter_type {
    PARAMETER_TIME,
    PARAMETER_RATIO,
    PARAMETER_COUNT,
    PARAMETER_NODES,
    PARAMETER_WORD
};

struct parameter {
    const char *word; /* NULL: past the last */
    enum parameter_type type;
    const char *value;          /* default; NULL: must be given; "": none (nodes, a ratio) */
    const char *const *choices; /* of a word, NULL at the end */
    uint64_t most;              /* of a ratio or count; 0: no bound */
};

/* The next frame of a link: on, gone, or held back until `hold_ns` of the act. */
enum pass { PASS_ON, PASS_NOT, PASS_LATER };

struct act;

/* True when no node is in both. */
bool line_sets_apart(const struct fault_set *a, const struct fault_set *b);

/* Unused functions are NULL. */
struct adversary_kind {
    const char *word;
    const char *text; /* one line for people */
    struct parameter parameter[ADVERSARY_PARAMETERS_MAX];
    size_t state_bytes; /* zeroed when a life begins */
    bool lasting;       /* its nodes count as byzantine after its time is over */
    /* What is wrong with a line whose parts all read, in words; NULL: nothing. */
    const char *(*wrong)(const struct adversary_line *line);
    /* True when the attacker also stands at the doors of all other nodes, that is decides when what
     * it can delay reaches them (a rushing adversary). Those nodes stay honest; for them only
     * `door` is called. */
    bool (*doors)(const struct adversary_line *line);
    enum pass (*door)(struct act *a, uint32_t link, const struct blob **frame);
    /* The state is about to be zeroed or freed: blobs go back. */
    void (*drop)(struct act *a);
    /* A frame for the node. *frame may be replaced: the old reference stays with the caller, the
     * new one is taken over. */
    enum pass (*recv)(struct act *a, uint32_t link, const struct blob **frame);
    /* A frame of the node; *frame may be replaced: the old reference is given back, the new one is
     * taken over. */
    enum pass (*send)(struct act *a, uint32_t link, const struct blob **frame);
    /* A dial of the node; the address may be replaced. Called for the nodes of `with` as well. */
    void (*connect)(struct act *a, struct endpoint *to);
    /* Links as they come and go, before and after the node hears of it. */
    void (*link)(struct act *a, uint32_t link, bool up);
    /* What the node traced in this step. */
    void (*traced)(struct act *a, enum trace_kind kind, const uint64_t *value);
    /* After every step, when all effects of the node have been seen: time for own deeds. */
    void (*after)(struct act *a);
    /* When `after` is wanted though nothing happens, true time. */
    uint64_t (*deadline_ns)(const void *state);
};

extern const struct adversary_kind *const adversary_kinds[]; /* NULL at the end */

/* One end of a link, as a strategy knows it. */
struct adversary_link {
    bool up;
    uint32_t peer;          /* node index, NODE_UNKNOWN */
    uint32_t life;          /* counts links of this node: names what is held back */
    uint64_t in_ns, out_ns; /* a link keeps its order: nothing goes on before this */
};

/* What a strategy has in hand during one step of its node. */
struct act {
    struct ctx c; /* time, scratch, the effects of this step, keys by config */
    uint64_t now_ns;
    unsigned thread;
    const struct node *node;
    const struct adversary_line *line;
    struct adversary *adversary;
    uint32_t line_number;
    void *state;
    uint64_t hold_ns; /* with PASS_LATER: until when, true time */
};

/* --- the world around --- */
uint32_t act_self(const struct act *a);
const struct adversary_link *act_link(const struct act *a, uint32_t link);
uint64_t act_ready(const struct act *a); /* mask of ready links */
/* Of the same line. */
bool act_colluder(const struct act *a, uint32_t node);
/* Links to colluders; to others. */
uint64_t act_links(const struct act *a, bool colluders);
/* The account signs for a colluder (or for this node). */
bool act_colluding_key(const struct act *a, const uint8_t account[32]);
const uint8_t *act_account(const struct act *a); /* own public key */
/* The account of another node; false: it has none. */
bool act_account_of(const struct act *a, uint32_t node, uint8_t account[32]);
/* The secret keys of a colluder: one hand owns the accounts of a line. */
struct vrf_secret;
void act_seeds_of(const struct act *a, uint32_t node, uint8_t account_seed[32],
                  struct vrf_secret *vrf);
/* Stake of the colluders and of all nodes, tokens. */
void act_stakes(const struct act *a, uint64_t *colluding, uint64_t *all);
uint64_t act_draw(struct act *a);
/* A draw about a node: the same for the same key, whoever of the line (or at that node's door) asks
 * and whenever. */
uint64_t act_draw_of(const struct act *a, uint32_t node, uint64_t key);
/* The chance, Q32, that two blocks of nodes outside the line have different signers: 1 - the sum of
 * their squared shares of the stake. */
uint64_t act_others_differ(const struct act *a);
/* Heads or tails for a peer in a round of an instance: the same whenever asked. */
bool act_lot(const struct act *a, uint32_t peer, uint64_t instance, uint64_t round);
void act_trace(struct act *a, enum adversary_deed deed, uint64_t value, uint64_t second);

/* The n-th node of a set. */
uint32_t act_nth(const struct fault_set *set, uint32_t nth);
/* A node as PEERS tells of it. */
void act_peer_of(const struct act *a, uint32_t node, uint8_t item[FRAME_PEER_BYTES]);
/* The node behind an address, NODE_UNKNOWN. */
uint32_t act_node_of(const struct act *a, const struct endpoint *endpoint);
/* Dials a node; its own node takes the link as one that came in. */
void act_connect(struct act *a, uint32_t node);

/* --- frames --- */
/* Sends now, past every filter of this node. The caller keeps its reference. */
void act_send(struct act *a, uint64_t link_mask, const struct blob *frame);
void act_send_bytes(struct act *a, uint64_t link_mask, const uint8_t *data, size_t len);
/* Lets the node receive a frame at a later time, or as its next event; keeps a reference of its
 * own. */
void act_deliver(struct act *a, uint32_t link, const struct blob *frame, uint64_t at_ns);

/* The parsed header of a frame that carries one block's (BLOCK_COMPACT, BLOCK); false: none. */
struct block_seen {
    uint8_t id[32];
    const uint8_t *header; /* HEADER_BYTES, inside the frame */
    uint8_t signer[32], parent[32];
    uint64_t height, bt;
};
bool act_block(struct block_seen *seen, const struct blob *frame);

#endif
