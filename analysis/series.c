#include "analysis/series.h"

#include <stdlib.h>

#include "analysis/statistics.h"
#include "node/base/invariant.h"

bool series_read(struct series *s, const struct run *run, const char *column)
{
    size_t rows;

    *s = (struct series){.node_count = run->node_count};
    double *times = run_seconds(run, &rows, "series", "time");
    s->sample_count = run->node_count > 0 ? rows / run->node_count : 0;
    s->time_s = calloc(s->sample_count + 1, sizeof(*s->time_s));
    invariant(s->time_s != NULL);
    for (size_t t = 0; t < s->sample_count; t++) {
        s->time_s[t] = times[t * s->node_count];
    }
    free(times);
    s->values = run_column(run, &rows, "series", column);
    s->up = run_column(run, &rows, "series", "up");
    if (s->sample_count == 0) {
        series_free(s);
        return false;
    }
    return true;
}

void series_free(struct series *s)
{
    free(s->time_s);
    free(s->values);
    free(s->up);
    *s = (struct series){0};
}

size_t series_up(double *sorted, const struct series *s, size_t t)
{
    size_t n = 0;

    for (size_t i = t * s->node_count; i < (t + 1) * s->node_count; i++) {
        sorted[n] = (double)s->values[i];
        n += s->up[i] != 0;
    }
    values_sort(sorted, n);
    return n;
}

size_t series_rates(double *sorted, const struct series *s, size_t t, size_t back)
{
    size_t n = 0;
    double span = s->time_s[t] - s->time_s[t - back];

    for (size_t i = t * s->node_count; i < (t + 1) * s->node_count; i++) {
        uint64_t before = s->values[i - back * s->node_count];
        sorted[n] = (double)(s->values[i] - before) / span;
        n += s->up[i] != 0 && s->values[i] >= before;
    }
    values_sort(sorted, n);
    return n;
}

double series_max(const struct series *s, size_t t)
{
    uint64_t most = 0;

    for (size_t i = t * s->node_count; i < (t + 1) * s->node_count; i++) {
        most = s->values[i] > most ? s->values[i] : most;
    }
    return (double)most;
}
