/* Votes against tests/vectors/chain-block.tsv; which pairs of signed messages convict (spec:
 * chain 1.5, decision 15). */
#include <criterion/criterion.h>

#include "node/chain/block.h"
#include "node/chain/vote.h"
#include "tests/support/vectors.h"

/* This host has no memo: it may forget anything at any time. */
bool memo_get(struct shared *shared, enum memo_kind kind, struct memo_key key, void *value,
              size_t len)
{
    (void)shared, (void)kind, (void)key, (void)value, (void)len;
    return false;
}

void memo_put(struct shared *shared, enum memo_kind kind, struct memo_key key, const void *value,
              size_t len)
{
    (void)shared, (void)kind, (void)key, (void)value, (void)len;
}

static void fill(uint8_t *out, unsigned start, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        out[i] = (uint8_t)(start + 5 * i);
    }
}

static void key_make(struct sign_secret *secret, unsigned i)
{
    uint8_t seed[32];
    fill(seed, i, 32);
    sign_keypair(secret, seed);
}

Test(vote, as_the_vectors)
{
    struct tsv *tsv = tsv_open("chain-block.tsv");
    uint8_t genesis[32];
    unsigned seen = 0;
    fill(genesis, 3, 32);
    while (tsv_next(tsv)) {
        if (strcmp(tsv->field[0], "vote") != 0) {
            continue;
        }
        unsigned i = (unsigned)tsv_u64(tsv, 1);
        uint8_t want[VOTE_BYTES];
        uint8_t got[VOTE_BYTES];
        uint8_t key[32];
        struct sign_secret secret;
        cr_assert_eq(hex_decode(want, sizeof(want), tsv->field[2]), VOTE_BYTES);
        cr_assert_eq(hex_decode(key, sizeof(key), tsv->field[3]), 32);
        struct vote vote = {.voter = (uint16_t)(300 + i),
                            .kind = i == 1 ? VOTE_PRECOMMIT : VOTE_PREVOTE,
                            .instance = 99 + i,
                            .round = 7 + i,
                            .jr = i == 2 ? 5 : -1};
        fill(vote.value, 80 + i, 32);
        key_make(&secret, i);
        cr_assert_eq(memcmp(secret.public_key, key, 32), 0);
        vote_sign(&vote, genesis, &secret);
        vote_encode(got, &vote);
        cr_assert_eq(memcmp(got, want, VOTE_BYTES), 0);
        struct vote back;
        cr_assert_eq(vote_decode(&back, want), ERR_OK);
        vote_encode(got, &back);
        cr_assert_eq(memcmp(got, want, VOTE_BYTES), 0);
        cr_assert_eq(vote_verify(&back, NULL, genesis, key), ERR_OK);
        back.round++;
        cr_assert_eq(vote_verify(&back, NULL, genesis, key), ERR_SIGNATURE);
        back.round--;
        genesis[0] ^= 1;
        cr_assert_eq(vote_verify(&back, NULL, genesis, key), ERR_SIGNATURE);
        genesis[0] ^= 1;
        seen++;
    }
    tsv_close(tsv);
    cr_assert_eq(seen, 3);
}

static struct vote vote_of(uint8_t kind, uint32_t round, unsigned value, int32_t jr)
{
    struct vote vote = {.kind = kind, .instance = 4, .round = round, .jr = jr};
    memset(vote.value, (int)value, 32);
    return vote;
}

static enum err body_check(uint8_t kind, uint32_t round, unsigned value, int32_t jr)
{
    uint8_t body[VOTE_BODY_BYTES];
    struct vote vote = vote_of(kind, round, value, jr);
    vote_body_encode(body, &vote);
    return vote_body_decode(&vote, body);
}

Test(vote, bodies_that_no_honest_voter_signs)
{
    cr_assert_eq(body_check(VOTE_PREVOTE, 0, 1, -1), ERR_OK);
    cr_assert_eq(body_check(VOTE_PREVOTE, 3, 1, 2), ERR_OK);
    cr_assert_eq(body_check(VOTE_PREVOTE, 3, 0, -1), ERR_OK);
    cr_assert_eq(body_check(VOTE_PRECOMMIT, 3, 1, -1), ERR_OK);
    cr_assert_eq(body_check(VOTE_PREVOTE, UINT32_MAX, 1, INT32_MAX), ERR_OK);
    cr_assert_eq(body_check(0, 0, 1, -1), ERR_INVALID);
    cr_assert_eq(body_check(3, 0, 1, -1), ERR_INVALID);
    cr_assert_eq(body_check(VOTE_PREVOTE, 3, 1, 3), ERR_INVALID);
    cr_assert_eq(body_check(VOTE_PREVOTE, 3, 1, -2), ERR_INVALID);
    cr_assert_eq(body_check(VOTE_PREVOTE, 3, 0, 2), ERR_INVALID);
    cr_assert_eq(body_check(VOTE_PRECOMMIT, 3, 1, 2), ERR_INVALID);
}

enum { CONVICTS_NOBODY = 0 };

static int classify(struct vote a, struct vote b)
{
    enum evidence_kind one;
    enum evidence_kind two;
    enum err err = evidence_classify(&one, &a, &b);
    cr_assert_eq(evidence_classify(&two, &b, &a), err); /* in either order */
    if (err != ERR_OK) {
        return CONVICTS_NOBODY;
    }
    cr_assert_eq(one, two);
    return (int)one;
}

Test(vote, what_convicts)
{
    const uint8_t pv = VOTE_PREVOTE;
    const uint8_t pc = VOTE_PRECOMMIT;
    /* S1 */
    cr_assert_eq(classify(vote_of(pv, 3, 1, -1), vote_of(pv, 3, 2, -1)), EVIDENCE_S1);
    cr_assert_eq(classify(vote_of(pv, 3, 1, -1), vote_of(pv, 3, 0, -1)), EVIDENCE_S1);
    cr_assert_eq(classify(vote_of(pv, 3, 1, 0), vote_of(pv, 3, 1, 1)), EVIDENCE_S1);
    cr_assert_eq(classify(vote_of(pc, 3, 1, -1), vote_of(pc, 3, 2, -1)), EVIDENCE_S1);
    cr_assert_eq(classify(vote_of(pc, 3, 1, -1), vote_of(pc, 3, 0, -1)), EVIDENCE_S1);
    /* S2 */
    cr_assert_eq(classify(vote_of(pc, 1, 1, -1), vote_of(pv, 2, 2, -1)), EVIDENCE_S2);
    cr_assert_eq(classify(vote_of(pc, 1, 1, -1), vote_of(pv, 2, 2, 0)), EVIDENCE_S2);
    /* nobody: the same vote, other rounds, other kinds */
    cr_assert_eq(classify(vote_of(pv, 3, 1, -1), vote_of(pv, 3, 1, -1)), CONVICTS_NOBODY);
    cr_assert_eq(classify(vote_of(pv, 3, 1, -1), vote_of(pv, 4, 2, -1)), CONVICTS_NOBODY);
    cr_assert_eq(classify(vote_of(pv, 3, 1, -1), vote_of(pc, 3, 2, -1)), CONVICTS_NOBODY);
    cr_assert_eq(classify(vote_of(pv, 3, 1, -1), vote_of(pc, 3, 0, -1)), CONVICTS_NOBODY);
    /* nobody: released by a quorum at jr >= r1; the same value; nil; a prevote before the lock */
    cr_assert_eq(classify(vote_of(pc, 1, 1, -1), vote_of(pv, 2, 2, 1)), CONVICTS_NOBODY);
    cr_assert_eq(classify(vote_of(pc, 1, 1, -1), vote_of(pv, 2, 1, -1)), CONVICTS_NOBODY);
    cr_assert_eq(classify(vote_of(pc, 1, 1, -1), vote_of(pv, 2, 0, -1)), CONVICTS_NOBODY);
    cr_assert_eq(classify(vote_of(pc, 1, 0, -1), vote_of(pv, 2, 2, -1)), CONVICTS_NOBODY);
    cr_assert_eq(classify(vote_of(pc, 2, 1, -1), vote_of(pv, 1, 2, -1)), CONVICTS_NOBODY);
    cr_assert_eq(classify(vote_of(pc, 1, 1, -1), vote_of(pc, 2, 2, -1)), CONVICTS_NOBODY);
    /* nobody: another instance, another voter */
    struct vote other = vote_of(pv, 3, 2, -1);
    other.instance++;
    cr_assert_eq(classify(vote_of(pv, 3, 1, -1), other), CONVICTS_NOBODY);
    other = vote_of(pv, 3, 2, -1);
    other.voter++;
    cr_assert_eq(classify(vote_of(pv, 3, 1, -1), other), CONVICTS_NOBODY);
}

static struct genesis network;

static enum err verify(uint8_t kind, struct span a, struct span b)
{
    uint8_t offender[32];
    uint64_t when;
    enum err err = evidence_verify(offender, &when, NULL, &network, kind, a, b);
    if (err == ERR_OK) {
        cr_assert_eq(when, 4);
        struct sign_secret secret;
        key_make(&secret, 0);
        cr_assert_eq(memcmp(offender, secret.public_key, 32), 0);
    }
    return err;
}

static void signed_make(uint8_t out[SIGNED_VOTE_BYTES], struct vote vote, unsigned who)
{
    struct sign_secret secret;
    key_make(&secret, who);
    vote_sign(&vote, network.hash, &secret);
    signed_vote_encode(out, &vote, secret.public_key);
}

Test(evidence, votes)
{
    uint8_t a[SIGNED_VOTE_BYTES];
    uint8_t b[SIGNED_VOTE_BYTES];
    struct span first;
    struct span second;
    fill(network.hash, 3, 32);
    signed_make(a, vote_of(VOTE_PREVOTE, 2, 2, 0), 0);
    signed_make(b, vote_of(VOTE_PRECOMMIT, 1, 1, -1), 0);
    evidence_order(&first, &second, EVIDENCE_S2, span_of(a, sizeof(a)), span_of(b, sizeof(b)));
    cr_assert_eq(first.data, b);
    cr_assert_eq(verify(EVIDENCE_S2, first, second), ERR_OK);
    cr_assert_eq(verify(EVIDENCE_S2, second, first), ERR_NONCANONICAL);
    cr_assert_eq(verify(EVIDENCE_H, first, second), ERR_TRUNCATED);
    cr_assert_eq(verify(4, first, second), ERR_INVALID);
    for (size_t i = 0; i < SIGNED_VOTE_BYTES; i++) {
        a[i] ^= 0x40;
        cr_assert_neq(verify(EVIDENCE_S2, first, second), ERR_OK, "byte %zu", i);
        a[i] ^= 0x40;
    }
    signed_make(b, vote_of(VOTE_PREVOTE, 2, 1, 0), 0);
    evidence_order(&first, &second, EVIDENCE_S1, span_of(a, sizeof(a)), span_of(b, sizeof(b)));
    cr_assert_eq(verify(EVIDENCE_S1, first, second), ERR_OK);
    cr_assert_eq(verify(EVIDENCE_S1, second, first), ERR_NONCANONICAL);
    cr_assert_eq(verify(EVIDENCE_S1, first, first), ERR_INVALID);
    signed_make(b, vote_of(VOTE_PREVOTE, 2, 1, 0), 1); /* somebody else's vote */
    evidence_order(&first, &second, EVIDENCE_S1, span_of(a, sizeof(a)), span_of(b, sizeof(b)));
    cr_assert_eq(verify(EVIDENCE_S1, first, second), ERR_INVALID);
}

static void header_of(uint8_t out[HEADER_BYTES], uint64_t height, uint32_t fee, unsigned who)
{
    struct header h = {.version = 1, .height = height, .fee_multiplier = fee};
    struct sign_secret secret;
    key_make(&secret, who);
    memcpy(h.genesis, network.hash, 32);
    memcpy(h.signer, secret.public_key, 32);
    header_encode(out, &h);
    header_sign(out, &secret);
}

static enum err verify_headers(const uint8_t a[HEADER_BYTES], const uint8_t b[HEADER_BYTES])
{
    struct span first;
    struct span second;
    evidence_order(&first, &second, EVIDENCE_H, span_of(a, HEADER_BYTES), span_of(b, HEADER_BYTES));
    enum err err = verify(EVIDENCE_H, first, second);
    if (err == ERR_OK) {
        cr_assert_eq(verify(EVIDENCE_H, second, first), ERR_NONCANONICAL);
    }
    return err;
}

Test(evidence, headers)
{
    uint8_t a[HEADER_BYTES];
    uint8_t b[HEADER_BYTES];
    fill(network.hash, 3, 32);
    header_of(a, 4, 1, 0);
    header_of(b, 4, 2, 0);
    cr_assert_eq(verify_headers(a, b), ERR_OK);
    cr_assert_eq(verify_headers(a, a), ERR_INVALID);
    header_of(b, 5, 2, 0);
    cr_assert_eq(verify_headers(a, b), ERR_INVALID);
    header_of(b, 4, 2, 1);
    cr_assert_eq(verify_headers(a, b), ERR_INVALID);
    header_of(b, 4, 2, 0);
    b[HEADER_BYTES - 1] ^= 1;
    cr_assert_eq(verify_headers(a, b), ERR_SIGNATURE);
    network.hash[0] ^= 1;
    cr_assert_eq(verify_headers(a, b), ERR_NETWORK);
}
