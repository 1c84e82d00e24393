/* Epochs: the beacon, both ways to draw a committee and the proposer, computed here again from
 * docs/wire.md 6 with a bignum of bytes instead of the project's fixed point; delays of what bonds
 * change. */
#include <criterion/criterion.h>
#include <math.h>

#include "node/chain/leaves.h"
#include "node/crypto/hash.h"
#include "tests/support/ledger.h"

#define TOKEN UINT64_C(1000000)
enum { EPOCH = 6 };

static struct ledger ledger;

static void start(size_t accounts, uint64_t mode, uint64_t seats)
{
    struct ledger_config config = {.seed = 3,
                                   .accounts = accounts,
                                   .free = 1000 * TOKEN,
                                   .bonded = 50 * TOKEN,
                                   .bonded_step = TOKEN + 17};
    params_defaults(&config.params);
    config.params.epoch_blocks = EPOCH;
    config.params.checkpoint_blocks = 2;
    config.params.unbonding_epochs = 2;
    config.params.committee = mode;
    config.params.seats = seats;
    ledger_init(&ledger, &config);
}

/* First 16 bytes little endian, modulo m, one bit at a time. */
static uint64_t le128_mod(const uint8_t hash[32], uint64_t m)
{
    uint64_t rest = 0;
    for (unsigned bit = 128; bit-- > 0;) {
        uint64_t carry = rest >> 63;
        rest = rest << 1 | (hash[bit / 8] >> (bit % 8) & 1);
        rest = carry != 0 || rest >= m ? rest - m : rest;
    }
    return rest;
}

static void text_hash(uint8_t out[32], const char *text, const uint8_t beacon[32],
                      const uint64_t *numbers, size_t count)
{
    uint8_t bytes[128];
    size_t len = strlen(text);
    memcpy(bytes, text, len);
    memcpy(bytes + len, beacon, 32);
    len += 32;
    for (size_t i = 0; i < count; i++, len += 8) {
        for (unsigned k = 0; k < 8; k++) {
            bytes[len + k] = (uint8_t)(numbers[i] >> (8 * k));
        }
    }
    hash256(out, bytes, len);
}

/* B_{-2} is at [0], B_{-1} at [1]. */
static void beacons(uint8_t out[][32], size_t count)
{
    memcpy(out[0], ledger.genesis.seed, 32);
    memcpy(out[1], ledger.genesis.seed, 32);
    for (size_t e = 0; e < count; e++) {
        uint8_t bytes[10 + 32 + 64 * EPOCH];
        memcpy(bytes, "xpx/beacon", 10);
        memcpy(bytes + 10, out[e + 1], 32);
        for (size_t i = 0; i < EPOCH; i++) {
            ledger_beta(bytes + 42 + 64 * i, &ledger, e * EPOCH + i + 1);
        }
        hash256(out[e + 2], bytes, sizeof(bytes));
    }
}

static enum err committee_of(struct committee *committee, uint64_t epoch)
{
    return committee_get(committee, ledger.host.shared, ledger.root, epoch);
}

/* docs/wire.md 5: the least number from n - floor(3n/8) on that is coprime to n. */
static uint64_t step_of(uint64_t n)
{
    for (uint64_t step = n - 3 * n / 8;; step++) {
        uint64_t divisor = 1;
        for (uint64_t d = 2; d <= n; d++) {
            divisor = n % d == 0 && step % d == 0 ? d : divisor;
        }
        if (divisor == 1) {
            return step;
        }
    }
}

/* A voter that holds less than a third of the seats never has three rounds in a row. */
static void proposers_alternate(const struct committee *committee)
{
    for (uint64_t instance = 1; instance < 20; instance++) {
        uint32_t row = 0;
        uint32_t last = UINT32_MAX;
        for (uint32_t round = 0; round < 200; round++) {
            uint32_t voter = committee_proposer(committee, &ledger.genesis.params, instance, round);
            row = voter == last ? row + 1 : 1;
            last = voter;
            cr_assert(row < 3 || 3 * committee_weight(committee, voter) >= committee->total);
        }
    }
}

static void proposers_agree(const struct committee *committee, bool seats)
{
    static uint32_t place_voter[5000];
    uint64_t places = 0;
    for (uint32_t i = 0; i < committee->count; i++) {
        uint64_t width = seats ? committee_weight(committee, i) : 1;
        for (uint64_t k = 0; k < width; k++) {
            place_voter[places++] = i;
        }
    }
    for (uint64_t instance = 1; instance < 20; instance++) {
        uint8_t hash[32];
        text_hash(hash, "xpx/prop", committee->beacon, &instance, 1);
        for (uint32_t round = 0; round < 9; round += 4) {
            uint64_t place =
                (le128_mod(hash, places) + round * (seats ? step_of(places) : 1)) % places;
            cr_assert_eq(committee_proposer(committee, &ledger.genesis.params, instance, round),
                         place_voter[place]);
        }
    }
    if (seats) {
        proposers_alternate(committee);
    }
}

Test(epoch, beacons_chain_and_old_leaves_go)
{
    static uint8_t beacon[12][32];
    start(5, COMMITTEE_ALL, 1);
    beacons(beacon, 8);
    for (uint64_t height = 1; height <= 7 * EPOCH; height++) {
        ledger_advance(&ledger, height);
        uint64_t closed = height / EPOCH; /* epochs that are over */
        for (uint64_t e = 0; e < 12; e++) {
            struct committee committee;
            enum err err = committee_of(&committee, e);
            /* written at the end of e - 2, removed when that of e + 3 is written, at the end of e +
             * 1 */
            bool present = e <= closed + 1 && e + 2 > closed;
            cr_assert_eq(err, present ? ERR_OK : ERR_NOT_FOUND, "epoch %lu at %lu", e, height);
            if (present) {
                cr_assert(memcmp(committee.beacon, beacon[e], 32) == 0);
                cr_assert_eq(committee.epoch, e);
            }
            uint8_t key[32];
            struct span value;
            leaf_key_u64(key, STATE_BEACON, e);
            err = state_get(&value, ledger.host.shared, ledger.root, key);
            bool closed_here = e < closed && e + 3 >= closed;
            bool running = e == closed && height % EPOCH != 0;
            cr_assert_eq(err, closed_here || running ? ERR_OK : ERR_NOT_FOUND);
            if (closed_here) {
                cr_assert(value.len == 42 && memcmp(value.data + 10, beacon[e + 2], 32) == 0);
            }
        }
    }
    cr_assert_eq(ledger_end(&ledger), 0);
}

Test(epoch, all_takes_the_largest)
{
    start(230, COMMITTEE_ALL, 1);
    struct committee committee;
    cr_assert_eq(committee_of(&committee, 1), ERR_OK);
    cr_assert_eq(committee.count, 200);
    uint64_t total = 0;
    for (uint32_t i = 0; i < 200; i++) { /* stakes ascend with the keys: the last 200 */
        cr_assert(memcmp(committee_key(&committee, i), ledger_key(&ledger, i + 30), 32) == 0);
        cr_assert_eq(committee_weight(&committee, i), ((i + 30) * (TOKEN + 17)) / TOKEN + 50);
        cr_assert_eq(committee_find(&committee, ledger_key(&ledger, i + 30)), i);
        total += committee_weight(&committee, i);
    }
    cr_assert_eq(committee_find(&committee, ledger_key(&ledger, 3)), UINT32_MAX);
    cr_assert_eq(committee.total, total);
    cr_assert(committee_quorum(&committee, total * 2 / 3 + 1));
    cr_assert_not(committee_quorum(&committee, total * 2 / 3));
    proposers_agree(&committee, false);
    cr_assert_eq(ledger_end(&ledger), 0);
}

Test(epoch, equal_stakes_go_by_id)
{
    struct ledger_config config = {.seed = 4, .accounts = 210, .free = 1, .bonded = 9 * TOKEN};
    params_defaults(&config.params);
    ledger_init(&ledger, &config);
    struct committee committee;
    cr_assert_eq(committee_of(&committee, 0), ERR_OK);
    cr_assert_eq(committee.count, 200);
    for (uint32_t i = 0; i < 200; i++) {
        cr_assert(memcmp(committee_key(&committee, i), ledger_key(&ledger, i), 32) == 0);
    }
    cr_assert_eq(ledger_end(&ledger), 0);
}

Test(epoch, seats_are_the_roulette)
{
    enum { ACCOUNTS = 60, SEATS = 150 };
    static uint8_t beacon[12][32];
    start(ACCOUNTS, COMMITTEE_SEATS, SEATS);
    beacons(beacon, 4);
    ledger_advance(&ledger, 2 * EPOCH);
    for (uint64_t e = 1; e < 4; e++) {
        uint64_t weight[ACCOUNTS] = {0};
        uint64_t total = 0;
        for (size_t i = 0; i < ACCOUNTS; i++) {
            total += 50 * TOKEN + i * (TOKEN + 17);
        }
        for (uint64_t seat = 0; seat < SEATS; seat++) {
            uint8_t hash[32];
            text_hash(hash, "xpx/seat", beacon[e], (uint64_t[]){e, seat}, 2);
            uint64_t number = le128_mod(hash, total);
            size_t i = 0;
            while (number >= 50 * TOKEN + i * (TOKEN + 17)) {
                number -= 50 * TOKEN + i * (TOKEN + 17);
                i++;
            }
            weight[i]++;
        }
        struct committee committee;
        cr_assert_eq(committee_of(&committee, e), ERR_OK);
        cr_assert_eq(committee.total, SEATS);
        for (size_t i = 0; i < ACCOUNTS; i++) {
            uint32_t voter = committee_find(&committee, ledger_key(&ledger, i));
            cr_assert_eq(voter == UINT32_MAX ? 0 : committee_weight(&committee, voter), weight[i]);
        }
        proposers_agree(&committee, true);
    }
    cr_assert_eq(ledger_end(&ledger), 0);
}

/* Computed here again with doubles: order by -ln(u) / stake. */
Test(epoch, distinct_seats_are_the_smallest_tickets)
{
    enum { ACCOUNTS = 60, SEATS = 21 };
    static uint8_t beacon[12][32];
    start(ACCOUNTS, COMMITTEE_DISTINCT, SEATS);
    beacons(beacon, 4);
    ledger_advance(&ledger, 2 * EPOCH);
    for (uint64_t e = 1; e < 4; e++) {
        double ticket[ACCOUNTS];
        for (size_t i = 0; i < ACCOUNTS; i++) {
            uint8_t bytes[8 + 32 + 8 + 32], hash[32];
            memcpy(bytes, "xpx/seat", 8);
            memcpy(bytes + 8, beacon[e], 32);
            store64(bytes + 40, e);
            memcpy(bytes + 48, ledger_key(&ledger, i), 32);
            hash256(hash, bytes, sizeof(bytes));
            ticket[i] =
                -log(ldexp((double)load64(hash), -64)) / (double)(50 * TOKEN + i * (TOKEN + 17));
        }
        struct committee committee;
        cr_assert_eq(committee_of(&committee, e), ERR_OK);
        cr_assert_eq(committee.total, SEATS);
        for (size_t i = 0; i < ACCOUNTS; i++) {
            size_t better = 0;
            for (size_t k = 0; k < ACCOUNTS; k++) {
                better += ticket[k] < ticket[i];
            }
            uint32_t voter = committee_find(&committee, ledger_key(&ledger, i));
            cr_assert_eq(voter != UINT32_MAX, better < SEATS);
            cr_assert(voter == UINT32_MAX || committee_weight(&committee, voter) == 1);
        }
        proposers_agree(&committee, false);
    }
    cr_assert_eq(ledger_end(&ledger), 0);
}

/* A bond in any block of epoch 1 counts in the committee of epoch 3 and not before. */
Test(epoch, bonds_count_two_epochs_later)
{
    for (uint64_t at = EPOCH + 1; at <= 2 * EPOCH; at++) {
        start(6, COMMITTEE_ALL, 1);
        ledger_advance(&ledger, at - 1);
        struct span txs[3] = {ledger_tx_amount(&ledger, 1, 0, TX_bond, 100 * TOKEN),
                              ledger_tx_amount(&ledger, 2, 0, TX_unbond, 52 * TOKEN + 34),
                              ledger_tx_amount(&ledger, 3, 0, TX_unbond, 10 * TOKEN)};
        cr_assert_eq(ledger_block(&ledger, 0, 1, txs, 3), ERR_OK);
        for (uint64_t e = 1; e <= 4; e++) {
            struct committee committee;
            ledger_advance(&ledger, e == 1 ? at : (e - 1) * EPOCH);
            if (ledger.height < at) {
                continue;
            }
            cr_assert_eq(committee_of(&committee, e), ERR_OK);
            bool late = e >= 3;
            uint32_t i = committee_find(&committee, ledger_key(&ledger, 1));
            cr_assert_eq(committee_weight(&committee, i), late ? 151 : 51);
            i = committee_find(&committee, ledger_key(&ledger, 2));
            cr_assert_eq(i == UINT32_MAX, late, "nothing bonded, no vote");
            i = committee_find(&committee, ledger_key(&ledger, 3));
            cr_assert_eq(committee_weight(&committee, i), late ? 43 : 53);
        }
        cr_assert_eq(ledger_end(&ledger), 0);
    }
}

static void list_is(const size_t *accounts, size_t count)
{
    uint8_t key[32];
    struct span value = span_of(NULL, 0);
    struct list keys;
    leaf_key_single(key, STATE_VALIDATORS);
    enum err err = state_get(&value, ledger.host.shared, ledger.root, key);
    cr_assert(err == ERR_OK || (err == ERR_NOT_FOUND && count == 0));
    cr_assert_eq(validators_decode(&keys, value), ERR_OK);
    cr_assert_eq(keys.count, count);
    for (size_t i = 0; i < count; i++) {
        cr_assert(memcmp(keys.data + 32 * i, ledger_key(&ledger, accounts[i]), 32) == 0);
    }
}

Test(epoch, validators_are_those_with_a_bond)
{
    start(4, COMMITTEE_ALL, 1);
    list_is((size_t[]){0, 1, 2, 3}, 4);
    struct span txs[4];
    for (size_t i = 0; i < 4; i++) {
        txs[i] = ledger_tx_amount(&ledger, i, 0, TX_unbond, 50 * TOKEN + i * (TOKEN + 17));
    }
    size_t used = ledger.txs_used;
    cr_assert_eq(ledger_block(&ledger, 0, 1, txs, 3), ERR_OK);
    ledger.txs_used = used;
    list_is((size_t[]){3}, 1);
    cr_assert_eq(ledger_block(&ledger, 0, 1, txs + 3, 1), ERR_OK);
    list_is(NULL, 0);
    txs[0] = ledger_tx_amount(&ledger, 2, 1, TX_bond, 5 * TOKEN);
    txs[1] = ledger_tx_amount(&ledger, 2, 2, TX_unbond, 5 * TOKEN); /* there and back */
    txs[2] = ledger_tx_amount(&ledger, 2, 3, TX_bond, 6 * TOKEN);
    txs[3] = ledger_tx_amount(&ledger, 0, 1, TX_bond, 6 * TOKEN);
    cr_assert_eq(ledger_block(&ledger, 0, 1, txs, 4), ERR_OK);
    list_is((size_t[]){0, 2}, 2);
    ledger_advance(&ledger, 3 * EPOCH);
    cr_assert_eq(ledger_end(&ledger), 0);
}

static void tune_2018(struct params *params)
{
    params->production = PRODUCTION_SIRIUS2018;
    params->retarget = RETARGET_SIRIUS2018;
    params->finality = 0;
    params->lookback_blocks = 3;
}

Test(epoch, rule_of_2018_weighs_free_balances)
{
    struct ledger_config config = {.seed = 5, .accounts = 3, .free = 100 * TOKEN};
    params_defaults(&config.params);
    tune_2018(&config.params);
    ledger_init(&ledger, &config);
    struct span tx = ledger_tx_transfer(&ledger, 1, 0, 2, 40 * TOKEN);
    for (uint64_t height = 1; height <= 5; height++) {
        cr_assert_eq(ledger_block(&ledger, 0, 1, &tx, height == 1), ERR_OK);
        uint64_t stake;
        cr_assert_eq(stake_effective(&stake, ledger.host.shared, ledger.root,
                                     &ledger.genesis.params, height, ledger_key(&ledger, 2)),
                     ERR_OK);
        /* window of 3: heights height - 2 .. height; the transfer stands in block 1 */
        cr_assert_eq(stake, height >= 3 ? 140 * TOKEN : 100 * TOKEN, "%lu: %lu", height, stake);
    }
    cr_assert_eq(ledger_end(&ledger), 0);
}
