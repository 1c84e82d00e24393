/* One account on two machines: the i-th node of `with` runs with the account and VRF keys of the
 * i-th target. Both are correct; whatever they do apart (faults cut them from each other) is what a
 * byzantine owner of the key would do (spec: design 4). The links' own keys stay different, for two
 * machines have two addresses. Nothing is filtered: the world copies the keys before the run. */
#include "sim/adversary/kind.h"

extern const struct adversary_kind adversary_twins;
const struct adversary_kind adversary_twins = {.word = "twins",
                                               .text = "one account on two machines",
                                               .parameter = {{"with", PARAMETER_NODES, NULL, NULL}},
                                               .lasting = true};
