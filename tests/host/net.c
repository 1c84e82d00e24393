#include "tests/host/net.h"

#include <criterion/criterion.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "node/base/invariant.h"
#include "node/crypto/crypto.h"
#include "node/crypto/sign.h"
#include "node/daemon/address.h"
#include "node/daemon/log.h"
#include "node/seam/limits.h"
#include "sim/cli/genesis_tool.h"
#include "sim/store/store.h"
#include "tests/support/memory_store.h"

#define SCRATCH_BYTES ((size_t)16 << 20)

static const struct node_policy policy_default = {.links_out = 8,
                                                  .links_max = 32,
                                                  .mesh_links = 8,
                                                  .vote_flush_ns = 25000000,
                                                  .lazy_flush_ns = 5000000000,
                                                  .vote_have_ns = 2000000000,
                                                  .pool_txs_max = 1024,
                                                  .pool_sender_max = 64,
                                                  .tree_entries_max = 512,
                                                  .fee_multiplier = 1,
                                                  .ping_ns = 15000000000};

/* A loopback address with a port nobody uses now; false when the family is not there. Two programs
 * may still meet on one port; a test that cannot listen fails aloud. */
static bool endpoint_free(struct endpoint *endpoint, enum net_family family)
{
    struct sockaddr_storage address;
    socklen_t len = sizeof(address);

    *endpoint = family == NET_IPV6
                    ? (struct endpoint){.address = {[15] = 1}}
                    : (struct endpoint){.address = {[10] = 0xff, 0xff, 127, 0, 0, 1}};
    endpoint_to_socket(&address, endpoint);
    int s = socket(address.ss_family, SOCK_STREAM, 0);
    bool good = s >= 0 && bind(s, (struct sockaddr *)&address, len) == 0 &&
                getsockname(s, (struct sockaddr *)&address, &len) == 0 &&
                endpoint_of_socket(endpoint, (struct sockaddr *)&address);
    if (s >= 0) {
        close(s);
    }
    return good;
}

bool net_has_ipv6(void)
{
    struct endpoint endpoint;
    return endpoint_free(&endpoint, NET_IPV6);
}

static void genesis_make(struct net *net, uint64_t target_ms)
{
    char text[4096];
    char message[GENESIS_MESSAGE_BYTES];
    struct arena scratch;
    size_t len;
    int n = snprintf(text, sizeof(text),
                     "network 7\nseed seed:net\ngovernor seed:governor\ntime %llu\n"
                     "set target_ms %llu\nset epoch_blocks 20\nset lookback_blocks 80\n",
                     (unsigned long long)time(NULL) * 1000, (unsigned long long)target_ms);
    for (size_t i = 0; i < net->count; i++) {
        char endpoint[ENDPOINT_TEXT_BYTES];
        n += snprintf(text + n, sizeof(text) - (size_t)n,
                      "seed:node%zu 1000 1000\nnode seed:node%zu relay %s\n", i, i,
                      endpoint_text(endpoint, &net->seeds[i].endpoint));
    }
    FILE *file = fmemopen(text, (size_t)n, "r");
    const struct genesis_text source = {.name = "genesis", .file = file};
    enum err err = genesis_tool_compile(&net->genesis_bytes, &len, message, &source);
    cr_assert_eq(err, ERR_OK, "%s", message);
    fclose(file);
    cr_assert_eq(genesis_decode(&net->genesis, span_of(net->genesis_bytes, len)), ERR_OK);
    net->scratch = malloc(SCRATCH_BYTES);
    arena_init(&scratch, net->scratch, SCRATCH_BYTES);
    cr_assert_eq(genesis_build_state(&net->genesis, &net->genesis_state, net->shared, &scratch),
                 ERR_OK);
}

void net_open(struct net *net, size_t count, uint64_t target_ms, enum net_family family)
{
    const struct store_config store = {.memo_entries = 1 << 16};

    memset(net, 0, sizeof(*net));
    cr_assert_eq(crypto_self_test(), ERR_OK);
    log_level_set(getenv("ORRERY_TEST_LOG") != NULL ? LOG_DEBUG : LOG_ERROR);
    net->count = count;
    net->policy = policy_default;
    net->shared = store_new(&store);
    link_limits_default(&net->limits);
    cr_assert_eq(uv_loop_init(&net->loop), 0);
    cr_assert_eq(uv_timer_init(&net->loop, &net->timer), 0);
    for (size_t i = 0; i < count; i++) {
        struct net_node *node = &net->nodes[i];
        struct node_config *config = &node->config;
        struct sign_secret secret;
        char name[16];
        snprintf(name, sizeof(name), "node%zu", i);
        genesis_tool_seed(config->account_seed, "account", name);
        genesis_tool_seed(config->vrf_seed, "vrf", name);
        genesis_tool_seed(config->node_seed, "node", name);
        genesis_tool_seed(node->transport, "transport", name);
        sign_keypair(&secret, config->node_seed);
        memcpy(node->node_id, secret.public_key, 32);
        memcpy(net->seeds[i].node_id, secret.public_key, 32);
        cr_assert(endpoint_free(&net->seeds[i].endpoint, family));
        node->net = net;
        config->genesis = &net->genesis;
        config->policy = &net->policy;
        config->endpoint = net->seeds[i].endpoint;
        config->roles = ROLE_RELAY;
        config->seeds = net->seeds;
        config->seed_count = count;
        node->store = memory_store_new(net->shared, &net->loop);
    }
    genesis_make(net, target_ms);
}

static void observe(void *context, const struct host_notice *notice)
{
    struct net_node *node = context;

    if (notice->kind != HOST_TRACE) {
        return;
    }
    if (notice->trace.kind == TRACE_checkpoint_decided) {
        node->final_height = notice->trace.value[1];
    }
    node->produced += notice->trace.kind == TRACE_block_produced;
    node->tree_full +=
        notice->trace.kind == TRACE_limit_reached && notice->trace.value[0] == LIMIT_TREE_ENTRIES;
    node->misbehaved += notice->trace.kind == TRACE_peer_misbehaved;
}

void net_open_host(struct net *net, size_t i)
{
    struct net_node *node = &net->nodes[i];
    struct host_options options = {.loop = &net->loop,
                                   .node = &node->config,
                                   .shared = net->shared,
                                   .store = node->store,
                                   .listen = {node->config.endpoint},
                                   .listen_count = 1,
                                   .limits = net->limits};
    memcpy(options.transport_seed, node->transport, 32);
    cr_assert_eq(host_open(&node->host, &options), ERR_OK);
    node->observer = (struct host_observer){.notice = observe, .context = node};
    host_observe(node->host, &node->observer);
    node->up = true;
    node->stopped = false;
}

void net_start(struct net *net, size_t i)
{
    net_open_host(net, i);
    cr_assert_eq(host_start(net->nodes[i].host), ERR_OK);
}

static void on_stopped(void *context)
{
    struct net_node *node = context;
    node->stopped = true;
    uv_stop(&node->net->loop);
}

void net_stop(struct net *net, size_t i)
{
    struct net_node *node = &net->nodes[i];
    node->up = false;
    host_stop(node->host, on_stopped, node);
    while (!node->stopped) {
        uv_run(&net->loop, UV_RUN_DEFAULT);
    }
    host_free(node->host);
    node->host = NULL;
}

static void on_time(uv_timer_t *timer)
{
    bool *over = timer->data;
    *over = true;
}

bool net_run(struct net *net, uint64_t ms, bool (*until)(const struct net *net))
{
    bool over = false;
    bool reached = false;
    net->timer.data = &over;
    uv_update_time(&net->loop);
    uv_timer_start(&net->timer, on_time, ms, 0);
    while (!over && !reached) {
        uv_run(&net->loop, UV_RUN_ONCE);
        reached = until != NULL && until(net);
    }
    uv_timer_stop(&net->timer);
    return reached || until == NULL;
}

bool net_final(const struct net *net, uint64_t height)
{
    for (size_t i = 0; i < net->count; i++) {
        if (net->nodes[i].up && net->nodes[i].final_height < height) {
            return false;
        }
    }
    return true;
}

void net_close(struct net *net)
{
    struct store_stats stats;

    for (size_t i = 0; i < net->count; i++) {
        if (net->nodes[i].up) {
            net_stop(net, i);
        }
        memory_store_free(net->nodes[i].store);
    }
    uv_close((uv_handle_t *)&net->timer, NULL);
    cr_assert_eq(uv_run(&net->loop, UV_RUN_DEFAULT), 0);
    cr_assert_eq(uv_loop_close(&net->loop), 0);
    blob_drop(net->shared, net->genesis_state);
    store_stats(net->shared, &stats);
    cr_assert_eq(stats.plain + stats.named, 0, "%llu blobs are left",
                 (unsigned long long)(stats.plain + stats.named));
    store_free(net->shared);
    free(net->genesis_bytes);
    free(net->scratch);
}
