/* One event through the node, and what it asks for into the world: the daemon's sim/world/step.c.
 */
#include <stdlib.h>
#include <sys/mman.h>

#include "node/daemon/host_private.h"

#define LATER_RUN_MAX 64 /* told in one turn of the loop, so that sockets are served between */
#define SCRATCH_KEEP ((size_t)2 << 20) /* touched memory above this is given back */

static void effects_apply(struct host *host)
{
    struct effects *out = &host->effects;

    for (size_t i = 0; i < out->count; i++) {
        const struct effect *e = &out->list[i];
        switch (e->kind) {
        case EFFECT_CONNECT:
            wire_connect(host, e);
            break;
        case EFFECT_CLOSE:
            if (e->close.link < LINKS_MAX && host->slot[e->close.link] != NULL) {
                link_close(host->slot[e->close.link], LINK_CLOSED_HERE, "node");
            }
            break;
        case EFFECT_SEND:
            if (host->slot[e->send.link] != NULL) {
                link_send(host->slot[e->send.link], e->send.frame);
            } else {
                blob_drop(host->shared, e->send.frame); /* it ended while the step ran */
            }
            break;
        case EFFECT_DATAGRAM:
            datagram_send(host, &e->datagram.to, e->datagram.frame);
            break;
        case EFFECT_READ:
            durable_read(host, e);
            break;
        case EFFECT_WRITE:
            durable_write(host, e);
            break;
        case EFFECT_REPLY:
            for (struct asked **at = &host->asked; *at != NULL; at = &(*at)->next) {
                struct asked *asked = *at;
                if (asked->request == e->reply.request) {
                    *at = asked->next;
                    asked->reply.done(asked->reply.context, e->reply.err, e->reply.data);
                    free(asked);
                    break;
                }
            }
            break;
        case EFFECT_TRACE: {
            const struct host_notice notice = {
                .kind = HOST_TRACE,
                .time = host_now(host),
                .trace = {.kind = e->trace.kind, .value = e->trace.value}};
            host_notify(host, &notice);
            break;
        }
        }
    }
    out->count = 0;
    arena_reset(&out->arena);
}

/* A large step leaves touched pages behind; they go back when it was exceptional. */
static void arena_trim(struct arena *arena)
{
    if (arena->peak > SCRATCH_KEEP) {
        size_t bytes = (arena->peak + 4095) & ~(size_t)4095;
        size_t end = bytes < arena->capacity ? bytes : arena->capacity;
        (void)!madvise(arena->base + SCRATCH_KEEP, end - SCRATCH_KEEP, MADV_DONTNEED);
        arena->peak = 0;
    }
}

void host_rearm(struct host *host)
{
    uint64_t deadline = host->life == HOST_RUNNING ? node_deadline_ns(host->node) : DEADLINE_NONE;
    uint64_t now = uv_hrtime();

    if (deadline == DEADLINE_NONE) {
        uv_timer_stop(&host->wake);
        return;
    }
    /* A timer of 0 ms fires in the next turn, after the sockets: a node that is never content costs
     * time, not a loop. */
    uint64_t wait_ms = deadline <= now ? 0 : (deadline - now + 999999) / 1000000;
    uv_update_time(host->loop);
    host_wake_start(host, wait_ms);
}

void host_step(struct host *host, struct event *event)
{
    struct host_time now = host_now(host);

    invariant(!host->in_step && host->life != HOST_STOPPED);
    event->mono_ns = now.mono_ns;
    event->wall_ms = now.wall_ms;
    host->in_step = true;
    node_step(host->node, event, &host->effects, &host->scratch);
    arena_reset(&host->scratch);
    for (unsigned k = 0; k < COST_COUNT; k++) {
        host->stats.charge[k] += host->effects.charge[k];
        host->effects.charge[k] = 0;
    }
    host->stats.steps++;
    host->stats.events[event->kind]++;
    host->stats.step_ns += uv_hrtime() - now.mono_ns;
    effects_apply(host);
    host->in_step = false;
    if (now.mono_ns >= host->next_prune_ns) {
        host->next_prune_ns = now.mono_ns + SECOND_NS;
        arena_trim(&host->scratch);
        arena_trim(&host->effects.arena);
    }
    host_rearm(host);
}

/* --- what waits for the end of a step --- */

void later_add(struct host *host, struct later *later)
{
    later->next = NULL;
    if (host->later_last != NULL) {
        host->later_last->next = later;
    } else {
        host->later_first = later;
    }
    host->later_last = later;
    host_idle_start(host); /* the loop must not sleep on it */
}

static void later_tell(struct host *host, struct later *later)
{
    struct event event = {.kind = EVENT_SUBMIT};
    struct asked *asked;

    switch (later->kind) {
    case LATER_READ:
        durable_read_run(host, later);
        break;
    case LATER_DOWN:
        event.kind = EVENT_LINK_DOWN;
        event.link_down.link = later->down.link;
        event.link_down.request = later->down.request;
        event.link_down.why = later->down.why;
        if (later->down.link != LINK_NONE) {
            host->slots_used &= ~(1ull << later->down.link);
        }
        host_step(host, &event);
        if (later->down.link != LINK_NONE) {
            const struct host_notice notice = {
                .kind = HOST_LINK_DOWN, .time = host_now(host), .peer = &later->down.peer};
            host_notify(host, &notice);
        }
        break;
    case LATER_SUBMIT:
        asked = malloc(sizeof(*asked));
        invariant(asked != NULL);
        *asked = (struct asked){
            .next = host->asked, .request = later->submit.request, .reply = later->submit.reply};
        host->asked = asked;
        event.submit.request = later->submit.request;
        event.submit.kind = later->submit.kind;
        event.submit.data = span_of(later->data, later->submit.len);
        host_step(host, &event);
        break;
    }
}

void later_run(struct host *host)
{
    for (unsigned i = 0; i < LATER_RUN_MAX && host->later_first != NULL; i++) {
        struct later *later = host->later_first;
        host->later_first = later->next;
        if (host->later_first == NULL) {
            host->later_last = NULL;
        }
        if (host->life == HOST_RUNNING) {
            later_tell(host, later);
        }
        free(later);
    }
    if (host->later_first == NULL) {
        uv_idle_stop(&host->idle);
    }
}

void later_drop(struct host *host)
{
    while (host->later_first != NULL) {
        struct later *later = host->later_first;
        host->later_first = later->next;
        if (later->kind == LATER_SUBMIT) {
            later->submit.reply.done(later->submit.reply.context, ERR_INTERRUPTED,
                                     span_of(NULL, 0));
        }
        free(later);
    }
    host->later_last = NULL;
    while (host->asked != NULL) {
        struct asked *asked = host->asked;
        host->asked = asked->next;
        asked->reply.done(asked->reply.context, ERR_INTERRUPTED, span_of(NULL, 0));
        free(asked);
    }
}

void host_submit(struct host *host, enum submit_kind kind, struct span data,
                 struct host_reply reply)
{
    struct later *later = malloc(sizeof(*later) + data.len);

    invariant(later != NULL);
    if (host->life != HOST_RUNNING) {
        free(later);
        reply.done(reply.context, ERR_INTERRUPTED, span_of(NULL, 0));
        return;
    }
    later->kind = LATER_SUBMIT;
    later->submit.request = ++host->next_submit;
    later->submit.kind = kind;
    later->submit.reply = reply;
    later->submit.len = data.len;
    if (data.len > 0) {
        memcpy(later->data, data.data, data.len);
    }
    later_add(host, later);
}
