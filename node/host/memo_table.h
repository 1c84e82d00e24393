/* Results of pure functions, a table that forgets: what node/base/memo.h is made of in each host.
 * Four results compete for one place, a hand gives second chances; the table doubles as it fills up
 * to its bound. No locks. */
#ifndef ORRERY_HOST_MEMO_TABLE_H
#define ORRERY_HOST_MEMO_TABLE_H

#include "node/base/memo.h"

struct memo_set;

/* Zeroed: off, nothing is kept. */
struct memo_table {
    struct memo_set *sets;
    uint64_t mask;     /* sets - 1 */
    uint64_t sets_max; /* a power of two */
    uint64_t count;    /* results held */
};

/* entries_max: rounded to a power of two, 256 at least; 0: off. False: no memory. */
bool memo_table_open(struct memo_table *table, uint64_t entries_max);
void memo_table_close(struct memo_table *table);
size_t memo_table_bytes(const struct memo_table *table);

/* What `hash` of the others is; its upper bits are not used here. */
uint64_t memo_table_hash(struct memo_key key, enum memo_kind kind);
/* len as it was put. */
bool memo_table_get(struct memo_table *table, uint64_t hash, enum memo_kind kind,
                    struct memo_key key, void *value, size_t len);
void memo_table_put(struct memo_table *table, uint64_t hash, enum memo_kind kind,
                    struct memo_key key, const void *value, size_t len);

#endif
