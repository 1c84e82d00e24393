/* Traces of all threads, brought into the one order (time, node, count of the node) that does not
 * depend on threads. */
#include <stdlib.h>

#include "sim/world/internal.h"

static void rows_grow(struct worker *worker)
{
    worker->row_capacity = worker->row_capacity == 0 ? 4096 : 2 * worker->row_capacity;
    worker->rows = realloc(worker->rows, worker->row_capacity * sizeof(*worker->rows));
    invariant(worker->rows != NULL);
}

/* What the summary and the series need, caught as it passes. */
static void host_notes(struct world *w, unsigned thread, struct host *h, uint32_t kind,
                       const uint64_t *values)
{
    struct worker *worker = &w->workers[thread];

    switch (kind) {
    case TRACE_tip_changed:
        h->height = values[0];
        worker->reorgs += values[2] > 0;
        break;
    case TRACE_checkpoint_decided:
        h->final_height = values[1];
        break;
    case TRACE_block_produced:
        worker->blocks++;
        break;
    case TRACE_tx_submitted:
        worker->txs_submitted++;
        break;
    case TRACE_tx_included:
        worker->txs_included++;
        break;
    default:
        break;
    }
}

void trace_add(struct world *w, unsigned thread, uint32_t index, uint64_t now_ns, uint32_t kind,
               const uint64_t *values)
{
    struct worker *worker = &w->workers[thread];

    if (worker->row_count == worker->row_capacity) {
        rows_grow(worker);
    }
    struct trace_row *row = &worker->rows[worker->row_count++];
    *row = (struct trace_row){
        .time_ns = now_ns, .node = index, .kind = kind, .count = w->hosts[index].trace_count++};
    memcpy(row->value, values, sizeof(row->value));
    host_notes(w, thread, &w->hosts[index], kind, values);
    transcript_trace(w, row);
}

static int row_order(const void *a, const void *b)
{
    const struct trace_row *x = a;
    const struct trace_row *y = b;

    if (x->time_ns != y->time_ns) {
        return x->time_ns < y->time_ns ? -1 : 1;
    }
    if (x->node != y->node) {
        return x->node < y->node ? -1 : 1;
    }
    return x->count < y->count ? -1 : x->count > y->count;
}

void trace_flush(struct world *w)
{
    size_t total = 0;

    for (unsigned t = 0; t < w->lanes; t++) {
        total += w->workers[t].row_count;
    }
    if (total == 0) {
        return;
    }
    if (total > w->merged_capacity) {
        w->merged_capacity = 2 * total;
        free(w->merged);
        w->merged = malloc(w->merged_capacity * sizeof(*w->merged));
        invariant(w->merged != NULL);
    }
    size_t n = 0;
    for (unsigned t = 0; t < w->lanes; t++) {
        if (w->workers[t].row_count == 0) {
            continue; /* it may have made none yet, and then has no rows to copy from */
        }
        memcpy(w->merged + n, w->workers[t].rows, w->workers[t].row_count * sizeof(*w->merged));
        n += w->workers[t].row_count;
        w->workers[t].row_count = 0;
    }
    qsort(w->merged, n, sizeof(*w->merged), row_order);
    trust_rows(w, w->merged, n);
    checks_rows(w->checks, w->merged, n);
    metrics_rows(w->metrics, w->merged, n);
    if (w->options.rows != NULL) {
        w->options.rows(w->options.rows_arg, w->merged, n);
    }
    if (w->options.record != NULL && !w->record_failed &&
        record_trace(w->options.record, w->merged, n) != ERR_OK) {
        w->record_failed = true;
    }
}
