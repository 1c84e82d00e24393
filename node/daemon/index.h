/* The index of transactions by id and by account: final blocks only, so that it never goes back.
 * It is derived from the node's block records, stands in an LMDB environment of its own and may be
 * deleted at any time: the daemon builds it again. Writing happens on libuv's pool, one batch after
 * the other; reading on the loop. */
#ifndef ORRERY_DAEMON_INDEX_H
#define ORRERY_DAEMON_INDEX_H

#include <uv.h>

#include "node/daemon/recent.h"

struct tx_index;

/* Opens or makes the environment in a folder. genesis: of the network; an index of another one, or
 * of another version, is emptied. loop NULL: batches are written at once (tests, repair). ERR_IO,
 * ERR_NO_MEMORY, ERR_NO_SPACE. */
enum err index_open(struct tx_index **index, const char *folder, const uint8_t genesis[32],
                    uv_loop_t *loop) MUST_CHECK;
/* Waits for a batch that is being written. */
void index_close(struct tx_index *index);

/* Height up to which it is complete and durable; the chain below `index_first` is not in it (0
 * unless the node began from a snapshot). */
uint64_t index_height(const struct tx_index *index);
uint64_t index_first(const struct tx_index *index);
/* Transactions and block bytes indexed so far. */
uint64_t index_txs(const struct tx_index *index);
/* What stands in the environment's way: ERR_OK, or why the last batch was not written (it is tried
 * again with the next one). */
enum err index_state(const struct tx_index *index);
bool index_busy(const struct tx_index *index);

/* A batch: blocks of ascending heights that follow index_height (the first one of an empty index
 * may have any height), then a write. done is called on the loop (or at once); NULL: nobody cares.
 * The blocks are not kept: their facts are copied. ERR_BUSY while one is being written. */
enum err index_write(struct tx_index *index, struct recent_block *const *blocks, size_t count,
                     void (*done)(void *context, enum err err), void *context) MUST_CHECK;

/* ERR_NOT_FOUND; ERR_IO, ERR_CORRUPT. */
enum err index_find(const struct tx_index *index, struct tx_place *place,
                    const uint8_t tx[32]) MUST_CHECK;

/* Transactions of an account in the order asked for, from `from` on (exclusive; NULL: from the
 * end), of the kinds in how. Returns how many places were written, at most limit. */
size_t index_account(const struct tx_index *index, struct tx_place *places, size_t limit,
                     const uint8_t key[32], int how, const struct tx_place *from, bool ascending);

#endif
