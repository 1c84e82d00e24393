/* /network, /node, /diagnostic, /openapi.json, /metrics. */
#include <stdio.h>
#include <stdlib.h>

#include "node/chain/leaves.h"
#include "node/chain/overlay.h"
#include "node/chain/txpool.h"
#include "node/daemon/api_call.h"
#include "node/daemon/index.h"
#include "node/daemon/log.h"
#include "node/daemon/metrics.h"
#include "node/daemon/recent.h"
#include "node/daemon/version.h"

void api_network_get(struct api_call *call)
{
    const struct api *api = call->api;
    const struct genesis *g = api->config->genesis;
    const struct params *params = chain_params(node_chain(api->node));
    json_t *list = json_array();
    size_t count;
    const struct param_info *table = params_table(&count);
    char name[32];

    for (size_t i = 0; i < count; i++) {
        json_t *one = json_pack("{s:i, s:s, s:o, s:s, s:s}", "code", (int)table[i].code, "name",
                                table[i].name, "value", json_u64(params_get(params, table[i].code)),
                                "unit", table[i].unit, "text", table[i].text);
        (void)json_array_append_new(list, one);
    }
    (void)snprintf(name, sizeof(name), "sirius-%u", g->network);
    call->json = json_pack("{s:s, s:s, s:I, s:o, s:o, s:o, s:o}", "name", name, "description",
                           "a Sirius network run by orreryd", "identifier", (json_int_t)g->network,
                           "genesisHash", json_hash(g->hash), "genesisTime", json_u64(g->ts_ms),
                           "governor", json_hash(g->governor), "parameters", list);
}

/* The committee of finality's next instance. */
static bool committee_next(struct api_call *call, struct committee *committee, uint64_t *instance)
{
    const struct api *api = call->api;
    const struct chain *chain = node_chain(api->node);
    const struct params *params = chain_params(chain);
    *instance = chain_final_instance(chain) + 1;
    uint64_t epoch = (*instance * params->checkpoint_blocks - 1) / params->epoch_blocks;
    if (committee_get(committee, api->shared, api_final(api)->state_root, epoch) != ERR_OK) {
        api_fail(call, API_UNAVAILABLE, "no committee of epoch %llu is known",
                 (unsigned long long)epoch);
        return false;
    }
    return true;
}

void api_network_committee(struct api_call *call)
{
    const struct api *api = call->api;
    struct committee committee;
    uint64_t instance;

    if (!committee_next(call, &committee, &instance)) {
        return;
    }
    json_t *members = json_array();
    for (uint32_t i = 0; i < committee.count; i++) {
        const uint8_t *key = committee_key(&committee, i);
        (void)json_array_append_new(members,
                                    json_pack("{s:o, s:o, s:o}", "publicKey", json_hash(key),
                                              "address", api_address(api, key), "weight",
                                              json_u64(committee_weight(&committee, i))));
    }
    call->json =
        json_pack("{s:o, s:o, s:o, s:o}", "epoch", json_u64(committee.epoch), "total",
                  json_u64(committee.total), "members", members, "instance", json_u64(instance));
    uint32_t proposer =
        committee_proposer(&committee, chain_params(node_chain(api->node)), instance, 0);
    if (proposer != UINT32_MAX) {
        (void)json_object_set_new(call->json, "proposer",
                                  json_hash(committee_key(&committee, proposer)));
    }
}

void api_network_beacon(struct api_call *call)
{
    struct committee committee;
    uint64_t instance;
    if (committee_next(call, &committee, &instance)) {
        call->json = json_pack("{s:o, s:o}", "epoch", json_u64(committee.epoch), "beacon",
                               json_hash(committee.beacon));
    }
}

void api_node_info(struct api_call *call)
{
    static const uint8_t none[32];
    const struct api *api = call->api;
    const struct node_config *config = api->config;
    call->json = json_pack(
        "{s:o, s:i, s:I, s:o, s:s, s:I, s:s, s:s}", "publicKey", json_hash(api->keys.node), "port",
        (int)config->endpoint.port, "networkIdentifier", (json_int_t)config->genesis->network,
        "genesisHash", json_hash(config->genesis->hash), "version", ORRERY_VERSION, "roles",
        (json_int_t)config->roles, "host", api->host_name, "friendlyName", api->friendly_name);
    if (memcmp(api->keys.account, none, 32) != 0) {
        (void)json_object_set_new(call->json, "account", api_address(api, api->keys.account));
    }
}

void api_node_time(struct api_call *call)
{
    uint64_t now = call->api->host.now(call->api->host.context).wall_ms;
    call->json = json_pack("{s:{s:o, s:o}}", "communicationTimestamps", "sendTimestamp",
                           json_u64(now), "receiveTimestamp", json_u64(now));
}

static json_t *peer_json(const struct api *api, const struct host_peer *peer, uint64_t now_ns)
{
    const struct overlay_link *link = overlay_at(node_overlay(api->node), peer->link);
    bool ready = (overlay_ready(node_overlay(api->node)) >> peer->link & 1) != 0;
    char host[ENDPOINT_TEXT_BYTES];
    char *colon = strrchr((char *)(uintptr_t)endpoint_text(host, &peer->remote), ':');

    if (colon != NULL) {
        *colon = 0;
    }
    return json_pack("{s:o, s:s, s:i, s:b, s:b, s:o, s:o, s:I, s:o, s:o}", "publicKey",
                     json_hash(peer->node_id), "host", host, "port",
                     ready && link != NULL ? (int)link->endpoint.port : 0, "dialed", peer->dialed,
                     "ready", ready, "height", json_u64(ready ? link->tip_height : 0),
                     "finalizedHeight", json_u64(ready ? link->final_height : 0), "seconds",
                     (json_int_t)((now_ns - peer->since_ns) / 1000000000), "receivedBytes",
                     json_u64(peer->received_bytes), "sentBytes", json_u64(peer->sent_bytes));
}

void api_node_peers(struct api_call *call)
{
    const struct api *api = call->api;
    struct host_peer peers[LINKS_MAX];
    size_t count = api->host.peers(api->host.context, peers);
    uint64_t now_ns = api->host.now(api->host.context).mono_ns;

    call->json = json_array();
    for (size_t i = 0; i < count; i++) {
        (void)json_array_append_new(call->json, peer_json(api, &peers[i], now_ns));
    }
}

void api_node_health(struct api_call *call)
{
    const struct api *api = call->api;
    const struct tree_entry *tip = api_tip(api);
    uint64_t now = api->host.now(api->host.context).wall_ms;
    bool behind = node_behind(api->node);
    enum err db = api->index == NULL ? ERR_OK : index_state(api->index);
    int peers = __builtin_popcountll(overlay_ready(node_overlay(api->node)));

    call->json = json_pack("{s:{s:s, s:s}, s:b, s:i, s:o, s:o, s:o, s:o}", "status", "apiNode",
                           behind ? "down" : "up", "db", db == ERR_OK ? "up" : "down",
                           "synchronized", !behind, "peers", peers, "height", json_u64(tip->height),
                           "finalizedHeight", json_u64(api_final(api)->height), "indexedHeight",
                           json_u64(api->index == NULL ? 0 : index_height(api->index)), "tipAge",
                           json_u64(now > tip->ts_ms ? now - tip->ts_ms : 0));
    if (behind || db != ERR_OK) {
        call->status = api_error_status(API_UNAVAILABLE);
    }
}

void api_diagnostic_storage(struct api_call *call)
{
    const struct api *api = call->api;
    const struct tree_entry *tip = api_tip(api);
    uint64_t txs = api->index == NULL ? 0 : index_txs(api->index);
    uint64_t first = api_oldest(api);
    struct totals totals = {0};
    struct list validators = {0};
    struct span value;
    uint8_t key[32];

    for (size_t i = 0; i < api->recent->count; i++) {
        txs += api->recent->blocks[i]->tx_count;
    }
    if (first == 0) {
        first = api->recent->count > 0 ? api->recent->blocks[0]->height : 1;
    }
    leaf_key_single(key, STATE_TOTALS);
    if (state_get(&value, api->shared, tip->state_root, key) == ERR_OK) {
        (void)!totals_decode(&totals, value);
    }
    leaf_key_single(key, STATE_VALIDATORS);
    if (state_get(&value, api->shared, tip->state_root, key) == ERR_OK) {
        (void)!validators_decode(&validators, value);
    }
    call->json =
        json_pack("{s:o, s:o, s:I, s:I, s:o, s:o, s:o, s:o}", "numBlocks",
                  json_u64(tip->height + 1), "numTransactions", json_u64(txs), "numUnconfirmed",
                  (json_int_t)chain_pool(node_chain(api->node))->count, "numValidators",
                  (json_int_t)validators.count, "firstHeight", json_u64(first), "indexedHeight",
                  json_u64(api->index == NULL ? 0 : index_height(api->index)), "burned",
                  json_u64(totals.burned), "minted", json_u64(totals.minted));
}

void api_diagnostic_server(struct api_call *call)
{
    const struct api *api = call->api;
    struct host_stats stats = {0};
    api->host.stats(api->host.context, &stats);
    call->json = json_pack(
        "{s:{s:s, s:s, s:s}, s:o, s:o, s:o, s:o, s:o}", "serverInfo", "restVersion", ORRERY_VERSION,
        "sdkVersion", "wire 1", "deployment", "orreryd", "steps", json_u64(stats.steps), "stepTime",
        json_u64(stats.step_ns), "receivedBytes", json_u64(stats.received_bytes), "sentBytes",
        json_u64(stats.sent_bytes), "pendingWrites", json_u64(stats.writes_pending));
}

void api_openapi_get(struct api_call *call)
{
    if (call->api->openapi == NULL) {
        call->api->openapi = openapi_make(ORRERY_VERSION);
    }
    call->json = json_incref(call->api->openapi);
}

void api_metrics_get(struct api_call *call)
{
    call->text = metrics_text(call->api);
    if (call->text == NULL) {
        api_fail(call, API_INTERNAL, "out of memory");
    }
}
