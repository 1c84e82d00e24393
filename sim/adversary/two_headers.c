/* Equivocating producer: two headers for one height, each to its own peers. Both obey every rule of
 * blocks, so both spread; whoever sees both holds evidence H (spec: chain 1.2, 1.6). */
#include "sim/adversary/forge.h"

enum { TWO_HEADERS_TO };
enum { PAIRS_MAX = 8 };

struct pair {
    uint64_t height;
    uint8_t first[32]; /* the node's own block */
    struct forged second;
    const struct blob *compact;
};

struct two_headers {
    uint32_t next;
    struct pair pairs[PAIRS_MAX]; /* a ring */
};

static void pair_clear(struct act *a, struct pair *pair)
{
    forged_drop(&pair->second, a->c.shared);
    blob_drop(a->c.shared, pair->compact);
    memset(pair, 0, sizeof(*pair));
}

static void two_headers_drop(struct act *a)
{
    struct two_headers *s = a->state;

    for (uint32_t i = 0; i < PAIRS_MAX; i++) {
        pair_clear(a, &s->pairs[i]);
    }
}

/* The pair of an own block, made when it is first seen; NULL: there is none. */
static struct pair *pair_of(struct act *a, const uint8_t id[32], bool make)
{
    struct two_headers *s = a->state;
    const struct chain *chain = node_chain(a->node);
    uint32_t entry = chain_find(chain, id);

    for (uint32_t i = 0; i < PAIRS_MAX; i++) {
        if (s->pairs[i].compact != NULL && memcmp(s->pairs[i].first, id, 32) == 0) {
            return &s->pairs[i];
        }
        if (entry != TREE_NONE && s->pairs[i].height == chain_entry(chain, entry)->height) {
            return NULL; /* the second itself, come back from others */
        }
    }
    if (!make || entry == TREE_NONE || chain_entry(chain, entry)->block == NULL ||
        memcmp(chain_entry(chain, entry)->signer, act_account(a), 32) != 0) {
        return NULL;
    }
    struct pair *pair = &s->pairs[s->next++ % PAIRS_MAX];
    pair_clear(a, pair);
    if (forge_second(&pair->second, a, chain_entry(chain, entry)->block) != ERR_OK) {
        return NULL;
    }
    memcpy(pair->first, id, 32);
    pair->height = chain_entry(chain, entry)->height;
    pair->compact = forge_compact(a, pair->second.id, pair->second.block);
    act_trace(a, DEED_FORGED, chain_entry(chain, entry)->height, 0);
    return pair->compact == NULL ? NULL : pair;
}

/* The peers that are told the second header: `to`, or those with odd numbers. */
static bool told_second(const struct act *a, uint32_t link)
{
    const struct fault_set *to = &a->line->value[TWO_HEADERS_TO].set;
    uint32_t peer = act_link(a, link)->peer;

    return peer != NODE_UNKNOWN && (to->count > 0 ? fault_set_has(to, peer) : peer % 2 == 1);
}

static enum pass two_headers_send(struct act *a, uint32_t link, const struct blob **frame)
{
    struct frame_block_ihave have;
    struct block_seen block;
    struct pair *pair = NULL;

    if (!told_second(a, link)) {
        /* The own block may be announced to the first half alone: the second is made now too. */
        if (act_block(&block, *frame)) {
            pair_of(a, block.id, true);
        }
        return PASS_ON;
    }
    if (act_block(&block, *frame)) {
        pair = pair_of(a, block.id, true);
    } else if (frame_block_ihave_decode(&have, span_of((*frame)->data, (*frame)->len)) == ERR_OK) {
        pair = pair_of(a, have.block, true);
    }
    if (pair != NULL) {
        blob_drop(a->c.shared, *frame);
        *frame = blob_keep(a->c.shared, pair->compact);
    }
    return PASS_ON;
}

static enum pass two_headers_recv(struct act *a, uint32_t link, const struct blob **frame)
{
    struct two_headers *s = a->state;

    for (uint32_t i = 0; i < PAIRS_MAX; i++) {
        const struct pair *pair = &s->pairs[i];
        if (pair->compact != NULL &&
            forge_serve(a, link, *frame, pair->second.id, pair->second.block)) {
            return PASS_NOT;
        }
    }
    return PASS_ON;
}

extern const struct adversary_kind adversary_two_headers;
const struct adversary_kind adversary_two_headers = {
    .word = "two-headers",
    .text = "signs two blocks for a height and shows each to its own peers",
    .parameter = {{"to", PARAMETER_NODES, "", NULL, 0}},
    .state_bytes = sizeof(struct two_headers),
    .lasting = true,
    .drop = two_headers_drop,
    .recv = two_headers_recv,
    .send = two_headers_send};
