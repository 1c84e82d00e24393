/* What all schemes of pdp.h share: files of blocks, and challenges. spec: storage-proofs 1 */
#ifndef ORRERY_PROOF_PDP_CHALLENGE_H
#define ORRERY_PROOF_PDP_CHALLENGE_H

#include "node/base/bytes.h"
#include "node/base/err.h"
#include "node/crypto/sha256.h"
#include "node/proof/scratch.h"

struct pdp_file {
    const uint8_t *data;
    uint64_t len;
};

struct pdp_challenge {
    uint8_t seed[32]; /* from the beacon: unknown to the host before */
    uint32_t count;   /* blocks asked for; all of them if the file has fewer */
};

static inline uint64_t pdp_blocks(uint64_t len, size_t block_bytes)
{
    return len / block_bytes + (len % block_bytes != 0);
}

static inline uint32_t pdp_count(const struct pdp_challenge *c, uint64_t blocks)
{
    return blocks < c->count ? (uint32_t)blocks : c->count;
}

/* The keyed permutation behind a challenge, derived once per challenge. */
struct pdp_draw {
    uint64_t keys[4], blocks;
    unsigned half_bits;
    uint8_t seed[32];
};

void pdp_draw_init(struct pdp_draw *d, const struct pdp_challenge *c, uint64_t blocks);
/* Block numbers first .. first + n - 1 of the challenge, all below pdp_count: distinct. */
void pdp_draw_indices(const struct pdp_draw *d, uint64_t *out, uint32_t first, uint32_t n);
/* Their coefficients: 16 bytes each, little-endian, 128 bits. first is a multiple of 4. */
void pdp_draw_coefficients(const struct pdp_draw *d, uint8_t *out, uint32_t first, uint32_t n);

#endif
