#include "node/chain/production.h"

#include "node/base/fixed.h"
#include "node/base/invariant.h"
#include "node/crypto/hash.h"
#include "node/crypto/vrf.h"

/* NXT's constants (spec: chain 1.1). */
#define NXT_INITIAL UINT64_C(153722867)
#define NXT_LEAST UINT64_C(138350580)
#define NXT_MOST UINT64_C(7686143350)

/* Sirius, November 2018. */
#define SIRIUS_INITIAL 1000
#define SIRIUS_HISTORY 3
#define SIRIUS_FACTOR_S 3

void production_alpha(uint8_t alpha[ALPHA_BYTES], const uint8_t gs_parent[32], uint64_t height)
{
    memcpy(alpha, "xpx/gen/1", 9);
    memcpy(alpha + 9, gs_parent, 32);
    store64(alpha + 41, height);
}

void production_gs_genesis(uint8_t gs[32], const struct params *params, const uint8_t seed[32])
{
    if (params->production == PRODUCTION_SIRIUS2018) {
        memcpy(gs, seed, 32);
        return;
    }
    const struct span parts[] = {SPAN_TEXT("xpx/gs/1"), span_of(seed, 32)};
    hash256_parts(gs, parts, 2);
}

void production_gs_child(uint8_t gs[32], const uint8_t beta[64])
{
    const struct span parts[] = {SPAN_TEXT("xpx/gs/1"), span_of(beta, 64)};
    hash256_parts(gs, parts, 2);
}

void production_gs_child_2018(uint8_t gs[32], const uint8_t gs_parent[32], const uint8_t signer[32])
{
    uint8_t both[64];
    memcpy(both, gs_parent, 32);
    memcpy(both + 32, signer, 32);
    hash_sha3_256(gs, both, sizeof(both));
}

void production_beta_novrf(uint8_t beta[64], const uint8_t vrf_key[32],
                           const uint8_t alpha[ALPHA_BYTES])
{
    vrf_off_beta(beta, vrf_key, span_of(alpha, ALPHA_BYTES));
}

uint64_t production_hit(const uint8_t beta[64])
{
    uint8_t hash[32];
    const struct span parts[] = {SPAN_TEXT("xpx/hit/1"), span_of(beta, 64)};
    hash256_parts(hash, parts, 2);
    uint64_t u = load64(hash);
    return u > 0 ? u : 1;
}

/* floor(sqrt(x)) for x < 2^62, digit by digit. */
static uint64_t root_floor(uint64_t x)
{
    uint64_t root = 0;
    for (uint64_t bit = UINT64_C(1) << 30; bit > 0; bit >>= 1) {
        uint64_t next = root | bit;
        if (next * next <= x) {
            root = next;
        }
    }
    return root;
}

enum err production_delay_ms(uint64_t *delay_ms, const struct params *params,
                             const uint8_t beta[64], uint64_t stake, uint64_t bt)
{
    if (bt == 0 || bt >= BT_LIMIT || stake >= STAKE_LIMIT) {
        return ERR_RANGE;
    }
    if (stake == 0) {
        return ERR_NOT_FOUND;
    }
    uint64_t u = production_hit(beta);
    uint64_t h = params->hit == HIT_UNIFORM ? u >> 16 : fixed_nln(u);
    u128 rate = (u128)stake * bt; /* < 2^96 */
    /* h < 2^54: effort < 2^86. In NXT's unit bt counts 1000 x 2^-16 of ours, for it is per second.
     */
    u128 effort = params->retarget == RETARGET_NXT ? ((u128)h << 16) * 1000 : (u128)h << 32;
    if (params->shape == 2) {
        /* effort < rate x d^2 / T, that is d^2 > floor(effort x T / rate); T < 2^22. */
        u128 square = effort * params->target_ms / rate;
        if (square >= (u128)DELAY_MS_MOST_SHAPE2 * DELAY_MS_MOST_SHAPE2) {
            return ERR_NOT_FOUND;
        }
        *delay_ms = root_floor((uint64_t)square) + 1;
        return ERR_OK;
    }
    u128 delay = effort / rate + 1;
    if (delay >= DELAY_MS_LIMIT) {
        return ERR_NOT_FOUND;
    }
    *delay_ms = (uint64_t)delay;
    return ERR_OK;
}

static uint64_t clamp(u128 value, uint64_t least, uint64_t most)
{
    if (value < least) {
        return least;
    }
    return value > most ? most : (uint64_t)value;
}

/* spec: chain 1.2; decision 10: the clamp is relative to the parent's bt, n = 1 keeps it. */
static uint64_t retarget_symbol(uint64_t target_ms, const struct ancestor *newest_first,
                                size_t count)
{
    uint64_t bt = newest_first[0].bt;
    size_t n = count < RETARGET_WINDOW ? count : RETARGET_WINDOW;
    if (n == 1) {
        return bt;
    }
    u128 sum = 0;
    for (size_t i = 0; i < n; i++) {
        invariant(newest_first[i].bt < BT_LIMIT);
        sum += newest_first[i].bt;
    }
    /* A block dates at most 2^31 ms after its parent: 60 of them stay below 2^37. */
    uint64_t elapsed = newest_first[0].ts_ms - newest_first[n - 1].ts_ms;
    invariant(elapsed < UINT64_C(1) << 40);
    u128 next = sum / n * elapsed / ((u128)(n - 1) * target_ms);
    uint64_t step = bt / 20;
    return clamp(clamp(next, bt - step, bt + step), BT_LEAST, BT_LIMIT - 1);
}

static uint64_t retarget_nxt(const struct ancestor *newest_first, size_t count)
{
    uint64_t bt = newest_first[0].bt;
    uint64_t height = newest_first[0].height;
    if (height < 4 || (height - 1) % 2 != 0) { /* NXT: previous height even and > 2 */
        return bt;
    }
    invariant(count > 3);
    uint64_t average_s = (newest_first[0].ts_ms - newest_first[3].ts_ms) / 3000;
    if (average_s > 60) {
        bt = bt * (average_s < 67 ? average_s : 67) / 60;
    } else {
        bt -= bt * 64 * (60 - (average_s > 53 ? average_s : 53)) / 6000;
    }
    return clamp(bt, NXT_LEAST, NXT_MOST);
}

static uint64_t retarget_2018(uint64_t target_ms, const struct ancestor *newest_first, size_t count,
                              uint64_t candidate_ts_ms)
{
    uint64_t d = newest_first[0].bt;
    uint64_t known = newest_first[0].height + 1; /* their genesis has height 1 */
    size_t n = known < SIRIUS_HISTORY ? (size_t)known : SIRIUS_HISTORY;
    invariant(count >= n && candidate_ts_ms >= newest_first[n - 1].ts_ms);
    uint64_t average_s = (candidate_ts_ms - newest_first[n - 1].ts_ms) / (1000 * n);
    uint64_t target_s = target_ms / 1000;
    if (average_s > target_s) {
        uint64_t slow = target_s + SIRIUS_FACTOR_S;
        u128 next = (u128)d * (average_s < slow ? average_s : slow) / target_s;
        return clamp(next, 1, BT_LIMIT - 1);
    }
    uint64_t fast = target_s - SIRIUS_FACTOR_S;
    uint64_t missing = target_s - (average_s > fast ? average_s : fast);
    return (uint64_t)(d - (u128)d * 64 * missing / 100 / target_s);
}

uint64_t production_retarget(const struct params *params, const struct ancestor *newest_first,
                             size_t count, uint64_t candidate_ts_ms)
{
    invariant(count >= 1);
    switch ((enum retarget)params->retarget) {
    case RETARGET_NXT:
        return retarget_nxt(newest_first, count);
    case RETARGET_SIRIUS2018:
        return retarget_2018(params->target_ms, newest_first, count, candidate_ts_ms);
    case RETARGET_FIXED:
        return newest_first[0].bt;
    case RETARGET_SYMBOL:
        break;
    }
    return retarget_symbol(params->target_ms, newest_first, count);
}

uint64_t production_bt_genesis(const struct params *params, uint64_t total_stake_tokens)
{
    invariant(total_stake_tokens >= 1);
    if (params->retarget == RETARGET_NXT) {
        return NXT_INITIAL;
    }
    if (params->retarget == RETARGET_SIRIUS2018) {
        return SIRIUS_INITIAL;
    }
    u128 bt = ((u128)1 << 80) / ((u128)total_stake_tokens * params->target_ms);
    if (params->shape == 2) {
        bt = bt * 355 / (4 * 113); /* pi / 4 */
    }
    return clamp(bt, BT_LEAST, BT_LIMIT - 1);
}

bool production_2018_hits(const uint8_t gs[32], uint64_t balance_atomic, uint64_t elapsed_s,
                          uint64_t difficulty)
{
    return fixed_hit_below_target(load64(gs), difficulty, elapsed_s, balance_atomic);
}

/* D(t) never falls as t grows, so the target grows with t and the first legal second is found by
 * halving. */
enum err production_2018_delay_s(uint64_t *seconds, uint64_t *difficulty,
                                 const struct params *params, const uint8_t gs[32],
                                 uint64_t balance_atomic, const struct ancestor *newest_first,
                                 size_t count)
{
    uint64_t low = 1;
    uint64_t high = (DELAY_MS_LIMIT - 1) / 1000 + 1; /* the first t that is too late */
    const uint64_t limit = high;
    while (low < high) {
        uint64_t t = low + (high - low) / 2;
        uint64_t d =
            production_retarget(params, newest_first, count, newest_first[0].ts_ms + 1000 * t);
        if (production_2018_hits(gs, balance_atomic, t, d)) {
            high = t;
        } else {
            low = t + 1;
        }
    }
    if (low == limit) {
        return ERR_NOT_FOUND;
    }
    *seconds = low;
    *difficulty =
        production_retarget(params, newest_first, count, newest_first[0].ts_ms + 1000 * low);
    return ERR_OK;
}

u128 production_score(const struct params *params, uint64_t bt)
{
    if (params->retarget == RETARGET_SYMBOL || params->retarget == RETARGET_FIXED) {
        return fixed_block_score(bt);
    }
    invariant(bt >= 1);
    return ((u128)1 << 64) / bt;
}
