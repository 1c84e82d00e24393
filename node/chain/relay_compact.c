/* Compact blocks: a header and 64-bit names of its transactions (docs/wire.md 9). */
#include "node/base/invariant.h"
#include "node/base/memo.h"
#include "node/chain/relay_private.h"
#include "node/crypto/hash.h"

static uint64_t short_id(const uint8_t block_id[32], const uint8_t tx_id[32])
{
    uint8_t out[SIPHASH_BYTES];
    hash_siphash128(out, block_id, tx_id, 32);
    return load64(out);
}

static uint64_t short_id_of(const uint8_t block_id[32], struct span tx)
{
    uint8_t id[32];
    hash256(id, tx.data, tx.len);
    return short_id(block_id, id);
}

const struct blob *compact_make(struct ctx *c, const uint8_t id[32], const struct blob *block)
{
    struct block_view view;
    invariant(block_view(&view, span_of(block->data, block->len)) == ERR_OK);
    size_t count = (size_t)view.tx_count;
    uint8_t *shorts = arena_alloc_array(c->scratch, count, 8);
    struct frame_block_compact m = {.header = view.header,
                                    .short_ids = {.data = shorts, .count = count}};
    size_t len = frame_block_compact_bytes(&m);
    uint8_t *out = arena_alloc(c->scratch, len);
    struct span tx;
    if (shorts == NULL || out == NULL) {
        return NULL;
    }
    for (size_t i = 0; block_next_tx(&tx, &view.txs) == ERR_OK; i++) {
        store64(shorts + 8 * i, short_id_of(id, tx));
    }
    invariant(frame_block_compact_encode(out, len, &len, &m) == ERR_OK);
    return blob_put(c->shared, out, len);
}

enum err compact_match(struct compact_parts *parts, struct ctx *c, struct chain *chain,
                       const uint8_t id[32], const struct blob *compact)
{
    struct frame_block_compact m;
    TRY(frame_block_compact_decode(&m, span_of(compact->data, compact->len)));
    size_t count = m.short_ids.count;
    *parts = (struct compact_parts){.header = m.header, .count = count, .missing = count};
    parts->short_ids = arena_alloc_array(c->scratch, count, sizeof(*parts->short_ids));
    parts->txs = arena_alloc_array(c->scratch, count, sizeof(*parts->txs));
    const struct blob **found = arena_alloc_array(c->scratch, count, sizeof(struct blob *));
    if (parts->short_ids == NULL || parts->txs == NULL || found == NULL) {
        return ERR_FULL;
    }
    if (count == 0) {
        return ERR_OK;
    }
    memcpy(parts->short_ids, m.short_ids.data, 8 * count);
    parts->missing -= chain_tx_match(chain, c, found, id, parts->short_ids, count);
    for (size_t i = 0; i < count; i++) {
        parts->txs[i] =
            found[i] == NULL ? span_of(NULL, 0) : span_of(found[i]->data, found[i]->len);
    }
    return ERR_OK;
}

enum err compact_fill(struct compact_parts *parts, const uint8_t id[32], struct list indices,
                      struct varlist txs)
{
    if (txs.count != indices.count) {
        return ERR_INVALID;
    }
    for (size_t i = 0; i < indices.count; i++) {
        uint32_t at = load32(indices.data + 4 * i);
        struct span tx;
        invariant(varlist_next(&txs, &tx) && at < parts->count);
        if (short_id_of(id, tx) != parts->short_ids[at]) {
            return ERR_INVALID;
        }
        parts->missing -= parts->txs[at].data == NULL;
        parts->txs[at] = tx;
    }
    return ERR_OK;
}

/* Whether a rebuilt block has the transactions of its header: one node finds out, the others
 * remember. */
static bool root_holds(struct ctx *c, const struct blob *block, const struct compact_parts *parts)
{
    static const uint8_t tag = 'r';
    uint8_t bytes[17];
    uint8_t verdict;
    store64(bytes, block->id[0]);
    store64(bytes + 8, block->id[1]);
    bytes[16] = tag;
    struct memo_key key = memo_key_bytes(c->shared, bytes, sizeof(bytes));
    if (memo_get(c->shared, MEMO_OTHER, key, &verdict, 1)) {
        return verdict != 0;
    }
    struct header header;
    uint8_t root[32];
    uint8_t(*ids)[32] = arena_alloc_array(c->scratch, parts->count, 32);
    if (ids == NULL) {
        return false;
    }
    for (size_t i = 0; i < parts->count; i++) {
        hash256(ids[i], parts->txs[i].data, parts->txs[i].len);
    }
    block_tx_root(root, (const uint8_t(*)[32])ids, parts->count);
    verdict =
        header_decode(&header, parts->header) == ERR_OK && memcmp(root, header.tx_root, 32) == 0;
    memo_put(c->shared, MEMO_OTHER, key, &verdict, 1);
    return verdict != 0;
}

enum err compact_build(const struct blob **block, struct ctx *c, const struct compact_parts *parts)
{
    size_t len = HEADER_BYTES + VAR_BYTES_MAX;
    for (size_t i = 0; i < parts->count; i++) {
        len += parts->txs[i].len + VAR_BYTES_MAX;
    }
    if (len > BLOCK_BYTES_MAX + (parts->count + 1) * VAR_BYTES_MAX) {
        return ERR_RANGE;
    }
    uint8_t *out = arena_alloc(c->scratch, len);
    if (out == NULL) {
        return ERR_FULL;
    }
    TRY(block_build(out, len, &len, parts->header.data, parts->txs, parts->count));
    *block = blob_put(c->shared, out, len);
    if (root_holds(c, *block, parts)) {
        return ERR_OK;
    }
    blob_drop(c->shared, *block);
    *block = NULL;
    return ERR_UNKNOWN;
}
