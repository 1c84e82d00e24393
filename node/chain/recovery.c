/* What a restart finds (docs/wire.md 8). The checkpoint stands on its durable state; its ancestors
 * give the retarget window, and every block above it is judged again as if a peer had sent it. When
 * the checkpoint or its state is damaged, everything is replayed from genesis. What the disk says
 * is checked against ids and checksums, never believed. */
#include "node/base/invariant.h"
#include "node/base/plant.h"
#include "node/chain/accept.h"
#include "node/chain/chain_private.h"
#include "node/crypto/hash.h"
#include "node/seam/buggify.h"

#define BATCH_BLOCKS 16

void recovery_drop(struct chain *chain)
{
    blob_drop(chain->shared, chain->recovery.state);
    blob_drop(chain->shared, chain->recovery.adopted);
    chain->recovery.state = NULL;
    chain->recovery.adopted = NULL;
}

static void blocks_read(struct chain *chain, struct ctx *c)
{
    struct recovery *r = &chain->recovery;
    uint32_t limit = buggify(c, BUGGIFY_recovery_small) ? 1 : BATCH_BLOCKS;
    r->request[0] = ctx_read(c, span_of("b", 1), span_of(r->from, r->from_len), limit, false);
}

static void blocks_from(struct chain *chain, struct ctx *c, uint64_t height)
{
    struct recovery *r = &chain->recovery;
    static const uint8_t least[32];

    durable_block_key(r->from, height, least);
    r->from_len = RECORD_BLOCK_KEY_BYTES;
    blocks_read(chain, c);
}

static void replay_begin(struct chain *chain, struct ctx *c)
{
    recovery_drop(chain);
    tree_clear(&chain->tree, chain->shared);
    chain_base_genesis(chain);
    chain->recovery.phase = RECOVERY_REPLAY;
    blocks_from(chain, c, 1);
}

#define META_READS 4

/* Checkpoint, last signed header, last decision, adopted ancestors: each a single record. */
static void meta_ask(struct chain *chain, struct ctx *c, size_t which)
{
    static const uint8_t keys[META_READS] = {'c', 's', 'f', 'a'};
    bool newest = keys[which] == 'f';
    chain->recovery.request[which] =
        ctx_read(c, span_of(&keys[which], 1), span_of(NULL, 0), 1, newest);
}

void chain_start(struct chain *chain, struct ctx *c)
{
    chain->recovery.phase = RECOVERY_META;
    chain->recovery.waiting = META_READS;
    for (size_t i = 0; i < META_READS; i++) {
        meta_ask(chain, c, i);
    }
}

/* A decision names a checkpoint that a replay must reach when `c` itself is lost: instance u64 |
 * round u32 | value hash (docs/wire.md 7). */
static void final_from_decision(struct chain *chain, struct span decision)
{
    struct recovery *r = &chain->recovery;

    if (r->final_known || decision.len < 44) {
        return;
    }
    r->final_known = true;
    r->final.instance = load64(decision.data);
    r->final.height = r->final.instance * chain->genesis->params.checkpoint_blocks;
    memcpy(r->final.id, decision.data + 12, 32);
}

static void state_ask(struct chain *chain, struct ctx *c)
{
    uint8_t key[33] = {'n'};

    memcpy(key + 1, chain->recovery.final.state_root, 32);
    chain->recovery.request[0] = ctx_read(c, span_of(key, sizeof(key)), span_of(NULL, 0), 1, false);
}

static void meta_read(struct chain *chain, struct ctx *c, const struct event *event)
{
    struct recovery *r = &chain->recovery;
    const struct record *record = event->read_done.count > 0 ? &event->read_done.records[0] : NULL;

    r->records += event->read_done.count;
    if (record == NULL && event->read_done.err != ERR_OK &&
        event->read_done.request == r->request[1]) {
        r->signed_damaged = true;
    }
    if (record != NULL) {
        struct span value = span_of(record->value->data, record->value->len);
        struct signed_record last;
        struct final_record final;
        if (event->read_done.request == r->request[0]) {
            if (final_record_decode(&final, value) == ERR_OK) {
                r->final = final;
                r->final_known = true;
                r->final_whole = true;
            }
        } else if (event->read_done.request == r->request[1]) {
            r->signed_damaged = signed_record_decode(&last, value) != ERR_OK;
            if (!r->signed_damaged && !planted(SIGNED_HEIGHT_FORGOTTEN)) {
                chain->producer.signed_before = last;
            }
        } else if (event->read_done.request == r->request[2]) {
            final_from_decision(chain, value);
        } else {
            blob_drop(chain->shared, r->adopted);
            r->adopted = blob_keep(chain->shared, record->value);
        }
    }
    r->waiting--;
    if (r->waiting > 0) {
        return;
    }
    if (!r->final_whole) {
        replay_begin(chain, c);
        return;
    }
    r->phase = RECOVERY_STATE;
    state_ask(chain, c);
}

/* The name of a state node is the hash of its bytes, of a leaf with the value hashed first. */
static bool node_is(const struct blob *node, const uint8_t name[32])
{
    uint8_t hash[32];

    if (node->len == 65 && node->data[0] == 1) {
        hash256(hash, node->data, node->len);
    } else if (node->len >= 33 && node->data[0] == 0) {
        uint8_t leaf[65];
        memcpy(leaf, node->data, 33);
        hash256(leaf + 33, node->data + 33, node->len - 33);
        hash256(hash, leaf, sizeof(leaf));
    } else {
        return false;
    }
    return memcmp(hash, name, 32) == 0;
}

static void state_read(struct chain *chain, struct ctx *c, const struct event *event)
{
    struct recovery *r = &chain->recovery;

    r->records += event->read_done.count;
    if (event->read_done.count > 0 &&
        node_is(event->read_done.records[0].value, r->final.state_root)) {
        r->state = blob_name_keep(chain->shared, r->final.state_root);
    }
    if (r->state == NULL) {
        replay_begin(chain, c);
        return;
    }
    uint64_t window = RETARGET_WINDOW - 1;
    uint64_t from = r->final.height > window ? r->final.height - window : 0;
    uint64_t adopted = 0;

    if (r->adopted != NULL &&
        durable_adopted_read(&chain->tree, &adopted, span_of(r->adopted->data, r->adopted->len),
                             from, r->final.height) != ERR_OK) {
        blob_drop(chain->shared, r->adopted); /* of no use: blocks may be missed */
        r->adopted = NULL;
        adopted = 0;
    }
    if (r->adopted == NULL && from == 0) {
        struct ancestor genesis = {
            .height = 0, .ts_ms = chain->genesis->ts_ms, .bt = chain->genesis->bt};
        tree_below_push(&chain->tree, &genesis);
    }
    r->height = from > 1 ? from : 1;
    if (r->height < adopted) {
        r->height = adopted;
    }
    r->phase = RECOVERY_BLOCKS;
    r->walked = false;
    blocks_from(chain, c, r->height);
}

/* The block of a record, when it is the one its key names. */
static bool record_block(struct block_head *head, struct ctx *c, const struct record *record)
{
    uint8_t key[RECORD_BLOCK_KEY_BYTES];

    if (record->key_len != RECORD_BLOCK_KEY_BYTES ||
        accept_head(head, c, record->value) != ERR_OK) {
        return false;
    }
    durable_block_key(key, head->header.height, head->id);
    return memcmp(key, record->key, sizeof(key)) == 0;
}

/* Puts the checkpoint under the tree. */
static void base_from_record(struct chain *chain, const struct block_head *head,
                             const struct blob *block)
{
    struct recovery *r = &chain->recovery;
    struct tree_entry facts = {.parent = TREE_NONE,
                               .height = head->header.height,
                               .ts_ms = head->header.ts_ms,
                               .bt = head->header.bt,
                               .score = r->final.score,
                               .state = r->state,
                               .block = blob_keep(chain->shared, block)};
    struct tree kept = chain->tree;
    uint32_t index;

    /* Genesis stood in until now; the ancestors read meanwhile stay. */
    tree_clear(&chain->tree, chain->shared);
    memcpy(chain->tree.below, kept.below, sizeof(kept.below));
    chain->tree.below_next = kept.below_next;
    chain->tree.below_count = kept.below_count;
    r->state = NULL;
    memcpy(facts.id, head->id, 32);
    memcpy(facts.gs, r->final.gs, 32);
    memcpy(facts.signer, head->header.signer, 32);
    memcpy(facts.state_root, r->final.state_root, 32);
    invariant(tree_add(&chain->tree, &index, &facts) == ERR_OK);
    chain->final_instance = r->final.instance;
    chain->durable_height = r->final.height;
    memcpy(chain->durable_root, r->final.state_root, 32);
}

/* One record on the way to the checkpoint. False: it does not fit. */
static bool ancestor_read(struct chain *chain, struct ctx *c, const struct record *record)
{
    struct recovery *r = &chain->recovery;
    struct block_head head;

    if (!record_block(&head, c, record) || head.header.height != r->height ||
        (r->walked && memcmp(head.header.parent, r->before, 32) != 0)) {
        return false;
    }
    r->walked = true;
    memcpy(r->before, head.id, 32);
    r->height++;
    if (head.header.height < r->final.height) {
        struct ancestor ancestor = {
            .height = head.header.height, .ts_ms = head.header.ts_ms, .bt = head.header.bt};
        tree_below_push(&chain->tree, &ancestor);
        return true;
    }
    if (memcmp(head.id, r->final.id, 32) != 0) {
        return false;
    }
    base_from_record(chain, &head, record->value);
    return true;
}

/* Up to the checkpoint that is known a replay ends; what stands beside it has lost. A disk that
 * failed may have kept losers, so no block below is final for being the only one, or the first, of
 * its height. Only a full tree moves its base earlier, along the heaviest chain: all that was
 * undecided when the node stopped had fitted in such a tree. */
static void replay_follow(struct chain *chain, struct ctx *c, uint32_t index)
{
    struct recovery *r = &chain->recovery;
    struct tree *tree = &chain->tree;
    const struct tree_entry *entry = &tree->entries[index];
    uint64_t distance = chain->genesis->params.checkpoint_blocks;
    uint32_t to = index;

    if (!r->final_known || entry->height > r->final.height) {
        return;
    }
    if (entry->height < r->final.height) {
        uint64_t base = tree->entries[tree->base].height;
        if (tree->count + distance <= tree->capacity) {
            return;
        }
        to = tree_ancestor(tree, tree->tip, (base / distance + 1) * distance);
    } else if (memcmp(entry->id, r->final.id, 32) == 0) {
        tree->tip = index;
    } else {
        return;
    }
    if (to == TREE_NONE || checkpoint_cut(chain, c, to, NULL, false) != ERR_OK) {
        return;
    }
    if (chain->genesis->params.finality != 0) {
        chain->final_instance = tree->entries[to].height / distance;
    }
}

static void block_read(struct chain *chain, struct ctx *c, const struct record *record)
{
    struct block_head head;
    uint32_t index;

    /* What does not fit is damaged or lost its parent: peers have it. */
    if (!record_block(&head, c, record) ||
        blocks_replay(chain, c, &index, record->value) != ERR_OK) {
        return;
    }
    if (chain->recovery.phase == RECOVERY_REPLAY) {
        replay_follow(chain, c, index);
    }
}

static void recovery_end(struct chain *chain, struct ctx *c)
{
    struct recovery *r = &chain->recovery;
    const struct tree_entry *e = chain->tree.entries;

    r->phase = RECOVERY_DONE;
    recovery_drop(chain);
    if (r->final_whole) {
        /* After a replay too: the next checkpoint deletes it. */
        memcpy(chain->durable_root, r->final.state_root, 32);
    }
    if (r->signed_damaged) {
        /* No header signed before can be higher: it was written together with `s`. An epoch more is
         * for those that lost and were deleted. */
        chain->producer.signed_before = (struct signed_record){
            .height = e[chain->tree.tip].height + chain->genesis->params.epoch_blocks,
            .below = UINT64_MAX};
    }
    if (r->records > 0) {
        ctx_trace(c, TRACE_recovered, e[chain->tree.tip].height, e[chain->tree.base].height,
                  r->records);
    }
    tip_refresh(chain, c);
}

static void blocks_batch(struct chain *chain, struct ctx *c, const struct event *event)
{
    struct recovery *r = &chain->recovery;
    size_t count = event->read_done.count;

    r->records += count;
    for (size_t i = 0; i < count; i++) {
        const struct record *record = &event->read_done.records[i];
        if (r->phase == RECOVERY_BLOCKS && r->height <= r->final.height) {
            if (!ancestor_read(chain, c, record)) {
                replay_begin(chain, c);
                return;
            }
        } else {
            block_read(chain, c, record);
        }
    }
    if (count > 0 && event->read_done.more) {
        const struct record *last = &event->read_done.records[count - 1];
        r->from_len = last->key_len < sizeof(r->from) ? last->key_len : sizeof(r->from) - 1;
        memcpy(r->from, last->key, r->from_len);
        r->from[r->from_len++] = 0;
        blocks_read(chain, c);
        return;
    }
    if (r->phase == RECOVERY_BLOCKS && r->height <= r->final.height) {
        replay_begin(chain, c);
        return;
    }
    recovery_end(chain, c);
}

/* The same question again: a disk may fail for a while. */
static void read_again(struct chain *chain, struct ctx *c, uint32_t request)
{
    struct recovery *r = &chain->recovery;

    if (r->phase == RECOVERY_META) {
        for (size_t i = 0; i < META_READS; i++) {
            if (r->request[i] == request) {
                meta_ask(chain, c, i);
            }
        }
    } else if (r->phase == RECOVERY_STATE) {
        state_ask(chain, c);
    } else {
        blocks_read(chain, c);
    }
}

bool chain_read_done(struct chain *chain, struct ctx *c, const struct event *event, bool *done)
{
    struct recovery *r = &chain->recovery;
    uint32_t request = event->read_done.request;
    size_t asked = r->phase == RECOVERY_META ? META_READS : r->phase == RECOVERY_DONE ? 0 : 1;
    bool mine = false;

    for (size_t i = 0; i < asked; i++) {
        mine = mine || r->request[i] == request;
    }
    *done = false;
    if (!mine) {
        return prune_read_done(chain, c, event);
    }
    /* ERR_CORRUPT: the records that could be read are here, the others are as good as lost. */
    if (event->read_done.err != ERR_OK && event->read_done.err != ERR_CORRUPT) {
        read_again(chain, c, request);
        return true;
    }
    switch (r->phase) {
    case RECOVERY_META:
        meta_read(chain, c, event);
        break;
    case RECOVERY_STATE:
        state_read(chain, c, event);
        break;
    case RECOVERY_BLOCKS:
    case RECOVERY_REPLAY:
        blocks_batch(chain, c, event);
        break;
    case RECOVERY_DONE:
        break;
    }
    *done = r->phase == RECOVERY_DONE;
    return true;
}
