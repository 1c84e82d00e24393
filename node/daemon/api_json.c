/* Blocks and transactions as JSON. */
#include <stdio.h>

#include "node/chain/durable.h"
#include "node/chain/record.h"
#include "node/chain/txpool.h"
#include "node/crypto/hash.h"
#include "node/daemon/api_call.h"
#include "node/daemon/index.h"
#include "node/daemon/log.h"

#define BLOCK_TYPE 0x8143 /* of the original's format; genesis 0x8043 */
#define BLOCK_TYPE_GENESIS 0x8043

static void set(json_t *object, const char *name, json_t *value)
{
    (void)json_object_set_new_nocheck(object, name, value);
}

const struct tree_entry *api_tip(const struct api *api)
{
    const struct chain *chain = node_chain(api->node);
    return chain_entry(chain, chain_tip(chain));
}

const struct tree_entry *api_final(const struct api *api)
{
    const struct chain *chain = node_chain(api->node);
    return chain_entry(chain, chain_final(chain));
}

json_t *api_address(const struct api *api, const uint8_t key[32])
{
    char text[ADDRESS_CHARS + 1];
    address_make(text, api->config->genesis->network, key);
    return json_string(text);
}

uint64_t api_oldest(const struct api *api)
{
    const uint8_t prefix = 'b';
    struct span key;
    struct span value;
    bool more;
    if (api->host.record(api->host.context, &key, &value, &more, span_of(&prefix, 1),
                         span_of(&prefix, 1)) != ERR_OK ||
        key.len < 9) {
        return 1;
    }
    return __builtin_bswap64(load64(key.data + 1));
}

/* A block that lost may have left its record behind: of two of a height the one is meant that is
 * the parent of the next. */
static enum err block_record(const struct api *api, struct span *block, uint64_t height)
{
    uint8_t name[RECORD_BLOCK_KEY_BYTES] = {'b'};
    uint64_t big = __builtin_bswap64(height);
    struct span whole = span_of(name, 9);
    struct span key;
    struct span child;
    struct header next;
    bool more;

    memcpy(name + 1, &big, 8);
    TRY(api->host.record(api->host.context, &key, block, &more, whole, whole));
    if (more) {
        TRY(api_block(api, &child, height + 1));
        TRY(header_decode(&next, span_of(child.data, HEADER_BYTES)));
        memcpy(name + 9, next.parent, 32);
        whole = span_of(name, sizeof(name));
        TRY(api->host.record(api->host.context, &key, block, &more, whole, whole));
    }
    return block->len < HEADER_BYTES ? ERR_CORRUPT : ERR_OK;
}

enum err api_block(const struct api *api, struct span *block, uint64_t height)
{
    const struct chain *chain = node_chain(api->node);
    const struct recent_block *held = recent_at(api->recent, height);

    if (height == 0 || height > api_tip(api)->height) {
        return ERR_NOT_FOUND;
    }
    if (held != NULL) {
        *block = span_of(held->block->data, held->block->len);
        return ERR_OK;
    }
    uint32_t entry = chain_ancestor(chain, chain_tip(chain), height);
    if (entry != TREE_NONE && chain_entry(chain, entry)->block != NULL) {
        const struct blob *blob = chain_entry(chain, entry)->block;
        *block = span_of(blob->data, blob->len);
        return ERR_OK;
    }
    return block_record(api, block, height);
}

enum err api_place(const struct api *api, struct tx_place *place, const uint8_t tx[32])
{
    if (recent_find(api->recent, place, tx) != NULL) {
        return ERR_OK;
    }
    return api->index == NULL ? ERR_NOT_FOUND : index_find(api->index, place, tx);
}

static json_t *genesis_json(const struct api *api)
{
    static const uint8_t zeros[80];
    const struct genesis *g = api->config->genesis;
    json_t *meta = json_object();
    json_t *block = json_object();

    set(meta, "hash", json_hash(g->hash));
    set(meta, "numTransactions", json_integer(0));
    set(meta, "size", json_integer((json_int_t)g->bytes.len));
    set(meta, "totalFee", json_u64(0));
    set(meta, "finalized", json_true());
    set(block, "signature", json_hex(zeros, 64));
    set(block, "signer", json_hash(g->governor));
    set(block, "beneficiary", api_address(api, g->governor));
    set(block, "version", json_integer(HEADER_VERSION));
    set(block, "type", json_integer(BLOCK_TYPE_GENESIS));
    set(block, "height", json_u64(0));
    set(block, "timestamp", json_u64(g->ts_ms));
    set(block, "difficulty", json_u64(g->bt));
    set(block, "feeMultiplier", json_integer(0));
    set(block, "previousBlockHash", json_hash(zeros));
    set(block, "blockTransactionsHash", json_hash(zeros));
    set(block, "stateHash", json_hash(g->state_root));
    set(block, "vrfProof", json_hex(zeros, 80));
    return json_pack("{s:o, s:o}", "meta", meta, "block", block);
}

static json_t *header_json(const struct api *api, const struct header *h)
{
    json_t *block = json_object();
    set(block, "signature", json_hex(h->sig, 64));
    set(block, "signer", json_hash(h->signer));
    set(block, "beneficiary", api_address(api, h->signer));
    set(block, "version", json_integer(h->version));
    set(block, "type", json_integer(BLOCK_TYPE));
    set(block, "height", json_u64(h->height));
    set(block, "timestamp", json_u64(h->ts_ms));
    set(block, "difficulty", json_u64(h->bt));
    set(block, "feeMultiplier", json_integer(h->fee_multiplier));
    set(block, "previousBlockHash", json_hash(h->parent));
    set(block, "blockTransactionsHash", json_hash(h->tx_root));
    set(block, "stateHash", json_hash(h->state_root));
    set(block, "vrfProof", json_hex(h->pi, 80));
    return block;
}

json_t *api_block_json(const struct api *api, struct span bytes)
{
    struct block_view view;
    struct header h;
    uint8_t id[32];
    uint64_t txs_bytes = 0;

    if (bytes.len == 0) {
        return genesis_json(api);
    }
    if (block_view(&view, bytes) != ERR_OK || header_decode(&h, view.header) != ERR_OK) {
        return NULL;
    }
    struct span rest = view.txs;
    struct span tx;
    while (block_next_tx(&tx, &rest) == ERR_OK) {
        txs_bytes += tx.len;
    }
    header_id(id, view.header.data);
    json_t *meta = json_object();
    set(meta, "hash", json_hash(id));
    set(meta, "numTransactions", json_integer((json_int_t)view.tx_count));
    set(meta, "size", json_integer((json_int_t)bytes.len));
    set(meta, "totalFee", json_u64(txs_bytes * h.fee_multiplier));
    set(meta, "finalized", json_boolean(h.height <= api_final(api)->height));
    return json_pack("{s:o, s:o}", "meta", meta, "block", header_json(api, &h));
}

static const char *family_name(uint16_t type)
{
    switch (type) {
#define FAMILY(code, name, text)                                                                   \
    case code:                                                                                     \
        return #name;
#include "node/chain/families.def"
#undef FAMILY
    default:
        return "unknown";
    }
}

static json_t *mosaics_json(uint64_t amount)
{
    return json_pack("[{s:o, s:o}]", "id", json_u64(1), "amount", json_u64(amount));
}

static json_t *record_json(struct span body)
{
    struct reader r;
    struct node_record record;
    reader_init(&r, body);
    node_record_read(&record, &r);
    if (r.err != ERR_OK) {
        return json_object();
    }
    json_t *endpoints = json_array();
    for (size_t i = 0; i < record.endpoints.count; i++) {
        char text[ENDPOINT_TEXT_BYTES];
        const uint8_t *at = record.endpoints.data + i * ENDPOINT_BYTES;
        struct endpoint endpoint = {.port = (uint16_t)(at[16] << 8 | at[17])};
        memcpy(endpoint.address, at, 16);
        (void)json_array_append_new(endpoints, json_string(endpoint_text(text, &endpoint)));
    }
    return json_pack("{s:o, s:o, s:o, s:o, s:I}", "nodeId", json_hash(record.node_id), "endpoints",
                     endpoints, "onion", json_hash(record.onion), "vrf", json_hash(record.vrf),
                     "roles", (json_int_t)record.roles);
}

static void transfer_json(const struct api *api, json_t *json, struct reader *r)
{
    const uint8_t *to = reader_raw(r, 32);
    uint64_t amount = reader_u64(r);
    struct span memo = reader_bytes(r, 1024);
    if (to != NULL) {
        set(json, "recipient", api_address(api, to));
        set(json, "recipientPublicKey", json_hash(to));
    }
    set(json, "mosaics", mosaics_json(amount));
    set(json, "message",
        json_pack("{s:i, s:o}", "type", 0, "payload", json_hex(memo.data, memo.len)));
}

static void param_json(json_t *json, struct reader *r)
{
    size_t count;
    const struct param_info *table = params_table(&count);
    uint16_t code = reader_u16(r);
    for (size_t i = 0; i < count; i++) {
        if (table[i].code == code) {
            set(json, "parameter", json_string(table[i].name));
        }
    }
    set(json, "value", json_u64(reader_u64(r)));
    set(json, "activation", json_u64(reader_u64(r)));
}

static void body_json(const struct api *api, json_t *json, const struct tx *tx)
{
    struct reader r;
    reader_init(&r, tx->body);
    switch (tx->type) {
    case TX_transfer:
        transfer_json(api, json, &r);
        return;
    case TX_bond:
    case TX_unbond:
    case TX_withdraw:
        set(json, "amount", json_u64(reader_u64(&r)));
        return;
    case TX_register_node:
    case TX_update_node:
        set(json, "node", record_json(tx->body));
        return;
    case TX_leave: {
        const uint8_t *id = reader_raw(&r, 32);
        if (id != NULL) {
            set(json, "nodeId", json_hash(id));
        }
        return;
    }
    case TX_param:
        param_json(json, &r);
        return;
    case TX_attendance:
        set(json, "instance", json_u64(reader_u64(&r)));
        return;
    case TX_evidence: {
        static const char *const kinds[] = {"unknown", "S1", "S2", "H"};
        uint8_t kind = reader_u8(&r);
        set(json, "evidence", json_string(kinds[kind < 4 ? kind : 0]));
        break;
    }
    default:
        break;
    }
    set(json, "body", json_hex(tx->body.data, tx->body.len));
}

static json_t *tx_meta_json(const struct api *api, struct span bytes, const struct tx_place *place)
{
    json_t *meta = json_object();
    uint8_t id[32];
    struct header h;
    struct span block;

    hash256(id, bytes.data, bytes.len);
    set(meta, "hash", json_hash(id));
    set(meta, "merkleComponentHash", json_hash(id));
    set(meta, "height", json_u64(place == NULL ? 0 : place->height));
    if (place == NULL) {
        set(meta, "group", json_string("unconfirmed"));
        return meta;
    }
    set(meta, "index", json_integer(place->index));
    bool final = place->height <= api_final(api)->height;
    set(meta, "group", json_string(final ? "finalized" : "confirmed"));
    if (api_block(api, &block, place->height) == ERR_OK &&
        header_decode(&h, span_of(block.data, HEADER_BYTES)) == ERR_OK) {
        set(meta, "timestamp", json_u64(h.ts_ms));
        set(meta, "fee", json_u64((uint64_t)place->len * h.fee_multiplier));
    }
    return meta;
}

json_t *api_tx_json(const struct api *api, struct span bytes, const struct tx_place *place)
{
    struct tx tx;
    if (tx_decode(&tx, bytes) != ERR_OK) {
        return NULL;
    }
    json_t *json = json_object();
    set(json, "signature", json_hex(bytes.data + bytes.len - SIGN_BYTES, SIGN_BYTES));
    set(json, "signer", json_hash(tx.sender));
    set(json, "signerAddress", api_address(api, tx.sender));
    set(json, "version", json_integer(1));
    set(json, "type", json_integer(tx.type));
    set(json, "name", json_string(family_name(tx.type)));
    set(json, "size", json_integer((json_int_t)bytes.len));
    set(json, "nonce", json_u64(tx.nonce));
    set(json, "maxFee", json_u64(tx.fee_max));
    set(json, "deadline", json_u64(tx.expiry));
    body_json(api, json, &tx);
    return json_pack("{s:o, s:o}", "meta", tx_meta_json(api, bytes, place), "transaction", json);
}

json_t *api_tx_at(const struct api *api, const struct tx_place *place)
{
    struct span block;
    if (api_block(api, &block, place->height) != ERR_OK || place->offset > block.len ||
        place->len > block.len - place->offset) {
        return NULL;
    }
    return api_tx_json(api, span_of(block.data + place->offset, place->len), place);
}
