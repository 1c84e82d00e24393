/* The draw functions of figure_kinds, by subject. */
#ifndef ORRERY_ANALYSIS_FIGURES_H
#define ORRERY_ANALYSIS_FIGURES_H

#include "analysis/figure.h"

/* figures_chain.c */
bool figure_intervals(struct figure *figure);
bool figure_forks(struct figure *figure);
bool figure_heights(struct figure *figure);
bool figure_shares(struct figure *figure);
/* figures_spread.c */
bool figure_propagation(struct figure *figure);
bool figure_finality(struct figure *figure);
bool figure_transactions(struct figure *figure);
/* figures_space.c */
bool figure_space_time(struct figure *figure);
/* figures_nodes.c */
bool figure_nodes_up(struct figure *figure);
bool figure_traffic(struct figure *figure);
bool figure_traffic_nodes(struct figure *figure);
bool figure_cpu(struct figure *figure);
bool figure_joiners(struct figure *figure);
/* figures_seeds.c */
bool figure_seeds_metrics(struct figure *figure);
bool figure_seeds_gap(struct figure *figure);
bool figure_seeds_propagation(struct figure *figure);
bool figure_seeds_transactions(struct figure *figure);

#endif
