#include "sim/adversary/forge.h"

#include <stdlib.h>

#include "node/chain/accept.h"
#include "node/chain/chain_private.h"
#include "node/chain/relay_private.h"
#include "node/crypto/hash.h"

#define TXS_MAX 4096

void forge_parent_of(struct forge_parent *parent, const struct tree_entry *entry)
{
    *parent = (struct forge_parent){.height = entry->height, .ts_ms = entry->ts_ms};
    memcpy(parent->id, entry->id, 32);
    memcpy(parent->gs, entry->gs, 32);
    memcpy(parent->state_root, entry->state_root, 32);
}

static bool proves(const struct params *params)
{
    return params->vrf != 0 && params->production == PRODUCTION_EXP;
}

static enum err draw_2018(struct forge_draw *draw, struct act *a, const struct params *params,
                          const struct forge_parent *parent, uint64_t balance,
                          const struct ancestor *newest_first, size_t count)
{
    uint64_t seconds;

    memset(draw->beta, 0, sizeof(draw->beta));
    production_gs_child_2018(draw->beta, parent->gs, act_account(a));
    TRY(production_2018_delay_s(&seconds, &draw->bt, params, draw->beta, balance, newest_first,
                                count));
    draw->delay_ms = 1000 * seconds;
    draw->ts_ms = parent->ts_ms + draw->delay_ms;
    return ERR_OK;
}

enum err forge_draw_child(struct forge_draw *draw, struct act *a, const struct params *params,
                          const struct forge_parent *parent, uint64_t bt,
                          const struct ancestor *newest_first, size_t count)
{
    uint8_t alpha[ALPHA_BYTES];
    struct vrf_secret vrf;
    uint64_t stake;

    ctx_charge(&a->c, COST_STATE_READ, 1);
    TRY(stake_effective(&stake, a->c.shared, parent->state_root, params, parent->height,
                        act_account(a)));
    if (stake == 0) {
        return ERR_NOT_FOUND;
    }
    if (params->production == PRODUCTION_SIRIUS2018) {
        return draw_2018(draw, a, params, parent, stake, newest_first, count);
    }
    production_alpha(alpha, parent->gs, parent->height + 1);
    vrf_keypair(&vrf, a->c.config->vrf_seed);
    enum err err = ERR_OK;
    if (proves(params)) {
        ctx_charge(&a->c, COST_VRF_BETA, 1);
        err = vrf_beta(draw->beta, &vrf, span_of(alpha, ALPHA_BYTES));
    } else {
        production_beta_novrf(draw->beta, vrf.public_key, alpha);
    }
    vrf_secret_wipe(&vrf);
    TRY(err);
    draw->bt = bt;
    TRY(production_delay_ms(&draw->delay_ms, params, draw->beta, stake, bt));
    draw->ts_ms = parent->ts_ms + draw->delay_ms;
    return ERR_OK;
}

/* Executes; fills the roots of the header. */
static enum err child_draft(struct forged *forged, struct act *a, struct header *header,
                            const struct forge_parent *parent, const uint8_t beta[64],
                            struct span *txs, size_t *count)
{
    bool *taken = arena_alloc_zero(a->c.scratch, *count + 1);
    uint8_t(*ids)[32] = arena_alloc_array(a->c.scratch, *count + 1, 32);
    size_t kept = 0;

    if (taken == NULL || ids == NULL) {
        return ERR_FULL;
    }
    TRY(execute_draft(header->state_root, &forged->state, taken, &a->c, a->c.config->genesis,
                      parent->state_root, header, beta, txs, *count));
    for (size_t i = 0; i < *count; i++) {
        if (taken[i]) {
            hash256(ids[kept], txs[i].data, txs[i].len);
            txs[kept++] = txs[i];
        }
    }
    *count = kept;
    block_tx_root(header->tx_root, (const uint8_t(*)[32])ids, kept);
    return ERR_OK;
}

static enum err child_seal(struct forged *forged, struct act *a, const struct params *params,
                           const uint8_t account_seed[32], const struct header *header,
                           const struct span *txs, size_t count)
{
    uint8_t bytes[HEADER_BYTES];
    size_t capacity = (size_t)params->block_bytes_max;
    uint8_t *out = arena_alloc(a->c.scratch, capacity);
    struct sign_secret secret;
    size_t len;

    if (out == NULL) {
        return ERR_FULL;
    }
    sign_keypair(&secret, account_seed);
    header_encode(bytes, header);
    ctx_charge(&a->c, COST_SIGN, 1);
    header_sign(bytes, &secret);
    sign_secret_wipe(&secret);
    TRY(block_build(out, capacity, &len, bytes, txs, count));
    forged->block = blob_put(a->c.shared, out, len);
    header_id(forged->id, bytes);
    return ERR_OK;
}

/* The account's seed and VRF key sign. */
static enum err child_make(struct forged *forged, struct act *a, const struct params *params,
                           const struct forge_parent *parent, const struct forge_draw *draw,
                           uint64_t fee_multiplier, struct span *txs, size_t count,
                           const uint8_t account_seed[32], const struct vrf_secret *vrf)
{
    struct header header = {.version = HEADER_VERSION,
                            .height = parent->height + 1,
                            .ts_ms = draw->ts_ms,
                            .bt = draw->bt,
                            .fee_multiplier = (uint32_t)fee_multiplier};
    uint8_t alpha[ALPHA_BYTES];
    uint8_t beta[64];
    struct sign_secret secret;
    enum err err = ERR_OK;

    *forged = (struct forged){.block = NULL};
    sign_keypair(&secret, account_seed);
    memcpy(header.signer, secret.public_key, 32);
    sign_secret_wipe(&secret);
    memcpy(header.genesis, a->c.config->genesis->hash, 32);
    memcpy(header.parent, parent->id, 32);
    if (proves(params)) {
        production_alpha(alpha, parent->gs, header.height);
        ctx_charge(&a->c, COST_VRF_PROVE, 1);
        err = vrf_prove(header.pi, beta, vrf, span_of(alpha, sizeof(alpha)));
    }
    if (err == ERR_OK) {
        err = child_draft(forged, a, &header, parent, draw->beta, txs, &count);
    }
    if (err == ERR_OK) {
        err = child_seal(forged, a, params, account_seed, &header, txs, count);
    }
    memcpy(forged->state_root, header.state_root, 32);
    accept_gs(forged->gs, params, draw->beta);
    if (err != ERR_OK) {
        forged_drop(forged, a->c.shared);
    }
    return err;
}

enum err forge_child(struct forged *forged, struct act *a, const struct params *params,
                     const struct forge_parent *parent, const struct forge_draw *draw,
                     uint64_t fee_multiplier, struct span *txs, size_t count)
{
    struct vrf_secret vrf;

    vrf_keypair(&vrf, a->c.config->vrf_seed);
    enum err err = child_make(forged, a, params, parent, draw, fee_multiplier, txs, count,
                              a->c.config->account_seed, &vrf);
    vrf_secret_wipe(&vrf);
    return err;
}

enum err forge_child_by(struct forged *forged, struct act *a, const struct params *params,
                        const struct forge_parent *parent, const struct forge_draw *draw,
                        const struct forge_account *account, struct span *txs, size_t count)
{
    uint64_t multiplier = a->c.config->policy->fee_multiplier;

    if (multiplier < params->fee_multiplier_min) {
        multiplier = params->fee_multiplier_min;
    }
    return child_make(forged, a, params, parent, draw, multiplier, txs, count,
                      account->account_seed, &account->vrf);
}

uint64_t forge_child_bt(const struct act *a, const struct params *params, uint32_t entry)
{
    return accept_child_bt(a->c.shared, params, &node_chain(a->node)->tree, entry);
}

struct forge_account *forge_accounts(struct act *a, uint32_t *count, uint64_t *stake,
                                     const struct params *params, const struct forge_parent *parent)
{
    struct forge_account *list = calloc(a->line->nodes.count + 1, sizeof(*list));
    uint8_t account[32];
    uint32_t seen = 0;

    invariant(list != NULL);
    *count = 0;
    *stake = 0;
    for (uint32_t node = 0; seen < a->line->nodes.count; node++) {
        struct forge_account *one = &list[*count];
        if (!act_colluder(a, node)) {
            continue;
        }
        seen++;
        if (act_account_of(a, node, account) &&
            stake_effective(&one->stake, a->c.shared, parent->state_root, params, parent->height,
                            account) == ERR_OK &&
            one->stake > 0) {
            act_seeds_of(a, node, one->account_seed, &one->vrf);
            *stake += one->stake;
            ++*count;
        }
    }
    return list;
}

enum err forge_draw_for(struct forge_draw *draw, struct act *a, const struct params *params,
                        const uint8_t gs[32], uint64_t height, uint64_t ts_ms, uint64_t bt,
                        const struct forge_account *account)
{
    uint8_t alpha[ALPHA_BYTES];

    production_alpha(alpha, gs, height + 1);
    if (proves(params)) {
        ctx_charge(&a->c, COST_VRF_BETA, 1);
        TRY(vrf_beta(draw->beta, &account->vrf, span_of(alpha, ALPHA_BYTES)));
    } else {
        production_beta_novrf(draw->beta, account->vrf.public_key, alpha);
    }
    draw->bt = bt;
    TRY(production_delay_ms(&draw->delay_ms, params, draw->beta, account->stake, bt));
    draw->ts_ms = ts_ms + draw->delay_ms;
    return ERR_OK;
}

enum err forge_second(struct forged *forged, struct act *a, const struct blob *block)
{
    const struct chain *chain = node_chain(a->node);
    struct block_view view;
    struct header header;
    struct params params;
    struct forge_parent parent;
    struct forge_draw draw;
    struct span *txs = arena_alloc_array(a->c.scratch, TXS_MAX, sizeof(*txs));
    size_t count = 0;

    TRY(block_view(&view, span_of(block->data, block->len)));
    TRY(header_decode(&header, view.header));
    uint32_t above = chain_find(chain, header.parent);
    if (above == TREE_NONE || txs == NULL) {
        return ERR_UNKNOWN;
    }
    forge_parent_of(&parent, chain_entry(chain, above));
    TRY(state_params(&params, a->c.shared, parent.state_root));
    struct ancestor newest = {.height = parent.height, .ts_ms = parent.ts_ms, .bt = header.bt};
    TRY(forge_draw_child(&draw, a, &params, &parent, header.bt, &newest, 1));
    draw.ts_ms = header.ts_ms;
    draw.bt = header.bt;
    while (count < TXS_MAX && block_next_tx(&txs[count], &view.txs) == ERR_OK) {
        count++;
    }
    return forge_child(forged, a, &params, &parent, &draw, header.fee_multiplier + UINT64_C(1), txs,
                       count);
}

uint32_t forge_seat(const struct act *a, uint64_t instance)
{
    const struct chain *chain = node_chain(a->node);
    const struct params *params = chain_params(chain);
    uint64_t epoch = (instance * params->checkpoint_blocks - 1) / params->epoch_blocks;
    const struct tree_entry *final = chain_entry(chain, chain_final(chain));
    struct committee committee;

    return committee_get(&committee, a->c.shared, final->state_root, epoch) == ERR_OK
               ? committee_find(&committee, act_account(a))
               : UINT32_MAX;
}

bool forge_other_value(uint8_t out[32], const struct act *a, uint64_t instance,
                       const uint8_t value[32])
{
    const struct chain *chain = node_chain(a->node);
    uint64_t height = instance * chain_params(chain)->checkpoint_blocks;
    uint32_t entry = chain_ancestor(chain, chain_tip(chain), height);

    if (entry == TREE_NONE) {
        return false;
    }
    if (memcmp(chain_entry(chain, entry)->id, value, 32) == 0) {
        uint32_t parent = chain_entry(chain, entry)->parent;
        entry = parent == TREE_NONE ? TREE_NONE : chain_entry(chain, parent)->child;
        while (entry != TREE_NONE && memcmp(chain_entry(chain, entry)->id, value, 32) == 0) {
            entry = chain_entry(chain, entry)->sibling;
        }
    }
    if (entry == TREE_NONE) {
        return false;
    }
    memcpy(out, chain_entry(chain, entry)->id, 32);
    return true;
}

void forged_drop(struct forged *forged, struct shared *shared)
{
    blob_drop(shared, forged->block);
    blob_drop(shared, forged->state);
    forged->block = NULL;
    forged->state = NULL;
}

const struct blob *forge_compact(struct act *a, const uint8_t id[32], const struct blob *block)
{
    return compact_make(&a->c, id, block);
}

static void serve_txs(struct act *a, uint32_t link, const struct frame_block_txs_get *get,
                      const struct blob *block)
{
    struct block_view view;
    struct span tx;
    struct writer w;
    size_t at = 0;
    size_t len;
    size_t capacity = block->len + 64;
    uint8_t *out = arena_alloc(a->c.scratch, capacity);

    if (out == NULL || block_view(&view, span_of(block->data, block->len)) != ERR_OK) {
        return;
    }
    writer_init(&w, out, capacity);
    writer_u8(&w, FRAME_BLOCK_TXS);
    writer_hash(&w, get->block);
    writer_var(&w, get->indices.count);
    for (size_t i = 0; i < get->indices.count; i++) {
        uint32_t index = load32(get->indices.data + 4 * i);
        for (; at <= index && block_next_tx(&tx, &view.txs) == ERR_OK; at++) {
        }
        writer_bytes(&w, tx, TX_BYTES_MAX);
    }
    if (writer_end(&w, &len) == ERR_OK) {
        act_send_bytes(a, UINT64_C(1) << link, out, len);
    }
}

static void serve_block(struct act *a, uint32_t link, const struct blob *block)
{
    struct frame_block m = {.block = span_of(block->data, block->len)};
    size_t len = frame_block_bytes(&m);
    uint8_t *out = arena_alloc(a->c.scratch, len);

    if (out != NULL && frame_block_encode(out, len, &len, &m) == ERR_OK) {
        act_send_bytes(a, UINT64_C(1) << link, out, len);
    }
}

bool forge_serve(struct act *a, uint32_t link, const struct blob *frame, const uint8_t id[32],
                 const struct blob *block)
{
    struct span bytes = span_of(frame->data, frame->len);
    struct frame_block_txs_get txs;
    struct frame_block_graft graft;
    struct frame_blocks_get blocks;

    if (frame_block_txs_get_decode(&txs, bytes) == ERR_OK && memcmp(txs.block, id, 32) == 0) {
        serve_txs(a, link, &txs, block);
        return true;
    }
    if (frame_block_graft_decode(&graft, bytes) == ERR_OK && memcmp(graft.block, id, 32) == 0) {
        const struct blob *compact = forge_compact(a, id, block);
        if (compact != NULL) {
            act_send(a, UINT64_C(1) << link, compact);
            blob_drop(a->c.shared, compact);
        }
        return true;
    }
    if (frame_blocks_get_decode(&blocks, bytes) == ERR_OK && blocks.blocks.count == 1 &&
        memcmp(blocks.blocks.data, id, 32) == 0) {
        serve_block(a, link, block);
        return true;
    }
    return false;
}
