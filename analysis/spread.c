#include "analysis/spread.h"

#include <math.h>
#include <stdlib.h>

#include "analysis/statistics.h"
#include "node/base/invariant.h"

static void *zeroed(size_t count, size_t bytes)
{
    void *memory = calloc(count + 1, bytes);

    invariant(memory != NULL);
    return memory;
}

/* Who was up when, walked forward in time. */
struct lives {
    double *up_s, *down_s;
    uint64_t *up_node, *down_node;
    size_t ups, downs, next_up, next_down;
    double *since_s; /* of each node; NaN: down */
    size_t node_count, alive;
};

static void lives_open(struct lives *l, const struct run *run)
{
    *l = (struct lives){.node_count = run->node_count};
    l->up_s = run_seconds(run, &l->ups, "node_up", "time");
    l->up_node = run_column(run, &l->ups, "node_up", "node");
    l->down_s = run_seconds(run, &l->downs, "node_down", "time");
    l->down_node = run_column(run, &l->downs, "node_down", "node");
    l->since_s = zeroed(run->node_count, sizeof(double));
    l->alive = l->ups > 0 ? 0 : run->node_count;
    for (size_t i = 0; i < run->node_count && l->ups > 0; i++) {
        l->since_s[i] = NAN;
    }
}

static void lives_walk(struct lives *l, double to_s)
{
    for (;;) {
        bool up = l->next_up < l->ups && l->up_s[l->next_up] <= to_s;
        bool down = l->next_down < l->downs && l->down_s[l->next_down] <= to_s;
        if (up && (!down || l->up_s[l->next_up] < l->down_s[l->next_down])) {
            size_t node = l->up_node[l->next_up];
            l->alive += isnan(l->since_s[node]) ? 1 : 0;
            l->since_s[node] = l->up_s[l->next_up++];
        } else if (down) {
            size_t node = l->down_node[l->next_down++];
            l->alive -= isnan(l->since_s[node]) ? 0 : 1;
            l->since_s[node] = NAN;
        } else {
            return;
        }
    }
}

static void lives_close(struct lives *l)
{
    free(l->up_s);
    free(l->up_node);
    free(l->down_s);
    free(l->down_node);
    free(l->since_s);
}

/* Nodes up when each block was signed. */
static size_t *block_audience(const struct run *run, const struct blocks *blocks)
{
    struct lives lives;
    size_t *alive = zeroed(blocks->count, sizeof(*alive));

    lives_open(&lives, run);
    for (size_t i = 0; i < blocks->count; i++) {
        lives_walk(&lives, blocks->list[i].time_s);
        alive[i] = lives.alive > 0 ? lives.alive : 1;
    }
    lives_close(&lives);
    return alive;
}

/* Calls back in the order of time for each reception by a node that was up since the signing. */
struct receptions {
    const struct blocks *blocks;
    size_t *alive, *reached;
    double (*delay)[SPREAD_LEVELS]; /* of each block */
};

static void reached(struct receptions *r, size_t block, double delay_s)
{
    size_t before = r->reached[block]++ * SPREAD_LEVELS / r->alive[block];
    size_t after = r->reached[block] * SPREAD_LEVELS / r->alive[block];

    for (size_t level = before; level < after && level < SPREAD_LEVELS; level++) {
        r->delay[block][level] = delay_s;
    }
}

static size_t receptions_read(struct receptions *r, const struct run *run)
{
    struct lives lives;
    size_t rows;
    double *times = run_seconds(run, &rows, "block_received", "time");
    uint64_t *nodes = run_column(run, &rows, "block_received", "node");
    uint64_t *ids = run_column(run, &rows, "block_received", "block");

    lives_open(&lives, run);
    for (size_t i = 0; i < rows; i++) {
        size_t block = blocks_find(r->blocks, ids[i]);
        lives_walk(&lives, times[i]);
        if (block != BLOCK_NONE && nodes[i] < run->node_count &&
            r->blocks->list[block].producer != nodes[i] &&
            lives.since_s[nodes[i]] <= r->blocks->list[block].time_s) {
            reached(r, block, times[i] - r->blocks->list[block].time_s);
        }
    }
    lives_close(&lives);
    free(times);
    free(nodes);
    free(ids);
    return rows;
}

/* Of total blocks, those that never got so far are slower than all known ones. */
static double delay_quantile(const double *sorted, size_t known, size_t total, double p)
{
    double at = p * (double)(total - 1);

    if (at > (double)(known - 1)) {
        return INFINITY;
    }
    return quantile_of(sorted, known, known > 1 ? at / (double)(known - 1) : 0);
}

static void levels_reduce(struct spread *spread, const struct receptions *r, double from_s)
{
    double *column = zeroed(r->blocks->count, sizeof(*column));

    for (size_t level = 0; level < SPREAD_LEVELS; level++) {
        size_t n = 0;
        spread->blocks = 0;
        for (size_t i = 0; i < r->blocks->count; i++) {
            if (r->blocks->list[i].time_s >= from_s) {
                spread->blocks++;
                column[n] = r->delay[i][level];
                n += isnan(column[n]) ? 0 : 1;
            }
        }
        values_sort(column, n);
        spread->low_s[level] = n > 0 ? delay_quantile(column, n, spread->blocks, 0.1) : INFINITY;
        spread->middle_s[level] = n > 0 ? delay_quantile(column, n, spread->blocks, 0.5) : INFINITY;
        spread->high_s[level] = n > 0 ? delay_quantile(column, n, spread->blocks, 0.9) : INFINITY;
    }
    free(column);
}

bool spread_read(struct spread *spread, const struct run *run, const struct blocks *blocks)
{
    struct receptions r = {.blocks = blocks,
                           .alive = block_audience(run, blocks),
                           .reached = zeroed(blocks->count, sizeof(*r.reached)),
                           .delay = zeroed(blocks->count, sizeof(*r.delay))};

    for (size_t i = 0; i < blocks->count; i++) {
        for (size_t level = 0; level < SPREAD_LEVELS; level++) {
            r.delay[i][level] = NAN;
        }
        reached(&r, i, 0); /* its producer */
    }
    size_t rows = receptions_read(&r, run);
    levels_reduce(spread, &r, run->warmup_s);
    free(r.alive);
    free(r.reached);
    free(r.delay);
    return rows > 0 && spread->blocks > 0;
}

struct decided {
    struct ripe ripe;
    size_t alive, count;
};

/* Rows come in the order of time, so the first of an instance is the first decision. */
static void decision_note(struct decided *d, const struct lives *lives, uint64_t node,
                          double time_s)
{
    if (d->count == 0 && isnan(d->ripe.first_s)) {
        d->ripe.first_s = time_s;
        d->alive = lives->alive > 0 ? lives->alive : 1;
    }
    d->count += lives->since_s[node] <= d->ripe.first_s;
    if (isnan(d->ripe.middle_s) && 2 * d->count >= d->alive) {
        d->ripe.middle_s = time_s;
    }
}

static int ripe_order(const void *a, const void *b)
{
    const struct ripe *x = a, *y = b;

    return x->instance < y->instance ? -1 : x->instance > y->instance;
}

struct ripe *ripe_read(size_t *count, const struct run *run, const struct blocks *blocks)
{
    size_t rows;
    double *times = run_seconds(run, &rows, "checkpoint_decided", "time");
    uint64_t *nodes = run_column(run, &rows, "checkpoint_decided", "node");
    uint64_t *instances = run_column(run, &rows, "checkpoint_decided", "instance");
    uint64_t *heights = run_column(run, &rows, "checkpoint_decided", "height");
    uint64_t *rounds = run_column(run, &rows, "checkpoint_decided", "round");
    uint64_t *ids = run_column(run, &rows, "checkpoint_decided", "block");
    /* An instance decides one block: the block is its key. */
    struct decided *of_block = zeroed(blocks->count, sizeof(*of_block));
    struct ripe *list = zeroed(blocks->count, sizeof(*list));
    struct lives lives;

    lives_open(&lives, run);
    for (size_t i = 0; i < rows; i++) {
        size_t block = blocks_find(blocks, ids[i]);
        lives_walk(&lives, times[i]);
        if (block == BLOCK_NONE || nodes[i] >= run->node_count) {
            continue;
        }
        struct decided *d = &of_block[block];
        if (d->alive == 0) {
            d->ripe = (struct ripe){.signed_s = blocks->list[block].time_s,
                                    .first_s = NAN,
                                    .middle_s = NAN,
                                    .instance = instances[i],
                                    .height = heights[i],
                                    .round = rounds[i]};
        }
        decision_note(d, &lives, nodes[i], times[i]);
    }
    lives_close(&lives);
    *count = 0;
    for (size_t i = 0; i < blocks->count; i++) {
        if (of_block[i].alive > 0) {
            list[(*count)++] = of_block[i].ripe;
        }
    }
    qsort(list, *count, sizeof(*list), ripe_order);
    free(of_block);
    free(times);
    free(nodes);
    free(instances);
    free(heights);
    free(rounds);
    free(ids);
    return list;
}

struct tx_at {
    uint64_t id;
    double time_s;
};

static int tx_order(const void *a, const void *b)
{
    const struct tx_at *x = a, *y = b;

    if (x->id != y->id) {
        return x->id < y->id ? -1 : 1;
    }
    return x->time_s < y->time_s ? -1 : x->time_s > y->time_s;
}

/* First time of each transaction in a table, sorted by id. */
static struct tx_at *txs_read(size_t *count, const struct run *run, const char *table)
{
    size_t rows, unique = 0;
    double *times = run_seconds(run, &rows, table, "time");
    uint64_t *ids = run_column(run, &rows, table, "tx");
    struct tx_at *txs = zeroed(rows, sizeof(*txs));

    for (size_t i = 0; i < rows; i++) {
        txs[i] = (struct tx_at){ids[i], times[i]};
    }
    qsort(txs, rows, sizeof(*txs), tx_order);
    for (size_t i = 0; i < rows; i++) {
        if (unique == 0 || txs[unique - 1].id != txs[i].id) {
            txs[unique++] = txs[i];
        }
    }
    free(times);
    free(ids);
    *count = unique;
    return txs;
}

double *latencies_read(size_t *count, const struct run *run, const char *table)
{
    size_t submitted, done, k = 0;
    struct tx_at *from = txs_read(&submitted, run, "tx_submitted");
    struct tx_at *to = txs_read(&done, run, table);
    double *list = zeroed(done, sizeof(*list));

    *count = 0;
    for (size_t i = 0; i < done; i++) {
        while (k < submitted && from[k].id < to[i].id) {
            k++;
        }
        if (k < submitted && from[k].id == to[i].id && from[k].time_s >= run->warmup_s) {
            list[(*count)++] = to[i].time_s - from[k].time_s;
        }
    }
    values_sort(list, *count);
    free(from);
    free(to);
    return list;
}
