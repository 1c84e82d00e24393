/* Proofs of data possession: one interface, three schemes. spec: storage-proofs 1.
 *
 *     merkle-spot   public, hash only; the default of every contract
 *     sw-mac        Shacham-Waters over 2^127 - 1; for verifiers who hold the tag key of the host
 *     rsa-pdp       Ateniese et al.; public, constant size, slow tags; small and valuable data
 *
 * A file is a row of blocks; a challenge is a seed and a count; everyone expands it to the same
 * distinct block numbers and coefficients. An empty file has no blocks; its proof is empty. */
#ifndef ORRERY_PROOF_PDP_H
#define ORRERY_PROOF_PDP_H

#include "node/proof/pdp_mac.h"
#include "node/proof/pdp_merkle.h"
#include "node/proof/pdp_rsa.h"

enum pdp_scheme {
    PDP_MERKLE_SPOT = 1,
    PDP_SW_MAC = 2,
    PDP_RSA = 3,      /* public form: (T, M) */
    PDP_RSA_EPDP = 4, /* all coefficients 1: proves only the sum of the blocks; always refused */
};

/* What a host keeps beside the file. */
struct pdp_host {
    enum pdp_scheme scheme;
    union {
        struct pdp_merkle_host merkle;
        struct pdp_mac_host mac;
        struct pdp_rsa_host rsa;
    };
};

/* What a verifier keeps. For sw-mac it is secret. */
struct pdp_verifier {
    enum pdp_scheme scheme;
    union {
        struct pdp_merkle_verifier merkle;
        struct pdp_mac_verifier mac;
        struct pdp_rsa_verifier rsa;
    };
};

/* Upper bound of a proof's length, and of the scratch for proving and verifying. */
MUST_CHECK enum err pdp_bounds(const struct pdp_verifier *v, const struct pdp_challenge *c,
                               size_t *proof_bytes, size_t *scratch_bytes);

/* ERR_VERSION for a scheme that is not one of the three. */
MUST_CHECK enum err pdp_prove(const struct sha256_engine *e, uint8_t *out, size_t cap, size_t *len,
                              const struct pdp_host *host, struct pdp_file file,
                              const struct pdp_challenge *c, struct scratch scratch);
/* ERR_OK, ERR_SIGNATURE, or the decoder's ERR_TRUNCATED, ERR_TRAILING, ERR_NONCANONICAL. */
MUST_CHECK enum err pdp_verify(const struct sha256_engine *e, const struct pdp_verifier *v,
                               const struct pdp_challenge *c, const uint8_t *proof, size_t len,
                               struct scratch scratch);

#endif
