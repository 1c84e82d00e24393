/* Key grinder (spec: chain 1.2, 1.4). It knows the generation signature of its tip, tries `keys`
 * VRF keys on it and registers the one that would sign the next block soonest, by the chain's own
 * update_node. Once that key is in force it makes its blocks with it.
 *
 * A key draws vrf_epochs epochs after its registration at the earliest, on a signature that nobody
 * knew when it was chosen: it is a key like any other. Only with vrf_epochs 0 there is something to
 * grind, and then all of it: whoever makes a block knows what its children will draw on, so each
 * own block registers the key that is best for the next height. It stops there otherwise: another
 * registration would cost two more epochs.
 *
 * The node's own producer keeps to the key of its configuration and makes no blocks once another
 * one is registered; those of the strategy come to it and leave as if a peer had sent them. */
#include "node/chain/accept.h"
#include "node/chain/tx.h"
#include "node/crypto/hash.h"
#include "sim/adversary/forge.h"

enum { GRINDER_KEYS };
enum { KEYS_KEPT = 256 };
enum { UPDATE_BYTES_MAX = 1024 };
#define NS_PER_MS UINT64_C(1000000)
#define PATIENCE_BLOCKS 60 /* a registration that has not come by then is made again */
#define SETTLED_BLOCKS 12  /* without finality: no branch without the registration is left */

struct key {
    uint8_t public_key[32], seed[32];
};

struct grinder {
    uint32_t count;             /* keys chosen so far */
    struct key keys[KEYS_KEPT]; /* a ring: a fork may go back to an older one */
    uint64_t tip;               /* looked at last, the first bytes of its id */
    uint64_t stands_until;   /* height at which the registration that was sent is void; 0: none */
    uint64_t nonce, fee_max; /* of it: who replaces a transaction offers more */
    uint64_t judged, due;    /* heights: of the newest registration; its first draw, 0: none */
    bool settled;            /* the own producer is silent on every branch */
    uint64_t signed_height;  /* by either hand */

    /* The block to be made at due_ns; 0: none. */
    struct params params;
    struct forge_parent parent;
    struct forge_draw draw;
    struct forge_account account;
    uint64_t due_ns;
};

/* --- keys --- */

static void vrf_of(struct vrf_secret *vrf, const struct key *key)
{
    vrf_keypair(vrf, key->seed);
}

static const struct key *key_find(const struct grinder *s, const uint8_t public_key[32])
{
    uint32_t kept = s->count < KEYS_KEPT ? s->count : KEYS_KEPT;

    for (uint32_t i = 0; i < kept; i++) {
        if (memcmp(s->keys[i].public_key, public_key, 32) == 0) {
            return &s->keys[i];
        }
    }
    return NULL;
}

/* The best of many for a child of this parent; NULL: none may sign there. */
static const struct key *key_grind(struct act *a, struct grinder *s, const struct params *params,
                                   const struct forge_parent *parent, uint64_t bt, uint64_t stake)
{
    struct forge_account account = {.stake = stake};
    uint64_t least = UINT64_MAX;
    struct key *best = &s->keys[s->count % KEYS_KEPT];

    for (uint64_t i = 0; i < a->line->value[GRINDER_KEYS].num; i++) {
        struct key key = {.seed = {0}};
        struct forge_draw draw;
        store64(key.seed, act_draw(a));
        vrf_of(&account.vrf, &key);
        memcpy(key.public_key, account.vrf.public_key, 32);
        if (forge_draw_for(&draw, a, params, parent->gs, parent->height, parent->ts_ms, bt,
                           &account) == ERR_OK &&
            draw.delay_ms < least) {
            least = draw.delay_ms;
            *best = key;
        }
    }
    vrf_secret_wipe(&account.vrf);
    if (least == UINT64_MAX) {
        return NULL;
    }
    s->count++;
    act_trace(a, DEED_ATTEMPT, parent->height, least);
    return best;
}

/* --- the registration --- */

/* The body of update_node: the record as it stands with another VRF key, and both proofs. */
static enum err body_make(struct writer *w, struct act *a, const struct params *params,
                          const struct forge_parent *at, const struct account *account,
                          const struct key *key)
{
    const uint8_t *genesis = a->c.config->genesis->hash;
    uint8_t zeros[VRF_PROOF_BYTES] = {0};
    uint8_t alpha[TX_NODE_ALPHA_BYTES], proof[VRF_PROOF_BYTES] = {0}, beta[VRF_BETA_BYTES];
    uint8_t sig[SIGN_BYTES];
    struct sign_message message;
    struct sign_secret node;
    struct node_facts facts;
    struct vrf_secret vrf;

    TRY(state_node(&facts, a->c.shared, at->state_root, account->node_id));
    node_record_write(w, &(struct node_record){.node_id = facts.node_id,
                                               .endpoints = {.data = facts.endpoint, .count = 1},
                                               .onion = facts.onion,
                                               .vrf = key->public_key,
                                               .roles = facts.roles,
                                               .metadata = zeros});
    tx_node_message(&message, genesis, act_account(a), span_of(w->start, writer_len(w)));
    sign_keypair(&node, a->c.config->node_seed);
    sign_make(sig, &node, &message);
    sign_secret_wipe(&node);
    writer_raw(w, sig, SIGN_BYTES);
    ctx_charge(&a->c, COST_SIGN, 2);
    if (params->vrf != 0) {
        tx_node_alpha(alpha, genesis, act_account(a));
        vrf_of(&vrf, key);
        enum err err = vrf_prove(proof, beta, &vrf, span_of(alpha, sizeof(alpha)));
        vrf_secret_wipe(&vrf);
        ctx_charge(&a->c, COST_VRF_PROVE, 1);
        TRY(err);
    }
    writer_raw(w, proof, sizeof(proof));
    return ERR_OK;
}

/* The transaction, in scratch. ERR_BALANCE: the account cannot pay its fee. */
static enum err update_make(struct span *out, struct act *a, struct grinder *s,
                            const struct params *params, const struct forge_parent *at,
                            const struct account *account, const struct key *key)
{
    uint8_t *body = arena_alloc(a->c.scratch, UPDATE_BYTES_MAX);
    uint8_t *tx = arena_alloc(a->c.scratch, UPDATE_BYTES_MAX);
    uint64_t multiplier = a->c.config->policy->fee_multiplier + params->fee_multiplier_min;
    struct sign_secret secret;
    struct writer w;
    size_t len;

    if (body == NULL || tx == NULL) {
        return ERR_FULL;
    }
    writer_init(&w, body, UPDATE_BYTES_MAX);
    TRY(body_make(&w, a, params, at, account, key));
    TRY(writer_end(&w, &len));
    bool again = s->stands_until != 0 && s->nonce == account->nonce;
    s->fee_max = again ? 2 * s->fee_max : UPDATE_BYTES_MAX * multiplier;
    s->nonce = account->nonce;
    s->stands_until = at->height + PATIENCE_BLOCKS;
    if (s->fee_max > account->free) {
        return ERR_BALANCE;
    }
    struct tx facts = {.type = TX_update_node,
                       .nonce = account->nonce,
                       .fee_max = s->fee_max,
                       .expiry = s->stands_until,
                       .body = span_of(body, len)};
    sign_keypair(&secret, a->c.config->account_seed);
    enum err err =
        tx_build(tx, UPDATE_BYTES_MAX, &len, &facts, a->c.config->genesis->hash, &secret);
    sign_secret_wipe(&secret);
    *out = span_of(tx, len);
    return err;
}

/* --- to the others and to the own node, which takes it for a peer's --- */

static void tell(struct act *a, const struct blob *frame)
{
    uint64_t links = act_links(a, false);

    act_send(a, links & -links, frame);
    act_deliver(a, (uint32_t)__builtin_ctzll(links), frame, a->now_ns);
}

static void tell_tx(struct act *a, struct span tx)
{
    uint8_t frame[UPDATE_BYTES_MAX + 16];
    struct frame_tx m = {.tx = tx};
    size_t len;

    if (frame_tx_encode(frame, sizeof(frame), &len, &m) == ERR_OK) {
        const struct blob *blob = blob_put(a->c.shared, frame, len);
        tell(a, blob);
        blob_drop(a->c.shared, blob);
    }
}

/* --- blocks --- */

/* With vrf_epochs 0 the block carries the key that is best for its own children. */
static void make(struct act *a, struct grinder *s)
{
    const struct forge_parent *parent = &s->parent;
    struct forge_parent child = {.height = parent->height + 1, .ts_ms = s->draw.ts_ms};
    struct account account;
    struct forged forged;
    struct span tx;
    size_t count = 0;

    if (s->params.vrf_epochs == 0 &&
        state_account(&account, a->c.shared, parent->state_root, act_account(a)) == ERR_OK) {
        accept_gs(child.gs, &s->params, s->draw.beta);
        memcpy(child.state_root, parent->state_root, 32);
        const struct key *key = key_grind(a, s, &s->params, &child, s->draw.bt, s->account.stake);
        count = key != NULL && update_make(&tx, a, s, &s->params, &child, &account, key) == ERR_OK;
    }
    if (forge_child_by(&forged, a, &s->params, parent, &s->draw, &s->account, &tx, count) !=
        ERR_OK) {
        return;
    }
    const struct blob *compact = forge_compact(a, forged.id, forged.block);
    if (compact != NULL) {
        if (count > 0) {
            tell_tx(a, tx);
        }
        tell(a, compact);
        s->signed_height = child.height;
        ctx_trace(&a->c, TRACE_block_produced, child.height, load64(forged.id), load64(parent->id),
                  s->draw.delay_ms, count, forged.block->len);
    }
    blob_drop(a->c.shared, compact);
    forged_drop(&forged, a->c.shared);
}

/* When it may sign a child of the tip, with the key that is registered there. */
static void aim(struct act *a, struct grinder *s, const struct tree_entry *tip,
                const struct account *account, const struct key *key)
{
    uint64_t bt = forge_child_bt(a, &s->params, chain_tip(node_chain(a->node)));

    s->account.stake = stake_of(account, &s->params, tip->height);
    if (s->account.stake == 0 || tip->height < s->signed_height) {
        return;
    }
    memcpy(s->account.account_seed, a->c.config->account_seed, 32);
    vrf_of(&s->account.vrf, key);
    forge_parent_of(&s->parent, tip);
    if (forge_draw_for(&s->draw, a, &s->params, tip->gs, tip->height, tip->ts_ms, bt,
                       &s->account) == ERR_OK) {
        bool learning = a->c.config->policy->delay_from == DELAY_FROM_LEARNING;
        uint64_t from = learning ? a->c.wall_ms : tip->ts_ms;
        uint64_t ready = from + s->draw.delay_ms;
        s->due_ns = a->now_ns + (ready > a->c.wall_ms ? (ready - a->c.wall_ms) * NS_PER_MS : 0);
    }
}

/* Whoever made the first block that the newest key could draw for. */
static void judge(struct act *a, struct grinder *s, const struct account *account)
{
    const struct chain *chain = node_chain(a->node);
    uint32_t at = s->due == 0 ? TREE_NONE : chain_ancestor(chain, chain_tip(chain), s->due);

    if (at != TREE_NONE) {
        bool own = memcmp(chain_entry(chain, at)->signer, act_account(a), 32) == 0;
        act_trace(a, own ? DEED_SUCCESS : DEED_GAVE_UP, s->due, 0);
        s->due = 0;
    }
    if (account->vrf_height > s->judged) {
        uint64_t wait = s->params.vrf_epochs * s->params.epoch_blocks;
        s->judged = account->vrf_height;
        s->due = account->vrf_height + (wait > 0 ? wait : 1);
    }
}

static bool registered_for_good(struct act *a, const struct account *account, uint64_t height)
{
    const struct chain *chain = node_chain(a->node);

    return chain_entry(chain, chain_final(chain))->height >= account->vrf_height ||
           (a->c.config->genesis->params.finality == 0 &&
            height >= account->vrf_height + SETTLED_BLOCKS);
}

static void look(struct act *a, struct grinder *s, const struct tree_entry *tip)
{
    struct account account;
    struct forge_parent at;
    struct span tx;

    s->due_ns = 0;
    if (state_params(&s->params, a->c.shared, tip->state_root) != ERR_OK ||
        s->params.production != PRODUCTION_EXP ||
        state_account(&account, a->c.shared, tip->state_root, act_account(a)) != ERR_OK) {
        return;
    }
    const struct key *key = key_find(s, account.vrf_key);
    if (key != NULL) {
        s->settled = s->settled || registered_for_good(a, &account, tip->height);
        judge(a, s, &account);
        if (s->settled) {
            aim(a, s, tip, &account, key);
        }
    } else if (tip->height >= s->stands_until) {
        forge_parent_of(&at, tip);
        key =
            key_grind(a, s, &s->params, &at, tip->bt, stake_of(&account, &s->params, tip->height));
        if (key != NULL && update_make(&tx, a, s, &s->params, &at, &account, key) == ERR_OK) {
            tell_tx(a, tx);
        }
    }
}

static void grinder_after(struct act *a)
{
    struct grinder *s = a->state;
    const struct chain *chain = node_chain(a->node);
    const struct tree_entry *tip = chain_entry(chain, chain_tip(chain));

    if (act_links(a, false) == 0) {
        return;
    }
    if (load64(tip->id) != s->tip) {
        s->tip = load64(tip->id);
        look(a, s, tip);
    }
    if (s->due_ns != 0 && s->due_ns <= a->now_ns) {
        s->due_ns = 0;
        make(a, s);
    }
}

static void grinder_traced(struct act *a, enum trace_kind kind, const uint64_t *value)
{
    struct grinder *s = a->state;

    if (kind == TRACE_block_produced && value[0] > s->signed_height) {
        s->signed_height = value[0];
    }
}

static uint64_t grinder_deadline_ns(const void *state)
{
    uint64_t due_ns = ((const struct grinder *)state)->due_ns;

    return due_ns != 0 ? due_ns : ADVERSARY_FOREVER;
}

extern const struct adversary_kind adversary_grinder;
const struct adversary_kind adversary_grinder = {
    .word = "grinder",
    .text = "registers the VRF key that would sign the next block soonest",
    .parameter = {{"keys", PARAMETER_COUNT, "64", NULL, 0}},
    .state_bytes = sizeof(struct grinder),
    .traced = grinder_traced,
    .after = grinder_after,
    .deadline_ns = grinder_deadline_ns};
