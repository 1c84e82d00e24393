/* The state: one compact sparse Merkle tree of persistent named blobs (docs/wire.md 6). Trees that agree share all they agree on.
 * Reading needs a root that is alive (somebody holds a reference on its blob). */
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
    STATE_COMMITTEE = 13
};

void state_key(uint8_t key[32], enum state_kind kind, struct span id);

/* The value of a leaf, valid while root is alive. ERR_NOT_FOUND; ERR_UNKNOWN when a blob of the path is missing here. */
enum err state_get(struct span *value, struct shared *shared, const uint8_t root[32], const uint8_t key[32]) MUST_CHECK;

/* Changes on top of a root. Reads see the changes. All memory is scratch; nothing is stored before commit. Journal marks undo a
 * failed transaction. */
struct state_edit;
struct state_edit *state_edit_begin(struct shared *shared, const uint8_t root[32], struct arena *scratch);
enum err state_edit_get(struct span *value, struct state_edit *edit, const uint8_t key[32]) MUST_CHECK;
/* An empty value deletes. The value is copied. ERR_FULL when scratch ends. */
enum err state_edit_put(struct state_edit *edit, const uint8_t key[32], struct span value) MUST_CHECK;
size_t state_edit_mark(const struct state_edit *edit);
void state_edit_undo(struct state_edit *edit, size_t mark);
/* Writes the new nodes and returns the root blob with one reference (NULL root: the empty tree, root = zeros). */
enum err state_edit_commit(uint8_t root[32], const struct blob **blob, struct state_edit *edit) MUST_CHECK;

/* Proofs of presence and absence: siblings from the root down and the leaf found at the end (if another key's leaf stands there, or
 * nothing, the key is absent). */
#define STATE_PROOF_DEPTH_MAX 256
enum err state_prove(uint8_t *out, size_t capacity, size_t *len, struct shared *shared, const uint8_t root[32], const uint8_t key[32]) MUST_CHECK;
/* value NULL-data span: absence is claimed. ERR_SIGNATURE when the proof does not prove it. */
enum err state_verify(const uint8_t root[32], const uint8_t key[32], struct span value, struct span proof) MUST_CHECK;

#endif
