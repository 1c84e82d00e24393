/* /transaction. */
#include <stdio.h>
#include <stdlib.h>

#include "node/chain/txpool.h"
#include "node/crypto/hash.h"
#include "node/daemon/api_call.h"
#include "node/daemon/verdicts.h"

static json_t *tx_info(const struct api *api, const uint8_t id[32])
{
    const struct blob *waiting = chain_tx_get(node_chain(api->node), id);
    struct tx_place place;
    if (api_place(api, &place, id) == ERR_OK) {
        return api_tx_at(api, &place);
    }
    return waiting == NULL ? NULL : api_tx_json(api, span_of(waiting->data, waiting->len), NULL);
}

void api_tx_get(struct api_call *call)
{
    call->json = tx_info(call->api, call->path[0].id);
    if (call->json == NULL) {
        api_fail(call, API_NOT_FOUND, "no such transaction");
    }
}

static json_t *status_json(const char *group, enum err err, const uint8_t id[32])
{
    return json_pack("{s:s, s:s, s:o}", "group", group, "status", failure_text(err), "hash",
                     json_hash(id));
}

static json_t *tx_status(const struct api *api, const uint8_t id[32])
{
    const struct blob *waiting = chain_tx_get(node_chain(api->node), id);
    struct tx_place place;
    struct tx tx;

    if (api_place(api, &place, id) == ERR_OK) {
        bool final = place.height <= api_final(api)->height;
        json_t *json = status_json(final ? "finalized" : "confirmed", ERR_OK, id);
        (void)json_object_set_new(json, "height", json_u64(place.height));
        return json;
    }
    if (waiting != NULL && tx_decode(&tx, span_of(waiting->data, waiting->len)) == ERR_OK) {
        json_t *json = status_json("unconfirmed", ERR_OK, id);
        (void)json_object_set_new(json, "deadline", json_u64(tx.expiry));
        return json;
    }
    enum err err = verdicts_get(api->verdicts, id, api->host.now(api->host.context).mono_ns);
    return err == ERR_OK ? NULL : status_json("failed", err, id);
}

void api_tx_status(struct api_call *call)
{
    call->json = tx_status(call->api, call->path[0].id);
    if (call->json == NULL) {
        api_fail(call, API_NOT_FOUND, "no such transaction");
    }
}

static void each_id(struct api_call *call, const char *name,
                    json_t *(*make)(const struct api *, const uint8_t id[32]))
{
    const json_t *list = json_object_get(call->body, name);
    size_t i;
    json_t *item;

    if (!json_is_array(list) || json_array_size(list) > API_LIST_MAX) {
        api_fail(call, API_INVALID_ARGUMENT, "%s is no list of at most %d", name, API_LIST_MAX);
        return;
    }
    json_t *out = json_array();
    json_array_foreach(list, i, item)
    {
        uint8_t id[32];
        struct span text = span_of(json_string_value(item), json_string_length(item));
        if (!json_is_string(item) || hex_parse(id, 32, text) != ERR_OK) {
            api_fail(call, API_INVALID_ARGUMENT, "%s has an invalid format", name);
            json_decref(out);
            return;
        }
        json_t *made = make(call->api, id);
        if (made != NULL) {
            (void)json_array_append_new(out, made);
        }
    }
    call->json = out;
}

void api_tx_list(struct api_call *call)
{
    each_id(call, "transactionIds", tx_info);
}

void api_tx_statuses(struct api_call *call)
{
    each_id(call, "hashes", tx_status);
}

struct announcement {
    struct api *api;
    uint8_t id[32], sender[32];
};

static void announced(void *context, enum err err, struct span data)
{
    struct announcement *a = context;
    (void)data;
    if (err != ERR_OK && err != ERR_DUPLICATE && err != ERR_INTERRUPTED) {
        api_tx_refused(a->api, a->id, a->sender, err);
    }
    free(a);
}

void api_tx_put(struct api_call *call)
{
    struct api *api = call->api;
    const json_t *payload = json_object_get(call->body, "payload");
    size_t len = json_string_length(payload) / 2;
    struct tx tx;

    if (!json_is_string(payload) || len > TX_BYTES_MAX) {
        api_fail(call, API_INVALID_ARGUMENT, "payload is no transaction in hex");
        return;
    }
    uint8_t *bytes = malloc(len + 1);
    struct announcement *a = malloc(sizeof(*a));
    struct span text = span_of(json_string_value(payload), json_string_length(payload));
    if (bytes == NULL || a == NULL || hex_parse(bytes, len, text) != ERR_OK ||
        tx_decode(&tx, span_of(bytes, len)) != ERR_OK) {
        api_fail(call, API_INVALID_ARGUMENT, "payload is no transaction in hex");
        free(bytes);
        free(a);
        return;
    }
    a->api = api;
    hash256(a->id, bytes, len);
    memcpy(a->sender, tx.sender, 32);
    call->json = json_pack("{s:s, s:o}", "message",
                           "the transaction was pushed to the network via /transaction", "hash",
                           json_hash(a->id));
    api->host.submit(api->host.context, span_of(bytes, len),
                     (struct host_reply){.done = announced, .context = a});
    free(bytes);
}
