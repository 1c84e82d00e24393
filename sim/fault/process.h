/* Faults that come at random: a rate, a duration, a way to pick targets. A process is expanded into
 * entries of the timeline when the scenario is loaded, so that what happened is written down and
 * can be taken away piece by piece. Every entry has its own draws, named by (process, entry): a
 * longer run or another process moves none of them. spec: design 4 */
#ifndef ORRERY_SIM_FAULT_PROCESS_H
#define ORRERY_SIM_FAULT_PROCESS_H

#include "sim/fault/text.h"
#include "sim/fault/timeline.h"
#include "sim/net/quantile.h"

enum fault_pick {
    FAULT_PICK_NODES,  /* pick_num different candidates */
    FAULT_PICK_SHARE,  /* each candidate with pick_num / pick_den */
    FAULT_PICK_DOMAIN, /* all candidates of one value of a domain that has any, e.g. one region */
};

struct fault_process {
    struct fault fault; /* kind, one_way, silent, argument, label; times and sets are filled in */
    const struct node_bits *candidates;
    enum fault_pick pick;
    uint32_t pick_num;
    uint32_t pick_den;
    const struct fault_domain *domain; /* for FAULT_PICK_DOMAIN */
    uint64_t rate_num;                 /* mean number per hour, over all targets together */
    uint64_t rate_den;
    uint64_t least_ns; /* duration, uniform between the two, both included; kinds that last */
    uint64_t most_ns;
    uint64_t from_ns; /* entries begin in [from_ns, until_ns) */
    uint64_t until_ns;
};

/* Reads the words of a scenario into a process whose rate, times and candidates the caller sets:
 * kind as in the timeline, and arguments
 *   [nodes N | share P/Q | region | city | ...] [by VALUE] [one-way] [silent]
 * default: nodes 1; outage: the first domain given. */
MUST_CHECK enum err fault_process_parse(struct fault_process *process,
                                        struct fault_text_error *error,
                                        const struct fault_domains *domains, const char *kind,
                                        const char *arguments);

/* Adds the entries of process `number` to the timeline. For a kind with two sets the second is the
 * rest of all nodes. ERR_RANGE: rate, duration or pick out of range; ERR_FULL: more than FAULTS_MAX
 * entries. */
MUST_CHECK enum err fault_process_expand(struct fault_timeline *timeline,
                                         const struct fault_process *process,
                                         const struct quantile *exponential, uint64_t seed,
                                         uint32_t number);

#endif
