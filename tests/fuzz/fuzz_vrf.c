/* Two questions by the first byte. Even: anything as (key, proof, alpha) is refused or accepted
 * without harm, and what is accepted agrees with vrf_proof_beta. Odd: a true proof holds, and does
 * not after any change that the input dictates. */
#include <stddef.h>
#include <stdint.h>

#include "node/base/invariant.h"
#include "node/crypto/vrf.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void anything(const uint8_t *data, size_t size)
{
    uint8_t beta[VRF_BETA_BYTES];
    uint8_t again[VRF_BETA_BYTES];
    const uint8_t *proof = data + VRF_PUBLIC_BYTES;
    size_t fixed = VRF_PUBLIC_BYTES + VRF_PROOF_BYTES;
    if (vrf_verify(beta, data, proof, span_of(data + fixed, size - fixed)) == ERR_OK) {
        invariant(vrf_public_check(data) == ERR_OK);
        invariant(vrf_proof_beta(again, proof) == ERR_OK);
        invariant(memcmp(beta, again, sizeof beta) == 0);
    }
}

static void changed(const uint8_t *data, size_t size)
{
    struct vrf_secret secret;
    uint8_t proof[VRF_PROOF_BYTES];
    uint8_t beta[VRF_BETA_BYTES];
    uint8_t checked[VRF_BETA_BYTES];
    size_t fixed = VRF_SEED_BYTES + VRF_PROOF_BYTES;
    const struct span alpha = span_of(data + fixed, size - fixed);
    vrf_keypair(&secret, data);
    invariant(vrf_prove(proof, beta, &secret, alpha) == ERR_OK);
    invariant(vrf_verify(checked, secret.public_key, proof, alpha) == ERR_OK);
    invariant(memcmp(beta, checked, sizeof beta) == 0);
    uint8_t difference = 0;
    for (size_t i = 0; i < VRF_PROOF_BYTES; i++) {
        proof[i] ^= data[VRF_SEED_BYTES + i];
        difference |= data[VRF_SEED_BYTES + i];
    }
    if (difference != 0) {
        invariant(vrf_verify(checked, secret.public_key, proof, alpha) != ERR_OK);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 1 + VRF_PUBLIC_BYTES + VRF_PROOF_BYTES) {
        return 0;
    }
    invariant(VRF_PUBLIC_BYTES == VRF_SEED_BYTES);
    if (data[0] % 2 == 0) {
        anything(data + 1, size - 1);
    } else {
        changed(data + 1, size - 1);
    }
    return 0;
}
