#include "node/chain/vote.h"

#include "node/base/invariant.h"
#include "node/base/plant.h"
#include "node/chain/block.h"
#include "node/crypto/hash.h"
#include "node/seam/ctx.h"
#include "node/wire/codec.h"

static const uint8_t nil[32];

bool vote_is_nil(const struct vote *vote)
{
    return memcmp(vote->value, nil, 32) == 0;
}

void vote_body_encode(uint8_t body[VOTE_BODY_BYTES], const struct vote *vote)
{
    struct writer w;
    size_t len;
    writer_init(&w, body, VOTE_BODY_BYTES);
    writer_u8(&w, vote->kind);
    writer_u64(&w, vote->instance);
    writer_u32(&w, vote->round);
    writer_hash(&w, vote->value);
    writer_i32(&w, vote->jr);
    invariant(writer_end(&w, &len) == ERR_OK && len == VOTE_BODY_BYTES);
}

enum err vote_body_decode(struct vote *vote, const uint8_t body[VOTE_BODY_BYTES])
{
    struct reader r;
    reader_init(&r, span_of(body, VOTE_BODY_BYTES));
    vote->kind = reader_u8(&r);
    vote->instance = reader_u64(&r);
    vote->round = reader_u32(&r);
    reader_copy(&r, vote->value, 32);
    vote->jr = reader_i32(&r);
    TRY(reader_end(&r));
    if (vote->kind != VOTE_PREVOTE && vote->kind != VOTE_PRECOMMIT) {
        return ERR_INVALID;
    }
    if (vote->jr < -1 || (int64_t)vote->jr >= (int64_t)vote->round) {
        return ERR_INVALID;
    }
    if (vote->jr != -1 && (vote->kind == VOTE_PRECOMMIT || vote_is_nil(vote))) {
        return ERR_INVALID;
    }
    return ERR_OK;
}

void vote_encode(uint8_t out[VOTE_BYTES], const struct vote *vote)
{
    store16(out, vote->voter);
    vote_body_encode(out + 2, vote);
    memcpy(out + 2 + VOTE_BODY_BYTES, vote->sig, 64);
}

enum err vote_decode(struct vote *vote, const uint8_t bytes[VOTE_BYTES])
{
    vote->voter = load16(bytes);
    memcpy(vote->sig, bytes + 2 + VOTE_BODY_BYTES, 64);
    return vote_body_decode(vote, bytes + 2);
}

struct sign_message vote_message(const uint8_t genesis[32], const uint8_t key[32],
                                 const uint8_t body[VOTE_BODY_BYTES])
{
    return (struct sign_message){
        .context = SIGN_CONTEXT("vote"),
        .genesis = genesis,
        .body = {span_of(key, 32), span_of(body, VOTE_BODY_BYTES)},
    };
}

void vote_sign(struct vote *vote, const uint8_t genesis[32], const struct sign_secret *voter)
{
    uint8_t body[VOTE_BODY_BYTES];
    vote_body_encode(body, vote);
    struct sign_message message = vote_message(genesis, voter->public_key, body);
    sign_make(vote->sig, voter, &message);
}

enum err vote_verify(const struct vote *vote, struct shared *shared, const uint8_t genesis[32],
                     const uint8_t key[32])
{
    uint8_t body[VOTE_BODY_BYTES];
    vote_body_encode(body, vote);
    /* A collision would make a forged vote pass, hence no SipHash under a known key here. */
    const struct span parts[] = {span_of(vote->sig, 64), span_of(body, sizeof(body)),
                                 span_of(key, 32), span_of(genesis, 32)};
    struct memo_key memo;
    hash_keyed_parts((uint8_t *)memo.id, sizeof(memo.id), span_of(NULL, 0), parts, 4);
    uint8_t good;
    if (!memo_get(shared, MEMO_VOTE, memo, &good, sizeof(good))) {
        struct sign_message message = vote_message(genesis, key, body);
        good = ctx_sign_verify(shared, vote->sig, key, &message) == ERR_OK;
        memo_put(shared, MEMO_VOTE, memo, &good, sizeof(good));
    }
    return good != 0 ? ERR_OK : ERR_SIGNATURE;
}

void signed_vote_encode(uint8_t out[SIGNED_VOTE_BYTES], const struct vote *vote,
                        const uint8_t key[32])
{
    memcpy(out, key, 32);
    vote_body_encode(out + 32, vote);
    memcpy(out + 32 + VOTE_BODY_BYTES, vote->sig, 64);
}

/* Decision 15: any signed field counts, jr included. */
static bool votes_are_s1(const struct vote *a, const struct vote *b)
{
    return a->round == b->round && a->kind == b->kind &&
           (memcmp(a->value, b->value, 32) != 0 || a->jr != b->jr);
}

/* spec: chain 1.5: PRECOMMIT(v, r1) and PREVOTE(v' != v, r2, jr), neither nil, r1 < r2, jr < r1. */
static bool votes_are_s2(const struct vote *precommit, const struct vote *prevote)
{
    return precommit->kind == VOTE_PRECOMMIT && prevote->kind == VOTE_PREVOTE &&
           (!vote_is_nil(precommit) || planted(EVIDENCE_NIL)) && !vote_is_nil(prevote) &&
           memcmp(precommit->value, prevote->value, 32) != 0 && precommit->round < prevote->round &&
           (int64_t)prevote->jr < (int64_t)precommit->round;
}

enum err evidence_classify(enum evidence_kind *kind, const struct vote *a, const struct vote *b)
{
    if (a->voter != b->voter || a->instance != b->instance) {
        return ERR_INVALID;
    }
    if (votes_are_s1(a, b)) {
        *kind = EVIDENCE_S1;
        return ERR_OK;
    }
    if (votes_are_s2(a, b) || votes_are_s2(b, a)) {
        *kind = EVIDENCE_S2;
        return ERR_OK;
    }
    return ERR_INVALID;
}

void evidence_order(struct span *first, struct span *second, uint8_t kind, struct span a,
                    struct span b)
{
    invariant(a.len == b.len);
    bool swap;
    if (kind == EVIDENCE_S2) {
        invariant(a.len == SIGNED_VOTE_BYTES);
        swap = a.data[32] != VOTE_PRECOMMIT;
    } else {
        swap = memcmp(a.data, b.data, a.len) > 0;
    }
    *first = swap ? b : a;
    *second = swap ? a : b;
}

static enum err signed_vote_decode(struct vote *vote, struct span bytes)
{
    if (bytes.len != SIGNED_VOTE_BYTES) {
        return bytes.len < SIGNED_VOTE_BYTES ? ERR_TRUNCATED : ERR_TRAILING;
    }
    vote->voter = 0;
    memcpy(vote->sig, bytes.data + 32 + VOTE_BODY_BYTES, 64);
    return vote_body_decode(vote, bytes.data + 32);
}

static enum err votes_convict(uint8_t offender[32], uint64_t *when, struct shared *shared,
                              const struct genesis *genesis, uint8_t kind, struct span first,
                              struct span second)
{
    struct vote a;
    struct vote b;
    enum evidence_kind found;
    TRY(signed_vote_decode(&a, first));
    TRY(signed_vote_decode(&b, second));
    if (memcmp(first.data, second.data, 32) != 0) {
        return ERR_INVALID;
    }
    TRY(evidence_classify(&found, &a, &b));
    if (found != kind) {
        return ERR_INVALID;
    }
    TRY(vote_verify(&a, shared, genesis->hash, first.data));
    TRY(vote_verify(&b, shared, genesis->hash, first.data));
    memcpy(offender, first.data, 32);
    *when = a.instance;
    return ERR_OK;
}

static enum err headers_convict(uint8_t offender[32], uint64_t *when, const struct genesis *genesis,
                                struct span first, struct span second)
{
    struct header a;
    struct header b;
    TRY(header_decode(&a, first));
    TRY(header_decode(&b, second));
    if (memcmp(a.genesis, genesis->hash, 32) != 0 || memcmp(b.genesis, genesis->hash, 32) != 0) {
        return ERR_NETWORK;
    }
    /* The signed parts must differ: a second signature over the same content is another block id,
     * but never another history. */
    if (memcmp(a.signer, b.signer, 32) != 0 || a.height != b.height ||
        memcmp(first.data, second.data, HEADER_SIGNED_BYTES) == 0) {
        return ERR_INVALID;
    }
    TRY(header_verify(first.data));
    TRY(header_verify(second.data));
    memcpy(offender, a.signer, 32);
    *when = a.height;
    return ERR_OK;
}

enum err evidence_verify(uint8_t offender[32], uint64_t *when, struct shared *shared,
                         const struct genesis *genesis, uint8_t kind, struct span first,
                         struct span second)
{
    if (kind != EVIDENCE_S1 && kind != EVIDENCE_S2 && kind != EVIDENCE_H) {
        return ERR_INVALID;
    }
    size_t len = kind == EVIDENCE_H ? HEADER_BYTES : SIGNED_VOTE_BYTES;
    if (first.len != len || second.len != len) {
        return first.len < len || second.len < len ? ERR_TRUNCATED : ERR_TRAILING;
    }
    struct span ordered[2];
    evidence_order(&ordered[0], &ordered[1], kind, first, second);
    if (ordered[0].data != first.data) {
        return ERR_NONCANONICAL;
    }
    if (kind == EVIDENCE_H) {
        return headers_convict(offender, when, genesis, first, second);
    }
    return votes_convict(offender, when, shared, genesis, kind, first, second);
}
