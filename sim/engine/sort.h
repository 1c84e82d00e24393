/* Puts the events of a slot, which arrived in any order, into key order. */
#ifndef ORRERY_ENGINE_SORT_H
#define ORRERY_ENGINE_SORT_H

#include <stddef.h>

#include "sim/engine/event.h"

/* For few events, or events that are nearly in order: time grows with the distance each moves. */
void sort_insertion(struct engine_event *at, size_t count);

/* For any events: merges runs; scratch holds count events. Input that is in order costs a pass. */
void sort_merge(struct engine_event *at, size_t count, struct engine_event *scratch);

#endif
