/* Links between machines: dialing, greeting, frames, ends. A dial costs what TCP and Noise IK cost:
 * the dialer has the link after two round trips, the acceptor half a one later, with the first
 * frame: a handshake can be sent again by anybody who recorded it, the channel cannot (spec: stream
 * 3). Both ends name the link by (index, generation), so that what is late for an older link is
 * recognised. A node's own number of a link is the lowest that is free when the link comes up, as
 * with daemons: of links that were dialed together the nearest has the lowest, and a node that asks
 * the lowest asks a near one. */
#include "sim/world/internal.h"

#define HANDSHAKE_BYTES 256

static struct wire *wire_take(struct host *h, uint32_t *link)
{
    for (uint32_t i = 0; i < LINKS_MAX; i++) {
        if (h->wire[i].state == WIRE_FREE) {
            *link = i;
            if (i >= h->wires_used) {
                h->wires_used = i + 1;
            }
            h->wire[i].generation = (uint16_t)((h->wire[i].generation + 1) & GENERATION_MASK);
            return &h->wire[i];
        }
    }
    return NULL;
}

bool wire_current(const struct host *h, uint64_t payload)
{
    const struct wire *x = &h->wire[payload_link(payload)];

    return h->up && x->state == WIRE_UP && x->generation == payload_generation(payload);
}

static const struct link_conditions *conditions(struct world *w, unsigned thread,
                                                struct link_conditions *out, uint32_t src,
                                                uint32_t dst, uint64_t now_ns)
{
    return fault_conditions(&w->timeline, &w->workers[thread].cursor, out, src, dst, now_ns) ? out
                                                                                             : NULL;
}

/* Control traffic of a link that does not exist yet: takes the same road, keeps no order. */
static uint64_t travel(struct world *w, unsigned thread, struct link_side *side, uint32_t src,
                       uint32_t dst, uint64_t now_ns)
{
    struct link_conditions c;
    struct link_outcome out;

    link_send(&w->net, side, &w->hosts[src].line, conditions(w, thread, &c, src, dst, now_ns), &out,
              src, dst, now_ns, HANDSHAKE_BYTES);
    return out.arrival_ns;
}

void wire_connect(struct world *w, unsigned thread, uint32_t index, uint64_t now_ns,
                  const struct effect *effect)
{
    struct host *h = &w->hosts[index];
    uint32_t peer = node_of_endpoint(&effect->connect.endpoint, w->count);
    uint32_t link = 0;
    struct wire *x = peer == UINT32_MAX || peer == index ? NULL : wire_take(h, &link);

    engine_mix(w->engine, index, (uint64_t)effect->connect.request << 32 | peer);
    if (x == NULL) {
        /* No such address, or no room: the node is told after the least delay there is. */
        engine_send(w->engine, thread, index, index, now_ns + w->slot_ns,
                    payload_make(PAYLOAD_NO_WIRE,
                                 (uint64_t)(h->life & 0xffff) << 32 | effect->connect.request));
        return;
    }
    uint16_t generation = x->generation;
    *x = (struct wire){.peer = peer,
                       .state = WIRE_DIALING,
                       .generation = generation,
                       .dialed = true,
                       .request = effect->connect.request};
    link_open(&x->side, h->wires_opened++);
    uint64_t given_up = now_ns + w->scenario->network.connect_timeout_ns;
    uint64_t arrival = travel(w, thread, &x->side, index, peer, now_ns);
    if (arrival < given_up) { /* nobody repeats a dial that was given up */
        arrival += link_rtt_ns(&w->net, index, peer);
        engine_send(w->engine, thread, index, peer, arrival,
                    payload_link_make(PAYLOAD_DIAL, link, generation, 0));
    }
    engine_send(w->engine, thread, index, index, given_up,
                payload_link_make(PAYLOAD_REFUSE, link, generation, LINK_UNREACHABLE));
}

static void end_send(struct world *w, unsigned thread, uint32_t index, uint64_t now_ns,
                     struct wire *x, enum link_end why)
{
    uint64_t arrival = travel(w, thread, &x->side, index, x->peer, now_ns);

    if (arrival != LINK_NEVER) {
        engine_send(w->engine, thread, index, x->peer, arrival,
                    payload_link_make(PAYLOAD_END, x->peer_link, x->peer_generation, why));
    }
}

void wire_close(struct world *w, unsigned thread, uint32_t index, uint64_t now_ns, uint32_t link)
{
    struct wire *x = host_link(&w->hosts[index], link);

    engine_mix(w->engine, index, 0xc105eu ^ link);
    if (x != NULL && x->state == WIRE_UP) {
        end_send(w, thread, index, now_ns, x, LINK_CLOSED_THERE);
        w->hosts[index].links--;
        /* Who closes a link hears that it is down like any other (seam.h): only then is its number
         * free again. */
        x->state = WIRE_CLOSING;
        engine_send(w->engine, thread, index, index, now_ns,
                    payload_link_make(PAYLOAD_END, w->hosts[index].wire_of[link], x->generation,
                                      LINK_CLOSED_HERE));
    }
}

void wire_send(struct world *w, unsigned thread, uint32_t index, uint64_t now_ns,
               const struct effect *effect)
{
    uint32_t link = effect->send.link;
    const struct blob *frame = effect->send.frame;
    uint32_t declared = effect->send.declared_bytes;
    struct host *h = &w->hosts[index];
    struct wire *x = host_link(h, link);
    uint32_t bytes = (declared > frame->len ? declared : frame->len) +
                     (uint32_t)w->scenario->network.overhead_bytes;
    struct link_conditions c;
    struct link_outcome out;

    engine_mix(w->engine, index, frame->id[0] + link);
    if (x == NULL || x->state != WIRE_UP) {
        blob_drop(w->shared, frame); /* it ended while the step ran */
        return;
    }
    uint64_t break_before = x->side.break_ns;
    link_send(&w->net, &x->side, &h->line, conditions(w, thread, &c, index, x->peer, now_ns), &out,
              index, x->peer, now_ns, bytes);
    witness_frame(w->workers[thread].witness, index, now_ns, frame);
    h->sent_bytes += bytes;
    h->sent_frames++;
    w->workers[thread].frames++;
    w->workers[thread].bytes += bytes;
    if (out.break_ns != LINK_NEVER && break_before == LINK_NEVER) {
        engine_send(w->engine, thread, index, index, out.break_ns < now_ns ? now_ns : out.break_ns,
                    payload_link_make(PAYLOAD_END, h->wire_of[link], x->generation, LINK_BROKEN));
    }
    if (out.arrival_ns == LINK_NEVER) {
        blob_drop(w->shared, frame);
        return;
    }
    if (x->dialed && !x->proven) { /* of one time, what is sent first comes first */
        x->proven = true;
        engine_send(w->engine, thread, index, x->peer, out.arrival_ns,
                    payload_link_make(PAYLOAD_PROOF, x->peer_link, x->peer_generation, 0));
    }
    engine_send(w->engine, thread, index, x->peer, out.arrival_ns,
                payload_frame(frame, x->peer_link, x->peer_generation));
}

void wire_datagram(struct world *w, unsigned thread, uint32_t index, uint64_t now_ns,
                   const struct endpoint *to, const struct blob *frame)
{
    struct host *h = &w->hosts[index];
    uint32_t peer = node_of_endpoint(to, w->count);
    uint32_t bytes = frame->len + (uint32_t)w->scenario->network.overhead_bytes;
    struct link_conditions c;
    uint64_t arrival[2];
    unsigned copies = 0;

    engine_mix(w->engine, index, frame->id[0] ^ peer);
    if (peer != UINT32_MAX && peer != index) {
        copies = link_datagram(&w->net, &h->line, conditions(w, thread, &c, index, peer, now_ns),
                               arrival, index, peer, h->datagrams++, now_ns, bytes);
        h->sent_bytes += bytes;
        h->sent_frames++;
    }
    for (unsigned i = 0; i < copies; i++) {
        uint64_t payload = payload_frame(blob_keep(w->shared, frame), 0, 0);
        engine_send(w->engine, thread, index, peer, arrival[i],
                    (payload & ~(uint64_t)15) | PAYLOAD_DATAGRAM);
    }
    if (copies == 0 && peer != UINT32_MAX) {
        trace_add(w, thread, index, now_ns, TRACE_KINDS + WORLD_TRACE_message_lost,
                  (uint64_t[TRACE_VALUES_MAX]){peer, bytes});
    }
    blob_drop(w->shared, frame);
}

static void link_up(struct world *w, unsigned thread, uint32_t index, uint64_t now_ns,
                    uint32_t link, struct event *event)
{
    struct host *h = &w->hosts[index];
    struct wire *x = &h->wire[link];
    const struct member *peer = &w->population.members[x->peer];

    x->state = WIRE_UP;
    x->number = (uint8_t)__builtin_ctzll(~h->numbers_used); /* there are as many as ends */
    h->numbers_used |= UINT64_C(1) << x->number;
    h->wire_of[x->number] = (uint8_t)link;
    h->links++;
    event->kind = EVENT_LINK_UP;
    event->link_up.link = x->number;
    event->link_up.dialed = x->dialed;
    event->link_up.request = x->request;
    memcpy(event->link_up.peer, peer->node_id, 32);
    event->link_up.endpoint = peer->config.endpoint;
    trace_add(w, thread, index, now_ns, TRACE_KINDS + WORLD_TRACE_link_open,
              (uint64_t[TRACE_VALUES_MAX]){x->peer, x->dialed});
}

static void dial_arrive(struct world *w, unsigned thread, uint32_t index, uint64_t now_ns,
                        uint32_t src, uint64_t payload)
{
    struct host *h = &w->hosts[index];
    uint32_t link = 0;
    struct wire *x = wire_take(h, &link);
    struct link_side passing;

    if (x == NULL) {
        link_open(&passing, h->wires_opened++);
        uint64_t arrival = travel(w, thread, &passing, index, src, now_ns);
        if (arrival != LINK_NEVER) {
            engine_send(w->engine, thread, index, src, arrival,
                        payload_link_make(PAYLOAD_REFUSE, payload_link(payload),
                                          payload_generation(payload), LINK_REFUSED));
        }
        return;
    }
    uint16_t generation = x->generation;
    *x = (struct wire){.peer = src,
                       .state = WIRE_ACCEPTED,
                       .peer_link = (uint8_t)payload_link(payload),
                       .peer_generation = (uint16_t)payload_generation(payload),
                       .generation = generation};
    link_open(&x->side, h->wires_opened++);
    uint64_t arrival = travel(w, thread, &x->side, index, src, now_ns);
    if (arrival == LINK_NEVER) {
        x->state = WIRE_FREE; /* the way back is cut: the dialer will time out */
        return;
    }
    engine_send(w->engine, thread, index, src, arrival,
                payload_link_make(PAYLOAD_ACCEPT, payload_link(payload),
                                  payload_generation(payload), (uint32_t)generation << 6 | link));
    engine_send(w->engine, thread, index, index, now_ns + w->scenario->network.connect_timeout_ns,
                payload_link_make(PAYLOAD_REFUSE, link, generation, LINK_UNREACHABLE));
}

static bool proof_arrive(struct world *w, unsigned thread, uint32_t index, uint64_t now_ns,
                         uint64_t payload, struct event *event)
{
    uint32_t link = payload_link(payload);
    const struct wire *x = &w->hosts[index].wire[link];

    if (x->state != WIRE_ACCEPTED || x->generation != payload_generation(payload)) {
        return false;
    }
    link_up(w, thread, index, now_ns, link, event);
    return true;
}

static bool accept_arrive(struct world *w, unsigned thread, uint32_t index, uint64_t now_ns,
                          uint32_t src, uint64_t payload, struct event *event)
{
    struct host *h = &w->hosts[index];
    uint32_t link = payload_link(payload);
    struct wire *x = &h->wire[link];
    struct wire stranger = {.peer = src};
    uint32_t argument = payload_argument(payload);

    if (x->state != WIRE_DIALING || x->generation != payload_generation(payload)) {
        /* Given up meanwhile: the acceptor must not keep half a link. */
        stranger.peer_link = (uint8_t)(argument & 63);
        stranger.peer_generation = (uint16_t)(argument >> 6 & GENERATION_MASK);
        link_open(&stranger.side, h->wires_opened++);
        end_send(w, thread, index, now_ns, &stranger, LINK_CLOSED_THERE);
        return false;
    }
    x->peer_link = (uint8_t)(argument & 63);
    x->peer_generation = (uint16_t)(argument >> 6 & GENERATION_MASK);
    link_up(w, thread, index, now_ns, link, event);
    return true;
}

/* A link that the node has not heard of ends, or is not proven in time. */
static void accepted_end(struct world *w, unsigned thread, uint32_t index, uint64_t now_ns,
                         uint64_t payload)
{
    struct wire *x = &w->hosts[index].wire[payload_link(payload)];

    if (payload_kind(payload) == PAYLOAD_REFUSE) {
        end_send(w, thread, index, now_ns, x, LINK_CLOSED_THERE);
    }
    x->state = WIRE_FREE;
}

/* An end, or a dial that failed: the node hears of it once. */
static bool end_arrive(struct world *w, unsigned thread, uint32_t index, uint64_t now_ns,
                       uint64_t payload, struct event *event)
{
    struct host *h = &w->hosts[index];
    uint32_t link = payload_link(payload);
    struct wire *x = &h->wire[link];
    bool dialing = x->state == WIRE_DIALING;
    enum link_end why = (enum link_end)payload_argument(payload);
    enum wire_state wanted = payload_kind(payload) == PAYLOAD_REFUSE ? WIRE_DIALING
                             : why == LINK_CLOSED_HERE               ? WIRE_CLOSING
                                                                     : WIRE_UP;

    if (x->state == WIRE_ACCEPTED && x->generation == payload_generation(payload)) {
        accepted_end(w, thread, index, now_ns, payload);
        return false;
    }
    if (x->state != wanted || x->generation != payload_generation(payload)) {
        return false;
    }
    if (!dialing) {
        h->links -= wanted == WIRE_UP;
        trace_add(w, thread, index, now_ns, TRACE_KINDS + WORLD_TRACE_link_end,
                  (uint64_t[TRACE_VALUES_MAX]){x->peer, payload_argument(payload)});
    }
    x->state = WIRE_FREE;
    if (!dialing) {
        h->numbers_used &= ~(UINT64_C(1) << x->number);
    }
    event->kind = EVENT_LINK_DOWN;
    event->link_down.link = dialing ? LINK_NONE : x->number;
    event->link_down.request = x->request;
    event->link_down.why = why;
    return true;
}

bool wire_arrive(struct world *w, unsigned thread, uint32_t index, uint64_t now_ns, uint32_t src,
                 uint64_t payload, struct event *event)
{
    struct host *h = &w->hosts[index];

    switch (payload_kind(payload)) {
    case PAYLOAD_FRAME:
    case PAYLOAD_FRAME_IN:
        if (!wire_current(h, payload)) {
            return false;
        }
        event->kind = EVENT_RECV;
        event->recv.link = h->wire[payload_link(payload)].number;
        event->recv.frame = payload_blob(payload);
        engine_mix(w->engine, index, event->recv.frame->id[0] ^ event->recv.link);
        return true;
    case PAYLOAD_DATAGRAM:
        event->kind = EVENT_RECV;
        event->recv.link = LINK_NONE;
        endpoint_of_node(&event->recv.from, src);
        event->recv.frame = payload_blob(payload);
        engine_mix(w->engine, index, event->recv.frame->id[0] ^ src);
        return true;
    case PAYLOAD_DIAL:
        dial_arrive(w, thread, index, now_ns, src, payload);
        return false;
    case PAYLOAD_PROOF:
        return proof_arrive(w, thread, index, now_ns, payload, event);
    case PAYLOAD_ACCEPT:
        return accept_arrive(w, thread, index, now_ns, src, payload, event);
    case PAYLOAD_REFUSE:
    case PAYLOAD_END:
        return end_arrive(w, thread, index, now_ns, payload, event);
    case PAYLOAD_NO_WIRE:
        if ((h->life & 0xffff) != (payload >> 36 & 0xffff)) {
            return false;
        }
        event->kind = EVENT_LINK_DOWN;
        event->link_down.link = LINK_NONE;
        event->link_down.request = (uint32_t)(payload >> 4);
        event->link_down.why = LINK_UNREACHABLE;
        return true;
    default:
        invariant(false);
    }
}

/* For a machine that is down: an operating system that still runs refuses, a dead one is silent. */
void wire_unanswered(struct world *w, unsigned thread, uint32_t index, uint64_t now_ns,
                     uint32_t src, uint64_t payload)
{
    struct host *h = &w->hosts[index];
    struct link_side passing;

    if (payload == ENGINE_WAKE || payload_kind(payload) != PAYLOAD_DIAL || h->silent) {
        return;
    }
    link_open(&passing, h->wires_opened++);
    uint64_t arrival = travel(w, thread, &passing, index, src, now_ns);
    if (arrival != LINK_NEVER) {
        engine_send(w->engine, thread, index, src, arrival,
                    payload_link_make(PAYLOAD_REFUSE, payload_link(payload),
                                      payload_generation(payload), LINK_REFUSED));
    }
}

void wires_drop(struct world *w, unsigned thread, uint32_t index, uint64_t now_ns, bool silent)
{
    struct host *h = &w->hosts[index];

    for (uint32_t i = 0; i < h->wires_used; i++) {
        if (wire_stands(&h->wire[i]) && !silent) {
            end_send(w, thread, index, now_ns, &h->wire[i], LINK_BROKEN);
        }
        h->wire[i].state = WIRE_FREE;
    }
    h->links = 0;
    h->numbers_used = 0;
}
