#include "sim/scenario/schema.h"

#include <stdio.h>

#include "settings/table.h"

#define YEAR ((uint64_t)366 * 86400 * 1000000000)
#define MANY ((uint64_t)1 << 62)

static const char *const group_kinds[] = {"producer", "relay", NULL};
static const char *const stake_laws[] = {"equal", "zipf", "list", "normal", NULL};
static const char *const sync_modes[] = {"genesis", "checkpoint", "snapshot", NULL};
static const char *const load_kinds[] = {"transfer", "bond", "unbond", "withdraw", NULL};
static const char *const delay_starts[] = {"parent", "learning", NULL};
static const char *const latency_models[] = {"cities", "regions", "constant", "pareto", NULL};
static const char *const relay_modes[] = {"plumtree", "simblock", NULL};

static const struct key profile_keys[] = {
    {.name = "name", .kind = KEY_NAME, AT(scenario_profile, name), .text = "how groups call it"},
    QUANTITY(scenario_profile, "up", up_bits_per_s, UNIT_RATE, "unlimited", 0, 1000000000000,
             "upload of the access line"),
    QUANTITY(scenario_profile, "down", down_bits_per_s, UNIT_RATE, "unlimited", 0, 1000000000000,
             "download of the access line"),
    QUANTITY(scenario_profile, "access", access_ns, UNIT_TIME, "0 ns", 0, 10000000000,
             "added one way to every path"),
    RATIO_IN(scenario_profile, "cpu", cpu, "1", 1, 0, "speed against the machine of cost:"),
    QUANTITY(scenario_profile, "disk_latency", disk_latency_ns, UNIT_TIME, "1 ms", 0, YEAR,
             "a flush or a read"),
    QUANTITY(scenario_profile, "disk_rate", disk_bytes_per_s, UNIT_BYTE_RATE, "200 MB/s", 0,
             1000000000000, "bytes written or read"),
    QUANTITY(scenario_profile, "disk_capacity", disk_capacity_bytes, UNIT_BYTES, "0 B", 0, MANY,
             "records that fit, 0: no limit"),
};

static const struct key stake_keys[] = {
    ENUM(scenario_group, "law", stake_law, stake_laws, "equal", "how the total is shared"),
    QUANTITY(scenario_group, "total", stake_total, UNIT_NONE, "0", 0, (uint64_t)1 << 36,
             "bonded by the whole group (sirius2018: held free), whole tokens"),
    RATIO(scenario_group, "exponent", zipf, "1", "of zipf: the k-th holds k^-exponent"),
    RATIO(scenario_group, "deviation", deviation, "1/4", "of normal: standard deviation over mean"),
    {.name = "list",
     .kind = KEY_NUMBERS,
     AT(scenario_group, stake_list),
     .text = "of list: whole tokens, one per node"},
    QUANTITY(scenario_group, "free", free_each, UNIT_NONE, "0", 0, (uint64_t)1 << 36,
             "free tokens of each account; a relay has an account only with some"),
};

static const struct key churn_keys[] = {
    BOOL(scenario_group, "on", churn, "no", "nodes leave and come back"),
    RATIO_IN(scenario_group, "session_shape", session_shape, "0.61", 1, 0,
             "Weibull shape of sessions"),
    QUANTITY(scenario_group, "session", session_scale_ns, UNIT_TIME, "3.66 h", 1, YEAR,
             "Weibull scale of sessions"),
    RATIO_IN(scenario_group, "absence_shape", absence_shape, "0.48", 1, 0,
             "Weibull shape of absences"),
    QUANTITY(scenario_group, "absence", absence_scale_ns, UNIT_TIME, "10 min", 1, YEAR,
             "Weibull scale of absences"),
    BOOL(scenario_group, "wipe", churn_wipe, "no", "an absence loses the disk"),
};

static const struct key clock_keys[] = {
    QUANTITY(scenario_group, "skew", clock_skew_ns, UNIT_TIME, "0 ns", 0, 3600000000000,
             "offset of each clock, uniform within +- skew"),
    QUANTITY(scenario_group, "drift", clock_drift_ppb, UNIT_PPM, "0 ppb", 0, 100000000,
             "rate error of each clock, uniform within +- drift"),
    QUANTITY(scenario_group, "swing", clock_swing_ns, UNIT_TIME, "0 ns", 0, 4000000000,
             "each clock goes up and down around that, by a height uniform up to this"),
    QUANTITY(scenario_group, "swing_period", clock_swing_period_ns, UNIT_TIME, "1 min", 1000000000,
             YEAR, "in a period uniform between half of this and this"),
};

static const struct key group_keys[] = {
    {.name = "name", .kind = KEY_NAME, AT(scenario_group, name), .text = "how faults call it"},
    ENUM(scenario_group, "kind", kind, group_kinds, "relay",
         "producer: bonded, signs blocks and votes; relay: a full node without stake"),
    QUANTITY(scenario_group, "count", count, UNIT_NONE, NULL, 1, SCENARIO_NODES_MAX, "nodes"),
    TEXT(scenario_group, "profile", profile, NULL, "hardware and line"),
    QUANTITY(scenario_group, "slow_count", slow_count, UNIT_NONE, "0", 0, SCENARIO_NODES_MAX,
             "the last so many nodes use slow_profile"),
    TEXT(scenario_group, "slow_profile", slow_profile, "", "hardware of the slow ones"),
    MAP("stake", stake_keys, 0, "who holds what"),
    FORM(scenario_group, "places", places, scenario_places,
         "weights by region or city; empty: by population of all cities"),
    {.name = "degrees",
     .kind = KEY_NUMBERS,
     AT(scenario_group, degrees),
     .text = "weights of dialing 1, 2, ... links, drawn for each node; empty: policy.links_out"},
    TEXTS(scenario_group, "operators", operators,
          "dealt to the nodes in turn: a domain for faults"),
    QUANTITY(scenario_group, "join", join_ns, UNIT_TIME, "0 ns", 0, YEAR, "when the group starts"),
    QUANTITY(scenario_group, "join_spread", join_spread_ns, UNIT_TIME, "0 ns", 0, YEAR,
             "each node uniformly within this span after join"),
    ENUM(scenario_group, "sync", sync, sync_modes, "genesis", "how a new node catches up"),
    MAP("churn", churn_keys, 0, "sessions and absences"),
    MAP("clock", clock_keys, 0, "how wrong the clocks are"),
};

static const struct key load_keys[] = {
    ENUM(scenario_load, "kind", kind, load_kinds, "transfer", "what is submitted"),
    TEXT(scenario_load, "group", group, NULL, "whose accounts submit, each through its own node"),
    RATIO(scenario_load, "per_second", per_s, NULL, "mean rate over the whole group"),
    BOOL(scenario_load, "poisson", poisson, "yes", "exponential gaps; no: constant gaps"),
    QUANTITY(scenario_load, "start", start_ns, UNIT_TIME, "0 ns", 0, YEAR, "first possible moment"),
    QUANTITY(scenario_load, "end", end_ns, UNIT_TIME, "0 ns", 0, YEAR, "0: to the end"),
    QUANTITY(scenario_load, "amount", amount, UNIT_TOKENS, "1 tokens", 0, MANY, "of each"),
    QUANTITY(scenario_load, "memo", memo_bytes, UNIT_BYTES, "0 B", 0, 1024, "bytes of memo"),
    QUANTITY(scenario_load, "expires", expiry_blocks, UNIT_NONE, "0", 0, 1000000,
             "blocks above the tip after which it is void; 0: 240"),
};

static const struct key process_keys[] = {
    TEXT(scenario_process, "kind", kind, NULL, "a kind of fault, as in faults:"),
    TEXT(scenario_process, "group", group, "", "targets are drawn from it; empty: all nodes"),
    RATIO(scenario_process, "per_hour", per_hour, NULL, "mean number over all targets together"),
    QUANTITY(scenario_process, "least", least_ns, UNIT_TIME, "1 s", 0, YEAR, "shortest duration"),
    QUANTITY(scenario_process, "most", most_ns, UNIT_TIME, "1 min", 0, YEAR, "longest duration"),
    QUANTITY(scenario_process, "start", start_ns, UNIT_TIME, "0 ns", 0, YEAR, "not before"),
    QUANTITY(scenario_process, "end", end_ns, UNIT_TIME, "0 ns", 0, YEAR, "not after; 0: the end"),
    TEXT(scenario_process, "arguments", arguments, "", "\"nodes 3 by 500 ms\" and the like"),
};

static const struct key network_keys[] = {
    ENUM(
        scenario_network, "latency", latency, latency_models, "cities",
        "cities: measured, city by city; constant: the same for all pairs; pareto: by law, between "
        "the regions of a table"),
    QUANTITY(scenario_network, "constant", constant_ns, UNIT_TIME, "50 ms", 2000000, 60000000000,
             "one way, of constant"),
    TEXT(scenario_network, "table", table, "simblock-2015",
         "of pareto: the file regions/<table>.tsv of mean delays"),
    QUANTITY(scenario_network, "control", control_ns, UNIT_TIME, "10 ms", 0, 1000000000,
             "of pareto: what a small message takes longer"),
    QUANTITY(scenario_network, "bulk_size", bulk_bytes, UNIT_BYTES, "1 KiB", 1, UINT32_MAX,
             "of pareto: from here on a message takes bandwidth and holds its sender's line"),
    QUANTITY(scenario_network, "bulk", bulk_ns, UNIT_TIME, "2 ms", 0, 1000000000,
             "of pareto: what such a message takes longer"),
    BOOL(scenario_network, "jitter", jitter, "yes", "measured deviation on top"),
    RATIO_IN(scenario_network, "loss", loss, "0", 0, 1, "per segment; a link turns it into delay"),
    RATIO_IN(scenario_network, "duplicate", duplicate, "0", 0, 1, "per datagram"),
    QUANTITY(scenario_network, "overhead", overhead_bytes, UNIT_BYTES, "78 B", 0, 65536,
             "per frame: TCP, IP, Ethernet and Noise"),
    QUANTITY(scenario_network, "connect_timeout", connect_timeout_ns, UNIT_TIME, "5 s", 100000000,
             YEAR, "a dial that nobody answers"),
};

static const struct key policy_keys[] = {
#include "node/seam/policy.def"
    ENUM(node_policy, "delay_from", delay_from, delay_starts, "parent",
         "when a producer's delay begins: at the parent's date, or (models of work) when it is "
         "learnt"),
    BOOL(node_policy, "links_stay", links_stay, "no",
         "no random link is given up for another every half hour"),
    ENUM(node_policy, "relay", relay, relay_modes, "plumtree",
         "how blocks travel; simblock: as in the published simulator, the next keys with it"),
    QUANTITY(node_policy, "block_size", block_bytes, UNIT_BYTES, "0 B", 0, UINT32_MAX,
             "a block is declared as so large; 0: as it is"),
    QUANTITY(node_policy, "compact_size", compact_bytes, UNIT_BYTES, "18 kB", 0, UINT32_MAX,
             "the same in short form"),
    QUANTITY(node_policy, "compact", compact_ppb, UNIT_PPM, "0 ppm", 0, 1000000000,
             "share of nodes that send and take short forms"),
    QUANTITY(node_policy, "churn", churn_ppb, UNIT_PPM, "0 ppm", 0, 1000000000,
             "share of nodes that come and go, for the next keys (they stay up)"),
    QUANTITY(node_policy, "compact_fails", compact_fails_ppb, UNIT_PPM, "130_000 ppm", 0,
             1000000000, "a short form lacks something: at a node that stays"),
    QUANTITY(node_policy, "churn_fails", churn_fails_ppb, UNIT_PPM, "270_000 ppm", 0, 1000000000,
             "the same at one that comes and goes"),
    {.name = "missing",
     .kind = KEY_NUMBERS,
     AT(node_policy, missing),
     .text = "weights of 1 %, 2 %, ... of a block: what is then sent by a node that stays"},
    {.name = "churn_missing",
     .kind = KEY_NUMBERS,
     AT(node_policy, churn_missing),
     .text = "the same by one that comes and goes"},
};

#define COST(index, key_, value_, text_)                                                           \
    {                                                                                              \
        .name = key_, .kind = KEY_QUANTITY, .unit = UNIT_TIME,                                     \
        .offset = sizeof(uint64_t) * (index), .bytes = 8, .value = value_, .most = YEAR,           \
        .text = text_                                                                              \
    }
static const struct key cost_keys[] = {
    COST(COST_STEP, "step", "2 us", "one event handled"),
    COST(COST_HASH_KIB, "hash_kib", "1.5 us", "1 KiB of BLAKE2b"),
    COST(COST_VERIFY, "verify", "38.5 us", "Ed25519 verification"),
    COST(COST_SIGN, "sign", "13.4 us", "Ed25519 signature"),
    COST(COST_VRF_BETA, "vrf_beta", "130 us", "VRF output without proof"),
    COST(COST_VRF_PROVE, "vrf_prove", "180 us", "VRF proof"),
    COST(COST_VRF_VERIFY, "vrf_verify", "359 us", "VRF verification"),
    COST(COST_STATE_READ, "state_read", "1 us", "one leaf read"),
    COST(COST_STATE_WRITE, "state_write", "5 us", "one leaf written"),
    COST(COST_HANDSHAKE, "handshake", "240 us", "link handshake"),
};
_Static_assert(COUNT(cost_keys) == COST_COUNT, "a cost has no key");

static const struct key record_keys[] = {
    QUANTITY(scenario_record, "series", series_ns, UNIT_TIME, "10 s", 1000000, YEAR,
             "sampling interval of /series"),
    TEXTS(scenario_record, "tables", tables, "kinds of trace to write; empty: all"),
    QUANTITY(scenario_record, "epoch", epoch_ns, UNIT_TIME, "1 s", 2000000, YEAR,
             "fingerprints, checks and traces per this much virtual time"),
};

static const struct key check_keys[] = {
    QUANTITY(scenario_check, "liveness", liveness_ns, UNIT_TIME, "0 ns", 0, YEAR,
             "a checkpoint within this after the last fault has healed; 0: decision 14's bound"),
    QUANTITY(scenario_check, "node_bytes", node_bytes_max, UNIT_BYTES, "2 MiB", 0, MANY,
             "most memory of one node, blobs not counted"),
};

static const struct key root_keys[] = {
    TEXT(scenario, "name", name, NULL, "names the results folder"),
    TEXT(scenario, "question", question, "", "what the run is to answer"),
    QUANTITY(scenario, "seed", seed, UNIT_NONE, "1", 0, MANY, "of everything drawn"),
    QUANTITY(scenario, "duration", duration_ns, UNIT_TIME, NULL, 1000000, YEAR, "virtual time"),
    QUANTITY(scenario, "warmup", warmup_ns, UNIT_TIME, "0 ns", 0, YEAR,
             "cut by figures and statistics"),
    QUANTITY(scenario, "bootstrap", bootstrap_ns, UNIT_TIME, "0 ns", 0, YEAR,
             "no loss and no bandwidth limits before"),
    QUANTITY(scenario, "nodes", nodes, UNIT_NONE, "0", 0, SCENARIO_NODES_MAX,
             "scales all groups to so many together; 0: as the groups say"),
    QUANTITY(scenario, "network_id", network_id, UNIT_NONE, "1", 0, UINT32_MAX, "in genesis"),
    QUANTITY(scenario, "date", date_ms, UNIT_NONE, "1767225600000", 0, (uint64_t)1 << 48,
             "of virtual time 0, ms since 1970"),
    QUANTITY(scenario, "head_start", head_start_ns, UNIT_TIME, "0 ns", 0, YEAR,
             "genesis is dated so much later: time for links before the first block"),
    FORM(scenario, "chain", chain, scenario_chain, "parameters of the chain"),
    TEXTS(scenario, "buggify", buggify,
          "places where nodes do on purpose what is allowed but rare: docs/hunt.md"),
    MAP("policy", policy_keys, offsetof(struct scenario, policy), "of every node; not consensus"),
    MAP("cost", cost_keys, offsetof(struct scenario, cost_ns), "CPU time of work units"),
    MAP("network", network_keys, offsetof(struct scenario, network), "between the nodes"),
    LIST(scenario, "profiles", profiles, profile_keys, struct scenario_profile, "hardware"),
    LIST(scenario, "groups", groups, group_keys, struct scenario_group, "populations of nodes"),
    LIST(scenario, "load", loads, load_keys, struct scenario_load, "what people submit"),
    FORM(scenario, "faults", faults, scenario_lines,
         "the timeline, one fault per line: see docs/faults.md"),
    FORM(scenario, "adversaries", adversaries, scenario_lines,
         "who lies, one line each: see docs/adversaries.md"),
    LIST(scenario, "random_faults", processes, process_keys, struct scenario_process,
         "processes that expand into the timeline"),
    MAP("record", record_keys, offsetof(struct scenario, record), "what is written"),
    MAP("check", check_keys, offsetof(struct scenario, check), "bounds of the checks"),
    FORM(scenario, "expect", expects, scenario_expects,
         "metric: condition (\"in 14 s..16 s\", \"< 5 %\"): the run fails when one is not met"),
};

const struct key *schema_root(size_t *count)
{
    *count = COUNT(root_keys);
    return root_keys;
}

static const char *const on_off[] = {"off", "on", NULL};
static const struct {
    const char *name;
    const char *const choices[5];
} chain_choices[] = {
    {"retarget", {"symbol", "nxt", "sirius2018", "fixed", NULL}},
    {"hit", {"exp", "uniform", NULL}},
    {"production", {"exp", "sirius2018", NULL}},
    {"committee", {"all", "seats", "distinct", NULL}},
};

void schema_chain_key(struct chain_key *key, const struct param_info *info)
{
    size_t len = strlen(info->name);

    *key = (struct chain_key){.unit = UNIT_NONE, .factor = 1};
    if (strcmp(info->unit, "ms") == 0) {
        key->unit = UNIT_TIME;
        key->factor = 1000000;
        len -= 3;
    } else if (strcmp(info->unit, "atomic") == 0) {
        key->unit = UNIT_TOKENS;
    } else if (strcmp(info->unit, "byte") == 0) {
        key->unit = UNIT_BYTES;
    } else if (strcmp(info->unit, "") == 0 && info->most == 1) {
        key->choices = on_off;
    }
    snprintf(key->name, sizeof(key->name), "%.*s", (int)len, info->name);
    for (size_t i = 0; i < COUNT(chain_choices); i++) {
        if (strcmp(chain_choices[i].name, info->name) == 0) {
            key->choices = chain_choices[i].choices;
        }
    }
}
