/* Votes, proposals and decisions as objects (docs/wire.md 7; spec: chain 1.5, decisions 1 and 15). Pure functions. */
#ifndef ORRERY_CHAIN_VOTE_H
#define ORRERY_CHAIN_VOTE_H

#include "node/base/bytes.h"
#include "node/base/err.h"
#include "node/chain/genesis.h"

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

void vote_body_encode(uint8_t body[VOTE_BODY_BYTES], const struct vote *vote);
enum err vote_body_decode(struct vote *vote, const uint8_t body[VOTE_BODY_BYTES]) MUST_CHECK; /* ERR_INVALID: kind, or jr of a precommit or nil vote is not -1, jr >= round */
void vote_encode(uint8_t out[VOTE_BYTES], const struct vote *vote);
enum err vote_decode(struct vote *vote, const uint8_t bytes[VOTE_BYTES]) MUST_CHECK;

/* Two signed votes (SIGNED_VOTE_BYTES each) of one voter in one instance: S1, S2, or ERR_INVALID. Does not check signatures. */
enum evidence_kind { EVIDENCE_S1 = 1, EVIDENCE_S2 = 2, EVIDENCE_H = 3 };
enum err evidence_classify(enum evidence_kind *kind, const struct vote *a, const struct vote *b) MUST_CHECK;
/* A whole evidence body (kind, first, second) against the rules and signatures; offender gets the convicted key. epoch: of the offence's instance or height. */
enum err evidence_verify(uint8_t offender[32], uint64_t *height_or_instance, struct shared *shared, const struct genesis *genesis, uint8_t kind, struct span first,
                         struct span second) MUST_CHECK;

#endif
