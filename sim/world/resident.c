/* How much of the nodes' address space is in memory. */
#include <stdlib.h>
#include <sys/mman.h>

#include "sim/world/internal.h"

#define PAGE_BYTES 4096
#define SAMPLE_NS UINT64_C(600000000000) /* the question costs some 10 ns a page */

/* One byte per page of the slab; NULL when the system does not say. */
static unsigned char *residence(const struct world *w)
{
    unsigned char *map = malloc(w->slab_bytes / PAGE_BYTES);

    invariant(map != NULL);
    if (mincore(w->slab, w->slab_bytes, map) != 0) {
        free(map);
        return NULL;
    }
    return map;
}

static uint64_t count(const unsigned char *map, size_t pages)
{
    uint64_t resident = 0;

    for (size_t i = 0; i < pages; i++) {
        resident += map[i] & 1;
    }
    return resident;
}

uint64_t world_node_resident_bytes(const struct world *w)
{
    unsigned char *map = residence(w);
    uint64_t pages = map != NULL ? count(map, w->slab_bytes / PAGE_BYTES) : 0;

    free(map);
    return pages * PAGE_BYTES;
}

uint64_t resident_sample(struct world *w, uint64_t now_ns)
{
    size_t node_pages = w->node_bytes / PAGE_BYTES;
    uint64_t most = 0;

    if (now_ns < w->resident_next_ns) {
        return 0;
    }
    w->resident_next_ns = now_ns + SAMPLE_NS;
    unsigned char *map = residence(w);
    for (uint32_t i = 0; i < w->count && map != NULL; i++) {
        uint64_t pages = count(map + i * node_pages, node_pages);
        most = pages > most ? pages : most;
    }
    free(map);
    return most * PAGE_BYTES;
}
