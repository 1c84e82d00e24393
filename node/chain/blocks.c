/* What enters the tree, and what waits or is refused instead. */
#include "node/base/invariant.h"
#include "node/base/plant.h"
#include "node/chain/accept.h"
#include "node/chain/chain_private.h"
#include "node/seam/buggify.h"

/* Where a block came from, and what it waited for before it could be judged. */
struct source {
    struct chain_news *news; /* of this step */
    uint32_t old_tip;        /* of this step */
    uint32_t link, missing_txs;
    enum block_waited waited;
};

static void limit_trace(struct ctx *c, enum limit limit, uint64_t count)
{
    ctx_trace(c, TRACE_limit_reached, limit, count);
}

static void refuse(struct chain *chain, const uint8_t id[32])
{
    memcpy(chain->refused[chain->refused_next], id, 32);
    chain->refused_next = (chain->refused_next + 1) % REFUSED_MAX;
    if (chain->refused_count < REFUSED_MAX) {
        chain->refused_count++;
    }
}

bool chain_refused(const struct chain *chain, const uint8_t id[32])
{
    for (uint32_t i = 0; i < chain->refused_count; i++) {
        if (memcmp(chain->refused[i], id, 32) == 0) {
            return true;
        }
    }
    return false;
}

static enum err rejected(struct chain *chain, struct ctx *c, const struct block_head *head,
                         enum err err, bool by_header)
{
    if (err == ERR_INVALID || err == ERR_SIGNATURE) {
        if (by_header) {
            refuse(chain, head->id);
        }
        ctx_trace(c, TRACE_block_rejected, head->header.height, load64(head->id), err);
    }
    return err;
}

/* A block whose parent is unknown, or whose time has not come. Its body is checked first: what
 * waits under an id must be the block of that id. */
static enum err wait(struct chain *chain, struct ctx *c, const struct block_head *head,
                     const struct blob *block, const struct source *from, bool deferred)
{
    struct orphan orphan = {.height = head->header.height,
                            .ts_ms = head->header.ts_ms,
                            .block = block,
                            .link = from->link,
                            .missing_txs = from->missing_txs,
                            .deferred = deferred};
    bool kept;
    enum err err = accept_body(c, &chain->params, head, block);

    if (err != ERR_OK) {
        return rejected(chain, c, head, err, false);
    }
    memcpy(orphan.id, head->id, 32);
    memcpy(orphan.parent, head->header.parent, 32);
    err = orphans_add(&chain->orphans, chain->shared, &kept, &orphan);
    if (err == ERR_FULL) {
        limit_trace(c, LIMIT_ORPHANS_MAX, chain->orphans.count);
    }
    return kept ? ERR_OK : err;
}

static bool spared(const struct source *from, uint32_t index, uint32_t parent)
{
    const struct chain_news *news = from->news;
    bool found = index == parent || index == from->old_tip;

    for (uint32_t i = 0; i < news->accepted_count && !found; i++) {
        found = news->accepted[i] == index;
    }
    return found;
}

/* In a full tree a better block takes the place of the leaf with the least score (the newest of
 * equals), and so does one that another waits for. Else who signs one height again and again could
 * keep out the blocks that finality, and with it room, depends on. Only better ones, so that blocks
 * which are pushed out do not go round among peers for ever. */
static enum err room_make(struct chain *chain, struct ctx *c, const struct source *from,
                          uint32_t parent, u128 score, bool wanted)
{
    struct tree *tree = &chain->tree;
    const struct tree_entry *e = tree->entries;
    uint32_t least = TREE_NONE;

    if (tree->count < tree->capacity) {
        return ERR_OK;
    }
    limit_trace(c, LIMIT_TREE_ENTRIES, tree->count);
    for (uint32_t i = 0; i < tree->used; i++) {
        if (e[i].child == TREE_NONE && i != tree->tip && i != tree->base &&
            !spared(from, i, parent) &&
            (least == TREE_NONE || e[i].score < e[least].score ||
             (e[i].score == e[least].score && e[i].order > e[least].order))) {
            least = i;
        }
    }
    if (least == TREE_NONE || (e[least].score >= score && !wanted)) {
        return ERR_FULL;
    }
    durable_losers_delete(c, tree, &least, 1);
    if (chain->params_of == least) {
        chain->params_of = TREE_NONE;
    }
    tree_remove(tree, chain->shared, least);
    return ERR_OK;
}

static enum err link(struct chain *chain, struct ctx *c, uint32_t *index,
                     const struct tree_entry *facts)
{
    enum err err = tree_add(&chain->tree, index, facts);

    if (err != ERR_OK) {
        limit_trace(c, LIMIT_TREE_ENTRIES, chain->tree.count);
        return err;
    }
    const struct tree_entry *e = chain->tree.entries;
    /* Strictly more: of equals the first seen is kept (spec: chain 1.2). */
    if (e[*index].score > e[chain->tree.tip].score ||
        (planted(TIE_BY_ARRIVAL) && e[*index].score == e[chain->tree.tip].score)) {
        chain->tree.tip = *index;
    }
    return ERR_OK;
}

/* Everything after the header of a block whose parent stands in the tree. from: NULL when it comes
 * from an own record. */
static enum err execute_and_link(struct chain *chain, struct ctx *c, uint32_t *index,
                                 const struct params *params, uint32_t parent,
                                 const struct block_head *head, const struct blob *block,
                                 const uint8_t beta[64], const struct source *from)
{
    const struct tree_entry *above = &chain->tree.entries[parent];
    struct tree_entry facts = {.parent = parent,
                               .height = head->header.height,
                               .ts_ms = head->header.ts_ms,
                               .bt = head->header.bt,
                               .score = above->score + production_score(params, head->header.bt)};

    enum err err = accept_body(c, params, head, block);
    if (err != ERR_OK) {
        return rejected(chain, c, head, err, false);
    }
    if (from != NULL) {
        TRY(room_make(chain, c, from, parent, facts.score,
                      orphans_want(&chain->orphans, head->id)));
    } else if (chain->tree.count == chain->tree.capacity) {
        limit_trace(c, LIMIT_TREE_ENTRIES, chain->tree.count);
        return ERR_FULL;
    }
    err = accept_execute(&facts.state, c, chain->genesis, above, head, block, beta);
    if (err != ERR_OK) {
        return rejected(chain, c, head, err, true);
    }
    facts.block = blob_keep(chain->shared, block);
    accept_gs(facts.gs, params, beta);
    memcpy(facts.id, head->id, 32);
    memcpy(facts.signer, head->header.signer, 32);
    memcpy(facts.state_root, head->header.state_root, 32);
    return link(chain, c, index, &facts);
}

static void accepted(struct chain *chain, struct ctx *c, uint32_t index, const struct source *from)
{
    const struct tree_entry *e = &chain->tree.entries[index];
    struct chain_news *news = from->news;

    invariant(news->accepted_count < NEWS_ACCEPTED_MAX);
    news->accepted[news->accepted_count++] = index;
    durable_block_write(c, e);
    ctx_trace(c, TRACE_block_received, e->height, load64(e->id), from->link, from->missing_txs,
              e->ts_ms, from->waited);
}

/* Places one block: into the tree, among those that wait, or nowhere. */
static enum err place(struct chain *chain, struct ctx *c, const struct block_head *head,
                      const struct blob *block, const struct source *from)
{
    struct chain_news *news = from->news;
    uint32_t parent = tree_find(&chain->tree, head->header.parent);
    struct params params;
    uint32_t index;
    uint8_t beta[64];

    if (trust_contradicted(chain, head->header.height, head->id)) {
        /* A block that is passed on is no offence: an honest peer may not know yet which branch was
         * decided. Headers shown as its chain are (chain_header): who feeds a rewritten history
         * must not keep its link. */
        return ERR_STALE;
    }
    if (parent == TREE_NONE) {
        if (chain_refused(chain, head->header.parent)) {
            return rejected(chain, c, head, ERR_INVALID, true);
        }
        TRY(wait(chain, c, head, block, from, false));
        memcpy(news->missing_parent, head->header.parent, 32);
        uint32_t steps = orphans_root(&chain->orphans, news->missing_parent);
        uint64_t above = head->header.height > steps ? head->header.height - steps : 1;
        news->missing_height = above - 1;
        news->missing = tree_find(&chain->tree, news->missing_parent) == TREE_NONE;
        return ERR_UNKNOWN;
    }
    if (news->accepted_count == NEWS_ACCEPTED_MAX) {
        chain->wake_ns = c->mono_ns;
        return wait(chain, c, head, block, from, false);
    }
    TRY(tip_params(&params, chain, parent));
    enum err err = accept_header(beta, c, chain->genesis, &params, &chain->tree, parent,
                                 &head->header, head->view.header.data, head->id);
    if (err != ERR_OK) {
        return rejected(chain, c, head, err, true);
    }
    /* Decision 10: not before its time; whoever sent it is not to blame. */
    if (head->header.ts_ms > c->wall_ms + chain->params.max_future_ms &&
        !planted(FUTURE_ACCEPTED)) {
        TRY(wait(chain, c, head, block, from, true));
        return ERR_EARLY;
    }
    TRY(execute_and_link(chain, c, &index, &params, parent, head, block, beta, from));
    accepted(chain, c, index, from);
    return ERR_OK;
}

enum err chain_block(struct chain *chain, struct ctx *c, struct chain_news *news,
                     const struct blob *block)
{
    struct block_head head;
    uint32_t old_tip = chain->tree.tip;
    struct source from = {
        .news = news, .old_tip = old_tip, .link = news->link, .missing_txs = news->missing_txs};

    if (accept_head(&head, c, block) != ERR_OK) {
        return ERR_INVALID;
    }
    if (tree_find(&chain->tree, head.id) != TREE_NONE || orphans_hold(&chain->orphans, head.id)) {
        return ERR_DUPLICATE;
    }
    if (head.header.height <= chain->tree.entries[chain->tree.base].height) {
        return ERR_STALE;
    }
    if (chain_refused(chain, head.id)) {
        return ERR_INVALID;
    }
    enum err err = place(chain, c, &head, block, &from);
    if (err == ERR_OK || err == ERR_EARLY) {
        blocks_settle(chain, c, news, old_tip);
    }
    return err;
}

enum err chain_header(struct chain *chain, struct ctx *c, const uint8_t header[HEADER_BYTES])
{
    struct header fields;
    struct params params;
    uint8_t id[32];
    uint8_t beta[64];

    if (header_decode(&fields, span_of(header, HEADER_BYTES)) != ERR_OK) {
        return ERR_INVALID;
    }
    header_id(id, header);
    ctx_charge(c, COST_HASH_KIB, 1);
    if (chain_holds(chain, id)) {
        return ERR_DUPLICATE;
    }
    if (fields.height <= chain->tree.entries[chain->tree.base].height) {
        return ERR_STALE;
    }
    if (chain_refused(chain, id) || trust_contradicted(chain, fields.height, id)) {
        return ERR_INVALID;
    }
    uint32_t parent = tree_find(&chain->tree, fields.parent);
    if (parent == TREE_NONE) {
        return ERR_UNKNOWN;
    }
    TRY(tip_params(&params, chain, parent));
    enum err err =
        accept_header(beta, c, chain->genesis, &params, &chain->tree, parent, &fields, header, id);
    if (err == ERR_INVALID || err == ERR_SIGNATURE) {
        refuse(chain, id);
        ctx_trace(c, TRACE_block_rejected, fields.height, load64(id), err);
    }
    return err;
}

/* The next waiting block that can be judged now; its reference goes to the caller. */
static bool next_ready(struct chain *chain, struct ctx *c, struct orphan *out)
{
    struct orphans *orphans = &chain->orphans;

    for (uint32_t i = 0; i < orphans->count; i++) {
        if (!orphans->list[i].deferred &&
            tree_find(&chain->tree, orphans->list[i].parent) != TREE_NONE) {
            orphans_take(orphans, out, i);
            return true;
        }
    }
    return orphans_take_due(orphans, out, c->wall_ms + chain->params.max_future_ms);
}

static void wake_at_due(struct chain *chain, struct ctx *c)
{
    uint64_t due_ms = orphans_due_ts_ms(&chain->orphans);

    if (due_ms == UINT64_MAX) {
        return;
    }
    uint64_t now_ms = c->wall_ms + chain->params.max_future_ms;
    uint64_t wait_ns = due_ms > now_ms ? (due_ms - now_ms) * UINT64_C(1000000) : 0;
    /* Not later than a nap: the wall clock may jump. */
    uint64_t at = c->mono_ns + (wait_ns < PRODUCER_NAP_NS ? wait_ns : PRODUCER_NAP_NS);
    if (at < chain->wake_ns) {
        chain->wake_ns = at;
    }
}

/* With finality off a new tip may have cut away what was just accepted on another branch. */
static void news_live(const struct chain *chain, struct chain_news *news)
{
    uint32_t live = 0;

    for (uint32_t i = 0; i < news->accepted_count; i++) {
        if (chain->tree.entries[news->accepted[i]].state != NULL) {
            news->accepted[live++] = news->accepted[i];
        }
    }
    news->accepted_count = live;
}

void blocks_settle(struct chain *chain, struct ctx *c, struct chain_news *news, uint32_t old_tip)
{
    struct orphan orphan;

    while (chain->orphans.count > 0) {
        if (news->accepted_count == NEWS_ACCEPTED_MAX ||
            c->out->charge[COST_VERIFY] >= STEP_VERIFY_MAX ||
            (news->accepted_count > 0 && buggify(c, BUGGIFY_settle_one))) {
            chain->wake_ns = c->mono_ns;
            break;
        }
        if (!next_ready(chain, c, &orphan)) {
            break;
        }
        struct source from = {.news = news,
                              .old_tip = old_tip,
                              .link = orphan.link,
                              .missing_txs = orphan.missing_txs,
                              .waited = orphan.deferred ? WAITED_TIME : WAITED_PARENT};
        struct block_head head;
        if (accept_head(&head, c, orphan.block) == ERR_OK) {
            /* Refused or not, it no longer waits. */
            (void)!place(chain, c, &head, orphan.block, &from);
        }
        blob_drop(chain->shared, orphan.block);
    }
    wake_at_due(chain, c);
    if (chain->tree.tip != old_tip) {
        news->tip_changed = true;
        tip_changed(chain, c, old_tip);
        news_live(chain, news);
    }
    if (trust_follow(chain, c)) {
        news->tip_changed = true;
        news_live(chain, news);
    }
}

enum err blocks_replay(struct chain *chain, struct ctx *c, uint32_t *index,
                       const struct blob *block)
{
    struct block_head head;
    struct params params;
    uint8_t beta[64];

    TRY(accept_head(&head, c, block));
    if (tree_find(&chain->tree, head.id) != TREE_NONE) {
        return ERR_DUPLICATE;
    }
    uint32_t parent = tree_find(&chain->tree, head.header.parent);
    if (parent == TREE_NONE) {
        return ERR_UNKNOWN;
    }
    TRY(state_params(&params, chain->shared, chain->tree.entries[parent].state_root));
    TRY(accept_header(beta, c, chain->genesis, &params, &chain->tree, parent, &head.header,
                      head.view.header.data, head.id));
    return execute_and_link(chain, c, index, &params, parent, &head, block, beta, NULL);
}

void blocks_own(struct chain *chain, struct ctx *c, struct chain_news *news)
{
    struct producer *p = &chain->producer;
    const struct source from = {.news = news, .old_tip = chain->tree.tip};
    struct tree_entry facts = p->entry;
    uint32_t index;

    facts.parent = tree_find(&chain->tree, p->parent_id);
    facts.block = p->block;
    facts.state = p->state;
    p->block = NULL;
    p->state = NULL;
    if (facts.parent == TREE_NONE || news->accepted_count == NEWS_ACCEPTED_MAX ||
        tree_find(&chain->tree, facts.id) != TREE_NONE ||
        room_make(chain, c, &from, facts.parent, facts.score, true) != ERR_OK ||
        link(chain, c, &index, &facts) != ERR_OK) {
        /* A checkpoint on another branch came first. */
        if (tree_find(&chain->tree, facts.id) == TREE_NONE) {
            durable_block_delete(c, facts.height, facts.id);
        }
        blob_drop(chain->shared, facts.block);
        blob_drop(chain->shared, facts.state);
        return;
    }
    news->accepted[news->accepted_count++] = index;
    ctx_trace(c, TRACE_block_produced, facts.height, load64(facts.id), load64(p->parent_id),
              p->block_delay_ms, p->tx_count, facts.block->len);
    blocks_settle(chain, c, news, from.old_tip);
}
