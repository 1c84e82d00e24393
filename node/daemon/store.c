#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "node/base/invariant.h"
#include "node/chain/state.h"
#include "node/daemon/log.h"
#include "node/daemon/store_private.h"

/* --- reading --- */

static void state_damaged(struct store *store, const uint8_t name[32])
{
    char id[17];

    if (store->failed == ERR_OK) {
        log_line(LOG_ERROR, "store",
                 "error=\"a state node is damaged: orreryctl db repair\" node=%s",
                 id_text(id, name));
        store->failed = ERR_CORRUPT;
    }
}

/* A state node under its name, which is its hash. */
static bool node_fits(struct span *bytes, MDB_val value, const uint8_t name[32])
{
    struct state_node node;
    uint8_t hash[32];

    if (value.mv_size <= STORE_REFS_BYTES || value.mv_size > STORE_VALUE_BYTES_MAX) {
        return false;
    }
    *bytes = span_of((const uint8_t *)value.mv_data + STORE_REFS_BYTES,
                     value.mv_size - STORE_REFS_BYTES);
    if (state_node_decode(&node, *bytes) != ERR_OK) {
        return false;
    }
    state_node_hash(hash, &node);
    return memcmp(hash, name, 32) == 0;
}

static bool state_load(void *context, const uint8_t name[32], struct span *bytes)
{
    struct store *store = context;
    MDB_val key = {32, (void *)(uintptr_t)name};
    MDB_val value;
    store_enter();
    int rc = mdb_get(store->reader, store->state, &key, &value);
    bool good = rc == 0 && node_fits(bytes, value, name);
    store_leave();
    if (rc == MDB_NOTFOUND || good) {
        return good;
    }
    state_damaged(store, name);
    return false;
}

/* The least key that is above every key with this prefix; empty: there is none. */
static MDB_val prefix_end(uint8_t room[RECORD_KEY_BYTES_MAX], struct span prefix)
{
    size_t len = prefix.len;

    if (len > 0) {
        memcpy(room, prefix.data, len);
    }
    while (len > 0 && room[len - 1] == 0xff) {
        len--;
    }
    if (len > 0) {
        room[len - 1]++;
    }
    return (MDB_val){len, room};
}

static int seek_backwards(MDB_cursor *cursor, MDB_val *key, MDB_val *value, struct span prefix,
                          struct span from)
{
    uint8_t room[RECORD_KEY_BYTES_MAX];
    MDB_val at =
        from.len > 0 ? (MDB_val){from.len, (void *)(uintptr_t)from.data} : prefix_end(room, prefix);

    *key = at;
    int rc = at.mv_size == 0 ? MDB_NOTFOUND : mdb_cursor_get(cursor, key, value, MDB_SET_RANGE);
    if (rc == MDB_NOTFOUND) {
        return mdb_cursor_get(cursor, key, value, MDB_LAST);
    }
    if (rc == 0 && from.len > 0 && key->mv_size == from.len &&
        memcmp(key->mv_data, from.data, from.len) == 0) {
        return 0;
    }
    return rc == 0 ? mdb_cursor_get(cursor, key, value, MDB_PREV) : rc;
}

static int seek_forwards(MDB_cursor *cursor, MDB_val *key, MDB_val *value, struct span prefix,
                         struct span from)
{
    struct span at = from.len > 0 ? from : prefix;

    *key = (MDB_val){at.len, (void *)(uintptr_t)at.data};
    return mdb_cursor_get(cursor, key, value, at.len > 0 ? MDB_SET_RANGE : MDB_FIRST);
}

static enum err record_read(struct store *store, struct record *record, MDB_val key, MDB_val value)
{
    struct span body;
    uint8_t tag;

    TRY(record_decode(&tag, &body, key, value));
    record->key = key.mv_data;
    record->key_len = key.mv_size;
    record->value = tag == TAG_NAMED ? blob_name_keep(store->shared, body.data)
                                     : blob_put(store->shared, body.data, body.len);
    return record->value != NULL ? ERR_OK : ERR_CORRUPT;
}

enum err store_read(struct store *store, struct record *records, size_t *count, bool *more,
                    struct span prefix, struct span from, uint32_t limit, bool backwards)
{
    MDB_cursor *cursor;
    MDB_val key;
    MDB_val value;
    enum err damage = ERR_OK;

    *count = 0;
    *more = false;
    TRY(store_err(mdb_cursor_open(store->reader, store->records, &cursor)));
    store_enter();
    int rc = backwards ? seek_backwards(cursor, &key, &value, prefix, from)
                       : seek_forwards(cursor, &key, &value, prefix, from);
    while (rc == 0 && key.mv_size >= prefix.len &&
           (prefix.len == 0 || memcmp(key.mv_data, prefix.data, prefix.len) == 0)) {
        if (*count == limit) {
            *more = true;
            break;
        }
        if (record_read(store, &records[*count], key, value) == ERR_OK) {
            (*count)++;
        } else {
            damage = ERR_CORRUPT;
            log_line(LOG_ERROR, "store", "error=\"a record is damaged\" kind=%c",
                     *(const char *)key.mv_data);
        }
        rc = mdb_cursor_get(cursor, &key, &value, backwards ? MDB_PREV : MDB_NEXT);
    }
    mdb_cursor_close(cursor);
    store_leave();
    return rc != 0 && rc != MDB_NOTFOUND ? store_err(rc) : damage;
}

void store_read_release(struct store *store, struct record *records, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        blob_drop(store->shared, records[i].value);
    }
}

/* --- writing --- */

static void commit_start(struct store *store);

static void batches_end(struct store *store, struct batch *batch, enum err err)
{
    while (batch != NULL) {
        struct batch *next = batch->next;
        for (size_t i = 0; i < batch->count; i++) {
            blob_drop(store->shared, batch->ops[i].value);
        }
        batch->done(batch->context, err);
        free(batch->keys);
        free(batch);
        batch = next;
    }
}

/* Twice the map: nobody may be reading meanwhile. */
static int map_grow(struct store *store)
{
    MDB_envinfo info;

    mdb_txn_reset(store->reader);
    int rc = mdb_env_info(store->env, &info);
    rc = rc != 0 ? rc : mdb_env_set_mapsize(store->env, 2 * info.me_mapsize);
    int renewed = mdb_txn_renew(store->reader);
    invariant(renewed == 0);
    return rc;
}

/* On the loop. False: the same again with a larger map. */
static bool commit_end(struct commit *k)
{
    struct store *store = k->store;

    if (k->rc == MDB_MAP_FULL) {
        k->rc = map_grow(store);
        if (k->rc == 0) {
            return false;
        }
    }
    enum err err = store_err(k->rc);
    if (err == ERR_OK) {
        blobs_changed(store->shared, k->changes, k->count);
        mdb_txn_reset(store->reader);
        int renewed = mdb_txn_renew(store->reader);
        invariant(renewed == 0);
        store->commits++;
        blobs_trim(store->shared);
        err = store->failed; /* damage that was met meanwhile */
    } else {
        log_line(LOG_ERROR, "store", "error=\"%s\" cause=\"%s\"", err_text(err),
                 mdb_strerror(k->rc));
        store->failed = err;
    }
    struct batch *first = k->first;
    store->running = NULL;
    free(k->changes);
    free(k->zeros);
    free(k);
    batches_end(store, first, err);
    return true;
}

static void on_work(uv_work_t *work)
{
    commit_run(work->data);
}

static void on_work_done(uv_work_t *work, int status)
{
    struct commit *k = work->data;
    struct store *store = k->store;

    (void)status;
    if (!commit_end(k)) {
        int rc = uv_queue_work(store->loop, &k->work, on_work, on_work_done);
        invariant(rc == 0);
    } else if (store->first != NULL && store->running == NULL) {
        commit_start(store);
    }
}

static void commit_start(struct store *store)
{
    struct commit *k = calloc(1, sizeof(*k));

    invariant(k != NULL);
    *k = (struct commit){.store = store, .first = store->first};
    k->work.data = k;
    store->first = NULL;
    store->last = &store->first;
    store->running = k;
    if (store->loop != NULL) {
        int rc = uv_queue_work(store->loop, &k->work, on_work, on_work_done);
        invariant(rc == 0);
    }
}

void store_flush(struct store *store)
{
    while (store->first != NULL) {
        commit_start(store);
        struct commit *k = store->running;
        do {
            commit_run(k);
        } while (!commit_end(k));
    }
}

/* After a failure nothing later may become durable, or the order of batches would be lost. */
static void on_refused(uv_work_t *work, int status)
{
    struct commit *k = work->data;

    (void)status;
    batches_end(k->store, k->first, k->store->failed);
    free(k);
}

static void nothing(uv_work_t *work)
{
    (void)work;
}

static void batch_refuse(struct store *store, struct batch *batch)
{
    struct commit *k = calloc(1, sizeof(*k));

    invariant(k != NULL);
    *k = (struct commit){.store = store, .first = batch};
    k->work.data = k;
    if (store->loop == NULL) {
        on_refused(&k->work, 0);
        return;
    }
    int rc = uv_queue_work(store->loop, &k->work, nothing, on_refused);
    invariant(rc == 0);
}

void store_write(struct store *store, const struct record_op *ops, size_t count,
                 void (*done)(void *context, enum err err), void *context)
{
    struct batch *batch = calloc(1, sizeof(*batch) + count * sizeof(batch->ops[0]));
    size_t bytes = 0;

    for (size_t i = 0; i < count; i++) {
        bytes += ops[i].key.len;
    }
    invariant(batch != NULL);
    *batch = (struct batch){.done = done, .context = context, .count = count};
    batch->keys = malloc(bytes + 1);
    invariant(batch->keys != NULL);
    uint8_t *at = batch->keys;
    for (size_t i = 0; i < count; i++) {
        memcpy(at, ops[i].key.data, ops[i].key.len);
        batch->ops[i] = (struct record_op){span_of(at, ops[i].key.len), ops[i].value};
        at += ops[i].key.len;
    }
    store->batches++;
    if (store->failed != ERR_OK) {
        batch_refuse(store, batch);
        return;
    }
    *store->last = batch;
    store->last = &batch->next;
    if (store->loop != NULL && store->running == NULL) {
        commit_start(store);
    }
}

/* --- opening --- */

static enum err say(char message[STORE_MESSAGE_BYTES], enum err err, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static enum err say(char message[STORE_MESSAGE_BYTES], enum err err, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(message, STORE_MESSAGE_BYTES, format, arguments);
    va_end(arguments);
    return err;
}

/* That the files are there is as durable as what is in them. */
static void folders_sync(const char *path)
{
    static const char *const ends[] = {"", "/.."};

    for (size_t i = 0; i < 2; i++) {
        char folder[4200];
        snprintf(folder, sizeof(folder), "%s%s", path, ends[i]);
        int file = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (file >= 0) {
            (void)fsync(file);
            close(file);
        }
    }
}

static enum err folder_hold(struct store *store, const char *path, char *message)
{
    char file[4200];

    if (mkdir(path, 0700) != 0 && errno != EEXIST) {
        return say(message, errno == ENOSPC ? ERR_NO_SPACE : ERR_IO, "%s: cannot be made: %s", path,
                   strerror(errno));
    }
    snprintf(file, sizeof(file), "%s/held", path);
    store->lock = open(file, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (store->lock < 0) {
        return say(message, errno == ENOSPC ? ERR_NO_SPACE : ERR_IO, "%s: %s", file,
                   strerror(errno));
    }
    if (flock(store->lock, LOCK_EX | LOCK_NB) != 0) {
        if (errno != EWOULDBLOCK) {
            return say(message, ERR_IO, "%s: cannot be locked: %s", file, strerror(errno));
        }
        return say(message, ERR_BUSY, "%s: another process uses this database", path);
    }
    return ERR_OK;
}

/* The first transaction: tables, format, network. */
static enum err meta_open(struct store *store, const char *path, const uint8_t *genesis_hash,
                          char *message)
{
    MDB_txn *txn;
    MDB_val format_key = {6, (void *)(uintptr_t) "format"};
    MDB_val genesis_key = {7, (void *)(uintptr_t) "genesis"};
    MDB_val value;
    uint8_t format[4];
    unsigned flags = genesis_hash != NULL ? MDB_CREATE : 0;
    int rc = mdb_txn_begin(store->env, NULL, 0, &txn);

    if (rc != 0) {
        return say(message, store_err(rc), "%s: %s", path, mdb_strerror(rc));
    }
    rc = mdb_dbi_open(txn, "meta", flags, &store->meta);
    rc = rc != 0 ? rc : mdb_dbi_open(txn, "records", flags, &store->records);
    rc = rc != 0 ? rc : mdb_dbi_open(txn, "state", flags, &store->state);
    enum err err = ERR_OK;
    if (rc == 0 && mdb_get(txn, store->meta, &format_key, &value) == 0) {
        uint32_t found = value.mv_size == 4 ? load32(value.mv_data) : 0;
        if (found != STORE_FORMAT) {
            err = say(message, ERR_VERSION,
                      "%s: of database format %u, this program reads %u; move the folder away and "
                      "the node fetches the chain again",
                      path, found, STORE_FORMAT);
        } else if (genesis_hash != NULL &&
                   (mdb_get(txn, store->meta, &genesis_key, &value) != 0 || value.mv_size != 32 ||
                    memcmp(value.mv_data, genesis_hash, 32) != 0)) {
            err = say(message, ERR_NETWORK, "%s: holds the chain of another genesis", path);
        }
    } else if (rc == 0 && genesis_hash != NULL) {
        store32(format, STORE_FORMAT);
        rc = mdb_put(txn, store->meta, &format_key, &(MDB_val){4, format}, 0);
        value = (MDB_val){32, (void *)(uintptr_t)genesis_hash};
        rc = rc != 0 ? rc : mdb_put(txn, store->meta, &genesis_key, &value, 0);
    } else if (rc == 0) {
        rc = MDB_INVALID;
    }
    if (rc != 0 || err != ERR_OK) {
        mdb_txn_abort(txn);
        return err != ERR_OK ? err : say(message, store_err(rc), "%s: %s", path, mdb_strerror(rc));
    }
    rc = mdb_txn_commit(txn);
    return rc == 0 ? ERR_OK : say(message, store_err(rc), "%s: %s", path, mdb_strerror(rc));
}

static enum err env_open(struct store *store, const char *path, enum store_mode mode,
                         size_t map_bytes, char *message)
{
    unsigned flags = MDB_NOTLS | MDB_NORDAHEAD | (mode == STORE_BULK ? MDB_NOSYNC : 0);
    MDB_envinfo info;
    int rc = mdb_env_create(&store->env);

    store_guard(store->env);
    rc = rc != 0 ? rc : mdb_env_set_maxdbs(store->env, 4);
    rc = rc != 0
             ? rc
             : mdb_env_set_mapsize(store->env, map_bytes != 0 ? map_bytes : STORE_MAP_BYTES_FIRST);
    rc = rc != 0 ? rc : mdb_env_open(store->env, path, flags, 0600);
    rc = rc != 0 ? rc : mdb_env_info(store->env, &info);
    return rc == 0 ? ERR_OK
                   : say(message, store_err(rc), "%s: the database cannot be opened: %s", path,
                         mdb_strerror(rc));
}

enum err store_open_as(struct store **out, uv_loop_t *loop, const char *path,
                       const uint8_t *genesis_hash, enum store_mode mode, size_t map_bytes,
                       char message[STORE_MESSAGE_BYTES])
{
    struct store *store = calloc(1, sizeof(*store));

    *out = NULL;
    if (store == NULL) {
        return say(message, ERR_NO_MEMORY, "%s", err_text(ERR_NO_MEMORY));
    }
    store->lock = -1;
    store->loop = loop;
    store->last = &store->first;
    enum err err = folder_hold(store, path, message);
    store_enter();
    if (err == ERR_OK) {
        err = env_open(store, path, mode, map_bytes, message);
    }
    if (err == ERR_OK) {
        err = meta_open(store, path, genesis_hash, message);
        folders_sync(path);
    }
    if (err == ERR_OK) {
        err = store_err(mdb_txn_begin(store->env, NULL, MDB_RDONLY, &store->reader));
        store->shared = blobs_new((struct blob_source){state_load, store}, STORE_CACHE_BYTES,
                                  STORE_MEMO_ENTRIES);
        if (err != ERR_OK || store->shared == NULL) {
            err = say(message, ERR_NO_MEMORY, "%s: cannot be read", path);
        }
    }
    store_leave();
    if (err != ERR_OK) {
        store_close(store);
        return err;
    }
    *out = store;
    return ERR_OK;
}

enum err store_open(struct store **store, uv_loop_t *loop, const char *path,
                    const uint8_t genesis_hash[32], char message[STORE_MESSAGE_BYTES])
{
    return store_open_as(store, loop, path, genesis_hash, STORE_KEEP, 0, message);
}

void store_close(struct store *store)
{
    if (store == NULL) {
        return;
    }
    invariant(store->running == NULL && store->first == NULL);
    blobs_free(store->shared);
    if (store->reader != NULL) {
        mdb_txn_abort(store->reader);
    }
    if (store->env != NULL) {
        (void)mdb_env_sync(store->env, 1);
        mdb_env_close(store->env);
    }
    if (store->lock >= 0) {
        close(store->lock);
    }
    free(store);
}

struct shared *store_shared(struct store *store)
{
    return store->shared;
}
