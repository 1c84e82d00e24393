/* Blobs of one real node (node/base/blob.h): what is in use stands in memory, the state tree of the
 * durable checkpoint in the database. A node of the state tree is *durable* when the database holds
 * it: then memory need not hold its children, and a copy that nobody refers to is a cache entry
 * that may go between two steps. One that is not durable refers to its children in memory. Used by
 * the loop's thread alone; a commit on another thread only reads nodes that it holds. */
#ifndef ORRERY_DAEMON_BLOBS_H
#define ORRERY_DAEMON_BLOBS_H

#include "node/base/blob.h"
#include "node/host/memo_table.h"

struct blob_entry {
    struct blob blob; /* first: the caller's pointer is ours */
    uint32_t refs;
    bool is_named;
};

struct named_blob {
    struct blob_entry entry;
    bool durable;
    struct named_blob *child[2];      /* each a reference; NULL: in the database, or none */
    struct named_blob *newer, *older; /* in the cache; of a dead one: the next dead */
    uint8_t name[32];
};

/* Reads a node of the state tree from the database: false when it is not there. */
struct blob_source {
    bool (*load)(void *context, const uint8_t name[32], struct span *bytes);
    void *context;
};

struct blobs_stats {
    uint64_t plain, named; /* somebody refers to them */
    uint64_t cached;       /* nobody does */
    uint64_t bytes;        /* of all three */
    uint64_t loads;        /* from the database, ever */
};

/* NULL: no memory. cache_bytes: what blobs_trim leaves of nodes that nobody refers to. */
struct shared *blobs_new(struct blob_source source, size_t cache_bytes, uint64_t memo_entries);
/* Every reference has been given back. */
void blobs_free(struct shared *shared);
/* Between two steps: the cache goes back to its bound. */
void blobs_trim(struct shared *shared);
void blobs_stats(const struct shared *shared, struct blobs_stats *stats);

/* The state node behind a blob, or NULL when it is a plain one. */
struct named_blob *blobs_named(const struct blob *blob);
/* Names of the children of the state node with these bytes; NULL where there is none. */
void blobs_children(const uint8_t *child[2], struct span bytes);

/* A commit changed what the database holds. written: the nodes it added, in order with deleted
 * ones (a name alone), a parent before what only it referred to. The source still answers as before
 * the commit. */
struct blob_change {
    struct named_blob *written; /* NULL: deleted */
    uint8_t name[32];
};
void blobs_changed(struct shared *shared, const struct blob_change *changes, size_t count);

struct memo_table *blobs_memo(struct shared *shared);
const uint8_t *blobs_key(const struct shared *shared); /* of SipHash, 16 bytes */

#endif
