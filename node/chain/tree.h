/* The tree of executed blocks from the checkpoint upwards: index by id, ancestors, fork choice,
 * pruning (spec: chain 1.2 score, 1.5 composition). Plain data; chain.c decides what enters. */
#ifndef ORRERY_CHAIN_TREE_H
#define ORRERY_CHAIN_TREE_H

#include "node/base/arena.h"
#include "node/chain/chain.h"

#define TREE_BUCKETS 256
#define TREE_CAPACITY_MAX 65534

struct tree {
    struct tree_entry *entries;
    uint32_t capacity;
    uint32_t used;  /* slots ever used: what memory is touched */
    uint32_t count; /* live entries */
    uint32_t free;  /* head of the free slots, linked by bucket_next */
    uint32_t base;  /* the checkpoint: the root of all */
    uint32_t tip;   /* the best leaf */
    uint64_t orders;
    uint64_t key;                  /* of the bucket function, so that nobody can aim at a bucket */
    uint16_t bucket[TREE_BUCKETS]; /* index + 1 */
    /* Ancestors of the base, for the retarget: a ring, newest before below_next. */
    struct ancestor below[RETARGET_WINDOW];
    uint32_t below_next, below_count;
};

/* entries: zeroed memory for capacity of them. */
void tree_init(struct tree *tree, struct tree_entry *entries, uint32_t capacity, uint64_t key);
/* Gives back every blob and forgets every entry. */
void tree_clear(struct tree *tree, struct shared *shared);

/* Links a copy of facts (its id, fields, parent and blob references, which the tree takes over).
 * The first entry becomes base and tip. ERR_FULL. */
enum err tree_add(struct tree *tree, uint32_t *index, const struct tree_entry *facts) MUST_CHECK;

uint32_t tree_find(const struct tree *tree, const uint8_t id[32]);
uint32_t tree_ancestor(const struct tree *tree, uint32_t from, uint64_t height);
bool tree_descends(const struct tree *tree, uint32_t index, uint32_t ancestor);
/* The newest common ancestor. */
uint32_t tree_fork(const struct tree *tree, uint32_t a, uint32_t b);
/* Of root and its descendants the one with the largest score, the first seen of equals. */
uint32_t tree_best(const struct tree *tree, uint32_t root);
/* The next entry of the subtree of root in preorder after `at`, or TREE_NONE. */
uint32_t tree_next(const struct tree *tree, uint32_t root, uint32_t at);

/* The block and its ancestors, newest first, at most RETARGET_WINDOW; returns how many. */
size_t tree_ancestors(const struct tree *tree, struct ancestor out[RETARGET_WINDOW], uint32_t from);
/* Notes an ancestor of the base, oldest first; used before the first entry is added. */
void tree_below_push(struct tree *tree, const struct ancestor *ancestor);

/* Takes out a block without children that is neither base nor tip. */
void tree_remove(struct tree *tree, struct shared *shared, uint32_t leaf);

/* Entries that do not lie on a path through `to` (a descendant of the base): children after their
 * parents. out holds tree->count. */
size_t tree_losers(const struct tree *tree, uint32_t *out, uint32_t to);
/* Makes `to` the base: removes the losers (as tree_losers gave them) and everything below `to`. The
 * tip must descend from `to`. */
void tree_rebase(struct tree *tree, struct shared *shared, uint32_t to, const uint32_t *losers,
                 size_t count);

#endif
