/* Large zeroed blocks for dense arrays, on huge pages where the system grants them. */
#ifndef ORRERY_ENGINE_MEMORY_H
#define ORRERY_ENGINE_MEMORY_H

#include <stddef.h>

/* A zeroed block aligned to a page at least, or NULL. Pages become resident when touched. */
void *memory_map(size_t bytes);

/* bytes as given to memory_map; block may be NULL. */
void memory_unmap(void *block, size_t bytes);

#endif
