#include "node/chain/params.h"

#include "node/base/invariant.h"

static const struct param_info table[] = {
#define PARAM(code, name, value, least, most, unit, text)                                          \
    {code, #name, value, least, most, unit, text},
#include "node/chain/params.def"
#undef PARAM
};

const struct param_info *params_table(size_t *count)
{
    *count = sizeof(table) / sizeof(table[0]);
    return table;
}

void params_defaults(struct params *params)
{
#define PARAM(code, name, value, least, most, unit, text) params->name = value;
#include "node/chain/params.def"
#undef PARAM
}

static const struct param_info *info_find(uint16_t code)
{
    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        if (table[i].code == code) {
            return &table[i];
        }
    }
    return NULL;
}

enum err params_set(struct params *params, uint16_t code, uint64_t value)
{
    const struct param_info *info = info_find(code);
    if (info == NULL) {
        return ERR_UNKNOWN;
    }
    if (value < info->least || value > info->most) {
        return ERR_RANGE;
    }
    switch (code) {
#define PARAM(number, name, standard, least, most, unit, text)                                     \
    case number:                                                                                   \
        params->name = value;                                                                      \
        break;
#include "node/chain/params.def"
#undef PARAM
    default:
        invariant(false);
    }
    return ERR_OK;
}

uint64_t params_get(const struct params *params, uint16_t code)
{
    switch (code) {
#define PARAM(number, name, standard, least, most, unit, text)                                     \
    case number:                                                                                   \
        return params->name;
#include "node/chain/params.def"
#undef PARAM
    default:
        invariant(false);
        return 0;
    }
}

bool params_changeable(uint16_t code)
{
    /* Their codes: lookback_blocks, retarget, vrf, production, finality, checkpoint_blocks,
     * epoch_blocks. */
    static const uint16_t fixed[] = {2, 4, 6, 8, 9, 10, 12};
    for (size_t i = 0; i < sizeof(fixed) / sizeof(fixed[0]); i++) {
        if (code == fixed[i]) {
            return false;
        }
    }
    return info_find(code) != NULL;
}

enum err params_check(const struct params *params, const char **why)
{
    *why = NULL;
    bool rule_2018 = params->production == PRODUCTION_SIRIUS2018;
    if (params->epoch_blocks % params->checkpoint_blocks != 0) {
        *why = "epoch_blocks must be a multiple of checkpoint_blocks";
    } else if (rule_2018 != (params->retarget == RETARGET_SIRIUS2018)) {
        *why = "production sirius2018 and retarget sirius2018 need each other";
    } else if (rule_2018 && (params->target_ms % 1000 != 0 || params->target_ms < 4000)) {
        *why = "sirius2018 needs target_ms in whole seconds, at least 4";
    } else if (params->retarget == RETARGET_NXT && params->target_ms != 60000) {
        *why = "retarget nxt has its 60 s built in: target_ms must be 60000";
    } else if (params->checkpoint_depth >= params->epoch_blocks) {
        *why = "checkpoint_depth must be less than epoch_blocks";
    }
    return *why == NULL ? ERR_OK : ERR_INVALID;
}
