#include "sim/load/load.h"

#include "sim/net/draw.h"

#define SECOND_NS 1000000000u
#define GAP_NS_MAX ((uint64_t)1 << 40)

enum err load_init(struct load *load, const struct load_config *config,
                   const struct quantile *exponential, uint64_t seed, uint32_t stream)
{
    if (config->rate_num == 0 || config->rate_den == 0 || config->entry_count == 0 ||
        config->start_ns >> 61 != 0 || config->end_ns >> 61 != 0) {
        return ERR_RANGE;
    }
    u128 gap_q16 = ((u128)SECOND_NS * config->rate_den << 16) / config->rate_num;
    if (gap_q16 < 1 << 16 || gap_q16 > (u128)GAP_NS_MAX << 16) {
        return ERR_RANGE;
    }
    *load = (struct load){
        .config = *config,
        .exponential = exponential,
        .key_gap = draw_key(seed, DRAW_LOAD_GAP),
        .key_entry = draw_key(seed, DRAW_LOAD_ENTRY),
        .last_ns = config->start_ns,
        .gap_q16 = (uint64_t)gap_q16,
        .stream = stream,
    };
    return ERR_OK;
}

static uint64_t poisson_at_ns(struct load *load)
{
    uint64_t u = draw_at(load->key_gap, load->stream, 0, load->number);
    uint64_t step_q16 = quantile_sample(load->exponential, u, load->gap_q16) + load->part_q16;
    load->part_q16 = (uint32_t)(step_q16 & 0xffff);
    load->last_ns += step_q16 >> 16;
    return load->last_ns;
}

static uint64_t constant_at_ns(const struct load *load)
{
    const struct load_config *config = &load->config;
    u128 after = (u128)load->number * SECOND_NS * config->rate_den / config->rate_num;
    return after >> 62 ? UINT64_MAX : config->start_ns + (uint64_t)after;
}

bool load_next(struct load *load, struct load_arrival *arrival)
{
    if (load->last_ns >= load->config.end_ns) {
        return false;
    }
    uint64_t at_ns =
        load->config.arrivals == LOAD_POISSON ? poisson_at_ns(load) : constant_at_ns(load);
    load->last_ns = at_ns;
    if (at_ns >= load->config.end_ns) {
        return false;
    }
    uint64_t u = draw_at(load->key_entry, load->stream, 0, load->number);
    *arrival = (struct load_arrival){
        .at_ns = at_ns,
        .number = load->number++,
        .entry = (uint32_t)draw_below(u, load->config.entry_count),
    };
    return true;
}
