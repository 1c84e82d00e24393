/* Who may sign the next block and when (spec: chain 1.1 and 1.2; decisions 5, 9, 10, 11). Pure functions, integers only. */
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

/* alpha = "xpx/gen/1" || gs_parent || LE64(height): 49 bytes. */
#define ALPHA_BYTES 49
void production_alpha(uint8_t alpha[ALPHA_BYTES], const uint8_t gs_parent[32], uint64_t height);
/* gs of a child from beta (exp), from the signer (sirius2018). */
void production_gs_child(uint8_t gs[32], const uint8_t beta[64]);
void production_gs_child_2018(uint8_t gs[32], const uint8_t gs_parent[32], const uint8_t signer[32]);

/* Delay in ms after the parent at which an account with `stake` whole tokens may sign, from its beta. ERR_NOT_FOUND: no legal
 * delay below the limit of decision 10. Modes: hit exp or uniform, shape 1 or 2. */
enum err production_delay_ms(uint64_t *delay_ms, const struct params *params, const uint8_t beta[64], uint64_t stake, uint64_t bt) MUST_CHECK;

/* Base target of the child of `newest` (ancestors newest first, count >= 1, at most RETARGET_WINDOW are read; the genesis block is the
 * last one when it is within the window). For sirius2018 the candidate's own timestamp matters. */
uint64_t production_retarget(const struct params *params, const struct ancestor *newest_first, size_t count, uint64_t candidate_ts_ms);
uint64_t production_bt_genesis(const struct params *params, uint64_t total_stake_tokens);

/* sirius2018: smallest t >= 1 (whole seconds) at which hit < D(t) x t x balance, over candidates ts = parent.ts + 1000 t. */
enum err production_2018_delay_s(uint64_t *seconds, uint64_t *difficulty, const uint8_t gs[32], uint64_t balance_atomic,
                                 const struct ancestor *newest_first, size_t count) MUST_CHECK;
bool production_2018_hits(const uint8_t gs[32], uint64_t balance_atomic, uint64_t elapsed_s, uint64_t difficulty);

/* floor(2^80 / bt); for sirius2018 floor(2^64 / D). */
u128 production_score(const struct params *params, uint64_t bt);

#endif
