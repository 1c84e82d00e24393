/* Statistics against published values, and what readers make of a run whose answers are known. */
#define _GNU_SOURCE
#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "analysis/export.h"
#include "analysis/spread.h"
#include "analysis/statistics.h"
#include "sim/record/record.h"

#define S 1000000000ull

/* Student's sleep data (Biometrika 6, 1908); the interval as printed by t.test of R's manual. */
Test(statistics, t_interval_is_the_published_one)
{
    static const double extra[] = {1.2, 2.4, 1.3, 1.3, 0.0, 1.0, 1.8, 0.8, 4.6, 1.4};
    struct estimate e = estimate_of(extra, 10);

    cr_assert_float_eq(e.mean, 1.58, 1e-12);
    cr_assert_float_eq(e.t_low, 0.7001142, 5e-8);
    cr_assert_float_eq(e.t_high, 2.4598858, 5e-8);
}

/* Wilson's interval for 81 of 263 (Newcombe, Statistics in Medicine 17, 1998, table I, method 3)
 * and for none of 10, whose upper end is z^2 / (10 + z^2). */
Test(statistics, interval_of_a_share_is_wilsons)
{
    double low, high;

    share_interval(&low, &high, 81.0 / 263, 263);
    cr_assert_float_eq(low, 0.2553, 5e-5);
    cr_assert_float_eq(high, 0.3662, 5e-5);
    share_interval(&low, &high, 0, 10);
    cr_assert_float_eq(low, 0, 1e-12);
    cr_assert_float_eq(high, 0.27754, 5e-5);
}

/* Mendel's 556 peas against 9:3:3:1: chi-square 0.470, p = 0.925 (in every textbook). */
Test(statistics, chi_square_is_the_published_one)
{
    static const double peas[] = {315, 108, 101, 32};
    static const double law[] = {9, 3, 3, 1};
    static const double none[] = {0, 0, 0, 0};

    cr_assert_float_eq(chi_square_p(peas, law, 4), 0.9254, 1e-4);
    cr_assert(isnan(chi_square_p(none, law, 4)));
    cr_assert(isnan(chi_square_p(peas, law, 1)));
}

Test(statistics, quantiles_are_definition_seven)
{
    static const double values[] = {1, 2, 3, 4};

    cr_assert_float_eq(quantile_of(values, 4, 0.9), 3.7, 1e-12);
    cr_assert_float_eq(quantile_of(values, 4, 0.5), 2.5, 1e-12);
}

Test(statistics, one_seed_has_no_interval_and_differs_from_nothing)
{
    static const double one[] = {5}, many[] = {1, 1.01, 0.99, 1};
    struct estimate a = estimate_of(one, 1), b = estimate_of(many, 4);

    cr_assert(isnan(a.t_low) && isnan(a.boot_high));
    cr_assert_not(estimate_differs(&a, &b));
}

Test(statistics, only_intervals_apart_are_a_difference)
{
    static const double low[] = {1, 2, 3}, near[] = {2, 3, 4}, far[] = {101, 102, 103};
    struct estimate a = estimate_of(low, 3), b = estimate_of(near, 3), c = estimate_of(far, 3);

    cr_assert_not(estimate_differs(&a, &b));
    cr_assert(estimate_differs(&a, &c));
    cr_assert(estimate_differs(&c, &b));
}

static double uniform(uint64_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return ((double)(*state >> 11) + 0.5) * 0x1p-53;
}

/* Of 400 samples of 20 exponential values (mean 1), 95 % of the intervals should hold the mean. For
 * so skewed a law both kinds are known to fall a little short (t: 0.92); three standard errors of
 * 400 trials are 0.04. */
Test(statistics, intervals_cover)
{
    uint64_t state = 88172645463325252u;
    int by_t = 0, by_boot = 0;

    for (int trial = 0; trial < 400; trial++) {
        double values[20];
        for (int i = 0; i < 20; i++) {
            values[i] = -log(uniform(&state));
        }
        struct estimate e = estimate_of(values, 20);
        by_t += e.t_low <= 1 && 1 <= e.t_high;
        by_boot += e.boot_low <= 1 && 1 <= e.boot_high;
    }
    cr_assert(by_t >= 352 && by_t <= 392, "t covers %d of 400", by_t);
    cr_assert(by_boot >= 340 && by_boot <= 388, "bootstrap covers %d of 400", by_boot);
}

#define ROW(t, n, k, ...)                                                                          \
    {                                                                                              \
        .time_ns = (uint64_t)((t)*1e9), .node = n, .kind = k, .value = { __VA_ARGS__ }             \
    }
#define UP (TRACE_KINDS + WORLD_TRACE_node_up)

/* Two nodes and a third that comes late; block 0xb is left behind by 0xc. */
static const struct trace_row story[] = {
    ROW(0, 0, UP, 1),
    ROW(0, 1, UP, 1),
    ROW(1, 1, TRACE_tx_submitted, 0x77, 100),
    ROW(10, 0, TRACE_block_produced, 1, 0xa, 0x9),
    ROW(10, 0, TRACE_tip_changed, 1, 0xa, 0, 1),
    ROW(11, 1, TRACE_block_received, 1, 0xa),
    ROW(20, 1, TRACE_block_produced, 2, 0xb, 0xa),
    ROW(20, 1, TRACE_tip_changed, 2, 0xb, 0, 2),
    ROW(20.5, 0, TRACE_block_produced, 2, 0xc, 0xa),
    ROW(20.5, 0, TRACE_tip_changed, 2, 0xc, 0, 3),
    ROW(21, 2, UP, 1),
    ROW(22, 1, TRACE_block_received, 2, 0xc),
    ROW(22, 1, TRACE_tip_changed, 2, 0xc, 1, 3),
    ROW(22, 2, TRACE_block_received, 2, 0xc),
    ROW(23, 1, TRACE_tx_included, 0x77, 2),
    ROW(25, 0, TRACE_checkpoint_decided, 1, 2, 0xc, 4),
    ROW(27, 2, TRACE_checkpoint_decided, 1, 2, 0xc, 4),
};

static char folder[] = "/tmp/orrery-analysis-XXXXXX";

static struct run *recorded(void)
{
    char path[128];
    struct record *record;
    struct run *run;
    struct node_row nodes[3] = {{.node = 0}, {.node = 1}, {.node = 2}};
    uint8_t digest[32] = {0};

    cr_assert_not_null(mkdtemp(folder));
    snprintf(path, sizeof(path), "%s/used.yaml", folder);
    FILE *used = fopen(path, "w");
    fputs("name: 'small'\nwarmup: 500 ms\n", used);
    fclose(used);
    struct record_config config = {
        .folder = folder, .used_path = path, .seed = 3, .revision = "abc"};
    cr_assert_eq(record_open(&record, &config), ERR_OK);
    cr_assert_eq(record_fault(record, 5 * S, 2 * S, "at 5 s for 2 s crash node 1 as pause"),
                 ERR_OK);
    cr_assert_eq(record_nodes(record, nodes, 3), ERR_OK);
    cr_assert_eq(record_trace(record, story, sizeof(story) / sizeof(story[0])), ERR_OK);
    cr_assert_eq(record_close(record, digest, true, ""), ERR_OK);
    cr_assert_eq(run_open(&run, folder), ERR_OK);
    return run;
}

static void removed(void)
{
    char command[128];

    snprintf(command, sizeof(command), "rm -r %s", folder);
    cr_assert_eq(system(command), 0);
}

Test(readers, a_small_run_is_understood)
{
    struct run *run = recorded();
    struct blocks blocks;
    struct spread spread;
    size_t count;

    cr_assert_str_eq(run->name, "small");
    cr_assert_float_eq(run->warmup_s, 0.5, 1e-12);
    cr_assert_float_eq(run->end_s, 27, 1e-12);
    cr_assert(run->complete && run->seed == 3 && run->fault_count == 1);
    blocks_read(&blocks, run);
    cr_assert_eq(blocks.count, 3);
    cr_assert(blocks.list[0].on_chain && !blocks.list[1].on_chain && blocks.list[2].on_chain);
    cr_assert_eq(blocks_find(&blocks, 0xd), BLOCK_NONE);
    /* Both of two nodes: 1 s for 0xa, 1.5 s for 0xc, never for 0xb; the late node is no witness. */
    cr_assert(spread_read(&spread, run, &blocks));
    cr_assert_float_eq(spread.middle_s[99], 1.5, 1e-9);
    cr_assert_float_eq(spread.middle_s[49], 0, 1e-9);
    cr_assert(isinf(spread.high_s[99]));
    struct ripe *ripe = ripe_read(&count, run, &blocks);
    cr_assert_eq(count, 1);
    cr_assert_float_eq(ripe[0].signed_s, 20.5, 1e-9);
    cr_assert_float_eq(ripe[0].first_s, 25, 1e-9);
    cr_assert_float_eq(ripe[0].middle_s, 27, 1e-9);
    cr_assert_eq(ripe[0].round, 4);
    free(ripe);
    double *latency = latencies_read(&count, run, "tx_included");
    cr_assert(count == 1 && fabs(latency[0] - 22) < 1e-9);
    free(latency);
    blocks_free(&blocks);
    run_close(run);
    removed();
}

Test(readers, export_prints_what_was_recorded)
{
    struct run *run = recorded();
    char *text = NULL;
    size_t len = 0;
    FILE *out = open_memstream(&text, &len);

    cr_assert_eq(export_table(out, run, "checkpoint_decided"), ERR_OK);
    fclose(out);
    cr_assert_str_eq(
        text, "# table\ttrace/checkpoint_decided: an instance of finality was decided here\n"
              "# scenario\tsmall\n# seed\t3\n# revision\tabc\n"
              "time (s)\tnode\tinstance\theight (block)\tblock\tround\tstate\tby_certificate\n"
              "25.000000000\t0\t1\t2\t0c00000000000000\t4\t0000000000000000\t0\n"
              "27.000000000\t2\t1\t2\t0c00000000000000\t4\t0000000000000000\t0\n");
    free(text);
    out = fopen("/dev/null", "w");
    cr_assert_eq(export_table(out, run, "no_such_table"), ERR_UNKNOWN);
    fclose(out);
    run_close(run);
    removed();
}

Test(readers, what_is_not_a_run_is_refused)
{
    struct run *run;
    char path[] = "/tmp/orrery-analysis-XXXXXX";
    int file = mkstemp(path);

    cr_assert_eq(run_open(&run, "/nonexistent"), ERR_NOT_FOUND);
    cr_assert_eq(write(file, "not HDF5", 8), 8);
    close(file);
    cr_assert_eq(run_open(&run, path), ERR_CORRUPT);
    cr_assert_null(run);
    remove(path);
}

/* Distance by hand: F jumps at 1, 2, 3, 4, G at 2.5, 3.5, 4.5, 5.5. The 5 % point of the limit law
 * is 1.3581 and the 1 % point 1.6276 (Smirnov 1948, table). */
Test(statistics, kolmogorov_smirnov_is_the_published_one)
{
    static const double a[] = {1, 2, 3, 4}, b[] = {2.5, 3.5, 4.5, 5.5}, same[] = {1, 1, 2, 2};
    double n = sqrt(1000.0 * 1000.0 / 2000.0), scale = n + 0.12 + 0.11 / n;

    cr_assert_float_eq(ks_distance(a, 4, b, 4), 0.5, 1e-12);
    cr_assert_float_eq(ks_distance(a, 4, a, 4), 0, 0);
    cr_assert_float_eq(ks_distance(same, 4, a, 4), 0.5, 1e-12);
    cr_assert_float_eq(ks_p(1.3581 / scale, 1000, 1000), 0.05, 1e-5);
    cr_assert_float_eq(ks_p(1.6276 / scale, 1000, 1000), 0.01, 1e-5);
    cr_assert_float_eq(ks_p(0, 10, 10), 1, 0);
    cr_assert(isnan(ks_p(ks_distance(a, 0, b, 4), 0, 4)));
}
