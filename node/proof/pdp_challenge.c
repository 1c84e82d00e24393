#include "node/proof/pdp_challenge.h"

#include "node/base/invariant.h"
#include "node/crypto/hash.h"
#include "node/proof/feistel.h"

/* Small domains make a poor permutation: walk inside a larger one. */
enum {
    HALF_BITS_MIN = 4,
    ROUNDS = 4, /* a strong pseudorandom permutation (Luby and Rackoff) */
    BATCH = 64,
    PER_HASH = 4,
};

void pdp_draw_init(struct pdp_draw *d, const struct pdp_challenge *c, uint64_t blocks)
{
    uint8_t keys[32];
    const struct span part = SPAN_TEXT("xpx/pdp-index/1");
    hash_keyed_parts(keys, sizeof keys, span_of(c->seed, 32), &part, 1);
    *d = (struct pdp_draw){.blocks = blocks, .half_bits = HALF_BITS_MIN};
    for (int i = 0; i < 4; i++) {
        d->keys[i] = load64(keys + 8 * i);
    }
    memcpy(d->seed, c->seed, 32);
    while (d->half_bits < 31 && (uint64_t)1 << 2 * d->half_bits < blocks) {
        d->half_bits++;
    }
}

void pdp_draw_indices(const struct pdp_draw *d, uint64_t *out, uint32_t first, uint32_t n)
{
    invariant((uint64_t)first + n <= d->blocks);
    uint64_t walk[BATCH];
    uint32_t who[BATCH], n_walk = 0, next = 0;
    while (next < n || n_walk > 0) {
        while (n_walk < BATCH && next < n) {
            walk[n_walk] = first + next;
            who[n_walk++] = next++;
        }
        feistel_permute(d->keys, ROUNDS, d->half_bits, walk, n_walk);
        uint32_t still = 0;
        for (uint32_t i = 0; i < n_walk; i++) {
            if (walk[i] < d->blocks) {
                out[who[i]] = walk[i];
            } else { /* cycle walking */
                walk[still] = walk[i];
                who[still++] = who[i];
            }
        }
        n_walk = still;
    }
}

void pdp_draw_coefficients(const struct pdp_draw *d, uint8_t *out, uint32_t first, uint32_t n)
{
    invariant(first % PER_HASH == 0);
    for (uint32_t i = 0; i < n; i += PER_HASH) {
        uint8_t number[4], four[64];
        store32(number, (first + i) / PER_HASH);
        const struct span parts[] = {SPAN_TEXT("xpx/pdp-nu/1"), span_of(number, 4)};
        hash_keyed_parts(four, sizeof four, span_of(d->seed, 32), parts, 2);
        memcpy(out + 16 * i, four, 16 * (n - i < PER_HASH ? n - i : PER_HASH));
    }
}
