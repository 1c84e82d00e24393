#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "node/proof/post.h"
#include "tests/support/replica.h"

static const uint8_t beacon[32] = {3}, prover[32] = {4};

Test(post, parameter_sets)
{
    const struct post_params *f = post_params_filecoin(), *s = post_params_sirius();
    cr_assert_eq(post_params_check(f), ERR_OK);
    cr_assert_eq(post_params_check(s), ERR_OK);
    cr_assert_eq(f->period * f->epoch_ms, 24 * 3600 * 1000ull);
    cr_assert_eq(f->deadlines * f->window, f->period);
    cr_assert_eq(s->period * s->epoch_ms, 4 * 3600 * 1000ull);
    struct post_params late = *f;
    late.fault_cutoff = late.lookback - 1; /* hosts would choose faults knowing the challenge */
    cr_assert_eq(post_params_check(&late), ERR_INVALID);
}

Test(post, deadlines_of_a_period)
{
    const struct post_params *f = post_params_filecoin();
    for (uint64_t d = 0; d < 48; d++) {
        struct post_deadline at = post_deadline_at(f, 2880, d);
        cr_assert_eq(at.open, 2880 + 60 * d);
        cr_assert_eq(at.close, at.open + 60);
        cr_assert_eq(at.challenge, at.open - 20);
        cr_assert_eq(at.fault_cutoff, at.open - 70);
        cr_assert_lt(at.fault_cutoff, at.challenge);
    }
}

Test(post, leaves_are_spread_and_reproducible)
{
    const struct sha256_engine *e = sha256_engine_best(), *portable = sha256_engine_at(0);
    unsigned bins[16] = {0};
    for (uint64_t i = 0; i < 16000; i++) {
        uint64_t leaf = post_leaf(e, beacon, 5, i, 1 << 20);
        cr_assert_eq(leaf, post_leaf(portable, beacon, 5, i, 1 << 20));
        bins[leaf >> 16]++;
    }
    for (int b = 0; b < 16; b++) {
        cr_assert(bins[b] > 850 && bins[b] < 1150);
    }
    cr_assert_lt(post_sector(e, prover, beacon, 0, 7), 7);
    cr_assert_neq(post_leaf(e, beacon, 5, 0, 1ull << 40), post_leaf(e, beacon, 6, 0, 1ull << 40));
}

/* History 2.7: floor(D / f), one more with probability (D mod f) / f. */
Test(post, draw_of_contracts_per_block)
{
    const struct sha256_engine *e = sha256_engine_best();
    uint64_t picks[16];
    size_t n = 0, total = 0;
    for (uint32_t block = 0; block < 4000; block++) {
        uint8_t b[32] = {0};
        memcpy(b, &block, 4);
        cr_assert_eq(post_draw(e, picks, 16, &n, b, 2400, 960), ERR_OK);
        cr_assert(n == 2 || n == 3);
        for (size_t i = 0; i < n; i++) {
            cr_assert_lt(picks[i], 2400);
            for (size_t k = 0; k < i; k++) {
                cr_assert_neq(picks[i], picks[k]);
            }
        }
        total += n;
    }
    cr_assert(total > 9800 && total < 10200, "%zu", total); /* mean 2.5 a block */
    cr_assert_eq(post_draw(e, picks, 1, &n, beacon, 2400, 960), ERR_FULL);
    cr_assert_eq(post_draw(e, picks, 1, &n, beacon, 0, 960), ERR_OK);
    cr_assert_eq(n, 0);
    cr_assert_eq(post_draw(e, picks, 1, &n, beacon, 1, 0), ERR_RANGE);
}

Test(post, sirius_timeouts_and_judges)
{
    cr_assert_eq(post_timeout_ms(0), 600000);
    cr_assert_eq(post_timeout_ms(1), 614400);
    cr_assert_eq(post_timeout_ms(1000000000), 614400);
    cr_assert_eq(post_timeout_ms(1000000001), 628800);
    /* n: judges. With three members two votes are not enough (the shipped bug let one cheat). */
    static const uint64_t table[][2] = {{1, 3}, {3, 3}, {4, 3}, {5, 4}, {10, 7}, {20, 14}};
    for (size_t i = 0; i < 6; i++) {
        cr_assert_eq(post_judges(table[i][0]), table[i][1]);
    }
}

static struct post_outcome step(const struct post_params *p, struct post_sector_state *s,
                                enum post_event event, uint64_t epoch)
{
    struct post_outcome out;
    cr_assert_eq(post_step(p, s, event, epoch, &out), ERR_OK);
    return out;
}

Test(post, filecoin_fault_recovery_and_termination)
{
    const struct post_params *f = post_params_filecoin();
    struct post_sector_state s = {0};
    struct post_outcome out;
    step(f, &s, POST_PROVEN, 100);
    step(f, &s, POST_MISSED, 3000);
    cr_assert_eq(s.state, POST_FAULT);
    cr_assert_eq(step(f, &s, POST_PERIOD, 3000 + 2880).fee_epochs, 0, "no fee on the first day");
    cr_assert_eq(step(f, &s, POST_PERIOD, 3000 + 2 * 2880).fee_epochs, 2880);
    cr_assert_eq(post_step(f, &s, POST_PROVEN, 9000, &out), ERR_INVALID);
    step(f, &s, POST_DECLARE_BACK, 9000);
    cr_assert_eq(s.state, POST_RECOVERED);
    cr_assert_eq(step(f, &s, POST_PROVEN, 9100).fee_epochs, 9100 - 3000 - 2 * 2880);
    cr_assert_eq(s.state, POST_HEALTHY);

    step(f, &s, POST_DECLARE_FAULT, 10000);
    step(f, &s, POST_DECLARE_BACK, 10100);
    step(f, &s, POST_MISSED, 12880);
    cr_assert_eq(s.state, POST_FAULT, "recovery was promised and not kept");
    cr_assert_eq(s.fault_since, 10000, "and the fault is the old one");
    cr_assert_not(step(f, &s, POST_PERIOD, 10000 + 42 * 2880 - 1).slash);
    cr_assert(step(f, &s, POST_PERIOD, 10000 + 42 * 2880).slash);
    cr_assert_eq(s.state, POST_TERMINATED);
    cr_assert_eq(post_step(f, &s, POST_PROVEN, 200000, &out), ERR_STALE);
}

Test(post, filecoin_bad_proof_is_disputed)
{
    struct post_sector_state s = {0};
    struct post_outcome out = step(post_params_filecoin(), &s, POST_BAD_PROOF, 50);
    cr_assert(out.dispute_fee_due);
    cr_assert_eq(s.state, POST_FAULT);
}

Test(post, termination_fee)
{
    const struct post_params *f = post_params_filecoin();
    uint64_t day = 2880;
    cr_assert_eq(post_termination_fee(f, 1000000, 140 * day, 0), 85000);
    cr_assert_eq(post_termination_fee(f, 1000000, 500 * day, 0), 85000);
    cr_assert_eq(post_termination_fee(f, 1000000, 70 * day, 0), 42500);
    cr_assert_eq(post_termination_fee(f, 1000000, 0, 0), 20000, "the floor");
    cr_assert_eq(post_termination_fee(f, 1000000, 500 * day, 100000), 105000, "the fault fee");
    cr_assert_eq(post_termination_fee(post_params_sirius(), 1000000, 0, 0), 1000000);
}

Test(post, sirius_suspects_votes_and_slashes)
{
    const struct post_params *p = post_params_sirius();
    struct post_sector_state s = {0};
    struct post_outcome out;
    cr_assert_not(step(p, &s, POST_MISSED, 960).vote_wanted);
    cr_assert_eq(s.state, POST_SUSPECT);
    step(p, &s, POST_PROVEN, 1000);
    cr_assert_eq(s.state, POST_HEALTHY);
    step(p, &s, POST_MISSED, 1920);
    cr_assert(step(p, &s, POST_MISSED, 2880).vote_wanted);
    cr_assert_eq(s.state, POST_FAULT);
    step(p, &s, POST_VOTE_INNOCENT, 2890);
    cr_assert_eq(s.state, POST_HEALTHY);
    cr_assert(step(p, &s, POST_BAD_PROOF, 3000).vote_wanted);
    cr_assert(step(p, &s, POST_VOTE_GUILTY, 3010).slash);
    cr_assert_eq(s.state, POST_TERMINATED);
    s = (struct post_sector_state){0};
    cr_assert_eq(post_step(p, &s, POST_DECLARE_FAULT, 1, &out), ERR_INVALID);
    cr_assert_eq(post_step(p, &s, POST_VOTE_GUILTY, 1, &out), ERR_INVALID);
}

/* Labels a cheat must compute again for one node, when it kept only what is marked. Depth-first
 * over (layer, node), every label computed once. */
static uint64_t labels_to_redo(const struct test_replica *t, const bool *kept_last, uint64_t node)
{
    uint64_t n = t->r.commitment.nodes, count = 0, depth = 0;
    uint32_t layers = t->r.profile.layers;
    bool *done = calloc(n * (layers + 1), 1);
    uint64_t *stack = malloc(n * (layers + 1) * 15 * sizeof *stack);
    stack[depth++] = layers * n + node;
    while (depth > 0) {
        uint64_t at = stack[--depth], layer = at / n, v = at % n;
        if (done[at] || (layer == layers && at != layers * n + node && kept_last[v])) {
            continue;
        }
        done[at] = true;
        count++;
        uint32_t nodes[GRAPH_DEGREE_MAX + 1], where[GRAPH_DEGREE_MAX + 1];
        unsigned k =
            label_parents(&t->r.graph, (uint32_t)layer, v, t->parents + 14 * v, nodes, where);
        for (unsigned j = 0; j < k; j++) {
            stack[depth++] = where[j] * n + nodes[j];
        }
    }
    free(done);
    free(stack);
    return count;
}

/* A host keeps nine tenths of the replica and labels the rest again when asked. Its virtual clock
 * runs at the honest speed; even 100 times faster it is late. */
Test(post, prover_that_stores_part_and_recomputes_misses_the_window)
{
    enum { NODES = 4096, LABEL_NS = 340 };
    struct test_replica t;
    test_replica_seal(&t, "sdr-light", NODES, 0, 1);
    bool kept[NODES];
    for (int v = 0; v < NODES; v++) {
        kept[v] = v % 10 != 7;
    }
    uint64_t seal_ns = (uint64_t)NODES * t.r.profile.layers * LABEL_NS;
    uint64_t window_ns = post_answer_window_ns(seal_ns);
    cr_assert_eq(window_ns, seal_ns / 240);
    for (uint64_t node = 1007; node < NODES; node += 770) {
        uint64_t clock_ns = labels_to_redo(&t, kept, node) * LABEL_NS;
        cr_assert_gt(clock_ns / 100, window_ns, "node %d", (int)node);
    }
    test_replica_free(&t);
}
