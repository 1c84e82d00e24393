/* Reading scenarios: a good one, its round trip through used.yaml, and everything that is wrong
 * with bad ones, each told with file, line and what was probably meant. */
#define _DEFAULT_SOURCE /* mkdtemp */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "settings/document.h"
#include "settings/unit.h"
#include "sim/fault/process.h"
#include "sim/scenario/scenario.h"
#include "tests/support/vectors.h"

/* Line numbers matter below: the first line is 1. */
static const char good[] = "name: small\n"                                         /* 1 */
                           "question: >\n"                                         /* 2 */
                           "  Does it work,\n"                                     /* 3 */
                           "  or not?\n"                                           /* 4 */
                           "seed: 7\n"                                             /* 5 */
                           "duration: 10 min\n"                                    /* 6 */
                           "chain:\n"                                              /* 7 */
                           "  target: 15 s\n"                                      /* 8 */
                           "  epoch_blocks: 20\n"                                  /* 9 */
                           "  finality: on\n"                                      /* 10 */
                           "network:\n"                                            /* 11 */
                           "  loss: 3/100\n"                                       /* 12 */
                           "  duplicate: 1 %\n"                                    /* 13 */
                           "profiles:\n"                                           /* 14 */
                           "  - name: server\n"                                    /* 15 */
                           "    up: 20 Mbit/s\n"                                   /* 16 */
                           "    cpu: 1/2\n"                                        /* 17 */
                           "groups:\n"                                             /* 18 */
                           "  - name: makers\n"                                    /* 19 */
                           "    kind: producer\n"                                  /* 20 */
                           "    count: 4\n"                                        /* 21 */
                           "    profile: server\n"                                 /* 22 */
                           "    slow_count: 1\n"                                   /* 23 */
                           "    slow_profile: server\n"                            /* 24 */
                           "    stake: {law: list, list: [5, 6, 7, 8], free: 3}\n" /* 25 */
                           "    places: {EUR: 2/3, Tokyo: 1}\n"                    /* 26 */
                           "    operators: [ann, 'o''neill']\n"                    /* 27 */
                           "  - name: others\n"                                    /* 28 */
                           "    count: 6\n"                                        /* 29 */
                           "    profile: server\n"                                 /* 30 */
                           "    churn: {on: yes, session: 2 h, wipe: true}\n"      /* 31 */
                           "    clock: {drift: 20 ppm, swing: 9 ms}\n"             /* 32 */
                           "load:\n"                                               /* 33 */
                           "  - {group: makers, per_second: 0.5, amount: 1.5}\n"   /* 34 */
                           "faults:\n"                                             /* 35 */
                           "  - at 2 min for 1 min cut region SA,AF from rest\n"   /* 36 */
                           "random_faults:\n"                                      /* 37 */
                           "  - {kind: crash, group: others, per_hour: 3}\n"       /* 38 */
                           "record: {tables: [tip_changed]}\n"                     /* 39 */
                           "expect:\n"                                             /* 40 */
                           "  block_interval_mean: in 14 s..16 s\n"                /* 41 */
                           "  fork_rate: '< 5 %'\n";                               /* 42 */

static char folder[] = "/tmp/orrery-scenario-XXXXXX";
static char path[64];

static void write_file(const char *text)
{
    if (path[0] == 0) {
        cr_assert(mkdtemp(folder) != NULL);
        snprintf(path, sizeof(path), "%s/scenario.yaml", folder);
    }
    FILE *f = fopen(path, "w");
    cr_assert(f != NULL);
    cr_assert(fputs(text, f) >= 0);
    fclose(f);
}

static void folder_remove(void)
{
    unlink(path);
    rmdir(folder);
}

static char *read_whole(const char *name)
{
    FILE *f = fopen(name, "r");
    char *text = calloc(1, 1 << 20);
    cr_assert(f != NULL && text != NULL);
    cr_assert(fread(text, 1, (1 << 20) - 1, f) > 0);
    fclose(f);
    return text;
}

/* The good file with one part replaced. */
static void write_changed(const char *from, const char *to)
{
    static char text[16384];
    const char *at = strstr(good, from);

    cr_assert(at != NULL, "%s", from);
    snprintf(text, sizeof(text), "%.*s%s%s", (int)(at - good), good, to, at + strlen(from));
    write_file(text);
}

Test(scenario, a_good_file_reads, .fini = folder_remove)
{
    struct scenario *s;
    struct settings_error error = {0};

    write_file(good);
    cr_assert_eq(scenario_load(&s, &error, folder, NULL, 0), ERR_OK, "%s", error.text);
    cr_expect_str_eq(s->name, "small");
    cr_expect_str_eq(s->question, "Does it work, or not?");
    cr_expect_str_eq(s->file, path);
    cr_expect_eq(s->duration_ns, 600000000000);
    cr_expect_eq(s->chain.epoch_blocks, 20);
    cr_expect_eq(s->chain.target_ms, 15000);
    cr_expect_eq(s->network.loss.num, 3);
    cr_expect_eq(s->network.duplicate.den, 100);
    cr_expect_eq(s->network.connect_timeout_ns, 5000000000, "a default");
    cr_expect_eq(s->profiles[0].up_bits_per_s, 20000000);
    cr_expect_eq(s->profiles[0].down_bits_per_s, 0, "unlimited");
    cr_expect_eq(s->groups_count, 2);
    cr_expect_eq(s->groups[0].kind, GROUP_PRODUCER);
    cr_expect_eq(s->groups[0].stake_list[3], 8);
    cr_expect_str_eq(s->groups[0].places[1].where, "Tokyo");
    cr_expect_str_eq(s->groups[0].operators[1], "o'neill");
    cr_expect(s->groups[1].churn && s->groups[1].churn_wipe);
    cr_expect_eq(s->groups[1].session_scale_ns, UINT64_C(7200000000000));
    cr_expect_eq(s->groups[1].clock_drift_ppb, 20000);
    cr_expect_eq(s->groups[1].clock_swing_ns, 9000000);
    cr_expect_eq(s->groups[1].clock_swing_period_ns, 60000000000, "a default");
    cr_expect_eq(s->loads[0].per_s.den, 2);
    cr_expect_eq(s->loads[0].amount, 1500000);
    cr_expect_eq(s->faults[0].line, 36);
    cr_expect_str_eq(s->processes[0].kind, "crash");
    cr_expect_eq(s->processes[0].most_ns, 60000000000);
    cr_expect_str_eq(s->record.tables[0], "tip_changed");
    cr_expect_str_eq(s->expects[1].op, "<");
    cr_expect_str_eq(s->expects[1].value, "5 %");
    cr_expect_eq(scenario_node_count(s), 10);
    scenario_free(s);
}

/* used.yaml of used.yaml is used.yaml, and of every scenario here too. */
Test(scenario, used_yaml_runs_again, .fini = folder_remove)
{
    static const char *const shipped[] = {"scenarios/first-light", NULL};
    char used[2][80];
    struct settings_error error = {0};

    write_file(good);
    for (int i = -1; i < 0 || shipped[i] != NULL; i++) {
        char source[1024];
        char *text[2];
        snprintf(source, sizeof(source), "%s", path);
        if (i >= 0) {
            source_path(source, sizeof(source), shipped[i]);
        }
        for (int k = 0; k < 2; k++) {
            struct scenario *s;
            cr_assert_eq(scenario_load(&s, &error, k == 0 ? source : used[0], NULL, 0), ERR_OK,
                         "%s:%d: %s", error.file, error.line, error.text);
            snprintf(used[k], sizeof(used[k]), "%s/used%d.yaml", folder, k);
            cr_assert_eq(scenario_print(s, used[k]), ERR_OK);
            text[k] = read_whole(used[k]);
            scenario_free(s);
        }
        cr_expect_str_eq(text[0], text[1]);
        cr_expect(strstr(text[0], "name: '") != NULL);
        free(text[0]);
        free(text[1]);
    }
    unlink(used[0]);
    unlink(used[1]);
}

struct bad {
    const char *from, *to;
    enum err err;
    int line;
    const char *words;
};

static const struct bad bads[] = {
    /* typos */
    {"duration: 10 min", "durration: 10 min", ERR_INVALID, 1, "needs a key `duration`"},
    {"seed: 7", "sed: 7", ERR_UNKNOWN, 5, "has no key `sed`; the nearest is `seed`"},
    {"  target: 15 s", "  targt: 15 s", ERR_UNKNOWN, 8, "nearest is `target`"},
    {"    count: 6", "    count: 6\n    slow_cuont: 1", ERR_UNKNOWN, 30, "nearest is `slow_count`"},
    {"    profile: server\n    slow", "    profile: sever\n    slow", ERR_UNKNOWN, 22,
     "no profile is called `sever`; the nearest is `server`"},
    {"{group: makers", "{group: maker", ERR_UNKNOWN, 34, "no group is called `maker`"},
    {"kind: crash", "kind: crahs", ERR_UNKNOWN, 38, "the nearest is `crash`"},
    {"tables: [tip_changed]", "tables: [node_up, tip_chnaged]", ERR_UNKNOWN, 39,
     "no kind of trace is called `tip_chnaged`; the nearest is `tip_changed`"},
    {"group: others, per", "group: otters, per", ERR_UNKNOWN, 38, "the nearest is `others`"},
    /* twice */
    {"seed: 7", "seed: 7\nseed: 8", ERR_SYNTAX, 6, "given twice: seed"},
    {"name: others", "name: makers", ERR_INVALID, 28, "two groups are called makers"},
    /* units */
    {"duration: 10 min", "duration: 10 MiB", ERR_SYNTAX, 6, "expected a time"},
    {"duration: 10 min", "duration: 10", ERR_SYNTAX, 6, "expected a time"},
    {"up: 20 Mbit/s", "up: 20 Mb", ERR_SYNTAX, 16, "expected a rate"},
    {"up: 20 Mbit/s", "up: fast", ERR_SYNTAX, 16, "expected a rate"},
    {"drift: 20 ppm", "drift: 20 ms", ERR_SYNTAX, 32, "expected a drift"},
    {"target: 15 s", "target: 15.0005 s", ERR_RANGE, 8, "whole ms only"},
    {"seed: 7", "seed: 7.5", ERR_RANGE, 5, "comes out whole"},
    {"seed: 7", "seed: 123456789012345678901", ERR_RANGE, 5, "at most 20 digits"},
    {"duration: 10 min", "duration: -10 min", ERR_INVALID, 6, "not less than zero"},
    {"loss: 3/100", "loss: -1/100", ERR_INVALID, 12, "not less than zero"},
    {"target: 15 s", "target: 1 ms", ERR_RANGE, 8, "must lie between 100 ms and 1 h"},
    /* probabilities and other ratios */
    {"loss: 3/100", "loss: 5/4", ERR_RANGE, 12, "a probability is at most 1"},
    {"duplicate: 1 %", "duplicate: 101 %", ERR_RANGE, 13, "a probability is at most 1"},
    {"loss: 3/100", "loss: 3/0", ERR_SYNTAX, 12, "expected a ratio"},
    {"loss: 3/100", "loss: often", ERR_SYNTAX, 12, "expected a ratio"},
    {"loss: 3/100", "loss: 0.00000000000000000001/99999999999999999999", ERR_RANGE, 12,
     "at most 20 digits"},
    {"loss: 3/100", "loss: 1/4294967297", ERR_RANGE, 12, "below 2^32"},
    {"loss: 3/100", "loss: 0.0000000000000001/9999999999999999999", ERR_RANGE, 12, "below 2^32"},
    {"cpu: 1/2", "cpu: 0", ERR_RANGE, 17, "must be above 0"},
    /* topology */
    {"count: 6", "count: 1000000000", ERR_RANGE, 29, "must lie between 1 and 1000000"},
    {"count: 6", "count: 1_000_000", ERR_RANGE, 18, "1000004 nodes: at most 1000000"},
    {"count: 6", "count: 0", ERR_RANGE, 29, "between 1"},
    {"kind: producer", "kind: relay", ERR_INVALID, 18, "nobody would make blocks"},
    {"law: list", "law: equal", ERR_INVALID, 25, "at least 1 token each"},
    {"[5, 6, 7, 8]", "[5, 6, 7]", ERR_INVALID, 25, "4 nodes and 3 stakes"},
    {"[5, 6, 7, 8]", "[5, 6, 7, 0]", ERR_RANGE, 25, "between 1 and 2^36"},
    {"slow_count: 1", "slow_count: 5", ERR_INVALID, 23, "5 slow nodes of 4"},
    {"slow_profile: server", "slow_profile: turtle", ERR_UNKNOWN, 24, "turtle"},
    {"{EUR: 2/3, Tokyo: 1}", "{EUR: 0}", ERR_INVALID, 26, "no weight"},
    {"epoch_blocks: 20", "epoch_blocks: 21", ERR_INVALID, 7, "multiple of checkpoint_blocks"},
    {"free: 3}", "free: 20_000_000_000}", ERR_RANGE, 25, "more than 2^36 tokens"},
    /* spans */
    {"per_hour: 3}", "per_hour: 3, least: 2 min}", ERR_INVALID, 38, "`least` is above `most`"},
    {"amount: 1.5}", "amount: 1.5, start: 9 s, end: 9 s}", ERR_INVALID, 34, "not after `start`"},
    /* kinds of value */
    {"kind: producer", "kind: prodcer", ERR_UNKNOWN, 20, "expected one of producer, relay"},
    {"finality: on", "finality: maybe", ERR_UNKNOWN, 10, "expected one of off, on"},
    {"wipe: true", "wipe: perhaps", ERR_UNKNOWN, 31, "expected one of no, yes"},
    {"network:\n  loss: 3/100\n  duplicate: 1 %\n", "network: [3/100]\n", ERR_SYNTAX, 11,
     "is a map of keys"},
    {"  target: 15 s\n  epoch_blocks: 20\n  finality: on\n", "  - target\n", ERR_SYNTAX, 7,
     "is a map of keys"},
    {"seed: 7", "seed: [7]", ERR_SYNTAX, 5, "takes one value"},
    {"[5, 6, 7, 8]", "5", ERR_SYNTAX, 25, "is a list"},
    {"{EUR: 2/3, Tokyo: 1}", "[EUR]", ERR_SYNTAX, 26, "is a map"},
    {"  - at 2 min", "  when: at 2 min", ERR_SYNTAX, 35, "is a list of lines"},
    {"  block_interval_mean: in 14 s..16 s\n  fork_rate: '< 5 %'\n", "  - fork_rate\n", ERR_SYNTAX,
     40, "is a map of metric"},
    {"'< 5 %'", "5 %", ERR_UNKNOWN, 42, "begins with one of < <= = >= > in"},
    {"'< 5 %'", "'<'", ERR_SYNTAX, 42, "expected a condition"},
    {"    count: 4\n", "", ERR_INVALID, 19, "needs a key `count`"},
    {"name: small", "name: ../small", ERR_INVALID, 1, "names a folder"},
    {"name: small", "name: ''", ERR_INVALID, 1, "names a folder"},
    {"[ann, 'o''neill']", "[\"a\\x01\"]", ERR_SYNTAX, 27, "control character"},
    /* not YAML at all */
    {"seed: 7", "seed: [7", ERR_SYNTAX, 6, "not YAML"},
    {"seed: 7", "\tseed: 7", ERR_SYNTAX, 5, "not YAML"},
    {"seed: 7", "[a, b]: 7", ERR_SYNTAX, 1, "a key must be plain text"},
    {"seed: 7", "seed: &a [*a]", ERR_RANGE, 5, "too deep"},
};

Test(scenario, every_bad_input_is_told_with_its_line, .fini = folder_remove)
{
    for (size_t i = 0; i < sizeof(bads) / sizeof(bads[0]); i++) {
        const struct bad *b = &bads[i];
        struct scenario *s;
        struct settings_error error = {0};
        write_changed(b->from, b->to);
        enum err err = scenario_load(&s, &error, path, NULL, 0);
        cr_expect_eq(err, b->err, "%s: %s (%s)", b->to, err_text(err), error.text);
        cr_expect_eq(error.line, b->line, "%s: line %d: %s", b->to, error.line, error.text);
        cr_expect(strstr(error.text, b->words) != NULL, "%s: %s", b->to, error.text);
        cr_expect_str_eq(error.file, path);
        cr_expect(s == NULL);
        if (err == ERR_OK) {
            scenario_free(s);
        }
    }
}

Test(scenario, what_is_no_scenario_file, .fini = folder_remove)
{
    static const char *const texts[] = {"", "just words\n", "- a\n- list\n", "%YAML 9.9\n---\n",
                                        "a: *b\n"};
    struct scenario *s;
    struct settings_error error = {0};

    write_file(good);
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        write_file(texts[i]);
        cr_expect_eq(scenario_load(&s, &error, path, NULL, 0), ERR_SYNTAX, "%s", texts[i]);
        cr_expect(error.line >= 1 && error.text[0] != 0, "%s", texts[i]);
    }
    /* Ten lists of ten lists of ten... */
    char bomb[1024];
    size_t len = (size_t)snprintf(bomb, sizeof(bomb), "a0: &a0 [x]\n");
    for (int i = 1; i < 12; i++) {
        len += (size_t)snprintf(bomb + len, sizeof(bomb) - len,
                                "a%d: &a%d [*a%d,*a%d,*a%d,*a%d,*a%d,*a%d]\n", i, i, i - 1, i - 1,
                                i - 1, i - 1, i - 1, i - 1);
    }
    write_file(bomb);
    cr_expect_eq(scenario_load(&s, &error, path, NULL, 0), ERR_RANGE);
    cr_expect_eq(scenario_load(&s, &error, "/nonexistent/scenario.yaml", NULL, 0), ERR_NOT_FOUND);
    cr_expect_eq(error.line, 0);
    cr_expect_str_eq(error.file, "/nonexistent/scenario.yaml");
    cr_expect(strstr(error.text, "No such file") != NULL, "%s", error.text);
}

Test(scenario, settings_of_the_command_line, .fini = folder_remove)
{
    static const char *const right[] = {"seed=9",
                                        "chain.target=2 s",
                                        "groups.others.count=7",
                                        "groups.0.stake.free=11",
                                        "network.latency=constant",
                                        "load.0.memo=5 B",
                                        "adversaries.0=silent node 1",
                                        "adversaries.1=liar node 2",
                                        "faults=[at 1 s crash node 0, 'at 2 s restart all']",
                                        "load.1.group=makers",
                                        "load.1.per_second=2",
                                        "record={tables: [tip_changed, node_up]}"};
    static const struct {
        const char *setting, *words;
        enum err err;
    } wrong[] = {{"sede=9", "nearest is `seed`", ERR_UNKNOWN},
                 {"groups.nobody.count=7", "nothing of that name", ERR_UNKNOWN},
                 {"groups.9.count=7", "nothing of that name", ERR_UNKNOWN},
                 {"groups.2.count=7", "needs a key `name`", ERR_INVALID},
                 {"adversaries.1=silent node 1", "is a list of lines", ERR_SYNTAX},
                 {"adversaries=[silent node 1", "not a list or map", ERR_SYNTAX},
                 {"adversaries=[[silent node 1]]", "takes one value", ERR_SYNTAX},
                 {"network={loss: 0, lsos: 0}", "nearest is `loss`", ERR_UNKNOWN},
                 {"seed=x", "expected a whole number", ERR_SYNTAX},
                 {".=x", "not a key", ERR_SYNTAX},
                 {"seed.deeper=1", "nothing of that name", ERR_UNKNOWN},
                 {"network.loss=5/4", "a probability", ERR_RANGE},
                 {"nodes=1", "1 nodes for 2 groups", ERR_RANGE},
                 {"nodes=20", "cannot be scaled", ERR_INVALID}};
    struct scenario *s;
    struct settings_error error = {0};

    write_file(good);
    cr_assert_eq(scenario_load(&s, &error, path, right, sizeof(right) / sizeof(right[0])), ERR_OK,
                 "%s", error.text);
    cr_expect_eq(s->seed, 9);
    cr_expect_eq(s->chain.target_ms, 2000);
    cr_expect_eq(s->groups[1].count, 7);
    cr_expect_eq(s->groups[0].free_each, 11);
    cr_expect_eq(s->network.latency, LATENCY_CONSTANT);
    cr_expect_eq(s->loads[0].memo_bytes, 5);
    cr_assert_eq(s->adversaries_count, 2);
    cr_expect_str_eq(s->adversaries[1].text, "liar node 2");
    cr_assert_eq(s->faults_count, 2);
    cr_expect_str_eq(s->faults[0].text, "at 1 s crash node 0");
    cr_assert_eq(s->loads_count, 2);
    cr_expect_str_eq(s->loads[1].group, "makers");
    cr_expect_eq(s->record.tables_count, 2);
    scenario_free(s);
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        enum err err = scenario_load(&s, &error, path, &wrong[i].setting, 1);
        cr_expect_eq(err, wrong[i].err, "%s: %s", wrong[i].setting, error.text);
        cr_expect(strstr(error.text, wrong[i].words) != NULL, "%s: %s", wrong[i].setting,
                  error.text);
        cr_expect_str_eq(error.file, "command line");
        if (err == ERR_OK) {
            scenario_free(s);
        }
    }
}

Test(scenario, nodes_scales_the_groups, .fini = folder_remove)
{
    const char *setting = "nodes=1000";
    struct scenario *s;
    struct settings_error error = {0};

    write_changed("law: list, list: [5, 6, 7, 8]", "total: 1000");
    cr_assert_eq(scenario_load(&s, &error, path, &setting, 1), ERR_OK, "%s", error.text);
    cr_expect_eq(s->groups[0].count, 400);
    cr_expect_eq(s->groups[0].slow_count, 100);
    cr_expect_eq(s->groups[1].count, 600);
    scenario_free(s);
    setting = "nodes=3"; /* 1.2 and 1.8 */
    cr_assert_eq(scenario_load(&s, &error, path, &setting, 1), ERR_OK, "%s", error.text);
    cr_expect_eq(scenario_node_count(s), 3);
    cr_expect(s->groups[0].count >= 1 && s->groups[1].count >= 1);
    scenario_free(s);
}

Test(scenario, units_read_and_print)
{
    static const struct {
        enum unit_kind kind;
        const char *text;
        uint64_t value;
        const char *printed;
    } cases[] = {{UNIT_TIME, "1.5 h", UINT64_C(5400000000000), "90 min"},
                 {UNIT_TIME, "250us", 250000, "250 us"},
                 {UNIT_TIME, "0", 0, "0 ns"},
                 {UNIT_BYTES, "1 MiB", 1 << 20, "1 MiB"},
                 {UNIT_BYTES, "1.5 kB", 1500, "1500 B"},
                 {UNIT_RATE, "unlimited", 0, "unlimited"},
                 {UNIT_RATE, "0.5 Gbit/s", 500000000, "500 Mbit/s"},
                 {UNIT_NONE, "1_000_000", 1000000, "1000000"},
                 {UNIT_TOKENS, "1.000001", 1000001, "1000001 atomic"},
                 {UNIT_TOKENS, "3 tokens", 3000000, "3 tokens"},
                 {UNIT_PPM, "20 ppm", 20000, "20 ppm"}};
    const char *why;
    char text[64];
    uint64_t value;

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        cr_assert_eq(unit_read(&value, cases[i].kind, cases[i].text, &why), ERR_OK, "%s",
                     cases[i].text);
        cr_expect_eq(value, cases[i].value, "%s", cases[i].text);
        unit_print(text, sizeof(text), cases[i].kind, value);
        cr_expect_str_eq(text, cases[i].printed);
        cr_assert_eq(unit_read(&value, cases[i].kind, text, &why), ERR_OK, "%s", text);
        cr_expect_eq(value, cases[i].value, "%s", text);
    }
    cr_expect_eq(unit_read(&value, UNIT_TIME, "9223372036854775808 ns", &why), ERR_RANGE);
    cr_expect_eq(unit_read(&value, UNIT_TIME, "99999999999999999999 d", &why), ERR_RANGE);
    cr_expect_eq(unit_read(&value, UNIT_TIME, "1.2.3 s", &why), ERR_SYNTAX);
    cr_expect_eq(unit_read(&value, UNIT_TIME, "1 s s", &why), ERR_SYNTAX);
    cr_expect_eq(unit_read(&value, UNIT_NONE, "", &why), ERR_SYNTAX);
    cr_expect_eq(unit_read(&value, UNIT_NONE, "9e9", &why), ERR_SYNTAX);
}

/* docs/scenario-reference.md is what the table says. */
Test(scenario, the_reference_page_is_current)
{
    char name[1024];
    char *text = NULL;
    size_t len;
    FILE *out = open_memstream(&text, &len);

    scenario_reference(out);
    fclose(out);
    source_path(name, sizeof(name), "docs/scenario-reference.md");
    char *committed = read_whole(name);
    cr_expect_str_eq(committed, text, "run `orrery reference > docs/scenario-reference.md`");
    free(committed);
    free(text);
}

/* Copies the block of a page whose fence is this and which begins with this. */
static char *fenced(const char *page, const char *fence, const char *begin)
{
    char name[1024];
    char line[64];

    source_path(name, sizeof(name), page);
    char *text = read_whole(name);
    snprintf(line, sizeof(line), "\n```%s\n%s", fence, begin);
    char *from = strstr(text, line);
    cr_assert(from != NULL, "%s", page);
    from += strlen(line) - strlen(begin);
    char *to = strstr(from, "\n```\n");
    cr_assert(to != NULL);
    to[1] = 0;
    char *part = strdup(from);
    free(text);
    return part;
}

/* What the pages show is accepted as it stands. */
Test(scenario, examples_of_the_pages_read, .fini = folder_remove)
{
    static const char *const regions[] = {"SA", "AF", "EAS"};
    static const char *const cities[] = {"New York", "Boston"};
    static const char *const operators[] = {"giant"};
    static const char *const groups[] = {"producers", "relays"};
    static uint32_t of_node[100];
    const struct fault_domain domain[] = {{"region", 3, regions, of_node},
                                          {"city", 2, cities, of_node},
                                          {"operator", 1, operators, of_node},
                                          {"group", 2, groups, of_node}};
    const struct fault_domains domains = {4, domain, NULL};
    struct fault_timeline timeline;
    struct fault_text_error why;
    struct scenario *s;
    struct settings_error error = {0};

    char *text = fenced("docs/scenarios.md", "yaml", "name:");
    write_file(text);
    free(text);
    cr_assert_eq(scenario_load(&s, &error, path, NULL, 0), ERR_OK, "line %d: %s", error.line,
                 error.text);
    cr_expect_eq(scenario_node_count(s), 100);
    scenario_free(s);

    text = fenced("docs/faults.md", "yaml", "random_faults:");
    char whole[8192];
    const char *others = strstr(good, "random_faults:");
    char *renamed = strstr(text, "group: producers");
    memcpy(renamed + 7, "makers   ", 9);
    snprintf(whole, sizeof(whole), "%.*s%s%s", (int)(others - good), good, text,
             strstr(good, "record:"));
    write_file(whole);
    free(text);
    cr_assert_eq(scenario_load(&s, &error, path, NULL, 0), ERR_OK, "line %d: %s", error.line,
                 error.text);
    fault_timeline_init(&timeline, 100);
    for (uint64_t i = 0; i < s->processes_count; i++) {
        struct fault_process process;
        cr_expect_eq(fault_process_parse(&process, &why, &domains, s->processes[i].kind,
                                         s->processes[i].arguments),
                     ERR_OK, "%s: %s", s->processes[i].arguments, why.text);
    }
    scenario_free(s);

    unsigned kinds = 0;
    text = fenced("docs/faults.md", "", "at 20 min");
    char *rest = NULL;
    for (char *line = strtok_r(text, "\n", &rest); line != NULL;
         line = strtok_r(NULL, "\n", &rest)) {
        cr_expect_eq(fault_entry_parse(&timeline, &why, &domains, line), ERR_OK, "%s: %s", line,
                     why.text);
        kinds |= 1u << timeline.fault[timeline.count - 1].kind;
    }
    cr_expect_eq(kinds, (1u << FAULT_KIND_COUNT) - 1, "an example of every kind");
    fault_timeline_free(&timeline);
    free(text);
}
