/* Lies to whoever catches up: headers, blocks, decisions and parts of snapshots go out with a bit
 * flipped (`false`), or not at all (`mute`). What is false is refused by hash or signature and its
 * sender is left; what does not come is asked for elsewhere. */
#include "sim/adversary/kind.h"

enum { LIAR_HOW };
enum { LIAR_FALSE, LIAR_MUTE };

static const char *const ways[] = {"false", "mute", NULL};

static enum pass liar_send(struct act *a, uint32_t link, const struct blob **frame)
{
    switch (frame_code(span_of((*frame)->data, (*frame)->len))) {
    case FRAME_HEADERS:
    case FRAME_BLOCK:
    case FRAME_BLOCK_TXS:
    case FRAME_STATE:
    case FRAME_DECISION:
        break;
    default:
        return PASS_ON;
    }
    (void)link;
    if (a->line->value[LIAR_HOW].num == LIAR_MUTE) {
        return PASS_NOT;
    }
    uint8_t *out = arena_copy(a->c.scratch, (*frame)->data, (*frame)->len);
    if (out == NULL || (*frame)->len < 8) {
        return PASS_ON;
    }
    /* Behind the code and the counts: in what is hashed or signed. */
    size_t at = (*frame)->len - 1 - act_draw(a) % ((*frame)->len / 2);
    out[at] ^= (uint8_t)(1u << (act_draw(a) & 7));
    const struct blob *changed = blob_put(a->c.shared, out, (*frame)->len);
    blob_drop(a->c.shared, *frame);
    *frame = changed;
    act_trace(a, DEED_FORGED, (*frame)->data[0], 0);
    return PASS_ON;
}

extern const struct adversary_kind adversary_liar;
const struct adversary_kind adversary_liar = {
    .word = "liar",
    .text = "answers who catches up falsely or not at all",
    .parameter = {{"how", PARAMETER_WORD, "false", ways, 0}},
    .send = liar_send};
