/* Accounts alone: the leaf's encoding, and the look-back minimum against a full history kept here.
 */
#include <criterion/criterion.h>

#include "node/base/rng.h"
#include "node/chain/account.h"

static void random_account(struct account *account, struct rng *rng)
{
    memset(account, 0, sizeof(*account));
    account->nonce = rng_below(rng, 3);
    account->free = rng_u64(rng) >> rng_below(rng, 64);
    account->bonded = rng_below(rng, 2) * rng_u64(rng);
    account->jailed_until = rng_below(rng, 2);
    account->vrf_height = rng_below(rng, 2);
    account->node_id[rng_below(rng, 32)] = (uint8_t)rng_u64(rng);
    account->vrf_key[rng_below(rng, 32)] = (uint8_t)rng_u64(rng);
    account->unbonding_count = (uint8_t)rng_below(rng, ACCOUNT_UNBONDING_MAX + 1);
    account->snapshot_count = (uint8_t)rng_below(rng, ACCOUNT_SNAPSHOTS_MAX + 1);
    rng_bytes(rng, (uint8_t *)account->unbonding, account->unbonding_count * 16u);
    rng_bytes(rng, (uint8_t *)account->snapshots, account->snapshot_count * 16u);
    account->listed = account_validates(account);
}

Test(account, leaf_round_trips)
{
    struct rng rng;
    rng_init_stream(&rng, 1, RNG_TEST, 0);
    uint8_t key[32] = {9};
    uint8_t bytes[ACCOUNT_BYTES_MAX];
    size_t len;
    for (unsigned i = 0; i < 2000; i++) {
        struct account in;
        struct account out;
        random_account(&in, &rng);
        memset(&out, 0, sizeof(out));
        account_encode(bytes, &len, key, &in);
        if (len == 0) {
            continue;
        }
        cr_assert_eq(account_decode(&out, span_of(bytes, len)), ERR_OK);
        cr_assert(memcmp(&in, &out, sizeof(in)) == 0);
        cr_assert_eq(account_decode(&out, span_of(bytes, len - 1)), ERR_TRUNCATED);
        bytes[0]++;
        cr_assert_eq(account_decode(&out, span_of(bytes, len)), ERR_CORRUPT);
    }
    struct account none;
    memset(&none, 0, sizeof(none));
    account_encode(bytes, &len, key, &none);
    cr_assert_eq(len, 0);
}

enum { HISTORY = 3000 };

/* changes: one in `rate` blocks moves the stake. The answer is exact while 32 snapshots suffice,
 * and never too high. */
static void look_back(uint64_t lookback, uint64_t rate, bool exact)
{
    static uint64_t stake[HISTORY];
    struct params params;
    params_defaults(&params);
    params.lookback_blocks = lookback;
    struct rng rng;
    rng_init_stream(&rng, lookback, RNG_TEST, rate);
    struct account account;
    memset(&account, 0, sizeof(account));
    account.bonded = 100;
    uint64_t equal = 0;
    for (uint64_t height = 0; height < HISTORY; height++) {
        unsigned times = rng_below(&rng, rate) == 0 ? 1 + (unsigned)rng_below(&rng, 3) : 0;
        for (unsigned i = 0; i < times || (i == 0 && height == 0); i++) {
            account.bonded = height == 0 ? 100 : rng_below(&rng, 20);
            account_snapshot(&account, &params, height);
        }
        stake[height] = account.bonded;
        uint64_t start = account_window_start(&params, height);
        uint64_t least = UINT64_MAX;
        for (uint64_t h = start; h <= height; h++) {
            least = stake[h] < least ? stake[h] : least;
        }
        uint64_t seen = account_stake_min(&account, start);
        cr_assert_leq(seen, least);
        equal += seen == least;
        if (exact) {
            cr_assert_eq(seen, least, "lookback %lu, height %lu", lookback, height);
        }
        cr_assert_leq(account.snapshot_count, ACCOUNT_SNAPSHOTS_MAX);
    }
    cr_assert_gt(equal, HISTORY / 4);
}

Test(account, effective_stake_is_the_minimum_of_the_window)
{
    look_back(1, 1, true);
    look_back(2, 1, true);
    look_back(10, 2, true);
    look_back(31, 1, true);
    look_back(200, 20, true);
    look_back(5760, 200, true);
    look_back(200, 1, false);
    look_back(5760, 3, false);
}

Test(account, stake_that_began_later_than_the_window_is_none)
{
    struct params params;
    params_defaults(&params);
    params.lookback_blocks = 10;
    struct account account;
    memset(&account, 0, sizeof(account));
    account.bonded = 5;
    account_snapshot(&account, &params, 100);
    for (uint64_t height = 100; height < 130; height++) { /* child - 10 must be at least 100 */
        uint64_t seen = account_stake_min(&account, account_window_start(&params, height));
        cr_assert_eq(seen, height + 1 - 10 >= 100 ? 5 : 0);
    }
    account.bonded = 0;
    account_snapshot(&account, &params, 200);
    cr_assert_eq(account_stake_min(&account, account_window_start(&params, 200)), 0);
    account.bonded = 7;
    account_snapshot(&account, &params, 300);
    cr_assert_eq(account.snapshot_count, 1, "a leading zero says nothing");
}

Test(account, unbonding_keeps_order_and_sums)
{
    struct params params;
    params_defaults(&params);
    params.unbonding_epochs = 40; /* longer than the list: it can be full */
    struct account account;
    memset(&account, 0, sizeof(account));
    account.bonded = 10000;
    for (uint64_t epoch = 0; epoch < ACCOUNT_UNBONDING_MAX; epoch++) {
        cr_assert_eq(account_unbond(&account, &params, epoch, 1), ERR_OK);
        cr_assert_eq(account_unbond(&account, &params, epoch, 2), ERR_OK);
    }
    cr_assert_eq(account_unbond(&account, &params, 33, 1), ERR_FULL);
    cr_assert_eq(account_unbond(&account, &params, 39, 1), ERR_FULL);
    cr_assert_eq(account_unbond(&account, &params, 41, 5),
                 ERR_OK); /* epochs 0 and 1 are alike now */
    cr_assert_eq(account_matured(&account, &params, 41), 6);
    cr_assert_eq(account_unmatured(&account, &params, 41), 30 * 3 + 5);
    cr_assert_eq(account_withdraw(&account, &params, 41, 7), ERR_BALANCE);
    cr_assert_eq(account_withdraw(&account, &params, 41, 4), ERR_OK);
    cr_assert_eq(account_matured(&account, &params, 41), 2);
    cr_assert_eq(account.free, 4);
    /* a third of the bond and of each entry that has not matured, each rounded down */
    uint64_t bonded = account.bonded;
    uint64_t burned = account_burn(&account, &params, 41, 1, 3);
    cr_assert_eq(burned, bonded / 3 + 30 * 1 + 5 / 3);
    cr_assert_eq(account_matured(&account, &params, 41), 2);
    cr_assert_eq(account_burn(&account, &params, 41, 1, 1),
                 bonded - bonded / 3 + 30 * 2 + 5 - 5 / 3);
    cr_assert(account.bonded == 0 && account.unbonding_count == 1);
}
