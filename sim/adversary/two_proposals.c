/* Equivocating proposer: where the node proposes a block, some peers are shown a proposal of
 * another block of that height, freely, as if no value had been valid before. When there is no
 * other block it makes one, unless it signed the first. Nobody can be convicted for it: two
 * proposals are no evidence, and the block is the only one that it signed at its height. What
 * honest voters make of it is what their locks are for (spec: chain 1.5). */
#include "sim/adversary/forge.h"

enum { TWO_PROPOSALS_TO };

struct two_proposals {
    uint64_t instance; /* the newest that a block was made for */
    struct forged made;
};

/* `to`, or a half of the peers by lot, another one each round. */
static bool told_second(const struct act *a, uint32_t link, const struct frame_proposal *p)
{
    const struct fault_set *to = &a->line->value[TWO_PROPOSALS_TO].set;
    uint32_t peer = act_link(a, link)->peer;

    return peer != NODE_UNKNOWN &&
           (to->count > 0 ? fault_set_has(to, peer) : act_lot(a, peer, p->instance, p->round));
}

/* docs/wire.md 7: account || instance .. vr */
static void proposal_sign(struct act *a, uint8_t sig[64], const struct frame_proposal *p)
{
    struct sign_secret secret;
    uint8_t body[48];

    store64(body, p->instance);
    store32(body + 8, p->round);
    memcpy(body + 12, p->value, 32);
    store32(body + 44, (uint32_t)p->vr);
    sign_keypair(&secret, a->c.config->account_seed);
    const struct sign_message message = {
        .context = SIGN_CONTEXT("proposal"),
        .genesis = a->c.config->genesis->hash,
        .body = {span_of(secret.public_key, 32), span_of(body, sizeof(body))}};
    ctx_sign(&a->c, sig, &secret, &message);
    sign_secret_wipe(&secret);
}

/* A sibling of the block that all know, dated no later than they accept, sent to everybody. */
static bool sibling_make(struct act *a, uint8_t out[32], uint64_t instance, const uint8_t value[32])
{
    struct two_proposals *s = a->state;
    const struct chain *chain = node_chain(a->node);
    const struct params *params = chain_params(chain);
    uint32_t first = chain_find(chain, value);
    struct forge_parent parent;
    struct forge_draw draw;
    struct forged made;

    if (s->instance == instance && s->made.block != NULL) {
        memcpy(out, s->made.id, 32);
        return true;
    }
    if (first == TREE_NONE || chain_entry(chain, first)->parent == TREE_NONE ||
        memcmp(chain_entry(chain, first)->signer, act_account(a), 32) == 0 ||
        params->production != PRODUCTION_EXP) {
        return false;
    }
    forge_parent_of(&parent, chain_entry(chain, chain_entry(chain, first)->parent));
    if (forge_draw_child(&draw, a, params, &parent, chain_entry(chain, first)->bt, NULL, 0) !=
            ERR_OK ||
        draw.ts_ms > a->c.wall_ms ||
        forge_child(&made, a, params, &parent, &draw, params->fee_multiplier_min, NULL, 0) !=
            ERR_OK) {
        return false;
    }
    forged_drop(&s->made, a->c.shared);
    s->made = made;
    s->instance = instance;
    const struct blob *compact = forge_compact(a, made.id, made.block);
    if (compact != NULL) {
        act_send(a, act_ready(a), compact);
        blob_drop(a->c.shared, compact);
    }
    memcpy(out, made.id, 32);
    return true;
}

static enum pass two_proposals_send(struct act *a, uint32_t link, const struct blob **frame)
{
    struct span bytes = span_of((*frame)->data, (*frame)->len);
    struct frame_proposal p;
    uint8_t other[32], sig[64];
    size_t len;

    if (frame_code(bytes) != FRAME_PROPOSAL || frame_proposal_decode(&p, bytes) != ERR_OK ||
        !told_second(a, link, &p) || p.proposer != forge_seat(a, p.instance) ||
        (!forge_other_value(other, a, p.instance, p.value) &&
         !sibling_make(a, other, p.instance, p.value))) {
        return PASS_ON;
    }
    p.value = other;
    p.vr = -1;
    p.pol = (struct list){.data = NULL};
    proposal_sign(a, sig, &p);
    p.sig = sig;
    len = frame_proposal_bytes(&p);
    uint8_t *out = arena_alloc(a->c.scratch, len);
    if (out == NULL || frame_proposal_encode(out, len, &len, &p) != ERR_OK) {
        return PASS_ON;
    }
    act_trace(a, DEED_FORGED, p.round, p.instance);
    blob_drop(a->c.shared, *frame);
    *frame = blob_put(a->c.shared, out, len);
    return PASS_ON;
}

static enum pass two_proposals_recv(struct act *a, uint32_t link, const struct blob **frame)
{
    struct two_proposals *s = a->state;

    return s->made.block != NULL && forge_serve(a, link, *frame, s->made.id, s->made.block)
               ? PASS_NOT
               : PASS_ON;
}

static void two_proposals_drop(struct act *a)
{
    struct two_proposals *s = a->state;

    forged_drop(&s->made, a->c.shared);
}

extern const struct adversary_kind adversary_two_proposals;
const struct adversary_kind adversary_two_proposals = {
    .word = "two-proposals",
    .text = "proposes two blocks in one round and shows each to its own peers",
    .parameter = {{"to", PARAMETER_NODES, "", NULL, 0}},
    .state_bytes = sizeof(struct two_proposals),
    .lasting = true,
    .drop = two_proposals_drop,
    .recv = two_proposals_recv,
    .send = two_proposals_send};
