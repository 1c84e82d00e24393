/* From sums to named numbers: the only doubles of a run. */
#include "sim/record/metrics.h"

#include <math.h>
#include <stdlib.h>

#include "node/base/invariant.h"
#include "sim/record/metrics_state.h"

#define NS 1e-9

struct metrics *metrics_new(uint32_t nodes, const uint64_t *stake_tokens, uint64_t warmup_ns)
{
    struct metrics *m = calloc(1, sizeof(*m));

    invariant(m != NULL);
    m->nodes = calloc(nodes, sizeof(*m->nodes));
    invariant(m->nodes != NULL);
    m->node_count = nodes;
    m->warmup_ns = warmup_ns;
    m->tx_spare = TABLE64_NONE;
    for (uint32_t i = 0; i < nodes; i++) {
        m->nodes[i].stake_tokens = stake_tokens[i];
        m->nodes[i].tip = TABLE64_NONE;
        m->nodes[i].sync_ns = UINT64_MAX;
    }
    return m;
}

void metrics_node(struct metrics *m, uint32_t node, const uint8_t account[32], bool byzantine)
{
    m->nodes[node].account = load64(account);
    m->nodes[node].byzantine = byzantine;
    m->byzantine_count += byzantine;
    if (byzantine) {
        table64_set(&m->byzantine_of, load64(account), node);
    }
}

void metrics_free(struct metrics *m)
{
    if (m == NULL) {
        return;
    }
    table64_free(&m->byzantine_of);
    table64_free(&m->block_of);
    table64_free(&m->instance_of);
    table64_free(&m->tx_of);
    samples_free(&m->inclusion);
    samples_free(&m->finality_tx);
    samples_free(&m->sync);
    free(m->nodes);
    free(m->blocks);
    free(m->instances);
    free(m->txs);
    free(m->each);
    free(m);
}

void metrics_series(struct metrics *m, const struct series_row *rows, size_t count, uint64_t now_ns)
{
    m->end_ns = now_ns;
    for (size_t i = 0; i < count; i++) {
        const struct series_row *row = &rows[i];
        m->sampled_ns = row->time_ns;
        m->sent_bytes += row->bytes_sent;
        m->sent_frames += row->frames_sent;
        m->cpu_ns += row->cpu_busy_ns;
        m->disk_bytes += row->disk_bytes_written;
        m->links += row->up != 0 ? row->links : 0;
        m->links_nodes += row->up != 0;
        m->sent_bytes_max =
            row->bytes_sent > m->sent_bytes_max ? row->bytes_sent : m->sent_bytes_max;
        m->cpu_ns_max = row->cpu_busy_ns > m->cpu_ns_max ? row->cpu_busy_ns : m->cpu_ns_max;
    }
}

static void set(struct metrics *m, enum metric_id id, bool known, double value)
{
    m->list[id].known = known;
    m->list[id].value = known ? value : 0;
}

static void set_count(struct metrics *m, enum metric_id id, uint64_t value)
{
    set(m, id, true, (double)value);
}

static bool on_chain_from(const struct metrics *m, uint32_t tip, uint32_t wanted)
{
    while (tip != TABLE64_NONE && tip != wanted) {
        tip = table64_get(&m->block_of, m->blocks[tip].parent);
    }
    return tip == wanted;
}

/* The highest tip of any node, by score among equals; the last checkpoint's block when the tip is
 * not above it. */
static uint32_t chain_tip(const struct metrics *m)
{
    uint32_t best = TABLE64_NONE, final = TABLE64_NONE;
    uint64_t height = 0, score = 0, final_height = 0;

    for (uint32_t i = 0; i < m->node_count; i++) {
        const struct node_seen *n = &m->nodes[i];
        if (n->tip != TABLE64_NONE && (best == TABLE64_NONE || n->tip_height > height ||
                                       (n->tip_height == height && n->tip_score > score))) {
            best = n->tip;
            height = n->tip_height;
            score = n->tip_score;
        }
    }
    for (uint32_t i = 0; i < m->instance_count; i++) {
        uint32_t block = table64_get(&m->block_of, m->instances[i].block);
        if (block != TABLE64_NONE && m->instances[i].height >= final_height) {
            final = block;
            final_height = m->instances[i].height;
        }
    }
    return final == TABLE64_NONE || on_chain_from(m, best, final) ? best : final;
}

static void chain_mark(struct metrics *m)
{
    for (uint32_t i = 0; i < m->block_count; i++) {
        m->blocks[i].on_chain = false;
    }
    for (uint32_t i = 0; i < m->node_count; i++) {
        m->nodes[i].blocks = 0;
    }
    for (uint32_t i = chain_tip(m); i != TABLE64_NONE && !m->blocks[i].on_chain;
         i = table64_get(&m->block_of, m->blocks[i].parent)) {
        m->blocks[i].on_chain = true;
        if (m->blocks[i].time_ns >= m->warmup_ns) {
            m->nodes[m->blocks[i].producer].blocks++;
        }
    }
}

static void intervals(struct metrics *m)
{
    struct samples gaps = {0};
    uint64_t chain = 0, all = 0;

    for (uint32_t i = 0; i < m->block_count; i++) {
        const struct block_seen *b = &m->blocks[i];
        uint32_t parent = table64_get(&m->block_of, b->parent);
        if (b->time_ns < m->warmup_ns || (!b->on_chain && m->nodes[b->producer].byzantine)) {
            continue; /* what a byzantine node signs for itself is no fork */
        }
        all++;
        chain += b->on_chain;
        if (b->on_chain && parent != TABLE64_NONE && m->blocks[parent].time_ns >= m->warmup_ns &&
            b->time_ns >= m->blocks[parent].time_ns) {
            samples_add(&gaps, b->time_ns - m->blocks[parent].time_ns);
        }
    }
    samples_sort(&gaps);
    bool some = gaps.count > 0;
    set(m, METRIC_block_interval_mean, some, some ? NS * samples_mean(&gaps) : 0);
    set(m, METRIC_block_interval_sd, gaps.count > 1, gaps.count > 1 ? NS * samples_sd(&gaps) : 0);
    set(m, METRIC_block_interval_p50, some, some ? NS * samples_quantile(&gaps, 0.5) : 0);
    set(m, METRIC_block_interval_p90, some, some ? NS * samples_quantile(&gaps, 0.9) : 0);
    set(m, METRIC_block_interval_max, some, some ? NS * samples_quantile(&gaps, 1) : 0);
    set_count(m, METRIC_blocks, chain);
    set(m, METRIC_fork_rate, all > 0, all > 0 ? (double)(all - chain) / (double)all : 0);
    set(m, METRIC_stale_rate, chain > 0, chain > 0 ? (double)(all - chain) / (double)chain : 0);
    samples_free(&gaps);
}

/* Heights with more than one block, of those that the chain has after the warm-up: however many
 * rivals a block has, and whenever they were made, it counts once. */
static void rivals(struct metrics *m)
{
    bool *more = calloc((size_t)m->block_count + 1, sizeof(*more));
    uint64_t low = UINT64_MAX, chain = 0, rivalled = 0;

    invariant(more != NULL);
    for (uint32_t i = 0; i < m->block_count; i++) {
        const struct block_seen *b = &m->blocks[i];
        if (b->on_chain && b->time_ns >= m->warmup_ns) {
            chain++;
            low = b->height < low ? b->height : low;
        }
    }
    for (uint32_t i = 0; i < m->block_count; i++) {
        const struct block_seen *b = &m->blocks[i];
        if (!b->on_chain && !m->nodes[b->producer].byzantine && b->height >= low &&
            b->height - low < chain) {
            rivalled += !more[b->height - low];
            more[b->height - low] = true;
        }
    }
    set(m, METRIC_rival_rate, chain > 0, chain > 0 ? (double)rivalled / (double)chain : 0);
    free(more);
}

/* The middle one of the pooled times, in seconds. */
static double each_median(const struct metrics *m)
{
    uint64_t below = 0;
    size_t bin = 0;

    while (2 * (below + m->each[bin]) < m->each_count) {
        below += m->each[bin++];
    }
    return 1e-3 * (double)bin;
}

void metrics_committee(struct metrics *m, const uint64_t *accounts, const uint64_t *weights,
                       size_t count)
{
    uint64_t byzantine = 0, total = 0;

    for (size_t i = 0; i < count; i++) {
        bool bad = table64_get(&m->byzantine_of, accounts[i]) != TABLE64_NONE;
        byzantine += bad ? weights[i] : 0;
        total += weights[i];
    }
    if (total > 0) {
        m->committees++;
        m->committees_third += (u128)3 * byzantine >= total;
        m->committee_share += (double)byzantine / (double)total;
    }
}

static void committees(struct metrics *m)
{
    bool some = m->committees > 0 && m->byzantine_count > 0;
    double n = some ? (double)m->committees : 1;

    set_count(m, METRIC_committees, m->committees);
    set(m, METRIC_committee_third_rate, some, (double)m->committees_third / n);
    set(m, METRIC_committee_share, some, m->committee_share / n);
}

static void each(struct metrics *m)
{
    bool some = m->each_count > 0;
    double mean = some ? NS * (double)m->each_sum_ns / (double)m->each_count : 0;
    const struct metric *interval = &m->list[METRIC_block_interval_mean];

    set(m, METRIC_propagation_each_p50, some, some ? each_median(m) : 0);
    set(m, METRIC_propagation_each_mean, some, mean);
    some = some && interval->known && interval->value > 0;
    set(m, METRIC_stale_rate_expected, some, some ? -expm1(-mean / interval->value) : 0);
}

static void propagation(struct metrics *m)
{
    static const enum metric_id id[SHARES] = {METRIC_propagation_p50, METRIC_propagation_p90,
                                              METRIC_propagation_p99};

    for (int s = 0; s < SHARES; s++) {
        struct samples spread = {0};
        for (uint32_t i = 0; i < m->block_count; i++) {
            if (m->blocks[i].time_ns >= m->warmup_ns && m->blocks[i].spread_ns[s] != UINT64_MAX) {
                samples_add(&spread, m->blocks[i].spread_ns[s]);
            }
        }
        samples_sort(&spread);
        set(m, id[s], spread.count > 0, spread.count > 0 ? NS * samples_quantile(&spread, 0.5) : 0);
        samples_free(&spread);
    }
}

static void finality(struct metrics *m)
{
    struct samples first = {0}, median = {0};
    uint64_t decided = 0, rounds = 0;

    for (uint32_t i = 0; i < m->instance_count; i++) {
        const struct instance_seen *x = &m->instances[i];
        uint32_t block = table64_get(&m->block_of, x->block);
        if (x->first_ns < m->warmup_ns) {
            continue;
        }
        decided++;
        rounds += x->round + 1;
        if (block == TABLE64_NONE || m->blocks[block].time_ns < m->warmup_ns) {
            continue;
        }
        samples_add(&first, x->first_ns - m->blocks[block].time_ns);
        if (x->median_ns != UINT64_MAX) {
            samples_add(&median, x->median_ns - m->blocks[block].time_ns);
        }
    }
    samples_sort(&median);
    bool some = median.count > 0;
    set_count(m, METRIC_checkpoints, decided);
    set(m, METRIC_rounds_mean, decided > 0, decided > 0 ? (double)rounds / (double)decided : 0);
    set(m, METRIC_finality_first_mean, first.count > 0,
        first.count > 0 ? NS * samples_mean(&first) : 0);
    set(m, METRIC_finality_latency_mean, some, some ? NS * samples_mean(&median) : 0);
    set(m, METRIC_finality_latency_p50, some, some ? NS * samples_quantile(&median, 0.5) : 0);
    set(m, METRIC_finality_latency_p90, some, some ? NS * samples_quantile(&median, 0.9) : 0);
    set(m, METRIC_finality_latency_max, some, some ? NS * samples_quantile(&median, 1) : 0);
    uint64_t from = m->final_ns > m->warmup_ns ? m->final_ns : m->warmup_ns;
    uint64_t end = m->end_ns > from ? m->end_ns - from : 0;
    uint64_t most = end > m->final_lag_ns ? end : m->final_lag_ns;
    set(m, METRIC_final_lag_end, true, NS * (double)end);
    set(m, METRIC_final_lag_max, true, NS * (double)most);
    samples_free(&first);
    samples_free(&median);
}

static void quantiles(struct metrics *m, struct samples *samples, enum metric_id p50,
                      enum metric_id p90)
{
    bool some = samples->count > 0;

    samples_sort(samples);
    set(m, p50, some, some ? NS * samples_quantile(samples, 0.5) : 0);
    set(m, p90, some, some ? NS * samples_quantile(samples, 0.9) : 0);
}

static void shares(struct metrics *m)
{
    uint64_t stake = 0, blocks = 0;
    uint32_t top = 0;
    double worst = 0;

    for (uint32_t i = 0; i < m->node_count; i++) {
        stake += m->nodes[i].stake_tokens;
        blocks += m->nodes[i].blocks;
        top = m->nodes[i].stake_tokens > m->nodes[top].stake_tokens ? i : top;
    }
    bool some = stake > 0 && blocks > 0;
    for (uint32_t i = 0; i < m->node_count && some; i++) {
        double p = (double)m->nodes[i].stake_tokens / (double)stake;
        double got = (double)m->nodes[i].blocks / (double)blocks;
        if (p > 0 && p < 1) {
            worst = fmax(worst, fabs(got - p) / sqrt(p * (1 - p) / (double)blocks));
        }
    }
    set(m, METRIC_top_share_stake, stake > 0,
        stake > 0 ? (double)m->nodes[top].stake_tokens / (double)stake : 0);
    set(m, METRIC_top_share_blocks, some, some ? (double)m->nodes[top].blocks / (double)blocks : 0);
    set(m, METRIC_share_error, some, worst);
}

static bool behind(const struct metrics *m, const struct node_seen *n)
{
    return n->up && n->since_ns + 60000000000 <= m->end_ns && n->height + 2 < m->height_max;
}

static void lives(struct metrics *m)
{
    u128 down = 0, all = 0;
    uint64_t late = 0;

    for (uint32_t i = 0; i < m->node_count; i++) {
        const struct node_seen *n = &m->nodes[i];
        uint64_t from = n->first_ns > m->warmup_ns ? n->first_ns : m->warmup_ns;
        uint64_t since = n->since_ns > from ? n->since_ns : from;
        late += behind(m, n);
        if (n->started && m->end_ns > from) {
            all += m->end_ns - from;
            down += n->down_ns + (n->up || m->end_ns < since ? 0 : m->end_ns - since);
        }
    }
    set(m, METRIC_downtime_share, all > 0, all > 0 ? (double)down / (double)all : 0);
    set_count(m, METRIC_nodes_behind_end, late);
    set_count(m, METRIC_restarts, m->counters[COUNT_RESTARTS]);
    bool some = m->sync.count > 0;
    samples_sort(&m->sync);
    set(m, METRIC_sync_time_mean, some, some ? NS * samples_mean(&m->sync) : 0);
    set(m, METRIC_sync_time_max, some, some ? NS * samples_quantile(&m->sync, 1) : 0);
}

static void machines(struct metrics *m)
{
    bool some = m->sampled_ns > 0;
    double s = some ? NS * (double)m->sampled_ns : 1;
    double node_s = s * (double)m->node_count;

    set(m, METRIC_bytes_per_node_s, some, (double)m->sent_bytes / node_s);
    set(m, METRIC_bytes_per_node_s_max, some, (double)m->sent_bytes_max / s);
    set(m, METRIC_frames_per_node_s, some, (double)m->sent_frames / node_s);
    set(m, METRIC_cpu_share_mean, some, NS * (double)m->cpu_ns / node_s);
    set(m, METRIC_cpu_share_max, some, NS * (double)m->cpu_ns_max / s);
    set(m, METRIC_disk_bytes_per_node_s, some, (double)m->disk_bytes / node_s);
    set(m, METRIC_links_mean, m->links_nodes > 0,
        m->links_nodes > 0 ? (double)m->links / (double)m->links_nodes : 0);
}

static void counts(struct metrics *m)
{
    static const struct {
        enum metric_id id;
        enum counter counter;
    } of[] = {{METRIC_reorgs, COUNT_REORGS},
              {METRIC_blocks_rejected, COUNT_REJECTED},
              {METRIC_votes, COUNT_VOTES},
              {METRIC_evidence_found, COUNT_EVIDENCE},
              {METRIC_decisions_conflicting, COUNT_CONFLICTING},
              {METRIC_tx_submitted, COUNT_TX_SUBMITTED},
              {METRIC_tx_rejected, COUNT_TX_REJECTED},
              {METRIC_tx_included, COUNT_TX_INCLUDED},
              {METRIC_tx_finalized, COUNT_TX_FINALIZED},
              {METRIC_messages_lost, COUNT_LOST},
              {METRIC_disk_errors, COUNT_DISK_ERRORS},
              {METRIC_peers_misbehaved, COUNT_MISBEHAVED},
              {METRIC_limits_reached, COUNT_LIMITS}};

    for (size_t i = 0; i < sizeof(of) / sizeof(of[0]); i++) {
        set_count(m, of[i].id, m->counters[of[i].counter]);
    }
    set_count(m, METRIC_reorg_depth_max, m->reorg_depth_max);
    set_count(m, METRIC_height_max, m->height_max);
    set_count(m, METRIC_final_height_max, m->final_height_max);
}

static void private_trees(struct metrics *m, bool some)
{
    double trees = (double)m->deeds[DEED_GROWN];
    double depth = (double)(trees > 0 ? m->grown_depth : m->private_depth);
    double arrivals = (double)(trees > 0 ? m->grown_arrivals : m->private_arrivals) / 1000;

    set(m, METRIC_private_depth, some && m->private_depth > 0, (double)m->private_depth);
    set(m, METRIC_private_growth, some && arrivals > 0, arrivals > 0 ? depth / arrivals : 0);
    set(m, METRIC_private_trees, some && m->private_depth > 0, trees);
    set(m, METRIC_private_passage, some && trees > 0, trees > 0 ? arrivals / trees : 0);
}

static void adversaries(struct metrics *m)
{
    bool some = m->byzantine_count > 0;
    uint64_t stake = 0, all = 0, blocks = 0, chain = 0;
    uint32_t byzantine = 0, honest = 0;

    for (uint32_t i = 0; i < m->node_count; i++) {
        const struct node_seen *n = &m->nodes[i];
        all += n->stake_tokens;
        chain += n->blocks;
        stake += n->byzantine ? n->stake_tokens : 0;
        blocks += n->byzantine ? n->blocks : 0;
        byzantine += n->convicted && n->byzantine;
        honest += n->convicted && !n->byzantine;
    }
    set(m, METRIC_adversary_nodes, some, m->byzantine_count);
    set(m, METRIC_adversary_stake, some && all > 0, all > 0 ? (double)stake / (double)all : 0);
    set(m, METRIC_adversary_blocks, some && chain > 0,
        chain > 0 ? (double)blocks / (double)chain : 0);
    set(m, METRIC_adversary_seats, some && m->seats > 0,
        m->seats > 0 ? (double)m->seats_byzantine / (double)m->seats : 0);
    set(m, METRIC_adversaries_convicted, some, byzantine);
    set_count(m, METRIC_honest_convicted, honest);
    set(m, METRIC_attack_attempts, some, (double)m->deeds[DEED_ATTEMPT]);
    set(m, METRIC_attack_successes, some, (double)m->deeds[DEED_SUCCESS]);
    set(m, METRIC_attack_given_up, some, (double)m->deeds[DEED_GAVE_UP]);
    uint64_t over = m->deeds[DEED_SUCCESS] + m->deeds[DEED_GAVE_UP];
    set(m, METRIC_attack_success_rate, some && over > 0,
        over > 0 ? (double)m->deeds[DEED_SUCCESS] / (double)over : 0);
    set(m, METRIC_blocks_withheld, some, (double)m->deeds[DEED_WITHHELD]);
    set(m, METRIC_blocks_released, some, (double)m->deeds[DEED_RELEASED]);
    set(m, METRIC_forged, some, (double)m->deeds[DEED_FORGED]);
    set(m, METRIC_flood_frames, some, (double)m->flood_frames);
    private_trees(m, some);
}

const struct metric *metrics_list(struct metrics *m, size_t *count)
{
    static const struct metric names[METRICS] = {
#define METRIC(name_, unit_, text_) {.name = #name_, .unit = unit_, .text = text_},
#include "sim/record/metrics.def"
#undef METRIC
    };

    memcpy(m->list, names, sizeof(names));
    chain_mark(m);
    intervals(m);
    rivals(m);
    propagation(m);
    each(m);
    committees(m);
    finality(m);
    shares(m);
    lives(m);
    machines(m);
    counts(m);
    adversaries(m);
    quantiles(m, &m->inclusion, METRIC_tx_inclusion_latency_p50, METRIC_tx_inclusion_latency_p90);
    quantiles(m, &m->finality_tx, METRIC_tx_final_latency_p50, METRIC_tx_final_latency_p90);
    *count = METRICS;
    return m->list;
}
