/* Evidence on the chain: burns by the formula of chain 1.6, jail, the reporter's share, once per
 * offence, not after unbonding. */
#include <criterion/criterion.h>

#include "node/chain/leaves.h"
#include "node/chain/vote.h"
#include "tests/support/ledger.h"

#define TOKEN UINT64_C(1000000)
enum { EPOCH = 4, CHECKPOINT = 2, UNBONDING = 3 };

static struct ledger ledger;

static void start(size_t accounts)
{
    struct ledger_config config = {
        .seed = 13, .accounts = accounts, .free = 1000 * TOKEN, .bonded = 64 * TOKEN};
    params_defaults(&config.params);
    config.params.epoch_blocks = EPOCH;
    config.params.checkpoint_blocks = CHECKPOINT;
    config.params.unbonding_epochs = UNBONDING;
    ledger_init(&ledger, &config);
}

static struct account account_of(size_t index)
{
    struct account account;
    ledger_account(&account, &ledger, index);
    return account;
}

static struct span evidence_tx(size_t from, uint64_t nonce, uint8_t kind, struct span a,
                               struct span b)
{
    struct span first;
    struct span second;
    uint8_t body[1 + 2 * 514];
    struct writer w;
    size_t len;
    evidence_order(&first, &second, kind, a, b);
    writer_init(&w, body, sizeof(body));
    writer_u8(&w, kind);
    writer_bytes(&w, first, 512);
    writer_bytes(&w, second, 512);
    cr_assert_eq(writer_end(&w, &len), ERR_OK);
    return ledger_tx(&ledger, from, nonce, TX_evidence, span_of(body, len));
}

/* Two headers of `offender` at a height; salt makes other pairs. */
static struct span headers_tx(size_t from, uint64_t nonce, size_t offender, uint64_t height,
                              uint64_t salt)
{
    uint8_t bytes[2][HEADER_BYTES];
    for (uint64_t i = 0; i < 2; i++) {
        struct header header = {.version = HEADER_VERSION, .height = height, .ts_ms = salt + i};
        memcpy(header.genesis, ledger.genesis.hash, 32);
        memcpy(header.signer, ledger_key(&ledger, offender), 32);
        header_encode(bytes[i], &header);
        header_sign(bytes[i], &ledger.account[offender]);
    }
    return evidence_tx(from, nonce, EVIDENCE_H, span_of(bytes[0], HEADER_BYTES),
                       span_of(bytes[1], HEADER_BYTES));
}

static struct vote vote_of(size_t voter, uint8_t kind, uint64_t instance, uint32_t round,
                           uint8_t value, int32_t jr)
{
    struct vote vote = {
        .kind = kind, .instance = instance, .round = round, .value = {value}, .jr = jr};
    vote_sign(&vote, ledger.genesis.hash, &ledger.account[voter]);
    return vote;
}

static struct span votes_tx(size_t from, uint64_t nonce, uint8_t kind, size_t offender,
                            const struct vote *a, const struct vote *b)
{
    uint8_t bytes[2][SIGNED_VOTE_BYTES];
    signed_vote_encode(bytes[0], a, ledger_key(&ledger, offender));
    signed_vote_encode(bytes[1], b, ledger_key(&ledger, offender));
    return evidence_tx(from, nonce, kind, span_of(bytes[0], SIGNED_VOTE_BYTES),
                       span_of(bytes[1], SIGNED_VOTE_BYTES));
}

static void accepted(struct span tx)
{
    enum err err = ledger_block(&ledger, 2, 1, &tx, 1);
    cr_assert_eq(err, ERR_OK, "%s", err_text(err));
    uint64_t sum;
    uint64_t minted;
    cr_assert_eq(state_conservation(ledger.host.shared, ledger.root, &sum, &minted), ERR_OK);
    cr_assert(sum == minted && minted == ledger.genesis.minted);
}

static void refused(struct span tx, enum err err)
{
    cr_assert_eq(ledger_block(&ledger, 2, 1, &tx, 1), err, "expected %s", err_text(err));
}

static uint64_t burned(void)
{
    uint8_t key[32];
    struct span value;
    struct totals totals;
    leaf_key_single(key, STATE_TOTALS);
    cr_assert_eq(state_get(&value, ledger.host.shared, ledger.root, key), ERR_OK);
    cr_assert_eq(totals_decode(&totals, value), ERR_OK);
    return totals.burned;
}

Test(evidence, one_of_many_loses_the_least_share)
{
    start(200);
    struct span tx = headers_tx(0, 0, 5, 1, 7);
    uint64_t fee = tx.len;
    accepted(tx);
    /* 3 x 64 / 12800 is below 1/32 */
    struct account offender = account_of(5);
    cr_assert_eq(offender.bonded, 62 * TOKEN);
    cr_assert_eq(offender.jailed_until, UNBONDING);
    cr_assert_eq(burned(), 2 * TOKEN - 2 * TOKEN / 20);
    cr_assert_eq(account_of(0).free, 1000 * TOKEN - fee + 2 * TOKEN / 20);

    refused(headers_tx(0, 1, 5, 1, 7), ERR_DUPLICATE);
    refused(headers_tx(1, 0, 5, 1, 9), ERR_DUPLICATE); /* another pair, the same offence */
    accepted(headers_tx(1, 0, 5, 2, 9));               /* another height is another offence */
    cr_assert_eq(account_of(5).bonded, 62 * TOKEN - 62 * TOKEN / 32);

    struct committee committee;
    ledger_advance(&ledger, EPOCH);
    cr_assert_eq(committee_get(&committee, ledger.host.shared, ledger.root, 2), ERR_OK);
    cr_assert_eq(committee_find(&committee, ledger_key(&ledger, 5)), UINT32_MAX, "in jail");
    cr_assert_eq(committee.count, 199);
    uint64_t stake;
    cr_assert_eq(stake_effective(&stake, ledger.host.shared, ledger.root, &ledger.genesis.params,
                                 EPOCH, ledger_key(&ledger, 5)),
                 ERR_OK);
    cr_assert_eq(stake, 0);
    cr_assert_eq(ledger_end(&ledger), 0);
}

Test(evidence, a_third_together_loses_all)
{
    start(9);
    uint64_t slashed[] = {64, 128, 192};
    uint64_t total = 9 * 64;
    for (size_t i = 0; i < 3; i++) { /* total falls as bonds are burned and their owners jailed */
        accepted(headers_tx(0, i, 3 + i, 1, 0));
        uint64_t left = 64 * TOKEN - 64 * TOKEN * 3 * slashed[i] / total;
        if (3 * slashed[i] >= total) {
            left = 0;
        }
        cr_assert_eq(account_of(3 + i).bonded, left, "culprit %zu", i);
        total -= 64;
    }
    cr_assert_eq(account_of(5).bonded, 0);
    refused(headers_tx(0, 3, 5, 2, 0), ERR_NOT_FOUND); /* nothing left to burn */
    cr_assert_eq(ledger_end(&ledger), 0);
}

Test(evidence, votes_convict)
{
    start(200);
    struct vote prevote = vote_of(7, VOTE_PREVOTE, 1, 0, 1, -1);
    struct vote other = vote_of(7, VOTE_PREVOTE, 1, 0, 2, -1);
    struct vote precommit = vote_of(7, VOTE_PRECOMMIT, 1, 0, 1, -1);
    struct vote later = vote_of(7, VOTE_PREVOTE, 1, 1, 2, -1);
    struct vote fine = vote_of(7, VOTE_PREVOTE, 1, 1, 2, 0);
    struct vote far = vote_of(7, VOTE_PREVOTE, UINT64_MAX, 0, 1, -1);
    struct vote far_too = vote_of(7, VOTE_PREVOTE, UINT64_MAX, 0, 2, -1);
    refused(votes_tx(0, 0, EVIDENCE_S2, 7, &precommit, &fine), ERR_INVALID);
    refused(votes_tx(0, 0, EVIDENCE_S1, 7, &precommit, &later), ERR_INVALID);
    refused(votes_tx(0, 0, EVIDENCE_S1, 8, &prevote, &other), ERR_SIGNATURE);
    refused(votes_tx(0, 0, EVIDENCE_S1, 7, &far, &far_too), ERR_RANGE);
    accepted(votes_tx(0, 0, EVIDENCE_S1, 7, &prevote, &other));
    cr_assert_eq(account_of(7).bonded, 62 * TOKEN);
    refused(votes_tx(0, 1, EVIDENCE_S2, 7, &precommit, &later), ERR_DUPLICATE); /* one instance */
    struct vote p2 = vote_of(7, VOTE_PRECOMMIT, 2, 0, 1, -1);
    struct vote l2 = vote_of(7, VOTE_PREVOTE, 2, 1, 2, -1);
    accepted(votes_tx(0, 1, EVIDENCE_S2, 7, &p2, &l2));
    cr_assert_eq(ledger_end(&ledger), 0);
}

Test(evidence, it_grows_stale_with_unbonding)
{
    start(40);
    struct span txs[1] = {ledger_tx_amount(&ledger, 5, 0, TX_unbond, 64 * TOKEN)};
    accepted(txs[0]); /* block 1, epoch 0 */
    ledger_advance(&ledger, UNBONDING * EPOCH - 1);
    /* block 12 is the last of epoch 2: what was unbonded in epoch 0 can still be slashed */
    accepted(headers_tx(0, 0, 5, 1, 0));
    cr_assert_eq(account_of(5).unbonding[0].amount, 64 * TOKEN - 64 * TOKEN * 3 * 64 / (39 * 64));
    refused(headers_tx(0, 1, 6, 1, 0), ERR_STALE);
    refused(headers_tx(0, 1, 6, EPOCH, 0), ERR_STALE);
    uint64_t before = account_of(6).bonded;
    accepted(headers_tx(0, 1, 6, EPOCH + 1, 0)); /* an offence of epoch 1 */
    cr_assert_lt(account_of(6).bonded, before);
    refused(headers_tx(0, 2, 5, EPOCH + 1, 0), ERR_NOT_FOUND); /* matured: out of reach */
    cr_assert_eq(ledger_end(&ledger), 0);
}

Test(evidence, against_oneself_pays_nothing_and_jail_ends_by_a_bond)
{
    start(200);
    struct span tx = headers_tx(9, 0, 9, 1, 0);
    uint64_t fee = tx.len;
    accepted(tx);
    cr_assert_eq(account_of(9).free, 1000 * TOKEN - fee);
    cr_assert_eq(burned(), 2 * TOKEN);
    accepted(ledger_tx_amount(&ledger, 9, 1, TX_bond, TOKEN));
    cr_assert_eq(account_of(9).jailed_until, UNBONDING, "too early");
    ledger_advance(&ledger, UNBONDING * EPOCH);
    accepted(ledger_tx_amount(&ledger, 9, 2, TX_bond, TOKEN));
    cr_assert_eq(account_of(9).jailed_until, 0);
    ledger_advance(&ledger, 4 * EPOCH);
    struct committee committee;
    cr_assert_eq(committee_get(&committee, ledger.host.shared, ledger.root, 5), ERR_OK);
    uint32_t voter = committee_find(&committee, ledger_key(&ledger, 9));
    cr_assert_eq(committee_weight(&committee, voter), 64);
    cr_assert_eq(ledger_end(&ledger), 0);
}
