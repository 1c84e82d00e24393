#include "node/daemon/feed.h"

#include <stdlib.h>

#include "node/base/invariant.h"
#include "node/chain/txpool.h"
#include "node/daemon/api_call.h"
#include "node/daemon/index.h"
#include "node/daemon/log.h"
#include "node/daemon/verdicts.h"

/* One write of the index: a block is at most 4 MiB, most are far less. */
enum { INDEX_BATCH_BLOCKS = 512, INDEX_BATCH_TXS = 20000 };

/* A slot of the pool as it was last seen. */
struct seen {
    bool used;
    uint8_t id[32], sender[32], recipient[32];
    uint64_t expiry, since_ns;
};

struct feed {
    struct api *api;
    struct recent recent;
    struct feed_listener *listeners;
    uint64_t final_height;
    struct seen *seen; /* grows with the pool's slots */
    uint32_t seen_count;
    enum err index_err; /* as last logged */
};

static void tell(struct feed *feed, const struct feed_event *event)
{
    for (struct feed_listener *l = feed->listeners; l != NULL; l = l->next) {
        l->told(l->context, event);
    }
}

enum err feed_open(struct feed **out, struct api *api)
{
    struct feed *feed = calloc(1, sizeof(*feed));
    uint64_t seed = load64(api->config->node_seed);
    api->verdicts = feed == NULL ? NULL : verdicts_new(seed);
    if (api->verdicts == NULL) {
        free(feed);
        return ERR_NO_MEMORY;
    }
    feed->api = api;
    recent_init(&feed->recent, api->shared);
    api->recent = &feed->recent;
    api->feed = feed;
    *out = feed;
    return ERR_OK;
}

void feed_close(struct feed *feed)
{
    if (feed == NULL) {
        return;
    }
    recent_free(&feed->recent);
    verdicts_free(feed->api->verdicts);
    feed->api->verdicts = NULL;
    feed->api->recent = NULL;
    feed->api->feed = NULL;
    free(feed->seen);
    free(feed);
}

void feed_listen(struct feed *feed, struct feed_listener *listener)
{
    listener->next = feed->listeners;
    feed->listeners = listener;
}

static void block_changed(void *context, const struct recent_block *block, bool undone)
{
    struct feed_event event = {.kind = undone ? FEED_UNDONE : FEED_BLOCK, .block = block};
    tell(context, &event);
}

void feed_chain(struct feed *feed)
{
    const struct recent_news news = {.changed = block_changed, .context = feed};
    recent_follow(&feed->recent, node_chain(feed->api->node), &news);

    const struct tree_entry *final = api_final(feed->api);
    if (final->height > feed->final_height) {
        struct feed_event event = {.kind = FEED_FINAL, .final = {.height = final->height}};
        memcpy(event.final.id, final->id, 32);
        feed->final_height = final->height;
        tell(feed, &event);
    }
    if (feed->api->index == NULL) {
        recent_trim(&feed->recent, feed->final_height);
    }
}

void api_tx_refused(struct api *api, const uint8_t id[32], const uint8_t sender[32], enum err err)
{
    struct feed_event event = {.kind = FEED_STATUS, .status = {.err = err}};
    memcpy(event.status.sender, sender, 32);
    verdicts_add(api->verdicts, id, err, api->host.now(api->host.context).mono_ns);
    memcpy(event.status.id, id, 32);
    if (api->feed != NULL) {
        tell(api->feed, &event);
    }
}

/* --- the pool --- */

static void passed(struct feed *feed, struct seen *was)
{
    struct api *api = feed->api;
    struct tx_place place;
    bool included = api_place(api, &place, was->id) == ERR_OK;
    struct feed_event event = {
        .kind = FEED_PASSED,
        .waiting = {.expiry = was->expiry, .since_ns = was->since_ns, .included = included}};

    was->used = false;
    memcpy(event.waiting.id, was->id, 32);
    memcpy(event.waiting.sender, was->sender, 32);
    memcpy(event.waiting.recipient, was->recipient, 32);
    tell(feed, &event);
    if (included || chain_tx_get(node_chain(api->node), was->id) != NULL) {
        return; /* confirmed, or only moved to another slot */
    }
    enum err err = was->expiry <= api_tip(api)->height ? ERR_EXPIRED : ERR_FULL;
    struct feed_event status = {.kind = FEED_STATUS, .status = {.err = err}};
    verdicts_add(api->verdicts, was->id, err, api->host.now(api->host.context).mono_ns);
    memcpy(status.status.id, was->id, 32);
    memcpy(status.status.sender, was->sender, 32);
    tell(feed, &status);
}

static void waiting(struct feed *feed, struct seen *now, const struct txpool_entry *entry)
{
    struct feed_event event = {.kind = FEED_WAITING,
                               .waiting = {.tx = entry->tx, .expiry = entry->expiry}};
    struct tx_parties parties = {NULL, NULL};
    struct tx tx;

    *now = (struct seen){.used = true,
                         .expiry = entry->expiry,
                         .since_ns = feed->api->host.now(feed->api->host.context).mono_ns};
    memcpy(now->id, entry->id, 32);
    memcpy(now->sender, entry->sender, 32);
    if (tx_decode(&tx, span_of(entry->tx->data, entry->tx->len)) == ERR_OK &&
        tx_parties_get(&parties, &tx) == ERR_OK && parties.recipient != NULL) {
        memcpy(now->recipient, parties.recipient, 32);
    }
    memcpy(event.waiting.id, now->id, 32);
    memcpy(event.waiting.sender, now->sender, 32);
    memcpy(event.waiting.recipient, now->recipient, 32);
    tell(feed, &event);
}

static void pool_compare(struct feed *feed)
{
    const struct txpool *pool = chain_pool(node_chain(feed->api->node));
    if (pool->used > feed->seen_count) {
        struct seen *more = realloc(feed->seen, pool->used * sizeof(*more));
        if (more == NULL) {
            return;
        }
        memset(more + feed->seen_count, 0, (pool->used - feed->seen_count) * sizeof(*more));
        feed->seen = more;
        feed->seen_count = pool->used;
    }
    for (uint32_t i = 0; i < feed->seen_count; i++) {
        struct seen *was = &feed->seen[i];
        const struct txpool_entry *entry = i < pool->used ? &pool->entries[i] : NULL;
        bool used = entry != NULL && entry->tx != NULL;
        if (was->used && (!used || memcmp(was->id, entry->id, 32) != 0)) {
            passed(feed, was);
        }
        if (used && !was->used) {
            waiting(feed, was, entry);
        }
    }
}

/* --- the index --- */

static void indexed(void *context, enum err err)
{
    struct feed *feed = context;
    if (err == ERR_OK) {
        recent_trim(&feed->recent, index_height(feed->api->index));
    }
    if (err != feed->index_err) {
        feed->index_err = err;
        log_line(err == ERR_OK ? LOG_INFO : LOG_ERROR, "index", "state=\"%s\"", err_text(err));
    }
}

/* A final block at a height: held, or made from its record (*made, to be freed). */
static struct recent_block *final_block(struct feed *feed, uint64_t height, bool *made)
{
    struct api *api = feed->api;
    const struct recent_block *held = recent_at(&feed->recent, height);
    struct span bytes;

    *made = held == NULL;
    if (held != NULL) {
        return feed->recent.blocks[height - feed->recent.blocks[0]->height];
    }
    if (api_block(api, &bytes, height) != ERR_OK) {
        return NULL;
    }
    const struct blob *blob = blob_put(api->shared, bytes.data, bytes.len);
    struct recent_block *block = recent_block_make(api->shared, blob);
    blob_drop(api->shared, blob);
    return block;
}

static void index_go_on(struct feed *feed)
{
    struct api *api = feed->api;
    struct recent_block *blocks[INDEX_BATCH_BLOCKS];
    bool made[INDEX_BATCH_BLOCKS];
    size_t count = 0;
    size_t txs = 0;

    if (api->index == NULL || index_busy(api->index) ||
        index_height(api->index) >= feed->final_height) {
        return;
    }
    uint64_t height = index_height(api->index) + 1;
    if (height == 1) {
        height = api_oldest(api);
    }
    for (; height <= feed->final_height && count < INDEX_BATCH_BLOCKS && txs < INDEX_BATCH_TXS;
         height++) {
        struct recent_block *block = final_block(feed, height, &made[count]);
        if (block == NULL) {
            uint64_t oldest = api_oldest(api);
            if (oldest > height) { /* gone before it was indexed */
                height = oldest - 1;
                continue;
            }
            break;
        }
        txs += block->tx_count;
        blocks[count++] = block;
    }
    if (count > 0) {
        enum err err = index_write(api->index, blocks, count, indexed, feed);
        if (err != ERR_OK) {
            indexed(feed, err);
        }
    }
    /* A batch that was written at once has trimmed those that were held. */
    for (size_t i = 0; i < count; i++) {
        if (made[i]) {
            recent_block_free(blocks[i], api->shared);
        }
    }
}

void feed_pool(struct feed *feed)
{
    pool_compare(feed);
    index_go_on(feed);
    (void)verdicts_count(feed->api->verdicts, feed->api->host.now(feed->api->host.context).mono_ns);
}
