/* What the chain writes down (docs/wire.md 8): keys and values of its records. */
#ifndef ORRERY_CHAIN_DURABLE_H
#define ORRERY_CHAIN_DURABLE_H

#include "node/chain/tree.h"

#define RECORD_BLOCK_KEY_BYTES 41   /* 'b' | height u64 big endian | id */
#define RECORD_DECISION_KEY_BYTES 9 /* 'f' | instance u64 big endian */
/* Both end with the first 8 bytes of H(what stands before): a disk may lie. */
#define RECORD_FINAL_BYTES (8 + 8 + 32 + 32 + 32 + 16 + 8)
#define RECORD_SIGNED_BYTES (8 + 32 + 8 + 8)
#define RECORD_SIGNED_BYTES_FIRST (8 + 32 + 8) /* of before, without `below` */
#define SIGNED_WINDOW 64

/* `c`: the newest checkpoint with what its children need of it. */
struct final_record {
    uint64_t instance, height;
    uint8_t id[32], state_root[32], gs[32];
    u128 score;
};

/* `s`: the heights of headers signed here, and the last such header. Two of one height convict; a
 * rule that wants greater heights alone would stop a small network for ever when a shorter branch
 * becomes final and everybody has signed above it. */
struct signed_record {
    uint64_t height; /* the greatest */
    uint64_t below;  /* bit i: height - i was signed too, or that is not known; i < SIGNED_WINDOW */
    uint8_t id[32];
};

/* Whether no header of this height was signed. */
bool signed_record_allows(const struct signed_record *record, uint64_t height);
/* A header of this height, which is allowed, is being signed. */
void signed_record_note(struct signed_record *record, uint64_t height);

void durable_block_key(uint8_t key[RECORD_BLOCK_KEY_BYTES], uint64_t height, const uint8_t id[32]);
void durable_decision_key(uint8_t key[RECORD_DECISION_KEY_BYTES], uint64_t instance);

void final_record_encode(uint8_t out[RECORD_FINAL_BYTES], const struct final_record *record);
/* ERR_CORRUPT. */
enum err final_record_decode(struct final_record *record, struct span bytes) MUST_CHECK;
void signed_record_encode(uint8_t out[RECORD_SIGNED_BYTES], const struct signed_record *record);
enum err signed_record_decode(struct signed_record *record, struct span bytes) MUST_CHECK;

/* `a`: what the retarget needs of the ancestors of a checkpoint whose blocks may not be here:
 * height u64 of the checkpoint, then (ts u64, bt u64) of its ancestors, oldest first, and a check.
 * Notes in the tree those ancestors at or above height `from`; adopted gets the height of the
 * checkpoint. ERR_CORRUPT. ERR_STALE: of a checkpoint above `to`, left by a chain that was longer
 * before it was damaged. */
enum err durable_adopted_read(struct tree *tree, uint64_t *adopted, struct span bytes,
                              uint64_t from, uint64_t to) MUST_CHECK;

/* An accepted block: nobody waits for it. */
void durable_block_write(struct ctx *c, const struct tree_entry *entry);
/* One that is not in the tree is not wanted any more. */
void durable_block_delete(struct ctx *c, uint64_t height, const uint8_t id[32]);

/* A signed block, with `s`, which names it: the request whose answer allows it to leave. */
uint32_t durable_signed_write(struct ctx *c, const struct signed_record *record, uint64_t height,
                              const struct blob *block);

/* All blocks of a tree once more: a write failed, maybe of one of them. */
void durable_tree_write(struct ctx *c, const struct tree *tree);

/* A new checkpoint in one batch: `f` (decision may be NULL), `c`, the state under its root in place
 * of the one under old_root (zeros: none), `a` for the base of the tree, unless that is genesis,
 * and without the blocks of the losers. Its writer is told whether the disk took it. */
void durable_final_write(struct ctx *c, const struct tree *tree, uint64_t instance,
                         uint32_t checkpoint, const struct blob *decision,
                         const uint8_t old_root[32], const uint32_t *losers, size_t count);

/* Without the blocks of the losers: a checkpoint that has no record of its own. */
void durable_losers_delete(struct ctx *c, const struct tree *tree, const uint32_t *losers,
                           size_t count);

#endif
