#include "node/daemon/http.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>
#include <time.h>

#include "node/daemon/http_private.h"
#include "node/daemon/log.h"

enum {
    HEADERS_MAX = 1024,
    CHUNK_BYTES = 4096,
    TICK_MS = 100,
    TICKS_PER_SECOND = 10,
    CLOSING_MS = 5, /* turns that libwebsockets gets to close its handles on the loop */
    CLOSING_TICKS = 4,
};

void http_defaults(struct http_options *options)
{
    *options = (struct http_options){.connections_max = 1024,
                                     .sockets_max = 512,
                                     .request_s = 10,
                                     .idle_s = 30,
                                     .ws_bytes_max = 1 << 20};
    options->listen.address[10] = options->listen.address[11] = 0xff;
    options->listen.address[12] = 127;
    options->listen.address[15] = 1;
    options->listen.port = HTTP_PORT;
}

static uint64_t clock_ns(void)
{
    struct timespec t;
    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static void exchange_clear(struct exchange *x)
{
    free(x->body);
    api_answer_free(&x->answer);
    memset(x, 0, sizeof(*x));
}

/* --- writing --- */

static bool header_add(struct lws *wsi, const char *name, const char *value, uint8_t **at,
                       uint8_t *end)
{
    return lws_add_http_header_by_name(wsi, (const unsigned char *)name,
                                       (const unsigned char *)value, (int)strlen(value), at,
                                       end) == 0;
}

static bool headers_write(struct lws *wsi, const struct exchange *x, uint8_t **at, uint8_t *end)
{
    const struct api_answer *answer = &x->answer;

    if (lws_add_http_common_headers(wsi, answer->status, answer->type, answer->len, at, end) != 0 ||
        !header_add(wsi, "access-control-allow-origin:", "*", at, end) ||
        !header_add(wsi, "cache-control:", "no-store", at, end)) {
        return false;
    }
    if (answer->location[0] != 0 && !header_add(wsi, "location:", answer->location, at, end)) {
        return false;
    }
    if (x->preflight &&
        (!header_add(wsi, "access-control-allow-methods:", "GET, HEAD, POST, PUT", at, end) ||
         !header_add(wsi, "access-control-allow-headers:", "content-type", at, end) ||
         !header_add(wsi, "access-control-max-age:", "86400", at, end))) {
        return false;
    }
    return lws_finalize_http_header(wsi, at, end) == 0;
}

/* HTTP/2 frames the body by itself: it is written in pieces when there is room. */
static int body_go_on(struct lws *wsi, struct exchange *x)
{
    uint8_t buffer[LWS_PRE + CHUNK_BYTES];
    size_t left = x->answer.len - x->sent;
    size_t piece = left < CHUNK_BYTES ? left : CHUNK_BYTES;
    bool last = piece == left;

    memcpy(buffer + LWS_PRE, x->answer.text + x->sent, piece);
    if (lws_write(wsi, buffer + LWS_PRE, piece, last ? LWS_WRITE_HTTP_FINAL : LWS_WRITE_HTTP) < 0) {
        return -1;
    }
    x->sent += piece;
    if (!last) {
        return lws_callback_on_writable(wsi) < 0 ? -1 : 0;
    }
    exchange_clear(x);
    return lws_http_transaction_completed(wsi) != 0 ? -1 : 0;
}

/* Headers and body leave in one write: two would cost a quarter of the requests per second. */
static int answer_send(struct http *http, struct lws *wsi, struct exchange *x)
{
    uint8_t small[LWS_PRE + HEADERS_MAX + 2048];
    size_t size = LWS_PRE + HEADERS_MAX + x->answer.len;
    uint8_t *buffer = size <= sizeof(small) ? small : malloc(size);
    bool plain = lws_get_network_wsi(wsi) == wsi; /* not a stream of HTTP/2 */

    metrics_count(http->api.metrics, METRIC_http_requests, 1);
    metrics_count(http->api.metrics, METRIC_http_errors, x->answer.status >= 400);
    if (buffer == NULL) {
        return -1;
    }
    uint8_t *start = buffer + LWS_PRE;
    uint8_t *at = start;
    bool good = headers_write(wsi, x, &at, start + HEADERS_MAX);
    if (good && plain && !x->head && x->answer.len > 0) {
        memcpy(at, x->answer.text, x->answer.len);
        at += x->answer.len;
    }
    good = good && lws_write(wsi, start, (size_t)(at - start), LWS_WRITE_HTTP_HEADERS) >= 0;
    if (buffer != small) {
        free(buffer);
    }
    if (!good) {
        return -1;
    }
    if (!plain && !x->head && x->answer.len > 0) {
        x->waiting = true;
        return lws_callback_on_writable(wsi) < 0 ? -1 : 0;
    }
    exchange_clear(x);
    if (lws_partial_buffered(wsi)) { /* who takes too long to read is cut */
        lws_set_timeout(wsi, PENDING_TIMEOUT_HTTP_CONTENT, (int)http->options.request_s);
    }
    return lws_http_transaction_completed(wsi) != 0 ? -1 : 0;
}

/* --- requests --- */

static bool address_parse_ip(uint8_t address[16], const char *text)
{
    memset(address, 0, 16);
    if (inet_pton(AF_INET6, text, address) == 1) {
        return true;
    }
    address[10] = address[11] = 0xff;
    return inet_pton(AF_INET, text, address + 12) == 1;
}

/* The client; true when it is on this machine. A proxy is, whose clients are not: it has added
 * whom it serves to the end of the list. Nobody else is believed to have such a list. */
static bool peer_of(struct lws *wsi, uint8_t address[16])
{
    static const uint8_t loopback[16] = {[15] = 1};
    static const uint8_t mapped[13] = {[10] = 0xff, [11] = 0xff, [12] = 127};
    char text[256] = "";

    lws_get_peer_simple(lws_get_network_wsi(wsi), text, 64);
    bool local = address_parse_ip(address, text) &&
                 (memcmp(address, loopback, 16) == 0 || memcmp(address, mapped, 13) == 0);
    if (!local || lws_hdr_total_length(wsi, WSI_TOKEN_X_FORWARDED_FOR) == 0) {
        return local;
    }
    if (lws_hdr_copy(wsi, text, sizeof(text), WSI_TOKEN_X_FORWARDED_FOR) < 0) {
        text[0] = 0;
    }
    const char *comma = strrchr(text, ',');
    const char *last = comma == NULL ? text : comma + 1;
    (void)address_parse_ip(address, last + strspn(last, " ")); /* else all who are unknown as one */
    return false;
}

static int request_answer(struct http *http, struct lws *wsi, struct exchange *x)
{
    uint64_t begin = clock_ns();
    struct api_request request = {.method = x->method,
                                  .path = span_of(x->path, x->path_len),
                                  .query = span_of(x->query, x->query_len),
                                  .body = span_of(x->body, x->body_len)};
    if (x->method != API_GET) { /* only the faucet asks who it is */
        lws_set_timer_usecs(wsi, LWS_SET_TIMER_USEC_CANCEL);
        request.local = peer_of(wsi, request.from);
    }
    api_answer(&http->api, &x->answer, &request);
    metrics_observe(http->api.metrics, METRIC_http_seconds, clock_ns() - begin);
    return answer_send(http, wsi, x);
}

/* An answer after which the connection ends: what else was sent is not read. */
static int refuse(struct http *http, struct lws *wsi, struct exchange *x, unsigned status,
                  const char *message)
{
    api_answer_error(&x->answer, status, message);
    (void)answer_send(http, wsi, x);
    return -1;
}

static bool query_copy(struct lws *wsi, struct exchange *x)
{
    int n = 0;
    for (int i = 0; n >= 0; i++) {
        size_t at = x->query_len == 0 ? 0 : x->query_len + 1;
        int len = lws_hdr_fragment_length(wsi, WSI_TOKEN_HTTP_URI_ARGS, i);
        if (len <= 0) {
            break;
        }
        if (at + (size_t)len >= sizeof(x->query)) {
            return false;
        }
        n = lws_hdr_copy_fragment(wsi, x->query + at, (int)(sizeof(x->query) - at),
                                  WSI_TOKEN_HTTP_URI_ARGS, i);
        if (n > 0) {
            if (at > 0) {
                x->query[at - 1] = '&';
            }
            x->query_len = at + (size_t)n;
        }
    }
    return true;
}

/* A page of another origin asks before it sends JSON: everybody may. */
static int preflight_answer(struct http *http, struct lws *wsi, struct exchange *x)
{
    x->preflight = true;
    x->answer = (struct api_answer){.status = 200, .type = "text/plain"};
    return answer_send(http, wsi, x);
}

/* Who announces a body and waits for a word before sending it gets the word. */
static bool body_invite(struct lws *wsi)
{
    static const char word[] = "HTTP/1.1 100 Continue\r\n\r\n";
    uint8_t out[LWS_PRE + sizeof(word)];
    char expect[24];

    if (lws_get_network_wsi(wsi) != wsi ||
        lws_hdr_copy(wsi, expect, sizeof(expect), WSI_TOKEN_HTTP_EXPECT) <= 0 ||
        strcasecmp(expect, "100-continue") != 0) {
        return true;
    }
    memcpy(out + LWS_PRE, word, sizeof(word) - 1);
    return lws_write(wsi, out + LWS_PRE, sizeof(word) - 1, LWS_WRITE_HTTP_HEADERS) >= 0;
}

/* Some connection has more than one request here at a time: this one, or another. libwebsockets
 * 4.1 reads a body that came behind another request from the wrong place and then never ends, so
 * that no body is taken while requests wait; and because it does not say whose they are, nobody may
 * keep any waiting: the connection ends with the answer. */
static bool requests_wait(struct lws *wsi)
{
    return lws_get_network_wsi(wsi) == wsi &&
           lws_service_adjust_timeout(lws_get_context(wsi), 1, 0) == 0;
}

static int request_begin(struct http *http, struct lws *wsi, struct exchange *x, size_t path_len,
                         const char *path)
{
    char *uri;
    int uri_len;
    char length[24] = "";

    bool crowd = requests_wait(wsi);

    exchange_clear(x);
    int method = lws_http_get_uri_and_method(wsi, &uri, &uri_len);
    if (crowd && lws_hdr_total_length(wsi, WSI_TOKEN_HTTP_CONTENT_LENGTH) > 0) {
        return refuse(http, wsi, x, 400, "a body may come when what was sent before is answered");
    }
    if (path_len > API_PATH_BYTES_MAX || !query_copy(wsi, x)) {
        return refuse(http, wsi, x, 400, "the path is too long");
    }
    if (lws_hdr_total_length(wsi, WSI_TOKEN_HTTP_TRANSFER_ENCODING) > 0) {
        return refuse(http, wsi, x, 400, "a body comes whole: transfer-encoding is not served");
    }
    memcpy(x->path, path, path_len);
    x->path_len = path_len;
    switch (method) {
    case LWSHUMETH_GET:
    case LWSHUMETH_HEAD:
        x->method = API_GET;
        x->head = method == LWSHUMETH_HEAD;
        return request_answer(http, wsi, x) != 0 || crowd ? -1 : 0;
    case LWSHUMETH_POST:
        x->method = API_POST;
        break;
    case LWSHUMETH_PUT:
        x->method = API_PUT;
        break;
    case LWSHUMETH_OPTIONS:
        return preflight_answer(http, wsi, x);
    default:
        return refuse(http, wsi, x, 405, "this path has another method");
    }
    int n = lws_hdr_copy(wsi, length, sizeof(length), WSI_TOKEN_HTTP_CONTENT_LENGTH);
    char *end;
    unsigned long long bytes = n > 0 ? strtoull(length, &end, 10) : 0;
    if (n <= 0 || *end != 0) {
        return refuse(http, wsi, x, 400, "a content-length is needed");
    }
    if (bytes > API_BODY_BYTES_MAX) {
        return refuse(http, wsi, x, 413, "the body is too long");
    }
    if (bytes == 0) {
        return request_answer(http, wsi, x);
    }
    x->body_size = (size_t)bytes;
    x->body = malloc(x->body_size);
    /* The whole body within this time, however slowly it drips: libwebsockets begins its own
     * timeout anew with each piece. */
    lws_set_timer_usecs(wsi, (lws_usec_t)http->options.request_s * LWS_USEC_PER_SEC);
    return x->body != NULL && body_invite(wsi) ? 0 : -1;
}

static int body_add(struct exchange *x, const void *in, size_t len)
{
    if (x->body == NULL || len > x->body_size - x->body_len) {
        return -1;
    }
    memcpy(x->body + x->body_len, in, len);
    x->body_len += len;
    return 0;
}

static int callback(struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in,
                    size_t len)
{
    struct http_session *session = user;
    struct http *http = lws_context_user(lws_get_context(wsi));

    switch (reason) {
    case LWS_CALLBACK_HTTP:
        return request_begin(http, wsi, &session->exchange, len, in);
    case LWS_CALLBACK_TIMER:
        return session != NULL && session->exchange.body != NULL ? -1 : 0;
    case LWS_CALLBACK_HTTP_BODY:
        return body_add(&session->exchange, in, len);
    case LWS_CALLBACK_HTTP_BODY_COMPLETION:
        return session->exchange.body == NULL ? 0 : request_answer(http, wsi, &session->exchange);
    case LWS_CALLBACK_HTTP_WRITEABLE:
        return session->exchange.waiting ? body_go_on(wsi, &session->exchange) : 0;
    case LWS_CALLBACK_CLOSED_HTTP:
    case LWS_CALLBACK_HTTP_DROP_PROTOCOL:
        if (session != NULL) {
            exchange_clear(&session->exchange);
        }
        return 0;
    default:
        return ws_callback(http, wsi, reason, session, in, len);
    }
}

static const struct lws_protocols protocols[] = {
    {.name = "orrery",
     .callback = callback,
     .per_session_data_size = sizeof(struct http_session),
     .rx_buffer_size = 4096},
    {.name = NULL}};

/* While it opens; later what it says is about what clients sent, and they may not fill the log. */
static void log_opening(int level, const char *line)
{
    size_t len = strcspn(line, "\n");
    log_line(level == LLL_ERR ? LOG_ERROR : LOG_WARN, "http", "message=\"%.*s\"", (int)len, line);
}

static void log_clients(int level, const char *line)
{
    size_t len = strcspn(line, "\n");
    (void)level;
    log_line(LOG_DEBUG, "http", "message=\"%.*s\"", (int)len, line);
}

static enum err listen_on(struct http *http)
{
    const struct endpoint *e = &http->options.listen;
    static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};
    static const uint8_t zeros[16];
    bool v4 = memcmp(e->address, mapped, 12) == 0;
    bool any = v4 ? memcmp(e->address + 12, zeros, 4) == 0 : memcmp(e->address, zeros, 16) == 0;
    void *loops[1] = {host_loop(http->host)};
    struct lws_context_creation_info info;

    memset(&info, 0, sizeof(info));
    (void)inet_ntop(v4 ? AF_INET : AF_INET6, v4 ? e->address + 12 : e->address, http->iface,
                    sizeof(http->iface));
    info.port = e->port;
    info.iface = any ? NULL : http->iface;
    info.protocols = protocols;
    info.user = http;
    info.foreign_loops = loops;
    info.options = LWS_SERVER_OPTION_LIBUV | LWS_SERVER_OPTION_FAIL_UPON_UNABLE_TO_BIND |
                   LWS_SERVER_OPTION_HTTP_HEADERS_SECURITY_BEST_PRACTICES_ENFORCE |
                   LWS_SERVER_OPTION_EXPLICIT_VHOSTS;
    if (v4) { /* else it would listen on every address */
        info.options |= LWS_SERVER_OPTION_DISABLE_IPV6;
    }
    info.fd_limit_per_thread = http->options.connections_max + 8;
    info.max_http_header_pool =
        (unsigned short)(http->options.connections_max < 1024 ? http->options.connections_max
                                                              : 1024);
    info.max_http_header_data = 4096;
    info.timeout_secs = http->options.request_s;
    info.timeout_secs_ah_idle = http->options.request_s;
    info.keepalive_timeout = (int)http->options.idle_s;
    info.server_string = "orreryd";
    lws_set_log_level(LLL_ERR | LLL_WARN, log_opening);
    http->lws = lws_create_context(&info);
    http->vhost = http->lws == NULL ? NULL : lws_create_vhost(http->lws, &info);
    if (http->vhost == NULL) {
        log_line(LOG_ERROR, "http", "listen=%s port=%u state=refused", http->iface, e->port);
        return ERR_IO;
    }
    lws_set_log_level(LLL_ERR | LLL_WARN, log_clients);
    http->port = (uint16_t)lws_get_vhost_listen_port(http->vhost);
    return ERR_OK;
}

/* --- life --- */

static void on_closed(uv_handle_t *timer)
{
    struct http *http = timer->data;
    if (http->closed != NULL) {
        http->closed(http->closed_context);
    }
    free(http);
}

static void tick(uv_timer_t *timer)
{
    struct http *http = timer->data;
    http->ticks++;
    if (!http->closing) {
        feed_chain(http->feed);
        feed_pool(http->feed);
        if (http->ticks % TICKS_PER_SECOND == 0) {
            metrics_sample(http->api.metrics);
        }
    } else if (http->ticks >= CLOSING_TICKS && !http_api_busy(http)) {
        if (http->lws != NULL) {
            lws_context_destroy(http->lws); /* the second call ends what the first began */
        }
        http_api_close(http);
        uv_close((uv_handle_t *)timer, on_closed);
    }
}

void http_close(struct http *http, void (*done)(void *context), void *context)
{
    http->closing = true;
    http->closed = done;
    http->closed_context = context;
    http->ticks = 0;
    http_api_stop(http);
    if (http->lws != NULL) {
        lws_context_destroy(http->lws);
    }
    (void)uv_timer_start(&http->timer, tick, CLOSING_MS, CLOSING_MS);
}

enum err http_open(struct http **out, struct host *host, const struct http_options *options)
{
    struct http *http = calloc(1, sizeof(*http));
    if (http == NULL || uv_timer_init(host_loop(host), &http->timer) != 0) {
        free(http);
        return ERR_NO_MEMORY;
    }
    http->host = host;
    http->options = *options;
    http->timer.data = http;
    enum err err = http_api_open(http);
    err = err != ERR_OK ? err : listen_on(http);
    if (err != ERR_OK) {
        http_close(http, NULL, NULL);
        return err;
    }
    (void)uv_timer_start(&http->timer, tick, TICK_MS, TICK_MS);
    log_line(LOG_INFO, "http", "listen=%s port=%u", http->iface, http->port);
    *out = http;
    return ERR_OK;
}

uint16_t http_port(const struct http *http)
{
    return http->port;
}
