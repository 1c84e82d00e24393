/* /account. */
#include <stdlib.h>

#include "node/chain/leaves.h"
#include "node/chain/txpool.h"
#include "node/daemon/api_call.h"
#include "node/daemon/index.h"
#include "node/daemon/recent.h"

enum { PAGE_LEAST = 10, PAGE_MOST = 100, PAGE_USUAL = 25 };

static uint64_t first_height(const struct api *api, const uint8_t key[32])
{
    struct tx_place place;
    if (api->index != NULL &&
        index_account(api->index, &place, 1, key, TOUCH_SENT | TOUCH_RECEIVED, NULL, true) == 1) {
        return place.height;
    }
    for (size_t i = 0; i < api->recent->count; i++) {
        size_t count;
        (void)recent_block_touches(api->recent->blocks[i], &count, key);
        if (count > 0) {
            return api->recent->blocks[i]->height;
        }
    }
    return 0;
}

static json_t *unbonding_json(const struct account *account)
{
    json_t *list = json_array();
    for (size_t i = 0; i < account->unbonding_count; i++) {
        (void)json_array_append_new(list, json_pack("{s:o, s:o}", "amount",
                                                    json_u64(account->unbonding[i].amount), "epoch",
                                                    json_u64(account->unbonding[i].epoch)));
    }
    return list;
}

/* Account of shape "Account". */
static json_t *account_json(const struct api *api, const struct account *a, const uint8_t key[32],
                            const struct tree_entry *at)
{
    static const uint8_t none[32];
    const struct chain *chain = node_chain(api->node);
    const struct params *params = chain_params(chain);
    uint64_t epoch = at->height / params->epoch_blocks; /* of the next block */
    uint64_t first = first_height(api, key);
    struct account final;
    uint64_t stake = 0;

    if (state_account(&final, api->shared, api_final(api)->state_root, key) != ERR_OK) {
        final.free = 0;
    }
    if (stake_effective(&stake, api->shared, at->state_root, params, at->height, key) != ERR_OK) {
        stake = 0;
    }
    json_t *json = json_pack(
        "{s:o, s:o, s:o, s:o, s:[{s:o, s:o}], s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o}",
        "address", api_address(api, key), "addressHeight", json_u64(first), "publicKey",
        json_hash(key), "publicKeyHeight", json_u64(first), "mosaics", "id", json_u64(1), "amount",
        json_u64(a->free), "nonce", json_u64(a->nonce), "nextNonce",
        json_u64(txpool_next_nonce(chain_pool(chain), key, a->nonce)), "bonded",
        json_u64(a->bonded), "unbonding", unbonding_json(a), "withdrawable",
        json_u64(account_matured(a, params, epoch)), "finalizedBalance", json_u64(final.free),
        "jailedUntil", json_u64(a->jailed_until), "importance", json_u64(stake), "importanceHeight",
        json_u64(at->height));
    if (memcmp(a->node_id, none, 32) != 0) {
        (void)json_object_set_new(json, "node", json_hash(a->node_id));
    }
    return json;
}

static json_t *account_info(const struct api *api, const uint8_t key[32])
{
    const struct tree_entry *tip = api_tip(api);
    struct account account;
    uint8_t leaf[32];
    struct span value;

    leaf_key_id(leaf, STATE_ACCOUNT, key);
    if (state_get(&value, api->shared, tip->state_root, leaf) != ERR_OK ||
        account_decode(&account, value) != ERR_OK) {
        return NULL;
    }
    return json_pack("{s:o, s:o}", "account", account_json(api, &account, key, tip), "height",
                     json_u64(tip->height));
}

void api_account_get(struct api_call *call)
{
    call->json = account_info(call->api, call->path[0].id);
    if (call->json == NULL) {
        api_fail(call, API_NOT_FOUND, "the chain has no such account");
    }
}

/* Adds the accounts of one list of the body; false after an error. */
static bool accounts_add(struct api_call *call, const char *name, json_t *out)
{
    const json_t *list = json_object_get(call->body, name);
    size_t i;
    json_t *item;

    if (list == NULL) {
        return true;
    }
    if (!json_is_array(list) || json_array_size(list) > API_LIST_MAX) {
        api_fail(call, API_INVALID_ARGUMENT, "%s is no list of at most %d", name, API_LIST_MAX);
        return false;
    }
    json_array_foreach(list, i, item)
    {
        uint8_t key[32];
        struct span text = span_of(json_string_value(item), json_string_length(item));
        enum err err = !json_is_string(item) ? ERR_SYNTAX
                       : text.len == 64
                           ? hex_parse(key, 32, text)
                           : address_parse(key, call->api->config->genesis->network, text);
        if (err != ERR_OK) {
            api_fail(call, API_INVALID_ARGUMENT, "%s has an invalid format", name);
            return false;
        }
        json_t *info = account_info(call->api, key);
        if (info != NULL) {
            (void)json_array_append_new(out, info);
        }
    }
    return true;
}

void api_account_list(struct api_call *call)
{
    json_t *out = json_array();
    if (json_object_get(call->body, "addresses") == NULL &&
        json_object_get(call->body, "publicKeys") == NULL) {
        api_fail(call, API_INVALID_ARGUMENT, "addresses or publicKeys are needed");
        json_decref(out);
    } else if (accounts_add(call, "addresses", out) && accounts_add(call, "publicKeys", out)) {
        call->json = out;
    } else {
        json_decref(out);
    }
}

/* Places of an account in the blocks that are not indexed, beyond `from` in the order asked for. */
static size_t recent_places(const struct api *api, struct tx_place *places, size_t limit,
                            const uint8_t key[32], int how, const struct tx_place *from,
                            bool ascending)
{
    const struct recent *recent = api->recent;
    size_t n = 0;
    for (size_t b = 0; b < recent->count && n < limit; b++) {
        const struct recent_block *block = recent->blocks[ascending ? b : recent->count - 1 - b];
        size_t count;
        const struct recent_touch *touch = recent_block_touches(block, &count, key);
        for (size_t i = 0; i < count && n < limit; i++) {
            const struct recent_touch *t = &touch[ascending ? i : count - 1 - i];
            struct tx_place place = {block->height, t->index, block->txs[t->index].offset,
                                     block->txs[t->index].len};
            int order = from == NULL ? 1 : tx_place_order(&place, from);
            if ((t->how & how) != 0 && (from == NULL || (ascending ? order > 0 : order < 0))) {
                places[n++] = place;
            }
        }
    }
    return n;
}

static void account_page(struct api_call *call, int how)
{
    const struct api *api = call->api;
    const uint8_t *key = call->path[0].id;
    uint64_t size = call->query[0].given ? call->query[0].number : PAGE_USUAL;
    bool ascending = call->query[2].given && call->query[2].ascending;
    struct tx_place places[PAGE_MOST];
    struct tx_place after;
    const struct tx_place *from = NULL;
    size_t n = 0;

    size = size < PAGE_LEAST ? PAGE_LEAST : size > PAGE_MOST ? PAGE_MOST : size;
    if (call->query[1].given) {
        if (api_place(api, &after, call->query[1].id) != ERR_OK) {
            api_fail(call, API_NOT_FOUND, "no transaction with this id to begin after");
            return;
        }
        from = &after;
    }
    if (!ascending) {
        n = recent_places(api, places, size, key, how, from, false);
    }
    if (api->index != NULL && n < size) {
        n += index_account(api->index, places + n, size - n, key, how, from, ascending);
    }
    if (ascending && n < size) {
        n += recent_places(api, places + n, size - n, key, how, from, true);
    }
    call->json = json_array();
    for (size_t i = 0; i < n; i++) {
        json_t *tx = api_tx_at(api, &places[i]);
        if (tx != NULL) {
            (void)json_array_append_new(call->json, tx);
        }
    }
}

void api_account_txs(struct api_call *call)
{
    account_page(call, TOUCH_SENT | TOUCH_RECEIVED);
}

void api_account_incoming(struct api_call *call)
{
    account_page(call, TOUCH_RECEIVED);
}

void api_account_outgoing(struct api_call *call)
{
    account_page(call, TOUCH_SENT);
}

void api_account_unconfirmed(struct api_call *call)
{
    const struct txpool *pool = chain_pool(node_chain(call->api->node));
    uint64_t size = call->query[0].given ? call->query[0].number : PAGE_USUAL;
    const uint8_t *key = call->path[0].id;

    size = size < PAGE_LEAST ? PAGE_LEAST : size > PAGE_MOST ? PAGE_MOST : size;
    call->json = json_array();
    for (uint32_t i = 0; i < pool->used && size > 0; i++) {
        const struct blob *blob = pool->entries[i].tx;
        struct tx_parties parties;
        struct tx tx;
        if (blob == NULL || tx_decode(&tx, span_of(blob->data, blob->len)) != ERR_OK ||
            tx_parties_get(&parties, &tx) != ERR_OK) {
            continue;
        }
        if (memcmp(parties.sender, key, 32) == 0 ||
            (parties.recipient != NULL && memcmp(parties.recipient, key, 32) == 0)) {
            (void)json_array_append_new(call->json, api_tx_json(call->api, tx.bytes, NULL));
            size--;
        }
    }
}

void api_account_proof(struct api_call *call)
{
    const struct api *api = call->api;
    const struct tree_entry *final = api_final(api);
    const uint8_t *key = call->path[0].id;
    uint8_t proof[STATE_PROOF_BYTES_MAX];
    uint8_t leaf[32];
    size_t len;
    struct span value = {NULL, 0};
    struct span block = {NULL, 0};
    struct account account;

    leaf_key_id(leaf, STATE_ACCOUNT, key);
    enum err err = state_get(&value, api->shared, final->state_root, leaf);
    if ((err != ERR_OK && err != ERR_NOT_FOUND) ||
        state_prove(proof, sizeof(proof), &len, api->shared, final->state_root, leaf) != ERR_OK ||
        (final->height > 0 && api_block(api, &block, final->height) != ERR_OK)) {
        api_fail(call, API_UNAVAILABLE, "the final state is not held here");
        return;
    }
    size_t header = block.len < HEADER_BYTES ? 0 : HEADER_BYTES;
    call->json = json_pack("{s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "height", json_u64(final->height),
                           "hash", json_hash(final->id), "header", json_hex(block.data, header),
                           "stateHash", json_hash(final->state_root), "key", json_hash(leaf),
                           "value", json_hex(value.data, value.len), "proof", json_hex(proof, len));
    if (value.len > 0 && account_decode(&account, value) == ERR_OK) {
        (void)json_object_set_new(call->json, "account", account_json(api, &account, key, final));
    }
}
