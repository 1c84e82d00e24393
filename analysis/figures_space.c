/* The space-time diagram of a small run: nodes down, time across. A block is a dot on the line of
 * the node that made it, with a line to each node at the moment it had the block. Above a stretch
 * of some blocks, around the first fault when there is one; below one checkpoint with its votes. */
#include <math.h>
#include <stdlib.h>

#include "analysis/blocks.h"
#include "analysis/figures.h"
#include "node/base/invariant.h"

enum { SPACE_NODES_MAX = 20, SPACE_BLOCKS_BEFORE = 4, SPACE_BLOCKS_AFTER = 12 };

/* What all drawn rows have, of one table. */
struct rows {
    size_t count;
    double *time_s;
    uint64_t *node, *value;
};

/* value: a column, or NULL. */
static struct rows rows_read(const struct run *run, const char *table, const char *value)
{
    struct rows r = {.time_s = run_seconds(run, &r.count, table, "time")};
    size_t same;

    if (r.time_s == NULL) {
        return (struct rows){0};
    }
    r.node = run_column(run, &same, table, "node");
    r.value = value != NULL ? run_column(run, &same, table, value) : NULL;
    return r;
}

static void rows_free(struct rows *r)
{
    free(r->time_s);
    free(r->node);
    free(r->value);
}

struct stretch {
    double from_s, to_s;
};

static bool inside(const struct stretch *s, double time_s)
{
    return time_s >= s->from_s && time_s <= s->to_s;
}

/* Some blocks before the first fault and after it; without faults, the first ones that count. */
static struct stretch stretch_choose(const struct run *run, const struct blocks *blocks)
{
    double start = run->fault_count > 0 ? run->faults[0].from_s : run->warmup_s;
    size_t at = 0;

    while (at + 1 < blocks->count && blocks->list[at].time_s < start) {
        at++;
    }
    size_t from = at > SPACE_BLOCKS_BEFORE ? at - SPACE_BLOCKS_BEFORE : 0;
    size_t to = from + SPACE_BLOCKS_BEFORE + SPACE_BLOCKS_AFTER;
    struct stretch s = {.from_s = blocks->list[from].time_s,
                        .to_s = blocks->list[to < blocks->count ? to : blocks->count - 1].time_s};
    double pad = 0.03 * (s.to_s - s.from_s) + 0.5;
    s.from_s = fmax(0, s.from_s - pad);
    s.to_s = fmin(run->end_s, s.to_s + pad);
    return s;
}

/* The first checkpoint that is decided in the stretch: from the block before it, which let the
 * votes begin, to the last decision. Without one, the spread of the stretch's first block. */
static struct stretch closeup_choose(const struct stretch *whole, const struct blocks *blocks,
                                     const struct rows *decided, const struct rows *received)
{
    size_t first = 0, block = 0;

    while (first < decided->count && !inside(whole, decided->time_s[first])) {
        first++;
    }
    bool final = first < decided->count;
    double until_s = final ? decided->time_s[first] : whole->from_s;
    while (block + 1 < blocks->count && blocks->list[block + final].time_s < until_s) {
        block++;
    }
    const struct rows *ends = final ? decided : received;
    uint64_t id = final ? decided->value[first] : blocks->list[block].id;
    struct stretch s = {blocks->list[block].time_s, blocks->list[block].time_s};
    for (size_t i = 0; i < ends->count; i++) {
        if (ends->value[i] == id && ends->time_s[i] <= whole->to_s) {
            s.to_s = fmax(s.to_s, ends->time_s[i]);
        }
    }
    double pad = 0.04 * (s.to_s - s.from_s) + 0.01;
    return (struct stretch){s.from_s - pad, s.to_s + pad};
}

static void lives_write(struct figure *figure, const struct stretch *s)
{
    const struct run *run = figure->runs[0];
    struct rows up = rows_read(run, "node_up", NULL);
    struct rows down = rows_read(run, "node_down", NULL);

    fputs("# up: from_s\tto_s\tnode\n", figure->data);
    for (size_t i = 0; i < up.count; i++) {
        double to = s->to_s;
        for (size_t d = 0; d < down.count; d++) {
            if (down.node[d] == up.node[i] && down.time_s[d] > up.time_s[i]) {
                to = fmin(to, down.time_s[d]);
                break;
            }
        }
        double from = fmax(up.time_s[i], s->from_s);
        if (from < to) {
            fprintf(figure->data, "%.9g\t%.9g\t%llu\n", from, to, (unsigned long long)up.node[i]);
        }
    }
    rows_free(&up);
    rows_free(&down);
    figure_data_next(figure);
}

static void spread_write(struct figure *figure, const struct stretch *s,
                         const struct blocks *blocks, const struct rows *received)
{
    fputs("# spread: made_s\tby\thad_s\tnode\ton_chain\n", figure->data);
    for (size_t i = 0; i < received->count; i++) {
        size_t b = blocks_find(blocks, received->value[i]);
        if (b != BLOCK_NONE && inside(s, received->time_s[i])) {
            const struct block *block = &blocks->list[b];
            fprintf(figure->data, "%.9g\t%zu\t%.9g\t%llu\t%d\n", block->time_s, block->producer,
                    received->time_s[i], (unsigned long long)received->node[i], block->on_chain);
        }
    }
    figure_data_next(figure);
    fputs("# blocks: made_s\tby\theight\ton_chain\n", figure->data);
    for (size_t b = 0; b < blocks->count; b++) {
        const struct block *block = &blocks->list[b];
        if (inside(s, block->time_s)) {
            fprintf(figure->data, "%.9g\t%zu\t%llu\t%d\n", block->time_s, block->producer,
                    (unsigned long long)block->height, block->on_chain);
        }
    }
    figure_data_next(figure);
}

/* False: none in the stretch. */
static bool marks_write(struct figure *figure, const struct stretch *s, const struct rows *rows,
                        const char *head)
{
    bool any = false;

    fprintf(figure->data, "# %s\n", head);
    for (size_t i = 0; i < rows->count; i++) {
        if (inside(s, rows->time_s[i])) {
            fprintf(figure->data, "%.9g\t%llu\t%llu\n", rows->time_s[i],
                    (unsigned long long)rows->node[i], (unsigned long long)rows->value[i]);
            any = true;
        }
    }
    fputs(any ? "" : "?\t?\t?\n", figure->data); /* gnuplot counts no empty block */
    figure_data_next(figure);
    return any;
}

static void panel_write(struct figure *figure, const struct stretch *s, bool voted, bool decided)
{
    const char *file = figure->file;

    fprintf(figure->script,
            "set xrange [%.9g:%.9g]\nset xlabel 'virtual time (s)'\n"
            "plot '%s' index 0 using 1:3:($2-$1):(0) with vectors nohead lc rgb '#bbbbbb' lw 2 "
            "notitle, \\\n"
            "  '' index 1 using 1:2:($3-$1):($4-$2):($5 == 1 ? %d : %d) with vectors nohead lw 0.7 "
            "lc rgb variable notitle, \\\n",
            s->from_s, s->to_s, file, 0x9ecae1, 0xfdb863);
    if (voted) {
        fprintf(figure->script,
                "  '' index 3 using 1:($3 == 1 ? $2 : NaN) with points pt 6 ps 0.6 lc rgb '%s' "
                "title 'prevote', \\\n"
                "  '' index 3 using 1:($3 == 2 ? $2 : NaN) with points pt 7 ps 0.6 lc rgb '%s' "
                "title 'precommit', \\\n",
                FIGURE_GREY, FIGURE_GREY);
    }
    fprintf(figure->script,
            "  '' index 2 using 1:($4 == 1 ? $2 : NaN) with points pt 7 ps 0.9 lc rgb '%s' title "
            "'block', \\\n"
            "  '' index 2 using 1:($4 == 1 ? NaN : $2) with points pt 6 ps 0.9 lc rgb '%s' title "
            "'not on the chain', \\\n"
            "  '' index 2 using 1:2:(sprintf('%%d', $3)) with labels offset 0,0.7 font ',9' "
            "textcolor rgb '#444444' notitle",
            FIGURE_BLUE, FIGURE_ORANGE);
    if (decided) {
        fprintf(figure->script,
                ", \\\n  '' index 4 using 1:2 with points pt 11 ps 0.8 lc rgb '%s' title "
                "'final here'",
                FIGURE_GREEN);
    }
    fputs("\n", figure->script);
}

static void script_write(struct figure *figure, const struct stretch *whole,
                         const struct stretch *closeup, bool voted, bool decided)
{
    size_t nodes = figure->runs[0]->node_count;

    fprintf(figure->script,
            "set terminal svg size 900,%zu dynamic noenhanced font 'sans,12' background 'white'\n"
            "set datafile missing '?'\nset yrange [%zu.6:-1.4]\nset ytics 0,%d\n"
            "set ylabel 'node'\nunset grid\nset bmargin 5\nset multiplot layout 2,1\n",
            260 + 32 * nodes, nodes - 1, nodes > 10 ? 2 : 1);
    figure_faults(figure);
    panel_write(figure, whole, false, decided);
    fputs("unset object\nunset arrow\nunset label\n", figure->script);
    panel_write(figure, closeup, voted, decided);
    fputs("unset multiplot\n", figure->script);
}

bool figure_space_time(struct figure *figure)
{
    const struct run *run = figure->runs[0];
    struct blocks blocks;

    if (run->node_count > SPACE_NODES_MAX) {
        return false;
    }
    blocks_read(&blocks, run);
    struct rows received = rows_read(run, "block_received", "block");
    struct rows decided = rows_read(run, "checkpoint_decided", "block");
    struct rows votes = rows_read(run, "vote_cast", "kind");
    bool some = blocks.count > 1 && received.count > 0;
    if (some) {
        struct stretch whole = stretch_choose(run, &blocks);
        struct stretch closeup = closeup_choose(&whole, &blocks, &decided, &received);
        figure->time_unit_s = 1; /* of the faults as well */
        lives_write(figure, &whole);
        spread_write(figure, &whole, &blocks, &received);
        bool voted = marks_write(figure, &whole, &votes,
                                 "votes: time_s\tnode\tkind (1 prevote, 2 precommit)");
        bool final = marks_write(figure, &whole, &decided, "decisions: time_s\tnode\tblock");
        script_write(figure, &whole, &closeup, voted, final);
        snprintf(figure->caption, sizeof(figure->caption),
                 "Nodes down, time across. A dot is a block on the line of its maker, with its "
                 "height; a thin line goes to every node at the moment that it had the block. "
                 "Grey: the node is up. Above %.0f s of the run, below a checkpoint: its "
                 "votes and decisions.",
                 whole.to_s - whole.from_s);
    }
    rows_free(&received);
    rows_free(&decided);
    rows_free(&votes);
    blocks_free(&blocks);
    return some;
}
