/* Hears everything, says nothing but the greeting of a new link, so that it can speak there when
 * its silence ends. Its links die of unanswered pings; its stake is missing from every quorum
 * (spec: chain 5 item 7). */
#include "sim/adversary/kind.h"

static enum pass silent_send(struct act *a, uint32_t link, const struct blob **frame)
{
    (void)a;
    (void)link;
    return (*frame)->len > 0 && (*frame)->data[0] == FRAME_HELLO ? PASS_ON : PASS_NOT;
}

extern const struct adversary_kind adversary_silent;
const struct adversary_kind adversary_silent = {
    .word = "silent", .text = "hears everything and says nothing", .send = silent_send};
