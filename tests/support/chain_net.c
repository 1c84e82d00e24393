#include "tests/support/chain_net.h"

#include <stdlib.h>

#include "node/base/invariant.h"
#include "node/chain/record.h"
#include "node/crypto/vrf.h"

#define NS_PER_MS UINT64_C(1000000)
/* As much as the network of 2018 had, for its difficulty of 1000. */
#define FREE_ATOMIC (UINT64_C(3000000000) * TOKEN_ATOMIC)
#define BOND_ATOMIC                                                                                \
    (UINT64_C(15000000000) * TOKEN_ATOMIC) /* and what NXT needs for its base target */

static int by_key(const void *a, const void *b)
{
    return memcmp(a, b, 32);
}

void net_account_key(uint8_t key[32], const struct net_peer *peer)
{
    struct sign_secret secret;
    sign_keypair(&secret, peer->config.account_seed);
    memcpy(key, secret.public_key, 32);
}

static size_t record_write(uint8_t out[RECORD_BYTES_MAX], const struct net_peer *peer)
{
    struct sign_secret node;
    struct vrf_secret vrf;
    uint8_t zeros[32] = {0};
    uint8_t end[ENDPOINT_BYTES] = {0};
    struct writer w;
    size_t len;

    sign_keypair(&node, peer->config.node_seed);
    vrf_keypair(&vrf, peer->config.vrf_seed);
    end[ENDPOINT_BYTES - 1] = 1;
    struct node_record record = {.node_id = node.public_key,
                                 .endpoints = {.data = end, .count = 1},
                                 .onion = zeros,
                                 .vrf = vrf.public_key,
                                 .roles = ROLE_RELAY,
                                 .metadata = zeros};
    writer_init(&w, out, RECORD_BYTES_MAX);
    node_record_write(&w, &record);
    invariant(writer_end(&w, &len) == ERR_OK);
    return len;
}

static void genesis_make(struct chain_net *net, const struct params *params)
{
    struct genesis facts = {.network = 7, .ts_ms = UINT64_C(1700000000000)};
    struct genesis_account accounts[NET_PEERS_MAX];
    struct genesis_node nodes[NET_PEERS_MAX];
    static uint8_t records[NET_PEERS_MAX][RECORD_BYTES_MAX];
    size_t len;

    params_defaults(&facts.params);
    if (params != NULL) {
        facts.params = *params;
    }
    memset(facts.seed, 0x5e, 32);
    for (unsigned i = 0; i < net->peer_count; i++) {
        net_account_key(accounts[i].key, &net->peer[i]);
        accounts[i].free = FREE_ATOMIC;
        accounts[i].bonded = BOND_ATOMIC;
        memcpy(nodes[i].owner, accounts[i].key, 32);
        nodes[i].record = span_of(records[i], record_write(records[i], &net->peer[i]));
    }
    qsort(accounts, net->peer_count, sizeof(accounts[0]), by_key);
    qsort(nodes, net->peer_count, sizeof(nodes[0]), by_key);
    invariant(genesis_encode(net->genesis_bytes, sizeof(net->genesis_bytes), &len, &facts, accounts,
                             net->peer_count, nodes, net->peer_count) == ERR_OK);
    invariant(genesis_decode(&net->genesis, span_of(net->genesis_bytes, len)) == ERR_OK);
    invariant(genesis_build_state(&net->genesis, &net->genesis_state, net->host.shared,
                                  &net->host.scratch) == ERR_OK);
    arena_reset(&net->host.scratch);
}

void net_make(struct chain_net *net, unsigned peers, const struct params *params, int memo)
{
    memset(net, 0, sizeof(*net));
    test_host_init(&net->host, 1, memo);
    net->peer_count = peers;
    net->policy = (struct node_policy){
        .pool_txs_max = 256, .pool_sender_max = 16, .tree_entries_max = 512, .fee_multiplier = 2};
    for (unsigned i = 0; i < peers; i++) {
        struct node_config *config = &net->peer[i].config;
        memset(config->account_seed, (int)(10 + i), 32);
        memset(config->vrf_seed, (int)(40 + i), 32);
        memset(config->node_seed, (int)(70 + i), 32);
        config->genesis = &net->genesis;
        config->policy = &net->policy;
    }
    genesis_make(net, params);
    net->mono_ns = NS_PER_MS;
    for (unsigned i = 0; i < peers; i++) {
        net_start(net, &net->peer[i]);
    }
}

static void value_release(void *context, const void *value)
{
    blob_drop(context, value);
}

uint64_t net_end(struct chain_net *net)
{
    struct records_host host = {.release = value_release, .context = net->host.shared};
    for (unsigned i = 0; i < net->peer_count; i++) {
        struct net_peer *peer = &net->peer[i];
        if (peer->chain != NULL) {
            net_crash(net, peer);
        }
        records_wipe(&peer->records, &host);
    }
    blob_drop(net->host.shared, net->genesis_state);
    return test_host_end(&net->host);
}

struct ctx *net_begin(struct chain_net *net, struct net_peer *peer)
{
    struct ctx *c = &net->host.c;
    c->config = &peer->config;
    c->next_request = &peer->next_request;
    c->mono_ns = net->mono_ns;
    c->wall_ms =
        (uint64_t)((int64_t)(net->genesis.ts_ms + net->mono_ns / NS_PER_MS) + net->wall_skew_ms);
    return c;
}

static void write_take(struct net_peer *peer, struct effect *effect)
{
    struct records_op ops[WRITE_OPS_MAX];
    size_t count = effect->write.count;

    invariant(count <= WRITE_OPS_MAX);
    for (size_t i = 0; i < count; i++) {
        const struct record_op *op = &effect->write.ops[i];
        ops[i] = (struct records_op){.key = op->key,
                                     .value = op->value,
                                     .value_bytes = op->value == NULL ? 0 : op->value->len};
    }
    invariant(records_push(&peer->records, ops, count, effect->write.request) == ERR_OK);
    effect->write.count = 0; /* the references are the disk's now */
    peer->last_write = effect->write.request;
    peer->queued++;
}

static void read_take(struct net_peer *peer, const struct effect *effect)
{
    invariant(peer->read_count < NET_READS_MAX);
    struct net_read *read = &peer->reads[peer->read_count++];
    *read = (struct net_read){.request = effect->read.request,
                              .limit = effect->read.limit,
                              .backwards = effect->read.backwards,
                              .prefix_len = effect->read.prefix.len,
                              .from_len = effect->read.from.len};
    memcpy(read->prefix, effect->read.prefix.data, read->prefix_len);
    if (read->from_len > 0) {
        memcpy(read->from, effect->read.from.data, read->from_len);
    }
}

void net_finish(struct chain_net *net, struct net_peer *peer)
{
    struct effects *out = net->host.out;

    for (size_t i = 0; i < out->count; i++) {
        struct effect *effect = &out->list[i];
        if (effect->kind == EFFECT_WRITE) {
            write_take(peer, effect);
        } else if (effect->kind == EFFECT_READ) {
            read_take(peer, effect);
        } else if (effect->kind == EFFECT_TRACE) {
            peer->traced[effect->trace.kind]++;
            memcpy(peer->last[effect->trace.kind], effect->trace.value,
                   sizeof(effect->trace.value));
        }
    }
    test_host_step_end(&net->host);
}

static const struct blob *damaged(struct chain_net *net, const struct record_view *view)
{
    uint8_t *copy = malloc(view->value_bytes);
    const struct blob *value = view->value;
    memcpy(copy, value->data, view->value_bytes);
    copy[view->damage_at / 8] ^= (uint8_t)(1u << view->damage_at % 8);
    const struct blob *blob = blob_put(net->host.shared, copy, view->value_bytes);
    free(copy);
    return blob;
}

static void answer(struct chain_net *net, struct net_peer *peer)
{
    struct net_read read = peer->reads[0];
    struct record_view views[64];
    struct record records[64];
    uint8_t keys[64][RECORDS_KEY_BYTES_MAX];
    bool more = false;

    peer->read_count--;
    memmove(&peer->reads[0], &peer->reads[1], peer->read_count * sizeof(peer->reads[0]));
    invariant(read.limit <= 64);
    size_t count = records_scan(&peer->records, views, &more, span_of(read.prefix, read.prefix_len),
                                span_of(read.from, read.from_len), read.limit, read.backwards);
    for (size_t i = 0; i < count; i++) {
        memcpy(keys[i], views[i].key.data, views[i].key.len);
        records[i] = (struct record){.key = keys[i],
                                     .key_len = views[i].key.len,
                                     .value = views[i].damage == RECORD_SOUND
                                                  ? blob_keep(net->host.shared, views[i].value)
                                                  : damaged(net, &views[i])};
    }
    struct event event = {.kind = EVENT_READ_DONE,
                          .read_done = {.request = read.request,
                                        .err = ERR_OK,
                                        .records = records,
                                        .count = count,
                                        .more = more}};
    bool done;
    struct ctx *c = net_begin(net, peer);
    invariant(chain_read_done(peer->chain, c, &event, &done));
    peer->ready = done;
    net_finish(net, peer);
    for (size_t i = 0; i < count; i++) {
        blob_drop(net->host.shared, records[i].value);
    }
}

void net_start(struct chain_net *net, struct net_peer *peer)
{
    size_t bytes = (chain_bytes(&peer->config) + 63) & ~(size_t)63;
    peer->chain = aligned_alloc(64, bytes);
    memset((void *)peer->chain, 0, bytes);
    peer->ready = false;
    peer->read_count = 0;
    chain_init(peer->chain, &peer->config, net->host.shared);
    chain_start(peer->chain, net_begin(net, peer));
    net_finish(net, peer);
    while (!peer->ready) {
        invariant(peer->read_count > 0);
        answer(net, peer);
    }
}

void net_crash(struct chain_net *net, struct net_peer *peer)
{
    struct records_host host = {.release = value_release, .context = net->host.shared};
    records_crash(&peer->records, &host, false, 0);
    peer->queued = 0;
    chain_drop(peer->chain);
    free(peer->chain);
    peer->chain = NULL;
}

bool net_commit(struct chain_net *net, struct net_peer *peer, struct chain_news *news)
{
    struct records_host host = {.release = value_release, .context = net->host.shared};
    const struct blob *produced;

    if (peer->queued == 0) {
        return false;
    }
    struct event event = {.kind = EVENT_WRITE_DONE};
    event.write_done.request = records_commit(&peer->records, &host);
    peer->queued--;
    if (event.write_done.request != 0) {
        struct ctx *c = net_begin(net, peer);
        invariant(chain_write_done(peer->chain, c, &event, news, &produced));
        net_finish(net, peer);
    }
    return true;
}

void net_commit_all(struct chain_net *net, struct net_peer *peer)
{
    struct chain_news news = {0};
    while (net_commit(net, peer, &news)) {
    }
}

void net_refuse(struct chain_net *net, struct net_peer *peer)
{
    struct records_host host = {.release = value_release, .context = net->host.shared};
    struct event event = {.kind = EVENT_WRITE_DONE,
                          .write_done = {.request = peer->last_write, .err = ERR_NO_SPACE}};
    struct chain_news news = {0};
    const struct blob *produced;

    records_crash(&peer->records, &host, false, 0);
    peer->queued = 0;
    struct ctx *c = net_begin(net, peer);
    invariant(chain_write_done(peer->chain, c, &event, &news, &produced));
    invariant(produced == NULL && news.accepted_count == 0);
    net_finish(net, peer);
}

enum err net_block(struct chain_net *net, struct net_peer *peer, const struct blob *block,
                   struct chain_news *news)
{
    struct ctx *c = net_begin(net, peer);
    enum err err = chain_block(peer->chain, c, news, block);
    net_finish(net, peer);
    return err;
}

void net_wake(struct chain_net *net, struct net_peer *peer, struct chain_news *news)
{
    if (chain_deadline_ns(peer->chain) <= net->mono_ns) {
        chain_wake(peer->chain, net_begin(net, peer), news);
        net_finish(net, peer);
    }
}

static void spread(struct chain_net *net, unsigned mask, unsigned from,
                   const struct chain_news *news)
{
    for (uint32_t k = 0; k < news->accepted_count; k++) {
        const struct blob *block = chain_entry(net->peer[from].chain, news->accepted[k])->block;
        blob_keep(net->host.shared, block);
        for (unsigned i = 0; i < net->peer_count; i++) {
            struct chain_news other = {0};
            if (i != from && (mask >> i & 1) != 0) {
                enum err err = net_block(net, &net->peer[i], block, &other);
                invariant(err == ERR_OK || err == ERR_DUPLICATE || err == ERR_STALE);
                net_commit_all(net, &net->peer[i]);
            }
        }
        blob_drop(net->host.shared, block);
    }
}

void net_advance(struct chain_net *net, unsigned mask)
{
    uint64_t at = DEADLINE_NONE;

    for (unsigned i = 0; i < net->peer_count; i++) {
        if ((mask >> i & 1) != 0 && chain_deadline_ns(net->peer[i].chain) < at) {
            at = chain_deadline_ns(net->peer[i].chain);
        }
    }
    invariant(at != DEADLINE_NONE);
    net->mono_ns = at > net->mono_ns ? at : net->mono_ns;
    for (unsigned i = 0; i < net->peer_count; i++) {
        if ((mask >> i & 1) != 0) {
            struct chain_news news = {0};
            net_wake(net, &net->peer[i], &news);
            while (net_commit(net, &net->peer[i], &news)) {
            }
            spread(net, mask, i, &news);
        }
    }
}

void net_run(struct chain_net *net, unsigned mask, uint64_t height)
{
    unsigned first = (unsigned)__builtin_ctz(mask);
    while (net_tip(&net->peer[first])->height < height) {
        net_advance(net, mask);
    }
}

const struct tree_entry *net_tip(const struct net_peer *peer)
{
    return chain_entry(peer->chain, chain_tip(peer->chain));
}

const struct blob *net_transfer(struct chain_net *net, unsigned from, unsigned to, uint64_t nonce,
                                uint64_t amount, uint64_t fee_max, uint64_t expiry)
{
    uint8_t tx[256];
    size_t len = 0;
    struct sign_secret secret;

    sign_keypair(&secret, net->peer[from].config.account_seed);
    store16(tx, 0x01);
    memcpy(tx + 2, secret.public_key, 32);
    store64(tx + 34, nonce);
    store64(tx + 42, fee_max);
    store64(tx + 50, expiry);
    net_account_key(tx + 58, &net->peer[to]);
    store64(tx + 90, amount);
    tx[98] = 0; /* no memo */
    len = 99;
    struct sign_message message = {.context = SIGN_CONTEXT("tx"),
                                   .genesis = net->genesis.hash,
                                   .body = {span_of(tx, len), span_of(NULL, 0)}};
    sign_make(tx + len, &secret, &message);
    return blob_put(net->host.shared, tx, len + 64);
}

size_t net_blocks(struct chain_net *net, const struct net_peer *peer, const struct blob **blocks)
{
    uint64_t base = chain_entry(peer->chain, chain_final(peer->chain))->height;
    size_t count = (size_t)(net_tip(peer)->height - base);
    uint32_t i = chain_tip(peer->chain);
    for (size_t k = count; k-- > 0;) {
        blocks[k] = blob_keep(net->host.shared, chain_entry(peer->chain, i)->block);
        i = chain_entry(peer->chain, i)->parent;
    }
    return count;
}

void net_blocks_drop(struct chain_net *net, const struct blob **blocks, size_t count)
{
    for (size_t k = 0; k < count; k++) {
        blob_drop(net->host.shared, blocks[k]);
    }
}
