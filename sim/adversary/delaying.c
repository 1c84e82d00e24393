/* Says everything late: each frame leaves `by` after its time, in the order of its link. */
#include "sim/adversary/kind.h"

enum { DELAYING_BY };

static enum pass delaying_send(struct act *a, uint32_t link, const struct blob **frame)
{
    (void)link;
    (void)frame;
    a->hold_ns = a->now_ns + a->line->value[DELAYING_BY].num;
    return PASS_LATER;
}

extern const struct adversary_kind adversary_delaying;
const struct adversary_kind adversary_delaying = {
    .word = "delaying",
    .text = "sends every frame late",
    .parameter = {{"by", PARAMETER_TIME, NULL, NULL, 0}},
    .send = delaying_send};
