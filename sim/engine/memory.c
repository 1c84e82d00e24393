#define _GNU_SOURCE
#include "sim/engine/memory.h"

#include <sys/mman.h>

#define HUGE_BYTES ((size_t)2 << 20)

void *memory_map(size_t bytes)
{
    void *block = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
                       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (block == MAP_FAILED) {
        return NULL;
    }
    if (bytes >= HUGE_BYTES) {
        (void)madvise(block, bytes, MADV_HUGEPAGE); /* a hint: refusal costs speed alone */
    }
    return block;
}

void memory_unmap(void *block, size_t bytes)
{
    if (block != NULL) {
        (void)munmap(block, bytes);
    }
}
