/* The rules a block must obey, in the order of their cost: shape, identity, header against its
 * parent (signature, VRF, time, base target), body against the header, execution. Pure functions of
 * the block and its ancestors, so verdicts are memoised by block id; time is checked by the caller.
 * spec: chain 1.2; decisions 7, 10, 11, 17 */
#ifndef ORRERY_CHAIN_ACCEPT_H
#define ORRERY_CHAIN_ACCEPT_H

#include "node/chain/tree.h"

/* The head of an encoded block, read but not judged. */
struct block_head {
    uint8_t id[32];
    struct header header;
    struct block_view view;
};

/* Shape and id of a whole block. ERR_INVALID. */
enum err accept_head(struct block_head *head, struct ctx *c, const struct blob *block) MUST_CHECK;

/* The transactions are those the header names, and within the limits of params. A body that fails
 * says nothing about the header: another body may fit. ERR_INVALID; ERR_FULL: no scratch. */
enum err accept_body(struct ctx *c, const struct params *params, const struct block_head *head,
                     const struct blob *block) MUST_CHECK;

/* The header against its parent, an entry of the tree. params: in force for the child. beta: of the
 * header; under sirius2018 the generation hash and zeros. ERR_INVALID, ERR_SIGNATURE; ERR_UNKNOWN:
 * the parent's state is gone.
 */
enum err accept_header(uint8_t beta[64], struct ctx *c, const struct genesis *genesis,
                       const struct params *params, const struct tree *tree, uint32_t parent,
                       const struct header *header, const uint8_t *bytes,
                       const uint8_t id[32]) MUST_CHECK;

/* Executes the block and compares the state root; state gets one reference. ERR_INVALID; ERR_FULL:
 * no scratch. */
enum err accept_execute(const struct blob **state, struct ctx *c, const struct genesis *genesis,
                        const struct tree_entry *parent, const struct block_head *head,
                        const struct blob *block, const uint8_t beta[64]) MUST_CHECK;

/* The generation signature that children of this block draw from. */
void accept_gs(uint8_t gs[32], const struct params *params, const uint8_t beta[64]);

/* The base target that a child of `parent` must carry (exp). Memoised by the parent's id. */
uint64_t accept_child_bt(struct shared *shared, const struct params *params,
                         const struct tree *tree, uint32_t parent);

#endif
