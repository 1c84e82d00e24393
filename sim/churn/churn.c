#include "sim/churn/churn.h"

#include "sim/net/draw.h"

#define SCALE_NS_MIN 1000000u
#define TIME_NS_MAX ((uint64_t)1 << 61)

/* mean of the table times the scale, or 0 when out of range. */
static uint64_t mean_ns(const struct quantile *table, uint64_t scale_ns)
{
    u128 mean = (u128)table->mean_q32 * scale_ns >> 32;
    return mean > TIME_NS_MAX ? 0 : (uint64_t)mean;
}

static bool scale_valid(uint64_t scale_ns)
{
    return scale_ns >= SCALE_NS_MIN && scale_ns <= TIME_NS_MAX;
}

enum err churn_init(struct churn *churn, const struct churn_config *config, uint64_t seed)
{
    if (!scale_valid(config->session_scale_ns) || !scale_valid(config->absence_scale_ns)) {
        return ERR_RANGE;
    }
    TRY(quantile_build_weibull(&churn->session, config->session_shape));
    TRY(quantile_build_weibull(&churn->absence, config->absence_shape));
    TRY(quantile_build_residual(&churn->session_rest, &churn->session));
    TRY(quantile_build_residual(&churn->absence_rest, &churn->absence));
    uint64_t session_ns = mean_ns(&churn->session, config->session_scale_ns);
    uint64_t absence_ns = mean_ns(&churn->absence, config->absence_scale_ns);
    if (session_ns == 0 || absence_ns == 0) {
        return ERR_RANGE;
    }
    churn->session_scale_ns = config->session_scale_ns;
    churn->absence_scale_ns = config->absence_scale_ns;
    churn->up_q32 = draw_probability(session_ns, session_ns + absence_ns);
    churn->key_first = draw_key(seed, DRAW_CHURN_FIRST);
    churn->key_session = draw_key(seed, DRAW_CHURN_SESSION);
    churn->key_absence = draw_key(seed, DRAW_CHURN_ABSENCE);
    return ERR_OK;
}

/* Sets the end of the phase that begins at now_ns. */
static void set_next(const struct churn *churn, struct churn_node *state,
                     const struct quantile *table, uint32_t node, uint64_t now_ns)
{
    uint64_t key = state->up ? churn->key_session : churn->key_absence;
    uint64_t scale_ns = state->up ? churn->session_scale_ns : churn->absence_scale_ns;
    uint64_t u = draw_at(key, node, 0, state->transitions);
    uint64_t length_ns = quantile_sample(table, u, scale_ns);
    length_ns += length_ns == 0;
    state->next_ns = length_ns > UINT64_MAX - now_ns ? UINT64_MAX : now_ns + length_ns;
}

void churn_begin_stationary(const struct churn *churn, struct churn_node *state, uint32_t node,
                            uint64_t now_ns)
{
    *state = (struct churn_node){
        .up = draw_hit(draw_at(churn->key_first, node, 0, 0), churn->up_q32),
    };
    set_next(churn, state, state->up ? &churn->session_rest : &churn->absence_rest, node, now_ns);
}

void churn_begin_fresh(const struct churn *churn, struct churn_node *state, uint32_t node,
                       uint64_t now_ns)
{
    *state = (struct churn_node){.up = true};
    set_next(churn, state, &churn->session, node, now_ns);
}

void churn_turn(const struct churn *churn, struct churn_node *state, uint32_t node)
{
    state->up = !state->up;
    state->transitions++;
    set_next(churn, state, state->up ? &churn->session : &churn->absence, node, state->next_ns);
}
