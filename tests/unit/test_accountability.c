/* The accountability check against crimes made by hand: signed by known keys, seen as frames. */
#include <criterion/criterion.h>
#include <stdlib.h>

#include "node/wire/frames.h"
#include "sim/check/check_private.h"
#include "tests/support/chain_net.h"

enum { NODES = 4, EPOCH = 0 };

static struct scenario scenario;
static struct chain_net net;
static struct sign_secret key[NODES];
static uint8_t accounts[NODES][32];
static uint64_t stake[NODES];
static struct witness *witness;
static const uint8_t v[32] = {0xaa};
static const uint8_t w[32] = {0xbb};
static const uint8_t none[32];

static struct checks *checks_make(const uint64_t *byzantine)
{
    static bool made;

    if (!made) {
        net_make(&net, 2, NULL, TEST_MEMO_ON);
        made = true;
    }
    witness_free(witness);
    witness = witness_new(); /* who has noted nothing yet */
    for (uint8_t i = 0; i < NODES; i++) {
        uint8_t seed[32] = {i};
        sign_keypair(&key[i], seed);
        memcpy(accounts[i], key[i].public_key, 32);
        stake[i] = 100;
    }
    struct checks_config config = {.scenario = &scenario,
                                   .genesis = &net.genesis,
                                   .nodes = NODES,
                                   .stake_tokens = stake,
                                   .accounts = (const uint8_t(*)[32])accounts,
                                   .byzantine_until_ns = byzantine};
    struct checks *c = checks_new(&config);
    for (uint32_t i = 0; i < NODES; i++) {
        struct trace_row row = {
            .node = i, .kind = TRACE_committee_joined, .value = {EPOCH, 100, 400, i}};
        checks_rows(c, &row, 1);
    }
    return c;
}

static struct vote vote(uint16_t voter, enum vote_kind kind, uint32_t round,
                        const uint8_t value[32], int32_t jr)
{
    struct vote x = {
        .voter = voter, .kind = (uint8_t)kind, .instance = 1, .round = round, .jr = jr};

    memcpy(x.value, value, 32);
    vote_sign(&x, net.genesis.hash, &key[voter]);
    return x;
}

static void frame_leaves(struct checks *c, uint32_t node, const uint8_t *bytes, size_t len)
{
    const struct blob *blob = blob_put(net.host.shared, bytes, len);

    witness_frame(witness, node, 1, blob);
    blob_drop(net.host.shared, blob);
    checks_heard(c, witness);
}

static void say(struct checks *c, uint32_t node, const struct vote *x)
{
    uint8_t bytes[VOTE_BYTES];
    uint8_t frame[VOTE_BYTES + 8];
    size_t len;

    vote_encode(bytes, x);
    struct frame_vote_bundle m = {.votes = {.data = bytes, .count = 1}};
    cr_assert_eq(frame_vote_bundle_encode(frame, sizeof(frame), &len, &m), ERR_OK);
    frame_leaves(c, node, frame, len);
}

static void say_new(struct checks *c, uint16_t voter, enum vote_kind kind, uint32_t round,
                    const uint8_t value[32], int32_t jr)
{
    struct vote x = vote(voter, kind, round, value, jr);
    say(c, voter, &x);
}

static void expect(struct checks *c, enum check_result result, const char *one, const char *two)
{
    char text[CHECK_TEXT_BYTES];
    enum check_result got = checks_verdict(c, text, sizeof(text));

    cr_expect_eq(got, result, "%d: %s", (int)got, text);
    cr_expect(strstr(text, one) != NULL && strstr(text, two) != NULL, "%s, %s: %s", one, two, text);
    checks_free(c);
}

Test(accountability, what_an_honest_voter_says_convicts_nobody)
{
    struct checks *c = checks_make(NULL);
    /* Locked on v in round 1, shown a quorum for w in round 2, it follows in round 3. */
    say_new(c, 0, VOTE_PREVOTE, 0, none, -1);
    say_new(c, 0, VOTE_PRECOMMIT, 0, none, -1);
    say_new(c, 0, VOTE_PREVOTE, 1, v, -1);
    say_new(c, 0, VOTE_PRECOMMIT, 1, v, -1);
    say_new(c, 0, VOTE_PREVOTE, 2, none, -1);
    say_new(c, 0, VOTE_PRECOMMIT, 2, none, -1);
    say_new(c, 0, VOTE_PREVOTE, 3, w, 2);
    say_new(c, 0, VOTE_PRECOMMIT, 3, w, -1);
    say_new(c, 0, VOTE_PREVOTE, 3, w, 2); /* again */
    cr_expect_eq(c->statements.votes, 8);
    expect(c, CHECK_OK, "", "");
}

Test(accountability, s1_and_s2_convict_whoever_signed)
{
    struct checks *c = checks_make(NULL);
    say_new(c, 1, VOTE_PREVOTE, 0, v, -1);
    say_new(c, 1, VOTE_PREVOTE, 0, none, -1);
    expect(c, CHECK_BROKEN, "node 1 is honest", "S1");

    c = checks_make(NULL); /* any signed field (decision 15) */
    say_new(c, 1, VOTE_PREVOTE, 2, v, -1);
    say_new(c, 1, VOTE_PREVOTE, 2, v, 1);
    expect(c, CHECK_BROKEN, "node 1 is honest", "S1");

    c = checks_make(NULL);
    say_new(c, 2, VOTE_PRECOMMIT, 1, v, -1);
    say_new(c, 2, VOTE_PREVOTE, 3, w, 0);
    expect(c, CHECK_BROKEN, "node 2 is honest", "S2");

    c = checks_make(NULL); /* in the other order, seen at others */
    struct vote late = vote(2, VOTE_PREVOTE, 3, w, 0);
    struct vote early = vote(2, VOTE_PRECOMMIT, 1, v, -1);
    say(c, 0, &late);
    say(c, 3, &early);
    expect(c, CHECK_BROKEN, "node 2 is honest", "S2");

    c = checks_make(NULL); /* what nobody signed convicts nobody */
    struct vote false_vote = vote(1, VOTE_PREVOTE, 0, w, -1);
    false_vote.voter = 0;
    say_new(c, 0, VOTE_PREVOTE, 0, v, -1);
    say(c, 1, &false_vote);
    expect(c, CHECK_OK, "", "");

    static const uint64_t one[NODES] = {0, UINT64_MAX, 0, 0};
    c = checks_make(one);
    say_new(c, 1, VOTE_PREVOTE, 0, v, -1);
    say_new(c, 1, VOTE_PREVOTE, 0, w, -1);
    cr_expect_eq(c->statements.convictions, 1);
    expect(c, CHECK_OK, "", "");
}

static void header_leaves(struct checks *c, uint32_t node, uint64_t height, uint64_t ts_ms)
{
    struct header header = {.version = HEADER_VERSION, .height = height, .ts_ms = ts_ms};
    uint8_t bytes[HEADER_BYTES];
    uint8_t frame[HEADER_BYTES + 16];
    size_t len;

    memcpy(header.genesis, net.genesis.hash, 32);
    memcpy(header.signer, accounts[node], 32);
    header_encode(bytes, &header);
    header_sign(bytes, &key[node]);
    struct frame_block_compact m = {.header = span_of(bytes, HEADER_BYTES)};
    cr_assert_eq(frame_block_compact_encode(frame, sizeof(frame), &len, &m), ERR_OK);
    frame_leaves(c, node, frame, len);
}

Test(accountability, two_headers_of_one_height_convict)
{
    struct checks *c = checks_make(NULL);
    header_leaves(c, 3, 7, 1000);
    header_leaves(c, 3, 8, 2000);
    header_leaves(c, 3, 7, 1000);
    cr_expect_eq(checks_verdict(c, (char[CHECK_TEXT_BYTES]){0}, CHECK_TEXT_BYTES), CHECK_OK);
    header_leaves(c, 3, 7, 1001);
    expect(c, CHECK_BROKEN, "node 3 is honest", "H: two headers of height 7");
}

static void decide(struct checks *c, uint32_t node, uint64_t block)
{
    struct trace_row row = {.time_ns = 9,
                            .node = node,
                            .kind = TRACE_checkpoint_decided,
                            .value = {1, net.genesis.params.checkpoint_blocks, block, 0, 0, 0}};
    checks_rows(c, &row, 1);
}

Test(accountability, two_decisions_must_convict_a_third)
{
    static const uint64_t two[NODES] = {0, UINT64_MAX, UINT64_MAX, 0};
    static const uint64_t one[NODES] = {0, UINT64_MAX, 0, 0};
    struct checks *c = checks_make(one); /* a quarter is faulty: it must not happen at all */
    decide(c, 0, 0xa);
    decide(c, 3, 0xb);
    expect(c, CHECK_BROKEN, "agreement: node 3", "");

    c = checks_make(two); /* one of four is convicted: too few */
    decide(c, 0, 0xa);
    decide(c, 1, 0xc); /* whatever the faulty say they decided */
    decide(c, 3, 0xb);
    say_new(c, 1, VOTE_PRECOMMIT, 0, v, -1);
    say_new(c, 1, VOTE_PRECOMMIT, 0, w, -1);
    cr_expect_eq(checks_end(c, 10), ERR_INVALID);
    expect(c, CHECK_BROKEN, "convicts 100 of 400", "less than a third");

    c = checks_make(two);
    decide(c, 0, 0xa);
    decide(c, 3, 0xb);
    for (uint16_t i = 1; i <= 2; i++) {
        say_new(c, i, VOTE_PRECOMMIT, 0, v, -1);
        say_new(c, i, VOTE_PRECOMMIT, 0, w, -1);
    }
    cr_expect_eq(checks_end(c, 10), ERR_OK);
    cr_expect_eq(c->violations.list[0].convicted, 200);
    expect(c, CHECK_OK, "", "");
}

/* Two of four lied and instance 1 was decided twice: on every chain that is honestly followed two
 * must be in jail, once the sides could meet and while they can still be punished. */
Test(accountability, both_sides_must_slash)
{
    static const uint64_t two[NODES] = {0, UINT64_MAX, UINT64_MAX, 0};
    static const bool one_jailed[NODES] = {false, true, false, false};
    static const bool two_jailed[NODES] = {false, true, true, false};
    const uint64_t late_ns = UINT64_C(3600000000000);
    struct checks *c = checks_make(two);
    decide(c, 0, 0xa);
    decide(c, 3, 0xb);
    cr_expect(checks_violated(c));
    checks_jailed(c, 0, late_ns, 10, two_jailed);
    checks_jailed(c, 1, late_ns, 10, one_jailed); /* what the faulty follow does not matter */
    checks_jailed(c, 3, 1000, 10, one_jailed);    /* too soon */
    checks_jailed(c, 3, late_ns, UINT32_MAX, one_jailed); /* too old */
    cr_expect_eq(c->violations.judged, 1);
    checks_jailed(c, 3, late_ns, 10, one_jailed);
    expect(c, CHECK_BROKEN, "slashing: instance 1", "chain of node 3 100 of 400");
}

/* A decision by three of four precommits and as many prevotes with this jr; a group for jr or not.
 */
static void decision_leaves(struct checks *c, uint16_t voters, int32_t jr, bool group)
{
    uint8_t out[4096];
    uint8_t frame[4096 + 8];
    struct writer wr;
    size_t len;

    writer_init(&wr, out, sizeof(out));
    writer_u64(&wr, 1);
    writer_u32(&wr, 2);
    writer_raw(&wr, v, 32);
    writer_var(&wr, voters);
    for (uint16_t i = 0; i < voters; i++) {
        struct vote x = vote(i, VOTE_PRECOMMIT, 2, v, -1);
        writer_u16(&wr, i);
        writer_i32(&wr, -1);
        writer_raw(&wr, x.sig, 64);
    }
    writer_var(&wr, group ? 2 : 1);
    for (uint32_t round = 2; round + 1 > (group ? 1U : 2U); round--) {
        writer_u32(&wr, round);
        writer_var(&wr, voters);
        for (uint16_t i = 0; i < voters; i++) {
            struct vote x = vote(i, VOTE_PREVOTE, round, v, round == 2 ? jr : -1);
            writer_u16(&wr, i);
            writer_i32(&wr, x.jr);
            writer_raw(&wr, x.sig, 64);
        }
    }
    cr_assert_eq(writer_end(&wr, &len), ERR_OK);
    struct frame_decision m = {.decision = span_of(out, len)};
    cr_assert_eq(frame_decision_encode(frame, sizeof(frame), &len, &m), ERR_OK);
    frame_leaves(c, 0, frame, len);
}

Test(accountability, a_decision_that_proves_too_little)
{
    struct checks *c = checks_make(NULL);
    decision_leaves(c, 3, -1, false);
    decision_leaves(c, 3, 1, true);
    cr_expect_eq(c->statements.decisions, 2);
    char text[CHECK_TEXT_BYTES];
    cr_expect_eq(checks_verdict(c, text, sizeof(text)), CHECK_BROKEN,
                 "two prevotes of round 2: jr -1 and jr 1");
    cr_expect(strstr(text, "S1") != NULL, "%s", text);
    checks_free(c);

    c = checks_make(NULL);
    decision_leaves(c, 3, 1, true);
    expect(c, CHECK_OK, "", "");
    c = checks_make(NULL);
    decision_leaves(c, 2, -1, false);
    expect(c, CHECK_BROKEN, "without two thirds of the precommits of round 2", "node 0");
    c = checks_make(NULL);
    decision_leaves(c, 3, 1, false);
    expect(c, CHECK_BROKEN, "without two thirds of the prevotes of round 1", "node 0");
}

Test(accountability, evidence_against_the_honest)
{
    struct checks *c = checks_make(NULL);
    struct trace_row row = {
        .node = 2, .kind = TRACE_evidence_found, .value = {2, load64(accounts[1]), 1}};
    checks_rows(c, &row, 1);
    expect(c, CHECK_BROKEN, "node 2 found evidence (S2) against node 1", "honest");
}
