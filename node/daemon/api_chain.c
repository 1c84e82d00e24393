/* /chain, /block, /blocks and the proofs about them. */
#include <stdio.h>
#include <stdlib.h>

#include "node/chain/certificate.h"
#include "node/crypto/hash.h"
#include "node/crypto/merkle.h"
#include "node/daemon/api_call.h"
#include "node/daemon/recent.h"

#define PROOF_HEADERS_MAX 2048

void api_chain_height(struct api_call *call)
{
    call->json = json_pack("{s:o}", "height", json_u64(api_tip(call->api)->height));
}

void api_chain_score(struct api_call *call)
{
    u128 score = api_tip(call->api)->score;
    call->json = json_pack("{s:o, s:o}", "scoreHigh", json_u64((uint64_t)(score >> 64)), "scoreLow",
                           json_u64((uint64_t)score));
}

/* The first decision of an instance at or above `from` in the node's records. */
static enum err decision_at(const struct api *api, struct span *decision, uint64_t from)
{
    uint8_t key[9] = {'f'};
    struct span found;
    bool more;
    uint64_t big = __builtin_bswap64(from);
    memcpy(key + 1, &big, 8);
    return api->host.record(api->host.context, &found, decision, &more, span_of(key, 1),
                            span_of(key, 9));
}

void api_chain_finalized(struct api_call *call)
{
    const struct api *api = call->api;
    const struct tree_entry *final = api_final(api);
    uint64_t instance = chain_final_instance(node_chain(api->node));
    struct span decision;

    call->json = json_pack("{s:o, s:o, s:o, s:o}", "height", json_u64(final->height), "hash",
                           json_hash(final->id), "finalizationEpoch", json_u64(instance),
                           "stateHash", json_hash(final->state_root));
    if (instance > 0 && decision_at(api, &decision, instance) == ERR_OK) {
        uint8_t hash[32];
        hash256(hash, decision.data, decision.len);
        (void)json_object_set_new(call->json, "proofGroupHash", json_hash(hash));
    }
}

static void no_block(struct api_call *call, uint64_t height)
{
    api_fail(call, API_NOT_FOUND, "no block at height %llu", (unsigned long long)height);
}

void api_block_get(struct api_call *call)
{
    uint64_t height = call->path[0].number;
    struct span block = {NULL, 0};
    if (height != 0 && api_block(call->api, &block, height) != ERR_OK) {
        no_block(call, height);
        return;
    }
    call->json = api_block_json(call->api, block);
}

void api_block_list(struct api_call *call)
{
    enum { STEP = 25, MOST = 100 };
    uint64_t height = call->path[0].number;
    uint64_t limit = call->path[1].number;
    uint64_t fits = limit < STEP ? STEP : limit > MOST ? MOST : (limit + STEP - 1) / STEP * STEP;
    uint64_t start = height == 0 ? 1 : (height - 1) / fits * fits + 1;

    if (fits != limit || start != height) {
        call->status = 302;
        call->json = json_object();
        (void)snprintf(call->location, sizeof(call->location), "/blocks/%llu/limit/%llu",
                       (unsigned long long)start, (unsigned long long)fits);
        return;
    }
    call->json = json_array();
    for (uint64_t h = start + fits; h-- > start;) {
        struct span block;
        if (api_block(call->api, &block, h) == ERR_OK) {
            (void)json_array_append_new(call->json, api_block_json(call->api, block));
        }
    }
}

/* The block of a route's {height} with its transactions taken apart: held, or made for this call
 * (*made, to be freed). */
static const struct recent_block *block_facts(struct api_call *call, struct recent_block **made)
{
    const struct api *api = call->api;
    uint64_t height = call->path[0].number;
    const struct recent_block *held = recent_at(api->recent, height);
    struct span bytes;

    *made = NULL;
    if (held == NULL && api_block(api, &bytes, height) == ERR_OK) {
        const struct blob *blob = blob_put(api->shared, bytes.data, bytes.len);
        *made = recent_block_make(api->shared, blob);
        blob_drop(api->shared, blob);
        held = *made;
    }
    if (held == NULL) {
        no_block(call, height);
    }
    return held;
}

void api_block_txs(struct api_call *call)
{
    uint64_t size = call->query[0].given ? call->query[0].number : 25;
    const struct param_value *after = &call->query[1];
    bool ascending = !call->query[2].given || call->query[2].ascending;
    struct recent_block *made;

    size = size < 10 ? 10 : size > 100 ? 100 : size;
    if (call->path[0].number == 0) {
        call->json = json_array();
        return;
    }
    const struct recent_block *block = block_facts(call, &made);
    if (block == NULL) {
        return;
    }
    uint32_t from = after->given ? recent_block_find(block, after->id) : UINT32_MAX;
    call->json = json_array();
    if (after->given && from == UINT32_MAX) {
        api_fail(call, API_NOT_FOUND, "no such transaction in this block");
    } else {
        uint32_t at = ascending ? from + 1 : (from == UINT32_MAX ? block->tx_count : from) - 1;
        for (; at < block->tx_count && size > 0; at += ascending ? 1 : UINT32_MAX, size--) {
            const struct recent_tx *tx = &block->txs[at];
            struct tx_place place = {block->height, at, tx->offset, tx->len};
            struct span bytes = span_of(block->block->data + tx->offset, tx->len);
            (void)json_array_append_new(call->json, api_tx_json(call->api, bytes, &place));
        }
    }
    recent_block_free(made, call->api->shared);
}

/* The sides follow from (index, count): the path is the sibling of each level where there is one.
 */
static json_t *merkle_json(const struct recent_block *block, uint32_t index)
{
    uint8_t path[MERKLE_DEPTH_MAX][MERKLE_BYTES];
    uint8_t(*ids)[32] = calloc(block->tx_count, 32);
    uint8_t root[32];
    if (ids == NULL) {
        return NULL;
    }
    for (uint32_t i = 0; i < block->tx_count; i++) {
        memcpy(ids[i], block->txs[i].id, 32);
    }
    size_t len = merkle_prove(path, (const uint8_t(*)[32])ids, block->tx_count, index);
    merkle_root(root, (const uint8_t(*)[32])ids, block->tx_count);
    free(ids);
    json_t *nodes = json_array();
    uint32_t at = index;
    uint32_t last = block->tx_count - 1;
    for (size_t i = 0; i < len; at /= 2, last /= 2) {
        if (at == last && at % 2 == 0) {
            continue; /* the odd one at the end rises unchanged */
        }
        json_t *node = json_pack("{s:s, s:o}", "position", at % 2 == 0 ? "right" : "left", "hash",
                                 json_hash(path[i++]));
        (void)json_array_append_new(nodes, node);
    }
    return json_pack("{s:o, s:I, s:I, s:o}", "merklePath", nodes, "index", (json_int_t)index,
                     "count", (json_int_t)block->tx_count, "root", json_hash(root));
}

void api_block_merkle(struct api_call *call)
{
    struct recent_block *made;
    const struct recent_block *block = block_facts(call, &made);
    if (block == NULL) {
        return;
    }
    uint32_t index = recent_block_find(block, call->path[1].id);
    if (index == UINT32_MAX) {
        api_fail(call, API_NOT_FOUND, "no such transaction in this block");
    } else {
        call->json = merkle_json(block, index);
    }
    recent_block_free(made, call->api->shared);
}

static size_t precommits_of(struct span decision)
{
    struct certificate_walk walk;
    struct vote vote;
    size_t count = 0;
    certificate_walk_begin(&walk, decision);
    while (certificate_walk_next(&walk, &vote)) {
        count += vote.kind == VOTE_PRECOMMIT;
    }
    return count;
}

static bool headers_add(const struct api *api, json_t *headers, uint64_t from, uint64_t to,
                        uint8_t last_id[32])
{
    for (uint64_t h = from; h <= to; h++) {
        struct span block;
        if (api_block(api, &block, h) != ERR_OK) {
            return false;
        }
        header_id(last_id, block.data);
        (void)json_array_append_new(headers, json_hex(block.data, HEADER_BYTES));
    }
    return true;
}

void api_finality_proof(struct api_call *call)
{
    const struct api *api = call->api;
    const struct params *params = chain_params(node_chain(api->node));
    uint64_t height = call->path[0].number;
    uint64_t e = params->checkpoint_blocks;
    struct decision_facts facts;
    struct span decision;
    struct span block;
    uint8_t id[32];
    uint8_t first[32];

    if (height == 0 || height > api_final(api)->height) {
        api_fail(call, API_NOT_FOUND, "block %llu is not final", (unsigned long long)height);
        return;
    }
    if (decision_at(api, &decision, (height + e - 1) / e) != ERR_OK ||
        certificate_peek(&facts, decision) != ERR_OK) {
        api_fail(call, API_NOT_FOUND, "no decision for this block is held here");
        return;
    }
    /* What the record says must be copied before other records are read. */
    json_t *bytes = json_hex(decision.data, decision.len);
    size_t precommits = precommits_of(decision);
    uint64_t to = facts.instance * e;
    json_t *headers = json_array();
    if (to - height > PROOF_HEADERS_MAX || api_block(api, &block, height) != ERR_OK) {
        to = 0;
    } else {
        header_id(first, block.data);
    }
    if (to == 0 || !headers_add(api, headers, height, to, id) || memcmp(id, facts.value, 32) != 0) {
        json_decref(bytes);
        json_decref(headers);
        api_fail(call, API_NOT_FOUND, "the blocks of this decision are not held here");
        return;
    }
    call->json =
        json_pack("{s:o, s:o, s:o, s:I, s:o, s:o, s:o, s:o, s:o, s:I}", "height", json_u64(height),
                  "hash", json_hash(first), "instance", json_u64(facts.instance), "round",
                  (json_int_t)facts.round, "checkpointHeight", json_u64(to), "checkpointHash",
                  json_hash(facts.value), "epoch", json_u64((to - 1) / params->epoch_blocks),
                  "headers", headers, "decision", bytes, "precommits", (json_int_t)precommits);
}
