/* One node on two machines: the i-th node of `with` runs with all keys of the i-th target. Both are
 * correct; whatever they do apart (faults cut them from each other) is what a byzantine owner of
 * the keys would do (spec: design 4). The world copies the keys before the run; the filter does one
 * thing: a copy that dials another original, whose address genesis tells, is led to that one's
 * copy, so that the copies on one side of a cut find each other. */
#include "sim/adversary/kind.h"

enum { TWINS_WITH };

static void twins_connect(struct act *a, struct endpoint *to)
{
    const struct fault_set *copies = &a->line->value[TWINS_WITH].set;
    uint8_t item[FRAME_PEER_BYTES];
    uint32_t rank = 0;
    uint32_t node = act_node_of(a, to);

    if (!act_colluder(a, node)) {
        return;
    }
    for (uint32_t i = 0; i < node; i++) {
        rank += act_colluder(a, i);
    }
    uint32_t copy = act_nth(copies, rank);
    if (copy == NODE_UNKNOWN || copy == act_self(a)) {
        return;
    }
    act_peer_of(a, copy, item);
    memcpy(to->address, item + 32, 16);
    to->port = (uint16_t)(item[48] << 8 | item[49]);
}

static const char *twins_wrong(const struct adversary_line *line)
{
    const struct fault_set *copies = &line->value[TWINS_WITH].set;

    return copies->count != line->nodes.count ? "as many nodes behind 'with' as before it"
           : line_sets_apart(&line->nodes, copies)
               ? NULL
               : "another machine for each node: one is on both sides of 'with'";
}

extern const struct adversary_kind adversary_twins;
const struct adversary_kind adversary_twins = {
    .word = "twins",
    .text = "one node on two machines",
    .parameter = {{"with", PARAMETER_NODES, NULL, NULL, 0}},
    .lasting = true,
    .wrong = twins_wrong,
    .connect = twins_connect};
