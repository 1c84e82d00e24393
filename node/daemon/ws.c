/* /ws: clients subscribe to channels and are told as things happen. What waits for a client is
 * bounded; who does not read is cut. */
#include <stdlib.h>
#include <sys/random.h>

#include "node/base/invariant.h"
#include "node/daemon/api_call.h"
#include "node/daemon/http_private.h"

enum {
    SUBSCRIPTIONS_MAX = 64,
    QUEUE_MAX = 4096,        /* messages waiting for one client */
    RECEIVE_BYTES_MAX = 512, /* of one message of a client */
    UID_CHARS = 20,
};

enum channel {
    CHANNEL_BLOCK,
    CHANNEL_FINALIZED,
    CHANNEL_CONFIRMED,
    CHANNEL_UNCONFIRMED,
    CHANNEL_REMOVED,
    CHANNEL_STATUS,
    CHANNELS
};

static const struct {
    const char *name;
    bool account; /* "name/<address or key>" is one account's */
} channels[CHANNELS] = {
    {"block", false},           {"finalizedBlock", false},    {"confirmedAdded", true},
    {"unconfirmedAdded", true}, {"unconfirmedRemoved", true}, {"status", true}};

/* Shared by everybody who waits for it. */
struct message {
    uint32_t references;
    size_t len;
    uint8_t bytes[]; /* LWS_PRE, then the text */
};

struct subscription {
    enum channel channel;
    bool one; /* of one account alone */
    uint8_t key[32];
};

struct ws_session {
    struct lws *wsi;
    struct ws_session *next;
    struct message **queue; /* a ring of queue_size */
    size_t queue_size, first, count;
    size_t bytes; /* waiting */
    bool cut;
    size_t subscription_count;
    struct subscription subscriptions[SUBSCRIPTIONS_MAX];
    char received[RECEIVE_BYTES_MAX];
    size_t received_len;
    char uid[UID_CHARS + 1];
};

static void message_drop(struct message *message)
{
    if (message != NULL && --message->references == 0) {
        free(message);
    }
}

/* Takes over json. */
static struct message *message_make(json_t *json)
{
    char *text = json == NULL ? NULL : json_dumps(json, JSON_COMPACT);
    json_decref(json);
    size_t len = text == NULL ? 0 : strlen(text);
    struct message *message = text == NULL ? NULL : malloc(sizeof(*message) + LWS_PRE + len);
    if (message != NULL) {
        message->references = 1;
        message->len = len;
        memcpy(message->bytes + LWS_PRE, text, len);
    }
    free(text);
    return message;
}

static void session_cut(struct http *http, struct ws_session *s)
{
    s->cut = true;
    metrics_count(http->api.metrics, METRIC_ws_dropped, 1);
    lws_set_timeout(s->wsi, PENDING_TIMEOUT_CLOSE_SEND, LWS_TO_KILL_ASYNC);
}

static bool queue_grow(struct ws_session *s)
{
    size_t size = s->queue_size == 0 ? 16 : 2 * s->queue_size;
    struct message **queue = calloc(size, sizeof(struct message *));
    if (queue == NULL) {
        return false;
    }
    for (size_t i = 0; i < s->count; i++) {
        queue[i] = s->queue[(s->first + i) % s->queue_size];
    }
    free(s->queue);
    s->queue = queue;
    s->queue_size = size;
    s->first = 0;
    return true;
}

static void session_send(struct http *http, struct ws_session *s, struct message *message)
{
    if (s->cut || message == NULL) {
        return;
    }
    if (s->count == QUEUE_MAX || s->bytes + message->len > http->options.ws_bytes_max ||
        (s->count == s->queue_size && !queue_grow(s))) {
        session_cut(http, s);
        return;
    }
    s->queue[(s->first + s->count++) % s->queue_size] = message;
    message->references++;
    s->bytes += message->len;
    (void)lws_callback_on_writable(s->wsi);
}

static int session_write(struct http *http, struct ws_session *s)
{
    if (s->cut) {
        return -1;
    }
    if (s->count == 0) {
        return 0;
    }
    struct message *message = s->queue[s->first];
    int written = lws_write(s->wsi, message->bytes + LWS_PRE, message->len, LWS_WRITE_TEXT);
    if (written < (int)message->len) {
        return -1;
    }
    s->first = (s->first + 1) % s->queue_size;
    s->count--;
    s->bytes -= message->len;
    metrics_count(http->api.metrics, METRIC_ws_messages, 1);
    message_drop(message);
    if (s->count > 0) {
        (void)lws_callback_on_writable(s->wsi);
    }
    return 0;
}

/* --- what clients say --- */

static void answer(struct http *http, struct ws_session *s, json_t *json)
{
    struct message *message = message_make(json);
    session_send(http, s, message);
    message_drop(message);
}

static void complain(struct http *http, struct ws_session *s, const char *text)
{
    answer(http, s, json_pack("{s:s, s:s}", "code", "InvalidArgument", "message", text));
}

static bool channel_parse(const struct api *api, struct subscription *out, const char *text)
{
    size_t len = strcspn(text, "/");
    *out = (struct subscription){.one = text[len] == '/'};
    for (enum channel i = 0; i < CHANNELS; i++) {
        if (strlen(channels[i].name) != len || memcmp(channels[i].name, text, len) != 0 ||
            (out->one && !channels[i].account)) {
            continue;
        }
        out->channel = i;
        if (!out->one) {
            return true;
        }
        struct span name = span_of(text + len + 1, strlen(text + len + 1));
        return name.len == 64
                   ? hex_parse(out->key, 32, name) == ERR_OK
                   : address_parse(out->key, api->config->genesis->network, name) == ERR_OK;
    }
    return false;
}

static bool same(const struct subscription *a, const struct subscription *b)
{
    return a->channel == b->channel && a->one == b->one && memcmp(a->key, b->key, 32) == 0;
}

static void subscribe(struct http *http, struct ws_session *s, const char *text, bool on)
{
    struct subscription wish;
    size_t at = 0;

    if (!channel_parse(&http->api, &wish, text)) {
        complain(http, s, "no such channel");
        return;
    }
    while (at < s->subscription_count && !same(&s->subscriptions[at], &wish)) {
        at++;
    }
    if (!on) {
        if (at < s->subscription_count) {
            s->subscriptions[at] = s->subscriptions[--s->subscription_count];
        }
    } else if (at == SUBSCRIPTIONS_MAX) {
        complain(http, s, "too many subscriptions");
    } else if (at == s->subscription_count) {
        s->subscriptions[s->subscription_count++] = wish;
    }
}

static int session_receive(struct http *http, struct ws_session *s, const void *in, size_t len,
                           bool last)
{
    if (len > sizeof(s->received) - s->received_len) {
        return -1; /* nothing that a client has to say is so long */
    }
    memcpy(s->received + s->received_len, in, len);
    s->received_len += len;
    if (!last) {
        return 0;
    }
    json_t *json = json_loadb(s->received, s->received_len, JSON_REJECT_DUPLICATES, NULL);
    const char *on = json_string_value(json_object_get(json, "subscribe"));
    const char *off = json_string_value(json_object_get(json, "unsubscribe"));
    s->received_len = 0;
    if (on == NULL && off == NULL) {
        complain(http, s, "subscribe or unsubscribe is needed");
    } else {
        subscribe(http, s, on != NULL ? on : off, on != NULL);
    }
    json_decref(json);
    return 0;
}

/* --- what happens --- */

struct subject {
    enum channel channel;
    const uint8_t *keys[2]; /* whom it touches; NULL: nobody */
};

static bool wants(const struct ws_session *s, const struct subject *subject)
{
    for (size_t i = 0; i < s->subscription_count; i++) {
        const struct subscription *sub = &s->subscriptions[i];
        if (sub->channel != subject->channel) {
            continue;
        }
        for (size_t k = 0; k < 2; k++) {
            if (!sub->one ||
                (subject->keys[k] != NULL && memcmp(sub->key, subject->keys[k], 32) == 0)) {
                return true;
            }
        }
    }
    return false;
}

static bool wanted(const struct http *http, const struct subject *subject)
{
    for (const struct ws_session *s = http->sessions; s != NULL; s = s->next) {
        if (wants(s, subject)) {
            return true;
        }
    }
    return false;
}

/* Takes over json; the channel's name goes into `meta` where there is one. */
static void publish(struct http *http, const struct subject *subject, json_t *json)
{
    json_t *meta = json_object_get(json, "meta");
    json_t *name = json_string(channels[subject->channel].name);
    (void)json_object_set_new(meta != NULL ? meta : json, "channelName", name);
    struct message *message = message_make(json);
    for (struct ws_session *s = http->sessions; s != NULL; s = s->next) {
        if (wants(s, subject)) {
            session_send(http, s, message);
        }
    }
    message_drop(message);
}

static void told_block(struct http *http, const struct recent_block *block)
{
    const struct subject whole = {.channel = CHANNEL_BLOCK};
    if (wanted(http, &whole)) {
        struct span bytes = span_of(block->block->data, block->block->len);
        publish(http, &whole, api_block_json(&http->api, bytes));
    }
    for (uint32_t i = 0; i < block->tx_count; i++) {
        const struct recent_tx *at = &block->txs[i];
        struct span bytes = span_of(block->block->data + at->offset, at->len);
        struct tx_place place = {block->height, i, at->offset, at->len};
        struct tx_parties parties;
        struct tx tx;
        if (tx_decode(&tx, bytes) != ERR_OK || tx_parties_get(&parties, &tx) != ERR_OK) {
            continue;
        }
        const struct subject one = {CHANNEL_CONFIRMED, {parties.sender, parties.recipient}};
        if (wanted(http, &one)) {
            publish(http, &one, api_tx_json(&http->api, bytes, &place));
        }
    }
}

static void told_final(struct http *http)
{
    const struct subject subject = {.channel = CHANNEL_FINALIZED};
    struct api_call call = {.api = &http->api};
    if (wanted(http, &subject)) {
        api_chain_finalized(&call);
        publish(http, &subject, call.json);
    }
}

static void told_waiting(struct http *http, const struct feed_event *event)
{
    bool added = event->kind == FEED_WAITING;
    const struct subject subject = {added ? CHANNEL_UNCONFIRMED : CHANNEL_REMOVED,
                                    {event->waiting.sender, event->waiting.recipient}};
    if (wanted(http, &subject)) {
        const struct blob *tx = event->waiting.tx;
        publish(http, &subject,
                added ? api_tx_json(&http->api, span_of(tx->data, tx->len), NULL)
                      : json_pack("{s:{s:o}}", "meta", "hash", json_hash(event->waiting.id)));
    }
}

static void told_status(struct http *http, const struct feed_event *event)
{
    const struct subject subject = {CHANNEL_STATUS, {event->status.sender, NULL}};
    if (wanted(http, &subject)) {
        publish(http, &subject,
                json_pack("{s:s, s:s, s:o}", "group", "failed", "status",
                          failure_text(event->status.err), "hash", json_hash(event->status.id)));
    }
}

void ws_told(void *context, const struct feed_event *event)
{
    struct http *http = context;
    if (http->sessions == NULL) {
        return;
    }
    switch (event->kind) {
    case FEED_BLOCK:
        told_block(http, event->block);
        break;
    case FEED_FINAL:
        told_final(http);
        break;
    case FEED_WAITING:
    case FEED_PASSED:
        told_waiting(http, event);
        break;
    case FEED_STATUS:
        told_status(http, event);
        break;
    case FEED_UNDONE:
        break; /* the blocks that replace it follow */
    }
}

/* --- connections --- */

static int session_open(struct http *http, struct lws *wsi, struct http_session *session)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
    uint8_t random[UID_CHARS];
    struct ws_session *s = calloc(1, sizeof(*s));

    session->ws = s;
    if (s == NULL || http->session_count >= http->options.sockets_max ||
        getrandom(random, sizeof(random), 0) != (ssize_t)sizeof(random)) {
        free(s);
        session->ws = NULL;
        return -1;
    }
    for (size_t i = 0; i < UID_CHARS; i++) {
        s->uid[i] = digits[random[i] & 31];
    }
    s->wsi = wsi;
    s->next = http->sessions;
    http->sessions = s;
    http->session_count++;
    answer(http, s, json_pack("{s:s}", "uid", s->uid));
    return 0;
}

static void session_close(struct http *http, struct ws_session *s)
{
    struct ws_session **at = &http->sessions;
    while (*at != NULL && *at != s) {
        at = &(*at)->next;
    }
    invariant(*at == s);
    *at = s->next;
    http->session_count--;
    for (size_t i = 0; i < s->count; i++) {
        message_drop(s->queue[(s->first + i) % s->queue_size]);
    }
    free(s->queue);
    free(s);
}

int ws_callback(struct http *http, struct lws *wsi, enum lws_callback_reasons reason,
                struct http_session *session, void *in, size_t len)
{
    char path[16];
    switch (reason) {
    case LWS_CALLBACK_FILTER_PROTOCOL_CONNECTION:
        return lws_hdr_copy(wsi, path, sizeof(path), WSI_TOKEN_GET_URI) == 3 &&
                       memcmp(path, "/ws", 3) == 0
                   ? 0
                   : -1;
    case LWS_CALLBACK_ESTABLISHED:
        return session_open(http, wsi, session);
    case LWS_CALLBACK_SERVER_WRITEABLE:
        return session->ws == NULL ? -1 : session_write(http, session->ws);
    case LWS_CALLBACK_RECEIVE:
        return session->ws == NULL
                   ? -1
                   : session_receive(http, session->ws, in, len, lws_is_final_fragment(wsi) != 0);
    case LWS_CALLBACK_CLOSED:
        if (session->ws != NULL) {
            session_close(http, session->ws);
            session->ws = NULL;
        }
        return 0;
    default:
        return 0;
    }
}
