/* What tools do with a database: open it without a loop, look, check, repair. */
#ifndef ORRERY_DAEMON_STORE_TOOLS_H
#define ORRERY_DAEMON_STORE_TOOLS_H

#include <stdio.h>

#include "node/daemon/store.h"

enum store_mode {
    STORE_KEEP, /* every commit is durable */
    STORE_BULK  /* durable at store_close: for a database that can be made again */
};

/* As store_open. loop NULL: batches wait for store_flush. genesis_hash NULL: whatever it is of; the
 * database must exist. map_bytes: of the first map; 0: the usual. */
enum err store_open_as(struct store **store, uv_loop_t *loop, const char *path,
                       const uint8_t *genesis_hash, enum store_mode mode, size_t map_bytes,
                       char message[STORE_MESSAGE_BYTES]) MUST_CHECK;
/* Commits what waits and calls its done; without a loop only. */
void store_flush(struct store *store);

struct store_figures {
    uint64_t file_bytes, used_bytes, map_bytes; /* used: without free pages */
    uint64_t records, record_bytes, blocks, votes, decisions, peers;
    uint64_t state_nodes, state_bytes;
    uint64_t final_height, signed_height; /* 0: none */
    uint64_t first_height;                /* of the oldest block, 0: none */
    uint8_t genesis[32];
    uint32_t format;
    uint64_t damaged_records, damaged_nodes, wrong_references, missing_nodes; /* of a check */
};

/* Reads a database that another process may be using. deep: every record, every state node and
 * every reference is checked. ERR_CORRUPT: LMDB itself cannot read it (figures hold what could). */
enum err store_look(struct store_figures *figures, const char *path, bool deep,
                    char message[STORE_MESSAGE_BYTES]) MUST_CHECK;

/* Writes what is good into a new database in place of the old one, which stays beside it with the
 * ending ".damaged". Own signatures, votes and locks are copied first; when the state has a hole,
 * it and the newest checkpoint are left out: the node makes them again from its blocks or its
 * peers. The figures are of the new one. */
enum err store_repair(struct store_figures *figures, const char *path,
                      char message[STORE_MESSAGE_BYTES]) MUST_CHECK;

#endif
