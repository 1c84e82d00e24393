#include "node/daemon/metrics.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "node/chain/overlay.h"
#include "node/chain/txpool.h"
#include "node/daemon/api_call.h"
#include "node/daemon/index.h"
#include "node/daemon/verdicts.h"
#include "node/daemon/version.h"

enum { BUCKETS_MAX = 16 };

/* Upper bounds, ascending; seconds are in nanoseconds. */
#define MS UINT64_C(1000000)
static const uint64_t interval_buckets[] = {500 * MS,    1000 * MS,   2000 * MS,  4000 * MS,
                                            8000 * MS,   15000 * MS,  30000 * MS, 60000 * MS,
                                            120000 * MS, 300000 * MS, 600000 * MS};
static const uint64_t latency_buckets[] = {5 * MS,    10 * MS,   25 * MS,   50 * MS,
                                           100 * MS,  250 * MS,  500 * MS,  1000 * MS,
                                           2500 * MS, 5000 * MS, 10000 * MS};
static const uint64_t verify_buckets[] = {MS / 100, MS / 40, MS / 20, MS / 10,  MS / 4,  MS / 2,
                                          MS,       5 * MS,  25 * MS, 100 * MS, 500 * MS};
static const uint64_t count_buckets[] = {0, 1, 3, 10, 30, 100, 300, 1000, 3000, 10000};
static const uint64_t bytes_buckets[] = {0, 1 << 10, 1 << 14, 1 << 18, 1 << 20, 1 << 22, 1 << 24};

struct metric_info {
    const char *name, *text;
    const uint64_t *buckets; /* NULL: a counter */
    size_t count;
    bool seconds;
};

#define ENDS_SECONDS(name)                                                                         \
    (sizeof(name) > 8 && __builtin_strcmp(&name[sizeof(name) - 8], "seconds") == 0)
static const struct metric_info infos[] = {
#define COUNTER(name, text) {#name, text, NULL, 0, false},
#define HISTOGRAM(name, text, b)                                                                   \
    {#name, text, b##_buckets, sizeof(b##_buckets) / sizeof(uint64_t), ENDS_SECONDS(#name)},
#include "node/daemon/metrics.def"
#undef COUNTER
#undef HISTOGRAM
};

struct values {
    uint64_t total, sum; /* a counter uses total alone */
    uint64_t bucket[BUCKETS_MAX];
};

struct metrics {
    struct api *api;
    struct feed_listener listener;
    struct values values[METRICS];
    uint64_t steps_ns, verified; /* as last sampled */
};

void metrics_count(struct metrics *metrics, enum metric metric, uint64_t by)
{
    if (metrics != NULL) {
        metrics->values[metric].total += by;
    }
}

void metrics_observe(struct metrics *metrics, enum metric metric, uint64_t value)
{
    if (metrics == NULL) {
        return;
    }
    struct values *v = &metrics->values[metric];
    const struct metric_info *info = &infos[metric];
    size_t i = 0;
    while (i < info->count && value > info->buckets[i]) {
        i++;
    }
    if (i < info->count) {
        v->bucket[i]++;
    }
    v->total++;
    v->sum += value;
}

static uint64_t ms_between_ns(uint64_t later_ms, uint64_t earlier_ms)
{
    return later_ms > earlier_ms ? (later_ms - earlier_ms) * MS : 0;
}

static uint64_t header_ts(const struct api *api, uint64_t height)
{
    struct header h;
    struct span block;
    if (api_block(api, &block, height) != ERR_OK ||
        header_decode(&h, span_of(block.data, HEADER_BYTES)) != ERR_OK) {
        return api->config->genesis->ts_ms;
    }
    return h.ts_ms;
}

static void told_block(struct metrics *m, const struct recent_block *block)
{
    const struct api *api = m->api;
    struct header h;

    metrics_count(m, METRIC_transactions_confirmed, block->tx_count);
    if (node_behind(api->node) ||
        header_decode(&h, span_of(block->block->data, HEADER_BYTES)) != ERR_OK) {
        return; /* old blocks say nothing about the network of now */
    }
    metrics_observe(m, METRIC_block_transactions, block->tx_count);
    metrics_observe(m, METRIC_block_interval_seconds,
                    ms_between_ns(h.ts_ms, header_ts(api, h.height - 1)));
    if (memcmp(h.signer, api->keys.account, 32) != 0) {
        metrics_observe(m, METRIC_block_propagation_seconds,
                        ms_between_ns(api->host.now(api->host.context).wall_ms, h.ts_ms));
    }
}

static void told(void *context, const struct feed_event *event)
{
    struct metrics *m = context;
    const struct api *api = m->api;
    struct host_time now = api->host.now(api->host.context);

    switch (event->kind) {
    case FEED_BLOCK:
        told_block(m, event->block);
        break;
    case FEED_UNDONE:
        metrics_count(m, METRIC_blocks_undone, 1);
        break;
    case FEED_FINAL:
        if (!node_behind(api->node)) {
            metrics_observe(m, METRIC_finality_seconds,
                            ms_between_ns(now.wall_ms, api_final(api)->ts_ms));
        }
        break;
    case FEED_PASSED:
        if (event->waiting.included) {
            metrics_observe(m, METRIC_inclusion_seconds, now.mono_ns - event->waiting.since_ns);
        }
        break;
    default:
        break;
    }
}

void metrics_notice(struct metrics *m, const struct host_notice *notice)
{
    static const struct {
        enum trace_kind kind;
        enum metric metric;
    } counted[] = {{TRACE_block_produced, METRIC_blocks_produced},
                   {TRACE_block_received, METRIC_blocks_received},
                   {TRACE_block_rejected, METRIC_blocks_rejected},
                   {TRACE_vote_cast, METRIC_votes_cast},
                   {TRACE_checkpoint_decided, METRIC_checkpoints},
                   {TRACE_tx_rejected, METRIC_transactions_refused},
                   {TRACE_peer_misbehaved, METRIC_peers_misbehaved},
                   {TRACE_limit_reached, METRIC_limits_reached},
                   {TRACE_evidence_found, METRIC_evidence_found}};
    if (m == NULL || notice->kind != HOST_TRACE) {
        return;
    }
    for (size_t i = 0; i < sizeof(counted) / sizeof(counted[0]); i++) {
        if (counted[i].kind == notice->trace.kind) {
            metrics_count(m, counted[i].metric, 1);
        }
    }
    if (notice->trace.kind == TRACE_tip_changed && notice->trace.value[2] > 0) {
        metrics_count(m, METRIC_reorganisations, 1);
    }
}

void metrics_sample(struct metrics *m)
{
    const struct api *api = m->api;
    struct host_peer peers[LINKS_MAX];
    struct host_stats stats = {0};
    uint64_t queued = 0;

    api->host.stats(api->host.context, &stats);
    size_t count = api->host.peers(api->host.context, peers);
    for (size_t i = 0; i < count; i++) {
        queued += peers[i].queued_bytes;
    }
    metrics_observe(m, METRIC_pool_depth, chain_pool(node_chain(api->node))->count);
    metrics_observe(m, METRIC_write_queue_depth, stats.writes_pending);
    metrics_observe(m, METRIC_send_queue_bytes, queued);
    uint64_t verified = stats.charge[COST_VERIFY] - m->verified;
    if (verified > 0) {
        metrics_observe(m, METRIC_verify_seconds, (stats.step_ns - m->steps_ns) / verified);
    }
    m->verified = stats.charge[COST_VERIFY];
    m->steps_ns = stats.step_ns;
}

struct metrics *metrics_open(struct api *api)
{
    struct metrics *m = calloc(1, sizeof(*m));
    if (m != NULL) {
        m->api = api;
        m->listener = (struct feed_listener){.told = told, .context = m};
        feed_listen(api->feed, &m->listener);
        api->metrics = m;
    }
    return m;
}

void metrics_close(struct metrics *m)
{
    if (m != NULL) {
        m->api->metrics = NULL;
        free(m);
    }
}

/* --- the page --- */

static void number(FILE *out, uint64_t value, bool seconds)
{
    if (seconds) { /* nanoseconds as a decimal fraction, exactly */
        fprintf(out, "%" PRIu64 ".%09" PRIu64, value / 1000000000, value % 1000000000);
    } else {
        fprintf(out, "%" PRIu64, value);
    }
}

static void histogram(FILE *out, const struct metric_info *info, const struct values *v)
{
    uint64_t below = 0;
    for (size_t i = 0; i < info->count; i++) {
        below += v->bucket[i];
        fprintf(out, "orrery_%s_bucket{le=\"", info->name);
        number(out, info->buckets[i], info->seconds);
        fprintf(out, "\"} %" PRIu64 "\n", below);
    }
    fprintf(out, "orrery_%s_bucket{le=\"+Inf\"} %" PRIu64 "\norrery_%s_sum ", info->name, v->total,
            info->name);
    number(out, v->sum, info->seconds);
    fprintf(out, "\norrery_%s_count %" PRIu64 "\n", info->name, v->total);
}

static void gauge(FILE *out, const char *name, const char *text, uint64_t value)
{
    fprintf(out, "# HELP orrery_%s %s\n# TYPE orrery_%s gauge\norrery_%s %" PRIu64 "\n", name, text,
            name, name, value);
}

static void gauge_seconds(FILE *out, const char *name, const char *text, uint64_t milliseconds)
{
    fprintf(out,
            "# HELP orrery_%s %s\n# TYPE orrery_%s gauge\norrery_%s %" PRIu64 ".%03" PRIu64 "\n",
            name, text, name, name, milliseconds / 1000, milliseconds % 1000);
}

static void gauges(FILE *out, const struct api *api)
{
    const struct tree_entry *tip = api_tip(api);
    struct host_time now = api->host.now(api->host.context);
    struct host_stats stats = {0};

    api->host.stats(api->host.context, &stats);
    gauge(out, "height", "height of the best chain", tip->height);
    gauge(out, "final_height", "height of the last checkpoint", api_final(api)->height);
    gauge(out, "final_instance", "instances of finality decided",
          chain_final_instance(node_chain(api->node)));
    gauge_seconds(out, "tip_age_seconds", "time since the tip's date",
                  now.wall_ms > tip->ts_ms ? now.wall_ms - tip->ts_ms : 0);
    gauge(out, "behind", "1 while the node is catching up", node_behind(api->node));
    gauge(out, "peers", "links whose greeting is complete",
          (uint64_t)__builtin_popcountll(overlay_ready(node_overlay(api->node))));
    gauge(out, "pool_transactions", "transactions that wait",
          chain_pool(node_chain(api->node))->count);
    gauge(out, "recent_blocks", "blocks held that are not indexed", api->recent->count);
    gauge(out, "indexed_height", "height up to which transactions are indexed",
          api->index == NULL ? 0 : index_height(api->index));
    gauge(out, "verdicts", "refused transactions remembered",
          verdicts_count(api->verdicts, now.mono_ns));
    gauge(out, "writes_pending", "batches that are not durable yet", stats.writes_pending);
    gauge(out, "links", "connections to peers", stats.links);
}

/* Totals that the host keeps. */
static void totals(FILE *out, const struct api *api)
{
    static const char *const costs[] = {
#define X(name, text) #name,
        COST_LIST(X)
#undef X
    };
    struct host_stats stats = {0};
    api->host.stats(api->host.context, &stats);
    const struct {
        const char *name, *text;
        uint64_t value;
        bool seconds;
    } rows[] = {
        {"steps", "events handled by the node", stats.steps, false},
        {"step_seconds", "time spent in the node's steps", stats.step_ns, true},
        {"received_bytes", "bytes from peers", stats.received_bytes, false},
        {"sent_bytes", "bytes to peers", stats.sent_bytes, false},
        {"received_frames", "frames from peers", stats.received_frames, false},
        {"sent_frames", "frames to peers", stats.sent_frames, false},
        {"handshakes", "handshakes begun", stats.handshakes, false},
        {"handshakes_failed", "handshakes that failed", stats.handshakes_failed, false},
        {"sockets_refused", "connections refused by a limit", stats.refused, false},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        fprintf(out, "# HELP orrery_%s_total %s\n# TYPE orrery_%s_total counter\norrery_%s_total ",
                rows[i].name, rows[i].text, rows[i].name, rows[i].name);
        number(out, rows[i].value, rows[i].seconds);
        fputc('\n', out);
    }
    fprintf(out, "# HELP orrery_work_total work that the protocol counted\n"
                 "# TYPE orrery_work_total counter\n");
    for (size_t i = 0; i < COST_COUNT; i++) {
        fprintf(out, "orrery_work_total{kind=\"%s\"} %" PRIu64 "\n", costs[i], stats.charge[i]);
    }
}

char *metrics_text(struct api *api)
{
    char *text = NULL;
    size_t len = 0;
    FILE *out = open_memstream(&text, &len);
    if (out == NULL) {
        return NULL;
    }
    fprintf(out,
            "# HELP orrery_build_info version of the program\n# TYPE orrery_build_info gauge\n"
            "orrery_build_info{version=\"%s\",network=\"%u\"} 1\n",
            ORRERY_VERSION, api->config->genesis->network);
    gauges(out, api);
    totals(out, api);
    for (size_t i = 0; api->metrics != NULL && i < METRICS; i++) {
        const struct metric_info *info = &infos[i];
        bool counter = info->buckets == NULL;
        fprintf(out, "# HELP orrery_%s%s %s\n# TYPE orrery_%s%s %s\n", info->name,
                counter ? "_total" : "", info->text, info->name, counter ? "_total" : "",
                counter ? "counter" : "histogram");
        if (counter) {
            fprintf(out, "orrery_%s_total %" PRIu64 "\n", info->name,
                    api->metrics->values[i].total);
        } else {
            histogram(out, info, &api->metrics->values[i]);
        }
    }
    if (fclose(out) != 0) {
        free(text);
        return NULL;
    }
    return text;
}
