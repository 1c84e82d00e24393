/* Statistics across seeds as text. */
#include <math.h>
#include <stdlib.h>

#include "analysis/report.h"
#include "analysis/statistics.h"
#include "node/base/invariant.h"

/* One value per run that has the metric. */
static size_t values_of(double *values, const struct run *const *runs, size_t run_count,
                        const char *name)
{
    size_t n = 0;

    for (size_t i = 0; i < run_count; i++) {
        const struct run_metric *metric = run_metric(runs[i], name);
        if (metric != NULL) {
            values[n++] = metric->value;
        }
    }
    return n;
}

/* The run with the most numbers lists them all. */
static const struct run *fullest(const struct run *const *runs, size_t run_count)
{
    const struct run *best = runs[0];

    for (size_t i = 1; i < run_count; i++) {
        best = runs[i]->metric_count > best->metric_count ? runs[i] : best;
    }
    return best;
}

void statistics_print(FILE *out, const struct run *const *runs, size_t run_count)
{
    double *values = calloc(run_count + 1, sizeof(*values));
    const struct run *names = fullest(runs, run_count);

    invariant(values != NULL);
    fprintf(out, "# scenario\t%s\n# revision\t%s\n# seeds\t%zu:", runs[0]->name, runs[0]->revision,
            run_count);
    for (size_t i = 0; i < run_count; i++) {
        fprintf(out, " %llu%s", (unsigned long long)runs[i]->seed,
                runs[i]->complete ? "" : " (incomplete)");
    }
    fprintf(out, "\n%-26s %-7s %5s %12s %12s %12s %12s %12s %12s\n", "metric", "unit", "seeds",
            "mean", "sd", "t low", "t high", "boot low", "boot high");
    for (size_t m = 0; m < names->metric_count; m++) {
        const struct run_metric *metric = &names->metrics[m];
        size_t n = values_of(values, runs, run_count, metric->name);
        struct estimate e = estimate_of(values, n);
        fprintf(out, "%-26s %-7s %5zu %12.6g", metric->name, metric->unit, n, e.mean);
        if (n > 1) {
            fprintf(out, " %12.6g %12.6g %12.6g %12.6g %12.6g\n", e.sd, e.t_low, e.t_high,
                    e.boot_low, e.boot_high);
        } else {
            fprintf(out, " %12s %12s %12s %12s %12s\n", "-", "-", "-", "-", "-");
        }
    }
    free(values);
}

static void estimate_print(FILE *out, const struct estimate *e)
{
    if (e->count < 2) {
        fprintf(out, "%12.6g %25s ", e->mean, "-");
    } else {
        fprintf(out, "%12.6g [%11.5g,%11.5g] ", e->mean, e->t_low, e->t_high);
    }
}

void statistics_compare(FILE *out, const struct run *const *a, size_t a_count,
                        const struct run *const *b, size_t b_count)
{
    double *values = calloc(a_count + b_count + 1, sizeof(*values));
    const struct run *names = fullest(a, a_count);

    invariant(values != NULL);
    fprintf(out, "# A\t%s, %zu seeds\n# B\t%s, %zu seeds\n", a[0]->name, a_count, b[0]->name,
            b_count);
    fprintf(out, "%-26s %-7s %12s %25s %12s %25s %6s  %s\n", "metric", "unit", "A", "95 % interval",
            "B", "95 % interval", "KS p", "verdict");
    for (size_t m = 0; m < names->metric_count; m++) {
        const struct run_metric *metric = &names->metrics[m];
        size_t n = values_of(values, a, a_count, metric->name);
        struct estimate x = n > 0 ? estimate_of(values, n) : (struct estimate){0};
        size_t k = values_of(values + n, b, b_count, metric->name);
        if (k == 0 || n == 0) {
            continue;
        }
        struct estimate y = estimate_of(values + n, k);
        const char *verdict = n < 2 || k < 2             ? "too few seeds"
                              : estimate_differs(&x, &y) ? (x.mean < y.mean ? "A < B" : "A > B")
                                                         : "not different (intervals overlap)";
        values_sort(values, n);
        values_sort(values + n, k);
        double p = ks_p(ks_distance(values, n, values + n, k), n, k);
        fprintf(out, "%-26s %-7s ", metric->name, metric->unit);
        estimate_print(out, &x);
        estimate_print(out, &y);
        if (n < 2 || k < 2) {
            fprintf(out, "%6s  %s\n", "-", verdict);
        } else {
            fprintf(out, "%6.3f  %s\n", p, verdict);
        }
    }
    free(values);
}
