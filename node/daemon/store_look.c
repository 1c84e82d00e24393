/* Looking at a database, and checking it. */
#include <signal.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "node/base/invariant.h"
#include "node/chain/durable.h"
#include "node/chain/state.h"
#include "node/daemon/store_private.h"

/* How often each state node is named, and how often it says it is. */
struct name_count {
    uint8_t name[32];
    uint32_t named, said; /* said 0: no such node was found */
    bool used;
};

struct look {
    MDB_env *env;
    MDB_txn *txn;
    MDB_dbi meta, records, state;
    struct store_figures *figures;
    struct name_count *counts; /* of a deep look */
    size_t mask, count;
};

static struct name_count *count_of(struct look *look, const uint8_t name[32]);

static void counts_grow(struct look *look)
{
    struct name_count *old = look->counts;
    size_t size = old == NULL ? 0 : look->mask + 1;

    look->mask = size == 0 ? 4095 : 2 * size - 1;
    look->count = 0;
    look->counts = calloc(look->mask + 1, sizeof(*look->counts));
    invariant(look->counts != NULL);
    for (size_t i = 0; i < size; i++) {
        if (old[i].used) {
            *count_of(look, old[i].name) = old[i];
        }
    }
    free(old);
}

static struct name_count *count_of(struct look *look, const uint8_t name[32])
{
    if (look->counts == NULL || 2 * look->count > look->mask) {
        counts_grow(look);
    }
    size_t i = load64(name) & look->mask;
    while (look->counts[i].used && memcmp(look->counts[i].name, name, 32) != 0) {
        i = (i + 1) & look->mask;
    }
    struct name_count *found = &look->counts[i];
    if (!found->used) {
        found->used = true;
        memcpy(found->name, name, 32);
        look->count++;
    }
    return found;
}

static void record_look(struct look *look, MDB_val key, MDB_val value)
{
    struct store_figures *f = look->figures;
    struct final_record final;
    struct signed_record last;
    struct span body;
    uint8_t tag;
    char kind = *(const char *)key.mv_data;

    f->records++;
    f->record_bytes += key.mv_size + value.mv_size;
    if (kind == 'b' && f->blocks++ == 0 && key.mv_size == RECORD_BLOCK_KEY_BYTES) {
        f->first_height = __builtin_bswap64(load64((const uint8_t *)key.mv_data + 1));
    }
    f->votes += kind == 'v';
    f->decisions += kind == 'f';
    f->peers += kind == 'p';
    if (record_decode(&tag, &body, key, value) != ERR_OK) {
        f->damaged_records++;
    } else if (tag == TAG_NAMED) {
        if (look->counts != NULL) {
            count_of(look, body.data)->named++;
        }
    } else if (kind == 'c' && final_record_decode(&final, body) == ERR_OK) {
        f->final_height = final.height;
    } else if (kind == 's' && signed_record_decode(&last, body) == ERR_OK) {
        f->signed_height = last.height;
    }
}

static void node_look(struct look *look, MDB_val key, MDB_val value)
{
    struct store_figures *f = look->figures;
    struct state_node node;
    const uint8_t *child[2];
    uint8_t hash[32];

    f->state_nodes++;
    f->state_bytes += key.mv_size + value.mv_size;
    if (look->counts == NULL) {
        return;
    }
    if (key.mv_size != 32 || value.mv_size <= STORE_REFS_BYTES ||
        value.mv_size > STORE_VALUE_BYTES_MAX) {
        f->damaged_nodes++;
        return;
    }
    struct span bytes = span_of((const uint8_t *)value.mv_data + STORE_REFS_BYTES,
                                value.mv_size - STORE_REFS_BYTES);
    if (state_node_decode(&node, bytes) != ERR_OK) {
        f->damaged_nodes++;
        return;
    }
    state_node_hash(hash, &node);
    if (memcmp(hash, key.mv_data, 32) != 0) {
        f->damaged_nodes++;
        return;
    }
    count_of(look, key.mv_data)->said = load32(value.mv_data);
    blobs_children(child, bytes);
    for (unsigned side = 0; side < 2; side++) {
        if (child[side] != NULL) {
            count_of(look, child[side])->named++;
        }
    }
}

static int table_look(struct look *look, MDB_dbi table,
                      void (*each)(struct look *look, MDB_val key, MDB_val value))
{
    MDB_cursor *cursor;
    MDB_val key;
    MDB_val value;
    int rc = mdb_cursor_open(look->txn, table, &cursor);

    if (rc != 0) {
        return rc;
    }
    while ((rc = mdb_cursor_get(cursor, &key, &value, MDB_NEXT)) == 0) {
        each(look, key, value);
    }
    mdb_cursor_close(cursor);
    return rc == MDB_NOTFOUND ? 0 : rc;
}

static void counts_judge(struct look *look)
{
    for (size_t i = 0; look->counts != NULL && i <= look->mask; i++) {
        const struct name_count *c = &look->counts[i];
        if (c->used && c->said == 0) {
            look->figures->missing_nodes++;
        } else if (c->used && c->said != c->named) {
            look->figures->wrong_references++;
        }
    }
}

static int pages_look(struct look *look, const char *path)
{
    struct store_figures *f = look->figures;
    char file[4200];
    struct stat info;
    MDB_envinfo env;
    MDB_stat stat_of;
    MDB_dbi tables[3] = {look->meta, look->records, look->state};
    int rc = mdb_env_info(look->env, &env);

    snprintf(file, sizeof(file), "%s/data.mdb", path);
    f->file_bytes = stat(file, &info) == 0 ? (uint64_t)info.st_size : 0;
    f->map_bytes = env.me_mapsize;
    for (size_t i = 0; rc == 0 && i < 3; i++) {
        rc = mdb_stat(look->txn, tables[i], &stat_of);
        f->used_bytes +=
            (stat_of.ms_branch_pages + stat_of.ms_leaf_pages + stat_of.ms_overflow_pages) *
            stat_of.ms_psize;
    }
    return rc;
}

static int look_run(struct look *look, const char *path, bool deep)
{
    struct store_figures *f = look->figures;
    MDB_val key = {6, (void *)(uintptr_t) "format"};
    MDB_val value;

    int rc = mdb_txn_begin(look->env, NULL, MDB_RDONLY, &look->txn);
    rc = rc != 0 ? rc : mdb_dbi_open(look->txn, "meta", 0, &look->meta);
    rc = rc != 0 ? rc : mdb_dbi_open(look->txn, "records", 0, &look->records);
    rc = rc != 0 ? rc : mdb_dbi_open(look->txn, "state", 0, &look->state);
    rc = rc != 0 ? rc : mdb_get(look->txn, look->meta, &key, &value);
    if (rc != 0) {
        return rc;
    }
    f->format = value.mv_size == 4 ? load32(value.mv_data) : 0;
    key = (MDB_val){7, (void *)(uintptr_t) "genesis"};
    if (mdb_get(look->txn, look->meta, &key, &value) == 0 && value.mv_size == 32) {
        memcpy(f->genesis, value.mv_data, 32);
    }
    if (f->format != STORE_FORMAT) {
        return MDB_VERSION_MISMATCH;
    }
    if (deep) {
        counts_grow(look);
    }
    rc = pages_look(look, path);
    rc = rc != 0 ? rc : table_look(look, look->records, record_look);
    rc = rc != 0 ? rc : table_look(look, look->state, node_look);
    counts_judge(look);
    return rc;
}

/* Tools alone look: what leads LMDB astray is damage. */
static void on_fault(int number)
{
    static const char text[] = "orrery: damaged, and LMDB runs into it: orreryctl db repair\n";

    (void)number;
    (void)!write(STDERR_FILENO, text, sizeof(text) - 1);
    _exit(2);
}

enum err store_look(struct store_figures *figures, const char *path, bool deep,
                    char message[STORE_MESSAGE_BYTES])
{
    struct look look = {.figures = figures};
    int rc = mdb_env_create(&look.env);

    *figures = (struct store_figures){.records = 0};
    store_guard(look.env);
    (void)signal(SIGSEGV, on_fault);
    rc = rc != 0 ? rc : mdb_env_set_maxdbs(look.env, 4);
    rc = rc != 0 ? rc : mdb_env_open(look.env, path, MDB_RDONLY | MDB_NOTLS | MDB_NORDAHEAD, 0600);
    rc = rc != 0 ? rc : look_run(&look, path, deep);
    if (look.txn != NULL) {
        mdb_txn_abort(look.txn);
    }
    mdb_env_close(look.env);
    free(look.counts);
    if (rc == 0) {
        return ERR_OK;
    }
    snprintf(message, STORE_MESSAGE_BYTES, "%s: %s", path, mdb_strerror(rc));
    return store_err(rc);
}
