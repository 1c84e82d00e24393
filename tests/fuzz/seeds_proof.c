/* Writes the seed corpora of fuzz_porep, fuzz_pdp and fuzz_rsa_key: seeds_proof CORPUS_FOLDER. */
#include <stdio.h>
#include <stdlib.h>

#include "tests/fuzz/proof_fixture.h"

static void seed(const char *folder, const char *name, uint8_t question, const uint8_t *a,
                 size_t a_len, const uint8_t *b, size_t b_len)
{
    char path[4096];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *f = fopen(path, "wb");
    if (f == NULL || fputc(question, f) == EOF || fwrite(a, 1, a_len, f) != a_len ||
        fwrite(b, 1, b_len, f) != b_len || fclose(f) != 0) {
        perror(path);
        exit(1);
    }
}

int main(int argc, char **argv)
{
    if (argc != 2) {
        return 1;
    }
    const struct fixture *f = fixture_get();
    uint8_t commitment[POREP_COMMITMENT_BYTES], fraud[1 << 14];
    size_t len = 0;
    uint64_t v =
        porep_challenge(f->engine, f->replica.commitment.replica_id, f->seed, 0, FIXTURE_NODES);
    porep_commitment_encode(commitment, &f->replica.commitment);
    if (porep_fraud_build(f->engine, fraud, sizeof fraud, &len, &f->replica.commitment, f->seed,
                          FIXTURE_CHALLENGES, f->porep, f->porep_len, v, f->scratch) != ERR_OK) {
        return 1;
    }
    const char *to = argv[1];
    seed(to, "porep/replica", 0, commitment, sizeof commitment, f->porep, f->porep_len);
    seed(to, "porep/fraud", 1, commitment, sizeof commitment, fraud, len);
    seed(to, "porep/update", 2, f->updated, f->updated_len, NULL, 0);
    seed(to, "porep/answer", 3, f->porep, 400, NULL, 0);
    seed(to, "porep/replica_true", 4, (const uint8_t *)"\0", 1, NULL, 0);
    seed(to, "porep/update_changed", 5, (const uint8_t *)"\0\0\1", 3, NULL, 0);
    static const char *const names[] = {"pdp/merkle", "pdp/mac", "pdp/rsa", "pdp/rsa_private"};
    static const char *const changed[] = {"pdp/merkle_changed", "pdp/mac_changed",
                                          "pdp/rsa_changed", "pdp/rsa_private_changed"};
    for (uint8_t i = 0; i < 4; i++) {
        seed(to, names[i], i, i < 3 ? f->pdp[i] : f->hidden, i < 3 ? f->pdp_len[i] : f->hidden_len,
             NULL, 0);
        seed(to, changed[i], (uint8_t)(4 + i), (const uint8_t *)"\0\7", 2, NULL, 0);
    }
    seed(to, "rsa_key/public", 0, f->rsa_public, 514, NULL, 0);
    seed(to, "rsa_key/secret", 1, f->rsa_secret, 514, NULL, 0);
    return 0;
}
