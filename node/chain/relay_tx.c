/* Transactions: pushed at once over the eager links, named to the lazy ones in batches (Leitao,
 * Pereira, Rodrigues: Epidemic Broadcast Trees, 2007; decision 4). */
#include "node/base/invariant.h"
#include "node/base/plant.h"
#include "node/chain/relay_private.h"
#include "node/crypto/hash.h"
#include "node/seam/config.h"

#define IHAVE_MAX 1024
/* The tree may still bring what was announced. Spread, so that where the tree is broken one node
 * mends it and the others behind the break get theirs through it. */
#define GRAFT_WAIT_NS (2 * RELAY_SECOND_NS)
#define GRAFT_SPREAD_NS (3 * RELAY_SECOND_NS)
/* One duplicate in so many prunes its link. With many sources, two messages on their way at once
 * can each prune another edge of one cycle and cut it apart; pruning seldom makes that rare. (1,000
 * nodes, 1 transaction a second: always pruning, 1.28 receptions of each and 53,000 grafts in ten
 * minutes; one in 8, 1.00 after warm-up and 900.) */
#define PRUNE_ODDS 8
#define GRAFT_RETRY_NS (2 * RELAY_SECOND_NS)
#define GRAFT_TRIES_MAX 4
#define READY_IHAVE_MAX 256 /* newest transactions that a new link is told of */
#define POOL_SERVED_MAX 256 /* of one TX_GRAFT, from the pool */

static void push(struct relay *relay, struct ctx *c, struct relay_tx *tx)
{
    uint64_t links = relay->tx_eager & overlay_ready(relay->overlay) & ~tx->known;
    tx->known |= links;
    while (links != 0) {
        ctx_send(c, (uint32_t)__builtin_ctzll(links), tx->frame);
        links &= links - 1;
    }
}

/* PRUNE is said even where this end is lazy already: the one before may have crossed a GRAFT, and
 * then the peer goes on pushing. */
static void duplicate(struct relay *relay, struct ctx *c, uint32_t link, struct relay_tx *tx)
{
    uint64_t bit = 1ull << link;
    tx->known |= bit;
    if (rng_chance(c->rng, 1, PRUNE_ODDS)) {
        relay->tx_eager &= ~bit;
        relay_send_code(c, link, FRAME_TX_PRUNE);
    }
}

static enum err tx_recv(struct relay *relay, struct ctx *c, uint32_t link, const struct blob *frame)
{
    struct relay_tx *known = tx_find_frame(&relay->txs, frame);
    if (known != NULL) {
        duplicate(relay, c, link, known);
        return ERR_OK;
    }
    struct frame_tx m;
    uint8_t id[32];
    TRY(frame_tx_decode(&m, span_of(frame->data, frame->len)));
    hash256(id, m.tx.data, m.tx.len);
    struct relay_tx *tx = tx_find(&relay->txs, id);
    if (tx != NULL) {
        tx_arrived(relay, c, tx, frame); /* it was wanted */
    } else {
        tx = tx_add(relay, c, id, frame);
    }
    if (tx == NULL) {
        ctx_trace(c, TRACE_limit_reached, LIMIT_RELAY_TXS_MAX, RELAY_TXS_MAX);
        return ERR_OK;
    }
    tx->known |= 1ull << link;
    if (chain_tx_get(relay->chain, id) != NULL) {
        duplicate(relay, c, link, tx); /* pooled for long */
        return ERR_OK;
    }
    const struct blob *bytes = blob_put(c->shared, m.tx.data, m.tx.len);
    enum err err = chain_tx_add(relay->chain, c, id, bytes);
    blob_drop(c->shared, bytes);
    if (err == ERR_OK) {
        push(relay, c, tx);
    } else {
        tx->refused = true;
    }
    static const uint8_t none[32];
    return memcmp(id, none, sizeof(none)) == 0 ? relay_fault(err) : ERR_OK;
}

static enum err ihave_recv(struct relay *relay, struct ctx *c, uint32_t link, struct span frame)
{
    struct tx_table *table = &relay->txs;
    struct frame_tx_ihave m;
    uint64_t bit = 1ull << link;
    TRY(frame_tx_ihave_decode(&m, frame));
    for (size_t i = 0; i < m.ids.count; i++) {
        const uint8_t *id = m.ids.data + 32 * i;
        struct relay_tx *tx = tx_find(table, id);
        if (tx != NULL) {
            tx->known |= bit;
            continue;
        }
        if (chain_tx_get(relay->chain, id) != NULL) {
            continue;
        }
        if (table->wanted.count >= RELAY_WANTED_MAX ||
            table->wanted_by[link] >= RELAY_WANTED_LINK_MAX ||
            (tx = tx_add(relay, c, id, NULL)) == NULL) {
            ctx_trace(c, TRACE_limit_reached, LIMIT_RELAY_WANTED_LINK_MAX, table->wanted.count);
            return ERR_OK;
        }
        uint64_t wait = 2 * relay->config->policy->lazy_flush_ns;
        tx->known = bit;
        tx->first_link = (uint16_t)link;
        table->wanted_by[link]++;
        tx->due_ns = c->mono_ns + (wait < GRAFT_WAIT_NS ? wait : GRAFT_WAIT_NS) +
                     rng_below(c->rng, GRAFT_SPREAD_NS);
        relay->want_ns = tx->due_ns < relay->want_ns ? tx->due_ns : relay->want_ns;
    }
    return ERR_OK;
}

/* The TX frame of a transaction, one reference; NULL when scratch ends. */
static const struct blob *frame_make(struct ctx *c, struct span tx)
{
    const struct frame_tx m = {.tx = tx};
    size_t len = frame_tx_bytes(&m);
    uint8_t *out = arena_alloc(c->scratch, len);
    if (out == NULL) {
        return NULL;
    }
    invariant(frame_tx_encode(out, len, &len, &m) == ERR_OK);
    return blob_put(c->shared, out, len);
}

/* A pooled transaction that is no longer among the recent ones. */
static bool pooled_send(struct relay *relay, struct ctx *c, uint32_t link, const uint8_t id[32])
{
    const struct blob *blob = chain_tx_get(relay->chain, id);
    if (blob == NULL) {
        return false;
    }
    const struct blob *frame = frame_make(c, span_of(blob->data, blob->len));
    if (frame == NULL) {
        return false;
    }
    ctx_send(c, link, frame);
    blob_drop(c->shared, frame);
    return true;
}

static enum err graft_recv(struct relay *relay, struct ctx *c, uint32_t link, struct span frame)
{
    struct frame_tx_graft m;
    uint64_t bit = 1ull << link;
    uint32_t pooled = 0;
    TRY(frame_tx_graft_decode(&m, frame));
    relay->tx_eager |= bit;
    for (size_t i = 0; i < m.ids.count; i++) {
        const uint8_t *id = m.ids.data + 32 * i;
        struct relay_tx *tx = tx_find(&relay->txs, id);
        if (tx != NULL && tx->frame != NULL && !tx->refused) {
            if ((tx->known & bit) == 0) { /* links lose nothing: it was not sent before */
                tx->known |= bit;
                ctx_send(c, link, tx->frame);
            }
        } else if (pooled < POOL_SERVED_MAX) {
            pooled += pooled_send(relay, c, link, id);
        }
    }
    return ERR_OK;
}

enum err relay_tx_frame(struct relay *relay, struct ctx *c, uint32_t link, const struct blob *frame)
{
    struct span bytes = span_of(frame->data, frame->len);
    struct frame_tx_prune prune;
    switch (frame->data[0]) {
    case FRAME_TX:
        return tx_recv(relay, c, link, frame);
    case FRAME_TX_IHAVE:
        return ihave_recv(relay, c, link, bytes);
    case FRAME_TX_GRAFT:
        return graft_recv(relay, c, link, bytes);
    case FRAME_TX_PRUNE:
        TRY(frame_tx_prune_decode(&prune, bytes));
        relay->tx_eager &= ~(1ull << link);
        return ERR_OK;
    default:
        return ERR_UNKNOWN;
    }
}

void relay_tx_included(struct relay *relay, struct ctx *c, struct span tx)
{
    uint8_t id[32];
    hash256(id, tx.data, tx.len);
    struct relay_tx *known = tx_find(&relay->txs, id);
    const struct blob *frame = known == NULL || known->frame == NULL ? frame_make(c, tx) : NULL;
    if (frame == NULL) {
        return;
    }
    if (known != NULL) {
        tx_arrived(relay, c, known, frame);
    } else {
        known = tx_add(relay, c, id, frame);
    }
    if (known != NULL) {
        known->refused = true;
    }
    blob_drop(c->shared, frame);
}

void relay_tx(struct relay *relay, struct ctx *c, uint32_t from_link, const uint8_t id[32],
              const struct blob *tx)
{
    relay->shared = c->shared;
    struct relay_tx *recent = tx_find(&relay->txs, id);
    if (recent != NULL && recent->frame != NULL) {
        return;
    }
    const struct blob *frame = frame_make(c, span_of(tx->data, tx->len));
    if (frame == NULL) {
        return;
    }
    if (recent != NULL) {
        tx_arrived(relay, c, recent, frame);
    } else {
        recent = tx_add(relay, c, id, frame);
    }
    blob_drop(c->shared, frame);
    if (recent != NULL) {
        if (from_link != LINK_NONE) {
            recent->known |= 1ull << from_link;
        }
        push(relay, c, recent);
    }
}

/* --- time --- */

static void ids_send(struct ctx *c, uint64_t links, uint8_t code, const uint8_t *ids, size_t count)
{
    uint8_t *out = arena_alloc(c->scratch, 3 + 32 * count);
    struct writer w;
    size_t len;
    if (out == NULL) {
        return;
    }
    writer_init(&w, out, 3 + 32 * count);
    writer_u8(&w, code);
    writer_list(&w, (struct list){.data = ids, .count = count}, 32, IHAVE_MAX);
    invariant(writer_end(&w, &len) == ERR_OK);
    ctx_send_bytes(c, links, span_of(out, len));
}

/* Names the next IHAVE_MAX of the transactions since the last flush to each lazy link, without
 * those it has. Links that lack the same ones get the same bytes. */
static void flush_some(struct relay *relay, struct ctx *c, uint8_t *ids)
{
    struct tx_table *table = &relay->txs;
    uint64_t lazy = overlay_ready(relay->overlay) & ~relay->tx_eager;
    uint16_t end = table->untold;

    for (size_t i = 0; i < IHAVE_MAX && end != TX_NONE; i++) {
        end = tx_at(table, end)->next;
    }
    while (lazy != 0) {
        uint64_t bit = lazy & (0 - lazy);
        uint64_t same = lazy;
        size_t count = 0;
        for (uint16_t at = table->untold; at != end; at = tx_at(table, at)->next) {
            const struct relay_tx *tx = tx_at(table, at);
            if (tx->refused) {
                continue;
            }
            if ((tx->known & bit) != 0) {
                same &= tx->known;
            } else {
                same &= ~tx->known;
                memcpy(ids + 32 * count++, tx->id, 32);
            }
        }
        if (count > 0) {
            ids_send(c, same, FRAME_TX_IHAVE, ids, count);
        }
        lazy &= ~same;
    }
    table->untold = end;
}

static void flush(struct relay *relay, struct ctx *c)
{
    uint8_t *ids = arena_alloc_array(c->scratch, IHAVE_MAX, 32);

    while (ids != NULL && relay->txs.untold != TX_NONE) { /* RELAY_TXS_MAX bounds it */
        flush_some(relay, c, ids);
    }
    relay->txs.untold = TX_NONE;
}

static void flush_due(struct relay *relay, struct ctx *c)
{
    struct tx_table *table = &relay->txs;
    flush(relay, c);
    struct relay_tx *oldest;
    while ((oldest = tx_at(table, table->here.first)) != NULL && oldest->due_ns <= c->mono_ns &&
           !planted(RELAY_NEVER_FORGETS)) {
        tx_forget(relay, oldest);
    }
    relay->flush_ns = oldest == NULL ? DEADLINE_NONE : oldest->due_ns;
}

/* Asks one link for what it announced and the tree did not bring; that link is in the tree now. */
static void graft_send(struct relay *relay, struct ctx *c, uint32_t link)
{
    struct tx_table *table = &relay->txs;
    uint8_t *ids = arena_alloc_array(c->scratch, IHAVE_MAX, 32);
    uint64_t bit = 1ull << link;
    size_t count = 0;
    if (ids == NULL) {
        return;
    }
    for (struct relay_tx *tx = tx_at(table, table->wanted.first); tx != NULL && count < IHAVE_MAX;
         tx = tx_at(table, tx->next)) {
        uint64_t soon = tx->tries == 0 ? GRAFT_SPREAD_NS : 0; /* one question for all of them */
        if (tx->due_ns <= c->mono_ns + soon && (tx->known & bit) != 0) {
            tx->known &= ~bit;
            tx->tries++;
            tx->due_ns = c->mono_ns + GRAFT_RETRY_NS;
            memcpy(ids + 32 * count++, tx->id, 32);
        }
    }
    relay->tx_eager |= bit;
    ids_send(c, bit, FRAME_TX_GRAFT, ids, count);
}

static void wanted_due(struct relay *relay, struct ctx *c)
{
    struct tx_table *table = &relay->txs;
    uint64_t ready = overlay_ready(relay->overlay);
    relay->want_ns = DEADLINE_NONE;
    for (struct relay_tx *tx = tx_at(table, table->wanted.first), *next; tx != NULL; tx = next) {
        next = tx_at(table, tx->next);
        if (tx->due_ns <= c->mono_ns) {
            uint64_t links = tx->known & ready;
            if (links == 0 || tx->tries >= GRAFT_TRIES_MAX) {
                tx_forget(relay, tx);
                continue;
            }
            graft_send(relay, c, (uint32_t)__builtin_ctzll(links));
        }
        if (tx->due_ns < relay->want_ns) {
            relay->want_ns = tx->due_ns;
        }
    }
}

void relay_tx_wake(struct relay *relay, struct ctx *c)
{
    if (relay->flush_ns <= c->mono_ns) {
        flush_due(relay, c);
    }
    if (relay->want_ns <= c->mono_ns) {
        wanted_due(relay, c);
    }
}

/* A new link is eager, knows nothing as far as we know, and is told of what is new here. */
void relay_tx_ready(struct relay *relay, struct ctx *c, uint32_t link)
{
    struct tx_table *table = &relay->txs;
    uint64_t bit = 1ull << link;
    uint8_t *ids = arena_alloc_array(c->scratch, READY_IHAVE_MAX, 32);
    size_t count = 0;
    for (struct relay_tx *tx = tx_at(table, table->wanted.first); tx != NULL;
         tx = tx_at(table, tx->next)) {
        tx->known &= ~bit;
    }
    for (struct relay_tx *tx = tx_at(table, table->here.last); tx != NULL;
         tx = tx_at(table, tx->prev)) {
        tx->known &= ~bit;
        if (!tx->refused && ids != NULL && count < READY_IHAVE_MAX &&
            chain_tx_get(relay->chain, tx->id) != NULL) {
            memcpy(ids + 32 * count++, tx->id, 32);
        }
    }
    relay->tx_eager |= bit;
    if (count > 0) {
        ids_send(c, bit, FRAME_TX_IHAVE, ids, count);
    }
}
