/* Each kind of adversary: the attack happens, and what the protocol promises against it holds
 * (spec: chain 1.4, 1.5). Real nodes on the real engine; what is expected comes from the rules, not
 * from earlier runs. */
#define _DEFAULT_SOURCE /* open_memstream */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>

#include "sim/adversary/adversary.h"
#include "tests/support/run.h"

/* --- lines --- */

static struct fault_domains domains_two(uint32_t of_node[8], uint64_t stake[8],
                                        struct fault_domain *group)
{
    static const char *const names[] = {"honest", "attackers at sea"};

    for (uint32_t i = 0; i < 8; i++) {
        of_node[i] = i >= 6;
        stake[i] = 10;
    }
    *group = (struct fault_domain){.word = "group", .count = 2, .name = names, .of_node = of_node};
    return (struct fault_domains){.domain_count = 1, .domain = group, .stake = stake};
}

static const struct {
    const char *text, *printed; /* NULL: refused */
    const char *why;
} line_cases[] = {
    {"silent node 1-3", "silent node 1-3\n", NULL},
    {"  silent   stake 1/4  at 10 min for 90 s ", "silent node 0-1 at 600 s for 90 s\n", NULL},
    {"silent node 1 for 5 ms", "silent node 1 for 5000000 ns\n", NULL},
    {"delaying group attackers at sea by 2 s", NULL, "unknown group 'attackers'"},
    {"delaying group honest by 1.5 s at 1 s", "delaying node 0-5 by 1500000000 ns at 1 s\n", NULL},
    {"selective node 0 to node 2,4", "selective node 0 to node 2,4\n", NULL},
    {"two-votes node 0", "two-votes node 0 votes values\n", NULL},
    {"two-votes node 0 to node 3 votes forget", "two-votes node 0 votes forget to node 3\n", NULL},
    {"two-votes node 0 votes late", "two-votes node 0 votes late\n", NULL},
    {"two-proposals node 0-1 to node 3", "two-proposals node 0-1 to node 3\n", NULL},
    {"long-range node 0-1 with node 4-6 apart 10 min",
     "long-range node 0-1 with node 4-6 apart 600 s\n", NULL},
    {"twins node 0 with node 7", "twins node 0 with node 7\n", NULL},
    {"delaying node 0", NULL, "delaying needs 'by' and a value"},
    {"two-votes node 0 votes many", NULL,
     "'votes' takes one of values, nil, forget, late, not 'many'"},
    {"selfish node 0", "selfish node 0 reach 50000000 ns\n", NULL},
    {"selfish node 0 gamma 1", "selfish node 0 gamma 1/1 reach 50000000 ns\n", NULL},
    {"selfish node 0 gamma 0.25", "selfish node 0 gamma 25/100 reach 50000000 ns\n", NULL},
    {"selfish node 0 gamma 3/2", NULL, "at most 1"},
    {"flood node 0 rate 640", "flood node 0 what all rate 640\n", NULL},
    {"flood node 0 rate 641", NULL, "at most 640"},
    {"flood node 0 what pool", "flood node 0 what pool rate 10\n", NULL},
    {"double-spend node 0 confirmations 512", NULL, "at most 511"},
    {"twins node 0-1 with node 7", NULL, "twins takes as many nodes behind 'with' as before it"},
    {"twins node 0 with none", NULL, "twins takes as many nodes behind 'with' as before it"},
    {"twins node 0-1 with node 1,7", NULL,
     "twins takes another machine for each node: one is on both sides of 'with'"},
    {"long-range node 0 with node 0,4 apart 1 s", NULL,
     "long-range takes other machines than its own: one is on both sides of 'with'"},
    {"silent stake 1/9", NULL, "that is nobody here ('none', if it is meant)"},
    {"silent none", "silent none\n", NULL},
    {"silent node 0 at 1 s at 2 s", NULL, "given twice"},
    {"silent node 9", NULL, "node 9, but there are 8 nodes"},
    {"silent", NULL, "silent needs targets, as 'node 0-3' or 'stake 1/3'"},
    {"sillent node 1", NULL, "unknown kind of adversary 'sillent'; the nearest is 'silent'"},
    {"silent node 1 by 3 s", NULL, "behind its targets silent takes 'at' and 'for'"},
    {"two-votes node 1 vote nil", NULL,
     "behind its targets two-votes takes 'votes', 'to', 'at' and 'for'"},
};

Test(adversary, lines)
{
    uint32_t of_node[8];
    uint64_t stake[8];
    struct fault_domain group;
    struct fault_domains domains = domains_two(of_node, stake, &group);

    for (size_t i = 0; i < sizeof(line_cases) / sizeof(line_cases[0]); i++) {
        struct adversary_line line;
        struct fault_text_error error;
        const char *text = line_cases[i].text;
        for (int again = 0; again < 2; again++) { /* what is printed reads back to the same */
            char *out = NULL;
            size_t len = 0;
            enum err err = adversary_line_parse(&line, &error, &domains, 8, text);
            if (line_cases[i].printed == NULL) {
                cr_assert_neq(err, ERR_OK, "%s", text);
                cr_expect_str_eq(error.text, line_cases[i].why);
                break;
            }
            cr_assert_eq(err, ERR_OK, "%s: column %u: %s", text, error.column, error.text);
            FILE *file = open_memstream(&out, &len);
            adversary_line_print(file, &line);
            fclose(file);
            cr_expect_str_eq(out, line_cases[i].printed);
            adversary_line_free(&line);
            free(out);
            text = line_cases[i].printed;
        }
    }
}

/* --- filters --- */

/* Three tenths silent: the chain grows and finality goes on. Four tenths: it stops, and two rounds
 * after they speak again it is there (spec: chain 5 item 7). */
Test(adversary, silent_below_a_third_and_above)
{
    struct run run = run_of(run_ten, "adversaries:\n  - silent stake 1/3\n");
    cr_expect_eq(run_figure(&run, "adversary_nodes"), 4); /* 3 validators, 1 relay of 4 */
    cr_expect_float_eq(run_figure(&run, "adversary_stake"), 0.3, 1e-9);
    cr_expect_gt(run_figure(&run, "checkpoints"), 10);
    cr_expect_eq(run_figure(&run, "adversary_blocks"), 0);
    run_end(&run);

    run = run_of(run_ten, "adversaries:\n  - silent node 0-3 at 2 min for 3 min\n");
    cr_expect_gt(run_figure(&run, "final_lag_max"), 180);
    cr_expect_gt(run_figure(&run, "height_max"), 80);
    cr_expect_lt(run_figure(&run, "final_lag_end"), 60);
    cr_expect_eq(run_figure(&run, "evidence_found"), 0);
    run_end(&run);
}

/* Late votes and blocks convict nobody and stop nothing while they are few. */
Test(adversary, delaying_and_selective_are_borne)
{
    static const char *const lines[] = {"adversaries:\n  - delaying node 0-2 by 2 s\n",
                                        "adversaries:\n  - selective node 0-2 to node 3-6\n"};

    for (int i = 0; i < 2; i++) {
        struct run run = run_of(run_ten, lines[i]);
        cr_expect_gt(run_figure(&run, "checkpoints"), 15, "%s", lines[i]);
        cr_expect_eq(run_figure(&run, "evidence_found"), 0);
        cr_expect_eq(run_figure(&run, "peers_misbehaved"), 0);
        run_end(&run);
    }
}

/* Two headers for a height: everybody holds the evidence, the signer is jailed and makes no block
 * of the chain again (evidence H). One conviction is all: nobody else is touched. */
Test(adversary, two_headers_convict_their_signer)
{
    struct run run = run_of(run_ten, "adversaries:\n  - two-headers node 0\n");
    cr_expect_geq(run_figure(&run, "forged"), 1);
    cr_expect_eq(run_figure(&run, "adversaries_convicted"), 1);
    cr_expect_eq(run_figure(&run, "honest_convicted"), 0);
    cr_expect_lt(run_figure(&run, "adversary_blocks"), 0.03);
    cr_expect_gt(run_figure(&run, "checkpoints"), 15);
    run_end(&run);
}

/* S1 in both forms: prevotes for two values, and nil beside a value. */
Test(adversary, two_votes_convict_their_voter)
{
    static const char *const lines[] = {"adversaries:\n  - two-votes node 0\n",
                                        "adversaries:\n  - two-votes node 0-2 votes nil\n"};

    for (int i = 0; i < 2; i++) {
        struct run run = run_of(run_ten, lines[i]);
        cr_expect_geq(run_figure(&run, "forged"), 1);
        cr_expect_eq(run_figure(&run, "adversaries_convicted"),
                     run_figure(&run, "adversary_nodes"));
        cr_expect_eq(run_figure(&run, "honest_convicted"), 0);
        cr_expect_gt(run_figure(&run, "checkpoints"), 15);
        cr_expect_eq(run_figure(&run, "check_agreement_broken"), 0);
        run_end(&run);
    }
}

/* Who forgets its lock is convicted by S2: everybody is shown the other prevote and nobody the
 * first, so no round has two of them, and what convicts is the precommit of an earlier round.
 * Timeouts of the order of the delays make rounds fail after some have locked; not in every run. */
Test(adversary, a_forgotten_lock_convicts)
{
    static const char line[] = "adversaries:\n  - two-votes node 0 votes forget to node 1-13\n";
    unsigned forgot = 0;

    for (unsigned seed = 1; seed <= 6; seed++) {
        char text[24];
        const char *const with[] = {text,
                                    "network.latency=cities",
                                    "chain.propose=250 ms",
                                    "chain.propose_step=40 ms",
                                    "chain.vote=40 ms",
                                    "chain.vote_step=40 ms"};
        snprintf(text, sizeof(text), "seed=%u", seed);
        struct run run = run_threads(run_ten, line, with, 6, 1);
        bool forged = run_figure(&run, "forged") > 0;
        forgot += forged;
        cr_expect_eq(run_figure(&run, "adversaries_convicted"), forged, "seed %u", seed);
        cr_expect_eq(run_figure(&run, "check_offences_punished") > 0, forged, "seed %u", seed);
        cr_expect_eq(run_figure(&run, "honest_convicted"), 0);
        cr_expect_gt(run_figure(&run, "checkpoints"), 10);
        run_end(&run);
    }
    cr_expect_geq(forgot, 3);
}

/* Two proposals a round, blocks made for them where the tree has none, and prevotes that come late
 * for half of the peers, while rounds are short: finality goes on, nobody signs what convicts, and
 * no proposal that was shown is refused. */
Test(adversary, two_proposals_try_the_locks)
{
    const char *const with[] = {"chain.target=1 s",         "chain.checkpoint_blocks=2",
                                "chain.checkpoint_depth=0", "chain.propose=100 ms",
                                "chain.propose_step=20 ms", "chain.vote=20 ms",
                                "chain.vote_step=10 ms",    "duration=2 min"};
    struct run run = run_threads(run_ten,
                                 "adversaries:\n  - two-proposals node 0-2\n"
                                 "  - two-votes node 0-2 votes late\n",
                                 with, 8, 1);

    cr_expect_gt(run_figure(&run, "forged"), 10);
    cr_expect_gt(run_figure(&run, "checkpoints"), 30);
    cr_expect_gt(run_figure(&run, "rounds_mean"), 1.2);
    cr_expect_eq(run_figure(&run, "evidence_found"), 0);
    cr_expect_eq(run_figure(&run, "peers_misbehaved"), 0);
    run_end(&run);
}

/* A key on two machines, one on each side of a cut, whose owner thereby votes on both. Neither side
 * decides (5 and 6 of 10), so both vote in one instance: what was signed convicts the key (S1), and
 * nobody else. */
Test(adversary, twins_are_one_offender)
{
    struct run run = run_of(run_ten, "adversaries:\n  - twins node 0 with node 10\n"
                                     "faults:\n  - at 30 s for 90 s cut node 0-4 from node 5-13\n");
    cr_expect_eq(run_figure(&run, "adversary_nodes"), 2);
    cr_expect_geq(run_figure(&run, "check_convictions"), 1);
    cr_expect_eq(run_figure(&run, "honest_convicted"), 0);
    cr_expect_lt(run_figure(&run, "final_lag_end"), 60);
    run_end(&run);
}

/* Four of ten keys on both sides of a cut, each side with seven of ten: both decide, for two
 * minutes. When the sides meet, each finds where the other left it and slashes the four on its own
 * chain, which the check of the six honest nodes sees; nobody else is punished (spec: chain 5,
 * point 8). */
Test(adversary, after_the_sides_merge_both_slash)
{
    struct run run =
        run_of(run_ten, "adversaries:\n  - twins node 0-3 with node 10-13\n"
                        "faults:\n  - at 30 s for 120 s cut node 0-6 from node 7-13\n");
    cr_expect_geq(run_figure(&run, "check_instances_violated"), 2);
    cr_expect_eq(run_figure(&run, "check_sides_judged"), 6);
    cr_expect_eq(run_figure(&run, "adversaries_convicted"), 8);
    cr_expect_eq(run_figure(&run, "honest_convicted"), 0);
    cr_expect_eq(run_figure(&run, "peers_misbehaved"), 0);
    run_end(&run);
}

/* What is false is refused and its sender left; what does not come is asked for elsewhere:
 * everybody catches up, from genesis and by snapshot. */
Test(adversary, liars_are_left)
{
    const char *const snapshot[] = {"groups.newcomers.sync=snapshot"};
    struct run run = run_of(run_joining, "adversaries:\n  - liar node 0-2,10-19\n");

    cr_expect_gt(run_figure(&run, "forged"), 10);
    cr_expect_gt(run_figure(&run, "peers_misbehaved"), 3);
    cr_expect_eq(run_figure(&run, "nodes_behind_end"), 0);
    run_end(&run);
    run = run_threads(run_joining, "adversaries:\n  - liar node 0-2,10-19\n", snapshot, 1, 1);
    cr_expect_eq(run_figure(&run, "nodes_behind_end"), 0);
    run_end(&run);
    run = run_of(run_joining, "adversaries:\n  - liar node 0-2,10-16 how mute\n");
    cr_expect_eq(run_figure(&run, "peers_misbehaved"), 0);
    cr_expect_eq(run_figure(&run, "nodes_behind_end"), 0);
    run_end(&run);
}

/* Limits hold what well formed nothing may cost: finality goes on, memory stays bounded (the check
 * of every run), nobody is blamed for passing on what he could not judge. */
Test(adversary, floods_end_at_limits)
{
    static const char *const what[] = {"inventory", "orphans", "transactions"};

    for (int i = 0; i < 3; i++) {
        char more[100];
        const char *const with[] = {"duration=2 min", "groups.newcomers.join=1 min"};
        snprintf(more, sizeof(more), "adversaries:\n  - flood node 10-11 what %s rate 5\n",
                 what[i]);
        struct run run = run_threads(run_joining, more, with, 2, 1);
        cr_expect_gt(run_figure(&run, "flood_frames"), 5000);
        cr_expect(i == 2 || run_figure(&run, "limits_reached") > 1000, "%s", what[i]);
        cr_expect(i != 2 || run_figure(&run, "tx_included") == 0);
        cr_expect_geq(run_figure(&run, "checkpoints"), 3);
        cr_expect_eq(run_figure(&run, "peers_misbehaved"), 0);
        cr_expect_eq(run_figure(&run, "nodes_behind_end"), 0);
        run_end(&run);
    }
}

/* Three accounts fill the pools with transfers that are valid and pay: each has a sender's share of
 * the pool and no more, and who has a transaction of his own waits for a block or two. */
Test(adversary, a_flood_that_pays_has_a_senders_share)
{
    static const char *const with[] = {"duration=2 min", "groups.newcomers.join=1 min"};
    struct run run = run_threads(run_joining,
                                 "load:\n  - {kind: transfer, group: validators, per_second: 1/2}\n"
                                 "adversaries:\n  - flood node 0-2 what pool rate 20\n",
                                 with, 2, 1);

    cr_expect_gt(run_figure(&run, "flood_frames"), 10000);
    cr_expect_gt(run_figure(&run, "tx_rejected"), 1000); /* a nonce that is there already */
    cr_expect_gt(run_figure(&run, "tx_submitted"), 20);
    cr_expect_lt(run_figure(&run, "tx_inclusion_latency_p50"), 16); /* four blocks */
    cr_expect_geq(run_figure(&run, "checkpoints"), 3);
    cr_expect_eq(run_figure(&run, "peers_misbehaved"), 0);
    cr_expect_eq(run_figure(&run, "nodes_behind_end"), 0);
    run_end(&run);
}

/* What cannot execute, for a nonce before it is missing, offers the highest fees and never pays
 * them. It takes nobody's place, though blocks are so small that it would fill them. */
Test(adversary, a_flood_with_gaps_takes_nobodys_place)
{
    static const char *const with[] = {"duration=2 min", "chain.block_txs_max=20",
                                       "groups.relays.stake.free=1000"};
    struct run run = run_threads(run_ten,
                                 "load:\n  - {kind: transfer, group: relays, per_second: 1/2}\n"
                                 "adversaries:\n  - flood node 0-2 what gaps rate 20\n",
                                 with, 3, 1);

    cr_expect_gt(run_figure(&run, "tx_submitted"), 20);
    cr_expect_gt(run_figure(&run, "tx_included"), 0.6 * run_figure(&run, "tx_submitted"));
    cr_expect_eq(run_figure(&run, "peers_misbehaved"), 0);
    run_end(&run);
}

/* Half of all relays and more tell of each other alone and fill the newcomers' places: their first
 * addresses came from elsewhere, so they keep up. */
Test(adversary, an_eclipse_fails_while_one_honest_address_is_known)
{
    struct run run =
        run_of(run_joining, "adversaries:\n  - eclipse node 10-25 victim node 30-32\n");

    cr_expect_eq(run_figure(&run, "nodes_behind_end"), 0);
    /* Each of them that is asked first costs a wait: 6 to 60 s in eight seeds. */
    cr_expect_lt(run_figure(&run, "sync_time_max"), 120);
    run_end(&run);
}

/* Four honest nodes in a sea of sixty colluders: of the sixteen addresses that a newcomer is given
 * at first, none is honest with a chance of (67/71)^16 = .39. Such a one hears of nobody else, and
 * the chain goes on without it; the same network without colluders takes everybody in within a
 * second. What helps is what operators do: one address of somebody whom they trust. */
Test(adversary, an_eclipse_succeeds_where_no_honest_address_is_known)
{
    static const char sea[] =
        "name: sea\n"
        "duration: 6 min\n"
        "chain: {target: 4 s, epoch_blocks: 20, lookback_blocks: 80}\n"
        "network: {latency: constant, constant: 50 ms, jitter: no}\n"
        "profiles:\n"
        "  - {name: machine}\n"
        "groups:\n"
        "  - {name: validators, kind: producer, count: 4, profile: machine,"
        " stake: {law: equal, total: 4000, free: 100}}\n"
        "  - {name: relays, kind: relay, count: 60, profile: machine}\n"
        "  - {name: newcomers, kind: relay, count: 8, profile: machine, join: 3 min}\n";
    struct run run = run_of(sea, "");

    cr_expect_eq(run_figure(&run, "nodes_behind_end"), 0);
    cr_expect_lt(run_figure(&run, "sync_time_max"), 5);
    run_end(&run);
    run = run_of(sea, "adversaries:\n  - eclipse node 4-63 victim node 64-71\n");
    cr_expect_geq(run_figure(&run, "nodes_behind_end"), 1);
    cr_expect_gt(run_figure(&run, "sync_time_max"), 60);
    cr_expect_gt(run_figure(&run, "checkpoints"), 10);
    run_end(&run);
}

/* Keys whose bonds are gone, 72 % of the stake of genesis, write another history for ten minutes
 * and show it to whoever joins then. From genesis alone nothing tells the two apart: some newcomer
 * follows the false one. With a checkpoint that it trusts, or a snapshot of one, none does, and
 * none is kept from the true one (spec: chain 1.4). */
Test(adversary, old_keys_deceive_only_who_trusts_nothing)
{
    static const char attic[] =
        "name: attic\n"
        "duration: 14 min\n"
        "chain: {target: 4 s, epoch_blocks: 8, lookback_blocks: 16, unbonding_epochs: 4}\n"
        "network: {latency: constant, constant: 50 ms, jitter: no}\n"
        "profiles:\n"
        "  - {name: machine}\n"
        "groups:\n"
        "  - {name: old, kind: producer, count: 4, profile: machine,"
        " stake: {law: equal, total: 7200, free: 100}}\n"
        "  - {name: young, kind: producer, count: 6, profile: machine,"
        " stake: {law: equal, total: 2800, free: 100}}\n"
        "  - {name: shadow, kind: relay, count: 40, profile: machine}\n"
        "  - {name: newcomers, kind: relay, count: 6, profile: machine, join: 11 min}\n"
        "load:\n"
        "  - {kind: unbond, group: old, per_second: 1, end: 30 s, amount: 1790 tokens}\n"
        "check: {liveness: 100 h}\n";
    static const char line[] =
        "adversaries:\n  - long-range group old with group shadow apart 10 min\n";
    static const char *const sync[] = {"groups.newcomers.sync=genesis",
                                       "groups.newcomers.sync=checkpoint",
                                       "groups.newcomers.sync=snapshot"};

    for (int i = 0; i < 3; i++) {
        struct run run = run_threads(attic, line, &sync[i], 1, 1);
        cr_expect_eq(run_figure(&run, "check_agreement_broken") > 0, i == 0, "%s", sync[i]);
        cr_expect(i == 0 || run_figure(&run, "nodes_behind_end") == 0, "%s", sync[i]);
        cr_expect_eq(run_figure(&run, "honest_convicted"), 0);
        run_end(&run);
    }
}

/* The same on one thread and on two, and none of it moves when nobody lies. */
Test(adversary, threads_make_no_difference)
{
    static const char line[] = "adversaries:\n"
                               "  - two-votes node 0\n"
                               "  - two-headers node 1\n"
                               "  - delaying node 2 by 700 ms\n"
                               "  - silent node 3 at 1 min for 1 min\n"
                               "  - grinder node 4 keys 4\n"
                               "  - selfish node 5 gamma 1/2\n"
                               "  - flood node 10 rate 2\n"
                               "  - liar node 11\n";
    uint8_t digest[2][32];

    for (unsigned t = 0; t < 2; t++) {
        struct run run = run_threads(run_ten, line, NULL, 0, t + 1);
        world_digest(run.world, digest[t]);
        run_end(&run);
    }
    cr_expect_arr_eq(digest[0], digest[1], 32);
}
