/* What metrics remember while a run goes on. Private to metrics*.c. Grows with blocks (96 bytes
 * each), checkpoints, waiting transactions and measured times (8 bytes each), and with nodes; not
 * with rows. */
#ifndef ORRERY_RECORD_METRICS_STATE_H
#define ORRERY_RECORD_METRICS_STATE_H

#include "sim/record/deed.h"
#include "sim/record/metrics.h"
#include "sim/record/samples.h"
#include "sim/record/table64.h"

enum { SHARE_50, SHARE_90, SHARE_99, SHARES };

struct block_seen {
    uint64_t id, parent, height, time_ns;
    uint64_t spread_ns[SHARES]; /* until so many nodes had it; UINT64_MAX: not yet */
    uint32_t producer, nodes_up, reached;
    bool on_chain;
};

struct instance_seen {
    uint64_t block, height, first_ns, median_ns; /* median: UINT64_MAX until half have decided */
    uint64_t round;
    uint32_t nodes_up, decided;
};

struct tx_seen {
    uint64_t submitted_ns;
    uint32_t node;
    bool included;
};

struct node_seen {
    bool started, up;
    uint64_t since_ns, first_ns, down_ns; /* state since, first start, time down within measuring */
    uint64_t sync_ns;                     /* when catching up began; UINT64_MAX: it does not */
    uint64_t stake_tokens;
    uint64_t tip_height, tip_score;
    uint64_t height; /* of its chain in this life */
    uint32_t tip;    /* block, or TABLE64_NONE */
    uint32_t blocks;
    uint64_t account; /* first 8 bytes of its key; 0: none */
    bool byzantine, convicted;
};

enum counter {
    COUNT_REORGS,
    COUNT_REJECTED,
    COUNT_VOTES,
    COUNT_EVIDENCE,
    COUNT_CONFLICTING,
    COUNT_TX_SUBMITTED,
    COUNT_TX_REJECTED,
    COUNT_TX_INCLUDED,
    COUNT_TX_FINALIZED,
    COUNT_RESTARTS,
    COUNT_LOST,
    COUNT_DISK_ERRORS,
    COUNT_MISBEHAVED,
    COUNT_LIMITS,
    COUNTERS
};

enum metric_id {
#define METRIC(name, unit, text) METRIC_##name,
#include "sim/record/metrics.def"
#undef METRIC
    METRICS
};

/* Pooled propagation times: counts of whole milliseconds, the last bin everything longer. */
#define EACH_BINS ((size_t)1 << 17)

struct metrics {
    uint64_t warmup_ns, end_ns;
    uint32_t node_count, nodes_up;
    struct node_seen *nodes;
    struct block_seen *blocks;
    struct instance_seen *instances;
    struct tx_seen *txs;
    uint32_t block_count, block_capacity, instance_count, instance_capacity;
    uint32_t tx_count, tx_capacity, tx_spare; /* tx_spare: list through node of free ones */
    struct table64 byzantine_of;              /* account: node */
    struct table64 block_of, instance_of, tx_of;
    uint64_t counters[COUNTERS];
    uint64_t reorg_depth_max, height_max, final_height_max;
    uint32_t byzantine_count;
    uint64_t deeds[DEEDS];                                  /* how often */
    u128 seats, seats_byzantine;                            /* weights of members as they joined */
    uint64_t flood_frames, private_depth, private_arrivals; /* arrivals in thousandths */
    uint64_t grown_depth, grown_arrivals;                   /* sums over trees that were left */
    uint64_t final_ns, final_lag_ns; /* last new checkpoint, longest wait for one */
    struct samples inclusion, finality_tx, sync;
    uint64_t committees, committees_third;
    double committee_share; /* sum */
    uint64_t *each;         /* [EACH_BINS], or NULL: none yet */
    u128 each_sum_ns;
    uint64_t each_count;
    /* from the last sample of each node */
    uint64_t sent_bytes, sent_frames, cpu_ns, disk_bytes, links, links_nodes, sampled_ns;
    uint64_t sent_bytes_max, cpu_ns_max;
    struct metric list[METRICS];
};

#endif
