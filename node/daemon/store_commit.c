/* Batches into LMDB: one transaction, on a thread of the pool. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "node/base/invariant.h"
#include "node/crypto/hash.h"
#include "node/daemon/store_private.h"

enum err store_err(int rc)
{
    switch (rc) {
    case 0:
        return ERR_OK;
    case ENOSPC:
    case EDQUOT:
    case EFBIG:
        return ERR_NO_SPACE;
    case ENOMEM:
        return ERR_NO_MEMORY;
    case MDB_MAP_FULL:
        return ERR_FULL;
    case MDB_NOTFOUND:
        return ERR_NOT_FOUND;
    case MDB_CORRUPTED:
    case MDB_PAGE_NOTFOUND:
    case MDB_PANIC:
    case MDB_INVALID:
        return ERR_CORRUPT;
    case MDB_VERSION_MISMATCH:
        return ERR_VERSION;
    default:
        return ERR_IO;
    }
}

uint64_t record_check(MDB_val key, uint8_t tag, struct span body)
{
    static const uint8_t nobody[SIPHASH_KEY_BYTES];
    uint8_t of_key[SIPHASH_BYTES];
    uint8_t of_body[SIPHASH_BYTES];

    hash_siphash128(of_key, nobody, key.mv_data, key.mv_size);
    of_key[0] ^= tag;
    hash_siphash128(of_body, of_key, body.data, body.len);
    return load64(of_body);
}

enum err record_decode(uint8_t *tag, struct span *body, MDB_val key, MDB_val value)
{
    const uint8_t *bytes = value.mv_data;

    if (value.mv_size < STORE_HEAD_BYTES || value.mv_size > STORE_VALUE_BYTES_MAX ||
        bytes[0] > TAG_NAMED) {
        return ERR_CORRUPT;
    }
    *tag = bytes[0];
    *body = span_of(bytes + STORE_HEAD_BYTES, value.mv_size - STORE_HEAD_BYTES);
    if (load64(bytes + 1) != record_check(key, *tag, *body) ||
        (*tag == TAG_NAMED && body->len != 32)) {
        return ERR_CORRUPT;
    }
    return ERR_OK;
}

static void change_add(struct commit *k, struct named_blob *written, const uint8_t name[32])
{
    if (k->count == k->capacity) {
        k->capacity = k->capacity == 0 ? 64 : 2 * k->capacity;
        k->changes = realloc(k->changes, k->capacity * sizeof(k->changes[0]));
        invariant(k->changes != NULL);
    }
    struct blob_change *change = &k->changes[k->count++];
    change->written = written;
    memcpy(change->name, name, 32);
}

static void name_add(struct commit *k, const uint8_t name[32])
{
    if (k->zeros_count == k->zeros_capacity) {
        k->zeros_capacity = k->zeros_capacity == 0 ? 64 : 2 * k->zeros_capacity;
        k->zeros = realloc(k->zeros, k->zeros_capacity * sizeof(k->zeros[0]));
        invariant(k->zeros != NULL);
    }
    memcpy(k->zeros[k->zeros_count++], name, 32);
}

static int state_put(const struct commit *k, MDB_txn *txn, const uint8_t *name, uint32_t refs,
                     struct span node)
{
    MDB_val key = {32, (void *)(uintptr_t)name};
    MDB_val value = {STORE_REFS_BYTES + node.len, NULL};
    int rc = mdb_put(txn, k->store->state, &key, &value, MDB_RESERVE);

    if (rc == 0) {
        store32(value.mv_data, refs);
        memcpy((uint8_t *)value.mv_data + STORE_REFS_BYTES, node.data, node.len);
    }
    return rc;
}

/* The node of a name: a copy, for a put may move the page. Inner nodes are small; a leaf is at most
 * an account or a node record. */
struct state_copy {
    uint32_t refs;
    size_t len;
    uint8_t *bytes;
};

static int state_find(struct state_copy *copy, const struct commit *k, MDB_txn *txn,
                      const uint8_t name[32])
{
    MDB_val key = {32, (void *)(uintptr_t)name};
    MDB_val value;
    int rc = mdb_get(txn, k->store->state, &key, &value);

    if (rc != 0) {
        return rc;
    }
    if (value.mv_size <= STORE_REFS_BYTES || value.mv_size > STORE_VALUE_BYTES_MAX) {
        return MDB_CORRUPTED;
    }
    copy->refs = load32(value.mv_data);
    copy->len = value.mv_size - STORE_REFS_BYTES;
    copy->bytes = malloc(copy->len);
    if (copy->bytes == NULL) {
        return ENOMEM;
    }
    memcpy(copy->bytes, (const uint8_t *)value.mv_data + STORE_REFS_BYTES, copy->len);
    return 0;
}

/* One reference more to a node; one that is new brings what is below it. As deep as the tree. */
static int state_ref(struct commit *k, MDB_txn *txn, struct named_blob *named)
{
    struct state_copy copy;
    int rc = state_find(&copy, k, txn, named->name);

    if (rc == 0) {
        rc = state_put(k, txn, named->name, copy.refs + 1, span_of(copy.bytes, copy.len));
        free(copy.bytes);
        return rc;
    }
    if (rc != MDB_NOTFOUND) {
        return rc;
    }
    if (named->durable) {
        return MDB_CORRUPTED;
    }
    rc = state_put(k, txn, named->name, 1, span_of(named->entry.blob.data, named->entry.blob.len));
    change_add(k, named, named->name);
    for (unsigned side = 0; rc == 0 && side < 2; side++) {
        if (named->child[side] != NULL) {
            rc = state_ref(k, txn, named->child[side]);
        }
    }
    return rc;
}

/* One reference less. A node that nobody names stays until the end of the transaction, for a later
 * batch may name it again. */
static int state_unref(struct commit *k, MDB_txn *txn, const uint8_t name[32])
{
    struct state_copy copy;
    int rc = state_find(&copy, k, txn, name);

    if (rc != 0) {
        return rc == MDB_NOTFOUND ? MDB_CORRUPTED : rc;
    }
    if (copy.refs == 0) {
        rc = MDB_CORRUPTED;
    } else {
        rc = state_put(k, txn, name, copy.refs - 1, span_of(copy.bytes, copy.len));
    }
    if (rc == 0 && copy.refs == 1) {
        name_add(k, name);
    }
    free(copy.bytes);
    return rc;
}

/* Takes out what nobody names at the end; the list grows by what hung below. */
static int state_sweep(struct commit *k, MDB_txn *txn)
{
    int rc = 0;

    for (size_t i = 0; rc == 0 && i < k->zeros_count; i++) {
        uint8_t name[32];
        MDB_val key = {32, name};
        struct state_copy copy;
        const uint8_t *child[2];
        memcpy(name, k->zeros[i], 32);
        rc = state_find(&copy, k, txn, name);
        if (rc == MDB_NOTFOUND) {
            rc = 0; /* noted twice */
            continue;
        }
        if (rc != 0) {
            break;
        }
        if (copy.refs == 0) {
            rc = mdb_del(txn, k->store->state, &key, NULL);
            change_add(k, NULL, name);
            blobs_children(child, span_of(copy.bytes, copy.len));
            for (unsigned side = 0; rc == 0 && side < 2; side++) {
                rc = child[side] != NULL ? state_unref(k, txn, child[side]) : 0;
            }
        }
        free(copy.bytes);
    }
    return rc;
}

static int record_put(struct commit *k, MDB_txn *txn, MDB_val key, const struct blob *value)
{
    struct named_blob *named = blobs_named(value);
    uint8_t tag = named != NULL ? TAG_NAMED : TAG_PLAIN;
    struct span body = named != NULL ? span_of(named->name, 32) : span_of(value->data, value->len);
    MDB_val room = {STORE_HEAD_BYTES + body.len, NULL};
    int rc = mdb_put(txn, k->store->records, &key, &room, MDB_RESERVE);

    if (rc != 0) {
        return rc;
    }
    uint8_t *bytes = room.mv_data;
    bytes[0] = tag;
    store64(bytes + 1, record_check(key, tag, body));
    if (body.len > 0) {
        memcpy(bytes + STORE_HEAD_BYTES, body.data, body.len);
    }
    return named != NULL ? state_ref(k, txn, named) : 0;
}

static int op_run(struct commit *k, MDB_txn *txn, const struct record_op *op)
{
    MDB_val key = {op->key.len, (void *)(uintptr_t)op->key.data};
    MDB_val value;
    uint8_t old[32];
    uint8_t tag = TAG_PLAIN;
    struct span body;
    int rc = mdb_get(txn, k->store->records, &key, &value);

    if (rc == 0 && record_decode(&tag, &body, key, value) == ERR_OK && tag == TAG_NAMED) {
        memcpy(old, body.data, 32);
    }
    if (op->value != NULL) {
        rc = record_put(k, txn, key, op->value);
    } else if (rc == 0) {
        rc = mdb_del(txn, k->store->records, &key, NULL);
    } else if (rc == MDB_NOTFOUND) {
        rc = 0;
    }
    return rc == 0 && tag == TAG_NAMED ? state_unref(k, txn, old) : rc;
}

/* LMDB calls a write that was cut short an input or output error: a full disk does that. */
static bool space_ends(MDB_env *env)
{
    const off_t probe = (off_t)1 << 20;
    struct stat info;
    int file;

    if (mdb_env_get_fd(env, &file) != 0 || fstat(file, &info) != 0) {
        return false;
    }
    int rc = posix_fallocate(file, info.st_size, probe);
    (void)!ftruncate(file, info.st_size);
    return rc == ENOSPC || rc == EFBIG || rc == EDQUOT;
}

void commit_run(struct commit *k)
{
    MDB_txn *txn;

    store_enter();
    int rc = mdb_txn_begin(k->store->env, NULL, 0, &txn);

    k->count = 0;
    k->zeros_count = 0;
    if (rc == 0) {
        for (const struct batch *b = k->first; rc == 0 && b != NULL; b = b->next) {
            for (size_t i = 0; rc == 0 && i < b->count; i++) {
                rc = op_run(k, txn, &b->ops[i]);
            }
        }
        rc = rc != 0 ? rc : state_sweep(k, txn);
        if (rc == 0) {
            rc = mdb_txn_commit(txn); /* fsync is part of it */
        } else {
            mdb_txn_abort(txn);
        }
    }
    k->rc = rc == EIO && space_ends(k->store->env) ? ENOSPC : rc;
    store_leave();
}
