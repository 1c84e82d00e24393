/* Immutable bytes shared by every node on a host, reference counted. The store belongs to the host
 * and is linked in (memory in the simulator, LMDB in the daemon); these functions may be called
 * from any thread that runs node_step.
 *
 * Two families, one counter each:
 * - plain blobs are interned by content: equal bytes are one blob (a broadcast block is one blob
 * with ten thousand references);
 * - named blobs are nodes of the state tree: the name is the node's hash, children are named blobs,
 * a reference to a parent keeps its children alive. A blob lives while somebody holds a reference.
 * At a clean stop both counts are zero. */
#ifndef ORRERY_BASE_BLOB_H
#define ORRERY_BASE_BLOB_H

#include "node/base/bytes.h"
#include "node/base/err.h"

struct shared; /* the host's: blobs and memo */

struct blob {
    uint64_t id[2]; /* SipHash-2-4-128 of the bytes under the store's key (plain), or the first 16
                       bytes of the name */
    const uint8_t *data;
    uint32_t len;
};

/* The plain blob with these bytes, with one reference added for the caller. Never NULL: the host
 * stops when memory ends. */
const struct blob *blob_put(struct shared *shared, const uint8_t *data, size_t len);

/* Adds a reference / gives one back. blob_drop accepts NULL. Both serve plain and named blobs. */
const struct blob *blob_keep(struct shared *shared, const struct blob *blob);
void blob_drop(struct shared *shared, const struct blob *blob);

/* Stores the named blob with up to two children (children must be present; NULL = none) and returns
 * it with one reference. A name that is present already keeps its first bytes. */
const struct blob *blob_name_put(struct shared *shared, const uint8_t name[32], const uint8_t *data,
                                 size_t len, const uint8_t *left, const uint8_t *right);

/* The named blob, or NULL when the host does not hold it. Adds no reference: valid while the caller
 * holds an ancestor. */
const struct blob *blob_name_get(struct shared *shared, const uint8_t name[32]);

/* As above with one reference added, or NULL. Atomic with respect to the last reference going away.
 */
const struct blob *blob_name_keep(struct shared *shared, const uint8_t name[32]);

/* The child that a named blob was put with (side 0: left, 1: right), whose name is `name`. Same
 * answer as blob_name_get(name), quicker where the host keeps the links of the tree. */
const struct blob *blob_name_child(struct shared *shared, const struct blob *parent, unsigned side,
                                   const uint8_t name[32]);

#endif
