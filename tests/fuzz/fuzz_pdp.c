/* Proofs of possession. First byte: scheme (0 merkle-spot, 1 sw-mac, 2 rsa-pdp public, 3 rsa-pdp
 * private), plus 4: the input xored over a true proof instead of the input itself. Only the true
 * proof may verify. */
#include <stddef.h>
#include <stdint.h>

#include "node/base/invariant.h"
#include "tests/fuzz/proof_fixture.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static uint8_t mixed[FIXTURE_PROOF_MAX];
    const struct fixture *f = fixture_get();
    if (size < 1 || data[0] > 7) {
        return 0;
    }
    unsigned scheme = data[0] % 4;
    bool mix = data[0] >= 4;
    data++;
    size--;
    const uint8_t *truth = scheme < 3 ? f->pdp[scheme] : f->hidden;
    size_t len = scheme < 3 ? f->pdp_len[scheme] : f->hidden_len;
    if (mix) {
        memcpy(mixed, truth, len);
        for (size_t i = 0; i < size && i < len; i++) {
            mixed[i] ^= data[i];
        }
        data = mixed;
        size = len;
    }
    enum err err = scheme < 3 ? pdp_verify(f->engine, &f->verifier[scheme], &f->challenge, data,
                                           size, f->scratch)
                              : pdp_rsa_verify_hidden(&f->verifier[2].rsa, &f->challenge, f->secret,
                                                      data, size, f->scratch);
    bool same = size == len && memcmp(data, truth, len) == 0;
    invariant((err == ERR_OK) == same);
    return 0;
}
