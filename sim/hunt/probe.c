#include "sim/hunt/probe.h"

#include "node/base/invariant.h"
#include "node/chain/orphan.h"
#include "node/chain/vote.h"
#include "node/seam/limits.h"

static const struct {
    const char *name, *text;
} infos[] = {
#define PROBE(name, text) {#name, text},
#include "sim/hunt/probes.def"
#undef PROBE
};

const char *probe_name(enum probe probe)
{
    invariant(probe < PROBES);
    return infos[probe].name;
}

const char *probe_text(enum probe probe)
{
    invariant(probe < PROBES);
    return infos[probe].text;
}

static void hit(struct probes *p, enum probe probe, bool reached)
{
    p->count[probe] += reached;
}

/* Columns of vote_cast: kind, instance, round, value, jr. */
static void vote_row(struct probes *p, struct probe_node *n, const uint64_t *v)
{
    bool nil = v[3] == 0;

    if (v[0] == VOTE_PREVOTE) {
        hit(p, PROBE_prevote_nil, nil);
        hit(p, PROBE_vote_justified, !nil && (int64_t)v[4] >= 0);
        hit(p, PROBE_lock_carried,
            !nil && n->instance == v[1] && n->round < v[2] && n->value == v[3]);
        return;
    }
    hit(p, PROBE_precommit_nil, nil);
    if (!nil) {
        hit(p, PROBE_lock_moved, n->instance == v[1] && n->value != v[3]);
        n->instance = v[1];
        n->round = v[2];
        n->value = v[3];
    }
}

/* Columns of committee_joined: epoch, weight, total. */
static void committee_row(struct probes *p, struct probe_node *n, const uint64_t *v)
{
    hit(p, PROBE_committee_changed, n->total != 0 && n->epoch + 1 == v[0] && n->total != v[2]);
    hit(p, PROBE_seat_lost, n->total != 0 && n->epoch + 1 < v[0] && p->epoch > n->epoch);
    n->epoch = v[0];
    n->total = v[2];
    p->epoch = v[0] > p->epoch ? v[0] : p->epoch;
}

static void limit_row(struct probes *p, uint64_t limit)
{
    hit(p, PROBE_pool_full, limit == LIMIT_POOL_TXS);
    hit(p, PROBE_pool_sender_full, limit == LIMIT_POOL_SENDER_TXS);
}

static void decided_row(struct probes *p, struct probe_node *n, const uint64_t *v)
{
    hit(p, PROBE_decided_late, v[3] > 0);
    hit(p, PROBE_decided_by_certificate, v[5] != 0);
    n->final_height = v[1];
    p->final_height = v[1] > p->final_height ? v[1] : p->final_height;
}

/* What the world traced beside the nodes. */
static void world_row(struct probes *p, struct probe_node *n, const struct trace_row *row)
{
    switch (row->kind - TRACE_KINDS) {
    case WORLD_TRACE_node_down:
        n->torn = row->value[3] != 0;
        break;
    case WORLD_TRACE_node_up:
        hit(p, PROBE_started_empty, row->value[1] != 0);
        break;
    case WORLD_TRACE_disk_error:
        hit(p, PROBE_disk_error, true);
        break;
    case WORLD_TRACE_link_end:
        hit(p, PROBE_link_broken, row->value[1] == LINK_BROKEN);
        break;
    default:
        break;
    }
}

void probes_row(struct probes *p, const struct trace_row *row)
{
    struct probe_node unknown = {0};
    struct probe_node *n = row->node < SWARM_NODES_MAX ? &p->node[row->node] : &unknown;
    const uint64_t *v = row->value;

    switch (row->kind) {
    case TRACE_round_started:
        hit(p, PROBE_round_change, true);
        hit(p, PROBE_round_high, v[1] > 3);
        break;
    case TRACE_vote_cast:
        vote_row(p, n, v);
        break;
    case TRACE_checkpoint_decided:
        decided_row(p, n, v);
        break;
    case TRACE_committee_joined:
        committee_row(p, n, v);
        break;
    case TRACE_evidence_found:
        hit(p, PROBE_evidence_s1, v[0] == EVIDENCE_S1);
        hit(p, PROBE_evidence_s2, v[0] == EVIDENCE_S2);
        hit(p, PROBE_evidence_h, v[0] == EVIDENCE_H);
        break;
    case TRACE_tip_changed:
        hit(p, PROBE_reorg, v[2] > 0);
        hit(p, PROBE_reorg_deep, v[2] > 1);
        n->tip = v[0];
        break;
    case TRACE_pol_taken:
        hit(p, PROBE_pol_fetched, true);
        break;
    case TRACE_block_received:
        hit(p, PROBE_orphan_adopted, v[5] == WAITED_PARENT);
        hit(p, PROBE_block_deferred, v[5] == WAITED_TIME);
        hit(p, PROBE_block_ahead, v[0] > n->tip + 1);
        break;
    case TRACE_block_rejected:
        hit(p, PROBE_block_rejected, true);
        break;
    case TRACE_recovered:
        hit(p, PROBE_recovered, v[0] > 0);
        hit(p, PROBE_recovered_final, v[1] > 0);
        hit(p, PROBE_recovered_torn, n->torn);
        hit(p, PROBE_recovered_behind, v[0] > 0 && v[1] < p->final_height);
        break;
    case TRACE_sync_finished:
        invariant(v[0] <= SYNC_FROM_SNAPSHOT);
        hit(p, (enum probe)(PROBE_sync_genesis + v[0]), true);
        break;
    case TRACE_limit_reached:
        limit_row(p, v[0]);
        break;
    case TRACE_tx_rejected:
        hit(p, PROBE_tx_rejected, true);
        break;
    case TRACE_tx_finalized:
        hit(p, PROBE_tx_final, true);
        break;
    default:
        if (row->kind >= TRACE_KINDS) {
            world_row(p, n, row);
        }
        break;
    }
}

void probes_figure(struct probes *p, const char *name, double value)
{
    static const struct {
        const char *name;
        enum probe probe;
    } figures[] = {
        {"check_offences_punished", PROBE_slashed},
        {"check_unbonded_withdrawn", PROBE_unbonding_matured},
    };

    for (size_t i = 0; i < sizeof(figures) / sizeof(figures[0]); i++) {
        if (strcmp(figures[i].name, name) == 0) {
            p->count[figures[i].probe] += (uint64_t)value;
        }
    }
}
