/* The figures there are, in the order of the report. */
#include "analysis/figures.h"

static const struct figure_kind kinds[] = {
    {"heights", "The chain and its checkpoints", figure_heights, false},
    {"finality", "How long finality takes", figure_finality, false},
    {"intervals", "Time between blocks", figure_intervals, false},
    {"forks", "Blocks and forks", figure_forks, false},
    {"propagation", "How blocks spread", figure_propagation, false},
    {"transactions", "How long transactions take", figure_transactions, false},
    {"shares", "Blocks against stake", figure_shares, false},
    {"nodes", "Nodes up", figure_nodes_up, false},
    {"space-time", "Space and time", figure_space_time, false},
    {"joiners", "Nodes that join", figure_joiners, false},
    {"traffic", "Traffic over time", figure_traffic, false},
    {"traffic-nodes", "Traffic of each node", figure_traffic_nodes, false},
    {"cpu", "Processor", figure_cpu, false},
    {"seeds-metrics", "Numbers of all seeds", figure_seeds_metrics, true},
    {"seeds-gap", "The chain ahead of its checkpoints", figure_seeds_gap, true},
    {"seeds-propagation", "How blocks spread", figure_seeds_propagation, true},
    {"seeds-transactions", "How long transactions take", figure_seeds_transactions, true},
};

const struct figure_kind *figure_kinds(size_t *count)
{
    *count = sizeof(kinds) / sizeof(kinds[0]);
    return kinds;
}
