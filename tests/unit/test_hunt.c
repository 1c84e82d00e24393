/* The hunt: what is drawn stays within its budget, delta debugging finds what is needed and no
 * more, edits keep a scenario whole, a hundred faults shrink to a few. */
#define _DEFAULT_SOURCE /* mkstemp */
#include <criterion/criterion.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "sim/adversary/adversary.h"
#include "sim/fault/text.h"
#include "sim/hunt/ddmin.h"
#include "sim/hunt/edit.h"
#include "sim/hunt/flock.h"
#include "sim/hunt/shrink.h"
#include "sim/hunt/swarm.h"

static struct scenario *load(const char *path)
{
    struct scenario *s;
    struct settings_error error = {0};

    enum err err = scenario_load(&s, &error, path, NULL, 0);
    cr_assert_eq(err, ERR_OK, "%s:%d: %s", error.file, error.line, error.text);
    return s;
}

static struct scenario *base(void)
{
    char path[600];

    snprintf(path, sizeof(path), "%s/scenarios/hunt/chain", getenv("ORRERY_SOURCE"));
    return load(path);
}

static char *printed(const struct scenario *s)
{
    char path[] = "/tmp/orrery-hunt-XXXXXX";
    int fd = mkstemp(path);
    char *text = calloc(1, 1 << 20);

    cr_assert(fd >= 0 && text != NULL);
    cr_assert_eq(scenario_print(s, path), ERR_OK);
    FILE *in = fopen(path, "r");
    cr_assert_gt(fread(text, 1, (1 << 20) - 1, in), 0);
    fclose(in);
    close(fd);
    unlink(path);
    return text;
}

/* --- drawing --- */

Test(hunt, a_seed_names_its_run)
{
    for (uint64_t seed = 1; seed <= 30; seed++) {
        struct scenario *a = base();
        struct scenario *b = base();
        cr_assert_eq(swarm_draw(a, NULL, seed, seed % 2 == 0), ERR_OK);
        cr_assert_eq(swarm_draw(b, NULL, seed, seed % 2 == 0), ERR_OK);
        char *x = printed(a);
        char *y = printed(b);
        cr_assert_str_eq(x, y);
        free(x);
        free(y);
        scenario_free(a);
        scenario_free(b);
    }
}

static uint64_t stake_of(const struct swarm *w, uint32_t bits)
{
    uint64_t sum = 0;

    for (uint32_t i = 0; i < w->validators; i++) {
        sum += bits >> i & 1 ? w->stake[i] : 0;
    }
    return sum;
}

/* A line within the budget: what loses or corrupts data befalls only those who may. Nothing but
 * what is frozen outlasts the heal, and every clock is where it was. */
static void line_check(const struct swarm *w, const char *text, int64_t *clock)
{
    struct fault_timeline t;
    struct fault_text_error why;
    struct fault_domains none = {0};
    uint32_t relays = (uint32_t)((1ull << w->nodes) - (1ull << w->validators));
    uint32_t bits = 0;

    fault_timeline_init(&t, w->nodes);
    cr_assert_eq(fault_entry_parse(&t, &why, &none, text), ERR_OK, "%s: %s", text, why.text);
    const struct fault *f = &t.fault[0];
    for (uint32_t i = 0; i < w->nodes; i++) {
        bits |= fault_set_has(&t.set[f->a], i) ? (uint32_t)1 << i : 0;
    }
    if (f->kind == FAULT_WIPE || f->kind == FAULT_CORRUPT_DISK) {
        cr_assert_eq(bits & ~(w->doomed | relays), 0, "%s", text);
    }
    if (f->until_ns == FAULT_FOREVER) {
        cr_assert(f->kind == FAULT_CRASH && f->at_ns == w->heal_ns && (bits & w->core) == 0, "%s",
                  text);
    } else {
        uint64_t last = w->heal_ns + (strcmp(f->label, "heal") == 0 ? 200000000 : 0);
        cr_assert_leq(f->until_ns, last, "%s", text);
    }
    for (uint32_t i = 0; i < w->nodes && f->kind == FAULT_STEP_CLOCK; i++) {
        clock[i] += bits >> i & 1 ? f->value_ns : 0;
    }
    fault_timeline_free(&t);
}

Test(hunt, what_is_drawn_stays_within_the_promise)
{
    /* These need a chain without finality, and machines of their own. */
    static const char *const unfit[] = {"nothing-at-stake", "long-range"};
    unsigned doomed = 0, frozen = 0, liars = 0, swings = 0;
    bool kinds[64] = {false};

    for (uint64_t seed = 1; seed <= 300; seed++) {
        struct scenario *s = base();
        struct swarm w;
        int64_t clock[SWARM_NODES_MAX] = {0};
        cr_assert_eq(swarm_draw(s, &w, seed, false), ERR_OK);
        cr_assert_lt(3 * stake_of(&w, w.doomed), w.total);
        cr_assert_gt(3 * stake_of(&w, w.core & ~w.doomed), 2 * w.total, "seed %lu",
                     (unsigned long)seed);
        for (uint64_t i = 0; i < s->faults_count; i++) {
            line_check(&w, s->faults[i].text, clock);
        }
        for (uint32_t i = 0; i < w.nodes; i++) {
            cr_assert_eq(clock[i], 0, "seed %lu", (unsigned long)seed);
        }
        for (uint64_t i = 0; i < s->adversaries_count; i++) {
            struct adversary_line line;
            struct fault_text_error why;
            struct fault_domains none = {0};
            cr_assert_eq(adversary_line_parse(&line, &why, &none, w.nodes, s->adversaries[i].text),
                         ERR_OK, "%s: %s", s->adversaries[i].text, why.text);
            for (uint32_t n = 0; n < w.nodes; n++) {
                cr_assert(!fault_set_has(&line.nodes, n) || w.doomed >> n & 1 || n >= w.validators);
            }
            for (uint32_t k = 0; adversary_kind_word(k) != NULL; k++) {
                size_t len = strlen(adversary_kind_word(k));
                kinds[k] |= strncmp(s->adversaries[i].text, adversary_kind_word(k), len) == 0;
            }
            adversary_line_free(&line);
        }
        doomed += w.doomed != 0;
        frozen += w.core != (uint32_t)((1ull << w.nodes) - 1);
        liars += s->adversaries_count > 0;
        for (uint64_t i = 0; i < s->groups_count; i++) {
            const struct scenario_group *group = &s->groups[i];
            uint64_t far = group->clock_skew_ns + group->clock_swing_ns;
            swings += group->clock_swing_ns > 0;
            cr_assert_lt(2 * far, 500000000, "blocks are dated within maxFuture");
        }
        scenario_free(s);
    }
    cr_assert(doomed > 60 && frozen > 100 && liars > 30 && swings > 30);
    for (uint32_t k = 0; adversary_kind_word(k) != NULL; k++) {
        bool fits = strcmp(adversary_kind_word(k), unfit[0]) != 0 &&
                    strcmp(adversary_kind_word(k), unfit[1]) != 0;
        cr_assert_eq(kinds[k], fits, "%s", adversary_kind_word(k));
    }
}

Test(hunt, beyond_goes_beyond)
{
    unsigned beyond = 0;

    for (uint64_t seed = 1; seed <= 50; seed++) {
        struct scenario *s = base();
        struct swarm w;
        cr_assert_eq(swarm_draw(s, &w, seed, true), ERR_OK);
        beyond += 3 * stake_of(&w, w.doomed) >= w.total;
        scenario_free(s);
    }
    cr_assert_gt(beyond, 25);
}

/* --- delta debugging --- */

struct need {
    const size_t *items;
    size_t count, length, tries;
};

static size_t need_first(void *arg, const uint8_t *const *keep, size_t candidates)
{
    struct need *need = arg;

    for (size_t c = 0; c < candidates; c++) {
        bool fails = true;
        for (size_t i = 0; i < need->count; i++) {
            fails &= keep[c][need->items[i]] != 0;
        }
        need->tries++;
        if (fails) {
            return c;
        }
    }
    return candidates;
}

Test(hunt, ddmin_keeps_what_is_needed_and_no_more)
{
    static const size_t sets[][4] = {{0}, {99}, {3, 4, 5}, {0, 33, 66, 99}, {7, 93}};
    static const size_t counts[] = {1, 1, 3, 4, 2};

    for (size_t k = 0; k < 5; k++) {
        uint8_t keep[100];
        struct need need = {sets[k], counts[k], 100, 0};
        struct ddmin ddmin = {.count = 100, .first = need_first, .arg = &need};
        memset(keep, 1, sizeof(keep));
        cr_assert_eq(ddmin_run(&ddmin, keep), counts[k]);
        for (size_t i = 0; i < counts[k]; i++) {
            cr_assert_eq(keep[sets[k][i]], 1);
        }
        cr_assert_lt(need.tries, 150); /* one by one it would be 100 times and more */
    }
    uint8_t none[4] = {1, 1, 1, 1};
    struct need nothing = {NULL, 0, 4, 0};
    struct ddmin ddmin = {.count = 4, .first = need_first, .arg = &nothing};
    cr_assert_eq(ddmin_run(&ddmin, none), 0);
    cr_assert_eq(nothing.tries, 1);
}

/* --- edits --- */

static struct scenario *written(const char *faults)
{
    char path[] = "/tmp/orrery-hunt-XXXXXX";
    int fd = mkstemp(path);
    FILE *out = fdopen(fd, "w");

    cr_assert(out != NULL);
    fprintf(out,
            "name: written\nduration: 90 s\n"
            "chain: {target: 300 ms, checkpoint_blocks: 2, epoch_blocks: 8, lookback_blocks: 16, "
            "propose: 300 ms, vote: 200 ms}\n"
            "network: {latency: constant, constant: 10 ms, jitter: no}\n"
            "profiles:\n  - {name: machine}\n"
            "groups:\n"
            "  - {name: a, kind: producer, count: 4, profile: machine, stake: {law: list, list: "
            "[1000, 2000, 3000, 2500], free: 1000}}\n"
            "  - {name: b, kind: relay, count: 1, profile: machine}\n"
            "check: {liveness: 8 s}\n%s",
            faults);
    fclose(out);
    struct scenario *s = load(path);
    unlink(path);
    return s;
}

Test(hunt, a_node_goes_and_the_others_move_up)
{
    struct scenario *s = written("faults:\n"
                                 "  - at 1 s for 1 s crash node 1\n"
                                 "  - at 2 s for 1 s crash node 1,3\n"
                                 "  - at 3 s for 1 s cut node 0-1 from rest\n"
                                 "  - at 4 s break node 4 from all\n"
                                 "adversaries:\n"
                                 "  - two-votes node 3 votes nil to node 0,1\n");

    cr_assert(edit_apply(s, &(struct edit){.kind = EDIT_NODE, .item = 1}));
    cr_assert_eq(s->groups[0].count, 3);
    cr_assert_eq(s->groups[0].stake_list[1], 3000);
    cr_assert_eq(s->faults_count, 3);
    cr_assert_str_eq(s->faults[0].text, "at 2 s for 1 s crash node 2");
    cr_assert_str_eq(s->faults[1].text, "at 3 s for 1 s cut node 0 from rest");
    cr_assert_str_eq(s->faults[2].text, "at 4 s break node 3 from all");
    cr_assert(strstr(s->adversaries[0].text, "node 2") != NULL);
    /* The relay goes with its group. */
    cr_assert(edit_apply(s, &(struct edit){.kind = EDIT_NODE, .item = 3}));
    cr_assert_eq(s->groups_count, 1);
    cr_assert_eq(s->faults_count, 2);
    scenario_free(s);
}

Test(hunt, faults_become_shorter_fewer_and_earlier)
{
    struct scenario *s = written("faults:\n"
                                 "  - at 10 s for 4 s crash node 1-2\n"
                                 "  - at 30 s for 4 s crash node 2\n");

    cr_assert(edit_apply(s, &(struct edit){.kind = EDIT_FAULT_SPAN, .item = 0}));
    cr_assert(edit_apply(s, &(struct edit){.kind = EDIT_FAULT_NODE, .item = 0, .node = 1}));
    cr_assert_str_eq(s->faults[0].text, "at 10 s for 2 s crash node 2");
    cr_assert_not(edit_apply(s, &(struct edit){.kind = EDIT_FAULT_NODE, .item = 1, .node = 2}));
    cr_assert(edit_apply(s, &(struct edit){.kind = EDIT_FAULT_EARLIER, .item = 1}));
    cr_assert_str_eq(s->faults[1].text, "at 20 s for 4 s crash node 2");
    cr_assert(edit_apply(s, &(struct edit){.kind = EDIT_DURATION, .value = 40000000000}));
    cr_assert_not(edit_apply(s, &(struct edit){.kind = EDIT_DURATION, .value = 50000000000}));
    uint8_t keep[2] = {0, 1};
    cr_assert(edit_apply(s, &(struct edit){.kind = EDIT_KEEP, .keep = keep}));
    cr_assert_eq(s->faults_count, 1);
    scenario_free(s);
}

/* --- verdicts --- */

Test(hunt, a_signature_has_no_times)
{
    char out[128];
    struct trial_result r = {0};

    trial_signature(out, "agreement: node 3 decided block 77 at 1.000 s");
    cr_assert_str_eq(out, "agreement");
    flock_epitaph(
        &r, SIGABRT,
        "noise\norrery: a bug of ours, please report it: ../node/chain/tree.c:12: a < b\n");
    cr_assert_str_eq(r.signature, "invariant node/chain/tree.c:12");
    cr_assert_eq(r.verdict, TRIAL_FAIL);
    flock_epitaph(&r, SIGSEGV, "");
    cr_assert_str_eq(r.signature, strsignal(SIGSEGV));
    flock_epitaph(&r, SIGXCPU, "");
    cr_assert_str_eq(r.signature, "endless");
}

static void death(void *arg, uint64_t id, struct trial_result *result)
{
    (void)arg;
    result->events = id;
    if (id % 3 == 1) {
        raise(SIGKILL);
    }
}

static bool death_seen(void *arg, uint64_t id, const struct trial_result *result)
{
    unsigned *seen = arg;

    cr_assert_eq(result->verdict, id % 3 == 1 ? TRIAL_FAIL : TRIAL_PASS);
    cr_assert_eq(result->events, id);
    ++*seen;
    return true;
}

Test(hunt, a_dead_child_is_a_result)
{
    unsigned seen = 0;
    struct flock flock = {.jobs = 3, .work = death, .done = death_seen, .arg = &seen};

    cr_assert_eq(flock_run(&flock, 10, 9), ERR_OK);
    cr_assert_eq(seen, 9);
}

/* --- shrinking --- */

/* What was sent under a clog arrives after it, later than so short a bound allows: two validators
 * of four are late, and 98 other faults have nothing to do with it. */
Test(hunt, a_hundred_faults_shrink_to_a_few)
{
    char faults[12000] = "faults:\n";
    size_t n = strlen(faults);
    struct trial_result result;
    struct trial_options plain = {0};
    struct shrink_report report;
    struct shrink_options options = {.jobs = 2, .runs = 300, .quiet = true, .cpu_s = 60};

    for (int i = 0; i < 98; i++) {
        static const char *const kinds[] = {"for 500 ms crash node 0",
                                            "for 1 s clog node 4 by 50 ms",
                                            "for 1 s loss node 3 by 1/10", "break node 4 from all",
                                            "for 1 s slow-disk node 1 by 3"};
        n += (size_t)snprintf(faults + n, sizeof(faults) - n, "  - at %d ms %s\n", 3000 + 200 * i,
                              kinds[i % 5]);
    }
    snprintf(faults + n, sizeof(faults) - n,
             "  - at 24 s for 5 s clog node 1 by 20 s\n"
             "  - at 25 s for 4 s clog node 2 by 20 s\n");
    struct scenario *s = written(faults);
    cr_assert_eq(flock_one(&result, s, &plain, 60), ERR_OK);
    cr_assert_eq(result.verdict, TRIAL_FAIL, "%s", result.text);
    cr_assert_str_eq(result.signature, "liveness");
    cr_assert_eq(shrink_run(&report, s, &result, &options), ERR_OK);
    cr_assert_eq(report.parts_before, 100);
    cr_assert_geq(report.parts_after, 1);
    cr_assert_leq(report.parts_after, 5);
    cr_assert_str_eq(result.signature, "liveness");
    scenario_free(s);
}
