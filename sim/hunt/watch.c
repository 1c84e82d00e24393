#include "sim/hunt/watch.h"

#define LATE_NS UINT64_C(60000000000)
/* How long after the first node has converged, and after it last decided anything, a node may stand
 * still: catching up asks peers in turn, and waits 10 s for each that does not answer. */
#define PATIENCE_NS UINT64_C(90000000000)

void watch_begin(struct watch *watch, uint32_t nodes, uint64_t heal_ns, uint64_t epoch_instances)
{
    *watch = (struct watch){.nodes = nodes < SWARM_NODES_MAX ? nodes : SWARM_NODES_MAX,
                            .heal_ns = heal_ns,
                            .epoch_instances = epoch_instances};
}

void watch_row(struct watch *w, const struct trace_row *row)
{
    const uint64_t *v = row->value;

    probes_row(&w->probes, row);
    if (row->node >= w->nodes) {
        return;
    }
    struct watch_node *n = &w->node[row->node];
    switch (row->kind) {
    case TRACE_KINDS + WORLD_TRACE_node_up:
        n->up = true;
        n->up_ns = row->time_ns;
        n->moved_ns = row->time_ns;
        break;
    case TRACE_KINDS + WORLD_TRACE_node_down:
        n->up = false;
        if (v[1] == 3) { /* DOWN_WIPE: it begins anew */
            n->instance = 0;
        }
        break;
    case TRACE_checkpoint_decided:
        n->instance = v[0];
        n->moved_ns = row->time_ns;
        break;
    case TRACE_committee_joined: {
        uint64_t k = v[0] % WATCH_EPOCHS;
        n->epoch[k] = v[0];
        n->weight[k] = v[1];
        if (v[0] >= w->total_epoch[k]) { /* else of a node that is catching up */
            w->total_epoch[k] = v[0];
            w->total[k] = v[2];
        }
        break;
    }
    default:
        break;
    }
}

static bool counts(const struct watch *w, const struct watch_node *n, uint64_t now_ns)
{
    return n->up && !n->liar &&
           (n->up_ns <= w->heal_ns + LATE_NS / 60 || n->up_ns + LATE_NS <= now_ns);
}

bool watch_converged(struct watch *w, uint64_t now_ns)
{
    bool any = false;

    if (now_ns <= w->heal_ns + LATE_NS / 60) {
        return false;
    }
    if (!w->healed) {
        w->healed = true;
        for (uint32_t i = 0; i < w->nodes; i++) {
            bool more = !w->node[i].liar && w->node[i].instance > w->instance;
            w->instance = more ? w->node[i].instance : w->instance;
            w->probes.count[PROBE_node_frozen] += !w->node[i].up;
        }
    }
    for (uint32_t i = 0; i < w->nodes; i++) {
        any |= counts(w, &w->node[i], now_ns);
    }
    return any && watch_laggard(w, now_ns) == UINT32_MAX;
}

bool watch_left_behind(struct watch *w, uint64_t now_ns)
{
    for (uint32_t i = 0; i < w->nodes && w->healed && w->first_ns == 0; i++) {
        if (counts(w, &w->node[i], now_ns) &&
            w->node[i].instance >= w->instance + WATCH_INSTANCES) {
            w->first_ns = now_ns;
        }
    }
    if (w->first_ns == 0 || now_ns < w->first_ns + PATIENCE_NS) {
        return false;
    }
    uint32_t last = watch_laggard(w, now_ns);
    return last != UINT32_MAX && w->node[last].moved_ns + PATIENCE_NS <= now_ns;
}

uint32_t watch_laggard(const struct watch *w, uint64_t now_ns)
{
    for (uint32_t i = 0; i < w->nodes; i++) {
        if (counts(w, &w->node[i], now_ns) && w->node[i].instance < w->instance + WATCH_INSTANCES) {
            return i;
        }
    }
    return UINT32_MAX;
}

static bool quorum_of(const struct watch *w, bool forgetful_too)
{
    uint64_t highest = 0;
    uint64_t sum = 0;

    for (uint32_t i = 0; i < w->nodes; i++) {
        bool more = !w->node[i].liar && w->node[i].instance > highest;
        highest = more ? w->node[i].instance : highest;
    }
    uint64_t epoch = highest / w->epoch_instances; /* of the instance after it */
    uint64_t k = epoch % WATCH_EPOCHS;
    if (w->total_epoch[k] != epoch) {
        return true; /* nobody has learned of it: no excuse */
    }
    for (uint32_t i = 0; i < w->nodes; i++) {
        const struct watch_node *n = &w->node[i];
        uint64_t newest = 0;
        if (!n->up || n->liar || (n->forgetful && !forgetful_too)) {
            continue;
        }
        if (n->epoch[k] == epoch) {
            sum += n->weight[k];
        } else if (n->instance < highest) {
            for (unsigned e = 0; e < WATCH_EPOCHS; e++) {
                newest = n->epoch[e] > n->epoch[newest] ? e : newest;
            }
            sum += n->weight[newest];
        }
    }
    return (u128)sum * 3 > (u128)w->total[k] * 2;
}

bool watch_quorum(const struct watch *w)
{
    return quorum_of(w, true);
}

bool watch_quorum_sound(const struct watch *w)
{
    return quorum_of(w, false);
}
