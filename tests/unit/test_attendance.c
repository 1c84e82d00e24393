/* Attendance: what its transaction refuses, and that members who were missing in half of the calls
 * have no seat in the next committee that is drawn, and only there (spec: chain 1.6). */
#include <criterion/criterion.h>

#include "node/chain/attendance.h"
#include "node/chain/leaves.h"
#include "tests/support/ledger.h"

#define TOKEN UINT64_C(1000000)
enum { EPOCH = 12, CHECKPOINT = 2, ACCOUNTS = 9, CALLS = EPOCH / CHECKPOINT };

static struct ledger ledger;

static void start(uint64_t mode)
{
    struct ledger_config config = {
        .seed = 21, .accounts = ACCOUNTS, .free = 1000 * TOKEN, .bonded = 10 * TOKEN};
    params_defaults(&config.params);
    config.params.epoch_blocks = EPOCH;
    config.params.checkpoint_blocks = CHECKPOINT;
    config.params.committee = mode;
    config.params.seats = 200;
    ledger_init(&ledger, &config);
}

static size_t proposer_of(uint64_t instance)
{
    struct committee committee;
    uint64_t epoch = (instance * CHECKPOINT - 1) / EPOCH;
    cr_assert_eq(committee_get(&committee, ledger.host.shared, ledger.root, epoch), ERR_OK);
    uint32_t voter = committee_proposer(&committee, &ledger.genesis.params, instance, 0);
    for (size_t i = 0; i < ACCOUNTS; i++) {
        if (memcmp(ledger_key(&ledger, i), committee_key(&committee, voter), 32) == 0) {
            return i;
        }
    }
    cr_assert(false);
    return 0;
}

static struct vote vote_of(size_t account, uint16_t voter, uint64_t instance, uint8_t value)
{
    struct vote vote = {
        .voter = voter, .kind = VOTE_PREVOTE, .instance = instance, .value = {value}, .jr = -1};
    vote_sign(&vote, ledger.genesis.hash, &ledger.account[account]);
    return vote;
}

/* All accounts are members, so that voter i is account i; those with a bit in `missing` did not
 * vote. */
static struct span votes_tx(size_t from, uint64_t instance, unsigned missing)
{
    struct vote votes[ACCOUNTS];
    uint8_t body[ACCOUNTS * 80 + 100];
    size_t count = 0;
    size_t len;
    for (uint16_t i = 0; i < ACCOUNTS; i++) {
        if ((missing >> i & 1) == 0) {
            votes[count++] = vote_of(i, i, instance, i < 2 ? 0 : 1); /* two for nil: present too */
        }
    }
    cr_assert_eq(attendance_body(body, sizeof(body), &len, votes, count), ERR_OK);
    struct account account;
    ledger_account(&account, &ledger, from);
    return ledger_tx(&ledger, from, account.nonce, TX_attendance, span_of(body, len));
}

static enum err block_with(struct span tx)
{
    struct tx_facts facts;
    struct ctx *c = &ledger.host.c;
    enum err pool = tx_facts_get(&facts, c, &ledger.genesis, tx);
    if (pool == ERR_OK) {
        pool = tx_admissible(c, &ledger.genesis, ledger.root, ledger.height + 1, &facts, tx);
    }
    enum err err = ledger_block(&ledger, 0, 1, &tx, 1);
    cr_assert_eq(err, pool);
    return err;
}

static bool sits(size_t account, uint64_t epoch)
{
    struct committee committee;
    cr_assert_eq(committee_get(&committee, ledger.host.shared, ledger.root, epoch), ERR_OK);
    return committee_find(&committee, ledger_key(&ledger, account)) != UINT32_MAX;
}

static void absent_in(uint64_t mode)
{
    start(mode);
    for (uint64_t i = 1; i < CALLS; i++) { /* 3 never, 4 in three of five calls, 5 in two of five */
        unsigned missing = 1u << 3 | (i % 2 == 1 ? 1u << 4 : 1u << 5);
        ledger_advance(&ledger, i * CHECKPOINT - 1);
        cr_assert_eq(block_with(votes_tx(proposer_of(i), i, missing)), ERR_OK);
    }
    ledger_advance(&ledger, EPOCH);
    for (size_t account = 0; account < ACCOUNTS; account++) {
        cr_assert(sits(account, 1));
        cr_assert_eq(sits(account, 2), account != 3 && account != 4, "account %zu", account);
    }
    uint8_t key[32];
    struct span value;
    leaf_key_u64(key, STATE_ATTENDANCE, 0);
    cr_assert_eq(state_get(&value, ledger.host.shared, ledger.root, key), ERR_NOT_FOUND);
    ledger_advance(&ledger, 2 * EPOCH); /* nobody was called in epoch 1 */
    cr_assert(sits(3, 3) && sits(4, 3));
    cr_assert_eq(ledger_end(&ledger), 0);
}

Test(attendance, the_absent_lose_their_votes)
{
    absent_in(COMMITTEE_ALL);
}

Test(attendance, the_absent_lose_their_seats)
{
    absent_in(COMMITTEE_SEATS);
}

Test(attendance, few_or_small_calls_judge_nobody)
{
    start(COMMITTEE_ALL);
    for (uint64_t i = 1; i < CALLS; i++) { /* the last two of five without a quorum */
        unsigned missing = i > 3 ? 0x7 : 0x4;
        ledger_advance(&ledger, i * CHECKPOINT - 1);
        cr_assert_eq(block_with(votes_tx(proposer_of(i), i, missing)), ERR_OK);
    }
    ledger_advance(&ledger, EPOCH);
    cr_assert(sits(2, 2), "three calls are too few");
    cr_assert_eq(ledger_end(&ledger), 0);
}

Test(attendance, refusals)
{
    start(COMMITTEE_ALL);
    uint64_t i = 2;
    size_t proposer = proposer_of(i);
    size_t other = (proposer + 1) % ACCOUNTS;
    ledger_advance(&ledger, 2);
    cr_assert_eq(block_with(votes_tx(proposer, i, 1)), ERR_EARLY);
    ledger_advance(&ledger, 3);
    cr_assert_eq(block_with(votes_tx(other, i, 1)), ERR_INVALID);
    unsigned all_but_other = ((1u << ACCOUNTS) - 1) & ~(1u << other);
    cr_assert_eq(block_with(votes_tx(proposer, i, (1u << ACCOUNTS) - 1)), ERR_RANGE);
    cr_assert_eq(block_with(votes_tx(proposer, i, 1u << other | 1u << proposer)), ERR_OK);
    cr_assert_eq(block_with(votes_tx(proposer, i, 1u << other | 1u << proposer)), ERR_DUPLICATE);
    cr_assert_eq(block_with(votes_tx(other, i, all_but_other)), ERR_OK, "adds itself");
    cr_assert_eq(block_with(votes_tx(other, i, all_but_other)), ERR_DUPLICATE);

    struct vote votes[2] = {vote_of(other, (uint16_t)proposer, i, 1),
                            vote_of(other, ACCOUNTS, i, 1)};
    uint8_t body[400];
    size_t len;
    for (size_t k = 0; k < 2; k++) { /* another's signature; no such voter */
        cr_assert_eq(attendance_body(body, sizeof(body), &len, &votes[k], 1), ERR_OK);
        struct account account;
        ledger_account(&account, &ledger, proposer);
        struct span tx =
            ledger_tx(&ledger, proposer, account.nonce, TX_attendance, span_of(body, len));
        cr_assert_eq(block_with(tx), k == 0 ? ERR_SIGNATURE : ERR_RANGE);
    }
    struct vote twice[2] = {vote_of(4, 4, i, 1), vote_of(4, 4, i, 2)};
    struct vote down[2] = {vote_of(4, 4, i, 2), vote_of(5, 5, i, 1)};
    struct vote jr[1] = {twice[0]};
    jr[0].jr = 0;
    struct {
        const struct vote *votes;
        size_t count;
        enum err err;
    } cases[] = {{twice, 2, ERR_NONCANONICAL}, {down, 2, ERR_NONCANONICAL}, {jr, 1, ERR_INVALID}};
    for (size_t k = 0; k < 3; k++) {
        cr_assert_eq(attendance_body(body, sizeof(body), &len, cases[k].votes, cases[k].count),
                     ERR_OK);
        struct account account;
        ledger_account(&account, &ledger, proposer);
        struct span tx =
            ledger_tx(&ledger, proposer, account.nonce, TX_attendance, span_of(body, len));
        cr_assert_eq(block_with(tx), cases[k].err, "case %zu", k);
    }
    ledger_advance(&ledger, EPOCH);
    cr_assert_eq(block_with(votes_tx(proposer, i, 1)), ERR_STALE);
    cr_assert_eq(ledger_end(&ledger), 0);
}

Test(attendance, eight_to_fifteen_calls_an_epoch)
{
    struct params params;
    params_defaults(&params);
    for (uint64_t instances = 1; instances < 400; instances++) {
        params.checkpoint_blocks = 4;
        params.epoch_blocks = 4 * instances;
        for (uint64_t first = 1; first < 4000; first += instances) {
            uint64_t calls = 0;
            for (uint64_t i = first; i < first + instances; i++) {
                calls += attendance_called(&params, i);
            }
            cr_assert_leq(calls, ATTENDANCE_CALLS_MAX);
            cr_assert(calls >= 8 || calls == instances, "%lu of %lu", calls, instances);
        }
    }
    params.finality = 0;
    cr_assert_not(attendance_called(&params, 8));
}
