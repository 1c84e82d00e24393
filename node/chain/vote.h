/* Votes and evidence as objects (docs/wire.md 4 and 7; spec: chain 1.5, decisions 1 and 15). Pure
 * functions. */
#ifndef ORRERY_CHAIN_VOTE_H
#define ORRERY_CHAIN_VOTE_H

#include "node/base/bytes.h"
#include "node/base/err.h"
#include "node/base/memo.h"
#include "node/chain/genesis.h"
#include "node/crypto/sign.h"

#define VOTE_BODY_BYTES 49
#define VOTE_BYTES (2 + VOTE_BODY_BYTES + 64)
#define SIGNED_VOTE_BYTES (32 + VOTE_BODY_BYTES + 64) /* as evidence carries it */

enum vote_kind { VOTE_PREVOTE = 1, VOTE_PRECOMMIT = 2 };

struct vote {
    uint16_t voter;
    uint8_t kind;
    uint64_t instance;
    uint32_t round;
    uint8_t value[32]; /* zeros: nil */
    int32_t jr;
    uint8_t sig[64];
};

bool vote_is_nil(const struct vote *vote);

void vote_body_encode(uint8_t body[VOTE_BODY_BYTES], const struct vote *vote);

/* Fills all but voter and sig. ERR_INVALID: no such kind; jr below -1; jr of a precommit or a nil
 * vote is not -1; jr >= round. */
enum err vote_body_decode(struct vote *vote, const uint8_t body[VOTE_BODY_BYTES]) MUST_CHECK;

void vote_encode(uint8_t out[VOTE_BYTES], const struct vote *vote);
enum err vote_decode(struct vote *vote, const uint8_t bytes[VOTE_BYTES]) MUST_CHECK;

/* What the voter with this key signs. body: of vote_body_encode; all is borrowed. */
struct sign_message vote_message(const uint8_t genesis[32], const uint8_t key[32],
                                 const uint8_t body[VOTE_BODY_BYTES]);

/* Fills vote->sig. genesis: the genesis hash. */
void vote_sign(struct vote *vote, const uint8_t genesis[32], const struct sign_secret *voter);

/* The signature of the voter with this key. Known results come from MEMO_VOTE. ERR_SIGNATURE.
 * The caller charges COST_VERIFY. */
enum err vote_verify(const struct vote *vote, struct shared *shared, const uint8_t genesis[32],
                     const uint8_t key[32]) MUST_CHECK;

/* Voter key, body, signature: one half of S1 and S2 evidence. */
void signed_vote_encode(uint8_t out[SIGNED_VOTE_BYTES], const struct vote *vote,
                        const uint8_t key[32]);

/* S1: equal instance, round and kind, and any other signed field differs.
 * S2: a precommit of v in r1 and a prevote of another value in r2 > r1 justified by jr < r1,
 * neither nil. H: two headers of one signer at one height. */
enum evidence_kind { EVIDENCE_S1 = 1, EVIDENCE_S2 = 2, EVIDENCE_H = 3 };

/* What two votes of one voter (equal voter fields) prove, in either order, or ERR_INVALID. Does not
 * check signatures. */
enum err evidence_classify(enum evidence_kind *kind, const struct vote *a,
                           const struct vote *b) MUST_CHECK;

/* Writes the two encoded objects of evidence in their canonical order: S1 and H the bytewise
 * smaller first, S2 the precommit first. a and b have equal lengths. */
void evidence_order(struct span *first, struct span *second, uint8_t kind, struct span a,
                    struct span b);

/* A whole evidence body (kind, first, second) against the rules and signatures. offender gets the
 * convicted key, when the instance (S1, S2) or the height (H) of the offence, by which the caller
 * finds its epoch. ERR_INVALID: convicts nobody, or unknown kind; ERR_NONCANONICAL: the wrong
 * order; ERR_NETWORK: headers of another genesis; ERR_SIGNATURE; lengths as in codec.h. The caller
 * charges COST_VERIFY twice. */
enum err evidence_verify(uint8_t offender[32], uint64_t *when, struct shared *shared,
                         const struct genesis *genesis, uint8_t kind, struct span first,
                         struct span second) MUST_CHECK;

#endif
