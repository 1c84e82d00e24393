/* The one table of scenario keys: reading, checking, defaults, used.yaml and the reference page all
 * come from it. */
#ifndef ORRERY_SCENARIO_SCHEMA_H
#define ORRERY_SCENARIO_SCHEMA_H

#include "settings/schema.h"
#include "sim/scenario/scenario.h"

const struct key *schema_root(size_t *count);

extern const struct key_form scenario_places, scenario_lines, scenario_expects, scenario_chain;

/* A parameter of params.def as a scenario writes it: "target" (time) for target_ms. */
struct chain_key {
    char name[40];
    enum unit_kind unit;
    uint64_t factor;            /* value of the parameter x factor = base unit */
    const char *const *choices; /* for those that choose; else NULL */
};
void schema_chain_key(struct chain_key *key, const struct param_info *info);

#endif
