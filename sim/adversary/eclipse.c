/* Eclipse: the colluders want to be all that the victims know of the network. Whoever asks them for
 * peers is told of colluders alone; each dials every victim again and again, to fill its places;
 * and to a victim they say nothing but what keeps the link. A newcomer is safe while it fills
 * outgoing places from addresses that others gave it (spec: chain 1.4, decisions on the overlay).
 */
#include "sim/adversary/kind.h"

enum { ECLIPSE_VICTIM };
#define DIAL_NS UINT64_C(2000000000)

struct eclipse {
    uint64_t due_ns;
    uint32_t next; /* victim to look at */
};

static bool victim(const struct act *a, uint32_t node)
{
    return node != NODE_UNKNOWN && fault_set_has(&a->line->value[ECLIPSE_VICTIM].set, node);
}

/* Colluders in place of what the node would have told; as many as fit. */
static void peers_change(struct act *a, const struct blob **frame)
{
    struct frame_peers told;
    uint8_t items[64 * FRAME_PEER_BYTES];
    uint8_t out[sizeof(items) + 16];
    size_t count = 0;
    size_t len;

    if (frame_peers_decode(&told, span_of((*frame)->data, (*frame)->len)) != ERR_OK) {
        return;
    }
    uint32_t colluders = a->line->nodes.count;
    uint32_t from = colluders == 0 ? 0 : (uint32_t)(act_draw(a) % colluders);
    for (uint32_t node = 0, seen = 0; seen < colluders && count < told.peers.count; node++) {
        if (!act_colluder(a, node)) {
            continue;
        }
        if (seen++ >= from) {
            act_peer_of(a, node, items + count++ * FRAME_PEER_BYTES);
        }
    }
    const struct frame_peers lie = {.peers = {.data = items, .count = count}};
    if (frame_peers_encode(out, sizeof(out), &len, &lie) == ERR_OK) {
        blob_drop(a->c.shared, *frame);
        *frame = blob_put(a->c.shared, out, len);
    }
}

static enum pass eclipse_send(struct act *a, uint32_t link, const struct blob **frame)
{
    bool keeps = (*frame)->len > 0 && (*frame)->data[0] >> 4 == FRAME_HELLO >> 4;
    uint32_t peer = act_link(a, link)->peer;

    if (!act_colluder(a, peer) &&
        frame_code(span_of((*frame)->data, (*frame)->len)) == FRAME_PEERS) {
        peers_change(a, frame);
        return PASS_ON;
    }
    return victim(a, peer) && !keeps ? PASS_NOT : PASS_ON;
}

static bool linked(const struct act *a, uint32_t node)
{
    for (uint32_t i = 0; i < LINKS_MAX; i++) {
        if (act_link(a, i)->up && act_link(a, i)->peer == node) {
            return true;
        }
    }
    return false;
}

static void eclipse_after(struct act *a)
{
    struct eclipse *s = a->state;
    const struct fault_set *victims = &a->line->value[ECLIPSE_VICTIM].set;

    if (a->now_ns < s->due_ns || victims->count == 0) {
        return;
    }
    s->due_ns = a->now_ns + DIAL_NS;
    uint32_t node = act_nth(victims, s->next++ % victims->count);
    if (!linked(a, node)) {
        act_connect(a, node);
    }
}

static uint64_t eclipse_deadline_ns(const void *state)
{
    return ((const struct eclipse *)state)->due_ns;
}

extern const struct adversary_kind adversary_eclipse;
const struct adversary_kind adversary_eclipse = {
    .word = "eclipse",
    .text = "wants to be all that the victims know of the network",
    .parameter = {{"victim", PARAMETER_NODES, NULL, NULL, 0}},
    .state_bytes = sizeof(struct eclipse),
    .send = eclipse_send,
    .after = eclipse_after,
    .deadline_ns = eclipse_deadline_ns};
