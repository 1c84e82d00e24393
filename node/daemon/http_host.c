/* The api over a host: time, records, submissions, peers; and the feed that follows its steps. */
#include <stdio.h>
#include <stdlib.h>

#include "node/crypto/sign.h"
#include "node/daemon/http_private.h"
#include "node/daemon/index.h"
#include "node/daemon/log.h"
#include "node/daemon/store.h"

static struct host_time now(void *context)
{
    return host_now(((struct http *)context)->host);
}

static void record_release(struct http *http)
{
    if (http->record_held) {
        store_read_release(host_store(http->host), &http->record, 1);
        http->record_held = false;
    }
}

static enum err record(void *context, struct span *key, struct span *value, bool *more,
                       struct span prefix, struct span from)
{
    struct http *http = context;
    size_t count = 0;
    record_release(http);
    TRY(store_read(host_store(http->host), &http->record, &count, more, prefix, from, 1, false));
    if (count == 0) {
        return ERR_NOT_FOUND;
    }
    http->record_held = true;
    *key = span_of(http->record.key, http->record.key_len);
    *value = span_of(http->record.value->data, http->record.value->len);
    return ERR_OK;
}

struct submission {
    struct http *http;
    struct host_reply reply;
};

static void submitted(void *context, enum err err, struct span data)
{
    struct submission *s = context;
    s->http->submissions--;
    s->reply.done(s->reply.context, err, data);
    free(s);
}

static void submit(void *context, struct span tx, struct host_reply reply)
{
    struct http *http = context;
    struct submission *s = malloc(sizeof(*s));
    if (s == NULL) {
        reply.done(reply.context, ERR_NO_MEMORY, span_of(NULL, 0));
        return;
    }
    *s = (struct submission){.http = http, .reply = reply};
    http->submissions++;
    host_submit(http->host, SUBMIT_TX, tx, (struct host_reply){.done = submitted, .context = s});
}

static size_t peers(void *context, struct host_peer out[LINKS_MAX])
{
    return host_peers(((struct http *)context)->host, out);
}

static void stats(void *context, struct host_stats *out)
{
    host_stats(((struct http *)context)->host, out);
}

static void noticed(void *context, const struct host_notice *notice)
{
    struct http *http = context;
    metrics_notice(http->api.metrics, notice);
    if (notice->kind == HOST_TRACE &&
        (notice->trace.kind == TRACE_tip_changed ||
         notice->trace.kind == TRACE_checkpoint_decided || notice->trace.kind == TRACE_recovered ||
         notice->trace.kind == TRACE_sync_finished)) {
        feed_chain(http->feed);
    }
}

/* A name that is too long ends before a character, not within one. */
static void name_copy(char *out, size_t size, const char *name)
{
    size_t len = strlen(name);

    if (len >= size) {
        len = size - 1;
        while (len > 0 && ((unsigned char)name[len] & 0xc0) == 0x80) {
            len--;
        }
    }
    memcpy(out, name, len);
    out[len] = 0;
}

static void names(struct http *http)
{
    const struct http_options *o = &http->options;
    char id[17];
    name_copy(http->friendly_name, sizeof(http->friendly_name),
              o->friendly_name != NULL ? o->friendly_name : id_text(id, host_node_id(http->host)));
    name_copy(http->host_name, sizeof(http->host_name), o->host_name != NULL ? o->host_name : "");
    http->api.friendly_name = http->friendly_name;
    http->api.host_name = http->host_name;
}

enum err http_api_open(struct http *http)
{
    static const uint8_t none[32];
    const struct node_config *config = host_config(http->host);
    struct api *api = &http->api;

    *api = (struct api){.node = host_node(http->host),
                        .config = config,
                        .shared = host_shared(http->host),
                        .host = {http, now, record, submit, peers, stats}};
    names(http);
    memcpy(api->keys.node, host_node_id(http->host), 32);
    if (memcmp(config->account_seed, none, 32) != 0) {
        struct sign_secret secret;
        sign_keypair(&secret, config->account_seed);
        memcpy(api->keys.account, secret.public_key, 32);
        sign_secret_wipe(&secret);
    }
    if (http->options.index_folder != NULL) {
        TRY(index_open(&api->index, http->options.index_folder, config->genesis->hash,
                       host_loop(http->host)));
    }
    TRY(feed_open(&http->feed, api));
    if (metrics_open(api) == NULL ||
        (http->options.faucet != NULL && faucet_open(api, http->options.faucet) == NULL)) {
        return ERR_NO_MEMORY;
    }
    http->ws_listener = (struct feed_listener){.told = ws_told, .context = http};
    feed_listen(http->feed, &http->ws_listener);
    http->observer = (struct host_observer){.notice = noticed, .context = http};
    host_observe(http->host, &http->observer);
    return ERR_OK;
}

void http_api_stop(struct http *http)
{
    if (http->observer.notice != NULL) {
        host_unobserve(http->host, &http->observer);
        http->observer.notice = NULL;
    }
}

bool http_api_busy(const struct http *http)
{
    return http->submissions > 0 || (http->api.index != NULL && index_busy(http->api.index));
}

void http_api_close(struct http *http)
{
    http_api_stop(http);
    index_close(http->api.index);
    http->api.index = NULL;
    record_release(http);
    faucet_close(http->api.faucet);
    metrics_close(http->api.metrics);
    feed_close(http->feed);
    json_decref(http->api.openapi);
}
