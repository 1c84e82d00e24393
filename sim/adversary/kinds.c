/* The table of kinds: adding one is a file and a row. */
#include "sim/adversary/kind.h"

extern const struct adversary_kind adversary_silent, adversary_delaying, adversary_selective,
    adversary_twins, adversary_two_headers, adversary_two_votes, adversary_two_proposals,
    adversary_selfish, adversary_double_spend, adversary_nothing_at_stake,
    adversary_beacon_withholder, adversary_liar, adversary_flood, adversary_eclipse,
    adversary_grinder, adversary_long_range;

const struct adversary_kind *const adversary_kinds[] = {
    &adversary_silent,
    &adversary_delaying,
    &adversary_selective,
    &adversary_twins,
    &adversary_long_range,
    &adversary_two_headers,
    &adversary_two_votes,
    &adversary_two_proposals,
    &adversary_selfish,
    &adversary_double_spend,
    &adversary_nothing_at_stake,
    &adversary_beacon_withholder,
    &adversary_liar,
    &adversary_flood,
    &adversary_eclipse,
    &adversary_grinder,
    NULL,
};
