#include "analysis/blocks.h"

#include <stdlib.h>

#include "node/base/invariant.h"

struct id_at {
    uint64_t id;
    size_t at;
};

static int id_order(const void *a, const void *b)
{
    struct id_at x, y;

    memcpy(&x, a, sizeof(x));
    memcpy(&y, b, sizeof(y));
    return x.id != y.id ? (x.id < y.id ? -1 : 1) : (x.at > y.at) - (x.at < y.at);
}

static void index_make(struct blocks *blocks)
{
    struct id_at *pairs = calloc(blocks->count + 1, sizeof(*pairs));

    blocks->by_id = calloc(blocks->count + 1, sizeof(*blocks->by_id));
    invariant(pairs != NULL && blocks->by_id != NULL);
    for (size_t i = 0; i < blocks->count; i++) {
        pairs[i] = (struct id_at){blocks->list[i].id, i};
    }
    qsort(pairs, blocks->count, sizeof(*pairs), id_order);
    for (size_t i = 0; i < blocks->count; i++) {
        blocks->by_id[i] = pairs[i].at;
    }
    free(pairs);
}

size_t blocks_find(const struct blocks *blocks, uint64_t id)
{
    size_t low = 0, high = blocks->count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (blocks->list[blocks->by_id[middle]].id < id) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low < blocks->count && blocks->list[blocks->by_id[low]].id == id ? blocks->by_id[low]
                                                                            : BLOCK_NONE;
}

static size_t last_final(const struct blocks *blocks, const struct run *run)
{
    size_t rows, best = BLOCK_NONE;
    uint64_t *heights = run_column(run, &rows, "checkpoint_decided", "height");
    uint64_t *ids = run_column(run, &rows, "checkpoint_decided", "block");
    uint64_t height = 0;

    for (size_t i = 0; i < rows; i++) {
        size_t block = heights[i] >= height ? blocks_find(blocks, ids[i]) : BLOCK_NONE;
        if (block != BLOCK_NONE) {
            best = block;
            height = heights[i];
        }
    }
    free(heights);
    free(ids);
    return best;
}

/* The highest of the tips that nodes have at the end, by score among equals. */
static size_t last_tip(const struct blocks *blocks, const struct run *run)
{
    size_t rows, best = BLOCK_NONE;
    uint64_t *nodes = run_column(run, &rows, "tip_changed", "node");
    uint64_t *heights = run_column(run, &rows, "tip_changed", "height");
    uint64_t *scores = run_column(run, &rows, "tip_changed", "score");
    uint64_t *ids = run_column(run, &rows, "tip_changed", "block");
    size_t *last = calloc(run->node_count + 1, sizeof(*last));
    uint64_t height = 0, score = 0;

    invariant(last != NULL);
    for (size_t i = 0; i < rows; i++) {
        if (nodes[i] < run->node_count) {
            last[nodes[i]] = i + 1;
        }
    }
    for (size_t n = 0; n < run->node_count; n++) {
        size_t i = last[n] - 1;
        if (last[n] != 0 && (best == BLOCK_NONE || heights[i] > height ||
                             (heights[i] == height && scores[i] > score))) {
            best = blocks_find(blocks, ids[i]);
            height = heights[i];
            score = scores[i];
        }
    }
    free(nodes);
    free(heights);
    free(scores);
    free(ids);
    free(last);
    return best;
}

/* Where tips were not recorded: the first of the highest blocks. */
static size_t highest(const struct blocks *blocks)
{
    size_t best = BLOCK_NONE;

    for (size_t i = 0; i < blocks->count; i++) {
        if (best == BLOCK_NONE || blocks->list[i].height > blocks->list[best].height) {
            best = i;
        }
    }
    return best;
}

static void chain_mark(struct blocks *blocks, size_t tip, bool mark)
{
    for (size_t i = tip; i != BLOCK_NONE && blocks->list[i].on_chain != mark;
         i = blocks_find(blocks, blocks->list[i].parent)) {
        blocks->list[i].on_chain = mark;
    }
}

void blocks_read(struct blocks *blocks, const struct run *run)
{
    size_t rows;
    double *times = run_seconds(run, &rows, "block_produced", "time");
    uint64_t *nodes = run_column(run, &rows, "block_produced", "node");
    uint64_t *heights = run_column(run, &rows, "block_produced", "height");
    uint64_t *ids = run_column(run, &rows, "block_produced", "block");
    uint64_t *parents = run_column(run, &rows, "block_produced", "parent");

    blocks->count = rows;
    blocks->list = calloc(rows + 1, sizeof(*blocks->list));
    invariant(blocks->list != NULL);
    for (size_t i = 0; i < rows; i++) {
        blocks->list[i] = (struct block){.id = ids[i],
                                         .parent = parents[i],
                                         .height = heights[i],
                                         .time_s = times[i],
                                         .producer = nodes[i]};
    }
    free(times);
    free(nodes);
    free(heights);
    free(ids);
    free(parents);
    index_make(blocks);
    size_t tip = last_tip(blocks, run);
    tip = tip == BLOCK_NONE ? highest(blocks) : tip;
    size_t final = last_final(blocks, run);
    chain_mark(blocks, tip, true);
    if (final != BLOCK_NONE && !blocks->list[final].on_chain) {
        chain_mark(blocks, tip, false);
        chain_mark(blocks, final, true);
    }
}

void blocks_free(struct blocks *blocks)
{
    free(blocks->list);
    free(blocks->by_id);
    *blocks = (struct blocks){0};
}
