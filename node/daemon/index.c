#include "node/daemon/index.h"

#include <errno.h>
#include <lmdb.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "node/base/invariant.h"

/* Databases: `t` tx id -> place; `a` account key | how u8 | height u64 BE | index u32 BE -> offset
 * u32, len u32; `m` one key: the version, then genesis, height, first, txs. */
#define INDEX_VERSION UINT32_C(1)
#define MAP_BYTES_FIRST (UINT64_C(64) << 20)
#define META_BYTES (4 + 32 + 8 + 8 + 8)
#define ACCOUNT_KEY_BYTES (32 + 1 + 8 + 4)

struct put {
    uint8_t key[ACCOUNT_KEY_BYTES];
    uint8_t value[20];
    uint8_t key_len, value_len;
};

struct tx_index {
    MDB_env *env;
    MDB_dbi txs, accounts, meta;
    MDB_txn *reader; /* reset between reads */
    uv_loop_t *loop;
    uint8_t genesis[32];
    uint64_t height, first, tx_count;
    bool empty;
    enum err state;
    bool busy, closing;
    /* the batch being written */
    uv_work_t work;
    struct put *puts;
    size_t put_count;
    uint64_t next_height, next_first, next_txs;
    enum err result;
    void (*done)(void *context, enum err err);
    void *context;
};

static enum err err_of(int rc)
{
    switch (rc) {
    case 0:
        return ERR_OK;
    case MDB_NOTFOUND:
        return ERR_NOT_FOUND;
    case MDB_CORRUPTED:
    case MDB_PAGE_NOTFOUND:
    case MDB_INVALID:
    case MDB_VERSION_MISMATCH:
        return ERR_CORRUPT;
    case ENOSPC:
        return ERR_NO_SPACE;
    case ENOMEM:
        return ERR_NO_MEMORY;
    default:
        return ERR_IO;
    }
}

static void store64_be(uint8_t *p, uint64_t v)
{
    v = __builtin_bswap64(v);
    memcpy(p, &v, 8);
}

static void store32_be(uint8_t *p, uint32_t v)
{
    v = __builtin_bswap32(v);
    memcpy(p, &v, 4);
}

static uint64_t load64_be(const uint8_t *p)
{
    return __builtin_bswap64(load64(p));
}

static uint32_t load32_be(const uint8_t *p)
{
    return __builtin_bswap32(load32(p));
}

static int meta_put(const struct tx_index *index, MDB_txn *txn, uint64_t height, uint64_t first,
                    uint64_t txs)
{
    uint8_t bytes[META_BYTES];
    uint8_t name = 'm';
    store32(bytes, INDEX_VERSION);
    memcpy(bytes + 4, index->genesis, 32);
    store64(bytes + 36, height);
    store64(bytes + 44, first);
    store64(bytes + 52, txs);
    MDB_val key = {1, &name};
    MDB_val value = {sizeof(bytes), bytes};
    return mdb_put(txn, index->meta, &key, &value, 0);
}

static int batch_try(struct tx_index *index)
{
    MDB_txn *txn;
    int rc = mdb_txn_begin(index->env, NULL, 0, &txn);
    for (size_t i = 0; rc == 0 && i < index->put_count; i++) {
        struct put *put = &index->puts[i];
        MDB_val key = {put->key_len, put->key};
        MDB_val value = {put->value_len, put->value};
        rc = mdb_put(txn, put->key_len == 32 ? index->txs : index->accounts, &key, &value, 0);
        if (rc != 0) {
            mdb_txn_abort(txn);
        }
    }
    if (rc == 0) {
        rc = meta_put(index, txn, index->next_height, index->next_first, index->next_txs);
        if (rc != 0) {
            mdb_txn_abort(txn);
        }
    }
    return rc != 0 ? rc : mdb_txn_commit(txn);
}

/* On the pool. A full map is left to batch_done: growing it needs every reader to be out. */
static void batch_run(uv_work_t *work)
{
    struct tx_index *index = work->data;
    int rc = batch_try(index);
    index->result = rc == MDB_MAP_FULL ? ERR_FULL : err_of(rc);
}

static enum err map_grow(struct tx_index *index)
{
    MDB_envinfo info;
    int rc = mdb_env_info(index->env, &info);
    return err_of(rc != 0 ? rc : mdb_env_set_mapsize(index->env, 2 * info.me_mapsize));
}

static void batch_end(struct tx_index *index)
{
    free(index->puts);
    index->puts = NULL;
    index->busy = false;
    index->state = index->result;
    if (index->result == ERR_OK) {
        index->height = index->next_height;
        index->first = index->next_first;
        index->tx_count = index->next_txs;
        index->empty = false;
    }
    if (index->done != NULL && !index->closing) {
        index->done(index->context, index->result);
    }
}

static void batch_done(uv_work_t *work, int status)
{
    struct tx_index *index = work->data;
    if (status != 0) {
        index->result = ERR_INTERRUPTED;
    }
    if (index->result == ERR_FULL && !index->closing) {
        index->result = map_grow(index);
        if (index->result == ERR_OK &&
            uv_queue_work(index->loop, &index->work, batch_run, batch_done) == 0) {
            return;
        }
    }
    batch_end(index);
}

static int tables_open(struct tx_index *index, bool *usable)
{
    MDB_txn *txn;
    MDB_val key = {1, (void *)(uintptr_t) "m"};
    MDB_val value;
    int rc = mdb_txn_begin(index->env, NULL, 0, &txn);
    if (rc != 0) {
        return rc;
    }
    rc = mdb_dbi_open(txn, "t", MDB_CREATE, &index->txs);
    rc = rc != 0 ? rc : mdb_dbi_open(txn, "a", MDB_CREATE, &index->accounts);
    rc = rc != 0 ? rc : mdb_dbi_open(txn, "m", MDB_CREATE, &index->meta);
    if (rc == 0 && mdb_get(txn, index->meta, &key, &value) == 0) {
        const uint8_t *bytes = value.mv_data;
        *usable = value.mv_size == META_BYTES && load32(bytes) == INDEX_VERSION &&
                  memcmp(bytes + 4, index->genesis, 32) == 0;
        if (*usable) {
            index->height = load64(bytes + 36);
            index->first = load64(bytes + 44);
            index->tx_count = load64(bytes + 52);
            index->empty = false;
        } else {
            rc = mdb_drop(txn, index->txs, 0);
            rc = rc != 0 ? rc : mdb_drop(txn, index->accounts, 0);
            rc = rc != 0 ? rc : mdb_drop(txn, index->meta, 0);
        }
    }
    if (rc != 0) {
        mdb_txn_abort(txn);
        return rc;
    }
    return mdb_txn_commit(txn);
}

static int env_open(struct tx_index *index, const char *folder)
{
    bool usable = false;
    int rc = mdb_env_create(&index->env);
    if (rc != 0) {
        return rc;
    }
    if (mkdir(folder, 0700) != 0 && errno != EEXIST) {
        return errno;
    }
    rc = mdb_env_set_maxdbs(index->env, 3);
    rc = rc != 0 ? rc : mdb_env_set_mapsize(index->env, MAP_BYTES_FIRST);
    /* Without NOSYNC: a power cut must not damage what a restart will trust. */
    rc = rc != 0 ? rc : mdb_env_open(index->env, folder, MDB_NOTLS | MDB_NORDAHEAD, 0600);
    rc = rc != 0 ? rc : tables_open(index, &usable);
    rc = rc != 0 ? rc : mdb_txn_begin(index->env, NULL, MDB_RDONLY, &index->reader);
    if (rc == 0) {
        mdb_txn_reset(index->reader);
    }
    return rc;
}

enum err index_open(struct tx_index **out, const char *folder, const uint8_t genesis[32],
                    uv_loop_t *loop)
{
    struct tx_index *index = calloc(1, sizeof(*index));
    if (index == NULL) {
        return ERR_NO_MEMORY;
    }
    index->loop = loop;
    index->empty = true;
    memcpy(index->genesis, genesis, 32);
    int rc = env_open(index, folder);
    if (rc != 0) {
        if (index->env != NULL) {
            mdb_env_close(index->env);
        }
        free(index);
        return err_of(rc);
    }
    *out = index;
    return ERR_OK;
}

void index_close(struct tx_index *index)
{
    if (index == NULL) {
        return;
    }
    index->closing = true;
    while (index->busy) {
        (void)uv_run(index->loop, UV_RUN_ONCE);
    }
    mdb_txn_abort(index->reader);
    mdb_env_close(index->env);
    free(index);
}

uint64_t index_height(const struct tx_index *index)
{
    return index->height;
}

uint64_t index_first(const struct tx_index *index)
{
    return index->first;
}

uint64_t index_txs(const struct tx_index *index)
{
    return index->tx_count;
}

enum err index_state(const struct tx_index *index)
{
    return index->state;
}

bool index_busy(const struct tx_index *index)
{
    return index->busy;
}

static void account_key(uint8_t out[ACCOUNT_KEY_BYTES], const uint8_t key[32], uint8_t how,
                        uint64_t height, uint32_t number)
{
    memcpy(out, key, 32);
    out[32] = how;
    store64_be(out + 33, height);
    store32_be(out + 41, number);
}

static void block_puts(struct tx_index *index, const struct recent_block *block)
{
    for (uint32_t i = 0; i < block->tx_count; i++) {
        struct put *put = &index->puts[index->put_count++];
        put->key_len = 32;
        memcpy(put->key, block->txs[i].id, 32);
        put->value_len = 20;
        store64(put->value, block->height);
        store32(put->value + 8, i);
        store32(put->value + 12, block->txs[i].offset);
        store32(put->value + 16, block->txs[i].len);
    }
    for (uint32_t i = 0; i < block->touch_count; i++) {
        const struct recent_touch *touch = &block->touch[i];
        for (uint8_t how = TOUCH_SENT; how <= TOUCH_RECEIVED; how++) {
            if ((touch->how & how) == 0) {
                continue;
            }
            struct put *put = &index->puts[index->put_count++];
            put->key_len = ACCOUNT_KEY_BYTES;
            account_key(put->key, touch->key, how, block->height, touch->index);
            put->value_len = 8;
            store32(put->value, block->txs[touch->index].offset);
            store32(put->value + 4, block->txs[touch->index].len);
        }
    }
}

enum err index_write(struct tx_index *index, struct recent_block *const *blocks, size_t count,
                     void (*done)(void *context, enum err err), void *context)
{
    size_t puts = 0;
    uint64_t txs = 0;

    if (index->busy) {
        return ERR_BUSY;
    }
    invariant(count > 0);
    for (size_t i = 0; i < count; i++) {
        invariant(i == 0 || blocks[i]->height == blocks[i - 1]->height + 1);
        puts += blocks[i]->tx_count + 2 * (size_t)blocks[i]->touch_count;
        txs += blocks[i]->tx_count;
    }
    invariant(index->empty || blocks[0]->height == index->height + 1);
    index->puts = malloc((puts + 1) * sizeof(*index->puts));
    if (index->puts == NULL) {
        return ERR_NO_MEMORY;
    }
    index->put_count = 0;
    for (size_t i = 0; i < count; i++) {
        block_puts(index, blocks[i]);
    }
    index->next_height = blocks[count - 1]->height;
    index->next_first = index->empty ? blocks[0]->height : index->first;
    index->next_txs = index->tx_count + txs;
    index->busy = true;
    index->done = done;
    index->context = context;
    index->work.data = index;
    if (index->loop != NULL) {
        if (uv_queue_work(index->loop, &index->work, batch_run, batch_done) != 0) {
            index->result = ERR_NO_MEMORY;
            batch_end(index);
        }
        return ERR_OK;
    }
    do {
        batch_run(&index->work);
    } while (index->result == ERR_FULL && map_grow(index) == ERR_OK);
    batch_end(index);
    return ERR_OK;
}

enum err index_find(const struct tx_index *index, struct tx_place *place, const uint8_t tx[32])
{
    MDB_val key = {32, (void *)(uintptr_t)tx};
    MDB_val value;
    int rc = mdb_txn_renew(index->reader);
    if (rc != 0) {
        return err_of(rc);
    }
    rc = mdb_get(index->reader, index->txs, &key, &value);
    if (rc == 0 && value.mv_size == 20) {
        const uint8_t *bytes = value.mv_data;
        *place = (struct tx_place){.height = load64(bytes),
                                   .index = load32(bytes + 8),
                                   .offset = load32(bytes + 12),
                                   .len = load32(bytes + 16)};
    } else if (rc == 0) {
        rc = MDB_CORRUPTED;
    }
    mdb_txn_reset(index->reader);
    return err_of(rc);
}

/* One direction of an account: a cursor on its next place, or none. */
struct lane {
    MDB_cursor *cursor;
    bool live, ascending;
    uint8_t prefix[33];
    struct tx_place place;
};

static void lane_take(struct lane *lane, int rc, const MDB_val *key, const MDB_val *value)
{
    const uint8_t *k = key->mv_data;
    lane->live = rc == 0 && key->mv_size == ACCOUNT_KEY_BYTES && value->mv_size == 8 &&
                 memcmp(k, lane->prefix, 33) == 0;
    if (lane->live) {
        lane->place = (struct tx_place){.height = load64_be(k + 33),
                                        .index = load32_be(k + 41),
                                        .offset = load32(value->mv_data),
                                        .len = load32((const uint8_t *)value->mv_data + 4)};
    }
}

static void lane_next(struct lane *lane)
{
    MDB_val key = {0, NULL};
    MDB_val value = {0, NULL};
    int rc = mdb_cursor_get(lane->cursor, &key, &value, lane->ascending ? MDB_NEXT : MDB_PREV);
    lane_take(lane, rc, &key, &value);
}

static void lane_begin(struct lane *lane, const struct tx_index *index, const uint8_t account[32],
                       uint8_t how, const struct tx_place *from, bool ascending)
{
    uint8_t bytes[ACCOUNT_KEY_BYTES];
    struct tx_place end = {.height = ascending ? 0 : UINT64_MAX,
                           .index = ascending ? 0 : UINT32_MAX};
    const struct tx_place *at = from == NULL ? &end : from;
    *lane = (struct lane){.ascending = ascending};
    memcpy(lane->prefix, account, 32);
    lane->prefix[32] = how;
    if (mdb_cursor_open(index->reader, index->accounts, &lane->cursor) != 0) {
        lane->cursor = NULL;
        return;
    }
    account_key(bytes, account, how, at->height, at->index);
    MDB_val key = {sizeof(bytes), bytes};
    MDB_val value;
    int rc = mdb_cursor_get(lane->cursor, &key, &value, MDB_SET_RANGE);
    if (!ascending) { /* the first at or after it: the one before is wanted */
        rc = mdb_cursor_get(lane->cursor, &key, &value, rc == 0 ? MDB_PREV : MDB_LAST);
        lane_take(lane, rc, &key, &value);
    } else {
        lane_take(lane, rc, &key, &value);
        if (lane->live && from != NULL && tx_place_order(&lane->place, from) == 0) {
            lane_next(lane);
        }
    }
}

size_t index_account(const struct tx_index *index, struct tx_place *places, size_t limit,
                     const uint8_t key[32], int how, const struct tx_place *from, bool ascending)
{
    struct lane lanes[2] = {{.cursor = NULL}, {.cursor = NULL}};
    size_t count = 0;
    if (mdb_txn_renew(index->reader) != 0) {
        return 0;
    }
    for (uint8_t i = 0; i < 2; i++) {
        if ((how & (i + 1)) != 0) {
            lane_begin(&lanes[i], index, key, (uint8_t)(i + 1), from, ascending);
        }
    }
    while (count < limit && (lanes[0].live || lanes[1].live)) {
        int order = 0;
        if (lanes[0].live && lanes[1].live) {
            order = tx_place_order(&lanes[0].place, &lanes[1].place);
            order = ascending ? order : -order;
        } else {
            order = lanes[0].live ? -1 : 1;
        }
        places[count++] = order <= 0 ? lanes[0].place : lanes[1].place;
        if (order <= 0) {
            lane_next(&lanes[0]);
        }
        if (order >= 0) { /* a payment to oneself stands in both */
            lane_next(&lanes[1]);
        }
    }
    for (size_t i = 0; i < 2; i++) {
        if (lanes[i].cursor != NULL) {
            mdb_cursor_close(lanes[i].cursor);
        }
    }
    mdb_txn_reset(index->reader);
    return count;
}
