/* The numbers of a run, on rows small enough to compute by hand. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>

#include "sim/cli/expect.h"
#include "sim/record/metrics.h"
#include "sim/record/samples.h"
#include "sim/record/table64.h"

#define S 1000000000ull /* ns of a second */
#define ROW(t, n, k, ...)                                                                          \
    {                                                                                              \
        .time_ns = (uint64_t)((t)*1e9), .node = n, .kind = TRACE_##k, .value = { __VA_ARGS__ }     \
    }
#define WORLD(t, n, k, ...)                                                                        \
    {                                                                                              \
        .time_ns = (uint64_t)((t)*1e9), .node = n, .kind = TRACE_KINDS + WORLD_TRACE_##k,          \
        .value = {                                                                                 \
            __VA_ARGS__                                                                            \
        }                                                                                          \
    }

static const struct metric *find(struct metrics *m, const char *name)
{
    size_t count;
    const struct metric *list = metrics_list(m, &count);

    for (size_t i = 0; i < count; i++) {
        if (strcmp(list[i].name, name) == 0) {
            return &list[i];
        }
    }
    cr_assert_fail("no metric %s", name);
    return NULL;
}

static void equals(struct metrics *m, const char *name, double want)
{
    const struct metric *got = find(m, name);

    cr_assert(got->known, "%s is not known", name);
    cr_assert_float_eq(got->value, want, 1e-9, "%s is %.12g, not %.12g", name, got->value, want);
}

/* Four nodes, the last starts late. Chain 0xa <- 0xb <- 0xd, and 0xc beside 0xb; 0xb's branch wins,
 * 0xd is the checkpoint. Node 3 is down from 60 s to 70 s. */
static const struct trace_row story[] = {
    WORLD(0, 0, node_up, 1, 0),
    WORLD(0, 1, node_up, 1, 0),
    WORLD(0, 2, node_up, 1, 0),
    ROW(1, 2, tx_submitted, 0x71, 200),
    ROW(2, 2, tx_submitted, 0x72, 200),
    ROW(10, 0, block_produced, 1, 0xa, 0x9, 0, 1, 300),
    ROW(10, 0, tip_changed, 1, 0xa, 0, 5),
    ROW(10.5, 1, block_received, 1, 0xa, 3, 0),
    ROW(10.5, 1, tip_changed, 1, 0xa, 0, 5),
    ROW(11, 2, block_received, 1, 0xa, 3, 0),
    ROW(11, 2, tip_changed, 1, 0xa, 0, 5),
    ROW(11, 2, tx_included, 0x71, 1),
    ROW(30, 0, block_produced, 2, 0xb, 0xa, 0, 1, 300),
    ROW(30, 0, tip_changed, 2, 0xb, 0, 10),
    ROW(30.25, 1, block_produced, 2, 0xc, 0xa, 0, 1, 300),
    ROW(30.25, 1, tip_changed, 2, 0xc, 0, 9),
    ROW(31, 1, block_received, 2, 0xb, 3, 0),
    ROW(31, 1, tip_changed, 2, 0xb, 1, 10),
    ROW(31.5, 2, block_received, 2, 0xb, 3, 0),
    ROW(31.5, 2, tip_changed, 2, 0xb, 0, 10),
    ROW(31.5, 2, tx_included, 0x72, 2),
    WORLD(32, 3, node_up, 1, 0),
    ROW(32, 3, sync_started, 0, 0, 2),
    /* It was not up when 0xb was made, so this says nothing of how fast 0xb spread. */
    ROW(33, 3, block_received, 2, 0xb, 3, 0),
    ROW(34, 3, sync_finished, 0, 2),
    ROW(40, 1, block_produced, 3, 0xd, 0xb, 0, 0, 300),
    ROW(40, 1, tip_changed, 3, 0xd, 0, 15),
    ROW(41, 0, block_received, 3, 0xd, 3, 0),
    ROW(41, 0, tip_changed, 3, 0xd, 0, 15),
    ROW(42, 2, block_received, 3, 0xd, 3, 0),
    ROW(43, 3, block_received, 3, 0xd, 3, 0),
    ROW(45, 1, checkpoint_decided, 1, 3, 0xd, 2, 0, 0),
    ROW(46, 0, checkpoint_decided, 1, 3, 0xd, 2, 0, 0),
    ROW(46, 2, tx_finalized, 0x71, 1),
    ROW(48, 2, checkpoint_decided, 1, 3, 0xd, 2, 0, 1),
    ROW(50, 2, tx_finalized, 0x72, 2),
    WORLD(60, 3, node_down, 1, 0, 0),
    WORLD(70, 3, node_up, 2, 0),
    ROW(71, 3, limit_reached, 1, 1),
};
#define STORY (sizeof(story) / sizeof(story[0]))
static const uint64_t stake[4] = {60, 40, 0, 0};

static struct metrics *told(uint64_t warmup_ns, size_t split)
{
    struct metrics *m = metrics_new(4, stake, warmup_ns);
    struct series_row last[4];

    memset(last, 0, sizeof(last));
    for (uint32_t i = 0; i < 4; i++) {
        last[i] = (struct series_row){.time_ns = 100 * S,
                                      .node = i,
                                      .up = i != 2,
                                      .bytes_sent = 1000 * (i + 1),
                                      .frames_sent = 100,
                                      .cpu_busy_ns = i * S,
                                      .links = 4 + i};
    }
    metrics_rows(m, story, split);
    metrics_rows(m, story + split, STORY - split);
    metrics_series(m, last, 4, 100 * S);
    return m;
}

static void chain_numbers(struct metrics *m)
{
    equals(m, "blocks", 3);
    equals(m, "height_max", 3);
    equals(m, "final_height_max", 3);
    equals(m, "block_interval_mean", 15); /* 20 and 10 */
    equals(m, "block_interval_sd", 7.0710678118654755);
    equals(m, "block_interval_p50", 15);
    equals(m, "block_interval_p90", 19);
    equals(m, "block_interval_max", 20);
    equals(m, "fork_rate", 0.25);
    equals(m, "stale_rate", 1.0 / 3);
    equals(m, "rival_rate", 1.0 / 3);
    equals(m, "reorgs", 1);
    equals(m, "reorg_depth_max", 1);
    /* Half of 3 nodes is 2: 0.5 s for 0xa, 1 s for 0xb; of 4 it is 2: 1 s for 0xd; 0xc nobody. */
    equals(m, "propagation_p50", 1);
    /* All 3: 1 and 1.5 s; all 4: 3 s. */
    equals(m, "propagation_p90", 1.5);
    equals(m, "propagation_p99", 1.5);
}

Test(metrics, a_story_gives_the_numbers_computed_by_hand)
{
    struct metrics *m = told(0, STORY);

    chain_numbers(m);
    equals(m, "checkpoints", 1);
    equals(m, "finality_first_mean", 5);
    equals(m, "finality_latency_mean", 6); /* the second of four nodes */
    equals(m, "finality_latency_max", 6);
    equals(m, "final_lag_max", 55);
    equals(m, "final_lag_end", 55);
    equals(m, "rounds_mean", 3);
    equals(m, "tx_submitted", 2);
    equals(m, "tx_included", 2);
    equals(m, "tx_finalized", 2);
    equals(m, "tx_inclusion_latency_p50", 19.75); /* 10 and 29.5 */
    equals(m, "tx_final_latency_p50", 46.5);      /* 45 and 48 */
    equals(m, "top_share_stake", 0.6);
    equals(m, "top_share_blocks", 2.0 / 3);
    equals(m, "share_error", 0.23570226039551567); /* (2/3 - 0.6) / sqrt(0.24 / 3) */
    equals(m, "restarts", 1);
    equals(m, "downtime_share", 10.0 / 368);
    equals(m, "sync_time_mean", 2);
    equals(m, "bytes_per_node_s", 25);
    equals(m, "bytes_per_node_s_max", 40);
    equals(m, "frames_per_node_s", 1);
    equals(m, "cpu_share_mean", 0.015);
    equals(m, "cpu_share_max", 0.03);
    equals(m, "links_mean", 16.0 / 3); /* 4, 5 and 7 */
    equals(m, "limits_reached", 1);
    equals(m, "messages_lost", 0);
    metrics_free(m);
}

Test(metrics, batches_do_not_matter)
{
    for (size_t split = 0; split <= STORY; split++) {
        struct metrics *m = told(0, split);
        chain_numbers(m);
        metrics_free(m);
    }
}

Test(metrics, what_is_before_the_warm_up_does_not_count)
{
    struct metrics *m = told(20 * S, STORY);

    equals(m, "blocks", 2);
    equals(m, "block_interval_mean", 10);
    equals(m, "fork_rate", 1.0 / 3);
    equals(m, "tx_submitted", 0);
    cr_assert_not(find(m, "tx_final_latency_p50")->known);
    equals(m, "downtime_share", 10.0 / (3 * 80 + 68));
    equals(m, "top_share_blocks", 0.5);
    metrics_free(m);
}

/* Three blocks of one height and a successor of the first: one block of the two has rivals. */
Test(metrics, two_rivals_of_a_block_count_once)
{
    static const struct trace_row rows[] = {
        WORLD(0, 0, node_up, 1, 0),
        WORLD(0, 1, node_up, 1, 0),
        WORLD(0, 2, node_up, 1, 0),
        ROW(10, 0, block_produced, 1, 0xa, 0x9, 0, 1, 300),
        ROW(10, 0, tip_changed, 1, 0xa, 0, 5),
        ROW(10.1, 1, block_produced, 1, 0xb, 0x9, 0, 1, 300),
        ROW(10.2, 2, block_produced, 1, 0xc, 0x9, 0, 1, 300),
        ROW(20, 0, block_produced, 2, 0xd, 0xa, 0, 1, 300),
        ROW(20, 0, tip_changed, 2, 0xd, 0, 9),
    };
    struct metrics *m = metrics_new(4, stake, 0);

    metrics_rows(m, rows, sizeof(rows) / sizeof(rows[0]));
    equals(m, "stale_rate", 1);
    equals(m, "rival_rate", 0.5);
    metrics_free(m);
}

Test(metrics, nothing_measured_is_not_known)
{
    struct metrics *m = metrics_new(4, stake, 0);
    size_t count;

    cr_assert_not(find(m, "block_interval_mean")->known);
    cr_assert_not(find(m, "fork_rate")->known);
    cr_assert_not(find(m, "finality_latency_mean")->known);
    cr_assert_not(find(m, "bytes_per_node_s")->known);
    equals(m, "blocks", 0);
    metrics_list(m, &count);
    metrics_free(m);
}

/* Numbers around 2^60, where doubles are 256 apart, still have the right deviation. */
Test(metrics, samples_are_exact)
{
    struct samples s = {0};

    for (uint64_t i = 0; i < 101; i++) {
        samples_add(&s, (1ull << 60) + (i * 37) % 101);
    }
    samples_sort(&s);
    cr_assert_float_eq(samples_sd(&s), 29.3, 1e-3); /* sqrt(101 * 102 / 12) = 29.300 */
    cr_assert_eq(samples_quantile(&s, 1), 0x1p60);
    samples_free(&s);
}

Test(metrics, table_agrees_with_an_array)
{
    static uint32_t model[512];
    struct table64 table = {0};
    uint64_t x = 1;

    memset(model, 0xff, sizeof(model));
    for (int i = 0; i < 200000; i++) {
        x = x * 6364136223846793005u + 1442695040888963407u;
        uint32_t key = (uint32_t)(x >> 40) & 511;
        /* Keys that differ in their high bits only, as well as low ones. */
        uint64_t wide = key & 1 ? (uint64_t)key << 50 : key;
        if ((x >> 60) < 8) {
            table64_set(&table, wide, (uint32_t)i);
            model[key] = (uint32_t)i;
        } else if ((x >> 60) < 12) {
            cr_assert_eq(table64_remove(&table, wide), model[key]);
            model[key] = TABLE64_NONE;
        }
        cr_assert_eq(table64_get(&table, wide), model[key]);
    }
    table64_free(&table);
}

/* docs/metrics.md has one row per figure of the summary: | `name` | unit | text |, in the same
 * order. */
Test(metrics, the_page_lists_them)
{
    struct metrics *m = metrics_new(4, stake, 0);
    size_t count, next = 0;
    struct metric *list = expect_figures(&count, m, NULL);
    char path[1024], line[1024], want[1024];

    snprintf(path, sizeof(path), "%s/docs/metrics.md", getenv("ORRERY_SOURCE"));
    FILE *page = fopen(path, "r");
    cr_assert_not_null(page);
    while (fgets(line, sizeof(line), page) != NULL) {
        if (strncmp(line, "| `", 3) == 0) {
            cr_assert_lt(next, count, "one too many: %s", line);
            snprintf(want, sizeof(want), "| `%s` | %s | %s", list[next].name, list[next].unit,
                     list[next].text);
            cr_assert_eq(strncmp(line, want, strlen(want)), 0, "%s is not %s", line, want);
            next++;
        }
    }
    fclose(page);
    cr_assert_eq(next, count);
    free(list);
    metrics_free(m);
}
