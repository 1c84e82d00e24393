/* Long range: keys whose bonds are long gone write another history from the first block on. The
 * i-th node of `with` runs with all keys of the i-th target; further nodes of `with` spread what
 * those make. For `apart` they hear of nobody else and nobody hears of them: each side goes on from
 * genesis with its own blocks and certificates, and the old owners unbond in the true one. Then
 * they come forward and feed their history to whoever asks (spec: chain 1.4). What protects a
 * newcomer is a checkpoint that it trusts; from genesis alone both histories are as good. */
#include "sim/adversary/kind.h"

enum { LONG_RANGE_WITH, LONG_RANGE_APART };

static bool attic(const struct act *a, uint32_t node)
{
    return node != NODE_UNKNOWN && fault_set_has(&a->line->value[LONG_RANGE_WITH].set, node);
}

/* Of two ends one lives apart still. */
static bool apart(const struct act *a, uint32_t peer)
{
    return a->now_ns < a->line->at_ns + a->line->value[LONG_RANGE_APART].num &&
           attic(a, act_self(a)) != attic(a, peer);
}

static enum pass long_range_recv(struct act *a, uint32_t link, const struct blob **frame)
{
    (void)frame;
    return apart(a, act_link(a, link)->peer) ? PASS_NOT : PASS_ON;
}

static enum pass long_range_send(struct act *a, uint32_t link, const struct blob **frame)
{
    (void)frame;
    return apart(a, act_link(a, link)->peer) ? PASS_NOT : PASS_ON;
}

/* Addresses in genesis and in the books lead outside: apart, some of their own is dialed instead,
 * and the copy in place of the original always. */
static void long_range_connect(struct act *a, struct endpoint *to)
{
    const struct fault_set *with = &a->line->value[LONG_RANGE_WITH].set;
    uint32_t node = act_node_of(a, to);
    uint32_t rank = 0;
    uint8_t item[FRAME_PEER_BYTES];

    if (!attic(a, act_self(a)) || attic(a, node)) {
        return;
    }
    for (uint32_t i = 0; i < node && node != NODE_UNKNOWN; i++) {
        rank += act_colluder(a, i);
    }
    uint32_t instead = act_colluder(a, node) ? act_nth(with, rank)
                       : apart(a, node)      ? act_nth(with, (uint32_t)(act_draw(a) % with->count))
                                             : NODE_UNKNOWN;
    if (instead == NODE_UNKNOWN || instead == act_self(a)) {
        return;
    }
    act_peer_of(a, instead, item);
    memcpy(to->address, item + 32, 16);
    to->port = (uint16_t)(item[48] << 8 | item[49]);
}

static const char *long_range_wrong(const struct adversary_line *line)
{
    const struct fault_set *with = &line->value[LONG_RANGE_WITH].set;

    return with->count == 0 ? "machines behind 'with'"
           : line_sets_apart(&line->nodes, with)
               ? NULL
               : "other machines than its own: one is on both sides of 'with'";
}

extern const struct adversary_kind adversary_long_range;
const struct adversary_kind adversary_long_range = {
    .word = "long-range",
    .text = "old keys write another history and show it to newcomers",
    .parameter = {{"with", PARAMETER_NODES, NULL, NULL, 0},
                  {"apart", PARAMETER_TIME, NULL, NULL, 0}},
    .lasting = true,
    .wrong = long_range_wrong,
    .recv = long_range_recv,
    .send = long_range_send,
    .connect = long_range_connect};
