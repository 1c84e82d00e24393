/* One event on one machine: through the download queue and the processor into node_step, and the
 * effects back into the world. */
#include <stdlib.h>

#include "sim/world/internal.h"

static uint64_t slot_end(const struct world *w, uint64_t now_ns)
{
    return now_ns - now_ns % w->slot_ns + w->slot_ns;
}

void payload_release(struct world *w, uint64_t payload)
{
    enum payload_kind kind = payload_kind(payload);

    if (payload != ENGINE_WAKE &&
        (kind == PAYLOAD_FRAME || kind == PAYLOAD_FRAME_IN || kind == PAYLOAD_DATAGRAM)) {
        blob_drop(w->shared, payload_blob(payload));
    }
}

void waiting_drop(struct world *w, unsigned thread, uint32_t index)
{
    struct host *h = &w->hosts[index];

    while (h->wait_first != NULL) {
        struct waiting *x = h->wait_first;
        h->wait_first = x->next;
        payload_release(w, x->payload);
        x->next = w->workers[thread].spare;
        w->workers[thread].spare = x;
    }
    h->wait_last = NULL;
}

static void wait_push(struct world *w, unsigned thread, struct host *h, uint32_t src,
                      uint64_t payload)
{
    struct worker *worker = &w->workers[thread];
    struct waiting *x = worker->spare;

    if (x != NULL) {
        worker->spare = x->next;
    } else {
        x = malloc(sizeof(*x));
        invariant(x != NULL);
    }
    *x = (struct waiting){.src = src, .payload = payload};
    if (h->wait_last != NULL) {
        h->wait_last->next = x;
    } else {
        h->wait_first = x;
    }
    h->wait_last = x;
}

/* What the checks want to know of a step beside its traces: the clock by which it took a block. */
static void taken_note(struct world *w, unsigned thread, uint32_t index, uint64_t now_ns,
                       uint64_t wall_ms, const uint64_t *value)
{
    struct taken taken = {
        .height = value[0], .block = value[1], .ts_ms = value[4], .wall_ms = wall_ms};

    witness_taken(w->workers[thread].witness, index, now_ns, &taken);
}

/* Effects of a step that began at wall_ms, in order, leaving the machine at now_ns. */
static void effects_apply(struct world *w, unsigned thread, uint32_t index, uint64_t now_ns,
                          uint64_t wall_ms)
{
    struct effects *out = &w->workers[thread].effects;

    for (size_t i = 0; i < out->count; i++) {
        const struct effect *e = &out->list[i];
        switch (e->kind) {
        case EFFECT_CONNECT:
            wire_connect(w, thread, index, now_ns, e);
            break;
        case EFFECT_CLOSE:
            wire_close(w, thread, index, now_ns, e->close.link);
            break;
        case EFFECT_SEND:
            wire_send(w, thread, index, now_ns, e);
            break;
        case EFFECT_DATAGRAM:
            wire_datagram(w, thread, index, now_ns, &e->datagram.to, e->datagram.frame);
            break;
        case EFFECT_READ:
            durable_read(w, thread, index, now_ns, e);
            break;
        case EFFECT_WRITE:
            durable_write(w, thread, index, now_ns, e);
            break;
        case EFFECT_REPLY:
            engine_mix(w->engine, index, e->reply.request << 8 | (uint64_t)e->reply.err);
            break;
        case EFFECT_TRACE:
            if (e->trace.kind == TRACE_block_received) {
                taken_note(w, thread, index, now_ns, wall_ms, e->trace.value);
            }
            trace_add(w, thread, index, now_ns, (uint32_t)e->trace.kind, e->trace.value);
            break;
        }
    }
    out->count = 0;
    arena_reset(&out->arena);
}

static uint64_t charges_ps(struct world *w, struct effects *out)
{
    uint64_t ps = 0;

    for (uint32_t k = 0; k < COST_COUNT; k++) {
        if (out->charge[k] != 0) {
            ps += cpu_price_ps(&w->prices, k, out->charge[k]);
            out->charge[k] = 0;
        }
    }
    return ps;
}

void step_run(struct world *w, unsigned thread, uint32_t index, uint64_t now_ns,
              struct event *event)
{
    struct host *h = &w->hosts[index];
    struct worker *worker = &w->workers[thread];
    size_t mark = arena_mark(&worker->scratch); /* what the event shows lies below */

    event->mono_ns = clock_mono_ns(&h->clock, now_ns);
    event->wall_ms = clock_wall_ms(&h->clock, now_ns);
    invariant(event->mono_ns >= h->mono_last_ns);
    h->mono_last_ns = event->mono_ns;
    engine_mix(w->engine, index, (uint64_t)event->kind << 56 ^ event->mono_ns ^ event->wall_ms);
    transcript_event(w, index, now_ns, event);
    if (w->options.observe != NULL) {
        w->options.observe(w->options.observe_arg, index, event);
    }
    if (h->adversary == NULL) {
        node_step(h->node, event, &worker->effects, &worker->scratch);
    } else {
        world_step_filtered(w, thread, index, now_ns, event);
    }
    arena_rewind(&worker->scratch, mark);

    uint32_t slow_q16 =
        fault_factor_q16(&w->timeline, &worker->cursor, FAULT_SLOW_CPU, index, now_ns);
    uint64_t done_ns =
        cpu_run(&h->cpu, now_ns, charges_ps(w, &worker->effects), slow_q16, 1u << 16);
    effects_apply(w, thread, index, done_ns, event->wall_ms);
    arena_reset(&worker->scratch);
    if (!h->up) {
        return;
    }
    uint64_t deadline = node_deadline_ns(h->node);
    uint64_t due = deadline == DEADLINE_NONE ? ENGINE_NEVER : clock_due_ns(&h->clock, deadline);
    if (h->adversary != NULL) {
        uint64_t plot_ns = adversary_deadline_ns(h->adversary);
        due = plot_ns < due ? plot_ns : due;
    }
    /* Strictly later, so that a node that is never content costs time and not a loop. */
    engine_wake(w->engine, thread, index,
                due != ENGINE_NEVER && due <= done_ns ? done_ns + 1 : due);
}

/* Turns a payload into the node's event. False: nothing for the node. */
static bool event_make(struct world *w, unsigned thread, uint32_t index, uint64_t now_ns,
                       uint32_t src, uint64_t payload, struct event *event)
{
    if (payload == ENGINE_WAKE) {
        event->kind = EVENT_WAKE;
        return true;
    }
    switch (payload_kind(payload)) {
    case PAYLOAD_WRITE_DONE:
        return durable_write_done(w, index, payload, event);
    case PAYLOAD_READ_DONE:
        return durable_read_done(w, thread, index, payload, event);
    default:
        return wire_arrive(w, thread, index, now_ns, src, payload, event);
    }
}

static void processor(struct world *w, unsigned thread, uint32_t index, uint64_t now_ns,
                      uint32_t src, uint64_t payload)
{
    struct event event = {0};

    if (event_make(w, thread, index, now_ns, src, payload, &event)) {
        step_run(w, thread, index, now_ns, &event);
        if (event.kind == EVENT_READ_DONE) {
            durable_read_release(w, &event);
        }
    }
    payload_release(w, payload);
}

/* Work queues first come, first served. Work that can begin inside the open slot is done at once:
 * nobody else can see the difference, for what it sends arrives after the slot. */
static void queue(struct world *w, unsigned thread, uint32_t index, uint64_t now_ns, uint32_t src,
                  uint64_t payload, uint64_t slot_end_ns)
{
    struct host *h = &w->hosts[index];

    if (h->wait_first == NULL) {
        uint64_t start = cpu_free_ns(&h->cpu, now_ns);
        if (start < slot_end_ns) {
            processor(w, thread, index, start, src, payload);
            return;
        }
        engine_send(w->engine, thread, index, index, start,
                    payload_make(PAYLOAD_PROCESSOR, h->life));
    }
    wait_push(w, thread, h, src, payload);
}

static void queue_serve(struct world *w, unsigned thread, uint32_t index, uint64_t now_ns,
                        uint64_t slot_end_ns)
{
    struct host *h = &w->hosts[index];

    while (h->up && h->wait_first != NULL) {
        uint64_t start = cpu_free_ns(&h->cpu, now_ns);
        if (start >= slot_end_ns) {
            engine_send(w->engine, thread, index, index, start,
                        payload_make(PAYLOAD_PROCESSOR, h->life));
            return;
        }
        struct waiting *x = h->wait_first;
        h->wait_first = x->next;
        if (h->wait_first == NULL) {
            h->wait_last = NULL;
        }
        uint32_t src = x->src;
        uint64_t payload = x->payload;
        x->next = w->workers[thread].spare;
        w->workers[thread].spare = x;
        processor(w, thread, index, start, src, payload);
    }
}

/* A frame has crossed the network; it is in when the download queue has taken it. */
static bool download(struct world *w, unsigned thread, uint32_t index, const struct engine_event *e,
                     uint64_t *in_ns)
{
    struct host *h = &w->hosts[index];
    const struct blob *frame = payload_blob(e->payload);
    uint32_t bytes = frame->len + (uint32_t)w->scenario->network.overhead_bytes;
    uint32_t slow_q16 = fault_factor_q16(&w->timeline, &w->workers[thread].cursor, FAULT_SLOW_NET,
                                         index, e->time_ns);

    *in_ns = link_receive(&w->net, &h->line, index, e->time_ns, bytes, slow_q16, 1u << 16);
    h->received_bytes += bytes;
    h->received_frames++;
    if (*in_ns == e->time_ns) {
        return true; /* no queue; else wait in it, or what comes behind would overtake */
    }
    if (payload_kind(e->payload) == PAYLOAD_DATAGRAM) {
        *in_ns = e->time_ns; /* a datagram takes its share of the line but does not wait: it may be
                                lost anyway */
        return true;
    }
    engine_send(w->engine, thread, index, index, *in_ns,
                (e->payload & ~(uint64_t)15) | PAYLOAD_FRAME_IN);
    return false;
}

void world_handler(void *arg, unsigned thread, const struct engine_event *e)
{
    struct world *w = arg;
    uint32_t index = e->dst;
    struct host *h = &w->hosts[index];
    uint64_t now_ns = e->time_ns;
    uint64_t end_ns = slot_end(w, now_ns);

    if (w->stopped) {
        payload_release(w, e->payload);
        return;
    }
    if (e->payload != ENGINE_WAKE) {
        switch (payload_kind(e->payload)) {
        case PAYLOAD_POWER:
            power_event(w, thread, index, now_ns, e->payload);
            return;
        case PAYLOAD_LOAD:
            load_arrive(w, thread, index, now_ns, e->payload);
            return;
        case PAYLOAD_CLOCK:
            clock_step(&h->clock, w->timeline.fault[e->payload >> 4].value_ns);
            return;
        case PAYLOAD_PROCESSOR:
            if (h->up && (uint32_t)(e->payload >> 4) == h->life) {
                queue_serve(w, thread, index, now_ns, end_ns);
            }
            return;
        case PAYLOAD_FRAME:
            if (wire_current(h, e->payload)) {
                if (!download(w, thread, index, e, &now_ns)) {
                    return;
                }
            }
            break;
        case PAYLOAD_DATAGRAM:
            if (h->up) {
                download(w, thread, index, e, &now_ns);
            }
            break;
        default:
            break;
        }
    }
    if (!h->up) {
        wire_unanswered(w, thread, index, now_ns, e->src, e->payload);
        payload_release(w, e->payload);
        return;
    }
    queue(w, thread, index, now_ns, e->src, e->payload, end_ns);
}

static const struct blob *frame_of(const struct engine_event *e)
{
    return e->payload != ENGINE_WAKE && payload_kind(e->payload) <= PAYLOAD_DATAGRAM
               ? payload_blob(e->payload)
               : NULL;
}

/* Ten thousand machines are more than a cache holds: an event finds nothing of its machine there
 * unless it was fetched while the ones before it ran. */
void world_fetch(const void *arg, const struct engine_event *e, unsigned stage)
{
    const struct world *w = arg;
    const struct host *h = &w->hosts[e->dst];
    const struct blob *frame = frame_of(e);

    if (stage == 0) {
        const char *node = (const char *)w->slab + (size_t)e->dst * w->node_bytes;
        __builtin_prefetch(node, 1);
        __builtin_prefetch(node + 64, 1);
        __builtin_prefetch((const char *)h + 64, 1);
        __builtin_prefetch((const char *)h + 128, 1);
        if (frame != NULL) {
            __builtin_prefetch(frame, 1);
            __builtin_prefetch((const char *)frame + 64);
            __builtin_prefetch(&h->wire[payload_link(e->payload)]);
        }
    } else if (h->up) {
        node_fetch(h->node, frame);
    }
}
