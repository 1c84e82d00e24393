/* REST and WebSocket of one daemon on the host's own loop (libwebsockets on a foreign libuv loop).
 * Opens everything behind them too: feed, index, metrics, faucet. Binds loopback unless told
 * otherwise. spec: design 5 */
#ifndef ORRERY_DAEMON_HTTP_H
#define ORRERY_DAEMON_HTTP_H

#include "node/daemon/faucet.h"
#include "node/daemon/host.h"

#define HTTP_PORT 3000

struct http_options {
    struct endpoint listen;              /* port 0: any free one, see http_port */
    const char *friendly_name;           /* of /node/info; NULL: the start of the node id */
    const char *host_name;               /* where it can be reached from; NULL: empty */
    const char *index_folder;            /* of the transaction index; NULL: none */
    const struct faucet_options *faucet; /* NULL: none; copied */
    uint32_t connections_max;            /* at once, WebSockets included; 1024 */
    uint32_t sockets_max;                /* WebSockets at once; 512 */
    uint32_t request_s;                  /* to send a whole request, and to take an answer; 10 */
    uint32_t idle_s;                     /* a kept connection without a request; 30 */
    uint32_t ws_bytes_max; /* waiting for one WebSocket client: beyond, it is cut; 1 MiB */
};

struct http;

/* Loopback, port 3000, the limits above. */
void http_defaults(struct http_options *options);

/* After host_open, before host_start or later. Texts of options are copied. ERR_NO_MEMORY; ERR_IO:
 * cannot listen (logged); the errors of index_open. After an error nothing is left but a handle
 * that the loop closes. */
enum err http_open(struct http **http, struct host *host,
                   const struct http_options *options) MUST_CHECK;
/* Closes every connection, waits for what is on its way, frees everything, then calls done on the
 * loop: a few turns later. Before host_stop. */
void http_close(struct http *http, void (*done)(void *context), void *context);
uint16_t http_port(const struct http *http);

#endif
