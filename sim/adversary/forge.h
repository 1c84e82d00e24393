/* Blocks that the node's own code would not make: any parent, a second one for a height. Made by
 * the protocol's functions with the node's own keys, so they obey every rule but those of conduct.
 */
#ifndef ORRERY_SIM_ADVERSARY_FORGE_H
#define ORRERY_SIM_ADVERSARY_FORGE_H

#include "node/crypto/vrf.h"
#include "sim/adversary/kind.h"

/* What a child needs of its parent. */
struct forge_parent {
    uint8_t id[32], gs[32], state_root[32];
    uint64_t height, ts_ms;
};

/* The draw of this account for a child. */
struct forge_draw {
    uint8_t beta[64];
    uint64_t ts_ms, bt, delay_ms;
};

struct forged {
    uint8_t id[32], gs[32], state_root[32];
    const struct blob *block, *state; /* one reference each */
};

void forge_parent_of(struct forge_parent *parent, const struct tree_entry *entry);

/* When this account may sign a child of the parent. params: in force for the child; bt: of the
 * child (unused under sirius2018, which computes it from the ancestors). ERR_NOT_FOUND: never. */
MUST_CHECK enum err forge_draw_child(struct forge_draw *draw, struct act *a,
                                     const struct params *params, const struct forge_parent *parent,
                                     uint64_t bt, const struct ancestor *newest_first,
                                     size_t count);

/* Signs the child. txs that do not execute are left out. */
MUST_CHECK enum err forge_child(struct forged *forged, struct act *a, const struct params *params,
                                const struct forge_parent *parent, const struct forge_draw *draw,
                                uint64_t fee_multiplier, struct span *txs, size_t count);

/* A second block of the same signer, parent and time as an own block, different in what it asks for
 * a byte. ERR_UNKNOWN: its parent is not in the node's tree. */
MUST_CHECK enum err forge_second(struct forged *forged, struct act *a, const struct blob *block);

/* An account of a colluder, whose keys the line's owner has. */
struct forge_account {
    uint8_t account_seed[32];
    struct vrf_secret vrf;
    uint64_t stake; /* effective on the root, whole tokens */
};

/* Those of the line that may sign on this block, to be freed; *stake: their sum. */
struct forge_account *forge_accounts(struct act *a, uint32_t *count, uint64_t *stake,
                                     const struct params *params,
                                     const struct forge_parent *parent);
/* As forge_draw_child, for an account and a parent that need not exist yet; mode exp. */
MUST_CHECK enum err forge_draw_for(struct forge_draw *draw, struct act *a,
                                   const struct params *params, const uint8_t gs[32],
                                   uint64_t height, uint64_t ts_ms, uint64_t bt,
                                   const struct forge_account *account);
/* A child by an account, with these transactions; those that do not execute are left out. */
MUST_CHECK enum err forge_child_by(struct forged *forged, struct act *a,
                                   const struct params *params, const struct forge_parent *parent,
                                   const struct forge_draw *draw,
                                   const struct forge_account *account, struct span *txs,
                                   size_t count);
/* The base target of a child of an entry of the node's tree (exp). */
uint64_t forge_child_bt(const struct act *a, const struct params *params, uint32_t entry);

/* The own seat in the committee of an instance; UINT32_MAX: none. */
uint32_t forge_seat(const struct act *a, uint64_t instance);
/* A block of the node's tree at the height of the instance that is not this one; the one of the
 * best chain before others. False: there is none. */
bool forge_other_value(uint8_t out[32], const struct act *a, uint64_t instance,
                       const uint8_t value[32]);

void forged_drop(struct forged *forged, struct shared *shared);

/* A BLOCK_COMPACT of a block, one reference; NULL: no room. */
const struct blob *forge_compact(struct act *a, const uint8_t id[32], const struct blob *block);
/* Answers a peer that asks for this block or its transactions (BLOCK_GRAFT, BLOCK_TXS_GET,
 * BLOCKS_GET of it); false: the frame asks for something else. */
bool forge_serve(struct act *a, uint32_t link, const struct blob *frame, const uint8_t id[32],
                 const struct blob *block);

#endif
