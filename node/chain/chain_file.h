/* A chain as a file (docs/chain-file.md): genesis, then blocks in order, each checkpoint followed
 * by its decision. The same bytes from every host. */
#ifndef ORRERY_CHAIN_CHAIN_FILE_H
#define ORRERY_CHAIN_CHAIN_FILE_H

#include "node/chain/lineage.h"
#include "node/crypto/hash.h"

#define CHAIN_FILE_HEAD_BYTES 16
#define CHAIN_FILE_RECORD_HEAD_BYTES 5
#define CHAIN_FILE_END_BYTES (CHAIN_FILE_RECORD_HEAD_BYTES + 8 + 32)

enum chain_file_tag { CHAIN_FILE_BLOCK = 'b', CHAIN_FILE_DECISION = 'f', CHAIN_FILE_END = 'e' };

/* Writing: the caller writes what is made here and adds what it wrote to the hash. */
void chain_file_head(uint8_t out[CHAIN_FILE_HEAD_BYTES], struct span genesis);
void chain_file_record(uint8_t out[CHAIN_FILE_RECORD_HEAD_BYTES], enum chain_file_tag tag,
                       size_t len);
/* hash: of everything before the last record. */
void chain_file_end(uint8_t out[CHAIN_FILE_END_BYTES], uint64_t blocks, const uint8_t hash[32]);

struct chain_file {
    struct span bytes;
    struct span genesis;
    size_t at;
    uint64_t blocks;
};

/* ERR_TRUNCATED, ERR_SYNTAX (not such a file), ERR_VERSION. bytes outlive file. */
enum err chain_file_open(struct chain_file *file, struct span bytes) MUST_CHECK;
/* The next block or decision. ERR_NOT_FOUND: the end, which has been checked; ERR_CORRUPT,
 * ERR_TRUNCATED, ERR_TRAILING. */
enum err chain_file_next(struct chain_file *file, enum chain_file_tag *tag,
                         struct span *record) MUST_CHECK;

#endif
