/* The rules of a header (spec: chain 1.1, 1.2; decisions 5, 9, 10, 11), coded a second time beside
 * node/chain/accept.c: from the parent's state and the ancestors, without the tree. */
#include "node/chain/account.h"
#include "node/chain/execute.h"
#include "node/seam/ctx.h"
#include "sim/check/check_private.h"

struct rule {
    const struct replay *replay;
    const struct replayed *parent;
    const struct header *header;
    struct params params;
    struct account account;
    uint64_t stake;
};

static enum err broken(const char **why, const char *text)
{
    *why = text;
    return ERR_INVALID;
}

static uint64_t expected_bt(const struct rule *x, uint64_t candidate_ts_ms)
{
    struct ancestor ancestors[RETARGET_WINDOW];
    const struct replayed *b = x->parent;
    size_t count = 0;

    for (; count < RETARGET_WINDOW; b = &x->replay->blocks[b->parent]) {
        ancestors[count++] = (struct ancestor){.height = b->height, .ts_ms = b->ts_ms, .bt = b->bt};
        if (b->parent == REPLAY_NONE) {
            break;
        }
    }
    return production_retarget(&x->params, ancestors, count, candidate_ts_ms);
}

static bool no_proof(const struct header *header)
{
    static const uint8_t zeros[80];

    return memcmp(header->pi, zeros, sizeof(zeros)) == 0;
}

static enum err timing_2018(uint8_t beta[64], const char **why, const struct rule *x)
{
    uint64_t elapsed_ms = x->header->ts_ms - x->parent->ts_ms;

    memset(beta, 0, 64);
    production_gs_child_2018(beta, x->parent->gs, x->header->signer);
    if (!no_proof(x->header) || elapsed_ms % 1000 != 0) {
        return broken(why, "it has a proof, or its time is no whole second after its parent's");
    }
    if (x->header->bt != expected_bt(x, x->header->ts_ms)) {
        return broken(why, "its difficulty is not what its ancestors give");
    }
    return production_2018_hits(beta, x->stake, elapsed_ms / 1000, x->header->bt)
               ? ERR_OK
               : broken(why, "its hit misses the target");
}

static enum err timing_exp(uint8_t beta[64], const char **why, const struct rule *x)
{
    uint8_t alpha[ALPHA_BYTES];
    uint64_t delay_ms;

    production_alpha(alpha, x->parent->gs, x->header->height);
    if (x->params.vrf == 0) {
        if (!no_proof(x->header)) {
            return broken(why, "it carries a proof where there is none");
        }
        production_beta_novrf(beta, x->account.vrf_key, alpha);
    } else if (ctx_vrf_verify(x->replay->shared, beta, x->account.vrf_key, x->header->pi,
                              span_of(alpha, sizeof(alpha))) != ERR_OK) {
        return broken(why, "its VRF proof does not verify");
    }
    if (x->header->bt != expected_bt(x, 0)) {
        return broken(why, "its base target is not what its ancestors give");
    }
    if (production_delay_ms(&delay_ms, &x->params, beta, x->stake, x->header->bt) != ERR_OK ||
        x->header->ts_ms != x->parent->ts_ms + delay_ms) {
        return broken(why, "its time is not the one its signer may sign at");
    }
    return ERR_OK;
}

enum err header_check(uint8_t beta[64], const char **why, const struct replay *replay,
                      const struct replayed *parent, const struct header *header, struct span bytes)
{
    struct rule x = {.replay = replay, .parent = parent, .header = header};

    if (state_params(&x.params, replay->shared, parent->root) != ERR_OK ||
        state_account(&x.account, replay->shared, parent->root, header->signer) != ERR_OK) {
        return broken(why, "its parent's state cannot be read");
    }
    if (header->version != HEADER_VERSION ||
        memcmp(header->genesis, replay->genesis.hash, 32) != 0) {
        return broken(why, "it is of another version or network");
    }
    if (header->height != parent->height + 1 || header->ts_ms <= parent->ts_ms) {
        return broken(why, "it is not later than its parent");
    }
    if (header->fee_multiplier < x.params.fee_multiplier_min) {
        return broken(why, "its fee multiplier is too small");
    }
    struct sign_message message = header_message(bytes.data);
    if (ctx_sign_verify(replay->shared, bytes.data + HEADER_SIGNED_BYTES, header->signer,
                        &message) != ERR_OK) {
        return broken(why, "its signature does not verify");
    }
    if (stake_effective(&x.stake, replay->shared, parent->root, &x.params, parent->height,
                        header->signer) != ERR_OK ||
        x.stake == 0) {
        return broken(why, "its signer has no effective stake");
    }
    return x.params.production == PRODUCTION_SIRIUS2018 ? timing_2018(beta, why, &x)
                                                        : timing_exp(beta, why, &x);
}
