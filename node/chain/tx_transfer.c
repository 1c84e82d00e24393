/* transfer (0x01): to key 32 | amount u64 | memo bytes<1024>. */
#include "node/chain/execution.h"
#include "node/wire/codec.h"

#define MEMO_BYTES_MAX 1024

struct transfer {
    const uint8_t *to;
    uint64_t amount;
};

static enum err transfer_read(struct transfer *transfer, struct span body)
{
    struct reader r;
    reader_init(&r, body);
    transfer->to = reader_raw(&r, 32);
    transfer->amount = reader_u64(&r);
    (void)reader_bytes(&r, MEMO_BYTES_MAX);
    return reader_end(&r);
}

enum err tx_transfer_check(const struct tx *tx, struct tx_check *check)
{
    (void)check;
    struct transfer transfer;
    return transfer_read(&transfer, tx->body);
}

enum err tx_transfer_apply(struct execution *x, const struct tx *tx, struct account *sender)
{
    struct transfer transfer;
    TRY(transfer_read(&transfer, tx->body));
    if (transfer.amount > sender->free) {
        return ERR_BALANCE;
    }
    if (memcmp(transfer.to, tx->sender, 32) == 0) {
        return ERR_OK;
    }
    struct account to;
    TRY(execution_account_get(&to, x, transfer.to));
    sender->free -= transfer.amount;
    to.free += transfer.amount; /* no overflow: all tokens together fit */
    return execution_account_put(x, transfer.to, &to);
}
