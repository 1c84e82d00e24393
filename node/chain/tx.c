#include "node/chain/tx.h"

#include "node/chain/block.h"
#include "node/chain/execution.h"
#include "node/wire/codec.h"

enum err tx_decode(struct tx *tx, struct span bytes)
{
    if (bytes.len < TX_LEAST_BYTES) {
        return ERR_TRUNCATED;
    }
    if (bytes.len > TX_BYTES_MAX) {
        return ERR_RANGE;
    }
    const uint8_t *at = bytes.data;
    *tx = (struct tx){.bytes = bytes,
                      .type = load16(at),
                      .sender = at + 2,
                      .nonce = load64(at + 34),
                      .fee_max = load64(at + 42),
                      .expiry = load64(at + 50),
                      .body = span_of(at + TX_HEAD_BYTES, bytes.len - TX_LEAST_BYTES)};
    return ERR_OK;
}

enum err tx_build(uint8_t *out, size_t capacity, size_t *len, const struct tx *tx,
                  const uint8_t genesis_hash[32], const struct sign_secret *sender)
{
    if (tx->body.len > TX_BYTES_MAX - TX_LEAST_BYTES) {
        return ERR_RANGE;
    }
    struct writer w;
    writer_init(&w, out, capacity);
    writer_u16(&w, tx->type);
    writer_raw(&w, sender->public_key, 32);
    writer_u64(&w, tx->nonce);
    writer_u64(&w, tx->fee_max);
    writer_u64(&w, tx->expiry);
    writer_raw(&w, tx->body.data, tx->body.len);
    uint8_t *sig = writer_room(&w, SIGN_BYTES);
    TRY(writer_end(&w, len));
    struct sign_message message = {.context = SIGN_CONTEXT("tx"),
                                   .genesis = genesis_hash,
                                   .body = {span_of(out, *len - SIGN_BYTES)}};
    sign_make(sig, sender, &message);
    return ERR_OK;
}

enum err tx_check_body(const struct tx *tx, struct tx_check *check)
{
    switch (tx->type) {
#define FAMILY(type, name, text)                                                                   \
    case type:                                                                                     \
        return tx_##name##_check(tx, check);
#include "node/chain/families.def"
#undef FAMILY
    default:
        return ERR_INVALID;
    }
}

enum err execution_family_apply(struct execution *x, const struct tx *tx, struct account *sender)
{
    switch (tx->type) {
#define FAMILY(type, name, text)                                                                   \
    case type:                                                                                     \
        return tx_##name##_apply(x, tx, sender);
#include "node/chain/families.def"
#undef FAMILY
    default:
        return ERR_INVALID;
    }
}
