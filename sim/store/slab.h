/* Memory of blobs: blocks in size classes cut from chunks, given back to a free list of their
 * class. Not safe for threads: each shard of the store has its own, used under the shard's lock. */
#ifndef ORRERY_SIM_STORE_SLAB_H
#define ORRERY_SIM_STORE_SLAB_H

#include <stddef.h>
#include <stdint.h>

#define SLAB_CLASSES 32 /* 32..512 by 32, then four sizes per doubling up to 8192 */
#define SLAB_LARGE UINT8_MAX

struct slab_chunk;
struct slab_large;

struct slab {
    void *free[SLAB_CLASSES];
    struct slab_chunk *chunks;
    struct slab_large *large; /* blocks above the classes, each from the system */
    uint8_t *at, *end;        /* rest of the newest chunk */
    size_t chunk_bytes;       /* size of the next chunk */
    uint64_t taken_bytes;     /* from the system, now */
};

/* A block of at least `bytes`, aligned to 16. class gets what slab_give wants back. NULL when
 * memory ends. */
void *slab_take(struct slab *slab, uint8_t *class, size_t bytes);
void slab_give(struct slab *slab, void *block, uint8_t class);

/* Gives all memory back to the system. */
void slab_end(struct slab *slab);

#endif
