/* Many seeds: one curve or number per seed, then the mean of these with its 95 % interval. */
#include <math.h>
#include <stdlib.h>

#include "analysis/figures.h"
#include "analysis/series.h"
#include "analysis/spread.h"
#include "analysis/statistics.h"
#include "node/base/invariant.h"

static void *zeroed(size_t count, size_t bytes)
{
    void *memory = calloc(count + 1, bytes);

    invariant(memory != NULL);
    return memory;
}

/* One line of data: x, mean and interval of the values that are known. */
static void mean_write(struct figure *figure, double x, const double *values, size_t count)
{
    double *known = zeroed(count, sizeof(*known));
    size_t n = 0;

    for (size_t i = 0; i < count; i++) {
        known[n] = values[i];
        n += isfinite(values[i]) ? 1 : 0;
    }
    if (n > 0) {
        struct estimate e = estimate_of(known, n);
        fprintf(figure->data, "%.9g\t%.9g\t%.9g\t%.9g\t%zu\n", x, e.mean, e.t_low, e.t_high, n);
    }
    free(known);
}

static const char *const chosen[] = {"block_interval_mean",  "fork_rate",
                                     "propagation_p50",      "propagation_p90",
                                     "finality_first_mean",  "finality_latency_mean",
                                     "final_lag_max",        "tx_inclusion_latency_p50",
                                     "tx_final_latency_p50", "bytes_per_node_s",
                                     "cpu_share_mean"};

bool figure_seeds_metrics(struct figure *figure)
{
    double *values = zeroed(figure->run_count, sizeof(*values));
    size_t row = 0;

    fputs("row\tmean\tlow\thigh\tmetric\n", figure->data);
    for (size_t m = 0; m < sizeof(chosen) / sizeof(chosen[0]); m++) {
        size_t n = 0;
        for (size_t i = 0; i < figure->run_count; i++) {
            const struct run_metric *metric = run_metric(figure->runs[i], chosen[m]);
            values[n] = metric != NULL ? metric->value : 0;
            n += metric != NULL;
        }
        struct estimate e = n > 1 ? estimate_of(values, n) : (struct estimate){0};
        if (n > 1 && e.mean != 0) {
            fprintf(figure->data, "%zu\tnan\t%.6g\t%.6g\t%s\n", row, 100 * (e.t_low / e.mean - 1),
                    100 * (e.t_high / e.mean - 1), chosen[m]);
            for (size_t i = 0; i < n; i++) {
                fprintf(figure->data, "%zu\t%.6g\tnan\tnan\t%s\n", row,
                        100 * (values[i] / e.mean - 1), chosen[m]);
            }
            row++;
        }
    }
    free(values);
    fprintf(figure->script,
            "set terminal svg size 760,420 dynamic noenhanced font 'sans,12' background 'white'\n"
            "set output '%s.svg'\nset xlabel 'difference from the mean of all seeds (%%)'\n"
            "set yrange [%zu.6:-0.8]\nset grid xtics\nset border 1\nset lmargin at screen 0.28\n"
            "set arrow 1 from 0, graph 0 to 0, graph 1 nohead lc rgb '%s'\n"
            "plot '%s' skip 1 using 3:1:($4-$3):(0) with vectors nohead lw 7 lc rgb '%s' "
            "t '95 %% interval of the mean', \\\n"
            "     '' skip 1 using 2:1:ytic(5) with points pt 7 ps 0.5 lc rgb '%s' t 'a seed'\n",
            figure->name, row > 0 ? row - 1 : 0, FIGURE_GREY, figure->file, FIGURE_PALE,
            FIGURE_BLUE);
    snprintf(figure->caption, sizeof(figure->caption),
             "Numbers of %zu seeds relative to their mean, with its interval by Student's t. "
             "Two scenarios differ in a number only if their intervals do not overlap.",
             figure->run_count);
    return row > 0;
}

static void mean_plot(struct figure *figure, const char *x, const char *y)
{
    fprintf(figure->script,
            "plot '%s' skip 1 using %s with filledcurves lc rgb '%s' fs solid 0.7 "
            "t '95 %% interval of the mean', \\\n"
            "     '' skip 1 using %s with lines lw 2 lc rgb '%s' t 'mean of seeds'\n",
            figure->file, x, FIGURE_PALE, y, FIGURE_BLUE);
}

bool figure_seeds_gap(struct figure *figure)
{
    size_t samples = SIZE_MAX;
    size_t n = figure->run_count;
    struct series *heights = zeroed(n, sizeof(*heights));
    struct series *finals = zeroed(n, sizeof(*finals));
    double *gaps = zeroed(n, sizeof(*gaps));

    for (size_t i = 0; i < n; i++) {
        bool read = series_read(&heights[i], figure->runs[i], "height") &&
                    series_read(&finals[i], figure->runs[i], "final_height");
        samples = !read ? 0 : heights[i].sample_count < samples ? heights[i].sample_count : samples;
    }
    fprintf(figure->data, "time_%s\tmean\tlow\thigh\tseeds\n", figure->time_unit);
    for (size_t t = 0; t < samples; t++) {
        for (size_t i = 0; i < n; i++) {
            gaps[i] = series_max(&heights[i], t) - series_max(&finals[i], t);
        }
        mean_write(figure, heights[0].time_s[t] / figure->time_unit_s, gaps, n);
    }
    figure_time_axis(figure);
    figure_faults(figure);
    fputs("set ylabel 'blocks not final'\nset yrange [0:*]\n", figure->script);
    mean_plot(figure, "1:3:4", "1:2");
    snprintf(figure->caption, sizeof(figure->caption),
             "Blocks of the highest tip that are not final yet, mean of %zu seeds. The bands are "
             "the faults of the first seed; those that are drawn at random differ in the others.",
             n);
    for (size_t i = 0; i < n; i++) {
        series_free(&heights[i]);
        series_free(&finals[i]);
    }
    free(heights);
    free(finals);
    free(gaps);
    return samples > 1;
}

bool figure_seeds_propagation(struct figure *figure)
{
    size_t n = figure->run_count;
    struct spread *spreads = zeroed(n, sizeof(*spreads));
    double *values = zeroed(n, sizeof(*values));
    bool read = true;

    for (size_t i = 0; i < n && read; i++) {
        struct blocks blocks;
        blocks_read(&blocks, figure->runs[i]);
        read = spread_read(&spreads[i], figure->runs[i], &blocks);
        blocks_free(&blocks);
    }
    fputs("nodes_percent\tmean_s\tlow_s\thigh_s\tseeds\n", figure->data);
    for (size_t level = 0; level < SPREAD_LEVELS && read; level++) {
        for (size_t i = 0; i < n; i++) {
            values[i] = spreads[i].middle_s[level];
        }
        mean_write(figure, (double)level + 1, values, n);
    }
    fputs("set ylabel 'time since the block was signed (s)'\n"
          "set xlabel 'nodes that have the block (%)'\nset xrange [0:100]\nset yrange [0:*]\n"
          "",
          figure->script);
    mean_plot(figure, "1:3:4", "1:2");
    snprintf(figure->caption, sizeof(figure->caption),
             "Time until so many of the nodes that were up have a block: the median block of each "
             "seed, mean of %zu seeds.",
             n);
    free(spreads);
    free(values);
    return read;
}

bool figure_seeds_transactions(struct figure *figure)
{
    size_t n = figure->run_count, some = 0;
    double **lists = zeroed(n, sizeof(*lists));
    size_t *counts = zeroed(n, sizeof(*counts));
    double *values = zeroed(n, sizeof(*values));

    for (size_t i = 0; i < n; i++) {
        lists[i] = latencies_read(&counts[i], figure->runs[i], "tx_finalized");
        some += counts[i] >= 5;
    }
    fputs("percent\tmean_s\tlow_s\thigh_s\tseeds\n", figure->data);
    for (int percent = 1; percent < 100 && some == n; percent++) {
        for (size_t i = 0; i < n; i++) {
            values[i] = quantile_of(lists[i], counts[i], percent / 100.0);
        }
        mean_write(figure, percent, values, n);
    }
    fputs("set xlabel 'transactions (%)'\nset ylabel 'time until final (s)'\n"
          "set xrange [0:100]\nset yrange [0:*]\n",
          figure->script);
    mean_plot(figure, "1:3:4", "1:2");
    snprintf(figure->caption, sizeof(figure->caption),
             "Time from submission to finality, by the share of transactions that take no longer; "
             "mean of %zu seeds.",
             n);
    for (size_t i = 0; i < n; i++) {
        free(lists[i]);
    }
    free(lists);
    free(counts);
    free(values);
    return some == n;
}
