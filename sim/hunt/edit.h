/* Edits that make a scenario smaller or simpler, one at a time. Each is tried by a shrinker and
 * kept when the failure stays the same. */
#ifndef ORRERY_HUNT_EDIT_H
#define ORRERY_HUNT_EDIT_H

#include "sim/scenario/scenario.h"

enum edit_kind {
    EDIT_KEEP,          /* only the parts of `keep`: faults, loads, liars, buggify points; with
                           seed `value` */
    EDIT_DURATION,      /* ends at value (ns) */
    EDIT_NODE,          /* without node `item`; the others move up */
    EDIT_SIMPLE,        /* simplification `item` of the table in edit.c */
    EDIT_FAULT_SPAN,    /* fault `item` lasts half as long, in whole milliseconds */
    EDIT_FAULT_NODE,    /* fault `item` without node `node` in its first set */
    EDIT_FAULT_SHIFT,   /* fault `item` begins and ends `value` ns later (two's complement) */
    EDIT_FAULT_EARLIER, /* fault `item` and all after it begin earlier: the gap before it halves */
};

struct edit {
    enum edit_kind kind;
    size_t item;
    uint32_t node;
    uint64_t value;
    const uint8_t *keep;
};

/* Faults, loads, lines of adversaries and buggify points: what EDIT_KEEP chooses from. */
size_t edit_parts(const struct scenario *scenario);

/* How many simplifications there are. */
size_t edit_simple_count(void);

/* How many nodes the first set of fault i has; bits of those below 64. */
uint64_t edit_fault_nodes(const struct scenario *scenario, size_t i);

/* When fault i begins; UINT64_MAX: its line names places. */
uint64_t edit_fault_at_ns(const struct scenario *scenario, size_t i);

/* False: it changes nothing or cannot be done; the scenario is of no more use then but to be
 * freed. */
bool edit_apply(struct scenario *scenario, const struct edit *edit);

#endif
