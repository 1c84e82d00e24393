#include "sim/adversary/adversary.h"

#include <stdlib.h>

#include "sim/adversary/private.h"

/* --- who --- */

static bool twins_set(const struct adversary_line *line, uint32_t node)
{
    for (uint32_t p = 0; p < ADVERSARY_PARAMETERS_MAX; p++) {
        const struct parameter *parameter = &line->kind->parameter[p];
        if (parameter->word != NULL && parameter->type == PARAMETER_NODES &&
            strcmp(parameter->word, "with") == 0 && fault_set_has(&line->value[p].set, node)) {
            return true;
        }
    }
    return false;
}

bool adversaries_byzantine(const struct adversaries *all, uint32_t node)
{
    return adversaries_until_ns(all, node) != 0;
}

uint64_t adversaries_until_ns(const struct adversaries *all, uint32_t node)
{
    uint64_t until = 0;

    for (uint32_t i = 0; all != NULL && i < all->count; i++) {
        const struct adversary_line *line = &all->lines[i];
        if (fault_set_has(&line->nodes, node) || twins_set(line, node)) {
            uint64_t end = line->kind->lasting ? ADVERSARY_FOREVER : line->until_ns;
            until = end > until ? end : until;
        }
    }
    return until;
}

static uint32_t set_rank(const struct fault_set *set, uint32_t node)
{
    uint32_t rank = 0;

    for (uint32_t i = 0; i < node; i++) {
        rank += fault_set_has(set, i);
    }
    return rank;
}

uint32_t adversary_lines_twin(const struct adversary_line *lines, uint32_t count, uint32_t node)
{
    for (uint32_t i = 0; i < count; i++) {
        const struct fault_set *copies = &lines[i].value[0].set;
        if (twins_set(&lines[i], node)) {
            uint32_t of = act_nth(&lines[i].nodes, set_rank(copies, node));
            return of == NODE_UNKNOWN ? node : of;
        }
    }
    return node;
}

/* --- making --- */

static bool touches(const struct adversary_line *line, uint32_t node, bool *door)
{
    const struct adversary_kind *kind = line->kind;

    *door = !fault_set_has(&line->nodes, node);
    if (kind->connect != NULL && twins_set(line, node)) {
        *door = false;
        return true;
    }
    return !*door ? kind->recv != NULL || kind->send != NULL || kind->after != NULL
                  : kind->doors != NULL && kind->doors(line);
}

static struct adversary *adversary_make(struct adversaries *all, uint32_t node)
{
    struct adversary *a = NULL;
    bool door;

    for (uint32_t i = 0; i < all->count; i++) {
        const struct adversary_line *line = &all->lines[i];
        if (!touches(line, node, &door)) {
            continue;
        }
        if (a == NULL) {
            a = calloc(1, sizeof(*a));
            invariant(a != NULL);
            *a = (struct adversary){.all = all, .node = node};
            a->behaviours = calloc(all->count, sizeof(*a->behaviours));
            invariant(a->behaviours != NULL);
        }
        struct behaviour *b = &a->behaviours[a->count++];
        *b = (struct behaviour){.line = line, .number = i, .door = door};
        if (line->kind->state_bytes > 0) {
            b->state = calloc(1, line->kind->state_bytes);
            invariant(b->state != NULL);
        }
    }
    return a;
}

/* 1 - the sum of squared shares of the nodes outside the line, Q32; 0: one of them has all. */
static uint64_t others_differ(const struct adversaries *all, const struct adversary_line *line)
{
    uint64_t sum = 0, most = 0;
    u128 squares = 0;

    for (uint32_t i = 0; i < all->config.nodes; i++) {
        uint64_t stake = fault_set_has(&line->nodes, i) ? 0 : all->stake[i];
        sum += stake;
        most = stake > most ? stake : most;
    }
    if (sum == most) {
        return 0;
    }
    for (uint32_t i = 0; i < all->config.nodes; i++) {
        uint64_t stake = fault_set_has(&line->nodes, i) ? 0 : all->stake[i];
        u128 share = ((u128)stake << 48) / sum; /* Q48: the squares of all together fit */
        squares += share * share;
    }
    return DRAW_CERTAIN - (uint64_t)(squares >> 64);
}

struct adversaries *adversaries_new(const struct adversaries_config *config,
                                    struct adversary_line *lines, uint32_t count)
{
    struct adversaries *all = calloc(1, sizeof(*all));

    invariant(all != NULL);
    all->config = *config;
    all->lines = lines;
    all->count = count;
    all->accounts = calloc(config->nodes, sizeof(*all->accounts));
    all->stake = calloc(config->nodes, sizeof(*all->stake));
    all->of_node = calloc(config->nodes, sizeof(struct adversary *));
    all->others_differ = calloc(count, sizeof(*all->others_differ));
    invariant(all->accounts != NULL && all->stake != NULL && all->of_node != NULL &&
              all->others_differ != NULL);
    memcpy(all->accounts, config->accounts, config->nodes * sizeof(*all->accounts));
    memcpy(all->stake, config->stake_tokens, config->nodes * sizeof(*all->stake));
    for (uint32_t i = 0; i < count; i++) {
        all->others_differ[i] = others_differ(all, &lines[i]);
    }
    for (uint32_t i = 0; i < config->nodes; i++) {
        all->of_node[i] = adversary_make(all, i);
    }
    return all;
}

void adversaries_free(struct adversaries *all)
{
    if (all == NULL) {
        return;
    }
    for (uint32_t i = 0; i < all->config.nodes; i++) {
        struct adversary *a = all->of_node[i];
        for (uint32_t b = 0; a != NULL && b < a->count; b++) {
            free(a->behaviours[b].state);
        }
        if (a != NULL) {
            free(a->behaviours);
        }
        free(a);
    }
    for (uint32_t i = 0; i < all->count; i++) {
        adversary_line_free(&all->lines[i]);
    }
    free(all->lines);
    free(all->accounts);
    free(all->stake);
    free(all->others_differ);
    free(all->of_node);
    free(all);
}

struct adversary *adversaries_of(struct adversaries *all, uint32_t node)
{
    return all == NULL ? NULL : all->of_node[node];
}

/* --- one step --- */

static bool active(const struct behaviour *b, uint64_t now_ns)
{
    return now_ns >= b->line->at_ns && now_ns < b->line->until_ns;
}

static struct act act_make(struct adversary *a, const struct adversary_moment *m,
                           const struct event *event)
{
    return (struct act){.c = {.mono_ns = event->mono_ns,
                              .wall_ms = event->wall_ms,
                              .out = m->out,
                              .scratch = m->scratch,
                              .rng = &a->rng,
                              .shared = a->all->config.shared,
                              .config = m->config,
                              .next_request = &a->next_request},
                        .now_ns = m->now_ns,
                        .thread = m->thread,
                        .node = m->node,
                        .adversary = a};
}

static void act_for(struct act *act, const struct behaviour *b)
{
    act->line = b->line;
    act->line_number = b->number;
    act->state = b->state;
}

void adversary_hold(struct adversary *a, uint32_t link, const struct blob *frame, uint64_t due_ns,
                    bool in)
{
    struct held **at = &a->held;
    struct held *h = malloc(sizeof(*h));

    invariant(h != NULL);
    while (*at != NULL && (*at)->due_ns <= due_ns) {
        at = &(*at)->next;
    }
    *h = (struct held){.next = *at,
                       .frame = frame,
                       .due_ns = due_ns,
                       .link = link,
                       .life = a->links[link].life,
                       .in = in};
    *at = h;
}

static bool held_stands(const struct adversary *a, const struct held *h)
{
    return a->links[h->link].up && a->links[h->link].life == h->life;
}

/* Takes the first that is due of a direction; its reference goes to the caller. */
static struct held *held_take(struct adversary *a, uint64_t now_ns, bool in)
{
    for (struct held **at = &a->held; *at != NULL && (*at)->due_ns <= now_ns; at = &(*at)->next) {
        if ((*at)->in == in) {
            struct held *h = *at;
            *at = h->next;
            return h;
        }
    }
    return NULL;
}

static void held_clear(struct adversary *a)
{
    while (a->held != NULL) {
        struct held *next = a->held->next;
        blob_drop(a->all->config.shared, a->held->frame);
        free(a->held);
        a->held = next;
    }
}

static void states_drop(struct adversary *a)
{
    struct act act = {.c = {.shared = a->all->config.shared}, .adversary = a};

    for (uint32_t i = 0; i < a->count; i++) {
        struct behaviour *b = &a->behaviours[i];
        act_for(&act, b);
        if (b->line->kind->drop != NULL && b->state != NULL && !b->door) {
            b->line->kind->drop(&act);
        }
        if (b->state != NULL) {
            memset(b->state, 0, b->line->kind->state_bytes);
        }
    }
}

void adversary_drop(struct adversary *a)
{
    held_clear(a);
    blob_drop(a->all->config.shared, a->delivering);
    a->delivering = NULL;
    states_drop(a);
}

void adversary_start(struct adversary *a)
{
    uint8_t seed[32] = {0};

    adversary_drop(a);
    memset(a->links, 0, sizeof(a->links));
    a->next_request = REQUEST_FIRST;
    store64(seed, draw(a->all->config.seed, DRAW_ADVERSARY, a->node, UINT32_MAX, a->lives++));
    rng_init(&a->rng, seed);
}

static void link_set(struct adversary *a, struct act *act, uint32_t link, bool up, uint32_t peer)
{
    struct adversary_link *l = &a->links[link];

    *l = (struct adversary_link){.up = up, .peer = peer, .life = l->life + 1};
    for (uint32_t i = 0; i < a->count; i++) {
        struct behaviour *b = &a->behaviours[i];
        if (b->line->kind->link != NULL && !b->door) {
            act_for(act, b);
            b->line->kind->link(act, link, up);
        }
    }
}

/* Keeps the order of a link: behind what waits already. */
static bool pass_later(struct adversary *a, uint32_t link, const struct blob *frame,
                       uint64_t due_ns, bool in)
{
    uint64_t *floor = in ? &a->links[link].in_ns : &a->links[link].out_ns;

    due_ns = due_ns > *floor ? due_ns : *floor;
    if (due_ns <= a->now_ns) {
        return false;
    }
    *floor = due_ns;
    adversary_hold(a, link, frame, due_ns, in);
    return true;
}

/* *frame becomes what is to be received; a reference of its own when it was replaced. */
static enum pass ask_recv(struct adversary *a, struct act *act, uint32_t link,
                          const struct blob **frame, uint64_t *due_ns)
{
    const struct blob *given = *frame;
    enum pass pass = PASS_ON;

    for (uint32_t i = 0; i < a->count; i++) {
        struct behaviour *b = &a->behaviours[i];
        const struct adversary_kind *kind = b->line->kind;
        if (!active(b, act->now_ns) || (b->door ? kind->door : kind->recv) == NULL) {
            continue;
        }
        act_for(act, b);
        act->hold_ns = act->now_ns;
        const struct blob *before = *frame;
        enum pass one = (b->door ? kind->door : kind->recv)(act, link, frame);
        if (*frame != before && before != given) {
            blob_drop(act->c.shared, before);
        }
        if (one == PASS_NOT) {
            return PASS_NOT;
        }
        if (one == PASS_LATER) {
            pass = PASS_LATER;
            *due_ns = act->hold_ns > *due_ns ? act->hold_ns : *due_ns;
        }
    }
    return pass;
}

/* A wake may be the time of a frame that was held back: then that is the event. */
static void wake_turn(struct adversary *a, struct event *event)
{
    struct held *h;

    while ((h = held_take(a, a->now_ns, true)) != NULL) {
        bool stands = held_stands(a, h);
        if (stands) {
            event->kind = EVENT_RECV;
            event->recv.link = h->link;
            event->recv.frame = h->frame;
            a->delivering = h->frame;
        } else {
            blob_drop(a->all->config.shared, h->frame);
        }
        free(h);
        if (stands) {
            return;
        }
    }
}

/* False: the node does not see it, not now. */
static bool recv_turn(struct adversary *a, struct act *act, struct event *event)
{
    const struct blob *frame = event->recv.frame;
    uint64_t due_ns = a->now_ns;
    enum pass pass = ask_recv(a, act, event->recv.link, &frame, &due_ns);

    if (frame == event->recv.frame) {
        blob_keep(act->c.shared, frame);
    }
    if (pass != PASS_NOT && pass_later(a, event->recv.link, frame, due_ns, true)) {
        return false;
    }
    event->recv.frame = frame;
    a->delivering = frame;
    return pass != PASS_NOT;
}

bool adversary_before(struct adversary *a, const struct adversary_moment *m, struct event *event)
{
    struct act act = act_make(a, m, event);

    a->now_ns = m->now_ns;
    a->deeds = 0;
    switch (event->kind) {
    case EVENT_WAKE:
        wake_turn(a, event);
        return true;
    case EVENT_LINK_UP:
        if (event->link_up.dialed && event->link_up.request >= REQUEST_FIRST) {
            event->link_up.dialed = false; /* the strategy dialed: to the node it just came */
        }
        link_set(a, &act, event->link_up.link, true,
                 a->all->config.node_of(&event->link_up.endpoint, a->all->config.nodes));
        return true;
    case EVENT_LINK_DOWN:
        if (event->link_down.link != LINK_NONE) {
            link_set(a, &act, event->link_down.link, false, NODE_UNKNOWN);
            return true;
        }
        return event->link_down.request < REQUEST_FIRST; /* a dial of a strategy failed */
    case EVENT_RECV:
        if (event->recv.link == LINK_NONE) {
            return true;
        }
        if (!recv_turn(a, &act, event)) {
            a->deeds = m->out->count;
            return false;
        }
        a->deeds = m->out->count;
        return true;
    default:
        return true;
    }
}

static enum pass ask_send(struct adversary *a, struct act *act, uint32_t link,
                          const struct blob **frame, uint64_t *due_ns)
{
    enum pass pass = PASS_ON;

    for (uint32_t i = 0; i < a->count; i++) {
        struct behaviour *b = &a->behaviours[i];
        if (!active(b, act->now_ns) || b->door || b->line->kind->send == NULL) {
            continue;
        }
        act_for(act, b);
        act->hold_ns = act->now_ns;
        enum pass one = b->line->kind->send(act, link, frame);
        if (one == PASS_NOT) {
            return PASS_NOT;
        }
        if (one == PASS_LATER) {
            pass = PASS_LATER;
            *due_ns = act->hold_ns > *due_ns ? act->hold_ns : *due_ns;
        }
    }
    return pass;
}

/* One effect of the node; false: it does not leave. */
static bool effect_pass(struct adversary *a, struct act *act, struct effect *e)
{
    uint64_t due_ns = act->now_ns;

    switch (e->kind) {
    case EFFECT_SEND:
        if (ask_send(a, act, e->send.link, &e->send.frame, &due_ns) == PASS_NOT) {
            blob_drop(act->c.shared, e->send.frame);
            return false;
        }
        return !pass_later(a, e->send.link, e->send.frame, due_ns, false);
    case EFFECT_CONNECT:
        for (uint32_t i = 0; i < a->count; i++) {
            struct behaviour *b = &a->behaviours[i];
            if (!b->door && b->line->kind->connect != NULL) {
                act_for(act, b);
                b->line->kind->connect(act, &e->connect.endpoint);
            }
        }
        return true;
    case EFFECT_CLOSE:
        link_set(a, act, e->close.link, false, NODE_UNKNOWN);
        return true;
    case EFFECT_TRACE:
        for (uint32_t i = 0; i < a->count; i++) {
            struct behaviour *b = &a->behaviours[i];
            if (active(b, act->now_ns) && !b->door && b->line->kind->traced != NULL) {
                act_for(act, b);
                b->line->kind->traced(act, e->trace.kind, e->trace.value);
            }
        }
        return true;
    default:
        return true;
    }
}

void adversary_after(struct adversary *a, const struct adversary_moment *m,
                     const struct event *event)
{
    struct act act = act_make(a, m, event);
    size_t kept = a->deeds; /* what strategies sent before the step is not the node's */
    size_t count = m->out->count;
    struct held *h;

    for (size_t i = kept; i < count; i++) {
        struct effect e = m->out->list[i];
        if (effect_pass(a, &act, &e)) {
            m->out->list[kept++] = e;
        }
    }
    for (size_t i = count; i < m->out->count; i++) {
        m->out->list[kept++] = m->out->list[i]; /* sent meanwhile by strategies */
    }
    m->out->count = kept;
    while ((h = held_take(a, m->now_ns, false)) != NULL) {
        if (held_stands(a, h)) {
            ctx_send(&act.c, h->link, h->frame);
        }
        blob_drop(act.c.shared, h->frame);
        free(h);
    }
    for (uint32_t i = 0; i < a->count; i++) {
        struct behaviour *b = &a->behaviours[i];
        if (active(b, m->now_ns) && !b->door && b->line->kind->after != NULL) {
            act_for(&act, b);
            b->line->kind->after(&act);
        }
    }
    blob_drop(act.c.shared, a->delivering);
    a->delivering = NULL;
}

uint64_t adversary_deadline_ns(const struct adversary *a)
{
    uint64_t due = a->held != NULL ? a->held->due_ns : ADVERSARY_FOREVER;

    for (uint32_t i = 0; i < a->count; i++) {
        const struct behaviour *b = &a->behaviours[i];
        uint64_t at = ADVERSARY_FOREVER;
        if (b->door) {
            continue;
        }
        if (a->now_ns < b->line->at_ns) {
            at = b->line->at_ns;
        } else if (active(b, a->now_ns) && b->line->kind->deadline_ns != NULL) {
            at = b->line->kind->deadline_ns(b->state);
        }
        due = at < due ? at : due;
    }
    return due;
}
