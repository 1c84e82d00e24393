/* Reads of the state that others need. */
#include "node/base/fixed.h"
#include "node/base/invariant.h"
#include "node/base/plant.h"
#include "node/chain/execute.h"
#include "node/chain/leaves.h"
#include "node/crypto/hash.h"

#define MEMBER_BYTES (32 + 8)

enum err state_params(struct params *params, struct shared *shared, const uint8_t root[32])
{
    uint8_t key[32];
    struct span value = span_of(NULL, 0);
    leaf_key_single(key, STATE_PARAMS);
    enum err err = state_get(&value, shared, root, key);
    if (err != ERR_OK && err != ERR_NOT_FOUND) {
        return err;
    }
    struct params_leaf leaf;
    TRY(params_leaf_decode(&leaf, value));
    *params = leaf.params;
    return ERR_OK;
}

enum err state_account(struct account *account, struct shared *shared, const uint8_t root[32],
                       const uint8_t key[32])
{
    uint8_t leaf[32];
    struct span value;
    leaf_key_id(leaf, STATE_ACCOUNT, key);
    enum err err = state_get(&value, shared, root, leaf);
    if (err == ERR_NOT_FOUND) {
        memset(account, 0, sizeof(*account));
        return ERR_OK;
    }
    TRY(err);
    return account_decode(account, value);
}

uint64_t stake_of(const struct account *account, const struct params *params, uint64_t height)
{
    static const uint8_t none[32];
    uint64_t least = account_stake_min(account, account_window_start(params, height));
    if (params->production == PRODUCTION_SIRIUS2018) {
        return account->jailed_until != 0 ? 0 : least;
    }
    /* the key of genesis is exempt (decision 9) */
    bool young = account->vrf_height != 0 &&
                 height + 1 < account->vrf_height + params->vrf_epochs * params->epoch_blocks;
    bool eligible = account->jailed_until == 0 && !young && memcmp(account->vrf_key, none, 32) != 0;
    return eligible ? least / TOKEN_ATOMIC : 0;
}

enum err stake_effective(uint64_t *stake, struct shared *shared, const uint8_t root[32],
                         const struct params *params, uint64_t height, const uint8_t account[32])
{
    struct account leaf;
    TRY(state_account(&leaf, shared, root, account));
    *stake = stake_of(&leaf, params, height);
    return ERR_OK;
}

enum err committee_decode(struct committee *committee, struct span leaf)
{
    struct reader r;
    reader_init(&r, leaf);
    uint8_t kind = reader_u8(&r);
    committee->epoch = reader_u64(&r);
    committee->beacon = reader_raw(&r, 32);
    committee->total = reader_u64(&r);
    struct list members = reader_list(&r, MEMBER_BYTES, VALIDATORS_LIMIT);
    committee->members = members.data;
    committee->count = (uint32_t)members.count;
    TRY(reader_end(&r));
    return kind == STATE_COMMITTEE ? ERR_OK : ERR_CORRUPT;
}

enum err committee_get(struct committee *committee, struct shared *shared, const uint8_t root[32],
                       uint64_t epoch)
{
    uint8_t key[32];
    struct span value;
    leaf_key_u64(key, STATE_COMMITTEE, epoch);
    TRY(state_get(&value, shared, root, key));
    return committee_decode(committee, value);
}

const uint8_t *committee_key(const struct committee *committee, uint32_t voter)
{
    invariant(voter < committee->count);
    return committee->members + (size_t)voter * MEMBER_BYTES;
}

uint64_t committee_weight(const struct committee *committee, uint32_t voter)
{
    return load64(committee_key(committee, voter) + 32);
}

uint32_t committee_find(const struct committee *committee, const uint8_t key[32])
{
    uint32_t low = 0;
    uint32_t high = committee->count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        int order = memcmp(committee_key(committee, middle), key, 32);
        if (order == 0) {
            return middle;
        }
        if (order < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return UINT32_MAX;
}

/* Members hold runs of places, so a step of one would leave as many rounds in a row to a silent
 * member as it has seats. Near 5/8 of the whole and coprime to it, the places of any few rounds in
 * a row lie far apart, and each place has its turn. */
static uint64_t places_step(uint64_t places)
{
    uint64_t step = places - places * 3 / 8;

    for (;; step++) {
        uint64_t a = places, b = step;
        while (b != 0) {
            uint64_t rest = a % b;
            a = b;
            b = rest;
        }
        if (a == 1) {
            return step;
        }
    }
}

uint32_t committee_proposer(const struct committee *committee, const struct params *params,
                            uint64_t instance, uint32_t round)
{
    bool seats = params->committee == COMMITTEE_SEATS;
    uint64_t places = seats ? committee->total : committee->count;
    if (places == 0) {
        return UINT32_MAX;
    }
    uint8_t number[8];
    uint8_t draw[32];
    store64(number, instance);
    hash256_parts(draw,
                  (struct span[]){SPAN_TEXT("xpx/prop"), span_of(committee->beacon, 32),
                                  span_of(number, sizeof(number))},
                  3);
    uint64_t turn = planted(PROPOSER_FIXED) ? 0 : round;
    uint64_t step = seats ? places_step(places) : 1;
    uint64_t place = (u128_load_mod(draw, places) + turn * step) % places;
    if (!seats) {
        return (uint32_t)place;
    }
    uint32_t voter = 0;
    while (place >= committee_weight(committee, voter)) {
        place -= committee_weight(committee, voter);
        voter++;
    }
    return voter;
}

bool committee_quorum(const struct committee *committee, uint64_t weight)
{
    u128 least = planted(QUORUM_OFF_BY_ONE) ? 0 : 1;
    return (u128)3 * weight >= (u128)2 * committee->total + least;
}

enum err state_node(struct node_facts *facts, struct shared *shared, const uint8_t root[32],
                    const uint8_t node_id[32])
{
    uint8_t key[32];
    struct span value;
    struct node_leaf leaf;
    leaf_key_id(key, STATE_NODE, node_id);
    TRY(state_get(&value, shared, root, key));
    TRY(node_leaf_decode(&leaf, value));
    memcpy(facts->owner, leaf.owner, 32);
    memcpy(facts->node_id, leaf.record.node_id, 32);
    memcpy(facts->onion, leaf.record.onion, 32);
    memcpy(facts->vrf, leaf.record.vrf, 32);
    memcpy(facts->endpoint, leaf.record.endpoints.data, sizeof(facts->endpoint));
    facts->roles = leaf.record.roles;
    facts->status = leaf.status;
    return ERR_OK;
}

enum err state_conservation(struct shared *shared, const uint8_t root[32], uint64_t *sum,
                            uint64_t *minted)
{
    struct state_walk walk;
    struct span value;
    enum err err;
    *sum = 0;
    *minted = 0;
    state_walk_begin(&walk, shared, root);
    while ((err = state_walk_next(&walk, &value)) == ERR_OK) {
        if (value.data[0] == STATE_ACCOUNT) {
            struct account account;
            TRY(account_decode(&account, value));
            *sum += account.free + account.bonded;
            for (size_t i = 0; i < account.unbonding_count; i++) {
                *sum += account.unbonding[i].amount;
            }
        } else if (value.data[0] == STATE_TOTALS) {
            struct totals totals;
            TRY(totals_decode(&totals, value));
            *sum += totals.burned;
            *minted = totals.minted;
        }
    }
    return err == ERR_NOT_FOUND ? ERR_OK : err;
}
