/* Parts of the store. Three tables in one LMDB environment, written by one transaction:
 *
 *   meta      "format" -> u32, "genesis" -> 32 bytes
 *   records   key -> tag u8 | check u64 | body      tag 0: the body is the value
 *                                                   tag 1: the body is the name of a state node
 *   state     name -> references u32 | node         references: records and nodes that name it
 *
 * A state node goes when its last reference does. The check covers key, tag and body; a state node
 * is checked by its name, which is its hash. */
#ifndef ORRERY_DAEMON_STORE_PRIVATE_H
#define ORRERY_DAEMON_STORE_PRIVATE_H

#include <lmdb.h>

#include "node/daemon/blobs.h"
#include "node/daemon/store.h"
#include "node/daemon/store_tools.h"

#define STORE_FORMAT 1u
#define STORE_HEAD_BYTES 9
#define STORE_REFS_BYTES 4
#define STORE_VALUE_BYTES_MAX ((size_t)16 << 20) /* more is said by a damaged page */
#define STORE_CACHE_BYTES ((size_t)4 << 20)
#define STORE_MEMO_ENTRIES 131072
#define STORE_MAP_BYTES_FIRST ((size_t)256 << 20)

enum record_tag { TAG_PLAIN, TAG_NAMED };

struct batch {
    struct batch *next;
    void (*done)(void *context, enum err err);
    void *context;
    size_t count;
    uint8_t *keys; /* of all operations, one after the other */
    struct record_op ops[];
};

/* Batches that become durable together. */
struct commit {
    uv_work_t work;
    struct store *store;
    struct batch *first;
    int rc;
    struct blob_change *changes;
    size_t count, capacity;
    uint8_t (*zeros)[32]; /* state nodes that nobody names, perhaps */
    size_t zeros_count, zeros_capacity;
};

struct store {
    MDB_env *env;
    MDB_dbi meta, records, state;
    MDB_txn *reader; /* as of the last commit that the loop knows */
    uv_loop_t *loop; /* NULL: store_flush commits */
    struct shared *shared;
    struct batch *first, **last; /* waiting */
    struct commit *running;
    enum err failed; /* nothing is written any more */
    int lock;
    uint64_t commits, batches;
};

/* Writes the batches of a commit in one transaction; on any thread. */
void commit_run(struct commit *commit);

/* --- store_guard.c --- */
/* From now on, damage that LMDB or the system meets in the map ends the process with a clear word
 * and code 2. */
void store_guard(MDB_env *env);
/* Around calls of LMDB, on any thread: a fault between the two is damage. */
void store_enter(void);
void store_leave(void);

enum err store_err(int rc);
uint64_t record_check(MDB_val key, uint8_t tag, struct span body);
/* ERR_CORRUPT. */
enum err record_decode(uint8_t *tag, struct span *body, MDB_val key, MDB_val value) MUST_CHECK;

#endif
