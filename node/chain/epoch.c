/* What happens at the end of a block and of an epoch: fees, the list of validators, the beacon, the
 * committee of the next but one epoch, parameters that become due. spec: chain 1.6; docs/wire.md 6
 */
#include "node/base/fixed.h"
#include "node/base/invariant.h"
#include "node/base/plant.h"
#include "node/chain/execution.h"
#include "node/crypto/hash.h"

#define BETA_BYTES 64
#define BEACON_HEAD_BYTES (1 + 8 + 1)
#define COMMITTEE_ALL_MAX 200
#define MEMBER_BYTES (32 + 8)

static enum err leaf_get(struct span *value, struct state_edit *edit, const uint8_t key[32])
{
    *value = span_of(NULL, 0);
    enum err err = state_edit_get(value, edit, key);
    return err == ERR_NOT_FOUND ? ERR_OK : err;
}

static enum err leaf_remove(struct state_edit *edit, enum state_kind kind, uint64_t id)
{
    uint8_t key[32];
    struct span value;
    leaf_key_u64(key, kind, id);
    TRY(leaf_get(&value, edit, key));
    return value.len == 0 ? ERR_OK : state_edit_put(edit, key, span_of(NULL, 0));
}

static enum err fees_pay(struct execution *x)
{
    if (x->fees == 0) {
        return ERR_OK;
    }
    struct account signer;
    TRY(execution_account_get(&signer, x, x->signer));
    signer.free += planted(FEE_TWICE) ? 2 * x->fees : x->fees;
    return execution_account_put(x, x->signer, &signer);
}

/* --- validators --- */

static size_t key_position(const uint8_t (*keys)[32], size_t count, const uint8_t key[32])
{
    size_t low = 0;
    while (count > 0) {
        size_t half = count / 2;
        if (memcmp(keys[low + half], key, 32) < 0) {
            low += half + 1;
            count -= half + 1;
        } else {
            count = half;
        }
    }
    return low;
}

static void change_apply(uint8_t (*keys)[32], size_t *count, const struct validator_change *change)
{
    size_t at = key_position((const uint8_t(*)[32])keys, *count, change->key);
    bool present = at < *count && memcmp(keys[at], change->key, 32) == 0;
    invariant(present != change->in);
    if (change->in) {
        memmove(keys[at + 1], keys[at], 32 * (*count - at));
        memcpy(keys[at], change->key, 32);
        ++*count;
    } else {
        memmove(keys[at], keys[at + 1], 32 * (*count - at - 1));
        --*count;
    }
}

static enum err validators_write(struct execution *x)
{
    if (x->change_count == 0) {
        return ERR_OK;
    }
    uint8_t key[32];
    struct span value;
    struct list old;
    leaf_key_single(key, STATE_VALIDATORS);
    TRY(leaf_get(&value, x->edit, key));
    TRY(validators_decode(&old, value));
    uint8_t(*keys)[32] = arena_alloc_array(x->scratch, old.count + x->change_count, 32);
    if (keys == NULL) {
        return ERR_FULL;
    }
    size_t count = old.count;
    if (count > 0) {
        memcpy(keys, old.data, 32 * count);
    }
    for (size_t i = 0; i < x->change_count; i++) {
        change_apply(keys, &count, &x->changes[i]);
    }
    uint8_t *bytes = arena_alloc(x->scratch, 1 + VAR_BYTES_MAX + 32 * count);
    if (bytes == NULL) {
        return ERR_FULL;
    }
    struct writer w;
    writer_init(&w, bytes, 1 + VAR_BYTES_MAX + 32 * count);
    writer_u8(&w, STATE_VALIDATORS);
    writer_list(&w, (struct list){.data = (const uint8_t *)keys, .count = count}, 32,
                VALIDATORS_LIMIT);
    size_t len;
    TRY(writer_end(&w, &len));
    return state_edit_put(x->edit, key, span_of(bytes, count == 0 ? 0 : len));
}

/* --- the beacon --- */

/* Appends beta to the running epoch; betas gets all of them. */
static enum err beacon_add(struct list *betas, struct execution *x, const uint8_t beta[BETA_BYTES])
{
    uint8_t key[32];
    struct span value;
    leaf_key_u64(key, STATE_BEACON, x->epoch);
    TRY(leaf_get(&value, x->edit, key));
    struct list old = {.count = 0};
    if (value.len > 0) {
        struct reader r;
        reader_init(&r, value);
        (void)reader_raw(&r, BEACON_HEAD_BYTES);
        old = reader_list(&r, BETA_BYTES, 65536);
        TRY(reader_end(&r));
    }
    size_t capacity = BEACON_HEAD_BYTES + VAR_BYTES_MAX + BETA_BYTES * (old.count + 1);
    uint8_t *bytes = arena_alloc(x->scratch, capacity);
    if (bytes == NULL) {
        return ERR_FULL;
    }
    struct writer w;
    writer_init(&w, bytes, capacity);
    writer_u8(&w, STATE_BEACON);
    writer_u64(&w, x->epoch);
    writer_u8(&w, 0x00);
    writer_var_max(&w, old.count + 1, 65536);
    betas->data = w.at;
    betas->count = old.count + 1;
    writer_raw(&w, old.data, BETA_BYTES * old.count);
    writer_raw(&w, beta, BETA_BYTES);
    size_t len;
    TRY(writer_end(&w, &len));
    return state_edit_put(x->edit, key, span_of(bytes, len));
}

/* B_epoch of an epoch that is closed; B_{-1} is the seed of genesis. */
static enum err beacon_read(uint8_t beacon[32], struct execution *x, uint64_t epoch_plus_1)
{
    if (epoch_plus_1 == 0) {
        memcpy(beacon, x->genesis->seed, 32);
        return ERR_OK;
    }
    uint8_t key[32];
    struct span value;
    leaf_key_u64(key, STATE_BEACON, epoch_plus_1 - 1);
    TRY(leaf_get(&value, x->edit, key));
    if (value.len != BEACON_HEAD_BYTES + 32 || value.data[BEACON_HEAD_BYTES - 1] != 0x01) {
        return ERR_CORRUPT;
    }
    memcpy(beacon, value.data + BEACON_HEAD_BYTES, 32);
    return ERR_OK;
}

static enum err beacon_close(uint8_t beacon[32], struct execution *x, struct list betas)
{
    uint8_t before[32];
    TRY(beacon_read(before, x, x->epoch));
    hash256_parts(beacon,
                  (struct span[]){SPAN_TEXT("xpx/beacon"), span_of(before, 32),
                                  span_of(betas.data, BETA_BYTES * betas.count)},
                  3);
    uint8_t bytes[BEACON_HEAD_BYTES + 32] = {STATE_BEACON};
    store64(bytes + 1, x->epoch);
    bytes[BEACON_HEAD_BYTES - 1] = 0x01;
    memcpy(bytes + BEACON_HEAD_BYTES, beacon, 32);
    uint8_t key[32];
    leaf_key_u64(key, STATE_BEACON, x->epoch);
    return state_edit_put(x->edit, key, span_of(bytes, sizeof(bytes)));
}

/* --- the committee --- */

struct candidate {
    const uint8_t *key;
    uint64_t bonded, weight;
};

/* The largest by stake, ties by the smaller id, each with its whole tokens. */
static void weigh_all(struct candidate *list, size_t count)
{
    size_t best[COMMITTEE_ALL_MAX]; /* positions, largest first */
    size_t chosen = 0;
    for (size_t i = 0; i < count; i++) {
        if (chosen == COMMITTEE_ALL_MAX && list[best[chosen - 1]].bonded >= list[i].bonded) {
            continue;
        }
        size_t at = chosen < COMMITTEE_ALL_MAX ? chosen++ : chosen - 1;
        while (at > 0 && list[best[at - 1]].bonded < list[i].bonded) {
            best[at] = best[at - 1];
            at--;
        }
        best[at] = i;
    }
    for (size_t i = 0; i < chosen; i++) {
        list[best[i]].weight = list[best[i]].bonded / TOKEN_ATOMIC;
    }
}

/* Each seat goes to the one whose stretch of the cumulative stake contains the drawn number. */
static void weigh_seats(struct candidate *list, size_t count, const uint64_t *ends,
                        const struct params *params, uint64_t epoch, const uint8_t beacon[32])
{
    uint64_t total = count == 0 ? 0 : ends[count - 1];
    for (uint64_t seat = 0; total > 0 && seat < params->seats; seat++) {
        uint8_t tail[48];
        uint8_t draw[32];
        memcpy(tail, beacon, 32);
        store64(tail + 32, epoch);
        store64(tail + 40, seat);
        hash256_parts(draw, (struct span[]){SPAN_TEXT("xpx/seat"), span_of(tail, sizeof(tail))}, 2);
        uint64_t number = u128_load_mod(draw, total);
        size_t low = 0; /* first whose end exceeds number */
        for (size_t left = count; left > 0;) {
            size_t half = left / 2;
            if (ends[low + half] <= number) {
                low += half + 1;
                left -= half + 1;
            } else {
                left = half;
            }
        }
        list[low].weight++;
    }
}

/* The smallest -ln(u) / stake win, one seat each, nobody twice: a draw without replacement, by
 * stake. u of a candidate from H("xpx/seat" || beacon || u64 epoch || key). Ties by id. */
static enum err weigh_distinct(struct candidate *list, size_t count, struct arena *scratch,
                               const struct params *params, uint64_t epoch,
                               const uint8_t beacon[32])
{
    struct ticket {
        uint64_t log, bonded;
        size_t candidate;
    } *won = arena_alloc_array(scratch, params->seats, sizeof(*won));
    size_t taken = 0;
    if (won == NULL) {
        return ERR_FULL;
    }
    for (size_t i = 0; i < count; i++) {
        uint8_t tail[72];
        uint8_t draw[32];
        memcpy(tail, beacon, 32);
        store64(tail + 32, epoch);
        memcpy(tail + 40, list[i].key, 32);
        hash256_parts(draw, (struct span[]){SPAN_TEXT("xpx/seat"), span_of(tail, sizeof(tail))}, 2);
        uint64_t u = load64(draw);
        struct ticket mine = {fixed_nln(u > 0 ? u : 1), list[i].bonded, i};
        size_t low = 0; /* behind those that are better, or as good and earlier */
        for (size_t left = taken; left > 0;) {
            size_t half = left / 2;
            const struct ticket *other = &won[low + half];
            if (u128_mul(other->log, mine.bonded) <= u128_mul(mine.log, other->bonded)) {
                low += half + 1;
                left -= half + 1;
            } else {
                left = half;
            }
        }
        if (mine.bonded == 0 || low == params->seats) {
            continue;
        }
        taken += taken < params->seats;
        memmove(&won[low + 1], &won[low], (taken - 1 - low) * sizeof(*won));
        won[low] = mine;
    }
    for (size_t i = 0; i < taken; i++) {
        list[won[i].candidate].weight = 1;
    }
    return ERR_OK;
}

static bool was_absent(const struct absence *absence, const uint8_t key[32])
{
    uint32_t voter = absence == NULL ? UINT32_MAX : committee_find(&absence->committee, key);
    return voter != UINT32_MAX && (absence->absent[voter / 8] >> (voter % 8) & 1) != 0;
}

static enum err candidates_read(struct candidate **list, uint64_t **ends, size_t *count,
                                struct state_edit *edit, struct arena *scratch,
                                const struct absence *absence)
{
    uint8_t key[32];
    struct span value;
    struct list keys;
    leaf_key_single(key, STATE_VALIDATORS);
    TRY(leaf_get(&value, edit, key));
    TRY(validators_decode(&keys, value));
    *count = keys.count;
    *list = arena_alloc_array(scratch, keys.count, sizeof(**list));
    *ends = arena_alloc_array(scratch, keys.count, sizeof(**ends));
    if (*list == NULL || *ends == NULL) {
        return ERR_FULL;
    }
    uint64_t sum = 0;
    for (size_t i = 0; i < keys.count; i++) {
        struct account account;
        leaf_key_id(key, STATE_ACCOUNT, keys.data + 32 * i);
        TRY(state_edit_get(&value, edit, key));
        TRY(account_decode(&account, value));
        const uint8_t *id = keys.data + 32 * i;
        uint64_t bonded = was_absent(absence, id) ? 0 : account.bonded;
        (*list)[i] = (struct candidate){.key = id, .bonded = bonded};
        sum += bonded;
        (*ends)[i] = sum;
    }
    return ERR_OK;
}

enum err committee_write(struct state_edit *edit, struct arena *scratch,
                         const struct params *params, uint64_t epoch, const uint8_t beacon[32],
                         const struct absence *absence)
{
    struct candidate *list;
    uint64_t *ends;
    size_t count;
    TRY(candidates_read(&list, &ends, &count, edit, scratch, absence));
    if (params->committee == COMMITTEE_SEATS) {
        weigh_seats(list, count, ends, params, epoch, beacon);
    } else if (params->committee == COMMITTEE_DISTINCT) {
        TRY(weigh_distinct(list, count, scratch, params, epoch, beacon));
    } else {
        weigh_all(list, count);
    }
    uint64_t total = 0;
    uint64_t members = 0;
    for (size_t i = 0; i < count; i++) {
        total += list[i].weight;
        members += list[i].weight > 0;
    }
    size_t capacity = 1 + 8 + 32 + 8 + VAR_BYTES_MAX + MEMBER_BYTES * members;
    uint8_t *bytes = arena_alloc(scratch, capacity);
    if (bytes == NULL) {
        return ERR_FULL;
    }
    struct writer w;
    writer_init(&w, bytes, capacity);
    writer_u8(&w, STATE_COMMITTEE);
    writer_u64(&w, epoch);
    writer_raw(&w, beacon, 32);
    writer_u64(&w, total);
    writer_var_max(&w, members, VALIDATORS_LIMIT);
    for (size_t i = 0; i < count; i++) {
        if (list[i].weight > 0) {
            writer_raw(&w, list[i].key, 32);
            writer_u64(&w, list[i].weight);
        }
    }
    size_t len;
    TRY(writer_end(&w, &len));
    uint8_t key[32];
    leaf_key_u64(key, STATE_COMMITTEE, epoch);
    return state_edit_put(edit, key, span_of(bytes, len));
}

/* Who was missing in the epoch that ends; the count of its calls goes. */
static enum err absence_judge(struct absence *absence, struct execution *x)
{
    uint8_t key[32];
    struct span value;
    struct attendance attendance = {.count = 0};
    leaf_key_u64(key, STATE_ATTENDANCE, x->epoch);
    TRY(leaf_get(&value, x->edit, key));
    if (value.len > 0) {
        TRY(attendance_decode(&attendance, value));
        TRY(state_edit_put(x->edit, key, span_of(NULL, 0)));
    }
    enum err err = committee_get(&absence->committee, x->shared, x->parent_root, x->epoch);
    if (err != ERR_OK) {
        return err == ERR_NOT_FOUND ? ERR_CORRUPT : err;
    }
    attendance_judge(absence->absent, &attendance, &absence->committee);
    return ERR_OK;
}

static enum err epoch_end(struct execution *x, struct list betas)
{
    uint8_t beacon[32];
    struct absence absence;
    TRY(beacon_close(beacon, x, betas));
    TRY(absence_judge(&absence, x));
    if (planted(BEACON_STALE)) {
        TRY(beacon_read(beacon, x, x->epoch));
    }
    TRY(committee_write(x->edit, x->scratch, &x->params, x->epoch + 2, beacon, &absence));
    if (x->epoch >= 1) {
        TRY(leaf_remove(x->edit, STATE_COMMITTEE, x->epoch - 1));
    }
    return x->epoch < 3 ? ERR_OK : leaf_remove(x->edit, STATE_BEACON, x->epoch - 3);
}

/* --- parameters, and all of it in order --- */

static enum err params_activate(struct execution *x)
{
    uint8_t key[32];
    struct span value;
    leaf_key_single(key, STATE_PARAMS);
    TRY(leaf_get(&value, x->edit, key));
    struct params_leaf leaf;
    TRY(params_leaf_decode(&leaf, value));
    if (!params_leaf_activate(&leaf, x->height + 1)) {
        return ERR_OK;
    }
    uint8_t bytes[PARAMS_LEAF_BYTES_MAX];
    size_t len;
    params_leaf_encode(bytes, &len, &leaf);
    return state_edit_put(x->edit, key, span_of(bytes, len));
}

enum err execution_block_end(struct execution *x, const uint8_t beta[64])
{
    TRY(fees_pay(x));
    TRY(validators_write(x));
    struct list betas;
    TRY(beacon_add(&betas, x, beta));
    if (x->height % x->params.epoch_blocks == 0) {
        TRY(epoch_end(x, betas));
    }
    return params_activate(x);
}
