/* orreryd: one node. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "node/base/invariant.h"
#include "node/chain/genesis.h"
#include "node/crypto/crypto.h"
#include "node/crypto/secret.h"
#include "node/daemon/config.h"
#include "node/daemon/handshake.h"
#include "node/daemon/http.h"
#include "node/daemon/keys.h"
#include "node/daemon/store.h"
#include "node/daemon/trace_file.h"
#include "node/daemon/version.h"
#include "node/host/file.h"

#define STOP_MS 1800 /* a clean stop takes less than two seconds or is cut short */
#define STATE_SCRATCH_BYTES ((size_t)64 << 20)
#define PASSPHRASE_BYTES_MAX 1024

enum exit_code { EXIT_GOOD = 0, EXIT_BAD_USE = 1, EXIT_RUN_FAILED = 2 };

struct daemon {
    uv_loop_t loop;
    uv_signal_t signals[3];
    uv_timer_t patience;
    const char *path;
    struct daemon_config config;
    struct keys keys;
    struct genesis genesis;
    struct span genesis_bytes; /* mapped */
    const struct blob *genesis_state;
    struct node_config node;
    struct store *store;
    struct trace_file trace;
    struct host *host;
    struct http *http; /* NULL: no REST */
    struct host_observer observer;
    enum exit_code status;
    bool stopping;
};

_Noreturn void invariant_failed(const char *file, int line, const char *expression)
{
    log_line(LOG_ERROR, "bug", "at=%s:%d broken=\"%s\"", file, line, expression);
    abort();
}

static const char usage_text[] =
    "usage: orreryd --config FILE [--check-config] [--log LEVEL]\n"
    "\n"
    "  --config FILE     the settings of this node: docs/running-a-node.md\n"
    "  --check-config    reads settings, genesis and keys, says what is wrong, and ends\n"
    "  --log LEVEL       error, warn, info or debug, instead of the settings'\n"
    "  --settings        every key of FILE: unit, default, meaning\n"
    "  --version         of the program and of its protocol\n"
    "\n"
    "SIGTERM and SIGINT stop it, SIGHUP reads limits and log level again.\n"
    "Exit codes: 0 stopped, 1 settings, genesis, keys or address not usable, 2 failed while "
    "running.\n";

/* --- what it starts from --- */

static enum err genesis_load(struct daemon *d)
{
    enum err err = file_map(&d->genesis_bytes, d->config.genesis);
    const char *why = errno != 0 ? strerror(errno) : "empty";

    if (err == ERR_OK) {
        err = genesis_decode(&d->genesis, d->genesis_bytes);
        why = err_text(err);
    }
    if (err != ERR_OK) {
        log_line(LOG_ERROR, "genesis", "file=\"%s\" error=\"%s\"", d->config.genesis, why);
    }
    return err;
}

/* The first line of the passphrase file; empty when none is named. */
static enum err keys_load(struct daemon *d, bool check)
{
    char passphrase[PASSPHRASE_BYTES_MAX] = "";
    char message[KEYS_MESSAGE_BYTES] = "";
    enum err err = ERR_OK;

    if (d->config.passphrase[0] != 0) {
        FILE *file = fopen(d->config.passphrase, "re");
        if (file == NULL || fgets(passphrase, sizeof(passphrase), file) == NULL) {
            err = ERR_IO;
            snprintf(message, sizeof(message), "%s: cannot be read", d->config.passphrase);
        }
        if (file != NULL) {
            fclose(file);
        }
        passphrase[strcspn(passphrase, "\n")] = 0;
    }
    if (err == ERR_OK) {
        err = keys_open(&d->keys, d->config.keys, span_of(passphrase, strlen(passphrase)), message);
    }
    secret_wipe(passphrase, sizeof(passphrase));
    if (err == ERR_BUSY && check) {
        return ERR_OK; /* the running daemon has them: settings are looked at beside it */
    }
    if (err != ERR_OK) {
        log_line(LOG_ERROR, "keys", "error=\"%s\"", message);
    }
    return err;
}

static void config_refused(const char *word, const struct settings_error *error)
{
    char line[16] = "";

    if (error->line > 0) {
        (void)snprintf(line, sizeof(line), ":%d", error->line);
    }
    log_line(LOG_ERROR, word, "at=%s%s error=\"%s\"", error->file, line, error->text);
}

static enum err config_load(struct daemon *d)
{
    struct settings_error error = {.text = ""};
    enum err err = config_read(&d->config, d->path, &error);

    if (err != ERR_OK) {
        config_refused("config", &error);
    }
    return err;
}

static enum err store_load(struct daemon *d)
{
    char message[STORE_MESSAGE_BYTES] = "";
    struct arena scratch;
    void *memory;

    enum err err = store_open(&d->store, &d->loop, d->config.data, d->genesis.hash, message);
    if (err != ERR_OK) {
        log_line(LOG_ERROR, "store", "error=\"%s\"", message);
        return err;
    }
    memory = mmap(NULL, STATE_SCRATCH_BYTES, PROT_READ | PROT_WRITE,
                  MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (memory == MAP_FAILED) {
        return ERR_NO_MEMORY;
    }
    arena_init(&scratch, memory, STATE_SCRATCH_BYTES);
    err = genesis_build_state(&d->genesis, &d->genesis_state, store_shared(d->store), &scratch);
    munmap(memory, STATE_SCRATCH_BYTES);
    if (err != ERR_OK) {
        log_line(LOG_ERROR, "genesis", "error=\"%s\"", err_text(err));
    }
    return err;
}

static void node_configure(struct daemon *d)
{
    const struct daemon_config *c = &d->config;

    d->node = (struct node_config){.genesis = &d->genesis,
                                   .policy = &c->policy,
                                   .endpoint = c->advertise,
                                   .roles = c->roles,
                                   .seeds = c->seeds,
                                   .seed_count = c->seed_count,
                                   .sync = c->sync,
                                   .trusted_height = c->trusted_height};
    memcpy(d->node.trusted_id, c->trusted_id, 32);
    memcpy(d->node.account_seed, d->keys.account, 32);
    memcpy(d->node.vrf_seed, d->keys.vrf, 32);
    memcpy(d->node.node_seed, d->keys.node, 32);
}

/* --- running --- */

static void on_host_stopped(void *context)
{
    struct daemon *d = context;

    if (d->host != NULL) {
        host_free(d->host);
        d->host = NULL;
    }
    for (size_t i = 0; i < 3; i++) {
        uv_close((uv_handle_t *)&d->signals[i], NULL);
    }
    uv_close((uv_handle_t *)&d->patience, NULL);
}

static void on_http_closed(void *context)
{
    struct daemon *d = context;

    d->http = NULL;
    host_stop(d->host, on_host_stopped, d);
}

static void on_patience(uv_timer_t *timer)
{
    (void)timer;
    log_line(LOG_WARN, "stop", "forced=1");
    _exit(EXIT_RUN_FAILED); /* what was durable is durable: as after a crash */
}

static void daemon_stop(struct daemon *d)
{
    if (d->stopping) {
        return;
    }
    d->stopping = true;
    log_line(LOG_INFO, "stop", "forced=0");
    uv_timer_start(&d->patience, on_patience, STOP_MS, 0);
    if (d->http != NULL) {
        http_close(d->http, on_http_closed, d);
    } else {
        on_http_closed(d);
    }
}

static void on_reload(struct daemon *d)
{
    struct daemon_config fresh = {.data = NULL};
    struct settings_error error;

    if (config_read(&fresh, d->path, &error) != ERR_OK) {
        config_refused("reload", &error);
    } else {
        host_limits_set(d->host, &fresh.limits);
        log_level_set(fresh.log);
        log_line(LOG_INFO, "reload", "links_max=%u", fresh.limits.links_max);
    }
    config_free(&fresh);
}

static void on_signal(uv_signal_t *handle, int number)
{
    struct daemon *d = handle->data;

    if (number == SIGHUP) {
        on_reload(d);
    } else {
        daemon_stop(d);
    }
}

static void trace_log(const struct host_notice *notice)
{
    const uint64_t *v = notice->trace.value;

    switch (notice->trace.kind) {
    case TRACE_block_produced:
        log_line(LOG_INFO, "block-produced", "height=%llu id=%016llx txs=%llu",
                 (unsigned long long)v[0], (unsigned long long)__builtin_bswap64(v[1]),
                 (unsigned long long)v[4]);
        break;
    case TRACE_checkpoint_decided:
        log_line(LOG_INFO, "final", "height=%llu id=%016llx round=%llu", (unsigned long long)v[1],
                 (unsigned long long)__builtin_bswap64(v[2]), (unsigned long long)v[3]);
        break;
    case TRACE_recovered:
        log_line(LOG_INFO, "recovered", "height=%llu final=%llu records=%llu",
                 (unsigned long long)v[0], (unsigned long long)v[1], (unsigned long long)v[2]);
        break;
    case TRACE_peer_misbehaved:
        log_line(LOG_WARN, "peer-misbehaved", "link=%llu error=\"%s\" frame=0x%02llx",
                 (unsigned long long)v[0], err_text((enum err)v[1]), (unsigned long long)v[2]);
        break;
    case TRACE_evidence_found:
        log_line(LOG_WARN, "evidence", "kind=%llu offender=%016llx", (unsigned long long)v[0],
                 (unsigned long long)__builtin_bswap64(v[1]));
        break;
    case TRACE_sync_started:
        log_line(LOG_INFO, "sync-started", "from=%llu to=%llu", (unsigned long long)v[1],
                 (unsigned long long)v[2]);
        break;
    case TRACE_sync_finished:
        log_line(LOG_INFO, "sync-finished", "height=%llu", (unsigned long long)v[1]);
        break;
    case TRACE_tip_changed:
        log_line(LOG_DEBUG, "tip", "height=%llu id=%016llx", (unsigned long long)v[0],
                 (unsigned long long)__builtin_bswap64(v[1]));
        break;
    default:
        break;
    }
}

/* Recovery is over and the chain stands on a later state. */
static void genesis_state_drop(struct daemon *d)
{
    if (d->genesis_state != NULL) {
        blob_drop(store_shared(d->store), d->genesis_state);
        d->genesis_state = NULL;
    }
}

static void observe(void *context, const struct host_notice *notice)
{
    struct daemon *d = context;

    if (notice->kind == HOST_TRACE) {
        trace_log(notice);
        if (notice->trace.kind == TRACE_checkpoint_decided) {
            genesis_state_drop(d);
        }
    } else if (notice->kind == HOST_FAILED && !d->stopping) {
        d->status =
            EXIT_RUN_FAILED; /* what was lost may not be missed later: start again from the disk */
        daemon_stop(d);
    }
}

static enum err host_make(struct daemon *d)
{
    struct host_options options = {.loop = &d->loop,
                                   .node = &d->node,
                                   .shared = store_shared(d->store),
                                   .store = d->store,
                                   .listen_count = d->config.listen_count,
                                   .limits = d->config.limits};

    memcpy(options.listen, d->config.listen, sizeof(options.listen));
    memcpy(options.transport_seed, d->keys.transport, 32);
    TRY(host_open(&d->host, &options));
    secret_wipe(options.transport_seed, sizeof(options.transport_seed));
    for (size_t i = 0; i < d->config.seed_count; i++) {
        static const uint8_t unknown[32];
        if (memcmp(d->config.seed_transport[i], unknown, 32) != 0) {
            host_transport_set(d->host, d->config.seeds[i].node_id, d->config.seed_transport[i]);
        }
    }
    d->observer = (struct host_observer){.notice = observe, .context = d};
    host_observe(d->host, &d->observer);
    if (d->config.trace[0] != 0) {
        if (trace_file_open(&d->trace, d->config.trace) != ERR_OK) {
            log_line(LOG_ERROR, "trace", "file=%s error=\"%s\"", d->config.trace, strerror(errno));
            return ERR_IO;
        }
        trace_file_observe(&d->trace, d->host);
    }
    return host_start(d->host);
}

/* The account that pays is another one than the node's: it never signs a block. */
static enum err faucet_load(struct faucet_options *faucet, const struct faucet_config *config)
{
    char message[KEYS_MESSAGE_BYTES] = "";
    struct keys keys;

    faucet_defaults(faucet);
    enum err err = keys_open(&keys, config->keys, span_of(NULL, 0), message);
    if (err != ERR_OK) {
        log_line(LOG_ERROR, "faucet", "error=\"%s\"", message);
        return err;
    }
    memcpy(faucet->seed, keys.account, sizeof(faucet->seed));
    keys_close(&keys);
    faucet->amount_max = config->amount;
    faucet->balance_max = config->balance;
    faucet->window_ms = config->window_ns / 1000000;
    faucet->asks_max = (uint32_t)config->asks;
    return ERR_OK;
}

static enum err http_make(struct daemon *d)
{
    const struct daemon_config *c = &d->config;
    struct http_options options;
    struct faucet_options faucet;
    char folder[4096];

    if (c->rest.listen.port == 0) {
        return ERR_OK;
    }
    http_defaults(&options);
    options.listen = c->rest.listen;
    options.connections_max = c->rest.connections_max;
    options.sockets_max = c->rest.sockets_max;
    options.friendly_name = c->rest.name[0] != 0 ? c->rest.name : NULL;
    snprintf(folder, sizeof(folder), "%s/index", c->data);
    options.index_folder = folder;
    if (c->rest.faucet.keys[0] != 0) {
        TRY(faucet_load(&faucet, &c->rest.faucet));
        options.faucet = &faucet;
    }
    enum err err = http_open(&d->http, d->host, &options);
    if (err != ERR_OK) {
        log_line(LOG_ERROR, "http", "error=\"%s\"", err_text(err));
    }
    secret_wipe(&faucet, sizeof(faucet));
    return err;
}

static void signals_start(struct daemon *d)
{
    static const int numbers[3] = {SIGTERM, SIGINT, SIGHUP};

    (void)signal(SIGPIPE, SIG_IGN);
    (void)signal(SIGXFSZ, SIG_IGN); /* a file size limit is an error, like a full disk */
    for (size_t i = 0; i < 3; i++) {
        invariant(uv_signal_init(&d->loop, &d->signals[i]) == 0);
        d->signals[i].data = d;
        invariant(uv_signal_start(&d->signals[i], on_signal, numbers[i]) == 0);
    }
    invariant(uv_timer_init(&d->loop, &d->patience) == 0);
    d->patience.data = d;
}

/* A peer costs a file descriptor: as many as the system allows. */
static void descriptors_raise(void)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
        limit.rlim_cur = limit.rlim_max;
        (void)setrlimit(RLIMIT_NOFILE, &limit);
    }
}

static enum exit_code daemon_run(struct daemon *d)
{
    char id[17];

    invariant(uv_loop_init(&d->loop) == 0);
    descriptors_raise();
    signals_start(d);
    enum err err = store_load(d);
    if (err == ERR_OK) {
        node_configure(d);
        err = host_make(d);
    }
    if (err == ERR_OK) {
        err = http_make(d);
    }
    if (err == ERR_OK) {
        log_line(LOG_INFO, "start", "node=%s network=%u", id_text(id, host_node_id(d->host)),
                 d->genesis.network);
    } else {
        d->status = EXIT_BAD_USE;
        if (d->host != NULL) {
            host_stop(d->host, on_host_stopped, d);
        } else {
            on_host_stopped(d);
        }
    }
    uv_run(&d->loop, UV_RUN_DEFAULT);
    if (d->store != NULL) {
        blob_drop(store_shared(d->store), d->genesis_state);
        store_close(d->store);
    }
    if (!trace_file_close(&d->trace)) {
        log_line(LOG_ERROR, "trace", "file=%s error=incomplete", d->config.trace);
    }
    uv_loop_close(&d->loop);
    log_line(LOG_INFO, "end", "status=%d", (int)d->status);
    return d->status;
}

static enum exit_code daemon_main(struct daemon *d, const char *level, bool check)
{
    enum err err = config_load(d);

    if (err == ERR_OK) {
        log_level_set(d->config.log);
        if (level != NULL && log_level_parse(&d->config.log, level) == ERR_OK) {
            log_level_set(d->config.log);
        }
        err = genesis_load(d);
    }
    if (err == ERR_OK) {
        err = keys_load(d, check);
    }
    if (err != ERR_OK) {
        return EXIT_BAD_USE;
    }
    if (check) {
        printf("%s: good\n", d->path);
        return EXIT_GOOD;
    }
    return daemon_run(d);
}

int main(int argc, char **argv)
{
    static struct daemon d;
    enum log_level parsed;
    const char *level = NULL;
    bool check = false;

    for (int i = 1; i < argc; i++) {
        bool more = i + 1 < argc;
        if (strcmp(argv[i], "--help") == 0) {
            fputs(usage_text, stdout);
            return EXIT_GOOD;
        }
        if (strcmp(argv[i], "--version") == 0) {
            printf("orreryd " ORRERY_VERSION ", link version %d\n", LINK_VERSION);
            return EXIT_GOOD;
        }
        if (strcmp(argv[i], "--settings") == 0) {
            config_reference(stdout);
            return EXIT_GOOD;
        }
        if (strcmp(argv[i], "--check-config") == 0) {
            check = true;
        } else if (strcmp(argv[i], "--config") == 0 && more) {
            d.path = argv[++i];
        } else if (strcmp(argv[i], "--log") == 0 && more &&
                   log_level_parse(&parsed, argv[i + 1]) == ERR_OK) {
            level = argv[++i];
        } else if (strcmp(argv[i], "--config") == 0) {
            fprintf(stderr, "orreryd: --config takes a file\n");
            return EXIT_BAD_USE;
        } else if (strcmp(argv[i], "--log") == 0) {
            fprintf(stderr, "orreryd: --log takes error, warn, info or debug\n");
            return EXIT_BAD_USE;
        } else {
            fprintf(stderr, "orreryd: unexpected '%s'; try --help\n", argv[i]);
            return EXIT_BAD_USE;
        }
    }
    if (d.path == NULL) {
        fputs(usage_text, stderr);
        return EXIT_BAD_USE;
    }
    enum err err = crypto_self_test();
    if (err != ERR_OK) {
        log_line(LOG_ERROR, "crypto", "error=\"libsodium is broken or unpatched\"");
        return EXIT_BAD_USE;
    }
    enum exit_code status = daemon_main(&d, level, check);
    keys_close(&d.keys);
    config_free(&d.config);
    if (d.genesis_bytes.data != NULL) {
        file_unmap(d.genesis_bytes);
    }
    return (int)status;
}
