/* Agreement (spec: chain 1.5): no two nodes decide different blocks for one instance, and no node
 * decides one instance twice differently, restarts or not. Both follow from comparing every
 * decision with the first one of its instance. Where faulty nodes have a third of the stake two
 * nodes may differ; then accountability.c asks who is guilty. */
#include <stdlib.h>

#include "node/base/invariant.h"
#include "sim/check/check_private.h"

/* 2^22 checkpoints are years of any chain; a larger number can only be a bug. */
#define INSTANCES_MAX ((size_t)1 << 22)

static struct decision *slot(struct agreement *a, uint64_t instance)
{
    if (instance >= a->room) {
        size_t room = a->room == 0 ? 1024 : a->room;
        while (room <= instance) {
            room *= 2;
        }
        a->decisions = realloc(a->decisions, room * sizeof(*a->decisions));
        invariant(a->decisions != NULL);
        memset(a->decisions + a->room, 0, (room - a->room) * sizeof(*a->decisions));
        a->room = room;
    }
    return &a->decisions[instance];
}

static void differ(struct checks *checks, const struct trace_row *row, const struct decision *first)
{
    check_fail(checks, CHECK_BROKEN,
               "agreement: node %u decided block %016" PRIx64 " for instance %" PRIu64
               " at " SECONDS ", but %s had decided block %016" PRIx64 " at " SECONDS " (node %u)",
               row->node, row->value[2], row->value[0], SECONDS_OF(row->time_ns),
               first->node == row->node ? "the same node" : "another", first->block,
               SECONDS_OF(first->time_ns), first->node);
}

void agreement_row(struct checks *checks, const struct trace_row *row)
{
    struct agreement *a = &checks->agreement;
    uint64_t instance = row->value[0];

    if (instance == 0 || instance >= INSTANCES_MAX) {
        check_fail(checks, CHECK_BROKEN,
                   "agreement: node %u decided instance %" PRIu64 " at " SECONDS
                   ", which cannot exist",
                   row->node, instance, SECONDS_OF(row->time_ns));
        return;
    }
    struct decision *first = slot(a, instance);
    if (first->block == 0) {
        *first = (struct decision){.block = row->value[2],
                                   .state = row->value[4],
                                   .time_ns = row->time_ns,
                                   .node = row->node};
        a->instances++;
        a->last_instance = instance > a->last_instance ? instance : a->last_instance;
        return;
    }
    a->compared++;
    if (first->block != row->value[2] && checks->beyond_promise) {
        a->broken++;
        accountability_violation(checks, instance, first->block, row->value[2], row->time_ns);
    } else if (first->block != row->value[2]) {
        differ(checks, row, first);
    } else if (first->state != row->value[4]) {
        check_fail(checks, CHECK_BROKEN,
                   "validity: node %u has state %016" PRIx64 " after block %016" PRIx64
                   " (instance %" PRIu64 ") at " SECONDS ", node %u had %016" PRIx64,
                   row->node, row->value[4], row->value[2], instance, SECONDS_OF(row->time_ns),
                   first->node, first->state);
    }
}

const struct decision *agreement_decision(const struct checks *checks, uint64_t instance)
{
    const struct agreement *a = &checks->agreement;

    return instance < a->room && a->decisions[instance].block != 0 ? &a->decisions[instance] : NULL;
}

void agreement_free(struct checks *checks)
{
    free(checks->agreement.decisions);
}
