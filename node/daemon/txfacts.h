/* What listings need of the transactions of a block: their ids, whom they touch, where they
 * stand. Derived from bytes that the chain has accepted. */
#ifndef ORRERY_DAEMON_TXFACTS_H
#define ORRERY_DAEMON_TXFACTS_H

#include "node/chain/block.h"
#include "node/chain/tx.h"

enum touch { TOUCH_SENT = 1, TOUCH_RECEIVED = 2 };

/* Where a transaction stands: in the block at height, number index, bytes [offset, offset + len) of
 * the encoded block. */
struct tx_place {
    uint64_t height;
    uint32_t index, offset, len;
};

struct tx_parties {
    const uint8_t *sender;
    const uint8_t *recipient; /* NULL: nobody is paid */
};
/* Both point into tx. ERR_TRUNCATED and the errors of tx_decode. */
enum err tx_parties_get(struct tx_parties *parties, const struct tx *tx) MUST_CHECK;

static inline int tx_place_order(const struct tx_place *a, const struct tx_place *b)
{
    if (a->height != b->height) {
        return a->height < b->height ? -1 : 1;
    }
    return (a->index > b->index) - (a->index < b->index);
}

#endif
