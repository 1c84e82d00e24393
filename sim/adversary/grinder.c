/* Key grinder: on each new tip, whose generation signature it now knows, it tries `keys` VRF keys
 * and takes the one that would sign the next block soonest: usable at once, that key would win
 * nearly always. The network lets a key draw only `vrf_epochs` epochs after its registration (spec:
 * chain 1.2, 1.4), so the key is held against the block that was really made at the first height at
 * which it may: would it have been sooner? That must succeed as often as any key with this stake
 * that joins the race, share / (1 + share), and no more: grinding gains nothing.
 *
 * The keys are judged, not registered: what an account may draw with is state, and tested there. */
#include "node/crypto/hash.h"
#include "sim/adversary/forge.h"

enum { GRINDER_KEYS };
enum { CHOICES_MAX = 1024 };

struct choice {
    uint8_t seed[32];
    uint64_t due; /* height; 0: free */
};

struct grinder {
    uint64_t height;                    /* of the tip last looked at */
    struct choice choices[CHOICES_MAX]; /* by height, a ring */
};

/* The draw of a key on an entry of the node's tree; UINT64_MAX: never. */
static uint64_t delay_of(struct act *a, const struct params *params, const uint8_t seed[32],
                         const struct tree_entry *parent, uint64_t bt)
{
    struct forge_account account = {.stake = 0};
    struct forge_draw draw;

    vrf_keypair(&account.vrf, seed);
    if (stake_effective(&account.stake, a->c.shared, parent->state_root, params, parent->height,
                        act_account(a)) != ERR_OK ||
        account.stake == 0 ||
        forge_draw_for(&draw, a, params, parent->gs, parent->height, parent->ts_ms, bt, &account) !=
            ERR_OK) {
        return UINT64_MAX;
    }
    return draw.delay_ms;
}

static void choose(struct act *a, struct grinder *s, const struct params *params,
                   const struct tree_entry *tip)
{
    struct choice best = {.due = tip->height + 1 + params->vrf_epochs * params->epoch_blocks};
    uint64_t least = UINT64_MAX;

    for (uint64_t i = 0; i < a->line->value[GRINDER_KEYS].num; i++) {
        uint8_t seed[32] = {0};
        store64(seed, act_draw(a));
        uint64_t delay = delay_of(a, params, seed, tip, tip->bt);
        if (delay < least) {
            least = delay;
            memcpy(best.seed, seed, 32);
        }
    }
    if (least != UINT64_MAX) {
        s->choices[best.due % CHOICES_MAX] = best;
        act_trace(a, DEED_ATTEMPT, best.due, least);
    }
}

/* The block at this height has been made: would the key chosen for it have been sooner? */
static void compare(struct act *a, struct grinder *s, const struct params *params, uint64_t height)
{
    struct choice *choice = &s->choices[height % CHOICES_MAX];
    const struct chain *chain = node_chain(a->node);
    uint32_t at = chain_ancestor(chain, chain_tip(chain), height);

    if (choice->due != height || at == TREE_NONE || chain_entry(chain, at)->parent == TREE_NONE) {
        return;
    }
    const struct tree_entry *made = chain_entry(chain, at);
    const struct tree_entry *parent = chain_entry(chain, made->parent);
    uint64_t delay = delay_of(a, params, choice->seed, parent, made->bt);
    act_trace(a, delay < made->ts_ms - parent->ts_ms ? DEED_SUCCESS : DEED_GAVE_UP, height, delay);
    choice->due = 0;
}

static void grinder_after(struct act *a)
{
    struct grinder *s = a->state;
    const struct chain *chain = node_chain(a->node);
    const struct tree_entry *tip = chain_entry(chain, chain_tip(chain));
    const struct params *params = chain_params(chain);

    if (tip->height <= s->height || params->production != PRODUCTION_EXP ||
        params->vrf_epochs * params->epoch_blocks + 1 >= CHOICES_MAX) {
        return;
    }
    for (uint64_t height = s->height + 1; height <= tip->height; height++) {
        compare(a, s, params, height);
    }
    s->height = tip->height;
    choose(a, s, params, tip);
}

extern const struct adversary_kind adversary_grinder;
const struct adversary_kind adversary_grinder = {
    .word = "grinder",
    .text = "searches VRF keys for a soon block",
    .parameter = {{"keys", PARAMETER_COUNT, "64", NULL}},
    .state_bytes = sizeof(struct grinder),
    .after = grinder_after};
