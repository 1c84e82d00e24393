#include "sim/record/schema.h"

#include <stdbool.h>
#include <string.h>

#include "node/base/invariant.h"

/* Every trace has the columns time and node. */
#define C(name_, type_, unit_) {#name_, SCHEMA_##type_, unit_},
#define TRACE(kind, text, list)                                                                    \
    static const struct schema_column columns_of_##kind[] = {                                      \
        {"time", SCHEMA_U64, "ns"}, {"node", SCHEMA_NODE, ""}, list};
#include "node/seam/trace.def"
#include "sim/scenario/world_trace.def"
#undef TRACE
#undef C

static const struct schema_column columns_nodes[] = {{"node", SCHEMA_NODE, ""},
                                                     {"group", SCHEMA_U32, ""},
                                                     {"city", SCHEMA_U32, ""},
                                                     {"region", SCHEMA_U32, ""},
                                                     {"profile", SCHEMA_U32, ""},
                                                     {"producer", SCHEMA_U8, ""},
                                                     {"stake", SCHEMA_U64, "token"},
                                                     {"clock_offset", SCHEMA_I64, "ns"},
                                                     {"clock_drift", SCHEMA_I64, "1e-9"},
                                                     {"node_id", SCHEMA_ID, ""},
                                                     {"account", SCHEMA_ID, ""}};
static const struct schema_column columns_series[] = {{"time", SCHEMA_U64, "ns"},
                                                      {"node", SCHEMA_NODE, ""},
                                                      {"up", SCHEMA_U8, ""},
                                                      {"bytes_sent", SCHEMA_U64, "byte"},
                                                      {"bytes_received", SCHEMA_U64, "byte"},
                                                      {"frames_sent", SCHEMA_U64, "1"},
                                                      {"frames_received", SCHEMA_U64, "1"},
                                                      {"cpu_busy", SCHEMA_U64, "ns"},
                                                      {"disk_written", SCHEMA_U64, "byte"},
                                                      {"height", SCHEMA_U64, "block"},
                                                      {"final_height", SCHEMA_U64, "block"},
                                                      {"links", SCHEMA_U32, "1"},
                                                      {"pool_txs", SCHEMA_U32, "1"}};
static const struct schema_column columns_faults[] = {
    {"time", SCHEMA_U64, "ns"}, {"duration", SCHEMA_U64, "ns"}, {"text", SCHEMA_TEXT, ""}};
static const struct schema_column columns_fingerprints[] = {{"epoch", SCHEMA_U64, "1"},
                                                            {"digest", SCHEMA_ID, ""}};
static const struct schema_column columns_summary[] = {{"name", SCHEMA_TEXT, ""},
                                                       {"value", SCHEMA_F64, ""},
                                                       {"unit", SCHEMA_TEXT, ""},
                                                       {"text", SCHEMA_TEXT, ""}};

#define TABLE(path_, text_, columns_)                                                              \
    {                                                                                              \
        .path = path_, .text = text_, .columns = columns_,                                         \
        .column_count = sizeof(columns_) / sizeof((columns_)[0])                                   \
    }

static const struct schema_table tables[] = {
#define TRACE(kind, text, list) TABLE("trace/" #kind, text, columns_of_##kind),
#include "node/seam/trace.def"
#include "sim/scenario/world_trace.def"
#undef TRACE
    TABLE("nodes", "who took part, where and with what", columns_nodes),
    TABLE("series", "counters and levels of every node, sampled", columns_series),
    TABLE("faults", "the timeline of faults; a duration of 2^64 - 1 has no end", columns_faults),
    TABLE("fingerprints", "digest of the run at the end of each epoch", columns_fingerprints),
    TABLE("summary", "the numbers of the run", columns_summary)};

#define TABLES (sizeof(tables) / sizeof(tables[0]))

size_t schema_traces(void)
{
    return TABLES - SCHEMA_FIXED;
}

const struct schema_table *schema_table(size_t i)
{
    invariant(i < TABLES);
    return &tables[i];
}

const struct schema_table *schema_find(const char *name)
{
    for (size_t i = 0; i < TABLES; i++) {
        const char *last = strrchr(tables[i].path, '/');
        if (strcmp(tables[i].path, name) == 0 || (last != NULL && strcmp(last + 1, name) == 0)) {
            return &tables[i];
        }
    }
    return NULL;
}

size_t schema_bytes(enum schema_type type)
{
    switch (type) {
    case SCHEMA_U64:
    case SCHEMA_I64:
    case SCHEMA_F64:
    case SCHEMA_HASH:
        return 8;
    case SCHEMA_U32:
    case SCHEMA_NODE:
        return 4;
    case SCHEMA_U8:
        return 1;
    case SCHEMA_ID:
        return 32;
    case SCHEMA_TEXT:
        return SCHEMA_TEXT_BYTES;
    }
    invariant(false);
}
