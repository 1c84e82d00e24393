/* A final chain from a node's records to a file (docs/chain-file.md): the same bytes of a daemon's
 * database and of a simulated machine. */
#ifndef ORRERY_HOST_CHAIN_OUT_H
#define ORRERY_HOST_CHAIN_OUT_H

#include "node/chain/durable.h"
#include "node/chain/genesis.h"

/* Where the records are. get: the value of the first record whose key begins with prefix, valid
 * until the next call. False: there is none. */
struct chain_source {
    bool (*get)(void *context, struct span *value, struct span prefix);
    void *context;
};

/* What can be written: the newest checkpoint and the ids of the blocks up to it, by height. */
struct chain_out {
    struct final_record final;
    uint8_t (*ids)[32];
    uint64_t lacking; /* height of the block that is missing or damaged */
};

/* Walks down from the checkpoint, for blocks of lost branches may stand below it that a crash kept
 * from being deleted. ERR_STALE: there is no final block yet; ERR_NOT_FOUND, ERR_CORRUPT: see
 * lacking, which is 0 for the record of the checkpoint itself. */
enum err chain_out_find(struct chain_out *out, const struct chain_source *source) MUST_CHECK;
/* ERR_IO: errno says why; the file is removed. */
enum err chain_out_write(const struct chain_out *out, const struct chain_source *source,
                         const struct genesis *genesis, const char *path) MUST_CHECK;
void chain_out_end(struct chain_out *out);

#endif
