/* All sockets of a host: listening, dialing, who may come in, and what takes too long. */
#include "node/crypto/secret.h"
#include "node/daemon/host_private.h"

#define BACKLOG 512
#define EVICT_NS SECOND_NS               /* a handshake this old makes room for another */
#define CLIENT_IDLE_NS (180 * SECOND_NS) /* spec: stream 1.5 */

void link_limits_default(struct link_limits *limits)
{
    *limits = (struct link_limits){.links_max = 256,
                                   .links_prefix_max = 32,
                                   .handshakes_max = 64,
                                   .handshakes_prefix_max = 8,
                                   .handshake_ns = 5 * SECOND_NS,
                                   .message_ns = 10 * SECOND_NS,
                                   .stall_ns = 20 * SECOND_NS,
                                   .connect_ns = 5 * SECOND_NS,
                                   .send_bytes_max = 32u << 20,
                                   .local_exempt = true};
}

/* --- limits --- */

static bool handshaking(const struct link *link)
{
    return link->phase == PHASE_HANDSHAKE || link->phase == PHASE_CONFIRMING;
}

/* Counted one by one only where networks are told apart: their limits are small. */
struct census {
    uint32_t up, handshakes;
};

static void census_take(const struct host *host, struct census *census, uint64_t prefix)
{
    *census = (struct census){.up = 0};
    for (const struct link *link = host->links; link != NULL; link = link->next) {
        if (endpoint_prefix(&link->remote) == prefix) {
            census->handshakes += handshaking(link) && !link->dialed;
            census->up += link->phase == PHASE_OPEN || link->phase == PHASE_CLIENT;
        }
    }
}

/* Accepted and not authenticated yet. */
static struct link *handshake_oldest(const struct host *host)
{
    struct link *link = host->links_last;

    while (link != NULL && (link->dialed || !handshaking(link))) {
        link = link->previous;
    }
    return link;
}

/* Sockets are refused before any work is done for them. Who is slow to prove himself makes room. */
static bool accept_fits(struct host *host, const struct endpoint *remote)
{
    const struct link_limits *limits = &host->limits;
    struct census census = {.up = 0};

    if (!limits->local_exempt || !endpoint_local(remote)) {
        census_take(host, &census, endpoint_prefix(remote));
    }
    if (host->stats.links + host->stats.clients >= limits->links_max ||
        census.up >= limits->links_prefix_max ||
        census.handshakes >= limits->handshakes_prefix_max) {
        return false;
    }
    if (host->accepting_count < limits->handshakes_max) {
        return true;
    }
    struct link *oldest = handshake_oldest(host);
    invariant(oldest != NULL);
    if (uv_hrtime() - oldest->since_ns < EVICT_NS) {
        return false;
    }
    link_close(oldest, LINK_REFUSED, "evicted");
    return true;
}

/* --- accepting --- */

static void on_connection(uv_stream_t *listener, int status)
{
    struct host *host = listener->data;
    struct sockaddr_storage address;
    int len = sizeof(address);

    if (status != 0 || host->life != HOST_RUNNING) {
        return;
    }
    struct link *link = link_new(host);
    int err = uv_accept(listener, (uv_stream_t *)&link->tcp);
    if (err == 0) {
        err = uv_tcp_getpeername(&link->tcp, (struct sockaddr *)&address, &len);
    }
    link->phase = PHASE_CONNECTING;
    if (err != 0 || !endpoint_of_socket(&link->remote, (struct sockaddr *)&address) ||
        !accept_fits(host, &link->remote)) {
        host->stats.refused++;
        link_close(link, LINK_REFUSED, "limit");
        return;
    }
    host->stats.accepted++;
    link_begin(link);
}

enum err wires_listen(struct host *host)
{
    for (size_t i = 0; i < host->listen_count; i++) {
        struct sockaddr_storage address;
        char text[ENDPOINT_TEXT_BYTES];
        unsigned flags;

        endpoint_to_socket(&address, &host->listen[i]);
        invariant(uv_tcp_init(host->loop, &host->listener[i]) == 0);
        host->handles++;
        host->listeners_open++;
        host->listener[i].data = host;
        flags = address.ss_family == AF_INET6 ? UV_TCP_IPV6ONLY : 0;
        int err = uv_tcp_bind(&host->listener[i], (struct sockaddr *)&address, flags);
        if (err == 0) {
            err = uv_listen((uv_stream_t *)&host->listener[i], BACKLOG, on_connection);
        }
        endpoint_text(text, &host->listen[i]);
        if (err != 0) {
            log_line(LOG_ERROR, "listen", "at=%s error=\"%s\"", text, uv_strerror(err));
            return ERR_IO;
        }
        log_line(LOG_INFO, "listen", "at=%s", text);
    }
    return ERR_OK;
}

void wires_close(struct host *host)
{
    for (size_t i = 0; i < host->listeners_open; i++) {
        uv_close((uv_handle_t *)&host->listener[i], host_handle_closed);
    }
    host->listeners_open = 0;
    for (struct link *link = host->links; link != NULL; link = link->next) {
        link_close(link, LINK_CLOSED_HERE, "stop");
    }
}

/* --- dialing --- */

static void on_connected(uv_connect_t *connecting, int status)
{
    struct link *link = connecting->data;

    if (status != 0) {
        link_close(link, status == UV_ECONNREFUSED ? LINK_REFUSED : LINK_UNREACHABLE,
                   uv_strerror(status));
    } else if (link->phase == PHASE_CONNECTING) {
        link_begin(link);
    }
}

void wire_connect(struct host *host, const struct effect *effect)
{
    static const uint8_t nobody[32];
    struct sockaddr_storage address;
    struct link *link = link_new(host);

    link->phase = PHASE_CONNECTING;
    link->dialed = true;
    link->request = effect->connect.request;
    link->remote = effect->connect.endpoint;
    link->expects = memcmp(effect->connect.peer, nobody, 32) != 0;
    memcpy(link->peer, effect->connect.peer, 32);
    link->deadline_ns = uv_hrtime() + host->limits.connect_ns;
    link->connecting.data = link;
    endpoint_to_socket(&address, &link->remote);
    int err =
        uv_tcp_connect(&link->connecting, &link->tcp, (struct sockaddr *)&address, on_connected);
    if (err != 0) {
        link_close(link, LINK_UNREACHABLE, uv_strerror(err));
    }
}

/* --- up --- */

/* Clients prove nothing: some of the places are kept for nodes. */
static bool client_fits(const struct host *host)
{
    uint32_t most = host->limits.links_max;
    return host->stats.clients < (most > 2 * LINKS_MAX ? most - LINKS_MAX : most / 2);
}

bool wire_up(struct link *link)
{
    struct host *host = link->host;
    struct event event = {.kind = EVENT_LINK_UP};
    char id[17];
    char text[ENDPOINT_TEXT_BYTES];

    if (link->client) {
        if (!client_fits(host)) {
            link_close(link, LINK_REFUSED, "no place");
            return false;
        }
        link->phase = PHASE_CLIENT;
        host->accepting_count--; /* clients dial, never we them */
        host->stats.clients++;
        return true;
    }
    if (host->slots_used == UINT64_MAX || host->life != HOST_RUNNING) {
        link_close(link, LINK_REFUSED, "no place");
        return false;
    }
    link->index = (uint32_t)__builtin_ctzll(~host->slots_used);
    host->slots_used |= 1ull << link->index;
    host->slot[link->index] = link;
    host->accepting_count -= !link->dialed;
    host->stats.links++;
    link->phase = PHASE_OPEN;
    log_line(LOG_INFO, "link-up", "peer=%s at=%s dialed=%d", id_text(id, link->peer),
             endpoint_text(text, &link->remote), link->dialed);
    event.link_up.link = link->index;
    event.link_up.dialed = link->dialed;
    event.link_up.request = link->request;
    memcpy(event.link_up.peer, link->peer, 32);
    event.link_up.endpoint = link->remote;
    host_step(host, &event);
    if (link->phase != PHASE_OPEN) {
        return false;
    }
    struct host_peer peer;
    link_peer(link, &peer);
    const struct host_notice notice = {.kind = HOST_LINK_UP, .time = host_now(host), .peer = &peer};
    host_notify(host, &notice);
    return true;
}

/* --- what takes too long --- */

static const char *overdue(const struct host *host, const struct link *link, uint64_t now_ns)
{
    const struct link_limits *limits = &host->limits;

    switch (link->phase) {
    case PHASE_CONNECTING:
        return now_ns >= link->deadline_ns ? "connect timeout" : NULL;
    case PHASE_HANDSHAKE:
    case PHASE_CONFIRMING:
        return now_ns >= link->deadline_ns ? "handshake timeout" : NULL;
    case PHASE_CLIENT:
        if (now_ns - link->heard_ns >= CLIENT_IDLE_NS) {
            return "idle";
        }
        break;
    case PHASE_OPEN:
        break;
    case PHASE_CLOSING:
        return NULL;
    }
    if (link->partial_ns != 0 && now_ns - link->partial_ns >= limits->message_ns) {
        return "message too slow";
    }
    if (link->frame_ns != 0 && now_ns - link->frame_ns >= FRAME_NS) {
        return "frame too slow";
    }
    if (link->in_flight > 0 && now_ns - link->progress_ns >= limits->stall_ns) {
        return "does not read";
    }
    return NULL;
}

void wires_sweep(struct host *host, uint64_t now_ns)
{
    for (struct link *link = host->links; link != NULL; link = link->next) {
        const char *why = overdue(host, link, now_ns);
        if (why != NULL) {
            link_close(link, link->phase <= PHASE_CONFIRMING ? LINK_UNREACHABLE : LINK_BROKEN, why);
        }
    }
}
