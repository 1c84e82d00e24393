/* Bounded memory: no node grows beyond check.node_bytes, and after a clean stop nothing is left. */
#include "sim/check/check_private.h"

void memory_node(struct checks *checks, uint64_t now_ns, uint64_t node_bytes)
{
    uint64_t most = checks->scenario->check.node_bytes_max;
    struct memory_use *m = &checks->memory;

    m->node_bytes = node_bytes > m->node_bytes ? node_bytes : m->node_bytes;
    if (most > 0 && node_bytes > most) {
        check_fail(checks, CHECK_BROKEN,
                   "memory: a node holds %" PRIu64 " bytes at " SECONDS
                   "; check.node_bytes allows %" PRIu64,
                   node_bytes, SECONDS_OF(now_ns), most);
    }
}

void memory_left(struct checks *checks, uint64_t plain_blobs, uint64_t named_blobs)
{
    checks->memory.blobs_left = plain_blobs + named_blobs;
    if (plain_blobs + named_blobs > 0) {
        check_fail(checks, CHECK_BROKEN,
                   "memory: %" PRIu64 " blobs and %" PRIu64
                   " nodes of states are still held after every node has stopped",
                   plain_blobs, named_blobs);
    }
}
