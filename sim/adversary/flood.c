/* Spams every peer with `rate` frames a second: inventories of what does not exist, transactions of
 * accounts that have nothing, blocks whose parents nobody has; or (`pool`) transfers of its own
 * account to itself, each valid, which fill pools and blocks for the least fee; or (`gaps`) the
 * same with a nonce left out and four times the fee, which never execute and never pay. All are
 * well formed, so nobody may be blamed for passing them on; limits must hold (spec: decisions 4,
 * 20; limits.def). */
#include "node/chain/block.h"
#include "node/chain/tx.h"
#include "sim/adversary/kind.h"

enum { FLOOD_WHAT, FLOOD_RATE };
enum { FLOOD_INVENTORY, FLOOD_TRANSACTIONS, FLOOD_ORPHANS, FLOOD_ALL, FLOOD_POOL, FLOOD_GAPS };
enum { FLOOD_IDS = 256, FLOOD_BURST_MAX = 64, FLOOD_TX_BYTES = 512 };
#define FLOOD_TICK_NS UINT64_C(100000000)
#define FLOOD_RATE_MAX (UINT64_C(1000000000) / FLOOD_TICK_NS * FLOOD_BURST_MAX)

static const char *const floods[] = {"inventory", "transactions", "orphans", "all",
                                     "pool",      "gaps",         NULL};

struct flood {
    uint64_t due_ns, sent;
    uint64_t begun_ns;
    uint64_t nonce; /* of the next transfer */
};

static void random_fill(struct act *a, uint8_t *out, size_t len)
{
    for (size_t i = 0; i < len; i += 8) {
        store64(out + i, act_draw(a));
    }
}

static void inventory(struct act *a, uint64_t links)
{
    uint8_t ids[FLOOD_IDS * 32];
    uint8_t out[sizeof(ids) + 64];
    const struct chain *chain = node_chain(a->node);
    size_t len;

    random_fill(a, ids, sizeof(ids));
    struct frame_tx_ihave txs = {.ids = {.data = ids, .count = FLOOD_IDS}};
    if (frame_tx_ihave_encode(out, sizeof(out), &len, &txs) == ERR_OK) {
        act_send_bytes(a, links, out, len);
    }
    struct frame_block_ihave block = {.block = ids,
                                      .height = chain_entry(chain, chain_tip(chain))->height + 1};
    if (frame_block_ihave_encode(out, sizeof(out), &len, &block) == ERR_OK) {
        act_send_bytes(a, links, out, len);
    }
}

/* A transfer of the least there is; facts: nonce, fee and expiry. */
static void transfer(struct act *a, uint64_t links, const uint8_t seed[32], const uint8_t to[32],
                     struct tx facts)
{
    uint8_t body[64], tx[FLOOD_TX_BYTES], out[FLOOD_TX_BYTES + 16];
    struct sign_secret secret;
    struct writer w;
    size_t tx_len, len;

    sign_keypair(&secret, seed);
    writer_init(&w, body, sizeof(body));
    writer_hash(&w, to);
    writer_u64(&w, 1);
    writer_var(&w, 0);
    facts.type = TX_transfer;
    facts.body = span_of(body, writer_len(&w));
    enum err err = tx_build(tx, sizeof(tx), &tx_len, &facts, a->c.config->genesis->hash, &secret);
    struct frame_tx m = {.tx = span_of(tx, err == ERR_OK ? tx_len : 0)};
    if (err == ERR_OK && frame_tx_encode(out, sizeof(out), &len, &m) == ERR_OK) {
        act_send_bytes(a, links, out, len);
    }
}

static void transaction(struct act *a, uint64_t links)
{
    uint8_t seed[32], to[32];

    random_fill(a, seed, sizeof(seed));
    random_fill(a, to, sizeof(to));
    transfer(a, links, seed, to, (struct tx){.fee_max = 1000000, .expiry = UINT64_C(1) << 32});
}

/* The own account's, one nonce after the other, as many as a pool takes of one sender; then from
 * the first again that is in no block. Without free tokens there is none. */
static void pool_fill(struct act *a, uint64_t links, bool gaps)
{
    struct flood *s = a->state;
    const struct chain *chain = node_chain(a->node);
    const struct tree_entry *tip = chain_entry(chain, chain_tip(chain));
    uint64_t multiplier =
        a->c.config->policy->fee_multiplier + chain_params(chain)->fee_multiplier_min;
    uint64_t fee = FLOOD_TX_BYTES * multiplier * (gaps ? 4 : 1);
    uint64_t most = a->c.config->policy->pool_sender_max;
    struct account account;

    if (state_account(&account, a->c.shared, tip->state_root, act_account(a)) != ERR_OK ||
        account.free < fee * most) {
        return;
    }
    uint64_t first = account.nonce + gaps;
    if (s->nonce < first || s->nonce >= first + most) {
        s->nonce = first;
    }
    transfer(a, links, a->c.config->account_seed, act_account(a),
             (struct tx){.nonce = s->nonce++, .fee_max = fee, .expiry = tip->height + 1000});
    ctx_charge(&a->c, COST_SIGN, 1);
}

static void orphan(struct act *a, uint64_t links)
{
    const struct chain *chain = node_chain(a->node);
    const struct tree_entry *tip = chain_entry(chain, chain_tip(chain));
    struct header header = {.version = HEADER_VERSION,
                            .height = tip->height + 2,
                            .ts_ms = tip->ts_ms + 1,
                            .bt = tip->bt,
                            .fee_multiplier = 1};
    uint8_t bytes[HEADER_BYTES];
    uint8_t out[HEADER_BYTES + 64];
    size_t len;

    memcpy(header.genesis, a->c.config->genesis->hash, 32);
    random_fill(a, header.parent, 32);
    random_fill(a, header.signer, 32);
    random_fill(a, header.state_root, 32);
    random_fill(a, header.sig, 64);
    block_tx_root(header.tx_root, NULL, 0);
    header_encode(bytes, &header);
    struct frame_block_compact m = {.header = span_of(bytes, HEADER_BYTES)};
    if (frame_block_compact_encode(out, sizeof(out), &len, &m) == ERR_OK) {
        act_send_bytes(a, links, out, len);
    }
}

static void flood_after(struct act *a)
{
    struct flood *s = a->state;
    uint64_t rate = a->line->value[FLOOD_RATE].num;
    uint64_t what = a->line->value[FLOOD_WHAT].num;
    uint64_t links = act_links(a, false);
    uint64_t count = 0;

    if (a->now_ns < s->due_ns) {
        return;
    }
    if (s->begun_ns == 0 || links == 0) {
        s->begun_ns = a->now_ns;
        s->sent = 0;
    }
    uint64_t owed = (uint64_t)((u128)(a->now_ns - s->begun_ns) * rate / 1000000000);
    while (links != 0 && s->sent < owed && count < FLOOD_BURST_MAX) {
        uint64_t turn = what == FLOOD_ALL ? s->sent % FLOOD_ALL : what;
        switch (turn) {
        case FLOOD_INVENTORY:
            inventory(a, links);
            break;
        case FLOOD_TRANSACTIONS:
            transaction(a, links);
            break;
        case FLOOD_POOL:
        case FLOOD_GAPS:
            pool_fill(a, links, what == FLOOD_GAPS);
            break;
        default:
            orphan(a, links);
        }
        s->sent++;
        count++;
    }
    s->sent = s->sent < owed && count == FLOOD_BURST_MAX ? owed : s->sent;
    if (count > 0) {
        act_trace(a, DEED_SENT, count * (uint64_t)__builtin_popcountll(links), 0);
    }
    s->due_ns = a->now_ns + FLOOD_TICK_NS;
}

static uint64_t flood_deadline_ns(const void *state)
{
    return ((const struct flood *)state)->due_ns;
}

extern const struct adversary_kind adversary_flood;
const struct adversary_kind adversary_flood = {
    .word = "flood",
    .text = "spams its peers with well formed nothing",
    .parameter = {{"what", PARAMETER_WORD, "all", floods, 0},
                  {"rate", PARAMETER_COUNT, "10", NULL, FLOOD_RATE_MAX}},
    .state_bytes = sizeof(struct flood),
    .after = flood_after,
    .deadline_ns = flood_deadline_ns};
