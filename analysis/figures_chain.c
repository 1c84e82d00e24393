/* What the chain does: intervals, forks, heights, shares. */
#include <math.h>
#include <stdlib.h>

#include "analysis/blocks.h"
#include "analysis/figures.h"
#include "analysis/series.h"
#include "analysis/statistics.h"
#include "node/base/invariant.h"

static double *intervals_of(size_t *count, const struct run *run, const struct blocks *blocks)
{
    double *gaps = calloc(blocks->count + 1, sizeof(*gaps));

    invariant(gaps != NULL);
    *count = 0;
    for (size_t i = 0; i < blocks->count; i++) {
        const struct block *b = &blocks->list[i];
        size_t parent = b->on_chain ? blocks_find(blocks, b->parent) : BLOCK_NONE;
        if (parent != BLOCK_NONE && blocks->list[parent].time_s >= run->warmup_s) {
            gaps[(*count)++] = b->time_s - blocks->list[parent].time_s;
        }
    }
    values_sort(gaps, *count);
    return gaps;
}

static double mean_of(const double *values, size_t count)
{
    double sum = 0;

    for (size_t i = 0; i < count; i++) {
        sum += values[i];
    }
    return sum / (double)count;
}

/* A bin width of 1, 2 or 5 times a power of ten that gives about `bins` bins. */
static double nice_width(double span, double bins)
{
    double raw = span / bins;
    double power = pow(10, floor(log10(raw)));
    double lead = raw / power;

    return power * (lead < 1.5 ? 1 : lead < 3.5 ? 2 : lead < 7.5 ? 5 : 10);
}

bool figure_intervals(struct figure *figure)
{
    struct blocks blocks;
    size_t count;

    blocks_read(&blocks, figure->runs[0]);
    double *gaps = intervals_of(&count, figure->runs[0], &blocks);
    blocks_free(&blocks);
    if (count < 10) {
        free(gaps);
        return false;
    }
    double mean = mean_of(gaps, count);
    double top = gaps[count - 1];
    double width = nice_width(quantile_of(gaps, count, 0.99), count > 2000 ? 60 : 30);
    fputs("from_s\tto_s\tblocks\texponential_law\n", figure->data);
    size_t next = 0;
    for (double low = 0; low <= top; low += width) {
        size_t in = 0;
        for (; next < count && gaps[next] < low + width; next++) {
            in++;
        }
        fprintf(figure->data, "%.9g\t%.9g\t%zu\t%.9g\n", low, low + width, in,
                (double)count * (exp(-low / mean) - exp(-(low + width) / mean)));
    }
    fprintf(figure->script,
            "set xlabel 'time between blocks (s)'\nset ylabel 'blocks'\n"
            "set xrange [0:%.9g]\nset yrange [0:*]\n"
            "plot '%s' skip 1 using (($1+$2)/2):3:(%.9g) with boxes lc rgb '%s' t 'blocks', \\\n"
            "     '' skip 1 using (($1+$2)/2):4 with lines lw 2 lc rgb '%s' t 'exponential law, "
            "same mean'\n",
            fmin(top, 1.25 * quantile_of(gaps, count, 0.995)) + width, figure->file, width * 0.92,
            FIGURE_BLUE, FIGURE_ORANGE);
    snprintf(
        figure->caption, sizeof(figure->caption),
        "Time between a block of the chain and the one before it, %zu pairs after the warm-up. "
        "Mean %.3g s, median %.3g s, 90 %% within %.3g s, longest %.3g s.",
        count, mean, quantile_of(gaps, count, 0.5), quantile_of(gaps, count, 0.9), top);
    free(gaps);
    return true;
}

bool figure_forks(struct figure *figure)
{
    struct blocks blocks;
    const struct run *run = figure->runs[0];

    blocks_read(&blocks, run);
    if (blocks.count < 2 || run->end_s <= 0) {
        blocks_free(&blocks);
        return false;
    }
    double width = nice_width(run->end_s / figure->time_unit_s, 36);
    size_t left = 0, next = 0;
    fprintf(figure->data, "from_%s\tto_%s\ton_chain\tleft\tfork_rate\n", figure->time_unit,
            figure->time_unit);
    for (double low = 0; low < run->end_s / figure->time_unit_s; low += width) {
        size_t on = 0, off = 0;
        for (;
             next < blocks.count && blocks.list[next].time_s < (low + width) * figure->time_unit_s;
             next++) {
            on += blocks.list[next].on_chain;
            off += !blocks.list[next].on_chain;
        }
        left += off;
        fprintf(figure->data, "%.9g\t%.9g\t%zu\t%zu\t", low, low + width, on, off);
        fprintf(figure->data, on + off > 0 ? "%.6g\n" : "nan\n",
                (double)off / (double)(on + off > 0 ? on + off : 1));
    }
    figure_time_axis(figure);
    figure_faults(figure);
    fprintf(figure->script,
            "set ylabel 'blocks per %g %s'\nset yrange [0:*]\n"
            "plot '%s' skip 1 using (($1+$2)/2):($3+$4):(%.9g) with boxes fs solid 0.9 "
            "lc rgb '%s' t 'left behind', \\\n"
            "     '' skip 1 using (($1+$2)/2):3:(%.9g) with boxes fs solid 1 lc rgb '%s' "
            "t 'on the chain'\n",
            width, figure->time_unit, figure->file, width * 0.9, FIGURE_ORANGE, width * 0.9,
            FIGURE_PALE);
    snprintf(
        figure->caption, sizeof(figure->caption),
        "Blocks signed, by whether they are on the chain when the run ends: %zu of %zu are not "
        "(fork rate %.2g %%).",
        left, blocks.count, 100 * (double)left / (double)blocks.count);
    blocks_free(&blocks);
    return true;
}

/* For each sample: highest tip and checkpoint, and the middle 80 % of nodes' tips. */
static bool heights_write(struct figure *figure, double *gap_max, double *final_max)
{
    struct series heights, finals;
    const struct run *run = figure->runs[0];

    if (!series_read(&heights, run, "height") || !series_read(&finals, run, "final_height")) {
        return false;
    }
    double *sorted = calloc(heights.node_count + 1, sizeof(*sorted));
    invariant(sorted != NULL);
    fprintf(figure->data, "time_%s\thighest\tfinal\tgap\tp10\tp50\tp90\n", figure->time_unit);
    for (size_t t = 0; t < heights.sample_count; t++) {
        size_t n = series_up(sorted, &heights, t);
        double top = series_max(&heights, t);
        double final = series_max(&finals, t);
        double low = n > 0 ? quantile_of(sorted, n, 0.1) : NAN;
        double middle = n > 0 ? quantile_of(sorted, n, 0.5) : NAN;
        double high = n > 0 ? quantile_of(sorted, n, 0.9) : NAN;
        *gap_max = fmax(*gap_max, top - final);
        *final_max = fmax(*final_max, final);
        fprintf(figure->data, "%.9g\t%.0f\t%.0f\t%.0f\t%.9g\t%.9g\t%.9g\n",
                heights.time_s[t] / figure->time_unit_s, top, final, top - final, low, middle,
                high);
    }
    free(sorted);
    series_free(&heights);
    series_free(&finals);
    return true;
}

/* Without finality there is one panel. */
static void heights_plot_alone(struct figure *figure)
{
    fprintf(figure->script,
            "set ylabel 'height (blocks)'\nset yrange [0:*]\n"
            "plot '%s' skip 1 using 1:5:7 with filledcurves lc rgb '%s' fs solid 0.6 "
            "t 'middle 80 %% of tips', \\\n"
            "     '' skip 1 using 1:2 with lines lw 2 lc rgb '%s' t 'highest tip'\n",
            figure->file, FIGURE_PALE, FIGURE_BLUE);
    snprintf(figure->caption, sizeof(figure->caption),
             "The chain as nodes have it. Nothing became final.");
}

static void heights_plot(struct figure *figure, double gap_max)
{
    fprintf(figure->script,
            "set terminal svg size 760,560 dynamic noenhanced font 'sans,12' background 'white'\n"
            "set output '%s.svg'\nset multiplot\n"
            "set lmargin at screen 0.1\nset rmargin at screen 0.97\n"
            "set tmargin at screen 0.94\nset bmargin at screen 0.53\n"
            "unset xlabel\nset format x ''\nset key at screen 0.54,0.475 center horizontal maxrows "
            "1\nset "
            "ylabel 'height (blocks)'\n"
            "set yrange [0:*]\n"
            "plot '%s' skip 1 using 1:5:7 with filledcurves lc rgb '%s' fs solid 0.6 "
            "t 'middle 80 %% of tips', \\\n"
            "     '' skip 1 using 1:2 with lines lw 2 lc rgb '%s' t 'highest tip', \\\n"
            "     '' skip 1 using 1:3 with steps lw 2 lc rgb '%s' t 'highest checkpoint'\n",
            figure->name, figure->file, FIGURE_PALE, FIGURE_BLUE, FIGURE_ORANGE);
    /* The labels of the bands stand above the upper panel only. */
    fputs("unset label\nset tmargin at screen 0.43\nset bmargin at screen 0.12\nset format x\n",
          figure->script);
    figure_time_axis(figure);
    fprintf(figure->script,
            "set ylabel 'not final (blocks)'\nunset key\n"
            "plot '%s' skip 1 using 1:4 with fillsteps lc rgb '%s' fs solid 0.25, \\\n"
            "     '' skip 1 using 1:4 with steps lw 1.5 lc rgb '%s'\n"
            "unset multiplot\n",
            figure->file, FIGURE_ORANGE, FIGURE_ORANGE);
    snprintf(figure->caption, sizeof(figure->caption),
             "The chain and its final part. Below: blocks of the highest tip that are not final "
             "yet, at most %.0f. While finality stands still the chain grows on, and the gap with "
             "it.",
             gap_max);
}

bool figure_heights(struct figure *figure)
{
    double gap_max = 0, final_max = 0;

    if (!heights_write(figure, &gap_max, &final_max)) {
        return false;
    }
    figure_time_axis(figure);
    figure_faults(figure);
    if (final_max == 0) {
        heights_plot_alone(figure);
    } else {
        heights_plot(figure, gap_max);
    }
    return true;
}

struct share {
    double stake, blocks;
};

static struct share *shares_of(size_t *count, double *total, const struct run *run)
{
    size_t rows;
    struct blocks blocks;
    uint64_t *stake = run_column(run, &rows, "nodes", "stake");
    struct share *shares = calloc(rows + 1, sizeof(*shares));
    double all = 0;

    invariant(shares != NULL);
    *total = 0;
    blocks_read(&blocks, run);
    for (size_t i = 0; i < rows; i++) {
        shares[i].stake = (double)stake[i];
        all += (double)stake[i];
    }
    for (size_t i = 0; i < blocks.count; i++) {
        const struct block *b = &blocks.list[i];
        if (b->on_chain && b->time_s >= run->warmup_s && b->producer < rows) {
            shares[b->producer].blocks += 1;
            *total += 1;
        }
    }
    *count = 0;
    for (size_t i = 0; i < rows; i++) {
        if (shares[i].stake > 0) {
            shares[*count] = shares[i];
            shares[(*count)++].stake /= all;
        }
    }
    blocks_free(&blocks);
    free(stake);
    return shares;
}

static double shares_p(const struct share *shares, size_t count)
{
    double *blocks = calloc(count + 1, sizeof(*blocks));
    double *stake = calloc(count + 1, sizeof(*stake));

    invariant(blocks != NULL && stake != NULL);
    for (size_t i = 0; i < count; i++) {
        blocks[i] = shares[i].blocks;
        stake[i] = shares[i].stake;
    }
    double p = chi_square_p(blocks, stake, count);
    free(blocks);
    free(stake);
    return p;
}

bool figure_shares(struct figure *figure)
{
    size_t count, outside = 0;
    double total, top = 0, low = 1, high = 0;
    struct share *shares = shares_of(&count, &total, figure->runs[0]);

    if (count < 2 || total < 20) {
        free(shares);
        return false;
    }
    fputs("stake_share\tblock_share\tstandard_error\n", figure->data);
    for (size_t i = 0; i < count; i++) {
        double p = shares[i].stake;
        double se = sqrt(p * (1 - p) / total);
        fprintf(figure->data, "%.9g\t%.9g\t%.9g\n", p, shares[i].blocks / total, se);
        outside += fabs(shares[i].blocks / total - p) > 2 * se;
        top = fmax(top, fmax(p + 3 * se, shares[i].blocks / total));
        low = fmin(low, p);
        high = fmax(high, p);
    }
    if (low == high) {
        low *= 0.9;
        high *= 1.1;
    }
    double pad = 0.05 * (high - low);
    fprintf(figure->script,
            "n = %.0f\nset samples 400\nse(p) = sqrt(p * (1 - p) / n)\n"
            "set xlabel 'share of stake (%%)'\nset ylabel 'share of blocks (%%)'\n"
            "set xrange [%.9g:%.9g]\nset yrange [0:%.9g]\n"
            "set style fill solid 0.25 noborder\n"
            "plot '+' using 1:(100*($1/100-2*se($1/100)) > 0 ? $1-200*se($1/100) : 0):"
            "($1+200*se($1/100)) with filledcurves lc rgb '%s' "
            "t '2 standard errors', \\\n"
            "     x with lines lw 1.5 lc rgb '%s' t 'in proportion', \\\n"
            "     '%s' skip 1 using (100*$1):(100*$2) with points pt 7 ps 0.5 lc rgb '%s' "
            "t 'producers'\n",
            total, 100 * fmax(0, low - pad), 100 * (high + pad), 105 * top, FIGURE_PALE,
            FIGURE_GREY, figure->file, FIGURE_BLUE);
    snprintf(figure->caption, sizeof(figure->caption),
             "Each producer's share of the %.0f blocks of the chain after the warm-up, against its "
             "share of stake at the start. In proportion, 1 in 20 lies outside the band: here %zu "
             "of %zu. Chi-square test of proportion: p = %.2g.",
             total, outside, count, shares_p(shares, count));
    free(shares);
    return true;
}
