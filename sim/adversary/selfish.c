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
 * gamma is a fact of the network: the share of the others who hear of our block first. Without the
 * parameter it is what links and delays make it. With it the attacker rushes: at the door of each
 * honest node it holds back, for each height by lot, the others' block for `reach` (with chance
 * gamma) or ours. reach must exceed what it takes us to hear of a block and answer. */
#include "sim/adversary/hold.h"

enum { SELFISH_GAMMA, SELFISH_REACH };
#define SLOW_DOOR 4 /* the other way round we are held longer: theirs may take more hops */

struct selfish {
    struct hold hold;
    uint64_t seen; /* public height that was acted on */
    uint64_t race; /* height of a tie that is on; 0: none */
};

static enum pass selfish_recv(struct act *a, uint32_t link, const struct blob **frame)
{
    struct selfish *s = a->state;

    hold_recv(&s->hold, a, link, *frame);
    return PASS_ON;
}

static enum pass selfish_send(struct act *a, uint32_t link, const struct blob **frame)
{
    struct selfish *s = a->state;

    return hold_send(&s->hold, a, link, frame);
}

static void selfish_traced(struct act *a, enum trace_kind kind, const uint64_t *value)
{
    struct selfish *s = a->state;

    (void)hold_traced(&s->hold, a, kind, value);
}

static void selfish_after(struct act *a)
{
    struct selfish *s = a->state;
    struct hold *hold = &s->hold;
    uint64_t mine = hold_height(hold);

    if (s->race != 0 && (hold->public_height > s->race || mine == s->race + 1)) {
        if (mine == s->race + 1) {
            hold_release(hold, a, mine); /* the tie is ours */
        }
        s->race = 0;
    }
    if (hold->public_height > s->seen) {
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
}

static bool selfish_doors(const struct adversary_line *line)
{
    return line->value[SELFISH_GAMMA].num <= line->value[SELFISH_GAMMA].den;
}

static enum pass selfish_door(struct act *a, uint32_t link, const struct blob **frame)
{
    const struct adversary_value *gamma = &a->line->value[SELFISH_GAMMA];
    const struct chain *chain = node_chain(a->node);
    struct block_seen block;

    (void)link;
    if (!act_block(&block, *frame)) {
        return PASS_ON;
    }
    bool ours = act_colluding_key(a, block.signer);
    bool rush = draw_hit(act_draw_of(a, block.height), draw_probability(gamma->num, gamma->den));
    /* A block that does not extend this node's tip is in no race for it. */
    if (ours == rush || memcmp(chain_entry(chain, chain_tip(chain))->id, block.parent, 32) != 0) {
        return PASS_ON;
    }
    a->hold_ns = a->now_ns + a->line->value[SELFISH_REACH].num * (ours ? SLOW_DOOR : 1);
    return PASS_LATER;
}

extern const struct adversary_kind adversary_selfish;
const struct adversary_kind adversary_selfish = {
    .word = "selfish",
    .text = "selfish mining by Eyal and Sirer",
    .parameter = {{"gamma", PARAMETER_RATIO, "2/1", NULL},
                  {"reach", PARAMETER_TIME, "50 ms", NULL}},
    .state_bytes = sizeof(struct selfish),
    .doors = selfish_doors,
    .door = selfish_door,
    .recv = selfish_recv,
    .send = selfish_send,
    .traced = selfish_traced,
    .after = selfish_after};
