#include "node/daemon/recent.h"

#include <stdlib.h>

#include "node/base/invariant.h"
#include "node/crypto/hash.h"
#include "node/wire/codec.h"

enum err tx_parties_get(struct tx_parties *parties, const struct tx *tx)
{
    parties->sender = tx->sender;
    parties->recipient = NULL;
    if (tx->type == TX_transfer) {
        if (tx->body.len < 32) {
            return ERR_TRUNCATED;
        }
        parties->recipient = tx->body.data;
    }
    return ERR_OK;
}

void recent_init(struct recent *recent, struct shared *shared)
{
    *recent = (struct recent){.shared = shared};
}

void recent_block_free(struct recent_block *block, struct shared *shared)
{
    if (block != NULL) {
        blob_drop(shared, block->block);
        free(block->txs);
        free(block->by_id);
        free(block->touch);
        free(block);
    }
}

void recent_free(struct recent *recent)
{
    for (size_t i = 0; i < recent->count; i++) {
        recent_block_free(recent->blocks[i], recent->shared);
    }
    free(recent->blocks);
    *recent = (struct recent){.shared = recent->shared};
}

static int touch_order(const void *a, const void *b)
{
    const struct recent_touch *x = a;
    const struct recent_touch *y = b;
    int order = memcmp(x->key, y->key, 32);
    return order != 0 ? order : (x->index > y->index) - (x->index < y->index);
}

static int id_order(const void *a, const void *b, void *context)
{
    const struct recent_tx *txs = context;
    return memcmp(txs[*(const uint32_t *)a].id, txs[*(const uint32_t *)b].id, 32);
}

static void touch_add(struct recent_block *block, const uint8_t key[32], uint32_t index, int how)
{
    struct recent_touch *touch = &block->touch[block->touch_count++];
    memcpy(touch->key, key, 32);
    touch->index = index;
    touch->how = (uint8_t)how;
}

static enum err block_fill(struct recent_block *made, const struct block_view *view)
{
    struct span rest = view->txs;
    struct span bytes;
    for (uint32_t i = 0; i < made->tx_count; i++) {
        struct recent_tx *entry = &made->txs[i];
        struct tx_parties parties;
        struct tx tx;
        TRY(block_next_tx(&bytes, &rest));
        TRY(tx_decode(&tx, bytes));
        TRY(tx_parties_get(&parties, &tx));
        hash256(entry->id, bytes.data, bytes.len);
        entry->offset = (uint32_t)(bytes.data - made->block->data);
        entry->len = (uint32_t)bytes.len;
        made->by_id[i] = i;
        bool self = parties.recipient != NULL && memcmp(parties.recipient, parties.sender, 32) == 0;
        touch_add(made, parties.sender, i, self ? TOUCH_SENT | TOUCH_RECEIVED : TOUCH_SENT);
        if (parties.recipient != NULL && !self) {
            touch_add(made, parties.recipient, i, TOUCH_RECEIVED);
        }
    }
    return ERR_OK;
}

struct recent_block *recent_block_make(struct shared *shared, const struct blob *block)
{
    struct recent_block *made = calloc(1, sizeof(*made));
    struct block_view view;

    if (made == NULL || block_view(&view, span_of(block->data, block->len)) != ERR_OK) {
        free(made);
        return NULL;
    }
    struct header header;
    made->block = blob_keep(shared, block);
    made->tx_count = (uint32_t)view.tx_count;
    made->txs = calloc(view.tx_count + 1, sizeof(*made->txs));
    made->by_id = calloc(view.tx_count + 1, sizeof(*made->by_id));
    made->touch = calloc(2 * view.tx_count + 1, sizeof(*made->touch));
    if (made->txs == NULL || made->by_id == NULL || made->touch == NULL ||
        header_decode(&header, view.header) != ERR_OK || block_fill(made, &view) != ERR_OK) {
        recent_block_free(made, shared);
        return NULL;
    }
    made->height = header.height;
    header_id(made->id, view.header.data);
    qsort_r(made->by_id, made->tx_count, sizeof(*made->by_id), id_order, made->txs);
    qsort(made->touch, made->touch_count, sizeof(*made->touch), touch_order);
    return made;
}

uint32_t recent_block_find(const struct recent_block *block, const uint8_t tx[32])
{
    uint32_t low = 0;
    uint32_t high = block->tx_count;
    while (low < high) {
        uint32_t mid = low + (high - low) / 2;
        int order = memcmp(block->txs[block->by_id[mid]].id, tx, 32);
        if (order == 0) {
            return block->by_id[mid];
        }
        if (order < 0) {
            low = mid + 1;
        } else {
            high = mid;
        }
    }
    return UINT32_MAX;
}

const struct recent_touch *recent_block_touches(const struct recent_block *block, size_t *count,
                                                const uint8_t key[32])
{
    size_t low = 0;
    size_t high = block->touch_count;
    while (low < high) {
        size_t mid = low + (high - low) / 2;
        if (memcmp(block->touch[mid].key, key, 32) < 0) {
            low = mid + 1;
        } else {
            high = mid;
        }
    }
    *count = 0;
    while (low + *count < block->touch_count &&
           memcmp(block->touch[low + *count].key, key, 32) == 0) {
        ++*count;
    }
    return &block->touch[low];
}

const struct recent_block *recent_at(const struct recent *recent, uint64_t height)
{
    if (recent->count == 0 || height < recent->blocks[0]->height ||
        height - recent->blocks[0]->height >= recent->count) {
        return NULL;
    }
    return recent->blocks[height - recent->blocks[0]->height];
}

const struct recent_block *recent_find(const struct recent *recent, struct tx_place *place,
                                       const uint8_t tx[32])
{
    for (size_t i = recent->count; i-- > 0;) {
        const struct recent_block *block = recent->blocks[i];
        uint32_t index = recent_block_find(block, tx);
        if (index != UINT32_MAX) {
            *place = (struct tx_place){.height = block->height,
                                       .index = index,
                                       .offset = block->txs[index].offset,
                                       .len = block->txs[index].len};
            return block;
        }
    }
    return NULL;
}

void recent_trim(struct recent *recent, uint64_t height)
{
    size_t gone = 0;
    while (gone < recent->count && recent->blocks[gone]->height <= height) {
        recent_block_free(recent->blocks[gone++], recent->shared);
    }
    if (gone > 0) {
        recent->count -= gone;
        memmove(recent->blocks, recent->blocks + gone,
                recent->count * sizeof(struct recent_block *));
    }
}

static void pop(struct recent *recent, const struct recent_news *news)
{
    struct recent_block *last = recent->blocks[--recent->count];
    news->changed(news->context, last, true);
    recent_block_free(last, recent->shared);
}

static void push(struct recent *recent, const struct blob *block, const struct recent_news *news)
{
    if (recent->count == recent->capacity) {
        size_t capacity = recent->capacity == 0 ? 64 : 2 * recent->capacity;
        struct recent_block **more = realloc(recent->blocks, capacity * sizeof(*more));
        invariant(more != NULL);
        recent->blocks = more;
        recent->capacity = capacity;
    }
    struct recent_block *made = recent_block_make(recent->shared, block);
    invariant(made != NULL); /* the chain accepted it */
    recent->blocks[recent->count++] = made;
    news->changed(news->context, made, false);
}

void recent_follow(struct recent *recent, const struct chain *chain, const struct recent_news *news)
{
    uint32_t at = chain_tip(chain);
    const struct tree_entry *tip = chain_entry(chain, at);
    const struct recent_block *last = recent->count > 0 ? recent->blocks[recent->count - 1] : NULL;

    if (last != NULL && last->height == tip->height && memcmp(last->id, tip->id, 32) == 0) {
        return;
    }
    /* Downwards to a block that is held, or to the checkpoint. */
    uint64_t base = chain_entry(chain, chain_final(chain))->height;
    uint64_t from = base + 1;
    for (; at != TREE_NONE; at = chain_entry(chain, at)->parent) {
        const struct tree_entry *entry = chain_entry(chain, at);
        const struct recent_block *held = recent_at(recent, entry->height);
        if (held != NULL && memcmp(held->id, entry->id, 32) == 0) {
            from = entry->height + 1;
            break;
        }
    }
    while (recent->count > 0 && recent->blocks[recent->count - 1]->height >= from) {
        pop(recent, news);
    }
    if (at == TREE_NONE && recent->count > 0 &&
        recent->blocks[recent->count - 1]->height + 1 != from) {
        recent_trim(recent, UINT64_MAX); /* the chain went on elsewhere: a snapshot */
    }
    for (uint64_t height = from; height <= tip->height; height++) {
        uint32_t entry = chain_ancestor(chain, chain_tip(chain), height);
        if (entry != TREE_NONE && chain_entry(chain, entry)->block != NULL) {
            push(recent, chain_entry(chain, entry)->block, news);
        }
    }
}
