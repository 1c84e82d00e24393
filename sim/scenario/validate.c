#include "sim/scenario/validate.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

#include "node/chain/genesis.h"
#include "node/seam/buggify.h"
#include "settings/nearest.h"
#include "sim/fault/timeline.h"

struct validation {
    const struct scenario *s;
    struct settings_error *error;
    const struct document *root;
};

/* The line of a key of item `index` of a list, or of the item, or of the list; list NULL: of a key
 * of the root. 1 when it is nowhere, 0 when the command line gave it. */
static int line_of(const struct document *root, const char *list, uint64_t index, const char *key)
{
    const struct document *at = list == NULL ? root : document_find(root, list);
    const struct document *found;

    if (at == NULL) {
        return 1;
    }
    if (list != NULL) {
        int line = at->line;
        at = at->first;
        while (at != NULL && index-- > 0) {
            at = at->next;
        }
        if (at == NULL) {
            return line;
        }
    }
    for (const char *rest = key;; rest++) {
        char part[64];
        size_t len = strcspn(rest, ".");
        snprintf(part, sizeof(part), "%.*s", (int)len, rest);
        found = at->kind == DOCUMENT_MAP ? document_find(at, part) : NULL;
        if (found == NULL) {
            return at->line;
        }
        at = found;
        rest += len;
        if (*rest == 0) {
            return at->line;
        }
    }
}

static enum err refuse(const struct validation *v, enum err err, const char *list, uint64_t index,
                       const char *key, const char *format, ...)
    __attribute__((format(printf, 6, 7)));

static enum err refuse(const struct validation *v, enum err err, const char *list, uint64_t index,
                       const char *key, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(v->error->text, sizeof(v->error->text), format, arguments);
    va_end(arguments);
    v->error->line = line_of(v->root, list, index, key);
    if (v->error->line == 0) {
        snprintf(v->error->file, sizeof(v->error->file), "command line");
    }
    return err;
}

/* --- scale --- */

/* nodes: N shares N among the groups in proportion, at least one each. */
static enum err nodes_scale(const struct validation *v, struct scenario *s)
{
    uint64_t total = scenario_node_count(s);
    uint64_t given = 0;
    struct scenario_group *largest = s->groups;

    if (s->nodes == 0 || s->nodes == total) {
        s->nodes = 0;
        return ERR_OK;
    }
    if (s->nodes < s->groups_count) {
        return refuse(v, ERR_RANGE, NULL, 0, "nodes", "%" PRIu64 " nodes for %" PRIu64 " groups",
                      s->nodes, s->groups_count);
    }
    for (uint64_t i = 0; i < s->groups_count; i++) {
        struct scenario_group *g = &s->groups[i];
        if (g->stake_law == STAKE_LIST) {
            return refuse(v, ERR_INVALID, NULL, 0, "nodes",
                          "group %s lists its stakes: it cannot be scaled", g->name);
        }
        uint64_t count = (uint64_t)((u128)g->count * s->nodes / total);
        count = count == 0 ? 1 : count;
        g->slow_count = (uint64_t)((u128)g->slow_count * count / g->count);
        g->count = count;
        given += count;
        largest = g->count > largest->count ? g : largest;
    }
    if (given > s->nodes && given - s->nodes >= largest->count) {
        return refuse(v, ERR_RANGE, NULL, 0, "nodes", "%" PRIu64 " nodes are too few", s->nodes);
    }
    largest->count = largest->count + s->nodes - given;
    s->nodes = 0;
    return ERR_OK;
}

uint64_t scenario_node_count(const struct scenario *s)
{
    uint64_t n = 0;

    for (uint64_t i = 0; i < s->groups_count; i++) {
        n += s->groups[i].count;
    }
    return n;
}

/* --- names --- */

static enum err name_check(const struct validation *v)
{
    const char *name = v->s->name;
    static const char *const allowed =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.";

    if (*name == 0 || *name == '.' || strlen(name) >= SCENARIO_NAME_BYTES ||
        name[strspn(name, allowed)] != 0) {
        return refuse(v, ERR_INVALID, NULL, 0, "name",
                      "`name: %.80s`: it names a folder: up to %d letters, digits, - _ .", name,
                      SCENARIO_NAME_BYTES - 1);
    }
    return ERR_OK;
}

static enum err unknown_name(const struct validation *v, const char *list, uint64_t index,
                             const char *key, const char *what, const struct nearest *near)
{
    return refuse(v, ERR_UNKNOWN, list, index, key, "no %s is called `%s`%s%s%s", what, near->word,
                  near->best != NULL ? "; the nearest is `" : "",
                  near->best != NULL ? near->best : "", near->best != NULL ? "`" : "");
}

static enum err profile_check(const struct validation *v, uint64_t group, const char *key,
                              const char *name)
{
    struct nearest near = {.word = name};

    for (uint64_t i = 0; i < v->s->profiles_count; i++) {
        if (strcmp(v->s->profiles[i].name, name) == 0) {
            return ERR_OK;
        }
        nearest_try(&near, v->s->profiles[i].name);
    }
    return unknown_name(v, "groups", group, key, "profile", &near);
}

static enum err group_check(const struct validation *v, const char *list, uint64_t index,
                            const char *name)
{
    struct nearest near = {.word = name};

    for (uint64_t i = 0; i < v->s->groups_count; i++) {
        if (strcmp(v->s->groups[i].name, name) == 0) {
            return ERR_OK;
        }
        nearest_try(&near, v->s->groups[i].name);
    }
    return unknown_name(v, list, index, "group", "group", &near);
}

/* --- groups --- */

static enum err stake_check(const struct validation *v, uint64_t i)
{
    const struct scenario_group *g = &v->s->groups[i];

    if (g->kind != GROUP_PRODUCER) {
        return ERR_OK;
    }
    if (g->stake_law != STAKE_LIST) {
        return g->stake_total >= g->count
                   ? ERR_OK
                   : refuse(v, ERR_INVALID, "groups", i, "stake.total",
                            "group %s: producers need a stake of at least 1 token each", g->name);
    }
    if (g->stake_list_count != g->count) {
        return refuse(v, ERR_INVALID, "groups", i, "stake.list",
                      "group %s has %" PRIu64 " nodes and %" PRIu64 " stakes", g->name, g->count,
                      g->stake_list_count);
    }
    for (uint64_t k = 0; k < g->stake_list_count; k++) {
        if (g->stake_list[k] == 0 || g->stake_list[k] >= (uint64_t)1 << 36) {
            return refuse(v, ERR_RANGE, "groups", i, "stake.list",
                          "group %s: stakes lie between 1 and 2^36 - 1 tokens", g->name);
        }
    }
    return ERR_OK;
}

static enum err places_check(const struct validation *v, uint64_t i)
{
    const struct scenario_group *g = &v->s->groups[i];
    bool weight = g->places_count == 0;

    for (uint64_t k = 0; k < g->places_count; k++) {
        weight |= g->places[k].weight.num > 0;
    }
    return weight ? ERR_OK
                  : refuse(v, ERR_INVALID, "groups", i, "places",
                           "group %s: its places have no weight", g->name);
}

/* All tokens of genesis; delays need them below 2^36 (spec: chain 1.2). */
static enum err tokens_check(const struct validation *v)
{
    u128 sum = 0;

    for (uint64_t i = 0; i < v->s->groups_count; i++) {
        const struct scenario_group *g = &v->s->groups[i];
        sum += (u128)g->free_each * g->count;
        if (g->kind == GROUP_PRODUCER && g->stake_law != STAKE_LIST) {
            sum += g->stake_total;
        }
        for (uint64_t k = 0;
             g->kind == GROUP_PRODUCER && g->stake_law == STAKE_LIST && k < g->stake_list_count;
             k++) {
            sum += g->stake_list[k];
        }
        if (sum > TOKENS_MAX) {
            return refuse(v, ERR_RANGE, "groups", i, "stake",
                          "group %s: with it there are more than 2^36 tokens", g->name);
        }
    }
    return ERR_OK;
}

static enum err groups_check(const struct validation *v)
{
    const struct scenario *s = v->s;
    bool producers = false;

    for (uint64_t i = 0; i < s->groups_count; i++) {
        const struct scenario_group *g = &s->groups[i];
        producers |= g->kind == GROUP_PRODUCER;
        for (uint64_t k = 0; k < i; k++) {
            if (strcmp(s->groups[k].name, g->name) == 0) {
                return refuse(v, ERR_INVALID, "groups", i, "name", "two groups are called %s",
                              g->name);
            }
        }
        TRY(profile_check(v, i, "profile", g->profile));
        if (g->slow_count > g->count) {
            return refuse(v, ERR_INVALID, "groups", i, "slow_count",
                          "group %s: %" PRIu64 " slow nodes of %" PRIu64, g->name, g->slow_count,
                          g->count);
        }
        if (g->slow_count > 0) {
            TRY(profile_check(v, i, "slow_profile", g->slow_profile));
        }
        TRY(stake_check(v, i));
        TRY(places_check(v, i));
    }
    if (!producers) {
        return refuse(v, ERR_INVALID, "groups", UINT64_MAX, "",
                      "no group of kind producer: nobody would make blocks");
    }
    return tokens_check(v);
}

static enum err topology_check(const struct validation *v)
{
    uint64_t nodes = scenario_node_count(v->s);

    if (v->s->groups_count == 0) {
        return refuse(v, ERR_INVALID, NULL, 0, "groups",
                      "a scenario needs at least one group of nodes");
    }
    if (nodes > SCENARIO_NODES_MAX) {
        return refuse(v, ERR_RANGE, "groups", UINT64_MAX, "", "%" PRIu64 " nodes: at most %u",
                      nodes, SCENARIO_NODES_MAX);
    }
    for (uint64_t i = 0; i < v->s->profiles_count; i++) {
        for (uint64_t k = 0; k < i; k++) {
            if (strcmp(v->s->profiles[k].name, v->s->profiles[i].name) == 0) {
                return refuse(v, ERR_INVALID, "profiles", i, "name", "two profiles are called %s",
                              v->s->profiles[i].name);
            }
        }
    }
    return groups_check(v);
}

/* --- what happens --- */

static enum err span_check(const struct validation *v, const char *list, uint64_t i,
                           uint64_t start_ns, uint64_t end_ns)
{
    return end_ns == 0 || end_ns > start_ns
               ? ERR_OK
               : refuse(v, ERR_INVALID, list, i, "end", "`end` is not after `start`");
}

static enum err processes_check(const struct validation *v)
{
    for (uint64_t i = 0; i < v->s->processes_count; i++) {
        const struct scenario_process *p = &v->s->processes[i];
        enum fault_kind kind;
        if (fault_kind_find(&kind, p->kind) != ERR_OK) {
            struct nearest near = {.word = p->kind};
            for (int k = 0; k < FAULT_KIND_COUNT; k++) {
                nearest_try(&near, fault_kind_info((enum fault_kind)k)->word);
            }
            return unknown_name(v, "random_faults", i, "kind", "kind of fault", &near);
        }
        if (*p->group != 0) {
            TRY(group_check(v, "random_faults", i, p->group));
        }
        if (p->least_ns > p->most_ns) {
            return refuse(v, ERR_INVALID, "random_faults", i, "least", "`least` is above `most`");
        }
        TRY(span_check(v, "random_faults", i, p->start_ns, p->end_ns));
    }
    return ERR_OK;
}

static enum err tables_check(const struct validation *v)
{
    static const char *const kinds[] = {
#define TRACE(kind, text, columns) #kind,
#include "node/seam/trace.def"
#include "sim/scenario/world_trace.def"
#undef TRACE
    };

    for (uint64_t i = 0; i < v->s->record.tables_count; i++) {
        struct nearest near = {.word = v->s->record.tables[i]};
        size_t k = 0;
        while (k < sizeof(kinds) / sizeof(kinds[0]) && strcmp(kinds[k], near.word) != 0) {
            nearest_try(&near, kinds[k++]);
        }
        if (k == sizeof(kinds) / sizeof(kinds[0])) {
            return unknown_name(v, NULL, 0, "record.tables", "kind of trace", &near);
        }
    }
    return ERR_OK;
}

static enum err expects_check(const struct validation *v)
{
    static const char *const ops[] = {"<", "<=", "=", ">=", ">", "in"};

    for (uint64_t i = 0; i < v->s->expects_count; i++) {
        const struct scenario_expect *e = &v->s->expects[i];
        size_t k = 0;
        while (k < sizeof(ops) / sizeof(ops[0]) && strcmp(ops[k], e->op) != 0) {
            k++;
        }
        if (k == sizeof(ops) / sizeof(ops[0])) {
            enum err err = refuse(v, ERR_UNKNOWN, NULL, 0, "expect",
                                  "`%s: %s %s`: a condition begins with one of < <= = >= > in",
                                  e->metric, e->op, e->value);
            v->error->line = e->line;
            return err;
        }
    }
    return ERR_OK;
}

static enum err buggify_check(const struct validation *v, struct scenario *s)
{
    static const char *const names[] = {
#define BUGGIFY(name, text) #name,
#include "node/seam/buggify.def"
#undef BUGGIFY
    };

    s->policy.buggify = 0;
    for (uint64_t i = 0; i < s->buggify_count; i++) {
        struct nearest near = {.word = s->buggify[i]};
        size_t k = 0;
        while (k < BUGGIFY_POINTS && strcmp(names[k], s->buggify[i]) != 0) {
            nearest_try(&near, names[k++]);
        }
        if (k == BUGGIFY_POINTS) {
            return unknown_name(v, "buggify", i, "", "place", &near);
        }
        s->policy.buggify |= (uint32_t)1 << k;
    }
    return ERR_OK;
}

enum err scenario_validate(struct scenario *s, struct settings_error *error,
                           const struct document *root)
{
    struct validation v = {.s = s, .error = error, .root = root};

    TRY(name_check(&v));
    TRY(nodes_scale(&v, s));
    TRY(topology_check(&v));
    for (uint64_t i = 0; i < s->loads_count; i++) {
        TRY(group_check(&v, "load", i, s->loads[i].group));
        TRY(span_check(&v, "load", i, s->loads[i].start_ns, s->loads[i].end_ns));
    }
    TRY(processes_check(&v));
    TRY(buggify_check(&v, s));
    TRY(tables_check(&v));
    return expects_check(&v);
}
