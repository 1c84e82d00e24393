/* The contract of node/daemon/store.h in memory: for tests that need hosts and no disk. */
#ifndef ORRERY_TESTS_MEMORY_STORE_H
#define ORRERY_TESTS_MEMORY_STORE_H

#include "node/daemon/store.h"

struct store *memory_store_new(struct shared *shared, uv_loop_t *loop);
void memory_store_free(struct store *store);

#endif
