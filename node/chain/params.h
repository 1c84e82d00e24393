/* Chain parameters (docs/wire.md 5 and 6). All values are u64 so that genesis, state and scenarios
 * share one form. */
#ifndef ORRERY_CHAIN_PARAMS_H
#define ORRERY_CHAIN_PARAMS_H

#include "node/base/bytes.h"
#include "node/base/err.h"

struct params {
#define PARAM(code, name, value, least, most, unit, text) uint64_t name;
#include "node/chain/params.def"
#undef PARAM
};

enum retarget { RETARGET_SYMBOL, RETARGET_NXT, RETARGET_SIRIUS2018, RETARGET_FIXED };
enum hit { HIT_EXP, HIT_UNIFORM };
enum production { PRODUCTION_EXP, PRODUCTION_SIRIUS2018 };
enum committee_mode { COMMITTEE_ALL, COMMITTEE_SEATS, COMMITTEE_DISTINCT };

void params_defaults(struct params *params);

/* Sets one parameter by its code. ERR_UNKNOWN: no such code; ERR_RANGE: outside [least, most]. */
enum err params_set(struct params *params, uint16_t code, uint64_t value) MUST_CHECK;
uint64_t params_get(const struct params *params, uint16_t code);

/* Relations between parameters (epoch_blocks a multiple of checkpoint_blocks, ...). ERR_INVALID
 * names none; why is a text. */
enum err params_check(const struct params *params, const char **why) MUST_CHECK;

/* Whether a param transaction may change it: false where the meaning of numbers already in the
 * chain hangs on it (units of bt, lengths of epochs, which layers exist), and for unknown codes. */
bool params_changeable(uint16_t code);

struct param_info {
    uint16_t code;
    const char *name;
    uint64_t value, least, most; /* value: the default */
    const char *unit;
    const char *text;
};
/* The table of params.def, count entries. */
const struct param_info *params_table(size_t *count);

#endif
