/* The changes that an edit has gathered: made by smt_edit.c, written by smt_commit.c. */
#ifndef ORRERY_CHAIN_SMT_EDIT_H
#define ORRERY_CHAIN_SMT_EDIT_H

#include "node/chain/smt.h"

struct smt_change {
    uint8_t key[32];
    struct span value; /* empty: no such leaf */
    bool dirty;        /* differs from the tree, or once did */
};

struct smt_undo {
    uint32_t change;
    bool dirty;
    struct span value;
};

struct state_edit {
    struct shared *shared;
    struct arena *scratch;
    uint8_t root[32];
    struct smt_change *changes; /* also leaves that were only read */
    uint32_t *slots;            /* change + 1, open addressing, twice as many as changes fit */
    struct smt_undo *journal;
    size_t count, capacity;
    size_t journal_count, journal_capacity;
    uint64_t reads, writes;
};

#endif
