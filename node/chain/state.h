/* The state: one compact sparse Merkle tree of persistent named blobs (docs/wire.md 6). Trees that
 * agree share all they agree on. Reading needs a root that is alive (somebody holds a reference on
 * its blob). An empty tree has the root of 32 zero bytes and no blob. */
#ifndef ORRERY_CHAIN_STATE_H
#define ORRERY_CHAIN_STATE_H

#include "node/base/arena.h"
#include "node/base/blob.h"

enum state_kind {
    STATE_ACCOUNT = 1,
    STATE_NODE = 2,
    STATE_OFFER = 3,
    STATE_CONTRACT = 4,
    STATE_REPUTATION = 5,
    STATE_JOB = 6,
    STATE_TERM = 7,
    STATE_EVIDENCE = 8,
    STATE_BEACON = 9,
    STATE_PARAMS = 10,
    STATE_VALIDATORS = 11,
    STATE_TOTALS = 12,
    STATE_COMMITTEE = 13,
    STATE_ATTENDANCE = 14
};

/* A leaf's place: H(kind || id). Its value begins with the same kind and id, so that a tree can be
 * read without knowing its keys. */
void state_key(uint8_t key[32], enum state_kind kind, struct span id);

/* --- reading --- */

/* The value of a leaf, valid while root is alive; untouched on errors. ERR_NOT_FOUND; ERR_UNKNOWN
 * when a blob of the path is missing here; ERR_CORRUPT when one is no node. */
enum err state_get(struct span *value, struct shared *shared, const uint8_t root[32],
                   const uint8_t key[32]) MUST_CHECK;

/* All leaves in the order of their keys. */
#define STATE_DEPTH_MAX 256
struct state_walk {
    struct shared *shared;
    const uint8_t *left[STATE_DEPTH_MAX + 1]; /* hashes of subtrees still to visit, next one last */
    unsigned count;
};
void state_walk_begin(struct state_walk *walk, struct shared *shared, const uint8_t root[32]);
/* ERR_NOT_FOUND at the end; else as state_get. */
enum err state_walk_next(struct state_walk *walk, struct span *value) MUST_CHECK;

/* --- changing --- */

/* Changes on top of a root. Reads see the changes. All memory is scratch; nothing is stored before
 * commit. Journal marks undo a failed transaction. */
struct state_edit;
/* NULL when scratch ends. root is copied. */
struct state_edit *state_edit_begin(struct shared *shared, const uint8_t root[32],
                                    struct arena *scratch);
/* As state_get; valid until the commit. ERR_FULL when scratch ends. */
enum err state_edit_get(struct span *value, struct state_edit *edit,
                        const uint8_t key[32]) MUST_CHECK;
/* An empty value deletes. The value is copied. ERR_FULL when scratch ends; else as state_get. */
enum err state_edit_put(struct state_edit *edit, const uint8_t key[32],
                        struct span value) MUST_CHECK;
size_t state_edit_mark(const struct state_edit *edit);
void state_edit_undo(struct state_edit *edit, size_t mark);
/* Leaves read and changed so far, for ctx_charge. */
uint64_t state_edit_reads(const struct state_edit *edit);
uint64_t state_edit_writes(const struct state_edit *edit);
/* Writes the new nodes and returns the root blob with one reference (NULL: the empty tree, root =
 * zeros). The edit ends. ERR_FULL; ERR_UNKNOWN; ERR_CORRUPT. */
enum err state_edit_commit(uint8_t root[32], const struct blob **blob,
                           struct state_edit *edit) MUST_CHECK;

/* --- nodes as they travel and as they are stored (docs/wire.md 9) --- */

struct state_node {
    const uint8_t *key; /* of a leaf; NULL: an inner node */
    struct span value;
    const uint8_t *left, *right; /* of an inner node: hashes; NULL for an empty side */
};
/* ERR_CORRUPT when the bytes are no node. Points into bytes. */
enum err state_node_decode(struct state_node *node, struct span bytes) MUST_CHECK;
void state_node_hash(uint8_t hash[32], const struct state_node *node);

/* --- proofs --- */

/* A proof of presence or absence of key: the siblings from the root down and what stands at the end
 * of the path. ERR_FULL when out is too small; else as state_get. */
#define STATE_PROOF_BYTES_MAX (2 + 32 * STATE_DEPTH_MAX + 1 + 64)
enum err state_prove(uint8_t *out, size_t capacity, size_t *len, struct shared *shared,
                     const uint8_t root[32], const uint8_t key[32]) MUST_CHECK;
/* value with data NULL: absence is claimed. ERR_SIGNATURE when the proof does not prove it; else
 * the errors of codec.h. */
enum err state_verify(const uint8_t root[32], const uint8_t key[32], struct span value,
                      struct span proof) MUST_CHECK;

#endif
