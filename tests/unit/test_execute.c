/* Execution: what each family refuses and does, fees, drafts, and long storms of random
 * transactions against a model written here. Expected errors and amounts are from docs/wire.md 4
 * and 6. */
#include <criterion/criterion.h>

#include "node/chain/leaves.h"
#include "tests/support/ledger.h"

#define TOKEN UINT64_C(1000000)

static struct ledger ledger;

static void start(size_t accounts, size_t nodes, void (*tune)(struct params *))
{
    struct ledger_config config = {.seed = 7,
                                   .accounts = accounts,
                                   .nodes = nodes,
                                   .free = 1000 * TOKEN,
                                   .bonded = 50 * TOKEN,
                                   .bonded_step = TOKEN};
    params_defaults(&config.params);
    config.params.epoch_blocks = 4;
    config.params.checkpoint_blocks = 2;
    config.params.unbonding_epochs = 2;
    config.params.vrf_epochs = 2;
    config.params.lookback_blocks = 6;
    if (tune != NULL) {
        tune(&config.params);
    }
    ledger_init(&ledger, &config);
}

static struct account account_of(size_t index)
{
    struct account account;
    ledger_account(&account, &ledger, index);
    return account;
}

static void conserved(void)
{
    uint64_t sum;
    uint64_t minted;
    cr_assert_eq(state_conservation(ledger.host.shared, ledger.root, &sum, &minted), ERR_OK);
    cr_assert_eq(sum, minted);
    cr_assert_eq(minted, ledger.genesis.minted);
}

/* A block of one transaction must be refused with err, and so must the pool refuse it. */
static void refused(struct span tx, enum err err)
{
    struct tx_facts facts;
    struct ctx *c = &ledger.host.c;
    enum err seen = tx_facts_get(&facts, c, &ledger.genesis, tx);
    if (seen == ERR_OK) {
        for (unsigned i = 0; i < 2; i++) {
            seen = tx_admissible(c, &ledger.genesis, ledger.root, ledger.height + 1, &facts, tx);
        }
    }
    if (err != ERR_NONCE) { /* the pool keeps a later nonce, and calls a used one stale */
        cr_assert_eq(seen, err, "pool: %s, expected %s", err_text(seen), err_text(err));
    }
    uint8_t before[32];
    memcpy(before, ledger.root, 32);
    struct span txs[1] = {tx};
    uint8_t copy[4096];
    memcpy(copy, tx.data, tx.len);
    txs[0].data = copy;
    seen = ledger_block(&ledger, 1, 1, txs, 1);
    cr_assert_eq(seen, err, "block: %s, expected %s", err_text(seen), err_text(err));
    cr_assert(memcmp(before, ledger.root, 32) == 0);
}

static void accepted(struct span tx)
{
    struct tx_facts facts;
    struct ctx *c = &ledger.host.c;
    cr_assert_eq(tx_facts_get(&facts, c, &ledger.genesis, tx), ERR_OK);
    cr_assert_eq(tx_admissible(c, &ledger.genesis, ledger.root, ledger.height + 1, &facts, tx),
                 ERR_OK);
    enum err err = ledger_block(&ledger, 1, 1, &tx, 1);
    cr_assert_eq(err, ERR_OK, "%s", err_text(err));
    conserved();
}

Test(execute, genesis_is_what_it_says)
{
    start(8, 5, NULL);
    conserved();
    for (size_t i = 0; i < 8; i++) {
        struct account account = account_of(i);
        cr_assert_eq(account.free, 1000 * TOKEN);
        cr_assert_eq(account.bonded, (50 + i) * TOKEN);
        cr_assert_eq(account.nonce + account.vrf_height + account.jailed_until, 0);
        uint64_t stake;
        cr_assert_eq(stake_effective(&stake, ledger.host.shared, ledger.root,
                                     &ledger.genesis.params, 0, ledger_key(&ledger, i)),
                     ERR_OK);
        cr_assert_eq(stake, i < 5 ? 50 + i : 0, "no VRF key, no block");
        struct node_facts facts;
        enum err err =
            state_node(&facts, ledger.host.shared, ledger.root, ledger.node[i].public_key);
        cr_assert_eq(err, i < 5 ? ERR_OK : ERR_NOT_FOUND);
        if (i < 5) {
            cr_assert(memcmp(facts.owner, ledger_key(&ledger, i), 32) == 0);
            cr_assert_eq(facts.status, NODE_ACTIVE);
            cr_assert_eq(facts.endpoint[16], 1000 >> 8);
        }
    }
    struct params params;
    cr_assert_eq(state_params(&params, ledger.host.shared, ledger.root), ERR_OK);
    cr_assert_eq(params.epoch_blocks, 4);
    for (uint64_t epoch = 0; epoch < 2; epoch++) {
        struct committee committee;
        cr_assert_eq(committee_get(&committee, ledger.host.shared, ledger.root, epoch), ERR_OK);
        cr_assert(committee.count == 8 && committee.total == 8 * 50 + 28);
        cr_assert(memcmp(committee.beacon, ledger.genesis.seed, 32) == 0);
    }
    cr_assert_eq(ledger_end(&ledger), 0);
}

Test(execute, transfers_fees_and_envelopes)
{
    start(4, 4, NULL);
    struct span tx = ledger_tx_transfer(&ledger, 0, 0, 2, 5 * TOKEN);
    uint64_t fee = tx.len;
    accepted(tx);
    cr_assert_eq(account_of(0).free, 995 * TOKEN - fee);
    cr_assert_eq(account_of(0).nonce, 1);
    cr_assert_eq(account_of(2).free, 1005 * TOKEN);
    cr_assert_eq(account_of(1).free, 1000 * TOKEN + fee, "to the signer of the block");

    refused(ledger_tx_transfer(&ledger, 0, 0, 2, 1), ERR_NONCE);
    refused(ledger_tx_transfer(&ledger, 0, 2, 2, 1), ERR_NONCE);
    refused(ledger_tx_transfer(&ledger, 0, 1, 2, 995 * TOKEN - fee), ERR_BALANCE);
    refused(ledger_tx_transfer(&ledger, 0, 1, 0, 995 * TOKEN), ERR_BALANCE);
    refused(ledger_tx_transfer(&ledger, 0, 1, 2, UINT64_MAX), ERR_BALANCE);
    accepted(ledger_tx_transfer(&ledger, 0, 1, 2, 995 * TOKEN - 2 * fee));
    cr_assert_eq(account_of(0).free, 0);
    refused(ledger_tx_transfer(&ledger, 0, 2, 2, 0), ERR_BALANCE);
    accepted(ledger_tx_transfer(&ledger, 2, 0, 2, TOKEN));
    cr_assert_eq(account_of(2).free, 2000 * TOKEN - 3 * fee);

    uint8_t body[41 + 1030] = {0};
    struct tx raw = {.type = TX_transfer, .nonce = 1, .body = span_of(body, 41), .expiry = 1000};
    raw.fee_max = TX_LEAST_BYTES + 41 - 1;
    refused(ledger_tx_with(&ledger, 2, &raw), ERR_FEE);
    raw.fee_max++;
    raw.expiry = ledger.height;
    refused(ledger_tx_with(&ledger, 2, &raw), ERR_EXPIRED);
    raw.expiry++;
    raw.body.len = 40;
    refused(ledger_tx_with(&ledger, 2, &raw), ERR_TRUNCATED);
    raw.body.len = 42;
    refused(ledger_tx_with(&ledger, 2, &raw), ERR_TRAILING);
    store16(body + 40, 0x0881); /* 1025 */
    raw.body.len = 42 + 1025;
    refused(ledger_tx_with(&ledger, 2, &raw), ERR_RANGE);
    body[40] = 0;
    raw.body.len = 41;
    raw.type = 0x99;
    refused(ledger_tx_with(&ledger, 2, &raw), ERR_INVALID);
    raw.type = TX_transfer;
    tx = ledger_tx_with(&ledger, 2, &raw);
    for (size_t i = 0; i < tx.len; i += 11) {
        ((uint8_t *)(uintptr_t)tx.data)[i] ^= 4;
        struct tx_facts facts;
        cr_assert_eq(tx_facts_get(&facts, &ledger.host.c, &ledger.genesis, tx), ERR_SIGNATURE);
        ((uint8_t *)(uintptr_t)tx.data)[i] ^= 4;
    }
    accepted(tx);
    struct tx_facts facts;
    cr_assert_eq(tx_facts_get(&facts, &ledger.host.c, &ledger.genesis, span_of(body, 50)),
                 ERR_TRUNCATED);
    cr_assert_eq(ledger_end(&ledger), 0);
}

static void tune_limits(struct params *params)
{
    params->fee_multiplier_min = 2;
    params->block_txs_max = 2;
}

Test(execute, blocks_keep_to_the_limits)
{
    start(4, 4, tune_limits);
    cr_assert_eq(ledger_block(&ledger, 0, 1, NULL, 0), ERR_INVALID, "fee multiplier too small");
    struct span txs[3];
    bool taken[3];
    for (size_t i = 0; i < 3; i++) {
        txs[i] = ledger_tx_transfer(&ledger, i, 0, 3, TOKEN);
    }
    size_t used = ledger.txs_used;
    cr_assert_eq(ledger_block(&ledger, 0, 2, txs, 3), ERR_INVALID, "too many transactions");
    ledger.txs_used = used;
    ledger_draft(&ledger, 0, 3, taken, txs, 3);
    cr_assert(taken[0] && taken[1] && !taken[2]);
    cr_assert_eq(account_of(1).free, 999 * TOKEN - 3 * txs[1].len);
    cr_assert_eq(ledger_end(&ledger), 0);
}

Test(execute, bonds_wait_to_be_withdrawn)
{
    start(4, 4, NULL); /* epochs of 4 blocks, 2 epochs to wait */
    refused(ledger_tx_amount(&ledger, 0, 0, TX_bond, TOKEN - 1), ERR_RANGE);
    refused(ledger_tx_amount(&ledger, 0, 0, TX_bond, 0), ERR_RANGE);
    refused(ledger_tx_amount(&ledger, 0, 0, TX_bond, 1000 * TOKEN), ERR_BALANCE);
    refused(ledger_tx_amount(&ledger, 0, 0, TX_unbond, 51 * TOKEN), ERR_BALANCE);
    refused(ledger_tx_amount(&ledger, 0, 0, TX_withdraw, 1), ERR_BALANCE);
    accepted(ledger_tx_amount(&ledger, 0, 0, TX_bond, 10 * TOKEN)); /* height 1 */
    cr_assert_eq(account_of(0).bonded, 60 * TOKEN);
    accepted(ledger_tx_amount(&ledger, 0, 1, TX_unbond, 30 * TOKEN));
    accepted(ledger_tx_amount(&ledger, 0, 2, TX_unbond, 5 * TOKEN));
    struct account account = account_of(0);
    cr_assert_eq(account.bonded, 25 * TOKEN);
    cr_assert(account.unbonding_count == 1 && account.unbonding[0].amount == 35 * TOKEN &&
              account.unbonding[0].epoch == 0);
    ledger_advance(&ledger, 7);
    refused(ledger_tx_amount(&ledger, 0, 3, TX_withdraw, 1), ERR_BALANCE); /* block 8: epoch 1 */
    ledger_advance(&ledger, 8);
    refused(ledger_tx_amount(&ledger, 0, 3, TX_withdraw, 35 * TOKEN + 1), ERR_BALANCE);
    accepted(ledger_tx_amount(&ledger, 0, 3, TX_withdraw, 20 * TOKEN)); /* block 9: epoch 2 */
    accepted(ledger_tx_amount(&ledger, 0, 4, TX_withdraw, 15 * TOKEN));
    cr_assert_eq(account_of(0).unbonding_count, 0);
    accepted(ledger_tx_amount(&ledger, 0, 5, TX_unbond, 25 * TOKEN));
    cr_assert_eq(account_of(0).bonded, 0);
    cr_assert_eq(ledger_end(&ledger), 0);
}

static void nodes_come_and_go(void)
{
    uint8_t body[1024];
    size_t len = ledger_registration(body, &ledger, 1, 1, 1, 2000);
    refused(ledger_tx(&ledger, 0, 0, TX_register_node, span_of(body, len)), ERR_SIGNATURE);
    refused(ledger_tx(&ledger, 1, 0, TX_register_node, span_of(body, len)), ERR_DUPLICATE);
    len = ledger_registration(body, &ledger, 2, 1, 2, 2000);
    refused(ledger_tx(&ledger, 2, 0, TX_register_node, span_of(body, len)), ERR_DUPLICATE);
    refused(ledger_tx(&ledger, 2, 0, TX_update_node, span_of(body, len)), ERR_NOT_FOUND);
    len = ledger_registration(body, &ledger, 2, 2, 2, 2000);
    body[len - 100] ^= 1;
    refused(ledger_tx(&ledger, 2, 0, TX_register_node, span_of(body, len)), ERR_SIGNATURE);
    body[len - 100] ^= 1;
    body[len - 1] ^= ledger.genesis.params.vrf == 0 ? 1 : 0x10;
    struct span tx = ledger_tx(&ledger, 2, 0, TX_register_node, span_of(body, len));
    struct tx_facts facts;
    cr_assert_neq(tx_facts_get(&facts, &ledger.host.c, &ledger.genesis, tx), ERR_OK);
    body[len - 1] ^= ledger.genesis.params.vrf == 0 ? 1 : 0x10;
    accepted(ledger_tx(&ledger, 2, 0, TX_register_node, span_of(body, len)));
    uint64_t registered = ledger.height;
    struct account account = account_of(2);
    cr_assert(memcmp(account.node_id, ledger.node[2].public_key, 32) == 0);
    cr_assert(memcmp(account.vrf_key, ledger.vrf[2].public_key, 32) == 0);
    cr_assert_eq(account.vrf_height, registered);
    for (uint64_t h = registered; h < registered + 12; h++) { /* two epochs of 4 blocks */
        ledger_advance(&ledger, h);
        uint64_t stake;
        cr_assert_eq(stake_effective(&stake, ledger.host.shared, ledger.root,
                                     &ledger.genesis.params, h, ledger_key(&ledger, 2)),
                     ERR_OK);
        cr_assert_eq(stake, h + 1 >= registered + 8 ? 52 : 0, "child of %lu", h);
    }
    len = ledger_registration(body, &ledger, 2, 2, 2, 3000);
    accepted(ledger_tx(&ledger, 2, 1, TX_update_node, span_of(body, len)));
    cr_assert_eq(account_of(2).vrf_height, registered, "same VRF key, same age");
    len = ledger_registration(body, &ledger, 2, 2, 3, 3000);
    accepted(ledger_tx(&ledger, 2, 2, TX_update_node, span_of(body, len)));
    cr_assert_eq(account_of(2).vrf_height, ledger.height, "another key waits again");
    struct node_facts node;
    cr_assert_eq(state_node(&node, ledger.host.shared, ledger.root, ledger.node[2].public_key),
                 ERR_OK);
    cr_assert_eq(node.endpoint[16], 3000 >> 8);

    refused(ledger_tx(&ledger, 2, 3, TX_leave, span_of(ledger.node[1].public_key, 32)),
            ERR_NOT_FOUND);
    accepted(ledger_tx(&ledger, 2, 3, TX_leave, span_of(ledger.node[2].public_key, 32)));
    refused(ledger_tx(&ledger, 2, 4, TX_leave, span_of(ledger.node[2].public_key, 32)),
            ERR_NOT_FOUND);
    cr_assert_eq(state_node(&node, ledger.host.shared, ledger.root, ledger.node[2].public_key),
                 ERR_OK);
    cr_assert_eq(node.status, NODE_LEFT);
    len = ledger_registration(body, &ledger, 3, 2, 2, 2000); /* who left may be taken by another */
    accepted(ledger_tx(&ledger, 3, 0, TX_register_node, span_of(body, len)));
    cr_assert_eq(ledger_end(&ledger), 0);
}

static void tune_vrf_off(struct params *params)
{
    params->vrf = 0;
}

Test(execute, nodes_with_vrf)
{
    start(4, 2, NULL);
    nodes_come_and_go();
}

Test(execute, nodes_without_vrf)
{
    start(4, 2, tune_vrf_off);
    nodes_come_and_go();
}

static struct span param_tx(size_t from, uint64_t nonce, uint16_t code, uint64_t value,
                            uint64_t height)
{
    uint8_t body[18];
    store16(body, code);
    store64(body + 2, value);
    store64(body + 10, height);
    return ledger_tx(&ledger, from, nonce, TX_param, span_of(body, sizeof(body)));
}

static void tune_governed(struct params *params)
{
    params->governance = 1;
}

Test(execute, the_governor_changes_parameters)
{
    start(4, 4, NULL);
    refused(param_tx(0, 0, 23, 5, 50), ERR_INVALID); /* governance is off */
    cr_assert_eq(ledger_end(&ledger), 0);

    start(4, 4, tune_governed);
    refused(param_tx(1, 0, 23, 5, 50), ERR_INVALID);
    refused(param_tx(0, 0, 12, 8, 50), ERR_INVALID); /* an epoch's length stays */
    refused(param_tx(0, 0, 999, 8, 50), ERR_INVALID);
    refused(param_tx(0, 0, 22, 0, 50), ERR_RANGE);
    refused(param_tx(0, 0, 23, 5, 1), ERR_STALE);
    accepted(param_tx(0, 0, 23, 5, 4)); /* fee_multiplier_min in blocks 4, 5 */
    accepted(param_tx(0, 1, 23, 1, 6)); /* in block 2 */
    struct params params;
    cr_assert_eq(state_params(&params, ledger.host.shared, ledger.root), ERR_OK);
    cr_assert_eq(params.fee_multiplier_min, 1);
    ledger_advance(&ledger, 3);
    cr_assert_eq(state_params(&params, ledger.host.shared, ledger.root), ERR_OK);
    cr_assert_eq(params.fee_multiplier_min, 5, "in force for the child");
    cr_assert_eq(ledger_block(&ledger, 0, 4, NULL, 0), ERR_INVALID);
    cr_assert_eq(ledger_block(&ledger, 0, 5, NULL, 0), ERR_OK);
    cr_assert_eq(ledger_block(&ledger, 0, 5, NULL, 0), ERR_OK);
    cr_assert_eq(ledger_block(&ledger, 0, 1, NULL, 0), ERR_OK);
    for (uint64_t i = 0; i < PARAMS_PENDING; i++) {
        accepted(param_tx(0, 2 + i, 23, i, 1000 - i));
    }
    refused(param_tx(0, 2 + PARAMS_PENDING, 23, 1, 2000), ERR_FULL);
    cr_assert_eq(ledger_end(&ledger), 0);
}

/* What the four money families do, told once more in the simplest way. */
struct model {
    uint64_t nonce, free, bonded;
    uint64_t waiting[4096]; /* unbonded in this epoch and not withdrawn */
};

static bool model_matured(struct model *m, uint64_t epoch, uint64_t amount, bool take)
{
    uint64_t sum = 0;
    for (uint64_t e = 0; e + 2 <= epoch; e++) {
        sum += m->waiting[e];
    }
    if (amount > sum) {
        return false;
    }
    for (uint64_t e = 0; take && amount > 0; e++) {
        uint64_t part = m->waiting[e] < amount ? m->waiting[e] : amount;
        m->waiting[e] -= part;
        amount -= part;
    }
    return true;
}

static bool model_apply(struct model *all, size_t from, size_t to, uint16_t type, uint64_t nonce,
                        uint64_t amount, uint64_t fee, uint64_t epoch)
{
    struct model *m = &all[from];
    if (nonce != m->nonce || fee > m->free) {
        return false;
    }
    uint64_t free = m->free - fee;
    bool ok = type == TX_unbond     ? amount > 0 && amount <= m->bonded
              : type == TX_withdraw ? amount > 0 && model_matured(m, epoch, amount, true)
              : type == TX_bond     ? amount >= TOKEN && amount <= free
                                    : amount <= free;
    if (!ok) {
        return false;
    }
    m->nonce++;
    m->free = free;
    if (type == TX_transfer) {
        m->free -= amount;
        all[to].free += amount;
    } else if (type == TX_bond) {
        m->free -= amount;
        m->bonded += amount;
    } else if (type == TX_unbond) {
        m->bonded -= amount;
        m->waiting[epoch] += amount;
    } else {
        m->free += amount;
    }
    return true;
}

enum { STORM_ACCOUNTS = 24, STORM_BLOCKS = 250, STORM_TXS = 40 };
static struct model model[STORM_ACCOUNTS];

static void storm_block(struct rng *rng)
{
    struct span txs[STORM_TXS];
    bool taken[STORM_TXS];
    bool expected[STORM_TXS];
    uint64_t epoch = ledger.height / 4;
    uint32_t multiplier = (uint32_t)rng_below(rng, 50) + 1;
    uint64_t fees = 0;
    for (size_t i = 0; i < STORM_TXS; i++) {
        static const uint16_t types[] = {TX_transfer, TX_bond, TX_unbond, TX_withdraw};
        size_t from = rng_below(rng, STORM_ACCOUNTS);
        size_t to = rng_below(rng, STORM_ACCOUNTS);
        uint16_t type = types[rng_below(rng, 4)];
        uint64_t most[] = {model[from].free, model[from].free / 4, model[from].bonded, 200 * TOKEN};
        uint64_t amount = rng_below(rng, 1 + most[type - 1] + most[type - 1] / 8);
        uint64_t nonce = model[from].nonce + (rng_below(rng, 16) == 0);
        txs[i] = type == TX_transfer ? ledger_tx_transfer(&ledger, from, nonce, to, amount)
                                     : ledger_tx_amount(&ledger, from, nonce, type, amount);
        uint64_t fee = txs[i].len * multiplier;
        expected[i] = model_apply(model, from, to, type, nonce, amount, fee, epoch);
        fees += expected[i] ? fee : 0;
    }
    size_t signer = rng_below(rng, STORM_ACCOUNTS);
    model[signer].free += fees;
    ledger_draft(&ledger, signer, multiplier, taken, txs, STORM_TXS);
    for (size_t i = 0; i < STORM_TXS; i++) {
        cr_assert_eq(taken[i], expected[i], "block %lu, transaction %zu", ledger.height, i);
    }
}

static void storm(int memo, uint8_t root[32])
{
    start(STORM_ACCOUNTS, 0, NULL);
    if (memo == TEST_MEMO_OFF) {
        cr_assert_eq(ledger_end(&ledger), 0);
        struct ledger_config config = {.seed = 7,
                                       .memo = memo,
                                       .accounts = STORM_ACCOUNTS,
                                       .free = 1000 * TOKEN,
                                       .bonded = 50 * TOKEN,
                                       .bonded_step = TOKEN,
                                       .params = ledger.genesis.params};
        ledger_init(&ledger, &config);
    }
    struct rng rng;
    rng_init_stream(&rng, 11, RNG_TEST, 1);
    memset(model, 0, sizeof(model));
    for (size_t i = 0; i < STORM_ACCOUNTS; i++) {
        model[i].free = 1000 * TOKEN;
        model[i].bonded = (50 + i) * TOKEN;
    }
    unsigned blocks = memo == TEST_MEMO_OFF ? 20 : STORM_BLOCKS; /* 10^4 transactions */
    for (unsigned b = 0; b < blocks; b++) {
        storm_block(&rng);
        conserved();
        for (size_t i = 0; i < STORM_ACCOUNTS; i++) {
            struct account account = account_of(i);
            cr_assert(account.free == model[i].free && account.bonded == model[i].bonded &&
                      account.nonce == model[i].nonce);
        }
        if (b == 19) {
            memcpy(root, ledger.root, 32);
        }
    }
    cr_assert_eq(ledger_end(&ledger), 0);
}

Test(execute, storms_agree_with_the_model_and_conserve)
{
    uint8_t with[32];
    uint8_t without[32];
    storm(TEST_MEMO_ON, with);
    storm(TEST_MEMO_OFF, without);
    cr_assert(memcmp(with, without, 32) == 0, "the memo changes nothing");
}

Test(execute, what_is_left_out_leaves_no_trace)
{
    start(8, 4, NULL);
    struct span txs[40];
    bool taken[40];
    for (unsigned round = 0; round < 12; round++) {
        uint8_t empty[32];
        uint8_t beta[64];
        const struct blob *blob;
        struct header header = {.height = ledger.height + 1, .fee_multiplier = 1};
        ledger_beta(beta, &ledger, header.height);
        struct ctx *c = &ledger.host.c;
        cr_assert_eq(execute_draft(empty, &blob, NULL, c, &ledger.genesis, ledger.root, &header,
                                   beta, NULL, 0),
                     ERR_OK);
        blob_drop(ledger.host.shared, blob);
        for (size_t i = 0; i < 40; i++) { /* every one fails late, after balances were touched */
            size_t from = i % 8;
            txs[i] = i % 2 == 0 ? ledger_tx_transfer(&ledger, from, 0, 1, 1000 * TOKEN)
                                : ledger_tx_amount(&ledger, from, 0, TX_unbond, 500 * TOKEN);
        }
        uint8_t root[32];
        cr_assert_eq(execute_draft(root, &blob, taken, c, &ledger.genesis, ledger.root, &header,
                                   beta, txs, 40),
                     ERR_OK);
        blob_drop(ledger.host.shared, blob);
        for (size_t i = 0; i < 40; i++) {
            cr_assert_not(taken[i]);
        }
        cr_assert(memcmp(root, empty, 32) == 0);
        ledger_advance(&ledger, ledger.height + 1);
    }
    cr_assert_eq(ledger_end(&ledger), 0);
}

Test(execute, small_scratch_and_missing_state_are_not_the_blocks_fault)
{
    start(4, 4, NULL);
    uint8_t beta[64] = {0};
    uint8_t root[32];
    const struct blob *blob;
    struct header header = {.version = HEADER_VERSION, .height = 1, .fee_multiplier = 1};
    uint8_t bytes[HEADER_BYTES + 1] = {0};
    header_encode(bytes, &header);
    struct span block = span_of(bytes, sizeof(bytes));
    struct arena *scratch = ledger.host.c.scratch;
    size_t capacity = scratch->capacity;
    struct ctx *c = &ledger.host.c;
    for (size_t small = 64; small < 2048; small += 512) {
        scratch->capacity = small;
        cr_assert_eq(execute_block(root, &blob, c, &ledger.genesis, ledger.root, block, beta),
                     ERR_NO_MEMORY);
    }
    scratch->capacity = capacity;
    uint8_t nowhere[32] = {1};
    cr_assert_eq(execute_block(root, &blob, c, &ledger.genesis, nowhere, block, beta), ERR_UNKNOWN);
    cr_assert_eq(execute_block(root, &blob, c, &ledger.genesis, ledger.root, block, beta), ERR_OK);
    blob_drop(ledger.host.shared, blob);
    /* the state is gone, the memo still knows its root: it is made again */
    uint8_t again[32];
    cr_assert_eq(execute_block(again, &blob, c, &ledger.genesis, ledger.root, block, beta), ERR_OK);
    cr_assert(memcmp(root, again, 32) == 0 && blob != NULL);
    blob_drop(ledger.host.shared, blob);
    /* another body under the same header is another block */
    header.tx_root[0] = 1;
    header_encode(bytes, &header);
    cr_assert_eq(execute_block(root, &blob, c, &ledger.genesis, ledger.root, block, beta),
                 ERR_INVALID);
    cr_assert_eq(ledger_end(&ledger), 0);
}
