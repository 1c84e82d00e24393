/* A decision against a committee of 16: its form is refused, or it walks to exactly the signatures
 * it was said to have. */
#include "node/base/invariant.h"
#include "node/chain/certificate.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    enum { VOTERS = 16 };
    uint8_t members[VOTERS * 40] = {0};
    for (uint32_t i = 0; i < VOTERS; i++) {
        members[i * 40] = (uint8_t)i;
        members[i * 40 + 32] = (uint8_t)(i < 4 ? 8 : 1);
    }
    const struct committee committee = {
        .epoch = 1, .total = 4 * 8 + 12, .members = members, .count = VOTERS};
    struct decision_facts facts;
    struct decision_facts peeked;
    uint32_t signatures;
    struct span bytes = span_of(data, size);
    enum err err = certificate_form(&facts, &signatures, &committee, bytes);
    invariant(err == ERR_OK || err == ERR_INVALID || err == ERR_TRUNCATED || err == ERR_TRAILING ||
              err == ERR_NONCANONICAL || err == ERR_RANGE);
    struct certificate_walk walk;
    struct vote vote;
    uint32_t walked = 0;
    uint64_t weight[2] = {0};
    certificate_walk_begin(&walk, bytes); /* of anything: stays inside */
    while (certificate_walk_next(&walk, &vote)) {
        walked++;
        if (err == ERR_OK && vote.round == facts.round) {
            weight[vote.kind - 1] += committee_weight(&committee, vote.voter);
        }
    }
    if (err == ERR_OK) {
        invariant(walked == signatures);
        invariant(committee_quorum(&committee, weight[0]) &&
                  committee_quorum(&committee, weight[1]));
        invariant(certificate_peek(&peeked, bytes) == ERR_OK && peeked.instance == facts.instance &&
                  peeked.round == facts.round && memcmp(peeked.value, facts.value, 32) == 0);
    }
    return 0;
}
