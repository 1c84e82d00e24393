/* One socket: handshake, then frames in cells both ways. What a peer sends is never trusted: every
 * breach ends the link and nothing else. */
#include <netinet/tcp.h>
#include <stdlib.h>

#include "node/crypto/secret.h"
#include "node/daemon/host_private.h"
#include "node/wire/frames.h"

#define FLIGHT_BYTES_MAX 131072 /* handed to libuv at once; the rest waits as references */

/* --- frames that wait --- */

static void queue_push(struct send_queue *q, const struct blob *frame)
{
    if (q->count == q->room) {
        uint32_t room = q->room == 0 ? 16 : q->room * 2;
        const struct blob **more = malloc(room * sizeof(struct blob *));
        invariant(more != NULL);
        for (uint32_t i = 0; i < q->count; i++) {
            more[i] = q->frame[(q->first + i) % q->room];
        }
        free(q->frame);
        q->frame = more;
        q->room = room;
        q->first = 0;
    }
    q->frame[(q->first + q->count++) % q->room] = frame;
    q->bytes += 4 + frame->len;
}

static void queue_pop(struct send_queue *q, struct shared *shared)
{
    blob_drop(shared, q->frame[q->first]);
    q->first = (q->first + 1) % q->room;
    q->count--;
    q->offset = 0;
}

static void queue_drop(struct send_queue *q, struct shared *shared)
{
    while (q->count > 0) {
        queue_pop(q, shared);
    }
    free(q->frame);
    *q = (struct send_queue){.room = 0};
}

/* --- life --- */

struct link *link_new(struct host *host)
{
    struct link *link = calloc(1, sizeof(*link));
    invariant(link != NULL);
    invariant(uv_tcp_init(host->loop, &link->tcp) == 0);
    link->host = host;
    link->index = LINK_NONE;
    link->since_ns = uv_hrtime();
    link->next = host->links;
    *(host->links != NULL ? &host->links->previous : &host->links_last) = link;
    host->links = link;
    host->socket_count++;
    return link;
}

static void on_closed(uv_handle_t *handle)
{
    struct link *link = (struct link *)(void *)handle;
    struct host *host = link->host;

    if (link->previous != NULL) {
        link->previous->next = link->next;
    } else {
        host->links = link->next;
    }
    *(link->next != NULL ? &link->next->previous : &host->links_last) = link->previous;
    host->socket_count--;
    free(link->in);
    secret_wipe(link, sizeof(*link));
    free(link);
    host_stop_check(host);
}

void link_peer(const struct link *link, struct host_peer *peer)
{
    *peer = (struct host_peer){.link = link->index,
                               .remote = link->remote,
                               .dialed = link->dialed,
                               .since_ns = link->since_ns,
                               .received_bytes = link->received_bytes,
                               .sent_bytes = link->sent_bytes,
                               .queued_bytes = link->queue.bytes + link->in_flight};
    memcpy(peer->node_id, link->peer, 32);
}

static void handshake_end(struct link *link)
{
    if (link->handshake != NULL) {
        handshake_wipe(link->handshake);
        free(link->handshake);
        link->handshake = NULL;
    }
}

static bool handshaking(const struct link *link)
{
    return link->phase == PHASE_HANDSHAKE || link->phase == PHASE_CONFIRMING;
}

static void node_tell_down(struct link *link, enum link_end why)
{
    struct host *host = link->host;
    struct later *later = calloc(1, sizeof(*later));

    invariant(later != NULL);
    later->kind = LATER_DOWN;
    later->down.link = link->index;
    later->down.request = link->request;
    later->down.why = why;
    link_peer(link, &later->down.peer);
    later_add(host, later);
}

void link_close(struct link *link, enum link_end why, const char *reason)
{
    struct host *host = link->host;
    char id[17];
    char text[ENDPOINT_TEXT_BYTES];

    if (link->phase == PHASE_CLOSING) {
        return;
    }
    if (handshaking(link)) {
        host->accepting_count -= !link->dialed;
        host->stats.handshakes_failed++;
    }
    log_line(link->phase == PHASE_OPEN ? LOG_INFO : LOG_DEBUG, "link-end",
             "peer=%s at=%s dialed=%d reason=\"%s\"", id_text(id, link->peer),
             endpoint_text(text, &link->remote), link->dialed, reason);
    if (host->life == HOST_RUNNING && (link->phase == PHASE_OPEN || link->dialed)) {
        node_tell_down(link, why);
    }
    if (link->phase == PHASE_OPEN) {
        host->slot[link->index] = NULL;
        host->stats.links--;
    } else if (link->phase == PHASE_CLIENT) {
        host->stats.clients--;
    }
    if (link->phase >= PHASE_CONFIRMING) {
        channel_end(&link->channel);
    }
    link->phase = PHASE_CLOSING;
    handshake_end(link);
    queue_drop(&link->queue, host->shared);
    uv_close((uv_handle_t *)&link->tcp, on_closed);
}

/* --- writing --- */

struct pending_write {
    uv_write_t write;
    struct link *link;
    size_t len;
    uint8_t bytes[];
};

static void on_written(uv_write_t *write, int status)
{
    struct pending_write *pending = (struct pending_write *)(void *)write;
    struct link *link = pending->link;

    /* The link is alive: libuv calls this before the closed socket's callback. */
    link->in_flight -= pending->len;
    link->progress_ns = uv_hrtime();
    if (status != 0) {
        link_close(link, LINK_BROKEN, uv_strerror(status));
    }
    free(pending);
}

/* Sends bytes, at once as far as the socket takes them. */
static void socket_write(struct link *link, const uint8_t *bytes, size_t len)
{
    uv_buf_t buffer = uv_buf_init((char *)(uintptr_t)bytes, (unsigned)len);
    int sent = link->in_flight == 0 ? uv_try_write((uv_stream_t *)&link->tcp, &buffer, 1) : 0;

    if (sent < 0 && sent != UV_EAGAIN) {
        link_close(link, LINK_BROKEN, uv_strerror(sent));
        return;
    }
    size_t rest = len - (size_t)(sent > 0 ? sent : 0);
    link->sent_bytes += len;
    link->host->stats.sent_bytes += len;
    if (rest == 0) {
        return;
    }
    struct pending_write *pending = malloc(sizeof(*pending) + rest);
    invariant(pending != NULL);
    pending->link = link;
    pending->len = rest;
    memcpy(pending->bytes, bytes + len - rest, rest);
    if (link->in_flight == 0) {
        link->progress_ns = uv_hrtime();
    }
    link->in_flight += rest;
    buffer = uv_buf_init((char *)pending->bytes, (unsigned)rest);
    int err = uv_write(&pending->write, (uv_stream_t *)&link->tcp, &buffer, 1, on_written);
    if (err != 0) {
        link->in_flight -= rest;
        free(pending);
        link_close(link, LINK_BROKEN, uv_strerror(err));
    }
}

void link_send(struct link *link, const struct blob *frame)
{
    struct host *host = link->host;

    if (link->phase != PHASE_OPEN || frame->len == 0 || frame->len > CHANNEL_FRAME_BYTES_MAX) {
        blob_drop(host->shared, frame);
        return;
    }
    queue_push(&link->queue, frame);
    host->stats.sent_frames++;
    if (link->queue.bytes > host->limits.send_bytes_max) {
        link_close(link, LINK_BROKEN, "send queue full");
    }
}

/* Puts bytes of the oldest frames into the open message; false when it is full. */
static bool message_fill(struct link *link)
{
    struct send_queue *q = &link->queue;

    while (q->count > 0) {
        const struct blob *frame = q->frame[q->first];
        uint8_t head[4];
        store32(head, frame->len);
        if (q->offset < 4) {
            size_t put = channel_put(&link->channel, head + q->offset, 4 - q->offset);
            q->offset += (uint32_t)put;
            q->bytes -= put;
            if (q->offset < 4) {
                return false;
            }
        }
        uint32_t at = q->offset - 4;
        size_t put = channel_put(&link->channel, frame->data + at, frame->len - at);
        q->offset += (uint32_t)put;
        q->bytes -= put;
        if (put < frame->len - at) {
            return false;
        }
        queue_pop(q, link->host->shared);
    }
    return true;
}

void link_flush(struct link *link)
{
    struct host *host = link->host;
    uint64_t now = uv_hrtime();

    while ((link->phase == PHASE_OPEN || link->phase == PHASE_CLIENT) && link->queue.count > 0 &&
           link->in_flight < FLIGHT_BYTES_MAX) {
        size_t used = 0;
        for (unsigned i = 0; i < WRITE_MESSAGES && link->queue.count > 0; i++) {
            size_t len;
            channel_begin(&link->channel, host->write_buffer + used, now);
            message_fill(link);
            if (channel_seal(&link->channel, &len, now) != ERR_OK) {
                link_close(link, LINK_BROKEN, "nonces used up");
                return;
            }
            used += len;
        }
        socket_write(link, host->write_buffer, used);
    }
}

/* --- the handshake --- */

static void handshake_send(struct link *link)
{
    uint8_t message[HANDSHAKE_MESSAGE_BYTES];
    enum err err = handshake_write(link->handshake, message);

    if (err != ERR_OK) {
        link_close(link, LINK_REFUSED, err_text(err));
        return;
    }
    socket_write(link, message, sizeof(message));
}

/* Both sides have all messages: the channel begins, and the node hears of it when the peer is sure
 * to be there. */
static void handshake_finish(struct link *link)
{
    struct host *host = link->host;
    struct handshake *h = link->handshake;
    struct noise_cipher send;
    struct noise_cipher receive;
    uint8_t hash[NOISE_HASH_BYTES];
    bool confirmed = handshake_confirmed(h);
    bool client = h->client;

    memcpy(link->peer, h->peer, 32);
    if (!client) {
        static_learn(host, h->peer, h->peer_static, link->dialed);
    }
    noise_split(&h->noise, &send, &receive, hash);
    channel_start(&link->channel, &send, &receive, uv_hrtime());
    secret_wipe(&send, sizeof(send));
    secret_wipe(&receive, sizeof(receive));
    handshake_end(link);
    link->client = client;
    link->phase = PHASE_CONFIRMING;
    if (confirmed) {
        wire_up(link);
    }
}

static void handshake_message(struct link *link, const uint8_t *message)
{
    struct handshake *h = link->handshake;
    enum err err = handshake_read(h, message, host_now(link->host).wall_ms);

    if (err != ERR_OK) {
        if (link->dialed && h->expects && err == ERR_SIGNATURE) {
            static_forget(link->host, h->peer); /* it may have a new one: XX next time */
        }
        link_close(link, LINK_REFUSED, err_text(err));
        return;
    }
    if (handshake_writes(h)) {
        handshake_send(link);
    }
    if (link->phase == PHASE_HANDSHAKE && handshake_done(h)) {
        handshake_finish(link);
    }
}

/* --- reading --- */

static void client_frame(struct link *link, struct span frame)
{
    struct frame_ping ping;
    struct frame_pong pong;
    uint8_t out[16];
    size_t len;

    if (frame_ping_decode(&ping, frame) != ERR_OK) {
        link_close(link, LINK_BROKEN, "not for clients");
        return;
    }
    if (link->in_flight >= FLIGHT_BYTES_MAX) {
        link_close(link, LINK_BROKEN, "does not read");
        return;
    }
    pong.nonce = ping.nonce;
    invariant(frame_pong_encode(out, sizeof(out), &len, &pong) == ERR_OK);
    queue_push(&link->queue, blob_put(link->host->shared, out, len));
    link_flush(link);
}

static void frame_in(struct link *link, struct span frame)
{
    struct host *host = link->host;

    host->stats.received_frames++;
    if (link->phase == PHASE_CLIENT) {
        client_frame(link, frame);
        return;
    }
    const struct blob *blob = blob_put(host->shared, frame.data, frame.len);
    struct event event = {.kind = EVENT_RECV, .recv = {.link = link->index, .frame = blob}};
    event.recv.from = link->remote;
    host_step(host, &event);
    blob_drop(host->shared, blob);
}

/* Who sends large frames in part holds memory: all links together have so much of it, and clients,
 * who prove nothing and send nothing large, none. */
static bool assembly_fits(struct link *link)
{
    const struct host *host = link->host;
    size_t bytes = 0;

    link->frame_ns = !channel_partial(&link->channel) ? 0
                     : link->frame_ns != 0            ? link->frame_ns
                                                      : link->heard_ns;
    if (link->phase == PHASE_CLIENT) {
        return link->channel.frame_room <= CLIENT_ASSEMBLY_BYTES;
    }
    if (link->channel.frame_room <= ASSEMBLY_FREE_BYTES) {
        return true;
    }
    for (uint32_t i = 0; i < LINKS_MAX; i++) {
        bytes += host->slot[i] == NULL ? 0 : host->slot[i]->channel.frame_room;
    }
    return bytes <= ASSEMBLY_BYTES_MAX;
}

static void sealed_in(struct link *link, uint8_t *message, size_t len)
{
    struct span frame;
    enum err err = channel_open(&link->channel, message, len);

    if (err == ERR_OK && link->phase == PHASE_CONFIRMING && !wire_up(link)) {
        return;
    }
    while (err == ERR_OK) {
        err = channel_next(&link->channel, &frame);
        if (err == ERR_OK && frame.data == NULL) {
            if (!assembly_fits(link)) {
                link_close(link, LINK_BROKEN, "frames take too much memory");
            }
            return;
        }
        if (err == ERR_OK) {
            link->frame_ns = 0;
            frame_in(link, frame);
            if (link->phase == PHASE_CLOSING) {
                return;
            }
        }
    }
    link_close(link, LINK_BROKEN, err_text(err));
}

static bool length_valid(const struct link *link, size_t len)
{
    return link->phase == PHASE_HANDSHAKE ? len == HANDSHAKE_BYTES : channel_length_valid(len);
}

static void message_in(struct link *link, uint8_t *message, size_t len)
{
    link->heard_ns = uv_hrtime();
    if (link->phase == PHASE_HANDSHAKE) {
        handshake_message(link, message);
    } else {
        sealed_in(link, message, len);
    }
}

/* Bytes of a message that is not whole yet; its length is checked as soon as it is known, and only
 * so much memory is taken: most links are between messages most of the time. */
static void part_in(struct link *link, const uint8_t *data, size_t len, size_t need)
{
    if (link->in_len == 0) {
        link->partial_ns = uv_hrtime();
    }
    if (link->in_room < need) {
        uint8_t *more = realloc(link->in, need);
        invariant(more != NULL);
        link->in = more;
        link->in_room = (uint32_t)need;
    }
    memcpy(link->in + link->in_len, data, len);
    link->in_len += (uint32_t)len;
}

/* Whole messages are opened where they lie; only what is cut is copied. */
static void bytes_in(struct link *link, uint8_t *data, size_t len)
{
    while (len > 0 && link->phase != PHASE_CLOSING) {
        uint8_t *head = link->in_len > 0 ? link->in : data;
        size_t have = link->in_len > 0 ? link->in_len : len;
        size_t need = have < 2 ? 2 : 2 + ((size_t)head[0] << 8 | head[1]);
        if (have >= 2 && !length_valid(link, need - 2)) {
            link_close(link, LINK_BROKEN, "message length");
            return;
        }
        if (link->in_len == 0 && len >= need && need > 2) {
            message_in(link, data + 2, need - 2);
            data += need;
            len -= need;
            continue;
        }
        size_t part = need - link->in_len < len ? need - link->in_len : len;
        part_in(link, data, part, need);
        data += part;
        len -= part;
        if (need > 2 && link->in_len == need) {
            uint8_t *message = link->in;
            link->in = NULL; /* ours, also when the link ends */
            link->in_len = 0;
            link->in_room = 0;
            link->partial_ns = 0;
            message_in(link, message + 2, need - 2);
            free(message);
        }
    }
}

static void on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *buffer)
{
    struct link *link = (struct link *)(void *)handle;
    (void)suggested;
    *buffer = uv_buf_init((char *)link->host->read_buffer, READ_BUFFER_BYTES);
}

static void on_read(uv_stream_t *stream, ssize_t count, const uv_buf_t *buffer)
{
    struct link *link = (struct link *)(void *)stream;

    if (count < 0) {
        link_close(link, count == UV_EOF ? LINK_CLOSED_THERE : LINK_BROKEN,
                   uv_strerror((int)count));
        return;
    }
    link->received_bytes += (uint64_t)count;
    link->host->stats.received_bytes += (uint64_t)count;
    bytes_in(link, (uint8_t *)buffer->base, (size_t)count);
}

/* What was sent and is not acknowledged for so long ends the connection: the other end is gone
 * without a word. (The kernel alone would try for a quarter of an hour.) */
static void patience_set(struct link *link)
{
    uint64_t stall_ms = link->host->limits.stall_ns / 1000000;
    unsigned int patience_ms = stall_ms < INT32_MAX ? (unsigned int)stall_ms : INT32_MAX;
    uv_os_fd_t fd;

    if (uv_fileno((uv_handle_t *)&link->tcp, &fd) == 0) {
        (void)setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &patience_ms, sizeof(patience_ms));
    }
}

void link_begin(struct link *link)
{
    struct host *host = link->host;
    uint8_t ephemeral[NOISE_KEY_BYTES];

    uv_tcp_nodelay(&link->tcp, 1);
    patience_set(link);
    host_random(ephemeral, sizeof(ephemeral));
    link->handshake = calloc(1, sizeof(*link->handshake));
    invariant(link->handshake != NULL);
    link->phase = PHASE_HANDSHAKE;
    link->deadline_ns = uv_hrtime() + host->limits.handshake_ns;
    host->accepting_count += !link->dialed;
    host->stats.handshakes++;
    if (link->dialed) {
        const uint8_t *key = link->expects ? static_find(host, link->peer) : NULL;
        host->stats.handshakes_ik += key != NULL;
        handshake_dial(link->handshake, &host->identity, key != NULL ? NOISE_IK : NOISE_XX,
                       link->expects ? link->peer : NULL, key, ephemeral);
    } else {
        handshake_accept(link->handshake, &host->identity, ephemeral);
    }
    secret_wipe(ephemeral, sizeof(ephemeral));
    int err = uv_read_start((uv_stream_t *)&link->tcp, on_alloc, on_read);
    if (err != 0) {
        link_close(link, LINK_BROKEN, uv_strerror(err));
    } else if (link->dialed) {
        handshake_send(link);
    }
}
