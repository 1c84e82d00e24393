#include "node/chain/block.h"

#include "node/base/invariant.h"
#include "node/crypto/hash.h"
#include "node/crypto/merkle.h"
#include "node/wire/codec.h"

/* Where the header's own fields stand that are needed without decoding. */
#define GENESIS_AT 2
#define SIGNER_AT (2 + 32 + 8 + 8 + 32)

void header_encode(uint8_t out[HEADER_BYTES], const struct header *header)
{
    struct writer w;
    size_t len;
    writer_init(&w, out, HEADER_BYTES);
    writer_u16(&w, header->version);
    writer_hash(&w, header->genesis);
    writer_u64(&w, header->height);
    writer_u64(&w, header->ts_ms);
    writer_hash(&w, header->parent);
    writer_hash(&w, header->signer);
    writer_raw(&w, header->pi, sizeof(header->pi));
    writer_u64(&w, header->bt);
    writer_hash(&w, header->tx_root);
    writer_hash(&w, header->state_root);
    writer_u32(&w, header->fee_multiplier);
    writer_raw(&w, header->sig, sizeof(header->sig));
    invariant(writer_end(&w, &len) == ERR_OK && len == HEADER_BYTES);
}

enum err header_decode(struct header *header, struct span bytes)
{
    struct reader r;
    reader_init(&r, bytes);
    header->version = reader_u16(&r);
    reader_copy(&r, header->genesis, 32);
    header->height = reader_u64(&r);
    header->ts_ms = reader_u64(&r);
    reader_copy(&r, header->parent, 32);
    reader_copy(&r, header->signer, 32);
    reader_copy(&r, header->pi, sizeof(header->pi));
    header->bt = reader_u64(&r);
    reader_copy(&r, header->tx_root, 32);
    reader_copy(&r, header->state_root, 32);
    header->fee_multiplier = reader_u32(&r);
    reader_copy(&r, header->sig, sizeof(header->sig));
    TRY(reader_end(&r));
    return header->version == HEADER_VERSION ? ERR_OK : ERR_VERSION;
}

void header_id(uint8_t id[32], const uint8_t bytes[HEADER_BYTES])
{
    hash256(id, bytes, HEADER_BYTES);
}

struct sign_message header_message(const uint8_t bytes[HEADER_BYTES])
{
    return (struct sign_message){
        .context = SIGN_CONTEXT("header"),
        .genesis = bytes + GENESIS_AT,
        .body = {span_of(bytes, HEADER_SIGNED_BYTES)},
    };
}

void header_sign(uint8_t bytes[HEADER_BYTES], const struct sign_secret *secret)
{
    struct sign_message message = header_message(bytes);
    sign_make(bytes + HEADER_SIGNED_BYTES, secret, &message);
}

enum err header_verify(const uint8_t bytes[HEADER_BYTES])
{
    struct sign_message message = header_message(bytes);
    return sign_verify(bytes + HEADER_SIGNED_BYTES, bytes + SIGNER_AT, &message);
}

enum err block_view(struct block_view *view, struct span block)
{
    if (block.len > BLOCK_BYTES_MAX) {
        return ERR_RANGE;
    }
    struct reader r;
    reader_init(&r, block);
    view->header = span_of(reader_raw(&r, HEADER_BYTES), HEADER_BYTES);
    struct varlist txs = reader_varlist(&r, TX_BYTES_MAX, BLOCK_TXS_MAX);
    view->tx_count = txs.count;
    view->txs = txs.bytes;
    return reader_end(&r);
}

enum err block_next_tx(struct span *tx, struct span *rest)
{
    if (rest->len == 0) {
        return ERR_NOT_FOUND;
    }
    struct varlist list = {.bytes = *rest, .count = 1};
    invariant(varlist_next(&list, tx));
    *rest = list.bytes;
    return ERR_OK;
}

enum err block_build(uint8_t *out, size_t capacity, size_t *len, const uint8_t header[HEADER_BYTES],
                     const struct span *txs, size_t count)
{
    struct writer w;
    writer_init(&w, out, capacity);
    writer_raw(&w, header, HEADER_BYTES);
    writer_var_max(&w, count, BLOCK_TXS_MAX);
    for (size_t i = 0; i < count; i++) {
        writer_bytes(&w, txs[i], TX_BYTES_MAX);
    }
    TRY(writer_end(&w, len));
    return *len <= BLOCK_BYTES_MAX ? ERR_OK : ERR_RANGE;
}

void block_tx_root(uint8_t root[32], const uint8_t (*ids)[32], size_t count)
{
    merkle_root(root, ids, count);
}
