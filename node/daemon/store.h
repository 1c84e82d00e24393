/* The durable half of a host: records in LMDB with atomic batches, and the blobs and memo that
 * node/base/blob.h and memo.h ask of a host. spec: design 2, 5
 *
 * Commits run on libuv's pool, one after another in the order of store_write; their ends come back
 * to the loop. A batch that has ended with ERR_OK survives a power loss. Everything here is called
 * on the loop's thread. */
#ifndef ORRERY_DAEMON_STORE_H
#define ORRERY_DAEMON_STORE_H

#include <uv.h>

#include "node/seam/seam.h"

struct store;

#define STORE_MESSAGE_BYTES 512

/* Opens or makes the database in folder path. ERR_BUSY: another process has it; ERR_VERSION: of
 * another format; ERR_NETWORK: of another genesis; ERR_NO_SPACE, ERR_IO, ERR_CORRUPT. message says
 * why in a sentence. */
enum err store_open(struct store **store, uv_loop_t *loop, const char *path,
                    const uint8_t genesis_hash[32], char message[STORE_MESSAGE_BYTES]) MUST_CHECK;
/* After the last batch has ended. Accepts NULL. */
void store_close(struct store *store);

/* Blobs and memo of this process: what node_init wants. */
struct shared *store_shared(struct store *store);

/* Queues a batch. Takes over the reference of each value at once; copies keys. done is called once,
 * later, on the loop: ERR_OK when the batch is durable, else nothing of it is (ERR_NO_SPACE,
 * ERR_IO, ERR_CORRUPT). */
void store_write(struct store *store, const struct record_op *ops, size_t count,
                 void (*done)(void *context, enum err err), void *context);

/* Up to limit records whose keys begin with prefix, ascending from key `from` (inclusive; empty:
 * from the start of the prefix), or backwards: descending from `from` (empty: from the prefix's
 * end). Sees durable batches alone. records has room for limit; give them back with
 * store_read_release. more: the limit cut it short. */
enum err store_read(struct store *store, struct record *records, size_t *count, bool *more,
                    struct span prefix, struct span from, uint32_t limit,
                    bool backwards) MUST_CHECK;
void store_read_release(struct store *store, struct record *records, size_t count);

#endif
