/* An account and its leaf (docs/wire.md 6, kind 1): balances, what waits to be withdrawn, and the
 * stake of the past that production looks back on. Pure functions. */
#ifndef ORRERY_CHAIN_ACCOUNT_H
#define ORRERY_CHAIN_ACCOUNT_H

#include "node/base/bytes.h"
#include "node/base/err.h"
#include "node/chain/params.h"

#define ACCOUNT_UNBONDING_MAX 32
#define ACCOUNT_SNAPSHOTS_MAX 32
#define ACCOUNT_BYTES_MAX                                                                          \
    (33 + 4 * 8 + 32 + 32 + 8 + 1 + 16 * ACCOUNT_UNBONDING_MAX + 1 + 16 * ACCOUNT_SNAPSHOTS_MAX)

struct unbonding {
    uint64_t amount; /* atomic */
    uint64_t epoch;  /* in which it was unbonded */
};

/* The tracked stake after the block at height and all later ones until the next snapshot. Before
 * the first one it was 0. */
struct snapshot {
    uint64_t height;
    uint64_t stake;
};

struct account {
    uint64_t nonce, free, bonded;
    uint64_t jailed_until; /* epoch from which a bond ends the jail; 0: not jailed */
    uint8_t node_id[32];   /* zeros: none */
    uint8_t vrf_key[32];   /* zeros: none */
    uint64_t vrf_height;   /* block that registered it; 0: genesis */
    uint8_t unbonding_count, snapshot_count;
    struct unbonding unbonding[ACCOUNT_UNBONDING_MAX]; /* epochs ascending */
    struct snapshot snapshots[ACCOUNT_SNAPSHOTS_MAX];  /* heights ascending */
    bool listed; /* no field of the leaf: in the list of validators when it was read */
};

/* The leaf's value; *len = 0 for an account that is all zero. out holds ACCOUNT_BYTES_MAX. */
void account_encode(uint8_t *out, size_t *len, const uint8_t key[32],
                    const struct account *account);
/* The errors of codec.h; ERR_CORRUPT when it is no account leaf. */
enum err account_decode(struct account *account, struct span value) MUST_CHECK;

/* In the list of validators: has a bond and is not in jail. */
bool account_validates(const struct account *account);

/* First height whose stake counts for a child of a block at height. */
static inline uint64_t account_window_start(const struct params *params, uint64_t height)
{
    uint64_t child = height + 1;
    return child > params->lookback_blocks ? child - params->lookback_blocks : 0;
}

/* Notes the tracked stake after the block at height. */
void account_snapshot(struct account *account, const struct params *params, uint64_t height);

/* Least tracked stake since window_start (atomic units). */
uint64_t account_stake_min(const struct account *account, uint64_t window_start);

/* Amounts that have waited for unbonding_epochs at epoch, and those that have not. */
uint64_t account_matured(const struct account *account, const struct params *params,
                         uint64_t epoch);
uint64_t account_unmatured(const struct account *account, const struct params *params,
                           uint64_t epoch);
/* Moves amount from bonded to unbonding. ERR_BALANCE, ERR_FULL. */
enum err account_unbond(struct account *account, const struct params *params, uint64_t epoch,
                        uint64_t amount) MUST_CHECK;
/* Moves amount of what has matured to free. ERR_BALANCE. */
enum err account_withdraw(struct account *account, const struct params *params, uint64_t epoch,
                          uint64_t amount) MUST_CHECK;
/* Takes floor(part * num / den) of the bond and of each unbonding entry that has not matured, and
 * returns the sum. num <= den, den >= 1. */
uint64_t account_burn(struct account *account, const struct params *params, uint64_t epoch,
                      uint64_t num, uint64_t den);

#endif
