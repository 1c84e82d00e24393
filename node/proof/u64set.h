/* Sets of node numbers as ascending arrays. */
#ifndef ORRERY_PROOF_U64SET_H
#define ORRERY_PROOF_U64SET_H

#include <stddef.h>
#include <stdint.h>

/* Sorts in place, drops duplicates, returns how many are left. */
size_t u64set_make(uint64_t *items, size_t n);

/* The place of an item that is in the set (an invariant). */
size_t u64set_find(const uint64_t *items, size_t n, uint64_t item);

#endif
