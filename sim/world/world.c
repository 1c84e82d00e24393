/* The run: building the world from a scenario, the loop, the end. */
#include "sim/world/world.h"

#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "node/chain/chain.h"
#include "node/chain/txpool.h"
#include "node/core/view.h"
#include "node/crypto/hash.h"
#include "sim/world/internal.h"

static enum err cities_measured(struct cities *cities, const char *data,
                                struct settings_error *error)
{
    char path[3][600];
    static const char *const names[3] = {"cities.tsv", "cities-rtt.tsv", "cities-mdev.tsv"};
    struct cities_error where = {0};

    for (int i = 0; i < 3; i++) {
        snprintf(path[i], sizeof(path[i]), "%s/regions/%s", data, names[i]);
    }
    enum err err = cities_load(cities, &where, path[0], path[1], path[2]);
    if (err != ERR_OK) {
        snprintf(error->file, sizeof(error->file), "%.255s",
                 where.path != NULL ? where.path : path[0]);
        error->line = (int)where.line;
        snprintf(error->text, sizeof(error->text), "%s", where.text);
    }
    return err;
}

/* The map of the scenario's latency model. */
static enum err laws_open(struct world *w, struct settings_error *error)
{
    struct cities_error where = {0};
    char path[700];

    snprintf(path, sizeof(path), "%s/regions/%s.tsv", w->scenario->data,
             w->scenario->network.table);
    enum err err = laws_load(&w->laws, &w->cities, &where, path);
    if (err != ERR_OK) {
        snprintf(error->file, sizeof(error->file), "%.255s", path);
        error->line = (int)where.line;
        snprintf(error->text, sizeof(error->text), "%s", where.text);
    }
    return err;
}

static enum err cities_open(struct world *w, struct settings_error *error)
{
    const struct scenario_network *network = &w->scenario->network;
    struct cities measured;
    enum err err;

    if (network->latency == LATENCY_PARETO) {
        return laws_open(w, error);
    }
    if (network->latency == LATENCY_CONSTANT) {
        err = cities_make_constant(&w->cities, network->constant_ns);
        snprintf(error->text, sizeof(error->text), "network.constant: %s", err_text(err));
        return err;
    }
    if (network->latency == LATENCY_CITIES) {
        err = cities_measured(&w->cities, w->scenario->data, error);
    } else {
        TRY(cities_measured(&measured, w->scenario->data, error));
        err = cities_make_regions(&w->cities, &measured);
        cities_free(&measured);
    }
    if (err == ERR_OK && !network->jitter) {
        cities_drop_jitter(&w->cities);
    }
    return err;
}

static enum err network_build(struct world *w, struct settings_error *error)
{
    const struct scenario *s = w->scenario;
    struct link_rules rules = {
        .loss_q32 = draw_probability(s->network.loss.num, s->network.loss.den),
        .duplicate_q32 = draw_probability(s->network.duplicate.num, s->network.duplicate.den),
        .rto_min_ns = 200000000,
        .rto_max_ns = 120000000000,
        .break_after_ns = 120000000000,
        .bootstrap_ns = s->bootstrap_ns,
        .control_ns = s->network.control_ns,
        .bulk_ns = s->network.bulk_ns,
        .bulk_bytes = (uint32_t)s->network.bulk_bytes};

    w->city_of_node = calloc(w->count, sizeof(*w->city_of_node));
    w->bandwidth = calloc(w->count, sizeof(*w->bandwidth));
    invariant(w->city_of_node != NULL && w->bandwidth != NULL);
    for (uint32_t i = 0; i < w->count; i++) {
        const struct member *m = &w->population.members[i];
        const struct scenario_profile *profile = &s->profiles[m->profile];
        w->city_of_node[i] = m->city;
        if (bandwidth_init(&w->bandwidth[i], profile->up_bits_per_s, profile->down_bits_per_s,
                           profile->access_ns) != ERR_OK) {
            snprintf(error->text, sizeof(error->text), "profile %s: bandwidth out of range",
                     profile->name);
            return ERR_RANGE;
        }
    }
    quantile_build_exponential(&w->exponential);
    enum err err = net_init(&w->net, &w->cities, &w->exponential, w->city_of_node, w->bandwidth,
                            w->count, &rules, s->seed);
    if (err != ERR_OK) {
        snprintf(error->text, sizeof(error->text), "network: %s", err_text(err));
    }
    w->net.laws = w->laws;
    return err;
}

static enum err host_build(struct world *w, uint32_t index, struct settings_error *error)
{
    const struct member *m = &w->population.members[index];
    const struct scenario_profile *profile = &w->scenario->profiles[m->profile];
    struct host *h = &w->hosts[index];
    struct clock_config clock = {.epoch_ms = w->scenario->date_ms,
                                 .offset_ns = m->clock_offset_ns,
                                 .drift_ppb = m->clock_drift_ppb,
                                 .swing_ns = m->clock_swing_ns,
                                 .swing_period_ns = m->clock_swing_period_ns};

    h->config = &m->config;
    h->adversary = adversaries_of(w->adversaries, index);
    h->group = m->group;
    h->city = m->city;
    h->region = m->region;
    h->profile = m->profile;
    enum err err = clock_init(&h->clock, &clock);
    if (err == ERR_OK) {
        err = cpu_init(&h->cpu, (uint32_t)profile->cpu.num, (uint32_t)profile->cpu.den);
    }
    if (err == ERR_OK) {
        err = durable_build(w, index, profile);
    }
    if (err != ERR_OK) {
        snprintf(error->text, sizeof(error->text), "profile %s: %s", profile->name, err_text(err));
    }
    return err;
}

static enum err hosts_build(struct world *w, struct settings_error *error)
{
    size_t page = 4096;

    for (uint32_t i = 0; i < w->count; i++) {
        size_t bytes = (node_bytes(&w->population.members[i].config) + page - 1) & ~(page - 1);
        w->node_bytes = bytes > w->node_bytes ? bytes : w->node_bytes;
    }
    w->slab_bytes = w->node_bytes * w->count;
    w->slab = mmap(NULL, w->slab_bytes, PROT_READ | PROT_WRITE,
                   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    w->hosts = calloc(w->count, sizeof(*w->hosts));
    if (w->slab == MAP_FAILED || w->hosts == NULL) {
        w->slab = NULL;
        snprintf(error->text, sizeof(error->text), "%u nodes need %zu MiB of address space",
                 w->count, w->slab_bytes >> 20);
        return ERR_NO_MEMORY;
    }
    /* Huge pages would make every node resident at once. */
    invariant(madvise(w->slab, w->slab_bytes, MADV_NOHUGEPAGE) == 0);
    for (uint32_t i = 0; i < w->count; i++) {
        w->hosts[i].node = (struct node *)(void *)((uint8_t *)w->slab + (size_t)i * w->node_bytes);
        TRY(host_build(w, i, error));
    }
    return ERR_OK;
}

static void workers_build(struct world *w)
{
    w->workers = aligned_alloc(128, w->lanes * sizeof(*w->workers));
    invariant(w->workers != NULL);
    memset(w->workers, 0, w->lanes * sizeof(*w->workers));
    for (unsigned t = 0; t < w->lanes; t++) {
        struct worker *worker = &w->workers[t];
        worker->memory = mmap(NULL, SCRATCH_BYTES + EFFECT_BYTES, PROT_READ | PROT_WRITE,
                              MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
        invariant(worker->memory != MAP_FAILED);
        worker->witness = witness_new();
        arena_init(&worker->scratch, worker->memory, SCRATCH_BYTES);
        arena_init(&worker->effects.arena, (uint8_t *)worker->memory + SCRATCH_BYTES, EFFECT_BYTES);
    }
}

static void prices_build(struct world *w)
{
    w->prices.kind_count = COST_COUNT;
    for (uint32_t k = 0; k < COST_COUNT; k++) {
        w->prices.ps_per_unit[k] = w->scenario->cost_ns[k] * 1000;
    }
}

static void sample(struct world *w, uint64_t now_ns)
{
    for (uint32_t i = 0; i < w->count; i++) {
        const struct host *h = &w->hosts[i];
        const struct txpool *pool = h->up ? chain_pool(node_chain(h->node)) : NULL;
        w->samples[i] = (struct series_row){.time_ns = now_ns,
                                            .node = i,
                                            .up = h->up,
                                            .bytes_sent = h->sent_bytes,
                                            .bytes_received = h->received_bytes,
                                            .frames_sent = h->sent_frames,
                                            .frames_received = h->received_frames,
                                            .cpu_busy_ns = h->cpu.worked_ns,
                                            .disk_bytes_written = h->written_bytes,
                                            .height = h->height,
                                            .final_height = h->final_height,
                                            .links = h->links,
                                            .pool_txs = pool != NULL ? pool->count : 0};
    }
    if (w->options.record != NULL && !w->record_failed &&
        record_series(w->options.record, w->samples, w->count) != ERR_OK) {
        w->record_failed = true;
    }
}

/* Folds what every node did in this epoch into the digest of the run. */
static void fingerprint(struct world *w, uint64_t epoch)
{
    struct hash_stream stream;
    uint8_t head[40];

    memcpy(head, w->digest, 32);
    store64(head + 32, epoch);
    hash_stream_start(&stream, 32, span_of(NULL, 0));
    hash_stream_add(&stream, head, sizeof(head));
    for (uint32_t i = 0; i < w->count; i++) {
        uint64_t f = engine_fingerprint(w->engine, i);
        hash_stream_add(&stream, &f, sizeof(f));
    }
    hash_stream_end(&stream, w->digest);
    if (w->options.record != NULL && !w->record_failed &&
        record_fingerprint(w->options.record, epoch, w->digest) != ERR_OK) {
        w->record_failed = true;
    }
}

static void epoch_end(void *arg, uint64_t epoch, uint64_t now_ns)
{
    struct world *w = arg;

    if (w->stopped) {
        return;
    }
    w->epoch = epoch;
    load_feed(w, now_ns + w->scenario->record.epoch_ns);
    trace_flush(w);
    world_checks_hear(w);
    world_checks_visit(w, now_ns);
    fingerprint(w, epoch);
    if (now_ns >= w->sample_next_ns) {
        sample(w, now_ns);
        w->sample_next_ns += w->scenario->record.series_ns;
    }
    w->stats.now_ns = now_ns;
    if (w->options.reseed_ns != 0 && now_ns >= w->options.reseed_ns) {
        net_reseed(&w->net, w->options.reseed);
        w->options.reseed_ns = 0;
    }
    if (checks_epoch(w->checks, now_ns, resident_sample(w, now_ns)) != ERR_OK) {
        w->end = checks_verdict(w->checks, w->verdict, sizeof(w->verdict)) == CHECK_LIVENESS
                     ? WORLD_LIVENESS
                     : WORLD_INVARIANT;
        engine_stop(w->engine);
    } else if (w->record_failed) {
        w->end = WORLD_RECORD_FAILED;
        engine_stop(w->engine);
    } else if (w->options.interrupted != NULL && *w->options.interrupted != 0) {
        w->end = WORLD_INTERRUPTED;
        engine_stop(w->engine);
    } else if (w->options.enough != NULL && w->options.enough(w->options.rows_arg, now_ns)) {
        w->end_ns = now_ns;
        engine_stop(w->engine);
    }
    if (w->options.progress != NULL) {
        w->options.progress(w->options.progress_arg, w);
    }
}

/* Churn tables of the groups that have any. */
static enum err churns_build(struct world *w, struct settings_error *error)
{
    const struct scenario *s = w->scenario;

    w->churns = calloc(s->groups_count, sizeof(*w->churns));
    invariant(w->churns != NULL);
    for (uint64_t i = 0; i < s->groups_count; i++) {
        const struct scenario_group *g = &s->groups[i];
        struct churn_config config = {
            .session_shape = {(uint32_t)g->session_shape.num, (uint32_t)g->session_shape.den},
            .absence_shape = {(uint32_t)g->absence_shape.num, (uint32_t)g->absence_shape.den},
            .session_scale_ns = g->session_scale_ns,
            .absence_scale_ns = g->absence_scale_ns};
        if (g->churn && churn_init(&w->churns[i], &config, s->seed) != ERR_OK) {
            snprintf(error->text, sizeof(error->text), "group %s: churn out of range", g->name);
            return ERR_RANGE;
        }
    }
    return ERR_OK;
}

static enum err names_record(struct world *w)
{
    const struct scenario *s = w->scenario;
    uint64_t most = s->groups_count > w->cities.count ? s->groups_count : w->cities.count;
    const char **names = calloc(most + CITIES_REGIONS_MAX, sizeof(*names));

    invariant(names != NULL);
    for (uint64_t i = 0; i < s->groups_count; i++) {
        names[i] = s->groups[i].name;
    }
    enum err err = record_names(w->options.record, "groups", names, s->groups_count);
    for (uint32_t i = 0; i < w->cities.region_count; i++) {
        names[i] = w->cities.region[i];
    }
    err = err == ERR_OK ? record_names(w->options.record, "regions", names, w->cities.region_count)
                        : err;
    for (uint32_t i = 0; i < w->cities.count; i++) {
        names[i] = w->cities.city[i].name;
    }
    err = err == ERR_OK ? record_names(w->options.record, "cities", names, w->cities.count) : err;
    free(names);
    return err;
}

static enum err record_begin(struct world *w, struct settings_error *error)
{
    struct node_row *rows = calloc(w->count, sizeof(*rows));
    uint64_t *stake = calloc(w->count, sizeof(*stake));
    enum err err = ERR_OK;

    invariant(rows != NULL && stake != NULL);
    for (uint32_t i = 0; i < w->count; i++) {
        const struct member *m = &w->population.members[i];
        stake[i] = m->stake_tokens;
        rows[i] = (struct node_row){.node = i,
                                    .group = m->group,
                                    .city = m->city,
                                    .region = m->region,
                                    .profile = m->profile,
                                    .producer = m->stake_tokens > 0,
                                    .stake_tokens = m->stake_tokens,
                                    .clock_offset_ns = m->clock_offset_ns,
                                    .clock_drift_ppb = m->clock_drift_ppb};
        memcpy(rows[i].node_id, m->node_id, 32);
        memcpy(rows[i].account, m->account, 32);
    }
    w->metrics = metrics_new(w->count, stake, w->scenario->warmup_ns);
    invariant(w->metrics != NULL);
    for (uint32_t i = 0; i < w->count; i++) {
        metrics_node(w->metrics, i, w->population.members[i].account,
                     w->population.members[i].byzantine);
    }
    if (w->options.metrics != NULL) {
        *w->options.metrics = w->metrics;
    }
    if (w->options.record != NULL) {
        err = names_record(w);
        err = err == ERR_OK ? record_nodes(w->options.record, rows, w->count) : err;
        snprintf(error->text, sizeof(error->text), "recording: %s", err_text(err));
    }
    free(rows);
    free(stake);
    return err;
}

static enum err engine_build(struct world *w, struct settings_error *error)
{
    struct engine_config config = {.nodes = w->count,
                                   .threads = w->threads,
                                   .slot_ns = w->slot_ns,
                                   .epoch_ns = w->scenario->record.epoch_ns,
                                   .world = w,
                                   .handler = world_handler,
                                   .fetch = world_fetch,
                                   .epoch_hook = epoch_end,
                                   .node_state = w->hosts,
                                   .node_state_bytes = sizeof(*w->hosts),
                                   .zone = w->zones > 0 ? w->zone : NULL,
                                   .zones = w->zones,
                                   .zone_ns = w->zone_ns};
    enum err err = engine_new(&w->engine, &config);

    if (err != ERR_OK) {
        snprintf(error->text, sizeof(error->text), "engine: %s", err_text(err));
        return err;
    }
    w->lanes = engine_lanes(w->engine);
    return ERR_OK;
}

static enum err world_build(struct world *w, struct settings_error *error)
{
    const struct scenario *s = w->scenario;

    TRY(cities_open(w, error));
    w->slot_ns = cities_base_ns_min(&w->cities);
    struct store_config store = {.memo_off = w->options.memo_off};
    store64(store.seed, s->seed);
    w->shared = store_new(&store);
    if (w->shared == NULL) {
        return ERR_NO_MEMORY;
    }
    TRY(population_make(&w->population, s, &w->cities, w->shared, error));
    w->count = w->population.count;
    if (w->threads > w->count) {
        w->threads = w->count;
    }
    prices_build(w);
    TRY(network_build(w, error));
    TRY(churns_build(w, error));
    TRY(faults_build(w, error));
    TRY(hosts_build(w, error));
    TRY(loads_build(w, error));
    zones_build(w);
    TRY(engine_build(w, error));
    workers_build(w);
    w->samples = calloc(w->count, sizeof(*w->samples));
    invariant(w->samples != NULL);
    world_checks_build(w);
    TRY(record_begin(w, error));
    power_schedule(w);
    load_feed(w, s->record.epoch_ns);
    return ERR_OK;
}

static unsigned cores(void)
{
    long n = sysconf(_SC_NPROCESSORS_ONLN);

    return n < 1 ? 1 : n > 64 ? 64 : (unsigned)n;
}

struct world *world_new(const struct scenario *scenario, const struct world_options *options,
                        struct settings_error *error)
{
    struct world *w = calloc(1, sizeof(*w));

    invariant(w != NULL);
    w->scenario = scenario;
    w->options = *options;
    w->threads = options->threads != 0 ? options->threads : cores();
    if (options->transcript != NULL || options->observe != NULL) {
        w->threads = 1;
    }
    w->end_ns = options->stop_ns != 0 ? options->stop_ns : scenario->duration_ns;
    w->sample_next_ns = scenario->record.series_ns;
    snprintf(error->file, sizeof(error->file), "%s", scenario->file);
    error->line = 0;
    if (world_build(w, error) != ERR_OK) {
        world_free(w);
        return NULL;
    }
    return w;
}

enum err world_chain_written(const struct world *w)
{
    return w->chain_written;
}

enum world_end world_run(struct world *w)
{
    w->end = WORLD_COMPLETE;
    uint64_t events_max = w->options.events_max != 0 ? w->options.events_max : UINT64_MAX;
    if (engine_run(w->engine, w->end_ns, events_max) == ENGINE_STOP_EVENTS) {
        w->end = WORLD_EXHAUSTED;
    }
    trace_flush(w);
    world_checks_hear(w);
    w->stats.now_ns = engine_now(w->engine);
    metrics_series(w->metrics, w->samples, w->count, w->stats.now_ns);
    world_checks_replay(w);
    world_checks_jailed(w, w->stats.now_ns);
    if (w->options.chain != NULL) {
        w->chain_written = world_chain_write(w, w->options.chain);
    }
    enum err err = checks_end(w->checks, w->end_ns);
    if (err == ERR_OK && w->end == WORLD_COMPLETE && w->options.observe == NULL) {
        err = world_stop(w);
    }
    if (w->end == WORLD_COMPLETE && err != ERR_OK) {
        w->end = checks_verdict(w->checks, w->verdict, sizeof(w->verdict)) == CHECK_LIVENESS
                     ? WORLD_LIVENESS
                     : WORLD_INVARIANT;
    }
    return w->end;
}

uint64_t world_last_change_ns(const struct world *w)
{
    return fault_last_change_ns(&w->timeline);
}

bool world_byzantine(const struct world *w, uint32_t node)
{
    return w->population.members[node].byzantine;
}

uint64_t world_wall_ms(const struct world *w, uint32_t node)
{
    return clock_wall_ms(&w->hosts[node].clock, w->stats.now_ns);
}

const struct node_config *world_node_config(const struct world *w, uint32_t node)
{
    return w->hosts[node].config;
}

void world_node_seed(const struct world *w, uint32_t node, uint32_t life, uint8_t seed[32])
{
    population_seed(seed, w->scenario->seed, "orrery node", (uint64_t)life << 32 | node);
}

struct shared *world_shared(struct world *w)
{
    return w->shared;
}

const char *world_verdict(const struct world *w)
{
    return w->verdict;
}

bool world_check_figure(const struct world *w, size_t index, struct metric *figure)
{
    return checks_figure(w != NULL ? w->checks : NULL, index, figure);
}

void world_digest(const struct world *w, uint8_t digest[32])
{
    memcpy(digest, w->digest, 32);
}

void world_stats(const struct world *w, struct world_stats *stats)
{
    struct store_stats store;
    struct engine_counters engine = engine_counters(w->engine);
    struct fault_cursor cursor = {0};

    *stats = w->stats;
    stats->end_ns = w->end_ns;
    stats->nodes = w->count;
    stats->events = engine.events;
    for (unsigned t = 0; t < w->lanes; t++) {
        const struct worker *worker = &w->workers[t];
        stats->frames += worker->frames;
        stats->bytes += worker->bytes;
        stats->blocks += worker->blocks;
        stats->reorgs += worker->reorgs;
        stats->txs_submitted += worker->txs_submitted;
        stats->txs_included += worker->txs_included;
    }
    for (uint32_t i = 0; i < w->count; i++) {
        const struct host *h = &w->hosts[i];
        stats->nodes_up += h->up;
        stats->height_max = h->height > stats->height_max ? h->height : stats->height_max;
        stats->final_height_max =
            h->final_height > stats->final_height_max ? h->final_height : stats->final_height_max;
    }
    store_stats(w->shared, &store);
    for (int k = 0; k < MEMO_KINDS; k++) {
        stats->memo_hits += store.memo_hits[k];
        stats->memo_asked += store.memo_hits[k] + store.memo_misses[k];
    }
    stats->faults_active = fault_any(&w->timeline, &cursor, w->stats.now_ns, ~(uint32_t)0) ? 1 : 0;
}
