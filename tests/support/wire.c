#include "tests/support/wire.h"

#include <stdlib.h>

#include "node/base/invariant.h"
#include "node/crypto/sign.h"

struct endpoint wire_endpoint(uint32_t node)
{
    struct endpoint endpoint = {.port = 7000};
    endpoint.address[10] = endpoint.address[11] = 0xff;
    endpoint.address[12] = 10;
    endpoint.address[14] = (uint8_t)(node >> 8);
    endpoint.address[15] = (uint8_t)node;
    return endpoint;
}

uint32_t wire_node_of(const struct wire *wire, const uint8_t node_id[32])
{
    for (uint32_t i = 0; i < wire->count; i++) {
        if (memcmp(wire->nodes[i].node_id, node_id, 32) == 0) {
            return i;
        }
    }
    return UINT32_MAX;
}

struct wire *wire_new(uint32_t count, uint64_t seed, const struct genesis *genesis)
{
    struct wire *wire = calloc(1, sizeof(*wire));
    invariant(wire != NULL && count <= WIRE_NODES_MAX);
    test_host_init(&wire->host, seed, TEST_MEMO_ON);
    wire->count = count;
    wire->delay_ns = 50000000;
    wire->now_ns = 1000000000;
    wire->wall_ms = 1000;
    wire->policy = (struct node_policy){.links_out = 4,
                                        .links_max = 16,
                                        .mesh_links = 8,
                                        .vote_flush_ns = 25000000,
                                        .lazy_flush_ns = 5000000000,
                                        .vote_have_ns = 2000000000,
                                        .pool_txs_max = 4096,
                                        .pool_sender_max = 64,
                                        .tree_entries_max = 2048,
                                        .fee_multiplier = 1,
                                        .ping_ns = 15000000000};
    for (uint32_t i = 0; i < count; i++) {
        struct wire_node *node = &wire->nodes[i];
        struct sign_secret secret;
        node->config = (struct node_config){
            .genesis = genesis, .policy = &wire->policy, .endpoint = wire_endpoint(i)};
        store64(node->config.node_seed, i + 1);
        node->config.node_seed[31] = 77;
        sign_keypair(&secret, node->config.node_seed);
        memcpy(node->node_id, secret.public_key, 32);
        rng_init_stream(&node->rng, seed, RNG_TEST, i + 1);
    }
    return wire;
}

static bool before(const struct wire_queued *a, const struct wire_queued *b)
{
    return a->at_ns != b->at_ns ? a->at_ns < b->at_ns : a->order < b->order;
}

/* A binary heap. */
static void queue_add(struct wire *wire, const struct wire_queued *item)
{
    if (wire->queued == wire->capacity) {
        wire->capacity = wire->capacity == 0 ? 1024 : 2 * wire->capacity;
        wire->queue = realloc(wire->queue, wire->capacity * sizeof(*wire->queue));
        invariant(wire->queue != NULL);
    }
    size_t at = wire->queued++;
    struct wire_queued *q = wire->queue;
    while (at > 0 && before(item, &q[(at - 1) / 2])) {
        q[at] = q[(at - 1) / 2];
        at = (at - 1) / 2;
    }
    q[at] = *item;
}

static struct wire_queued queue_take(struct wire *wire)
{
    struct wire_queued *q = wire->queue;
    struct wire_queued first = q[0];
    struct wire_queued last = q[--wire->queued];
    size_t at = 0;
    for (;;) {
        size_t child = 2 * at + 1;
        if (child >= wire->queued) {
            break;
        }
        if (child + 1 < wire->queued && before(&q[child + 1], &q[child])) {
            child++;
        }
        if (!before(&q[child], &last)) {
            break;
        }
        q[at] = q[child];
        at = child;
    }
    q[at] = last;
    return first;
}

static void later(struct wire *wire, uint32_t node, uint64_t delay_ns, uint32_t pair,
                  const struct event *event)
{
    struct wire_queued item = {.at_ns = wire->now_ns + delay_ns,
                               .order = ++wire->orders,
                               .node = node,
                               .pair = pair,
                               .epoch = pair == 0 ? 0 : wire->pairs[pair - 1].epoch,
                               .event = *event};
    queue_add(wire, &item);
}

static uint32_t link_free(const struct wire_node *node)
{
    for (uint32_t i = 0; i < LINKS_MAX; i++) {
        if (node->pair_of[i] == 0) {
            return i;
        }
    }
    return LINK_NONE;
}

static void connect_do(struct wire *wire, uint32_t from, const struct effect *effect)
{
    uint32_t to = UINT32_MAX;
    for (uint32_t i = 0; i < wire->count; i++) {
        struct endpoint endpoint = wire_endpoint(i);
        if (memcmp(endpoint.address, effect->connect.endpoint.address, 16) == 0) {
            to = i;
        }
    }
    uint32_t pair = 0;
    while (wire->pairs[pair].used) {
        pair++;
    }
    uint32_t a = link_free(&wire->nodes[from]);
    uint32_t b = to == UINT32_MAX ? LINK_NONE : link_free(&wire->nodes[to]);
    if (b == LINK_NONE || a == LINK_NONE || wire->nodes[to].down ||
        (wire->nodes[to].blocked >> from & 1) != 0) {
        struct event down = {.kind = EVENT_LINK_DOWN,
                             .link_down = {.link = LINK_NONE,
                                           .request = effect->connect.request,
                                           .why = LINK_UNREACHABLE}};
        later(wire, from, wire->delay_ns, 0, &down);
        return;
    }
    wire->nodes[from].pair_of[a] = pair + 1;
    wire->nodes[to].pair_of[b] = pair + 1;
    wire->pairs[pair] = (struct wire_pair){.used = true,
                                           .epoch = wire->pairs[pair].epoch + 1,
                                           .node = {from, to},
                                           .link = {a, b},
                                           .request = effect->connect.request};
    struct event up = {.kind = EVENT_LINK_UP,
                       .link_up = {.link = a,
                                   .dialed = true,
                                   .request = effect->connect.request,
                                   .endpoint = wire_endpoint(to)}};
    memcpy(up.link_up.peer, wire->nodes[to].node_id, 32);
    later(wire, from, 2 * wire->delay_ns, pair + 1, &up);
    up.link_up.link = b;
    up.link_up.dialed = false;
    up.link_up.request = 0;
    up.link_up.endpoint = wire_endpoint(from);
    memcpy(up.link_up.peer, wire->nodes[from].node_id, 32);
    later(wire, to, wire->delay_ns, pair + 1, &up);
}

static void pair_end(struct wire *wire, uint32_t pair, uint32_t by)
{
    struct wire_pair *p = &wire->pairs[pair - 1];
    p->used = false;
    p->epoch++;
    for (uint32_t side = 0; side < 2; side++) {
        struct event down = {
            .kind = EVENT_LINK_DOWN,
            .link_down = {.link = p->link[side],
                          .why = p->node[side] == by ? LINK_CLOSED_HERE : LINK_CLOSED_THERE}};
        if (side == 0 && p->request != 0) { /* every CONNECT is answered */
            wire->nodes[p->node[0]].pair_of[p->link[0]] = 0;
            down.link_down.link = LINK_NONE;
            down.link_down.request = p->request;
        }
        later(wire, p->node[side], p->node[side] == by ? 0 : wire->delay_ns, 0, &down);
    }
}

static int key_order(struct span a, struct span b)
{
    int order = memcmp(a.data, b.data, a.len < b.len ? a.len : b.len);
    return order != 0 ? order : (a.len > b.len) - (a.len < b.len);
}

static void read_do(struct wire *wire, uint32_t node, const struct effect *effect)
{
    struct wire_node *n = &wire->nodes[node];
    struct event done = {.kind = EVENT_READ_DONE, .read_done = {.request = effect->read.request}};
    size_t first = 0;
    size_t count = 0;
    struct span from = effect->read.from;
    bool back = effect->read.backwards;
    for (size_t i = 0; i < n->record_count; i++) {
        const struct record_kept *r = &n->records[i];
        int order = from.len == 0 ? 0 : key_order(span_of(r->key, r->key_len), from);
        bool fits = r->key_len >= effect->read.prefix.len &&
                    memcmp(r->key, effect->read.prefix.data, effect->read.prefix.len) == 0 &&
                    (back ? order <= 0 : order >= 0);
        if (!fits) {
            continue;
        }
        if (count == effect->read.limit) {
            done.read_done.more = true;
            if (!back) {
                break;
            }
            first++; /* the last ones are wanted */
            continue;
        }
        first = count == 0 ? i : first;
        count++;
    }
    /* What is read is as of now: the keys are copied behind the records, the values kept. */
    enum { KEY_ROOM = sizeof(n->records->key) };
    struct record *records = calloc(count + 1, sizeof(*records) + KEY_ROOM);
    invariant(records != NULL);
    uint8_t *keys = (uint8_t *)(records + count + 1);
    done.read_done.records = records;
    for (size_t i = 0; i < count; i++, keys += KEY_ROOM) {
        const struct record_kept *r = &n->records[first + i];
        if (r->damaged) {
            done.read_done.err = ERR_CORRUPT;
            continue;
        }
        memcpy(keys, r->key, r->key_len);
        records[done.read_done.count++] = (struct record){
            .key = keys, .key_len = r->key_len, .value = blob_keep(wire->host.shared, r->value)};
    }
    later(wire, node, 1000000, 0, &done);
}

static void read_free(struct wire *wire, const struct event *done)
{
    for (size_t i = 0; i < done->read_done.count; i++) {
        blob_drop(wire->host.shared, done->read_done.records[i].value);
    }
    free((void *)(uintptr_t)done->read_done.records);
}

void wire_record_set(struct wire *wire, uint32_t node, struct span key, const struct blob *value)
{
    struct wire_node *n = &wire->nodes[node];
    size_t at = 0;
    int order = 1;
    while (at < n->record_count) {
        size_t len = key.len < n->records[at].key_len ? key.len : n->records[at].key_len;
        order = memcmp(n->records[at].key, key.data, len);
        order = order != 0
                    ? order
                    : (n->records[at].key_len > key.len) - (n->records[at].key_len < key.len);
        if (order >= 0) {
            break;
        }
        at++;
    }
    if (at < n->record_count && order == 0) {
        blob_drop(wire->host.shared, n->records[at].value);
        if (value == NULL) {
            memmove(n->records + at, n->records + at + 1,
                    (n->record_count - at - 1) * sizeof(*n->records));
            n->record_count--;
            return;
        }
    } else if (value == NULL) {
        return;
    } else {
        n->records = realloc(n->records, (n->record_count + 1) * sizeof(*n->records));
        invariant(n->records != NULL);
        memmove(n->records + at + 1, n->records + at, (n->record_count - at) * sizeof(*n->records));
        n->record_count++;
    }
    memcpy(n->records[at].key, key.data, key.len);
    n->records[at].key_len = key.len;
    n->records[at].value = blob_keep(wire->host.shared, value);
    n->records[at].damaged = false;
}

void wire_effects(struct wire *wire, uint32_t node)
{
    struct effects *out = wire->host.out;
    for (size_t i = 0; i < out->count; i++) {
        const struct effect *effect = &out->list[i];
        uint32_t pair;
        switch (effect->kind) {
        case EFFECT_CONNECT:
            connect_do(wire, node, effect);
            break;
        case EFFECT_CLOSE:
            pair = wire->nodes[node].pair_of[effect->close.link];
            if (pair != 0 && wire->pairs[pair - 1].used) {
                pair_end(wire, pair, node);
            }
            break;
        case EFFECT_SEND:
            pair = wire->nodes[node].pair_of[effect->send.link];
            if (pair != 0 && wire->pairs[pair - 1].used) {
                const struct wire_pair *p = &wire->pairs[pair - 1];
                uint32_t side = p->node[0] == node;
                struct event recv = {
                    .kind = EVENT_RECV,
                    .recv = {.link = p->link[side],
                             .frame = blob_keep(wire->host.shared, effect->send.frame)}};
                wire->nodes[node].frames_sent++;
                later(wire, p->node[side], wire->delay_ns, pair, &recv);
            }
            break;
        case EFFECT_READ:
            read_do(wire, node, effect);
            break;
        case EFFECT_WRITE:
            for (size_t op = 0; op < effect->write.count; op++) {
                wire_record_set(wire, node, effect->write.ops[op].key, effect->write.ops[op].value);
            }
            if (effect->write.request != 0) {
                struct event done = {.kind = EVENT_WRITE_DONE,
                                     .write_done = {.request = effect->write.request}};
                later(wire, node, 1000000, 0, &done);
            }
            break;
        case EFFECT_TRACE:
            wire->traces[effect->trace.kind]++;
            wire->nodes[node].traces[effect->trace.kind]++;
            memcpy(wire->nodes[node].last[effect->trace.kind], effect->trace.value,
                   sizeof(effect->trace.value));
            memcpy(wire->last_trace[effect->trace.kind], effect->trace.value,
                   sizeof(effect->trace.value));
            break;
        default:
            break;
        }
    }
    test_host_step_end(&wire->host);
}

struct ctx wire_ctx(struct wire *wire, uint32_t node)
{
    struct wire_node *n = &wire->nodes[node];
    struct ctx c = wire->host.c;
    c.mono_ns = wire->now_ns;
    c.wall_ms = wire->wall_ms + wire->now_ns / 1000000;
    c.rng = &n->rng;
    c.config = &n->config;
    c.next_request = &n->next_request;
    return c;
}

void wire_now(struct wire *wire, uint32_t node, const struct event *event)
{
    struct ctx c = wire_ctx(wire, node);
    struct event now = *event;
    now.mono_ns = c.mono_ns;
    now.wall_ms = c.wall_ms;
    wire->step(wire, node, &c, &now);
    wire_effects(wire, node);
}

static void deliver(struct wire *wire, struct wire_queued *item)
{
    bool lost = item->pair != 0 && (wire->pairs[item->pair - 1].epoch != item->epoch);
    if (!lost && !wire->nodes[item->node].down) {
        if (item->event.kind == EVENT_LINK_DOWN && item->event.link_down.link != LINK_NONE) {
            wire->nodes[item->node].pair_of[item->event.link_down.link] = 0;
        }
        if (item->event.kind == EVENT_LINK_UP && item->event.link_up.dialed) {
            wire->pairs[item->pair - 1].request = 0;
        }
        if (item->event.kind == EVENT_RECV) {
            wire->frames_by_code[item->event.recv.frame->data[0]]++;
        }
        wire_now(wire, item->node, &item->event);
    }
    if (item->event.kind == EVENT_RECV) {
        blob_drop(wire->host.shared, item->event.recv.frame);
    } else if (item->event.kind == EVENT_READ_DONE) {
        read_free(wire, &item->event);
    }
}

void wire_run(struct wire *wire, uint64_t until_ns)
{
    uint32_t at_once = 0;
    for (;;) {
        uint64_t at = DEADLINE_NONE;
        uint32_t who = 0;
        for (uint32_t i = 0; i < wire->count; i++) {
            uint64_t due = wire->nodes[i].down ? DEADLINE_NONE : wire->deadline(wire, i);
            if (due < at) {
                at = due;
                who = i;
            }
        }
        bool wake = wire->queued == 0 || at < wire->queue[0].at_ns;
        uint64_t next = wake ? at : wire->queue[0].at_ns;
        if (next > until_ns) {
            break;
        }
        wire->now_ns = next > wire->now_ns ? next : wire->now_ns;
        if (wake) {
            const struct event event = {.kind = EVENT_WAKE};
            wire->wakes++;
            wire_now(wire, who, &event);
            at_once = wire->deadline(wire, who) <= at ? at_once + 1 : 0;
            invariant(at_once < 1000); /* bounded work goes on, but not for ever */
        } else {
            struct wire_queued item = queue_take(wire);
            deliver(wire, &item);
        }
    }
    wire->now_ns = until_ns;
}

void wire_inject(struct wire *wire, uint32_t node, uint32_t link, struct span frame)
{
    struct event event = {
        .kind = EVENT_RECV,
        .recv = {.link = link, .frame = blob_put(wire->host.shared, frame.data, frame.len)}};
    wire_now(wire, node, &event);
    blob_drop(wire->host.shared, event.recv.frame);
}

void wire_block(struct wire *wire, uint32_t a, uint32_t b, bool blocked)
{
    for (uint32_t side = 0; side < 2; side++) {
        uint64_t *mask = &wire->nodes[side == 0 ? a : b].blocked;
        uint64_t bit = 1ull << (side == 0 ? b : a);
        *mask = blocked ? *mask | bit : *mask & ~bit;
    }
    for (uint32_t link; blocked && (link = wire_link(wire, a, b)) != LINK_NONE;) {
        wire_cut(wire, a, link);
    }
}

void wire_cut(struct wire *wire, uint32_t node, uint32_t link)
{
    uint32_t pair = wire->nodes[node].pair_of[link];
    if (pair != 0 && wire->pairs[pair - 1].used) {
        pair_end(wire, pair, UINT32_MAX);
    }
}

uint32_t wire_link(const struct wire *wire, uint32_t a, uint32_t b)
{
    for (uint32_t i = 0; i < LINKS_MAX; i++) {
        uint32_t pair = wire->nodes[a].pair_of[i];
        if (pair != 0 && wire->pairs[pair - 1].used &&
            (wire->pairs[pair - 1].node[0] == b || wire->pairs[pair - 1].node[1] == b)) {
            return i;
        }
    }
    return LINK_NONE;
}

uint64_t wire_end(struct wire *wire)
{
    while (wire->queued > 0) {
        struct wire_queued item = queue_take(wire);
        if (item.event.kind == EVENT_RECV) {
            blob_drop(wire->host.shared, item.event.recv.frame);
        } else if (item.event.kind == EVENT_READ_DONE) {
            read_free(wire, &item.event);
        }
    }
    for (uint32_t i = 0; i < wire->count; i++) {
        for (size_t r = 0; r < wire->nodes[i].record_count; r++) {
            blob_drop(wire->host.shared, wire->nodes[i].records[r].value);
        }
        free(wire->nodes[i].records);
    }
    uint64_t left = test_host_end(&wire->host);
    free(wire->queue);
    free(wire);
    return left;
}
