/* One line of text per fault, written by hand in a scenario and printed by replays and shrinkers:
 *
 *   at 20 min for 5 min cut region SA,AF from rest as quake
 *   at 90 s for 10 s cut node 3 to node 4-9,12       (one way: from 3 to the others)
 *   at 20 min for 5 min cut stake 3/5 from rest
 *   at 10 min for 2 min outage region EAS            (no `for`: to the end)
 *   at 1 h restart all
 *   at 1 h for 30 s clog group relays by 500 ms
 *   at 1 h for 1 min loss city New York,Boston by 3/100
 *   at 5 min slow-cpu node 0-9 by 10                 (ten times as slow; 3/2: 1.5 times)
 *   at 5 min corrupt-disk node 7 by 3 silent
 *   at 5 min step-clock node 7 by -2 s
 *
 * A target is `all`, `none`, `rest` (second set only: all that are not in the first), `node` and
 * ranges, `stake` and a share, or the word of a domain and names. `stake p/q`: nodes that hold
 * stake enter the set largest first (ties by number) while the sum stays within the share; of the
 * nodes without stake, the share is spread evenly over their numbers. Units: ns us ms s min h d; a
 * decimal point is allowed; no floating point is used. */
#ifndef ORRERY_SIM_FAULT_TEXT_H
#define ORRERY_SIM_FAULT_TEXT_H

#include <stdio.h>

#include "sim/fault/timeline.h"

/* One way to divide the nodes: regions, cities, operators, groups. */
struct fault_domain {
    const char *word;        /* "region" */
    uint32_t count;          /* of its values */
    const char *const *name; /* [count] */
    const uint32_t *of_node; /* [node_count]; a number >= count: none */
};

struct fault_domains {
    uint32_t domain_count;
    const struct fault_domain *domain;
    const uint64_t *stake; /* [node_count], or NULL: nobody has any */
};

/* Why a line was refused; column counts from 1. */
struct fault_text_error {
    unsigned column;
    char text[120];
};

/* Reads one line and adds it. ERR_SYNTAX, ERR_UNKNOWN (kind, domain or name), ERR_RANGE,
 * ERR_INVALID (the parts do not go together), ERR_FULL, ERR_NO_MEMORY; error says it in words. */
MUST_CHECK enum err fault_entry_parse(struct fault_timeline *timeline,
                                      struct fault_text_error *error,
                                      const struct fault_domains *domains, const char *line);

/* Writes entry i as one line (with its newline) that reads back to the same entry: nodes by number,
 * times exact. Errors of the file stay in ferror(file). */
void fault_entry_print(FILE *file, const struct fault_timeline *timeline, uint32_t i);

/* Reads the targets of a line ("region SA,AF", "node 1-5", ...) into bits (cleared first), which
 * has the run's node count. `rest` is not allowed here. */
MUST_CHECK enum err fault_targets_parse(struct node_bits *bits, struct fault_text_error *error,
                                        const struct fault_domains *domains, const char *text);

/* Reads the argument of a kind ("500 ms", "3/100", "10", "-2 s") into a fault whose kind is set. */
MUST_CHECK enum err fault_argument_parse(struct fault *fault, struct fault_text_error *error,
                                         const char *text);

#endif
