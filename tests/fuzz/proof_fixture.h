/* A tiny sealed sector and small files under each PDP scheme, shared by the fuzzers of proofs and
 * by seeds_proof.c. Built once per process. */
#ifndef ORRERY_FUZZ_PROOF_FIXTURE_H
#define ORRERY_FUZZ_PROOF_FIXTURE_H

#include "node/proof/pdp.h"
#include "node/proof/porep_proof.h"
#include "node/proof/update.h"

enum { FIXTURE_NODES = 100, FIXTURE_CHALLENGES = 3, FIXTURE_PROOF_MAX = 1 << 16 };

struct fixture {
    const struct sha256_engine *engine;
    struct porep_replica replica;
    struct update_commitment update;
    uint8_t porep[FIXTURE_PROOF_MAX], updated[FIXTURE_PROOF_MAX];
    size_t porep_len, updated_len;
    struct pdp_verifier verifier[3]; /* merkle-spot, sw-mac, rsa-pdp */
    uint8_t pdp[3][FIXTURE_PROOF_MAX], hidden[512];
    size_t pdp_len[3], hidden_len;
    struct pdp_challenge challenge;
    uint8_t seed[32], secret[32];
    uint8_t rsa_public[514], rsa_secret[514];
    struct scratch scratch;
};

const struct fixture *fixture_get(void);

#endif
