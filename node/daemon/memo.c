/* node/base/memo.h for one node: one table, on the loop's thread. */
#include "node/crypto/hash.h"
#include "node/daemon/blobs.h"

bool memo_get(struct shared *shared, enum memo_kind kind, struct memo_key key, void *value,
              size_t len)
{
    return memo_table_get(blobs_memo(shared), memo_table_hash(key, kind), kind, key, value, len);
}

void memo_put(struct shared *shared, enum memo_kind kind, struct memo_key key, const void *value,
              size_t len)
{
    memo_table_put(blobs_memo(shared), memo_table_hash(key, kind), kind, key, value, len);
}

struct memo_key memo_key_bytes(struct shared *shared, const void *data, size_t len)
{
    uint8_t digest[SIPHASH_BYTES];

    hash_siphash128(digest, blobs_key(shared), data, len);
    return (struct memo_key){.id = {load64(digest), load64(digest + 8)}};
}
