/* One block being executed: what the families of transactions see of it. Private to execute*.c,
 * epoch.c and tx_*.c. */
#ifndef ORRERY_CHAIN_EXECUTION_H
#define ORRERY_CHAIN_EXECUTION_H

#include "node/chain/account.h"
#include "node/chain/attendance.h"
#include "node/chain/leaves.h"
#include "node/chain/tx.h"

/* An account that entered or left the list of validators in this block. */
struct validator_change {
    uint8_t key[32];
    bool in;
};

struct execution {
    struct shared *shared;
    struct arena *scratch;
    const struct genesis *genesis;
    const uint8_t *parent_root;
    struct state_edit *edit;
    struct params params; /* in force for this block */
    uint64_t height, epoch;
    uint8_t signer[32];
    uint32_t fee_multiplier;
    uint32_t verify;          /* signatures checked against the state (attendance) */
    uint64_t fees;            /* charged so far, paid to the signer at the end */
    uint64_t validator_count; /* after the changes; EXECUTION_UNCOUNTED before the first */
    struct validator_change *changes;
    size_t change_count, change_capacity;
};

#define EXECUTION_UNCOUNTED UINT64_MAX

/* An account that is not in the state is all zero. */
enum err execution_account_get(struct account *account, struct execution *x,
                               const uint8_t key[32]) MUST_CHECK;
/* Stores it, with the snapshot of its stake and its place among the validators. ERR_FULL. */
enum err execution_account_put(struct execution *x, const uint8_t key[32],
                               struct account *account) MUST_CHECK;

/* What the last transactions of the block are followed by: fees, validators, beacon, committee,
 * parameters. */
enum err execution_block_end(struct execution *x, const uint8_t beta[64]) MUST_CHECK;

/* Members of a committee that were missing too often: they get no seat. */
struct absence {
    struct committee committee;
    uint8_t absent[ATTENDANCE_MAP_BYTES]; /* by voter of that committee */
};

/* Writes the committee of an epoch from the validators of edit; absence NULL: nobody is left out.
 * (epoch.c; genesis uses it too) */
enum err committee_write(struct state_edit *edit, struct arena *scratch,
                         const struct params *params, uint64_t epoch, const uint8_t beacon[32],
                         const struct absence *absence) MUST_CHECK;

enum err execution_family_apply(struct execution *x, const struct tx *tx,
                                struct account *sender) MUST_CHECK;

#define FAMILY(type, name, text)                                                                   \
    enum err tx_##name##_check(const struct tx *tx, struct tx_check *check) MUST_CHECK;            \
    enum err tx_##name##_apply(struct execution *x, const struct tx *tx, struct account *sender)   \
        MUST_CHECK;
#include "node/chain/families.def"
#undef FAMILY

#endif
