/* Not a check: what adversaries have of each committee, for the metrics. */
#include <stdlib.h>

#include "node/base/invariant.h"
#include "node/chain/execute.h"
#include "sim/check/check_private.h"

void committees_state(struct checks *checks, const struct replayed *block)
{
    uint64_t epoch_blocks = checks->params->epoch_blocks;
    struct committee committee;

    if (checks->metrics == NULL || block->height % epoch_blocks != 0 ||
        committee_get(&committee, checks->replay.shared, block->root,
                      block->height / epoch_blocks + 1) != ERR_OK) {
        return;
    }
    uint64_t *members = malloc(2 * sizeof(*members) * (committee.count + 1));
    invariant(members != NULL);
    uint64_t *weights = members + committee.count;
    for (uint32_t i = 0; i < committee.count; i++) {
        members[i] = load64(committee_key(&committee, i));
        weights[i] = committee_weight(&committee, i);
    }
    metrics_committee(checks->metrics, members, weights, committee.count);
    free(members);
}
