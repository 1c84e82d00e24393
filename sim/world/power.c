/* When machines run. A machine is up when it has joined, its owner has not switched it off (churn)
 * and no fault holds it down. */
#include <sys/mman.h>

#include "sim/world/internal.h"

enum power {
    POWER_JOIN,
    POWER_CHURN,
    POWER_FAULT_ON,  /* argument: the entry of the timeline */
    POWER_FAULT_OFF, /* the same */
    POWER_BREAK,
    POWER_CORRUPT
};

enum down_why { DOWN_LEFT, DOWN_CRASH, DOWN_OUTAGE, DOWN_WIPE };

static uint64_t power_payload(enum power what, uint32_t argument)
{
    return payload_make(PAYLOAD_POWER, (uint64_t)argument << 8 | (uint64_t)what);
}

/* Power does not wait for the processor, but time on a machine never goes back: the step before may
 * have begun later, inside this slot. */
static uint64_t step_soonest_ns(const struct host *h, uint64_t now_ns)
{
    uint64_t last_ns = clock_due_ns(&h->clock, h->mono_last_ns);

    return last_ns > now_ns ? last_ns : now_ns;
}

static void machine_start(struct world *w, unsigned thread, uint32_t index, uint64_t now_ns)
{
    struct host *h = &w->hosts[index];
    uint8_t seed[32];
    struct event event = {.kind = EVENT_START};

    if (h->life == 0 || h->wiped) {
        trust_give(w, index, now_ns);
    }
    h->up = true;
    h->silent = false;
    h->life++;
    world_node_seed(w, index, h->life, seed);
    node_init(h->node, h->config, seed, w->shared);
    if (h->adversary != NULL) {
        adversary_start(h->adversary);
    }
    trace_add(w, thread, index, now_ns, TRACE_KINDS + WORLD_TRACE_node_up,
              (uint64_t[TRACE_VALUES_MAX]){h->life, h->wiped});
    h->wiped = false;
    step_run(w, thread, index, step_soonest_ns(h, now_ns), &event);
}

static void machine_down(struct world *w, unsigned thread, uint32_t index, uint64_t now_ns,
                         enum down_why why)
{
    struct host *h = &w->hosts[index];
    bool clean = why == DOWN_LEFT;

    if (clean) {
        struct event event = {.kind = EVENT_STOP};
        step_run(w, thread, index, step_soonest_ns(h, now_ns), &event);
    }
    h->silent = why == DOWN_OUTAGE;
    wires_drop(w, thread, index, now_ns, h->silent);
    waiting_drop(w, thread, index);
    bool torn = durable_crash(w, thread, index, now_ns, clean);
    if (why == DOWN_WIPE) {
        durable_wipe(w, index);
        h->wiped = true;
    }
    h->up = false;
    cpu_crash(&h->cpu);
    memset(&h->line, 0, sizeof(h->line));
    engine_wake(w->engine, thread, index, ENGINE_NEVER);
    node_drop(h->node);
    if (h->adversary != NULL) {
        adversary_drop(h->adversary);
    }
    /* The next life finds zeroed pages, and a machine that is down costs no memory. */
    invariant(madvise(h->node, w->node_bytes, MADV_DONTNEED) == 0);
    trace_add(w, thread, index, now_ns, TRACE_KINDS + WORLD_TRACE_node_down,
              (uint64_t[TRACE_VALUES_MAX]){h->life, (uint64_t)why, clean, torn});
}

static void churn_arm(struct world *w, unsigned thread, uint32_t src, uint32_t index)
{
    const struct churn_node *state = &w->hosts[index].churn;

    if (state->next_ns < w->end_ns) {
        engine_send(w->engine, thread, src, index, state->next_ns, power_payload(POWER_CHURN, 0));
    }
}

static enum down_why fault_why(const struct world *w, uint32_t entry)
{
    switch (w->timeline.fault[entry].kind) {
    case FAULT_OUTAGE:
        return DOWN_OUTAGE;
    case FAULT_WIPE:
        return DOWN_WIPE;
    default:
        return DOWN_CRASH;
    }
}

/* Links of this node towards the other set of a break are reset. */
static void links_break(struct world *w, unsigned thread, uint32_t index, uint64_t now_ns,
                        uint32_t entry)
{
    const struct fault *fault = &w->timeline.fault[entry];
    const struct fault_set *others = &w->timeline.set[fault->b];
    struct host *h = &w->hosts[index];

    for (uint32_t i = 0; i < h->wires_used; i++) {
        const struct wire *x = &h->wire[i];
        if (wire_stands(x) && fault_set_has(others, x->peer)) {
            engine_send(w->engine, thread, index, index, now_ns,
                        payload_link_make(PAYLOAD_END, i, x->generation, LINK_BROKEN));
        }
    }
}

void power_event(struct world *w, unsigned thread, uint32_t index, uint64_t now_ns,
                 uint64_t payload)
{
    struct host *h = &w->hosts[index];
    enum power what = (enum power)(payload >> 4 & 0xff);
    uint32_t entry = (uint32_t)(payload >> 12);
    enum down_why why = DOWN_CRASH;

    switch (what) {
    case POWER_JOIN:
        h->joined = true;
        break;
    case POWER_CHURN:
        churn_turn(&w->churns[h->group], &h->churn, index);
        churn_arm(w, thread, index, index);
        h->away = !h->churn.up;
        why = w->scenario->groups[h->group].churn_wipe ? DOWN_WIPE : DOWN_LEFT;
        break;
    case POWER_FAULT_ON:
        why = fault_why(w, entry);
        break;
    case POWER_FAULT_OFF:
        break;
    case POWER_BREAK:
        links_break(w, thread, index, now_ns, entry);
        return;
    case POWER_CORRUPT:
        durable_corrupt(w, index, entry);
        return;
    }
    bool wanted = h->joined && !h->away &&
                  !fault_down(&w->timeline, &w->workers[thread].cursor, index, now_ns);
    if (h->up && !wanted) {
        machine_down(w, thread, index, now_ns, why);
    } else if (!h->up && wanted) {
        machine_start(w, thread, index, now_ns);
    }
    if (!h->up) {
        /* Whatever stopped it first: without power nothing answers. */
        h->silent = fault_active(&w->timeline, &w->workers[thread].cursor, NULL, FAULT_OUTAGE,
                                 index, now_ns);
    }
}

static void set_send(struct world *w, const struct fault_set *set, uint64_t time_ns,
                     uint64_t payload)
{
    uint32_t world = engine_world(w->engine);

    for (uint32_t i = 0; i < w->count; i++) {
        if (time_ns < w->end_ns && fault_set_has(set, i)) {
            engine_send(w->engine, 0, world, i, time_ns, payload);
        }
    }
}

static void fault_schedule(struct world *w, uint32_t entry)
{
    const struct fault *fault = &w->timeline.fault[entry];
    const struct fault_set *a = &w->timeline.set[fault->a];

    switch (fault->kind) {
    case FAULT_CRASH:
    case FAULT_OUTAGE:
    case FAULT_WIPE:
        set_send(w, a, fault->at_ns, power_payload(POWER_FAULT_ON, entry));
        set_send(w, a, fault->until_ns, power_payload(POWER_FAULT_OFF, entry));
        break;
    case FAULT_RESTART:
        set_send(w, a, fault->at_ns, power_payload(POWER_FAULT_OFF, entry));
        break;
    case FAULT_BREAK:
        set_send(w, a, fault->at_ns, power_payload(POWER_BREAK, entry));
        break;
    case FAULT_CORRUPT_DISK:
        set_send(w, a, fault->at_ns, power_payload(POWER_CORRUPT, entry));
        break;
    case FAULT_STEP_CLOCK:
        set_send(w, a, fault->at_ns, payload_make(PAYLOAD_CLOCK, entry));
        break;
    default:
        break; /* asked for by whoever acts */
    }
}

void power_schedule(struct world *w)
{
    uint32_t world = engine_world(w->engine);

    for (uint32_t entry = 0; entry < w->timeline.count; entry++) {
        fault_schedule(w, entry);
    }
    for (uint32_t i = 0; i < w->count; i++) {
        struct host *h = &w->hosts[i];
        uint64_t join_ns = w->population.members[i].join_ns;
        if (w->scenario->groups[h->group].churn) {
            if (join_ns == 0) {
                churn_begin_stationary(&w->churns[h->group], &h->churn, i, 0);
            } else {
                churn_begin_fresh(&w->churns[h->group], &h->churn, i, join_ns);
            }
            h->away = !h->churn.up;
            churn_arm(w, 0, world, i);
        }
        engine_send(w->engine, 0, world, i, join_ns, power_payload(POWER_JOIN, 0));
    }
}
