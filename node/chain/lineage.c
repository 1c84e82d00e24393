#include "node/chain/lineage.h"

#include "node/base/invariant.h"
#include "node/chain/accept.h"
#include "node/chain/certificate.h"

void lineage_begin(struct lineage *l, struct shared *shared, const struct genesis *genesis,
                   const struct blob *state)
{
    struct tree_entry zero = {.parent = TREE_NONE,
                              .ts_ms = genesis->ts_ms,
                              .bt = genesis->bt,
                              .state = blob_keep(shared, state)};
    uint32_t index;

    *l = (struct lineage){.genesis = genesis, .checkpoint = blob_keep(shared, state)};
    memcpy(l->checkpoint_root, genesis->state_root, 32);
    memcpy(zero.id, genesis->hash, 32);
    memcpy(zero.gs, genesis->gs, 32);
    memcpy(zero.state_root, genesis->state_root, 32);
    tree_init(&l->tree, l->entries, LINEAGE_ENTRIES, 0);
    enum err err = tree_add(&l->tree, &index, &zero);
    invariant(err == ERR_OK);
}

const struct tree_entry *lineage_newest(const struct lineage *l)
{
    return &l->tree.entries[l->tree.base];
}

/* The child of a checkpoint is the first that a new committee may come before. */
static void checkpoint_pass(struct lineage *l, struct shared *shared)
{
    const struct tree_entry *newest = lineage_newest(l);

    if (newest->height % l->genesis->params.checkpoint_blocks == 0) {
        blob_drop(shared, l->checkpoint);
        l->checkpoint = blob_keep(shared, newest->state);
        memcpy(l->checkpoint_root, newest->state_root, 32);
    }
}

enum err lineage_block(struct lineage *l, struct ctx *c, const struct blob *block)
{
    const struct tree_entry *above = lineage_newest(l);
    struct block_head head;
    struct params params;
    uint8_t beta[64];
    uint32_t index;

    TRY(accept_head(&head, c, block));
    if (memcmp(head.header.parent, above->id, 32) != 0) {
        return ERR_UNKNOWN;
    }
    TRY(state_params(&params, c->shared, above->state_root));
    TRY(accept_header(beta, c, l->genesis, &params, &l->tree, l->tree.base, &head.header,
                      head.view.header.data, head.id));
    TRY(accept_body(c, &params, &head, block));
    struct tree_entry facts = {.parent = l->tree.base,
                               .height = head.header.height,
                               .ts_ms = head.header.ts_ms,
                               .bt = head.header.bt,
                               .score = above->score + production_score(&params, head.header.bt)};
    TRY(accept_execute(&facts.state, c, l->genesis, above, &head, block, beta));
    checkpoint_pass(l, c->shared);
    facts.block = blob_keep(c->shared, block);
    accept_gs(facts.gs, &params, beta);
    memcpy(facts.id, head.id, 32);
    memcpy(facts.signer, head.header.signer, 32);
    memcpy(facts.state_root, head.header.state_root, 32);
    enum err err = tree_add(&l->tree, &index, &facts);
    invariant(err == ERR_OK);
    l->tree.tip = index;
    tree_rebase(&l->tree, c->shared, index, NULL, 0);
    l->blocks++;
    l->txs += head.view.tx_count;
    return ERR_OK;
}

enum err lineage_decision(struct lineage *l, struct ctx *c, struct span decision)
{
    const struct params *p = &l->genesis->params;
    const struct tree_entry *newest = lineage_newest(l);
    struct decision_facts facts;
    struct committee committee;

    TRY(certificate_peek(&facts, decision));
    if (facts.instance <= l->instance || p->checkpoint_blocks == 0 ||
        facts.instance != newest->height / p->checkpoint_blocks ||
        newest->height % p->checkpoint_blocks != 0 || memcmp(facts.value, newest->id, 32) != 0) {
        return ERR_INVALID;
    }
    uint64_t epoch = (newest->height - 1) / p->epoch_blocks;
    TRY(committee_get(&committee, c->shared, l->checkpoint_root, epoch));
    TRY(decision_verify(&facts, c, l->genesis, &committee, decision));
    l->instance = facts.instance;
    l->decisions++;
    return ERR_OK;
}

void lineage_end(struct lineage *l, struct shared *shared)
{
    tree_clear(&l->tree, shared);
    blob_drop(shared, l->checkpoint);
    l->checkpoint = NULL;
}
