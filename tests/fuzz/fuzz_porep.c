/* Proofs of replication, fraud proofs, replica updates and plot answers. The first byte asks:
 * 0 any bytes as a commitment and proof; 1 as a commitment and fraud proof; 2 as an update proof;
 * 3 as opened values; 4 a true proof with the input xored over it, which must not verify if that
 * changed it; 5 the same for the update. An honest replica can never be accused. */
#include <stddef.h>
#include <stdint.h>

#include "node/base/invariant.h"
#include "node/proof/space.h"
#include "tests/fuzz/proof_fixture.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void any_replica(const struct fixture *f, const uint8_t *data, size_t size, bool fraud)
{
    struct porep_commitment c;
    struct porep_check check;
    if (size < POREP_COMMITMENT_BYTES ||
        porep_commitment_decode(f->engine, &c, data, POREP_COMMITMENT_BYTES) != ERR_OK) {
        return;
    }
    uint8_t again[POREP_COMMITMENT_BYTES];
    porep_commitment_encode(again, &c);
    invariant(memcmp(again, data, sizeof again) == 0);
    data += POREP_COMMITMENT_BYTES;
    size -= POREP_COMMITMENT_BYTES;
    bool own = memcmp(c.comm_r, f->replica.commitment.comm_r, 32) == 0;
    if (fraud) {
        enum err err = porep_fraud_verify(f->engine, &c, data, size, f->scratch);
        invariant(err != ERR_OK || !own || c.profile != f->replica.commitment.profile ||
                  c.nodes != FIXTURE_NODES ||
                  memcmp(c.replica_id, f->replica.commitment.replica_id, 32) != 0);
    } else {
        (void)!porep_verify(f->engine, &c, f->seed, FIXTURE_CHALLENGES, data, size, &check,
                            f->scratch);
    }
}

/* out = truth with input xored over its beginning; false if that changed nothing. */
static bool mix(uint8_t *out, const uint8_t *truth, size_t len, const uint8_t *data, size_t size)
{
    bool changed = false;
    memcpy(out, truth, len);
    for (size_t i = 0; i < size && i < len; i++) {
        out[i] ^= data[i];
        changed |= data[i] != 0;
    }
    return changed;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static uint8_t mixed[FIXTURE_PROOF_MAX];
    const struct fixture *f = fixture_get();
    const struct porep_commitment *c = &f->replica.commitment;
    struct porep_check check;
    if (size < 1) {
        return 0;
    }
    uint8_t question = *data++;
    size--;
    if (question < 2) {
        any_replica(f, data, size, question == 1);
    } else if (question == 2) {
        enum err err = update_verify(f->engine, c, &f->update, f->seed, FIXTURE_CHALLENGES, data,
                                     size, f->scratch);
        invariant(err != ERR_OK || (size == f->updated_len && memcmp(data, f->updated, size) == 0));
    } else if (question == 3) {
        (void)!space_answer_verify(f->engine, c, f->seed, FIXTURE_CHALLENGES, data, size,
                                   f->scratch);
    } else if (question == 4) {
        bool changed = mix(mixed, f->porep, f->porep_len, data, size);
        enum err err = porep_verify(f->engine, c, f->seed, FIXTURE_CHALLENGES, mixed, f->porep_len,
                                    &check, f->scratch);
        invariant((err != ERR_OK) == changed);
    } else if (question == 5) {
        bool changed = mix(mixed, f->updated, f->updated_len, data, size);
        enum err err = update_verify(f->engine, c, &f->update, f->seed, FIXTURE_CHALLENGES, mixed,
                                     f->updated_len, f->scratch);
        invariant((err != ERR_OK) == changed);
    }
    return 0;
}
