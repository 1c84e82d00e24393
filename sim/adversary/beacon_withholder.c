/* Withholds the last block of an epoch when the beacon that it closes would serve its line badly.
 * The own block executed tells which committee it would lead to (that of the epoch after the next);
 * is the line's weight there below its share of the stake, the block is kept for ever and another
 * beta closes the beacon. The line's other accounts hear nothing of it and draw on, each with one
 * more bit if it is the next before the others. A bit is paid for with a block (spec: chain 1.4,
 * 1.6). */
#include "node/chain/execute.h"
#include "sim/adversary/hold.h"

struct beacon_withholder {
    struct hold hold;
    bool keeps;
    uint8_t kept[32]; /* the first block kept back; what is built on it is kept too */
};

static bool stands_on(const struct act *a, const uint8_t id[32])
{
    const struct chain *chain = node_chain(a->node);
    uint32_t entry = chain_find(chain, id);

    return entry != TREE_NONE && chain_descends(chain, chain_tip(chain), entry);
}

/* Does the block lead to a committee in which the line has less than its due? */
static bool serves_badly(const struct act *a, const struct tree_entry *e)
{
    const struct params *params = chain_params(node_chain(a->node));
    uint64_t epoch = (e->height - 1) / params->epoch_blocks;
    struct committee committee;
    uint64_t own = 0, stake, all;

    if (e->height % params->epoch_blocks != 0 ||
        committee_get(&committee, a->c.shared, e->state_root, epoch + 2) != ERR_OK) {
        return false;
    }
    for (uint32_t i = 0; i < committee.count; i++) {
        if (act_colluding_key(a, committee_key(&committee, i))) {
            own += committee_weight(&committee, i);
        }
    }
    act_stakes(a, &stake, &all);
    return (u128)own * all < (u128)stake * committee.total;
}

static enum pass beacon_withholder_recv(struct act *a, uint32_t link, const struct blob **frame)
{
    struct beacon_withholder *s = a->state;

    hold_recv(&s->hold, a, link, *frame);
    return PASS_ON;
}

static enum pass beacon_withholder_send(struct act *a, uint32_t link, const struct blob **frame)
{
    struct beacon_withholder *s = a->state;

    return hold_send(&s->hold, a, link, frame);
}

static void beacon_withholder_traced(struct act *a, enum trace_kind kind, const uint64_t *value)
{
    struct beacon_withholder *s = a->state;
    const struct chain *chain = node_chain(a->node);
    const struct tree_entry *tip = chain_entry(chain, chain_tip(chain));

    if (kind != TRACE_block_produced && kind != TRACE_block_received) {
        return;
    }
    if (s->keeps && !stands_on(a, s->kept)) { /* the others' chain is the higher one by now */
        s->keeps = false;
        hold_forget(&s->hold, UINT64_MAX);
    }
    bool bad = kind == TRACE_block_produced && load64(tip->id) == value[1] && serves_badly(a, tip);
    if (!bad && !s->keeps) {
        return;
    }
    s->hold.below = true; /* for ever: not only while the others are behind */
    s->hold.alone = true;
    if (hold_traced(&s->hold, a, kind, value) && bad) {
        if (!s->keeps) {
            s->keeps = true;
            memcpy(s->kept, tip->id, 32);
        }
        act_trace(a, DEED_ATTEMPT, tip->height, 0);
    }
}

extern const struct adversary_kind adversary_beacon_withholder;
const struct adversary_kind adversary_beacon_withholder = {
    .word = "withhold-beacon",
    .text = "keeps the last block of an epoch for ever when its beacon would serve it badly",
    .state_bytes = sizeof(struct beacon_withholder),
    .recv = beacon_withholder_recv,
    .send = beacon_withholder_send,
    .traced = beacon_withholder_traced};
