/* What the files of sim/world share. */
#ifndef ORRERY_WORLD_INTERNAL_H
#define ORRERY_WORLD_INTERNAL_H

#include "sim/adversary/adversary.h"
#include "sim/check/check.h"
#include "sim/churn/churn.h"
#include "sim/fault/timeline.h"
#include "sim/load/load.h"
#include "sim/net/cities.h"
#include "sim/store/store.h"
#include "sim/world/host.h"
#include "sim/world/population.h"
#include "sim/world/world.h"

#define SCRATCH_BYTES ((size_t)16 << 20)
#define EFFECT_BYTES ((size_t)8 << 20)

/* What one thread needs while it runs nodes; far enough from the next one's that no cache fetches
 * both. */
struct worker {
    _Alignas(128) struct effects effects;
    struct arena scratch;
    void *memory;
    struct trace_row *rows; /* of the current epoch, in the order this thread made them */
    size_t row_count, row_capacity;
    struct waiting *spare; /* free list */
    struct fault_cursor cursor;
    struct witness *witness; /* of what leaves the nodes it runs */
    uint64_t frames, bytes, blocks, reorgs, txs_submitted, txs_included;
};

struct load_state {
    const struct scenario_load *spec;
    struct load load;
    struct load_arrival next;
    bool more;
    uint32_t first, count; /* the nodes that submit */
};

/* A final block that newcomers may trust; see trust.c. */
#define TRUST_KEPT 4
#define TRUST_AGE_NS 60000000000u

struct trust {
    uint64_t decided_ns, height;
    uint8_t id[32];
};

struct world {
    const struct scenario *scenario;
    struct world_options options;
    enum err chain_written;
    unsigned threads;
    struct cities cities;
    struct quantile exponential;
    struct laws *laws; /* of latency pareto, else NULL */
    struct population population;
    struct shared *shared;
    struct engine *engine;
    struct net net;
    uint16_t *city_of_node;
    struct bandwidth *bandwidth;
    struct cpu_profile prices;
    struct fault_timeline timeline;
    struct adversaries *adversaries; /* NULL: everybody is honest */
    struct churn *churns;            /* one per group; NULL entries: no churn */
    struct load_state *loads;
    struct host *hosts;
    uint32_t count;
    void *slab;
    size_t node_bytes, slab_bytes;
    uint64_t slot_ns; /* the engine's window: the least delay between two machines */
    uint8_t *zone;    /* of each node; NULL: none */
    unsigned zones;
    uint64_t zone_ns;       /* the least delay between two of them */
    unsigned lanes;         /* of the engine; the handler's thread is below it */
    struct worker *workers; /* one per lane */
    struct trace_row *merged;
    size_t merged_capacity;
    struct series_row *samples;
    uint64_t sample_next_ns, resident_next_ns, visit_next_ns;
    struct checks *checks;
    struct metrics *metrics;
    struct trust trust[TRUST_KEPT]; /* [trust_count % TRUST_KEPT] is the newest */
    uint32_t trust_count;
    uint64_t trust_first_ns; /* when the first of them was decided */
    uint64_t end_ns;
    uint64_t epoch;
    uint8_t digest[32];
    enum world_end end;
    char verdict[512];
    struct world_stats stats;
    bool record_failed, stopped;
};

/* step.c: runs one event on a node that is up and applies what it wants. */
void world_handler(void *arg, unsigned thread, const struct engine_event *event);
/* Fetches into the cache what the event will touch (engine.h). */
void world_fetch(const void *arg, const struct engine_event *event, unsigned stage);
void step_run(struct world *w, unsigned thread, uint32_t index, uint64_t now_ns,
              struct event *event);

/* wires.c */
void wire_connect(struct world *w, unsigned thread, uint32_t index, uint64_t now_ns,
                  const struct effect *effect);
void wire_close(struct world *w, unsigned thread, uint32_t index, uint64_t now_ns, uint32_t link);
void wire_send(struct world *w, unsigned thread, uint32_t index, uint64_t now_ns,
               const struct effect *effect);
void wire_datagram(struct world *w, unsigned thread, uint32_t index, uint64_t now_ns,
                   const struct endpoint *to, const struct blob *frame);
/* True when the event is for the node and *event is filled. */
bool wire_arrive(struct world *w, unsigned thread, uint32_t index, uint64_t now_ns, uint32_t src,
                 uint64_t payload, struct event *event);
/* The link a frame is for still stands. */
bool wire_current(const struct host *h, uint64_t payload);
void wire_unanswered(struct world *w, unsigned thread, uint32_t index, uint64_t now_ns,
                     uint32_t src, uint64_t payload);
/* All links end; peers are told unless silent. */
void wires_drop(struct world *w, unsigned thread, uint32_t index, uint64_t now_ns, bool silent);

/* power.c */
void power_event(struct world *w, unsigned thread, uint32_t index, uint64_t now_ns,
                 uint64_t payload);
void power_schedule(struct world *w);

/* durable.c */
#define READ_RECORD_BYTES 512 /* what a record of a scan is charged to the disk */
enum err durable_build(struct world *w, uint32_t index,
                       const struct scenario_profile *profile) MUST_CHECK;
void durable_write(struct world *w, unsigned thread, uint32_t index, uint64_t now_ns,
                   const struct effect *effect);
bool durable_write_done(struct world *w, uint32_t index, uint64_t payload, struct event *event);
void durable_read(struct world *w, unsigned thread, uint32_t index, uint64_t now_ns,
                  const struct effect *effect);
bool durable_read_done(struct world *w, unsigned thread, uint32_t index, uint64_t payload,
                       struct event *event);
void durable_read_release(struct world *w, const struct event *event);
/* What the machine had not made durable is lost (or torn), unless it stopped cleanly. True: half of
 * a batch is there. */
bool durable_crash(struct world *w, unsigned thread, uint32_t index, uint64_t now_ns, bool clean);
void durable_wipe(struct world *w, uint32_t index);
void durable_corrupt(struct world *w, uint32_t index, uint32_t entry);

/* adversaries.c: from the scenario's lines; copies the keys of twins. */
enum err world_adversaries_build(struct world *w, const struct fault_domains *domains,
                                 struct settings_error *error) MUST_CHECK;
/* node_step of a machine that a line touches. */
void world_step_filtered(struct world *w, unsigned thread, uint32_t index, uint64_t now_ns,
                         struct event *event);

/* zones.c: needs the map and the nodes' cities. */
void zones_build(struct world *w);

/* faults.c: the timeline from the scenario's lines and processes. */
enum err faults_build(struct world *w, struct settings_error *error) MUST_CHECK;

/* resident.c: memory of the largest node, asked of the system now and then; 0: not now. */
uint64_t resident_sample(struct world *w, uint64_t now_ns);

/* load.c */
enum err loads_build(struct world *w, struct settings_error *error) MUST_CHECK;
/* Hands the engine what arrives before until_ns. Between slots. */
void load_feed(struct world *w, uint64_t until_ns);
void load_arrive(struct world *w, unsigned thread, uint32_t index, uint64_t now_ns,
                 uint64_t payload);

/* transcript.c: one line per event when somebody wants to read them. */
void transcript_event(struct world *w, uint32_t index, uint64_t now_ns, const struct event *event);
void transcript_trace(struct world *w, const struct trace_row *row);

/* tracing.c */
void trace_add(struct world *w, unsigned thread, uint32_t index, uint64_t now_ns, uint32_t kind,
               const uint64_t *values);
/* Merges what the threads traced since the last call into one order and hands it on. */
void trace_flush(struct world *w);

/* trust.c */
void trust_rows(struct world *w, const struct trace_row *rows, size_t count);
/* Tells a machine that starts with an empty disk what to trust, if its owner wants to trust. */
void trust_give(struct world *w, uint32_t index, uint64_t now_ns);

/* checking.c */
void world_checks_build(struct world *w);
/* Between slots, after the traces: what was signed and left. */
void world_checks_hear(struct world *w);
/* Between slots, of worlds of few: what nodes keep. */
void world_checks_visit(struct world *w, uint64_t now_ns);
/* At the end: the blocks of the machine that has seen most become final, for the reference replay.
 */
void world_checks_replay(struct world *w);
void world_checks_jailed(struct world *w, uint64_t now_ns);

/* --- chain_out.c --- */
/* The final chain as a file. ERR_NOT_FOUND, ERR_IO. */
enum err world_chain_write(const struct world *w, const char *path) MUST_CHECK;

/* end.c: drops every node, takes back what is on its way, and counts what is left. */
enum err world_stop(struct world *w) MUST_CHECK;

/* Waiting room of the processor. */
void waiting_drop(struct world *w, unsigned thread, uint32_t index);
void payload_release(struct world *w, uint64_t payload);

#endif
