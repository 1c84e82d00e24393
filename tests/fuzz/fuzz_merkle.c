/* A list and a claim (index, count, item, path) chosen by the input. With the right count, a claim
 * holds exactly when its item and path are those of merkle_prove. */
#include <stddef.h>
#include <stdint.h>

#include "node/base/invariant.h"
#include "node/crypto/merkle.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { HEAD_BYTES = 5, ITEMS_MAX = 256 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < HEAD_BYTES + MERKLE_BYTES) {
        return 0;
    }
    size_t count = data[0] + (size_t)1;
    size_t index = data[1] % count;
    size_t claimed_index = data[2];
    size_t claimed_count = data[3] + (size_t)1;
    uint8_t items[ITEMS_MAX][MERKLE_BYTES] = {0};
    for (size_t i = 0; i < count; i++) {
        items[i][0] = (uint8_t)(i % (data[4] + (size_t)1)); /* equal items too */
    }
    const uint8_t(*list)[MERKLE_BYTES] = (const uint8_t(*)[MERKLE_BYTES])items;
    uint8_t root[MERKLE_BYTES];
    uint8_t path[MERKLE_DEPTH_MAX][MERKLE_BYTES];
    merkle_root(root, list, count);
    size_t len = merkle_prove(path, list, count, index);
    const uint8_t(*proof)[MERKLE_BYTES] = (const uint8_t(*)[MERKLE_BYTES])path;
    invariant(merkle_verify(root, items[index], index, count, proof, len) == ERR_OK);

    /* The true proof under another place: holds only if the item there is equal. */
    if (merkle_verify(root, items[index], claimed_index, count, proof, len) == ERR_OK) {
        invariant(memcmp(items[claimed_index], items[index], MERKLE_BYTES) == 0);
    }
    /* Any path under any place and count. */
    const uint8_t *item = data + HEAD_BYTES;
    size_t rest = (size - HEAD_BYTES - MERKLE_BYTES) / MERKLE_BYTES;
    const uint8_t(*any)[MERKLE_BYTES] = (const uint8_t(*)[MERKLE_BYTES])(item + MERKLE_BYTES);
    if (merkle_verify(root, item, claimed_index, claimed_count, any, rest) == ERR_OK) {
        invariant(rest <= MERKLE_DEPTH_MAX);
        if (claimed_count == count) {
            invariant(memcmp(items[claimed_index], item, MERKLE_BYTES) == 0);
        }
    }
    return 0;
}
