/* A scenario as structs: what scenario.yaml says after units, defaults and command-line settings
 * have been applied. Integers only. The one schema table in schema.c reads it (over libyaml),
 * prints it back (used.yaml) and makes docs/scenario-reference.md. */
#ifndef ORRERY_SCENARIO_SCENARIO_H
#define ORRERY_SCENARIO_SCENARIO_H

#include <stdio.h>

#include "node/base/bytes.h"
#include "node/base/err.h"
#include "node/chain/params.h"
#include "node/seam/config.h"
#include "node/seam/seam.h"
#include "settings/error.h"
#include "settings/unit.h"

#define SCENARIO_NAME_BYTES 64
#define SCENARIO_NODES_MAX 1000000

/* Hardware and access line of a node. */
struct scenario_profile {
    char *name;
    uint64_t up_bits_per_s, down_bits_per_s; /* 0: unlimited */
    struct ratio cpu; /* speed against the measured machine; 1/1 = same, 1/10 = ten times slower */
    uint64_t disk_latency_ns;
    uint64_t disk_bytes_per_s;    /* 0: unlimited */
    uint64_t disk_capacity_bytes; /* 0: unlimited */
    uint64_t access_ns;           /* added one way to every path */
    int line;                     /* of the scenario file, for errors; 0: of the command line */
};

enum group_kind { GROUP_PRODUCER, GROUP_RELAY };
enum stake_law { STAKE_EQUAL, STAKE_ZIPF, STAKE_LIST, STAKE_NORMAL };

/* A population of nodes that share a description. Nodes are numbered group by group. */
struct scenario_group {
    char *name;
    enum group_kind kind;
    uint64_t count;
    char *profile;
    uint64_t slow_count; /* the last so many nodes of the group use slow_profile */
    char *slow_profile;
    /* stake, in whole tokens (producers) */
    enum stake_law stake_law;
    uint64_t stake_total;   /* equal, zipf: shared among the group */
    struct ratio zipf;      /* exponent of zipf */
    struct ratio deviation; /* normal: standard deviation over mean */
    uint64_t *stake_list;   /* list: one per node */
    uint64_t stake_list_count;
    uint64_t free_each; /* free tokens of each account of the group; relays may have an account for
                           load */
    /* where: weights by region ("NAE": "1/3"), or cities by name; neither: by population of all
     * cities */
    struct scenario_place {
        char *where; /* region or city name */
        struct ratio weight;
    } * places;
    uint64_t places_count;
    uint64_t *degrees; /* weights of dialing 1, 2, ... links; none: as the policy says */
    uint64_t degrees_count;
    char **operators; /* optional operator names, dealt round robin: a domain for faults */
    uint64_t operators_count;
    /* life */
    uint64_t join_ns;        /* the group starts at this time */
    uint64_t join_spread_ns; /* uniformly within this span after join_ns */
    enum sync_choice sync;   /* how it catches up at first start */
    bool churn;              /* Weibull sessions and absences */
    struct ratio session_shape, absence_shape;
    uint64_t session_scale_ns, absence_scale_ns;
    bool churn_wipe; /* an absence loses the disk */
    /* clock: offset uniform in +- clock_skew_ns, drift uniform in +- clock_drift_ppb */
    uint64_t clock_skew_ns, clock_drift_ppb;
    uint64_t clock_swing_ns, clock_swing_period_ns;
    int line; /* of the scenario file, for errors; 0: of the command line */
};

enum load_kind { LOAD_TRANSFER, LOAD_BOND, LOAD_UNBOND, LOAD_WITHDRAW };
struct scenario_load {
    enum load_kind kind;
    char *group;               /* whose accounts submit */
    struct ratio per_s;        /* mean rate over the whole group */
    bool poisson;              /* else constant gaps */
    uint64_t start_ns, end_ns; /* end 0: to the end */
    uint64_t amount;           /* atomic units each */
    uint64_t memo_bytes;
    uint64_t expiry_blocks; /* 0: what nodes give their own */
    int line;               /* of the scenario file, for errors; 0: of the command line */
};

/* One fault of the stored timeline as text, read by fault_entry_parse: e.g. "at 20 min for 5 min
 * cut region SA,AF from rest". */
struct scenario_fault {
    char *text;
    int line; /* of the scenario file, for errors */
};
/* A random process that expands into timeline entries when the scenario is loaded. */
struct scenario_process {
    char *kind;                 /* as in the timeline: crash, clog, disk slow, ... */
    char *group;                /* targets are drawn from it; empty: all */
    struct ratio per_hour;      /* mean number per hour, over all targets together */
    uint64_t least_ns, most_ns; /* duration, uniform */
    uint64_t start_ns, end_ns;
    char *arguments;
    int line; /* of the scenario file, for errors; 0: of the command line */
};

enum latency_model { LATENCY_CITIES, LATENCY_REGIONS, LATENCY_CONSTANT, LATENCY_PARETO };
struct scenario_network {
    enum latency_model latency;
    uint64_t constant_ns;                     /* LATENCY_CONSTANT: one way */
    char *table;                              /* LATENCY_PARETO: regions/<table>.tsv */
    uint64_t control_ns, bulk_ns, bulk_bytes; /* LATENCY_PARETO: link.h */
    bool jitter;
    struct ratio loss;       /* per message; a reliable link turns it into delay */
    struct ratio duplicate;  /* datagrams */
    uint64_t overhead_bytes; /* per frame: TCP, IP, Noise */
    uint64_t connect_timeout_ns;
};

struct scenario_expect {
    char *metric; /* a name of summary.txt */
    char *op;     /* < <= = >= > in */
    char *value;  /* number with unit, or "a..b" */
    int line;
};

struct scenario_record {
    uint64_t series_ns; /* sampling interval of /series */
    char **tables;      /* trace kinds to write; empty: all */
    uint64_t tables_count;
    uint64_t epoch_ns; /* fingerprints per this much virtual time */
};

struct scenario_check {
    uint64_t liveness_ns; /* after the last fault has healed, a checkpoint within this much time; 0:
                             from decision 14's bound */
    uint64_t node_bytes_max; /* bounded memory per node */
};

struct scenario {
    char *name;
    char *question;
    uint64_t seed;
    uint64_t duration_ns;
    uint64_t warmup_ns;    /* cut by figures and statistics */
    uint64_t bootstrap_ns; /* no loss, no bandwidth limits before */
    struct params chain;
    uint64_t nodes; /* 0 once the groups have been scaled */
    uint32_t network_id;
    uint64_t date_ms;       /* of virtual time 0, since 1970 */
    uint64_t head_start_ns; /* genesis is dated so much later */
    struct node_policy policy;
    char **buggify; /* names of buggify.def: becomes policy.buggify */
    uint64_t buggify_count;
    uint64_t cost_ns[COST_COUNT]; /* CPU profile */
    struct scenario_network network;
    struct scenario_profile *profiles;
    uint64_t profiles_count;
    struct scenario_group *groups;
    uint64_t groups_count;
    struct scenario_load *loads;
    uint64_t loads_count;
    struct scenario_fault *faults;
    uint64_t faults_count;
    struct scenario_process *processes;
    uint64_t processes_count;
    struct scenario_fault *adversaries; /* lines as adversary_line_parse reads them */
    uint64_t adversaries_count;
    struct scenario_record record;
    struct scenario_check check;
    struct scenario_expect *expects;
    uint64_t expects_count;
    char *file;   /* the scenario file, for messages */
    char *folder; /* of the scenario file: relative paths */
    char *data;   /* folder with regions/ */
};

/* Reads SCENARIO (a folder with scenario.yaml, or a .yaml file) and applies settings
 * ("key.path=value", count of them) in order. On error fills error and returns ERR_NOT_FOUND,
 * ERR_SYNTAX, ERR_UNKNOWN (key), ERR_RANGE, ERR_INVALID. */
enum err scenario_load(struct scenario **scenario, struct settings_error *error, const char *path,
                       const char *const *settings, size_t settings_count) MUST_CHECK;
void scenario_free(struct scenario *scenario);
/* Takes a group away, and the load of its accounts. */
void scenario_group_remove(struct scenario *scenario, uint64_t index);
uint64_t scenario_node_count(const struct scenario *scenario);

/* Markdown reference of all keys, from the schema table. */
void scenario_reference(FILE *out);

/* used.yaml: every parameter with its value; runs again as it is. */
enum err scenario_print(const struct scenario *scenario, const char *path) MUST_CHECK;
/* The same text; errors stay in ferror(out). */
void scenario_write(const struct scenario *scenario, FILE *out);

#endif
