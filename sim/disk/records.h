/* The records of one virtual node: an ordered map from short keys to values, with batches that
 * become durable as a whole, later than they are written. What a crash leaves is exactly the
 * batches that were committed. spec: design 2
 *
 * A value is an opaque reference (the simulator: a blob). The map takes over the references of a
 * batch it is given, and hands back by `release` each one it drops: overwritten, deleted, lost in a
 * crash. Memory: 24 bytes and the key for each record, nothing for an empty map. */
#ifndef ORRERY_SIM_DISK_RECORDS_H
#define ORRERY_SIM_DISK_RECORDS_H

#include "node/base/bytes.h"
#include "node/base/err.h"

enum { RECORDS_KEY_BYTES_MAX = 64 };

/* Gives a reference back. */
struct records_host {
    void (*release)(void *context, const void *value);
    void *context;
};

struct records_op {
    struct span key;   /* 1 to RECORDS_KEY_BYTES_MAX bytes */
    const void *value; /* NULL deletes */
    uint32_t value_bytes;
};

/* What a fault has done to a stored value. The map cannot flip bits in a reference: who reads a
 * record serves a damaged copy (SILENT) or an error (DETECTED) instead. A write repairs. */
enum record_damage { RECORD_SOUND, RECORD_DAMAGED_DETECTED, RECORD_DAMAGED_SILENT };

/* Borrowed: valid until the map is next changed. */
struct record_view {
    struct span key;
    const void *value;
    uint32_t value_bytes;
    uint32_t damage_at; /* a bit of the value, below 8 * value_bytes */
    enum record_damage damage;
};

struct records_entry;
struct records_batch;

/* Zeroed: empty. */
struct records {
    struct records_entry *entry; /* ascending keys */
    uint8_t *keys;               /* bytes of the keys */
    struct records_batch *first; /* not yet durable, oldest first */
    struct records_batch *last;
    uint64_t bytes;
    uint32_t count;
    uint32_t room;
    uint32_t keys_used;
    uint32_t keys_dead;
    uint32_t keys_room;
    uint32_t pending_ops;
    uint32_t pending_key_bytes;
};

/* Queues a batch; it is not visible and not durable before records_commit. `request` comes back
 * from there. Within a batch a later operation on a key wins. ERR_RANGE (a key's length) and
 * ERR_NO_MEMORY leave everything, references included, with the caller. */
MUST_CHECK enum err records_push(struct records *records, const struct records_op *ops,
                                 size_t count, uint32_t request);

/* Makes the oldest batch durable: at its time of completion. Returns its request. There must be
 * one. */
uint32_t records_commit(struct records *records, const struct records_host *host);

/* Drops what is not durable. `torn`: the batch that was being written (the oldest) leaves its first
 * operations behind, as many as `draw` says, from none to all. True: some but not all. */
bool records_crash(struct records *records, const struct records_host *host, bool torn,
                   uint64_t draw);

/* Empties the map and gives its memory back. */
void records_wipe(struct records *records, const struct records_host *host);

/* Damages one stored value, chosen by draw. ERR_NOT_FOUND when there is none with any bytes. */
MUST_CHECK enum err records_corrupt(struct records *records, uint64_t draw, bool silent);

MUST_CHECK enum err records_get(const struct records *records, struct record_view *view,
                                struct span key);

/* Up to `limit` records whose keys begin with prefix, in ascending order, from key `from`
 * (inclusive; empty: from the start of the prefix); backwards: in descending order, from `from`
 * down (empty: from the end of the prefix). Returns how many were written to views; *more says that
 * the limit cut it short. */
size_t records_scan(const struct records *records, struct record_view *views, bool *more,
                    struct span prefix, struct span from, size_t limit, bool backwards);

/* Bytes of keys and values that are durable, and batches that are not. */
static inline uint64_t records_bytes(const struct records *records)
{
    return records->bytes;
}

static inline bool records_pending(const struct records *records)
{
    return records->first != NULL;
}

/* Bytes of keys and values of a batch: what its write moves. */
uint64_t records_batch_bytes(const struct records_op *ops, size_t count);

#endif
