#include "node/chain/account.h"

#include "node/base/fixed.h"
#include "node/base/invariant.h"
#include "node/chain/state.h"
#include "node/wire/codec.h"

static const uint8_t zeros[32];

static bool account_is_default(const struct account *account)
{
    return account->nonce == 0 && account->free == 0 && account->bonded == 0 &&
           account->jailed_until == 0 && account->vrf_height == 0 &&
           account->unbonding_count == 0 && account->snapshot_count == 0 &&
           memcmp(account->node_id, zeros, 32) == 0 && memcmp(account->vrf_key, zeros, 32) == 0;
}

void account_encode(uint8_t *out, size_t *len, const uint8_t key[32], const struct account *account)
{
    if (account_is_default(account)) {
        *len = 0;
        return;
    }
    struct writer w;
    writer_init(&w, out, ACCOUNT_BYTES_MAX);
    writer_u8(&w, STATE_ACCOUNT);
    writer_raw(&w, key, 32);
    writer_u64(&w, account->nonce);
    writer_u64(&w, account->free);
    writer_u64(&w, account->bonded);
    writer_u64(&w, account->jailed_until);
    writer_raw(&w, account->node_id, 32);
    writer_raw(&w, account->vrf_key, 32);
    writer_u64(&w, account->vrf_height);
    writer_var(&w, account->unbonding_count);
    for (size_t i = 0; i < account->unbonding_count; i++) {
        writer_u64(&w, account->unbonding[i].amount);
        writer_u64(&w, account->unbonding[i].epoch);
    }
    writer_var(&w, account->snapshot_count);
    for (size_t i = 0; i < account->snapshot_count; i++) {
        writer_u64(&w, account->snapshots[i].height);
        writer_u64(&w, account->snapshots[i].stake);
    }
    enum err err = writer_end(&w, len);
    invariant(err == ERR_OK);
}

enum err account_decode(struct account *account, struct span value)
{
    struct reader r;
    reader_init(&r, value);
    uint8_t kind = reader_u8(&r);
    (void)reader_raw(&r, 32);
    account->nonce = reader_u64(&r);
    account->free = reader_u64(&r);
    account->bonded = reader_u64(&r);
    account->jailed_until = reader_u64(&r);
    reader_copy(&r, account->node_id, 32);
    reader_copy(&r, account->vrf_key, 32);
    account->vrf_height = reader_u64(&r);
    struct list unbonding = reader_list(&r, 16, ACCOUNT_UNBONDING_MAX);
    struct list snapshots = reader_list(&r, 16, ACCOUNT_SNAPSHOTS_MAX);
    TRY(reader_end(&r));
    account->unbonding_count = (uint8_t)unbonding.count;
    account->snapshot_count = (uint8_t)snapshots.count;
    for (size_t i = 0; i < unbonding.count; i++) {
        account->unbonding[i].amount = load64(unbonding.data + 16 * i);
        account->unbonding[i].epoch = load64(unbonding.data + 16 * i + 8);
    }
    for (size_t i = 0; i < snapshots.count; i++) {
        account->snapshots[i].height = load64(snapshots.data + 16 * i);
        account->snapshots[i].stake = load64(snapshots.data + 16 * i + 8);
    }
    account->listed = account_validates(account);
    return kind == STATE_ACCOUNT ? ERR_OK : ERR_CORRUPT;
}

bool account_validates(const struct account *account)
{
    return account->bonded > 0 && account->jailed_until == 0;
}

static void snapshots_remove(struct account *account, size_t at, size_t count)
{
    size_t rest = account->snapshot_count - at - count;
    memmove(&account->snapshots[at], &account->snapshots[at + count],
            rest * sizeof(account->snapshots[0]));
    account->snapshot_count = (uint8_t)(account->snapshot_count - count);
}

/* Drops what no later block can look back on: all but the last of those at or before the window's
 * start, and zeros at the beginning, for the stake before the first snapshot is 0 anyway. */
static void snapshots_trim(struct account *account, uint64_t window_start)
{
    const struct snapshot *list = account->snapshots;
    size_t old = 0;
    while (old + 1 < account->snapshot_count && list[old + 1].height <= window_start) {
        old++;
    }
    while (old < account->snapshot_count && list[old].stake == 0) {
        old++;
    }
    snapshots_remove(account, 0, old);
}

void account_snapshot(struct account *account, const struct params *params, uint64_t height)
{
    bool rule_2018 = params->production == PRODUCTION_SIRIUS2018;
    uint64_t stake = rule_2018 ? account->free : account->bonded;
    size_t count = account->snapshot_count;
    struct snapshot *list = account->snapshots;
    if ((count == 0 ? 0 : list[count - 1].stake) == stake) {
        return;
    }
    if (count > 0 && list[count - 1].height == height) {
        list[count - 1].stake = stake;
        if ((count == 1 ? 0 : list[count - 2].stake) == stake) {
            account->snapshot_count--; /* there and back within one block */
        }
        return;
    }
    snapshots_trim(account, account_window_start(params, height));
    if (account->snapshot_count == ACCOUNT_SNAPSHOTS_MAX) {
        list[0].stake = list[0].stake < list[1].stake ? list[0].stake : list[1].stake;
        snapshots_remove(account, 1, 1);
    }
    if (stake > 0 || account->snapshot_count > 0) {
        list[account->snapshot_count++] = (struct snapshot){.height = height, .stake = stake};
    }
}

uint64_t account_stake_min(const struct account *account, uint64_t window_start)
{
    const struct snapshot *list = account->snapshots;
    if (account->snapshot_count == 0 || list[0].height > window_start) {
        return 0;
    }
    uint64_t least = UINT64_MAX;
    for (size_t i = account->snapshot_count; i-- > 0;) {
        least = list[i].stake < least ? list[i].stake : least;
        if (list[i].height <= window_start) {
            break;
        }
    }
    return least;
}

static bool entry_matured(const struct unbonding *entry, const struct params *params,
                          uint64_t epoch)
{
    return epoch >= entry->epoch + params->unbonding_epochs;
}

uint64_t account_matured(const struct account *account, const struct params *params, uint64_t epoch)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < account->unbonding_count; i++) {
        if (entry_matured(&account->unbonding[i], params, epoch)) {
            sum += account->unbonding[i].amount;
        }
    }
    return sum;
}

uint64_t account_unmatured(const struct account *account, const struct params *params,
                           uint64_t epoch)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < account->unbonding_count; i++) {
        if (!entry_matured(&account->unbonding[i], params, epoch)) {
            sum += account->unbonding[i].amount;
        }
    }
    return sum;
}

/* Takes `amount` from the oldest entries and drops those that are empty. */
static void unbonding_take(struct account *account, uint64_t amount)
{
    size_t kept = 0;
    for (size_t i = 0; i < account->unbonding_count; i++) {
        struct unbonding entry = account->unbonding[i];
        uint64_t part = entry.amount < amount ? entry.amount : amount;
        entry.amount -= part;
        amount -= part;
        if (entry.amount > 0) {
            account->unbonding[kept++] = entry;
        }
    }
    account->unbonding_count = (uint8_t)kept;
}

enum err account_unbond(struct account *account, const struct params *params, uint64_t epoch,
                        uint64_t amount)
{
    if (amount > account->bonded) {
        return ERR_BALANCE;
    }
    struct unbonding *list = account->unbonding;
    size_t count = account->unbonding_count;
    if (count > 0 && list[count - 1].epoch == epoch) {
        list[count - 1].amount += amount;
        account->bonded -= amount;
        return ERR_OK;
    }
    /* what has matured already is all alike: the two oldest become one */
    if (count == ACCOUNT_UNBONDING_MAX && entry_matured(&list[1], params, epoch)) {
        list[1].amount += list[0].amount;
        memmove(&list[0], &list[1], (count - 1) * sizeof(list[0]));
        count--;
    }
    if (count == ACCOUNT_UNBONDING_MAX) {
        return ERR_FULL;
    }
    list[count] = (struct unbonding){.amount = amount, .epoch = epoch};
    account->unbonding_count = (uint8_t)(count + 1);
    account->bonded -= amount;
    return ERR_OK;
}

enum err account_withdraw(struct account *account, const struct params *params, uint64_t epoch,
                          uint64_t amount)
{
    if (amount > account_matured(account, params, epoch)) {
        return ERR_BALANCE;
    }
    unbonding_take(account, amount);
    account->free += amount;
    return ERR_OK;
}

uint64_t account_burn(struct account *account, const struct params *params, uint64_t epoch,
                      uint64_t num, uint64_t den)
{
    uint64_t burned = fixed_muldiv(account->bonded, num, den);
    account->bonded -= burned;
    for (size_t i = 0; i < account->unbonding_count; i++) {
        struct unbonding *entry = &account->unbonding[i];
        if (!entry_matured(entry, params, epoch)) {
            uint64_t part = fixed_muldiv(entry->amount, num, den);
            entry->amount -= part;
            burned += part;
        }
    }
    unbonding_take(account, 0);
    return burned;
}
