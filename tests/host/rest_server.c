/* A network of three hosts in one process, the first one with REST, WebSocket and a faucet, for
 * programs that test them from outside. Prints the port and runs until its input ends. Usage:
 * rest_server [SMALL]: with SMALL, limits are small (requests 1 s, WebSocket queue 64 KiB, 32
 * connections). */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "node/base/invariant.h"
#include "node/crypto/sign.h"
#include "node/daemon/http.h"
#include "node/daemon/log.h"
#include "tests/host/net.h"

enum { NODES = 3, TARGET_MS = 1000 };

static bool over;
static bool stopping(const struct net *net)
{
    (void)net;
    return over;
}

static void closed(void *context)
{
    (void)context;
    over = true;
}

static void input_buffer(uv_handle_t *handle, size_t size, uv_buf_t *buffer)
{
    static char bytes[64];
    (void)handle;
    (void)size;
    *buffer = uv_buf_init(bytes, sizeof(bytes));
}

static void input(uv_stream_t *stream, ssize_t n, const uv_buf_t *buffer)
{
    (void)buffer;
    if (n < 0) {
        over = true;
        uv_close((uv_handle_t *)stream, NULL);
    }
}

int main(int argc, char **argv)
{
    static struct net net;
    struct http_options options;
    struct faucet_options faucet;
    struct http *http;
    uv_pipe_t pipe;
    char folder[64];

    (void)argv;
    net_open(&net, NODES, TARGET_MS, NET_IPV4);
    log_level_set(LOG_ERROR);
    for (size_t i = 0; i < NODES; i++) {
        net_start(&net, i);
    }
    faucet_defaults(&faucet);
    memcpy(faucet.seed, net.nodes[1].config.account_seed, 32);
    http_defaults(&options);
    options.listen.port = 0;
    options.faucet = &faucet;
    options.index_folder = folder;
    (void)snprintf(folder, sizeof(folder), "/tmp/orrery-rest-server-%ld", (long)getpid());
    if (argc > 1) {
        options.request_s = 1;
        options.idle_s = 2;
        options.ws_bytes_max = 65536;
        options.connections_max = 32;
    }
    if (http_open(&http, net.nodes[0].host, &options) != ERR_OK) {
        return 1;
    }
    invariant(uv_pipe_init(&net.loop, &pipe, 0) == 0 && uv_pipe_open(&pipe, 0) == 0 &&
              uv_read_start((uv_stream_t *)&pipe, input_buffer, input) == 0);
    printf("%u\n", http_port(http));
    fflush(stdout);
    while (!net_run(&net, 1000000, stopping)) {
    }
    over = false;
    http_close(http, closed, NULL);
    while (!net_run(&net, 1000, stopping)) {
    }
    net_close(&net);
    char path[80];
    static const char *const files[] = {"/data.mdb", "/lock.mdb", ""};
    for (size_t i = 0; i < 3; i++) {
        (void)snprintf(path, sizeof(path), "%s%s", folder, files[i]);
        (void)remove(path);
    }
    return 0;
}
