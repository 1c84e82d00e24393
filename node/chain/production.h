/* Who may sign the next block and when (spec: chain 1.1 and 1.2; decisions 5, 9, 10, 11). Pure
 * functions, integers only.
 *
 * The unit of bt depends on the retarget rule: symbol counts 2^-80 per (token, ms); nxt counts
 * 2^-64 per (token, s) as NXT does; sirius2018 is the difficulty D, 2^-64 per (atomic unit, s). */
#ifndef ORRERY_CHAIN_PRODUCTION_H
#define ORRERY_CHAIN_PRODUCTION_H

#include "node/chain/params.h"

/* What the next block needs to know of an ancestor. */
struct ancestor {
    uint64_t height;
    uint64_t ts_ms;
    uint64_t bt;
};

#define RETARGET_WINDOW 60 /* ancestors that the symbol retarget averages */
#define BT_LEAST (UINT64_C(1) << 16)
#define BT_LIMIT (UINT64_C(1) << 60)       /* bt stays below */
#define STAKE_LIMIT (UINT64_C(1) << 36)    /* whole tokens; stake stays below */
#define DELAY_MS_LIMIT (UINT64_C(1) << 31) /* decision 10; a delay stays below */
#define DELAY_MS_MOST_SHAPE2 (UINT64_C(1) << 22)

/* alpha = "xpx/gen/1" || gs_parent || LE64(height): 49 bytes. */
#define ALPHA_BYTES 49
void production_alpha(uint8_t alpha[ALPHA_BYTES], const uint8_t gs_parent[32], uint64_t height);

/* gs of the genesis block; of a child from beta (exp), from the signer (sirius2018). */
void production_gs_genesis(uint8_t gs[32], const struct params *params, const uint8_t seed[32]);
void production_gs_child(uint8_t gs[32], const uint8_t beta[64]);
void production_gs_child_2018(uint8_t gs[32], const uint8_t gs_parent[32],
                              const uint8_t signer[32]);

/* beta of an account when vrf is off (decision 17): vrf_off_beta over alpha. */
void production_beta_novrf(uint8_t beta[64], const uint8_t vrf_key[32],
                           const uint8_t alpha[ALPHA_BYTES]);

/* U = max(1, LE64(H("xpx/hit/1" || beta))). */
uint64_t production_hit(const uint8_t beta[64]);

/* Delay in ms after the parent at which an account with `stake` whole tokens may sign, from its
 * beta: the smallest d >= 1 with h x 2^32 < stake x bt x g(d). h is -ln(U / 2^64) in Q48 (hit exp)
 * or U / 2^16 (hit uniform: the race of NXT); g(d) = d (shape 1) or d^2 / T as an exact ratio
 * (shape 2). ERR_NOT_FOUND: no d below 2^31, in shape 2 up to 2^22, or no stake (decision 10).
 * ERR_RANGE: bt or stake outside its limits. */
enum err production_delay_ms(uint64_t *delay_ms, const struct params *params,
                             const uint8_t beta[64], uint64_t stake, uint64_t bt) MUST_CHECK;

/* Base target of the child of newest_first[0], from count >= 1 ancestors; all of them when the
 * chain is shorter than RETARGET_WINDOW, the genesis block then being the last. Every division
 * floors. symbol: n = min(60, count), bt' = (sum of n bt / n) x (ts_first - ts_last) / ((n - 1) x
 * T), within bt / 20 of the parent's bt and within [2^16, 2^60); n = 1 keeps bt. nxt: NXT writes
 * into a block the base target of the next one, we that of the block itself. With p = height - 1 of
 * the newest: p even and > 2: avg = (ts_newest - ts three before) / 3000, the rule of chain 1.1;
 * else bt stays. sirius2018: n = min(3, parent height + 1) (our genesis has height 0, theirs 1), S
 * = (candidate - ts of the n-th newest) / (1000 n), the rule of chain 1.1 (decision 11). */
uint64_t production_retarget(const struct params *params, const struct ancestor *newest_first,
                             size_t count, uint64_t candidate_ts_ms);

/* symbol: 2^80 / (stake x T), times pi/4 in shape 2; nxt: INITIAL; sirius2018: 1000.
 * total_stake_tokens >= 1. */
uint64_t production_bt_genesis(const struct params *params, uint64_t total_stake_tokens);

/* sirius2018: smallest t >= 1 (whole seconds) at which hit < D(t) x t x balance, over candidates ts
 * = parent.ts + 1000 t. gs: the candidate's own (production_gs_child_2018). difficulty gets D(t).
 * ERR_NOT_FOUND: no balance, or t x 1000 would reach 2^31. */
enum err production_2018_delay_s(uint64_t *seconds, uint64_t *difficulty,
                                 const struct params *params, const uint8_t gs[32],
                                 uint64_t balance_atomic, const struct ancestor *newest_first,
                                 size_t count) MUST_CHECK;
bool production_2018_hits(const uint8_t gs[32], uint64_t balance_atomic, uint64_t elapsed_s,
                          uint64_t difficulty);

/* What a block adds to the score of its chain: floor(2^80 / bt); nxt floor(2^64 / bt); sirius2018
 * floor(2^64 / D). bt >= 1. */
u128 production_score(const struct params *params, uint64_t bt);

#endif
