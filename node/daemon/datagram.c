/* Datagrams: one UDP socket for each address the host listens on. They may be lost, on the way in
 * and out. */
#include <stdlib.h>

#include "node/daemon/host_private.h"

static void on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *buffer)
{
    struct host *host = handle->data;
    (void)suggested;
    *buffer = uv_buf_init((char *)host->read_buffer, READ_BUFFER_BYTES);
}

static void on_datagram(uv_udp_t *socket, ssize_t count, const uv_buf_t *buffer,
                        const struct sockaddr *address, unsigned flags)
{
    struct host *host = socket->data;
    struct event event = {.kind = EVENT_RECV, .recv = {.link = LINK_NONE}};

    if (count <= 0 || address == NULL || host->life != HOST_RUNNING) {
        return; /* nothing more to read, or an error that concerns an earlier datagram */
    }
    if (count > NODE_DATAGRAM_BYTES_MAX || (flags & UV_UDP_PARTIAL) != 0 ||
        !endpoint_of_socket(&event.recv.from, address)) {
        host->stats.datagrams_dropped++;
        return;
    }
    host->stats.datagrams_in++;
    event.recv.frame = blob_put(host->shared, (const uint8_t *)buffer->base, (size_t)count);
    host_step(host, &event);
    blob_drop(host->shared, event.recv.frame);
}

enum err datagrams_open(struct host *host)
{
    for (size_t i = 0; i < host->listen_count; i++) {
        struct sockaddr_storage address;

        endpoint_to_socket(&address, &host->listen[i]);
        invariant(uv_udp_init(host->loop, &host->socket[i]) == 0);
        host->handles++;
        host->sockets_open++;
        host->socket[i].data = host;
        int err = uv_udp_bind(&host->socket[i], (struct sockaddr *)&address,
                              address.ss_family == AF_INET6 ? UV_UDP_IPV6ONLY : 0);
        if (err == 0) {
            err = uv_udp_recv_start(&host->socket[i], on_alloc, on_datagram);
        }
        if (err != 0) {
            char text[ENDPOINT_TEXT_BYTES];
            log_line(LOG_ERROR, "listen", "udp=%s error=\"%s\"",
                     endpoint_text(text, &host->listen[i]), uv_strerror(err));
            return ERR_IO;
        }
    }
    return ERR_OK;
}

void datagram_send(struct host *host, const struct endpoint *to, const struct blob *frame)
{
    struct sockaddr_storage address;
    int sent = UV_EAGAIN;
    uv_buf_t buffer = uv_buf_init((char *)(uintptr_t)frame->data, frame->len);

    endpoint_to_socket(&address, to);
    for (size_t i = 0; i < host->sockets_open && frame->len <= NODE_DATAGRAM_BYTES_MAX; i++) {
        struct sockaddr_storage own;
        endpoint_to_socket(&own, &host->listen[i]);
        if (own.ss_family == address.ss_family) {
            sent = uv_udp_try_send(&host->socket[i], &buffer, 1, (struct sockaddr *)&address);
            break;
        }
    }
    if (sent >= 0) {
        host->stats.datagrams_out++;
    } else {
        host->stats.datagrams_dropped++;
    }
    blob_drop(host->shared, frame);
}
