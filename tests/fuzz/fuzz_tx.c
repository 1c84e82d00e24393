/* Transactions by real accounts with any type and body, several in one block on a small state.
 * Whatever the bytes, the block's root is that of the transactions that were taken, and no token is
 * made or lost. The first byte 0xff: the rest is one raw transaction. */
#include "node/base/invariant.h"
#include "tests/support/ledger.h"

enum { ACCOUNTS = 6, TXS = 16 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct ledger *genesis_ledger(void)
{
    static struct ledger ledger;
    static bool made;
    if (!made) {
        struct ledger_config config = {.seed = 1,
                                       .accounts = ACCOUNTS,
                                       .nodes = 3,
                                       .free = 1000000000,
                                       .bonded = 50000000,
                                       .bonded_step = 3};
        params_defaults(&config.params);
        config.params.epoch_blocks = 3;
        config.params.checkpoint_blocks = 1;
        config.params.unbonding_epochs = 1;
        config.params.governance = 1;
        config.params.vrf = 0;
        ledger_init(&ledger, &config);
        made = true;
    }
    return &ledger;
}

/* From account u8 | type u8 | length u8 | body, repeated; nonces are right unless the account byte
 * says otherwise. */
static size_t txs_read(struct span *txs, struct ledger *ledger, struct span in)
{
    uint64_t nonce[ACCOUNTS] = {0};
    size_t count = 0;
    while (in.len >= 3 && count < TXS) {
        size_t from = in.data[0] % ACCOUNTS;
        size_t len = in.data[2] < in.len - 3 ? in.data[2] : in.len - 3;
        struct span body = span_of(in.data + 3, len);
        txs[count++] = ledger_tx(ledger, from, nonce[from] + (in.data[0] >= 250), in.data[1], body);
        nonce[from]++;
        in = span_of(in.data + 3 + len, in.len - 3 - len);
    }
    return count;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct ledger ledger = *genesis_ledger();
    blob_keep(ledger.host.shared, ledger.blob);
    ledger.host.c.scratch = &ledger.host.scratch;
    if (size > 0 && data[0] == 0xff) {
        struct tx_facts facts;
        struct span tx = span_of(data + 1, size - 1);
        enum err err = tx_facts_get(&facts, &ledger.host.c, &ledger.genesis, tx);
        invariant(err != ERR_OK); /* nobody signs by chance */
    } else {
        struct span txs[TXS];
        bool taken[TXS];
        size_t count = txs_read(txs, &ledger, span_of(data, size));
        ledger_draft(&ledger, 1, 1, taken, txs, count);
        ledger_advance(&ledger, 4);
    }
    uint64_t sum;
    uint64_t minted;
    enum err err = state_conservation(ledger.host.shared, ledger.root, &sum, &minted);
    invariant(err == ERR_OK && sum == minted && minted == ledger.genesis.minted);
    blob_drop(ledger.host.shared, ledger.blob);
    test_host_step_end(&ledger.host);
    return 0;
}
