/* The transition function: state and block to state (docs/wire.md 4 and 6; spec: chain 1.6, 1.7).
 * Pure; memoised by execute_block itself (MEMO_EXECUTE), so a thousand nodes execute a block once.
 * Scratch is given back before each function returns. */
#ifndef ORRERY_CHAIN_EXECUTE_H
#define ORRERY_CHAIN_EXECUTE_H

#include "node/chain/account.h"
#include "node/chain/block.h"
#include "node/chain/genesis.h"
#include "node/chain/state.h"

struct ctx;

/* Executes a block on its parent's state. beta: of the block's header (under sirius2018 its gh and
 * 32 zeros). Checked here: shape, limits of the parameters, fee multiplier, tx_root, every
 * transaction with its signature; one that is invalid refuses the whole block. Not compared here:
 * header.state_root. root_blob gets one reference. Charges COST_* whether or not the memo knew the
 * result. ERR_NO_MEMORY: scratch is too small, ERR_UNKNOWN or ERR_CORRUPT: the parent's state is
 * not whole here; these three say nothing about the block. */
enum err execute_block(uint8_t root[32], const struct blob **root_blob, struct ctx *c,
                       const struct genesis *genesis, const uint8_t parent_root[32],
                       struct span block, const uint8_t beta[64]) MUST_CHECK;

/* For the producer: as execute_block on the chosen transactions, but one that is invalid, or for
 * which the block has no room, is left out (taken[i] = false) instead of failing the block.
 * header's height, signer and fee_multiplier must be set. */
enum err execute_draft(uint8_t root[32], const struct blob **root_blob, bool *taken, struct ctx *c,
                       const struct genesis *genesis, const uint8_t parent_root[32],
                       const struct header *header, const uint8_t beta[64], const struct span *txs,
                       size_t count) MUST_CHECK;

/* What is known of a transaction without a state. */
struct tx_facts {
    uint8_t id[32];
    uint8_t sender[32];
    uint16_t type;
    uint64_t nonce, fee_max, expiry;
    uint32_t bytes;
};
/* Decodes and checks signature, body and proofs (memoised). ERR_SIGNATURE, ERR_INVALID, or the
 * errors of codec.h and of the family. */
enum err tx_facts_get(struct tx_facts *facts, struct ctx *c, const struct genesis *genesis,
                      struct span tx) MUST_CHECK;

/* Whether the transaction could stand in a block at `height` on the state root, as the pool asks
 * (memoised): ERR_EXPIRED, ERR_FEE (fee_max below the least multiplier), ERR_BALANCE, ERR_STALE
 * (its nonce is used), and when its nonce is the next one every refusal of its family. A later
 * nonce is ERR_OK. */
enum err tx_admissible(struct ctx *c, const struct genesis *genesis, const uint8_t root[32],
                       uint64_t height, const struct tx_facts *facts, struct span tx) MUST_CHECK;

/* An evidence transaction that no block on this state will hold, whatever its nonce: the offence is
 * punished already, too old, or of somebody who has nothing left. height: of the next block. */
bool evidence_void(struct shared *shared, const struct params *params, const uint8_t root[32],
                   uint64_t height, struct span tx);

/* --- reads of a state that others need; all read leaves under root --- */

/* In force for the child. */
enum err state_params(struct params *params, struct shared *shared,
                      const uint8_t root[32]) MUST_CHECK;

/* All zero when the state has no such account. */
enum err state_account(struct account *account, struct shared *shared, const uint8_t root[32],
                       const uint8_t key[32]) MUST_CHECK;

/* Effective stake of an account for the child of a block at `height` whose state is root: minimum
 * over the look-back (decision 9), in whole tokens (exp) or atomic units (sirius2018); 0 when not
 * eligible (jailed, no VRF key, VRF key too young: spec chain 1.2). */
enum err stake_effective(uint64_t *stake, struct shared *shared, const uint8_t root[32],
                         const struct params *params, uint64_t height,
                         const uint8_t account[32]) MUST_CHECK;
/* The same, of an account that has been read. */
uint64_t stake_of(const struct account *account, const struct params *params, uint64_t height);

/* The committee of an epoch as written in the state; pointers into the leaf, valid while root is
 * alive. ERR_NOT_FOUND: not written yet, or removed. */
struct committee {
    uint64_t epoch, total;
    const uint8_t *beacon;  /* B_{e-2}, 32 bytes */
    const uint8_t *members; /* count x (key 32 | weight u64), ascending keys */
    uint32_t count;
};
/* From the bytes of such a leaf. */
enum err committee_decode(struct committee *committee, struct span leaf) MUST_CHECK;
enum err committee_get(struct committee *committee, struct shared *shared, const uint8_t root[32],
                       uint64_t epoch) MUST_CHECK;
const uint8_t *committee_key(const struct committee *committee, uint32_t voter);
uint64_t committee_weight(const struct committee *committee, uint32_t voter);
/* Index of a key, or UINT32_MAX. */
uint32_t committee_find(const struct committee *committee, const uint8_t key[32]);
/* The voter that proposes (instance, round); UINT32_MAX when nobody has a vote. */
uint32_t committee_proposer(const struct committee *committee, const struct params *params,
                            uint64_t instance, uint32_t round);
/* Three times the weight exceeds twice the total. */
bool committee_quorum(const struct committee *committee, uint64_t weight);

/* A registered node. */
struct node_facts {
    uint8_t owner[32], node_id[32], onion[32], vrf[32];
    uint8_t endpoint[18]; /* the first */
    uint32_t roles;
    uint8_t status; /* enum node_status of leaves.h */
};
enum err state_node(struct node_facts *facts, struct shared *shared, const uint8_t root[32],
                    const uint8_t node_id[32]) MUST_CHECK;

/* Walks the whole state: free, bonded, unbonding and burned together (equal to minted, always), and
 * what genesis minted. For checkers. */
enum err state_conservation(struct shared *shared, const uint8_t root[32], uint64_t *sum,
                            uint64_t *minted) MUST_CHECK;

#endif
