/* Decisions (docs/wire.md 7; spec: chain 1.5, decision 1): what they prove, what is refused, whom
 * two of them convict. */
#include <criterion/criterion.h>
#include <stdlib.h>

#include "node/chain/certificate.h"
#include "node/chain/justification.h"
#include "node/chain/offences.h"
#include "node/wire/codec.h"
#include "tests/support/ctx.h"

enum { N = 7, NIL = 0, V = 1, W = 2 };

struct bench {
    struct test_host host;
    struct genesis genesis;
    struct sign_secret secrets[N];
    uint8_t members[N * 40];
    uint64_t weights[N];
    struct committee committee;
    struct votes *votes;
};

static int by_key(const void *a, const void *b)
{
    return memcmp(((const struct sign_secret *)a)->public_key,
                  ((const struct sign_secret *)b)->public_key, 32);
}

static struct bench *bench_new(uint32_t n, int memo)
{
    struct bench *b = calloc(1, sizeof(*b));
    test_host_init(&b->host, 7, memo);
    memset(b->genesis.hash, 0x61, 32);
    for (uint32_t i = 0; i < n; i++) {
        uint8_t seed[32] = {(uint8_t)(i + 1)};
        sign_keypair(&b->secrets[i], seed);
    }
    qsort(b->secrets, n, sizeof(b->secrets[0]), by_key);
    for (uint32_t i = 0; i < n; i++) {
        memcpy(b->members + i * 40, b->secrets[i].public_key, 32);
        store64(b->members + i * 40 + 32, 1);
        b->weights[i] = 1;
    }
    b->committee = (struct committee){.epoch = 3, .total = n, .members = b->members, .count = n};
    b->votes = calloc(1, sizeof(*b->votes));
    votes_init(b->votes, calloc(VOTES_POOL_BALLOTS, sizeof(struct ballot)),
               calloc(VOTES_VOTERS_MAX, sizeof(struct voter_facts)));
    votes_open(b->votes, 9, b->weights, n, n);
    votes_round_set(b->votes, 5);
    return b;
}

static struct vote signed_vote(struct bench *b, uint32_t voter, enum vote_kind kind, uint32_t round,
                               uint8_t value, int32_t jr)
{
    struct vote vote = {
        .voter = (uint16_t)voter, .kind = (uint8_t)kind, .instance = 9, .round = round, .jr = jr};
    memset(vote.value, value, 32);
    vote_sign(&vote, b->genesis.hash, &b->secrets[voter]);
    return vote;
}

/* Votes of the voters in mask. */
static void cast(struct bench *b, uint32_t mask, enum vote_kind kind, uint32_t round, uint8_t value,
                 int32_t jr)
{
    for (uint32_t v = 0; v < b->committee.count; v++) {
        if ((mask >> v & 1) != 0) {
            struct vote vote = signed_vote(b, v, kind, round, value, jr);
            cr_assert_eq(votes_add(b->votes, &vote, 0, false, true), ERR_OK);
        }
    }
}

static enum err build(struct bench *b, struct span *decision, uint32_t round, uint8_t value)
{
    uint8_t id[32];
    memset(id, value, 32);
    return certificate_build(decision, b->votes, round, votes_value_find(b->votes, id),
                             &b->host.scratch);
}

static enum err verify(struct bench *b, struct span decision)
{
    struct decision_facts facts;
    size_t mark = arena_mark(&b->host.scratch);
    enum err err = decision_verify(&facts, &b->host.c, &b->genesis, &b->committee, decision);
    arena_rewind(&b->host.scratch, mark);
    return err;
}

static struct span group(const struct bench *b, const uint8_t *mask_of_voters, enum vote_kind kind,
                         uint32_t round, uint8_t value, int32_t jr, uint8_t *out)
{
    struct writer w;
    uint32_t n = 0;
    for (uint32_t i = 0; mask_of_voters[i] != 255; i++) {
        n++;
    }
    writer_init(&w, out, 8192);
    writer_var(&w, n);
    for (uint32_t i = 0; i < n; i++) {
        struct vote vote =
            signed_vote((struct bench *)b, mask_of_voters[i], kind, round, value, jr);
        writer_u16(&w, vote.voter);
        writer_i32(&w, vote.jr);
        writer_raw(&w, vote.sig, 64);
    }
    return span_of(out, writer_len(&w));
}

/* A decision written by hand: precommits, and prevote groups given as (round, span). */
static struct span by_hand(uint8_t *out, uint32_t round, uint8_t value, struct span precommits,
                           const uint32_t *rounds, const struct span *groups, uint32_t count)
{
    struct writer w;
    uint8_t id[32];
    memset(id, value, 32);
    writer_init(&w, out, 32768);
    writer_u64(&w, 9);
    writer_u32(&w, round);
    writer_hash(&w, id);
    writer_raw(&w, precommits.data, precommits.len);
    writer_var(&w, count);
    for (uint32_t g = 0; g < count; g++) {
        writer_u32(&w, rounds[g]);
        writer_raw(&w, groups[g].data, groups[g].len);
    }
    return span_of(out, writer_len(&w));
}

Test(certificate, carries_the_prevotes_recursively)
{
    struct bench *b = bench_new(7, TEST_MEMO_ON);
    struct span decision;
    cast(b, 0x1f, VOTE_PREVOTE, 0, V, -1);
    cast(b, 0x3e, VOTE_PREVOTE, 1, V, 0);
    cast(b, 0x03, VOTE_PREVOTE, 3, V, -1);
    cast(b, 0x1c, VOTE_PREVOTE, 3, V, 1);
    cr_assert_eq(build(b, &decision, 3, V), ERR_UNKNOWN, "no precommits yet");
    cast(b, 0x7c, VOTE_PRECOMMIT, 3, V, -1);
    cr_assert_eq(build(b, &decision, 3, V), ERR_OK);
    cr_assert_eq(verify(b, decision), ERR_OK);

    uint32_t seen[2][4] = {{0}};
    struct certificate_walk walk;
    struct vote vote;
    certificate_walk_begin(&walk, decision);
    while (certificate_walk_next(&walk, &vote)) {
        cr_assert_eq(
            vote_verify(&vote, b->host.shared, b->genesis.hash, b->secrets[vote.voter].public_key),
            ERR_OK);
        seen[vote.kind - 1][vote.round]++;
    }
    const uint32_t expected[2][4] = {{5, 5, 0, 5}, {0, 0, 0, 5}};
    cr_assert_arr_eq(seen, expected, sizeof(seen));

    /* Prevotes that wait for their quorum do not count. */
    cast(b, 0x7f, VOTE_PREVOTE, 4, W, 2);
    cast(b, 0x7f, VOTE_PRECOMMIT, 4, W, -1);
    cr_assert_eq(build(b, &decision, 4, W), ERR_UNKNOWN);
    cast(b, 0x1f, VOTE_PREVOTE, 2, W, -1);
    cr_assert_eq(build(b, &decision, 4, W), ERR_OK);
    cr_assert_eq(verify(b, decision), ERR_OK);
}

/* Decision 1: with n = 4 and 3 liars, precommit (v,0), prevote (w,1,jr=0), precommit (w,1) convicts
 * nobody unless the quorum of prevotes for (w,0) is shown; showing it convicts all three. */
Test(certificate, the_hole_is_closed)
{
    struct bench *b = bench_new(4, TEST_MEMO_ON);
    struct span first;
    struct span second;
    cast(b, 0x0e, VOTE_PREVOTE, 0, V, -1);
    cast(b, 0x0e, VOTE_PRECOMMIT, 0, V, -1);
    cr_assert_eq(build(b, &first, 0, V), ERR_OK);

    uint8_t parts[3][8192];
    uint8_t whole[2][32768];
    const uint8_t liars[] = {1, 2, 3, 255};
    struct span precommits = group(b, liars, VOTE_PRECOMMIT, 1, W, -1, parts[0]);
    struct span groups[] = {group(b, liars, VOTE_PREVOTE, 1, W, 0, parts[1]),
                            group(b, liars, VOTE_PREVOTE, 0, W, -1, parts[2])};
    const uint32_t rounds[] = {1, 0};
    second = by_hand(whole[0], 1, W, precommits, rounds, groups, 1);
    cr_assert_eq(verify(b, second), ERR_INVALID, "without its justification");

    second = by_hand(whole[1], 1, W, precommits, rounds, groups, 2);
    cr_assert_eq(verify(b, second), ERR_OK);
    struct offences *offences = calloc(1, sizeof(*offences));
    offences_add_decisions(offences, &b->host.c, &b->committee, first, second);
    uint32_t guilty = 0;
    struct span body;
    while (offences_next(offences, &body)) {
        struct reader r;
        uint8_t offender[32];
        uint64_t when;
        reader_init(&r, body);
        uint8_t kind = reader_u8(&r);
        struct span one = reader_bytes(&r, 512);
        struct span two = reader_bytes(&r, 512);
        cr_assert_eq(reader_end(&r), ERR_OK);
        cr_assert_eq(evidence_verify(offender, &when, b->host.shared, &b->genesis, kind, one, two),
                     ERR_OK);
        cr_assert_eq(when, 9);
        guilty |= 1U << committee_find(&b->committee, offender);
    }
    cr_assert_eq(guilty, 0x0e);
    offences_add_decisions(offences, &b->host.c, &b->committee, second, first);
    cr_assert_not(offences_next(offences, &body), "each offence is handed out once");
}

Test(certificate, refuses_what_is_not_one)
{
    struct bench *b = bench_new(4, TEST_MEMO_OFF);
    uint8_t parts[6][8192];
    uint8_t whole[32768];
    const uint8_t good[] = {0, 1, 3, 255};
    const uint8_t twice[] = {0, 1, 1, 255};
    const uint8_t few[] = {0, 1, 255};
    const uint8_t unordered[] = {1, 0, 3, 255};
    struct span precommits = group(b, good, VOTE_PRECOMMIT, 2, V, -1, parts[0]);
    struct span prevotes = group(b, good, VOTE_PREVOTE, 2, V, -1, parts[1]);
    const uint32_t rounds[] = {2, 1};
    struct span good_one = by_hand(whole, 2, V, precommits, rounds, &prevotes, 1);
    cr_assert_eq(verify(b, good_one), ERR_OK);

    struct span list[2] = {prevotes, group(b, good, VOTE_PREVOTE, 1, V, -1, parts[2])};
    cr_assert_eq(verify(b, by_hand(whole, 2, V, precommits, rounds, list, 2)), ERR_INVALID,
                 "a group nobody refers to");
    cr_assert_eq(verify(b, by_hand(whole, 2, V, precommits, rounds, list, 0)), ERR_INVALID,
                 "no prevotes");
    const uint8_t *bad[] = {twice, few, unordered};
    for (size_t i = 0; i < 3; i++) {
        struct span some = group(b, bad[i], VOTE_PREVOTE, 2, V, -1, parts[3]);
        cr_assert_eq(verify(b, by_hand(whole, 2, V, precommits, rounds, &some, 1)), ERR_INVALID);
        some = group(b, bad[i], VOTE_PRECOMMIT, 2, V, -1, parts[3]);
        cr_assert_eq(verify(b, by_hand(whole, 2, V, some, rounds, &prevotes, 1)), ERR_INVALID);
    }
    struct span nil = group(b, good, VOTE_PRECOMMIT, 2, NIL, -1, parts[4]);
    struct span nil_too = group(b, good, VOTE_PREVOTE, 2, NIL, -1, parts[5]);
    cr_assert_eq(verify(b, by_hand(whole, 2, NIL, nil, rounds, &nil_too, 1)), ERR_INVALID,
                 "nothing is not a decision");
    const uint32_t other[] = {1};
    cr_assert_eq(verify(b, by_hand(whole, 2, V, precommits, other, &prevotes, 1)), ERR_INVALID,
                 "prevotes of another round");

    /* Another committee: other keys, or weights under which the three are no quorum. */
    struct span decision = by_hand(whole, 2, V, precommits, rounds, &prevotes, 1);
    store64(b->members + 2 * 40 + 32, 3);
    b->committee.total = 6;
    cr_assert_eq(verify(b, decision), ERR_INVALID);
    store64(b->members + 2 * 40 + 32, 1);
    b->committee.total = 4;
    b->members[0] ^= 1;
    cr_assert_eq(verify(b, decision), ERR_SIGNATURE);
    b->members[0] ^= 1;
    cr_assert_eq(verify(b, decision), ERR_OK);

    /* Any changed byte, any shorter or longer encoding. */
    for (size_t i = 0; i < decision.len; i++) {
        whole[i] ^= 0x40;
        cr_assert_neq(verify(b, decision), ERR_OK, "byte %zu", i);
        whole[i] ^= 0x40;
        cr_assert_neq(verify(b, span_of(whole, i)), ERR_OK, "cut at %zu", i);
    }
    cr_assert_neq(verify(b, span_of(whole, decision.len + 1)), ERR_OK);
    cr_assert_eq(verify(b, decision), ERR_OK);
}

/* Steps, charges and verdict are the same whether the memo knew or not. */
Test(certificate, is_checked_in_steps)
{
    uint64_t charged[2][2];
    uint32_t steps[2][2];
    for (int memo = 0; memo < 2; memo++) {
        struct bench *b = bench_new(7, memo == 0 ? TEST_MEMO_ON : TEST_MEMO_OFF);
        struct span decision;
        uint8_t id[32] = {1};
        cast(b, 0x7f, VOTE_PREVOTE, 0, V, -1);
        cast(b, 0x7f, VOTE_PRECOMMIT, 0, V, -1);
        cr_assert_eq(build(b, &decision, 0, V), ERR_OK);
        for (int broken = 0; broken < 2; broken++) {
            uint8_t copy[2048];
            memcpy(copy, decision.data, decision.len);
            copy[decision.len - 1 - 70] ^= (uint8_t)broken; /* the last signature but one */
            for (int again = 0; again < 2; again++) {
                struct certificate_check check;
                const uint64_t name[2] = {5, (uint64_t)broken};
                uint64_t before = b->host.out->charge[COST_VERIFY];
                bool done = false;
                enum err err =
                    certificate_check_begin(&check, &b->host.c, b->genesis.hash, &b->committee, id,
                                            name, span_of(copy, decision.len));
                cr_assert_eq(err, ERR_OK);
                cr_assert_eq(check.known, memo == 0 && again == 1);
                uint32_t n = 0;
                for (; !done; n++) {
                    uint32_t budget = 4;
                    err = certificate_check_step(&check, &b->host.c, &done, &budget,
                                                 b->genesis.hash, &b->committee);
                }
                cr_assert_eq(err, broken ? ERR_SIGNATURE : ERR_OK);
                cr_assert_eq(check.facts.instance, 9);
                uint64_t cost = b->host.out->charge[COST_VERIFY] - before;
                if (memo == 0 && again == 0) {
                    charged[broken][0] = cost;
                    steps[broken][0] = n;
                }
                cr_assert_eq(cost, charged[broken][0]);
                cr_assert_eq(n, steps[broken][0]);
            }
        }
        cr_assert_eq(steps[0][0], 3);
        cr_assert_eq(charged[0][0], 10);
    }
}
