/* Partition by malice: speaks with the nodes of `to` (and its colluders), is deaf and dumb to all
 * others, but keeps their links alive by answering greetings and pings, so that nobody looks for a
 * better peer. */
#include "sim/adversary/kind.h"

enum { SELECTIVE_TO };

static bool spoken_to(const struct act *a, uint32_t link)
{
    uint32_t peer = act_link(a, link)->peer;

    return act_colluder(a, peer) ||
           (peer != NODE_UNKNOWN && fault_set_has(&a->line->value[SELECTIVE_TO].set, peer));
}

/* HELLO, PEERS, PING, PONG. */
static bool keeps_alive(const struct blob *frame)
{
    return frame->len > 0 && frame->data[0] >> 4 == FRAME_HELLO >> 4;
}

static enum pass selective_send(struct act *a, uint32_t link, const struct blob **frame)
{
    return spoken_to(a, link) || keeps_alive(*frame) ? PASS_ON : PASS_NOT;
}

static enum pass selective_recv(struct act *a, uint32_t link, const struct blob **frame)
{
    return spoken_to(a, link) || keeps_alive(*frame) ? PASS_ON : PASS_NOT;
}

extern const struct adversary_kind adversary_selective;
const struct adversary_kind adversary_selective = {
    .word = "selective",
    .text = "speaks with some nodes only and keeps the others' links alive",
    .parameter = {{"to", PARAMETER_NODES, NULL, NULL, 0}},
    .recv = selective_recv,
    .send = selective_send};
