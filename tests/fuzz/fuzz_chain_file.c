/* Any bytes as a chain file: walked to its end or refused, never beyond its end. */
#include "node/base/invariant.h"
#include "node/chain/chain_file.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct chain_file file;
    enum chain_file_tag tag;
    struct span record;
    uint8_t fold = 0;

    if (chain_file_open(&file, span_of(data, size)) != ERR_OK) {
        return 0;
    }
    while (chain_file_next(&file, &tag, &record) == ERR_OK) {
        invariant(record.data >= data && record.data + record.len <= data + size);
        for (size_t i = 0; i < record.len; i++) {
            fold ^= record.data[i];
        }
    }
    (void)fold;
    return 0;
}
