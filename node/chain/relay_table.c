/* The transactions of the last two minutes, by id and by frame. */
#include "node/base/invariant.h"
#include "node/base/rng.h"
#include "node/chain/relay_private.h"
#include "node/seam/buggify.h"
#include "node/seam/config.h"

#define TX_KEPT_NS (120 * RELAY_SECOND_NS)

static uint16_t index_of(const struct tx_table *table, const struct relay_tx *tx)
{
    return (uint16_t)(tx - table->entries + 1);
}

struct relay_tx *tx_at(struct tx_table *table, uint16_t index_plus_one)
{
    return index_plus_one == TX_NONE ? NULL : &table->entries[index_plus_one - 1];
}

static uint16_t *id_bucket(struct tx_table *table, const uint8_t id[32])
{
    return &table->by_id[rng_mix64(load64(id) ^ table->key) % TX_BUCKETS];
}

/* Blob ids are keyed hashes already. */
static uint16_t *frame_bucket(struct tx_table *table, const struct blob *frame)
{
    return &table->by_frame[frame->id[0] % TX_BUCKETS];
}

struct relay_tx *tx_find(struct tx_table *table, const uint8_t id[32])
{
    uint64_t head = load64(id);
    for (uint16_t at = *id_bucket(table, id); at != TX_NONE; at = table->entries[at - 1].id_next) {
        struct relay_tx *tx = &table->entries[at - 1];
        if (load64(tx->id) == head && memcmp(tx->id, id, 32) == 0) {
            return tx;
        }
    }
    return NULL;
}

/* Equal frames are one blob, so the pointer tells. */
struct relay_tx *tx_find_frame(struct tx_table *table, const struct blob *frame)
{
    for (uint16_t at = *frame_bucket(table, frame); at != TX_NONE;
         at = table->entries[at - 1].frame_next) {
        if (table->entries[at - 1].frame == frame) {
            return &table->entries[at - 1];
        }
    }
    return NULL;
}

void tx_fetch_frame(const struct tx_table *table, const struct blob *frame)
{
    __builtin_prefetch(table);
    __builtin_prefetch(&table->by_frame[frame->id[0] % TX_BUCKETS]);
}

static void list_add(struct tx_table *table, struct tx_list *list, struct relay_tx *tx)
{
    uint16_t index = index_of(table, tx);
    tx->prev = list->last;
    tx->next = TX_NONE;
    if (list->last != TX_NONE) {
        table->entries[list->last - 1].next = index;
    } else {
        list->first = index;
    }
    list->last = index;
    list->count++;
}

static void list_take(struct tx_table *table, struct tx_list *list, struct relay_tx *tx)
{
    if (tx->prev != TX_NONE) {
        table->entries[tx->prev - 1].next = tx->next;
    } else {
        list->first = tx->next;
    }
    if (tx->next != TX_NONE) {
        table->entries[tx->next - 1].prev = tx->prev;
    } else {
        list->last = tx->prev;
    }
    list->count--;
}

static void frame_link(struct relay *relay, struct ctx *c, struct relay_tx *tx,
                       const struct blob *frame)
{
    struct tx_table *table = &relay->txs;
    uint16_t *bucket = frame_bucket(table, frame);
    tx->frame = blob_keep(c->shared, frame);
    tx->frame_next = *bucket;
    *bucket = index_of(table, tx);
    tx->due_ns = c->mono_ns + TX_KEPT_NS;
    list_add(table, &table->here, tx);
    if (table->untold == TX_NONE) {
        /* Spread, so that of two neighbours one tells first and the other need not tell back. */
        uint64_t flush = relay->config->policy->lazy_flush_ns;
        flush = buggify(c, BUGGIFY_inventory_early) ? 0 : flush;
        table->untold = index_of(table, tx);
        relay->flush_ns = c->mono_ns + flush / 2 + rng_below(c->rng, flush + 1);
    }
}

static void bucket_take(struct tx_table *table, uint16_t *bucket, uint16_t index, bool by_id)
{
    while (*bucket != index) {
        struct relay_tx *at = &table->entries[*bucket - 1];
        bucket = by_id ? &at->id_next : &at->frame_next;
    }
    struct relay_tx *tx = &table->entries[index - 1];
    *bucket = by_id ? tx->id_next : tx->frame_next;
}

static void wanted_end(struct tx_table *table, struct relay_tx *tx)
{
    list_take(table, &table->wanted, tx);
    table->wanted_by[tx->first_link]--;
}

void tx_forget(struct relay *relay, struct relay_tx *tx)
{
    struct tx_table *table = &relay->txs;
    uint16_t index = index_of(table, tx);
    if (tx->frame != NULL) {
        if (table->untold == index) {
            table->untold = tx->next;
        }
        bucket_take(table, frame_bucket(table, tx->frame), index, false);
        list_take(table, &table->here, tx);
        blob_drop(relay->shared, tx->frame);
    } else {
        wanted_end(table, tx);
    }
    bucket_take(table, id_bucket(table, tx->id), index, true);
    tx->frame = NULL;
    tx->id_next = table->free;
    table->free = index;
}

struct relay_tx *tx_add(struct relay *relay, struct ctx *c, const uint8_t id[32],
                        const struct blob *frame)
{
    struct tx_table *table = &relay->txs;
    if (table->free == TX_NONE && table->used == RELAY_TXS_MAX) {
        if (frame == NULL || table->here.first == TX_NONE) {
            return NULL;
        }
        tx_forget(relay, tx_at(table, table->here.first));
    }
    uint16_t index = table->free;
    if (index != TX_NONE) {
        table->free = table->entries[index - 1].id_next;
    } else {
        index = ++table->used;
    }
    struct relay_tx *tx = &table->entries[index - 1];
    *tx = (struct relay_tx){.frame = NULL};
    memcpy(tx->id, id, 32);
    uint16_t *bucket = id_bucket(table, id);
    tx->id_next = *bucket;
    *bucket = index;
    if (frame != NULL) {
        frame_link(relay, c, tx, frame);
    } else {
        list_add(table, &table->wanted, tx);
    }
    return tx;
}

void tx_arrived(struct relay *relay, struct ctx *c, struct relay_tx *tx, const struct blob *frame)
{
    invariant(tx->frame == NULL);
    wanted_end(&relay->txs, tx);
    frame_link(relay, c, tx, frame);
}
