#include "tests/support/rest_net.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "node/base/invariant.h"
#include "node/crypto/hash.h"
#include "tests/support/vectors.h"

/* The wire's callbacks have room for one network at a time. */
static struct rest_net *running;

static void step(struct wire *wire, uint32_t node, struct ctx *c, const struct event *event)
{
    struct rest_net *net = wire->user;
    node_step(net->nodes[node], event, c->out, c->scratch);
    if (node != 0) {
        return;
    }
    for (size_t i = 0; i < c->out->count; i++) {
        const struct effect *effect = &c->out->list[i];
        if (effect->kind == EFFECT_REPLY) {
            net->reply.done(net->reply.context, effect->reply.err, effect->reply.data);
        } else if (effect->kind == EFFECT_TRACE) {
            const struct host_notice notice = {
                .kind = HOST_TRACE,
                .time = net->api.host.now(net),
                .trace = {.kind = effect->trace.kind, .value = effect->trace.value}};
            metrics_notice(net->api.metrics, &notice);
        }
    }
    feed_chain(net->feed);
}

static uint64_t deadline(struct wire *wire, uint32_t node)
{
    const struct rest_net *net = wire->user;
    return net->nodes[node] == NULL ? DEADLINE_NONE : node_deadline_ns(net->nodes[node]);
}

static struct host_time now(void *context)
{
    const struct rest_net *net = context;
    const struct wire *wire = net->peers->wire;
    return (struct host_time){
        .mono_ns = wire->now_ns,
        .wall_ms = (uint64_t)((int64_t)(wire->wall_ms + wire->now_ns / 1000000) + net->clock_ms)};
}

static enum err record(void *context, struct span *key, struct span *value, bool *more,
                       struct span prefix, struct span from)
{
    const struct rest_net *net = context;
    const struct wire_node *n = &net->peers->wire->nodes[0];
    for (size_t i = 0; i < n->record_count; i++) {
        const struct record_kept *r = &n->records[i];
        size_t len = r->key_len < from.len ? r->key_len : from.len;
        int order = memcmp(r->key, from.data, len);
        if ((order > 0 || (order == 0 && r->key_len >= from.len)) && r->key_len >= prefix.len &&
            memcmp(r->key, prefix.data, prefix.len) == 0) {
            *key = span_of(r->key, r->key_len);
            *value = span_of(r->value->data, r->value->len);
            *more = i + 1 < n->record_count && r[1].key_len >= prefix.len &&
                    memcmp(r[1].key, prefix.data, prefix.len) == 0;
            return ERR_OK;
        }
    }
    return ERR_NOT_FOUND;
}

static void submit(void *context, struct span tx, struct host_reply reply)
{
    struct rest_net *net = context;
    const struct event event = {
        .kind = EVENT_SUBMIT,
        .submit = {.request = ++net->requests, .kind = SUBMIT_TX, .data = tx}};
    net->reply = reply;
    wire_now(net->peers->wire, 0, &event);
}

static size_t peers_of(void *context, struct host_peer peers[LINKS_MAX])
{
    const struct rest_net *net = context;
    const struct overlay *overlay = node_overlay(net->nodes[0]);
    size_t count = 0;
    for (uint32_t link = 0; link < LINKS_MAX; link++) {
        if ((overlay_ready(overlay) >> link & 1) != 0) {
            struct host_peer *peer = &peers[count++];
            *peer = (struct host_peer){.link = link, .remote = overlay_at(overlay, link)->endpoint};
            memcpy(peer->node_id, overlay_at(overlay, link)->peer, 32);
        }
    }
    return count;
}

static void stats(void *context, struct host_stats *out)
{
    (void)context;
    memset(out, 0, sizeof(*out));
}

static void told(void *context, const struct feed_event *event)
{
    struct rest_net *net = context;
    net->events[event->kind]++;
}

static void node_begin(struct rest_net *net, uint32_t i)
{
    struct wire *wire = net->peers->wire;
    const struct event event = {.kind = EVENT_START};
    uint8_t seed[32] = {(uint8_t)i, 9};
    size_t bytes = (node_bytes(&wire->nodes[i].config) + 63) & ~(size_t)63;
    net->nodes[i] = aligned_alloc(64, bytes);
    invariant(net->nodes[i] != NULL);
    memset((void *)net->nodes[i], 0, bytes);
    node_init(net->nodes[i], &wire->nodes[i].config, seed, wire->host.shared);
    if (i == 0) {
        net->api.node = net->nodes[0];
        invariant(feed_open(&net->feed, &net->api) == ERR_OK);
        net->listener = (struct feed_listener){.told = told, .context = net};
        feed_listen(net->feed, &net->listener);
        invariant(metrics_open(&net->api) != NULL);
    }
    wire->nodes[i].down = false;
    wire_now(wire, i, &event);
}

struct rest_net *rest_net_new(uint64_t seed)
{
    struct rest_net *net = calloc(1, sizeof(*net));
    struct faucet_options faucet;
    invariant(net != NULL && running == NULL);
    running = net;
    net->peers = peers_finality(REST_NODES, REST_NODES, REST_NODES - 1, seed);
    struct wire *wire = net->peers->wire;
    wire->step = step;
    wire->deadline = deadline;
    wire->user = net;
    const struct node_config *config = &wire->nodes[0].config;
    net->api = (struct api){.config = config,
                            .shared = wire->host.shared,
                            .host = {net, now, record, submit, peers_of, stats},
                            .friendly_name = "test",
                            .host_name = "localhost"};
    memcpy(net->api.keys.node, wire->nodes[0].node_id, 32);
    memcpy(net->api.keys.account, net->peers->account[0].public_key, 32);
    (void)snprintf(net->folder, sizeof(net->folder), "/tmp/orrery-rest-%ld", (long)getpid());
    invariant(index_open(&net->api.index, net->folder, config->genesis->hash, NULL) == ERR_OK);
    for (uint32_t i = 0; i < REST_NODES; i++) {
        node_begin(net, i);
    }
    faucet_defaults(&faucet);
    memcpy(faucet.seed, wire->nodes[1].config.account_seed, 32);
    invariant(faucet_open(&net->api, &faucet) != NULL);
    return net;
}

uint64_t rest_net_end(struct rest_net *net)
{
    char path[128];
    faucet_close(net->api.faucet);
    metrics_close(net->api.metrics);
    feed_close(net->feed);
    index_close(net->api.index);
    json_decref(net->api.openapi);
    net->feed = NULL;
    for (uint32_t i = 0; i < REST_NODES; i++) {
        node_drop(net->nodes[i]);
        free(net->nodes[i]);
    }
    uint64_t alive = peers_end(net->peers);
    (void)snprintf(path, sizeof(path), "%s/data.mdb", net->folder);
    (void)unlink(path);
    (void)snprintf(path, sizeof(path), "%s/lock.mdb", net->folder);
    (void)unlink(path);
    (void)rmdir(net->folder);
    free(net);
    running = NULL;
    return alive;
}

void rest_net_run(struct rest_net *net, uint64_t seconds)
{
    for (uint64_t i = 0; i < seconds; i++) {
        wire_run(net->peers->wire, net->peers->wire->now_ns + 1000000000);
        feed_pool(net->feed);
        metrics_sample(net->api.metrics);
    }
}

json_t *rest_net_ask(struct rest_net *net, unsigned *status, enum api_method method,
                     const char *target, const char *body)
{
    const char *query = strchr(target, '?');
    size_t path = query == NULL ? strlen(target) : (size_t)(query - target);
    struct api_request request = {
        .method = method,
        .path = span_of(target, path),
        .query = query == NULL ? span_of(NULL, 0) : span_of(query + 1, strlen(query + 1)),
        .body = body == NULL ? span_of(NULL, 0) : span_of(body, strlen(body)),
        .local = !net->remote};
    memcpy(request.from, net->from, 16);
    struct api_answer answer;
    api_answer(&net->api, &answer, &request);
    *status = answer.status;
    json_t *json = answer.location[0] != 0
                       ? json_string(answer.location)
                       : json_loadb(answer.text, answer.len, JSON_DECODE_ANY, NULL);
    api_answer_free(&answer);
    return json;
}

void rest_net_transfer(struct rest_net *net, char hex[1024], uint8_t id[32], unsigned from,
                       const uint8_t to[32], uint64_t nonce, uint64_t amount)
{
    uint8_t body[41] = {0};
    uint8_t bytes[512];
    size_t len;
    memcpy(body, to, 32);
    store64(body + 32, amount);
    const struct tx tx = {.type = TX_transfer,
                          .nonce = nonce,
                          .fee_max = 1000,
                          .expiry = api_tip(&net->api)->height + 100,
                          .body = span_of(body, sizeof(body))};
    invariant(tx_build(bytes, sizeof(bytes), &len, &tx, net->api.config->genesis->hash,
                       &net->peers->account[from]) == ERR_OK);
    hash256(id, bytes, len);
    hex_encode(hex, bytes, len);
}

/* --- shapes --- */

static bool is_hex(const json_t *value, size_t chars)
{
    const char *text = json_string_value(value);
    size_t len = json_string_length(value);
    return text != NULL && len % 2 == 0 && (chars == 0 || len == chars) &&
           strspn(text, "0123456789ABCDEF") == len;
}

static bool is_u64(const json_t *value)
{
    for (size_t i = 0; i < 2; i++) {
        const json_t *half = json_array_get(value, i);
        if (!json_is_integer(half) || json_integer_value(half) < 0 ||
            json_integer_value(half) > UINT32_MAX) {
            return false;
        }
    }
    return json_array_size(value) == 2;
}

static bool type_check(const json_t *value, const char *type, size_t len, char *why)
{
    char name[64];
    (void)snprintf(name, sizeof(name), "%.*s", (int)len, type);
    if (name[0] == '[') {
        for (size_t i = 0; i < json_array_size(value); i++) {
            if (!type_check(json_array_get(value, i), type + 1, len - 2, why)) {
                return false;
            }
        }
        return json_is_array(value);
    }
    if (strcmp(name, "u64") == 0) {
        return is_u64(value);
    }
    if (strcmp(name, "int") == 0) {
        return json_is_integer(value);
    }
    if (strcmp(name, "bool") == 0) {
        return json_is_boolean(value);
    }
    if (strcmp(name, "string") == 0) {
        return json_is_string(value);
    }
    if (strcmp(name, "hash") == 0) {
        return is_hex(value, 64);
    }
    if (strcmp(name, "hex") == 0) {
        return is_hex(value, 0);
    }
    if (strcmp(name, "address") == 0) {
        return json_string_length(value) == ADDRESS_CHARS;
    }
    return shape_check(value, name, why);
}

static bool known_field(const char *shape, const char *field)
{
    size_t count;
    const struct shape_row *rows = api_shapes(&count);
    for (size_t i = 0; i < count; i++) {
        if (strcmp(rows[i].shape, shape) == 0 && strcmp(rows[i].field, field) == 0) {
            return true;
        }
    }
    return false;
}

bool shape_check(const json_t *value, const char *shape, char *why)
{
    size_t count;
    const struct shape_row *rows = api_shapes(&count);
    size_t fields = 0;

    if (strcmp(shape, "Object") == 0) {
        return json_is_object(value);
    }
    if (shape[0] == '[') {
        return type_check(value, shape, strlen(shape), why);
    }
    for (size_t i = 0; i < count; i++) {
        if (strcmp(rows[i].shape, shape) != 0) {
            continue;
        }
        fields++;
        size_t len = strlen(rows[i].type);
        bool optional = rows[i].type[len - 1] == '?';
        const json_t *field = json_object_get(value, rows[i].field);
        if (field == NULL && optional) {
            continue;
        }
        why[0] = 0;
        if (field == NULL || !type_check(field, rows[i].type, len - optional, why)) {
            if (why[0] == 0) {
                (void)snprintf(why, 128, "%s.%s is not %s", shape, rows[i].field, rows[i].type);
            }
            return false;
        }
    }
    for (void *at = json_object_iter((json_t *)(uintptr_t)value); at != NULL;
         at = json_object_iter_next((json_t *)(uintptr_t)value, at)) {
        if (!known_field(shape, json_object_iter_key(at))) {
            (void)snprintf(why, 128, "%s.%s is in no table", shape, json_object_iter_key(at));
            return false;
        }
    }
    return fields > 0 && json_is_object(value);
}
