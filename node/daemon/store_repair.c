/* What is good of a damaged database, as a new one. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "node/chain/state.h"
#include "node/daemon/store_private.h"

struct side {
    MDB_env *env;
    MDB_txn *txn;
    MDB_dbi meta, records, state;
};

struct repair {
    struct side from, to;
    uint64_t lost;
};

/* LMDB believes what stands in a page: one of garbage makes it read where nothing is. While the old
 * database is read that is caught here, and costs what was being read. */
static sigjmp_buf trap;

static void on_trap(int number)
{
    (void)number;
    siglongjmp(trap, 1);
}

static void on_lmdb_assert(MDB_env *env, const char *text)
{
    (void)env;
    (void)text;
    siglongjmp(trap, 1);
}

static void trap_set(struct repair *r)
{
    struct sigaction action = {.sa_handler = on_trap};

    (void)sigaction(SIGBUS, &action, NULL);
    (void)sigaction(SIGSEGV, &action, NULL);
    if (r->from.env != NULL) {
        (void)mdb_env_set_assert(r->from.env, on_lmdb_assert);
    }
}

static void trap_clear(void)
{
    (void)signal(SIGSEGV, SIG_DFL);
    store_guard(NULL);
}

static int side_open(struct side *side, const char *path, unsigned env_flags, unsigned txn_flags,
                     unsigned dbi_flags)
{
    int rc = mdb_env_create(&side->env);

    store_guard(side->env);
    rc = rc != 0 ? rc : mdb_env_set_maxdbs(side->env, 4);
    /* A sparse terabyte of addresses: nothing else maps much here. */
    rc = rc != 0 || env_flags != 0 ? rc : mdb_env_set_mapsize(side->env, (size_t)1 << 40);
    rc = rc != 0 ? rc : mdb_env_open(side->env, path, env_flags | MDB_NOTLS, 0600);
    rc = rc != 0 ? rc : mdb_txn_begin(side->env, NULL, txn_flags, &side->txn);
    rc = rc != 0 ? rc : mdb_dbi_open(side->txn, "meta", dbi_flags, &side->meta);
    rc = rc != 0 ? rc : mdb_dbi_open(side->txn, "records", dbi_flags, &side->records);
    return rc != 0 ? rc : mdb_dbi_open(side->txn, "state", dbi_flags, &side->state);
}

/* A transaction that met a bad page answers nothing more: each part of the copy reads in a new one.
 * The tables stay open once the first one was committed. */
static int reading_begin(struct repair *r)
{
    if (r->from.txn != NULL) {
        (void)mdb_txn_commit(r->from.txn);
        r->from.txn = NULL;
    }
    return mdb_txn_begin(r->from.env, NULL, MDB_RDONLY, &r->from.txn);
}

static void side_close(struct side *side)
{
    if (side->txn != NULL) {
        mdb_txn_abort(side->txn);
    }
    if (side->env != NULL) {
        mdb_env_close(side->env);
    }
}

static int record_copy(struct repair *r, MDB_val key, MDB_val value)
{
    struct span body;
    uint8_t tag;

    if (record_decode(&tag, &body, key, value) != ERR_OK) {
        r->lost++;
        return 0;
    }
    char kind = *(const char *)key.mv_data;
    /* State and checkpoint go together, below. */
    return tag == TAG_NAMED || kind == 'c' ? 0 : mdb_put(r->to.txn, r->to.records, &key, &value, 0);
}

/* Records of one kind from one end on. wrong: of the new database. Returns what ended it. */
static int kind_copy_from(struct repair *r, int *wrong, uint8_t kind, bool backwards)
{
    MDB_cursor *cursor;
    MDB_val value;
    uint8_t first = (uint8_t)(kind + backwards);
    MDB_val key = {1, &first};
    MDB_cursor_op next = backwards ? MDB_PREV : MDB_NEXT;

    if (sigsetjmp(trap, 1) != 0) {
        return MDB_CORRUPTED; /* the cursor is lost */
    }
    int rc = reading_begin(r);
    rc = rc != 0 ? rc : mdb_cursor_open(r->from.txn, r->from.records, &cursor);
    if (rc != 0) {
        return rc;
    }
    rc = mdb_cursor_get(cursor, &key, &value, MDB_SET_RANGE);
    if (backwards) {
        rc = mdb_cursor_get(cursor, &key, &value, rc == 0 ? MDB_PREV : MDB_LAST);
    }
    while (rc == 0 && *wrong == 0 && key.mv_size > 0 && *(const uint8_t *)key.mv_data == kind) {
        *wrong = record_copy(r, key, value);
        rc = mdb_cursor_get(cursor, &key, &value, next);
    }
    mdb_cursor_close(cursor);
    return rc;
}

/* From both ends: a page that cannot be read hides only what is behind it. */
static int kind_copy(struct repair *r, uint8_t kind)
{
    int wrong = 0;
    int rc = kind_copy_from(r, &wrong, kind, false);

    if (rc != 0 && rc != MDB_NOTFOUND && wrong == 0) {
        r->lost++;
        (void)kind_copy_from(r, &wrong, kind, true);
    }
    return wrong;
}

/* A state node with all below it; MDB_NOTFOUND: something is missing. */
static int state_copy(struct repair *r, const uint8_t name[32])
{
    MDB_val key = {32, (void *)(uintptr_t)name};
    MDB_val value;
    MDB_val room;
    struct state_node node;
    const uint8_t *child[2];
    uint8_t hash[32];

    if (mdb_get(r->to.txn, r->to.state, &key, &value) == 0) {
        uint32_t refs = load32(value.mv_data) + 1;
        uint8_t *copy = malloc(value.mv_size);
        if (copy == NULL) {
            return ENOMEM;
        }
        memcpy(copy, value.mv_data, value.mv_size);
        store32(copy, refs);
        int rc = mdb_put(r->to.txn, r->to.state, &key, &(MDB_val){value.mv_size, copy}, 0);
        free(copy);
        return rc;
    }
    if (mdb_get(r->from.txn, r->from.state, &key, &value) != 0 ||
        value.mv_size <= STORE_REFS_BYTES || value.mv_size > STORE_VALUE_BYTES_MAX) {
        return MDB_NOTFOUND;
    }
    struct span bytes = span_of((const uint8_t *)value.mv_data + STORE_REFS_BYTES,
                                value.mv_size - STORE_REFS_BYTES);
    if (state_node_decode(&node, bytes) != ERR_OK) {
        return MDB_NOTFOUND;
    }
    state_node_hash(hash, &node);
    if (memcmp(hash, name, 32) != 0) {
        return MDB_NOTFOUND;
    }
    room = (MDB_val){value.mv_size, NULL};
    int rc = mdb_put(r->to.txn, r->to.state, &key, &room, MDB_RESERVE);
    if (rc == 0) {
        memcpy(room.mv_data, value.mv_data, value.mv_size);
        store32(room.mv_data, 1);
    }
    blobs_children(child, bytes);
    for (unsigned side = 0; rc == 0 && side < 2; side++) {
        if (child[side] != NULL) {
            rc = state_copy(r, child[side]);
        }
    }
    return rc;
}

/* The newest checkpoint with its state: both or none. */
static int checkpoint_copy(struct repair *r)
{
    MDB_cursor *cursor;
    MDB_val key = {1, (void *)(uintptr_t) "n"};
    MDB_val value;
    struct span body;
    uint8_t tag;
    bool whole = false;

    if (sigsetjmp(trap, 1) != 0) {
        r->lost++;
        return mdb_drop(r->to.txn, r->to.state, 0);
    }
    int rc = reading_begin(r);
    rc = rc != 0 ? rc : mdb_cursor_open(r->from.txn, r->from.records, &cursor);

    if (rc == 0 && mdb_cursor_get(cursor, &key, &value, MDB_SET_RANGE) == 0 &&
        *(const uint8_t *)key.mv_data == 'n' && record_decode(&tag, &body, key, value) == ERR_OK &&
        tag == TAG_NAMED) {
        rc = state_copy(r, body.data);
        whole = rc == 0;
        rc = rc == MDB_NOTFOUND ? 0 : rc;
        rc = whole ? mdb_put(r->to.txn, r->to.records, &key, &value, 0) : rc;
    }
    if (whole && rc == 0) {
        key = (MDB_val){1, (void *)(uintptr_t) "c"};
        if (mdb_get(r->from.txn, r->from.records, &key, &value) == 0 &&
            record_decode(&tag, &body, key, value) == ERR_OK) {
            rc = mdb_put(r->to.txn, r->to.records, &key, &value, 0);
        }
    } else if (rc == 0) {
        r->lost++;
        rc = mdb_drop(r->to.txn, r->to.state, 0);
    }
    mdb_cursor_close(cursor);
    return rc;
}

static int meta_copy(struct repair *r)
{
    static const char *const names[2] = {"format", "genesis"};
    MDB_val value;
    int rc = 0;

    if (sigsetjmp(trap, 1) != 0) {
        return MDB_CORRUPTED;
    }
    for (size_t i = 0; rc == 0 && i < 2; i++) {
        MDB_val key = {strlen(names[i]), (void *)(uintptr_t)names[i]};
        rc = mdb_get(r->from.txn, r->from.meta, &key, &value);
        if (rc == 0 && i == 0 && (value.mv_size != 4 || load32(value.mv_data) != STORE_FORMAT)) {
            return MDB_VERSION_MISMATCH;
        }
        rc = rc != 0 ? rc : mdb_put(r->to.txn, r->to.meta, &key, &value, 0);
    }
    return rc;
}

/* Something was lost, and no word about signed headers was found: an `s` that says nothing makes
 * the node sign none for an epoch, as if it were damaged. */
static int signed_doubt(struct repair *r)
{
    uint8_t nothing[STORE_HEAD_BYTES] = {TAG_PLAIN};
    MDB_val key = {1, (void *)(uintptr_t) "s"};
    MDB_val value = {sizeof(nothing), nothing};

    store64(nothing + 1, record_check(key, TAG_PLAIN, span_of(NULL, 0)));
    int rc = mdb_put(r->to.txn, r->to.records, &key, &value, MDB_NOOVERWRITE);
    return rc == MDB_KEYEXIST ? 0 : rc;
}

static int all_copy(struct repair *r)
{
    static const char kinds[] = "slvfabp"; /* what guards from signing twice comes first */
    int rc = meta_copy(r);

    for (size_t i = 0; rc == 0 && i < sizeof(kinds) - 1; i++) {
        rc = kind_copy(r, (uint8_t)kinds[i]);
    }
    rc = rc != 0 ? rc : checkpoint_copy(r);
    rc = rc != 0 || r->lost == 0 ? rc : signed_doubt(r);
    if (rc == 0) {
        rc = mdb_txn_commit(r->to.txn);
        r->to.txn = NULL;
    }
    return rc;
}

/* A file that was cut short gets pages of zeros, which LMDB refuses instead of running into them;
 * so does every file behind its end, for what a damaged page says may lie there. */
static int file_pad(const char *file)
{
    int rc = 0;
    int handle = open(file, O_RDWR | O_CLOEXEC);
    struct stat info;
    uint8_t meta[2][160];

    if (handle < 0 || fstat(handle, &info) != 0) {
        rc = errno;
    } else {
        /* The newer meta page says which page is the last one: 16 bytes of head, then the meta. */
        uint64_t last = 0;
        for (size_t i = 0; i < 2; i++) {
            if (pread(handle, meta[i], sizeof(meta[i]), (off_t)(4096 * i)) ==
                (ssize_t)sizeof(meta[i])) {
                uint64_t page = load64(meta[i] + 16 + 24 + 2 * 48);
                last = page > last && page < (uint64_t)1 << 40 ? page : last;
            }
        }
        uint64_t end = (last + 1) * 4096 + 2 * STORE_VALUE_BYTES_MAX;
        if ((uint64_t)info.st_size < end && ftruncate(handle, (off_t)end) != 0) {
            rc = errno;
        }
    }
    if (handle >= 0) {
        close(handle);
    }
    return rc;
}

static int files_swap(const char *path, const char *fresh)
{
    char from[4300];
    char old[4300];
    char to[4300];

    snprintf(from, sizeof(from), "%s/data.mdb", fresh);
    snprintf(old, sizeof(old), "%s/data.mdb.damaged", path);
    snprintf(to, sizeof(to), "%s/data.mdb", path);
    /* At no time is there no database: a daemon would begin a new one and forget what it signed. */
    (void)unlink(old);
    if ((link(to, old) != 0 && rename(to, old) != 0) || rename(from, to) != 0) {
        return errno;
    }
    snprintf(from, sizeof(from), "%s/lock.mdb", fresh);
    (void)unlink(from);
    (void)rmdir(fresh);
    int folder = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (folder >= 0) {
        (void)fsync(folder);
        close(folder);
    }
    return 0;
}

enum err store_repair(struct store_figures *figures, const char *path,
                      char message[STORE_MESSAGE_BYTES])
{
    struct repair r = {.lost = 0};
    char fresh[4200];
    char file[4300];

    snprintf(file, sizeof(file), "%s/held", path);
    int lock = open(file, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (lock < 0 || flock(lock, LOCK_EX | LOCK_NB) != 0) {
        snprintf(message, STORE_MESSAGE_BYTES, "%s: %s", path,
                 lock < 0 ? strerror(errno) : "a running daemon uses this database; stop it first");
        if (lock >= 0) {
            close(lock);
        }
        return lock < 0 ? ERR_IO : ERR_BUSY;
    }
    snprintf(fresh, sizeof(fresh), "%s/repair", path);
    snprintf(file, sizeof(file), "%s/repair/data.mdb", path);
    (void)unlink(file); /* of a repair that was cut off */
    snprintf(file, sizeof(file), "%s/data.mdb", path);
    int rc = mkdir(fresh, 0700) != 0 && errno != EEXIST ? errno : file_pad(file);
    rc = rc != 0 ? rc : side_open(&r.from, path, MDB_RDONLY | MDB_NOLOCK, MDB_RDONLY, 0);
    rc = rc != 0 ? rc : side_open(&r.to, fresh, 0, 0, MDB_CREATE);
    trap_set(&r);
    rc = rc != 0 ? rc : all_copy(&r);
    trap_clear();
    side_close(&r.to);
    side_close(&r.from);
    rc = rc != 0 ? rc : files_swap(path, fresh);
    close(lock);
    if (rc != 0) {
        snprintf(message, STORE_MESSAGE_BYTES, "%s: not repaired: %s", path, mdb_strerror(rc));
        return store_err(rc);
    }
    return store_look(figures, path, true, message);
}
