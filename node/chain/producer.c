#include "node/chain/producer.h"

#include "node/base/invariant.h"
#include "node/base/memo.h"
#include "node/base/plant.h"
#include "node/chain/accept.h"
#include "node/chain/durable.h"
#include "node/crypto/hash.h"
#include "node/seam/buggify.h"

#define NS_PER_MS UINT64_C(1000000)
#define LATE_FRACTION 16 /* decision 6: publish d/16 after learning the tip */

void producer_init(struct producer *producer, const struct node_config *config)
{
    static const uint8_t none[32];

    memset(producer, 0, sizeof(*producer));
    producer->parent = TREE_NONE;
    producer->due_ns = DEADLINE_NONE;
    producer->on = true;
    producer->has_account = memcmp(config->account_seed, none, sizeof(none)) != 0;
    if (producer->has_account) {
        sign_keypair(&producer->account, config->account_seed);
        vrf_keypair(&producer->vrf, config->vrf_seed);
    }
}

static void forget_block(struct producer *producer, struct shared *shared)
{
    blob_drop(shared, producer->block);
    blob_drop(shared, producer->state);
    producer->block = NULL;
    producer->state = NULL;
    producer->request = 0;
    producer->failed = false;
}

void producer_drop(struct producer *producer, struct shared *shared)
{
    forget_block(producer, shared);
    sign_secret_wipe(&producer->account);
    vrf_secret_wipe(&producer->vrf);
}

/* The own beta for alpha. Nobody else asks for it, but a node that comes back to a tip does. The
 * key pair is fixed by its public key, so the memo's key has all inputs. */
static enum err beta_get(struct ctx *c, struct producer *p, const uint8_t alpha[ALPHA_BYTES])
{
    uint8_t inputs[32 + ALPHA_BYTES];

    memcpy(inputs, p->vrf.public_key, 32);
    memcpy(inputs + 32, alpha, ALPHA_BYTES);
    struct memo_key key = memo_key_bytes(c->shared, inputs, sizeof(inputs));
    ctx_charge(c, COST_VRF_BETA, 1);
    if (memo_get(c->shared, MEMO_BETA, key, p->beta, sizeof(p->beta))) {
        return ERR_OK;
    }
    TRY(vrf_beta(p->beta, &p->vrf, span_of(alpha, ALPHA_BYTES)));
    memo_put(c->shared, MEMO_BETA, key, p->beta, sizeof(p->beta));
    return ERR_OK;
}

/* Sets ts, delay, base target and beta for the child of tip. ERR_NOT_FOUND: not eligible there. */
static enum err aim_exp(struct producer *p, struct ctx *c, const struct tree *tree,
                        const struct params *params, uint32_t tip, uint64_t stake)
{
    const struct tree_entry *above = &tree->entries[tip];
    uint8_t alpha[ALPHA_BYTES];

    production_alpha(alpha, above->gs, above->height + 1);
    if (params->vrf != 0) {
        TRY(beta_get(c, p, alpha));
    } else {
        production_beta_novrf(p->beta, p->vrf.public_key, alpha);
    }
    p->bt = accept_child_bt(c->shared, params, tree, tip);
    TRY(production_delay_ms(&p->delay_ms, params, p->beta, stake, p->bt));
    p->ts_ms = above->ts_ms + p->delay_ms;
    return ERR_OK;
}

static enum err aim_2018(struct producer *p, const struct tree *tree, const struct params *params,
                         uint32_t tip, uint64_t balance)
{
    const struct tree_entry *above = &tree->entries[tip];
    struct ancestor ancestors[RETARGET_WINDOW];
    size_t count = tree_ancestors(tree, ancestors, tip);
    uint64_t seconds;

    memset(p->beta, 0, sizeof(p->beta));
    production_gs_child_2018(p->beta, above->gs, p->account.public_key);
    TRY(production_2018_delay_s(&seconds, &p->bt, params, p->beta, balance, ancestors, count));
    p->delay_ms = 1000 * seconds;
    p->ts_ms = above->ts_ms + p->delay_ms;
    return ERR_OK;
}

static uint64_t until_ns(const struct ctx *c, uint64_t ts_ms)
{
    uint64_t wait_ms = ts_ms - c->wall_ms;
    uint64_t nap_ms = PRODUCER_NAP_NS / NS_PER_MS;
    return c->mono_ns + (wait_ms < nap_ms ? wait_ms : nap_ms) * NS_PER_MS;
}

void producer_aim(struct producer *p, struct ctx *c, const struct tree *tree,
                  const struct params *params, uint32_t tip)
{
    struct account account;
    enum err err;

    p->parent = TREE_NONE;
    p->due_ns = DEADLINE_NONE;
    if (tip == TREE_NONE) {
        return;
    }
    const struct tree_entry *above = &tree->entries[tip];
    if (!p->has_account || !p->on ||
        (!signed_record_allows(&p->signed_before, above->height + 1) &&
         !planted(SIGNED_HEIGHT_IGNORED))) {
        return;
    }
    ctx_charge(c, COST_STATE_READ, 1);
    if (state_account(&account, c->shared, above->state_root, p->account.public_key) != ERR_OK) {
        return;
    }
    uint64_t stake = stake_of(&account, params, above->height);
    bool draws = params->production == PRODUCTION_SIRIUS2018 ||
                 memcmp(account.vrf_key, p->vrf.public_key, 32) == 0;
    if (stake == 0 || !draws) { /* with a key that is not registered nobody takes the block */
        return;
    }
    if (params->production == PRODUCTION_SIRIUS2018) {
        err = aim_2018(p, tree, params, tip, stake);
    } else {
        err = aim_exp(p, c, tree, params, tip, stake);
    }
    if (err != ERR_OK) {
        return;
    }
    p->parent = tip;
    if (c->config->policy->delay_from == DELAY_FROM_LEARNING) {
        p->late = true;
        p->due_ns = c->mono_ns + p->delay_ms * NS_PER_MS;
        return;
    }
    p->late = p->ts_ms <= c->wall_ms;
    p->due_ns =
        p->late ? c->mono_ns + p->delay_ms * NS_PER_MS / LATE_FRACTION : until_ns(c, p->ts_ms);
}

/* The transactions that execute, and the root they give; fills taken. */
static enum err draft(struct producer *p, struct ctx *c, const struct genesis *genesis,
                      const struct tree_entry *above, struct header *header, struct span *txs,
                      size_t *count)
{
    bool *taken = arena_alloc_zero(c->scratch, *count + 1);
    size_t kept = 0;

    if (taken == NULL) {
        return ERR_FULL;
    }
    TRY(execute_draft(header->state_root, &p->state, taken, c, genesis, above->state_root, header,
                      p->beta, txs, *count));
    for (size_t i = 0; i < *count; i++) {
        if (taken[i]) {
            txs[kept++] = txs[i];
        }
    }
    *count = kept;
    uint8_t(*ids)[32] = arena_alloc_array(c->scratch, kept, 32);
    if (ids == NULL) {
        return ERR_FULL;
    }
    for (size_t i = 0; i < kept; i++) {
        hash256(ids[i], txs[i].data, txs[i].len);
    }
    block_tx_root(header->tx_root, (const uint8_t(*)[32])ids, kept);
    return ERR_OK;
}

static enum err seal(struct producer *p, struct ctx *c, const struct params *params,
                     const struct tree_entry *above, struct header *header, const struct span *txs,
                     size_t count)
{
    uint8_t bytes[HEADER_BYTES];
    uint8_t alpha[ALPHA_BYTES];
    size_t capacity = params->block_bytes_max;
    size_t len;

    if (params->vrf != 0 && params->production == PRODUCTION_EXP) {
        production_alpha(alpha, above->gs, header->height);
        TRY(ctx_vrf_prove(c, header->pi, &p->vrf, span_of(alpha, sizeof(alpha))));
    }
    header_encode(bytes, header);
    struct sign_message message = header_message(bytes);
    ctx_sign(c, bytes + HEADER_SIGNED_BYTES, &p->account, &message);

    uint8_t *out = arena_alloc(c->scratch, capacity);
    if (out == NULL) {
        return ERR_FULL;
    }
    TRY(block_build(out, capacity, &len, bytes, txs, count));
    p->block = blob_put(c->shared, out, len);
    header_id(p->entry.id, bytes);
    ctx_charge(c, COST_HASH_KIB, (len + 1023) / 1024);
    return ERR_OK;
}

/* Makes, signs and writes the block. */
static enum err produce(struct producer *p, struct ctx *c, const struct genesis *genesis,
                        const struct tree *tree, const struct params *params,
                        const struct txpool *pool)
{
    const struct tree_entry *above = &tree->entries[p->parent];
    uint64_t multiplier = c->config->policy->fee_multiplier;
    struct header header = {
        .version = HEADER_VERSION, .height = above->height + 1, .ts_ms = p->ts_ms, .bt = p->bt};
    struct span *txs;

    if (multiplier < params->fee_multiplier_min) {
        multiplier = params->fee_multiplier_min;
    }
    header.fee_multiplier = (uint32_t)multiplier;
    memcpy(header.genesis, genesis->hash, 32);
    memcpy(header.parent, above->id, 32);
    memcpy(header.signer, p->account.public_key, 32);
    size_t count = txpool_select(pool, c->scratch, &txs, multiplier);
    count = buggify(c, BUGGIFY_blocks_empty) ? 0 : count;
    TRY(draft(p, c, genesis, above, &header, txs, &count));
    TRY(seal(p, c, params, above, &header, txs, count));

    p->entry.parent = p->parent;
    p->entry.height = header.height;
    p->entry.ts_ms = header.ts_ms;
    p->entry.bt = header.bt;
    p->entry.score = above->score + production_score(params, header.bt);
    p->entry.state = p->state;
    p->entry.block = p->block;
    memcpy(p->entry.signer, header.signer, 32);
    memcpy(p->entry.state_root, header.state_root, 32);
    accept_gs(p->entry.gs, params, p->beta);
    memcpy(p->parent_id, above->id, 32);
    p->tx_count = (uint32_t)count;
    p->block_delay_ms = p->delay_ms;
    if (!planted(SIGNED_HEIGHT_IGNORED) || signed_record_allows(&p->signed_before, header.height)) {
        signed_record_note(&p->signed_before, header.height);
    }
    memcpy(p->signed_before.id, p->entry.id, 32);
    p->request = durable_signed_write(c, &p->signed_before, header.height, p->block);
    return ERR_OK;
}

void producer_wake(struct producer *p, struct ctx *c, const struct genesis *genesis,
                   const struct tree *tree, const struct params *params, const struct txpool *pool)
{
    if (p->failed && c->mono_ns >= p->retry_ns) {
        p->failed = false;
        p->request = durable_signed_write(c, &p->signed_before, p->entry.height, p->block);
    }
    if (p->parent == TREE_NONE || c->mono_ns < p->due_ns) {
        return;
    }
    if (!p->late && c->wall_ms < p->ts_ms) {
        p->due_ns = until_ns(c, p->ts_ms);
        return;
    }
    if (p->block != NULL) {
        /* An own block still waits for the disk; this one is signed after it, or never. */
        p->due_ns = c->mono_ns + PRODUCER_RETRY_NS;
        return;
    }
    enum err err = produce(p, c, genesis, tree, params, pool);
    if (err != ERR_OK) {
        forget_block(p, c->shared);
    }
    p->parent = TREE_NONE;
    p->due_ns = DEADLINE_NONE;
}

bool producer_written(struct producer *p, struct ctx *c, enum err err)
{
    invariant(p->block != NULL);
    p->request = 0;
    if (err != ERR_OK) {
        /* Nothing has left: the same bytes are written again until the disk takes them. */
        p->failed = true;
        p->retry_ns = c->mono_ns + PRODUCER_RETRY_NS;
        return false;
    }
    return true;
}

uint64_t producer_deadline_ns(const struct producer *p)
{
    uint64_t due_ns = p->parent == TREE_NONE ? DEADLINE_NONE : p->due_ns;
    return p->failed && p->retry_ns < due_ns ? p->retry_ns : due_ns;
}
