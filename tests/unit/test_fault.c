#define _POSIX_C_SOURCE 200809L
/* The timeline of faults: queries against a direct reading of the list, text form, processes. */
#include <criterion/criterion.h>
#include <gsl/gsl_cdf.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "sim/fault/process.h"
#include "sim/fault/text.h"
#include "sim/fault/timeline.h"

#define MS ((uint64_t)1000000)
#define SECOND ((uint64_t)1000000000)
#define MINUTE (60 * SECOND)

enum { NODES = 100 };

static struct fault_timeline tl;
static struct fault_cursor cursor;
static struct fault_text_error error;
static uint32_t region_of[NODES];
static uint64_t stake[NODES];
static const char *const region_names[] = {"SA", "AF", "New World"};
static const struct fault_domain domain = {"region", 3, region_names, region_of};
static const struct fault_domains domains = {1, &domain, stake};

/* Regions: thirds of the numbers. Stake: nodes 0 to 9 hold 10, 20, ... 100 (550 in all). */
static void setup(void)
{
    for (uint32_t i = 0; i < NODES; i++) {
        region_of[i] = i < 33 ? 0 : i < 66 ? 1 : 2;
        stake[i] = i < 10 ? (i + 1) * 10 : 0;
    }
    fault_timeline_init(&tl, NODES);
    cursor = (struct fault_cursor){0};
}

static void add(const char *line)
{
    enum err err = fault_entry_parse(&tl, &error, &domains, line);
    cr_assert_eq(err, ERR_OK, "%s: column %u: %s", line, error.column, error.text);
}

static void seal(void)
{
    cr_assert_eq(fault_timeline_seal(&tl), ERR_OK);
}

Test(fault, empty_timeline)
{
    setup();
    seal();
    struct link_conditions c;
    cr_assert_not(fault_conditions(&tl, &cursor, &c, 0, 1, 0));
    cr_assert_not(fault_conditions(&tl, &cursor, &c, 0, 1, UINT64_MAX - 1));
    cr_assert_eq(fault_cut_until(&tl, &cursor, 0, 1, 5), 0);
    cr_assert_not(fault_down(&tl, &cursor, 0, 5));
    cr_assert_eq(fault_last_change_ns(&tl), 0);
    fault_timeline_free(&tl);
}

Test(fault, cuts_and_their_ends)
{
    setup();
    add("at 20 min for 5 min cut region SA from rest as quake");
    add("at 24 min for 3 min cut node 0 from node 99");
    add("at 40 min for 1 min cut node 5 to node 6");
    add("at 50 min cut node 7 from all");
    seal();
    cr_assert_eq(fault_cut_until(&tl, &cursor, 0, 50, 20 * MINUTE - 1), 0);
    cr_assert_eq(fault_cut_until(&tl, &cursor, 0, 50, 20 * MINUTE), 25 * MINUTE);
    cr_assert_eq(fault_cut_until(&tl, &cursor, 50, 0, 25 * MINUTE - 1), 25 * MINUTE);
    cr_assert_eq(fault_cut_until(&tl, &cursor, 50, 0, 25 * MINUTE), 0);
    cr_assert_eq(fault_cut_until(&tl, &cursor, 0, 1, 22 * MINUTE), 0);
    cr_assert_eq(fault_cut_until(&tl, &cursor, 50, 51, 22 * MINUTE), 0);
    /* The second cut takes over from the first for this pair. */
    cr_assert_eq(fault_cut_until(&tl, &cursor, 0, 99, 21 * MINUTE), 27 * MINUTE);
    cr_assert_eq(fault_cut_until(&tl, &cursor, 99, 0, 26 * MINUTE), 27 * MINUTE);
    cr_assert_eq(fault_cut_until(&tl, &cursor, 5, 6, 40 * MINUTE), 41 * MINUTE);
    cr_assert_eq(fault_cut_until(&tl, &cursor, 6, 5, 40 * MINUTE), 0);
    cr_assert_eq(fault_cut_until(&tl, &cursor, 7, 3, 51 * MINUTE), FAULT_FOREVER);
    cr_assert_eq(fault_cut_until(&tl, &cursor, 3, 7, 51 * MINUTE), FAULT_FOREVER);
    struct link_conditions c;
    cr_assert(fault_conditions(&tl, &cursor, &c, 6, 5, 40 * MINUTE));
    cr_assert_eq(c.cut_until_ns, 0);
    cr_assert_eq(c.cut_back_until_ns, 41 * MINUTE);
    cr_assert_not(fault_conditions(&tl, &cursor, &c, 8, 9, 40 * MINUTE));
    cr_assert_eq(fault_last_change_ns(&tl), 50 * MINUTE);
    cr_assert_str_eq(tl.fault[0].label, "quake");
    fault_timeline_free(&tl);
}

Test(fault, effects_combine)
{
    setup();
    add("at 1 s for 10 s clog node 1 by 500 ms");
    add("at 1 s for 10 s clog node 2 by 1.5 s");
    add("at 1 s for 10 s loss node 1 by 1/2");
    add("at 1 s for 10 s loss node 2 by 0.5");
    add("at 1 s for 10 s duplicate node 2 by 1/4");
    add("at 1 s for 10 s slow-net node 1 by 10");
    add("at 1 s for 5 s slow-cpu node 1-3 by 10");
    add("at 2 s for 5 s slow-cpu node 3 by 3/2");
    add("at 2 s for 5 s full-disk node 3");
    seal();
    struct link_conditions c;
    cr_assert(fault_conditions(&tl, &cursor, &c, 1, 2, 2 * SECOND));
    cr_assert_eq(c.clog_ns, 2000 * MS);
    cr_assert_eq(c.loss_q32, DRAW_CERTAIN / 4 * 3);
    cr_assert_eq(c.duplicate_q32, DRAW_CERTAIN / 4);
    cr_assert_eq(c.up_num, 10 * c.up_den);
    cr_assert_eq(c.down_num, c.down_den);
    cr_assert(fault_conditions(&tl, &cursor, &c, 2, 1, 2 * SECOND));
    cr_assert_eq(c.up_num, c.up_den);
    cr_assert_eq(c.down_num, 10 * c.down_den);
    cr_assert_not(fault_conditions(&tl, &cursor, &c, 4, 5, 2 * SECOND));
    cr_assert_eq(fault_factor_q16(&tl, &cursor, FAULT_SLOW_CPU, 3, SECOND), 10 << 16);
    cr_assert_eq(fault_factor_q16(&tl, &cursor, FAULT_SLOW_CPU, 3, 3 * SECOND), 15 << 16);
    cr_assert_eq(fault_factor_q16(&tl, &cursor, FAULT_SLOW_CPU, 3, 6 * SECOND), 3 << 15);
    cr_assert_eq(fault_factor_q16(&tl, &cursor, FAULT_SLOW_CPU, 4, 3 * SECOND), 1 << 16);
    uint32_t which;
    cr_assert(fault_active(&tl, &cursor, &which, FAULT_FULL_DISK, 3, 3 * SECOND));
    cr_assert_eq(tl.fault[which].kind, FAULT_FULL_DISK);
    cr_assert_not(fault_active(&tl, &cursor, NULL, FAULT_FULL_DISK, 2, 3 * SECOND));
    cr_assert_not(fault_active(&tl, &cursor, NULL, FAULT_FULL_DISK, 3, 7 * SECOND));
    fault_timeline_free(&tl);
}

/* What is worked at once, at a tenth or a fifteenth of the speed, and at once again. */
Test(fault, work_is_slow_only_while_the_fault_lasts)
{
    setup();
    add("at 1 s for 5 s slow-disk node 1-3 by 10");
    add("at 2 s for 5 s slow-disk node 3 by 3/2");
    add("at 20 s slow-disk node 1 by 1000000");
    add("at 30 s slow-disk node 1 by 1000000");
    seal();
    cr_assert_eq(fault_work_until(&tl, FAULT_SLOW_DISK, 0, 0, 90 * SECOND), 90 * SECOND);
    cr_assert_eq(fault_work_until(&tl, FAULT_SLOW_DISK, 1, SECOND, SECOND / 2), 6 * SECOND);
    cr_assert_eq(fault_work_until(&tl, FAULT_SLOW_DISK, 1, SECOND / 2, 2 * SECOND), 7 * SECOND);
    cr_assert_eq(fault_work_until(&tl, FAULT_SLOW_DISK, 1, 6 * SECOND, SECOND), 7 * SECOND);
    uint64_t end_ns = fault_work_until(&tl, FAULT_SLOW_DISK, 3, SECOND, SECOND);
    /* 1/10 s of work in the first, 4/15 s in the next 4, what is left of it in 19/20 s. */
    cr_assert_geq(end_ns, 6950 * MS - 100);
    cr_assert_leq(end_ns, 6950 * MS + 100);
    cr_assert_eq(fault_work_until(&tl, FAULT_SLOW_DISK, 1, 31 * SECOND, UINT64_MAX / 2),
                 UINT64_MAX - 1);
    cr_assert_eq(fault_work_until(&tl, FAULT_SLOW_DISK, 1, UINT64_MAX - 1, 1), UINT64_MAX - 1);
    cr_assert_eq(fault_work_until(&tl, FAULT_SLOW_CPU, 1, 31 * SECOND, SECOND), 32 * SECOND);
    fault_timeline_free(&tl);
}

Test(fault, down_until_the_end_or_a_restart)
{
    setup();
    add("at 10 s for 10 s crash node 1,3");
    add("at 15 s for 15 s outage region SA");
    add("at 40 s wipe node 2");
    add("at 50 s restart all");
    add("at 60 s for 10 s crash node 2");
    add("at 60 s restart node 2"); /* no crash after it at that time: it wins */
    seal();
    static const struct {
        uint64_t t_s;
        uint32_t node;
        bool down;
    } cases[] = {{9, 1, false},  {10, 1, true},  {19, 1, true},   {20, 1, true}, {29, 1, true},
                 {30, 1, false}, {12, 2, false}, {40, 2, true},   {49, 2, true}, {50, 2, false},
                 {55, 2, false}, {60, 2, false}, {20, 40, false}, {10, 2, false}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        cr_assert_eq(fault_down(&tl, &cursor, cases[i].node, cases[i].t_s * SECOND), cases[i].down,
                     "case %zu", i);
    }
    fault_timeline_free(&tl);
}

/* A thousand random entries: every question, asked in random order with one cursor, has the answer
 * that a scan of the whole list gives. */
Test(fault, queries_match_a_scan_of_the_list)
{
    setup();
    static const char *const forms[] = {"at %u ms for %u ms cut node %u-%u from node 50-70",
                                        "at %u ms for %u ms cut node %u-%u to node 0-40",
                                        "at %u ms for %u ms clog node %u-%u by 7 ms",
                                        "at %u ms for %u ms full-disk node %u-%u"};
    for (uint32_t i = 0; i < 1000; i++) {
        char line[128];
        uint32_t r[4];
        for (uint32_t k = 0; k < 4; k++) {
            r[k] = (uint32_t)draw_below(draw(5, DRAW_PROFILE, i, k, 0), 100);
        }
        snprintf(line, sizeof line, forms[i % 4], r[0] * 100 + r[1], r[2] + 1, r[3],
                 r[3] + (99 - r[3]) / 9);
        add(line);
    }
    seal();
    for (uint32_t i = 0; i < 20000; i++) {
        uint64_t t = draw_below(draw(6, DRAW_PROFILE, i, 0, 0), 10200) * MS;
        uint32_t src = (uint32_t)draw_below(draw(6, DRAW_PROFILE, i, 1, 0), NODES);
        uint32_t dst = (uint32_t)draw_below(draw(6, DRAW_PROFILE, i, 2, 0), NODES);
        uint64_t clog = 0;
        bool full = false;
        uint64_t cut = 0;
        for (bool more = true; more;) { /* follow one cut into the next */
            more = false;
            uint64_t now = cut == 0 ? t : cut;
            for (uint32_t k = 0; k < tl.count; k++) {
                const struct fault *f = &tl.fault[k];
                if (f->kind == FAULT_CUT && f->at_ns <= now && now < f->until_ns &&
                    ((fault_set_has(&tl.set[f->a], src) && fault_set_has(&tl.set[f->b], dst)) ||
                     (!f->one_way && fault_set_has(&tl.set[f->a], dst) &&
                      fault_set_has(&tl.set[f->b], src)))) {
                    cut = f->until_ns > cut ? f->until_ns : cut;
                    more = true;
                }
            }
        }
        for (uint32_t k = 0; k < tl.count; k++) {
            const struct fault *f = &tl.fault[k];
            bool now = f->at_ns <= t && t < f->until_ns;
            bool a = fault_set_has(&tl.set[f->a], src);
            bool b = fault_set_has(&tl.set[f->a], dst);
            clog += now && f->kind == FAULT_CLOG && (a || b) ? (uint64_t)f->value_ns : 0;
            full |= now && f->kind == FAULT_FULL_DISK && a;
        }
        struct link_conditions c = LINK_CALM;
        fault_conditions(&tl, &cursor, &c, src, dst, t);
        cr_assert_eq(c.cut_until_ns, cut);
        cr_assert_eq(c.clog_ns, clog);
        cr_assert_eq(fault_active(&tl, &cursor, NULL, FAULT_FULL_DISK, src, t), full);
    }
    fault_timeline_free(&tl);
}

Test(fault, targets)
{
    setup();
    static const struct {
        const char *text;
        enum err err;
        uint32_t count;
    } cases[] = {
        {"all", ERR_OK, 100},
        {"none", ERR_OK, 0},
        {"node 0-59, 71", ERR_OK, 61},
        {"region SA,New World", ERR_OK, 67},
        {"region New World , AF ", ERR_OK, 67},
        /* 3/5 of 550 is 330: 100, 90, 80, then 60 (70 would make 340); the 90 others: 54. */
        {"stake 3/5", ERR_OK, 4 + 54},
        {"stake 0.6", ERR_OK, 4 + 54},
        {"stake 1", ERR_OK, 100},
        {"region XX", ERR_UNKNOWN, 0},
        {"planet Mars", ERR_UNKNOWN, 0},
        {"node 100", ERR_RANGE, 0},
        {"node 5-3", ERR_SYNTAX, 0},
        {"node 1 2", ERR_SYNTAX, 0},
        {"stake 5/4", ERR_RANGE, 0},
        {"", ERR_SYNTAX, 0},
    };
    struct node_bits bits;
    cr_assert_eq(node_bits_make(&bits, NODES), ERR_OK);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        enum err err = fault_targets_parse(&bits, &error, &domains, cases[i].text);
        cr_assert_eq(err, cases[i].err, "'%s': %s", cases[i].text, error.text);
        if (err == ERR_OK) {
            cr_assert_eq(node_bits_count(&bits), cases[i].count, "'%s': %u", cases[i].text,
                         node_bits_count(&bits));
        } else {
            cr_assert_neq(error.text[0], 0);
        }
    }
    node_bits_free(&bits);
}

Test(fault, text_reads_back)
{
    static const char *const lines[] = {
        "at 20 min for 5 min cut node 0-32 from rest as quake",
        "at 0 s for 1 ns cut node 3 to node 4-9,12",
        "at 1500 ms outage node 33-65",
        "at 1 h restart all",
        "at 1 h for 30 s clog node 1,3,5,7,9,11,13,15,17,19 by 500 ms",
        "at 2 d for 1 min loss node 1 by 3/100",
        "at 5 min slow-cpu node 0-9 by 10/1",
        "at 5 min corrupt-disk node 7 by 3 silent",
        "at 5 min step-clock node 7 by -2 s",
        "at 5 min break node 7 from all",
        "at 6 min crash none",
    };
    enum { COUNT = sizeof lines / sizeof *lines };
    setup();
    for (size_t i = 0; i < COUNT; i++) {
        add(lines[i]);
    }
    for (uint32_t i = 0; i < COUNT; i++) {
        char *text = NULL;
        size_t size = 0;
        FILE *file = open_memstream(&text, &size);
        fault_entry_print(file, &tl, i);
        fclose(file);
        cr_assert_eq(text[size - 1], '\n');
        text[size - 1] = 0;
        cr_assert_str_eq(text, lines[i]);
        free(text);
    }
    fault_timeline_free(&tl);
}

Test(fault, bad_lines_say_why)
{
    static const struct {
        const char *line;
        enum err err;
        unsigned column;
    } cases[] = {
        {"", ERR_SYNTAX, 1},
        {"at", ERR_SYNTAX, 3},
        {"at 5 crash all", ERR_SYNTAX, 6},
        {"at -5 s crash all", ERR_SYNTAX, 4},
        {"at 5 s crush all", ERR_UNKNOWN, 8},
        {"at 5 s for 0 s crash all", ERR_INVALID, 16},
        {"at 5 s for 1 s restart all", ERR_INVALID, 16},
        {"at 5 s crash planet Mars", ERR_UNKNOWN, 14},
        {"at 5 s crash region SA,XX", ERR_UNKNOWN, 24},
        {"at 5 s cut all", ERR_SYNTAX, 15},
        {"at 5 s break all to all", ERR_INVALID, 21},
        {"at 5 s clog all", ERR_SYNTAX, 16},
        {"at 5 s clog all by 5", ERR_SYNTAX, 21},
        {"at 5 s loss all by 5/4", ERR_INVALID, 23},
        {"at 5 s loss all by 5/0", ERR_SYNTAX, 23},
        {"at 5 s slow-cpu all by 0", ERR_INVALID, 25},
        {"at 5 s crash all by 5", ERR_INVALID, 21},
        {"at 5 s crash all silent", ERR_INVALID, 24},
        {"at 5 s crash all as", ERR_SYNTAX, 20},
        {"at 5 s crash all please", ERR_SYNTAX, 18},
        {"at 0.0000000001 s crash all", ERR_RANGE, 15},
        {"at 99999999999999999999 s crash all", ERR_RANGE, 22},
        {"at 1000000 d crash all", ERR_RANGE, 12},
        {"at 5 s cut rest from all", ERR_UNKNOWN, 12},
    };
    setup();
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        enum err err = fault_entry_parse(&tl, &error, &domains, cases[i].line);
        cr_assert_eq(err, cases[i].err, "'%s': %s (%s)", cases[i].line, err_text(err), error.text);
        cr_assert_eq(error.column, cases[i].column, "'%s': column %u %s", cases[i].line,
                     error.column, error.text);
        cr_assert_neq(error.text[0], 0);
    }
    cr_assert_eq(tl.count, 0);
    fault_timeline_free(&tl);
}

static struct quantile exponential;

static void expand(const char *kind, const char *arguments, const struct node_bits *candidates,
                   uint32_t number, uint64_t until_ns)
{
    struct fault_process p;
    enum err err = fault_process_parse(&p, &error, &domains, kind, arguments);
    cr_assert_eq(err, ERR_OK, "%s", error.text);
    p.candidates = candidates;
    p.rate_num = 7200;
    p.rate_den = 2;
    p.least_ns = SECOND;
    p.most_ns = 3 * SECOND;
    p.from_ns = MINUTE;
    p.until_ns = until_ns;
    cr_assert_eq(fault_process_expand(&tl, &p, &exponential, 99, number), ERR_OK);
}

/* One a second on average, durations uniform in 1 to 3 s, targets uniform: within 5 standard
 * errors, and gaps by Kolmogorov-Smirnov (D sqrt(n) < 1.95 with probability 0.999). */
Test(fault, processes_have_their_rates)
{
    setup();
    quantile_build_exponential(&exponential);
    struct node_bits candidates;
    cr_assert_eq(node_bits_make(&candidates, NODES), ERR_OK);
    node_bits_add_range(&candidates, 10, 59);
    const double n = 36000;
    expand("crash", "", &candidates, 0, MINUTE + 36000 * SECOND);
    cr_assert_float_eq(tl.count, n, 5 * sqrt(n));
    double sum = 0;
    double hits[NODES] = {0};
    for (uint32_t i = 0; i < tl.count; i++) {
        const struct fault *f = &tl.fault[i];
        uint64_t duration = f->until_ns - f->at_ns;
        cr_assert(duration >= SECOND && duration <= 3 * SECOND);
        cr_assert(f->at_ns >= MINUTE && f->at_ns < MINUTE + 36000 * SECOND);
        sum += (double)duration / 1e9;
        cr_assert_eq(tl.set[f->a].count, 1);
        hits[tl.set[f->a].range[0].first]++;
    }
    cr_assert_float_eq(sum / tl.count, 2, 5 * sqrt(4.0 / 12 / n));
    double chi = 0;
    for (int i = 0; i < NODES; i++) {
        double expected = i >= 10 && i < 60 ? tl.count / 50.0 : 0;
        cr_assert(expected > 0 || hits[i] == 0);
        chi += expected > 0 ? pow(hits[i] - expected, 2) / expected : 0;
    }
    cr_assert_gt(gsl_cdf_chisq_Q(chi, 49), 1e-4);
    node_bits_free(&candidates);
    fault_timeline_free(&tl);
}

Test(fault, processes_do_not_move_each_other)
{
    setup();
    quantile_build_exponential(&exponential);
    struct node_bits all;
    cr_assert_eq(node_bits_make(&all, NODES), ERR_OK);
    node_bits_complement(&all);
    expand("clog", "share 1/4 by 20 ms", &all, 1, 10 * MINUTE);
    struct fault_timeline alone = tl;
    fault_timeline_init(&tl, NODES);
    expand("outage", "", &all, 0, 5 * MINUTE);
    uint32_t before = tl.count;
    cr_assert_gt(before, 100);
    for (uint32_t i = 0; i < before; i++) {
        uint32_t count = tl.set[tl.fault[i].a].count;
        cr_assert(count == 33 || count == 34); /* one whole region */
    }
    expand("clog", "share 1/4 by 20 ms", &all, 1, 20 * MINUTE);
    cr_assert_gt(tl.count, before + alone.count);
    for (uint32_t i = 0; i < alone.count; i++) {
        const struct fault *f = &alone.fault[i];
        const struct fault *g = &tl.fault[before + i];
        cr_assert_eq(f->at_ns, g->at_ns);
        cr_assert_eq(f->until_ns, g->until_ns);
        cr_assert_eq(f->value_ns, (int64_t)(20 * MS));
        for (uint32_t node = 0; node < NODES; node++) {
            cr_assert_eq(fault_set_has(&alone.set[f->a], node), fault_set_has(&tl.set[g->a], node));
        }
    }
    fault_timeline_free(&alone);
    fault_timeline_free(&tl);
    setup();
    expand("cut", "nodes 3 one-way", &all, 2, 10 * MINUTE);
    for (uint32_t i = 0; i < tl.count; i++) {
        cr_assert_eq(tl.set[tl.fault[i].a].count, 3);
        cr_assert_eq(tl.set[tl.fault[i].b].count, NODES - 3);
        cr_assert(tl.fault[i].one_way);
    }
    seal();
    node_bits_free(&all);
    fault_timeline_free(&tl);
}

Test(fault, bad_processes)
{
    setup();
    struct fault_process p;
    cr_assert_eq(fault_process_parse(&p, &error, &domains, "crush", ""), ERR_UNKNOWN);
    cr_assert_eq(fault_process_parse(&p, &error, &domains, "clog", ""), ERR_SYNTAX);
    cr_assert_eq(fault_process_parse(&p, &error, &domains, "clog", "by fast"), ERR_SYNTAX);
    cr_assert_eq(fault_process_parse(&p, &error, &domains, "crash", "nodes 0"), ERR_SYNTAX);
    cr_assert_eq(fault_process_parse(&p, &error, &domains, "crash", "nodes 2x"), ERR_SYNTAX);
    cr_assert_eq(fault_process_parse(&p, &error, &domains, "crash", "silent"), ERR_UNKNOWN);
    cr_assert_eq(fault_process_parse(&p, &error, &domains, "crash", "share 1/2 region"), ERR_OK);
    quantile_build_exponential(&exponential);
    struct node_bits all;
    cr_assert_eq(node_bits_make(&all, NODES), ERR_OK);
    node_bits_complement(&all);
    p.candidates = &all;
    p.rate_num = 0;
    p.rate_den = 1;
    p.least_ns = p.most_ns = 5;
    p.until_ns = MINUTE;
    cr_assert_eq(fault_process_expand(&tl, &p, &exponential, 1, 0), ERR_RANGE);
    p.rate_num = UINT64_MAX;
    cr_assert_eq(fault_process_expand(&tl, &p, &exponential, 1, 0), ERR_RANGE);
    p.rate_num = 1;
    p.least_ns = 6;
    cr_assert_eq(fault_process_expand(&tl, &p, &exponential, 1, 0), ERR_RANGE);
    node_bits_free(&all);
    fault_timeline_free(&tl);
}
