#include "node/proof/pdp.h"

enum err pdp_bounds(const struct pdp_verifier *v, const struct pdp_challenge *c,
                    size_t *proof_bytes, size_t *scratch_bytes)
{
    switch (v->scheme) {
    case PDP_MERKLE_SPOT:
        *proof_bytes = pdp_merkle_proof_bytes_max(&v->merkle, c->count);
        *scratch_bytes = pdp_merkle_scratch_bytes(&v->merkle, c->count);
        return ERR_OK;
    case PDP_SW_MAC:
        *proof_bytes = pdp_mac_proof_bytes(v->mac.key.sectors);
        *scratch_bytes = pdp_mac_scratch_bytes(v->mac.key.sectors, c->count);
        return ERR_OK;
    case PDP_RSA:
        *proof_bytes = pdp_rsa_proof_bytes(&v->rsa.key, v->rsa.block_bytes);
        *scratch_bytes = pdp_rsa_scratch_bytes(&v->rsa.key, v->rsa.block_bytes, c->count);
        return ERR_OK;
    case PDP_RSA_EPDP:
        break;
    }
    return ERR_VERSION;
}

enum err pdp_prove(const struct sha256_engine *e, uint8_t *out, size_t cap, size_t *len,
                   const struct pdp_host *host, struct pdp_file file, const struct pdp_challenge *c,
                   struct scratch scratch)
{
    switch (host->scheme) {
    case PDP_MERKLE_SPOT:
        return pdp_merkle_prove(e, out, cap, len, &host->merkle, file, c, scratch);
    case PDP_SW_MAC:
        return pdp_mac_prove(out, cap, len, &host->mac, file, c, scratch);
    case PDP_RSA:
        return pdp_rsa_prove(out, cap, len, &host->rsa, file, c, scratch);
    case PDP_RSA_EPDP:
        break;
    }
    return ERR_VERSION;
}

enum err pdp_verify(const struct sha256_engine *e, const struct pdp_verifier *v,
                    const struct pdp_challenge *c, const uint8_t *proof, size_t len,
                    struct scratch scratch)
{
    switch (v->scheme) {
    case PDP_MERKLE_SPOT:
        return pdp_merkle_verify(e, &v->merkle, c, proof, len, scratch);
    case PDP_SW_MAC:
        return pdp_mac_verify(&v->mac, c, proof, len);
    case PDP_RSA:
        return pdp_rsa_verify(&v->rsa, c, proof, len, scratch);
    case PDP_RSA_EPDP:
        break;
    }
    return ERR_VERSION;
}
