/* Selfish mining (Eyal and Sirer, Majority is not Enough, 2013, algorithm 1): own blocks are kept
 * back and let go so that others work in vain. With P the height of the private chain and O that of
 * the highest block that others know, when O rises:
 *   P < O       the node's own fork choice has adopted the others' chain: forget
 *   P = O       let go: a tie, in which some of the others work on our block (gamma)
 *   P = O + 1   let go of all: we win
 *   P > O + 1   let go up to O
 * and an own block found during a tie is let go at once. The colluders share what they keep back
 * over their links, and each decides by its own view.
 *
 * gamma is a fact of the network: the share of the others, by stake, who hear of our block first.
 * Without the parameter it is what links and delays make it. With it the attacker rushes: it stays
 * everybody's eager neighbour and carries the others' blocks itself, and for each height a lot says
 * of each of the others whose block it hears of first. Our links bring both in that order; at its
 * door what other links bring too early waits for `reach`, which must exceed what it takes us to
 * hear of a block and answer.
 *
 * Who found the others' block works on it, whatever we do. So the lot falls to us with a chance of
 * gamma / D, D the chance that the next block of the others has another finder: gamma of their
 * power then works on our block. D is the most that anybody can reach. */
#include "sim/adversary/hold.h"

enum { SELFISH_GAMMA, SELFISH_REACH };

struct selfish {
    struct hold hold;
    uint64_t seen; /* public height that was acted on */
    uint64_t race; /* height of a tie that is on; 0: none */
    /* a block of the others that came in this step, when we rush; NULL: none */
    const struct blob *fresh;
    uint32_t fresh_link;
};

static bool selfish_rushes(const struct adversary_line *line)
{
    return line->value[SELFISH_GAMMA].den != 0; /* gamma is given */
}

/* The lot of a node for a height: ours comes first. */
static bool ours_first(const struct act *a, uint32_t node, uint64_t height)
{
    const struct adversary_value *gamma = &a->line->value[SELFISH_GAMMA];
    u128 all = (u128)gamma->den * act_others_differ(a);
    u128 chance = ((u128)gamma->num << 64) / (all > 0 ? all : 1);

    return draw_hit(act_draw_of(a, node, height),
                    chance < DRAW_CERTAIN ? (uint64_t)chance : DRAW_CERTAIN);
}

static void selfish_drop(struct act *a)
{
    struct selfish *s = a->state;

    blob_drop(a->c.shared, s->fresh);
    s->fresh = NULL;
}

/* Who prunes us shall push its blocks to us all the same. */
static void graft(struct act *a, uint32_t link)
{
    static const uint8_t none[32];
    const struct frame_block_graft m = {.block = none};
    uint8_t frame[64];
    size_t len;

    invariant(frame_block_graft_encode(frame, sizeof(frame), &len, &m) == ERR_OK);
    act_send_bytes(a, UINT64_C(1) << link, frame, len);
}

static enum pass selfish_recv(struct act *a, uint32_t link, const struct blob **frame)
{
    struct selfish *s = a->state;
    struct block_seen block;

    hold_recv(&s->hold, a, link, *frame);
    if (!selfish_rushes(a->line) || act_colluder(a, act_link(a, link)->peer)) {
        return PASS_ON;
    }
    if (frame_code(span_of((*frame)->data, (*frame)->len)) == FRAME_BLOCK_PRUNE) {
        graft(a, link);
        return PASS_NOT;
    }
    if (act_block(&block, *frame) && !act_colluding_key(a, block.signer) &&
        chain_find(node_chain(a->node), block.id) == TREE_NONE) {
        selfish_drop(a);
        s->fresh = blob_keep(a->c.shared, *frame);
        s->fresh_link = link;
    }
    return PASS_ON;
}

static enum pass selfish_send(struct act *a, uint32_t link, const struct blob **frame)
{
    struct selfish *s = a->state;
    enum frame_code code = frame_code(span_of((*frame)->data, (*frame)->len));
    struct block_seen block;

    if (selfish_rushes(a->line) && !act_colluder(a, act_link(a, link)->peer) &&
        (code == FRAME_BLOCK_PRUNE || (code == FRAME_BLOCK_COMPACT && act_block(&block, *frame) &&
                                       !act_colluding_key(a, block.signer)))) {
        return PASS_NOT; /* nobody is pruned, and blocks of the others leave by our own hand */
    }
    return hold_send(&s->hold, a, link, frame);
}

static void selfish_traced(struct act *a, enum trace_kind kind, const uint64_t *value)
{
    struct selfish *s = a->state;

    (void)hold_traced(&s->hold, a, kind, value);
}

/* The others' block of this step leaves, to those links to whom it is to be the first. With no tie
 * on, that is everybody. Returns the links that are still to hear of it. */
static uint64_t carry_first(struct act *a, uint64_t tie)
{
    struct selfish *s = a->state;
    struct block_seen block;
    uint64_t first = 0, last = 0;

    if (s->fresh == NULL || !act_block(&block, s->fresh) ||
        chain_find(node_chain(a->node), block.id) == TREE_NONE) {
        return 0;
    }
    for (uint64_t left = act_links(a, false) & ~(UINT64_C(1) << s->fresh_link); left != 0;
         left &= left - 1) {
        uint32_t link = (uint32_t)__builtin_ctzll(left);
        bool ours = block.height == tie && ours_first(a, act_link(a, link)->peer, tie);
        *(ours ? &last : &first) |= UINT64_C(1) << link;
    }
    act_send(a, first, s->fresh);
    return last;
}

static void selfish_after(struct act *a)
{
    struct selfish *s = a->state;
    struct hold *hold = &s->hold;
    uint64_t mine = hold_height(hold);
    bool risen = hold->public_height > s->seen;
    uint64_t last = carry_first(a, risen && mine == hold->public_height ? mine : 0);

    if (s->race != 0 && (hold->public_height > s->race || mine == s->race + 1)) {
        if (mine == s->race + 1) {
            hold_release(hold, a, mine); /* the tie is ours */
        }
        s->race = 0;
    }
    if (risen) {
        mine = hold_height(hold);
        if (mine != 0 && mine < hold->public_height) {
            hold_forget(hold, mine);
        } else if (mine != 0 && mine <= hold->public_height + 1) {
            s->race = mine == hold->public_height ? mine : 0;
            hold_release(hold, a, mine);
        } else if (mine != 0) {
            hold_release(hold, a, hold->public_height);
        }
    }
    s->seen = hold->public_height;
    act_send(a, last, s->fresh);
    selfish_drop(a);
}

static enum pass selfish_door(struct act *a, uint32_t link, const struct blob **frame)
{
    const struct chain *chain = node_chain(a->node);
    struct block_seen block;

    if (act_colluder(a, act_link(a, link)->peer) || !act_block(&block, *frame) ||
        act_colluding_key(a, block.signer) == ours_first(a, act_self(a), block.height) ||
        memcmp(chain_entry(chain, chain_tip(chain))->id, block.parent, 32) != 0) {
        return PASS_ON; /* what does not extend this node's tip is in no race for it */
    }
    a->hold_ns = a->now_ns + a->line->value[SELFISH_REACH].num;
    return PASS_LATER;
}

extern const struct adversary_kind adversary_selfish;
const struct adversary_kind adversary_selfish = {
    .word = "selfish",
    .text = "selfish mining by Eyal and Sirer",
    .parameter = {{"gamma", PARAMETER_RATIO, "", NULL, 1},
                  {"reach", PARAMETER_TIME, "50 ms", NULL, 0}},
    .state_bytes = sizeof(struct selfish),
    .doors = selfish_rushes,
    .door = selfish_door,
    .drop = selfish_drop,
    .recv = selfish_recv,
    .send = selfish_send,
    .traced = selfish_traced,
    .after = selfish_after};
