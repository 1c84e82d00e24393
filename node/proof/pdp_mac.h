/* sw-mac: Shacham-Waters' compact proofs of retrievability, privately verifiable, over the prime
 * 2^127 - 1. spec: storage-proofs 1.3.
 *
 *     block = s sectors of 15 bytes          tag_i = f_k(name | i) + sum_j alpha_j m_ij
 *     mu_j = sum_i nu_i m_ij                 sigma = sum_i nu_i tag_i
 *     accept iff sigma = sum_i nu_i f_k(name | i) + sum_j alpha_j mu_j
 *
 * One key per (verifier, host) pair with its own tags (pdp_mac_key_for): a colluding verifier then
 * cannot let the host forge against the others. f is keyed BLAKE2b; nu has 64 bits. All arithmetic
 * on secrets is free of branches and table look-ups. Forging succeeds with probability about 2^-64
 * per attempt (nu); extraction needs the file erasure coded (pdp_inner). */
#ifndef ORRERY_PROOF_PDP_MAC_H
#define ORRERY_PROOF_PDP_MAC_H

#include "node/proof/pdp_challenge.h"

enum {
    PDP_MAC_SECTOR_BYTES = 15,
    PDP_MAC_ELEMENT_BYTES = 16,
    PDP_MAC_SECTORS_MAX = 4096,
    PDP_MAC_SECTORS_DEFAULT = 273, /* a block of 4095 bytes: 0.39 % overhead */
};

/* Secret; wipe with pdp_mac_key_wipe. alpha belongs to the caller: 16 * sectors bytes. */
struct pdp_mac_key {
    uint8_t prf[32];
    uint32_t sectors;
    u128 *alpha;
};

/* seed = keyed BLAKE2b(master, "xpx/mac-pair/1" | verifier | host). */
void pdp_mac_seed_for(uint8_t seed[32], const uint8_t master[32], const uint8_t verifier[32],
                      const uint8_t host[32]);
/* Expands a 32-byte seed. ERR_RANGE for sectors outside 1 .. PDP_MAC_SECTORS_MAX. */
MUST_CHECK enum err pdp_mac_key_init(struct pdp_mac_key *k, u128 *alpha, uint32_t sectors,
                                     const uint8_t seed[32]);
void pdp_mac_key_wipe(struct pdp_mac_key *k);

static inline size_t pdp_mac_block_bytes(uint32_t sectors)
{
    return (size_t)sectors * PDP_MAC_SECTOR_BYTES;
}

struct pdp_mac_verifier {
    struct pdp_mac_key key;
    uint8_t name[32];
    uint64_t len;
};

struct pdp_mac_host {
    uint32_t sectors;
    const uint8_t *tags; /* 16 bytes a block */
};

/* Tags of blocks first .. first + n - 1 into tags (16 * n bytes); file.data is the whole file. */
void pdp_mac_tag(const struct pdp_mac_key *k, uint8_t *tags, const uint8_t name[32],
                 struct pdp_file file, uint64_t first, uint64_t n);

static inline size_t pdp_mac_proof_bytes(uint32_t sectors)
{
    return PDP_MAC_ELEMENT_BYTES * ((size_t)sectors + 1);
}
size_t pdp_mac_scratch_bytes(uint32_t sectors, uint32_t count);

/* Proof: sigma | mu_1 .. mu_s, 16 bytes each, below the prime. */
MUST_CHECK enum err pdp_mac_prove(uint8_t *out, size_t cap, size_t *len,
                                  const struct pdp_mac_host *host, struct pdp_file file,
                                  const struct pdp_challenge *c, struct scratch scratch);
MUST_CHECK enum err pdp_mac_verify(const struct pdp_mac_verifier *v, const struct pdp_challenge *c,
                                   const uint8_t *proof, size_t len);

#endif
