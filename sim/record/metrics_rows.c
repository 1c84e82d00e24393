/* What each row changes. */
#include <stdlib.h>

#include "node/base/invariant.h"
#include "sim/record/metrics_state.h"

static bool measured(const struct metrics *m, uint64_t time_ns)
{
    return time_ns >= m->warmup_ns;
}

static void count(struct metrics *m, const struct trace_row *row, enum counter which)
{
    m->counters[which] += measured(m, row->time_ns);
}

/* Room for one more; a zeroed element. */
static void *list_add(void **list, uint32_t *used, uint32_t *capacity, size_t bytes)
{
    if (*used == *capacity) {
        *capacity = *capacity == 0 ? 256 : 2 * *capacity;
        *list = realloc(*list, *capacity * bytes);
        invariant(*list != NULL);
    }
    uint8_t *at = (uint8_t *)*list + *used * bytes;
    memset(at, 0, bytes);
    ++*used;
    return at;
}

static void block_reached(struct metrics *m, struct block_seen *b, uint64_t time_ns)
{
    static const uint32_t percent[SHARES] = {50, 90, 99};
    uint64_t delay_ns = time_ns - b->time_ns;
    uint64_t bin = delay_ns / 1000000;

    if (measured(m, b->time_ns)) {
        if (m->each == NULL) {
            m->each = calloc(EACH_BINS, sizeof(*m->each));
            invariant(m->each != NULL);
        }
        m->each[bin < EACH_BINS ? bin : EACH_BINS - 1]++;
        m->each_sum_ns += delay_ns;
        m->each_count++;
    }

    b->reached++;
    for (int i = 0; i < SHARES; i++) {
        if (b->spread_ns[i] == UINT64_MAX &&
            (uint64_t)b->reached * 100 >= (uint64_t)b->nodes_up * percent[i]) {
            b->spread_ns[i] = time_ns - b->time_ns;
        }
    }
}

static void block_produced(struct metrics *m, const struct trace_row *row)
{
    void *list = m->blocks;

    if (table64_get(&m->block_of, row->value[1]) != TABLE64_NONE) {
        return;
    }
    struct block_seen *b = list_add(&list, &m->block_count, &m->block_capacity, sizeof(*m->blocks));
    m->blocks = list;
    *b = (struct block_seen){.id = row->value[1],
                             .parent = row->value[2],
                             .height = row->value[0],
                             .time_ns = row->time_ns,
                             .producer = row->node,
                             .nodes_up = m->nodes_up > 0 ? m->nodes_up : 1};
    b->nodes_up += m->nodes[row->node].byzantine; /* counts itself as reached */
    for (int i = 0; i < SHARES; i++) {
        b->spread_ns[i] = UINT64_MAX;
    }
    table64_set(&m->block_of, b->id, m->block_count - 1);
    block_reached(m, b, row->time_ns);
}

/* Was this node up all the time since then? Others do not tell how fast something spread. */
static bool witness(const struct metrics *m, const struct trace_row *row, uint64_t since_ns)
{
    const struct node_seen *n = &m->nodes[row->node];

    return n->up && n->since_ns <= since_ns;
}

static void block_received(struct metrics *m, const struct trace_row *row)
{
    uint32_t i = table64_get(&m->block_of, row->value[1]);

    if (i != TABLE64_NONE && m->blocks[i].producer != row->node &&
        witness(m, row, m->blocks[i].time_ns)) {
        block_reached(m, &m->blocks[i], row->time_ns);
    }
}

static void tip_changed(struct metrics *m, const struct trace_row *row)
{
    struct node_seen *n = &m->nodes[row->node];
    uint64_t depth = row->value[2];

    n->tip = table64_get(&m->block_of, row->value[1]);
    n->tip_height = row->value[0];
    n->height = row->value[0];
    n->tip_score = row->value[3];
    m->height_max = n->tip_height > m->height_max ? n->tip_height : m->height_max;
    if (depth > 0 && measured(m, row->time_ns)) {
        m->counters[COUNT_REORGS]++;
        m->reorg_depth_max = depth > m->reorg_depth_max ? depth : m->reorg_depth_max;
    }
}

static void lag_note(struct metrics *m, uint64_t now_ns)
{
    uint64_t from = m->final_ns > m->warmup_ns ? m->final_ns : m->warmup_ns;

    if (now_ns > from && now_ns - from > m->final_lag_ns) {
        m->final_lag_ns = now_ns - from;
    }
    m->final_ns = now_ns;
}

static void checkpoint_decided(struct metrics *m, const struct trace_row *row)
{
    uint32_t i = table64_get(&m->instance_of, row->value[0]);

    if (i == TABLE64_NONE) {
        void *list = m->instances;
        struct instance_seen *fresh =
            list_add(&list, &m->instance_count, &m->instance_capacity, sizeof(*m->instances));
        m->instances = list;
        *fresh = (struct instance_seen){.block = row->value[2],
                                        .height = row->value[1],
                                        .first_ns = row->time_ns,
                                        .median_ns = UINT64_MAX,
                                        .round = row->value[3],
                                        .nodes_up = m->nodes_up > 0 ? m->nodes_up : 1};
        i = m->instance_count - 1;
        table64_set(&m->instance_of, row->value[0], i);
        if (fresh->height > m->final_height_max) {
            m->final_height_max = fresh->height;
            lag_note(m, row->time_ns);
        }
    }
    struct instance_seen *x = &m->instances[i];
    if (row->value[2] != x->block) {
        count(m, row, COUNT_CONFLICTING);
    }
    x->decided += witness(m, row, x->first_ns);
    if (x->median_ns == UINT64_MAX && (uint64_t)x->decided * 2 >= x->nodes_up) {
        x->median_ns = row->time_ns;
    }
}

static void tx_submitted(struct metrics *m, const struct trace_row *row)
{
    uint32_t i = m->tx_spare;
    void *list = m->txs;

    count(m, row, COUNT_TX_SUBMITTED);
    if (table64_get(&m->tx_of, row->value[0]) != TABLE64_NONE) {
        return;
    }
    if (i != TABLE64_NONE) {
        m->tx_spare = m->txs[i].node;
    } else {
        list_add(&list, &m->tx_count, &m->tx_capacity, sizeof(*m->txs));
        m->txs = list;
        i = m->tx_count - 1;
    }
    m->txs[i] = (struct tx_seen){.submitted_ns = row->time_ns, .node = row->node};
    table64_set(&m->tx_of, row->value[0], i);
}

static void tx_included(struct metrics *m, const struct trace_row *row)
{
    uint32_t i = table64_get(&m->tx_of, row->value[0]);

    if (i == TABLE64_NONE || m->txs[i].included) {
        return;
    }
    m->txs[i].included = true;
    if (measured(m, m->txs[i].submitted_ns)) {
        m->counters[COUNT_TX_INCLUDED]++;
        samples_add(&m->inclusion, row->time_ns - m->txs[i].submitted_ns);
    }
}

static void tx_finalized(struct metrics *m, const struct trace_row *row)
{
    uint32_t i = table64_remove(&m->tx_of, row->value[0]);

    if (i == TABLE64_NONE) {
        return;
    }
    if (measured(m, m->txs[i].submitted_ns)) {
        m->counters[COUNT_TX_FINALIZED]++;
        samples_add(&m->finality_tx, row->time_ns - m->txs[i].submitted_ns);
    }
    m->txs[i].node = m->tx_spare;
    m->tx_spare = i;
}

static void node_up(struct metrics *m, const struct trace_row *row)
{
    struct node_seen *n = &m->nodes[row->node];

    if (n->up || n->byzantine) {
        return;
    }
    if (n->started) {
        uint64_t from = n->since_ns > m->warmup_ns ? n->since_ns : m->warmup_ns;
        n->down_ns += row->time_ns > from ? row->time_ns - from : 0;
        count(m, row, COUNT_RESTARTS);
    } else {
        n->first_ns = row->time_ns;
    }
    n->started = true;
    n->up = true;
    n->height = 0;
    n->since_ns = row->time_ns;
    m->nodes_up++;
}

static void node_down(struct metrics *m, const struct trace_row *row)
{
    struct node_seen *n = &m->nodes[row->node];

    if (n->up) {
        n->up = false;
        n->since_ns = row->time_ns;
        n->sync_ns = UINT64_MAX;
        m->nodes_up--;
    }
}

static void sync_changed(struct metrics *m, const struct trace_row *row, bool begins)
{
    struct node_seen *n = &m->nodes[row->node];

    if (begins) {
        n->sync_ns = n->sync_ns == UINT64_MAX ? row->time_ns : n->sync_ns;
        return;
    }
    if (n->sync_ns != UINT64_MAX && measured(m, n->sync_ns)) {
        samples_add(&m->sync, row->time_ns - n->sync_ns);
    }
    n->sync_ns = UINT64_MAX;
}

static void evidence_found(struct metrics *m, const struct trace_row *row)
{
    for (uint32_t i = 0; i < m->node_count; i++) {
        m->nodes[i].convicted |= row->value[1] != 0 && m->nodes[i].account == row->value[1];
    }
}

static void deed(struct metrics *m, const struct trace_row *row)
{
    uint64_t which = row->value[1];

    if (which >= DEEDS || !measured(m, row->time_ns)) {
        return;
    }
    m->deeds[which]++;
    if (which == DEED_SENT) {
        m->flood_frames += row->value[2];
    } else if (which == DEED_DEPTH && row->value[2] >= m->private_depth) {
        m->private_depth = row->value[2];
        m->private_arrivals = row->value[3];
    } else if (which == DEED_GROWN) {
        m->grown_depth += row->value[2];
        m->grown_arrivals += row->value[3];
    }
}

static void world_row(struct metrics *m, const struct trace_row *row)
{
    switch ((enum world_trace)(row->kind - TRACE_KINDS)) {
    case WORLD_TRACE_node_up:
        node_up(m, row);
        break;
    case WORLD_TRACE_node_down:
        node_down(m, row);
        break;
    case WORLD_TRACE_message_lost:
        count(m, row, COUNT_LOST);
        break;
    case WORLD_TRACE_disk_error:
        count(m, row, COUNT_DISK_ERRORS);
        break;
    case WORLD_TRACE_adversary:
        deed(m, row);
        break;
    case WORLD_TRACE_link_open:
    case WORLD_TRACE_link_end:
    case WORLD_TRACE_KINDS:
        break;
    }
}

/* Rows that are only counted; COUNTERS: not even that. */
static enum counter counter_of(uint32_t kind)
{
    switch (kind) {
    case TRACE_block_rejected:
        return COUNT_REJECTED;
    case TRACE_vote_cast:
        return COUNT_VOTES;
    case TRACE_evidence_found:
        return COUNT_EVIDENCE;
    case TRACE_tx_rejected:
        return COUNT_TX_REJECTED;
    case TRACE_peer_misbehaved:
        return COUNT_MISBEHAVED;
    case TRACE_limit_reached:
        return COUNT_LIMITS;
    default:
        return COUNTERS;
    }
}

static void node_row(struct metrics *m, const struct trace_row *row)
{
    enum counter counter = counter_of(row->kind);

    if (row->kind == TRACE_committee_joined && measured(m, row->time_ns)) {
        m->seats += row->value[1];
        m->seats_byzantine += m->nodes[row->node].byzantine ? row->value[1] : 0;
    }
    if (m->nodes[row->node].byzantine && row->kind != TRACE_block_produced) {
        return;
    }
    if (row->kind == TRACE_evidence_found) {
        evidence_found(m, row);
    }
    if (counter != COUNTERS) {
        count(m, row, counter);
        return;
    }
    switch (row->kind) {
    case TRACE_block_produced:
        block_produced(m, row);
        break;
    case TRACE_block_received:
        block_received(m, row);
        break;
    case TRACE_tip_changed:
        tip_changed(m, row);
        break;
    case TRACE_checkpoint_decided:
        checkpoint_decided(m, row);
        break;
    case TRACE_tx_submitted:
        tx_submitted(m, row);
        break;
    case TRACE_tx_included:
        tx_included(m, row);
        break;
    case TRACE_tx_finalized:
        tx_finalized(m, row);
        break;
    case TRACE_recovered:
        m->nodes[row->node].height = row->value[0];
        break;
    case TRACE_sync_started:
    case TRACE_sync_finished:
        sync_changed(m, row, row->kind == TRACE_sync_started);
        break;
    default:
        break;
    }
}

void metrics_rows(struct metrics *m, const struct trace_row *rows, size_t rows_count)
{
    for (size_t i = 0; i < rows_count; i++) {
        invariant(rows[i].node < m->node_count);
        if (rows[i].kind < TRACE_KINDS) {
            node_row(m, &rows[i]);
        } else {
            world_row(m, &rows[i]);
        }
    }
    if (rows_count > 0 && rows[rows_count - 1].time_ns > m->end_ns) {
        m->end_ns = rows[rows_count - 1].time_ns;
    }
}
