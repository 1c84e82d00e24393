/* Every check against a planted bug, and against a clean run. Blocks come from real chains. */
#include <criterion/criterion.h>
#include <stdlib.h>

#include "sim/check/check_private.h"
#include "sim/fault/text.h"
#include "tests/support/chain_net.h"

#define SECOND UINT64_C(1000000000)
enum { NODES = 10, HEIGHT = 21 };

static struct scenario scenario;
static struct chain_net net;
static const struct blob *blocks[HEIGHT + 1];

/* A chain of 21 blocks by two producers, with transfers in it. */
static void chain_make(uint64_t production)
{
    struct params params;

    params_defaults(&params);
    params.production = production;
    params.retarget = production == PRODUCTION_SIRIUS2018 ? RETARGET_SIRIUS2018 : RETARGET_SYMBOL;
    net_make(&net, 2, &params, TEST_MEMO_ON);
    for (uint64_t nonce = 0; nonce < 3; nonce++) {
        const struct blob *tx = net_transfer(&net, 0, 1, nonce, 1000, 100000, 1000);
        struct ctx *c = net_begin(&net, &net.peer[0]);
        uint8_t id[32];
        cr_assert_eq(chain_tx_add(net.peer[0].chain, c, id, tx), ERR_OK);
        net_finish(&net, &net.peer[0]);
        blob_drop(net.host.shared, tx);
    }
    net_run(&net, 3, HEIGHT);
    uint32_t at = chain_tip(net.peer[0].chain);
    for (uint64_t h = HEIGHT; h > 0; h--) {
        const struct tree_entry *e = chain_entry(net.peer[0].chain, at);
        cr_assert_eq(e->height, h);
        blocks[h] = e->block;
        at = e->parent;
    }
}

static struct checks *checks_make(const struct fault_timeline *timeline)
{
    static uint64_t stake[NODES];
    static bool made;

    if (!made) {
        chain_make(PRODUCTION_EXP);
        made = true;
    }
    for (int i = 0; i < NODES; i++) {
        stake[i] = 100;
    }
    scenario.check.node_bytes_max = 1 << 20;
    struct checks_config config = {.scenario = &scenario,
                                   .genesis = &net.genesis,
                                   .nodes = NODES,
                                   .stake_tokens = stake,
                                   .timeline = timeline};
    return checks_new(&config);
}

static void row(struct checks *c, uint64_t time_ns, uint32_t node, uint32_t kind, uint64_t v0,
                uint64_t v1, uint64_t v2, uint64_t state)
{
    struct trace_row r = {
        .time_ns = time_ns, .node = node, .kind = kind, .value = {v0, v1, v2, 0, state, 0}};
    checks_rows(c, &r, 1);
}

static void decide(struct checks *c, uint64_t time_s, uint32_t node, uint64_t instance,
                   uint64_t block, uint64_t state)
{
    row(c, time_s * SECOND, node, TRACE_checkpoint_decided, instance, 4 * instance, block, state);
}

static void up(struct checks *c, uint64_t time_ns, uint32_t first, uint32_t last)
{
    for (uint32_t i = first; i <= last; i++) {
        row(c, time_ns, i, TRACE_KINDS + WORLD_TRACE_node_up, 0, 0, 0, 0);
    }
}

static uint64_t head(uint64_t height)
{
    uint8_t id[32];

    header_id(id, blocks[height]->data);
    return load64(id);
}

static uint64_t state(uint64_t height)
{
    struct header header;

    cr_assert_eq(header_decode(&header, span_of(blocks[height]->data, HEADER_BYTES)), ERR_OK);
    return load64(header.state_root);
}

static void feed(struct checks *c, uint64_t first, uint64_t last)
{
    for (uint64_t h = first; h <= last; h++) {
        checks_replay_block(c, span_of(blocks[h]->data, blocks[h]->len));
    }
}

/* The verdict holds all of these words. */
static void expect(struct checks *c, enum check_result result, const char *one, const char *two)
{
    char text[CHECK_TEXT_BYTES];
    enum check_result got = checks_verdict(c, text, sizeof(text));

    cr_expect_eq(got, result, "%d: %s", (int)got, text);
    cr_expect(strstr(text, one) != NULL, "\"%s\" is not in: %s", one, text);
    cr_expect(strstr(text, two) != NULL, "\"%s\" is not in: %s", two, text);
    checks_free(c);
}

static double figure(struct checks *c, const char *wanted)
{
    struct metric figure;

    for (size_t i = 0; checks_figure(c, i, &figure); i++) {
        if (strcmp(figure.name, wanted) == 0) {
            return figure.value;
        }
    }
    cr_assert(false, "no figure %s", wanted);
    return 0;
}

Test(check, a_clean_run_passes)
{
    struct checks *c = checks_make(NULL);
    up(c, 0, 0, NODES - 1);
    for (uint64_t i = 1; i <= 5; i++) {
        for (uint32_t node = 0; node < NODES; node++) {
            decide(c, 60 * i, node, i, head(4 * i), state(4 * i));
        }
        cr_assert_eq(checks_epoch(c, 60 * i * SECOND, 1000), ERR_OK);
    }
    feed(c, 1, HEIGHT);
    cr_assert_eq(checks_end(c, 320 * SECOND), ERR_OK);
    cr_assert_eq(checks_stopped(c, 0, 0), ERR_OK);
    cr_expect_eq(figure(c, "check_decisions_compared"), 5 * (NODES - 1));
    cr_expect_eq(figure(c, "check_instances_decided"), 5);
    cr_expect_eq(figure(c, "check_blocks_replayed"), HEIGHT);
    cr_expect_eq(figure(c, "check_blocks_skipped"), 0);
    cr_expect_eq(figure(c, "check_states_compared"), 5);
    cr_expect_eq(figure(c, "check_states_conserved"), 5);
    cr_expect_eq(figure(c, "check_progress_longest"), 60);
    cr_expect_eq(figure(c, "check_node_bytes"), 1000);
    expect(c, CHECK_OK, "", "");
}

Test(check, agreement_catches_two_decisions)
{
    struct checks *c = checks_make(NULL);
    decide(c, 60, 3, 1, 0xaaa1, 7);
    decide(c, 61, 4, 1, 0xaaa1, 7);
    cr_assert_eq(checks_epoch(c, 61 * SECOND, 0), ERR_OK);
    decide(c, 62, 5, 1, 0xbbb2, 7);
    cr_assert_eq(checks_epoch(c, 62 * SECOND, 0), ERR_INVALID);
    expect(c, CHECK_BROKEN, "agreement: node 5 decided block 000000000000bbb2 for instance 1 at 62",
           "another had decided block 000000000000aaa1 at 60.000 s (node 3)");

    c = checks_make(NULL); /* the same node after a restart */
    decide(c, 60, 3, 9, 0xaaa1, 7);
    row(c, 61 * SECOND, 3, TRACE_KINDS + WORLD_TRACE_node_down, 0, 0, 0, 0);
    up(c, 62 * SECOND, 3, 3);
    decide(c, 63, 3, 9, 0xbbb2, 7);
    expect(c, CHECK_BROKEN, "agreement: node 3", "the same node");

    c = checks_make(NULL); /* what cannot be an instance */
    row(c, SECOND, 3, TRACE_checkpoint_decided, UINT64_MAX / 4, UINT64_MAX / 4 * 4, 1, 1);
    expect(c, CHECK_BROKEN, "agreement: node 3", "cannot exist");

    c = checks_make(NULL); /* one block, two states */
    decide(c, 60, 3, 1, 0xaaa1, 7);
    decide(c, 60, 4, 1, 0xaaa1, 8);
    expect(c, CHECK_BROKEN, "validity: node 4 has state 0000000000000008", "node 3");
}

Test(check, checkpoints_catch_a_wrong_height_and_two_branches)
{
    struct checks *c = checks_make(NULL);
    row(c, SECOND, 2, TRACE_checkpoint_decided, 3, 11, 5, 5);
    expect(c, CHECK_BROKEN, "checkpoints: node 2", "height 11 for instance 3");

    /* Instance 2 decided a block that instance 3's does not descend from. */
    c = checks_make(NULL);
    decide(c, 60, 1, 1, head(4), state(4));
    decide(c, 120, 7, 2, 0xdead, 5);
    decide(c, 180, 1, 3, head(12), state(12));
    feed(c, 1, HEIGHT);
    cr_assert_eq(checks_end(c, 200 * SECOND), ERR_INVALID);
    expect(c, CHECK_BROKEN, "checkpoints: block 000000000000dead of height 8 was decided by node 7",
           "height 12");
}

/* A block whose header was changed and signed again by its producer. */
static struct span forge(uint8_t *out, uint64_t height, void (*change)(struct header *))
{
    struct header header;
    struct sign_secret secret;

    memcpy(out, blocks[height]->data, blocks[height]->len);
    cr_assert_eq(header_decode(&header, span_of(out, HEADER_BYTES)), ERR_OK);
    change(&header);
    header_encode(out, &header);
    for (unsigned i = 0; i < 2; i++) {
        sign_keypair(&secret, net.peer[i].config.account_seed);
        if (memcmp(secret.public_key, header.signer, 32) == 0) {
            header_sign(out, &secret);
        }
    }
    return span_of(out, blocks[height]->len);
}

static void change_state(struct header *h)
{
    h->state_root[31] ^= 1;
}
static void change_ts(struct header *h)
{
    h->ts_ms++;
}
static void change_bt(struct header *h)
{
    h->bt++;
}
static void change_pi(struct header *h)
{
    h->pi[70] ^= 1;
}
static void change_fee(struct header *h)
{
    h->fee_multiplier = 0;
}
static void change_txs(struct header *h)
{
    h->tx_root[0] ^= 1;
}
static void change_network(struct header *h)
{
    h->genesis[0] ^= 1;
}
static void change_signer(struct header *h)
{
    memset(h->signer, 9, 32);
}

Test(check, replay_catches_every_broken_rule)
{
    static const struct {
        void (*change)(struct header *);
        const char *why;
    } cases[] = {{change_state, "says state"},        {change_ts, "its time is not"},
                 {change_bt, "base target"},          {change_pi, "VRF proof"},
                 {change_fee, "fee multiplier"},      {change_txs, "breaks a protocol rule"},
                 {change_network, "another version"}, {change_signer, "signature"}};
    static uint8_t bytes[1 << 16];

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct checks *c = checks_make(NULL);
        feed(c, 1, 9);
        checks_replay_block(c, forge(bytes, 10, cases[i].change));
        cr_assert_eq(checks_end(c, 1), ERR_INVALID, "%s", cases[i].why);
        expect(c, CHECK_BROKEN, "validity: block", cases[i].why);
    }
    struct checks *c = checks_make(NULL); /* a byte of the body */
    uint64_t h = 1;
    while (blocks[h]->len < HEADER_BYTES + 100) {
        cr_assert_lt(++h, HEIGHT, "no block has a transaction");
    }
    feed(c, 1, h - 1);
    memcpy(bytes, blocks[h]->data, blocks[h]->len);
    bytes[HEADER_BYTES + 60] ^= 1;
    checks_replay_block(c, span_of(bytes, blocks[h]->len));
    expect(c, CHECK_BROKEN, "validity: block", "was accepted, but");

    c = checks_make(NULL);
    checks_replay_block(c, span_of(blocks[1]->data, 100));
    expect(c, CHECK_BROKEN, "validity", "does not decode");
}

Test(check, replay_catches_a_traced_state_that_is_not_the_chains)
{
    struct checks *c = checks_make(NULL);
    decide(c, 60, 1, 1, head(4), state(4));
    decide(c, 120, 6, 2, head(8), state(8) ^ 1);
    feed(c, 1, HEIGHT);
    expect(c, CHECK_BROKEN, "validity: node 6 decided block", "height 8");
}

Test(check, replay_catches_a_false_genesis)
{
    struct checks *c = checks_make(NULL);
    checks_free(c);
    net.genesis.state_root[5] ^= 1;
    c = checks_make(NULL);
    expect(c, CHECK_BROKEN, "validity: the state of genesis", "the reference has");
}

Test(check, replay_counts_what_it_cannot_judge)
{
    struct checks *c = checks_make(NULL);
    feed(c, 5, HEIGHT);
    cr_assert_eq(checks_end(c, 1), ERR_OK);
    cr_expect_eq(figure(c, "check_blocks_skipped"), HEIGHT - 4);
    expect(c, CHECK_OK, "", "");
}

Test(check, replay_knows_the_2018_rule)
{
    chain_make(PRODUCTION_SIRIUS2018);
    struct checks_config config = {.scenario = &scenario, .genesis = &net.genesis, .nodes = NODES};
    struct checks *c = checks_new(&config);
    feed(c, 1, HEIGHT);
    cr_assert_eq(checks_end(c, 1), ERR_OK);
    cr_expect_eq(figure(c, "check_blocks_replayed"), HEIGHT);
    checks_free(c);
    c = checks_new(&config);
    static uint8_t bytes[1 << 16];
    feed(c, 1, 4);
    checks_replay_block(c, forge(bytes, 5, change_bt));
    expect(c, CHECK_BROKEN, "validity: block", "difficulty");
}

/* Adds one atomic unit to an account of the state after block 4. */
Test(check, conservation_catches_minting)
{
    struct checks *c = checks_make(NULL);
    feed(c, 1, 4);
    struct replayed *block = &c->replay.blocks[4];
    uint8_t owner[32];
    uint8_t key[32];
    uint8_t value[ACCOUNT_BYTES_MAX];
    size_t len;
    struct account account;
    const struct blob *root;

    net_account_key(owner, &net.peer[1]);
    state_key(key, STATE_ACCOUNT, span_of(owner, 32));
    cr_assert_eq(state_account(&account, c->replay.shared, block->root, owner), ERR_OK);
    account.free++;
    account_encode(value, &len, owner, &account);
    struct state_edit *edit = state_edit_begin(c->replay.shared, block->root, &c->replay.scratch);
    cr_assert_eq(state_edit_put(edit, key, span_of(value, len)), ERR_OK);
    struct replayed forged = *block;
    cr_assert_eq(state_edit_commit(forged.root, &root, edit), ERR_OK);
    conservation_state(c, &forged);
    blob_drop(c->replay.shared, root);
    expect(c, CHECK_BROKEN, "conservation: after block", "of height 4");
}

/* A tip row: the heaviest of its second, after a chain that is not its continuation. */
static void tip(struct checks *c, uint64_t time_s, uint64_t count, uint64_t score)
{
    struct trace_row r = {.time_ns = time_s * SECOND,
                          .count = count,
                          .kind = TRACE_tip_changed,
                          .value = {9, count, 2, score}};
    checks_rows(c, &r, 1);
}

static void start(struct checks *c, uint64_t time_s, uint64_t count)
{
    struct trace_row r = {.time_ns = time_s * SECOND,
                          .count = count,
                          .kind = TRACE_KINDS + WORLD_TRACE_node_up,
                          .value = {1}};
    checks_rows(c, &r, 1);
}

Test(check, fork_choice_catches_a_lighter_tip)
{
    struct checks *c = checks_make(NULL);
    start(c, 1, 0);
    tip(c, 2, 1, 500);
    tip(c, 3, 2, 500);
    tip(c, 4, 3, 600);
    expect(c, CHECK_BROKEN, "fork choice: node 0", "score 500");
    /* Power went while a step was under way, whose rows are dated at its end: that life is over. */
    c = checks_make(NULL);
    start(c, 1, 0);
    start(c, 3, 3);
    tip(c, 4, 1, 500);
    tip(c, 5, 4, 500);
    tip(c, 6, 5, 600);
    expect(c, CHECK_OK, "", "");
}

/* Node 0 prevotes a block; the other rows of its life say how it knows it. */
static void prevote(struct checks *c, uint64_t time_s, uint64_t count, uint64_t block)
{
    struct trace_row r = {.time_ns = time_s * SECOND,
                          .count = count,
                          .kind = TRACE_vote_cast,
                          .value = {VOTE_PREVOTE, 1, 0, block}};
    checks_rows(c, &r, 1);
}

Test(check, votes_catch_a_block_that_is_not_known)
{
    struct checks *c = checks_make(NULL);
    start(c, 1, 0);
    row(c, 2 * SECOND, 0, TRACE_block_received, 4, 77, 0, 0);
    prevote(c, 3, 2, 77);
    prevote(c, 4, 3, 78);
    expect(c, CHECK_BROKEN, "votes: node 0 prevotes block", "which it has never executed");
    /* Found by the hunt (seed 777): a block of its own was durable when the power went, and nobody
     * had been told that it was made. After the restart it may be voted for. */
    c = checks_make(NULL);
    start(c, 1, 0);
    start(c, 3, 3);
    prevote(c, 4, 4, 78);
    expect(c, CHECK_OK, "", "");
    /* That of another is no such block. */
    c = checks_make(NULL);
    start(c, 1, 0);
    start(c, 3, 3);
    row(c, 4 * SECOND, 1, TRACE_block_produced, 4, 78, 0, 0);
    prevote(c, 5, 4, 78);
    expect(c, CHECK_BROKEN, "votes: node 0 prevotes block", "which it has never executed");
}

Test(check, memory_catches_growth_and_leaks)
{
    struct checks *c = checks_make(NULL);
    cr_assert_eq(checks_epoch(c, SECOND, 1 << 20), ERR_OK);
    cr_assert_eq(checks_epoch(c, 2 * SECOND, (1 << 20) + 1), ERR_INVALID);
    expect(c, CHECK_BROKEN, "memory: a node holds 1048577 bytes at 2.000 s", "1048576");

    c = checks_make(NULL);
    cr_assert_eq(checks_stopped(c, 0, 1), ERR_INVALID);
    expect(c, CHECK_BROKEN, "memory", "1 nodes of states");
}

/* Defaults: E + d = 6 blocks of 15 s: 36 x 15 s; rounds 0, 1, 2: 5 + 7 + 9 s; 2 s. */
Test(check, liveness_bound_is_the_stated_one)
{
    struct checks *c = checks_make(NULL);
    up(c, 0, 0, NODES - 1);
    cr_expect_eq(liveness_bound_ns(c), (36 * 15 + 21 + 2) * SECOND);
    row(c, SECOND, 0, TRACE_round_started, 1, 40, 0, 0); /* growth ends at 30: 65 s each */
    cr_expect_eq(liveness_bound_ns(c), (36 * 15 + 21 + 2) * SECOND, "the wait began in round 0");
    row(c, 2 * SECOND, 9, TRACE_KINDS + WORLD_TRACE_node_down, 0, 0, 0, 0);
    /* A tenth is missing: blocks may take half as long again, and ten more rounds may fail. */
    uint64_t rounds = 0;
    for (uint64_t r = 0; r < 13; r++) {
        rounds += 5 + 2 * r;
    }
    cr_expect_eq(liveness_bound_ns(c), (54 * 15 + rounds + 2) * SECOND);
    scenario.check.liveness_ns = 7 * SECOND;
    cr_expect_eq(liveness_bound_ns(c), 7 * SECOND);
    scenario.check.liveness_ns = 0;
    checks_free(c);
}

Test(check, liveness_catches_a_halt)
{
    struct checks *c = checks_make(NULL);
    up(c, 10 * SECOND, 0, NODES - 1);
    decide(c, 60, 0, 1, 0xa1, 1);
    cr_assert_eq(checks_epoch(c, (60 + 563) * SECOND, 0), ERR_OK);
    cr_assert_eq(checks_epoch(c, (60 + 564) * SECOND, 0), ERR_INVALID);
    expect(c, CHECK_LIVENESS, "liveness: no checkpoint after instance 1 by 624.000 s",
           "1000 of 1000 tokens");

    c = checks_make(NULL); /* a third is down: nothing is promised */
    up(c, 0, 0, 5);
    cr_assert_eq(checks_epoch(c, 90000 * SECOND, 0), ERR_OK);
    up(c, 90000 * SECOND, 6, 6); /* 7 of 10 */
    cr_assert_eq(checks_epoch(c, 90100 * SECOND, 0), ERR_OK);
    cr_assert_eq(checks_epoch(c, 95000 * SECOND, 0), ERR_INVALID);
    expect(c, CHECK_LIVENESS, "700 of 1000 tokens", "since 90000.000 s");

    c = checks_make(NULL); /* without finality: the tip must rise */
    struct params params = net.genesis.params;
    params.finality = 0;
    c->params = &params;
    up(c, 0, 0, NODES - 1);
    row(c, 100 * SECOND, 4, TRACE_tip_changed, 1, 0xa, 0, 0);
    cr_assert_eq(checks_epoch(c, (100 + 390) * SECOND, 0), ERR_OK);
    cr_assert_eq(checks_epoch(c, (100 + 391) * SECOND, 0), ERR_INVALID);
    expect(c, CHECK_LIVENESS, "no block after height 1", "the bound is 390.000 s");
}

static void timeline_make(struct fault_timeline *timeline, const char *const *lines, size_t count)
{
    struct fault_domains domains = {0};
    struct fault_text_error error;

    fault_timeline_init(timeline, NODES);
    for (size_t i = 0; i < count; i++) {
        cr_assert_eq(fault_entry_parse(timeline, &error, &domains, lines[i]), ERR_OK, "%s",
                     error.text);
    }
    cr_assert_eq(fault_timeline_seal(timeline), ERR_OK);
}

Test(check, liveness_waits_for_the_last_fault_and_leaves_out_what_never_heals)
{
    struct fault_timeline timeline;

    timeline_make(&timeline, (const char *[]){"at 10 min for 50 min cut node 0-4 from rest"}, 1);
    struct checks *c = checks_make(&timeline);
    up(c, 0, 0, NODES - 1);
    row(c, 3000 * SECOND, 0, TRACE_round_started, 1, 30, 0, 0);
    cr_assert_eq(checks_epoch(c, 3600 * SECOND, 0), ERR_OK);
    cr_assert_eq(checks_epoch(c, 3601 * SECOND, 0), ERR_OK);
    cr_expect_eq(liveness_bound_ns(c), (36 * 15 + 3 * 65 + 2) * SECOND, "in round 30 by then");
    cr_assert_eq(checks_epoch(c, 4337 * SECOND, 0), ERR_OK);
    cr_assert_eq(checks_epoch(c, 4338 * SECOND, 0), ERR_INVALID);
    expect(c, CHECK_LIVENESS, "liveness: no checkpoint", "since 3600.000 s");
    fault_timeline_free(&timeline);

    /* 60/40 for ever: nobody has 2/3. */
    timeline_make(&timeline, (const char *[]){"at 1 min cut node 0-5 from rest"}, 1);
    c = checks_make(&timeline);
    up(c, 0, 0, NODES - 1);
    cr_assert_eq(checks_epoch(c, 90000 * SECOND, 0), ERR_OK);
    expect(c, CHECK_OK, "", "");
    fault_timeline_free(&timeline);

    /* 6 and 3 with a node that reaches both: one side. */
    timeline_make(&timeline, (const char *[]){"at 1 min cut node 0-5 from node 6-8"}, 1);
    c = checks_make(&timeline);
    up(c, 0, 0, NODES - 1);
    cr_assert_eq(checks_epoch(c, 90000 * SECOND, 0), ERR_INVALID);
    expect(c, CHECK_LIVENESS, "1000 of 1000", "since 60.000 s");
    fault_timeline_free(&timeline);

    /* 80/20, and one of the 8 has a full disk: 7 of 10. */
    timeline_make(&timeline,
                  (const char *[]){"at 1 min cut node 0-7 from rest", "at 2 min full-disk node 3"},
                  2);
    c = checks_make(&timeline);
    up(c, 0, 0, NODES - 1);
    cr_assert_eq(checks_epoch(c, 90000 * SECOND, 0), ERR_INVALID);
    expect(c, CHECK_LIVENESS, "700 of 1000", "since 120.000 s");
    fault_timeline_free(&timeline);
}
