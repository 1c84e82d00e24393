/* Double spending by a private chain (Rosenfeld, Analysis of hashrate-based double spending, 2014).
 * An attempt begins when the attacker finds a block on the others' tip and keeps it back: that is
 * the one block ahead which the published law grants. It pays the merchant over the open network,
 * mines on in secret with a transfer to itself under the same nonce, and is deaf to the others'
 * blocks but counts them. Once the payment has `confirmations` of them and the private chain is the
 * longer one, that is let go and the payment is undone. An attempt that falls `give-up` blocks
 * behind ends; the node then catches up as any other. */
#include "node/chain/tx.h"
#include "node/crypto/hash.h"
#include "sim/adversary/hold.h"

enum { SPEND_CONFIRMATIONS, SPEND_GIVE_UP };
enum { PAYMENT_BYTES_MAX = 512, PAYMENT_ATOMIC = 1000000 };

struct double_spend {
    struct hold hold;
    bool on;
    uint64_t fork_height; /* of the last common block */
    uint32_t last_link;   /* the newest block of the others that was kept from the node */
    const struct blob *last;
    uint8_t secret[32]; /* id of the transfer to itself */
};

static void double_spend_drop(struct act *a)
{
    struct double_spend *s = a->state;

    blob_drop(a->c.shared, s->last);
    s->last = NULL;
}

/* --- the payment and what undoes it --- */

/* A frame with a transfer of one token; NULL: the account has nothing to pay with. */
static const struct blob *transfer(struct act *a, uint8_t id[32], const uint8_t to[32],
                                   uint64_t fee_factor)
{
    struct double_spend *s = a->state;
    const struct chain *chain = node_chain(a->node);
    uint32_t entry = chain_ancestor(chain, chain_tip(chain), s->fork_height);
    uint64_t multiplier = a->c.config->policy->fee_multiplier;
    struct account account;
    struct sign_secret secret;
    uint8_t body[64], tx[PAYMENT_BYTES_MAX], frame[PAYMENT_BYTES_MAX];
    struct writer w;
    size_t len, tx_len;

    if (entry == TREE_NONE ||
        state_account(&account, a->c.shared, chain_entry(chain, entry)->state_root,
                      act_account(a)) != ERR_OK ||
        account.free < 2 * PAYMENT_ATOMIC) {
        return NULL;
    }
    writer_init(&w, body, sizeof(body));
    writer_hash(&w, to);
    writer_u64(&w, PAYMENT_ATOMIC);
    writer_var(&w, 0);
    sign_keypair(&secret, a->c.config->account_seed);
    struct tx facts = {.type = TX_transfer,
                       .nonce = account.nonce,
                       .fee_max = fee_factor * PAYMENT_BYTES_MAX * (multiplier + 1),
                       .expiry = s->fork_height + 1000,
                       .body = span_of(body, writer_len(&w))};
    enum err err = tx_build(tx, sizeof(tx), &tx_len, &facts, a->c.config->genesis->hash, &secret);
    sign_secret_wipe(&secret);
    ctx_charge(&a->c, COST_SIGN, 1);
    struct frame_tx m = {.tx = span_of(tx, tx_len)};
    if (err != ERR_OK || frame_tx_encode(frame, sizeof(frame), &len, &m) != ERR_OK) {
        return NULL;
    }
    hash256(id, tx, tx_len);
    return blob_put(a->c.shared, frame, len);
}

/* Somebody honest with an account. */
static bool merchant_find(struct act *a, uint8_t account[32])
{
    for (uint64_t left = act_links(a, false); left != 0; left &= left - 1) {
        uint32_t link = (uint32_t)__builtin_ctzll(left);
        if (act_account_of(a, act_link(a, link)->peer, account)) {
            return true;
        }
    }
    return false;
}

static void pay(struct act *a)
{
    struct double_spend *s = a->state;
    uint64_t others = act_links(a, false);
    uint8_t merchant[32];
    uint8_t id[32];

    if (others == 0 || !merchant_find(a, merchant)) {
        return;
    }
    const struct blob *payment = transfer(a, id, merchant, 1);
    const struct blob *undone = transfer(a, s->secret, act_account(a), 2);
    if (payment != NULL && undone != NULL) {
        act_send(a, others, payment);
        /* Into the own pool, as if a colluder had sent it. */
        act_deliver(a, (uint32_t)__builtin_ctzll(others), undone, a->now_ns);
    }
    blob_drop(a->c.shared, payment);
    blob_drop(a->c.shared, undone);
}

/* --- frames --- */

static bool tells_blocks(enum frame_code code)
{
    return code == FRAME_BLOCK_COMPACT || code == FRAME_BLOCK_IHAVE || code == FRAME_HEADERS ||
           code == FRAME_BLOCK || code == FRAME_BLOCK_TXS;
}

/* A peer that greets shall not look ahead of us. */
static void hello_lower(struct act *a, const struct blob **frame)
{
    const struct chain *chain = node_chain(a->node);
    uint64_t tip = chain_entry(chain, chain_tip(chain))->height;
    uint8_t *out = arena_copy(a->c.scratch, (*frame)->data, (*frame)->len);
    size_t at = 1 + 2 + 32;

    if (out != NULL && (*frame)->len >= at + 8 && load64(out + at) > tip) {
        store64(out + at, tip);
        *frame = blob_put(a->c.shared, out, (*frame)->len);
    }
}

static enum pass double_spend_recv(struct act *a, uint32_t link, const struct blob **frame)
{
    struct double_spend *s = a->state;
    enum frame_code code = frame_code(span_of((*frame)->data, (*frame)->len));

    hold_recv(&s->hold, a, link, *frame);
    if (!s->on || act_colluder(a, act_link(a, link)->peer)) {
        return PASS_ON;
    }
    if (code == FRAME_HELLO) {
        hello_lower(a, frame);
        return PASS_ON;
    }
    if (!tells_blocks(code)) {
        return PASS_ON;
    }
    if (code == FRAME_BLOCK_COMPACT) {
        blob_drop(a->c.shared, s->last);
        s->last = blob_keep(a->c.shared, *frame);
        s->last_link = link;
    }
    return PASS_NOT;
}

static enum pass double_spend_send(struct act *a, uint32_t link, const struct blob **frame)
{
    struct double_spend *s = a->state;
    struct frame_tx tx;
    uint8_t id[32];

    if (s->on && frame_tx_decode(&tx, span_of((*frame)->data, (*frame)->len)) == ERR_OK) {
        hash256(id, tx.tx.data, tx.tx.len);
        if (memcmp(id, s->secret, 32) == 0 && !act_colluder(a, act_link(a, link)->peer)) {
            return PASS_NOT;
        }
    }
    return hold_send(&s->hold, a, link, frame);
}

static void double_spend_traced(struct act *a, enum trace_kind kind, const uint64_t *value)
{
    struct double_spend *s = a->state;

    if (!hold_traced(&s->hold, a, kind, value) || s->on) {
        return;
    }
    if (value[0] != s->hold.public_height + 1) {
        return;
    }
    s->on = true;
    s->hold.below = true;
    s->fork_height = value[0] - 1;
    act_trace(a, DEED_ATTEMPT, value[0], 0);
    pay(a);
}

static void attempt_end(struct act *a)
{
    struct double_spend *s = a->state;

    s->on = false;
    s->hold.below = false;
    if (s->last != NULL) {
        act_deliver(a, s->last_link, s->last, a->now_ns);
    }
    blob_drop(a->c.shared, s->last);
    s->last = NULL;
}

static void double_spend_after(struct act *a)
{
    struct double_spend *s = a->state;
    struct hold *hold = &s->hold;
    uint64_t mine = hold_height(hold);
    uint64_t theirs = hold->public_height;

    if (!s->on) {
        return;
    }
    if (hold->count == 0 ||
        chain_find(node_chain(a->node), hold->list[hold->count - 1].id) == TREE_NONE) {
        /* A checkpoint on the others' branch has cut the private one away. */
        hold_forget(hold, UINT64_MAX);
        act_trace(a, DEED_GAVE_UP, theirs > mine ? theirs - mine : 0, 0);
        attempt_end(a);
        return;
    }
    uint64_t confirmed = theirs > s->fork_height ? theirs - s->fork_height : 0;
    if (confirmed >= a->line->value[SPEND_CONFIRMATIONS].num && mine > theirs) {
        hold_release(hold, a, mine);
        act_trace(a, DEED_SUCCESS, confirmed, mine - theirs);
        attempt_end(a);
    } else if (theirs >= mine + a->line->value[SPEND_GIVE_UP].num || hold->count == HOLD_MAX) {
        hold_forget(hold, UINT64_MAX);
        act_trace(a, DEED_GAVE_UP, theirs - mine, confirmed);
        attempt_end(a);
    }
}

extern const struct adversary_kind adversary_double_spend;
const struct adversary_kind adversary_double_spend = {
    .word = "double-spend",
    .text = "pays and mines a private chain without the payment",
    .parameter = {{"confirmations", PARAMETER_COUNT, "6", NULL, HOLD_MAX - 1},
                  {"give-up", PARAMETER_COUNT, "20", NULL, 0}},
    .state_bytes = sizeof(struct double_spend),
    .drop = double_spend_drop,
    .recv = double_spend_recv,
    .send = double_spend_send,
    .traced = double_spend_traced,
    .after = double_spend_after};
