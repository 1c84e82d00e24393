/* What http.c (requests), http_host.c (the api over a host) and ws.c (WebSockets) share. */
#ifndef ORRERY_DAEMON_HTTP_PRIVATE_H
#define ORRERY_DAEMON_HTTP_PRIVATE_H

#include <libwebsockets.h>

#include "node/daemon/api.h"
#include "node/daemon/feed.h"
#include "node/daemon/http.h"
#include "node/daemon/metrics.h"

struct ws_session;
struct store;

/* One request of a connection; zeroed by libwebsockets when the connection begins. */
struct exchange {
    uint8_t *body; /* NULL: none */
    size_t body_len, body_size;
    struct api_answer answer;
    size_t sent; /* of the answer, on HTTP/2 */
    bool head;   /* HEAD: no body is sent */
    bool preflight;
    bool waiting; /* the answer's body is to be written */
    enum api_method method;
    char path[API_PATH_BYTES_MAX + 1];
    char query[API_QUERY_BYTES_MAX + 1];
    size_t path_len, query_len;
};

/* Of a connection: first a request, perhaps a WebSocket later. */
struct http_session {
    struct exchange exchange;
    struct ws_session *ws;
};

struct http {
    struct host *host;
    struct http_options options;
    struct api api;
    struct feed *feed;
    struct host_observer observer;
    struct lws_context *lws;
    struct lws_vhost *vhost;
    uv_timer_t timer;
    uint32_t ticks;
    uint32_t submissions; /* whose answers have not come yet */
    bool closing;
    void (*closed)(void *context);
    void *closed_context;
    uint16_t port;
    char iface[64];
    char friendly_name[64], host_name[128];
    struct record record; /* the last one read, until the next */
    bool record_held;
    struct feed_listener ws_listener;
    struct ws_session *sessions; /* all WebSockets */
    uint32_t session_count;
};

/* http_host.c: http->api over http->host. */
enum err http_api_open(struct http *http);
/* Nothing follows the node any more. */
void http_api_stop(struct http *http);
/* True while something on its way will still call back. */
bool http_api_busy(const struct http *http);
void http_api_close(struct http *http);

/* ws.c */
int ws_callback(struct http *http, struct lws *wsi, enum lws_callback_reasons reason,
                struct http_session *session, void *in, size_t len);
void ws_told(void *context, const struct feed_event *event);

#endif
