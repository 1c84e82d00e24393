/* The daemon's store in a folder of its own, without a loop, beside a model of what it must hold.
 * For Criterion tests. */
#ifndef ORRERY_TESTS_STORE_MODEL_H
#define ORRERY_TESTS_STORE_MODEL_H

#include "node/base/rng.h"
#include "node/daemon/store_tools.h"

#define LEAVES 300

extern const uint8_t store_genesis[32];

struct folder {
    char path[64];
};

/* A state tree and its leaves. */
struct model {
    uint32_t value[LEAVES]; /* 0: absent */
    uint8_t root[32];
    const struct blob *blob;
};

struct folder folder_make(void);
void folder_remove(const struct folder *f);

/* map_bytes as in store_open_as. */
struct store *store_small_open(const struct folder *f, size_t map_bytes);
/* One batch, durable on return. */
enum err store_write_now(struct store *store, const struct record_op *ops, size_t count);
enum err store_put(struct store *store, const char *key, const void *data, size_t len);
/* A deep look finds no damage and at least so many state nodes. */
void store_expect_whole(const struct folder *f, uint64_t nodes_least);

/* Another tree, a few leaves away from `from`. */
struct model model_grow(struct store *store, struct rng *rng, const struct model *from,
                        unsigned edits);
void model_expect(struct store *store, const struct model *m);
/* The record of `to` in place of the one of `from`, as a checkpoint writes it; store_flush ends it.
 */
void model_checkpoint(struct store *store, const struct model *from, const struct model *to,
                      enum err *err);

#endif
