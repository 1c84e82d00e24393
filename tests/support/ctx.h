/* What a module needs to run in a unit test: the real store, effects, scratch and a ctx over them.
 * Link `host`. */
#ifndef ORRERY_TESTS_SUPPORT_CTX_H
#define ORRERY_TESTS_SUPPORT_CTX_H

#include "node/seam/ctx.h"
#include "sim/store/store.h"

struct test_host {
    struct shared *shared;
    struct effects *out;
    struct arena scratch;
    struct rng rng;
    uint32_t next_request;
    struct ctx c; /* ready to use; set mono_ns, wall_ms and config as the test needs */
    void *memory[2];
};

enum { TEST_MEMO_ON, TEST_MEMO_OFF };

/* seed: of the generator and the store. Aborts when memory ends. */
void test_host_init(struct test_host *host, uint64_t seed, int memo);

/* What a host does between two steps: takes back the references in the effects and empties
 * everything. */
void test_host_step_end(struct test_host *host);

/* Resets and frees. Returns the blobs that are still alive: 0 unless somebody leaks. */
uint64_t test_host_end(struct test_host *host);

#endif
