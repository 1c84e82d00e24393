/* How long things take: propagation, finality, transactions. */
#include <math.h>
#include <stdlib.h>

#include "analysis/figures.h"
#include "analysis/spread.h"
#include "analysis/statistics.h"

/* The band lies between two curves of time, so its outline goes up one and down the other. What
 * would never arrive lies beyond the edge. */
static void outline_write(struct figure *figure, const struct spread *spread, double edge_s)
{
    fputs("outline_s\tnodes_percent\n", figure->data);
    for (size_t i = 0; i < SPREAD_LEVELS; i++) {
        fprintf(figure->data, "%.9g\t%zu\n", fmin(spread->low_s[i], 2 * edge_s), i + 1);
    }
    for (size_t i = SPREAD_LEVELS; i-- > 0;) {
        fprintf(figure->data, "%.9g\t%zu\n", fmin(spread->high_s[i], 2 * edge_s), i + 1);
    }
}

bool figure_propagation(struct figure *figure)
{
    struct blocks blocks;
    struct spread spread;
    double slow = 0, edge = 0;

    blocks_read(&blocks, figure->runs[0]);
    bool read = spread_read(&spread, figure->runs[0], &blocks);
    blocks_free(&blocks);
    if (!read) {
        return false;
    }
    fputs("nodes_percent\tp10_s\tp50_s\tp90_s\n", figure->data);
    for (size_t i = 0; i < SPREAD_LEVELS; i++) {
        fprintf(figure->data, "%zu\t%.9g\t%.9g\t%.9g\n", i + 1, spread.low_s[i], spread.middle_s[i],
                spread.high_s[i]);
        slow = isfinite(spread.high_s[i]) ? fmax(slow, spread.high_s[i]) : INFINITY;
        edge = isfinite(spread.middle_s[i]) ? fmax(edge, spread.middle_s[i]) : edge;
    }
    edge = fmax(1.05 * fmin(slow, 2.5 * edge), 1e-3);
    figure_data_next(figure);
    outline_write(figure, &spread, edge);
    fprintf(figure->script,
            "set xlabel 'time since the block was signed (s)'\n"
            "set ylabel 'nodes that have the block (%%)'\n"
            "set xrange [0:%.9g]\nset yrange [0:100]\n"
            "plot '%s' index 1 skip 1 using 1:2 with filledcurves closed lc rgb '%s' fs solid 0.6 "
            "t 'middle 80 %% of blocks', \\\n"
            "     '' index 0 skip 1 using 3:1 with lines lw 2 lc rgb '%s' t 'median block'\n",
            edge, figure->file, FIGURE_PALE, FIGURE_BLUE);
    snprintf(figure->caption, sizeof(figure->caption),
             "Share of the nodes that were up when a block was signed and have it so much later, "
             "over %zu blocks. The median block reaches half of them in %.3g s and 90 %% in %.3g "
             "s.",
             spread.blocks, spread.middle_s[49], spread.middle_s[89]);
    return true;
}

static void finality_plot(struct figure *figure, double least, double most)
{
    figure_time_axis(figure);
    figure_faults(figure);
    if (most > 20 * least) {
        fputs("set logscale y\n", figure->script);
    } else {
        fputs("set yrange [0:*]\n", figure->script);
    }
    fprintf(figure->script,
            "set xlabel 'time at which the checkpoint block was signed (%s)'\n"
            "set ylabel 'time until final (s)'\n"
            "plot '%s' skip 1 using 1:3 with points pt 7 ps 0.45 lc rgb '%s' "
            "t 'half of the nodes', \\\n"
            "     '' skip 1 using 1:2 with points pt 7 ps 0.3 lc rgb '%s' t 'first node'\n",
            figure->time_unit, figure->file, FIGURE_BLUE, FIGURE_ORANGE);
}

bool figure_finality(struct figure *figure)
{
    struct blocks blocks;
    size_t count, late = 0;
    double least = INFINITY, most = 0;

    blocks_read(&blocks, figure->runs[0]);
    struct ripe *list = ripe_read(&count, figure->runs[0], &blocks);
    blocks_free(&blocks);
    fprintf(figure->data, "signed_%s\tfirst_s\tmiddle_s\tinstance\theight\tround\n",
            figure->time_unit);
    for (size_t i = 0; i < count; i++) {
        const struct ripe *r = &list[i];
        double first = r->first_s - r->signed_s;
        double middle = r->middle_s - r->signed_s;
        fprintf(figure->data, "%.9g\t%.9g\t%.9g\t%llu\t%llu\t%llu\n",
                r->signed_s / figure->time_unit_s, first, middle, (unsigned long long)r->instance,
                (unsigned long long)r->height, (unsigned long long)r->round);
        least = first > 0 ? fmin(least, first) : least;
        most = fmax(most, isnan(middle) ? first : middle);
        late += r->round > 0;
    }
    free(list);
    if (count < 2) {
        return false;
    }
    finality_plot(figure, least, most);
    snprintf(figure->caption, sizeof(figure->caption),
             "%zu checkpoints, from the signing of their block to the decision of the first node "
             "and of half of the nodes. %zu took more than one round.",
             count, late);
    return true;
}

static void latencies_write(struct figure *figure, const double *sorted, size_t count)
{
    fputs("latency_s\tpercent\n", figure->data);
    size_t step = count / 1000 + 1;
    for (size_t i = 0; i < count; i += step) {
        fprintf(figure->data, "%.9g\t%.6g\n", sorted[i], 100 * (double)(i + 1) / (double)count);
    }
    if (count > 0) {
        fprintf(figure->data, "%.9g\t100\n", sorted[count - 1]);
    }
}

bool figure_transactions(struct figure *figure)
{
    size_t included, finals;
    double *in = latencies_read(&included, figure->runs[0], "tx_included");
    double *final = latencies_read(&finals, figure->runs[0], "tx_finalized");
    bool drawn = included >= 5;

    if (drawn) {
        latencies_write(figure, in, included);
        figure_data_next(figure);
        latencies_write(figure, final, finals);
        double top = fmax(quantile_of(in, included, 0.99),
                          finals > 0 ? quantile_of(final, finals, 0.99) : 0);
        fprintf(figure->script,
                "set xlabel 'time since submission (s)'\nset ylabel 'transactions (%%)'\n"
                "set xrange [0:%.9g]\nset yrange [0:100]\n"
                "plot '%s' index 0 skip 1 using 1:2 with steps lw 2 lc rgb '%s' "
                "t 'in a block of the best chain'",
                top > 0 ? 1.05 * top : 1, figure->file, FIGURE_BLUE);
        if (finals > 0) {
            fprintf(figure->script,
                    ", \\\n     '' index 1 skip 1 using 1:2 with steps lw 2 lc rgb '%s' t 'final'",
                    FIGURE_ORANGE);
        }
        fputc('\n', figure->script);
        snprintf(figure->caption, sizeof(figure->caption),
                 "%zu transactions were included, half of them within %.3g s; %zu became final%s.",
                 included, quantile_of(in, included, 0.5), finals, finals > 0 ? "" : " (no curve)");
        if (finals > 0) {
            size_t used = strlen(figure->caption);
            snprintf(figure->caption + used - 1, sizeof(figure->caption) - used,
                     ", half of them within %.3g s.", quantile_of(final, finals, 0.5));
        }
    }
    free(in);
    free(final);
    return drawn;
}
