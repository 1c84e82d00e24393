/* What machines do: up and down, traffic, processor. */
#include <math.h>
#include <stdlib.h>

#include "analysis/figures.h"
#include "analysis/series.h"
#include "analysis/statistics.h"
#include "node/base/invariant.h"

bool figure_nodes_up(struct figure *figure)
{
    struct series up;
    double least = INFINITY, most = 0;

    if (!series_read(&up, figure->runs[0], "up")) {
        return false;
    }
    fprintf(figure->data, "time_%s\tnodes\n", figure->time_unit);
    for (size_t t = 0; t < up.sample_count; t++) {
        double n = 0;
        for (size_t i = 0; i < up.node_count; i++) {
            n += up.up[t * up.node_count + i] != 0;
        }
        least = fmin(least, n);
        most = fmax(most, n);
        fprintf(figure->data, "%.9g\t%.0f\n", up.time_s[t] / figure->time_unit_s, n);
    }
    figure_time_axis(figure);
    figure_faults(figure);
    double pad = fmax(1, 0.08 * (most - least));
    fprintf(figure->script,
            "set ylabel 'nodes up'\nunset key\nset yrange [%.9g:%.9g]\n"
            "plot '%s' skip 1 using 1:2 with lines lw 2 lc rgb '%s'\n",
            fmax(0, least - pad), most + pad, figure->file, FIGURE_BLUE);
    snprintf(figure->caption, sizeof(figure->caption),
             "Nodes that are up, of %zu: between %.0f and %.0f. Ticks on the axis are faults of "
             "single machines. The axis does not begin at zero.",
             up.node_count, least, most);
    series_free(&up);
    return true;
}

#define RATE_POINTS 120

struct band {
    double overall, top; /* mean over nodes and samples; highest p90 */
};

/* Quantiles over nodes of a counter's rate, times scale, for every sample after the first. */
static bool rates_write(struct figure *figure, struct band *band, const char *column, double scale)
{
    struct series s;

    if (!series_read(&s, figure->runs[0], column)) {
        return false;
    }
    double *sorted = calloc(s.node_count + 1, sizeof(*sorted));
    double sum = 0, nodes = 0;
    invariant(sorted != NULL);
    *band = (struct band){0};
    fprintf(figure->data, "time_%s\tp10\tp50\tp90\tmax\tmean\n", figure->time_unit);
    /* Over a few samples together, lest every block be a spike. */
    size_t step = s.sample_count / RATE_POINTS + 1;
    for (size_t t = step; t < s.sample_count; t += step) {
        size_t n = series_rates(sorted, &s, t, step);
        double mean = 0;
        for (size_t i = 0; i < n; i++) {
            mean += sorted[i];
        }
        sum += mean;
        nodes += (double)n;
        if (n == 0) {
            continue;
        }
        double high = scale * quantile_of(sorted, n, 0.9);
        band->top = fmax(band->top, high);
        fprintf(figure->data, "%.9g\t%.6g\t%.6g\t%.6g\t%.6g\t%.6g\n",
                s.time_s[t] / figure->time_unit_s, scale * quantile_of(sorted, n, 0.1),
                scale * quantile_of(sorted, n, 0.5), high, scale * sorted[n - 1],
                scale * mean / (double)n);
    }
    band->overall = nodes > 0 ? scale * sum / nodes : 0;
    bool some = s.sample_count > 2 && sum > 0; /* nothing but zeros is no figure */
    free(sorted);
    series_free(&s);
    return some;
}

static void rates_plot(struct figure *figure, const char *label, double least)
{
    figure_time_axis(figure);
    figure_faults(figure);
    /* A log scale has no zero: a quiet node is drawn on the axis. */
    fprintf(figure->script,
            "set ylabel '%s'\nset logscale y\nset yrange [%.3g:*]\nset format y '%%g'\n"
            "floor_(y) = y > %.3g ? y : %.3g\n",
            label, least, least, least);
    fprintf(figure->script,
            "plot '%s' skip 1 using 1:(floor_($2)):(floor_($4)) with filledcurves lc rgb '%s' fs "
            "solid 0.6 "
            "t 'middle 80 %% of nodes', \\\n"
            "     '' skip 1 using 1:(floor_($3)) with lines lw 2 lc rgb '%s' t 'median node'",
            figure->file, FIGURE_PALE, FIGURE_BLUE);
    fprintf(
        figure->script,
        ", \\\n     '' skip 1 using 1:(floor_($5)) with lines lw 1 lc rgb '%s' t 'busiest node'\n",
        FIGURE_ORANGE);
}

bool figure_traffic(struct figure *figure)
{
    struct band band;

    if (!rates_write(figure, &band, "bytes_sent", 1e-3)) {
        return false;
    }
    rates_plot(figure, "sent per node (kB/s)", band.overall / 100);
    snprintf(figure->caption, sizeof(figure->caption),
             "What a running node sends, framing included: %.3g kB/s on average.", band.overall);
    return true;
}

bool figure_cpu(struct figure *figure)
{
    struct band band;

    if (!rates_write(figure, &band, "cpu_busy", 1e-7)) {
        return false;
    }
    rates_plot(figure, "processor used (%)", band.overall / 100);
    snprintf(
        figure->caption, sizeof(figure->caption),
        "Share of its virtual processor that a running node uses, by the scenario's price list: "
        "%.2g %% on average. A slow machine needs more of its time for the same work.",
        band.overall);
    return true;
}

/* Mean rate of each node over the samples in which it was up, sorted. */
static double *node_means(size_t *count, const struct run *run, const char *column)
{
    struct series s;

    *count = 0;
    if (!series_read(&s, run, column)) {
        return NULL;
    }
    double *means = calloc(s.node_count + 1, sizeof(*means));
    invariant(means != NULL);
    for (size_t i = 0; i < s.node_count; i++) {
        double bytes = 0, span = 0;
        for (size_t t = 1; t < s.sample_count; t++) {
            size_t at = t * s.node_count + i;
            if (s.up[at] != 0 && s.up[at - s.node_count] != 0) {
                bytes += (double)(s.values[at] - s.values[at - s.node_count]);
                span += s.time_s[t] - s.time_s[t - 1];
            }
        }
        if (span > 0) {
            means[(*count)++] = bytes / span;
        }
    }
    series_free(&s);
    values_sort(means, *count);
    return means;
}

static void cumulated_write(struct figure *figure, const double *sorted, size_t count)
{
    fputs("kB_per_s\tnodes_percent\n", figure->data);
    for (size_t i = 0; i < count; i++) {
        fprintf(figure->data, "%.6g\t%.6g\n", sorted[i] / 1000,
                100 * (double)(i + 1) / (double)count);
    }
}

bool figure_traffic_nodes(struct figure *figure)
{
    size_t sent_count, received_count;
    double *sent = node_means(&sent_count, figure->runs[0], "bytes_sent");
    double *received = node_means(&received_count, figure->runs[0], "bytes_received");
    bool drawn = sent_count > 1 && received_count > 1;

    if (drawn) {
        cumulated_write(figure, sent, sent_count);
        figure_data_next(figure);
        cumulated_write(figure, received, received_count);
        double top = fmax(sent[sent_count - 1], received[received_count - 1]) / 1000;
        double bulk =
            fmax(quantile_of(sent, sent_count, 0.99), quantile_of(received, received_count, 0.99)) /
            1000;
        fprintf(figure->script,
                "set xlabel 'mean rate while up (kB/s)'\nset ylabel 'nodes (%%)'\n"
                "set xrange [0:%.9g]\nset yrange [0:100]\n"
                "plot '%s' index 0 skip 1 using 1:2 with steps lw 2 lc rgb '%s' t 'sent', \\\n"
                "     '' index 1 skip 1 using 1:2 with steps lw 2 lc rgb '%s' t 'received'\n",
                top > 0 ? 1.05 * fmin(top, 2 * bulk) : 1, figure->file, FIGURE_BLUE, FIGURE_ORANGE);
        snprintf(figure->caption, sizeof(figure->caption),
                 "Nodes by their mean traffic: so many send or receive no more than this. The "
                 "median node sends %.3g kB/s, the busiest %.3g kB/s.",
                 quantile_of(sent, sent_count, 0.5) / 1000, sent[sent_count - 1] / 1000);
    }
    free(sent);
    free(received);
    return drawn;
}

#define JOINERS_MAX 12

/* Height over time of the first nodes that start only once the run has begun. */
static size_t joiners_write(struct figure *figure, const struct series *s, double *from_s,
                            double *to_s)
{
    size_t found = 0;

    *from_s = INFINITY;
    *to_s = 0;

    for (size_t i = 0; i < s->node_count && found < JOINERS_MAX; i++) {
        size_t first = 0;
        while (first < s->sample_count && s->up[first * s->node_count + i] == 0) {
            first++;
        }
        if (first < 2 || first + 2 > s->sample_count) {
            continue;
        }
        found++;
        *from_s = fmin(*from_s, s->time_s[first - 1]);
        *to_s = fmax(*to_s, s->time_s[first]);
        figure_data_next(figure);
        fprintf(figure->data, "time_%s\theight\tnode\n", figure->time_unit);
        for (size_t t = first - 1; t < s->sample_count; t++) {
            fprintf(figure->data, "%.9g\t%llu\t%zu\n", s->time_s[t] / figure->time_unit_s,
                    (unsigned long long)s->values[t * s->node_count + i], i);
        }
    }
    return found;
}

bool figure_joiners(struct figure *figure)
{
    struct series s;

    if (!series_read(&s, figure->runs[0], "height")) {
        return false;
    }
    if (s.sample_count < 4) {
        series_free(&s);
        return false;
    }
    fprintf(figure->data, "time_%s\thighest\n", figure->time_unit);
    for (size_t t = 0; t < s.sample_count; t++) {
        fprintf(figure->data, "%.9g\t%.0f\n", s.time_s[t] / figure->time_unit_s, series_max(&s, t));
    }
    double from, to;
    size_t found = joiners_write(figure, &s, &from, &to);
    double pad = 0.2 * (to - from) + 5 * (s.time_s[1] - s.time_s[0]);
    series_free(&s);
    figure_time_axis(figure);
    fprintf(figure->script, "set xrange [%.9g:%.9g]\n", fmax(0, from - pad) / figure->time_unit_s,
            fmin(figure->runs[0]->end_s, to + pad) / figure->time_unit_s);
    figure_faults(figure);
    fprintf(figure->script,
            "set ylabel 'height (blocks)'\nset yrange [0:*]\n"
            "plot '%s' index 0 skip 1 using 1:2 with lines lw 2 lc rgb '%s' t 'highest tip', \\\n"
            "     for [i=1:%zu] '' index i skip 1 using 1:2 with lines lw 1.5 lc rgb '%s' "
            "t (i == 1 ? 'nodes that join' : '')\n",
            figure->file, FIGURE_BLUE, found, FIGURE_ORANGE);
    snprintf(figure->caption, sizeof(figure->caption),
             "Nodes that start once the run has begun (%zu, at most %d are drawn), catching up.",
             found, JOINERS_MAX);
    return found > 0;
}
