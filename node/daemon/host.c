/* The life of a host: made, started, stopped, freed. */
#include "node/daemon/host.h"

#include <stdlib.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <time.h>

#include "node/crypto/secret.h"
#include "node/daemon/host_private.h"

#define SWEEP_MS 250
#define IDENTITY_RENEW_MS (15ull * 24 * 3600 * 1000) /* half the life of a certificate */

void host_random(uint8_t *out, size_t len)
{
    for (size_t at = 0; at < len;) {
        ssize_t got = getrandom(out + at, len - at, 0);
        invariant(got > 0); /* never fails for this many bytes once the kernel is up */
        at += (size_t)got;
    }
}

struct host_time host_now(const struct host *host)
{
    struct timespec wall;
    (void)host;
    clock_gettime(CLOCK_REALTIME, &wall);
    return (struct host_time){.mono_ns = uv_hrtime(),
                              .wall_ms =
                                  (uint64_t)wall.tv_sec * 1000 + (uint64_t)wall.tv_nsec / 1000000};
}

/* --- the loop --- */

static void on_wake(uv_timer_t *timer)
{
    struct host *host = (struct host *)((char *)timer - offsetof(struct host, wake));
    struct event event = {.kind = EVENT_WAKE};

    if (node_deadline_ns(host->node) > uv_hrtime()) {
        host_rearm(host); /* libuv's clock is coarser */
        return;
    }
    host_step(host, &event);
}

static void on_idle(uv_idle_t *idle)
{
    (void)idle; /* it only keeps the loop from sleeping: what waits runs before the next poll */
}

/* Before the loop sleeps: what waits is told, and what was sent in this turn leaves together. */
static void on_prepare(uv_prepare_t *prepare)
{
    struct host *host = prepare->data;

    later_run(host);
    for (uint64_t left = host->slots_used; left != 0; left &= left - 1) {
        struct link *link = host->slot[__builtin_ctzll(left)];
        if (link != NULL && link->queue.count > 0) {
            link_flush(link);
        }
    }
}

static void on_sweep(uv_timer_t *timer)
{
    struct host *host = timer->data;
    struct host_time now = host_now(host);

    wires_sweep(host, now.mono_ns);
    if (host->identity.expiry_ms < now.wall_ms + IDENTITY_RENEW_MS) {
        uint8_t secret[NOISE_KEY_BYTES];
        memcpy(secret, host->identity.transport_secret, sizeof(secret));
        identity_make(&host->identity, host->config->node_seed, secret, host->config->genesis,
                      now.wall_ms);
        secret_wipe(secret, sizeof(secret));
    }
}

/* --- life --- */

static void *pages(size_t bytes)
{
    void *memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    return memory == MAP_FAILED ? NULL : memory;
}

static void handles_init(struct host *host)
{
    invariant(uv_timer_init(host->loop, &host->wake) == 0 &&
              uv_timer_init(host->loop, &host->sweep) == 0 &&
              uv_prepare_init(host->loop, &host->prepare) == 0 &&
              uv_idle_init(host->loop, &host->idle) == 0);
    host->handles = 4;
    host->wake.data = host->sweep.data = host->prepare.data = host->idle.data = host;
    invariant(uv_prepare_start(&host->prepare, on_prepare) == 0);
}

void host_wake_start(struct host *host, uint64_t wait_ms)
{
    invariant(uv_timer_start(&host->wake, on_wake, wait_ms, 0) == 0);
}

void host_idle_start(struct host *host)
{
    if (!uv_is_closing((uv_handle_t *)&host->idle)) {
        uv_idle_start(&host->idle, on_idle);
    }
}

enum err host_open(struct host **out, const struct host_options *options)
{
    uint8_t seed[32];
    size_t node_size = node_bytes(options->node);
    struct host *host = calloc(1, sizeof(*host));
    void *node = pages(node_size);
    uint8_t *arenas = pages(HOST_SCRATCH_BYTES + HOST_ARENA_BYTES);

    if (host == NULL || node == NULL || arenas == NULL || options->listen_count > HOST_LISTEN_MAX) {
        free(host);
        return ERR_NO_MEMORY;
    }
    host->loop = options->loop;
    host->config = options->node;
    host->shared = options->shared;
    host->store = options->store;
    host->limits = options->limits;
    host->node = node;
    host->node_bytes = node_size;
    host->listen_count = options->listen_count;
    memcpy(host->listen, options->listen, sizeof(host->listen));
    arena_init(&host->scratch, arenas, HOST_SCRATCH_BYTES);
    arena_init(&host->effects.arena, arenas + HOST_SCRATCH_BYTES, HOST_ARENA_BYTES);
    identity_make(&host->identity, options->node->node_seed, options->transport_seed,
                  options->node->genesis, host_now(host).wall_ms);
    host_random(seed, sizeof(seed));
    node_init(host->node, options->node, seed, options->shared);
    secret_wipe(seed, sizeof(seed));
    handles_init(host);
    *out = host;
    return ERR_OK;
}

void host_transport_set(struct host *host, const uint8_t node_id[32],
                        const uint8_t transport_key[32])
{
    static_learn(host, node_id, transport_key, false);
}

enum err host_start(struct host *host)
{
    struct event event = {.kind = EVENT_START};

    invariant(host->life == HOST_NEW);
    TRY(wires_listen(host));
    TRY(datagrams_open(host));
    statics_load(host);
    host->life = HOST_RUNNING;
    invariant(uv_timer_start(&host->sweep, on_sweep, SWEEP_MS, SWEEP_MS) == 0);
    host_step(host, &event);
    return ERR_OK;
}

void host_stop_check(struct host *host)
{
    if (host->life == HOST_STOPPING && host->handles == 0 && host->links == NULL &&
        host->writes_pending == 0) {
        host->life = HOST_STOPPED;
        host->stopped(host->stopped_context);
    }
}

void host_handle_closed(uv_handle_t *handle)
{
    struct host *host = handle->data;
    host->handles--;
    host_stop_check(host);
}

void host_stop(struct host *host, void (*done)(void *context), void *context)
{
    struct event event = {.kind = EVENT_STOP};

    invariant(host->life == HOST_RUNNING || host->life == HOST_NEW);
    if (host->life == HOST_RUNNING) {
        host_step(host, &event);
    }
    host->life = HOST_STOPPING;
    host->stopped = done;
    host->stopped_context = context;
    later_drop(host);
    wires_close(host);
    for (size_t i = 0; i < host->sockets_open; i++) {
        uv_close((uv_handle_t *)&host->socket[i], host_handle_closed);
    }
    host->sockets_open = 0;
    uv_close((uv_handle_t *)&host->wake, host_handle_closed);
    uv_close((uv_handle_t *)&host->sweep, host_handle_closed);
    uv_close((uv_handle_t *)&host->prepare, host_handle_closed);
    uv_close((uv_handle_t *)&host->idle, host_handle_closed);
}

void host_free(struct host *host)
{
    invariant(host->life == HOST_STOPPED);
    node_drop(host->node);
    munmap(host->node, host->node_bytes);
    munmap(host->scratch.base, HOST_SCRATCH_BYTES + HOST_ARENA_BYTES);
    identity_wipe(&host->identity);
    free(host);
}

/* --- looking in --- */

void host_observe(struct host *host, struct host_observer *observer)
{
    struct host_observer **at = &host->observers;
    while (*at != NULL) {
        at = &(*at)->next;
    }
    observer->next = NULL;
    *at = observer;
}

void host_unobserve(struct host *host, struct host_observer *observer)
{
    for (struct host_observer **at = &host->observers; *at != NULL; at = &(*at)->next) {
        if (*at == observer) {
            *at = observer->next;
            return;
        }
    }
}

void host_notify(struct host *host, const struct host_notice *notice)
{
    for (struct host_observer *o = host->observers; o != NULL; o = o->next) {
        o->notice(o->context, notice);
    }
}

const struct node *host_node(const struct host *host)
{
    return host->node;
}

const struct node_config *host_config(const struct host *host)
{
    return host->config;
}

struct shared *host_shared(const struct host *host)
{
    return host->shared;
}

struct store *host_store(const struct host *host)
{
    return host->store;
}

uv_loop_t *host_loop(const struct host *host)
{
    return host->loop;
}

const uint8_t *host_node_id(const struct host *host)
{
    return host->identity.node_id;
}

size_t host_peers(const struct host *host, struct host_peer peers[LINKS_MAX])
{
    size_t count = 0;
    for (uint32_t i = 0; i < LINKS_MAX; i++) {
        if (host->slot[i] != NULL) {
            link_peer(host->slot[i], &peers[count++]);
        }
    }
    return count;
}

void host_stats(const struct host *host, struct host_stats *stats)
{
    *stats = host->stats;
    stats->writes_pending = host->writes_pending;
}

void host_limits_set(struct host *host, const struct link_limits *limits)
{
    host->limits = *limits;
}
