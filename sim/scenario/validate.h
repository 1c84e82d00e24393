/* What must hold between the keys of a scenario, beside what each key allows by itself. */
#ifndef ORRERY_SCENARIO_VALIDATE_H
#define ORRERY_SCENARIO_VALIDATE_H

#include "settings/document.h"
#include "sim/scenario/scenario.h"

/* Scales the groups to nodes:, then checks names, references, topology and spans. error points at
 * the line of the key to blame. ERR_INVALID, ERR_RANGE, ERR_UNKNOWN. */
enum err scenario_validate(struct scenario *scenario, struct settings_error *error,
                           const struct document *root) MUST_CHECK;

#endif
