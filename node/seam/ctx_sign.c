/* Own signatures and proofs: pure functions of a key and a message, remembered like the rest, and
 * known to be good by whoever shares the memo. Keys of the memo are cut from a hash that nobody can
 * find collisions of: one would make a forged signature pass. */
#include "node/base/memo.h"
#include "node/crypto/hash.h"
#include "node/seam/ctx.h"

#define PARTS_MAX 6

static struct memo_key key_of(const struct span parts[], size_t count)
{
    uint8_t digest[HASH_BYTES];
    struct memo_key key;

    hash256_parts(digest, parts, count);
    memcpy(key.id, digest, sizeof(key.id));
    return key;
}

static struct memo_key verify_key(const uint8_t signature[SIGN_BYTES],
                                  const uint8_t public_key[SIGN_PUBLIC_BYTES],
                                  const struct sign_message *message)
{
    const struct span parts[PARTS_MAX] = {span_of(signature, SIGN_BYTES),
                                          span_of(public_key, SIGN_PUBLIC_BYTES),
                                          message->context,
                                          span_of(message->genesis, SIGN_GENESIS_BYTES),
                                          message->body[0],
                                          message->body[1]};
    return key_of(parts, PARTS_MAX);
}

void ctx_sign(struct ctx *c, uint8_t signature[SIGN_BYTES], const struct sign_secret *secret,
              const struct sign_message *message)
{
    const struct span parts[] = {span_of(secret->public_key, SIGN_PUBLIC_BYTES), message->context,
                                 span_of(message->genesis, SIGN_GENESIS_BYTES), message->body[0],
                                 message->body[1]};
    struct memo_key key = key_of(parts, sizeof(parts) / sizeof(parts[0]));
    uint8_t good = 1;

    ctx_charge(c, COST_SIGN, 1);
    if (!memo_get(c->shared, MEMO_SIGN, key, signature, SIGN_BYTES)) {
        sign_make(signature, secret, message);
        memo_put(c->shared, MEMO_SIGN, key, signature, SIGN_BYTES);
        key = verify_key(signature, secret->public_key, message);
        memo_put(c->shared, MEMO_VERIFY, key, &good, sizeof(good));
    }
}

enum err ctx_sign_verify(struct shared *shared, const uint8_t signature[SIGN_BYTES],
                         const uint8_t public_key[SIGN_PUBLIC_BYTES],
                         const struct sign_message *message)
{
    struct memo_key key = verify_key(signature, public_key, message);
    uint8_t good;

    if (memo_get(shared, MEMO_VERIFY, key, &good, sizeof(good))) {
        return ERR_OK;
    }
    return sign_verify(signature, public_key, message);
}

static struct memo_key vrf_key(const uint8_t public_key[VRF_PUBLIC_BYTES], struct span proof,
                               struct span alpha)
{
    const struct span parts[] = {span_of(public_key, VRF_PUBLIC_BYTES), proof, alpha};

    return key_of(parts, sizeof(parts) / sizeof(parts[0]));
}

enum err ctx_vrf_prove(struct ctx *c, uint8_t proof[VRF_PROOF_BYTES],
                       const struct vrf_secret *secret, struct span alpha)
{
    struct memo_key key = vrf_key(secret->public_key, span_of(NULL, 0), alpha);
    uint8_t beta[VRF_BETA_BYTES];

    ctx_charge(c, COST_VRF_PROVE, 1);
    if (memo_get(c->shared, MEMO_PROVE, key, proof, VRF_PROOF_BYTES)) {
        return ERR_OK;
    }
    TRY(vrf_prove(proof, beta, secret, alpha));
    memo_put(c->shared, MEMO_PROVE, key, proof, VRF_PROOF_BYTES);
    key = vrf_key(secret->public_key, span_of(proof, VRF_PROOF_BYTES), alpha);
    memo_put(c->shared, MEMO_VRF, key, beta, VRF_BETA_BYTES);
    return ERR_OK;
}

enum err ctx_vrf_verify(struct shared *shared, uint8_t beta[VRF_BETA_BYTES],
                        const uint8_t public_key[VRF_PUBLIC_BYTES],
                        const uint8_t proof[VRF_PROOF_BYTES], struct span alpha)
{
    struct memo_key key = vrf_key(public_key, span_of(proof, VRF_PROOF_BYTES), alpha);

    if (memo_get(shared, MEMO_VRF, key, beta, VRF_BETA_BYTES)) {
        return ERR_OK;
    }
    return vrf_verify(beta, public_key, proof, alpha);
}
