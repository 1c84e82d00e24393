/* Conditions of expect: against metrics with known values. */
#define _DEFAULT_SOURCE /* open_memstream */
#include <criterion/criterion.h>
#include <stdlib.h>

#include "sim/cli/command.h"
#include "sim/cli/expect.h"

#define SECOND UINT64_C(1000000000)

/* Four blocks, 10 s apart, one of them off the chain: a mean interval of 10 s, a fork rate of 1/4
 * as sim/record defines it; nothing else is known. */
static struct metrics *metrics_make(void)
{
    static const uint64_t stake[2] = {100, 0};
    struct metrics *m = metrics_new(2, stake, 0);

    for (uint64_t k = 0; k < 4; k++) {
        struct trace_row rows[2] = {
            {.time_ns = 10 * SECOND * (k + 1),
             .kind = TRACE_block_produced,
             .count = 2 * k,
             .value = {k < 3 ? k + 1 : 3, 0x100 + k, k < 3 ? 0xff + k : 0x101, 10000, 0, 400}},
            {.time_ns = 10 * SECOND * (k + 1),
             .kind = TRACE_tip_changed,
             .count = 2 * k + 1,
             .value = {k + 1, 0x100 + k, 0, k + 1}}};
        metrics_rows(m, rows, k < 3 ? 2 : 1);
    }
    return m;
}

static struct scenario_expect expects[1];
static char file[] = "x.yaml";
static struct scenario scenario = {.file = file, .expects = expects, .expects_count = 1};

static int evaluate(const char *metric, const char *op, const char *value, char **text)
{
    struct metrics *m = metrics_make();
    size_t len, count;
    struct metric *figures = expect_figures(&count, m, NULL);
    FILE *out = open_memstream(text, &len);

    expects[0] = (struct scenario_expect){
        .metric = strdup(metric), .op = strdup(op), .value = strdup(value), .line = 12};
    for (size_t i = 0; i < count; i++) { /* of a run whose checks saw four decisions */
        bool seen = strcmp(figures[i].name, "check_decisions_compared") == 0;
        figures[i].value = seen ? 4 : figures[i].value;
        figures[i].known = figures[i].known || seen;
    }
    int code = expect_evaluate(&scenario, figures, count, out);
    fclose(out);
    free(figures);
    metrics_free(m);
    free(expects[0].metric);
    free(expects[0].op);
    free(expects[0].value);
    return code;
}

Test(expect, conditions)
{
    static const struct {
        const char *metric, *op, *value;
        int code;
        const char *words;
    } cases[] = {
        {"block_interval_mean", "in", "9 s..11 s", EXIT_OK, ": 10 s, ok"},
        {"block_interval_mean", "in", "9..11", EXIT_OK, "ok"},
        {"block_interval_mean", "in", "9.5 .. 10", EXIT_OK, "ok"},
        {"block_interval_mean", "in", "10.1 s..11 s", EXIT_EXPECTATION, ": 10 s, NOT MET"},
        {"block_interval_mean", "=", "10 s", EXIT_OK, "ok"},
        {"block_interval_mean", "=", "10000 ms", EXIT_OK, "ok"},
        {"block_interval_mean", "=", "1/6 min", EXIT_OK, "ok"},
        {"block_interval_mean", "<", "10 s", EXIT_EXPECTATION, "NOT MET"},
        {"block_interval_mean", "<=", "10 s", EXIT_OK, "ok"},
        {"block_interval_mean", ">", "9.999 s", EXIT_OK, "ok"},
        {"block_interval_mean", ">=", "10.001 s", EXIT_EXPECTATION, "NOT MET"},
        {"fork_rate", "in", "24 %..26 %", EXIT_OK, ": 0.25, ok"},
        {"fork_rate", "=", "1/4", EXIT_OK, "ok"},
        {"fork_rate", "<", "5 %", EXIT_EXPECTATION, "NOT MET"},
        {"reorgs", "=", "0", EXIT_OK, ": 0, ok"},
        {"reorgs", ">", "-1", EXIT_OK, "ok"},
        {"sync_time_mean", "<", "5 s", EXIT_EXPECTATION, "nothing to measure"},
        {"check_decisions_compared", "in", "4..5", EXIT_OK, ": 4, ok"},
        {"check_decisions_compared", "=", "0", EXIT_EXPECTATION, "NOT MET"},
        {"check_agreement_broken", "=", "0", EXIT_EXPECTATION, "nothing to measure"},
        /* what cannot be asked */
        {"check_agrement_broken", "=", "0", EXIT_USAGE, "the nearest is `check_agreement_broken`"},
        {"check_progress_longest", "<", "5 %", EXIT_USAGE, "whose own is `s`"},
        {"block_intervall_mean", "<", "5 s", EXIT_USAGE, "the nearest is `block_interval_mean`"},
        {"block_interval_mean", "<", "5 %", EXIT_USAGE, "not a unit of this metric"},
        {"block_interval_mean", "<", "5 parsec", EXIT_USAGE, "whose own is `s`"},
        {"fork_rate", "<", "5 s", EXIT_USAGE, "not a unit"},
        {"block_interval_mean", "<", "fast", EXIT_USAGE, "expected a condition"},
        {"block_interval_mean", "<", "0x10", EXIT_USAGE, "expected a condition"},
        {"block_interval_mean", "<", "inf", EXIT_USAGE, "expected a condition"},
        {"block_interval_mean", "<", "1.2.3 s", EXIT_USAGE, "expected a condition"},
        {"block_interval_mean", "<", "1/0 s", EXIT_USAGE, "expected a condition"},
        {"block_interval_mean", "in", "9 s", EXIT_USAGE, "expected a condition"},
        {"block_interval_mean", "<", "9 s..11 s", EXIT_USAGE, "expected a condition"},
        {"block_interval_mean", "in", "11 s..9 s", EXIT_USAGE, "the first value is the larger"},
        {"block_interval_mean", "in", "9 s..", EXIT_USAGE, "expected a condition"},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char *text;
        int code = evaluate(cases[i].metric, cases[i].op, cases[i].value, &text);
        cr_expect_eq(code, cases[i].code, "%s", text);
        cr_expect(strstr(text, cases[i].words) != NULL, "\"%s\" is not in: %s", cases[i].words,
                  text);
        cr_expect(strncmp(text, "expect ", 7) == 0 && text[strlen(text) - 1] == '\n');
        free(text);
    }
}

Test(expect, a_wrong_question_is_told_before_the_run)
{
    struct settings_error error = {0};
    static char metric[] = "fork_rate";
    static char op[] = "<";
    static char right[] = "5 %";
    static char wrong[] = "5 min";

    expects[0] = (struct scenario_expect){.metric = metric, .op = op, .value = right, .line = 12};
    cr_expect_eq(expect_check(&scenario, &error), ERR_OK);
    expects[0].value = wrong;
    cr_expect_eq(expect_check(&scenario, &error), ERR_UNKNOWN);
    cr_expect_eq(error.line, 12);
    cr_expect_str_eq(error.file, "x.yaml");
}
