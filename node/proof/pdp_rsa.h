/* rsa-pdp: Ateniese et al.'s S-PDP over RSA. spec: storage-proofs 1.2; node/crypto/rsa.h.
 *
 *     tag_i = (h(i) g^{m_i})^d       T = prod tag_i^{a_i}       M = sum a_i m_i
 *
 * Three forms of the answer. Public: (T, M), anyone checks prod h(i)^{a_i} g^M = T^e. Private:
 * (T, rho = H(g_s^M)) to a verifier who keeps s secret, g_s = g^s. Commit-reveal makes the short
 * form public: the verifier posts H(s) and g_s, the host posts its answer, only then s is revealed
 * (struct pdp_rsa_round refuses every other order: who knows s before answering can forge).
 * E-PDP, all a_i = 1, proves only the sum of the blocks and does not exist here. */
#ifndef ORRERY_PROOF_PDP_RSA_H
#define ORRERY_PROOF_PDP_RSA_H

#include "node/crypto/rsa.h"
#include "node/proof/pdp_challenge.h"

enum {
    PDP_RSA_BLOCK_MAX = 65536,
    PDP_RSA_CARRY_BYTES = 20, /* M is this much longer than a block: 128-bit a, 2^32 blocks */
};

struct pdp_rsa_host {
    struct rsa_public key;
    size_t block_bytes;  /* a multiple of 8, at most PDP_RSA_BLOCK_MAX */
    const uint8_t *tags; /* rsa_bytes each */
};

struct pdp_rsa_verifier {
    struct rsa_public key;
    uint8_t name[32];
    uint64_t len;
    size_t block_bytes;
    const uint64_t *table; /* rsa_power_table_make for block_bytes + carry entries, or NULL */
};

/* Tags of blocks first .. first + n - 1. table: rsa_comb_make, or NULL. */
void pdp_rsa_tag(const struct rsa_secret *k, const uint64_t *table, uint8_t *tags,
                 const uint8_t name[32], struct pdp_file file, size_t block_bytes, uint64_t first,
                 uint64_t n);

size_t pdp_rsa_scratch_bytes(const struct rsa_public *k, size_t block_bytes, uint32_t count);

/* Public form: T | M. */
size_t pdp_rsa_proof_bytes(const struct rsa_public *k, size_t block_bytes);
MUST_CHECK enum err pdp_rsa_prove(uint8_t *out, size_t cap, size_t *len,
                                  const struct pdp_rsa_host *host, struct pdp_file file,
                                  const struct pdp_challenge *c, struct scratch scratch);
MUST_CHECK enum err pdp_rsa_verify(const struct pdp_rsa_verifier *v, const struct pdp_challenge *c,
                                   const uint8_t *proof, size_t len, struct scratch scratch);

/* Private form: T | rho. g_s and s as in the round below. */
size_t pdp_rsa_hidden_bytes(const struct rsa_public *k);
void pdp_rsa_hide(uint8_t *g_s, const struct rsa_public *k, const uint8_t s[32],
                  struct scratch scratch);
MUST_CHECK enum err pdp_rsa_prove_hidden(uint8_t *out, size_t cap, size_t *len,
                                         const struct pdp_rsa_host *host, struct pdp_file file,
                                         const struct pdp_challenge *c, const uint8_t *g_s,
                                         struct scratch scratch);
MUST_CHECK enum err pdp_rsa_verify_hidden(const struct pdp_rsa_verifier *v,
                                          const struct pdp_challenge *c, const uint8_t s[32],
                                          const uint8_t *proof, size_t len, struct scratch scratch);

/* Commit-reveal, as every onlooker follows it. */
enum pdp_rsa_phase { PDP_RSA_POSTED = 1, PDP_RSA_ANSWERED, PDP_RSA_REVEALED };

struct pdp_rsa_round {
    enum pdp_rsa_phase phase;
    struct pdp_challenge challenge;
    uint8_t commitment[32]; /* SHA-256("xpx/rsa-s/1" | s) */
    uint8_t g_s[RSA_BYTES_MAX];
    uint8_t answer[32]; /* SHA-256 of the answer */
};

/* The verifier's message: commitment and g_s. */
void pdp_rsa_round_post(const struct sha256_engine *e, struct pdp_rsa_round *r,
                        const struct rsa_public *k, const struct pdp_challenge *c,
                        const uint8_t s[32], struct scratch scratch);
/* The host's answer. ERR_DUPLICATE: it has answered. ERR_STALE: s is known. */
MUST_CHECK enum err pdp_rsa_round_answer(const struct sha256_engine *e, struct pdp_rsa_round *r,
                                         const uint8_t *proof, size_t len);
/* s is revealed and the answer judged. ERR_EARLY: there is no answer yet. ERR_INVALID: s is not
 * what was committed to, or the proof is not the answer given. ERR_SIGNATURE: the host failed. */
MUST_CHECK enum err pdp_rsa_round_reveal(const struct sha256_engine *e, struct pdp_rsa_round *r,
                                         const struct pdp_rsa_verifier *v, const uint8_t s[32],
                                         const uint8_t *proof, size_t len, struct scratch scratch);

#endif
